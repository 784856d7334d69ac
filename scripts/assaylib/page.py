# SPDX-License-Identifier: MIT
"""Page one: the question, the answer, whether to believe it, who is best where, limits, and how to
regenerate. What it rests on follows in sections/."""

from __future__ import annotations

import shlex
from typing import Any, Sequence

from . import answer, checks, resolution, standings, words
from .about import KINDS, cores, operation, shape_only, tails
from .blocks import Cell, Check, Column, Picture, Pre, Raw, Table, Text
from .charts import Chart
from .judge import Judgement


def build(
    judged: Judgement, raw: Sequence[Raw], drawn: dict[str, Chart], added: Sequence[str] = ()
) -> dict[str, Any]:
    """added: the runs named with --with, as they were named."""
    run = judged.run
    found = checks.checks(judged)
    table = standings.standings(judged)
    return {
        "title": answer.question(judged),
        "id": str(run.get("id", "unnamed")),
        "facts": answer.facts(judged),
        "warning": warning(found),
        "answers": answer.answers(judged),
        "unanswered": unanswered(judged),
        "quoting": answer.quoting(judged),
        "machine": resolution.resolution(judged),
        "checks": found,
        "figures": [Picture(drawn[f"forest-{k}"]) for k in KINDS if f"forest-{k}" in drawn],
        "table": table if table.rows else Text("There is nothing to compare in this run."),
        "limits": limits(judged),
        "regenerate": regenerate(judged, raw, added),
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


def unanswered(judged: Judgement) -> str:
    """What stands there where no family has an answer."""
    said = "**This run compares neither codecs in process nor models: there is nothing to answer here.**"
    where = " Its servers that differ in nothing but their codec stand under *Micro-benchmarks and services*."
    return said + (where if judged.coded else "")


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
            "Cold caches and first use: code is warm, and the same documents come round again and again"
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


def regenerate(
    judged: Judgement, raw: Sequence[Raw], added: Sequence[str] = ()
) -> list[Text | Pre | Table]:
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
    again = ["scripts/assay", "report", f"reports/{run.get('id', 'ID')}"]
    again += [word for name in added for word in ("--with", f"reports/{name}")]
    text = (
        f"git checkout {commit}  # what was measured\n"
        "# a page from the raw data below. This one, byte for byte, takes the scripts/ that drew it, which may be\n"
        "# of a later commit, and the same version of Jinja; those of this commit may judge and say it otherwise\n"
        f"{shlex.join(again)}\n# the measurement again (seed {seed}), then its own page\n{command}"
    )
    return [Pre(text), table]
