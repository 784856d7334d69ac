# SPDX-License-Identifier: MIT
"""Behind page one: codecs, models, services, calibration, method, environment, raw data. A section
whose data is not there says so.
"""

from __future__ import annotations

import json
import math
from typing import Any, Sequence

from . import about, judge, sockets, stability, words
from .calibration import FORMS
from .blocks import Block, Cell, Column, Items, Picture, Raw, Section, Table, Text
from .charts import Chart
from .figures import p_value, spread, wire_bytes
from .judge import Family, Judgement

Others = Sequence[tuple[str, Judgement, Sequence[Raw]]]


def build(
    judged: Judgement, raw: Sequence[Raw], drawn: dict[str, Chart], others: Others
) -> list[Section]:
    return [
        *([sessions(judged, others)] if others else []),
        codecs(judged, drawn),
        models(judged, drawn),
        sockets.services(judged, drawn),
        calibration(judged, drawn),
        method(judged),
        environment(judged),
        data(judged, raw),
    ]


def codecs(judged: Judgement, drawn: dict[str, Chart]) -> Section:
    section = Section("codecs", "Codecs")
    families = judged.kind("codec")
    if not families:
        section.blocks.append(Text("No codec was part of this run."))
        return section
    section.blocks.append(
        Text(
            "Each codec encodes from, and decodes into, the same struct; giving memory back is on"
            " the clock, and strings are owned after decoding. The floor is a memcpy of that"
            " codec's own bytes: nothing that moves the document can be faster."
        )
    )
    section.blocks += [
        Picture(drawn[name]) for name in ("codec-time", "wire-time") if name in drawn
    ]
    for op in dict.fromkeys(about.operation(f) for f in families):
        section.blocks.append(
            _codec_table(judged, [f for f in families if about.operation(f) == op], op)
        )
    section.blocks += _fidelity(judged)
    return section


def _codec_table(judged: Judgement, families: Sequence[Family], op: str) -> Table:
    baseline = words.label(families[0].baseline)
    table = Table(
        f"{op.capitalize()}: median of processes; × memcpy with its own 95 % interval",
        [
            Column("payload"),
            Column("codec"),
            Column("wire bytes", True),
            Column("ns per operation", True),
            Column("lowest–highest", True),
            Column(f"ratio to {baseline}", True),
            Column("interval", True),
            Column("p (Holm)", True),
            Column("× memcpy", True),
            Column("interval", True),
        ],
    )
    ratios = [math.exp(c.estimate.median) for f in families for c in f.comparisons if c.estimate]
    places = min(3, words.column(ratios))
    for family in families:
        for i, member in enumerate(family.candidates):
            c = family.compared(member, "time_ns")
            e = c.estimate if c else None
            size, floor = wire_bytes(judged, family, member), family.floor_ratios.get(member)
            decimals = (
                0
                if (family.level(family.baseline, "time_ns") or judge.Estimate([], 0)).median >= 100
                else 1
            )
            table.add(
                Cell(about.subject(family) if i == 0 else "", "head"),
                words.label(member),
                words.fixed(size, 0) if size else "–",
                *spread(family, member, "time_ns", 1, decimals),
                (
                    words.fixed(1, places)
                    if member == family.baseline
                    else words.fixed(math.exp(e.median), places) if e else "–"
                ),
                words.interval(e, places, "–") if e else "",
                p_value(c.p_holm if c else None),
                words.fixed(math.exp(floor.median), 1) if floor else "–",
                words.interval(floor, 1, "–") if floor and floor.interval else "",
            )
    table.notes.append(about.MEDIANS)
    for f in families:
        for c in f.comparisons:
            if c.estimate is None:
                table.notes.append(
                    f"{about.subject(f)} {words.label(c.member)}: no number: {c.why_not}."
                )
            elif c.estimate.interval is None:
                table.notes.append(
                    f"{about.subject(f)} {words.label(c.member)}: {words.verdict(c, f.delta)}."
                )
    return table


