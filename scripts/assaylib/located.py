# SPDX-License-Identifier: MIT
"""JSON objects of raw data that know where they stand, so that whoever asks one for a key that it lacks is
told which file and which object that is: "reports/x/run.json: families[0].load: lacks metrics"."""

from __future__ import annotations

from typing import Any

from . import UsageError


class LacksError(UsageError, KeyError):
    """A key that raw data must have is not there."""

    def __str__(self) -> str:
        return str(self.args[0])  # KeyError quotes it


class Located(dict[str, Any]):
    """where: file, and place in it. A copy ({**found}) is an ordinary dict, the objects in it still know."""

    where = ""

    def __missing__(self, key: str) -> Any:
        raise LacksError(f"{self.where}: lacks {key}")


def located(content: Any, where: str, place: str = "", depth: int = 99) -> Any:
    """content with its objects, and those in it, made to know. depth: levels of objects; with two, those of a
    line of samples, its lists, which are long and hold numbers, are not gone through."""
    if isinstance(content, dict):
        inner = f"{place}." if place else ""
        found = Located((k, located(v, where, inner + k, depth - 1) if depth > 1 else v) for k, v in content.items())
        found.where = f"{where}: {place}" if place else where
        return found
    if isinstance(content, list) and depth > 2:
        return [located(each, where, f"{place}[{i}]", depth) for i, each in enumerate(content)]
    return content
