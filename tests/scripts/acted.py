# SPDX-License-Identifier: MIT
"""Shared by the tests of which gates hang on which scenario: one process of each kind, whose programs are acted.
Server, load and service downstream say at once what they are told to say, and nobody waits; what is made of it,
from a scenario's file over its pilot to a line, is the real thing."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from assaylib import plan, rig, scenarios, served, service, tiers
from assaylib.gates import noop
from assaylib.programs import Finished
from assaylib.scenarios import connections, faults, held, lifecycle, memory, plans, requests, slow_downstream, watching
from assaylib.scenarios import map as mapping
from assaylib.scenarios.requests import Request
from failures import MIXED, MS, OVERLOAD, SLOW, SOUND, S, parsed
from lives import CPUS
from test_busy import used
from test_connections import CONNECTIONS
from test_lifecycle import LIFECYCLE
from test_map import MAP
from test_overload import looked, queue
from test_scenarios import CAPACITY
from test_slow_downstream import END, PHASES, POOL, stuck

MODELS = ("thread_pool", "event_loop", "thread_per_connection")
BUILT = plan.Built(model_cases=tuple(f"model/rpc/{m}" for m in MODELS), services=("rpc",), cpus=CPUS)
SWITCHES = 7  # involuntary ones of the server

# --- What is said ---------------------------------------------------------------------------------

#: By load, of a sound loop of either kind.
LOADED: dict[str, Any] = {
    **dict.fromkeys(rig.COPIED, 0),
    **dict.fromkeys(("watch_voluntary_switches", "watch_involuntary_switches", "watch_rss_bytes"), 0),
    **dict.fromkeys(("watch_cpu_user_ns", "watch_cpu_system_ns", "window_began_ns"), 0),
    **dict.fromkeys(("completed", "watch_answered", "closed_by_peer"), 100),
    **SOUND,
    **{"planned": 1000, "p99_ns": 1e6, "seconds": []},
    "classes": [{"p99_ns": 5e6, "max_ns": 9e6, "planned": 500, "answered": 50, **each} for each in SOUND["classes"]],
}
#: By serve, at its end.
FINAL: dict[str, Any] = {
    **dict.fromkeys(("lost", "rejected", "turns", "messages", "wakeups", "syscalls"), 0),
    **{"answered": 100, "start_ns": 1, "drain_ns": 1, "max_rss_bytes": 1},
}


@dataclass(frozen=True)
class Said:
    """By the programs, and what is seen of them."""

    opened: Mapping[str, Any] = field(default_factory=dict)  #: load's JSON of the open loop, where not LOADED
    closed: Mapping[str, Any] = field(default_factory=dict)  #: … of every closed one
    closed_at: tuple[int, Mapping[str, Any]] | None = None  #: … and of that with so many connections alone
    final: Mapping[str, Any] = field(default_factory=dict)  #: serve's, where not FINAL
    exit_code: int = 0
    rig_hz: float | None = 1e7  #: what a server that does nothing reaches
    lacking: int = 0  #: connections that the kernel has not, of those that are asked for …
    lacking_from_s: float = 0.0  #: … from then on
    waiting: int = 0  #: clients that were there before SIGTERM and are answered
    requests: Sequence[Request] = ()
    looks: Mapping[str, Any] = field(default_factory=dict)
    busy: Mapping[str, Any] = field(default_factory=dict)
    told: Sequence[tuple[str, int]] = ()  #: phases, and when they began
    spent_ns: int = 0  #: CPU time of the service downstream in all phases

    def but(self, **changed: Any) -> Said:
        """The same with what is changed; of JSON only the figures that are named."""
        files = {name: changed.pop(name) for name in ("opened", "closed", "final") if name in changed}
        return replace(self, **changed, **{name: {**getattr(self, name), **file} for name, file in files.items()})


class Clock:
    """Who sleeps moves it, so that nobody waits."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s

    def monotonic_ns(self) -> int:
        return round(self.now_s * 1e9)

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


