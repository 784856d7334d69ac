# SPDX-License-Identifier: MIT
"""The service that some requests ask becomes slow, stalls, refuses, dies, and comes back: what do the
requests notice that have nothing to do with it?

One server, one plan of arrivals at one rate, two kinds of request (workload `cache`: hits are answered
at once, misses ask), while the downstream service is told over HTTP what to be. When it was told is
noted by the clock that load's requests go by; what is made of that is here, and in requests.py. Faults come
in an order that each process draws; one that begins before all is as it was before any has no figures (begun.py).

Who waits in a thread takes one from everybody else: of a pool of threads the question has no answer without their
number. So the file has to list it, and each number is a row.
"""

from __future__ import annotations

import time
from typing import Any

from ..gates.validity import ACHIEVED_MIN, LAG_SHARE_MAX, least, most
from ..plan import CAPTURE_S, SERVE_START_S, SERVICE_BASELINE, Built, Family
from ..programs import Build
from . import begun, faults, keys, plans, readings, requests, series, watching
from .begun import parts  # noqa: F401: what a kind has
from .faults import FAULTS, HITS, MISSES, planned_s
from .isolation import answer, answered, deadline_name, pictures, tables  # noqa: F401: what a kind has
from .requests import Request
from .scenario import Scenario
from .stand import Start, TooBusy, of, stand

NO_DEADLINE_MS = 3_600_000  # the most that serve takes: none, as far as a scenario goes
#: The workload, its classes and the deadline are the kind's own.
SERVER = {n: k for n, k in keys.SERVER.items() if n not in ("workload", "call_timeout_ms")}

KEYS: keys.Keys = {
    "server": SERVER,
    "server.MODEL": keys.pools(SERVER),
    "downstream": keys.DOWNSTREAM,
    "load": {**keys.LOAD, "arrival": keys.text("poisson", "poisson", "uniform", "burst")},
    "level": {"back_factor": keys.number(keys.REQUIRED, 1, 100)},
    "steps": {
        "deadlines_ms": keys.many(keys.count(keys.REQUIRED, 0, NO_DEADLINE_MS)),
        "faults": keys.many(keys.text(keys.REQUIRED, *FAULTS)),
        "slow_delay": keys.delay(),
        "hits_hz": keys.number(keys.REQUIRED, 1, 1e6),
        "misses_hz": keys.number(keys.REQUIRED, 1, 1e6),
        "warmup_s": keys.number(keys.REQUIRED, 0, 600),
        "normal_s": keys.number(keys.REQUIRED, 0.1, 3600),
        "fault_s": keys.number(keys.REQUIRED, 0.1, 3600),
        "back_s": keys.number(keys.REQUIRED, 0.1, 3600),
        "slot_ms": keys.count(keys.REQUIRED, 10, 10000),
    },
}
LATE_MAX_MS = 100.0  # by which a phase may be longer or shorter than the file says
HELD_BACK_MAX = 0.01  # of the hits of a phase: more, and the generator's own connections ran out
SETTLE_S = 0.3  # load has its connections; and its plan goes on for so long after the last phase


def check(scenario: Scenario) -> None:
    steps = scenario.steps
    for name in ("deadlines_ms", "faults"):
        if len(set(steps[name])) < len(steps[name]):
            raise scenario.wrong(f"steps.{name}", "names one twice")
    asked = not scenario.models or SERVICE_BASELINE in scenario.models
    if asked and "threads" not in scenario.of_model.get(SERVICE_BASELINE, {}):
        why = "is missing: a list of how many there are, on which it depends what is seen"
        raise scenario.wrong(f"server.{SERVICE_BASELINE}.threads", why)
    if not scenario.downstream:
        raise scenario.wrong("downstream", "is missing: it is what fails")
    slow, usual = steps["slow_delay"], scenario.downstream["delay"]
    if "slow" in steps["faults"] and keys.mean_us(slow) <= keys.mean_us(usual):
        raise scenario.wrong("steps.slow_delay", f"{slow} is no slower than downstream.delay, {usual}, on average")
    if scenario.classes:
        raise scenario.wrong("load.classes", "are this kind's own: hits and misses, at steps.hits_hz and misses_hz")
    for name in ("normal_s", "fault_s", "back_s"):
        if steps[name] * 1e3 < 2 * steps["slot_ms"]:
            raise scenario.wrong(f"steps.{name}", "must hold two slots (steps.slot_ms) at least")


