# SPDX-License-Identifier: MIT
"""A scenario that was run: its lines, judged, and who shares the first place."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .. import judge, store, words
from ..gates import INVALIDATING, gate_name
from ..intervals import ALPHA, median, order_interval, rounds_needed
from ..judge import Estimate, Family, Judgement
from .plans import model_of
from .scenario import Scenario

DELTA = 0.03  #: a difference below this is none (METHOD 1.6), nor one below what a kind's own A/A shows
#: Said beside a ranking of kinds that measure nothing twice: there it is all that there is.
NO_A_A = f"No A/A: a difference below {words.margin(DELTA)} is taken for none, whatever the machine did."


@dataclass(frozen=True)
class Outcome:
    scenario: Scenario
    facts: dict[str, Any]  #: run.json
    lines: list[dict[str, Any]]  #: every one of it, those that failed and those that do not count included
    judged: Judgement  #: of its families alone
    suffix: str = ""  #: tells pictures of several runs in one report apart

    @property
    def family(self) -> Family:
        """The first, which is the only one of most kinds."""
        return self.judged.families[0]

    @property
    def models(self) -> list[str]:
        """In the plan's order, without aliases."""
        return list(dict.fromkeys(model_of(m) for f in self.judged.families for m in f.plan["members"]))

    def chart(self, name: str) -> str:
        """What a picture is called: unique in a report."""
        return f"scenario-{self.scenario.name}-{name}{self.suffix}"

    @property
    def all_discarded(self) -> bool:
        """The machine was too busy for any process to count."""
        return 0 < len(self.lines) == sum(len(f.discarded) for f in self.judged.families)

    @property
    def nothing(self) -> str:
        """Why there is no answer at all."""
        failed = [line for f in self.judged.families for line in f.failures]
        if self.all_discarded:
            return "No answer: every process was discarded (steal, other programs): the machine was busy."
        if failed:
            why = words.reason(failed[0].get("reason"))
            return f"No answer: {len(failed)} of {len(self.lines)} processes failed: {why}"
        why = self.failed_gates(self.models)
        return f"No answer: no process has a figure that counts{': ' if why else ''}{why}."

    def failed_gates(self, models: Iterable[str]) -> str:
        """Which of them any process of these has failed; "" if none has."""
        mine = set(models)
        every = [g for f in self.judged.families for g in f.gates if model_of(g.member) in mine]
        gates = [g for g in every if g.failed and g.scope in INVALIDATING]
        limits = (f"{g.limit:g}" if isinstance(g.limit, (int, float)) else str(g.limit) for g in gates)
        names = dict.fromkeys(f"{gate_name(g.name)} (limit {limit})" for g, limit in zip(gates, limits))
        return f"gates failed: {words.listed(names)}" if names else ""


def outcomes(facts: dict[str, Any], samples: store.Samples, suffix: str = "") -> list[Outcome]:
    """Of a run, in its order."""
    by_name: dict[str, list[dict[str, Any]]] = {}
    for family in facts["families"]:
        by_name.setdefault(family["load"]["scenario"]["name"], []).append(family)
    found = []
    for families in by_name.values():
        ids = {family["id"] for family in families}
        mine = [line for line in samples.lines if line["family"] in ids]
        own = {**facts, "families": families}
        others = [*samples.resumes, *samples.ends]
        scenario = Scenario.from_json(families[0]["load"]["scenario"])
        found.append(Outcome(scenario, own, mine, judge.judge(own, [*mine, *others], samples.notices), suffix))
    return found


@dataclass(frozen=True)
class Ranking:
    """Who is not put behind the best (METHOD 1.8): by intervals of paired rounds that hold together."""

    best: str
    tied: list[str]  #: the best first
    resolved: bool  #: everybody has a figure, and there are enough rounds to put anybody behind
    over: dict[str, Estimate] = field(default_factory=dict)  #: log of the best's advantage over each
    why_not: str = ""  #: why it is not resolved


