# SPDX-License-Identifier: MIT
"""The report's pictures, as SVG written by hand: the same bytes everywhere, no drawing library.

A chart is used twice: inline in report.html, where it takes its colours from the page (light, dark,
print), and as a file of its own, which carries the same style. Text is text, in the reader's
sans-serif font: it can be searched and read aloud; widths are laid out with room to spare.

Colours are Okabe and Ito's, told apart with any colour vision; every colour has a shape of its own
beside it, so that nothing is lost in black and white.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import Sequence

from . import judge, words

PALETTE = """
:root{--ink:#1b1f24;--soft:#57606a;--line:#d5dae0;--faint:#eceff2;--paper:#fff;--band:#dfe4ea;
--better:#0072b2;--worse:#c14a00;--same:#3d444d;--open:#6e7781;
--s1:#0072b2;--s2:#c14a00;--s3:#00805b;--s4:#9a4b7d;--s5:#6e5a00;--s6:#3d444d}
@media screen and (prefers-color-scheme:dark){:root{--ink:#e6e8eb;--soft:#9aa4af;--line:#3a424c;--faint:#232a32;
--paper:#14181d;--band:#2b333d;--better:#56b4e9;--worse:#f0883e;--same:#c6ccd3;--open:#8b949e;
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
.chart .track{stroke-width:1;opacity:.45;fill:none}.chart .dot{stroke:none;opacity:.75}.chart .pale{opacity:.4}
"""

WIDTH = 760


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
            f' {WIDTH} {_n(self.height)}" {attributes}role="img" aria-labelledby="{self.name}-title'
            f' {self.name}-desc"><title id="{self.name}-title">{escape(self.title)}</title><desc'
            f' id="{self.name}-desc">{escape(self.text)}</desc>{style}{self.body}</svg>'
        )

    def inline(self) -> str:
        return self._svg("", "")

    def standalone(self) -> str:
        style = (
            f'<style>{PALETTE}{STYLE}</style><rect width="{WIDTH}" height="{_n(self.height)}"'
            ' fill="var(--paper)"/>'
        )
        return self._svg(f'width="{WIDTH}" height="{_n(self.height)}" ', style) + "\n"


def _n(value: float) -> str:
    """A coordinate: one decimal, none if it is whole."""
    text = f"{value:.1f}"
    return text[:-2] if text.endswith(".0") else text


def _text(x: float, y: float, said: str, classes: str = "") -> str:
    attribute = f' class="{classes}"' if classes else ""
    return f'<text x="{_n(x)}" y="{_n(y)}"{attribute}>{escape(said)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, classes: str) -> str:
    return f'<path class="{classes}" d="M{_n(x1)} {_n(y1)}L{_n(x2)} {_n(y2)}"/>'


def _mark(shape: int, x: float, y: float, classes: str, size: float = 4.5) -> str:
    """circle, square, triangle up, diamond, triangle down, cross: six shapes, in this order."""
    s = size
    if shape % 6 == 0:
        return f'<circle class="{classes}" cx="{_n(x)}" cy="{_n(y)}" r="{_n(s)}"/>'
    path = {
        1: f"M{_n(x - s)} {_n(y - s)}h{_n(2 * s)}v{_n(2 * s)}h{_n(-2 * s)}z",
        2: f"M{_n(x - s)} {_n(y + s)}h{_n(2 * s)}L{_n(x)} {_n(y - s)}z",
        3: f"M{_n(x)} {_n(y - s)}L{_n(x + s)} {_n(y)}L{_n(x)} {_n(y + s)}L{_n(x - s)} {_n(y)}z",
        4: f"M{_n(x - s)} {_n(y - s)}h{_n(2 * s)}L{_n(x)} {_n(y + s)}z",
        5: (
            f"M{_n(x - s)} {_n(y - s)}l{_n(2 * s)} {_n(2 * s)}M{_n(x - s)} {_n(y + s)}l{_n(2 * s)} {_n(-2 * s)}"
        ),
    }[shape % 6]
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


@dataclass(frozen=True)
class Axis:
    """A scale from data to pixels, logarithmic or linear, with its ticks."""

    low: float
    high: float
    left: float
    right: float
    ticks: tuple[tuple[float, str], ...]
    log: bool = True

    def at(self, value: float) -> float:
        scale = math.log if self.log else float
        share = (scale(value) - scale(self.low)) / (scale(self.high) - scale(self.low))
        return self.left + min(1.0, max(0.0, share)) * (self.right - self.left)


def ratio_axis(values: Sequence[float], left: float, right: float) -> Axis:
    """Logarithmic, with 1 on it and readable ticks whatever the range."""
    low, high = min([1.0, *values]), max([1.0, *values])
    low, high = min(low / 1.02, 0.97), max(high * 1.02, 1.03)
    grids: tuple[tuple[float, ...], ...] = (
        (0.94, 0.96, 0.98, 1, 1.02, 1.04, 1.06),
        (0.8, 0.85, 0.9, 0.95, 1, 1.05, 1.1, 1.15, 1.2, 1.25),
        (0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.4, 1.6, 1.8, 2),
        (0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 7, 10),
        (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100),
        tuple(10.0**k for k in range(-9, 10)),
    )
    reach = math.log(high / low)
    grid = grids[sum(reach >= limit for limit in (0.12, 0.3, 1.0, 2.6, 7))]
    return Axis(low, high, left, right, tuple((t, f"{t:g}") for t in grid if low <= t <= high))


def decade_axis(values: Sequence[float], left: float, right: float) -> Axis:
    """Logarithmic, from one of 1, 2, 5 · 10^n to another; whole decades where there are many."""
    steps = [m * 10.0**power for power in range(-3, 13) for m in (1, 2, 5)]
    low = max(s for s in steps if s <= max(min(values), steps[0]))
    high = min(s for s in steps if s >= min(max(values), steps[-1]) and s > low)
    wide = high / low > 200  # then whole decades suffice as ticks
    if wide:
        low, high = 10.0 ** math.floor(math.log10(low) + 1e-9), 10.0 ** math.ceil(
            math.log10(high) - 1e-9
        )
    ticks = tuple(
        (s, _short(s))
        for s in steps
        if low <= s * 1.000001
        and s <= high * 1.000001
        and (not wide or s == 10.0 ** round(math.log10(s)))
    )
    return Axis(low, high, left, right, ticks)


def _short(value: float) -> str:
    """1, 20, 5k, 1M."""
    group = max(0, min(4, math.floor(math.log10(value) + 1e-9) // 3))
    return f"{value / 1000.0**group:g}" + ["", "k", "M", "G", "T"][group]


def linear_axis(high: float, left: float, right: float, low: float = 0.0) -> Axis:
    step = 10.0 ** math.floor(math.log10((high - low) / 4 or 1))
    step *= next(m for m in (1, 2, 2.5, 5, 10) if (high - low) / (step * m) <= 5.5)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = tuple(
        (k * step, f"{k * step:g}".replace("-", words.MINUS)) for k in range(first, last + 1)
    )
    return Axis(first * step, last * step, left, right, ticks, log=False)


def _frame(axis: Axis, top: float, bottom: float, title: str) -> str:
    parts = []
    last = -1e9
    for value, said in axis.ticks:
        x = axis.at(value)
        parts.append(_line(x, top, x, bottom, "grid"))
        if x - last > 26:  # labels that would touch are left out
            parts.append(_text(x, bottom + 15, said, "soft small mid"))
            last = x
    parts.append(_text((axis.left + axis.right) / 2, bottom + 31, title, "soft small mid"))
    return "".join(parts)


# --- Charts -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ForestRow:
    group: str
    member: str
    verdict: str
    delta: float
    estimate: float | None
    interval: tuple[float, float] | None
    said: tuple[str, str]  #: at the right margin: ratio, interval


def forest(name: str, title: str, text: str, rows: Sequence[ForestRow], axis_title: str) -> Chart:
    """Ratios to a baseline with their intervals, over the band of what does not matter."""
    row_height, top, left, right = 18, 30, 232, 594
    seen = [v for r in rows for v in (r.estimate, *(r.interval or ())) if v is not None]
    seen += [f for r in rows for f in (1 + r.delta, 1 / (1 + r.delta))]
    axis = ratio_axis(seen, left, right)
    bottom = top + row_height * len(rows)
    parts = []
    group, shade = None, False
    bands = []
    for i, row in enumerate(rows):
        y = top + i * row_height
        shade = shade if row.group == group else not shade
        group = row.group
        if shade:
            parts.append(
                f'<rect class="zebra" x="0" y="{_n(y)}" width="{WIDTH}" height="{row_height}"/>'
            )
        x1, x2 = axis.at(1 / (1 + row.delta)), axis.at(1 + row.delta)
        bands.append(
            f'<rect class="band" x="{_n(x1)}" y="{_n(y)}" width="{_n(max(1.5, x2 - x1))}"'
            f' height="{row_height}"/>'
        )
    parts += bands
    parts.append(_frame(axis, top, bottom, axis_title))
    parts.append(_line(axis.at(1), top - 4, axis.at(1), bottom, "one"))
    parts.append(_text(axis.at(1) - 6, 12, "◂ worse", "soft small end"))
    parts.append(_text(axis.at(1) + 6, 12, "better ▸", "soft small"))
    parts.append(
        _text(WIDTH - 104, 12, "ratio", "soft small end")
        + _text(WIDTH - 4, 12, "interval", "soft small end")
    )
    group = None
    for i, row in enumerate(rows):
        y = top + (i + 0.5) * row_height
        if row.group != group:
            parts.append(_text(4, y + 4, row.group, "head"))
            group = row.group
        parts.append(_text(left - 10, y + 4, row.member, "end"))
        parts.append(_text(WIDTH - 104, y + 4, row.said[0], "end small"))
        parts.append(_text(WIDTH - 4, y + 4, row.said[1], "end small soft"))
        if row.interval:
            classes = VERDICT_LINE.get(row.verdict, "none bar")
            parts.append(_line(axis.at(row.interval[0]), y, axis.at(row.interval[1]), y, classes))
        if row.estimate is not None:
            shape, classes = VERDICT_MARK[row.verdict]
            parts.append(_mark(shape, axis.at(row.estimate), y, classes))
    y = bottom + 50
    legend = [
        (judge.BETTER, "better by more than the margin"),
        (judge.WORSE, "worse by more"),
        (judge.EQUIVALENT, "equivalent"),
        (judge.UNRESOLVED, "not resolved: holds 1, or lies across the margin's end"),
        (judge.NO_INTERVAL, "no interval or number"),
    ]
    present = {row.verdict for row in rows}
    x = 8.0
    for verdict, said in legend:
        if verdict not in present and not (
            verdict == judge.NO_INTERVAL and judge.NO_NUMBER in present
        ):
            continue
        shape, classes = VERDICT_MARK[verdict]
        parts.append(_mark(shape, x, y - 4, classes) + _text(x + 10, y, said, "soft small"))
        x += 24 + 6.3 * len(said)
    parts.append(
        f'<rect class="band" x="{_n(x)}" y="{_n(y - 10)}" width="12" height="12"/>'
        + _text(x + 17, y, "margin", "soft small")
    )
    return Chart(name, title, text, bottom + 60, "".join(parts))


@dataclass(frozen=True)
class LevelRow:
    """An absolute figure per operation of one codec and payload, and the floor below it."""

    group: str
    member: str
    series: int
    values: tuple[float | None, ...]  #: one per panel
    floors: tuple[float | None, ...]


def _key(series: Sequence[str], y: float, x: float = 8.0, floor: str | None = None) -> str:
    parts = []
    for i, said in enumerate(series):
        parts.append(_mark(i, x, y - 4, f"s{i % 6 + 1}") + _text(x + 11, y, said, "soft small"))
        x += 28 + 6.6 * len(said)
    if floor:
        parts.append(_line(x, y - 10, x, y + 2, "one bar") + _text(x + 8, y, floor, "soft small"))
    return "".join(parts)


def levels(
    name: str,
    title: str,
    text: str,
    panels: Sequence[str],
    rows: Sequence[LevelRow],
    series: Sequence[str],
    unit: str,
    floor: str,
) -> Chart:
    """Figures on a common logarithmic axis, a panel per operation, a tick where the floor is."""
    row_height, top, first = 17, 30, 172
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
                f'<rect class="zebra" x="0" y="{_n(y)}" width="{WIDTH}" height="{row_height}"/>'
            )
        parts.append(_text(4, y + 13, label, "head") + _text(first - 12, y + 13, row.member, "end"))
    for k, panel in enumerate(panels):
        left = first + k * (width + 40)
        axis = decade_axis(seen or [1, 10], left, left + width)
        parts.append(_text(left, 18, panel, "head"))
        parts.append(_frame(axis, top, bottom, unit))
        for i, row in enumerate(rows):
            y = top + (i + 0.5) * row_height
            value, below = row.values[k], row.floors[k]
            if value and below:
                parts.append(
                    _line(axis.at(below), y, axis.at(value), y, f"s{row.series % 6 + 1} track")
                )
            if below:
                parts.append(_line(axis.at(below), y - 6, axis.at(below), y + 6, "one bar"))
            if value:
                parts.append(_mark(row.series, axis.at(value), y, f"s{row.series % 6 + 1}"))
    parts.append(_key(series, bottom + 52, floor=floor))
    return Chart(name, title, text, bottom + 62, "".join(parts))


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
        parts.append(_text(left, 18, panel, "head") + _text(left, 36, y_title, "soft small"))
        parts.append(_frame(across, top, bottom, x_title))
        for value, said in up.ticks:
            parts.append(_line(left, up.at(value), left + width, up.at(value), "grid"))
            parts.append(_text(left - 6, up.at(value) + 4, said, "soft small end"))
        for s in range(len(series)):
            line = sorted((p for p in mine if p.series == s), key=lambda p: p.x)
            path = "L".join(f"{_n(across.at(p.x))} {_n(up.at(p.y))}" for p in line)
            if len(line) > 1:
                parts.append(f'<path class="s{s % 6 + 1} track" style="fill:none" d="M{path}"/>')
            for p in line:
                parts.append(_mark(s, across.at(p.x), up.at(p.y), f"s{s % 6 + 1}"))
                if s == 0:
                    end = across.at(p.x) > left + width - 70
                    parts.append(
                        _text(
                            across.at(p.x) - 9,
                            up.at(p.y) + (4 if not end else -8),
                            p.label,
                            "soft small end",
                        )
                    )
    parts.append(_key(series, bottom + 54))
    return Chart(name, title, text, bottom + 64, "".join(parts))


@dataclass(frozen=True)
class ServiceRow:
    group: str
    member: str
    user: float | None  #: µs of CPU per request in user mode …
    system: float | None  #: … and in the kernel
    low: float | None  #: p50, or throughput
    high: float | None  #: p99, or None


def services(
    name: str, title: str, text: str, rows: Sequence[ServiceRow], right_title: str, right_unit: str
) -> Chart:
    """CPU per request as bars; beside it the latency from p50 to p99, or throughput."""
    row_height, top, first, width = 20, 30, 172, 262
    bottom = top + row_height * len(rows)
    bars = linear_axis(
        max([(r.user or 0) + (r.system or 0) for r in rows] + [1]), first, first + width
    )
    ends = [v for r in rows for v in (r.low, r.high) if v]
    left = first + width + 48
    across = decade_axis(ends or [1, 10], left, WIDTH - 14)
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
                f'<rect class="zebra" x="0" y="{_n(y)}" width="{WIDTH}" height="{row_height}"/>'
            )
        parts.append(_text(4, y + 14, label, "head") + _text(first - 12, y + 14, row.member, "end"))
    parts += [_text(first, 18, "CPU per request", "head"), _text(left, 18, right_title, "head")]
    parts.append(
        _frame(bars, top, bottom, "µs, median of rounds") + _frame(across, top, bottom, right_unit)
    )
    for i, row in enumerate(rows):
        y = top + (i + 0.5) * row_height
        if row.user is None or row.system is None:
            parts.append(_text(first + 6, y + 4, "no number", "soft small"))
        else:
            x1, x2 = bars.at(row.user), bars.at(row.user + row.system)
            parts.append(
                f'<rect class="s1" stroke-width="0" x="{first}" y="{_n(y - 5)}"'
                f' width="{_n(x1 - first)}" height="10"/>'
            )
            parts.append(
                f'<rect class="s1 pale" stroke-width="0" x="{_n(x1)}" y="{_n(y - 5)}"'
                f' width="{_n(x2 - x1)}" height="10"/>'
            )
        if row.low and row.high:
            parts.append(_line(across.at(row.low), y, across.at(row.high), y, "s1 bar"))
            parts.append(
                _mark(0, across.at(row.low), y, "s1", 4) + _mark(3, across.at(row.high), y, "s2", 5)
            )
        elif row.low:
            parts.append(_mark(0, across.at(row.low), y, "s1", 4))
    y = bottom + 52
    parts.append(
        f'<rect class="s1" stroke-width="0" x="8" y="{_n(y - 9)}" width="12" height="10"/>'
        + _text(25, y, "user", "soft small")
    )
    parts.append(
        f'<rect class="s1 pale" stroke-width="0" x="62" y="{_n(y - 9)}" width="12" height="10"/>'
        + _text(79, y, "system", "soft small")
    )
    if any(r.high for r in rows):
        parts.append(_mark(0, left + 6, y - 4, "s1", 4) + _text(left + 16, y, "p50", "soft small"))
        parts.append(_mark(3, left + 56, y - 4, "s2", 5) + _text(left + 66, y, "p99", "soft small"))
    return Chart(name, title, text, bottom + 62, "".join(parts))


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
                f'<rect class="zebra" x="0" y="{_n(y)}" width="{WIDTH}" height="{row_height}"/>'
            )
        parts.append(_text(4, y + 13, label, "head"))
        parts.append(_text(left - 10, y + 13, row.member, "end" + (" soft" if row.alias else "")))
    parts.append(
        _frame(
            axis,
            top,
            bottom,
            (
                "process's ratio against the row's median, %; in a row: first round on top, last at"
                " the bottom"
            ),
        )
    )
    parts.append(_line(axis.at(0), top, axis.at(0), bottom, "one"))
    for i, (row, values) in enumerate(zip(rows, spread)):
        for k, value in enumerate(values):
            y = top + i * row_height + 3 + (row_height - 6) * (k + 0.5) / len(values)
            parts.append(_mark(0, axis.at(value), y, ("s6" if row.alias else "s1") + " dot", 2.2))
    y = bottom + 50
    parts.append(_mark(0, 8, y - 4, "s1 dot", 3) + _text(17, y, "compared", "soft small"))
    parts.append(
        _mark(0, 84, y - 4, "s6 dot", 3)
        + _text(93, y, "A/A: the baseline against itself", "soft small")
    )
    return Chart(name, title, text, bottom + 60, "".join(parts))
