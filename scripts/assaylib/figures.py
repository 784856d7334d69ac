# SPDX-License-Identifier: MIT
"""A figure of a case with its spread, as cells; an en dash where there is none."""

from __future__ import annotations

from typing import Sequence

from . import about, judge, words
from .judge import Family, Judgement


def spread(
    family: Family, member: str, metric: str, divisor: float, decimals: int
) -> tuple[str, str]:
    """Median of rounds, and the lowest and the highest; "–" without a figure."""
    if family.why_withheld(member, metric):
        return "withheld", ""
    values = [v / divisor for _, v in family.series(member, metric)]
    if not values:
        return "–", ""
    shown = words.fixed(judge.median(values), decimals)
    return shown, "" if len(values) == 1 else words.span(min(values), max(values), decimals, "–")


def marked(cells: tuple[str, str], below: bool) -> tuple[str, str]:
    return (cells[0] + (" †" if below else ""), cells[1])


def middle(
    family: Family, member: str, metric: str, divisor: float = 1.0, decimals: int = 0
) -> str:
    level = family.level(member, metric)
    return (
        words.fixed(level.median / divisor, decimals)
        if level
        else "withheld"
        if family.why_withheld(member, metric)
        else "–"
    )


def p_value(p: float | None) -> str:
    return "" if p is None else "< 0.0001" if p < 0.0001 else words.fixed(p, 4)


def wire_bytes(judged: Judgement, family: Family, member: str) -> float | None:
    level = family.level(member, "wire_bytes")
    if level:
        return level.median
    for row in judged.run.get("fidelity") or []:
        if (
            row.get("payload") == about.subject(family)
            and row.get("codec") == member
            and row.get("wire_bytes")
        ):
            return sum(row["wire_bytes"]) / len(row["wire_bytes"])
    return None


def mean_bytes(families: Sequence[Family], member: str) -> float | None:
    """Mean bytes of a document on the wire."""
    for family in families:
        level = family.level(member, "wire_bytes")
        if level:
            return level.median
    return None
