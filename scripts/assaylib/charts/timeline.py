# SPDX-License-Identifier: MIT
"""Figures over time, a panel below the other, with what happened meanwhile shaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

from .axes import Axis, decade_axis, linear_axis
from .drawing import WIDTH, Chart, key, key_height, mark, px, series_class, stroke, write

HEIGHT, GAP, FIRST = 128, 34, 54


@dataclass(frozen=True)
class Panel:
    title: str
    unit: str
    log: bool = False


@dataclass(frozen=True)
class TimeLine:
    """y is None where there is no figure: the line is broken there."""

    panel: int
    series: int
    points: Sequence[tuple[float, float | None]]


@dataclass(frozen=True)
class Span:
    from_s: float
    to_s: float
    label: str


def timeline(
    name: str,
    title: str,
    text: str,
    panels: Sequence[Panel],
    lines: Sequence[TimeLine],
    series: Sequence[str],
    spans: Sequence[Span],
    x_title: str,
) -> Chart:
    """x in seconds, the same in all panels."""
    xs = [x for line in lines for x, _ in line.points] or [0.0, 1.0]
    across = linear_axis(max(xs), FIRST, WIDTH - 14, min(0.0, *xs))
    parts = []
    bottom = 0.0
    for k, panel in enumerate(panels):
        top = 34 + k * (HEIGHT + GAP)
        bottom = top + HEIGHT
        mine = [line for line in lines if line.panel == k]
        parts.append(write(FIRST, top - 10, f"{panel.title}, {panel.unit}", "head"))
        parts += [_span(across, span, top, bottom, labelled=k == 0) for span in spans]
        up = _up(panel, mine, bottom, top)
        for value, said in up.ticks:
            y = up.at(value)
            parts.append(stroke(FIRST, y, WIDTH - 14, y, "grid"))
            parts.append(write(FIRST - 5, y + 4, said, "soft small end"))
        parts += [_line(across, up, line) for line in mine]
    for value, said in across.ticks:
        parts.append(stroke(across.at(value), bottom, across.at(value), bottom + 4, "one"))
        parts.append(write(across.at(value), bottom + 17, said, "soft small mid"))
    parts.append(write((FIRST + WIDTH - 14) / 2, bottom + 32, x_title, "soft small mid"))
    parts.append(key(series, bottom + 54))
    return Chart(name, title, text, bottom + 64 + key_height(series), "".join(parts))


def _up(panel: Panel, lines: Sequence[TimeLine], bottom: float, top: float) -> Axis:
    seen = [y for line in lines for _, y in line.points if y is not None and (y > 0 or not panel.log)]
    if panel.log:
        return decade_axis(seen or [1, 10], bottom, top)
    return linear_axis(max([*seen, 0.0]) or 1.0, bottom, top)


def _span(across: Axis, span: Span, top: float, bottom: float, *, labelled: bool) -> str:
    left, right = across.at(span.from_s), across.at(span.to_s)
    box = f'<rect class="band" x="{px(left)}" y="{px(top)}" width="{px(right - left)}" height="{px(bottom - top)}"/>'
    return box + (write((left + right) / 2, top + 12, span.label, "soft small mid") if labelled else "")


def _line(across: Axis, up: Axis, line: TimeLine) -> str:
    """Broken where there is no figure; nor has zero a place on a logarithmic axis."""
    pieces: list[list[tuple[float, float]]] = [[]]
    for x, y in line.points:
        if y is None or (up.log and y <= 0):
            pieces.append([])
        else:
            pieces[-1].append((across.at(x), up.at(y)))
    classes = series_class(line.series)
    parts = []
    for piece in pieces:
        path = "L".join(f"{px(x)} {px(y)}" for x, y in piece)
        if len(piece) > 1:
            parts.append(f'<path class="{classes} track" style="fill:none" d="M{path}"/>')
        parts += [mark(line.series, x, y, classes, 2.5) for x, y in piece]
    return "".join(parts)
