# SPDX-License-Identifier: MIT
"""What the lines of a slow, stalled, refusing and dead downstream service say (slow_downstream.py)."""

from __future__ import annotations

import math
from typing import Any

from .. import words
from ..blocks import Column, Table
from ..charts import Chart, Panel, Span, TimeLine, timeline
from ..intervals import ALPHA, p99_said
from ..judge import Estimate
from . import begun, faults, plans, readings, series, watching
from .faults import HITS, MISSES, NORMAL, back_name
from .outcome import Outcome

NEVER = "not while it was watched"


def deadline_name(ms: int) -> str:
    """As a setting of a member."""
    return f"{ms}ms" if ms else "none"


def of_deadline(outcome: Outcome, ms: int) -> list[str]:
    return [m for m in outcome.family.plan["members"] if plans.setting_of(m) == deadline_name(ms)]


def deadline_said(ms: int) -> str:
    return f"with a deadline of {ms}{words.SPACE}ms" if ms else "without a deadline"


def isolation(outcome: Outcome, member: str, fault: str, *, together: int = 1) -> Estimate | None:
    """The p99 of hits in the fault, as a multiple of that of the same process before it."""
    over = f"{NORMAL}_{HITS}_p99_ns"
    return series.ratio(begun.of(outcome, fault), member, f"{fault}_{HITS}_p99_ns", over, together=together)


def isolations(outcome: Outcome, member: str) -> dict[str, Estimate]:
    """Fault by fault, with intervals that hold together with those of all other members: a sentence that
    looks for the worst fault, and for who does not notice any, says something of every one of them."""
    every = outcome.scenario.steps["faults"]
    count = len(every) * len(outcome.family.plan["members"])
    return {f: e for f in every if (e := isolation(outcome, member, f, together=count))}


def answer(outcome: Outcome) -> list[str]:
    steps, members = outcome.scenario.steps, outcome.family.plan["members"]
    every = [e for m in members for e in isolations(outcome, m).values()]
    if not every:
        return [outcome.nothing, *_withheld(outcome), *_not_begun(outcome)]
    found = {ms: _by_verdict(outcome, ms) for ms in steps["deadlines_ms"]}
    held_up = _listed({ms: each["above"] for ms, each in found.items()}, "none that is shown to")
    sure = series.how_sure(every, f"intervals that hold together at {words.confidence(ALPHA)}")
    return [
        f"**Who holds up requests that do not need the failing service: {held_up}**{sure}.",
        f"A figure with × is their {_tail(outcome, HITS)} during the fault over that before any; held up is more than"
        f" {HELD_UP:g} ×.",
        *(
            f"{said}: {_listed({ms: _names(each[name]) for ms, each in found.items()}, 'nobody')}."
            for name, said in VERDICTS.items()
            if any(each[name] for each in found.values())
        ),
        *_waiting(outcome),
        _back_said(outcome),
        _pool_said(outcome),
        *series.late(outcome.family),
        *_withheld(outcome),
        *_not_begun(outcome),
    ]


def answered(outcome: Outcome) -> bool:
    """Is anybody shown to hold others up, or not to?"""
    every = [_by_verdict(outcome, ms) for ms in outcome.scenario.steps["deadlines_ms"]]
    return any(found["above"] or found["below"] for found in every)


#: What is said of those who are not shown to hold anybody up, by where the intervals of their ratios lie.
VERDICTS = {
    "below": "Shown not to: at most twice as slow in each fault",
    "across": "Shown neither to hold them up nor to keep them at most twice as slow",
    "none": "Without a verdict",
}
HELD_UP = 2.0  # times their usual p99: more, and unrelated requests do notice


