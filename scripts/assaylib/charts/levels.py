# SPDX-License-Identifier: MIT
"""Absolute figures over their floors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

from .axes import decade_axis, frame
from .drawing import WIDTH, Chart, key, key_height, mark, px, series_class, stroke, write


@dataclass(frozen=True)
class LevelRow:
    """An absolute figure per operation of one codec and payload, and the floor below it."""

    group: str
    member: str
    series: int
    values: tuple[float | None, ...]  #: one per panel
    floors: tuple[float | None, ...]


def levels(
    name: str,
    title: str,
    text: str,
    panels: Sequence[str],
    rows: Sequence[LevelRow],
    series: Sequence[str],
    unit: str,
    floor: str,
    first: int = 172,
) -> Chart:
    """Figures on a common logarithmic axis, a panel per operation, a tick where the floor is; first:
    where the panels begin, right of the names."""
    row_height, top = 17, 30
    width = (WIDTH - first - 14 - 40 * (len(panels) - 1)) / len(panels)
    seen = [v for r in rows for v in (*r.values, *r.floors) if v]
    bottom = top + row_height * len(rows)
    parts: list[str] = []
    group, shade = None, False
    for i, row in enumerate(rows):
        y = top + i * row_height
        if row.group != group:
            group, shade = row.group, not shade
            label = row.group
        else:
            label = ""
        if shade:
            parts.append(
                f'<rect class="zebra" x="0" y="{px(y)}" width="{WIDTH}" height="{row_height}"/>'
            )
        parts.append(write(4, y + 13, label, "head") + write(first - 12, y + 13, row.member, "end"))
    for k, panel in enumerate(panels):
        left = first + k * (width + 40)
        axis = decade_axis(seen or [1, 10], left, left + width)
        parts.append(write(left, 18, panel, "head"))
        parts.append(frame(axis, top, bottom, unit))
        for i, row in enumerate(rows):
            y = top + (i + 0.5) * row_height
            value, below = row.values[k], row.floors[k]
            if value and below:
                parts.append(
                    stroke(axis.at(below), y, axis.at(value), y, f"s{row.series % 6 + 1} track")
                )
            if below:
                parts.append(stroke(axis.at(below), y - 6, axis.at(below), y + 6, "one bar"))
            if value:
                parts.append(mark(row.series, axis.at(value), y, series_class(row.series)))
    parts.append(key(series, bottom + 52, floor=floor))  # no series: every row has its name
    return Chart(name, title, text, bottom + 62 + key_height(series, floor=floor), "".join(parts))
