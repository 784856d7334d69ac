# SPDX-License-Identifier: MIT
"""Figures over a size, a line per series, a panel per operation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

from .axes import decade_axis, frame, ratio_axis
from .drawing import WIDTH, Chart, key, key_height, mark, px, series_class, stroke, write


@dataclass(frozen=True)
class LinePoint:
    series: int
    panel: int
    x: float
    y: float


def lines(
    name: str,
    title: str,
    text: str,
    panels: Sequence[str],
    points: Sequence[LinePoint],
    series: Sequence[str],
    x_title: str,
    y_title: str,
) -> Chart:
    """Both axes logarithmic; up is a ratio with 1 on it."""
    top, bottom, first, gap = 44, 330, 46, 44
    width = (WIDTH - first - 16 - gap * (len(panels) - 1)) / len(panels)
    parts = []
    for k, panel in enumerate(panels):
        left = first + k * (width + gap)
        across = decade_axis([p.x for p in points], left, left + width)
        up = ratio_axis([p.y for p in points], bottom, top, whole=True)
        parts.append(write(left, 18, panel, "head") + write(left, 36, y_title, "soft small"))
        parts.append(frame(across, top, bottom, x_title))
        for value, said in up.ticks:
            y = up.at(value)
            parts.append(stroke(left, y, left + width, y, "one" if value == 1 else "grid"))
            parts.append(write(left - 5, y + 4, said, "soft small end"))
        for s in range(len(series)):
            mine = sorted((p for p in points if p.panel == k and p.series == s), key=lambda p: p.x)
            path = "L".join(f"{px(across.at(p.x))} {px(up.at(p.y))}" for p in mine)
            if len(mine) > 1:
                parts.append(
                    f'<path class="{series_class(s)} track" style="fill:none" d="M{path}"/>'
                )
            parts += [mark(s, across.at(p.x), up.at(p.y), series_class(s), 4) for p in mine]
    parts.append(key(series, bottom + 54))
    return Chart(name, title, text, bottom + 64 + key_height(series), "".join(parts))
