# SPDX-License-Identifier: MIT
"""Twice what a server answers in a closed loop, for a while, and then less again.

Every process first measures that, its closed-loop maximum, then gets one plan of arrivals at three
rates: a share of the maximum, the overload, the share again. It is not the knee, the highest rate at a
service level, which takes a grid of rates and many servers (capacity.py). The connections stay: what was not
answered in the overload is still wanted after it. What is made of the requests is in requests.py.
"""

from __future__ import annotations

import statistics
from typing import Any

from .. import rig
from ..gates import at_limit, saturation
from ..gates.validity import ACHIEVED_MIN, LAG_SHARE_MAX, least, most
from ..plan import CAPTURE_S, SERVE_START_S, Built, Family
from ..programs import Build
from ..rig import Failure
from . import keys, plans, readings, requests, watching
from .overload_view import answer, answered, ends_ns, pictures, tables  # noqa: F401: what a kind has
from .requests import Request
from .scenario import Scenario
from .stand import TooBusy, of, stand

POLICIES = ("reject", "wait")
#: on_full is what is compared.
SERVER = {name: key for name, key in keys.SERVER.items() if name != "on_full"}

KEYS: keys.Keys = {
    "server": SERVER,
    "downstream": keys.DOWNSTREAM,
    "load": {**keys.LOAD, "arrival": keys.text("poisson", "poisson", "uniform", "burst")},
    "level": {
        "p99_us": keys.number(keys.REQUIRED, 1, 1e9),
        "back_factor": keys.number(keys.REQUIRED, 1, 100),
        "rss_growth_mb": keys.number(keys.REQUIRED, 0.1, 1e6),
    },
    "steps": {
        "on_full": keys.many(keys.text(keys.REQUIRED, *POLICIES)),
        "maximum_hz": keys.number(keys.REQUIRED, 0, 1e7),
        "maximum_connections": keys.count(keys.REQUIRED, 1, 10000),
        "factor": keys.number(keys.REQUIRED, 1, 100),
        "base_share": keys.number(keys.REQUIRED, 0.01, 0.95),
        "warmup_s": keys.number(keys.REQUIRED, 0, 600),
        "maximum_s": keys.number(keys.REQUIRED, 0.05, 600),
        "before_s": keys.number(keys.REQUIRED, 0.1, 3600),
        "overload_s": keys.number(keys.REQUIRED, 0.1, 3600),
        "after_s": keys.number(keys.REQUIRED, 0.1, 3600),
        "slot_ms": keys.count(keys.REQUIRED, 10, 10000),
    },
}
ANSWERED_MAX = 1.2  # answered in the overload, over the maximum: more, and that was none
LAG_MAX_MS = 5.0  # the generator's own: later, it was not the load that was asked for
#: What a server must not do under too much, and how it is said.
FAULTS = {
    "rss_growth_mb": "growth of memory in MB, beyond what was allowed",
    "maximum_other_bytes": "answers that said 200 and were wrong, in the closed loop before",
}


def check(scenario: Scenario) -> None:
    steps = scenario.steps
    if len(set(steps["on_full"])) < len(steps["on_full"]):
        raise scenario.wrong("steps.on_full", "names one twice")
    for name in ("before_s", "overload_s", "after_s"):
        if steps[name] * 1e3 < 2 * steps["slot_ms"]:
            raise scenario.wrong(f"steps.{name}", "must hold two slots (steps.slot_ms) at least")
    limit, connections = scenario.server["queue_limit"], scenario.load["connections"]
    if connections <= limit:
        why = f"must be more than server.queue_limit ({limit}), or its door is never full"
        raise scenario.wrong("load.connections", why)
    if steps["maximum_connections"] > min(limit, connections):
        why = "must be neither more than load.connections nor than server.queue_limit"
        raise scenario.wrong("steps.maximum_connections", why)


def families(scenario: Scenario, built: Built) -> list[Family]:
    wanted, steps = plans.models(scenario, built), scenario.steps
    members = [f"{m}{plans.SEPARATOR}{full}" for full in steps["on_full"] for m in wanted]
    maximum_s = 0.0 if steps["maximum_hz"] else steps["warmup_s"] + steps["maximum_s"]
    loads = maximum_s + steps["warmup_s"] + sum(steps[f"{n}_s"] for n in ("before", "overload", "after"))
    process_s = SERVE_START_S + loads + 2 * CAPTURE_S
    return [plans.family(scenario, built, members, process_s=process_s, pilot_s=plans.noop.PILOT_S)]