def _fidelity(judged: Judgement) -> list[Block]:
    rows = [r for r in judged.run.get("fidelity") or [] if isinstance(r, dict)]
    if not rows:
        return [Text("Fidelity (encode, decode, compare) was not recorded in this run.")]
    table = Table(
        "Fidelity: encode, decode, compare, over each whole corpus",
        [
            Column("payload"),
            Column("codec"),
            Column("documents", True),
            Column("values", True),
            Column("changed", True),
            Column("share", True),
        ],
    )
    changed = []
    for row in rows:
        values, lost = int(row.get("values") or 0), int(row.get("changed") or 0)
        share = lost / values if values else 0.0
        table.add(
            str(row.get("payload")),
            words.label(str(row.get("codec"))),
            words.fixed(int(row.get("documents") or 0), 0),
            words.fixed(values, 0),
            Cell(words.fixed(lost, 0), "worse" if lost else ""),
            words.percent(share, 2) if lost else "0",
        )
        if lost:
            changed.append(
                f"{words.label(str(row.get('codec')))} changes {words.fixed(lost, 0)} of"
                f" {words.fixed(values, 0)} values of `{row.get('payload')}`"
                f" ({words.percent(share)})"
            )
    exact = [
        m
        for m in dict.fromkeys(str(r.get("codec")) for r in rows)
        if not any(int(r.get("changed") or 0) for r in rows if str(r.get("codec")) == m)
    ]
    parts = []
    if changed:
        parts.append(
            "Not every value survives the way out and back: "
            + words.listed(changed)
            + ". Only doubles and floats may change; anything else would have been an error before"
            " the clock ran."
        )
    if exact:
        parts.append(
            f"{words.listed(words.label(m) for m in exact)} {'gives' if len(exact) == 1 else 'give'} every"
            " value back exactly."
        )
    return [Text(" ".join(parts)), table]


def _in_process(families: Sequence[Family]) -> str:
    """The recorded conditions of models in process."""
    load = families[0].plan.get("load") or {}
    said = []
    if load.get("requests_in_flight"):
        said.append(f"{load['requests_in_flight']} in flight")
    if load.get("threads_of_a_model"):
        said.append(f"{words.counted(int(load['threads_of_a_model']), 'worker')} per model")
    if load.get("payload"):
        said.append(f"`{load['payload']}` as {words.label(str(load.get('codec')))}")
    if load.get("cpu_iterations"):
        said.append(f"`cpu` of {words.fixed(load['cpu_iterations'], 0)} iterations")
    if load.get("hops"):
        said.append(f"`ring` of {load['hops']} hops")
    return ", ".join(said) or "under conditions that were not recorded"


def models(judged: Judgement, drawn: dict[str, Chart]) -> Section:
    section = Section("models", "Models in process")
    families = judged.kind("model")
    if not families:
        section.blocks.append(Text("No model was measured in process in this run."))
        return section
    section.blocks.append(
        Text(
            f"Requests are handed over through `post()` in a closed loop, {_in_process(families)};"
            " every reply is checked. `inline` runs the same turns on the caller's thread, one at a"
            " time: it is the floor, not a candidate, since it cannot serve two at once."
        )
    )
    baseline = words.label(families[0].baseline)
    table = Table(
        "Per request: median of processes; × inline with its own 95 % interval",
        [
            Column("workload"),
            Column("model"),
            Column("ns per request", True),
            Column("lowest–highest", True),
            Column(f"ratio to {baseline}", True),
            Column("interval", True),
            Column("p (Holm)", True),
            Column("× inline", True),
            Column("interval", True),
        ],
    )
    ratios = [math.exp(c.estimate.median) for f in families for c in f.comparisons if c.estimate]
    places = min(3, words.column(ratios))
    for family in families:
        shown = [*family.candidates, *(m for m in family.plan["members"] if m == "inline")]
        for i, member in enumerate(shown):
            c, floor = family.compared(member, "time_ns"), family.floor_ratios.get(member)
            e = c.estimate if c else None
            table.add(
                Cell(about.subject(family) if i == 0 else "", "head"),
                words.label(member) + (" (floor)" if member == "inline" else ""),
                *spread(family, member, "time_ns", 1, 0),
                (
                    words.fixed(1, places)
                    if member == family.baseline
                    else words.fixed(math.exp(e.median), places) if e else "–"
                ),
                words.interval(e, places, "–") if e else "",
                p_value(c.p_holm if c else None),
                words.fixed(math.exp(floor.median), 2) if floor else "–",
                words.interval(floor, 2, "–") if floor and floor.interval else "",
            )
        for c in family.comparisons:
            if c.estimate is None:
                table.notes.append(
                    f"{about.subject(family)} {words.label(c.member)}: no number: {c.why_not}."
                )
    table.notes.append(about.MEDIANS)
    section.blocks.append(table)
    return section


