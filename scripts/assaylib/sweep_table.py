# SPDX-License-Identifier: MIT
"""What a sweep says: which setting to take, what that gains, and what a wrong one would have cost.

The best of many looks better than it is. So the odd rounds choose, and the even rounds say what the
choice is worth: they had no say in it. The highest throughput alone would choose a setting that
burns CPU time, or lets others wait, for what is no more than noise: among those whose throughput is
not told from the highest, by the run's own margin, the one of the least CPU time per request is
chosen; where somebody waits, among those of the least CPU time, by the same margin, the one that lets
him wait least.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Sequence

from . import UsageError, checks, judge, store, words
from .blocks import Cell, Column, Items, Raw, Section, Table, Text
from .intervals import ALPHA
from .judge import Estimate, Family
from .store import SWEEP_TIER as TIER
from .verdicts import BETTER

METRIC, CPU, OTHER = "closed_hz", "cpu_ns_per_request", "other_p50_ns"
METRICS = (METRIC, CPU, OTHER)


@dataclass(frozen=True)
class Distance:
    """Of one setting from another in one metric, from the even rounds: a ratio above 1 is in favour of the first."""

    metric: str
    estimate: Estimate | None

    @property
    def told(self) -> bool:
        return bool(self.estimate and self.estimate.interval and self.estimate.interval[0] > 0)


@dataclass(frozen=True)
class Choice:
    """Of one model under one kind of work."""

    family: Family
    best: str  #: of the odd rounds; may be the default
    gain: Distance | None  #: of it over the default; None: it is the default
    why_stays: str  #: the default is good enough, because …; empty: it is not
    worst: str  #: farthest from the one that is kept, in the odd rounds
    loss: Distance  #: of the one that is kept over it

    @property
    def tuned(self) -> str:
        return self.family.baseline if self.why_stays else self.best


def about(load: dict[str, Any]) -> str:
    """The work that a family's settings were tried under."""
    how = {"in_process": " in process", "pipelined": ", pipelined", "overload": ", too many and in bursts", "calls": ", each waiting for a service"}
    return f"{load['workload']}{how.get(load.get('how', ''), ' behind sockets')}"


def read(folder: Path) -> tuple[dict[str, Any], store.Samples]:
    check(folder)
    return store.sound(folder)


def check(folder: Path) -> None:
    if store.read_run(folder)["tier"] != TIER:
        raise UsageError(f"{folder}: not a sweep")


def _half(family: Family, member: str, other: str, metric: str, odd: bool) -> list[float]:
    pairs = family.paired(member, other, metric, metric == METRIC)
    return [value for number, value in pairs if number % 2 == odd]


def _gains(family: Family, metric: str) -> dict[str, float]:
    """Over the default, in the odd rounds, as logs; of the default itself 0."""
    found = {family.baseline: 0.0}
    for member in family.candidates:
        if values := _half(family, member, family.baseline, metric, True):
            found[member] = judge.median(values)
    return found


def _margin(family: Family, metric: str) -> float:
    """As a log: the run's own, or what the default differs from itself by if that is more."""
    known = family.deltas.get(metric)
    if known is not None:
        return math.log1p(known)
    same = [v for alias in family.plan["aliases"] for v in family.advantages(alias, family.baseline, metric, False)]
    return max(math.log1p(family.declared), abs(judge.median(same)) if same else 0.0)


def choose(family: Family) -> Choice | None:
    """None without rounds to choose by."""
    gains = {metric: _gains(family, metric) for metric in METRICS}
    if len(gains[METRIC]) == 1:
        return None
    best = _best(family, gains)
    gain = _gain(family, best) if best != family.baseline else None
    why = _why_stays(family, gain, best)
    kept = family.baseline if why else best
    worst, metric = _worst(family, gains, kept)
    return Choice(family, best, gain, why, worst, _distance(family, kept, worst, metric))


def _best(family: Family, gains: dict[str, dict[str, float]]) -> str:
    left = list(gains[METRIC])
    order = [metric for metric in METRICS if len(gains[metric]) > 1]
    for metric in order:
        found = {member: gains[metric].get(member, -math.inf) for member in left}
        slack = _margin(family, metric) if metric != order[-1] else 0.0
        left = [member for member in left if found[member] >= max(found.values()) - slack]
    return left[0]


def _distance(family: Family, member: str, other: str, metric: str) -> Distance:
    values = _half(family, member, other, metric, False)
    return Distance(metric, Estimate.of(values, ALPHA) if values else None)


