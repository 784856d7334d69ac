# SPDX-License-Identifier: MIT
"""Behind page one: codecs, models, services, calibration, method, environment, raw data; and the
pictures. A section whose data is not there says so."""

from __future__ import annotations

import json
import math
import re
from typing import Any, Sequence

from . import charts, judge, page, words
from .blocks import Block, Cell, Column, Items, Picture, Raw, Section, Table, Text
from .charts import Chart
from .judge import Family, Judgement

Others = Sequence[tuple[str, Judgement, Sequence[Raw]]]


def build(judged: Judgement, raw: Sequence[Raw], drawn: dict[str, Chart], others: Others) -> list[Section]:
    return [
        *([sessions(judged, others)] if others else []),
        codecs(judged, drawn),
        models(judged, drawn),
        services(judged, drawn),
        calibration(judged, drawn),
        method(judged),
        environment(judged),
        data(judged, raw),
    ]


# --- Figures with their spread ------------------------------------------------------------------


def spread(family: Family, member: str, metric: str, divisor: float, decimals: int) -> tuple[str, str]:
    """Median of rounds, and the lowest and the highest; "–" without a figure."""
    if family.why_withheld(member, metric):
        return "withheld", ""
    values = [v / divisor for _, v in family.series(member, metric)]
    if not values:
        return "–", ""
    shown = words.fixed(judge.median(values), decimals)
    return shown, "" if len(values) == 1 else words.span(min(values), max(values), decimals, "–")


def middle(family: Family, member: str, metric: str, divisor: float = 1.0, decimals: int = 0) -> str:
    level = family.level(member, metric)
    return words.fixed(level.median / divisor, decimals) if level else "withheld" if family.why_withheld(member, metric) else "–"


def _marked(cells: tuple[str, str], below: bool) -> tuple[str, str]:
    return (cells[0] + (" †" if below else ""), cells[1])


def p_value(p: float | None) -> str:
    return "" if p is None else "< 0.0001" if p < 0.0001 else words.fixed(p, 4)


def wire_bytes(judged: Judgement, family: Family, member: str) -> float | None:
    level = family.level(member, "wire_bytes")
    if level:
        return level.median
    for row in judged.run.get("fidelity") or []:
        if row.get("payload") == page.subject(family) and row.get("codec") == member and row.get("wire_bytes"):
            return sum(row["wire_bytes"]) / len(row["wire_bytes"])
    return None


# --- Pictures -----------------------------------------------------------------------------------


def pictures(judged: Judgement) -> dict[str, Chart]:
    """Every chart that this run has data for, by name."""
    found = [*(_forest(judged, kind) for kind in page.KINDS), _codec_time(judged), _wire_time(judged), _service(judged), *(_strips(judged, kind) for kind in page.KINDS)]
    return {chart.name: chart for chart in found if chart}


def _forest(judged: Judgement, kind: str) -> Chart | None:
    rows = []
    families = judged.kind(kind)
    for family in families:
        for c in family.comparisons:
            name = f"{page.subject(family)} {page.operation(family)}".strip()
            if kind == "service":
                name += ", CPU" if c.metric.startswith("cpu") else ", throughput"
            e = c.estimate
            interval = (math.exp(e.interval[0]), math.exp(e.interval[1])) if e and e.interval else None
            said = (words.ratio(math.exp(e.median)), words.interval(e, None, "–") if interval else "no interval") if e else ("", "no number")
            rows.append(charts.ForestRow(name, words.label(c.member), c.verdict, family.deltas[c.metric], math.exp(e.median) if e else None, interval, said))
    if not rows:
        return None
    groups = list(dict.fromkeys(r.group for r in rows))
    rows.sort(key=lambda r: groups.index(r.group))
    baseline = words.label(families[0].baseline)
    axis = {"codec": f"times as fast as {baseline}", "model": f"times as fast as {baseline}", "service": f"times {baseline}'s requests per CPU second, or its closed-loop throughput"}[kind]
    title = {"codec": "Codecs", "model": "Models in process", "service": "Services"}[kind] + f" against {baseline}"
    shown = "; ".join(f"{r.group} {r.member} {r.said[0]} ({r.said[1]})" for r in rows)
    return charts.forest(f"forest-{kind}", title, f"Forest plot of ratios with simultaneous intervals, above 1 is better. {shown}.", rows, f"{axis} (log)")


