# SPDX-License-Identifier: MIT
"""Reviews a finished run: should its page one claim what it claims? Prints what speaks against that, and
what a reader should know.

Here are doubts about the run as a whole: what was measured, under which conditions, by which build, and
whether A/A and the injected slow-down bear the intervals out. Doubts about single claims are in review/.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from . import about, complete, judge, store, words
from .about import QUICK
from .review import covariates, doubts
from .scenarios import KINDS, command, outcome
from .tiers import resumed_by


SHOWN = 5  # of notes of one kind; the report has them all


def main(folder: Path) -> int:
    found = examine(folder)
    for text in found.against:
        print(f"AGAINST  {text}")
    for text in found.open:
        print(f"open     {text}")
    for text in found.notes:
        print(f"note     {text}")
    made = f"{folder.name}: {words.counted(found.claims, 'claim')} on page one"
    if found.against:
        print(f"{made}; {words.counted(len(found.against), 'finding')} against making them")
        return 1
    print(f"{made}; nothing speaks against them")
    return 0


def review(folder: Path) -> tuple[list[str], list[str]]:
    """(what speaks against claims, what a reader should know)."""
    found = examine(folder)
    return found.against, [*found.open, *found.notes]


def examine(folder: Path) -> doubts.Review:
    if store.read_run(folder)["tier"] == store.SCENARIO_TIER:
        return _scenarios(folder)
    run, samples = store.read(folder)
    result = judge.judge(run, samples.every)
    found = doubts.review(result)
    surroundings = covariates.review(result)
    few = _too_few(result)
    found.against = [
        *_incomplete(result),
        *_failed(samples.lines),
        *_conditions(run, samples),
        *surroundings.against,
        *_build(run),
        *([] if found.claims else few),
        *_calibration(result),
        *_injected(result),
        *_gates(result),
        *found.against,
    ]
    found.open = [*(few if found.claims else []), *_shortened(_uncalibrated(result)), *_taken_back(result)]
    kinds = (
        samples.notices,
        _unfinished(result),
        surroundings.notes,
        _discards(run, result),
        _late(run, result),
        _bounded(result),
        found.notes,
        _slides(result),
        _wide_margins(run, result),
        _provenance(run),
    )
    found.notes = [note for notes in kinds for note in _shortened(notes)]
    return found


def _scenarios(folder: Path) -> doubts.Review:
    """Each scenario that answers its question is one claim. Their kinds have compared nobody whom their own rules
    tie: what is left to be doubted is whether there is an answer, and how the run came about."""
    run, samples = command.read(folder)
    result = judge.judge(run, samples.every, samples.notices)
    found = doubts.Review()
    for each in outcome.outcomes(run, samples):
        kind = KINDS[each.scenario.kind]
        said = kind.answer(each)
        if each.all_discarded or each.nothing in said:
            found.against.append(f"{each.scenario.name}: {each.nothing}")
        elif kind.answered(each):
            found.claims += 1
        else:
            found.open.append(f"{each.scenario.name}: nothing is claimed: {said[0].replace('**', '')}")
    surroundings = covariates.review(result)
    found.against += [
        *_incomplete(result),
        *_failed(samples.lines),
        *_conditions(run, samples),
        *surroundings.against,
        *_build(run),
    ]
    found.open += [*_short_of_rounds(result), *_gates(result)]
    kinds = (
        samples.notices,
        _unfinished(result),
        surroundings.notes,
        _discards(run, result),
        _late(run, result),
        _provenance(run),
    )
    found.notes = [note for notes in kinds for note in _shortened(notes)]
    return found


def _short_of_rounds(result: judge.Judgement) -> list[str]:
    needed = judge.rounds_needed()
    few = [family for family in result.families if family.counted < needed]
    return [f"{f.id}: {words.counted(f.counted, 'whole round')}, a single interval takes {needed}" for f in few]


def _shortened(notes: list[str]) -> list[str]:
    if len(notes) <= SHOWN:
        return notes
    return [*notes[: SHOWN - 1], f"… and {len(notes) - SHOWN + 1} more like that: in the report"]


def _incomplete(result: judge.Judgement) -> list[str]:
    """Against the plan and the run's own last line."""
    missing, planned = complete.unfinished(result)
    found = complete.lost(result)
    if missing:
        how = "" if result.ended else f"; {resumed_by(result.run['tier'])} goes on with what was interrupted"
        found.insert(0, f"incomplete: {missing} of {planned} planned results are missing{how}")
    return found


