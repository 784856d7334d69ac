# SPDX-License-Identifier: MIT
"""The answer in full: a sentence per payload or workload, every ratio with its interval."""

from __future__ import annotations

import math
from typing import Sequence

from . import answer_formats, judge, members, words
from .about import operation, shape_only, subject, subjects
from .blocks import Items
from .clauses import tie_text
from .figures import mean_bytes
from .judge import Comparison, Family, Judgement
from .operations import headlines, verb


def sentences(judged: Judgement, kind: str) -> Items:
    """A sentence per payload or workload, every ratio with its interval."""
    details = {"codec": codec_details, "model": model_details, "service": service_details}
    return Items(details[kind](judged, judged.kind(kind)))


def said(
    comparison: Comparison, delta: float, verb: str, unit: str, first: bool, processes: str
) -> str:
    """ "encodes 19.2 × as fast as cJSON (simultaneous 95 % interval 18.9 to 19.6, 15 processes)"."""
    baseline = words.label(comparison.baseline)
    estimate = comparison.estimate
    if estimate is None:
        return f"has no number ({comparison.why_not})"
    figure = f"{words.ratio(math.exp(estimate.median))}{words.SPACE}×"
    if estimate.interval is None:
        few = f"{len(estimate.values)} of {estimate.needed} rounds needed"
        why = "; ".join(filter(None, [few, words.test_alone(comparison)]))
        return f"{verb} {figure} {unit} {baseline}, no interval ({why})"
    text = words.interval(estimate)
    shown = (
        f"simultaneous 95 % interval {text}, {len(estimate.values)} {processes}" if first else text
    )
    if comparison.slide and comparison.verdict != judge.UNRESOLVED:
        shown += f"; {words.SLIDES} {words.halves(comparison)}"
    if comparison.verdict == judge.EQUIVALENT:
        return (
            f"{verb} {figure} {unit} {baseline}, equivalent within ±{words.margin(delta)} ({shown})"
        )
    if comparison.verdict == judge.UNRESOLVED:
        why = words.unresolved(comparison, delta)
        return f"{verb} {figure} {unit} {baseline}, **not resolved here** ({shown}; {why})"
    return f"{verb} {figure} {unit} {baseline} ({shown})"


def codec_details(judged: Judgement, families: Sequence[Family]) -> list[str]:
    lines = []
    first = True
    families = headlines(families)
    if members.wide(judged.run, families):
        return answer_formats.sentences(judged, families)
    for payload in subjects(families):
        mine = [f for f in families if subject(f) == payload]
        size = mean_bytes(mine, mine[0].baseline)
        parts = []
        for member in dict.fromkeys(c.member for f in mine for c in f.comparisons):
            verbs = []
            for family in mine:
                comparison = family.compared(member, "time_ns")
                if comparison:
                    verbs.append(
                        said(
                            comparison,
                            family.delta,
                            (
                                f"{verb(operation(family))} `{payload}`"
                                if first
                                else verb(operation(family))
                            ),
                            "as fast as",
                            first,
                            "processes",
                        )
                    )
                    first = False
            parts.append(f"{words.label(member)} {' and '.join(verbs)}")
        fastest = "; ".join(f"{operation(f)}, {tie_text(f, 'time_ns')}" for f in mine)
        about = (
            f" ({words.fixed(size, 0)} bytes as {words.label(mine[0].baseline)} writes it)"
            if size
            else ""
        )
        lines.append(f"`{payload}`{about}: " + "; ".join(parts) + f". Fastest: {fastest}.")
    return lines


def model_details(judged: Judgement, families: Sequence[Family]) -> list[str]:
    lines = []
    first = True
    for family in families:
        parts = []
        for comparison in family.comparisons:
            where = f"runs `{subject(family)}`" if first else "runs it"
            parts.append(
                f"{words.label(comparison.member)} "
                + said(comparison, family.delta, where, "as fast as", first, "processes")
            )
            first = False
        lines.append(
            f"`{subject(family)}`: "
            + "; ".join(parts)
            + f". Fastest: {tie_text(family, 'time_ns')}."
        )
    return lines


def service_details(judged: Judgement, families: Sequence[Family]) -> list[str]:
    lines = []
    first = True
    for family in families:
        rate = (family.plan.get("load") or {}).get("rate_hz")
        parts = []
        for member in dict.fromkeys(c.member for c in family.comparisons):
            claims = []
            cpu, closed = family.compared(member, "cpu_ns_per_request"), family.compared(
                member, "closed_hz"
            )
            if cpu and closed and cpu.estimate is None and cpu.why_not == closed.why_not:
                parts.append(
                    f"{words.label(member)} has no number for CPU or throughput ({cpu.why_not})"
                )
                continue
            if cpu:
                claims.append(
                    said(
                        cpu,
                        family.deltas[cpu.metric],
                        "serves",
                        "the requests per CPU second of",
                        first,
                        "rounds",
                    )
                )
                first = False
            if closed:
                claims.append(
                    said(
                        closed,
                        family.deltas[closed.metric],
                        "reaches",
                        "the closed-loop throughput of",
                        False,
                        "rounds",
                    )
                )
            parts.append(f"{words.label(member)} {' and '.join(claims)}")
        at = f" at {words.fixed(rate, 0)} requests/s" if rate else ""
        marked = [words.label(m) for m in family.candidates if shape_only(judged, family, m)]
        note = (
            f" ({words.listed(marked)} with more threads than this machine has cores: shape only)"
            if marked
            else ""
        )
        lines.append(
            f"`{subject(family)}`{at}{note}: "
            + "; ".join(parts)
            + f". Least CPU: {tie_text(family, 'cpu_ns_per_request')}."
        )
    return lines