def rank(
    values: Mapping[str, Mapping[int, float]],
    *,
    more: bool,
    delta: float = DELTA,
    beyond: Mapping[str, Mapping[int, int]] | None = None,
) -> Ranking | None:
    """values: member → round → figure above 0, of all who are compared; more of it is better or worse. None
    of nothing. beyond: member → round → 1 where the figure is but a bound from below, -1 from above: a ratio
    of it may be anything on that side, and counts as such for the interval.

    The best has the best median; a rival is behind if the interval of its paired log ratios lies
    beyond delta, at a level that covers all rivals.
    """
    have = {member: dict(rounds) for member, rounds in values.items() if rounds}
    if not have:
        return None
    sign = 1 if more else -1
    standing = {m: sign * math.log(median(list(rounds.values()))) for m, rounds in have.items()}
    best = max(standing, key=lambda m: standing[m])
    alpha = ALPHA / max(1, len(have) - 1)
    absent = [words.label(member) for member in values if member not in have]
    why_not = f"{words.listed(absent)} {'has' if len(absent) == 1 else 'have'} no number" if absent else ""
    over, tied = {}, [best]
    for member in sorted((m for m in have if m != best), key=lambda m: -standing[m]):
        common = sorted(have[best].keys() & have[member].keys())
        logs = [sign * math.log(have[best][n] / have[member][n]) for n in common]
        interval = _bounded(logs, [_side(beyond, best, n) for n in common], [_side(beyond, member, n) for n in common],
                            sign, alpha)  # fmt: skip
        if logs:
            over[member] = replace(Estimate.of(logs, alpha), interval=interval)
        if interval is None:
            why_not = why_not or "too few rounds count for an interval"
        if interval is None or interval[0] <= math.log1p(delta):
            tied.append(member)
    return Ranking(best, tied, not why_not, over, why_not)


def _side(beyond: Mapping[str, Mapping[int, int]] | None, member: str, number: int) -> int:
    return (beyond or {}).get(member, {}).get(number, 0)


def _bounded(
    logs: Sequence[float], ours: Sequence[int], theirs: Sequence[int], sign: int, alpha: float
) -> tuple[float, float] | None:
    """The interval of advantages of which some are bounds: as low as all of them may be, and as high."""
    low = [-math.inf if sign * a < 0 or sign * b > 0 else x for x, a, b in zip(logs, ours, theirs, strict=True)]
    high = [math.inf if sign * a > 0 or sign * b < 0 else x for x, a, b in zip(logs, ours, theirs, strict=True)]
    lows, highs = order_interval(low, alpha), order_interval(high, alpha)
    return (lows[0], highs[1]) if lows and highs else None


def nearest(over: Iterable[Estimate]) -> Estimate | None:
    """Of advantages over several the one that "at least" may quote: the least that an interval allows, which
    need not be that of the least median."""
    return min(over, key=lambda e: e.interval[0] if e.interval else e.median, default=None)


def level(values: Sequence[float]) -> Estimate | None:
    """A figure over rounds: its median, and an interval where there are enough."""
    return Estimate.of(list(values), ALPHA) if values else None


def shown(
    estimate: Estimate | None, divisor: float = 1.0, decimals: int = 0, unit: str = ""
) -> str:
    """"12 300 (11 900 to 12 600)"; with too few rounds the figure alone; "–" without one."""
    if estimate is None:
        return "–"
    said = words.fixed(estimate.median / divisor, decimals) + (words.SPACE + unit if unit else "")
    if estimate.interval is None:
        return said
    low, high = (end / divisor for end in estimate.interval)
    return f"{said} ({words.span(low, high, decimals)})"


def too_few(estimate: Estimate | None) -> str:
    """Why there is no interval; "" if there is one."""
    if estimate is None or estimate.interval:
        return ""
    return f"no interval: {len(estimate.values)} of {rounds_needed(estimate.alpha)} rounds needed"
