# SPDX-License-Identifier: MIT
"""A family and a whole run with everything that was judged in them, and what each member is in one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from .gates import GATE_FAILURES_MAX, LAG, NOT_KNOWN, GateTally, metric_scope, passes
from .intervals import ALPHA


from .verdicts import (
    BETTER,
    EQUIVALENT,
    WORSE,
    Alias,
    Comparison,
    Estimate,
    Injected,
    TieSet,
    advantage,
)


#: Of a mark on a tail: its lag gate failed; or only others of that scope did; or what they are held against is lacking.
LATE = "the generator itself was late"
NEAR = "the rig was at its limit or near it"
UNKNOWN = "the rig's own limit is not known"


def role(plan: dict[str, Any], member: str) -> str:
    """baseline, alias, floor, injected or candidate."""
    if member == plan["baseline"]:
        return "baseline"
    if member in (plan.get("injected") or {}) or member.startswith("slow."):
        return "injected"
    if member in (plan.get("aliases") or {}):
        return "alias"
    if (
        member in (plan.get("floors") or {}).values()
        or member.startswith("memcpy.")
        or member == "inline"
    ):
        return "floor"
    return "candidate"


#: inline carries each one-way message on its own; a model that takes many at once may be faster.
NO_FLOOR = frozenset({"model/count"})


def of_codecs(plan: dict[str, Any]) -> bool:
    """Are its members servers that differ in their codec (coded.py)?"""
    return bool((plan.get("load") or {}).get("codecs"))


def floors_of(plan: dict[str, Any]) -> dict[str, str]:
    """member → its floor: the memcpy of its own bytes, or the model that does nothing but the work."""
    if plan["id"] in NO_FLOOR:
        return {}
    floors = dict(plan.get("floors") or {})
    if plan["kind"] == "model" and "inline" in plan["members"]:
        for member in plan["members"]:
            if role(plan, member) in ("baseline", "candidate"):
                floors.setdefault(member, "inline")
    return floors


@dataclass
class Session:
    """Another run of the same families, held against this one."""

    name: str
    differing: str = ""  #: in what its machine or build is another
    held: int = 0  #: comparisons with an interval in both
    against: list[str] = field(default_factory=list)  #: those of them whose intervals are apart


@dataclass
class Family:
    """A family with everything that was judged in it."""

    id: str
    kind: str
    plan: dict[str, Any]
    baseline: str
    delta: float = 0.0
    floor: float | None = None  #: the largest A/A floor, as a share (0.016)
    floors: dict[str, float | None] = field(default_factory=dict)  #: by metric
    deltas: dict[str, float] = field(default_factory=dict)  #: by metric: margin or floor
    declared: float = 0.0  #: the margin without any floor
    elsewhere: list[tuple[Session, Family]] = field(default_factory=list)  #: the same, of other sessions
    uncalibrated: dict[str, str] = field(default_factory=dict)  #: metric → why nothing is claimed
    rounds: list[int] = field(default_factory=list)  #: all that were run
    counted: int = 0  #: rounds that the discard rule leaves to the worst-off member
    discarded: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)  #: what it took
    excuses: dict[tuple[str, int], str] = field(default_factory=dict)  #: … and why
    stopped: str = ""  #: why, as the run recorded it (makeup.py)
    wanted: int = 0  #: rounds that should have counted in the end
    told: dict[str, int] = field(default_factory=dict)  #: how many rounds were run and counted, by the run's end
    lines: dict[tuple[str, int], int] = field(default_factory=dict)  #: (member, round) → results, whatever became of them
    no_covariate: int = 0
    samples: dict[str, dict[int, dict[str, Any]]] = field(default_factory=dict)  #: that count
    failures: list[dict[str, Any]] = field(default_factory=list)
    gates: list[GateTally] = field(default_factory=list)
    withheld: dict[tuple[str, str], str] = field(default_factory=dict)  #: (member, scope) → why
    dropped: dict[tuple[str, str], str] = field(default_factory=dict)  #: … why single rounds have none
    tails: dict[str, str] = field(default_factory=dict)  #: member → why its tail is the machine's, too
    bounded: dict[str, str] = field(default_factory=dict)  #: member → why its throughput is the rig's
    host: list[GateTally] = field(default_factory=list)  #: what the machine did, against the rule
    alpha: float = ALPHA
    comparisons: list[Comparison] = field(default_factory=list)
    floor_ratios: dict[str, Estimate] = field(default_factory=dict)  #: member against its floor
    aliases: list[Alias] = field(default_factory=list)
    injected: list[Injected] = field(default_factory=list)
    ties: list[TieSet] = field(default_factory=list)
    _pairs: dict[tuple[str, str, str, bool], list[tuple[int, float]]] = field(
        default_factory=dict, repr=False
    )

    @property
    def candidates(self) -> list[str]:
        """The baseline and what is compared with it: no alias, no floor, no injected row."""
        rivals = [m for m in self.plan["members"] if role(self.plan, m) == "candidate"]
        return [self.baseline, *rivals]

    def compared(self, member: str, metric: str) -> Comparison | None:
        return next((c for c in self.comparisons if (c.member, c.metric) == (member, metric)), None)

    def series(self, member: str, metric: str) -> list[tuple[int, float]]:
        """(round, figure) of the rounds that count and passed the gates that govern the metric."""
        found: list[tuple[int, float]] = []
        if self.why_withheld(member, metric):
            return found
        for number in self.rounds:
            sample = self.samples.get(member, {}).get(number)
            value = sample["metrics"].get(metric) if sample and passes(sample, metric) else None
            if value is not None:
                found.append((number, float(value)))
        return found

    def advantages(self, member: str, other: str, metric: str, more: bool) -> list[float]:
        """One log advantage per round in which both have a number."""
        return [value for _, value in self.paired(member, other, metric, more)]

    def paired(self, member: str, other: str, metric: str, more: bool) -> list[tuple[int, float]]:
        """(round, log advantage), in round order; worked out once."""
        key = (member, other, metric, more)
        if key not in self._pairs:
            self._pairs[key] = self._pair(*key)
        return self._pairs[key]

    def _pair(self, member: str, other: str, metric: str, more: bool) -> list[tuple[int, float]]:
        values: list[tuple[int, float]] = []
        if self.why_withheld(member, metric) or self.why_withheld(other, metric):
            return values
        for number in self.rounds:
            ours = self.samples.get(member, {}).get(number)
            theirs = self.samples.get(other, {}).get(number)
            if ours and theirs and passes(ours, metric) and passes(theirs, metric):
                value = advantage(ours, theirs, metric, more)
                if value is not None:
                    values.append((number, value))
        return values

    def level(self, member: str, metric: str) -> Estimate | None:
        """Median of a figure over rounds with its own 95 % interval (not a log ratio)."""
        if self.why_withheld(member, metric):
            return None
        values = [value for _, value in self.series(member, metric)]
        return Estimate.of(values, ALPHA) if values else None

    def bound_allows(self, member: str, other: str, metric: str, said: str) -> bool:
        """Where the rig was the limit, a throughput is a bound from below: whoever is better by it is
        better still, and nothing else can be said."""
        ours, theirs = member in self.bounded, other in self.bounded
        if metric != "closed_hz" or not (ours or theirs) or said not in (BETTER, WORSE, EQUIVALENT):
            return True
        return ours != theirs and said == (BETTER if ours else WORSE)

    def tails_by(self, members: Iterable[str]) -> dict[str, list[str]]:
        """Why tails are the machine's, too → whose of these members: LATE, or else NEAR, or else UNKNOWN."""
        lags = [g for g in self.gates if g.name == LAG]
        others = [g for g in self.gates if g.scope == "tail" and g.name != LAG]
        near = {g.member for g in others if g.failed > GATE_FAILURES_MAX * g.total}
        unknown = {g.member for g in others if g.failed and NOT_KNOWN in g.values}
        unknown -= {g.member for g in others if g.failed and NOT_KNOWN not in g.values}
        late = {g.member for g in lags if g.failed > GATE_FAILURES_MAX * g.total}
        late |= {g.member for g in lags if g.failed} - near  # together they were too many
        marked = [m for m in members if m in self.tails]
        found = {
            LATE: [m for m in marked if m in late],
            NEAR: [m for m in marked if m not in late and m not in unknown],
            UNKNOWN: [m for m in marked if m not in late and m in unknown],
        }
        return {why: names for why, names in found.items() if names}

    def why_withheld(self, member: str, metric: str) -> str:
        reasons = (self.withheld.get((member, scope)) for scope in ("all", metric_scope(metric)))
        return next((reason for reason in reasons if reason), "")


@dataclass
class Judgement:
    """A whole run."""

    run: dict[str, Any]
    families: list[Family]
    notices: list[str]
    resumes: int = 0
    ended: bool = False  #: the run said so in its last line
    decided: str = ""  #: when it looked at its widths and gave more rounds to wide families (makeup.py)
    seconds: float | None = None  #: that it took in all, as its last line says
    forced_later: list[str] = field(default_factory=list)  #: when it was resumed
    lines: int = 0
    sessions: list[Session] = field(default_factory=list)  #: of a report's --with
    appended: list[Judgement] = field(default_factory=list)  #: … how those came about that are appendices
    calibrated: list[Any] = field(default_factory=list)  #: calibrate.Calibration, of a report's --with

    def kind(self, kind: str) -> list[Family]:
        """Of services those that compare models."""
        return [f for f in self.families if f.kind == kind and not of_codecs(f.plan)]

    @property
    def coded(self) -> list[Family]:
        """Services that compare codecs."""
        return [f for f in self.families if of_codecs(f.plan)]

    def aliases(self, kind: str | None = None, form: str | None = None) -> list[Alias]:
        return [
            a
            for f in self.families
            for a in f.aliases
            if kind in (None, a.kind) and form in (None, a.form)
        ]
