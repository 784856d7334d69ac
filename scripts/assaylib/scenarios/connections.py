# SPDX-License-Identifier: MIT
"""What a connection costs: memory, as a slope over held connections, idle and active; and how many new
ones a second are taken. What the figures are and whom they are charged to: memory.py.

A process is a fresh server whose connections are counted up, never down, so that memory which a server
keeps for later does not look like that of the next step. *Idle*: every connection has asked once and
is silent since; then all are closed, and a closed loop follows in which every request has a connection
of its own. *Active*: every connection has a request in flight, all at once, in a closed loop.
"""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

from .. import rig, slopes
from ..gates import Conditions, least, most, saturation
from ..gates import of as of_gates
from ..gates.validity import other_bytes
from ..plan import SERVE_START_S, Built, Family
from ..programs import Build
from . import held, keys, memory, plans, readings
from .connections_view import answer, answered, pictures, tables  # noqa: F401: what is said of it
from .scenario import Scenario
from .stand import Stand, of, stand

KEYS: keys.Keys = {
    "server": keys.SERVER,
    "downstream": keys.DOWNSTREAM,
    "steps": {
        "connections": keys.many(keys.count(low=1, high=1_000_000)),
        "settle_s": keys.number(0.3, 0.01, 60),
        "active_warmup_s": keys.number(0.4, 0.01, 600),
        "active_s": keys.number(0.6, 0.05, 600),
        "new_connections": keys.count(64, 1, 100_000),
        "new_s": keys.number(1.0, 0.05, 600),
    },
}
STATES = ("idle", "active")
SAMPLE_S = 0.15
LONGER = (1, 2, 4)
PATIENCE_S = 60.0  # for an answer: who gives up leaves, and of thousands of busy threads none lets him in again
STAYED_MAX = 0.01  # of answers that leave their connection open although asked to close it
PARTS = ("rss", "stack", "page_table", "socket", "kernel")


def check(scenario: Scenario) -> None:
    steps = scenario.steps["connections"]
    if sorted(set(steps)) != steps or len(steps) < 2:
        raise scenario.wrong(
            "steps.connections", "must be two numbers or more, ascending: a slope goes through them"
        )
    limit = scenario.server["queue_limit"]
    if limit < steps[-1]:
        raise scenario.wrong(
            "server.queue_limit",
            f"{limit} is below the {steps[-1]} connections that are to be active at once: they would be refused",
        )


def families(scenario: Scenario, built: Built) -> list[Family]:
    models = plans.models(scenario, built)
    return [
        plans.family(
            scenario,
            built,
            models,
            name=state,
            state=state,
            process_s=_process_s(scenario, state),
            pilot_s=plans.noop.PILOT_S if state == "idle" else 0.0,
        )
        for state in STATES
    ]


def _process_s(scenario: Scenario, state: str) -> float:
    steps = scenario.steps
    counts = steps["connections"]
    if state == "idle":
        return (
            SERVE_START_S
            + counts[-1] / held.OPENED_HZ
            + (len(counts) + 2) * steps["settle_s"]
            + steps["new_s"]
            + 0.5
        )
    return SERVE_START_S + sum(map(sum, (_active_s(steps, count) for count in counts))) + 0.3


def _active_s(steps: dict[str, Any], count: int) -> tuple[float, float, float]:
    """Silence, so that all are accepted: with a thread each the thread that accepts them hardly gets a turn among
    thousands that are busy. Then the warm-up, in which each has one request at least, and the window: memory of many
    threads takes seconds to read."""
    each_s = count / held.OPENED_HZ
    return steps["settle_s"] + each_s, steps["active_warmup_s"] + each_s, steps["active_s"] + each_s


def pilot(build: Build, family: Family, say: Callable[[str], None]) -> tuple[Family, dict[str, str]]:
    """Whether this machine allows so many; and how many new ones a second the rig can carry."""
    steps = _steps(family)
    held.allow(steps["connections"][-1])
    if family.load["state"] != "idle":
        return family, {}
    return plans.fixed(family, rig_hz=plans.rig_hz(build, family, say, close=True, **_anew(steps))), {}