def _codec_time(judged: Judgement) -> Chart | None:
    families = judged.kind("codec")
    operations = list(dict.fromkeys(page.operation(f) for f in families))
    members = list(dict.fromkeys(m for f in families for m in f.candidates))
    rows = []
    for payload in page.subjects(families):
        for s, member in enumerate(members):
            values: list[float | None] = []
            floors: list[float | None] = []
            for op in operations:
                family = next((f for f in families if page.subject(f) == payload and page.operation(f) == op), None)
                level = family.level(member, "time_ns") if family else None
                below = family.level(judge.floors_of(family.plan).get(member, ""), "time_ns") if family else None
                values.append(level.median if level else None)
                floors.append(below.median if below else None)
            if any(values):
                rows.append(charts.LevelRow(payload, words.label(member), s, tuple(values), tuple(floors)))
    if not rows:
        return None
    text = "Median nanoseconds per operation on a logarithmic axis, with the time of a memcpy of the same bytes. The figures are in the tables below."
    return charts.levels("codec-time", "Time per operation by payload", text, operations, rows, [words.label(m) for m in members], "ns per operation (log)", "memcpy of its own bytes")


def _wire_time(judged: Judgement) -> Chart | None:
    families = judged.kind("codec")
    operations = list(dict.fromkeys(page.operation(f) for f in families))
    members = list(dict.fromkeys(m for f in families for m in f.candidates))
    points = []
    for family in families:
        for s, member in enumerate(members):
            level, size = family.level(member, "time_ns"), wire_bytes(judged, family, member)
            if level and size:
                points.append(charts.Point(page.subject(family), s, operations.index(page.operation(family)), size, level.median))
    if not points:
        return None
    text = "Mean bytes of a document on the wire against median nanoseconds per operation, both logarithmic; a line joins the payloads of a library. The figures are in the tables below."
    return charts.scatter("wire-time", "Bytes on the wire against time", text, operations, points, [words.label(m) for m in members], "bytes on the wire (log)", "ns per operation (log)")


def _service(judged: Judgement) -> Chart | None:
    rows = []
    with_tails = page.tails(judged)
    for family in judged.kind("service"):
        for member in family.candidates:
            def level(metric: str, divisor: float) -> float | None:
                found = family.level(member, metric)
                return found.median / divisor if found else None

            low = level("p50_ns", 1e3) if with_tails else level("closed_hz", 1)
            rows.append(charts.ServiceRow(page.subject(family), words.label(member), level("cpu_user_ns_per_request", 1e3), level("cpu_system_ns_per_request", 1e3), low, level("p99_ns", 1e3) if with_tails else None))
    if not rows:
        return None
    right = ("Latency at the fixed rate", "µs from the planned send time (log)") if with_tails else ("Throughput", "requests/s, closed loop (log)")
    text = "CPU per request, user and system, and " + ("latency from p50 to p99 at the fixed rate" if with_tails else "closed-loop throughput") + ", medians of rounds. The figures are in the tables below."
    return charts.services("service-cost", "What a request costs", text, rows, *right)


def _strips(judged: Judgement, kind: str) -> Chart | None:
    rows = []
    for family in judged.kind(kind):
        for metric in judge.JUDGED[kind]:
            name = f"{page.subject(family)} {page.operation(family)}".strip()
            if kind == "service":
                name += ", CPU" if metric.startswith("cpu") else ", throughput"
            for c in family.comparisons:
                if c.metric == metric and c.estimate:
                    rows.append(charts.StripRow(name, words.label(c.member), False, tuple(map(math.exp, c.estimate.values))))
            for a in family.aliases:
                if a.metric == metric:
                    rows.append(charts.StripRow(name, f"A/A {a.form}", True, tuple(map(math.exp, a.estimate.values))))
    if not rows:
        return None
    title = {"codec": "Codecs", "model": "Models in process", "service": "Services"}[kind] + ": every process"
    return charts.strips(f"rounds-{kind}", title, "Each dot is one round's ratio to the baseline, as a percentage of the median of its row. The values are in the table below.", rows)


# --- Sections -----------------------------------------------------------------------------------


