# SPDX-License-Identifier: MIT
"""What this machine can resolve, measured before anything else (METHOD 1.12), and whether it is
quiet now."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .programs import Build, Finished, execute, json_file, read_json

BUSY_PERCENT_MAX = 10.0  # of all CPUs, by others, while nothing of ours runs
STEAL_PERCENT_MAX = 5.0
QUIET_WAIT_S = 60.0
PROBE_S = 30.0  # bench/machine bounds itself to some 4 s


@dataclass(frozen=True)
class Ticks:
    """A line of /proc/stat: clock ticks since boot, of all CPUs or of one."""

    total: int
    idle: int
    steal: int
    interrupts: int = 0

    @staticmethod
    def now() -> Ticks:
        """Of all CPUs."""
        return Ticks._of(Path("/proc/stat").read_text().split("\n", 1)[0])

    @staticmethod
    def by_cpu() -> dict[int, Ticks]:
        lines = Path("/proc/stat").read_text().splitlines()
        return {int(line[3:].split()[0]): Ticks._of(line) for line in lines if line[:3] == "cpu" and line[3].isdigit()}

    @staticmethod
    def _of(line: str) -> Ticks:
        """The CPU's name, user nice system idle iowait irq softirq steal: proc(5)."""
        fields = [int(f) for f in line.split()[1:9]]
        fields += [0] * (8 - len(fields))
        return Ticks(sum(fields), fields[3] + fields[4], fields[7], fields[5] + fields[6])

    def steal_percent_since(self, before: Ticks) -> float:
        total = self.total - before.total
        return 100.0 * (self.steal - before.steal) / total if total > 0 else 0.0

    def busy_percent_since(self, before: Ticks) -> float:
        """What programs used. Steal apart, that is the host's business; and interrupts, which no
        program is charged for."""
        total = self.total - before.total
        busy = total - (self.idle - before.idle) - (self.steal - before.steal)
        busy -= self.interrupts - before.interrupts
        return 100.0 * busy / total if total > 0 else 0.0


@dataclass(frozen=True)
class Quiet:
    busy_percent: float
    steal_percent: float
    load1: float

    @property
    def why_not(self) -> str | None:
        reasons = []
        if self.busy_percent > BUSY_PERCENT_MAX:
            reasons.append(
                f"other programs use {self.busy_percent:.0f} % of the CPUs"
                f" (limit {BUSY_PERCENT_MAX:.0f} %)"
            )
        if self.steal_percent > STEAL_PERCENT_MAX:
            reasons.append(
                f"the host takes {self.steal_percent:.0f} % of the CPUs"
                f" (limit {STEAL_PERCENT_MAX:.0f} %)"
            )
        return " and ".join(reasons) or None

    def facts(self) -> dict[str, Any]:
        """For run.json: what was seen, and against what."""
        return {
            "busy_percent": self.busy_percent,
            "busy_percent_max": BUSY_PERCENT_MAX,
            "steal_percent": self.steal_percent,
            "steal_percent_max": STEAL_PERCENT_MAX,
            "load1": self.load1,
            "held": self.why_not is None,
        }


def look(seconds: float = 1.0) -> Quiet:
    """Watches for that long. The load average alone would still remember the build before."""
    before = Ticks.now()
    time.sleep(seconds)
    after = Ticks.now()
    return Quiet(
        round(after.busy_percent_since(before), 2),
        round(after.steal_percent_since(before), 2),
        round(os.getloadavg()[0], 2),
    )


def wait_until_quiet(seconds: float, say: Callable[[str], None]) -> Quiet:
    """The first quiet second within that time, else the last busy one."""
    deadline = time.monotonic() + seconds
    said = False
    while True:
        quiet = look()
        if quiet.why_not is None or time.monotonic() >= deadline:
            return quiet
        if not said:
            say(f"waiting up to {seconds:.0f} s for a quiet machine: {quiet.why_not}")
            said = True


def measure(build: Build, say: Callable[[str], None]) -> dict[str, Any]:
    """Runs bench/machine; its figures, and what was stolen meanwhile. A machine that does not get
    as far is no reason not to measure on it: then it says why nothing is known."""
    before = Ticks.now()
    with json_file() as path:
        done = execute([str(build.program("machine")), "--json", str(path)], timeout_s=PROBE_S)
        content, wrong = read_json(path)
    figures: dict[str, Any] = {}
    if done.failure or wrong:
        figures["error"] = done.failure or f"machine: {wrong}"
        say(f"assay: what this machine can resolve is not known: {figures['error']}")
    else:
        figures |= content["machine"]
    figures["seconds"] = round(done.seconds, 2)
    figures["steal_percent"] = round(Ticks.now().steal_percent_since(before), 2)
    figures["load1"] = round(os.getloadavg()[0], 2)
    return figures


def cpus() -> tuple[int, ...]:
    """The CPUs that this command may use."""
    return tuple(sorted(os.sched_getaffinity(0)))


class Watch:
    """What may excuse a process, independent of its time (METHOD 1.10): begun before it."""

    def __init__(self) -> None:
        self._ticks, self._own_s = Ticks.now(), _own_cpu_s()

    def covariates(self, process: Finished | None) -> dict[str, float]:
        """After the process and whatever ran beside it for us have ended."""
        now = Ticks.now()
        total_s = (now.total - self._ticks.total) / os.sysconf("SC_CLK_TCK")
        own_percent = 100 * (_own_cpu_s() - self._own_s) / total_s if total_s else 0.0
        others_percent = max(0.0, now.busy_percent_since(self._ticks) - own_percent)
        return {
            "steal_percent": round(now.steal_percent_since(self._ticks), 3),
            "others_percent": round(others_percent, 3),
            "load1": round(os.getloadavg()[0], 2),
            "involuntary_switches": process.involuntary_switches if process else 0,
            "major_faults": process.major_faults if process else 0,
        }


def _own_cpu_s() -> float:
    """CPU time of this command and of its children that have ended."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
