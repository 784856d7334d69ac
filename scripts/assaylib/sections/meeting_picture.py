# SPDX-License-Identifier: MIT
"""The picture of ranks: every two in process and over sockets, so that one sees which ranks stay."""

from __future__ import annotations

import math
from typing import Sequence

from .. import charts, words
from ..charts import Chart, DumbbellEnd, DumbbellKind, DumbbellRow
from ..meeting import Pair, Ranking, Side, ranks
from ..verdicts import Estimate

INSIDE, OUTSIDE = "in process", "over sockets"
#: Fate → how it is drawn, what the row and the table call it, and what that means.
KINDS = {
    ranks.KEPT: DumbbellKind("better", "kept", "kept: the same one leads on both sides"),
    ranks.REVERSED: DumbbellKind("worse", "reversed", "reversed: the other one leads over sockets"),
    ranks.LOST: DumbbellKind("s4", "lead lost", "lead lost: equal over sockets"),
    ranks.GAINED: DumbbellKind("s3", "lead gained", "lead gained: equal in process"),
    ranks.TIED: DumbbellKind("equivalent", "tied", "tied: equal on both sides"),
    ranks.OPEN: DumbbellKind("unresolved", "not decided", "not decided (why: in the table)"),
}


def picture(found: Sequence[Ranking], of: str) -> Chart | None:
    """None where no two have a number on both sides. of: what is ranked, a word of the file's name, too."""
    shown = ranks.pictured(found)
    pairs = [pair for _, mine in shown for pair in mine]
    if not any(pair.inside.estimate and pair.outside.estimate for pair in pairs):
        return None
    rows = [
        DumbbellRow(panel(ranking), name(pair), KINDS[pair.fate], (_end(pair.inside), _end(pair.outside)))
        for ranking, mine in shown
        for pair in mine
    ]
    title = f"Ranks of {of} in process and over sockets"
    if len(pairs) < sum(len(ranking.pairs) for ranking in found):
        title += f": each against {words.label(pairs[0].second)}"
    listed = "; ".join(
        f"{row.panel}, {row.name}: {INSIDE} {said(pair.inside)}, {OUTSIDE} {said(pair.outside)}, {row.kind.word}"
        for row, pair in zip(rows, pairs)
    )
    text = f"Of every two the first against the second, on both sides, with simultaneous intervals. {listed}."
    axis = "times as good as the second: in process by time, over sockets by what stands above the rows (log)"
    return charts.dumbbells(f"ranks-{of}", title, text, rows, (INSIDE, OUTSIDE), list(KINDS.values()), axis)


def panel(ranking: Ranking) -> str:
    return f"{ranking.name}: {words.FIGURES[ranking.metric]}"


def name(pair: Pair) -> str:
    return f"{words.label(pair.first)} / {words.label(pair.second)}"


def said(side: Side) -> str:
    """1.24 × (1.10 to 1.31)."""
    if side.estimate is None:
        return "no number"
    text = f"{words.ratio(math.exp(side.estimate.median))}{words.SPACE}×"
    return f"{text} ({words.interval(side.estimate)})" if side.estimate.interval else text


def _end(side: Side) -> DumbbellEnd:
    found = side.estimate
    return DumbbellEnd(math.exp(found.median) if found else None, _ratios(found), side.delta)


def _ratios(estimate: Estimate | None) -> tuple[float, float] | None:
    if estimate is None or estimate.interval is None:
        return None
    low, high = estimate.interval
    return math.exp(low), math.exp(high)
