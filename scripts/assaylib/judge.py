# SPDX-License-Identifier: MIT
"""From samples to verdicts: the one implementation of Assay's intervals.

Only the standard library, nothing random, no clock: the same samples give the same judgement.

The unit is a fresh process. A process gives one value per member: the logarithm of its time divided
by the baseline's, each block against the blocks nearest to it in time. Over rounds the estimate is
the median and the interval is the exact order-statistic (sign test) interval of that median: no
distribution is assumed. Intervals are simultaneous over the comparisons of a family (Bonferroni).

Signs: log ratios here are *advantages*: above 0 the member is better than the baseline (less time,
less CPU, more requests). `exp` of one reads "so many times as fast as the baseline".
"""

from __future__ import annotations

import bisect
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterable, Sequence

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

BETTER, WORSE, EQUIVALENT, UNRESOLVED = "better", "worse", "equivalent", "unresolved"
NO_INTERVAL, NO_NUMBER = "no interval", "no number"

#: Metrics that get a verdict, by kind of family, and whether more of it is better.
JUDGED = {
    "codec": {"time_ns": False},
    "model": {"time_ns": False},
    "service": {"cpu_ns_per_request": False, "closed_hz": True},
}

#: A trend over the rounds is noted below this p-value; dozens of comparisons are looked at.
DRIFT_P = 0.001

#: A member whose process fails a gate in more than this share of its rounds has no number at all.
GATE_FAILURES_MAX = 0.25


# --- One process --------------------------------------------------------------------------------


def paired_log_ratio(ours: Sequence[Sequence[float]], theirs: Sequence[Sequence[float]]) -> float:
    """log(theirs / ours) of [slot, ns] blocks of one process, by nearest slots; > 0: ours faster.

    Each of our blocks is compared with the nearest of theirs in time; where one before and one
    after are equally near, with their geometric mean, so that a linear drift cancels. The value is
    the median over our blocks. ValueError without blocks, or for a time that is not positive.
    """
    others = sorted((float(slot), math.log(ns)) for slot, ns in theirs)
    slots = [slot for slot, _ in others]
    if not others or not ours:
        raise ValueError("no blocks")
    ratios = []
    for slot, ns in ours:
        after = bisect.bisect_left(slots, slot)
        near = [i for i in (after - 1, after) if 0 <= i < len(slots)]
        best = min(abs(slots[i] - slot) for i in near)
        level = [others[i][1] for i in near if abs(slots[i] - slot) == best]
        ratios.append(sum(level) / len(level) - math.log(ns))
    return median(ratios)


def advantage(
    ours: dict[str, Any], theirs: dict[str, Any], metric: str, more_is_better: bool
) -> float | None:
    """A round's log advantage of one sample over another; None where either has no such figure."""
    if metric == "time_ns" and ours.get("repetitions") and theirs.get("repetitions"):
        try:
            return paired_log_ratio(ours["repetitions"], theirs["repetitions"])
        except ValueError:
            return None
    a, b = ours["metrics"].get(metric), theirs["metrics"].get(metric)
    if not a or not b or a <= 0 or b <= 0:
        return None
    return math.log(a / b) if more_is_better else math.log(b / a)


# --- Verdicts -----------------------------------------------------------------------------------


@dataclass
class Estimate:
    """A median log advantage over rounds and what may be said about it."""

    values: list[float]  #: one per round, in round order
    alpha: float  #: the interval is at 1 - alpha
    median: float = 0.0
    interval: tuple[float, float] | None = None
    needed: int = 0  #: rounds that an interval at this level takes

    @classmethod
    def of(cls, values: Sequence[float], alpha: float) -> Estimate:
        return cls(
            list(values), alpha, median(values), order_interval(values, alpha), rounds_needed(alpha)
        )

    @property
    def half_width(self) -> float | None:
        """The wider arm: a smaller difference could not have been told from none."""
        return (
            max(self.median - self.interval[0], self.interval[1] - self.median)
            if self.interval
            else None
        )

    @property
    def excludes_one(self) -> bool:
        return self.interval is not None and (self.interval[0] > 0 or self.interval[1] < 0)