def pilot(build: Build, family: Family, say: plans.Say) -> tuple[Family, dict[str, str]]:
    """Every server finds its own maximum, when it is measured; what the rig's is, a server that does nothing shows."""
    asked = {"connections": of(family).steps["maximum_connections"]}
    return plans.fixed(family, rig_hz=plans.rig_hz(build, family, say, **asked)), {}


def measure(build: Build, family: Family, member: str, seed: int, padding: int) -> dict[str, Any]:
    steps, model = of(family).steps, plans.model_of(member)
    options = {"on_full": plans.setting_of(member), "admin": "127.0.0.1:0"}
    with stand(build, family, model, seed=seed, padding=padding, **options) as here:
        maximum_hz, of_maximum = steps["maximum_hz"], {}
        if not maximum_hz:
            closed = {"connections": steps["maximum_connections"], "warmup_s": steps["warmup_s"]}
            done = here.load(arrival="closed", duration_s=steps["maximum_s"], **closed)
            maximum_hz, of_maximum = float(done["achieved_hz"]), readings.maximum_gates(family, done, model)
        plan = {"steps": rates(steps, maximum_hz), "warmup_s": steps["warmup_s"]}
        with here.start_load(requests=True, **plan) as loading:
            busy = watching.Busy(here.server, loading)
            with watching.Watching(here.server, busy) as watch:
                result = loading.wait(unanswered=True)
                every = requests.read(loading)
        final, ended = here.stop()
    looks, spent = (each.since(result["window_began_ns"]) for each in (watch, busy))
    metrics, line = judged(of(family), maximum_hz, every, looks)
    alone = in_overload(steps, spent, result)
    metrics |= {"lag_p99_ns": result["lag_p99_ns"], **rig.busy_percents(result), **readings.final(final)}
    metrics |= {f"over_{name}": value for name, value in rig.busy_percents(alone).items()}
    return {
        "metrics": metrics,
        "gates": {
            **readings.gates(family, result, final, below_knee=False, ceiling_hz=_ceiling_hz(of(family), model)),
            **gates(of(family), metrics, every),
            "over_saturated": over_saturated(of(family), alone),
            **of_maximum,
        },
        "timeline": {**line, "looks": looks, "busy": spent},
        "server": ended,
    }


def _ceiling_hz(scenario: Scenario, model: str) -> float | None:
    return readings.ceiling_hz(scenario, model, ends_ns(scenario.steps)[-1] / 1e9)


def rates(steps: dict[str, Any], maximum_hz: float) -> list[tuple[float, float]]:
    """(requests per second, for how long)."""
    base, over = steps["base_share"] * maximum_hz, steps["factor"] * maximum_hz
    return [(base, steps["before_s"]), (over, steps["overload_s"]), (base, steps["after_s"])]


def in_overload(steps: dict[str, Any], busy: dict[str, Any], result: dict[str, Any]) -> dict[str, Any]:
    """Who was busy then, as load's JSON (result) has it of before, overload and after together; the lag stays that
    of all three, since load does not tell it step by step."""
    begin, end, _ = ends_ns(steps)
    found = watching.window(busy, begin, end)
    if found is None or 2 * found["duration_ns"] < end - begin:
        raise TooBusy("nobody could look twice at who was busy in the overload, over half of it")
    # Load has told it of the whole step, of which the looks leave out the ends.
    polled_ns = (result["steps"][1]["polled_ns"] or 0) * found["duration_ns"] / (end - begin)
    return {**found, "polled_ns": polled_ns, "lag_p50_ns": result["lag_p50_ns"], "steps": result["steps"]}


def over_saturated(scenario: Scenario, alone: dict[str, Any]) -> dict[str, Any]:
    """Where the rig was the limit, twice the maximum was never asked of the server."""
    spins = bool(scenario.load.get("spin_us"))
    return at_limit(saturation(alone, threads=scenario.server["threads"], spins=spins), "all")