def codecs(judged: Judgement, drawn: dict[str, Chart]) -> Section:
    section = Section("codecs", "Codecs")
    families = judged.kind("codec")
    if not families:
        section.blocks.append(Text("No codec was part of this run."))
        return section
    section.blocks.append(Text(
        "Each codec encodes from, and decodes into, the same struct; giving memory back is on the clock, and strings are owned after decoding. "
        "The floor is a memcpy of that codec's own bytes: nothing that moves the document can be faster."))  # fmt: skip
    section.blocks += [Picture(drawn[name]) for name in ("codec-time", "wire-time") if name in drawn]
    for op in dict.fromkeys(page.operation(f) for f in families):
        section.blocks.append(_codec_table(judged, [f for f in families if page.operation(f) == op], op))
    section.blocks += _fidelity(judged)
    return section


def _codec_table(judged: Judgement, families: Sequence[Family], op: str) -> Table:
    baseline = words.label(families[0].baseline)
    table = Table(
        f"{op.capitalize()}: median of processes; × memcpy with its own 95 % interval",
        [Column("payload"), Column("codec"), Column("wire bytes", True), Column("ns per operation", True), Column("lowest–highest", True), Column(f"ratio to {baseline}", True), Column("interval", True), Column("p (Holm)", True), Column("× memcpy", True), Column("interval", True)],
    )
    ratios = [math.exp(c.estimate.median) for f in families for c in f.comparisons if c.estimate]
    places = min(3, words.column(ratios))
    for family in families:
        for i, member in enumerate(family.candidates):
            c = family.compared(member, "time_ns")
            e = c.estimate if c else None
            size, floor = wire_bytes(judged, family, member), family.floor_ratios.get(member)
            decimals = 0 if (family.level(family.baseline, "time_ns") or judge.Estimate([], 0)).median >= 100 else 1
            table.add(
                Cell(page.subject(family) if i == 0 else "", "head"),
                words.label(member),
                words.fixed(size, 0) if size else "–",
                *spread(family, member, "time_ns", 1, decimals),
                words.fixed(1, places) if member == family.baseline else words.fixed(math.exp(e.median), places) if e else "–",
                words.interval(e, places, "–") if e else "",
                p_value(c.p_holm if c else None),
                words.fixed(math.exp(floor.median), 1) if floor else "–",
                words.interval(floor, 1, "–") if floor and floor.interval else "",
            )
    for f in families:
        for c in f.comparisons:
            if c.estimate is None:
                table.notes.append(f"{page.subject(f)} {words.label(c.member)}: no number: {c.why_not}.")
            elif c.estimate.interval is None:
                table.notes.append(f"{page.subject(f)} {words.label(c.member)}: {words.verdict(c, f.delta)}.")
    return table


def _fidelity(judged: Judgement) -> list[Block]:
    rows = [r for r in judged.run.get("fidelity") or [] if isinstance(r, dict)]
    if not rows:
        return [Text("Fidelity (encode, decode, compare) was not recorded in this run.")]
    table = Table("Fidelity: encode, decode, compare, over each whole corpus", [Column("payload"), Column("codec"), Column("documents", True), Column("values", True), Column("changed", True), Column("share", True)])
    changed = []
    for row in rows:
        values, lost = int(row.get("values") or 0), int(row.get("changed") or 0)
        share = lost / values if values else 0.0
        table.add(str(row.get("payload")), words.label(str(row.get("codec"))), words.fixed(int(row.get("documents") or 0), 0), words.fixed(values, 0),
                  Cell(words.fixed(lost, 0), "worse" if lost else ""), words.percent(share, 2) if lost else "0")  # fmt: skip
        if lost:
            changed.append(f"{words.label(str(row.get('codec')))} changes {words.fixed(lost, 0)} of {words.fixed(values, 0)} values of `{row.get('payload')}` ({words.percent(share)})")
    exact = [m for m in dict.fromkeys(str(r.get("codec")) for r in rows) if not any(int(r.get("changed") or 0) for r in rows if str(r.get("codec")) == m)]
    parts = []
    if changed:
        parts.append("Not every value survives the way out and back: " + words.listed(changed) + ". Only doubles and floats may change; anything else would have been an error before the clock ran.")
    if exact:
        parts.append(f"{words.listed(words.label(m) for m in exact)} {'gives' if len(exact) == 1 else 'give'} every value back exactly.")
    return [Text(" ".join(parts)), table]


