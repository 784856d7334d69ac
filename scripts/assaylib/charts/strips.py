# SPDX-License-Identifier: MIT
"""Every process, row by row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

from .. import judge
from .axes import frame, linear_axis
from .drawing import WIDTH, Chart, mark, px, stroke, write


@dataclass(frozen=True)
class StripRow:
    group: str
    member: str
    alias: bool
    values: tuple[float, ...]  #: ratios, in round order


def strips(name: str, title: str, text: str, rows: Sequence[StripRow]) -> Chart:
    """Every process's ratio as a percentage of its row's median: modes are clusters, drift a slant."""
    row_height, top, left, right = 19, 30, 232, WIDTH - 16
    spread = [[100 * (v / judge.median(row.values) - 1) for v in row.values] for row in rows]
    reach = max([abs(v) for values in spread for v in values] + [0.5])
    axis = linear_axis(reach, left, right, -reach)
    bottom = top + row_height * len(rows)
    parts = []
    group, shade = None, False
    for i, row in enumerate(rows):
        y = top + i * row_height
        if row.group != group:
            group, shade, label = row.group, not shade, row.group
        else:
            label = ""
        if shade:
            parts.append(
                f'<rect class="zebra" x="0" y="{px(y)}" width="{WIDTH}" height="{row_height}"/>'
            )
        parts.append(write(4, y + 13, label, "head"))
        parts.append(write(left - 10, y + 13, row.member, "end" + (" soft" if row.alias else "")))
    parts.append(
        frame(
            axis,
            top,
            bottom,
            (
                "process's ratio against the row's median, %; in a row: first round on top, last at"
                " the bottom"
            ),
        )
    )
    parts.append(stroke(axis.at(0), top, axis.at(0), bottom, "one"))
    for i, (row, values) in enumerate(zip(rows, spread)):
        for k, value in enumerate(values):
            y = top + i * row_height + 3 + (row_height - 6) * (k + 0.5) / len(values)
            parts.append(mark(0, axis.at(value), y, ("s6" if row.alias else "s1") + " dot", 2.2))
    y = bottom + 50
    parts.append(mark(0, 8, y - 4, "s1 dot", 3) + write(17, y, "compared", "soft small"))
    parts.append(
        mark(0, 84, y - 4, "s6 dot", 3)
        + write(93, y, "A/A: the baseline against itself", "soft small")
    )
    return Chart(name, title, text, bottom + 60, "".join(parts))
