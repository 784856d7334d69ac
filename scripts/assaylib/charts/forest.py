# SPDX-License-Identifier: MIT
"""Ratios with their intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

from .. import judge
from .axes import frame, ratio_axis
from .drawing import VERDICT_LINE, VERDICT_MARK, WIDTH, Chart, mark, px, stroke, write


@dataclass(frozen=True)
class ForestRow:
    group: str
    member: str
    verdict: str
    delta: float
    estimate: float | None
    interval: tuple[float, float] | None
    said: tuple[str, str]  #: at the right margin: ratio, interval


def _names(rows: Sequence[ForestRow]) -> int:
    """Where the scale may begin: a group's name and that of its first member stand on one line before it."""
    first = {row.group: row for row in reversed(rows)}.values()
    return max([232, *(round(30 + 7 * len(row.group) + 6.5 * len(row.member)) for row in first)])


def forest(name: str, title: str, text: str, rows: Sequence[ForestRow], axis_title: str) -> Chart:
    """Ratios to a baseline with their intervals, over the band of what does not matter."""
    row_height, top, left, right = 14, 30, _names(rows), 594
    seen = [v for r in rows for v in (r.estimate, *(r.interval or ())) if v is not None]
    seen += [f for r in rows for f in (1 + r.delta, 1 / (1 + r.delta))]
    axis = ratio_axis(seen, left, right)
    bottom = top + row_height * len(rows)
    parts = []
    group, shade = None, False
    bands = []
    for i, row in enumerate(rows):
        y = top + i * row_height
        shade = shade if row.group == group else not shade
        group = row.group
        if shade:
            parts.append(
                f'<rect class="zebra" x="0" y="{px(y)}" width="{WIDTH}" height="{row_height}"/>'
            )
        x1, x2 = axis.at(1 / (1 + row.delta)), axis.at(1 + row.delta)
        bands.append(
            f'<rect class="band" x="{px(x1)}" y="{px(y)}" width="{px(max(1.5, x2 - x1))}"'
            f' height="{row_height}"/>'
        )
    parts += bands
    parts.append(frame(axis, top, bottom, axis_title))
    parts.append(stroke(axis.at(1), top - 4, axis.at(1), bottom, "one"))
    parts.append(write(axis.at(1) - 6, 12, "◂ worse", "soft small end"))
    parts.append(write(axis.at(1) + 6, 12, "better ▸", "soft small"))
    parts.append(
        write(WIDTH - 104, 12, "ratio", "soft small end")
        + write(WIDTH - 4, 12, "interval", "soft small end")
    )
    group = None
    for i, row in enumerate(rows):
        y = top + (i + 0.5) * row_height
        if row.group != group:
            parts.append(write(4, y + 4, row.group, "head"))
            group = row.group
        parts.append(write(left - 10, y + 4, row.member, "end"))
        parts.append(write(WIDTH - 104, y + 4, row.said[0], "end small"))
        parts.append(write(WIDTH - 4, y + 4, row.said[1], "end small soft"))
        if row.interval:
            classes = VERDICT_LINE.get(row.verdict, "none bar")
            parts.append(stroke(axis.at(row.interval[0]), y, axis.at(row.interval[1]), y, classes))
        if row.estimate is not None:
            shape, classes = VERDICT_MARK[row.verdict]
            parts.append(mark(shape, axis.at(row.estimate), y, classes))
    y = bottom + 50
    legend = [
        (judge.BETTER, "better by more than the margin"),
        (judge.WORSE, "worse by more"),
        (judge.EQUIVALENT, "equivalent"),
        (judge.UNRESOLVED, "not resolved: holds 1, or lies across the margin's end"),
        (judge.NO_INTERVAL, "no interval or number"),
    ]
    present = {row.verdict for row in rows}
    x = 8.0
    for verdict, said in legend:
        if verdict not in present and not (
            verdict == judge.NO_INTERVAL and judge.NO_NUMBER in present
        ):
            continue
        shape, classes = VERDICT_MARK[verdict]
        parts.append(mark(shape, x, y - 4, classes) + write(x + 10, y, said, "soft small"))
        x += 24 + 6.3 * len(said)
    parts.append(
        f'<rect class="band" x="{px(x)}" y="{px(y - 10)}" width="12" height="12"/>'
        + write(x + 17, y, "margin", "soft small")
    )
    return Chart(name, title, text, bottom + 60, "".join(parts))