def verdict(found: dict[str, Estimate], asked: int) -> tuple[str, str]:
    """("above" or which of VERDICTS, the fault that shows it). One fault is enough to be held up; nobody is left in
    peace who is not shown to be so in all of them, which are so many as asked for."""
    ends = {fault: estimate.interval for fault, estimate in found.items() if estimate.interval}
    if not ends:
        return "none", max(found, key=lambda fault: found[fault].median)
    lowest = max(ends, key=lambda fault: ends[fault][0])
    if ends[lowest][0] > HELD_UP:
        return "above", lowest
    highest = max(ends, key=lambda fault: ends[fault][1])
    return "below" if ends[highest][1] <= HELD_UP and len(ends) == asked else "across", highest


def _by_verdict(outcome: Outcome, ms: int) -> dict[str, dict[str, str]]:
    """Verdict → model → the figure of the fault that decides."""
    found: dict[str, dict[str, str]] = {name: {} for name in ("above", *VERDICTS)}
    for member in of_deadline(outcome, ms):
        ratios = isolations(outcome, member)
        if ratios:
            name, fault = verdict(ratios, len(outcome.scenario.steps["faults"]))
            found[name][words.label(plans.model_of(member))] = f"{fault}: {_times(ratios[fault])}"
    return found


def _names(found: dict[str, str]) -> dict[str, str]:
    """Without figures, which stand in the table."""
    return dict.fromkeys(found, "")


def _listed(found: dict[int, dict[str, str]], nobody: str) -> str:
    """Deadline by deadline."""
    each = {ms: [f"{who} ({figure})" if figure else who for who, figure in one.items()] for ms, one in found.items()}
    return "; ".join(f"{deadline_said(ms)} {words.listed(said) if said else nobody}" for ms, said in each.items())


def _times(found: Estimate | None) -> str:
    """ "12 × (9 to 15)"; whole numbers beyond ten."""
    if found is None:
        return "–"
    decimals = 0 if math.isinf(found.median) or found.median >= 10 else 1
    said = series.number(found.median, 1, decimals, "never answered")
    if not math.isinf(found.median):
        said += f"{words.SPACE}×"
    return f"{said} ({series.ends(found, 1, decimals, 'never answered')})" if found.interval else said


def _waiting(outcome: Outcome) -> list[str]:
    """Which pool of threads is full by arithmetic: it tells of its size what might be taken for the model's."""
    steps, pools = outcome.scenario.steps, outcome.scenario.pools
    here = [row for row in dict.fromkeys(map(plans.model_of, outcome.family.plan["members"])) if row in pools]
    if "stalled" not in steps["faults"] or not here:
        return []
    parts = []
    for ms in steps["deadlines_ms"]:
        longest_s = min(steps["fault_s"], ms / 1e3 if ms else math.inf)
        most = steps["misses_hz"] * longest_s
        full = [words.label(row) for row in here if pools[row]["threads"] <= most]
        said = f"{words.fixed(most, 0)} {deadline_said(ms)} ({steps['misses_hz']:g}/s × {longest_s:g}{words.SPACE}s)"
        parts.append(f"{said}, which {'fills ' + words.listed(full) if full else 'fills no pool of threads here'}")
    return [
        f"While the service is stalled, so many requests wait for it at once: {'; '.join(parts)}. A full pool holds up"
        " whoever comes next: how many threads it has is a setting, to be chosen by such a figure."
    ]


def _back_said(outcome: Outcome) -> str:
    """Over all models and faults; one by one they are in the tables."""
    parts = []
    for ms in outcome.scenario.steps["deadlines_ms"]:
        every = [
            _recovery(outcome, member, fault, kind)
            for member in of_deadline(outcome, ms)
            for fault in outcome.scenario.steps["faults"]
            for kind in (HITS, MISSES)
        ]
        parts.append(f"{series.hull(every, 1e9, 2, NEVER, 's')} {deadline_said(ms)}")
    return f"As fast as before again, hits and misses, over all models and faults: after {'; '.join(parts)}."


