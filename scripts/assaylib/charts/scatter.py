# SPDX-License-Identifier: MIT
"""Points on two logarithmic axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

from .axes import decade_axis, frame
from .drawing import WIDTH, Chart, key, key_height, mark, px, series_class, stroke, write


@dataclass(frozen=True)
class Point:
    label: str
    series: int
    panel: int
    x: float
    y: float


def scatter(
    name: str,
    title: str,
    text: str,
    panels: Sequence[str],
    points: Sequence[Point],
    series: Sequence[str],
    x_title: str,
    y_title: str,
) -> Chart:
    """Two logarithmic axes; a line joins the points of a series; labels stand at the first series."""
    top, bottom, first = 44, 300, 58
    width = (WIDTH - first - 30 - 52 * (len(panels) - 1)) / len(panels)
    parts = []
    for k, panel in enumerate(panels):
        mine = [p for p in points if p.panel == k]
        if not mine:
            continue
        left = first + k * (width + 52)
        across = decade_axis([p.x for p in points], left, left + width)
        up = decade_axis([p.y for p in points], bottom, top)
        parts.append(write(left, 18, panel, "head") + write(left, 36, y_title, "soft small"))
        parts.append(frame(across, top, bottom, x_title))
        for value, said in up.ticks:
            parts.append(stroke(left, up.at(value), left + width, up.at(value), "grid"))
            parts.append(write(left - 6, up.at(value) + 4, said, "soft small end"))
        for s in range(len(series)):
            line = sorted((p for p in mine if p.series == s), key=lambda p: p.x)
            path = "L".join(f"{px(across.at(p.x))} {px(up.at(p.y))}" for p in line)
            if len(line) > 1:
                parts.append(f'<path class="s{s % 6 + 1} track" style="fill:none" d="M{path}"/>')
            for p in line:
                parts.append(mark(s, across.at(p.x), up.at(p.y), series_class(s)))
                if s == 0:
                    end = across.at(p.x) > left + width - 70
                    parts.append(
                        write(
                            across.at(p.x) - 9,
                            up.at(p.y) + (4 if not end else -8),
                            p.label,
                            "soft small end",
                        )
                    )
    parts.append(key(series, bottom + 54))
    return Chart(name, title, text, bottom + 64 + key_height(series), "".join(parts))
