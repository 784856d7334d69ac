# SPDX-License-Identifier: MIT
"""What connections cost: in words, as tables and as pictures."""

from __future__ import annotations

import math

from .. import words
from ..blocks import Column, Table
from ..charts import BarRow, Chart, Point, bars, scatter
from ..families import Family
from ..intervals import median
from ..sections.gates import said, saturated
from ..verdicts import Estimate
from .outcome import NO_A_A, Outcome, nearest, rank, shown, too_few

WHOLE = "own_bytes_per_connection"
#: Parts of what the process is charged with: what is said → its figure, less what is told apart.
PARTS = {
    "heap and the rest of RSS": ("rss_bytes_per_connection", "stack_bytes_per_connection"),
    "thread stacks": ("stack_bytes_per_connection", ""),
    "page tables": ("page_table_bytes_per_connection", ""),
    "socket buffers": ("socket_bytes_per_connection", ""),
}
KIB = 1024.0
BENT = 0.1  # a line that the points leave by more is no line


def state(outcome: Outcome, name: str) -> Family:
    return next(f for f in outcome.judged.families if f.plan["load"]["state"] == name)


def value(family: Family, model: str, metric: str) -> Estimate | None:
    return family.level(model, metric)


# --- Words --------------------------------------------------------------------------------------


def answer(outcome: Outcome) -> list[str]:
    counts = outcome.scenario.steps["connections"]
    said = [
        sentence
        for name, what in (
            ("idle", "An idle connection"),
            ("active", "A connection with a request in flight"),
        )
        for sentence in [_memory(outcome, name, what)]
        if sentence
    ]
    said += [_opened(outcome), *([NO_A_A] if len(outcome.models) > 1 else [])]
    said += _kept(outcome)
    said += _bent(outcome)
    said.append(
        f"Slopes go through {words.listed(words.fixed(count, 0) for count in counts)} connections to one"
        " server, one slope per fresh server; intervals are of the median over servers, at 95 % each."
    )
    few = too_few(next((e for m in outcome.models if (e := value(state(outcome, "idle"), m, WHOLE))), None))
    return said + ([f"{few[:1].upper()}{few[1:]}."] if few else [])


def answered(outcome: Outcome) -> bool:
    """Of a connection of any kind under any model, with an interval."""
    found = [value(state(outcome, name), m, WHOLE) for name in ("idle", "active") for m in outcome.models]
    return any(each is not None and each.interval for each in found)


def _memory(outcome: Outcome, name: str, what: str) -> str:
    """Least first."""
    family = state(outcome, name)
    known = [(e, m) for m in outcome.models if (e := value(family, m, WHOLE))]
    if not known:
        return f"{what}: no number: {_why(family, outcome.models)}."
    known.sort(key=lambda pair: pair[0].median)
    parts = [f"{_kib(e)} under {words.label(m)}" for e, m in known]
    return f"{what} costs the server's process {words.listed(parts)}{_ahead(outcome, family)}."


def _ahead(outcome: Outcome, family: Family) -> str:
    """Is the least one less than all others?"""
    values = {m: _positive(family, m, WHOLE) for m in outcome.models}
    found = rank(values, more=False)
    if found is None or len(values) < 2:
        return ""
    if not found.resolved:
        return f" (nobody is put behind: {found.why_not})"
    if len(found.tied) == len(values):
        return ": nobody is put behind"
    if len(found.tied) > 1:
        return f": the least is shared by {words.listed(map(words.label, found.tied))}"
    second = nearest(found.over.values())
    assert second and second.interval
    factor = words.floor(math.exp(second.interval[0]), 2) + words.SPACE + "×"
    return f": {words.label(found.best)} takes least, the next at least {factor} that"


def _positive(family: Family, model: str, metric: str) -> dict[int, float]:
    """Round → figure; none of what is withheld, and a byte where a slope cannot be told from none: left out,
    it would be the model's best rounds that are missing."""
    if family.why_withheld(model, metric):
        return {}
    return {number: max(1.0, figure) for number, figure in family.series(model, metric)}


def _why(family: Family, models: list[str]) -> str:
    for model in models:
        if reason := family.why_withheld(model, WHOLE):
            return reason
    return words.reason(family.failures[0].get("reason")) if family.failures else "no process counts"


def _kib(estimate: Estimate | None, decimals: int = 1) -> str:
    return shown(estimate, KIB, decimals, "KiB")