def verdict(interval: tuple[float, float] | None, delta: float) -> str:
    """One of four, from a log interval and a margin (0.03 is 3 %); NO_INTERVAL without one.

    The margin is symmetric in the logarithm: 3 % more speed is as far as 3 % more time.
    """
    if interval is None:
        return NO_INTERVAL
    low, high = interval
    margin = math.log1p(delta)
    if low > margin:
        return BETTER
    if high < -margin:
        return WORSE
    if -margin <= low and high <= margin:
        return EQUIVALENT
    return UNRESOLVED


@dataclass
class Comparison:
    """A member of a family against its baseline, in one metric."""

    family: str
    member: str
    metric: str
    baseline: str
    estimate: Estimate | None = None
    verdict: str = NO_NUMBER
    p: float | None = None  #: sign test
    p_holm: float | None = None  #: … adjusted over the family
    why_not: str = ""  #: for NO_NUMBER
    drift: tuple[float, float] | None = None  #: Kendall's tau and p, if p < DRIFT_P
    modes: tuple[float, float] | None = None
    doubt: str = ""  #: why a verdict was taken back


@dataclass
class Alias:
    """A/A: the baseline against itself."""

    family: str
    kind: str
    member: str
    form: str  #: "same" code or a second compiled "copy"
    metric: str
    estimate: Estimate


@dataclass
class Injected:
    """The baseline slowed down by a known share."""

    family: str
    member: str
    percent: float
    estimate: Estimate
    verdict: str

    @property
    def covered(self) -> bool | None:
        truth = -math.log1p(self.percent / 100)
        interval = self.estimate.interval
        return None if interval is None else interval[0] <= truth <= interval[1]


@dataclass
class TieSet:
    """The members that are not separated from the best of a family."""

    metric: str
    best: str
    members: list[str]  #: the best first
    resolved: bool  #: False: too few rounds to separate anybody


@dataclass
class GateTally:
    """One gate of one case over its rounds."""

    member: str
    name: str
    scope: str
    limit: Any
    values: list[Any]
    failed: int
    total: int
    reasons: list[str]


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
    rounds: list[int] = field(default_factory=list)  #: that count
    discarded: dict[int, float] = field(default_factory=dict)  #: round → its highest steal, percent
    no_covariate: int = 0
    samples: dict[str, dict[int, dict[str, Any]]] = field(default_factory=dict)  #: member → round
    failures: list[dict[str, Any]] = field(default_factory=list)
    gates: list[GateTally] = field(default_factory=list)
    withheld: dict[tuple[str, str], str] = field(default_factory=dict)  #: (member, scope) → why
    dropped: dict[tuple[str, str], int] = field(default_factory=dict)  #: rounds without a number
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


GATE_NAMES = {
    "achieved_over_offered": "achieved ÷ offered",
    "lag_p99_over_p50": "generator's lag p99 ÷ p50",
    "littles_law": "deviation from Little's law",
    "replies_wrong": "wrong or failed replies",
    "closed_replies_wrong": "wrong or failed replies, closed loop",
    "connections_held": "connections held",
    "below_ceiling": "rate against its arithmetic ceiling",
    "others_percent": "percent of the CPUs taken by other programs",
    "lost": "requests lost at SIGTERM",
}


def gate_name(name: str) -> str:
    return GATE_NAMES.get(name, name.replace("_", " "))


def gate_scope(name: str, gate: dict[str, Any]) -> str:
    """Which figures a gate governs: tail, closed, open or all. A gate may say so itself."""
    if gate.get("scope") in ("tail", "closed", "open", "all"):
        return str(gate["scope"])
    if "lag" in name or "tail" in name:
        return "tail"
    if "closed" in name or "little" in name:
        return "closed"
    if "achieved" in name or "offered" in name or "unsent" in name:
        return "open"
    return "all"


def metric_scope(metric: str) -> str:
    if metric.startswith("closed_"):
        return "closed"
    if metric.endswith("_ns") and metric.split("_")[-2] in (
        "p50",
        "p90",
        "p95",
        "p99",
        "p999",
        "max",
        "mean",
    ):
        return "tail"
    if metric in ("startup_ns", "drain_ns", "lost", "rss_bytes", "wire_bytes", "time_ns"):
        return "all"
    return "open"


