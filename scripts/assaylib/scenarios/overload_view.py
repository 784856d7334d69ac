# SPDX-License-Identifier: MIT
"""What the lines of servers that were asked for too much say (overload.py)."""

from __future__ import annotations

from typing import Any

from .. import words
from ..blocks import Column, Table
from ..charts import Chart, Panel, Span, TimeLine, timeline
from ..intervals import median, p99_said
from ..judge import Estimate
from . import plans, readings, series
from .outcome import Outcome

NEVER = "not while it was watched"
NEITHER = "neither answered nor refused"
HARDLY = 0.5  # of what is too much: of who refuses less than that, most of it waits somewhere else


def ends_ns(steps: dict[str, Any]) -> tuple[int, int, int]:
    """Where before, overload and after end."""
    before = round(steps["before_s"] * 1e9)
    over = before + round(steps["overload_s"] * 1e9)
    return before, over, over + round(steps["after_s"] * 1e9)


def of_setting(outcome: Outcome, setting: str) -> list[str]:
    return [m for m in outcome.family.plan["members"] if plans.setting_of(m) == setting]


def _limit(outcome: Outcome) -> str:
    return f"{words.fixed(outcome.scenario.level['p99_us'] / 1e3, 0)}{words.SPACE}ms"


def answer(outcome: Outcome) -> list[str]:
    steps = outcome.scenario.steps
    every = {m: found for m in outcome.family.plan["members"] if (found := _useful(outcome, m))}
    if not every:
        return [outcome.nothing, _memory_said(outcome), *_withheld(outcome)]
    parts = [_lead(outcome, full) for full in steps["on_full"]]
    sure = series.how_sure(list(every.values()), "intervals at 95 % each")
    asked = f"{steps['factor']:g} times {_maximum(steps)}, for {steps['overload_s']:g}{words.SPACE}s"
    first = f"**Answered within {_limit(outcome)} at {asked}, in % of that maximum: {'; '.join(parts)}**{sure}."
    said = [first, *(_said(outcome, full) for full in steps["on_full"]), *_never_full(outcome)]
    return [*said, _memory_said(outcome), *series.late(outcome.family), *_withheld(outcome)]


def answered(outcome: Outcome) -> bool:
    """Of anybody, with an interval."""
    useful = [_useful(outcome, member) for member in outcome.family.plan["members"]]
    return any(found is not None and found.interval for found in useful)


def _maximum(steps: dict[str, Any]) -> str:
    """What an overload is a multiple of. Older runs know it by another name: theirs was never stated."""
    stated = steps.get("maximum_hz")
    return f"{words.fixed(stated, 0)}/s, a stated maximum" if stated else "each server's closed-loop maximum"


def _useful(outcome: Outcome, member: str) -> Estimate | None:
    return series.estimate(outcome.family, member, "useful_share")


def _lead(outcome: Outcome, full: str) -> str:
    useful = {plans.model_of(m): _useful(outcome, m) for m in of_setting(outcome, full)}
    said = (f"{words.label(model)} {series.shown(found, 0.01)}" for model, found in useful.items() if found)
    return f"`{full}` {', '.join(said) or 'without numbers'}"


def _said(outcome: Outcome, full: str) -> str:
    """Every model with its intervals."""
    said = []
    for member in of_setting(outcome, full):
        refused, neither, age, back = (
            series.estimate(outcome.family, member, metric, float("inf") if metric == "recovery_ns" else None)
            for metric in ("refused_share", "neither_share", "over_p50_ns", "recovery_ns")
        )
        if refused:
            dropped = f" {series.shown(neither, 0.01, 1, '%')} {NEITHER}," if neither and max(neither.values) else ""
            said.append(
                f"{words.label(plans.model_of(member))} {series.shown(refused, 0.01, 0, '%')} of what was offered"
                f" refused,{dropped}"
                f" the median answer {series.shown(age, 1e6, 1, 'ms')} old,"
                f" as fast as before after {series.shown(back, 1e9, 1, 's', NEVER)}"
            )
    return f"`{full}`: {'; '.join(said) or 'no numbers'}."