def _gain(family: Family, best: str) -> Distance:
    """By what it is told from the default, if by anything; else by what was looked at last."""
    found = [_distance(family, best, family.baseline, metric) for metric in METRICS]
    known = [each for each in found if each.estimate]
    told = (each for each in known if _more_than_margin(family, best, family.baseline, each))
    return next(told, known[-1] if known else found[0])


def _more_than_margin(family: Family, member: str, other: str, distance: Distance) -> bool:
    interval = distance.estimate.interval if distance.estimate else None
    allowed = family.bound_allows(member, other, distance.metric, BETTER)
    return bool(allowed and interval and interval[0] > _margin(family, distance.metric))


def _why_stays(family: Family, gain: Distance | None, best: str) -> str:
    """Why what a setting gains over the default is not enough; empty: it is."""
    if gain is None:
        return "nothing came out better than the default in the odd rounds"
    if gain.estimate is None or gain.estimate.interval is None:
        return "which are too few to tell"
    for metric in METRICS:
        if _more_than_margin(family, family.baseline, best, _distance(family, family.baseline, best, metric)):
            return f"but the default is better by {_NAMES[metric]}"
    if _more_than_margin(family, best, family.baseline, gain):
        return ""
    if not family.bound_allows(best, family.baseline, gain.metric, BETTER):
        return "where the rig was the limit: what the default serves is at least that"
    low, margin = gain.estimate.interval[0], _margin(family, gain.metric)
    if low <= 0:
        return "which is less" if gain.estimate.interval[1] < 0 else "which is not told from 1"
    if margin > math.log1p(family.declared):
        return "which is not told from the default's own spread"
    return f"which is told from the default, but not shown to be more than the margin of {words.margin(math.expm1(margin))}"


def _worst(family: Family, gains: dict[str, dict[str, float]], kept: str) -> tuple[str, str]:
    """(setting, metric): where most is lost against the one that is kept, in the odd rounds. A throughput that the
    rig bounds has no say."""
    lost = {
        (member, metric): found[kept] - found[member]
        for metric, found in gains.items()
        if kept in found
        for member in found
        if member != kept and family.bound_allows(kept, member, metric, BETTER)
    }
    return max(lost, key=lost.__getitem__, default=(next(m for m in gains[METRIC] if m != kept), METRIC))


_NAMES = {METRIC: "throughput", CPU: "CPU time per request", OTHER: "what others wait"}


def _ratio(estimate: Estimate | None) -> str:
    if estimate is None:
        return "–"
    said = f"{math.exp(estimate.median):.2f} ×"
    return said + (f" ({words.interval(estimate, 2, ' to ')})" if estimate.interval else " (no interval)")


def _fixed_rate(family: Family) -> str:
    """Under what CPU time is measured."""
    rate = family.plan["load"].get("rate_hz")  # behind sockets; else it is of the closed loop, too
    return f" (at a fixed rate of {words.fixed(rate, 0)} requests/s)" if rate else ""


def _said(family: Family, member: str, other: str, distance: Distance) -> str:
    """What speaks for the first."""
    one, two = (("the default" if m == family.baseline else m) for m in (member, other))
    ratio = _ratio(distance.estimate)
    return {
        METRIC: f"{one} serves {ratio} the requests of {two}",
        CPU: f"{two} takes {ratio} the CPU time per request of {one}{_fixed_rate(family)}",
        OTHER: f"with {two} others wait {ratio} as long as with {one}",
    }[distance.metric]


def verdict(choice: Choice) -> str:
    """Of one model under one kind of work."""
    family, load, best = choice.family, choice.family.plan["load"], choice.best
    model = f"{load['model']}, {about(load)}"
    if choice.gain is None:
        return f"{model}: {choice.why_stays}: it stays. {_wrong(choice)}"
    worth = _said(family, best, family.baseline, choice.gain)
    if choice.why_stays:
        said = f"{best} came out best in the odd rounds; in the even ones {worth}, {choice.why_stays}: the default stays"
    else:
        said = f"{worth}{_cost(choice)} in the even rounds, which had no say in choosing it"
    return f"{model}: {said}. {_wrong(choice)}"


def _cost(choice: Choice) -> str:
    """What a higher throughput takes of CPU time."""
    tuned, default = (choice.family.level(m, CPU) for m in (choice.best, choice.family.baseline))
    if not tuned or not default or not choice.gain or choice.gain.metric == CPU:
        return ""
    return f", at {tuned.median / default.median:.2f} × its CPU time per request{_fixed_rate(choice.family)},"


