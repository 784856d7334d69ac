# SPDX-License-Identifier: MIT
"""The same ratio as two sides show it, one above the other, each with its interval: does it stay?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Sequence

from .axes import Axis, frame, ratio_axis
from .drawing import KEY_LINE, WIDTH, Chart, mark, px, stroke, write

ROW, HEAD, APART = 22, 24, 5  #: px: of a row, of a panel's name, of an end from the row's middle
LETTER = 6.3  #: px of a letter of 11 px, with room to spare
UNKNOWN = 5  #: the shape of a ratio without an interval; else an end's place in its row is its shape


@dataclass(frozen=True)
class DumbbellEnd:
    ratio: float | None  #: None: no number
    interval: tuple[float, float] | None
    delta: float  #: the margin there: 0.03 is 3 %


@dataclass(frozen=True)
class DumbbellKind:
    """What may become of a ratio."""

    look: str  #: a class of drawing.STYLE; colour alone tells nothing, so every row has the word, too
    word: str
    said: str  #: in the legend


@dataclass(frozen=True)
class DumbbellRow:
    panel: str
    name: str
    kind: DumbbellKind
    ends: tuple[DumbbellEnd, DumbbellEnd]


def dumbbells(
    name: str,
    title: str,
    text: str,
    rows: Sequence[DumbbellRow],
    sides: tuple[str, str],
    kinds: Sequence[DumbbellKind],
    axis_title: str,
) -> Chart:
    """Panels below each other on one logarithmic axis; where both ends of a row lie on the same side of 1,
    and outside of the margin, the same one leads. kinds: in the legend's order."""
    left, right = _edges(rows)
    axis = ratio_axis(_seen(rows), left, right)
    top = y = 22.0
    below: list[str] = []  # under the scale, and above it
    above: list[str] = []
    panel = None
    for i, row in enumerate(rows):
        if row.panel != panel:
            panel = row.panel
            above.append(write(4, y + 16, panel, "head"))
            y += HEAD
        if i % 2:
            below.append(f'<rect class="zebra" x="0" y="{px(y)}" width="{WIDTH}" height="{ROW}"/>')
        middle = y + ROW / 2
        below += [_band(end, axis, at) for end, at in _places(row, middle)]
        above.append(_row(row, axis, middle))
        y += ROW
    one = axis.at(1)
    scale = [
        frame(axis, top, y, axis_title),
        stroke(one, top - 4, one, y, "one"),
        write(one - 6, 12, "◂ second leads", "soft small end") + write(one + 6, 12, "first leads ▸", "soft small"),
    ]
    legend, y = _legend(_samples(rows, sides), y + 54)
    present, y = _legend(_meanings(rows, kinds), y + KEY_LINE)
    return Chart(name, title, text, y + 12, "".join([*below, *scale, *above, legend, present]))


def _edges(rows: Sequence[DumbbellRow]) -> tuple[float, float]:
    """Of the scale: names stand before it, words behind it."""
    left = max([150.0, *(20 + LETTER * len(r.name) for r in rows), *(14 + 7.2 * len(r.panel) for r in rows)])
    return left, WIDTH - max([60.0, *(18 + LETTER * len(r.kind.word) for r in rows)])


def _seen(rows: Sequence[DumbbellRow]) -> list[float]:
    ends = [end for row in rows for end in row.ends]
    found = [v for end in ends for v in (end.ratio, *(end.interval or ())) if v is not None]
    return found + [f for end in ends for f in (1 + end.delta, 1 / (1 + end.delta))]


def _places(row: DumbbellRow, middle: float) -> list[tuple[DumbbellEnd, float]]:
    return [(row.ends[0], middle - APART), (row.ends[1], middle + APART)]


def _band(end: DumbbellEnd, axis: Axis, y: float) -> str:
    low, high = axis.at(1 / (1 + end.delta)), axis.at(1 + end.delta)
    return (
        f'<rect class="band" x="{px(low)}" y="{px(y - APART)}" width="{px(max(1.5, high - low))}"'
        f' height="{2 * APART}"/>'
    )


def _row(row: DumbbellRow, axis: Axis, middle: float) -> str:
    look = row.kind.look
    places = _places(row, middle)
    parts = [
        write(axis.left - 10, middle + 4, row.name, "end small"),
        write(axis.right + 12, middle + 4, row.kind.word, "small"),
    ]
    if all(end.ratio is not None for end in row.ends):
        (x1, y1), (x2, y2) = ((axis.at(end.ratio or 1), y) for end, y in places)
        parts.append(stroke(x1, y1, x2, y2, f"{look} track"))
    for shape, (end, y) in enumerate(places):
        if end.ratio is None:
            parts.append(write(axis.left + 6, y + 4, "no number", "soft small"))
            continue
        if end.interval:
            parts.append(stroke(axis.at(end.interval[0]), y, axis.at(end.interval[1]), y, f"{look} bar"))
        parts.append(_mark(shape, axis.at(end.ratio), y, look, end.interval is not None))
    return "".join(parts)


def _mark(shape: int, x: float, y: float, look: str, known: bool) -> str:
    return mark(shape if known else UNKNOWN, x, y, f"{look} mark" if known else "none mark", 3.6)


Sample = tuple[Callable[[float, float], str], str]


def _samples(rows: Sequence[DumbbellRow], sides: tuple[str, str]) -> list[Sample]:
    """What marks mean."""
    ends = [end for row in rows for end in row.ends]
    found: list[Sample] = [
        (lambda x, y: _mark(0, x + 6, y, "s6", True), f"{sides[0]} (above)"),
        (lambda x, y: _mark(1, x + 6, y, "s6", True), f"{sides[1]} (below)"),
    ]
    if any(end.ratio is not None and end.interval is None for end in ends):
        found.append((lambda x, y: _mark(0, x + 6, y, "", False), "no interval: too few rounds"))
    return [*found, (lambda x, y: f'<rect class="band" x="{px(x)}" y="{px(y - 6)}" width="12" height="12"/>', "margin")]


def _meanings(rows: Sequence[DumbbellRow], kinds: Sequence[DumbbellKind]) -> list[Sample]:
    """What looks mean, of those that are there."""

    def sample(look: str) -> Callable[[float, float], str]:
        return lambda x, y: stroke(x, y, x + 16, y, f"{look} bar") + _mark(0, x + 8, y, look, True)

    present = {row.kind for row in rows}
    return [(sample(kind.look), kind.said) for kind in kinds if kind in present]


def _legend(samples: Sequence[Sample], y: float) -> tuple[str, float]:
    """In as many lines as they take, and where the last one is."""
    parts, x = [], 8.0
    for draw, said in samples:
        wide = 34 + LETTER * len(said)
        if x > 8 and x + wide > WIDTH:
            x, y = 8.0, y + KEY_LINE
        parts.append(draw(x, y - 4) + write(x + 22, y, said, "soft small"))
        x += wide
    return "".join(parts), y
