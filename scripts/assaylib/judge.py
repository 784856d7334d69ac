# SPDX-License-Identifier: MIT
"""From samples to verdicts: the one implementation of Assay's intervals.

Only the standard library, nothing random, no clock: the same samples give the same judgement.

The unit is a fresh process. A process gives one value per member: the logarithm of its time divided
by the baseline's, each block against the blocks nearest to it in time. Over rounds the estimate is
the median and the interval is the exact order-statistic (sign test) interval of that median: no
distribution is assumed. Intervals are simultaneous over the comparisons of a family (Bonferroni).

Estimates and verdicts are in verdicts.py, gates in gates.py, the rule about which processes count in
discard.py, the arithmetic in intervals.py.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterable, Sequence

from . import discard, gates
from .gates import GATE_FAILURES_MAX, GateTally, gate_name, metric_scope, passes  # noqa: F401
from .intervals import (  # noqa: F401: check and the report ask the judge for all of them
    ALPHA,
    binomial_bound,
    holm,
    interval_rank,
    median,
    order_interval,
    percentile,
    rounds_needed,
    sign_test,
    trend,
    two_modes,
)

from .verdicts import (  # noqa: F401
    BETTER,
    EQUIVALENT,
    JUDGED,
    NO_INTERVAL,
    NO_NUMBER,
    UNRESOLVED,
    WORSE,
    Alias,
    Comparison,
    Estimate,
    Injected,
    TieSet,
    advantage,
    paired_log_ratio,
    verdict,
)

#: A trend over the rounds is noted below this p-value; dozens of comparisons are looked at.
DRIFT_P = 0.001


@dataclass
class Family:
    """A family with everything that was judged in it."""

    id: str
    kind: str
    plan: dict[str, Any]
    baseline: str
    delta: float = 0.0
    floor: float | None = None  #: A/A floor that delta respects, as a share (0.016)
    floors: dict[str, float | None] = field(default_factory=dict)  #: by metric
    deltas: dict[str, float] = field(default_factory=dict)
    rounds: list[int] = field(default_factory=list)  #: all that were run
    counted: int = 0  #: rounds that the discard rule leaves to the worst-off member
    discarded: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)  #: what it took
    excuses: dict[tuple[str, int], str] = field(default_factory=dict)  #: … and why
    stopped: str = ""  #: "all counted" or "time budget", as the run recorded it
    no_covariate: int = 0
    samples: dict[str, dict[int, dict[str, Any]]] = field(default_factory=dict)  #: that count
    failures: list[dict[str, Any]] = field(default_factory=list)
    gates: list[GateTally] = field(default_factory=list)
    withheld: dict[tuple[str, str], str] = field(default_factory=dict)  #: (member, scope) → why
    dropped: dict[tuple[str, str], int] = field(default_factory=dict)  #: rounds without a number
    late: dict[str, str] = field(default_factory=dict)  #: member → why its tail is the machine's
    alpha: float = ALPHA
    comparisons: list[Comparison] = field(default_factory=list)
    floor_ratios: dict[str, Estimate] = field(default_factory=dict)  #: member against its floor
    aliases: list[Alias] = field(default_factory=list)
    injected: list[Injected] = field(default_factory=list)
    ties: list[TieSet] = field(default_factory=list)

    @property
    def candidates(self) -> list[str]:
        """The baseline and what is compared with it: no alias, no floor, no injected row."""
        rivals = [m for m in self.plan["members"] if role(self.plan, m) == "candidate"]
        return [self.baseline, *rivals]

    def compared(self, member: str, metric: str) -> Comparison | None:
        return next((c for c in self.comparisons if (c.member, c.metric) == (member, metric)), None)

    def series(self, member: str, metric: str) -> list[tuple[int, float]]:
        """(round, figure) of the rounds that count and passed the gates that govern the metric."""
        found = []
        for number in self.rounds:
            sample = self.samples.get(member, {}).get(number)
            value = sample["metrics"].get(metric) if sample and passes(sample, metric) else None
            if value is not None:
                found.append((number, float(value)))
        return found

    def level(self, member: str, metric: str) -> Estimate | None:
        """Median of a figure over rounds with its own 95 % interval (not a log ratio)."""
        if self.why_withheld(member, metric):
            return None
        values = [value for _, value in self.series(member, metric)]
        return Estimate.of(values, ALPHA) if values else None

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
    forced_later: list[str] = field(default_factory=list)  #: when it was resumed
    lines: int = 0

    def kind(self, kind: str) -> list[Family]:
        return [f for f in self.families if f.kind == kind]

    def aliases(self, kind: str | None = None, form: str | None = None) -> list[Alias]:
        return [
            a
            for f in self.families
            for a in f.aliases
            if kind in (None, a.kind) and form in (None, a.form)
        ]


# --- Reading ------------------------------------------------------------------------------------


def read_samples(path: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """The complete lines of a samples.jsonl, and a notice for each that is not."""
    lines: list[dict[str, Any]] = []
    notices: list[str] = []
    if not path.exists():
        return lines, [f"{path.name} is missing: there are no samples"]
    rows = path.read_bytes().split(b"\n")
    for number, row in enumerate(rows, 1):
        if not row.strip():
            continue
        try:
            line = json.loads(row.decode("utf-8"))
            if not isinstance(line, dict):
                raise ValueError("not an object")
        except ValueError:
            last = number == len(rows)
            what = "the last line is cut off" if last else "the line is not JSON"
            notices.append(f"{path.name}:{number}: {what}; it is ignored, the complete lines count")
            continue
        lines.append(line)
    return lines, notices


# --- Judging ------------------------------------------------------------------------------------


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


def floors_of(plan: dict[str, Any]) -> dict[str, str]:
    """member → its floor: the memcpy of its own bytes, or the model that does nothing but the work."""
    floors = dict(plan.get("floors") or {})
    if plan["kind"] == "model" and "inline" in plan["members"]:
        for member in plan["members"]:
            if role(plan, member) in ("baseline", "candidate"):
                floors.setdefault(member, "inline")
    return floors

def judge(
    run: dict[str, Any], lines: Iterable[dict[str, Any]], notices: Sequence[str] = ()
) -> Judgement:
    """Everything that a run's samples allow to be said."""
    result = Judgement(run, [], list(notices))
    rows = list(lines)
    resumed = [row for row in rows if row.get("kind") == "resume"]
    result.resumes = len(resumed)
    result.forced_later = [str(reason) for row in resumed for reason in row.get("forced") or []]
    by_family: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row.get("kind") in ("codec", "model", "service"):
            by_family.setdefault(str(row.get("family")), []).append(row)
            result.lines += 1
    for plan in run.get("families", []):
        family = _collect(plan, by_family.pop(plan["id"], []), run, result.notices)
        result.families.append(family)
    for unknown, orphans in sorted(by_family.items()):
        result.notices.append(
            f"{len(orphans)} samples of family {unknown}, which the plan does not have, are ignored"
        )
    for family in result.families:
        _calibrate(family)
    margin = float(run.get("margin_percent", 3)) / 100
    for family in result.families:
        _compare(family, margin, result)
    for row in rows:
        if row.get("kind") == "end":
            for family in result.families:
                told = (row.get("families") or {}).get(family.id) or {}
                family.stopped = str(told.get("stopped") or "")
    return result


