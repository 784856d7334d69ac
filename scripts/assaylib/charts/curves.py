# SPDX-License-Identifier: MIT
"""Latency over load, a curve per series, with the limit and where each curve meets it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

from .axes import decade_axis, frame, linear_axis
from .drawing import WIDTH, Chart, key, key_height, mark, px, series_class, stroke, write

ROW = 13  # between the intervals of two knees


@dataclass(frozen=True)
class CurvePoint:
    series: int
    x: float
    y: float
    pale: bool = False  #: marked: a gate says that this figure is the machine's, too


@dataclass(frozen=True)
class Knee:
    """Where a series meets the limit. low and high: None, or its interval, as far as the axis goes."""

    series: int
    x: float
    low: float | None = None
    high: float | None = None


def curves(
    name: str,
    title: str,
    text: str,
    points: Sequence[CurvePoint],
    knees: Sequence[Knee],
    series: Sequence[str],
    limit: float,
    x_title: str,
    y_title: str,
) -> Chart:
    """x linear from 0, y logarithmic; the intervals of the knees stand in rows below the plot."""
    left, right, top, bottom = 46, WIDTH - 24, 30, 330
    across = linear_axis(max([p.x for p in points] + [k.x for k in knees]), left, right)
    up = decade_axis([*(p.y for p in points), limit], bottom, top)
    parts = [write(left, 18, y_title, "soft small"), frame(across, top, bottom, x_title)]
    for value, said in up.ticks:
        y = up.at(value)
        parts.append(stroke(left, y, right, y, "grid"))
        parts.append(write(left - 5, y + 4, said, "soft small end"))
    y = up.at(limit)
    parts.append(stroke(left, y, right, y, "one dash"))
    parts.append(write(right, y - 5, f"limit {limit:g}", "soft small end"))
    for s in range(len(series)):
        mine = sorted((p for p in points if p.series == s), key=lambda p: p.x)
        path = "L".join(f"{px(across.at(p.x))} {px(up.at(p.y))}" for p in mine)
        if len(mine) > 1:
            parts.append(f'<path class="{series_class(s)} track" style="fill:none" d="M{path}"/>')
        for p in mine:
            classes = series_class(s) + (" pale" if p.pale else "")
            parts.append(mark(s, across.at(p.x), up.at(p.y), classes, 3.5))
    below = bottom + 50
    if knees:
        parts.append(write(left, below, "knees, with intervals", "soft small"))
    for i, knee in enumerate(knees):
        at, row, classes = across.at(knee.x), below + ROW * (i + 1), series_class(knee.series)
        parts.append(stroke(at, up.at(limit) - 7, at, up.at(limit) + 7, f"{classes} bar"))
        if knee.low is not None and knee.high is not None:
            parts.append(stroke(across.at(knee.low), row, across.at(knee.high), row, f"{classes} bar"))
        parts.append(mark(knee.series, at, row, classes))
    end = below + ROW * len(knees) + 22
    parts.append(key(series, end))
    return Chart(name, title, text, end + 10 + key_height(series), "".join(parts))