def _never_full(outcome: Outcome) -> list[str]:
    """Who was to refuse and hardly did, nor dropped anything: a model that carries each request to its end
    before it reads the next has few inside, whatever waits for it."""
    family, scenario = outcome.family, outcome.scenario

    def gone(member: str) -> list[float]:
        """Round by round, in order: the shares refused and dropped."""
        refused, dropped = (series.rounds(family, member, m) for m in ("refused_share", "neither_share"))
        return sorted(share + dropped.get(number, 0.0) for number, share in refused.items())

    too_much = 1 - 1 / scenario.steps["factor"]
    lost = {m: each for m in of_setting(outcome, "reject") if (each := gone(m))}
    open_doors = [m for m, each in lost.items() if median(each) <= HARDLY * too_much]
    if not open_doors or not too_much:
        return []
    never = not any(lost[m][-1] for m in open_doors)
    most = max(median(lost[m]) for m in open_doors)
    what = (
        "refused nothing"
        if never
        else f"refused or dropped no more than {words.ceiling(100 * most, 1)}{words.SPACE}% of what was offered in"
        f" half of the rounds, of which {words.percent(too_much, 0)} was too much"
    )
    late = [s["timeline"]["over"]["held_back"] for m in open_doors for s in series.good(family, m).values()]
    more = f", and beyond the {scenario.load['connections']} connections in the generator" if any(late) else ""
    names = words.listed(words.label(plans.model_of(m)) for m in open_doors)
    return [
        f"Told to refuse, {names} {what}: the {scenario.server['queue_limit']} places inside were"
        f" {'never' if never else 'not always'} full, and {'what was too much' if never else 'the rest'}"
        f" waited before them, in the sockets{more}, as with `wait`."
    ]


def _memory_said(outcome: Outcome) -> str:
    """Of every process, whatever became of it: no round is an excuse for another."""
    limit = outcome.scenario.level["rss_growth_mb"]
    grown: dict[str, list[float]] = {}
    for line in outcome.lines:
        if (found := (line.get("metrics") or {}).get("rss_growth_bytes")) is not None:
            grown.setdefault(line["member"], []).append(found / 1e6)
    if not grown:
        return "Memory: no number."
    every = [mb for values in grown.values() for mb in values]
    over = {member: sum(mb > limit for mb in values) for member, values in grown.items()}
    bad = [f"{words.label(m)} in {n} of {words.counted(len(grown[m]), 'round')}" for m, n in over.items() if n]
    if bad:
        return (
            f"**Memory was not bounded: it grew by more than {limit:g}{words.SPACE}MB under {words.listed(bad)}, by up to"
            f" {words.ceiling(max(every), 1)}{words.SPACE}MB.**"
        )
    low, high = words.floor(min(every), 1), words.ceiling(max(every), 1)
    return (
        f"Memory grew by {low if low == high else f'{low} to {high}'}{words.SPACE}MB over what it was before, in every"
        f" process; more than {limit:g}{words.SPACE}MB would have failed."
    )


def _withheld(outcome: Outcome) -> list[str]:
    return series.withheld(outcome.family, outcome.family.plan["members"], "useful_share")


Columns = tuple[tuple[str, str, float, int], ...]
ANSWERED: Columns = (
    ("maximum, 1/s", "maximum_hz", 1, 0),
    ("answered, % of it", "goodput_share", 0.01, 0),
    ("in time, % of it", "useful_share", 0.01, 0),
    ("refused, % of offered", "refused_share", 0.01, 0),
    (f"{NEITHER}, %", "neither_share", 0.01, 1),
    ("back after, s", "recovery_ns", 1e9, 1),
)
AGE: Columns = (
    ("offered, 1/s", "offered_hz", 1, 0),
    ("p99 of a slot before, ms", "before_p99_ns", 1e6, 1),
    ("age p50, ms", "over_p50_ns", 1e6, 1),
    ("age p99, ms", "over_p99_ns", 1e6, 1),
    ("inside the server, ms", "inside_age_ns", 1e6, 1),
    ("server busy, %", "over_server_busy_percent", 1, 0),
    ("generator busy, %", "over_load_busy_percent", 1, 0),
    ("memory before, MB", "rss_before_bytes", 1e6, 1),
    ("grown by, MB", "rss_growth_bytes", 1e6, 1),
)


def tables(outcome: Outcome) -> list[Table]:
    scenario = outcome.scenario
    steps = scenario.steps
    answered = _figures(
        outcome,
        f"Overload of {steps['factor']:g} × {_maximum(steps)}, for {steps['overload_s']:g} s, between"
        f" {steps['base_share']:g} × of it; medians of rounds with intervals of the sign test, each at 95 %",
        ANSWERED,
    )
    answered.notes += [
        series.EACH,
        _how_measured(steps),
        f"In time: answered within {_limit(outcome)} of when it was due. Back: the end of the first slot of"
        f" {steps['slot_ms']} ms in which all was answered with a p99 of at most {scenario.level['back_factor']:g} ×"
        " that of a slot before (of their median). In time is a share of the whole overload: where answers come too"
        " late once the queue has grown, a longer one leaves less. Neither answered nor refused: the connection was"
        " reset, no answer came before load's time-out, or none of load's connections came free.",
    ]
    age = _figures(outcome, "Age of the queue, who was busy, and memory; medians and intervals as above", AGE)
    age.notes += [
        "Age: of right answers to what was due in the overload, from when it was due. Inside the server: by Little's"
        " law, from the requests inside and the answers that its admin address tells; the rest of the age was spent"
        " before its door. Busy: of one CPU, in the overload alone; a generator that polls without what it polled in"
        " vain. Grown: the most resident memory since the overload began, over the most before it."
    ]
    if (tail := _tail_of_slot(outcome)) != "p99":
        age.notes.append(f"A slot is short: its p99 is the {tail} requests.")
    limits = readings.limits(outcome, "before, overload and after together")
    return [answered, age, *readings.class_table(outcome, "Due in the overload"), limits, _timeline(outcome)]