def _opened(outcome: Outcome) -> str:
    family = state(outcome, "idle")
    values = {m: _positive(family, m, "closed_new_hz") for m in outcome.models}
    known = [(e, m) for m in outcome.models if (e := value(family, m, "closed_new_hz"))]
    if not known:
        return "How many connections a second are taken is not known: no process counts."
    known.sort(key=lambda pair: -pair[0].median)
    found = rank(values, more=True)
    parts = [f"{shown(e)} under {words.label(m)}" for e, m in known]
    said = f"Connections opened, asked once and closed per second: {words.listed(parts)}"
    limited = [m for _, m in known if not _server_was_the_limit(family, m)]
    if limited:
        said += (
            f"; under {words.listed(map(words.label, limited))} the server was not at its limit, or the rig was near"
            " its own: there the figure is a lower bound"
        )
    elif found and found.resolved and len(found.tied) > 1:
        said += f"; {words.listed(map(words.label, found.tied))} are not told apart"
    return said + "."


def _server_was_the_limit(family: Family, model: str) -> bool:
    """In most rounds, and not so near to what a server that does nothing reaches that it says nothing."""
    who = next((g.values for g in family.gates if (g.member, g.name) == (model, "closed_saturated")), [])
    return model not in family.bounded and 2 * sum("server" in str(each) for each in who) > len(who)


def _kept(outcome: Outcome) -> list[str]:
    family = state(outcome, "idle")
    parts = [
        f"{words.label(m)} {_kib(e)}"
        for m in outcome.models
        if (e := value(family, m, "kept_bytes_per_connection"))
    ]
    return [f"When all have left, the process keeps of each: {words.listed(parts)}."] if parts else []


def _bent(outcome: Outcome) -> list[str]:
    """Where a slope is not the whole truth."""
    said = []
    for name in ("idle", "active"):
        family = state(outcome, name)
        for model in outcome.models:
            bend = value(family, model, "bend")
            if bend and bend.median > BENT:
                said.append(
                    f"{words.label(model)}, {name}: not a line: a step lies"
                    f" {words.percent(bend.median, 0)} of the whole rise beside it."
                )
    return said


# --- Tables -------------------------------------------------------------------------------------


def tables(outcome: Outcome) -> list[Table]:
    return [_slopes(outcome), _new(outcome), _steps(outcome), _limits(outcome)]


def _slopes(outcome: Outcome) -> Table:
    table = Table(
        "Per connection, KiB: slope over held connections, median of servers and its 95 % interval",
        [
            Column("state"),
            Column("model"),
            Column("the server's own", True),
            Column("of it RSS", True),
            Column("stacks in RSS", True),
            Column("page tables", True),
            Column("socket buffers", True),
            Column("kernel, both ends", True),
            Column("threads", True),
            Column("servers", True),
        ],
        shows=(outcome.chart("parts"),),
    )
    for name in ("idle", "active"):
        family = state(outcome, name)
        for model in outcome.models:
            figures = [
                shown(value(family, model, f"{part}_bytes_per_connection"), KIB, 2)
                for part in ("own", "rss", "stack", "page_table", "socket", "kernel")
            ]
            threads = value(family, model, "threads_per_connection")
            count = len(family.series(model, WHOLE))
            table.add(name, words.label(model), *figures, shown(threads, 1, 2), str(count))
    told = any(value(state(outcome, "idle"), m, "socket_bytes_per_connection") for m in outcome.models)
    buffers = " and buffers of its sockets" if told else "; its sockets' buffers this kernel does not tell"
    table.notes += [
        f"The server's own: resident set, page tables{buffers}. Stacks are resident pages of its threads' stacks, and"
        " part of RSS.",
        "Kernel, both ends: slab and kernel stacks of the whole machine, of which nobody can say whose they are:"
        " sockets, their files, their places in epoll; on loopback the client's as well.",
    ]
    return table


def _new(outcome: Outcome) -> Table:
    steps = outcome.scenario.steps
    table = Table(
        f"New connections: each opened, asked once and closed, by {steps['new_connections']} clients in a closed loop",
        [
            Column("model"),
            Column("per second", True),
            Column("p99 of the answer, connected, ms", True),
            Column("CPU each, µs", True),
            Column("server's CPU, %", True),
            Column("saturated"),
        ],
    )
    family = state(outcome, "idle")
    for model in outcome.models:
        bound = value(family, model, "closed_new_hz") and not _server_was_the_limit(family, model)
        p99 = shown(value(family, model, "closed_new_p99_ns"), 1e6, 2)
        table.add(
            words.label(model),
            ("≥ " if bound else "") + shown(value(family, model, "closed_new_hz")),
            p99 + (words.SPACE + "†" if bound and p99 != "–" else ""),
            shown(value(family, model, "closed_new_cpu_ns"), 1e3, 1),
            shown(value(family, model, "closed_new_server_busy_percent")),
            saturated(family, model, "closed_saturated"),
        )
    table.notes += [
        "≥: the server was not at its limit, or the rig was near its own: a bound from below; † and its p99 is the"
        " rig's, too. No latency has the time that it takes to connect in it."
    ]
    return table


