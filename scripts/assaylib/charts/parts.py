# SPDX-License-Identifier: MIT
"""The parts of a bar, and the key to their colours."""

from __future__ import annotations

from typing import Sequence

from .axes import Axis
from .drawing import KEY_LINE, WIDTH, px, write


def laid(parts: Sequence[tuple[int, float]], axis: Axis, y: float) -> str:
    """One behind the other from 0 on, each of (index of the kind, size); y is their upper edge."""
    drawn, at = [], 0.0
    for kind, size in parts:
        drawn.append(_part(kind, axis.at(at), y, max(0.0, axis.at(at + size) - axis.at(at))))
        at += size
    return "".join(drawn)


def key(kinds: Sequence[str], y: float) -> tuple[str, float]:
    """Colours and their names in as many lines as they take, and where the last one is."""
    drawn, x = [], 8.0
    for i, said in enumerate(kinds):
        if x + 24 + 6.3 * len(said) > WIDTH:
            x, y = 8.0, y + KEY_LINE
        drawn.append(_part(i, x, y - 10, 12) + write(x + 17, y, said, "soft small"))
        x += 34 + 6.3 * len(said)
    return "".join(drawn), y


def _part(kind: int, x: float, y: float, width: float) -> str:
    # Six colours, then the same once more, pale.
    look = f"s{kind % 6 + 1} part{' pale' if kind > 5 else ''}"
    return f'<rect class="{look}" x="{px(x)}" y="{px(y)}" width="{px(width)}" height="11"/>'