def _tail_of_slot(outcome: Outcome) -> str:
    every = (s for m in outcome.family.plan["members"] for s in series.good(outcome.family, m).values())
    return p99_said(due for sample in every for due in sample["timeline"]["planned"] if due)


def _how_measured(steps: dict[str, Any]) -> str:
    if steps.get("maximum_hz"):
        return "Maximum: as the file states it, not measured."
    by = f" by {steps['maximum_connections']} connections" if "maximum_connections" in steps else ""
    return (
        f"Maximum: answers per second in a closed loop right before, asked for{by} that each wait for their answer."
        " It is not the highest rate at a service level, which the scenario capacity finds."
    )


def _figures(outcome: Outcome, caption: str, columns: Columns) -> Table:
    family = outcome.family
    table = Table(
        caption,
        [Column("on full"), Column("model"), *(Column(name, True) for name, *_ in columns), Column("rounds", True)],
    )
    for member in family.plan["members"]:
        row = [plans.setting_of(member), words.label(plans.model_of(member))]
        for _, metric, divisor, decimals in columns:
            missing = float("inf") if metric == "recovery_ns" else None
            found = series.estimate(family, member, metric, missing)
            cell = series.shown(found, divisor, decimals, beyond=NEVER)
            row.append(series.marked(family, member, cell) if metric.endswith(("p50_ns", "p99_ns")) else cell)
        table.add(*row, str(len(series.rounds(family, member, "useful_share"))))
    if any(metric.endswith(("p50_ns", "p99_ns")) for _, metric, _, _ in columns):
        table.notes += series.dagger(family)
    return table


#: (title, unit, key of the timeline, what it is divided by, logarithmic)
PANELS = (
    ("Answers in time", "1/s", "within", 1.0, False),
    ("p99 of what was due", "ms", "p99_ns", 1e6, True),
)


def _timeline(outcome: Outcome) -> Table:
    """The pictures' data."""
    family, slot_s = outcome.family, outcome.scenario.steps["slot_ms"] / 1e3
    members = family.plan["members"]
    names = [f"{words.label(plans.model_of(m))}, {plans.setting_of(m)}" for m in members]
    table = Table(
        f"Slot by slot of {slot_s:g} s, medians of rounds: answers in time per second, and p99 in ms of the right"
        " answers to what was due",
        [Column("from, s", True), *(Column(f"{name}: {what}", True) for name in names for what in ("1/s", "p99"))],
        folded=True,
        shows=tuple(map(outcome.chart, outcome.scenario.steps["on_full"])),
    )
    columns = [
        series.timeline(family, m, key, divisor * (slot_s if key == "within" else 1))
        for m in members
        for _, _, key, divisor, _ in PANELS
    ]
    for i in range(max(map(len, columns), default=0)):
        cells = [column[i] if i < len(column) else None for column in columns]
        table.add(f"{i * slot_s:.2f}", *("–" if c is None else words.fixed(c, k % 2) for k, c in enumerate(cells)))
    return table


def pictures(outcome: Outcome) -> list[Chart]:
    """One for each setting: the models together."""
    return [_picture(outcome, full) for full in outcome.scenario.steps["on_full"]]


def _picture(outcome: Outcome, full: str) -> Chart:
    family, steps = outcome.family, outcome.scenario.steps
    slot_s = steps["slot_ms"] / 1e3
    lines = []
    for i, member in enumerate(of_setting(outcome, full)):
        for k, (_, _, key, divisor, _) in enumerate(PANELS):
            values = series.timeline(family, member, key, divisor * (slot_s if key == "within" else 1))
            lines.append(TimeLine(k, i, [((n + 0.5) * slot_s, y) for n, y in enumerate(values)]))
    begin, end, _ = (ns / 1e9 for ns in ends_ns(steps))
    return timeline(
        outcome.chart(full),
        f"Overload, on_full = {full}",
        f"Answers in time and the 99th percentile over time, by model, through {steps['overload_s']:g} s of"
        f" {steps['factor']:g} times {_maximum(steps)}. The figures are in the table.",
        [Panel(title, unit, log) for title, unit, _, _, log in PANELS],
        lines,
        [words.label(plans.model_of(m)) for m in of_setting(outcome, full)],
        [Span(begin, end, f"{steps['factor']:g} × the maximum")],
        f"seconds; a mark for each {steps['slot_ms']} ms, median of rounds",
    )