def failed_gates(sample: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """(name, scope, gate) of every gate that a sample does not pass."""
    gates = sample.get("gates") or {}
    return [(n, gate_scope(n, g), g) for n, g in sorted(gates.items()) if g.get("ok") is False]


def passes(sample: dict[str, Any], metric: str) -> bool:
    """Does the sample pass the gates that govern this metric? An open-loop gate governs tails too."""
    scope = metric_scope(metric)
    governing = {"all", scope} | ({"open"} if scope == "tail" else set())
    return all(found not in governing for _, found, _ in failed_gates(sample))


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
    return result


def _collect(
    plan: dict[str, Any], rows: list[dict[str, Any]], run: dict[str, Any], notices: list[str]
) -> Family:
    """Sorts a family's samples into rounds and applies the discard rule and the gates."""
    family = Family(plan["id"], plan["kind"], plan, plan["baseline"])
    limit = (run.get("discard_rule") or {}).get("steal_percent_max")
    seen: set[int] = set()
    twice = 0
    for row in rows:
        number, member = int(row.get("round", 0)), str(row.get("member"))
        seen.add(number)
        steal = (row.get("covariates") or {}).get("steal_percent")
        if steal is None:
            family.no_covariate += 1
        elif limit is not None and steal > limit:
            family.discarded[number] = max(float(steal), family.discarded.get(number, 0.0))
        if row.get("status") != "ok":
            family.failures.append(row)
            continue
        rounds = family.samples.setdefault(member, {})
        twice += number in rounds
        rounds[number] = {**row, "metrics": row.get("metrics") or {}}
    if twice:
        notices.append(
            f"{family.id}: {twice} samples came twice for their round; the later one counts"
        )
    family.rounds = sorted(seen - set(family.discarded))
    _tally_gates(family)
    return family


def _tally_gates(family: Family) -> None:
    for member in family.plan["members"]:
        samples = [
            s for n, s in sorted(family.samples.get(member, {}).items()) if n in family.rounds
        ]
        names = sorted({name for sample in samples for name in (sample.get("gates") or {})})
        for name in names:
            gates = [s["gates"][name] for s in samples if name in (s.get("gates") or {})]
            failed = [g for g in gates if g.get("ok") is False]
            tally = GateTally(
                member,
                name,
                gate_scope(name, gates[0]),
                gates[0].get("limit"),
                [g.get("value") for g in gates],
                len(failed),
                len(gates),
                sorted({str(g["reason"]) for g in failed if g.get("reason")}),
            )
            family.gates.append(tally)
        for scope in ("all", "open", "closed", "tail"):
            governing = {scope} | ({"open"} if scope == "tail" else set())
            bad = [s for s in samples if any(found in governing for _, found, _ in failed_gates(s))]
            if not bad:
                continue
            family.dropped[member, scope] = len(bad)
            if len(bad) > GATE_FAILURES_MAX * len(samples):
                family.withheld[member, scope] = _gate_reason(bad, governing, len(samples))


def _gate_reason(bad: list[dict[str, Any]], governing: set[str], total: int) -> str:
    """For example "achieved_over_offered 0.913 (limit 0.99) in 3 of 8 rounds"."""
    worst: dict[str, list[Any]] = {}
    limits: dict[str, Any] = {}
    for sample in bad:
        for name, scope, gate in failed_gates(sample):
            if scope in governing:
                worst.setdefault(name, []).append(gate.get("value"))
                limits[name] = gate.get("limit")
    parts = []
    for name, values in sorted(worst.items()):
        numbers = [v for v in values if isinstance(v, (int, float)) and not isinstance(v, bool)]
        figure = f" {median(numbers):.4g}" if numbers else ""
        bound = limits[name]
        said = (
            f" (limit {bound:.4g})"
            if isinstance(bound, (int, float))
            else f" (limit {bound})" if bound else ""
        )
        parts.append(f"{gate_name(name)}{figure}{said} in {len(values)} of {total} rounds")
    return "; ".join(parts)


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
        if not family.samples.get(who):
            return f"{who} was not measured"
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