def models(judged: Judgement, drawn: dict[str, Chart]) -> Section:
    section = Section("models", "Models in process")
    families = judged.kind("model")
    if not families:
        section.blocks.append(Text("No model was measured in process in this run."))
        return section
    section.blocks.append(Text(
        "One worker, a closed loop of 16 requests in flight, handed over through `post()`, every reply checked. `inline` runs the same turns on the "
        "caller's thread, one at a time: it is the floor, not a candidate, since it cannot serve two at once."))  # fmt: skip
    baseline = words.label(families[0].baseline)
    table = Table(
        "Per request: median of processes; × inline with its own 95 % interval",
        [Column("workload"), Column("model"), Column("ns per request", True), Column("lowest–highest", True), Column(f"ratio to {baseline}", True), Column("interval", True), Column("p (Holm)", True), Column("× inline", True), Column("interval", True)],
    )
    ratios = [math.exp(c.estimate.median) for f in families for c in f.comparisons if c.estimate]
    places = min(3, words.column(ratios))
    for family in families:
        shown = [*family.candidates, *(m for m in family.plan["members"] if m == "inline")]
        for i, member in enumerate(shown):
            c, floor = family.compared(member, "time_ns"), family.floor_ratios.get(member)
            e = c.estimate if c else None
            table.add(
                Cell(page.subject(family) if i == 0 else "", "head"),
                words.label(member) + (" (floor)" if member == "inline" else ""),
                *spread(family, member, "time_ns", 1, 0),
                words.fixed(1, places) if member == family.baseline else words.fixed(math.exp(e.median), places) if e else "–",
                words.interval(e, places, "–") if e else "",
                p_value(c.p_holm if c else None),
                words.fixed(math.exp(floor.median), 2) if floor else "–",
                words.interval(floor, 2, "–") if floor and floor.interval else "",
            )
        for c in family.comparisons:
            if c.estimate is None:
                table.notes.append(f"{page.subject(family)} {words.label(c.member)}: no number: {c.why_not}.")
    section.blocks.append(table)
    return section


def services(judged: Judgement, drawn: dict[str, Chart]) -> Section:
    section = Section("services", "Services over sockets")
    families = judged.kind("service")
    if not families:
        section.blocks.append(Text("No service was part of this run."))
        return section
    section.blocks.append(Text(
        "Server, generator and downstream service are processes of their own. At the fixed rate arrivals are an open loop, planned beforehand, and "
        "latency counts from the planned send time. Throughput is a **closed loop**: each connection sends when it has its answer, so it says what "
        "the rig reaches, and its latency would say nothing."))  # fmt: skip
    if "service-cost" in drawn:
        section.blocks.append(Picture(drawn["service-cost"]))
    section.subsections += [_workload(judged, family) for family in families]
    return section


def _conditions(family: Family) -> str:
    load = family.plan.get("load") or {}
    said = []
    if load.get("payload"):
        said.append(f"payload `{load['payload']}` as {words.label(str(load.get('codec')))}")
    if load.get("rate_hz"):
        said.append(f"{words.fixed(load['rate_hz'], 0)} requests/s offered, {load.get('arrival', 'arrivals as planned')}")
    if load.get("connections"):
        said.append(f"{load['connections']} connections")
    if load.get("duration_s"):
        said.append(f"{load['duration_s']:g} s after {load.get('warmup_s', 0):g} s of warm-up")
    counts: dict[int | None, list[str]] = {}
    for member in family.candidates:
        counts.setdefault(page.threads_of(family, member), []).append(words.label(member))
    known = [f"{words.listed(who)} {words.counted(n, 'thread')}" + (" each" if len(who) > 1 else "") for n, who in counts.items() if n]
    if known:
        said.append(", ".join(known))
    if load.get("cpu_iterations"):
        said.append(f"{words.fixed(load['cpu_iterations'], 0)} iterations of work per request")
    if load.get("server_cpu") is not None:
        said.append(f"server on CPU {load['server_cpu']}, load on CPU {load.get('load_cpu')}")
    if load.get("queue_limit"):
        said.append(f"queue limit {load['queue_limit']}, then {load.get('on_full', 'as configured')}")
    if load.get("downstream_delay_us"):
        said.append(f"downstream answers after {load['downstream_delay_us']:g} µs, over at most {load.get('downstream_connections')} connections")
    pilot = load.get("pilot_closed_hz") or {}
    if pilot:
        said.append("closed loop in the pilot: " + ", ".join(f"{words.label(m)} {words.fixed(hz, 0)}/s" for m, hz in pilot.items()))
    ceilings = load.get("ceilings_hz") or ({str(load.get("ceiling") or "ceiling"): load["ceiling_hz"]} if load.get("ceiling_hz") else {})
    if ceilings:
        said.append("arithmetic ceiling " + words.listed(f"{re.sub(' */ *', ' ÷ ', name)} = {words.fixed(hz, 0)}/s" for name, hz in ceilings.items()))
    return ("Conditions: " + "; ".join(said) + ".") if said else "The conditions of this family were not recorded."


