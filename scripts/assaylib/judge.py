# SPDX-License-Identifier: MIT
"""From samples to verdicts: the one implementation of Assay's intervals.

Only the standard library, nothing random, no clock: the same samples give the same judgement.

The unit is a fresh process. A process gives one value per member: the logarithm of its time divided
by the baseline's, each block against the blocks nearest to it in time. Over rounds the estimate is
the median and the interval is the exact order-statistic (sign test) interval of that median: no
distribution is assumed. Intervals are simultaneous over all comparisons of a family, members times
judged metrics (Bonferroni).

What is judged is in families.py, estimates and verdicts in verdicts.py, A/A and margins in
calibration.py, tie sets in ties.py, gates in gates.py, the rule about which processes count in
discard.py, why verdicts are taken back in takeback.py (ratios that slide with the machine's speed in
slides.py, those that drift over the run in drifts.py), the arithmetic in intervals.py.
"""

from __future__ import annotations

from typing import Any, Iterable, Mapping, Sequence

from . import calibration, discard, gates, takeback, ties
from .families import Family, Judgement, Session, floors_of, role  # noqa: F401
from .gates import GATE_FAILURES_MAX, GateTally, gate_name  # noqa: F401
from .intervals import (  # noqa: F401: check and the report ask the judge for all of them
    ALPHA,
    binomial_bound,
    enough,
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
    paired_log_ratio,
    verdict,
)
from .takeback import RIG_DOUBT  # noqa: F401

# --- Judging ------------------------------------------------------------------------------------


def judge(
    run: dict[str, Any], lines: Iterable[dict[str, Any]], notices: Sequence[str] = ()
) -> Judgement:
    """Everything that a run's samples allow to be said."""
    result = collected(run, lines, notices)
    for family in result.families:
        calibration.aliases(family)
    margin = float(run.get("margin_percent", 3)) / 100
    for family in result.families:
        calibration.margins(family, margin, result.aliases())
        _compare(family)
        calibration.injected(family)
    return result


def collected(
    run: dict[str, Any], lines: Iterable[dict[str, Any]], notices: Sequence[str] = ()
) -> Judgement:
    """What was run, what counts of it and how it ended, without a word about what came out."""
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
    for row in rows:
        if row.get("kind") == "aim":
            result.decided = str(row.get("started") or "")
        if row.get("kind") == "end":
            _ended(result, row)
    return result


def _ended(result: Judgement, row: dict[str, Any]) -> None:
    """What the run's last line says."""
    result.ended = True
    took = row.get("seconds")
    result.seconds = float(took) if isinstance(took, (int, float)) else None
    for family in result.families:
        told = (row.get("families") or {}).get(family.id) or {}
        family.stopped = str(told.get("stopped") or "")
        family.wanted = int(told.get("wanted") or 0)
        family.told = {key: int(told[key]) for key in ("run", "counted") if told.get(key) is not None}


def _collect(
    plan: dict[str, Any], rows: list[dict[str, Any]], run: dict[str, Any], notices: list[str]
) -> Family:
    """Sorts a family's samples into rounds and applies the discard rule and the gates."""
    family = Family(plan["id"], plan["kind"], plan, plan["baseline"])
    rule = discard.rule(run, plan)
    seen: set[int] = set()
    twice = 0
    for row in rows:
        number, member = int(row.get("round", 0)), str(row.get("member"))
        seen.add(number)
        family.lines[member, number] = family.lines.get((member, number), 0) + 1
        covariates = row.get("covariates") or {}
        family.no_covariate += covariates.get("steal_percent") is None
        excuse = discard.excuse(rule, family.kind, covariates)
        if row.get("status") != "ok":
            family.failures.append(row)
            continue
        sample = {**row, "metrics": enough(row.get("metrics") or {})}
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
    gates.tally_host(family, rule)
    return family


def _compare(family: Family) -> None:
    """Every rival in every metric that the family's kind is judged in: that many comparisons were
    declared, and the level of each covers all of them, whatever could be measured in the end."""
    metrics = JUDGED[family.kind]
    rivals = [m for m in family.candidates if m != family.baseline]
    family.alpha = ALPHA / max(1, len(rivals) * len(metrics))
    measured = [
        m for m in metrics if any(_has_metric(family, r, m) for r in [family.baseline, *rivals])
    ] or list(metrics)
    for metric in measured:
        for member in rivals:
            family.comparisons.append(_judge_one(family, member, metric, metrics[metric]))
        ties.tie(family, metric, metrics[metric])
    _adjust(family.comparisons, len(rivals) * len(metrics))
    for member, floor in sorted(floors_of(family.plan).items()):
        values = family.advantages(floor, member, "time_ns", False)
        if values:
            family.floor_ratios[member] = Estimate.of(values, ALPHA)


def _adjust(comparisons: Sequence[Comparison], planned: int) -> None:
    """Holm over the family; a comparison that could not be judged was planned and keeps its place."""
    judged = [c for c in comparisons if c.p is not None]
    missing = [1.0] * (planned - len(judged))
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
    values = family.advantages(member, family.baseline, metric, more)
    if not values:
        found.why_not = _absence(family, member)
        return found
    found.estimate = Estimate.of(values, family.alpha)
    found.verdict = verdict(found.estimate.interval, family.deltas[metric])
    found.p = sign_test(values)
    takeback.examine(found, family, values, more)
    return found


def disagree(
    ours: Judgement, others: Sequence[tuple[str, Judgement]], differing: Mapping[str, str] | None = None
) -> None:
    """Takes back verdicts that another session contradicts: the two intervals are apart. Steps between
    formats are held against it where they are made (shares.py). differing: run → in what its machine or
    build is another."""
    for name, other in others:
        session = Session(name, (differing or {}).get(name, ""))
        theirs = {(c.family, c.member, c.metric): c for f in other.families for c in f.comparisons}
        families = {f.id: f for f in other.families}
        for family in ours.families:
            there = families.get(family.id)
            if there is not None and there.baseline == family.baseline:
                family.elsewhere.append((session, there))
            for mine in family.comparisons:
                found = theirs.get((mine.family, mine.member, mine.metric))
                if found is None or found.baseline != mine.baseline:
                    continue
                interval = found.estimate.interval if found.estimate else None
                session.held += bool(interval and mine.estimate and mine.estimate.interval)
                if takeback.contradict(mine, interval, name, session.differing):
                    session.against.append(f"{mine.family}/{mine.member}")
        ours.sessions.append(session)


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
