# SPDX-License-Identifier: MIT
"""Who was at his limit: server, generator, downstream service, or nobody.

From the CPU time of each process in load's window and the time that the CPUs which it may use were
idle: a share of what it used and what it could have used besides. What the host or other programs
took is in neither, so that whoever wanted more and found his CPU taken was saturated, too. A process
with fewer threads than CPUs is also at its limit when its threads were never idle. A generator that
polls before requests are due uses its CPU whatever it has to do: what it polled in vain it could have
worked, and its own lag tells where somebody else had the CPU; and a service downstream on that CPU, where
no time is idle then, could have had a fair part of it, which is half.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SHARE_MIN = 0.9  # of what it could have had: saturated
PART_MIN = 0.05  # of a window: who used less on a full CPU had no part in filling it
LAG_MIN = 0.1  # median lag of a polling generator, in median latencies
SERVER, GENERATOR, DOWNSTREAM = "server", "generator", "downstream"
#: Whose figures have which names in load's JSON: CPU time, and its CPUs.
FIGURES = {
    SERVER: ("watch_cpu_ns", "watch_cpus"),
    GENERATOR: ("cpu_ns", "own_cpus"),
    DOWNSTREAM: ("beside_cpu_ns", "beside_cpus"),
}


@dataclass(frozen=True)
class Saturation:
    who: tuple[str, ...]
    shares: dict[str, float] = field(default_factory=dict)  #: of what each could have had
    steal: float = 0.0  #: the largest share of a process's CPUs that the host took

    @property
    def text(self) -> str:
        """ "nobody", "server", "generator and downstream"."""
        return " and ".join(self.who) or "nobody"

    @property
    def rig(self) -> bool:
        """The limit was the rig's: the figure says nothing about what the server can do."""
        return bool(self.who) and SERVER not in self.who

    @property
    def said(self) -> str:
        parts = [f"{who} {100 * share:.0f} %" for who, share in self.shares.items()]
        if self.steal >= 0.005:
            parts.append(f"the host took {100 * self.steal:.0f} %")
        return ", ".join(parts)


def saturation(
    result: Mapping[str, Any], *, threads: int | None = None, spins: bool = False
) -> Saturation:
    """Of one run of load (its JSON). threads: of the server, where they may be fewer than its CPUs;
    spins: the generator polls (--spin-us)."""
    window_ns = float(result["duration_ns"])
    who, shares, steals = [], {}, [0.0]
    for name, (time, cpus) in FIGURES.items():
        if result.get(time) is None:
            continue
        count = float(result.get(cpus) or 1)
        steals.append(min(1.0, float(result.get(f"{cpus}_steal_ns") or 0) / (count * window_ns)))
        places = min(count, threads or count) if name == SERVER else 1.0
        most_ns = places * window_ns * (1 - steals[-1])
        fair_ns = most_ns / 2 if spins and name == DOWNSTREAM else 0.0
        polls = spins and name == GENERATOR
        polled_ns = float(result.get("polled_ns") or 0.0) if polls else 0.0
        shares[name] = _share(result, float(result[time]), cpus, most_ns, fair_ns, polled_ns)
        if shares[name] >= SHARE_MIN or (polls and _lags(result)):
            who.append(name)
    return Saturation(tuple(who), shares, max(steals))


def _share(
    result: Mapping[str, Any], used_ns: float, cpus: str, most_ns: float, fair_ns: float, polled_ns: float
) -> float:
    """most_ns: of its threads, had they never been idle. fair_ns: what it could have had at least. polled_ns:
    time in which it used its CPU for nothing."""
    used_ns = max(0.0, used_ns - polled_ns)
    shares = [used_ns / most_ns] if most_ns > 0 else []
    idle_ns = result.get(f"{cpus}_idle_ns")
    if idle_ns is not None and used_ns >= PART_MIN * most_ns > 0:
        shares.append(used_ns / max(used_ns + float(idle_ns) + polled_ns, fair_ns))
    return min(1.0, max(shares, default=0.0))


def _lags(result: Mapping[str, Any]) -> bool:
    """Of several rates the one with the lowest median is that of an unhurried server."""
    lag_ns, steps = result.get("lag_p50_ns"), result.get("steps") or []
    p50_ns = result.get("p50_ns") or min((step["p50_ns"] for step in steps if step["p50_ns"]), default=None)
    return bool(lag_ns is not None and p50_ns and lag_ns > LAG_MIN * p50_ns)
