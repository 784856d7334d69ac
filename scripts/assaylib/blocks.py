# SPDX-License-Identifier: MIT
"""What a report is made of: sentences, lists, tables, pictures. Templates turn these into HTML and
Markdown; nothing is formatted twice."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from .charts import Chart


@dataclass(frozen=True)
class Raw:
    """A raw file that the report rests on."""

    name: str
    size: int
    sha256: str


def hashes(folder: Path) -> list[Raw]:
    """Those of a run."""
    files = {name: (folder / name).read_bytes() for name in ("run.json", "samples.jsonl")}
    return [Raw(name, len(data), hashlib.sha256(data).hexdigest()) for name, data in files.items()]


@dataclass(frozen=True)
class Cell:
    text: str
    kind: str = ""  #: a verdict, or "soft"


@dataclass(frozen=True)
class Column:
    title: str
    number: bool = False  #: right-aligned figures of equal decimals


@dataclass
class Table:
    caption: str
    columns: list[Column]
    rows: list[list[Cell]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    folded: bool = False  #: long: folded away on screen
    widths: list[int] = field(default_factory=list)  #: percent, where tables stand below each other
    shows: tuple[str, ...] = ()  #: names of the pictures whose data it holds
    id: str = ""  #: given where pictures are linked with their data (anchors.py)

    def add(self, *cells: str | Cell) -> None:
        self.rows.append([c if isinstance(c, Cell) else Cell(c) for c in cells])


@dataclass(frozen=True)
class Text:
    text: str


@dataclass(frozen=True)
class Items:
    items: list[str]


@dataclass(frozen=True)
class Pre:
    text: str


@dataclass(frozen=True)
class Picture:
    chart: Chart


@dataclass(frozen=True)
class Check:
    """A line of the validity box. state: good, note or bad."""

    state: str
    name: str
    text: str

    @property
    def mark(self) -> str:
        return {"good": "✓", "note": "!", "bad": "✗"}[self.state]


Block = Text | Items | Pre | Picture | Table


@dataclass
class Section:
    id: str
    title: str
    blocks: list[Block] = field(default_factory=list)
    subsections: list["Section"] = field(default_factory=list)
