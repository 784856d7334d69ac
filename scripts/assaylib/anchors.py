# SPDX-License-Identifier: MIT
"""Which tables hold the data of which picture: every picture of a page has a link to them."""

from __future__ import annotations

from typing import Iterable, Iterator, Sequence

from .blocks import Block, Picture, Section, Table


def link(blocks: Sequence[Block], sections: Sequence[Section]) -> dict[str, list[str]]:
    """Picture → ids of its tables, which are given to them here. A picture that no table names takes
    the table next to it, the one behind it first."""
    groups = [list(blocks), *(s.blocks for s in _every(sections))]
    found: dict[str, list[str]] = {}
    for table in (b for group in groups for b in group if isinstance(b, Table)):
        for name in table.shows:
            found.setdefault(name, []).append(_id(table, name, len(found.get(name, []))))
    for group in groups:
        for i, block in enumerate(group):
            if isinstance(block, Picture) and block.chart.name not in found:
                near = next((b for b in [*group[i:], *group[:i][::-1]] if isinstance(b, Table)), None)
                found[block.chart.name] = [_id(near, block.chart.name, 0)] if near else []
    return found


def _id(table: Table, name: str, number: int) -> str:
    table.id = table.id or f"data-{name}" + (f"-{number + 1}" if number else "")
    return table.id


def _every(sections: Iterable[Section]) -> Iterator[Section]:
    for section in sections:
        yield section
        yield from _every(section.subsections)
