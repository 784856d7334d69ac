# SPDX-License-Identifier: MIT
"""Service families: a fresh server for every member and round, under load over real sockets.

One process here is one server: started on its CPU, asked until it answers, loaded at the stated
rate (latency, CPU per request), loaded in a closed loop (throughput), and told to drain while a last
closed loop is still asking. `call` has
a fresh downstream service beside it. Load and downstream run on another CPU than the server.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from . import coded, gates, machine, rig
from .gates import Conditions, noop
from .plan import DRAIN_S
from .planned import Family
from .programs import Build, Finished
from .rig import Failure, Server

WORKLOADS = ("rpc", "cpu", "call", "store", "fanout", "mixed", "mixed_offloaded", "journal")
RATE_SHARE = 0.4  # of the slowest member's closed-loop throughput in the pilot
STOP_LOAD_S = DRAIN_S  # of closed loop, in whose middle SIGTERM comes
OFFLOADING = ("event_loop", "actor")  # models with helper threads; others may block where they are
PILOT_S = (0.1, 0.3)  # warm-up and window

def workloads(build: Build) -> tuple[str, ...]:
    """Those that can be measured over sockets with what is built."""
    return WORKLOADS if all(build.find(name) for name in rig.PROGRAMS) else ()


def pilot(
    build: Build, family: Family, say: Callable[[str], None]
) -> tuple[Family, dict[str, str]]:
    """Every member once in a closed loop; the rate follows from the slowest, below all ceilings. What
    the rig can carry, from a server that does nothing.
    And the versions of libraries that only a server knows."""
    load = {**family.load, "closed_warmup_s": PILOT_S[0], "closed_duration_s": PILOT_S[1]}
    short = replace(family, load=load)
    measured: dict[str, float] = {}
    wrong: dict[str, str] = {}
    versions: dict[str, str] = {}
    for member in family.members:
        if member in family.aliases:
            continue
        try:
            mine = coded.of(short, member)
            with _rig(build, mine, member, padding=0) as server:
                measured[member] = _closed(build, mine, server)["achieved_hz"]
                final, _ = _stop(build, mine, server)
                versions["llhttp"] = final["llhttp_version"]
        except Failure as failure:
            wrong[member] = str(failure)
            say(f"assay: {family.id}/{member}: the pilot failed: {failure}")
    if not any(measured.values()):
        why = next(iter(wrong.values()), "no answers")
        return replace(family, note=f"the pilot failed: {why}"), versions
    bound = RATE_SHARE * min(hz for hz in measured.values() if hz > 0)
    if family.load["rate_hz"]:
        bound = min(bound, family.load["rate_hz"])
    load = {**family.load, "rate_hz": two_digits(bound), "pilot_closed_hz": measured}
    load["rig_hz"] = noop.closed_hz(
        build, _asked(coded.of(family, family.baseline)), server_cpu=load["server_cpu"], load_cpu=load["load_cpu"], say=say
    )
    return replace(family, load=load), versions


def two_digits(value: float) -> float:
    """Rounded down: 1234 → 1200."""
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return round(math.floor(value / unit + 1e-9) * unit, 6)


def measure(
    build: Build, family: Family, member: str, *, seed: int, padding: int
) -> dict[str, dict[str, Any]]:
    """One server; what goes into its line."""
    began, watch = time.monotonic(), machine.Watch()
    result: dict[str, Any] = {"status": "ok", "reason": None, "metrics": {}, "gates": {}}
    server_usage: Finished | None = None
    family = coded.of(family, member)
    try:
        if not family.load.get("rate_hz"):
            raise Failure(family.note or "no rate")
        with _rig(build, family, member, padding=padding) as server:
            opened = _open(build, family, server, seed)
            closed = _closed(build, family, server)
            final, server_usage = _stop(build, family, server)
        result["metrics"] = _metrics(opened, closed, final, server.startup_ns)
        asked = _conditions(family, member)
        result["gates"] = gates.of(asked, opened=opened, closed=closed, final=final)
        result |= gates.of_server(result["gates"])
    except Failure as failure:
        result.update(status="failed", reason=str(failure))
    covariates = watch.covariates(server_usage)
    seconds = round(time.monotonic() - began, 3)
    return {member: {**result, "seconds": seconds, "covariates": covariates}}


@contextlib.contextmanager
def _rig(build: Build, family: Family, member: str, *, padding: int) -> Iterator[Server]:
    """Server and downstream, which are gone afterwards, however this ends."""
    load, workload = family.load, _workload(family)
    # Of a sweep: what this member changes.
    settings = (load.get("settings") or {}).get(member) or {}
    model = load.get("model") or member.partition(".")[0]
    options: dict[str, Any] = {
        "model": model,
        "workload": workload,
        "threads": load["threads"][member],
        "queue_limit": load["queue_limit"],
        "on_full": load["on_full"],
        "cpu_iterations": load.get("cpu_iterations"),
        "offload_threads": load.get("offload_threads") if model in OFFLOADING else None,
        "offload": workload == "mixed" and load.get("offload"),
        "fan": load.get("fan"),
        **{name: value for name, value in settings.items() if name != "threads"},
    }
    if workload in ("rpc", "call"):
        options |= {"payload": load["payload"], "codec": load["codec"]}
    with contextlib.ExitStack() as stack:
        beside = None
        if load.get("downstream_delay_us"):
            delay = {"delay": f"fixed:{load['downstream_delay_us']}"}
            beside = stack.enter_context(rig.downstream(build, delay, cpu=load["downstream_cpu"]))
            options["downstream"] = beside.address
            options["downstream_connections"] = load["downstream_connections"]
        serving = rig.server(build, options, cpu=load["server_cpu"], padding=padding)
        server = stack.enter_context(serving)
        server.beside_pid = beside.child.pid if beside else None
        yield server


def _workload(family: Family) -> str:
    """What serve and load call it; runs of earlier versions name it in the family's id alone."""
    return str(family.load.get("workload") or family.id.partition("/")[2])


