# SPDX-License-Identifier: MIT
"""One model under steady load: stretches of it, one after the other, and what was seen meanwhile.

A model that has the machine to itself is alone with what the machine does in an hour. So between two
stretches (and after the last) a server that does nothing is asked as often, for some seconds: the yardstick
(tails.py). Times are without its seconds, in which the model's server idles. With every stretch connections
are made anew.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import machine, rig
from ..gates import noop
from ..programs import Build
from ..scenarios import memory
from .company import ALONE, Alone

WARMUP_S = 1.0
PILOT_S = (0.3, 1.0)  # warm-up and window of the closed loop that says what half is
PILOTS = 3
PATIENCE_S = 60.0
PAYLOADS = ("rpc",)  # workloads of which serve and load want to know payload and codec
FIGURES = "p50_ns p99_ns p999_ns max_ns lag_p99_ns achieved_hz offered_hz".split()


@dataclass(frozen=True)
class Settings:
    """What is asked of every model."""

    workload: str
    payload: str
    codec: str
    connections: int
    threads: int
    queue_limit: int
    share: float  #: of what it answers in a closed loop
    seconds: float
    stretch_s: float
    every_s: float  #: between two looks at memory and descriptors
    server_cpu: int
    load_cpu: int
    at_once: bool = False  #: the other models beside it, on the same CPUs
    yardstick_s: float = 0.0  #: after each stretch; 0 is none

    def stretches(self) -> int:
        return max(1, round(self.seconds / self.stretch_s))

    def serve(self, model: str) -> dict[str, Any]:
        return {**self._what(), "model": model, "threads": self.threads, "queue_limit": self.queue_limit}

    def ask(self, **more: Any) -> dict[str, Any]:
        return {"workload": self.workload, "connections": self.connections, **self._what(), **more}

    def _what(self) -> dict[str, Any]:
        coded = self.workload in PAYLOADS
        what = {"payload": self.payload, "codec": self.codec} if coded else {}
        return {"workload": self.workload, **what}


def capacity(build: Build, settings: Settings, model: str) -> float:
    """Requests per second of a closed loop, in a server that is thrown away: the best of a few windows, since a
    machine that is elsewhere for a second must not make an hour's load a light one. rig.Failure."""
    warmup, window = (min(each, settings.seconds / 2) for each in PILOT_S)  # of a soak of seconds, too
    with rig.server(build, settings.serve(model), cpu=settings.server_cpu) as server:
        asked = settings.ask(arrival="closed", warmup=warmup, duration=window)
        rates = [rig.load(build, server, asked, cpu=settings.load_cpu)["achieved_hz"] for _ in range(PILOTS)]
        server.stop()
    return float(max(rates))


