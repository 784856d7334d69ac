# SPDX-License-Identifier: MIT
"""Reviews a finished run: may claims rest on it? Prints what speaks against it, and what a reader
should know."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from . import about, judge, store, words
from .about import QUICK


def main(folder: Path) -> int:
    against, notes = review(folder)
    for text in against:
        print(f"AGAINST  {text}")
    for text in notes:
        print(f"note     {text}")
    if against:
        print(f"{folder.name}: {len(against)} findings speak against claims from this run")
        return 1
    print(f"{folder.name}: nothing speaks against claims from this run")
    return 0


def review(folder: Path) -> tuple[list[str], list[str]]:
    """(what speaks against claims, what a reader should know)."""
    run, samples = store.read(folder)
    result = judge.judge(run, samples.every)
    against = [
        *_incomplete(run, samples),
        *_failed(samples.lines),
        *_conditions(run, samples),
        *_too_few(result),
        *_calibration(result),
        *_gates(result),
    ]
    return against, [
        *samples.notices,
        *_unfinished(samples, run),
        *_discards(run, result),
        *_late(run, result),
        *_slides(result),
        *_wide_margins(run, result),
        *_provenance(run),
    ]


def _incomplete(run: dict[str, Any], samples: store.Samples) -> list[str]:
    expected = sum(family["rounds"] * len(family["members"]) for family in run["families"])
    got = len(samples.lines)
    if got >= expected:
        return []
    return [f"incomplete: {got} of {expected} lines; assay run --resume goes on with it"]


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
    if not run["build"].get("fit", True) and not run.get("forced"):
        found.append("the build was not fit for measuring")
    return found


def _too_few(result: judge.Judgement) -> list[str]:
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
    """More A/A intervals that exclude equality than chance allows: the intervals are too narrow."""
    found = []
    same = [alias for alias in result.aliases(form="same") if alias.estimate.interval]
    if same:
        off = [alias for alias in same if alias.estimate.excludes_one]
        bound = judge.binomial_bound(len(same))
        if len(off) > bound:
            names = " ".join(f"{alias.family}/{alias.member}:{alias.metric}" for alias in off)
            found.append(
                f"A/A: {len(off)} of {len(same)} intervals exclude equality, chance allows"
                f" {bound}: {names}"
            )
    return found


def _gates(result: judge.Judgement) -> list[str]:
    return [
        f"{family.id}/{member}: no {scope} figures: {why}"
        for family in result.families
        for (member, scope), why in sorted(family.withheld.items())
    ]


def _discards(run: dict[str, Any], result: judge.Judgement) -> list[str]:
    found = []
    for family in result.families:
        planned = family.plan["rounds"]
        if family.discarded:
            found.append(
                f"{family.id}: {len(family.rounds)} rounds run, {family.counted} count, {planned}"
                f" planned (stopped: {family.stopped or 'not recorded'})"
            )
    if found:
        found.append(f"rule: {(run.get('discard_rule') or {}).get('text') or 'not recorded'}")
    return found


def _late(run: dict[str, Any], result: judge.Judgement) -> list[str]:
    if run.get("tier") in QUICK:
        return []
    return [
        f"{family.id}/{member}: its latencies are the machine's: {why}"
        for family in result.families
        for member, why in sorted(family.late.items())
    ]


def _unfinished(samples: store.Samples, run: dict[str, Any]) -> list[str]:
    """Runs of before there were make-up rounds have no such line, nor the rule's text about them."""
    if samples.ends or not isinstance((run.get("discard_rule") or {}).get("steal_percent_max"), dict):
        return []
    return ["interrupted before it was over; assay run --resume goes on with it"]


def _wide_margins(run: dict[str, Any], result: judge.Judgement) -> list[str]:
    margin = float(run["margin_percent"]) / 100
    return [
        f"{family.id}: {metric}: A/A reaches {100 * floor:.1f} %; nothing below that is claimed"
        for family in result.families
        for metric, floor in sorted(family.floors.items())
        if floor is not None and floor > margin
    ]


def _slides(result: judge.Judgement) -> list[str]:
    """Whoever quotes these says for which speed of the machine."""
    return [
        f"{c.family}/{c.member}: {c.metric}: slides with the machine's speed: {words.halves(c)}"
        for family in result.families
        for c in family.comparisons
        if c.slide
    ]


def _provenance(run: dict[str, Any]) -> list[str]:
    if run.get("dirty"):
        return ["the checkout had changes that no commit holds"]
    return [] if run.get("commit") else ["the commit is not known"]
