# SPDX-License-Identifier: MIT
"""calibrate: does the method cry wolf on this machine, and does it see what is there? A run of the
tier `calibrate` holds nothing but baselines: twice the same code, a second compiled copy, and slowed
down by known shares. Its rounds are judged in independent groups, as many processes together as
`standard` takes, so that every family answers many times.

Beside it stands what two usual ways would have claimed from the same raw data: Google Benchmark's
compare.py (a U test over the repetitions of one process each) and the means of the two."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import UsageError, judge, plan, store
from .blocks import Column, Items, Raw, Section, Table, Text
from .families import Family, role
from .intervals import ALPHA, binomial_bound
from .verdicts import BETTER, WORSE, Estimate, verdict

TIER = "calibrate"
COMPARISONS_MIN = 200  # of equals
DETECTED_MIN = 0.90  # of the slow-downs by DETECTED_PERCENT
DETECTED_PERCENT = 5
MEANS_PERCENT = 1.0  # from which difference of means "compare the means" speaks of one


@dataclass
class Tally:
    """What was said of comparisons whose truth is the same."""

    percent: int  #: by which the member is slowed down; 0: not at all
    count: int = 0
    apart: int = 0  #: the interval excludes 1
    slower: int = 0  #: the verdict, against the margin
    faster: int = 0
    covered: int = 0  #: the interval holds the truth
    u_test: int = 0  #: claims of compare.py
    means: int = 0  #: claims of the means

    def share(self, count: int) -> str:
        return f"{count} ({100 * count / self.count:.1f} %)" if self.count else "0"


@dataclass
class Result:
    tallies: dict[int, Tally] = field(default_factory=dict)
    copies: Tally = field(default_factory=lambda: Tally(0))
    margin: float = 0.03
    failures: list[str] = field(default_factory=list)  #: bounds that do not hold


def main(folder: Path) -> int:
    run, samples = read(folder)
    result = evaluate(judge.judge(run, samples.every))
    print("\n".join(told(result)))
    return int(bool(result.failures))


def read(folder: Path) -> tuple[dict[str, Any], store.Samples]:
    run, samples = store.read(folder)
    if run["tier"] != TIER:
        raise UsageError(f"{folder}: a run of the tier {run['tier']}; assay calibrate makes one of its own")
    return run, samples


def evaluate(judged: judge.Judgement) -> Result:
    result = Result(margin=float(judged.run["margin_percent"]) / 100)
    for family in judged.families:
        for member in family.plan["members"]:
            kind = role(family.plan, member)
            if kind == "alias" and family.plan["aliases"][member] == "copy":
                _add(result.copies, family, member, 0.0, result.margin)
            elif kind in ("alias", "injected"):
                percent = int(member.rpartition(".")[2]) if kind == "injected" else 0
                exact = float(family.plan["injected"].get(member, 0))
                tally = result.tallies.setdefault(percent, Tally(percent))
                _add(tally, family, member, exact, result.margin)
    result.failures = list(_failures(result))
    return result


def _add(tally: Tally, family: Family, member: str, percent: float, margin: float) -> None:
    """percent: exactly, as whole iterations allow."""
    truth = -math.log1p(percent / 100)
    groups: dict[int, list[float]] = {}
    for number, value in family.paired(member, family.baseline, "time_ns", False):
        groups.setdefault((number - 1) // plan.CALIBRATION_ROUNDS, []).append(value)
    for group, values in sorted(groups.items()):
        estimate = Estimate.of(values, ALPHA)
        if estimate.interval is None:
            continue
        said = verdict(estimate.interval, margin)
        tally.count += 1
        tally.apart += estimate.excludes_one
        tally.slower += said == WORSE
        tally.faster += said == BETTER
        tally.covered += estimate.interval[0] <= truth <= estimate.interval[1]
        pair = _one_process(family, member, group)
        tally.u_test += pair is not None and u_test(*pair) < ALPHA
        tally.means += pair is not None and _means_apart(*pair)


def _one_process(family: Family, member: str, group: int) -> tuple[list[float], list[float]] | None:
    """The repetitions of both in the first process of the group that has them."""
    first = group * plan.CALIBRATION_ROUNDS + 1
    for number in range(first, first + plan.CALIBRATION_ROUNDS):
        samples = [family.samples.get(m, {}).get(number) for m in (family.baseline, member)]
        if all(samples):
            a, b = ([ns for _, ns in s["repetitions"]] for s in samples if s)
            return a, b
    return None


def u_test(first: Sequence[float], second: Sequence[float]) -> float:
    """Two-sided p-value of Mann and Whitney's test by the normal approximation with continuity
    correction, as compare.py has it from scipy for more than a few repetitions."""
    n, m = len(first), len(second)
    ranks: dict[float, list[int]] = {}
    for rank, value in enumerate(sorted([*first, *second]), 1):
        ranks.setdefault(value, []).append(rank)
    u = sum(statistics.fmean(ranks[value]) for value in first) - n * (n + 1) / 2
    ties = sum(len(r) ** 3 - len(r) for r in ranks.values())
    variance = n * m / 12 * (n + m + 1 - ties / ((n + m) * (n + m - 1)))
    if variance <= 0:
        return 1.0
    z = max(0.0, abs(u - n * m / 2) - 0.5) / math.sqrt(variance)
    return math.erfc(z / math.sqrt(2))


def _means_apart(first: Sequence[float], second: Sequence[float]) -> bool:
    a, b = statistics.fmean(first), statistics.fmean(second)
    return max(a, b) / min(a, b) > 1 + MEANS_PERCENT / 100


def _failures(result: Result) -> Iterator[str]:
    equal = result.tallies.get(0, Tally(0))
    if equal.count < COMPARISONS_MIN:
        yield f"{equal.count} comparisons of equals, {COMPARISONS_MIN} are needed"
    if equal.apart > (bound := binomial_bound(equal.count)):
        yield f"A/A: {equal.apart} of {equal.count} intervals exclude 1, chance allows {bound}"
    for tally in result.tallies.values():
        name = f"slowed down by {tally.percent} %" if tally.percent else "A/A"
        missed = tally.count - tally.covered
        if missed > (bound := binomial_bound(tally.count)):
            yield f"{name}: {missed} of {tally.count} intervals miss the truth, chance allows {bound}"
        if tally.faster or (tally.slower and not tally.percent):
            yield f"{name}: {tally.faster + (0 if tally.percent else tally.slower)} verdicts are wrong"
    seen = result.tallies.get(DETECTED_PERCENT)
    if seen is None or not seen.count:
        yield f"no slow-down by {DETECTED_PERCENT} % was measured"
    elif seen.slower < DETECTED_MIN * seen.count:
        yield (
            f"slowed down by {DETECTED_PERCENT} %: found in {seen.slower} of {seen.count}, expected"
            f" {100 * DETECTED_MIN:.0f} %"
        )


def _columns(result: Result) -> list[tuple[str, Callable[[Tally], Any]]]:
    return [
        ("comparisons", lambda t: t.count),
        ("interval excludes 1", lambda t: t.share(t.apart)),
        (f"slower by over {100 * result.margin:g} %", lambda t: t.share(t.slower)),
        ("interval holds truth", lambda t: t.share(t.covered)),
        ("compare.py claims", lambda t: t.share(t.u_test)),
        (f"means over {MEANS_PERCENT:g} % apart", lambda t: t.share(t.means)),
    ]


def _rows(result: Result) -> list[tuple[str, Tally]]:
    slowed = [(f"{p} % slower", tally) for p, tally in sorted(result.tallies.items()) if p]
    return [("same code", result.tallies.get(0, Tally(0))), ("second copy", result.copies), *slowed]


def told(result: Result) -> list[str]:
    """For a terminal."""
    columns = _columns(result)
    lines = ["".join([f"{'':14}", *(f"{title:>22}" for title, _ in columns)])]
    for name, tally in _rows(result):
        lines.append("".join([f"{name:14}", *(f"{value(tally)!s:>22}" for _, value in columns)]))
    lines += [f"DOES NOT HOLD  {failure}" for failure in result.failures]
    return [*lines, *([] if result.failures else ["all bounds hold"])]


def section(run: dict[str, Any], samples: store.Samples, raw: Sequence[Raw]) -> Section:
    """An appendix of a report."""
    result = evaluate(judge.judge(run, samples.every))
    columns = _columns(result)
    table = Table(
        "What was said of baselines against themselves",
        [Column("in truth"), *(Column(title, True) for title, _ in columns)],
    )
    for name, tally in _rows(result):
        table.add(name, *(str(value(tally)) for _, value in columns))
    verdict = (
        f"**Not all bounds hold**: {'; '.join(result.failures)}." if result.failures else "All bounds hold."
    )
    return Section(
        "calibrated",
        "Does the method cry wolf, and does it see what is there?",
        [
            Text(
                f"Run {run['id']}, of {run['created']}: baselines only, judged in independent groups of"
                f" {plan.CALIBRATION_ROUNDS} processes. {verdict}"
            ),
            table,
            Items(
                [
                    "compare.py: Google Benchmark's tool, a U test over the repetitions of one process of"
                    " each at 5 %. The means: of the same repetitions. Of equal code every claim is wrong.",
                    f"Bounds: intervals of equals that exclude 1, and those that miss a known truth, no"
                    f" more than Binomial(n, 5 %) allows at 95 %; {100 * DETECTED_MIN:.0f} % of the slow-downs"
                    f" by {DETECTED_PERCENT} % claimed; no verdict reversed; {COMPARISONS_MIN} comparisons.",
                    *(f"{file.name} of {run['id']}: SHA-256 {file.sha256}" for file in raw),
                ]
            ),
        ],
    )
