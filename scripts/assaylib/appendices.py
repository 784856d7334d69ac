# SPDX-License-Identifier: MIT
"""Runs that a report takes in besides its own (`report RUN --with`): read as strictly as that one, and each
with how it came about on top of what it says, in the words in which page one says it of its own run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import calibrate, checks, judge, peer_table, store, sweep_table
from .blocks import Section, hashes
from .judge import Judgement
from .scenarios import outcome
from .scenarios import sections as scenario_sections
from .sections import calibrated
from .soak import view as soak_view


@dataclass
class Appendix:
    made: Judgement  #: its own: what was run and how it ended, not what came out
    section: Section | None = None  #: of scenarios there is one for each of them
    scenarios: list[Section] = field(default_factory=list)
    outcomes: list[outcome.Outcome] = field(default_factory=list)


def read(folder: Path, number: int, judged: Judgement) -> Appendix | None:
    """None if it is another session of the families of judged, whose report it is. number: of runs named
    before it."""
    tier = store.read_run(folder)["tier"]
    if tier not in (*store.APPENDICES, calibrate.TIER):
        return None
    if tier == calibrate.TIER:
        long = calibrate.read(folder, judged.run)
        judged.calibrated.append(long)
        return Appendix(long.made, _headed(calibrated.section(long, hashes(folder)), long.made))
    run, samples = store.sound(folder)
    found, raw = Appendix(_made(run, samples)), hashes(folder)
    if tier == store.SCENARIO_TIER:
        found.outcomes = outcome.outcomes(run, samples, f"-{number + 1}" if number else "")
        found.scenarios = [_headed(scenario_sections.section(each, raw), each.judged) for each in found.outcomes]
    for kind in (peer_table, sweep_table, soak_view):
        if tier == kind.TIER:
            found.section = _headed(kind.section(*kind.read(folder), raw), found.made)
    return found


def _made(run: dict[str, Any], samples: store.Samples) -> Judgement:
    lines, notices = samples.lines, list(samples.notices)
    if run["tier"] == store.SOAK_TIER:
        lines = [line for family in run["families"] for line in soak_view.last_attempt(family, samples)]
        if gone := len(samples.lines) - len(lines):
            notices.append(f"{gone} stretches of servers that an interruption ended do not count: those were begun anew")
    return judge.collected(run, [*lines, *samples.resumes, *samples.ends], notices)


def _headed(section: Section, made: Judgement) -> Section:
    section.blocks.insert(0, checks.items(checks.made(made)))
    return section
