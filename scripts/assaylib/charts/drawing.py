# SPDX-License-Identifier: MIT
"""Strokes, marks and words of a picture, and the colours that they take."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Sequence

from .. import judge

PALETTE = """
:root{--ink:#1b1f24;--soft:#57606a;--line:#d5dae0;--faint:#eceff2;--paper:#fff;--band:#cdd5de;
--better:#0072b2;--worse:#c14a00;--same:#3d444d;--open:#6e7781;
--s1:#0072b2;--s2:#c14a00;--s3:#00805b;--s4:#9a4b7d;--s5:#6e5a00;--s6:#3d444d}
@media screen and (prefers-color-scheme:dark){:root{--ink:#e6e8eb;--soft:#9aa4af;--line:#3a424c;--faint:#232a32;
--paper:#14181d;--band:#364150;--better:#56b4e9;--worse:#f0883e;--same:#c6ccd3;--open:#8b949e;
--s1:#56b4e9;--s2:#f0883e;--s3:#2cc79b;--s4:#e59bc4;--s5:#d9c14a;--s6:#c6ccd3}}
"""

STYLE = """
.chart{font:12px system-ui,-apple-system,"Segoe UI","DejaVu Sans",Arial,sans-serif;fill:var(--ink);font-variant-numeric:tabular-nums}
.chart .soft{fill:var(--soft)}.chart .head{font-weight:600}.chart .end{text-anchor:end}.chart .mid{text-anchor:middle}
.chart .small{font-size:11px}.chart .grid{stroke:var(--line);stroke-width:1;fill:none}.chart .one{stroke:var(--soft);stroke-width:1;fill:none}
.chart .band{fill:var(--band)}.chart .zebra{fill:var(--faint)}
.chart .better{fill:var(--better);stroke:var(--better)}.chart .worse{fill:var(--worse);stroke:var(--worse)}
.chart .equivalent{fill:var(--same);stroke:var(--same)}.chart .unresolved{fill:var(--paper);stroke:var(--open)}
.chart .none{fill:none;stroke:var(--open)}.chart .bar{stroke-width:2}.chart .mark{stroke-width:1.5}
.chart .s1{fill:var(--s1);stroke:var(--s1)}.chart .s2{fill:var(--s2);stroke:var(--s2)}.chart .s3{fill:var(--s3);stroke:var(--s3)}
.chart .s4{fill:var(--s4);stroke:var(--s4)}.chart .s5{fill:var(--s5);stroke:var(--s5)}.chart .s6{fill:var(--s6);stroke:var(--s6)}
.chart .hollow{fill:var(--paper);stroke-width:1.6}
.chart .dash{stroke-dasharray:3 3}.chart .part{stroke:var(--paper);stroke-width:1}
.chart .track{stroke-width:1;opacity:.45;fill:none}.chart .dot{stroke:none;opacity:.75}.chart .pale{opacity:.4}
"""

WIDTH = 760
KEY_LINE = 17


@dataclass(frozen=True)
class Chart:
    """One picture. `name` is unique in a report: file name and prefix of its ids."""

    name: str
    title: str
    text: str  #: for those who cannot see it
    height: float
    body: str

    def _svg(self, attributes: str, style: str) -> str:
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0'
            f' {WIDTH} {px(self.height)}" {attributes}role="img" aria-labelledby="{self.name}-title'
            f' {self.name}-desc"><title id="{self.name}-title">{escape(self.title)}</title><desc'
            f' id="{self.name}-desc">{escape(self.text)}</desc>{style}{self.body}</svg>'
        )

    def inline(self) -> str:
        return self._svg("", "")

    def standalone(self) -> str:
        style = (
            f'<style>{PALETTE}{STYLE}</style><rect width="{WIDTH}" height="{px(self.height)}"'
            ' fill="var(--paper)"/>'
        )
        return self._svg(f'width="{WIDTH}" height="{px(self.height)}" ', style) + "\n"


def px(value: float) -> str:
    """A coordinate: one decimal, none if it is whole."""
    text = f"{value:.1f}"
    return text[:-2] if text.endswith(".0") else text


def write(x: float, y: float, said: str, classes: str = "") -> str:
    attribute = f' class="{classes}"' if classes else ""
    return f'<text x="{px(x)}" y="{px(y)}"{attribute}>{escape(said)}</text>'


def stroke(x1: float, y1: float, x2: float, y2: float, classes: str) -> str:
    return f'<path class="{classes}" d="M{px(x1)} {px(y1)}L{px(x2)} {px(y2)}"/>'


def mark(shape: int, x: float, y: float, classes: str, size: float = 4.5) -> str:
    """circle, square, triangle up, diamond, triangle down, cross: six shapes, in this order. Hollow ones come
    behind them (series_class), and since a cross has nothing to be hollow, a plus."""
    s = size
    if shape % 6 == 0:
        return f'<circle class="{classes}" cx="{px(x)}" cy="{px(y)}" r="{px(s)}"/>'
    path = {
        1: f"M{px(x - s)} {px(y - s)}h{px(2 * s)}v{px(2 * s)}h{px(-2 * s)}z",
        2: f"M{px(x - s)} {px(y + s)}h{px(2 * s)}L{px(x)} {px(y - s)}z",
        3: f"M{px(x)} {px(y - s)}L{px(x + s)} {px(y)}L{px(x)} {px(y + s)}L{px(x - s)} {px(y)}z",
        4: f"M{px(x - s)} {px(y - s)}h{px(2 * s)}L{px(x)} {px(y + s)}z",
        5: (
            f"M{px(x - s)} {px(y - s)}l{px(2 * s)} {px(2 * s)}M{px(x - s)} {px(y + s)}l{px(2 * s)} {px(-2 * s)}"
        ),
    }[shape % 6]
    if shape % 12 == 11:
        path = f"M{px(x - s)} {px(y)}h{px(2 * s)}M{px(x)} {px(y - s)}v{px(2 * s)}"
    return f'<path class="{classes}" d="{path}"/>'


VERDICT_MARK = {
    judge.BETTER: (2, "better mark"),
    judge.WORSE: (4, "worse mark"),
    judge.EQUIVALENT: (3, "equivalent mark"),
    judge.UNRESOLVED: (0, "unresolved mark"),
    judge.NO_INTERVAL: (5, "none mark"),
    judge.NO_NUMBER: (5, "none mark"),
}
VERDICT_LINE = {
    judge.BETTER: "better bar",
    judge.WORSE: "worse bar",
    judge.EQUIVALENT: "equivalent bar",
}


def series_class(index: int) -> str:
    """Six colours and shapes, and the same again hollow: a dozen that are told apart in black and
    white, too."""
    return f"s{index % 6 + 1}" + (" hollow" if index // 6 % 2 else "")


def key(series: Sequence[str], y: float, x: float = 8.0, floor: str | None = None) -> str:
    """Marks and their names from x on, in as many lines as they take (key_height)."""
    parts = []
    left = x
    for i, said in enumerate(series):
        wide = 28 + 6.6 * len(said)
        if x > left and x + wide > WIDTH:
            x, y = left, y + KEY_LINE
        parts.append(mark(i, x, y - 4, series_class(i)) + write(x + 11, y, said, "soft small"))
        x += wide
    if floor:
        if x + 8 + 6 * len(floor) > WIDTH:
            x, y = left, y + KEY_LINE
        parts.append(stroke(x, y - 10, x, y + 2, "one bar") + write(x + 8, y, floor, "soft small"))
    return "".join(parts)


def key_height(series: Sequence[str], x: float = 8.0, floor: str | None = None) -> float:
    """What its lines but the first add."""
    lines, left = 0, x
    for said in series:
        wide = 28 + 6.6 * len(said)
        if x > left and x + wide > WIDTH:
            x, lines = left, lines + 1
        x += wide
    return KEY_LINE * (lines + (floor is not None and x + 8 + 6 * len(floor) > WIDTH))