def _pool_said(outcome: Outcome) -> str:
    parts = []
    for ms in outcome.scenario.steps["deadlines_ms"]:
        each = {
            phase: series.hull([_pool(outcome, m, phase, "max") for m in of_deadline(outcome, ms)])
            for phase in (NORMAL, *outcome.scenario.steps["faults"])
        }
        parts.append(f"{deadline_said(ms)} {', '.join(f'{phase} {said}' for phase, said in each.items())}")
    return f"Connections to it, over all models, {_most_in_use(outcome)}: {'; '.join(parts)}."


def _most_in_use(outcome: Outcome) -> str:
    """Between two looks there may have been more."""
    limit = outcome.scenario.server["downstream_connections"]
    of = f" of {limit}" if limit else ""
    return f"most seen in use{of} (a look every {1e3 * watching.EVERY_S:g}{words.SPACE}ms)"


def _p99(outcome: Outcome, member: str, phase: str, kind: str = HITS) -> Estimate | None:
    return series.estimate(begun.of(outcome, phase), member, f"{faults.metric(phase)}_{kind}_p99_ns", math.inf)


def _withheld(outcome: Outcome) -> list[str]:
    return series.withheld(outcome.family, outcome.family.plan["members"], f"{NORMAL}_{HITS}_p99_ns")


def _not_begun(outcome: Outcome) -> list[str]:
    """A sentence for each fault that some have no figures of, though they have others."""
    found, metric = [], f"{NORMAL}_{HITS}_p99_ns"
    for fault in outcome.scenario.steps["faults"]:
        part, lacking = begun.of(outcome, fault), dict[str, str]()
        for ms in outcome.scenario.steps["deadlines_ms"]:
            for member in of_deadline(outcome, ms):
                why = part.why_withheld(member, metric)
                if why and not outcome.family.why_withheld(member, metric):
                    lacking[f"{words.label(plans.model_of(member))} {deadline_said(ms)}"] = why
        if lacking:
            found.append(
                f"No figures of {fault} for {words.listed(lacking)}: what came before it was not over when it began"
                f" ({'; '.join(dict.fromkeys(lacking.values()))})."
            )
    return found


def tables(outcome: Outcome) -> list[Table]:
    limits = readings.limits(outcome, "over all phases together")
    slots = [_slots(outcome, ms) for ms in outcome.scenario.steps["deadlines_ms"]]
    return [_hits(outcome), _misses(outcome), _kinds(outcome), limits, *slots]


def _start(outcome: Outcome, member: str, phase: str) -> list[str]:
    return [plans.setting_of(member), words.label(plans.model_of(member)), phase]


def _recovery(outcome: Outcome, member: str, fault: str, kind: str) -> Estimate | None:
    name = faults.metric(back_name(fault))
    return series.estimate(begun.of(outcome, fault), member, f"{name}_{kind}_recovery_ns", math.inf)


def _back(outcome: Outcome, member: str, fault: str, kind: str) -> str:
    return series.shown(_recovery(outcome, member, fault, kind), 1e9, 2, "", NEVER)


def _pool(outcome: Outcome, member: str, phase: str, what: str) -> Estimate | None:
    return series.estimate(begun.of(outcome, phase), member, f"{faults.metric(phase)}_pool_{what}")


def _bad(outcome: Outcome, member: str, phase: str, kind: str) -> str:
    found = series.estimate(begun.of(outcome, phase), member, f"{faults.metric(phase)}_{kind}_bad_share")
    return series.shown(found, 0.01, 1)


def _tail(outcome: Outcome, kind: str) -> str:
    """What the 99th percentile of a phase is."""
    every = (p for m in outcome.family.plan["members"] for s in series.good(outcome.family, m).values()
             for p in s["timeline"]["phases"])  # fmt: skip
    return p99_said(phase[kind]["planned"] for phase in every)


def _tail_of_slot(outcome: Outcome, kind: str) -> str:
    """ "slowest of 31 to 74 hits"."""
    every = (s for m in outcome.family.plan["members"] for s in series.good(outcome.family, m).values())
    said = p99_said(due for sample in every for due in sample["timeline"][kind]["planned"] if due)
    return f"p99 of {kind}" if said == "p99" else f"{said} {kind}"


