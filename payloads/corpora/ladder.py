# SPDX-License-Identifier: MIT
"""The size ladder: orders of a given number of bytes in JSON."""

from __future__ import annotations

import json
from typing import Callable

from .dice import Dice, Document
from .order import item, make_order

SPARE = "please call the depot before delivery and ask for the foreman on duty; "


def json_bytes(value: object) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def make_order_of(size: int) -> Callable[[Dice], Document]:
    """Orders of size bytes of JSON, give or take a sixteenth: the required fields, then what has
    room, items without end, and a note that fills the rest."""

    def make(dice: Dice) -> Document:
        whole = make_order(dice)
        rest = size + dice.between(-(size // 16), size // 16)
        chosen: Document = {"id": whole["id"], "number": whole["number"]}
        rest -= json_bytes(chosen)
        items: list[Document] = []
        for key in ("placed_at_ms", "items", "total", "customer", "billing", "tags", "items"):
            while key == "items" and (size > 1000 or not items):
                made = item(dice, dice.between(199, 14999), dice.between(1, 4), "EUR")
                cost = json_bytes(made) + (1 if items else 11)
                # In the first round one item, or a small order would hold nothing else.
                if cost > rest or (items and "total" not in chosen):
                    break
                items.append(made)
                rest -= cost
            if key != "items" and key in whole:
                cost = json_bytes({key: whole[key]}) - 1
                if cost <= rest:
                    chosen[key] = whole[key]
                    rest -= cost
        if items:
            chosen["items"] = items
        if rest > 10:
            chosen["note"] = (SPARE * (rest // len(SPARE) + 1))[:rest - 10]
        order = ["id", "number", "placed_at_ms", "customer", "items", "billing", "total", "note", "tags"]
        return {key: chosen[key] for key in order if key in chosen}

    return make