def _workload(judged: Judgement, family: Family) -> Section:
    section = Section(f"service-{page.subject(family)}", f"{page.subject(family)}")
    section.blocks.append(Text(_conditions(family) + (f" {family.plan['note']}" if family.plan.get("note") else "")))
    if not family.samples:
        section.blocks.append(Text("There are no samples of this family: nothing can be said."))
        return section
    members = family.candidates

    def name(member: str) -> str:
        return words.label(member) + (" ‡" if page.shape_only(judged, family, member) else "")

    fixed = Table(
        "At the fixed rate: median of rounds",
        [Column("model"), Column("offered/s", True), Column("achieved/s", True), Column("CPU, µs/request", True), Column("lowest–highest", True), Column("user", True), Column("system", True), Column("context switches", True), Column("turns", True), Column("messages", True), Column("wake-ups", True)],
    )
    for m in members:
        fixed.add(
            name(m), middle(family, m, "offered_hz"), middle(family, m, "achieved_hz"), *spread(family, m, "cpu_ns_per_request", 1e3, 1),
            middle(family, m, "cpu_user_ns_per_request", 1e3, 1), middle(family, m, "cpu_system_ns_per_request", 1e3, 1),
            middle(family, m, "context_switches_per_request", 1, 2), middle(family, m, "turns_per_request", 1, 2),
            middle(family, m, "messages_per_request", 1, 2), middle(family, m, "wakeups_per_request", 1, 2),
        )  # fmt: skip
    fixed.notes.append("Context switches, turns, messages and wake-ups are per request.")
    section.blocks.append(fixed)

    if page.tails(judged):
        section.blocks.append(_latency(judged, family, name))
    else:
        section.blocks.append(Text(f"The `{judged.run.get('tier')}` tier makes no claims about tails: no latency percentiles."))

    closed = Table(
        "Closed loop: median of rounds",
        [Column("model"), Column("requests/s", True), Column("lowest–highest", True), Column("CPU, µs/request", True), Column("server busy, %", True), Column("generator busy, %", True)],
    )
    for m in members:
        closed.add(name(m), *spread(family, m, "closed_hz", 1, 0), middle(family, m, "closed_cpu_ns_per_request", 1e3, 1), middle(family, m, "closed_server_busy_percent"), middle(family, m, "closed_load_busy_percent"))
    closed.notes.append("Busy: share of one CPU; near 100 says who was saturated. A saturated generator bounds the server's figure from below.")
    section.blocks.append(closed)
    rest = Table(
        "The life of a server: median of rounds",
        [Column("model"), Column("start-up, ms", True), Column("drain, ms", True), Column("lost at SIGTERM", True), Column("resident, MiB", True)],
    )
    for m in members:
        # A loss is a fact whatever the conditions were: gates do not hide it.
        samples = (family.samples.get(m, {}).get(n) for n in family.rounds)
        lost = [s["metrics"]["lost"] for s in samples if s and s["metrics"].get("lost") is not None]
        total = Cell(words.fixed(sum(lost), 0), "worse" if sum(lost) else "") if lost else Cell("–")
        rest.add(name(m), middle(family, m, "startup_ns", 1e6, 1), middle(family, m, "drain_ns", 1e6, 1), total, middle(family, m, "rss_bytes", 2**20, 1))
    rest.notes.append("Lost: requests whose first byte the server had read, all rounds together. Start-up: to the first good answer.")
    if any(page.shape_only(judged, family, m) for m in members):
        rest.notes.append("‡ more threads than this machine has cores: shape only.")
    section.blocks.append(rest)
    section.blocks += _verdicts(family)
    section.blocks += _gate_table(family)
    return section