def watch(
    build: Build,
    settings: Settings,
    model: str,
    rate_hz: float,
    seed: int,
    company: Alone = ALONE,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[dict[str, Any]]:
    """A line's worth after each stretch; the last one with how the server ended. A server that dies, or
    that load gives up on, ends it with a failed one, which has what was seen of it until then."""
    began, timeline = clock(), list[dict[str, Any]]()
    try:
        with rig.server(build, settings.serve(model), cpu=settings.server_cpu) as server:
            warm = settings.ask(
                arrival="poisson",
                rate=rate_hz,
                warmup=0.0,
                duration=min(WARMUP_S, settings.stretch_s),
                seed=seed,
            )
            warmed = rig.load(build, server, warm, cpu=settings.load_cpu)
            if warmed["failed"] or warmed["wrong"]:
                raise rig.Failure(f"warm-up: {warmed['failed']} failed and {warmed['wrong']} wrong replies")
            company.meet()
            began = clock()
            count = settings.stretches()
            for number in range(count):
                timeline, own = [], seed + number + 1
                line = _stretch(build, settings, server, rate_hz, own, began, timeline, company, clock)
                if settings.yardstick_s:
                    since = clock()
                    line["yardstick"] = _yardstick(build, settings, server, rate_hz, own)
                    began += clock() - since
                if number < count - 1:
                    yield line
            timeline = []
            try:
                line["final"] = _end(server)
            except rig.Failure:  # what was measured stays
                yield line
                raise
            yield line
    except rig.Failure as failure:
        yield {
            "status": "failed",
            "reason": str(failure),
            "metrics": {},
            "timeline": timeline,
            "at_s": clock() - began,
        }


def _stretch(
    build: Build,
    settings: Settings,
    server: rig.Server,
    rate_hz: float,
    seed: int,
    began: float,
    timeline: list[dict[str, Any]],
    company: Alone,
    clock: Callable[[], float],
) -> dict[str, Any]:
    """One run of load beside which memory and descriptors are looked at: timeline, to be filled."""
    watch, at = machine.Watch(), clock()
    asked = settings.ask(
        arrival="poisson",
        rate=rate_hz,
        warmup=0.0,
        duration=settings.stretch_s,
        seed=seed,
        timeout=PATIENCE_S,
    )
    with rig.start_load(build, server, asked, cpu=settings.load_cpu) as loading:
        due = at + settings.every_s / 2
        while loading.child.running():
            if clock() >= due and server.child.running():
                timeline.append({"at_s": round(clock() - began, 3), **look(server.pid)})
                due += settings.every_s
            company.pause(min(0.05, settings.every_s / 4))
        done = loading.wait()
    return {
        "status": "ok",
        "reason": None,
        "at_s": round((at + clock()) / 2 - began, 3),
        "metrics": {
            **{key: done[key] for key in FIGURES},
            **{key: int(done[key]) for key in ("sent", "answered", "failed", "wrong", "connections_held")},
            # By the end of the window: that is whether the server kept up.
            "unsent": int(done["unsent"] + done["sent_after"]),
            "offered": int(done["planned"]),
            "cpu_ns_per_request": done["watch_cpu_ns"] / done["completed"] if done["completed"] else None,
        },
        "second_p99_ns": _seconds(done, settings.stretch_s),
        "timeline": timeline,
        "covariates": watch.covariates(None),
    }


def _yardstick(
    build: Build, settings: Settings, model: rig.Server, rate_hz: float, seed: int
) -> dict[str, Any]:
    """What the machine makes of the same requests at the same rate, in a fresh server beside the model's idle
    one; its failure is none of the model's."""
    watch = machine.Watch()
    asked = settings.ask(
        arrival="poisson", rate=rate_hz, warmup=0.0, duration=settings.yardstick_s, seed=seed, timeout=PATIENCE_S
    )
    try:
        with noop.server(build, cpu=settings.server_cpu) as nothing:
            nothing.beside_pid = model.pid
            done = rig.load(build, nothing, noop.any_reply(asked), cpu=settings.load_cpu)
    except rig.Failure as failure:
        return {"status": "failed", "reason": str(failure)}
    if done["failed"] or done["wrong"]:
        return {"status": "failed", "reason": f"{done['failed']} failed and {done['wrong']} wrong replies"}
    if "beside_cpu_ns" not in done:
        return {"status": "failed", "reason": "the CPU time of the model's server is not known"}
    return {
        "status": "ok",
        "reason": None,
        "metrics": {**{key: done[key] for key in FIGURES}, "model_percent": rig.busy_percent(done, "beside_cpu_ns")},
        "second_p99_ns": _seconds(done, settings.yardstick_s),
        "covariates": watch.covariates(None),
    }


def _seconds(done: dict[str, Any], duration_s: float) -> list[int | None]:
    """p99 of each; not of what is left over at the end, with a few requests."""
    return [second["p99_ns"] for second in done["seconds"][: max(1, int(duration_s))]]


def look(pid: int) -> dict[str, int]:
    """Memory, descriptors and threads of a process now."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        descriptors = len(os.listdir(f"/proc/{pid}/fd"))
    except (FileNotFoundError, ProcessLookupError):
        raise rig.Failure("the server ended while it was watched") from None
    return {
        "rss_bytes": memory.kib(status, "VmRSS"),
        "descriptors": descriptors,
        "threads": int(memory.field(status, "Threads") or 0),
    }


def _end(server: rig.Server) -> dict[str, Any]:
    final, _ = server.stop(PATIENCE_S)
    return {
        key: final[key] for key in ("lost", "drain_ns", "requests", "answered", "rejected", "max_rss_bytes")
    }
