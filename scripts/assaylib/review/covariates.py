# SPDX-License-Identifier: MIT
"""What went on beside the processes that count, against Assay's own limits: a run whose discard rule is
absent, or knows of steal only, has counted what another would not have."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .. import discard, words
from ..about import cores
from ..families import Family, Judgement

SHARE_MAX = 0.25  # of a family's processes that count; a rule of other limits lets some pass
LOAD_PER_CORE_MAX = 4.0


@dataclass
class Surroundings:
    against: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def review(judged: Judgement) -> Surroundings:
    """The worst family is named; the others are counted."""
    found, rule = Surroundings(), discard.declared()
    available = cores(judged.run)
    for name, label, unit in (
        ("steal_percent", "the host took", " %"),
        ("others_percent", "other programs took", " %"),
        ("load1", "the load was", ""),
    ):
        busy = []
        for family in judged.families:
            most = discard.limit(rule, family.kind, name)
            if name == "load1":
                most = LOAD_PER_CORE_MAX * available if available else None
            values = _values(family, name)
            beyond = [value for value in values if most is not None and value > most]
            if beyond:
                text = f"{label} more than {most:g}{unit} (up to {max(beyond):.1f}{unit})"
                text += f" in {len(beyond)} of {words.counted(len(values), 'process')} that count"
                busy.append((len(beyond) / len(values), family.id, text))
        grave = [each for each in busy if each[0] > SHARE_MAX]
        for said, these in ((found.against, grave), (found.notes, [] if grave else busy)):
            if these:
                _, id, text = max(these, key=lambda each: each[0])
                others = f"; so it is in {len(these) - 1} more" if len(these) > 1 else ""
                said.append(f"busy surroundings: {id}: {text}{others}: the run's rule let them count")
    unknown = sum(family.no_covariate for family in judged.families)
    if unknown:
        found.notes.append(f"{words.counted(unknown, 'result')} without a record of what the host took meanwhile")
    return found


def _values(family: Family, name: str) -> list[float]:
    """One per process: a codec or model process holds the whole family. The load, which a server's own
    threads raise to any height, only where nobody counted what other programs took."""
    found: dict[Any, float] = {}
    for member, rounds in family.samples.items():
        for number, sample in rounds.items():
            covariates = sample.get("covariates") or {}
            value = covariates.get(name)
            if value is not None and (name != "load1" or "others_percent" not in covariates):
                found[(member, number) if family.kind == "service" else number] = float(value)
    return list(found.values())