def _latency(judged: Judgement, family: Family, name: Any) -> Table:
    table = Table("Latency at the fixed rate, from the planned send time, µs: median of rounds; described, not judged", [Column("model"), Column("p50", True), Column("lowest–highest", True), Column("p99", True), Column("lowest–highest", True), Column("p99.9", True), Column("longest", True), Column("generator's lag p99", True)])
    late = (judged.run.get("machine") or {}).get("timer_late_p99_ns")
    marked = False
    for m in family.candidates:
        p99 = family.level(m, "p99_ns")
        below = bool(late and p99 and p99.median < late)
        marked = marked or below
        table.add(name(m), *spread(family, m, "p50_ns", 1e3, 0), *_marked(spread(family, m, "p99_ns", 1e3, 0), below), middle(family, m, "p999_ns", 1e3), middle(family, m, "max_ns", 1e3), middle(family, m, "lag_p99_ns", 1e3))
        for metric in ("p50_ns", "p99_ns"):
            why = family.why_withheld(m, metric)
            if why:
                table.notes.append(f"{words.label(m)}: latency withheld: {why}.")
                break
    if marked:
        table.notes.append(f"† below this machine's own timer lateness (p99 {words.fixed(late / 1000, 0)} µs): the machine's tail, not the server's.")
    return table


def _verdicts(family: Family) -> list[Block]:
    said = []
    for c in family.comparisons:
        what = "CPU per request" if c.metric.startswith("cpu") else "closed-loop throughput"
        p = f"; Holm p {p_value(c.p_holm)}" if c.p_holm is not None else ""
        said.append(f"{words.label(c.member)}, {what}: {words.MARKS[c.verdict]} {words.verdict(c, family.deltas[c.metric])} (δ {words.margin(family.deltas[c.metric])}{p})")
    return [Text(f"Verdicts against {words.label(family.baseline)}:"), Items(said)] if said else []


def _gate_table(family: Family) -> list[Block]:
    if not family.gates:
        return [Text("**No validity gate was recorded for this family.**")]
    table = Table("Validity gates, per case over its rounds", [Column("gate"), Column("model"), Column("limit", True), Column("median", True), Column("lowest–highest", True), Column("failed", True), Column("governs")], folded=True)
    govern = {"tail": "latency", "open": "fixed rate", "closed": "closed loop", "all": "all"}
    for g in sorted(family.gates, key=lambda g: (g.name, family.plan["members"].index(g.member))):
        numbers = [float(v) for v in g.values if isinstance(v, (int, float)) and not isinstance(v, bool)]
        limit = f"{g.limit:.4g}" if isinstance(g.limit, (int, float)) and not isinstance(g.limit, bool) else str(g.limit if g.limit is not None else "–")
        places = 0 if all(v == int(v) for v in numbers) else 3
        shown = words.fixed(judge.median(numbers), places) if numbers else ", ".join(sorted({str(v) for v in g.values if v is not None})) or "–"
        table.add(judge.gate_name(g.name), words.label(g.member), limit, shown, words.span(min(numbers), max(numbers), places, "–") if numbers else "–",
                  Cell(f"{g.failed} of {g.total}", "worse" if g.failed else ""), govern[g.scope])  # fmt: skip
        if g.reasons:
            table.notes.append(f"{words.label(g.member)}, {judge.gate_name(g.name)}: {'; '.join(g.reasons)}")
    withheld = [f"{words.label(m)}: {govern[scope]} figures withheld: {why}" for (m, scope), why in sorted(family.withheld.items())]
    left_out = [f"{words.label(m)}: {words.counted(n, 'round')} without {govern[scope]} figures" for (m, scope), n in sorted(family.dropped.items()) if (m, scope) not in family.withheld]
    blocks: list[Block] = [Items(withheld + left_out)] if withheld or left_out else []
    return [*blocks, table]