def judged(
    scenario: Scenario, maximum_hz: float, every: list[Request], looks: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """(metrics, timeline) of one process."""
    steps, level = scenario.steps, scenario.level
    begin, end, last = ends_ns(steps)
    limit_ns = round(level["p99_us"] * 1e3)
    slot_ns = steps["slot_ms"] * 1_000_000
    line = requests.slots(every, slot_ns, last // slot_ns, limit_ns)
    before = requests.figures(requests.due(every, 0, begin))
    over = requests.figures(requests.due(every, begin, end))
    came = [r for r in every if r.latency_ns is not None and begin <= (r.ended_ns or 0) < end]
    seconds = (end - begin) / 1e9
    usual = [ns for ns in line["whole_p99_ns"][: begin // slot_ns] if ns is not None]
    usual_ns = statistics.median(usual) if usual else None
    back = requests.back_ns(line, end, level["back_factor"] * usual_ns) if usual_ns else None
    useful = sum((r.latency_ns or 0) <= limit_ns for r in came)
    metrics = {
        "maximum_hz": maximum_hz,
        "offered_hz": over["planned"] / seconds,
        "goodput_hz": len(came) / seconds,
        "goodput_share": len(came) / seconds / maximum_hz,
        "useful_hz": useful / seconds,
        "useful_share": useful / seconds / maximum_hz,
        "refused_hz": over["refused"] / seconds,
        "refused_share": over["refused"] / max(1, over["planned"]),
        "neither_share": (over["planned"] - over["right"] - over["refused"]) / max(1, over["planned"]),
        "before_p50_ns": before["p50_ns"],
        "before_p99_ns": usual_ns,
        "over_p50_ns": over["p50_ns"],
        "over_p99_ns": over["p99_ns"],
        "over_max_ns": over["max_ns"],
        "inside_age_ns": watching.mean_age_ns(looks, begin, end),
        "recovery_ns": back,
        "recovered": int(back is not None),
        **_memory(looks, begin, end, last),
        **readings.of_classes(
            (each["name"], requests.figures(requests.due(every, begin, end, each["name"]))) for each in scenario.classes
        ),
    }
    return metrics, {**line, "kinds": requests.kinds(every), "before": before, "over": over}


def _memory(looks: dict[str, Any], begin: int, end: int, last: int) -> dict[str, Any]:
    """The most before it against the most ever since."""
    before = max(watching.seen(looks, "rss_bytes", -(10**12), begin), default=None)
    since = watching.seen(looks, "rss_bytes", begin, last + 10**12)
    peak = max(since, default=None)
    grown = max(0, peak - before) if peak is not None and before is not None else None
    return {
        "rss_before_bytes": before,
        "rss_peak_bytes": peak,
        "rss_end_bytes": since[-1] if since else None,
        "rss_growth_bytes": grown,
    }


def gates(scenario: Scenario, metrics: dict[str, Any], every: list[Request]) -> dict[str, Any]:
    """Beside those of METHOD 4: who is refused, late or dropped beyond the maximum is a result. A server whose memory
    grows beyond what was allowed has failed."""
    wrong = sum(r.outcome == requests.WRONG and not r.refused for r in every)
    early = requests.due(every, 0, ends_ns(scenario.steps)[0])
    good = sum(r.latency_ns is not None for r in early) / max(1, len(early))
    grown, usual_ns = metrics["rss_growth_bytes"], metrics["before_p50_ns"]
    if grown is None:
        raise Failure("nothing is known of its memory")
    late = {"lag_p99_over_p50": most(metrics["lag_p99_ns"] / usual_ns, LAG_SHARE_MAX, "tail")} if usual_ns else {}
    return {
        **late,
        "replies_wrong": most(wrong, 0, "all"),
        "answered_before": least(good, ACHIEVED_MIN, "all"),
        "answered_over_maximum": most(metrics["goodput_share"], ANSWERED_MAX, "all"),
        "generator_lag_ms": most(metrics["lag_p99_ns"] / 1e6, LAG_MAX_MS, "all"),
        "rss_growth_mb": most(grown / 1e6, scenario.level["rss_growth_mb"], "all"),
    }