def _hits(outcome: Outcome) -> Table:
    table = Table(
        "Unrelated requests (hits), fault by fault; medians of rounds with intervals of the sign test, each at 95 %",
        [
            Column("deadline"),
            Column("model"),
            Column("downstream is"),
            Column(f"{_tail(outcome, HITS)}, ms", True),
            Column("÷ normal", True),
            Column("no right answer, %", True),
            Column("as before after, s", True),
            Column("rounds", True),
        ],
        notes=[
            series.EACH,
            "A request belongs to the phase in which it was due, and its latency counts from then; one without a right"
            " answer counts as never answered. As before: the end of the first slot of"
            f" {outcome.scenario.steps['slot_ms']} ms after the service was back in which all was rightly answered,"
            f" the {_tail_of_slot(outcome, HITS)} after at most {outcome.scenario.level['back_factor']:g} × the time of a"
            " slot before (of their median, which is less than the p99 of all of normal); misses alike. What was due in"
            " the last slot of normal, or of a pause after a fault, counts for neither: it may have been under way when"
            " the next fault began.",
            "Faults come in an order that each process draws. Where none of the last three slots before one was as fast"
            " as before (hits, or misses), that process has no figures of it.",
        ],
    )
    for member in outcome.family.plan["members"]:
        for phase in (NORMAL, *outcome.scenario.steps["faults"]):
            fault = phase != NORMAL
            counted = series.rounds(begun.of(outcome, phase), member, f"{phase}_{HITS}_p99_ns", math.inf)
            table.add(
                *_start(outcome, member, phase),
                series.marked(outcome.family, member, series.shown(_p99(outcome, member, phase), 1e6, 1)),
                _times(isolation(outcome, member, phase)) if fault else "–",
                _bad(outcome, member, phase, HITS),
                _back(outcome, member, phase, HITS) if fault else "–",
                str(len(counted)),
            )
    table.notes += series.dagger(outcome.family)
    return table


def _misses(outcome: Outcome) -> Table:
    table = Table(
        "Those that ask the downstream service (misses), and the connections to it, phase by phase",
        [
            Column("deadline"),
            Column("model"),
            Column("phase"),
            Column(f"{_tail(outcome, MISSES)}, ms", True),
            Column("no right answer, %", True),
            Column(_most_in_use(outcome), True),
            Column("on average", True),
            Column("as before after, s", True),
        ],
        folded=True,
    )
    for member in outcome.family.plan["members"]:
        for phase in faults.phases(outcome.scenario.steps["faults"]):
            most, mean = (_pool(outcome, member, phase, what) for what in ("max", "mean"))
            table.add(
                *_start(outcome, member, phase),
                series.marked(outcome.family, member, series.shown(_p99(outcome, member, phase, MISSES), 1e6, 1)),
                _bad(outcome, member, phase, MISSES),
                series.shown(most),
                series.shown(mean, 1, 1),
                _back(outcome, member, phase, MISSES) if phase in outcome.scenario.steps["faults"] else "–",
            )
    table.notes += series.dagger(outcome.family)
    return table


def _kinds(outcome: Outcome) -> Table:
    """What requests without a right answer got instead, summed over rounds."""
    table = Table(
        "What came instead of right answers, over all rounds: 503 the server refuses, 502 the call failed, 504 its"
        " deadline passed",
        [Column("deadline"), Column("model"), Column("phase"), Column("hits"), Column("misses")],
        folded=True,
    )
    family = outcome.family
    for member in family.plan["members"]:
        for phase in faults.phases(outcome.scenario.steps["faults"]):
            said = []
            for kind in (HITS, MISSES):
                total: dict[str, int] = {}
                for each in _phases(outcome, member, phase):
                    for name, number in each[kind]["kinds"].items():
                        total[name] = total.get(name, 0) + number
                said.append(", ".join(f"{n} × {name}" for name, n in sorted(total.items())) or "none")
            if said != ["none", "none"]:
                table.add(plans.setting_of(member), words.label(plans.model_of(member)), phase, *said)
    return table