def calibration(judged: Judgement, drawn: dict[str, Chart]) -> Section:
    section = Section("calibration", "Calibration")
    aliases = judged.aliases()
    if not aliases:
        section.blocks.append(Text("No family held its baseline twice: this run cannot say how often it sees a difference where there is none."))
    else:
        section.blocks.append(Text(
            "A/A: the baseline against itself, in the same rounds. The same code shows what scheduling alone does; a second compiled copy shows what code "
            "layout does besides. Intervals here are at 95 % each, so one in twenty may exclude 1 by chance."))  # fmt: skip
        table = Table("A/A by family", [Column("family"), Column("metric"), Column("alias"), Column("rounds", True), Column("ratio", True), Column("interval", True), Column("excludes 1")])
        for a in aliases:
            metric = {"time_ns": "time", "cpu_ns_per_request": "CPU per request", "closed_hz": "throughput"}[a.metric]
            e = a.estimate
            table.add(a.family, metric, {"same": "same code", "copy": "second copy"}.get(a.form, a.form), str(len(e.values)), words.fixed(math.exp(e.median), 4), words.interval(e, 4, "–") or "–", Cell("yes", "worse") if e.excludes_one else "no" if e.interval else "–")
        section.blocks.append(table)
    injected = [i for f in judged.families for i in f.injected]
    if injected:
        table = Table("Injected slow-down: the baseline runs so much more per operation than it is charged for", [Column("family"), Column("true ratio", True), Column("ratio", True), Column("interval", True), Column("covers the truth"), Column("told from none"), Column("verdict")])
        for i in injected:
            e = i.estimate
            truth = 1 / (1 + i.percent / 100)
            seen = "–" if e.interval is None else "yes" if e.excludes_one else "no"
            table.add(i.family, words.fixed(truth, 4), words.fixed(math.exp(e.median), 4), words.interval(e, 4, "–") or "–", {True: "yes", False: "no", None: "–"}[i.covered], seen, f"{words.MARKS[i.verdict]} {i.verdict}")
        section.blocks.append(table)
    for kind in page.KINDS:
        if f"rounds-{kind}" in drawn:
            section.blocks += [Picture(drawn[f"rounds-{kind}"]), _round_table(judged, kind)]
    return section


def _round_table(judged: Judgement, kind: str) -> Table:
    title = {"codec": "codecs", "model": "models in process", "service": "services"}[kind]
    table = Table(f"Process values, {title}: each round's ratio to the baseline", [Column("family"), Column("member"), Column("metric"), Column("ratios, in round order")], folded=True)
    for family in judged.kind(kind):
        rows = [(c.member, c.metric, c.estimate) for c in family.comparisons if c.estimate] + [(a.member, a.metric, a.estimate) for a in family.aliases]
        for member, metric, estimate in rows:
            table.add(family.id, words.label(member), metric, "  ".join(words.fixed(math.exp(v), 4) for v in estimate.values))
    return table


def sessions(judged: Judgement, others: Others) -> Section:
    section = Section("sessions", "Other sessions")
    for name, other, raw in others:
        table = Table(f"Run {name}, of {other.run.get('created', 'unknown date')}", [Column("family"), Column("member"), Column("metric"), Column("here", True), Column("interval", True), Column("there", True), Column("interval", True), Column("agree")])
        theirs = {(c.family, c.member, c.metric): c for f in other.families for c in f.comparisons}
        for family in judged.families:
            for c in family.comparisons:
                there = theirs.get((c.family, c.member, c.metric))
                a, b = c.estimate, there.estimate if there else None
                if not a or not b:
                    continue
                apart = a.interval and b.interval and (a.interval[1] < b.interval[0] or b.interval[1] < a.interval[0])
                agree = Cell("no: not reproducible here", "worse") if apart else Cell("yes" if a.interval and b.interval else "–")
                table.add(c.family, words.label(c.member), c.metric, words.fixed(math.exp(a.median), 3), words.interval(a, 3, "–"), words.fixed(math.exp(b.median), 3), words.interval(b, 3, "–"), agree)
        table.notes += [f"{file.name} of {name}: SHA-256 {file.sha256}" for file in raw]
        section.blocks.append(table if table.rows else Text(f"Run {name} has no comparison in common with this one."))
    return section


