# SPDX-License-Identifier: MIT
"""Codecs by the names, formats and libraries that a run recorded of them (run.json, "codecs"). Runs
of before that record have the three first codecs only, whose names are known here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Iterable, Sequence

from . import words
from .about import subject
from .judge import Family


#: Those that the suite began with, and that readers ask for by name.
CORE = ("cjson", "protobuf_c", "msgpack_c")
FIRST = ("ack", "order", "telemetry", "feed")


@dataclass(frozen=True)
class Codec:
    """One codec as the report speaks of it."""

    name: str
    label: str
    format: str
    library: str = ""
    version: str = ""
    shape: str | None = None  #: MessagePack: "keys" (maps) or "values" (arrays)
    ours: bool = False  #: written here, to see how fast the format can be: not a library
    own_structs: bool = False  #: does not work on the struct that the others share

    @property
    def group(self) -> str:
        """What competes with what: a format, and values without their keys apart."""
        return f"{self.format}, values only" if self.shape == "values" else self.format

    @property
    def competes(self) -> bool:
        """May be called the fastest library of its format: same struct, and a library."""
        return not self.ours and not self.own_structs


def recorded(run: dict[str, Any]) -> list[dict[str, Any]]:
    """As codec_bench --list-codecs told it, whatever it is wrapped in."""
    found = run.get("codecs") or []
    found = found.get("codecs", []) if isinstance(found, dict) else found
    return [row for row in found if isinstance(row, dict) and row.get("name")]


def codecs(run: dict[str, Any]) -> dict[str, Codec]:
    known = {}
    for row in recorded(run):
        name = str(row["name"])
        known[name] = Codec(
            name,
            str(row.get("label") or words.LABELS.get(name, name)),
            str(row.get("format") or words.FORMATS.get(name, "another format")),
            str(row.get("library") or ""),
            str(row.get("version") or ""),
            row.get("shape"),
            bool(row.get("ours")),
            bool(row.get("own_structs")),
        )
    return known


def of(run: dict[str, Any], families: Iterable[Family]) -> dict[str, Codec]:
    """Every candidate of these families, format by format, in the run's order within; those that it
    does not know have their name only."""
    known = codecs(run)
    seen = dict.fromkeys(m for f in families for m in f.candidates)
    extra = {
        m: Codec(m, words.LABELS.get(m, m), words.FORMATS.get(m, "another format"))
        for m in seen
        if m not in known
    }
    found = [codec for name, codec in {**known, **extra}.items() if name in seen]
    order = groups(found)
    return {c.name: c for c in sorted(found, key=lambda c: order.index(c.group))}


def groups(codecs: Iterable[Codec]) -> list[str]:
    """Formats in the order of their first codec, JSON, the baseline's, first; a format's shapes
    follow each other."""
    every = list(codecs)
    formats = list(dict.fromkeys(c.format for c in every))
    return sorted(dict.fromkeys(c.group for c in every), key=lambda g: _place(g, every, formats))


def _place(group: str, every: Sequence[Codec], formats: Sequence[str]) -> tuple[int, str]:
    return formats.index(next(c.format for c in every if c.group == group)), group


def wide(run: dict[str, Any], families: Sequence[Family]) -> bool:
    """Several libraries for a format: then format and library can be told apart."""
    whole = [f for f in families if not (f.plan.get("load") or {}).get("by_hand")]
    every = list(of(run, whole).values())
    return any(sum(c.group == group for c in every) > 1 for group in groups(every))


RUNG = re.compile(r"(.+)_(\d+)([km]?)")
UNITS = {"": 1, "k": 1024, "m": 1024 * 1024}


def ladder(families: Sequence[Family]) -> list[str]:
    """Payloads that are one message in several sizes (order_64, order_4k …), the smallest first; at
    least three, else there is no ladder."""
    rungs: dict[str, list[tuple[int, str]]] = {}
    for payload in dict.fromkeys(subject(f) for f in families):
        found = RUNG.fullmatch(payload)
        if found:
            size = int(found[2]) * UNITS[found[3]]
            rungs.setdefault(found[1], []).append((size, payload))
    longest = max(rungs.values(), key=len, default=[])
    return [payload for _, payload in sorted(longest)] if len(longest) >= 3 else []


def single(families: Sequence[Family]) -> list[str]:
    """The payloads that are not rungs; in a run of a ladder alone, its rungs."""
    rungs = ladder(families)
    return [p for p in dict.fromkeys(subject(f) for f in families) if p not in rungs] or rungs
