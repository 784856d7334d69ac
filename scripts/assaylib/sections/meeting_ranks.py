# SPDX-License-Identifier: MIT
"""Whether ranks in process survive over sockets, in words and as a table of every pair."""

from __future__ import annotations

from collections import Counter
from typing import Sequence

from .. import words
from ..blocks import Block, Cell, Column, Picture, Table, Text
from ..charts import Chart
from ..meeting import Pair, Ranking, Side, ranks
from ..verdicts import BETTER, EQUIVALENT, WORSE
from .meeting_picture import INSIDE, KINDS, OUTSIDE, said

MODELS = "models (per workload and metric)"
CODECS = "codecs (per metric)"
#: Why a side does not say, in a sentence.
WHY = {
    ranks.NONE: "without a number",
    ranks.FEW: "for too few rounds",
    ranks.WIDE: "for an interval too wide (across the margin's end)",
    ranks.ALONE: "for want of the baseline against itself, which the margin rests on",
    ranks.RIG: "where the rig and not the server was the limit",
    ranks.LOOSE: "for a margin too wide to call them equal",
    ranks.SPLIT: "for rounds that do not agree (they drift, slide with the machine's speed, or lie in two groups)",
}


def answer(found: Sequence[Ranking], who: str = MODELS) -> str:
    """The answer in one sentence; it depends on nothing but the pairs."""
    pairs = [pair for ranking in found for pair in ranking.pairs]
    if all(pair.inside.verdict == EQUIVALENT for pair in pairs):
        text = (
            f"**There is no rank to survive**: in process all {_of_pairs(len(pairs), who)} are equal within"
            " the margin. What tells them apart over sockets, if anything does, is not in the"
            " micro-benchmarks."
        )
        open_ = sum(pair.fate == ranks.OPEN for pair in pairs)
        return text + (f" Over sockets {open_} cannot be decided here. {_why(pairs)}" if open_ else "")
    counts = {fate: sum(p.fate == fate for p in pairs) for fate in ranks.FATES}
    total, open_ = len(pairs), counts[ranks.OPEN]
    known = total - open_
    if not known:
        none = f"of {_of_pairs(total, who)} not one is decided on both sides"
        return f"**Not decidable from this run**: {none}. {_why(pairs)}"
    became = [
        f"{counts[fate]} {text}"
        for fate, text in (
            (ranks.KEPT, "kept their order"),
            (ranks.REVERSED, "reversed it"),
            (ranks.LOST, "lost a lead"),
            (ranks.GAINED, "gained one"),
            (ranks.TIED, "tied on both sides"),
        )
        if counts[fate]
    ]
    if counts[ranks.REVERSED]:
        lead = "**Not all of them**"
    elif counts[ranks.LOST] or counts[ranks.GAINED]:
        lead = "**Order is not reversed, but leads come and go**"
    else:
        lead = "**Yes, as far as this run decides**" if open_ else "**Yes**"
    text = f"{lead}: of {_of_pairs(total, who)}, {words.listed(became)}"
    return text + (f"; {open_} cannot be decided here. {_why(pairs)}" if open_ else ".")


def _why(pairs: Sequence[Pair]) -> str:
    """Why pairs are open: how many on which side, and for what. A pair may be open on both."""
    sides = {INSIDE: [p.inside for p in pairs if p.inside.why], OUTSIDE: [p.outside for p in pairs if p.outside.why]}
    parts = [f"{where} {_reasons(mine)}" for where, mine in sides.items() if mine]
    both = sum(bool(p.inside.why and p.outside.why) for p in pairs)
    return f"Why: {'; '.join(parts)}" + (f"; {both} of them on both sides." if both else ".")


def _reasons(sides: Sequence[Side]) -> str:
    counts = Counter(side.why for side in sides)
    return words.listed(
        f"{counts[why]} {text}" + (_rounds(sides) if why == ranks.FEW else "")
        for why, text in WHY.items()
        if counts[why]
    )


