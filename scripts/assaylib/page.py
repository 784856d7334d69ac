# SPDX-License-Identifier: MIT
"""Page one: the question, the answer, whether to believe it, ratios, limits, and how to regenerate."""

from __future__ import annotations

import math
import shlex
from typing import Any, Sequence

from . import about, answer, answer_formats, checks, judge, members, operations, resolution
from . import sentences, words
from .about import KINDS, cores, operation, shape_only, subject, tails
from .blocks import Cell, Check, Column, Picture, Pre, Raw, Table, Text
from .charts import Chart
from .figures import slid, slide_notes
from .judge import Estimate, Family, Judgement


def build(judged: Judgement, raw: Sequence[Raw], drawn: dict[str, Chart]) -> dict[str, Any]:
    run = judged.run
    found = checks.checks(judged)
    return {
        "title": answer.question(judged),
        "id": str(run.get("id", "unnamed")),
        "facts": answer.facts(judged),
        "warning": warning(found),
        "answers": answer.answers(judged),
        "sentences": sentences.sentences(judged),
        "machine": resolution.resolution(judged),
        "checks": found,
        "figures": [
            Picture(drawn[name])
            for name in ("forest-codec", "forest-model", "forest-service")
            if name in drawn
        ],
        "ratios": ratios(judged),
        "reading": reading(judged),
        "limits": limits(judged),
        "regenerate": regenerate(judged, raw),
    }


def warning(found: Sequence[Check]) -> str:
    """What stands above the answer if a check failed."""
    bad = [check.name for check in found if check.state == "bad"]
    if not bad:
        return ""
    return (
        f"**Read with care: {words.counted(len(bad), 'check')} did not hold**"
        f" ({words.listed(bad)}; see “May these figures be believed?”)."
    )


def ratios(judged: Judgement) -> list[Table]:
    tables = []
    for kind in KINDS:
        families = judged.kind(kind)
        if kind == "codec":
            families = operations.headlines(families)
            if members.wide(judged.run, families):
                tables += answer_formats.tables(judged, families)
                continue
        for metric in judge.JUDGED[kind]:
            if families and any(c.metric == metric for f in families for c in f.comparisons):
                tables.append(_ratio_table(judged, families, kind, metric))
    return tables


def _ratio_table(judged: Judgement, families: Sequence[Family], kind: str, metric: str) -> Table:
    *_, counts, unit, divisor = words.METRICS[metric]
    baseline = words.label(families[0].baseline)
    levels: dict[tuple[str, str], Estimate | None] = {
        (f.id, m): f.level(m, metric) for f in families for m in f.candidates
    }
    known = [e.median / divisor for e in levels.values() if e]
    decimals = 0 if min(known, default=0) >= 30 and metric != "cpu_ns_per_request" else 1
    figures = [
        math.exp(c.estimate.median)
        for f in families
        for c in f.comparisons
        if c.metric == metric and c.estimate
    ]
    places = min(3, words.column(figures))
    heading = {
        "codec": "Codecs: time per operation",
        "model": "Models in process: time per request",
        "service": (
            "Services:"
            f" {'CPU per request' if metric.startswith('cpu') else 'closed-loop throughput'}"
        ),
    }[kind]
    absolute = {
        "time_ns": "median, ns",
        "cpu_ns_per_request": "median, µs",
        "closed_hz": "median, requests/s",
    }[metric]
    alphas = sorted({f.alpha for f in families})
    both = " in both metrics" if len(judge.JUDGED[kind]) == 2 else ""
    level = (
        f"each interval at {words.listed(words.confidence(a) for a in alphas)}, so that all of one"
        f" family{both} hold together at 95 %"
    )
    table = Table(
        f"{heading}; ratio counts {counts} relative to {baseline} ({level})",
        [
            Column("payload" if kind == "codec" else "workload"),
            Column("member"),
            Column(absolute, True),
            Column("ratio", True),
            Column("interval", True),
            Column("rounds", True),
            Column("δ", True),
            Column("verdict"),
        ],
        widths=[15, 12, 12, 8, 13, 7, 7, 26],
    )
    for family in families:
        name = f"{subject(family)} {operation(family)}".strip()
        rivals = [c for c in family.comparisons if c.metric == metric]
        for i, member in enumerate([family.baseline, *(c.member for c in rivals)]):
            level_here = levels[family.id, member]
            shown = words.fixed(level_here.median / divisor, decimals) if level_here else "–"
            mark = " ‡" if kind == "service" and shape_only(judged, family, member) else ""
            first = Cell(name if i == 0 else "", "head" if i == 0 else "")
            if i == 0:
                table.add(
                    first,
                    words.label(member) + mark,
                    shown,
                    words.fixed(1, places),
                    "",
                    str(len(family.series(member, metric))),
                    words.margin(family.deltas[metric]),
                    Cell("baseline", "soft"),
                )
                continue
            comparison = rivals[i - 1]
            estimate = comparison.estimate
            table.add(
                first,
                words.label(member) + mark,
                shown,
                words.fixed(math.exp(estimate.median), places) + slid(comparison)
                if estimate
                else "–",
                words.interval(estimate, places, "–") if estimate and estimate.interval else "–",
                str(len(estimate.values)) if estimate else "0",
                "",
                Cell(
                    (
                        f"{words.MARKS[comparison.verdict]} {words.verdict(comparison, family.deltas[metric])}"
                    ),
                    comparison.verdict.replace(" ", "-"),
                ),
            )
    if any(c.text.endswith("‡") for row in table.rows for c in row):
        table.notes.append(
            "‡ more threads than this machine has cores: shape only, not a figure for a machine"
            " with enough of them."
        )
    table.notes += slide_notes(families, metric, numbers=False)
    return table


