# SPDX-License-Identifier: MIT
"""The method in short: what was done with the samples, and what holds together."""

from __future__ import annotations

from .. import about, drifts, judge, slides, words
from ..about import KEPT
from ..blocks import Items, Section, Text
from ..families import LATE, NEAR
from ..judge import Judgement


def method(judged: Judgement) -> Section:
    section = Section("method", "Method in short")
    needed = sorted(
        {
            (round(judge.ALPHA / f.alpha), judge.rounds_needed(f.alpha))
            for f in judged.families
            if f.comparisons
        }
    )
    takes = words.listed(f"{n} rounds for {words.counted(k, 'comparison')}" for k, n in needed)
    count = sum(bool(f.comparisons) for f in judged.families)
    section.blocks.append(Text(f"**How to read ratios and verdicts.** {reading(judged)}"))
    section.blocks.append(
        Items(
            [
                (
                    "**Unit**: a fresh process. Inside it the members of a family alternate in"
                    " short blocks, in an order drawn anew per round; the process's value is the"
                    " median log ratio of each block to the baseline's nearest in time, less the same from"
                    " the baseline's side, halved (one side alone is biased where times are skewed). Services:"
                    " one server process per member and round, in random order."
                ),
                (
                    "**Estimate and interval**: the median over rounds, with the exact"
                    " order-statistic (sign test) interval: no distribution is assumed, nothing is"
                    f" drawn at random. It takes {takes or 'at least 6 rounds'}; with fewer none is"
                    " printed."
                ),
                (
                    "**Families**: declared before the run. Intervals hold together at 95 %"
                    " (Bonferroni) over all comparisons of a family: its members times the metrics it"
                    " is judged in (a service's two: CPU per request and throughput); p-values are"
                    " Holm's over the same. Steps between libraries and formats are at a level that counts"
                    " them together with the family's comparisons. This report has"
                    f" {words.counted(count, 'such family') if count == 1 else f'{count} such families'} and"
                    f" corrects no further: about {words.fixed(judge.ALPHA * count, 1)} of them may"
                    " by chance contain an interval that misses. A/A rows, × memcpy and × inline, levels"
                    " and latency ratios have an ordinary 95 % interval each and are not among these."
                ),
                (
                    "**Verdicts**: against δ, the larger of the margin and the A/A floor of the family"
                    " and metric: the outer end of the 95 % intervals of the family's own A/A (same"
                    " code and second copy), and no less than the 95th percentile of |A/A estimates|"
                    " of families like it. A family whose own A/A has no interval claims nothing. δ is"
                    " symmetric in the logarithm: 1.05 × as fast is as far from equal as 1.05 × the"
                    " time."
                ),
                (
                    "**Tie sets**: the best is the member with the largest median ratio, from pairs,"
                    " not with the least median time. A member leaves the set if an interval, at the"
                    " family's level, puts it behind the best by more than δ; the truly best stays in"
                    " with 95 %, over all metrics of the family together. Where the two slide against each"
                    " other with the machine's speed, both halves have to say so. The order inside a"
                    " set says nothing."
                ),
                (
                    "**Slides**: programs need not gain alike from a faster machine. Each comparison's"
                    " rounds are sorted by how fast the baseline's A/A alias ran in them (the baseline's"
                    " own figure is part of the ratio, and its noise alone would look like a slide); if"
                    " the ratio then shows a trend (Kendall, exact, p <"
                    f" {slides.SLIDE_P:g}), it is marked {words.SLIDES} and its medians in the faster and"
                    " in the slower half of the rounds are shown. A verdict then stands only if both"
                    " halves say it, and “at least” is the end of the interval or the half, whichever"
                    " is less favourable. One in a hundred may be marked by chance."
                ),
                (
                    "**Drift and modes**: where a comparison has a trend over its rounds (Kendall, exact, p <"
                    f" {drifts.DRIFT_P:g}), or its values lie in two groups with a wide gap between, both"
                    " numbers are shown, and a verdict stands only if both say it."
                ),
                (
                    "**Rounds**: a process is discarded only by its covariates, never by its time:"
                    f" {(judged.run.get('discard_rule') or {}).get('text') or 'no rule declared'}."
                    f" Stopping: {judged.run.get('stopping_rule') or 'no rule recorded'}."
                ),
                (
                    "**Gates**: a process that fails a gate has no number for what that gate"
                    " governs. Where the gate speaks of the server, the first such round leaves the case"
                    " without any: the other rounds would be a choice of its good ones. Where it speaks of"
                    " the rig, the round alone is left out, and named; of a case of which that takes more than"
                    f" {words.percent(judge.GATE_FAILURES_MAX)} nothing is left. Two"
                    f" things are only marked. Where {LATE}, or at the fixed rate {NEAR}, latencies are"
                    f" shown and marked as the machine's. {KEPT}. And where not the server was"
                    " saturated but the rig (generator or downstream service), or the rate came near"
                    " that of a server that does nothing, or that is not known, throughput is shown as a bound from below"
                    " (≥) and no verdict rests on it but that whoever is ahead even so is ahead."
                ),
                "**Rounding**: ends of intervals outwards, “at least” downwards.",
            ]
        )
    )
    return section


def reading(judged: Judgement) -> str:
    deltas = [d for f in judged.families for d in f.deltas.values()] or [0.0]
    margins = list(dict.fromkeys(words.margin(d) for d in (min(deltas), max(deltas))))
    return (
        "Ratios above 1 are better than the baseline. A verdict quotes the end of the interval"
        " nearest to 1, rounded against the claim: ▲ better and ▼ worse by more than the margin δ,"
        " ◆ equivalent (the whole interval lies within ±δ), ○ not resolved here: either the interval"
        " holds 1, and then the smallest difference is given that could have been told from none (or, if"
        " Holm's test alone tells it from 1 where the wider interval does not, that is said); or it"
        " excludes 1 but lies across the end of the margin: different from 1, but not shown to be by δ"
        f" or more, nor by less. Where a ratio slides with the machine's speed ({words.SLIDES}), both"
        " numbers stand beside it, a verdict needs both, and “at least” is no better than the worse of"
        f" them. {_floors(judged)} δ here: {' to '.join(margins)}. No verdict is drawn"
        f" from the absence of a difference. {about.medians(*(f.kind for f in judged.families))}"
    )


def _floors(judged: Judgement) -> str:
    margin = words.margin(float(judged.run.get("margin_percent", 3)) / 100)
    return (
        f"δ is {margin}, or the family's A/A floor in that metric where that is higher: the outer end of"
        " the 95 % intervals that the baseline has against itself in the same rounds, and no less than"
        " the 95th percentile of all A/A estimates of families like it (encode and decode of codecs apart"
        " from their other operations). So no claim lies inside a family's own"
        " A/A spread; without an interval for its own A/A a family claims nothing."
    )
