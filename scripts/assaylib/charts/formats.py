# SPDX-License-Identifier: MIT
"""Two axes: formats side by side, and in each of them its libraries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

from .axes import ratio_axis
from .drawing import WIDTH, Chart, key, key_height, mark, px, series_class, stroke, write

COLUMNS = 3
PANEL = 150  #: height of a panel's plot
ABOVE, BELOW = 34, 44


@dataclass(frozen=True)
class FormatPoint:
    panel: str
    group: int
    series: int
    value: float  #: time relative to the baseline's
    competes: bool  #: counts for the spread of its format


def formats(
    name: str,
    title: str,
    text: str,
    groups: Sequence[tuple[str, str]],
    points: Sequence[FormatPoint],
    series: Sequence[str],
    unit: str,
) -> Chart:
    """A panel each; a bar spans the libraries of a format, a dashed line carries the first format's
    fastest across the others."""
    panels = list(dict.fromkeys(p.panel for p in points))
    columns = min(COLUMNS, len(panels))
    first, gap = 46, 42
    width = (WIDTH - first - 8 - gap * (columns - 1)) / columns
    parts = []
    for k, panel in enumerate(panels):
        left = first + (k % columns) * (width + gap)
        top = ABOVE + (k // columns) * (PANEL + ABOVE + BELOW)
        mine = [p for p in points if p.panel == panel]
        parts.append(_panel(panel, mine, groups, left, top, width, [p.value for p in points]))
    rows = -(-len(panels) // columns)
    bottom = rows * (PANEL + ABOVE + BELOW)
    parts.append(write(4, 12, unit, "soft small"))
    parts.append(key(series, bottom + 16))
    y = bottom + 34 + key_height(series)
    parts.append(
        stroke(8, y - 4, 26, y - 4, "one dash")
        + write(32, y, "fastest library of the first format", "soft small")
    )
    parts.append(
        f'<rect class="band" x="260" y="{px(y - 10)}" width="12" height="12"/>'
        + write(278, y, "from a format's fastest library to its slowest", "soft small")
    )
    return Chart(name, title, text, y + 12, "".join(parts))


def _panel(
    panel: str,
    points: Sequence[FormatPoint],
    groups: Sequence[tuple[str, str]],
    left: float,
    top: float,
    width: float,
    every: Sequence[float],
) -> str:
    bottom = top + PANEL
    up = ratio_axis(every, bottom, top, whole=True)
    parts = [write(left, top - 8, panel, "head")]
    last = 1e9
    for value, said in up.ticks:
        y = up.at(value)
        parts.append(stroke(left, y, left + width, y, "one" if value == 1 else "grid"))
        if last - y > 12 or value == 1:
            parts.append(write(left - 5, y + 4, said, "soft small end"))
            last = y
    slot = width / len(groups)
    best = min((p.value for p in points if p.group == 0 and p.competes), default=None)
    for g, label in enumerate(groups):
        middle = left + (g + 0.5) * slot
        mine = sorted((p for p in points if p.group == g), key=lambda p: p.series)
        values = [p.value for p in mine if p.competes]
        if values:
            low, high = up.at(min(values)), up.at(max(values))
            parts.append(
                f'<rect class="band" x="{px(middle - slot / 2 + 3)}" y="{px(high - 6)}"'
                f' width="{px(slot - 6)}" height="{px(low - high + 12)}"/>'
            )
        step = min(11.0, (slot - 14) / max(1, len(mine) - 1)) if len(mine) > 1 else 0.0
        for i, p in enumerate(mine):
            x = middle + (i - (len(mine) - 1) / 2) * step
            parts.append(mark(p.series, x, up.at(p.value), series_class(p.series), 4))
        parts += [
            write(middle, bottom + 14 + 12 * n, word, "soft small mid")
            for n, word in enumerate(label)
        ]
    if best is not None:
        parts.append(stroke(left, up.at(best), left + width, up.at(best), "one dash"))
    return "".join(parts)