def calibration(judged: Judgement, drawn: dict[str, Chart]) -> Section:
    section = Section("calibration", "Calibration")
    aliases = judged.aliases()
    if not aliases:
        section.blocks.append(
            Text(
                "No family held its baseline twice: this run cannot say how often it sees a"
                " difference where there is none."
            )
        )
    else:
        section.blocks.append(
            Text(
                "A/A: the baseline against itself, in the same rounds. The same code shows what"
                " scheduling alone does; a second compiled copy shows what code layout does"
                " besides. Intervals here are at 95 % each, so one in twenty may exclude 1 by"
                " chance."
            )
        )
        table = Table(
            "A/A by family",
            [
                Column("family"),
                Column("metric"),
                Column("alias"),
                Column("rounds", True),
                Column("ratio", True),
                Column("interval", True),
                Column("excludes 1"),
            ],
        )
        for a in aliases:
            metric = words.FIGURES[a.metric]
            e = a.estimate
            table.add(
                a.family,
                metric,
                FORMS.get(a.form, a.form),
                str(len(e.values)),
                words.fixed(math.exp(e.median), 4),
                words.interval(e, 4, "–") or "–",
                Cell("yes", "worse") if e.excludes_one else "no" if e.interval else "–",
            )
        section.blocks.append(table)
    injected = [i for f in judged.families for i in f.injected]
    if injected:
        table = Table(
            (
                "Injected slow-down: the baseline runs so much more per operation than it is"
                " charged for"
            ),
            [
                Column("family"),
                Column("true ratio", True),
                Column("ratio", True),
                Column("interval", True),
                Column("covers the truth"),
                Column("told from none"),
                Column("verdict"),
            ],
        )
        for i in injected:
            e = i.estimate
            truth = 1 / (1 + i.percent / 100)
            seen = "–" if e.interval is None else "yes" if e.excludes_one else "no"
            table.add(
                i.family,
                words.fixed(truth, 4),
                words.fixed(math.exp(e.median), 4),
                words.interval(e, 4, "–") or "–",
                {True: "yes", False: "no", None: "–"}[i.covered],
                seen,
                f"{words.MARKS[i.verdict]} {i.verdict}",
            )
        section.blocks.append(table)
    section.blocks += _swings(judged)
    for kind in about.KINDS:
        if f"rounds-{kind}" in drawn:
            section.blocks += [Picture(drawn[f"rounds-{kind}"]), _round_table(judged, kind)]
    return section


def _swings(judged: Judgement) -> list[Block]:
    moved = stability.swings(judged.families)
    if not moved:
        return []
    table = Table(
        "How far the baselines' absolute figures swung over the run (processes that count)",
        [
            Column("family"),
            Column("figure"),
            Column("processes", True),
            Column("lowest", True),
            Column("10th percentile", True),
            Column("median", True),
            Column("90th percentile", True),
            Column("highest", True),
            Column("90th ÷ 10th", True),
            Column("highest ÷ lowest", True),
        ],
        folded=len(moved) > 24,
    )
    for s in moved:
        *_, unit, divisor = words.METRICS[s.metric]
        values = [v / divisor for v in s.values]
        ends = [min(values), judge.percentile(values, 0.1), judge.median(values)]
        ends += [judge.percentile(values, 0.9), max(values)]
        decimals = 0 if min(values) >= 100 else 1
        table.add(
            s.family.id,
            f"{words.FIGURES[s.metric]}, {unit}",
            str(len(values)),
            *(words.fixed(end, decimals) for end in ends),
            words.fixed(s.ratio, 2),
            words.fixed(s.whole, 2),
        )
    table.notes.append(
        "A baseline does the same work in every process, so what swings here is the machine. Ratios"
        " pair what ran side by side and are tested for drift and modes; absolute figures are not."
    )
    return [table]


def _round_table(judged: Judgement, kind: str) -> Table:
    title = {"codec": "codecs", "model": "models in process", "service": "services"}[kind]
    table = Table(
        f"Process values, {title}: each round's ratio to the baseline",
        [Column("family"), Column("member"), Column("metric"), Column("ratios, in round order")],
        folded=True,
    )
    for family in judged.kind(kind):
        rows = [(c.member, c.metric, c.estimate) for c in family.comparisons if c.estimate] + [
            (a.member, a.metric, a.estimate) for a in family.aliases
        ]
        for member, metric, estimate in rows:
            table.add(
                family.id,
                words.label(member),
                metric,
                "  ".join(words.fixed(math.exp(v), 4) for v in estimate.values),
            )
    return table


