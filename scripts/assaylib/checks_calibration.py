# SPDX-License-Identifier: MIT
"""Checks of what a run says of itself: A/A, the floors, the injected slow-down, stability."""

from __future__ import annotations

import math

from . import calibrate, drifts, judge, slides, stability, words
from .about import QUICK, discarded
from .blocks import Check
from .judge import Judgement


def aa(judged: Judgement) -> list[Check]:
    found = []
    same = judged.aliases(form="same")
    tested = [a for a in same if a.estimate.interval]
    if not same:
        planned = [f for f in judged.families if "same" in (f.plan.get("aliases") or {}).values()]
        gone = sum(map(discarded, planned))
        text = (
            "no family holds its baseline twice"
            if not planned
            else f"{words.counted(len(planned), 'family')} hold their baseline twice, but no process counts"
            f" ({gone} discarded)"
            if gone
            else f"{words.counted(len(planned), 'family')} hold their baseline twice, but none was measured"
        )
        text += ": false alarms cannot be counted"
        found.append(Check("bad", "A/A, same code", text))
    elif not tested:
        found.append(
            Check(
                "note",
                "A/A, same code",
                (
                    f"{words.counted(len(same), 'comparison')}, too few rounds for an interval"
                    f" ({judge.rounds_needed()} are needed)"
                ),
            )
        )
    else:
        wrong = sum(a.estimate.excludes_one for a in tested)
        allowed = judge.binomial_bound(len(tested))
        margin = float(judged.run.get("margin_percent", 3)) / 100
        said = [judge.verdict(a.estimate.interval, margin) for a in tested]
        beyond = sum(v in (judge.BETTER, judge.WORSE) for v in said)
        text = (
            f"the baseline against itself: {wrong} of {len(tested)} intervals (95 %) exclude 1; chance allows"
            f" {allowed};"
            f" {beyond or 'none'} beyond the margin of {words.margin(margin)}"
        )
        if wrong > allowed:
            text += ". Intervals here are too narrow: no difference near the margin may be quoted"
        found.append(Check("good" if wrong <= allowed else "bad", "A/A, same code", text))
    copies = [a for a in judged.aliases(form="copy") if a.estimate.interval]
    if copies:
        wrong = sum(a.estimate.excludes_one for a in copies)
        largest = max(abs(a.estimate.median) for a in copies)
        text = (
            f"the baseline against itself, compiled a second time: {wrong} of {len(copies)} intervals exclude"
            f" 1, up to {words.percent(math.expm1(largest))}: what code layout alone does"
        )
        found.append(Check("note" if wrong else "good", "A/A, second copy", text))
    margin = float(judged.run.get("margin_percent", 3)) / 100
    parts, raised = [], False
    for kind, metric, name in (
        ("codec", "time_ns", "codecs"),
        ("model", "time_ns", "models"),
        ("service", "cpu_ns_per_request", "CPU per request"),
        ("service", "closed_hz", "throughput"),
    ):
        floors = [f.floors[metric] for f in judged.kind(kind) if f.floors.get(metric) is not None]
        if floors:
            worst = max(v for v in floors if v is not None)
            raised = raised or worst > margin
            parts.append(f"{name} {words.percent(worst)}")
    if parts:
        text = (
            f"the widest: {', '.join(parts)} (outer end of a family's own A/A intervals). Margin δ:"
            f" {words.margin(margin)}"
        ) + (
            ", raised to the family's floor where that is higher"
            if raised
            else "; no floor is above it"
        )
        found.append(Check("note" if raised else "good", "A/A floor", text))
    silent = [f.id for f in judged.families if f.uncalibrated and f.samples]
    if silent:
        shown = words.listed(silent) if len(silent) <= 4 else words.counted(len(silent), "family")
        text = f"{shown}: no A/A interval of their own in some metric, so no claim is made there"
        found.append(Check("note", "A/A missing", text))
    return found


def injected(judged: Judgement) -> list[Check]:
    rows = [i for f in judged.families for i in f.injected]
    tested = [i for i in rows if i.estimate.interval]
    if not tested:
        return []
    covered, seen = sum(bool(i.covered) for i in tested), sum(
        i.estimate.excludes_one and i.estimate.median < 0 for i in tested
    )
    claimed, beyond = sum(i.shown for i in tested), sum(i.verdict == judge.WORSE for i in tested)
    shares = words.listed(sorted({f"{words.fixed(i.percent, 0)} %" for i in tested}))
    # The interval may miss by chance in 5 % of the cases, as in A/A.
    good = len(tested) - covered <= judge.binomial_bound(len(tested))
    text = (
        f"of {shares}: told from none in {seen} of {len(tested)}, at the level of its family's claims in {claimed},"
        f" there by more than the margin in {beyond};"
        f" the intervals (95 %) cover the truth in {covered}"
    )
    return [
        Check(
            "good" if good and seen == len(tested) else "note" if good else "bad",
            "Injected slow-down",
            text,
        )
    ]