def _steps(outcome: Outcome) -> Table:
    counts = outcome.scenario.steps["connections"]
    table = Table(
        "The server's own memory at each step, MiB: median of servers",
        [Column("state"), Column("model"), *(Column(str(count), True) for count in counts)],
        folded=True,
        shows=(outcome.chart("growth"),),
    )
    for name in ("idle", "active"):
        for model in outcome.models:
            found = [_at(outcome, name, model, count) for count in counts]
            table.add(name, words.label(model), *(words.fixed(x / 2**20, 2) if x else "–" for x in found))
    return table


def _at(outcome: Outcome, name: str, model: str, count: int) -> float | None:
    """Median over servers of what the process was charged with at that step."""
    family = state(outcome, name)
    found = []
    for number, _ in family.series(model, WHOLE):
        for point in family.samples[model][number]["points"]:
            if point["connections"] == count:
                found.append(point["rss_bytes"] + point["page_table_bytes"] + (point["socket_bytes"] or 0))
    return median(found) if found else None


def _limits(outcome: Outcome) -> Table:
    counts, family = outcome.scenario.steps["connections"], state(outcome, "active")
    table = Table(
        "Who was at his limit while all connections were active, step by step: server, generator, downstream service or"
        " nobody; in how many rounds, if not in all",
        [Column("model"), *(Column(str(count)) for count in counts)],
        folded=True,
        notes=[
            "Of load's window, by its own figures: memory is read in it, and before it in the second half of the warm-up."
            " Idle connections ask nothing: while their memory is read nobody is at his limit. Who was while connections"
            " were opened stands beside their rate."
        ],
    )
    for model in outcome.models:
        points = [point for sample in family.samples.get(model, {}).values() for point in sample["points"]]
        who = [[p.get("saturated") for p in points if p["connections"] == count] for count in counts]
        table.add(words.label(model), *(said(each) or "–" for each in who))
    if all(cell.text == "–" for row in table.rows for cell in row[1:]):
        table.notes = ["Not recorded: this run is of an earlier version."]
    return table


# --- Pictures -----------------------------------------------------------------------------------


def pictures(outcome: Outcome) -> list[Chart]:
    return [_parts(outcome), _growth(outcome)]


def _parts(outcome: Outcome) -> Chart:
    rows = []
    for panel, name in enumerate(("idle", "active")):
        family = state(outcome, name)
        for model in outcome.models:
            whole = value(family, model, WHOLE)
            if whole is None:
                continue
            parts = []
            for i, (metric, less) in enumerate(PARTS.values()):
                size = value(family, model, metric)
                taken = value(family, model, less) if less else None
                parts.append(
                    (i, max(0.0, ((size.median if size else 0) - (taken.median if taken else 0)) / KIB))
                )
            ends = (whole.interval[0] / KIB, whole.interval[1] / KIB) if whole.interval else None
            rows.append(BarRow(words.label(model), panel, tuple(parts), ends, _kib(whole)))
    return bars(
        outcome.chart("parts"),
        "Where a connection's memory is",
        " ".join(f"{('idle', 'active')[r.panel]}, {r.member}: {r.said}." for r in rows),
        ("idle", "active"),
        rows,
        list(PARTS),
        "KiB per connection",
    )


def _growth(outcome: Outcome) -> Chart:
    counts = outcome.scenario.steps["connections"]
    points = [
        Point("", i, panel, float(count), size / 2**20)
        for panel, name in enumerate(("idle", "active"))
        for i, model in enumerate(outcome.models)
        for count in counts
        if (size := _at(outcome, name, model, count))
    ]
    return scatter(
        outcome.chart("growth"),
        "The server's memory over its connections",
        "Memory of the server over the connections that it holds, idle and active, both logarithmic; a line per"
        " model. The figures are in the table of steps.",
        ("idle", "active"),
        points,
        [words.label(m) for m in outcome.models],
        "connections",
        "MiB of the server's own",
    )
