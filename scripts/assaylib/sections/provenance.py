# SPDX-License-Identifier: MIT
"""Environment and raw data: on what, by what, and from which files."""

from __future__ import annotations

import json
from typing import Any, Sequence

from .. import about, words
from ..blocks import Cell, Column, Items, Raw, Section, Table, Text
from ..judge import Judgement


def _flat(value: Any, name: str = "") -> list[tuple[str, str]]:
    """Nested facts as rows; lists on one line."""
    if isinstance(value, dict):
        return [
            row
            for key in sorted(value, key=str)
            for row in _flat(value[key], f"{name}.{key}" if name else str(key))
        ]
    if isinstance(value, list) and all(not isinstance(v, (dict, list)) for v in value):
        return [(name, " ".join(map(str, value)))] if value else []
    if isinstance(value, list):
        return [(name, json.dumps(value, sort_keys=True))]
    shown = (
        {None: "not known", True: "yes", False: "no"}.get(value, value)
        if isinstance(value, (bool, type(None)))
        else value
    )
    return [(name, str(shown))]


def environment(judged: Judgement) -> Section:
    run = judged.run
    section = Section("environment", "Environment")
    for key, title in (
        ("libraries", "Libraries, by their own version strings"),
        ("build", "Build"),
        ("environment", "Machine and system"),
        ("machine", "What the machine can resolve"),
    ):
        rows = _flat(run.get(key) or {})
        table = Table(title, [Column("name"), Column("value")])
        for name, value in rows:
            table.add(name.replace("_", " "), value)
        section.blocks.append(table if rows else Text(f"{title}: not recorded."))
    if str(
        (run.get("libraries") or {}).get("benchmark")
        or (run.get("libraries") or {}).get("libbenchmark")
        or ""
    ).startswith("1.7"):
        section.blocks.append(
            Text(
                "Debian's libbenchmark 1.7.1 calls itself a debug build, since it was built without"
                " NDEBUG; its timing loop is compiled into the programs here, and is not affected."
            )
        )
    return section


def data(judged: Judgement, raw: Sequence[Raw]) -> Section:
    section = Section("data", "Raw data")
    table = Table("Files", [Column("file"), Column("bytes", True), Column("SHA-256")])
    for file in raw:
        table.add(file.name, words.fixed(file.size, 0), Cell(file.sha256, "hash"))
    plan = Table(
        "Families: planned, run, and what counts of it for the worst-off member",
        [
            Column("family"),
            Column("baseline"),
            Column("members"),
            Column("rounds planned", True),
            Column("run", True),
            Column("count", True),
            Column("processes discarded", True),
            Column("δ", True),
        ],
    )
    for f in judged.families:
        plan.add(
            f.id,
            words.label(f.baseline),
            ", ".join(f.plan["members"]),
            str(f.plan.get("rounds") or "–"),
            str(len(f.rounds)),
            str(f.counted),
            str(about.discarded(f)),
            words.listed(words.margin(d) for d in sorted(set(f.deltas.values()))),
        )
    section.blocks += [
        Text(
            f"{words.fixed(judged.lines, 0)} samples. `run.json` is the plan, the seed and the"
            " fingerprint; `samples.jsonl` has a line per case of a process, with every block and"
            " the covariates of its process. `scripts/assay export` prints Google Benchmark JSON"
            " with one entry per process."
        ),
        table,
        plan,
    ]
    discarded = [
        f"{f.id}, round {n}{f', {words.label(m)}' if f.kind == 'service' else ''}: {why}"
        for f in judged.families
        for n, m, why in sorted(
            (n, m, why)
            for (m, n), why in f.excuses.items()
            if f.kind == "service" or m == f.baseline
        )
    ]
    if discarded:
        more = [f"… {len(discarded) - 60} more, in samples.jsonl"] if len(discarded) > 60 else []
        section.blocks += [Text("Discarded processes:"), Items(discarded[:60] + more)]
    failures = [
        f"{f.id}, {line.get('member')}, round {line.get('round')}:"
        f" {words.reason(line.get('reason'))}"
        for f in judged.families
        for line in f.failures
    ]
    if failures:
        section.blocks += [
            Text("Failed samples:"),
            Items(failures[:40] + ([f"… {len(failures) - 40} more"] if len(failures) > 40 else [])),
        ]
    return section
