# SPDX-License-Identifier: MIT
"""Whether ranks in process survive over sockets, in words and as a table of every pair."""

from __future__ import annotations

from typing import Sequence

from .. import words
from ..blocks import Block, Cell, Column, Table
from ..meeting import Pair, Ranking, ranks
from ..verdicts import BETTER, EQUIVALENT, NO_INTERVAL, WORSE

MODELS = "models (per workload and metric)"
CODECS = "codecs (per metric)"


def answer(found: Sequence[Ranking], who: str = MODELS) -> str:
    """The answer in one sentence; it depends on nothing but the pairs."""
    pairs = [pair for ranking in found for pair in ranking.pairs]
    if all(pair.inside == EQUIVALENT for pair in pairs):
        return (
            f"**There is no rank to survive**: in process all {_of_pairs(len(pairs), who)} are equal within"
            " the margin. What tells them apart over sockets, if anything does, is not in the"
            " micro-benchmarks."
        )
    counts = {fate: sum(p.fate == fate for p in pairs) for fate in ranks.FATES}
    total, open_ = len(pairs), counts[ranks.OPEN]
    known = total - open_
    if not known:
        why = f"of {_of_pairs(total, who)} not one is decided on both sides{_few(pairs)}"
        return f"**Not decidable from this run**: {why}."
    said = [
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
    text = f"{lead}: of {_of_pairs(total, who)}, {words.listed(said)}"
    return text + (f"; {open_} cannot be decided here{_few(pairs)}." if open_ else ".")


def _few(pairs: Sequence[Pair]) -> str:
    few = sum(NO_INTERVAL in (pair.inside, pair.outside) for pair in pairs)
    return f", {few} of them for too few rounds" if few else ""


def _of_pairs(total: int, who: str) -> str:
    return f"{words.counted(total, 'pair')} of {who}"


def ranking(ranking: Ranking) -> str:
    low, high = ranking.tau
    tau = words.fixed(low, 2)
    if high != low:
        tau = f"between {tau} and {words.fixed(high, 2)}"
    tau = f"Kendall's τ {tau}"
    if all(pair.inside == EQUIVALENT for pair in ranking.pairs):
        tau = "no rank in process, all tie"
    text = f"`{ranking.name}`, {words.FIGURES[ranking.metric]}: {tau}"
    parts = []
    for fate, said in (
        (ranks.REVERSED, "reversed, since in process it is "),
        (ranks.LOST, "a lead in process that does not show over sockets: "),
        (ranks.GAINED, "a lead over sockets that does not show in process: "),
        (ranks.OPEN, "open: "),
    ):
        if mine := ranking.of(fate):
            parts.append(said + words.listed(_pair(pair, fate) for pair in mine))
    return "; ".join([text, *parts]) + "."


def _pair(pair: Pair, fate: str) -> str:
    """ "event_loop over thread_pool", where one of them leads; else "thread_pool/event_loop"."""
    first, second = words.label(pair.first), words.label(pair.second)
    said = {ranks.OPEN: "", ranks.GAINED: pair.outside}.get(fate, pair.inside)
    return {BETTER: f"{first} over {second}", WORSE: f"{second} over {first}"}.get(said, f"{first}/{second}")


def pairs(found: Sequence[Ranking], of: str = "models", by: str = "workload") -> Block:
    table = Table(
        f"Every two {of}: the first against the second",
        [
            Column(by),
            Column("metric over sockets"),
            Column("first"),
            Column("second"),
            Column("in process"),
            Column("over sockets"),
            Column("rank"),
        ],
        folded=True,
    )
    for ranking in found:
        for i, pair in enumerate(ranking.pairs):
            table.add(
                Cell(ranking.name if i == 0 else "", "head"),
                words.FIGURES[ranking.metric] if i == 0 else "",
                words.label(pair.first),
                words.label(pair.second),
                Cell(f"{words.MARKS[pair.inside]} {pair.inside}", pair.inside),
                Cell(f"{words.MARKS[pair.outside]} {pair.outside}", pair.outside),
                Cell(pair.fate, {ranks.REVERSED: "worse", ranks.KEPT: "better"}.get(pair.fate, "soft")),
            )
    table.notes.append(
        "Verdicts from paired rounds, simultaneous over all pairs of a family in one metric, against its"
        " margin δ. τ: +1 for an order kept, −1 for one reversed, 0 for a tie on either side, over all"
        " pairs; an open pair could be any of them, hence two ends."
    )
    return table