def reading(judged: Judgement) -> str:
    deltas = [d for f in judged.families for d in f.deltas.values()] or [0.0]
    margins = list(dict.fromkeys(words.margin(d) for d in (min(deltas), max(deltas))))
    return (
        "Ratios above 1 are better than the baseline. A verdict quotes the end of the interval"
        " nearest to 1, rounded against the claim: ▲ better and ▼ worse by more than the margin δ,"
        " ◆ equivalent (the whole interval lies within ±δ), ○ not resolved here: either the interval"
        " holds 1, and then the smallest difference is given that could have been told from none (or, if"
        " Holm's test alone tells it from 1 where the wider interval does not, that is said); or it"
        " excludes 1 but lies across the end of the margin: different from 1, but not shown to be by δ"
        f" or more, nor by less. Where a ratio slides with the machine's speed ({words.SLIDES}), both"
        " numbers stand beside it, a verdict needs both, and “at least” is no better than the worse of"
        f" them. {_floors(judged)} δ here: {' to '.join(margins)}. No verdict is drawn"
        f" from the absence of a difference. {about.medians(*(f.kind for f in judged.families))}"
    )


def _floors(judged: Judgement) -> str:
    margin = words.margin(float(judged.run.get("margin_percent", 3)) / 100)
    return (
        f"δ is {margin}, or the family's A/A floor in that metric where that is higher: the outer end of"
        " the 95 % intervals that the baseline has against itself in the same rounds, and no less than"
        " the 95th percentile of all A/A estimates of families like it (encode and decode of codecs apart"
        " from their other operations). So no claim lies inside a family's own"
        " A/A spread; without an interval for its own A/A a family claims nothing."
    )


def limits(judged: Judgement) -> list[str]:
    kinds = {f.kind for f in judged.families}
    found = []
    if "codec" in kinds:
        found.append(
            "Formats: libraries were measured, each through the same walk over the same struct. A"
            " hand-tuned adapter, or another library, is another row."
        )
        colder = any(
            operation(f) in ("decode_evicted", "encode_cold") for f in judged.kind("codec")
        )
        found.append(
            "Cold caches and first use: documents and code are warm, the corpus fits the cache"
            + ("; what cold rows there are stand under each payload." if colder else ".")
        )
    if "service" in kinds:
        found.append("A network: server, load and downstream share one machine and its loopback.")
    if kinds & {"model", "service"}:
        count = cores(judged.run)
        marked = any(shape_only(judged, f, m) for f in judged.kind("service") for m in f.candidates)
        tail = "; rows with more threads (‡) show a shape only" if marked else ""
        found.append(
            "Scaling: this machine has"
            f" {words.counted(count, 'logical CPU') if count else 'an unknown number of CPUs'}, and"
            f" models in process ran one worker{tail}."
        )
    if not tails(judged) and "service" in kinds:
        found.append("Tails: this tier is too short for them.")
    if "service" not in kinds:
        found.append("Servers: nothing was measured over sockets.")
    found.append(
        "Other machines, compilers and library versions: one build, one session. What code layout"
        " does is covered only as far as the second copy in A/A shows it."
    )
    missing = [
        f"{f.id} ({words.label(c.member)})"
        for f in judged.families
        for c in f.comparisons
        if c.estimate is None
    ]
    if missing:
        shown = missing[:6] + ([f"{len(missing) - 6} more"] if len(missing) > 6 else [])
        found.append(
            f"Cases without a number: {words.listed(dict.fromkeys(shown))}; the reason stands"
            " beside each."
        )
    return found


def regenerate(judged: Judgement, raw: Sequence[Raw]) -> list[Text | Pre | Table]:
    run = judged.run
    words_run = run.get("command") or ["scripts/assay", "run", "--tier", str(run.get("tier"))]
    command = shlex.join(map(str, words_run))
    commit, seed = run.get("commit") or "unknown", run.get("seed", "unknown")
    table = Table(
        "Raw data: this page is a pure function of these files",
        [Column("file"), Column("bytes", True), Column("SHA-256")],
    )
    for file in raw:
        table.add(file.name, words.fixed(file.size, 0), Cell(file.sha256, "hash"))
    text = (
        f"# this page, from the raw data\nscripts/assay report reports/{run.get('id', 'ID')}\n# the"
        f" measurement again: commit {commit}, seed {seed}\n{command}"
    )
    return [Pre(text), table]