def method(judged: Judgement) -> Section:
    section = Section("method", "Method in short")
    needed = sorted({(len({c.member for c in f.comparisons}), judge.rounds_needed(f.alpha)) for f in judged.families if f.comparisons})
    takes = words.listed(f"{n} rounds for {words.counted(k, 'comparison')}" for k, n in needed)
    count = len([1 for f in judged.families for m in {c.metric for c in f.comparisons}])
    section.blocks.append(Items([
        "**Unit**: a fresh process. Inside it the members of a family alternate in short blocks, in an order drawn anew per round; the process's value is the median log ratio of each block to the baseline's nearest in time. Services: one server process per member and round, in random order.",
        f"**Estimate and interval**: the median over rounds, with the exact order-statistic (sign test) interval: no distribution is assumed, nothing is drawn at random. It takes {takes or 'at least 6 rounds'}; with fewer none is printed.",
        f"**Families**: declared before the run. Intervals hold together (Bonferroni) over the members of a family, for one metric; p-values are Holm's over the same. This report has {words.counted(count, 'such family') if count == 1 else f'{count} such families'} and corrects no further: about {words.fixed(judge.ALPHA * count, 1)} of them may by chance contain an interval that misses.",
        "**Verdicts**: against δ, the larger of the margin and the A/A floor of that kind (95th percentile of |A/A estimates|, and the family's own). δ is symmetric in the logarithm. “Faster by 5 %” is 5 % more speed, “slower by 5 %” is 5 % more time. Tie sets: all that an interval, simultaneous over every pair, does not put behind the best by more than δ.",
        f"**Rounds**: one is discarded only by its covariates ({(judged.run.get('discard_rule') or {}).get('text') or 'no rule declared'}), never by its time.",
        f"**Gates**: a process that fails a gate has no number for what that gate governs; a case that fails it in more than {words.percent(judge.GATE_FAILURES_MAX)} of its rounds has none at all.",
        "**Rounding**: ends of intervals outwards, “at least” downwards.",
    ]))  # fmt: skip
    return section


def _flat(value: Any, name: str = "") -> list[tuple[str, str]]:
    """Nested facts as rows; lists on one line."""
    if isinstance(value, dict):
        return [row for key in sorted(value, key=str) for row in _flat(value[key], f"{name}.{key}" if name else str(key))]
    if isinstance(value, list) and all(not isinstance(v, (dict, list)) for v in value):
        return [(name, " ".join(map(str, value)))] if value else []
    if isinstance(value, list):
        return [(name, json.dumps(value, sort_keys=True))]
    shown = {None: "not known", True: "yes", False: "no"}.get(value, value) if isinstance(value, (bool, type(None))) else value
    return [(name, str(shown))]


def environment(judged: Judgement) -> Section:
    run = judged.run
    section = Section("environment", "Environment")
    for key, title in (("libraries", "Libraries, by their own version strings"), ("build", "Build"), ("environment", "Machine and system"), ("machine", "What the machine can resolve")):
        rows = _flat(run.get(key) or {})
        table = Table(title, [Column("name"), Column("value")])
        for name, value in rows:
            table.add(name.replace("_", " "), value)
        section.blocks.append(table if rows else Text(f"{title}: not recorded."))
    if str((run.get("libraries") or {}).get("benchmark") or (run.get("libraries") or {}).get("libbenchmark") or "").startswith("1.7"):
        section.blocks.append(Text("Debian's libbenchmark 1.7.1 calls itself a debug build, since it was built without NDEBUG; its timing loop is compiled into the programs here, and is not affected."))
    return section


def data(judged: Judgement, raw: Sequence[Raw]) -> Section:
    section = Section("data", "Raw data")
    table = Table("Files", [Column("file"), Column("bytes", True), Column("SHA-256")])
    for file in raw:
        table.add(file.name, words.fixed(file.size, 0), Cell(file.sha256, "hash"))
    plan = Table("Families as planned", [Column("family"), Column("baseline"), Column("members"), Column("rounds planned", True), Column("counted", True), Column("discarded", True), Column("δ", True)])
    for f in judged.families:
        plan.add(f.id, words.label(f.baseline), ", ".join(f.plan["members"]), str(f.plan.get("rounds") or "–"), str(len(f.rounds)), str(len(f.discarded)), words.listed(words.margin(d) for d in sorted(set(f.deltas.values()))))
    section.blocks += [Text(f"{words.fixed(judged.lines, 0)} samples. `run.json` is the plan, the seed and the fingerprint; `samples.jsonl` has a line per case of a process, with every block and the covariates of its process. `scripts/assay export` prints Google Benchmark JSON with one entry per process."), table, plan]
    discarded = [f"{f.id}, round {n}: steal {words.fixed(s, 1)} %" for f in judged.families for n, s in sorted(f.discarded.items())]
    if discarded:
        section.blocks += [Text("Discarded rounds:"), Items(discarded)]
    failures = [f"{f.id}, {line.get('member')}, round {line.get('round')}: {line.get('reason') or 'no reason recorded'}" for f in judged.families for line in f.failures]
    if failures:
        section.blocks += [Text("Failed samples:"), Items(failures[:40] + ([f"… {len(failures) - 40} more"] if len(failures) > 40 else []))]
    return section
