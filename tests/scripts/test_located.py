# SPDX-License-Identifier: MIT
"""Objects of raw data say where they stand when they are asked for what they lack."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from assaylib import UsageError
from assaylib.located import LacksError, located

CONTENT: dict[str, Any] = {"a": {"b": [{"c": 1}, [{"d": {}}]]}, "n": [1, 2]}


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda found: found["x"], "run.json: lacks x"),
        (lambda found: found["a"]["x"], "run.json: a: lacks x"),
        (lambda found: found["a"]["b"][0]["x"], "run.json: a.b[0]: lacks x"),
        (lambda found: found["a"]["b"][1][0]["d"]["x"], "run.json: a.b[1][0].d: lacks x"),
        (lambda found: {**found}["a"]["x"], "run.json: a: lacks x"),
        (lambda found: copy.deepcopy(found)["a"]["x"], "run.json: a: lacks x"),
    ],
)
def test_what_lacks_is_named(ask: Any, said: str) -> None:
    for expected in (UsageError, KeyError):
        with pytest.raises(expected) as raised:
            ask(located(CONTENT, "run.json"))
        assert str(raised.value) == said and isinstance(raised.value, LacksError)


def test_it_is_what_it_was() -> None:
    found = located(CONTENT, "run.json")
    assert found == CONTENT and json.dumps(found) == json.dumps(CONTENT)
    assert found.get("x") is None and "x" not in found


def test_long_lists_of_a_line_are_not_gone_through() -> None:
    found = located(CONTENT, "samples.jsonl:3", depth=2)
    assert found["a"]["b"] is CONTENT["a"]["b"] and found["n"] is CONTENT["n"]
    with pytest.raises(UsageError, match="samples.jsonl:3: a: lacks x"):
        found["a"]["x"]
