# SPDX-License-Identifier: MIT
"""Rendered reports as tests look at them."""

from __future__ import annotations

import html.parser
from pathlib import Path

import synthetic
from assaylib import report, words


def rendered(folder: Path, *args, **kwargs) -> str:
    """The Markdown of a synthetic run."""
    return drawn(folder, *synthetic.make_run(*args, count=6, **kwargs))


def drawn(folder: Path, run, lines) -> str:
    """The Markdown of that run, with spaces that are plain."""
    report.render(synthetic.write_run(folder, run, lines))
    return plain(folder)


def plain(folder: Path) -> str:
    text = (folder / "report.md").read_text("utf-8")
    return text.replace(words.SPACE, " ").replace("\u2060", "")


class Page(html.parser.HTMLParser):
    """References, tags, ids, pictures, figures and tables of a page; every element must be closed."""

    VOID = {"meta", "col", "br", "link", "img", "path", "rect", "circle"}

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.references: list[str] = []
        self.ids: list[str] = []
        self.svgs: list[dict[str, str | None]] = []
        self.figures: list[Figure] = []
        self.tables: dict[str, Table] = {}
        self._table: Table | None = None
        self._kind = ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        named = dict(attributes)
        found = [named[k] for k in ("href", "src", "xlink:href", "data") if named.get(k)]
        self.references += found
        self.ids += [named["id"]] if "id" in named else []
        if tag == "svg":
            self.svgs.append(named)
        if tag == "figure":
            self.figures.append(Figure())
        if tag == "table":
            self._table = Table()
            self.tables[named.get("id") or f"unnamed {len(self.tables)}"] = self._table
        if "figure" in self.open and self.figures:
            self.figures[-1].links += [r.removeprefix("#") for r in found]
        if tag in ("td", "th") and self._table:
            self._table.cells.append("")
        if tag == "text":
            self._kind = named.get("class") or ""
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes <{self.open[-1:]}>"
        self.open.pop()

    def handle_data(self, data):
        where = self.open[-1] if self.open else ""
        if where in ("title", "desc") and "figure" in self.open:
            setattr(self.figures[-1], where, data)
        elif where == "text" and "figure" in self.open:
            self.figures[-1].texts.append((self._kind, data))
        elif where in ("td", "th") and self._table:
            self._table.cells[-1] += data


class Figure:
    """A picture in the page."""

    def __init__(self) -> None:
        self.title = self.desc = ""
        self.texts: list[tuple[str, str]] = []  #: class and words
        self.links: list[str] = []


class Table:
    def __init__(self) -> None:
        self.cells: list[str] = []
