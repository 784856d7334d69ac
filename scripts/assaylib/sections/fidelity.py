# SPDX-License-Identifier: MIT
"""What survives the way out and back: over each corpus, and question by question."""

from __future__ import annotations

from typing import Any, Sequence

from .. import words
from ..blocks import Block, Cell, Column, Table, Text
from ..judge import Judgement

#: Outcomes that lose or alter something without saying so.
SILENT = {
    "changed",
    "another NaN",
    "0.0",
    "lost",
    "some changed",
    "cut at the NUL",
    "one of two kept",
}


def corpora(judged: Judgement) -> list[Block]:
    """Encode, decode, compare over each whole corpus."""
    rows = [r for r in judged.run.get("fidelity") or [] if isinstance(r, dict)]
    if not rows:
        return [Text("Fidelity (encode, decode, compare) was not recorded in this run.")]
    names = list(dict.fromkeys(str(r.get("codec")) for r in rows))
    table = Table(
        "Fidelity: encode, decode, compare, over each whole corpus: values that came back changed",
        [
            Column("payload"),
            Column("documents", True),
            Column("values", True),
            *(Column(words.label(name), True) for name in names),
        ],
    )
    changed = []
    for payload in dict.fromkeys(str(r.get("payload")) for r in rows):
        mine = {str(r.get("codec")): r for r in rows if str(r.get("payload")) == payload}
        first = next(iter(mine.values()))
        cells = []
        for name in names:
            row = mine.get(name)
            values, lost = (int((row or {}).get(k) or 0) for k in ("values", "changed"))
            share = lost / values if values else 0.0
            text = (
                f"{words.fixed(lost, 0)} ({words.percent(share)})" if lost else "0" if row else "–"
            )
            cells.append(Cell(text, "worse" if lost else ""))
            if lost:
                changed.append(
                    f"{words.label(name)} changes {words.fixed(lost, 0)} of {words.fixed(values, 0)}"
                    f" values of `{payload}` ({words.percent(share)})"
                )
        counts = (words.fixed(int(first.get(k) or 0), 0) for k in ("documents", "values"))
        table.add(payload, *counts, *cells)
    return [Text(" ".join(_said(rows, changed))), table]


def _said(rows: Sequence[dict[str, Any]], changed: Sequence[str]) -> list[str]:
    exact = [
        m
        for m in dict.fromkeys(str(r.get("codec")) for r in rows)
        if not any(int(r.get("changed") or 0) for r in rows if str(r.get("codec")) == m)
    ]
    parts = []
    if changed:
        parts.append(
            "Not every value survives the way out and back: "
            + words.listed(changed)
            + ". Only doubles and floats may change; anything else would have been an error before"
            " the clock ran."
        )
    if exact:
        parts.append(
            f"{words.listed(words.label(m) for m in exact)} {'gives' if len(exact) == 1 else 'give'} every"
            " value back exactly."
        )
    return parts


def questions(judged: Judgement) -> list[Block]:
    """The fidelity table: a row per question, a column per codec."""
    rows = [r for r in judged.run.get("fidelity_table") or [] if isinstance(r, dict)]
    if not rows:
        return []
    names = list(dict.fromkeys(str(r["codec"]) for r in rows))
    table = Table(
        "Fidelity, question by question: what each codec keeps, alters or refuses",
        [Column("question"), *(Column(words.label(m)) for m in names)],
    )
    group = None
    for probe in dict.fromkeys(str(r["probe"]) for r in rows):
        mine = {str(r["codec"]): r for r in rows if str(r["probe"]) == probe}
        first = next(iter(mine.values()))
        if first.get("group") != group:
            group = first.get("group")
            table.add(Cell(str(group), "head"), *("" for _ in names))
        sample = first.get("sample")
        count = f" ({words.fixed(int(sample), 0)} values)" if sample else ""
        table.add(f"{first.get('title') or probe}{count}", *(_answer(mine.get(m)) for m in names))
    borrowed = {str(r["codec"]): str(r["encoded_by"]) for r in rows if r.get("encoded_by")}
    for member, by in borrowed.items():
        table.notes.append(
            f"{words.label(member)} only decodes; the bytes that it read are by {words.label(by)}."
        )
    table.notes.append(
        "Coloured: values that come back altered or lost without a word. ULP: steps between"
        " neighbouring floating-point numbers. A depth is the deepest message that works, the root"
        " being 1; “ours” is the limit that every codec here is held to. Doubles beyond"
        " 1.79769313486231e308 cJSON itself would print as 1.79769313486232e+308, which no reader takes, its own"
        " included: its adapter here prints those, so that one of them does not cost a payload its baseline."
    )
    return [table]


def _answer(row: dict[str, Any] | None) -> Cell:
    if row is None:
        return Cell("–", "soft")
    outcome = str(row.get("outcome"))
    sample, changed, refused = (int(row.get(k) or 0) for k in ("sample", "changed", "refused"))
    parts = []
    if sample and changed:
        steps = f", ≤ {words.fixed(int(row['max_ulp']), 0)} ULP" if row.get("max_ulp") else ""
        parts.append(f"{words.percent(changed / sample)} changed{steps}")
    if sample and refused and (parts or refused < sample):
        parts.append(f"{words.fixed(refused, 0)} of {words.fixed(sample, 0)} refused")
    text = "; ".join(parts) or outcome
    if row.get("depth"):
        whose = {"limit": "its limit", "as deep as we let it": "ours"}.get(outcome, outcome)
        text = f"{row['depth']} ({whose})"
    kind = (
        "worse"
        if outcome in SILENT
        else "soft"
        if outcome in ("not applicable", "not probed")
        else ""
    )
    return Cell(text, kind)
