# SPDX-License-Identifier: MIT
"""A map in words, as tables and as pictures."""

from __future__ import annotations

import math

from .. import words
from ..blocks import Cell as TableCell
from ..blocks import Column, Table
from ..charts import Chart, GridCell, grids
from ..families import Family
from ..sections.gates import saturated
from ..verdicts import Estimate
from .map_cells import AHEAD, AT_CEILING, METRICS, TIE, UNDECIDED, Cell, cells, simultaneous
from .outcome import Outcome

SHORT = {"thread_pool": "pool", "event_loop": "event loop", "thread_per_connection": "thread/conn."}
FIGURES = {"closed_hz": "throughput", "cpu_ns_per_request": "CPU per request"}
X = words.SPACE + "×"


def of(outcome: Outcome, metric: str = "closed_hz") -> list[Cell]:
    """Judged once for all that is shown of it: it takes a second."""
    for known, found in _judged:
        if known is outcome and found[0].metric == metric:
            return found
    found = cells(outcome, metric)
    _judged.append((outcome, found))
    del _judged[:-KEPT]
    return found


def parts(outcome: Outcome) -> list[Family]:
    """Every cell, with its gates."""
    return [cell.family for cell in of(outcome)]


KEPT = 4
_judged: list[tuple[Outcome, list[Cell]]] = []


def duration(us: float) -> str:
    """ "none", "20 µs", "5 ms"."""
    if not us:
        return "none"
    return f"{us / 1000:g}{words.SPACE}ms" if us >= 1000 else f"{us:g}{words.SPACE}µs"


def place(cell: Cell) -> str:
    wait = f"a wait of {duration(cell.wait_us)}" if cell.wait_us else "no wait"
    return f"{duration(cell.cpu_us)} of CPU, {wait} and {cell.connections} connections"


# --- Words --------------------------------------------------------------------------------------


def answer(outcome: Outcome) -> list[str]:
    found = of(outcome)
    said = [_whole(found, outcome.models)]
    said += [sentence for model in outcome.models if (sentence := _of_model(found, model))]
    said += _most(found)
    said += _undecided(found)
    said.append(_cheaper(of(outcome, "cpu_ns_per_request"), outcome.models))
    said += _threads(outcome)
    said.append(
        f"How sure: {simultaneous(found)}. A tie: nothing above the tie limit of "
        f"{outcome.scenario.level['tie_percent']:g}{words.SPACE}% can hide among those in front."
    )
    return said


def answered(outcome: Outcome) -> bool:
    return any(cell.state != UNDECIDED for cell in of(outcome))


def _whole(found: list[Cell], models: list[str]) -> str:
    """The first sentence: who is ahead in how many cells."""
    total = len(found)
    parts = []
    for model in models:
        alone = sum(c.state == AHEAD and c.first == [model] for c in found)
        if alone:
            parts.append(f"{words.label(model)} in {alone}")
    ties = sum(c.state == TIE for c in found)
    unknown = sum(c.state == UNDECIDED for c in found)
    ahead = f"one model has a higher throughput than all others in {total - ties - unknown} ({words.listed(parts)})"
    return (
        f"Of {words.counted(total, 'cell')}, {ahead if parts else 'in none is one model ahead of all others'},"
        f" {words.counted(ties, 'tie')}, and {unknown} that this machine cannot decide."
    )


def _of_model(found: list[Cell], model: str) -> str:
    """Where it is ahead, by how much at least and at most."""
    mine = [c for c in found if c.state == AHEAD and c.first == [model] and c.lead and c.lead.interval]
    shared = sum(c.state == TIE and model in c.first for c in found)
    if not mine:
        if not shared:
            return ""
        return f"{words.label(model)} is ahead alone nowhere and shares the first place in {shared}."
    least = sorted(math.exp(c.lead.interval[0]) for c in mine if c.lead and c.lead.interval)
    span = " to ".join(dict.fromkeys(words.floor(value, 2) for value in (least[0], least[-1])))
    where = _where(mine, found)
    also = f"; it shares the first place in {shared}" if shared else ""
    return f"{words.label(model)}: ahead of the next by at least {span}{X}, {where}{also}."