def measure(build: Build, family: Family, member: str, seed: int, padding: int) -> dict[str, Any]:
    state, steps, model = family.load["state"], _steps(family), plans.model_of(member)
    held.allow(steps["connections"][-1])
    with stand(build, family, model, seed=seed, padding=padding) as here:
        if state == "idle":
            most_hz = readings.ceiling_hz(of(family), model, steps["new_s"], steps["new_connections"])
            found = _idle(here, steps, family.load.get("rig_hz", math.inf), most_hz)
        else:
            found = _active(here, steps)
        final, done = here.stop()
    found["gates"]["lost"] = most(final["lost"], 0, "all")
    found["metrics"] |= {"lost": final["lost"], **per_connection(found["points"])}
    return {**found, "server": done}


def _steps(family: Family) -> dict[str, Any]:
    return dict(family.load["scenario"]["steps"])


def _port(here: Stand) -> int:
    return int(here.server.address.rpartition(":")[2])


def _read(here: Stand, asked: int) -> dict[str, Any]:
    return {"connections": asked, **memory.read(here.server.pid, _port(here)).facts()}


def _held_gate(points: list[dict[str, Any]]) -> dict[str, Any]:
    """Of the step that lacks most: what the kernel has as established, against what was asked for."""
    worst = min(points, key=lambda point: (point["sockets"] - point["connections"], -point["connections"]))
    return least(worst["sockets"], worst["connections"], "all")


# --- Idle, and new connections ------------------------------------------------------------------


def _idle(here: Stand, steps: dict[str, Any], rig_hz: float | None, most_hz: float | None) -> dict[str, Any]:
    asked = held.request(here.build, here.asked())
    empty = _read(here, 0)
    points = []
    with held.Held(here.server.address, asked) as connections:
        for count in steps["connections"]:
            connections.grow(count)
            time.sleep(steps["settle_s"])
            points.append(_read(here, count))
    left = _left(here, empty["threads"], steps["settle_s"])
    new = _new(here, steps, rig_hz, most_hz)
    kept = (left["rss_bytes"] - empty["rss_bytes"]) / steps["connections"][-1]
    return {
        "points": points,
        "empty": empty,
        "left": left,
        "metrics": {"kept_bytes_per_connection": kept, **new["metrics"]},
        "gates": {"connections_held": _held_gate(points), **new["gates"]},
    }


def _left(here: Stand, threads: int, settle_s: float) -> dict[str, Any]:
    """What is read when all have left. A server with a thread for each has not seen the last of thousands
    out when its last socket is closed; what it does for them is no part of what comes after."""
    until_s = time.monotonic() + PATIENCE_S
    while (now := _read(here, 0))["threads"] > threads or now["sockets"]:
        if time.monotonic() > until_s:
            raise rig.Failure(
                f"{PATIENCE_S:g} s after all had left, there were still {now['threads'] - threads} threads and"
                f" {now['sockets']} sockets of theirs"
            )
        time.sleep(SAMPLE_S)
    time.sleep(settle_s)
    return _read(here, 0)


def _anew(steps: dict[str, Any]) -> dict[str, Any]:
    """Options of load for requests of which each opens a connection."""
    clients = steps["new_connections"]
    return {"connections": clients, "in_flight": clients, "header": "Connection: close"}


def _new(
    here: Stand, steps: dict[str, Any], rig_hz: float | None, most_hz: float | None = None
) -> dict[str, Any]:
    """A closed loop in which every request opens a connection, and every answer closes it. Its gates
    govern its own figures alone, which say so by their names. most_hz: its arithmetic ceiling."""
    clients = steps["new_connections"]
    window = {"warmup_s": steps["new_s"] / 4, "duration_s": steps["new_s"]}
    new = here.load(unanswered=True, arrival="closed", **_anew(steps), **window)
    answered = new["answered"]
    # Of the last answers the closing may be seen after the end.
    stayed = max(0, answered - new["closed_by_peer"] - clients) / max(1, answered)
    # Time to connect is in no latency, and connections come and go: neither Little's law nor how many
    # are held says anything here.
    found = of_gates(Conditions(clients, ceiling_hz=most_hz, rig_hz=rig_hz), closed=new)
    wanted = ("closed_replies_wrong", "other_bytes", "closed_saturated", "below_ceiling", "rig_share")
    gates = {name: found[name] for name in wanted if name in found}
    gates["closed_answered"] = least(answered, 1, "closed")
    gates["closed_connections_that_stayed"] = most(stayed, STAYED_MAX, "closed")
    if not answered:
        return {"metrics": {}, "gates": gates}
    return {
        "metrics": {
            "closed_new_hz": new["achieved_hz"],
            "closed_new_p99_ns": new["p99_ns"],
            "closed_new_cpu_ns": new["watch_cpu_ns"] / answered,
            "closed_new_server_busy_percent": 100 * new["watch_cpu_ns"] / new["duration_ns"],
        },
        "gates": gates,
    }


