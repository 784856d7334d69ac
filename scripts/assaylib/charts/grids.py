# SPDX-License-Identifier: MIT
"""Small multiples of a grid: in every cell who is first. Names and marks stand in the cells, so that
nothing hangs on colour; what is not known stays white in a dashed frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

from .drawing import WIDTH, Chart, key, key_height, mark, px, series_class, write

ROW = 50
FIRST, GAP, TOP = 62, 14, 40
LETTER = 6.1  # px of a letter of 11 px, roughly


@dataclass(frozen=True)
class GridCell:
    panel: int
    column: int
    row: int  #: from the bottom
    series: tuple[int, ...]  #: who is in front
    state: str  #: ahead, tie or undecided
    said: str  #: below the name: by how much


def grids(
    name: str,
    title: str,
    text: str,
    panels: Sequence[str],
    columns: Sequence[str],
    rows: Sequence[str],
    cells: Sequence[GridCell],
    series: Sequence[str],
    x_title: str,
    y_title: str,
    across: int = 3,
) -> Chart:
    """`across` panels stand beside each other. A cell of one is filled; of several it holds their
    marks."""
    width = (WIDTH - FIRST - GAP * (across - 1)) / across
    height = TOP + ROW * len(rows) + 46
    parts = []
    for k, panel in enumerate(panels):
        left, top = FIRST + (k % across) * (width + GAP), (k // across) * height + TOP
        bottom, wide = top + ROW * len(rows), width / len(columns)
        parts.append(write(left, top - 22, panel, "head"))
        if k % across == 0:
            parts.append(write(4, top - 8, y_title, "soft small"))
            parts += [
                write(left - 6, bottom - ROW * (i + 0.5) + 4, said, "soft small end")
                for i, said in enumerate(rows)
            ]
        parts += [
            write(left + wide * (i + 0.5), bottom + 14, said, "soft small mid")
            for i, said in enumerate(columns)
        ]
        parts.append(write(left + width / 2, bottom + 30, x_title, "soft small mid"))
        for cell in cells:
            if cell.panel == k:
                at = (left + wide * cell.column, bottom - ROW * (cell.row + 1), wide, ROW)
                parts.append(_cell(cell, series, *at))
    y = height * -(-len(panels) // across) + 4
    parts.append(key(series, y))
    y += KEY_GAP + key_height(series)
    parts.append(_legend(y))
    return Chart(name, title, text, y + 14, "".join(parts))


KEY_GAP = 22


def _cell(cell: GridCell, series: Sequence[str], x: float, y: float, wide: float, high: float) -> str:
    parts = [_frame(cell.state, cell.series, x, y, wide, high)]
    middle, room = x + wide / 2, wide - 6
    shown = cell.series[: max(1, int(room // 13))]
    for i, which in enumerate(shown):
        at = middle + (i - (len(shown) - 1) / 2) * 13
        parts.append(mark(which, at, y + 12, series_class(which), 4))
    if cell.state == "undecided":
        names = "?"
    elif cell.state == "ahead":
        names = _fit(series[cell.series[0]], room)
    else:
        names = "all" if len(cell.series) == len(series) else "tie"
    parts.append(write(middle, y + 30, names, "small mid" + (" head" if cell.state == "ahead" else "")))
    if cell.said:
        parts.append(write(middle, y + 43, _fit(cell.said, room), "small mid soft"))
    return "".join(parts)


def _frame(state: str, series: tuple[int, ...], x: float, y: float, wide: float, high: float) -> str:
    box = f'x="{px(x + 1)}" y="{px(y + 1)}" width="{px(wide - 2)}" height="{px(high - 2)}"'
    if state == "ahead":
        colour = f"s{series[0] % 6 + 1}"
        return f'<rect {box} class="{colour}" style="fill-opacity:.16;stroke-width:1.5"/>'
    if state == "tie":
        return f'<rect {box} class="band" style="stroke:var(--line)"/>'
    return f'<rect {box} class="dash" style="fill:none;stroke:var(--open)"/>'


def _fit(said: str, room: float) -> str:
    most = max(3, int(room / LETTER))
    return said if len(said) <= most else said[: most - 1] + "…"


def _legend(y: float) -> str:
    parts, x = [], 8.0
    for state, said in (
        ("ahead", "ahead of all others, by at least so much"),
        ("tie", "a tie: their marks"),
        ("undecided", "? this machine cannot tell"),
    ):
        parts.append(_frame(state, (5,), x, y - 11, 16, 14))
        parts.append(write(x + 22, y, said, "soft small"))
        x += 46 + LETTER * len(said)
    return "".join(parts)