def _collect(
    plan: dict[str, Any], rows: list[dict[str, Any]], run: dict[str, Any], notices: list[str]
) -> Family:
    """Sorts a family's samples into rounds and applies the discard rule and the gates."""
    family = Family(plan["id"], plan["kind"], plan, plan["baseline"])
    rule = run.get("discard_rule")
    seen: set[int] = set()
    twice = 0
    for row in rows:
        number, member = int(row.get("round", 0)), str(row.get("member"))
        seen.add(number)
        covariates = row.get("covariates") or {}
        family.no_covariate += covariates.get("steal_percent") is None
        excuse = discard.excuse(rule, family.kind, covariates)
        if row.get("status") != "ok":
            family.failures.append(row)
            continue
        sample = {**row, "metrics": row.get("metrics") or {}}
        if excuse:
            family.discarded[member, number] = sample
            family.excuses[member, number] = excuse
            continue
        rounds = family.samples.setdefault(member, {})
        twice += number in rounds
        rounds[number] = sample
    if twice:
        notices.append(
            f"{family.id}: {twice} samples came twice for their round; the later one counts"
        )
    family.rounds = sorted(seen)
    family.counted = discard.pairs(plan, rule, rows)
    gates.tally(family)
    return family


def _advantages(family: Family, member: str, other: str, metric: str, more: bool) -> list[float]:
    """One log advantage per round in which both have a number."""
    values = []
    for number in family.rounds:
        ours = family.samples.get(member, {}).get(number)
        theirs = family.samples.get(other, {}).get(number)
        if ours and theirs and passes(ours, metric) and passes(theirs, metric):
            value = advantage(ours, theirs, metric, more)
            if value is not None:
                values.append(value)
    return values