def _phases(outcome: Outcome, member: str, name: str) -> list[dict[str, Any]]:
    """Of all processes that have figures of it."""
    samples = series.good(begun.of(outcome, name), member).values()
    return [phase for sample in samples for phase in sample["timeline"]["phases"] if phase["name"] == name]


def _planned(outcome: Outcome) -> list[tuple[str, float, float]]:
    """(phase, from when, until when, in seconds), the faults in the file's order: so are they drawn, and told slot by
    slot, whatever their order in a process was."""
    steps, found, begin = outcome.scenario.steps, list[tuple[str, float, float]](), 0.0
    for name, seconds in zip(faults.phases(steps["faults"]), faults.planned_s(steps), strict=True):
        found.append((name, begin, begin + seconds))
        begin += seconds
    return found


def _timeline(outcome: Outcome, member: str, kind: str) -> list[tuple[float, float | None]]:
    """(when a slot begins, p99 in ms), each phase with as many slots as it was planned to have."""
    slot_s, found = outcome.scenario.steps["slot_ms"] / 1e3, []
    for name, begin, end in _planned(outcome):
        every = [phase[kind]["slots"]["p99_ns"] for phase in _phases(outcome, member, name)]
        for i in range(int((end - begin) / slot_s + 1e-6)):
            middle = series.middle(each[i] for each in every if i < len(each))
            found.append((begin + i * slot_s, None if middle is None else middle / 1e6))
    return found


def _slots(outcome: Outcome, ms: int) -> Table:
    """A picture's data."""
    members, slot_s = of_deadline(outcome, ms), outcome.scenario.steps["slot_ms"] / 1e3
    names = [words.label(plans.model_of(m)) for m in members]
    table = Table(
        f"Slot by slot of {slot_s:g} s, {deadline_said(ms)}, medians of rounds, phases in the file's order: in ms, of"
        f" the right answers to what was due, {_tail_of_slot(outcome, HITS)} and {_tail_of_slot(outcome, MISSES)}",
        [Column("from, s", True), *(Column(f"{name}: {kind}", True) for name in names for kind in (HITS, MISSES))],
        folded=True,
        shows=(outcome.chart(deadline_name(ms)),),
    )
    columns = [_timeline(outcome, m, kind) for m in members for kind in (HITS, MISSES)]
    for row in zip(*columns, strict=True):
        table.add(f"{row[0][0]:.2f}", *("–" if ms is None else words.fixed(ms, 1) for _, ms in row))
    return table


def pictures(outcome: Outcome) -> list[Chart]:
    """One for each deadline: the models together."""
    return [_picture(outcome, ms) for ms in outcome.scenario.steps["deadlines_ms"]]


def _picture(outcome: Outcome, ms: int) -> Chart:
    members, slot_s = of_deadline(outcome, ms), outcome.scenario.steps["slot_ms"] / 1e3
    lines = [
        TimeLine(k, i, [(from_s + slot_s / 2, y) for from_s, y in _timeline(outcome, member, kind)])
        for i, member in enumerate(members)
        for k, kind in enumerate((HITS, MISSES))
    ]
    return timeline(
        outcome.chart(deadline_name(ms)),
        f"A downstream service that fails, {deadline_said(ms)}",
        "How late the slowest of each slot are, over time: requests that do not need the downstream service and those"
        " that do, by model, while it is slow, stalls, refuses, dies and comes back. The figures are in the table.",
        [
            Panel(f"{said}: {_tail_of_slot(outcome, kind)}", "ms", True)
            for said, kind in (("Unrelated requests", HITS), ("Those that ask it", MISSES))
        ],
        lines,
        [words.label(plans.model_of(m)) for m in members],
        [Span(begin, end, name) for name, begin, end in _planned(outcome) if name in faults.FAULTS],
        f"seconds, faults in the file's order; a mark for each {outcome.scenario.steps['slot_ms']} ms, median of rounds",
    )
