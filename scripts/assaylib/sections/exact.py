# SPDX-License-Identifier: MIT
"""Figures that do not vary, from processes of their own: bytes, allocations, instructions, code size.
Whatever the run recorded is shown; names say the unit."""

from __future__ import annotations

from typing import Any

from .. import operations, words
from ..blocks import Block, Cell, Column, Table
from ..judge import Judgement
from ..members import Codec

#: What a row is, and not a figure of it.
KEYS = ("payload", "codec", "operation", "schema", "documents", "status", "reason", "note")
TITLES = {
    "wire_bytes": "bytes",
    "zlib_6_bytes": "after zlib, level 6",
    "zlib_6_compress_median_ns": "compressing, ns (median, not exact)",
    "zlib_6_expand_median_ns": "expanding, ns (likewise)",
    "zstd_3_bytes": "after zstd, level 3",
    "zstd_3_compress_median_ns": "compressing, ns (likewise)",
    "zstd_3_expand_median_ns": "expanding, ns (likewise)",
    "allocations": "allocations",
    "allocated_bytes": "bytes allocated",
    "peak_heap_bytes": "peak heap, bytes with malloc's rounding",
    "instructions": "instructions",
    "adapter_text_bytes": "code of the adapter and what it needs of ours, bytes",
    "library_text_bytes": "code of the shared library, whole, bytes",
}

#: What a column of such a name needs said of it.
NOTES = {
    "peak_heap_bytes": "Of the heap what the operation asks for beyond what was there before: an arena has its blocks, and a"
    " codec that keeps a parser or a buffer per thread has those.",
    "compress_median_ns": "Compressing and expanding are timed once, in one process, each with a reading of the clock: how far"
    " rows of the same bytes differ is the machine.",
    "adapter_text_bytes": "What is generated for each message type is in neither.",
}


def rows(judged: Judgement) -> list[dict[str, Any]]:
    found = judged.run.get("exact") or []
    if isinstance(found, dict):
        found = [row for part in found.values() if isinstance(part, list) for row in part]
    return [row for row in found if isinstance(row, dict)]


def exact(judged: Judgement, payload: str | None, codecs: dict[str, Codec]) -> list[Block]:
    """Of a payload; of codecs as such (payload None): their code size, say."""
    mine = [r for r in rows(judged) if r.get("payload") == payload and r.get("codec") in codecs]
    return [
        *_table([row for row in mine if not row.get("operation")], payload, codecs),
        *_table([row for row in mine if row.get("operation")], payload, codecs),
    ]


def _table(
    mine: list[dict[str, Any]], payload: str | None, codecs: dict[str, Codec]
) -> list[Block]:
    names = list(
        dict.fromkeys(
            key
            for row in mine
            for key, value in row.items()
            if key not in KEYS and isinstance(value, (int, float)) and not isinstance(value, bool)
        )
    )
    if not names:
        return []
    by_operation = any(row.get("operation") for row in mine)
    table = Table(
        "Exact companions"
        + (" per operation" if by_operation else "")
        + (", mean over the corpus" if payload else "")
        + ": counted in separate processes, never in timed ones",
        [
            *([Column("operation")] if by_operation else []),
            Column("codec"),
            *(Column(TITLES.get(name, name.replace("_", " ")), True) for name in names),
        ],
    )
    last = None
    for row in sorted(mine, key=lambda r: str(r.get("operation") or "")):
        operation = str(row.get("operation") or "")
        head = Cell(
            operations.title(operation) if operation != last else "",
            "head" if operation != last else "",
        )
        last = operation
        table.add(
            *([head] if by_operation else []),
            codecs[str(row["codec"])].label,
            *(_figure(row.get(name)) for name in names),
        )
    table.notes += [note for key, note in NOTES.items() if any(name.endswith(key) for name in names)]
    return [table]


def _figure(value: Any) -> str:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return "–"
    decimals = 0 if value == int(value) or abs(value) >= 1000 else 1 if abs(value) >= 100 else 2
    return words.fixed(value, decimals)