def _calibrate(family: Family) -> None:
    for member, form in sorted((family.plan.get("aliases") or {}).items()):
        if role(family.plan, member) != "alias":
            continue
        for metric, more in JUDGED[family.kind].items():
            values = _advantages(family, member, family.baseline, metric, more)
            if values and not family.why_withheld(member, metric):
                alias = Alias(
                    family.id, family.kind, member, form, metric, Estimate.of(values, ALPHA)
                )
                family.aliases.append(alias)


def aa_floor(aliases: Sequence[Alias]) -> float | None:
    """The 95th percentile of |A/A estimates|, as a share: differences below it mean nothing here."""
    return (
        math.expm1(percentile([abs(a.estimate.median) for a in aliases], 0.95)) if aliases else None
    )


def _compare(family: Family, margin: float, result: Judgement) -> None:
    metrics = JUDGED[family.kind]
    for metric in metrics:
        own = [abs(a.estimate.median) for a in family.aliases if a.metric == metric]
        shared = aa_floor([a for a in result.aliases(family.kind) if a.metric == metric])
        floor = None if shared is None else max([shared, *map(math.expm1, own)])
        family.floors[metric] = floor
        family.deltas[metric] = max(margin, floor or 0.0)
    known = [f for f in family.floors.values() if f is not None]
    family.floor = max(known) if known else None
    family.delta = max(family.deltas.values())

    rivals = [m for m in family.candidates if m != family.baseline]
    measured = [
        m for m in metrics if any(_has_metric(family, r, m) for r in [family.baseline, *rivals])
    ] or list(metrics)
    # Each metric is a question of its own; intervals are simultaneous over the members asked about.
    family.alpha = ALPHA / max(1, len(rivals))
    for metric in measured:
        for member in rivals:
            family.comparisons.append(_judge_one(family, member, metric, metrics[metric]))
        _tie(family, metric, metrics[metric])
        _adjust([c for c in family.comparisons if c.metric == metric])
    for member, floor in sorted(floors_of(family.plan).items()):
        values = _advantages(family, floor, member, "time_ns", False)
        if values:
            family.floor_ratios[member] = Estimate.of(values, ALPHA)
    for member in family.plan["members"]:
        if role(family.plan, member) == "injected":
            _judge_injected(family, member)


def _adjust(comparisons: Sequence[Comparison]) -> None:
    """Holm over the comparisons; one that could not be judged was planned and keeps its place."""
    judged = [c for c in comparisons if c.p is not None]
    missing = [1.0] * (len(comparisons) - len(judged))
    for comparison, adjusted in zip(judged, holm([float(c.p or 0) for c in judged] + missing)):
        comparison.p_holm = adjusted


def _has_metric(family: Family, member: str, metric: str) -> bool:
    return any(
        s["metrics"].get(metric) is not None for s in family.samples.get(member, {}).values()
    )