class Acted:
    """Everybody whom a scenario meets. rig_asked: options of load, and whether each answer closes its connection,
    of each time that a server which does nothing was asked."""

    def __init__(self, said: Said, folder: Path) -> None:
        self._said, self._clock, self._held = said, Clock(), 0
        self._final, self._json = {**FINAL, **said.final}, folder / "serve.json"
        self._json.write_text(json.dumps(self._final))
        self.rig_asked: list[tuple[dict[str, Any], bool]] = []

    def play(self, monkeypatch: pytest.MonkeyPatch) -> None:
        said = self._said
        watch = SimpleNamespace(since=lambda _: said.looks)
        busy = SimpleNamespace(look=lambda: None, since=lambda _: said.busy)
        for module, name, acted in (
            (rig, "server", self._server),
            (rig, "downstream", self._downstream),
            (rig, "start_load", self._load),
            (noop, "closed_hz", self._rig),
            (held, "Held", self._clients),
            (held, "request", lambda *_: b"one"),
            (memory, "sockets", lambda _: (self._sockets, 0)),
            (memory, "read", lambda *_: self._memory),
            (requests, "read", lambda _: list(said.requests)),
            (faults, "tell", lambda *_: list(said.told)),
            (watching, "Watching", lambda *_: contextlib.nullcontext(watch)),
            (watching, "Busy", lambda *_: busy),
            (watching, "Spent", lambda: SimpleNamespace(total_ns=said.spent_ns)),
            (mapping, "_iteration_ns", {None: 1.0}),
            (mapping, "_rig_hz", {}),
            *((module, "time", self._clock) for module in (connections, lifecycle, slow_downstream, service)),
        ):
            monkeypatch.setattr(module, name, acted)

    @contextlib.contextmanager
    def _server(self, *_: Any, **__: Any) -> Iterator[Any]:
        done = Finished(self._said.exit_code, "", "", 1.0, None, SWITCHES, 0)
        child = SimpleNamespace(signal=lambda _: None, wait=lambda _: done)
        about = {"address": "127.0.0.1:1", "pid": 1, "startup_ns": 1, "json": self._json, "beside_pid": None}
        yield SimpleNamespace(child=child, stop=lambda: (self._final, done), **about)

    @contextlib.contextmanager
    def _downstream(self, *_: Any, **__: Any) -> Iterator[Any]:
        yield SimpleNamespace(address="127.0.0.1:2", child=SimpleNamespace(pid=2))

    @contextlib.contextmanager
    def _load(self, _build: Any, _server: Any, asked: Mapping[str, Any], **_: Any) -> Iterator[Any]:
        count, closed = asked["connections"], asked["arrival"] == "closed"
        found = {**LOADED, "connections_held": count, **(self._said.closed if closed else self._said.opened)}
        if closed and self._said.closed_at and count == self._said.closed_at[0]:
            found |= self._said.closed_at[1]
        ends_s = self._clock.now_s + sum(float(asked.get(name) or 0) for name in ("settle", "warmup", "duration"))
        self._held = count
        child = SimpleNamespace(pid=3, running=lambda: self._clock.now_s < ends_s)
        yield SimpleNamespace(child=child, wait=lambda **_: found)
        self._held = 0

    def _rig(self, _build: Any, asked: Mapping[str, Any], *, close: bool = False, **_: Any) -> float | None:
        self.rig_asked.append((dict(asked), close))
        return self._said.rig_hz

    @contextlib.contextmanager
    def _clients(self, *_: Any) -> Iterator[Any]:
        def grow(count: int) -> None:
            self._held = count

        nothing = {"open": lambda _: None, "send": lambda: None}
        yield SimpleNamespace(grow=grow, receive=lambda **_: self._said.waiting, **nothing)
        self._held = 0

    @property
    def _sockets(self) -> int:
        lacking = self._said.lacking if self._clock.now_s >= self._said.lacking_from_s else 0
        return max(0, self._held - lacking)

    @property
    def _memory(self) -> memory.Memory:
        rss_bytes = 1_000_000 + 1000 * self._held
        return memory.Memory(rss_bytes, 0, 0, threads=2, sockets=self._sockets, socket_bytes=0, kernel_bytes=0)


# --- Processes ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Process:
    """One of each kind, and of both families where there are two."""

    text: str  #: the scenario's file
    member: str
    sound: Said = Said()
    place: int = 0  #: of its families


def waits(text: str) -> str:
    """Requests of `call` then wait for 1 ms each, so that there is an arithmetic ceiling."""
    return text.replace("[steps]", '[downstream]\ndelay = "fixed:1000"\n[steps]')


