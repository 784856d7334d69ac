# SPDX-License-Identifier: MIT
"""Clauses that sum up verdicts: for how many which, and the span of what is claimed."""

from __future__ import annotations

from typing import Sequence

from . import judge, words
from .judge import Comparison, Family, TieSet
from .operations import verb


#: More cases than this are counted, not named.
NAMED_MAX = 3


def lead_clause(op: str, metric: str, comparisons: list[Comparison], noun: str) -> str:
    """ "encodes faster for 3 of 4 payloads (at least 13.2 × (`ack`) to 27.3 × (`feed`) as fast), not
    resolved for `order`"."""
    better, worse = {
        "time_ns": ((f"{verb(op)} faster", f"{verb(op)} slower") if op else ("faster", "slower")),
        "cpu_ns_per_request": ("cheaper in CPU", "dearer in CPU"),
        "closed_hz": ("higher in throughput", "lower in throughput"),
    }[metric]
    parts = []
    for verdict, word in ((judge.BETTER, better), (judge.WORSE, worse)):
        those = [c for c in comparisons if c.verdict == verdict]
        if those:
            parts.append(f"{word} for {_cases(those, comparisons, noun)} ({words.claim(those)})")
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
    """Named if few; else, or if their ends are named in the claim, counted."""
    if len(those) == len(every) > 1:
        return f"all {len(every)} {noun}s"
    spans = len(those) > 1 and those[0].verdict in (judge.BETTER, judge.WORSE)
    if spans or len(those) > NAMED_MAX:
        return f"{len(those)} of {len(every)} {noun}s"
    return words.listed(f"`{words.case(c)}`" for c in those)


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