def sessions(judged: Judgement, others: Others) -> Section:
    section = Section("sessions", "Other sessions")
    for name, other, raw in others:
        table = Table(
            f"Run {name}, of {other.run.get('created', 'unknown date')}",
            [
                Column("family"),
                Column("member"),
                Column("metric"),
                Column("here", True),
                Column("interval", True),
                Column("there", True),
                Column("interval", True),
                Column("agree"),
            ],
        )
        theirs = {(c.family, c.member, c.metric): c for f in other.families for c in f.comparisons}
        for family in judged.families:
            for c in family.comparisons:
                there = theirs.get((c.family, c.member, c.metric))
                a, b = c.estimate, there.estimate if there else None
                if not a or not b:
                    continue
                apart = (
                    a.interval
                    and b.interval
                    and (a.interval[1] < b.interval[0] or b.interval[1] < a.interval[0])
                )
                agree = (
                    Cell("no: not reproducible here", "worse")
                    if apart
                    else Cell("yes" if a.interval and b.interval else "–")
                )
                table.add(
                    c.family,
                    words.label(c.member),
                    c.metric,
                    words.fixed(math.exp(a.median), 3),
                    words.interval(a, 3, "–"),
                    words.fixed(math.exp(b.median), 3),
                    words.interval(b, 3, "–"),
                    agree,
                )
        table.notes += [f"{file.name} of {name}: SHA-256 {file.sha256}" for file in raw]
        section.blocks.append(
            table if table.rows else Text(f"Run {name} has no comparison in common with this one.")
        )
    return section


def method(judged: Judgement) -> Section:
    section = Section("method", "Method in short")
    needed = sorted(
        {
            (round(judge.ALPHA / f.alpha), judge.rounds_needed(f.alpha))
            for f in judged.families
            if f.comparisons
        }
    )
    takes = words.listed(f"{n} rounds for {words.counted(k, 'comparison')}" for k, n in needed)
    count = sum(bool(f.comparisons) for f in judged.families)
    section.blocks.append(
        Items(
            [
                (
                    "**Unit**: a fresh process. Inside it the members of a family alternate in"
                    " short blocks, in an order drawn anew per round; the process's value is the"
                    " median log ratio of each block to the baseline's nearest in time. Services:"
                    " one server process per member and round, in random order."
                ),
                (
                    "**Estimate and interval**: the median over rounds, with the exact"
                    " order-statistic (sign test) interval: no distribution is assumed, nothing is"
                    f" drawn at random. It takes {takes or 'at least 6 rounds'}; with fewer none is"
                    " printed."
                ),
                (
                    "**Families**: declared before the run. Intervals hold together at 95 %"
                    " (Bonferroni) over all comparisons of a family: its members times the metrics it"
                    " is judged in (a service's two: CPU per request and throughput); p-values are"
                    " Holm's over the same. This report has"
                    f" {words.counted(count, 'such family') if count == 1 else f'{count} such families'} and"
                    f" corrects no further: about {words.fixed(judge.ALPHA * count, 1)} of them may"
                    " by chance contain an interval that misses. A/A rows, × memcpy and × inline, levels"
                    " and latency ratios have an ordinary 95 % interval each and are not among these."
                ),
                (
                    "**Verdicts**: against δ, the larger of the margin and the A/A floor of the family"
                    " and metric: the outer end of the 95 % intervals of the family's own A/A (same"
                    " code and second copy), and no less than the 95th percentile of |A/A estimates|"
                    " of its kind. A family whose own A/A has no interval claims nothing. δ is"
                    " symmetric in the logarithm: 1.05 × as fast is as far from equal as 1.05 × the"
                    " time."
                ),
                (
                    "**Tie sets**: the best is the member with the largest median ratio, from pairs,"
                    " not with the least median time. A member leaves the set if an interval, at the"
                    " family's level, puts it behind the best by more than δ; the truly best stays in"
                    " with 95 %, over all metrics of the family together. The order inside a set says"
                    " nothing."
                ),
                (
                    "**Rounds**: a process is discarded only by its covariates, never by its time:"
                    f" {(judged.run.get('discard_rule') or {}).get('text') or 'no rule declared'}."
                    f" Stopping: {judged.run.get('stopping_rule') or 'no rule recorded'}."
                ),
                (
                    "**Gates**: a process that fails a gate has no number for what that gate"
                    " governs; a case that fails it in more than"
                    f" {words.percent(judge.GATE_FAILURES_MAX)} of its rounds has none at all. One"
                    " gate only marks: where the generator itself sent late, latencies are shown and"
                    " marked as the machine's, and CPU and throughput stand."
                ),
                "**Rounding**: ends of intervals outwards, “at least” downwards.",
            ]
        )
    )
    return section


