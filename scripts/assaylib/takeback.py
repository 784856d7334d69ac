# SPDX-License-Identifier: MIT
"""When a verdict is taken back (METHOD 1.13), of a family's comparison and of a step between formats
alike: two modes, a slide with the machine's speed or a drift of which one side would say something else,
a rig that was the limit, a baseline without an A/A, a margin too wide for "equivalent", another session."""

from __future__ import annotations

import math
from typing import Sequence

from . import drifts, slides
from .families import Family
from .intervals import two_modes
from .verdicts import BETTER, EQUIVALENT, UNRESOLVED, WORSE, Comparison, Interval, verdict

RIG_DOUBT = "the rig was the limit, or may have been, not the server"
MODES_DOUBT = "two modes that do not agree"
#: "Equivalent within ±10 %" is true and says so, though nobody declared that 10 % do not matter. Beyond a
#: quarter the word misleads whatever stands behind it.
EQUIVALENT_MAX = 0.25


def examine(
    found: Comparison,
    family: Family,
    values: Sequence[float],
    more: bool,
    drift: tuple[float, float] | None = None,
) -> None:
    """Takes back what found says if it cannot stand. values: the log advantages of its two members;
    drift: if they are not all that it rests on, both halves of the rounds."""
    member, other, metric = found.member, found.baseline, found.metric
    delta = family.deltas[metric]
    found.widened = delta if delta > family.declared else None
    found.modes = two_modes(values)
    if not all(verdict((mode, mode), delta) == found.verdict for mode in found.modes or ()):
        _take_back(found, MODES_DOUBT)
    found.slide = slides.slide(family, member, other, metric, more)
    if not slides.stands(found.verdict, found.slide, delta):
        _take_back(found, slides.DOUBT)
    found.drift = drift or drifts.drift(values)
    if not slides.stands(found.verdict, found.drift, delta):
        _take_back(found, drifts.DOUBT)
    if not family.bound_allows(member, other, metric, found.verdict):
        _take_back(found, RIG_DOUBT)
    if metric in family.uncalibrated:
        _take_back(found, family.uncalibrated[metric])
    if found.verdict == EQUIVALENT and delta > EQUIVALENT_MAX:
        _take_back(found, f"nothing is called equivalent within ±{100 * delta:.0f} %, which is the A/A floor here")


def contradict(found: Comparison, theirs: Interval | None, name: str, differing: str) -> bool:
    """Another session's interval is apart from ours: then nothing is said. differing: in what its machine
    or build is another, or ""."""
    ours = found.estimate and found.estimate.interval
    if not ours or not theirs or not (ours[1] < theirs[0] or theirs[1] < ours[0]):
        return False
    there = " to ".join(f"{math.exp(end):.3f}" for end in theirs)
    elsewhere = ", on another machine or of another build" if differing else ""
    found.verdict = UNRESOLVED
    found.doubt = f"{contradicted_by(name)}, {there} × there{elsewhere}"
    return True


def contradicted_by(name: str) -> str:
    return f"not reproducible: run {name} disagrees"


def _take_back(found: Comparison, doubt: str) -> None:
    if found.verdict in (BETTER, WORSE, EQUIVALENT):
        found.verdict, found.doubt = UNRESOLVED, doubt
