# SPDX-License-Identifier: MIT
"""calibrate: does the method cry wolf on this machine, and does it see what is there? A run of the
tier `calibrate` holds nothing but baselines: twice the same code, a second compiled copy, and slowed
down by known shares. Its rounds are judged in independent groups, as many processes together as
`standard` takes of page one's first payloads and workloads (rows with fewer, such as its size ladder, see
less), each as if it were a run of its own: by judge.py, with its margins and floors. Intervals are held
against the truth at 95 % each. Whether a slow-down is told from none is asked at the level of standard's
families: their simultaneous interval lies below 1. That it is also beyond the margin and the A/A floor, as
page one's claims are, is counted beside it and has no bound: a difference 2 % above the margin, with 2 %
between processes, gets there in 51 of 100 at ten processes and 92 at twenty.

Beside it stands what usual ways would have claimed from the same raw data (usual.py). Every report has
the same table of its own run; one of hundreds of comparisons it takes from here, with --with."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import UsageError, calibration, complete, discard, judge, plan, store, twice, usual
from .families import Family, Judgement
from .intervals import binomial_bound, order_interval
from .verdicts import BETTER, WORSE, Alias, Estimate, Injected, verdict

TIER = "calibrate"
COMPARISONS_MIN = 200  # of equals
DETECTED_MIN = 0.90  # of the slow-downs by DETECTED_PERCENT
DETECTED_PERCENT = 5


@dataclass
class Tally:
    """What was said of comparisons whose truth is the same."""

    percent: int  #: by which the member is slowed down; 0: not at all
    count: int = 0  #: that have an interval
    apart: int = 0  #: the interval excludes 1
    shown: int = 0  #: as different, at the level of claims; what is slowed down as slower
    reversed: int = 0  #: slowed down, and shown to be faster
    beyond: int = 0  #: … the margin: the verdict; of equals without their own floor, that would hide it
    covered: int = 0  #: the interval holds the truth
    usually: usual.Claims = field(default_factory=usual.Claims)
    kinds: dict[str, list[int]] = field(default_factory=dict)  #: kind → [shown, comparisons]

    def share(self, count: int, of: int | None = None) -> str:
        every = self.count if of is None else of
        return f"{count} ({100 * count / every:.1f} %)" if every else "–"

    def add_equal(self, family: Family, alias: Alias, margin: float) -> None:
        if alias.estimate.interval is None:
            return
        claim = order_interval(alias.estimate.values, calibration.level(family))
        shown = claim is not None and (claim[0] > 0 or claim[1] < 0)
        low, high = alias.estimate.interval
        self._add(family, alias.member, alias.estimate, shown, verdict(claim, margin) in (BETTER, WORSE))
        self.covered += low <= 0 <= high

    def add_slow(self, family: Family, slow: Injected) -> None:
        if slow.estimate.interval is None:
            return
        self._add(family, slow.member, slow.estimate, slow.shown, slow.verdict == WORSE)
        self.covered += bool(slow.covered)
        self.reversed += slow.reversed

    def _add(self, family: Family, member: str, estimate: Estimate, shown: bool, beyond: bool) -> None:
        self.count += 1
        self.apart += estimate.excludes_one
        self.shown += shown
        self.beyond += beyond
        kind = self.kinds.setdefault(family.kind, [0, 0])
        kind[0] += shown
        kind[1] += 1
        self.usually.add(family, member)


@dataclass
class Result:
    tallies: dict[int, Tally] = field(default_factory=lambda: {0: Tally(0)})  #: by percent
    copies: Tally = field(default_factory=lambda: Tally(0))
    margin: float = 0.03
    failures: list[str] = field(default_factory=list)  #: bounds that do not hold

    def add(self, judged: Judgement) -> None:
        for family in judged.families:
            for alias in family.aliases:
                tally = self.copies if alias.form == "copy" else self.tallies[0]
                tally.add_equal(family, alias, self.margin)
            for slow in family.injected:
                percent = int(slow.member.rpartition(".")[2])
                self.tallies.setdefault(percent, Tally(percent)).add_slow(family, slow)

    @property
    def rows(self) -> list[tuple[str, Tally]]:
        slowed = [(f"{p} % slower", tally) for p, tally in sorted(self.tallies.items()) if p]
        return [("same code", self.tallies[0]), ("second copy", self.copies), *slowed]


@dataclass(frozen=True)
class Calibration:
    """A finished run of the tier, as a report takes it."""

    run: dict[str, Any]
    result: Result
    made: Judgement  #: what was run and how it ended
    apart: tuple[str, ...] = ()  #: in what machine or build are not those of the report


def main(folder: Path) -> int:
    found = read(folder)
    for text in complete.told(found.made):
        print(f"assay: {folder}: {text}", file=sys.stderr)
    result = found.result
    print("\n".join(told(result)))
    return int(bool(result.failures))


def read(folder: Path, of: dict[str, Any] | None = None) -> Calibration:
    """of: the run that a report is about."""
    run, samples = store.read(folder)
    check(run, folder)
    apart = twice.apart(of, run) if of is not None else []
    made = judge.collected(run, samples.every, samples.notices)
    return Calibration(run, evaluate(run, samples.every), made, tuple(apart))


def check(run: dict[str, Any], folder: Path) -> None:
    if run["tier"] != TIER:
        raise UsageError(f"{folder}: a run of the tier {run['tier']}; assay calibrate makes one of its own")


def evaluate(run: dict[str, Any], lines: Sequence[dict[str, Any]]) -> Result:
    """Of a run of the tier: each group of rounds by itself, then all of them against the bounds."""
    groups: dict[int, list[dict[str, Any]]] = {}
    grouped = _grouped(run, lines)
    for line in lines:
        number = grouped.get((line.get("family"), line.get("round")))
        if number is not None:
            groups.setdefault(number, []).append(line)
    result = Result(margin=float(run["margin_percent"]) / 100)
    for _, rows in sorted(groups.items()):
        result.add(judge.judge(run, rows))
    result.failures = list(_failures(result))
    return result


def _grouped(run: dict[str, Any], lines: Sequence[dict[str, Any]]) -> dict[tuple[Any, Any], int]:
    """(family, round) → its group, of rounds that count: what the discard rule takes leaves no gap, as in a
    run that makes up for it. A rest that is no whole group is none: it could not claim what standard can."""
    rounds: dict[tuple[str, str], set[int]] = {}
    for line in lines:
        if "round" in line and line["status"] == "ok":
            if not discard.excuse(run.get("discard_rule"), line["kind"], line.get("covariates")):
                rounds.setdefault((line["kind"], line["family"]), set()).add(line["round"])
    groups = {}
    for (kind, id), found in rounds.items():
        size = plan.CALIBRATION_ROUNDS[kind]
        whole = sorted(found)[: len(found) // size * size]
        groups |= {(id, number): place // size for place, number in enumerate(whole)}
    return groups


def own(judged: Judgement) -> Result:
    """What any run says of its own baselines: one group, too few for bounds."""
    result = Result(margin=float(judged.run.get("margin_percent", 3)) / 100)
    result.add(judged)
    return result


def _failures(result: Result) -> Iterator[str]:
    equal = result.tallies[0]
    if equal.count < COMPARISONS_MIN:
        yield f"{equal.count} comparisons of equals, {COMPARISONS_MIN} are needed"
    if equal.apart > (bound := binomial_bound(equal.count)):
        yield f"A/A: {equal.apart} of {equal.count} intervals exclude 1, chance allows {bound}"
    for percent, tally in sorted(result.tallies.items()):
        missed = tally.count - tally.covered
        if percent and missed > (bound := binomial_bound(tally.count)):
            yield (
                f"slowed down by {percent} %: {missed} of {tally.count} intervals miss the truth, chance"
                f" allows {bound}"
            )
        if tally.reversed:
            yield f"slowed down by {percent} %: {tally.reversed} are shown to be faster"
    seen = result.tallies.get(DETECTED_PERCENT)
    if seen is None or not seen.count:
        yield f"no slow-down by {DETECTED_PERCENT} % was measured"
    elif seen.shown < DETECTED_MIN * seen.count:
        each = ", ".join(f"{kind} {found} of {of}" for kind, (found, of) in sorted(seen.kinds.items()))
        yield (
            f"slowed down by {DETECTED_PERCENT} %: told from none in {seen.shown} of {seen.count}, expected"
            f" {100 * DETECTED_MIN:.0f} % ({each})"
        )


Columns = Sequence[tuple[str, Callable[[Tally], str]]]


def columns(margin: float) -> Columns:
    return (
        ("comparisons", lambda t: str(t.count)),
        ("interval excludes 1", lambda t: t.share(t.apart)),
        ("told from none at the level of standard's families", lambda t: t.share(t.shown)),
        (f"… beyond {100 * margin:g} % and the A/A floor", lambda t: t.share(t.beyond)),
        ("interval holds truth", lambda t: t.share(t.covered)),
        ("compare.py: two processes", lambda t: t.share(t.usually.two.claims, t.usually.two.count)),
        ("… one process", lambda t: t.share(t.usually.one.claims, t.usually.one.count)),
        (
            f"means {usual.MEANS_PERCENT:g} % apart",
            lambda t: t.share(t.usually.means.claims, t.usually.means.count),
        ),
    )


def wrong_way(result: Result) -> str:
    """Of what was slowed down: who called how many of them faster."""
    slowed = [tally for percent, tally in result.tallies.items() if percent]
    if not slowed:
        return ""
    count = sum(tally.count for tally in slowed)
    two, one, means = (
        sum(getattr(tally.usually, way).reversed for tally in slowed) for way in ("two", "one", "means")
    )
    return (
        f"called faster although slowed down, of {count}: {sum(t.reversed for t in slowed)} by these"
        f" intervals, {two} by compare.py over two processes, {one} over one, {means} by the means"
    )


def told(result: Result) -> list[str]:
    """For a terminal."""
    shown = columns(result.margin)
    rows = [["", *(title for title, _ in shown)]]
    rows += [[name, *(value(tally) for _, value in shown)] for name, tally in result.rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *(text.rjust(w) for text, w in zip(row[1:], widths[1:]))])
        for row in rows
    ]
    lines += [wrong_way(result)] if wrong_way(result) else []
    lines += [f"DOES NOT HOLD  {failure}" for failure in result.failures]
    return [*lines, *([] if result.failures else ["all bounds hold"])]
