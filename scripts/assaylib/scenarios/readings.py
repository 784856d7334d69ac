# SPDX-License-Identifier: MIT
"""What most kinds take from one open loop and from a server's end: figures, gates, and their table."""

from __future__ import annotations

from typing import Any

from .. import words
from ..blocks import Column, Table
from ..intervals import median
from ..gates import Conditions, of, passes
from ..gates.validity import ACHIEVED_MIN  # noqa: F401: capacity judges by it, too
from ..plan import Family
from ..sections.gates import saturated
from . import plans
from .outcome import Outcome

COPIED = (
    "offered_hz achieved_hz p50_ns p90_ns p99_ns p999_ns max_ns mean_ns service_p50_ns service_p99_ns"
    " lag_p50_ns lag_p99_ns lag_max_ns in_flight_mean sent answered unsent failed wrong"
).split()


def opened(result: dict[str, Any]) -> dict[str, Any]:
    """Of load's JSON; per request where there was one."""
    answered = result["answered"] or None
    switches = result["watch_voluntary_switches"] + result["watch_involuntary_switches"]
    found = {key: result[key] for key in COPIED}
    for name, total in (
        ("cpu_ns", result["watch_cpu_ns"]),
        ("cpu_user_ns", result["watch_cpu_user_ns"]),
        ("cpu_system_ns", result["watch_cpu_system_ns"]),
        ("context_switches", switches),
    ):
        found[f"{name}_per_request"] = total / answered if answered else None
    found["rss_bytes"] = result["watch_rss_bytes"]
    found["server_busy_percent"] = 100.0 * result["watch_cpu_ns"] / result["duration_ns"]
    found["load_busy_percent"] = 100.0 * result["cpu_ns"] / result["duration_ns"]
    return found


def final(result: dict[str, Any]) -> dict[str, Any]:
    """Of serve's JSON, over its whole life."""
    served = max(1, result["answered"])
    each = {f"{name}_per_request": result[name] / served for name in ("turns", "messages", "wakeups", "syscalls")}
    return {**each, "drain_ns": result["drain_ns"], "lost": result["lost"], "max_rss_bytes": result["max_rss_bytes"]}


def gates(
    family: Family, result: dict[str, Any], end: dict[str, Any], *, below_knee: bool
) -> dict[str, Any]:
    """below_knee: at this rate the server has to keep up; else that it does not is the finding."""
    load, threads = family.load["scenario"]["load"], set(family.load["threads"].values())
    asked = Conditions(
        load["connections"],
        threads=threads.pop() if len(threads) == 1 else None,
        spins=bool(load.get("spin_us")),
        below_knee=below_knee,
        tolerated=0 if below_knee else None,
        rig_hz=family.load.get("rig_hz"),
    )
    return of(asked, opened=result, final=end)


def table(outcome: Outcome, caption: str, *shows: str) -> Table:
    """A row for each member; shows: the pictures whose data they are."""
    family = outcome.family
    found = Table(
        caption,
        [
            Column("model"),
            Column("offered/s", True),
            Column("achieved/s", True),
            Column("p50, ms", True),
            Column("p99, ms", True),
            Column("errors", True),
            Column("server busy, %", True),
            Column("generator busy, %", True),
            Column("generator's lag p99, ms", True),
            Column("saturated"),
            Column("rounds", True),
        ],
        folded=True,
        shows=tuple(map(outcome.chart, shows)),
    )
    for member in family.plan["members"]:
        every = [s["metrics"] for s in family.samples.get(member, {}).values() if passes(s, "p99_ns")]

        def middle(key: str, divisor: float = 1.0, decimals: int = 0, every: list[dict[str, Any]] = every) -> str:
            values = [float(m[key]) for m in every if m.get(key) is not None]
            return words.fixed(median(values) / divisor, decimals) if values else "–"

        found.add(
            words.label(member.partition(plans.SEPARATOR)[0]),
            middle("offered_hz"),
            middle("achieved_hz"),
            middle("p50_ns", 1e6, 2),
            middle("p99_ns", 1e6, 2),
            str(sum(m["wrong"] + m["failed"] for m in every)),
            middle("server_busy_percent"),
            middle("load_busy_percent"),
            middle("lag_p99_ns", 1e6, 2),
            saturated(family, member, "saturated"),
            str(len(every)),
        )
    return found
