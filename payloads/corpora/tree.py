# SPDX-License-Identifier: MIT
"""Syntax trees, as deep as msgpack-c reads them."""

from __future__ import annotations

from .dice import Dice, Document
from .people import PEOPLE

VARIABLES = ["price", "quantity", "rate", "discount", "weight_kg", "distance_km", "days", "x", "y"]
FUNCTIONS = ["min", "max", "round", "clamp", "tax", "if_positive"]
MOST_CONTAINERS = 30


def node(dice: Dice, containers: int, spine: bool, column: int) -> Document:
    """A node that makes the containers-th container around what is in it. The spine goes on to the
    deepest that is allowed."""
    made: Document = {"kind": "NAME"}
    rest = MOST_CONTAINERS - containers
    if rest < 2 or not (spine or dice.chance(0.45 if rest > 12 else 0.3)):
        if dice.chance(0.5):
            made["name"] = dice.pick(VARIABLES)
        else:
            made["kind"] = "NUMBER"
            made["number"] = dice.between(1, 40000) / 100 if dice.chance(0.6) else dice.unit()
    elif rest > 3 and dice.chance(0.15):
        made["kind"], made["name"] = "CALL", dice.pick(FUNCTIONS)
        count = dice.between(1, 3)
        deep = dice.between(0, count - 1)
        made["arguments"] = [node(dice, containers + 2, spine and at == deep, column + 9 * (at + 1))
                             for at in range(count)]
    else:
        made["kind"] = dice.pick(["SUM", "DIFFERENCE", "PRODUCT", "QUOTIENT"])
        left = dice.chance(0.5)
        made["left"] = node(dice, containers + 1, spine and left, column + 1)
        made["right"] = node(dice, containers + 1, spine and not left, column + dice.between(4, 60))
    made["column"] = column
    return made


def make_tree(dice: Dice) -> Document:
    return {"name": f"{dice.pick(['fee', 'bonus', 'premium', 'forecast'])}_{dice.between(1, 999)}",
            "author": dice.pick(PEOPLE), "root": node(dice, 2, True, 1)}