def starts(scenario: Scenario, row: str) -> list[Start]:
    serve = {"workload": "cache", "call_timeout_ms": NO_DEADLINE_MS}
    return [Start(scenario, serve, {"classes": classes(scenario)}, {"control": "127.0.0.1:0"})]


def families(scenario: Scenario, built: Built) -> list[Family]:
    steps = scenario.steps
    rows = [row for model in plans.models(scenario, built) for row in scenario.rows(model)]
    members = [f"{row}{plans.SEPARATOR}{deadline_name(ms)}" for ms in steps["deadlines_ms"] for row in rows]
    seconds = steps["warmup_s"] + lasts_s(steps)
    process_s = SERVE_START_S + seconds + 2 * CAPTURE_S
    return [plans.family(scenario, built, members, process_s=process_s, pilot_s=plans.noop.PILOT_S)]


def pilot(build: Build, family: Family, say: plans.Say) -> tuple[Family, dict[str, str]]:
    """The rates are stated; what the rig could do at most is not."""
    return plans.fixed(family, rig_hz=plans.rig_hz(build, family, say, classes=classes(of(family)))), {}


def lasts_s(steps: dict[str, Any]) -> float:
    return float(2 * SETTLE_S + sum(planned_s(steps)))


def measure(build: Build, family: Family, member: str, seed: int, padding: int) -> dict[str, Any]:
    scenario, row = of(family), plans.model_of(member)
    steps = scenario.steps
    deadline_ms = {deadline_name(ms): ms for ms in steps["deadlines_ms"]}[plans.setting_of(member)]
    options = {
        "workload": "cache",
        "call_timeout_ms": deadline_ms or NO_DEADLINE_MS,
        "admin": "127.0.0.1:0",
    }
    with stand(build, family, row, seed=seed, padding=padding, control=True, **options) as here:
        assert here.downstream
        rate = steps["hits_hz"] + steps["misses_hz"]
        with watching.Watching(here.server) as watch:
            plan = {"rate": rate, "warmup_s": steps["warmup_s"], "duration_s": lasts_s(steps)}
            with here.start_load(requests=True, classes=classes(scenario), **plan) as loading:
                time.sleep(steps["warmup_s"] + SETTLE_S)
                spent = watching.Spent()
                told = faults.tell(here.downstream, scenario, faults.drawn(steps["faults"], seed), spent)
                result = loading.wait()
                every = requests.read(loading)
        final, ended = here.stop()
    zero_ns = result["window_began_ns"]
    phases = faults.spans([(name, at_ns - zero_ns) for name, at_ns in told])
    phases[0]["from_ns"] = max(0, phases[0]["from_ns"])
    if phases[0]["to_ns"] <= 0 or phases[-1]["to_ns"] > result["duration_ns"]:
        raise TooBusy("the phases lay outside of what load had planned")
    # Load has watched the process that tells the service what to be; the service itself is another.
    result["beside_cpu_ns"] = spent.total_ns * result["duration_ns"] / (told[-1][1] - told[0][1])
    looks = watch.since(zero_ns)
    for phase, seconds in zip(phases, planned_s(steps), strict=True):
        phase["planned_ns"] = round(seconds * 1e9)
    metrics, line = judged(scenario, every, looks, phases)
    metrics |= {"lag_p99_ns": result["lag_p99_ns"], **readings.final(final)}
    return {
        "metrics": metrics,
        "gates": {
            **readings.gates(family, result, final, below_knee=False),
            **gates(every, phases, result),
        },
        "timeline": {**line, "looks": looks},
        "server": ended,
    }


def classes(scenario: Scenario) -> list[dict[str, Any]]:
    server, steps = scenario.server, scenario.steps
    what = {"workload": "cache", "payload": server["payload"], "codec": server["codec"]}
    return [
        {"name": HITS, "share": steps["hits_hz"], "hit_percent": 100, **what},
        {"name": MISSES, "share": steps["misses_hz"], "hit_percent": 0, **what},
    ]