def calibrated(judged: Judgement) -> list[Check]:
    """The long runs of this machine that were given with the report."""
    if not judged.calibrated and judged.run.get("tier") in QUICK:
        return []
    if not judged.calibrated:
        text = (
            "no long calibration of this machine was given; this run's own A/A and slow-downs are all that"
            " is known (`scripts/assay calibrate`, then `report --with` its folder)"
        )
        return [Check("note", "Calibrated", text)]
    return [_calibrated(calibration) for calibration in judged.calibrated]


def _calibrated(calibration: calibrate.Calibration) -> Check:
    result = calibration.result
    equal, seen = result.tallies[0], result.tallies.get(calibrate.DETECTED_PERCENT)
    text = (
        f"run {calibration.run['id']}: {equal.apart} of {equal.count} A/A intervals exclude 1 (chance allows"
        f" {judge.binomial_bound(equal.count)})"
    )
    if seen:
        text += (
            f"; {seen.percent}{words.SPACE}% slower: told from none, at the level of standard's families, in"
            f" {seen.shown} of {seen.count}, there by more than the margin in {seen.beyond}"
        )
    if equal.usually.two.count:
        ways = equal.usually
        text += (
            f". Of equals, compare.py would have claimed a difference in {ways.two.claims} of"
            f" {ways.two.count}, the means in {ways.means.claims}"
        )
    if result.failures:
        return Check("bad", "Calibrated", f"{text}. Not all bounds hold: {'; '.join(result.failures)}")
    if calibration.apart:
        return Check("note", "Calibrated", f"{text}. Not of this machine or build: {calibration.apart[0]}")
    return Check("good", "Calibrated", f"{text}. All bounds hold")


def _two(parts: tuple[float, float]) -> str:
    return " × and ".join(words.ratio(math.exp(part)) for part in parts)


def stable(judged: Judgement) -> list[Check]:
    every = [c for f in judged.families for c in f.comparisons]
    drifting, doubted = [c for c in every if c.drift], [c for c in every if c.doubt]
    modes = [c for c in every if c.modes]
    if not any(c.estimate for c in every):
        return [Check("note", "Stable", "nothing to test: no comparison has a value that counts")]
    parts = []
    if drifting:
        named = [f"{c.family}/{c.member} ({_two(c.drift)} ×)" for c in drifting if c.drift]
        parts.append(f"drift over the run (p < {drifts.DRIFT_P:g}) in {_few(named)}")
    if modes:
        named = [f"{c.family}/{c.member} ({_two(c.modes)} ×)" for c in modes if c.modes]
        parts.append(f"two modes in {_few(named)}")
    tested = [c for c in every if c.estimate]
    sliding = [(abs(c.slide[1] - c.slide[0]), c) for c in every if c.slide]
    if sliding:
        worst = max(sliding, key=lambda found: found[0])[1]
        parts.append(
            f"a slide with the machine's speed (p < {slides.SLIDE_P:g}) in {len(sliding)} of"
            f" {words.counted(len(tested), 'comparison')}, {words.SLIDES} in the tables; widest in"
            f" {worst.family}/{worst.member}: {words.halves(worst)}"
        )
    if doubted:
        parts.append(
            f"{words.counted(len(doubted), 'verdict')} taken back for it or for another session"
        )
    state = "note" if parts else "good"
    quiet = "no drift over the rounds, no two modes, no slide with the machine's speed"
    text = "; ".join(parts) or quiet
    text = f"ratios: {text}"
    moved = stability.swings(judged.families)
    if moved:
        worst = max(moved, key=lambda s: s.ratio)
        state = "note" if worst.ratio > stability.SWING_MAX else state
        text += (
            f". Only ratios were tested; absolute figures of the baselines swung by up to"
            f" {words.ratio(worst.ratio)} × over the run (90th ÷ 10th percentile of"
            f" {len(worst.values)} processes, {worst.family.id}; all under Calibration)"
        )
    return [Check(state, "Stable", text)]


def _few(names: list[str]) -> str:
    """The first three, and how many more."""
    return words.listed(names[:3] + ([f"{len(names) - 3} more"] if len(names) > 3 else []))
