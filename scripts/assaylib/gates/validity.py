# SPDX-License-Identifier: MIT
"""The gates of METHOD section 4, from the figures of load and serve: of() for every case that is
measured over sockets, scenarios included.

A gate is {"value", "limit", "scope", "ok"}, and "said" where there is more to tell. What the scope
means is in counts.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .saturated import SERVER, SHARE_MIN, Saturation, saturation

ACHIEVED_MIN = 0.99
LAG_SHARE_MAX = 0.1
LITTLE_MAX = 0.1
RIG_SHARE_MAX = 0.8  # of what a server that does nothing reaches: nearer, the rig is the limit
NOT_KNOWN = "not known"  # how near: then nothing tells that it was not
KNEE_SHARE_MAX = 0.8  # of a closed loop: nearer, a rate is not below every knee

Gates = dict[str, dict[str, Any]]
Figures = Mapping[str, Any]


@dataclass(frozen=True)
class Conditions:
    """What the figures are held against; None: there is no such bound, or it is not known."""

    connections: int  #: asked for
    threads: int | None = None  #: of the server
    spins: bool = False  #: the generator polls in the open loop
    below_knee: bool = True  #: the fixed rate is one that everybody should keep
    server_spins: bool = False  #: it polls before it sleeps: how full its CPU is says nothing
    #: Wrong or failed replies of the open loop; None: they are the finding, but for other bytes.
    tolerated: int | None = 0
    ceiling_hz: float | None = None  #: connections ÷ delay, threads ÷ delay
    #: Closed loop, through the same rig, of a server that does nothing. Infinite: nobody asked; None: nobody knows.
    rig_hz: float | None = math.inf


def of(
    asked: Conditions,
    *,
    opened: Figures | None = None,
    closed: Figures | None = None,
    final: Figures | None = None,
) -> Gates:
    """opened and closed: load's JSON of the two loops, whichever there were; final: serve's own."""
    found: Gates = {}
    loops = [loop for loop in (opened, closed) if loop is not None]
    if opened is not None:
        found |= _open(asked, opened)
    if closed is not None:
        found |= _closed(asked, closed)
    if loops:
        held = min(loop["connections_held"] for loop in loops)
        found["connections_held"] = least(held, asked.connections, "all")
        found["other_bytes"] = most(sum(map(other_bytes, loops)), 0, "all")
    if final is not None:
        found["lost"] = most(final["lost"], 0, "all")
    return found


def other_bytes(result: Figures) -> int:
    """Replies that say 200 and are not what was asked for: no load excuses that."""
    told = result.get("status_counts") or {}
    return max(0, int(told["200"]) - int(result["answered"])) if "200" in told else 0


def most(value: float, limit: float, scope: str) -> dict[str, Any]:
    return {"value": round(value, 6), "limit": limit, "scope": scope, "ok": value <= limit}


def least(value: float, limit: float, scope: str) -> dict[str, Any]:
    return {"value": round(value, 6), "limit": limit, "scope": scope, "ok": value >= limit}


def at_limit(found: Saturation, scope: str) -> dict[str, Any]:
    """Fails where the limit was the rig's."""
    gate = {"value": found.text, "limit": "server or nobody", "scope": scope, "ok": not found.rig}
    return {**gate, "said": found.said}


def _open(asked: Conditions, opened: Figures) -> Gates:
    achieved = opened["achieved_hz"] / opened["offered_hz"] if opened["offered_hz"] else 0.0
    who = saturation(opened, threads=asked.threads, spins=asked.spins)
    found = {"saturated": at_limit(who, "tail")}
    wrong = other_bytes(opened) if asked.tolerated is None else opened["wrong"] + opened["failed"]
    found["replies_wrong"] = most(wrong, asked.tolerated or 0, "open")
    if opened["p50_ns"] and opened["lag_p99_ns"] is not None:
        lag = opened["lag_p99_ns"] / opened["p50_ns"]
        found["lag_p99_over_p50"] = most(lag, LAG_SHARE_MAX, "tail")
    if asked.below_knee:
        found["achieved_over_offered"] = least(achieved, ACHIEVED_MIN, "open")
        if SERVER in who.shares and not asked.server_spins:
            found["server_share"] = {**most(who.shares[SERVER], SHARE_MIN, "open"), "ok": SERVER not in who.who}
    if asked.ceiling_hz is not None:
        found["open_below_ceiling"] = most(opened["achieved_hz"], asked.ceiling_hz, "open")
    if asked.rig_hz != math.inf:
        found["open_rig_share"] = _of_rig(opened, asked.rig_hz, "tail")
    return found


def _closed(asked: Conditions, closed: Figures) -> Gates:
    little = closed["little_ratio"]
    found = {
        "closed_replies_wrong": most(closed["wrong"] + closed["failed"], 0, "closed"),
        "littles_law": most(abs(little - 1) if little is not None else 1.0, LITTLE_MAX, "closed"),
        "closed_saturated": at_limit(saturation(closed, threads=asked.threads), "bound"),
    }
    if asked.ceiling_hz is not None:
        found["below_ceiling"] = most(closed["achieved_hz"], asked.ceiling_hz, "closed")
    if asked.rig_hz != math.inf:
        found["rig_share"] = _of_rig(closed, asked.rig_hz, "bound")
    return found


def _of_rig(loop: Figures, rig_hz: float | None, scope: str) -> dict[str, Any]:
    """A bound that should be there and is not marks, too."""
    if not rig_hz:
        return {"value": NOT_KNOWN, "limit": RIG_SHARE_MAX, "scope": scope, "ok": False}
    return most(loop["achieved_hz"] / rig_hz, RIG_SHARE_MAX, scope)
