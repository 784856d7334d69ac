# SPDX-License-Identifier: MIT
"""A whole and its parts, as bars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

from . import parts
from .axes import frame, linear_axis
from .drawing import WIDTH, Chart, write


@dataclass(frozen=True)
class StackRow:
    member: str
    panel: int
    parts: tuple[tuple[int, float], ...]  #: (index of the part, share of the whole in percent)
    said: str  #: the whole, at the right end


def stacks(
    name: str,
    title: str,
    text: str,
    panels: Sequence[str],
    rows: Sequence[StackRow],
    kinds: Sequence[str],
) -> Chart:
    """Panels side by side, a row per member, its parts in percent of its own whole."""
    row_height, top, first, gap = 19, 30, 172, 10
    width = (WIDTH - gap * (len(panels) - 1)) / len(panels)
    count = max(sum(r.panel == k for r in rows) for k in range(len(panels)))
    bottom = top + row_height * count
    drawn = []
    for k, panel in enumerate(panels):
        left = k * (width + gap) + first
        axis = linear_axis(100, left, (k + 1) * width + k * gap - 66)
        drawn.append(write(left, 18, panel, "head"))
        drawn.append(frame(axis, top, bottom, "% of its own time"))
        for i, row in enumerate(r for r in rows if r.panel == k):
            y = top + i * row_height
            drawn.append(write(left - 8, y + 14, row.member, "end small"))
            drawn.append(parts.laid(row.parts, axis, y + 4))
            drawn.append(write((k + 1) * width + k * gap - 2, y + 14, row.said, "end small soft"))
    named, y = parts.key(kinds, bottom + 52)
    return Chart(name, title, text, y + 10, "".join([*drawn, named]))