def _judge_one(family: Family, member: str, metric: str, more: bool) -> Comparison:
    found = Comparison(family.id, member, metric, family.baseline)
    for who in (member, family.baseline):
        reason = family.why_withheld(who, metric)
        if reason:
            found.why_not = reason if who == member else f"the baseline has none: {reason}"
            return found
    values = _advantages(family, member, family.baseline, metric, more)
    if not values:
        found.why_not = _absence(family, member)
        return found
    found.estimate = Estimate.of(values, family.alpha)
    found.verdict = verdict(found.estimate.interval, family.deltas[metric])
    found.p = sign_test(values)
    tau, p = trend(values)
    found.drift = (tau, p) if p < DRIFT_P else None
    found.modes = two_modes(values)
    if found.modes and found.verdict in (BETTER, WORSE, EQUIVALENT):
        said = {verdict((mode, mode), family.deltas[metric]) for mode in found.modes}
        if said != {found.verdict}:
            found.verdict, found.doubt = UNRESOLVED, "two modes that do not agree"
    return found


def disagree(ours: Judgement, others: Sequence[tuple[str, Judgement]]) -> None:
    """Takes back verdicts that another session contradicts: the two intervals are apart."""
    for name, other in others:
        theirs = {(c.family, c.member, c.metric): c for f in other.families for c in f.comparisons}
        for family in ours.families:
            for mine in family.comparisons:
                found = theirs.get((mine.family, mine.member, mine.metric))
                if found is None or found.baseline != mine.baseline:
                    continue
                a, b = (
                    mine.estimate and mine.estimate.interval,
                    found.estimate and found.estimate.interval,
                )
                if a and b and (a[1] < b[0] or b[1] < a[0]):
                    mine.verdict, mine.doubt = UNRESOLVED, f"not reproducible: run {name} disagrees"


def _absence(family: Family, member: str) -> str:
    for who in (member, family.baseline):
        failed = [f for f in family.failures if f.get("member") == who]
        if failed:
            return (
                f"{who} failed in {len(failed)} rounds:"
                f" {failed[0].get('reason') or 'no reason recorded'}"
            )
        gone = sum(member == who for member, _ in family.discarded)
        if not family.samples.get(who):
            return (
                f"all {gone} processes of {who} were discarded"
                if gone
                else f"{who} was not measured"
            )
    return "no round that counts has both"


def _tie(family: Family, metric: str, more: bool) -> None:
    """Everybody whom an interval, simultaneous over all pairs, does not put behind the best."""
    candidates = [m for m in family.candidates if not family.why_withheld(m, metric)]
    standing = {m: _advantages(family, m, family.baseline, metric, more) for m in candidates}
    standing[family.baseline] = [0.0] if family.series(family.baseline, metric) else []
    ranked = sorted((m for m in candidates if standing[m]), key=lambda m: (-median(standing[m]), m))
    if len(ranked) < 2:
        return
    alpha = ALPHA / math.comb(len(ranked), 2)
    members, resolved = [ranked[0]], True
    for other in ranked[1:]:
        interval = order_interval(_advantages(family, ranked[0], other, metric, more), alpha)
        resolved = resolved and interval is not None
        if verdict(interval, family.deltas[metric]) != BETTER:
            members.append(other)
    family.ties.append(TieSet(metric, ranked[0], members, resolved))


def _judge_injected(family: Family, member: str) -> None:
    """slow.NAME.PERCENT runs 1 + PERCENT/100 times the baseline's iterations: the truth is known."""
    values = _advantages(family, member, family.baseline, "time_ns", False)
    percent = (family.plan.get("injected") or {}).get(member)
    if percent is None:
        try:
            percent = float(member.rpartition(".")[2])
        except ValueError:
            return
    if values:
        estimate = Estimate.of(values, ALPHA)
        said = verdict(estimate.interval, family.deltas["time_ns"])
        family.injected.append(Injected(family.id, member, float(percent), estimate, said))
