# SPDX-License-Identifier: MIT
"""`assay peers`: our models beside the best of each kind, in processes of their own, in random order.

What is compared and what is to be reached is declared here. peer_run.py runs it, one process after
the other (peer_programs.py), and peer_table.py judges. The raw data has the shape of a run's: a family is one kind of work, each of its
members a process per round; so plan, store, discard and makeup serve both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .store import PEERS_TIER as TIER

ROUNDS, ROUNDS_MAX = 10, 1000
STEAL_PERCENT_MAX = 2.0
OTHERS_PERCENT_MAX = 10.0
EXACT_ROUNDS = 2  # of what hardly varies: the second shows that it does not
MORE_TIME = 1.5  # of the planned time, for rounds that make up for discarded ones

#: Debian's package of each peer, and of each tool without which a family cannot be measured.
PACKAGES = {
    "libuv": "libuv1-dev",
    "glib": "libglib2.0-dev",
    "tbb": "libtbb-dev",
    "wrk": "wrk",
    "h2load": "nghttp2-client",
}


@dataclass(frozen=True)
class Metric:
    name: str  #: as in the table
    unit: str
    divisor: float
    decimals: int


METRICS = {
    "tasks_hz": Metric("tasks/s", "M/s", 1e6, 2),
    "wait_p50_ns": Metric("submit to run, p50", "µs", 1e3, 1),
    "wait_p99_ns": Metric("submit to run, p99", "µs", 1e3, 1),
    "requests_hz": Metric("requests/s", "k/s", 1e3, 1),
    "generator_cpu_ns": Metric("generator's CPU per request", "µs", 1e3, 2),
    "instructions_per_request": Metric("user instructions per request", "", 1, 0),
    "system_calls_per_request": Metric("system calls per request", "", 1, 2),
    "workers_cpu_share": Metric("CPUs that the workers used", "", 1, 3),
}


@dataclass(frozen=True)
class Peer:
    """A member of a family: a program with its arguments. {work} and the like are filled in when
    the run is planned, {peers}, {bench} and {json} when the process begins."""

    argv: tuple[str, ...]
    needs: str = ""  #: in PACKAGES; empty: ours
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

    @property
    def text(self) -> str:
        return f"≥ {self.at_least:g}" if self.at_least is not None else f"≤ {self.at_most:g}"


@dataclass(frozen=True)
class Kind:
    """A kind of work: a family of the run."""

    id: str
    title: str
    work: str  #: what is done, and what is the same for all
    members: Mapping[str, Peer]  #: the first is ours, and the baseline
    process_s: float
    metrics: tuple[str, ...]
    how: str = "program"
    rounds: int | None = None
    load: Mapping[str, Any] = field(default_factory=dict)


def _pools(*arguments: str, only: tuple[str, ...] = ()) -> dict[str, Peer]:
    every = {
        "model": ("pool_model", "", "thread_pool through post(): door, queue, one turn, done()"),
        "queue": ("pool_queue", "", "parts/queue alone"),
        "ring": ("pool_ring", "own", "a ring under a mutex and two condition variables"),
        "libuv": ("pool_libuv", "libuv", "uv_queue_work"),
        "glib": ("pool_glib", "glib", "g_thread_pool_push"),
        "tbb": ("pool_tbb", "tbb", "task_arena::enqueue"),
    }
    return {
        name: Peer(("{peers}/" + program, "--workers", "2", *arguments, "--json", "{json}"), needs, about)
        for name, (program, needs, about) in every.items()
    }


_HELPED = {
    name: Peer(
        ("{peers}/" + program, "--workers", "2", "--tasks", "300000", "--work", "{work}", "--json", "{json}"),
        needs,
        about,
    )
    for name, program, needs, about in (
        ("queue_helped", "pool_queue_helped", "", "parts/queue; the submitter closes it and works too"),
        ("tbb_group", "pool_tbb_group", "tbb", "task_group::run, then wait"),
    )
}
_FLOOD = ("--tasks", "300000", "--window")
_SAME = "two workers and one submitter, not pinned; the same task objects, each adding its number to a sum that is checked"



def _generators(*arguments: str, only: tuple[str, ...]) -> dict[str, Peer]:
    every = {
        "load": ("", "ours: exact samples, latency from the planned time"),
        "wrk": ("wrk", ""),
        "wrk2": ("wrk2", "not in Debian: github.com/giltene/wrk2, in the PATH as wrk2 when Meson configures"),
        "h2load": ("h2load", "h2load --h1"),
    }
    own = ("--bare", "{peers}/bare", "--load", "{bench}/load", "--json", "{json}")
    return {
        name: Peer(("{peers}/generator_" + name, *arguments, *own), *every[name]) for name in only
    }


_CLOSED, _OPEN = ("load", "wrk", "h2load"), ("load", "wrk2")
_BARE = "a server that does next to nothing (bench/peers/bare.c) on one CPU, the generator on another; 64 connections"
_EXACT = ("instructions_per_request", "system_calls_per_request")

KINDS: tuple[Kind, ...] = (
    Kind("pool/empty", "Empty tasks, all at once", f"300,000 empty tasks, as fast as they can be submitted; {_SAME}",
         _pools(*_FLOOD, "0"), 0.6, ("tasks_hz",)),
    Kind("pool/empty_window", "Empty tasks, 1,024 under way", f"the same with at most 1,024 submitted and not yet run; {_SAME}",
         _pools(*_FLOOD, "1024"), 0.6, ("tasks_hz",)),
    Kind("pool/work", "Tasks of 1 µs, all at once", f"300,000 tasks of a microsecond each (a calibrated xorshift); {_SAME}",
         _pools(*_FLOOD, "0", "--work", "{work}"), 0.6, ("tasks_hz",)),
    Kind("pool/work_window", "Tasks of 1 µs, 1,024 under way", f"the same with at most 1,024 submitted and not yet run; {_SAME}",
         _pools(*_FLOOD, "1024", "--work", "{work}"), 0.6, ("tasks_hz",)),
    Kind("pool/helped", "Tasks of 1 µs, the submitter works too", "300,000 tasks of a microsecond each; two threads, of which the submitter is one",
         _HELPED, 0.6, ("tasks_hz",)),
    Kind("pool/paced", "From submit to run", f"10,000 empty tasks a second for half a second, from a submitter that spins; {_SAME}",
         _pools("--tasks", "5000", "--rate", "10000"), 0.7, ("wait_p50_ns", "wait_p99_ns", "workers_cpu_share")),
    Kind("load/closed", "Load generators, closed loop", f"as many requests as can be sent in 2 s to {_BARE}",
         _generators(only=_CLOSED), 2.4, ("requests_hz", "generator_cpu_ns")),
    Kind("load/open", "Load generators, open loop", f"10,000 requests a second for 3 s to {_BARE}",
         _generators("--rate", "10000", "--seconds", "3", only=_OPEN), 3.4, ("generator_cpu_ns",)),
    Kind("load/closed_exact", "Load generators, closed loop, counted", f"callgrind and strace: {_BARE}",
         _generators("--exact", only=_CLOSED), 14.0, _EXACT, rounds=EXACT_ROUNDS, load={"exact": True}),
    Kind("load/open_exact", "Load generators, open loop, counted", f"1,000 requests a second under callgrind and strace: {_BARE}",
         _generators("--exact", "--rate", "1000", only=_OPEN), 14.0, _EXACT, rounds=EXACT_ROUNDS, load={"exact": True}),
)  # fmt: skip

#: What is to be reached (CONTRIBUTING: a model is nobody's strawman).
BARS: tuple[Bar, ...] = (
    Bar("pool/empty", "tasks_hz", "model", ("libuv", "glib", "ring"), at_least=1.0),
    Bar("pool/empty_window", "tasks_hz", "model", ("libuv", "glib", "ring"), at_least=1.0),
    Bar("pool/work", "tasks_hz", "model", ("tbb",), at_least=1.0),
    Bar("pool/work_window", "tasks_hz", "model", ("tbb",), at_least=1.0),
    Bar("pool/helped", "tasks_hz", "queue_helped", ("tbb_group",), at_least=1.0),
    Bar("pool/paced", "wait_p50_ns", "model", ("libuv", "glib", "ring"), at_most=1.05),
    Bar("load/closed", "requests_hz", "load", ("wrk", "h2load"), at_least=1.0),
    Bar("load/closed", "generator_cpu_ns", "load", ("wrk",), at_most=1.0),
    Bar("load/open", "generator_cpu_ns", "load", ("wrk2",), at_most=1.0),
    Bar("load/closed_exact", "instructions_per_request", "load", ("wrk", "h2load"), at_most=1.0),
    Bar("load/closed_exact", "system_calls_per_request", "load", ("wrk", "h2load"), at_most=1.0),
    Bar("load/open_exact", "instructions_per_request", "load", ("wrk2",), at_most=1.0),
    Bar("load/open_exact", "system_calls_per_request", "load", ("wrk2",), at_most=1.0),
)


def declared_rule() -> dict[str, Any]:
    """For run.json, as discard.declared() for runs; every member is a process of its own there, too."""
    return {
        "steal_percent_max": {"service": STEAL_PERCENT_MAX},
        "others_percent_max": OTHERS_PERCENT_MAX,
        "text": f"a process does not count if the host took more than {STEAL_PERCENT_MAX:g} % of the"
        f" CPU time meanwhile or other programs more than {OTHERS_PERCENT_MAX:g} %; a pair counts if"
        " both its processes of that round do. What hardly varies (counts of instructions, system"
        " calls, bytes) counts in any case",
    }


STOPPING_RULE = (
    "all planned rounds; then one more round at a time for the family that lacks most, until as many"
    f" count as were planned or {MORE_TIME:g} × the planned time is over. The discard rule alone says"
    " what counts; nobody looks at results in between"
)
