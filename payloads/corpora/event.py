# SPDX-License-Identifier: MIT
"""Events: a oneof, enums, maps, presence, 64-bit ids, a timestamp."""

from __future__ import annotations

import base64

from .dice import Dice, Document
from .order import NOTES

LABELS = {"region": ["eu-west-1", "eu-north-1", "us-east-2"], "zone": ["a", "b", "c"],
          "service": ["checkout", "search", "billing", "identity"], "version": ["4.12.0", "4.12.1"],
          "canary": ["true", ""], "tenant": ["acme", "größe gmbh", "小林商店"]}
FRAMES = ["pool_take (pool.c:88)", "connection_open (connection.c:211)", "step (rpc.c:57)",
          "handle (service.c:140)", "loop_turn (loop.c:302)", "main (serve.c:31)"]
FAILURES = [(-110, "connection timed out"), (-104, "connection reset by peer"), (-12, "out of memory"),
            (503, "no capacity left"), (-71, 'unexpected "\\0" in a header')]


def failure(dice: Dice, depth: int) -> Document:
    code, message = dice.pick(FAILURES)
    made: Document = {"code": code, "message": message, "frames": dice.some(FRAMES, 1, 4)}
    if depth < 2 and dice.chance(0.3):
        made["cause"] = failure(dice, depth + 1)
    return made


def happened(dice: Dice) -> Document:
    """One member of the oneof."""
    kind = dice.pick(["login", "login", "payment", "payment", "failure", "note"])
    if kind == "login":
        width = dice.pick([4, 4, 16])
        address = bytes(dice.between(0, 255) for _ in range(width))
        made: Document = {"user": f"user_{dice.between(10, 999999)}",
                          "address": base64.b64encode(address).decode()}
        if dice.chance(0.5):
            made["method"] = dice.pick(["KEY", "TOKEN"])
        if dice.chance(0.9):
            made["succeeded"] = True
        return {kind: made}
    if kind == "payment":
        return {kind: {"account": str(dice.id64()), "cents": str(dice.between(-20000, 500000)),
                       "currency": dice.pick(["EUR", "CHF", "PLN"])}}
    return {kind: failure(dice, 0) if kind == "failure" else dice.pick(NOTES)}


def make_event(dice: Dice) -> Document:
    event: Document = {"id": str(dice.id64()), "trace_id": str(dice.id64() << 1 | 1),
                       "at": {"seconds": str(dice.millis() // 1000),
                              "nanos": dice.between(1, 999_999_999)},
                       "severity": dice.pick(["INFO", "INFO", "INFO", "WARNING", "ERROR", "FATAL"]),
                       "source": f"{dice.pick(LABELS['service'])}-{dice.between(0, 63)}",
                       "labels": {key: dice.pick(LABELS[key])
                                  for key in dice.some(sorted(LABELS), 2, 6)}}
    if dice.chance(0.6):
        quantiles = [500, 900, 950, 990, 999][:dice.between(1, 5)]
        event["latency_us"] = {str(at): str(dice.skewed(10**7) * 10**3) for at in quantiles}
    event.update(happened(dice))
    if dice.chance(0.4):
        event["attempt"] = dice.between(0, 3)
    if dice.chance(0.5):
        event["parents"] = [str(dice.id64()) for _ in range(dice.between(1, 6))]
    return event
