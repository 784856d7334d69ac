# SPDX-License-Identifier: MIT
"""Figures over time, a panel for each series, on common axes: nobody hides behind another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

from .axes import linear_axis
from .drawing import WIDTH, Chart, mark, px, series_class, stroke, write


@dataclass(frozen=True)
class Stretch:
    series: int
    points: tuple[tuple[float, float], ...]  #: by x


ACROSS, HIGH, ABOVE, BELOW = 2, 118, 30, 42


def stretches(
    name: str,
    title: str,
    text: str,
    drawn: Sequence[Stretch],
    series: Sequence[str],
    x_title: str,
    unit: str,
) -> Chart:
    """y begins at 0, so that a flat line looks flat."""
    first, gap = 46, 50
    width = (WIDTH - first - 14 - gap * (ACROSS - 1)) / ACROSS
    most_x = max(x for curve in drawn for x, _ in curve.points)
    most_y = max(y for curve in drawn for _, y in curve.points)
    parts, rows = [], 0
    for k, curve in enumerate(drawn):
        left, top = first + (k % ACROSS) * (width + gap), (k // ACROSS) * (ABOVE + HIGH + BELOW) + ABOVE
        bottom, rows = top + HIGH, k // ACROSS + 1
        across, up = linear_axis(most_x, left, left + width), linear_axis(most_y, bottom, top)
        parts.append(write(left, top - 10, f"{series[curve.series]}, {unit}", "head"))
        for value, said in up.ticks:
            parts.append(stroke(left, up.at(value), left + width, up.at(value), "grid"))
            parts.append(write(left - 6, up.at(value) + 4, said, "soft small end"))
        for value, said in across.ticks:
            parts.append(write(across.at(value), bottom + 15, said, "soft small mid"))
        parts.append(write(left + width / 2, bottom + 31, x_title, "soft small mid"))
        places = [(across.at(x), up.at(y)) for x, y in curve.points]
        if len(places) > 1:
            path = "L".join(f"{px(x)} {px(y)}" for x, y in places)
            parts.append(f'<path class="{series_class(curve.series)} track" style="fill:none" d="M{path}"/>')
        parts += [mark(curve.series, x, y, series_class(curve.series), 2.4) for x, y in places]
    return Chart(name, title, text, rows * (ABOVE + HIGH + BELOW), "".join(parts))