def _where(mine: list[Cell], found: list[Cell]) -> str:
    """The extent of its cells on each axis, where that is not the whole axis."""
    said = []
    for axis, show in (("cpu_us", _cpu), ("wait_us", _wait), ("connections", lambda n: f"{n:g} connections")):
        every = sorted({getattr(c, axis) for c in found})
        here = sorted({getattr(c, axis) for c in mine})
        if here != every:
            said.append(" or ".join(show(value) for value in here))
    return "with " + ", ".join(said) if said else "spread over the whole map"


def _cpu(us: float) -> str:
    return f"{duration(us)} of CPU"


def _wait(us: float) -> str:
    return f"a wait of {duration(us)}" if us else "no wait"


def _most(found: list[Cell]) -> list[str]:
    """Where the choice matters most: the best against the worst."""
    known = [(*c.reach, c) for c in found if c.reach and c.reach[1].interval and c.state != UNDECIDED]
    if not known:
        return []
    worst, reach, cell = max(known, key=lambda each: each[1].interval[0])
    if worst in cell.first or reach.interval[0] <= 0:
        return []
    low, high = (math.exp(end) for end in reach.interval)
    return [
        f"The choice matters most at {place(cell)}: {words.label(cell.first[0])} serves"
        f" {words.ratio(math.exp(reach.median))}{X} ({words.span(low, high, 2)}) the requests of {words.label(worst)}."
    ]


def _undecided(found: list[Cell]) -> list[str]:
    unknown = [c for c in found if c.state == UNDECIDED]
    if not unknown:
        return []
    reasons: dict[str, int] = {}
    for cell in unknown:
        reasons[_kind_of(cell.why)] = reasons.get(_kind_of(cell.why), 0) + 1
    said = "; ".join(
        f"{n} because {why}" for why, n in sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    )
    return [f"Not decided here: {said}. Such a cell is nobody's win."]


def _kind_of(why: str) -> str:
    """Reasons that differ in a figure alone are told together."""
    if why.startswith("a difference of up to"):
        return "more than the tie limit could hide among those in front"
    if "rounds count" in why or "rounds needed" in why:
        return "too few rounds count for intervals"
    return why


def _cheaper(found: list[Cell], models: list[str]) -> str:
    parts = []
    for model in models:
        alone = sum(c.state == AHEAD and c.first == [model] for c in found)
        parts += [f"{words.label(model)} alone in {alone}"] if alone else []
    ties = sum(c.state == TIE for c in found)
    return (
        f"By CPU per request instead: cheapest is {words.listed(parts) if parts else 'nobody alone'}; {ties} ties,"
        f" {sum(c.state == UNDECIDED for c in found)} not decided."
    )


def _threads(outcome: Outcome) -> list[str]:
    """Of a model that has more of them for those that wait."""
    found: dict[str, dict[bool, int]] = {}
    for load in (family.plan["load"] for family in outcome.judged.families):
        for model in outcome.models:
            found.setdefault(model, {})[bool(load["wait_us"])] = load["threads"][model]
    return [
        f"{words.label(model)} has {words.counted(each[True], 'thread')} where requests wait, so that as many can wait"
        f" at once, and {each[False]} where they do not, as the others have: more would only take turns on the server's"
        " CPU."
        for model, each in found.items()
        if len(set(each.values())) > 1
    ]


# --- Tables -------------------------------------------------------------------------------------


def tables(outcome: Outcome) -> list[Table]:
    return [_first_table(outcome), _figures(outcome), _limits(outcome)]


def _first_table(outcome: Outcome) -> Table:
    table = Table(
        "Who is in front in which cell, by throughput in a closed loop (intervals of paired rounds)",
        [
            Column("CPU"),
            Column("wait"),
            Column("connections", True),
            Column("in front"),
            Column("over the next"),
            Column("over the last"),
            Column("margin", True),
            Column("cheapest"),
            Column("remark"),
        ],
        shows=(outcome.chart("throughput"), outcome.chart("cpu")),
    )
    cheapest = of(outcome, "cpu_ns_per_request")
    for cell, cheap in zip(of(outcome), cheapest, strict=True):
        table.add(
            duration(cell.cpu_us),
            duration(cell.wait_us),
            str(cell.connections),
            _named(cell),
            _times(cell.lead),
            _times(cell.reach[1]) if cell.reach and cell.state != UNDECIDED else "–",
            words.margin(cell.family.deltas.get(cell.metric, 0.0)),
            _named(cheap),
            cell.why or ("at the ceiling of connections ÷ wait" if _at_ceiling(cell) else ""),
        )
    table.notes.append(
        "Margin: nobody is put behind by less; never below what the cell's own A/A differs by."
    )
    return table


