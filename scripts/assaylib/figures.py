# SPDX-License-Identifier: MIT
"""A figure of a case with its spread, as cells; an en dash where there is none."""

from __future__ import annotations

import math
from typing import Sequence

from . import about, judge, words
from .intervals import PLANNED_MIN
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


def slid(comparison: judge.Comparison | None) -> str:
    """The mark behind a ratio that slides with the machine's speed."""
    return f" {words.SLIDES}" if comparison and comparison.slide else ""


def slide_notes(families: Sequence[Family], metric: str, numbers: bool = True) -> list[str]:
    """Under a table that has such marks; numbers: both of each, where no verdict beside says them."""
    found = [
        (f, c) for f in families for c in f.comparisons if c.slide and c.metric == metric
    ]
    if not found:
        return []
    text = (
        f"{words.SLIDES} the ratio slides with the machine's speed: it holds for the mixture of speeds"
        " that this run met"
    )
    several = len(families) > 1
    each = [
        (f"{about.subject(f)} " if several else "") + f"{words.label(c.member)} {words.halves(c)}"
        for f, c in found
    ]
    return [f"{text}. {'; '.join(each)}." if numbers else f"{text}."]


def marked(cells: tuple[str, str], below: bool) -> tuple[str, str]:
    return (cells[0] + (" †" if below else ""), cells[1])


def middle(
    family: Family, member: str, metric: str, divisor: float = 1.0, decimals: int = 0, mark: str = ""
) -> str:
    """mark: behind the figure, if there is one."""
    level = family.level(member, metric)
    return (
        words.fixed(level.median / divisor, decimals) + mark
        if level
        else "withheld"
        if family.why_withheld(member, metric)
        else "–"
    )


def few(family: Family, members: Sequence[str], *kinds: str) -> list[str]:
    """A note, where a percentile is missing because too few requests were due. kinds: of request, if there are
    several: beginnings of figures, "fast_"."""
    missing = any(
        family.level(m, f"{kind}p50_ns") and not family.level(m, f"{kind}{p}")
        for m in members
        for kind in kinds or ("",)
        for p in PLANNED_MIN
        if p == "p99_ns" or not kind  # of kinds there is no p99.9
    )
    p99, p999 = (words.fixed(needed, 0) for needed in PLANNED_MIN.values())
    text = f"–: of a p99 {p99} requests have to be due in a round, of a p99.9 {p999}: three beyond it."
    return [text] if missing else []


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


def paired_ns(family: Family, member: str) -> float | None:
    """ns per operation, as the baseline's median and the ratio to it have it. Medians of two members mix
    the machine's speeds, each in its own way: their order need not be that of the ratios, which pair them."""
    level = family.level(family.baseline, "time_ns")
    if level is None or member == family.baseline:
        return level.median if level else None
    found = family.compared(member, "time_ns")
    return level.median / math.exp(found.estimate.median) if found and found.estimate else None


def mean_bytes(families: Sequence[Family], member: str) -> float | None:
    """Mean bytes of a document on the wire."""
    for family in families:
        level = family.level(member, "wire_bytes")
        if level:
            return level.median
    return None