def _wrong(choice: Choice) -> str:
    """How far a wrong setting would have been from the right one; of what is not told no distance."""
    family, loss = choice.family, choice.loss
    kept, worst = (("the default" if m == family.baseline else m) for m in (choice.tuned, choice.worst))
    if loss.told:
        return f"A wrong setting is {worst}: {_said(family, choice.tuned, choice.worst, loss)}."
    few = loss.estimate is None or loss.estimate.interval is None
    why = "the even ones are too few to tell" if few else "the even ones do not tell it"
    return f"Farthest from {kept} in the odd rounds was {worst}, by {_NAMES[loss.metric]}; {why} ({_ratio(loss.estimate)})."


COLUMNS = (
    "model", "work", "setting", "", "requests/s", "CPU, µs/request", "others wait, µs", "throughput ÷ default",
    "interval", "rounds",
)  # fmt: skip


def rows(family: Family) -> list[list[str]]:
    """Every setting, with default and tuned named."""
    choice, table = choose(family), []
    for member in family.candidates:
        level, cpu, other = (family.level(member, metric) for metric in (METRIC, CPU, OTHER))
        c = family.compared(member, METRIC)
        e = c.estimate if c else None
        named = ["default"] if member == family.baseline else []
        named += ["tuned"] if choice and member == choice.tuned else []
        named += ["worst"] if choice and member == choice.worst and choice.loss.told else []
        table.append(
            [
                family.plan["load"]["model"],
                about(family.plan["load"]),
                "as it comes" if member == family.baseline else member,
                ", ".join(named),
                ("≥ " if member in family.bounded else "") + words.fixed(level.median, 0) if level else "–",
                words.fixed(cpu.median / 1e3, 1 if cpu.median >= 1e4 else 2) if cpu else "–",
                words.fixed(other.median / 1e3, 0) if other else "–",
                "1.000" if member == family.baseline else words.fixed(math.exp(e.median), 3) if e else "–",
                words.interval(e, 3, " to ") if e and e.interval else "",
                str(len(family.series(member, METRIC))),
            ]
        )
    return table


def text(run: dict[str, Any], samples: store.Samples) -> str:
    """For a terminal."""
    judged = judge.judge(run, samples.every)
    lines = []
    for family in judged.families:
        table = [list(COLUMNS), *rows(family)]
        widths = [max(len(cells[i]) for cells in table) for i in range(len(COLUMNS))]
        padded = ("  ".join(c.ljust(w) for c, w in zip(cells, widths, strict=True)) for cells in table)
        lines += [line.rstrip() for line in padded]
        choice = choose(family)
        lines += [verdict(choice) if choice else f"{family.id}: no rounds that count: nothing to choose by", ""]
    lines += [*map(conditions, judged.families[:1]), *checks.in_terminal(judged)]
    return "\n".join(lines).strip("\n")


def conditions(family: Family) -> str:
    """What the columns are figures of."""
    load = family.plan["load"]
    return (
        f"Requests/s: in a closed loop of {load['connections']} connections (behind sockets), of some that"
        " pipeline while another asks for one at a time (others wait: its median), right answers within 0.1 s where"
        " half as many again come as can be served (others wait: the median of right answers), or in process, where"
        " one thread shares one CPU with its client and several are not pinned. CPU per request: in the same loop, but"
        " behind sockets at a fixed rate, the same for all settings of a model, and of pipelined requests those of one"
        " connection alone. Medians of rounds; throughput ÷ default is"
        " the median over pairs of one round, and need not be the quotient of two medians. Intervals of one model"
        " and work hold together at 95 %. ≥: the rig was the limit, and this is a bound from below"
    )


def section(run: dict[str, Any], samples: store.Samples, raw: Sequence[Raw]) -> Section:
    """The appendix of a report."""
    judged = judge.judge(run, samples.every)
    table = Table(conditions(judged.families[0]), [Column(name, i > 3) for i, name in enumerate(COLUMNS)])
    for family in judged.families:
        for i, (model, work, *cells) in enumerate(rows(family)):
            table.add(Cell(model if i == 0 else "", "head"), work if i == 0 else "", *cells)
    choices = [choose(family) for family in judged.families]
    return Section(
        "sweep",
        "Default and tuned settings",
        [
            Text(
                f"Run {run['id']}, of {run['created']}: threads, batch, spin and queue limit, one at a time away from the default,"
                f" each in fresh servers. The default is {run['sweep_defaults']}. The odd rounds choose"
                " the highest throughput, of those that are not told apart in it the least CPU time, of those the least"
                " wait of others; the even rounds say what that is worth. Tuned is what they leave: the default, unless"
                " another is told to be better by more than the margin, and by nothing worse."
            ),
            Items([verdict(choice) for choice in choices if choice]),
            table,
            Items([f"{file.name} of {run['id']}: SHA-256 {file.sha256}" for file in raw]),
        ],
    )
