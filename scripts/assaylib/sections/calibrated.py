# SPDX-License-Identifier: MIT
"""What a method said of baselines against themselves: the table of a run's own, and of one of hundreds
of comparisons that `assay calibrate` made."""

from __future__ import annotations

from collections.abc import Sequence

from .. import calibrate, plan, words
from ..blocks import Block, Column, Items, Raw, Section, Table, Text
from ..judge import Judgement

COMPARE = (
    "compare.py: Google Benchmark's tool, a two-sided U test at 5 % over the repetitions of a process (here"
    " those of the first; it recommends 9). People give it two processes, one after the other; one process"
    " is what blocks that alternate spare it. The means: of the same two processes. Of equal code every"
    " claim is wrong."
)


def _table(title: str, result: calibrate.Result) -> Table:
    columns = calibrate.columns(result.margin)
    table = Table(title, [Column("in truth"), *(Column(name, True) for name, _ in columns)])
    for name, tally in result.rows:
        if tally.count:
            table.add(name, *(value(tally) for _, value in columns))
    return table


def own(judged: Judgement) -> list[Block]:
    """A run's own, all kinds of families together; nothing if it held no baseline twice."""
    result = calibrate.own(judged)
    if not any(tally.count for _, tally in result.rows):
        return []
    table = _table("In short: what this run said of baselines against themselves", result)
    table.notes += [COMPARE, *([f"{calibrate.wrong_way(result)}."] if calibrate.wrong_way(result) else [])]
    return [Text(_standing(judged, result.tallies[0].count)), table]


def _standing(judged: Judgement, count: int) -> str:
    if judged.calibrated:
        named = words.listed(calibration.run["id"] for calibration in judged.calibrated)
        return f"This machine's long calibration, run {named}, stands in a section of its own."
    return (
        f"{words.counted(count, 'comparison')} of equals are few: {calibrate.COMPARISONS_MIN} and more, and"
        " slow-downs of several sizes, are what `scripts/assay calibrate` makes; `scripts/assay report RUN"
        " --with` its folder puts them beside these. None was given here."
    )


def section(calibration: calibrate.Calibration, raw: Sequence[Raw]) -> Section:
    run, result = calibration.run, calibration.result
    held = f"**Not all bounds hold**: {'; '.join(result.failures)}." if result.failures else "All bounds hold."
    apart = (
        f" **Not of the same machine or build**: {'; '.join(calibration.apart[:4])}." if calibration.apart else ""
    )
    wrong = calibrate.wrong_way(result)
    return Section(
        "calibrated",
        "Does the method cry wolf, and does it see what is there?",
        [
            Text(
                f"Run {run['id']}, of {run['created']}: baselines only, judged in independent groups of"
                f" {plan.CALIBRATION_ROUNDS['codec']} processes (models: {plan.CALIBRATION_ROUNDS['model']}), as"
                " many as `standard` has of `ack` and of these workloads, each as a run of its own."
                f" {held}{apart}"
            ),
            _table("What was said of baselines against themselves", result),
            Items(
                [
                    COMPARE,
                    *([wrong[0].upper() + wrong[1:] + "."] if wrong else []),
                    "Bounds: intervals of equals that exclude 1, and those that miss a known truth, no"
                    f" more than Binomial(n, 5 %) allows at 95 %; {100 * calibrate.DETECTED_MIN:.0f} % of the"
                    f" slow-downs by {calibrate.DETECTED_PERCENT} % told from none at the level of standard's"
                    " families, none the other way;"
                    f" {calibrate.COMPARISONS_MIN} comparisons.",
                    *(f"{file.name} of {run['id']}: SHA-256 {file.sha256}" for file in raw),
                ]
            ),
        ],
    )