def _open(build: Build, family: Family, server: Server, seed: int) -> dict[str, Any]:
    load = family.load
    options = {
        **_asked(family),
        "arrival": load["arrival"],
        "rate": float(load["rate_hz"]),
        "spin_us": load["spin_us"],
        "seed": seed,
        "warmup": load["warmup_s"],
        "duration": load["duration_s"],
    }
    return rig.load(build, server, options, cpu=load["load_cpu"])


def _closed(build: Build, family: Family, server: Server) -> dict[str, Any]:
    load = family.load
    window = {"warmup": load["closed_warmup_s"], "duration": load["closed_duration_s"]}
    options = {**_asked(family), **window, "arrival": "closed"}
    return rig.load(build, server, options, cpu=load["load_cpu"])


def _asked(family: Family) -> dict[str, Any]:
    """What every request of a family asks for, as load's options."""
    load = family.load
    what = {
        "workload": _workload(family),
        "payload": load["payload"],
        "codec": load["codec"],
        "cpu_iterations": load.get("cpu_iterations"),
    }
    heavy = load.get("heavy_percent")
    if not heavy:
        return {"connections": load["connections"], **what}
    # Two classes, so that the latency of one is not lost in that of the other.
    classes = [
        {"name": name, "share": share, **what, "heavy_percent": percent}
        for name, share, percent in (("fast", 100 - heavy, 0), ("heavy", heavy, 100))
    ]
    return {"connections": load["connections"], "classes": classes}


def _stop(build: Build, family: Family, server: Server) -> tuple[dict[str, Any], Finished]:
    """SIGTERM in the middle of a closed loop: what the server has begun to read it must answer. That
    load is refused afterwards, so that its own failures say nothing; `lost` is the server's count."""
    options = {**_asked(family), "warmup": 0.0, "duration": STOP_LOAD_S, "arrival": "closed"}
    with rig.start_load(build, server, options, cpu=family.load["load_cpu"]):
        time.sleep(STOP_LOAD_S / 2)
        return server.stop()


def _metrics(
    opened: dict[str, Any], closed: dict[str, Any], final: dict[str, Any], startup_ns: int
) -> dict[str, Any]:
    answered = closed["answered"]
    return {
        **rig.opened(opened),
        "closed_hz": closed["achieved_hz"],
        "closed_p50_ns": closed["p50_ns"],
        "closed_p99_ns": closed["p99_ns"],
        "closed_cpu_ns_per_request": closed["watch_cpu_ns"] / answered,
        "closed_server_busy_percent": rig.busy_percent(closed, "watch_cpu_ns"),
        "closed_load_busy_percent": rig.busy_percent(closed, "cpu_ns"),
        "startup_ns": startup_ns,
        **rig.final(final),
        **{
            f"{each['name']}_{key}": each[key]
            for each in opened.get("classes") or []
            for key in ("p50_ns", "p99_ns", "planned")
            if each.get(key) is not None
        },
    }


def _conditions(family: Family, member: str) -> Conditions:
    load = family.load
    return Conditions(
        load["connections"],
        threads=load["threads"][member],
        spins=bool(load["spin_us"]),
        server_spins=bool(((load.get("settings") or {}).get(member) or {}).get("spin_us")),
        ceiling_hz=_ceiling_hz(family, member),
        rig_hz=load.get("rig_hz", math.inf),
    )


def _ceiling_hz(family: Family, member: str) -> float | None:
    """What no arithmetic allows to exceed: a thread that blocks, or a connection, per delay."""
    load = family.load
    if "downstream_delay_us" not in load:
        return None
    places = min(load["connections"], load["downstream_connections"] / load.get("fan", 1))
    if member.partition(".")[0] == family.baseline:
        places = min(places, load["threads"][member])
    return float(places * 1e6 / load["downstream_delay_us"])
