# SPDX-License-Identifier: MIT
"""What a service says when it has taken a request."""

from __future__ import annotations

from .dice import Dice, Document


def make_ack(dice: Dice) -> Document:
    ack: Document = {
        "request_id": str(dice.id64()),
        "status": dice.pick(["ok", "accepted", "queued", "stored"]),
    }
    if dice.chance(0.7):
        ack["queued"] = dice.between(1, 12) if dice.chance(0.6) else dice.between(13, 4000)
    if dice.chance(0.15):
        ack["duplicate"] = True
    return ack