def _named(cell: Cell) -> TableCell:
    if cell.state == UNDECIDED:
        return TableCell("undecided", "soft")
    names = words.listed(map(words.label, cell.first))
    return TableCell(f"tie: {names}" if cell.state == TIE else names, "head" if cell.state == AHEAD else "")


def _times(estimate: Estimate | None) -> str:
    if estimate is None:
        return "–"
    said = f"{words.fixed(math.exp(estimate.median), 2)}{X}"
    if estimate.interval is None:
        return said
    low, high = (math.exp(end) for end in estimate.interval)
    return f"{said} ({words.span(low, high, 2)})"


def _at_ceiling(cell: Cell) -> bool:
    best = cell.level(cell.first[0]) if cell.first else None
    return bool(cell.ceiling_hz and best and best.median >= AT_CEILING * cell.ceiling_hz)


def _figures(outcome: Outcome) -> Table:
    models = outcome.models
    table = Table(
        "Requests per second of every model and, behind the slash, CPU per request in µs: medians of rounds",
        [
            Column("CPU"),
            Column("wait"),
            Column("connections", True),
            *(Column(words.label(m), True) for m in models),
        ],
        folded=True,
    )
    for cell, cpu in zip(of(outcome), of(outcome, "cpu_ns_per_request"), strict=True):
        figures = []
        for model in models:
            hz, ns = cell.level(model), cpu.level(model)
            figures.append(
                f"{words.fixed(hz.median, 0) if hz else '–'} / {words.fixed(ns.median / 1e3, 1) if ns else '–'}"
            )
        table.add(duration(cell.cpu_us), duration(cell.wait_us), str(cell.connections), *figures)
    return table


def _limits(outcome: Outcome) -> Table:
    table = Table(
        "Who was at his limit in the closed loop, cell by cell: server, generator, downstream service or nobody; in"
        " how many rounds, if not in all",
        [
            Column("CPU"),
            Column("wait"),
            Column("connections", True),
            *(Column(words.label(m)) for m in outcome.models),
        ],
        folded=True,
    )
    for cell in of(outcome):
        who = (saturated(cell.family, model, "closed_saturated") for model in outcome.models)
        table.add(duration(cell.cpu_us), duration(cell.wait_us), str(cell.connections), *who)
    return table


# --- Pictures -----------------------------------------------------------------------------------


def pictures(outcome: Outcome) -> list[Chart]:
    return [_picture(outcome, metric) for metric in METRICS]


def _picture(outcome: Outcome, metric: str) -> Chart:
    steps, models = outcome.scenario.steps, outcome.models
    found = of(outcome, metric)
    counts = steps["connections"]
    shown = [
        GridCell(
            counts.index(cell.connections),
            steps["wait_us"].index(cell.wait_us),
            steps["cpu_us"].index(cell.cpu_us),
            tuple(models.index(m) for m in cell.first),
            cell.state,
            f"{words.floor(math.exp(cell.lead.interval[0]), 2)}{X}"
            if cell.lead and cell.lead.interval
            else "",
        )
        for cell in found
    ]
    text = " ".join(
        f"{place(c)}: {'undecided' if c.state == UNDECIDED else words.listed(map(words.label, c.first))}."
        for c in found
    )
    return grids(
        outcome.chart("throughput" if metric == "closed_hz" else "cpu"),
        f"Who is in front by {FIGURES[metric]}: {len(models)} models, {len(found)} cells",
        text,
        [f"{count} connections" for count in counts],
        [duration(us) for us in steps["wait_us"]],
        [duration(us) for us in steps["cpu_us"]],
        shown,
        [SHORT.get(m, words.label(m)) for m in models],
        "wait",
        "CPU per request ↑",
    )
