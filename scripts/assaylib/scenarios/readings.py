# SPDX-License-Identifier: MIT
"""What most kinds take from one open loop and from a server's end: metrics, gates, and their table."""

from __future__ import annotations

from typing import Any

from .. import words
from ..blocks import Column, Table
from ..intervals import median
from ..gates import Conditions, of, passes
from ..gates.validity import ACHIEVED_MIN  # noqa: F401: capacity judges by it, too
from ..plan import Family
from ..rig import final, opened  # noqa: F401: what a kind's metrics are made of
from ..sections.gates import saturated
from . import plans
from .outcome import Outcome


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