def _flat(value: Any, name: str = "") -> list[tuple[str, str]]:
    """Nested facts as rows; lists on one line."""
    if isinstance(value, dict):
        return [
            row
            for key in sorted(value, key=str)
            for row in _flat(value[key], f"{name}.{key}" if name else str(key))
        ]
    if isinstance(value, list) and all(not isinstance(v, (dict, list)) for v in value):
        return [(name, " ".join(map(str, value)))] if value else []
    if isinstance(value, list):
        return [(name, json.dumps(value, sort_keys=True))]
    shown = (
        {None: "not known", True: "yes", False: "no"}.get(value, value)
        if isinstance(value, (bool, type(None)))
        else value
    )
    return [(name, str(shown))]


def environment(judged: Judgement) -> Section:
    run = judged.run
    section = Section("environment", "Environment")
    for key, title in (
        ("libraries", "Libraries, by their own version strings"),
        ("build", "Build"),
        ("environment", "Machine and system"),
        ("machine", "What the machine can resolve"),
    ):
        rows = _flat(run.get(key) or {})
        table = Table(title, [Column("name"), Column("value")])
        for name, value in rows:
            table.add(name.replace("_", " "), value)
        section.blocks.append(table if rows else Text(f"{title}: not recorded."))
    if str(
        (run.get("libraries") or {}).get("benchmark")
        or (run.get("libraries") or {}).get("libbenchmark")
        or ""
    ).startswith("1.7"):
        section.blocks.append(
            Text(
                "Debian's libbenchmark 1.7.1 calls itself a debug build, since it was built without"
                " NDEBUG; its timing loop is compiled into the programs here, and is not affected."
            )
        )
    return section


def data(judged: Judgement, raw: Sequence[Raw]) -> Section:
    section = Section("data", "Raw data")
    table = Table("Files", [Column("file"), Column("bytes", True), Column("SHA-256")])
    for file in raw:
        table.add(file.name, words.fixed(file.size, 0), Cell(file.sha256, "hash"))
    plan = Table(
        "Families: planned, run, and what counts of it for the worst-off member",
        [
            Column("family"),
            Column("baseline"),
            Column("members"),
            Column("rounds planned", True),
            Column("run", True),
            Column("count", True),
            Column("processes discarded", True),
            Column("stopped"),
            Column("δ", True),
        ],
    )
    for f in judged.families:
        plan.add(
            f.id,
            words.label(f.baseline),
            ", ".join(f.plan["members"]),
            str(f.plan.get("rounds") or "–"),
            str(len(f.rounds)),
            str(f.counted),
            str(about.discarded(f)),
            f.stopped or "–",
            words.listed(words.margin(d) for d in sorted(set(f.deltas.values()))),
        )
    section.blocks += [
        Text(
            f"{words.fixed(judged.lines, 0)} samples. `run.json` is the plan, the seed and the"
            " fingerprint; `samples.jsonl` has a line per case of a process, with every block and"
            " the covariates of its process. `scripts/assay export` prints Google Benchmark JSON"
            " with one entry per process."
        ),
        table,
        plan,
    ]
    discarded = [
        f"{f.id}, round {n}{f', {words.label(m)}' if f.kind == 'service' else ''}: {why}"
        for f in judged.families
        for n, m, why in sorted(
            (n, m, why)
            for (m, n), why in f.excuses.items()
            if f.kind == "service" or m == f.baseline
        )
    ]
    if discarded:
        more = [f"… {len(discarded) - 60} more, in samples.jsonl"] if len(discarded) > 60 else []
        section.blocks += [Text("Discarded processes:"), Items(discarded[:60] + more)]
    failures = [
        f"{f.id}, {line.get('member')}, round {line.get('round')}:"
        f" {line.get('reason') or 'no reason recorded'}"
        for f in judged.families
        for line in f.failures
    ]
    if failures:
        section.blocks += [
            Text("Failed samples:"),
            Items(failures[:40] + ([f"… {len(failures) - 40} more"] if len(failures) > 40 else [])),
        ]
    return section
