# SPDX-License-Identifier: MIT
"""Clauses that sum up verdicts: for how many which, and the span of what is claimed."""

from __future__ import annotations

from typing import Sequence

from . import judge, words
from .judge import Comparison, Family, TieSet
from .operations import verb


def lead_clause(op: str, metric: str, comparisons: list[Comparison], noun: str) -> str:
    """ "encodes faster for 3 of 4 payloads (at least 13.2 to 27.3 × as fast), not resolved for 1"."""
    better, worse = {
        "time_ns": ((f"{verb(op)} faster", f"{verb(op)} slower") if op else ("faster", "slower")),
        "cpu_ns_per_request": ("cheaper in CPU", "dearer in CPU"),
        "closed_hz": ("higher in throughput", "lower in throughput"),
    }[metric]
    total = len(comparisons)
    parts = []
    for verdict, word in ((judge.BETTER, better), (judge.WORSE, worse)):
        those = [c for c in comparisons if c.verdict == verdict]
        if those:
            parts.append(f"{word} for {len(those)} of {total} ({words.claim(those)})")
    about = (
        ""
        if parts
        else {"cpu_ns_per_request": "in CPU ", "closed_hz": "in throughput "}.get(
            metric, f"{op}: " if op else ""
        )
    )
    for verdict, word in (
        (judge.EQUIVALENT, "equivalent"),
        (judge.UNRESOLVED, "not resolved"),
        (judge.NO_INTERVAL, "without an interval"),
        (judge.NO_NUMBER, "without a number"),
    ):
        count = sum(c.verdict == verdict for c in comparisons)
        if count:
            parts.append(f"{word} for {count} of {total}{_seen(comparisons, verdict)}")
    first, *rest = parts
    plural = noun if total == 1 else noun + "s"
    return about + ", ".join(
        [
            first.replace(f" of {total}", f" of {total} {plural}", 1),
            *(r.replace(f" of {total}", "", 1) for r in rest),
        ]
    )


def _seen(comparisons: Sequence[Comparison], verdict: str) -> str:
    """Of the unresolved, those that differ from 1 without it being shown by how much."""
    seen = sum(c.straddles for c in comparisons)
    if verdict != judge.UNRESOLVED or not seen:
        return ""
    every = sum(c.verdict == verdict for c in comparisons)
    who = "" if seen == every else f"{seen} of them "
    return f" ({who}differ{'s' if seen == 1 else ''} from 1, but not shown to be by δ or more)"


def tied(family: Family, tie: TieSet) -> str:
    """In the plan's order: inside a set there is no other."""
    return words.listed(words.label(m) for m in family.candidates if m in tie.members)


def tie_text(family: Family, metric: str) -> str:
    tie = next((t for t in family.ties if t.metric == metric), None)
    if tie is None:
        return "no ranking"
    if not tie.resolved:
        return f"not to be ranked ({family.uncalibrated.get(metric) or 'too few rounds'})"
    if len(tie.members) == 1:
        return f"{words.label(tie.best)} alone"
    return f"{tied(family, tie)}, not separated"
