# SPDX-License-Identifier: MIT
"""Which model for which workload: CPU cost × wait × connections, and in every cell who is ahead, who
ties, and where this machine cannot tell.

A request computes for so many microseconds, then asks a service that answers after so many
milliseconds (workload `blend`; without a wait `cpu`, which asks nobody). A family is one CPU cost with
one wait; a process is one server, which answers a closed loop of each number of connections, in an
order drawn anew. A cell is judged as the families of any run are: map_cells.py.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..gates import Conditions, least
from ..gates import of as of_gates
from ..plan import SERVE_START_S, Built, Family
from ..programs import Build
from ..rig import Failure
from . import held, keys, plans, readings
from .map_view import answer, answered, parts, pictures, tables  # noqa: F401: what is said of it
from .scenario import Scenario
from .stand import Stand, Start, of, stand

KEYS: keys.Keys = {
    "server": {
        k: v for k, v in keys.SERVER.items() if k not in ("workload", "payload", "codec", "cpu_iterations")
    },
    "level": {"tie_percent": keys.number(10.0, 0.1, 1000)},
    "steps": {
        "cpu_us": keys.many(keys.number(low=0, high=1e6)),
        "wait_us": keys.many(keys.number(low=0, high=1e7)),
        "connections": keys.many(keys.count(low=1, high=100_000)),
        "warmup_s": keys.number(0.1, 0, 600),
        "window_s": keys.number(0.3, 0.05, 600),
    },
}
AXES = ("cpu_us", "wait_us", "connections")
ALIAS = "same"
# A loop of many connections must have gone round before it is looked at, and go round while it is.
WARM_CYCLES, WINDOW_CYCLES = 2, 6
REQUEST_US = 30.0  # of CPU beside what is computed, as far as the length of a cycle goes
FEW, MANY = 1, 200_000  # iterations between which the pilot finds what one takes
MORE_S = 0.15  # starting load, opening connections


def check(scenario: Scenario) -> None:
    for axis in AXES:
        values = scenario.steps[axis]
        if sorted(set(values)) != values:
            raise scenario.wrong(f"steps.{axis}", "must ascend")
    most, limit = scenario.steps["connections"][-1], scenario.server["queue_limit"]
    if limit < most:
        raise scenario.wrong(
            "server.queue_limit", f"{limit} is below {most} connections: requests would be refused"
        )


def starts(scenario: Scenario, row: str) -> list[Start]:
    return [Start(_as_run(scenario, wait_us, FEW)) for wait_us in scenario.steps["wait_us"]]


def families(scenario: Scenario, built: Built) -> list[Family]:
    models = plans.models(scenario, built)
    if len(models) < 2:
        raise scenario.wrong("server.models", "a map compares: two models at least")
    alias = f"{models[0]}.{ALIAS}"
    members = (*models, alias)
    steps = scenario.steps
    pilot_s = 1.0 + len(steps["connections"]) * plans.noop.PILOT_S  # of the first: the others go by what it finds
    return [
        plans.family(
            scenario,
            built,
            members,
            aliases={alias: ALIAS},
            name=f"cpu{cpu_us:g}us-wait{wait_us:g}us",
            process_s=SERVE_START_S
            + sum(MORE_S + held.settle_s(count) + sum(_seconds(steps, cpu_us, wait_us, count)) for count in steps["connections"]),
            pilot_s=pilot_s if cpu_us == steps["cpu_us"][0] and wait_us == steps["wait_us"][0] else 0.0,
            cpu_us=cpu_us,
            wait_us=wait_us,
            threads={m: _threaded(scenario, wait_us).options(plans.model_of(m))["threads"] for m in members},
            **({"downstream_cpu": built.cpus[-1]} if wait_us else {}),
        )
        for cpu_us in steps["cpu_us"]
        for wait_us in steps["wait_us"]
    ]


def _seconds(steps: dict[str, Any], cpu_us: float, wait_us: float, count: int) -> tuple[float, float]:
    """Warm-up and window of one cell. One thread computes for all connections; who waits has as many to the
    downstream service, opened in the warm-up."""
    cycle_s = (wait_us + count * (cpu_us + REQUEST_US)) / 1e6
    opened_s = held.settle_s(count) if wait_us else 0.0
    return max(steps["warmup_s"], WARM_CYCLES * cycle_s) + opened_s, max(steps["window_s"], WINDOW_CYCLES * cycle_s)


def _threaded(scenario: Scenario, wait_us: float) -> Scenario:
    """The threads of [server.MODEL] are for those that wait in them. Where nobody does, a model has those of [server]:
    as many more that could all run would measure how the scheduler deals with them."""
    if wait_us:
        return scenario
    of_model = {
        model: {key: value for key, value in changed.items() if key != "threads"}
        for model, changed in scenario.of_model.items()
    }
    return replace(scenario, of_model=of_model)


def _with(family: Family, wait_us: float, iterations: int) -> Family:
    """What runs where so much is computed and so long is waited."""
    here = _as_run(of(family), wait_us, iterations)
    return replace(family, load={**family.load, "scenario": here.to_json()})


def _as_run(scenario: Scenario, wait_us: float, iterations: int) -> Scenario:
    scenario = _threaded(scenario, wait_us)
    most = scenario.steps["connections"][-1]
    server = {**scenario.server, "payload": None, "codec": None, "cpu_iterations": iterations}
    if wait_us:
        server |= {"workload": "blend", "downstream_connections": server["downstream_connections"] or most}
    else:  # nobody is asked
        server |= {"workload": "cpu", "downstream_connections": None, "call_timeout_ms": None}
    downstream = {"delay": f"fixed:{wait_us:.9g}"} if wait_us else {}
    return replace(scenario, server=server, downstream=downstream)


# Found once, so that all families do the same work, and are held against the same rig.
_iteration_ns: dict[Build, float] = {}
_rig_hz: dict[tuple[Build, int], float | None] = {}


def pilot(build: Build, family: Family, say: Callable[[str], None]) -> tuple[Family, dict[str, str]]:
    """How many iterations so many microseconds are here; what the rig can carry with so many connections."""
    held.allow(of(family).steps["connections"][-1])
    try:
        if build not in _iteration_ns:
            _iteration_ns[build] = _find_iteration_ns(build, family)
    except Failure as failure:
        say(f"assay: {family.id}: the pilot failed: {failure}")
        return replace(family, note=f"the pilot failed: {failure}"), {}
    each_ns = _iteration_ns[build]
    iterations = max(1, round(family.load["cpu_us"] * 1e3 / each_ns))
    found = {"cpu_iterations": iterations, "iteration_ns": round(each_ns, 4)}
    return plans.fixed(family, **found, rig_hz=_find_rig_hz(build, family, say)), {}


def _find_rig_hz(build: Build, family: Family, say: plans.Say) -> dict[str, float | None]:
    """By the number of connections, a text as JSON has it. Nobody is asked and nothing computed."""
    for count in of(family).steps["connections"]:
        if (build, count) not in _rig_hz:
            asked = {"connections": count, "in_flight": count}
            _rig_hz[build, count] = plans.rig_hz(build, _with(family, 0, FEW), say, **asked)
    return {str(count): _rig_hz[build, count] for count in of(family).steps["connections"]}


def _find_iteration_ns(build: Build, family: Family) -> float:
    """From the CPU time of a request with many and of one with few."""
    took = []
    for iterations in (FEW, MANY):
        with stand(build, _with(family, 0, iterations), family.baseline, seed=1, padding=0) as here:
            done = here.load(arrival="closed", connections=4, warmup_s=0.1, duration_s=0.4)
            took.append(done["watch_cpu_ns"] / done["answered"])
    if took[1] <= took[0]:
        raise Failure(f"{MANY} iterations take no longer than {FEW}")
    return float((took[1] - took[0]) / (MANY - FEW))


def measure(build: Build, family: Family, member: str, seed: int, padding: int) -> dict[str, Any]:
    steps = of(family).steps
    order = list(steps["connections"])
    random.Random(seed).shuffle(order)
    held.allow(max(order))
    cell = _with(family, family.load["wait_us"], family.load["cpu_iterations"])
    with stand(build, cell, plans.model_of(member), seed=seed, padding=padding) as here:
        points = [_point(here, family, plans.model_of(member), count) for count in order]
        final, done = here.stop()
    points.sort(key=lambda point: point["connections"])
    return {
        "points": points,
        "metrics": {"lost": final["lost"], "startup_ns": here.server.startup_ns},
        "gates": of_gates(Conditions(max(order)), final=final),
        "server": done,
    }


def _point(here: Stand, family: Family, model: str, count: int) -> dict[str, Any]:
    """One closed loop: figures, who was busy, and the gates of this cell alone."""
    wait_us = family.load["wait_us"]
    warmup_s, window_s = _seconds(of(family).steps, family.load["cpu_us"], wait_us, count)
    done = here.load(
        unanswered=True,
        arrival="closed",
        connections=count,
        in_flight=count,
        settle_s=held.settle_s(count),
        warmup_s=warmup_s,
        duration_s=window_s,
    )
    within = readings.ceiling_hz(of(_with(family, wait_us, FEW)), model, window_s, count)
    rig_hz = family.load.get("rig_hz", {}).get(str(count), math.inf)
    gates = of_gates(Conditions(count, ceiling_hz=within, rig_hz=rig_hz), closed=done)
    return {
        "connections": count,
        "closed_hz": done["achieved_hz"],
        "cpu_ns_per_request": done["watch_cpu_ns"] / max(1, done["answered"]),
        "p50_ns": done["p50_ns"],
        "p99_ns": done["p99_ns"],
        "server_busy_percent": 100 * done["watch_cpu_ns"] / done["duration_ns"],
        "ceiling_hz": count * 1e6 / wait_us if wait_us else None,
        "gates": {**gates, "closed_answered": least(done["answered"], 1, "closed")},
    }
