# SPDX-License-Identifier: MIT
"""Size against time: who is beaten in neither."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

from .axes import decade_axis, frame, linear_axis
from .drawing import WIDTH, Chart, key, key_height, mark, px, series_class, stroke, write


@dataclass(frozen=True)
class ParetoPoint:
    series: int
    panel: int
    size: float  #: bytes on the wire
    time: float  #: ns


def front(points: Sequence[ParetoPoint]) -> list[ParetoPoint]:
    """Those that no other beats in both, the smallest first."""
    found: list[ParetoPoint] = []
    for point in sorted(points, key=lambda p: (p.size, p.time)):
        if not found or point.time < found[-1].time:
            found.append(point)
    return found


def pareto(
    name: str,
    title: str,
    text: str,
    panels: Sequence[str],
    points: Sequence[ParetoPoint],
    series: Sequence[str],
) -> Chart:
    top, bottom, first, gap = 44, 230, 58, 62
    width = (WIDTH - first - 16 - gap * (len(panels) - 1)) / len(panels)
    parts = []
    for k, panel in enumerate(panels):
        mine = [p for p in points if p.panel == k]
        if not mine:
            continue
        left = first + k * (width + gap)
        across = linear_axis(max(p.size for p in points), left, left + width)
        up = decade_axis([p.time for p in mine], bottom, top)
        parts.append(write(left, 18, panel, "head"))
        parts.append(write(left, 36, "ns per operation (log)", "soft small"))
        parts.append(frame(across, top, bottom, "bytes on the wire, mean of the corpus"))
        for value, said in up.ticks:
            parts.append(stroke(left, up.at(value), left + width, up.at(value), "grid"))
            parts.append(write(left - 6, up.at(value) + 4, said, "soft small end"))
        steps = front(mine)
        path = f"M{px(across.at(steps[0].size))} {px(top)}" + "".join(
            f"V{px(up.at(p.time))}"
            + (f"H{px(across.at(after.size))}" if after else f"H{px(left + width)}")
            for p, after in zip(steps, [*steps[1:], None])
        )
        parts.append(f'<path class="one dash" d="{path}"/>')
        parts += [
            mark(p.series, across.at(p.size), up.at(p.time), series_class(p.series)) for p in mine
        ]
    parts.append(key(series, bottom + 54))
    y = bottom + 72 + key_height(series)
    parts.append(
        stroke(8, y - 4, 26, y - 4, "one dash")
        + write(
            32, y, "nobody else is both smaller and faster than those on this line", "soft small"
        )
    )
    return Chart(name, title, text, y + 12, "".join(parts))