def _failed(lines: list[store.Line]) -> list[str]:
    failed = Counter(line["case"] for line in lines if line["status"] != "ok")
    reasons = {line["case"]: line.get("reason") for line in lines if line["status"] != "ok"}
    return [
        f"{case}: failed in {count} processes, last: {reasons[case]}"
        for case, count in sorted(failed.items())
    ]


def _conditions(run: dict[str, Any], samples: store.Samples) -> list[str]:
    found = [f"measured by force: {reason}" for reason in run.get("forced", [])]
    for line in samples.resumes:
        found += [f"resumed by force: {reason}" for reason in line.get("forced") or []]
    quiet = run.get("quiet") or {}
    if quiet.get("held") is False and not found:
        found.append(
            f"the machine was busy when the run began: other programs at {quiet['busy_percent']:.1f} % of the"
            f" CPUs, the host at {quiet['steal_percent']:.1f} %"
        )
    return found


def _build(run: dict[str, Any]) -> list[str]:
    """What the harness found; and what it must have overlooked, should it have said that all is well."""
    build = run["build"]
    if not build.get("fit", True):
        why = "; ".join(map(str, build.get("unfit") or [])) or "no reason recorded"
        return [f"the build was not fit for measuring: {why}"]
    if str(build.get("type")) == "debug":
        return ["a debug build"]
    sanitizers = str(build.get("sanitizers") or build.get("sanitize") or "none")
    return [] if sanitizers == "none" else [f"built with sanitizers: {sanitizers}"]


def _too_few(result: judge.Judgement) -> list[str]:
    """Nothing is claimed where there is no interval. That is open, unless nothing is claimed at all."""
    found = []
    for family in result.families:
        alphas = [c.estimate.alpha for c in family.comparisons if c.estimate]
        if not alphas:
            if family.plan["rounds"]:
                gone = words.counted(about.discarded(family), "process")
                found.append(f"{family.id}: 0 rounds count ({gone} discarded)")
            continue
        needed = judge.rounds_needed(min(alphas))
        count = min(len(c.estimate.values) for c in family.comparisons if c.estimate)
        if count < needed:
            found.append(f"{family.id}: {words.counted(count, 'round')} with both members, an interval takes {needed}")
    return found


def _calibration(result: judge.Judgement) -> list[str]:
    """More A/A intervals that exclude equality than chance allows: the intervals are too narrow. And none at
    all: page one has figures then of which nobody knows what the same code would have shown."""
    same = [alias for alias in result.aliases(form="same") if alias.estimate.interval]
    if not same:
        figures = any(c.estimate for family in result.families for c in family.comparisons)
        return [f"A/A: {_no_alias(result)}: what page one shows cannot be told from chance"] if figures else []
    off = [alias for alias in same if alias.estimate.excludes_one]
    bound = judge.binomial_bound(len(same))
    if len(off) <= bound:
        return []
    names = " ".join(f"{alias.family}/{alias.member}:{alias.metric}" for alias in off)
    return [f"A/A: {len(off)} of {len(same)} intervals exclude equality, chance allows {bound}: {names}"]


def _no_alias(result: judge.Judgement) -> str:
    held = sum("same" in (family.plan.get("aliases") or {}).values() for family in result.families)
    if not held:
        return "no family holds its baseline twice"
    return f"not one interval in {words.counted(held, 'family')} with their baseline twice"


def _uncalibrated(result: judge.Judgement) -> list[str]:
    """Families with intervals that claim nothing, since their own A/A does not vouch for it."""
    return [
        f"{family.id}: {metric}: nothing is claimed: {why}"
        for family in result.families
        for metric, why in family.uncalibrated.items()
        if any(c.estimate and c.estimate.interval and c.metric == metric for c in family.comparisons)
    ]