# --- Active -------------------------------------------------------------------------------------


def _active(here: Stand, steps: dict[str, Any]) -> dict[str, Any]:
    points, wrong, others = [], 0, 0
    for count in steps["connections"]:
        point, done = _active_long_enough(here, count, _active_s(steps, count))
        wrong += done["wrong"] + done["failed"]
        others += other_bytes(done)
        points.append(point)
    gates = {"connections_held": _held_gate(points), "closed_replies_wrong": most(wrong, 0, "all")}
    gates["other_bytes"] = most(others, 0, "all")
    return {"points": points, "metrics": {}, "gates": gates}


def _active_long_enough(
    here: Stand, count: int, seconds: tuple[float, float, float]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Where the CPUs were somebody else's for a while, once more and longer."""
    for longer in LONGER:
        point, done = _active_at(here, count, tuple(longer * each for each in seconds))
        if point:
            return point, done
    raise rig.Failure(f"{count} connections were never all accepted while memory was read")


def _active_at(here: Stand, count: int, seconds: tuple[float, ...]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read while every connection has a request in flight, from the middle of the warm-up: the median of
    what was read with all of them accepted, and it has settled: of the later half. How many were answered
    meanwhile is not asked: with as many threads as connections it may be none. seconds: as _active_s() has them."""
    seen: list[dict[str, Any]] = []
    settle_s, warmup_s, window_s = seconds
    began, accepted_s, warm_s = time.monotonic(), None, math.inf
    lasts = {"settle_s": settle_s, "warmup_s": warmup_s, "duration_s": window_s, "timeout": PATIENCE_S}
    loaded = here.start_load(arrival="closed", connections=count, in_flight=count, **lasts)
    with loaded as loading, _beside_load(here):
        while loading.child.running():
            now_s = time.monotonic() - began
            if accepted_s is None and memory.sockets(_port(here))[0] >= count:
                accepted_s = now_s
                warm_s = now_s + settle_s + warmup_s / 2
            time.sleep(SAMPLE_S if accepted_s else SAMPLE_S / 8)
            if now_s >= warm_s and (point := _read(here, count))["sockets"] >= count:
                seen.append(point)
        done = loading.wait(unanswered=True)
    if not seen:
        return {}, done
    late = seen[len(seen) // 2 :]
    point = {"connections": count, "samples": len(late), "accepted_after_s": round(accepted_s or 0.0, 3)}
    for key in memory.Memory.__dataclass_fields__:
        known = sorted(each[key] for each in late if each[key] is not None)
        point[key] = known[len(known) // 2] if known else None
    return point | {"hz": done["achieved_hz"], "saturated": saturation(done).text}, done


@contextlib.contextmanager
def _beside_load(here: Stand) -> Iterator[None]:
    """We run where load does: on the server's CPU thousands of threads would be before us."""
    usual = os.sched_getaffinity(0)
    os.sched_setaffinity(0, rig.cpus(here.load_cpu))
    try:
        yield
    finally:
        os.sched_setaffinity(0, usual)


# --- Slopes -------------------------------------------------------------------------------------


def per_connection(points: list[dict[str, Any]]) -> dict[str, float]:
    """Bytes per connection of each part that is known, of this one server."""
    found: dict[str, float] = {}
    for part in PARTS:
        line = [(point["connections"], point[f"{part}_bytes"]) for point in points]
        if all(y is not None for _, y in line):
            found[f"{part}_bytes_per_connection"] = slopes.slope(line).value
    process = [(p["connections"], p["rss_bytes"] + p["page_table_bytes"]) for p in points]
    own = [(x, y + (p["socket_bytes"] or 0)) for (x, y), p in zip(process, points, strict=True)]
    found["own_bytes_per_connection"] = slopes.slope(own).value
    # What waits in buffers comes and goes: it says nothing about the process.
    found["bend"] = slopes.deviation(process, slopes.slope(process))
    found["threads_per_connection"] = slopes.slope([(p["connections"], p["threads"]) for p in points]).value
    return found
