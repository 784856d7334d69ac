# SPDX-License-Identifier: MIT
"""The service families of a tier: one server process per member and round, and the conditions that
are stated for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .planned import Built, Family
from .tiers import SHORT_CLOSED_S, SHORT_ROUNDS, SHORT_WARMUP_S, SHORT_WINDOW_S, TITLES, Tier

SPIN_US = 300  # load polls before a request is due: timers of virtual machines come 0.1 ms late
SERVICE_BASELINE = "thread_pool"
CPU_ITERATIONS = 10000  # of `cpu`: some tens of microseconds, the same number everywhere
HEAVY_ITERATIONS = 400_000  # of a heavy request of `mixed` behind sockets: a millisecond
FAN = 4  # calls of a `fanout`
OFFLOAD_THREADS = 4  # helpers of `journal`: it waits for the disk


def models(built: Built) -> list[str]:
    """The models that can serve: those measured in process, but for the floor and the aliases."""
    names: dict[str, None] = {}
    for case in built.model_cases:
        member = case.rpartition("/")[2]
        if "." not in member and member != "inline":
            names[member] = None
    return list(names)


def families(built: Built, tier: Tier) -> list[Family]:
    others = models(built)
    if SERVICE_BASELINE not in others:
        return []
    others.remove(SERVICE_BASELINE)
    same = f"{SERVICE_BASELINE}.same"
    members = (SERVICE_BASELINE, *others, same)
    return [
        Family(
            id=f"service/{workload}",
            kind="service",
            title=f"{TITLES.get(workload, workload)}, over sockets",
            baseline=SERVICE_BASELINE,
            members=members,
            aliases={same: "same"},
            floors={},
            injected={},
            rounds=SHORT_ROUNDS if workload in tier.short_services else tier.service_rounds,
            load=service_load(workload, members, tier, built.cpus),
        )
        for workload in (*tier.services, *tier.short_services)
        if workload in built.services
    ]


def short_load() -> dict[str, float]:
    """How long a service that is looked at in short rounds is."""
    return {
        "warmup_s": SHORT_WARMUP_S,
        "duration_s": SHORT_WINDOW_S,
        "closed_warmup_s": round(SHORT_CLOSED_S / 3, 3),
        "closed_duration_s": SHORT_CLOSED_S,
    }


def service_load(
    workload: str, members: Sequence[str], tier: Tier, cpus: Sequence[int]
) -> dict[str, Any]:
    """The stated conditions of a service family; the rate is added by the pilot.

    `call` and `fanout` wait for a downstream service: there the thread pool gets as many threads as
    it takes to wait in parallel, and the ceiling that follows from threads ÷ delay is stated. Where
    work is offloaded it gets as many threads more as others have helpers.
    """
    short = workload in tier.short_services
    server, client = cpus[0], cpus[-1]
    same = f"{SERVICE_BASELINE}.same"
    load: dict[str, Any] = {
        "payload": "order",
        "codec": "protobuf_c",
        "arrival": "poisson",
        "connections": 32,
        "spin_us": SPIN_US,
        "workload": workload.partition("_")[0],
        "warmup_s": tier.warmup_s,
        "duration_s": tier.window_s,
        "closed_warmup_s": round(tier.closed_s / 3, 3),
        "closed_duration_s": tier.closed_s,
        **(short_load() if short else {}),
        "threads": dict.fromkeys(members, 1),
        "queue_limit": 1024,
        "on_full": "reject",
        "server_cpu": server,
        "load_cpu": client,
        "rate_hz": None,
        "ceiling_hz": None,
    }
    if workload == "cpu":
        load["cpu_iterations"] = CPU_ITERATIONS
    if workload.startswith("mixed"):
        load.update(cpu_iterations=HEAVY_ITERATIONS, heavy_percent=10)
    if workload in ("mixed_offloaded", "journal"):
        helpers = 1 if workload == "mixed_offloaded" else OFFLOAD_THREADS
        pool = {SERVICE_BASELINE: 1 + helpers, same: 1 + helpers}
        load.update(offload=True, offload_threads=helpers, threads={**load["threads"], **pool})
    if workload in ("call", "fanout"):
        threads, delay_us, connections = 128, 5000, 128  # whoever waits in a thread has one for each
        load.update(
            connections=connections,
            spin_us=0,  # the downstream service needs that CPU, and answers take milliseconds
            threads={**load["threads"], SERVICE_BASELINE: threads, same: threads},
            downstream_cpu=client,
            downstream_delay_us=delay_us,
            downstream_connections=connections,
            ceiling=f"{threads} threads / {delay_us / 1000:g} ms",
            ceiling_connections_hz=connections * 1e6 / delay_us,
            ceiling_hz=threads * 1e6 / delay_us,
            rate_hz=2000.0,
        )
    if workload == "fanout":
        load.update(
            fan=FAN,
            ceiling=f"{connections} connections / {FAN} calls / {delay_us / 1000:g} ms",
            ceiling_hz=connections / FAN * 1e6 / delay_us,
            ceiling_connections_hz=connections / FAN * 1e6 / delay_us,
            rate_hz=1000.0,
        )
    return load