def _injected(result: judge.Judgement) -> list[str]:
    """Slow-downs of known size: intervals that miss the truth too often, or claim the opposite."""
    rows = [i for f in result.families for i in f.injected if i.estimate.interval]
    missed = [i for i in rows if not i.covered]
    found = [
        f"{i.family}: a slow-down of {i.percent:g} % was injected and called faster"
        for i in rows
        if i.reversed
    ]
    if len(missed) > judge.binomial_bound(len(rows)):
        found.append(
            f"injected slow-down: {len(missed)} of {len(rows)} intervals miss the truth, chance allows"
            f" {judge.binomial_bound(len(rows))}: {' '.join(i.family for i in missed)}"
        )
    return found


def _taken_back(result: judge.Judgement) -> list[str]:
    """What the judge has not claimed, so that page one does not."""
    return [
        f"{c.family}/{c.member}: {c.metric}: nothing is claimed: {c.doubt}"
        for family in result.families
        for c in family.comparisons
        if c.doubt and c.metric not in family.uncalibrated
    ]


def _gates(result: judge.Judgement) -> list[str]:
    return [
        f"{family.id}/{member}: no {scope} figures: {why}"
        for family in result.families
        for (member, scope), why in sorted(family.withheld.items())
    ]


def _discards(run: dict[str, Any], result: judge.Judgement) -> list[str]:
    lost = [family for family in result.families if family.discarded]
    lost.sort(key=lambda family: family.counted / max(1, family.plan["rounds"]))
    found = [
        f"{family.id}: {len(family.rounds)} rounds run, {family.counted} count, {family.plan['rounds']}"
        f" planned (stopped: {family.stopped or 'not recorded'})"
        for family in lost
    ]
    if len(found) > SHOWN:
        found = [f"{words.counted(len(found), 'family')} lost rounds to the discard rule; worst off: {found[0]}"]
    if found:
        rule = str((run.get("discard_rule") or {}).get("text") or "not recorded")
        found.append(f"rule: {rule.split('. ')[0]}")
    return found


def _bounded(result: judge.Judgement) -> list[str]:
    return [
        f"{family.id}/{member}: its throughput is a bound from below, the rig was the limit, or may have been: {why}"
        for family in result.families
        for member, why in sorted(family.bounded.items())
    ]


def _late(run: dict[str, Any], result: judge.Judgement) -> list[str]:
    if run.get("tier") in QUICK:
        return []
    return [
        f"{family.id}/{member}: its latencies are the machine's: {why}"
        for family in result.families
        for member, why in sorted(family.tails.items())
    ]


def _unfinished(result: judge.Judgement) -> list[str]:
    """All that was planned is there, but not the end."""
    said = complete.said(result)
    return [said] if said and not complete.unfinished(result)[0] else []


def _wide_margins(run: dict[str, Any], result: judge.Judgement) -> list[str]:
    margin = float(run["margin_percent"]) / 100
    wide = [
        (floor, f"{family.id}: {metric}")
        for family in result.families
        for metric, floor in family.floors.items()
        if floor is not None and floor > margin
    ]
    return [
        f"{name}: A/A reaches {100 * floor:.1f} %; nothing below that is claimed"
        for floor, name in sorted(wide, reverse=True)
    ]


def _slides(result: judge.Judgement) -> list[str]:
    """Whoever quotes these says for which speed of the machine. The widest first."""
    sliding = [c for family in result.families for c in family.comparisons if c.slide]
    sliding.sort(key=lambda c: -abs(c.slide[1] - c.slide[0]) if c.slide else 0.0)
    return [
        f"{c.family}/{c.member}: {c.metric}: slides with the machine's speed: {words.halves(c)}"
        for c in sliding
    ]


def _provenance(run: dict[str, Any]) -> list[str]:
    if run.get("dirty"):
        return ["the checkout had changes that no commit holds"]
    return [] if run.get("commit") else ["the commit is not known"]