def judged(
    scenario: Scenario, every: list[Request], looks: dict[str, Any], phases: list[dict[str, Any]]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """(metrics, timeline) of one process."""
    slot_ns = scenario.steps["slot_ms"] * 1_000_000
    count = phases[-1]["to_ns"] // slot_ns
    slots = {k: requests.slots(_of(every, k), slot_ns, count) for k in (HITS, MISSES)}
    metrics: dict[str, Any] = {}
    for phase in phases:
        name = faults.metric(phase["name"])
        ends = phase["from_ns"], _counted_to_ns(phase, slot_ns)
        for kind in (HITS, MISSES):
            phase[kind] = requests.figures(requests.due(every, *ends, kind))
            if not phase[kind]["planned"]:
                raise TooBusy(f"no {kind} were due while it was {phase['name']}")
            phase[kind]["slots"] = _slots_of(every, kind, slot_ns, phase)
            metrics[f"{name}_{kind}_p99_ns"] = phase[kind]["whole_p99_ns"]
            metrics[f"{name}_{kind}_p50_ns"] = phase[kind]["p50_ns"]
            metrics[f"{name}_{kind}_bad_share"] = 1 - phase[kind]["right"] / phase[kind]["planned"]
        pool = watching.seen(looks, "pool_in_use", *ends)
        metrics[f"{name}_pool_max"] = max(pool, default=None)
        metrics[f"{name}_pool_mean"] = sum(pool) / len(pool) if pool else None
    for phase in phases:
        if phase["name"].startswith(faults.back_name("")):
            name, factor = faults.metric(phase["name"]), scenario.level["back_factor"]
            for kind in (HITS, MISSES):
                metrics[f"{name}_{kind}_recovery_ns"] = _back(phase[kind]["slots"], phases[0][kind]["slots"], factor)
    for before, phase in zip(phases, phases[1:]):
        if phase["name"] in FAULTS:
            phase["gates"] = {begun.GATE: begun.gate(before, phases[0], slot_ns, scenario.level["back_factor"])}
    return metrics, {"phases": phases, **slots}


def _counted_to_ns(phase: dict[str, Any], slot_ns: int) -> int:
    """What is due right before a fault may be under way when that begins: it is no part of how it was without."""
    return int(phase["to_ns"] - (0 if phase["name"] in FAULTS else slot_ns))


def _of(every: list[Request], kind: str) -> list[Request]:
    return [r for r in every if r.kind == kind]


def _back(slots: dict[str, Any], normal: dict[str, Any], factor: float) -> int | None:
    """Slots are counted from when the service was back, and until the next fault: that is where the
    question begins and ends. The level is that of slots of the same length."""
    level_ns = series.middle(normal["whole_p99_ns"])
    return None if level_ns is None else requests.back_ns(slots, 0, factor * level_ns)


def _slots_of(every: list[Request], kind: str, slot_ns: int, phase: dict[str, Any]) -> dict[str, Any]:
    """With time counting from the phase's beginning."""
    begin, end = phase["from_ns"], phase["to_ns"]
    moved = [
        r._replace(
            due_ns=r.due_ns - begin,
            ended_ns=None if r.ended_ns is None else r.ended_ns - begin,
        )
        for r in requests.due(every, begin, end, kind)
    ]
    return requests.slots(moved, slot_ns, (end - begin) // slot_ns)


def gates(every: list[Request], phases: list[dict[str, Any]], result: dict[str, Any]) -> dict[str, Any]:
    """Beside those of METHOD 4. Hits and misses share the generator's connections: were they all taken
    by misses that wait, hits would wait in the generator and not in the server. Load counts those exactly,
    however short they waited, but not phase by phase: as if they all had been due in the shortest."""
    hits = next(each for each in result["classes"] if each["name"] == HITS)
    held = (hits["held_back"] + hits["unsent"]) / min(phase[HITS]["planned"] for phase in phases)
    wrong = sum(r.outcome == requests.WRONG and r.status == 200 for r in every)
    normal = [phases[0][kind] for kind in (HITS, MISSES)]
    good = sum(f["right"] for f in normal) / max(1, sum(f["planned"] for f in normal))
    late_ns = max(abs(phase["to_ns"] - phase["from_ns"] - phase["planned_ns"]) for phase in phases)
    found = {
        "phases_late_ms": most(late_ns / 1e6, LATE_MAX_MS, "all"),
        "hits_held_back": most(held, HELD_BACK_MAX, "all"),
        "replies_wrong": most(wrong, 0, "all"),
        "answered_before": least(good, ACHIEVED_MIN, "all"),
    }
    usual_ns = normal[0]["p50_ns"]
    if usual_ns:
        found["lag_p99_over_p50"] = most(result["lag_p99_ns"] / usual_ns, LAG_SHARE_MAX, "tail")
    return found