def _rounds(sides: Sequence[Side]) -> str:
    """How many there are, and how many it takes."""
    few = [side.estimate for side in sides if side.why == ranks.FEW and side.estimate]
    if not few:
        return ""
    counts = [len(estimate.values) for estimate in few]
    ends = dict.fromkeys((min(counts), max(counts)))
    needed = max(estimate.needed for estimate in few)
    return f" ({' to '.join(map(str, ends))} of the {needed} that an interval takes)"


def _of_pairs(total: int, who: str) -> str:
    return f"{words.counted(total, 'pair')} of {who}"


def ranking(ranking: Ranking) -> str:
    low, high = ranking.tau
    tau = words.fixed(low, 2)
    if high != low:
        tau = f"between {tau} and {words.fixed(high, 2)}"
    tau = f"Kendall's τ {tau}"
    if all(pair.inside.verdict == EQUIVALENT for pair in ranking.pairs):
        tau = "no rank in process, all tie"
    text = f"`{ranking.name}`, {words.FIGURES[ranking.metric]}: {tau}"
    parts = []
    for fate, lead in (
        (ranks.REVERSED, "reversed, since in process it is "),
        (ranks.LOST, "a lead in process that does not show over sockets: "),
        (ranks.GAINED, "a lead over sockets that does not show in process: "),
        (ranks.OPEN, "not decided: "),
    ):
        if mine := ranking.of(fate):
            parts.append(lead + words.listed(_pair(pair, fate) for pair in mine))
    return "; ".join([text, *parts]) + "."


def _pair(pair: Pair, fate: str) -> str:
    """ "event_loop over thread_pool", where one of them leads; else "thread_pool/event_loop"."""
    first, second = words.label(pair.first), words.label(pair.second)
    leads = {ranks.OPEN: "", ranks.GAINED: pair.outside.verdict}.get(fate, pair.inside.verdict)
    return {BETTER: f"{first} over {second}", WORSE: f"{second} over {first}"}.get(leads, f"{first}/{second}")


def pictured(chart: Chart | None) -> Block:
    return Picture(chart) if chart else Text("No picture of it: no two have a number on both sides.")


def pairs(found: Sequence[Ranking], chart: Chart | None, of: str = "models", by: str = "workload") -> Block:
    """chart: the picture of these figures."""
    table = Table(
        f"Every two {of}: the first against the second, so many times as good",
        [
            Column(by),
            Column("metric over sockets"),
            Column("first"),
            Column("second"),
            Column(INSIDE),
            Column(OUTSIDE),
            Column("rank"),
        ],
        folded=True,
        shows=(chart.name,) if chart else (),
    )
    for ranking in found:
        for i, pair in enumerate(ranking.pairs):
            table.add(
                Cell(ranking.name if i == 0 else "", "head"),
                words.FIGURES[ranking.metric] if i == 0 else "",
                words.label(pair.first),
                words.label(pair.second),
                _measured(pair.inside),
                _measured(pair.outside),
                _rank(pair),
            )
    table.notes.append(
        "Ratios, intervals and verdicts are from paired rounds, simultaneous over all pairs of a family in one"
        " metric, against its margin δ. τ: +1 for an order kept, −1 for one reversed, 0 for a tie on either side,"
        " over all pairs; one that is not decided could be any of them, hence two ends."
    )
    return table


def _measured(side: Side) -> Cell:
    """▲ better, 1.24 × (1.10 to 1.31)."""
    text = f"{words.MARKS[side.verdict]} {side.verdict}"
    return Cell(text + (f", {said(side)}" if side.estimate else ""), side.verdict.replace(" ", "-"))


def _rank(pair: Pair) -> Cell:
    """… and why there is none."""
    why = [f"{side.why} {where}" for side, where in ((pair.inside, INSIDE), (pair.outside, OUTSIDE)) if side.why]
    text = KINDS[pair.fate].word + (f": {', '.join(why)}" if why else "")
    return Cell(text, {ranks.REVERSED: "worse", ranks.KEPT: "better"}.get(pair.fate, "soft"))
