# SPDX-License-Identifier: MIT
"""Clauses that sum up verdicts: for how many which, and the span of what is claimed."""

from __future__ import annotations

from typing import Sequence

from . import judge, words
from .judge import Comparison, Family, TieSet
from .operations import verb


#: More cases than this are counted before they are named.
NAMED_MAX = 3


def lead_clause(op: str, metric: str, comparisons: list[Comparison], noun: str) -> str:
    """ "encodes faster for `ack` and `feed` (at least 13.2 × (`ack`: 14.0 × [13.2, 14.8]) to 27.3 × (`feed`:
    29.1 × [27.3, 30.0]) as fast), not resolved for `order`"."""
    better, worse = {
        "time_ns": ((f"{verb(op)} faster", f"{verb(op)} slower") if op else ("faster", "slower")),
        "cpu_ns_per_request": ("cheaper in CPU", "dearer in CPU"),
        "closed_hz": ("higher in throughput", "lower in throughput"),
    }[metric]
    parts = []
    for verdict, word in ((judge.BETTER, better), (judge.WORSE, worse)):
        those = [c for c in comparisons if c.verdict == verdict]
        if those:
            parts.append(f"{word} for {_cases(those, comparisons, noun)} ({words.claim(those, True)})")
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
        those = [c for c in comparisons if c.verdict == verdict]
        if those:
            more = "".join(each(those) for each in (_seen, _widened, _doubts))
            parts.append(f"{word} for {_cases(those, comparisons, noun)}{more}")
    return about + ", ".join(parts)


def _cases(those: Sequence[Comparison], every: Sequence[Comparison], noun: str) -> str:
    """All, or named; many are counted besides."""
    if len(those) == len(every) > 1:
        return f"all {len(every)} {noun}s"
    named = words.listed(f"`{words.case(c)}`" for c in those)
    return f"{len(those)} of {len(every)} {noun}s: {named}" if len(those) > NAMED_MAX else named


def _seen(those: Sequence[Comparison]) -> str:
    """Of the unresolved, those that differ from 1 without it being shown by how much."""
    seen = sum(c.straddles for c in those)
    if not seen:
        return ""
    who = "" if seen == len(those) else f"{seen} of them "
    return f" ({who}differ{'s' if seen == 1 else ''} from 1, but not shown to be by δ or more)"


def _widened(those: Sequence[Comparison]) -> str:
    """Of the equivalent, the margins that are wider than was declared."""
    wide = [c for c in those if c.verdict == judge.EQUIVALENT and c.widened]
    if not wide:
        return ""
    if len(those) == 1:
        return f" (within ±{words.margin(wide[0].widened or 0)}: its A/A floor)"
    named = [f"±{words.margin(c.widened or 0)} for `{words.case(c)}`" for c in wide]
    return f" (within {words.listed(named)}: A/A floors)"


def _doubts(those: Sequence[Comparison]) -> str:
    """Of the unresolved, why a verdict was taken back, in short: figures follow where each case stands."""
    why: dict[str, list[str]] = {}
    for c in those:
        if c.verdict == judge.UNRESOLVED and c.doubt:
            why.setdefault(c.doubt.partition(", ")[0], []).append(f"`{words.case(c)}`")
    if len(why) == 1 and sum(map(len, why.values())) == len(those):
        return f" ({next(iter(why))})"
    said = [f"{words.listed(names)}: {doubt}" for doubt, names in why.items()]
    return f" ({'; '.join(said)})" if said else ""


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
