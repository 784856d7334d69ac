# SPDX-License-Identifier: MIT
"""Looks at a server now and then while something else happens to it: its memory, from /proc, and what
its admin address tells (requests inside, connections of the pool in use), which a stuck model does not
hold up; and what it and those beside it used of their CPUs."""

from __future__ import annotations

import contextlib
import math
import os
import threading
import time
from types import TracebackType
from typing import Any

from .. import rig
from ..gates.saturated import DOWNSTREAM, FIGURES, GENERATOR, SERVER
from ..machine import Ticks

EVERY_S = 0.05
PAGE, TICK_NS = os.sysconf("SC_PAGE_SIZE"), 1_000_000_000 // os.sysconf("SC_CLK_TCK")
METRICS = {
    "in_flight": "assay_in_flight",
    "pool_in_use": "assay_pool_in_use",
    "answered": "assay_answered_total",
    "rejected": "assay_rejected_total",
    "call_errors": "assay_call_errors_total",
}


class Watching:
    """`with Watching(server) as watching: …`; then watching.since(window_began_ns). busy: looks whenever
    this one does."""

    def __init__(self, server: rig.Server, busy: Busy | None = None) -> None:
        self._server = server
        self._busy = busy
        self._rows: list[tuple[int, dict[str, float]]] = []
        self._end = threading.Event()
        looks = [self._look, *([self._look_busy] if busy else [])]  # a silent server holds up the first alone
        self._threads = [threading.Thread(target=each, daemon=True) for each in looks]

    def __enter__(self) -> Watching:
        for each in self._threads:
            each.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end.set()
        for each in self._threads:
            each.join()

    def _look(self) -> None:
        while True:
            try:
                # The figures are those of the moment between the two readings of the clock.
                before = time.monotonic_ns()
                row = {"rss_bytes": float(rss_bytes(self._server.pid)), **self._told()}
                self._rows.append(((before + time.monotonic_ns()) // 2, row))
            except (OSError, ValueError, rig.Failure):
                pass  # a server that ended: whoever waits for the load says so
            if self._end.wait(EVERY_S):
                return

    def _look_busy(self) -> None:
        assert self._busy
        while True:
            with contextlib.suppress(rig.Failure):  # load may have ended
                self._busy.look()
            if self._end.wait(EVERY_S):
                return

    def _told(self) -> dict[str, float]:
        said = self._server.metrics()
        by_name: dict[str, float] = {}
        for name, value in said.items():
            by_name.setdefault(name.partition("{")[0], value)
        return {key: by_name[name] for key, name in METRICS.items() if name in by_name}

    def since(self, zero_ns: int) -> dict[str, Any]:
        """Lists, a value for each look; at_ns counts from zero_ns."""
        columns = ("rss_bytes", *METRICS)
        found: dict[str, Any] = {"at_ns": [at - zero_ns for at, _ in self._rows]}
        for name in columns:
            found[name] = [int(row[name]) if name in row else None for _, row in self._rows]
        return found


class Busy:
    """CPU time of server, load and the service downstream, which lives as long, and what became of the
    CPUs that each may use, look by look; named as in load's JSON."""

    def __init__(self, server: rig.Server, loading: rig.Loading) -> None:
        pids = {SERVER: server.pid, GENERATOR: loading.child.pid, DOWNSTREAM: server.beside_pid}
        self._pids = {who: pid for who, pid in pids.items() if pid is not None}
        self._rows: list[dict[str, int]] = []

    def look(self) -> None:
        row, cpus = {"at_ns": time.monotonic_ns()}, Ticks.by_cpu()
        for who, pid in self._pids.items():
            used, name = FIGURES[who]
            try:
                row[used], mine = cpu_ns(pid), [cpus[cpu] for cpu in os.sched_getaffinity(pid) if cpu in cpus]
            except OSError as error:
                raise rig.Failure(f"who is busy: the {who} has ended: {error}") from None
            if not mine:  # a container that numbers its CPUs anew: not known, as in load's JSON
                continue
            idle, steal = sum(each.idle for each in mine), sum(each.steal for each in mine)
            row[name] = len(mine)
            row |= {f"{name}_idle_ns": idle * TICK_NS, f"{name}_steal_ns": steal * TICK_NS}
        self._rows.append(row)

    def since(self, zero_ns: int) -> dict[str, list[int]]:
        """Lists, a value for each look; at_ns counts from zero_ns."""
        rows = [{**row, "at_ns": row["at_ns"] - zero_ns} for row in self._rows]
        return {name: [row[name] for row in rows] for name in (rows[0] if rows else {})}


def window(
    busy: dict[str, list[int]], from_ns: float = -math.inf, to_ns: float = math.inf
) -> dict[str, Any] | None:
    """A span from its first look to its last, as load's JSON has its window (gates.saturation). None with
    too few looks."""
    inside = [i for i, at in enumerate(busy.get("at_ns", [])) if from_ns <= at < to_ns]
    if len(inside) < 2:
        return None
    first, last = inside[0], inside[-1]
    found: dict[str, Any] = {
        name: each[last] - each[first] if name.endswith("_ns") else each[last] for name, each in busy.items()
    }
    return {"duration_ns": found.pop("at_ns"), **found}


class Spent:
    """CPU time of a service that may die and come back as another process."""

    def __init__(self) -> None:
        self._pid, self._ns, self._before = 0, dict[int, int](), 0

    def begin(self, pid: int) -> None:
        self.of(pid)
        self._before = self._ns.get(pid, 0)

    def of(self, pid: int) -> None:
        """From now on it is this one."""
        self._pid = pid
        self.look()

    def look(self) -> None:
        """To be called before it may die."""
        with contextlib.suppress(OSError):
            self._ns[self._pid] = cpu_ns(self._pid)

    @property
    def total_ns(self) -> int:
        return sum(self._ns.values()) - self._before


def cpu_ns(pid: int) -> int:
    """User and system time of all threads, as precise as the kernel's ticks."""
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        fields = file.read().rpartition(")")[2].split()  # proc(5): from field 3 on; utime is 14
    return (int(fields[11]) + int(fields[12])) * TICK_NS


def rss_bytes(pid: int) -> int:
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * PAGE


def seen(looks: dict[str, Any], column: str, from_ns: int, to_ns: int) -> list[int]:
    """What was looked at in a span."""
    pairs = zip(looks["at_ns"], looks[column], strict=True)
    return [value for at, value in pairs if from_ns <= at < to_ns and value is not None]


def mean_age_ns(looks: dict[str, Any], from_ns: int, to_ns: int) -> float | None:
    """How long a request was inside on average: the number inside over the rate of answers (Little's
    law). Refused ones leave at once and are not counted. None with too few looks or no answers."""
    rows = [
        (at, inside, answered)
        for at, inside, answered in zip(looks["at_ns"], looks["in_flight"], looks["answered"], strict=True)
        if from_ns <= at < to_ns and inside is not None and answered is not None
    ]
    if len(rows) < 2 or rows[-1][2] <= rows[0][2]:
        return None
    rate = (rows[-1][2] - rows[0][2]) / (rows[-1][0] - rows[0][0])
    return float(sum(inside for _, inside, _ in rows) / len(rows) / rate)
