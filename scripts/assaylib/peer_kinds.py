# SPDX-License-Identifier: MIT
"""The terms in which peers.py declares what is compared: figures, members, kinds of work, what is to be reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Metric:
    name: str  #: as in the table
    unit: str
    divisor: float
    decimals: int


METRICS = {
    "tasks_hz": Metric("tasks/s", "M/s", 1e6, 2),
    "messages_hz": Metric("messages/s", "M/s", 1e6, 2),
    "busiest_worker_share": Metric("turns of the busiest worker, share", "", 1, 2),
    "wakeups_per_message": Metric("wake-ups per message", "", 1, 4),
    "syscalls_per_message": Metric("system calls per message", "", 1, 4),
    "requests_hz": Metric("requests/s", "k/s", 1e3, 1),
    "p50_ns": Metric("latency, p50", "µs", 1e3, 0),
    "p99_ns": Metric("latency, p99", "µs", 1e3, 0),
    "cpu_ns_per_request": Metric("CPU per request", "µs", 1e3, 2),
    "instructions_per_request": Metric("user instructions per request", "", 1, 0),
    "instructions_per_task": Metric("user instructions per task", "", 1, 1),
    "instructions_per_message": Metric("user instructions per message", "", 1, 1),
    "system_calls_per_request": Metric("system calls per request", "", 1, 2),
    "rss_bytes_per_connection": Metric("RSS per idle connection", "B", 1, 0),
    "reply_bytes": Metric("bytes of a whole reply", "B", 1, 0),
    "wait_p50_ns": Metric("submit to run, p50", "µs", 1e3, 1),
    "wait_p99_ns": Metric("submit to run, p99", "µs", 1e3, 1),
    "generator_cpu_ns": Metric("generator's CPU per request", "µs", 1e3, 2),
    "workers_cpu_share": Metric("CPUs that the workers used", "", 1, 3),
}


@dataclass(frozen=True)
class Peer:
    """A member of a family: a program with its arguments. {work} and the like are filled in when
    the run is planned, {peers}, {bench} and {json} when the process begins."""

    argv: tuple[str, ...]
    needs: str = ""  #: in PACKAGES, or what else it is that is not ours; empty: ours
    about: str = ""  #: what it is, where the name does not tell


@dataclass(frozen=True)
class Bar:
    """ours / peer is to be at least or at most so much, for every peer named."""

    family: str
    metric: str
    ours: str
    peers: tuple[str, ...]
    at_least: float | None = None
    at_most: float | None = None
    beyond_doubt: bool = False  #: missed only if the whole interval is beyond; one that reaches beyond shows nothing

    @property
    def text(self) -> str:
        return f"≥ {self.at_least:g}" if self.at_least is not None else f"≤ {self.at_most:.4g}"


@dataclass(frozen=True)
class Kind:
    """A kind of work: a family of the run."""

    id: str
    title: str
    work: str  #: what is done, and what is the same for all
    members: Mapping[str, Peer]  #: the first is ours, and the baseline
    process_s: float
    metrics: tuple[str, ...]
    shown: tuple[str, ...] = ()  #: of each member that has it, compared with nothing
    how: str = "program"  #: or "program_counted", or one of peer_servers.MEASURES
    tools: tuple[str, ...] = ()  #: in PACKAGES: without them it cannot be measured
    exact: bool = False  #: hardly varies: two rounds, whatever else the machine does
    load: Mapping[str, Any] = field(default_factory=dict)