CALL = 'workload = "call"'
FIXED_RATE = """
kind = "fixed-rate"
title = "One rate"
question = "At what cost?"
rounds = 1
[server]
models = ["thread_pool", "event_loop"]
workload = "call"
[load]
connections = 8
spin_us = 300
[steps]
rate_hz = 100
warmup_s = 0.1
duration_s = 1
"""
#: Of overload: what each server of 1000 a second saw, its memory, and who was busy: the server, in the overload.
SEEN = queue([(300, 0.5), (2000, 0.9), (300, 1.8)], MS, 64)
STEADY, FULL = looked(lambda _: 50e6), used(watch_cpu_ns=(0.3, 1.0), cpu_ns=(0.1, 0.2))
#: In a window of 3.2 s, of which load tells no median.
STEPS = {"duration_ns": 3.2e9, "p50_ns": None, "steps": [{"p50_ns": MS, "polled_ns": None}] * 3}
#: In 3.1 s of hits and misses together, whose median says nothing about hits.
PLAN: dict[str, Any] = {"duration_ns": 3.1e9, "p50_ns": 1e7, "offered_hz": 1200.0, "achieved_hz": 1200.0}


def classes(held_back: int = 0) -> list[dict[str, Any]]:
    """How many hits waited for a connection, as load has it."""
    return [{"name": name, "held_back": held_back if name == "hits" else 0, "unsent": 0} for name in ("hits", "misses")]


#: Before SIGTERM.
UNHURRIED = {"at_ns": [0, 400 * MS], "watch_cpu_ns": [0, 80 * MS], "cpu_ns": [0, 40 * MS]}
TOO_MUCH = OVERLOAD.replace('workload = "cpu"\ncpu_iterations = 1000', CALL).replace("maximum_hz = 1000", "maximum_hz = 0")
IDLE = waits(CONNECTIONS.replace('workload = "echo"', CALL))
SERVICE = "service"  # no scenario: the families of every run

PROCESSES: dict[str, Process] = {
    "fixed-rate": Process(waits(FIXED_RATE), "event_loop", Said(closed={"achieved_hz": 500.0})),
    "capacity": Process(waits(CAPACITY.replace("[server]", f"[server]\n{CALL}")), "event_loop@1"),
    "overload": Process(
        waits(TOO_MUCH),
        "event_loop@reject",
        Said(opened=STEPS, closed={"achieved_hz": 1000.0}, requests=SEEN, looks=STEADY, busy=FULL),
    ),
    "slow-downstream": Process(
        SLOW,
        "event_loop@none",
        Said(opened={**PLAN, "classes": classes()}, requests=stuck(True, None), looks=POOL, told=(*PHASES, END), spent_ns=S // 10),
    ),
    "mixed": Process(MIXED, "event_loop@in_place", Said(closed={"achieved_hz": 500.0})),
    "connections, idle": Process(IDLE, "event_loop"),
    "connections, active": Process(IDLE, "event_loop", place=1),
    "lifecycle": Process(LIFECYCLE, "event_loop", Said(final={"answered": 105}, waiting=5, busy=UNHURRIED), place=1),
    "map": Process(MAP, "event_loop", place=1),
    SERVICE: Process("", "thread_pool"),
}


def piloted(kind: str, folder: Path) -> plan.Family:
    """What a process is of, once the pilot has been."""

    def never(said: str) -> None:
        raise AssertionError(said)

    process = PROCESSES[kind]
    family = plans.make([parsed(folder, process.text)], BUILT, 1, None).families[process.place]
    return scenarios.pilot(None, family, never)[0]  # type: ignore[arg-type]


def _service(rig_hz: float | None) -> plan.Family:
    """One thread, for which every request waits 5 ms, and a generator that polls."""
    members = ("thread_pool", "thread_pool.same")
    load = served.service_load("call", members, tiers.TIERS["smoke"], CPUS)
    load |= {"threads": dict.fromkeys(members, 1), "spin_us": 300, "rig_hz": rig_hz}
    aliases: dict[str, str] = {members[1]: "same"}
    return plan.Family("service/call", "service", "call", members[0], members, aliases, {}, {}, 1, load=load)


def line_of(kind: str, monkeypatch: pytest.MonkeyPatch, folder: Path, **changed: Any) -> dict[str, Any]:
    """What is written of one process, where something else is said than of a sound one."""
    process = PROCESSES[kind]
    said, member = process.sound.but(**changed), process.member
    Acted(said, folder).play(monkeypatch)
    if kind == SERVICE:
        return service.measure(None, _service(said.rig_hz), member, seed=1, padding=0)[member]  # type: ignore[arg-type]
    return scenarios.measure(None, piloted(kind, folder), member, seed=1, padding=0)[member]  # type: ignore[arg-type]
