# SPDX-License-Identifier: MIT
"""Other runs of the same families, side by side with this one."""

from __future__ import annotations

import math
from typing import Sequence

from .. import checks, twice, words
from ..blocks import Cell, Column, Raw, Section, Table, Text
from ..judge import Judgement

Others = Sequence[tuple[str, Judgement, Sequence[Raw]]]


def sessions(judged: Judgement, others: Others) -> Section:
    section = Section("sessions", "Other sessions")
    for name, other, raw in others:
        table = Table(
            f"Run {name}, of {other.run.get('created', 'unknown date')}",
            [
                Column("family"),
                Column("member"),
                Column("metric"),
                Column("here", True),
                Column("interval", True),
                Column("there", True),
                Column("interval", True),
                Column("agree"),
            ],
        )
        theirs = {(c.family, c.member, c.metric): c for f in other.families for c in f.comparisons}
        for family in judged.families:
            for c in family.comparisons:
                there = theirs.get((c.family, c.member, c.metric))
                a, b = c.estimate, there.estimate if there else None
                if not a or not b:
                    continue
                apart = (
                    a.interval
                    and b.interval
                    and (a.interval[1] < b.interval[0] or b.interval[1] < a.interval[0])
                )
                agree = (
                    Cell("no: not reproducible here", "worse")
                    if apart
                    else Cell("yes" if a.interval and b.interval else "–")
                )
                table.add(
                    c.family,
                    words.label(c.member),
                    c.metric,
                    words.fixed(math.exp(a.median), 3),
                    words.interval(a, 3, "–"),
                    words.fixed(math.exp(b.median), 3),
                    words.interval(b, 3, "–"),
                    agree,
                )
        if differing := twice.apart(judged.run, other.run):
            shown = "; ".join(differing[:3]) + (f"; {len(differing) - 3} more" if len(differing) > 3 else "")
            table.notes.append(f"Run {name} is not of the same machine or build: {shown}.")
        table.notes += [f"{file.name} of {name}: SHA-256 {file.sha256}" for file in raw]
        section.blocks.append(checks.items(checks.made(other)))
        section.blocks.append(
            table if table.rows else Text(f"Run {name} has no comparison in common with this one.")
        )
    return section
