# SPDX-License-Identifier: MIT
"""What a request costs a server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

from .axes import decade_axis, frame, linear_axis
from .drawing import WIDTH, Chart, mark, px, stroke, write


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
                f'<rect class="zebra" x="0" y="{px(y)}" width="{WIDTH}" height="{row_height}"/>'
            )
        parts.append(write(4, y + 14, label, "head") + write(first - 12, y + 14, row.member, "end"))
    parts += [write(first, 18, "CPU per request", "head"), write(left, 18, right_title, "head")]
    parts.append(
        frame(bars, top, bottom, "µs, median of rounds") + frame(across, top, bottom, right_unit)
    )
    for i, row in enumerate(rows):
        y = top + (i + 0.5) * row_height
        if row.user is None or row.system is None:
            parts.append(write(first + 6, y + 4, "no number", "soft small"))
        else:
            x1, x2 = bars.at(row.user), bars.at(row.user + row.system)
            parts.append(
                f'<rect class="s1" stroke-width="0" x="{first}" y="{px(y - 5)}"'
                f' width="{px(x1 - first)}" height="10"/>'
            )
            parts.append(
                f'<rect class="s1 pale" stroke-width="0" x="{px(x1)}" y="{px(y - 5)}"'
                f' width="{px(x2 - x1)}" height="10"/>'
            )
        if row.low and row.high:
            parts.append(stroke(across.at(row.low), y, across.at(row.high), y, "s1 bar"))
            parts.append(
                mark(0, across.at(row.low), y, "s1", 4) + mark(3, across.at(row.high), y, "s2", 5)
            )
        elif row.low:
            parts.append(mark(0, across.at(row.low), y, "s1", 4))
    y = bottom + 52
    parts.append(
        f'<rect class="s1" stroke-width="0" x="8" y="{px(y - 9)}" width="12" height="10"/>'
        + write(25, y, "user", "soft small")
    )
    parts.append(
        f'<rect class="s1 pale" stroke-width="0" x="62" y="{px(y - 9)}" width="12" height="10"/>'
        + write(79, y, "system", "soft small")
    )
    if any(r.high for r in rows):
        parts.append(mark(0, left + 6, y - 4, "s1", 4) + write(left + 16, y, "p50", "soft small"))
        parts.append(mark(3, left + 56, y - 4, "s2", 5) + write(left + 66, y, "p99", "soft small"))
    return Chart(name, title, text, bottom + 62, "".join(parts))
