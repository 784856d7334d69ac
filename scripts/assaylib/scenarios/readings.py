# SPDX-License-Identifier: MIT
"""What most kinds take from one open loop and from a server's end: metrics, gates, and their table."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from .. import words
from ..blocks import Column, Table
from ..figures import few
from ..intervals import median
from ..gates import Conditions, of
from ..gates.validity import ACHIEVED_MIN, KNEE_SHARE_MAX, most  # noqa: F401: capacity judges by the first, too
from ..plan import SERVICE_BASELINE, Family
from ..rig import Failure, final, opened  # noqa: F401: what a kind's metrics are made of
from ..sections.gates import saturated
from . import plans, series, stand
from .outcome import Outcome
from .scenario import Scenario


def gates(
    family: Family,
    result: dict[str, Any],
    end: dict[str, Any],
    *,
    below_knee: bool,
    closed: dict[str, Any] | None = None,
    ceiling_hz: float | None = None,
    server_spins: bool = False,
) -> dict[str, Any]:
    """below_knee: at this rate the server has to keep up; else that it does not is the finding. closed: a
    loop whose throughput is a figure, too. server_spins: it polls, and its CPU is full whatever it has to do."""
    load, threads = family.load["scenario"]["load"], set(family.load["threads"].values())
    asked = Conditions(
        load["connections"],
        threads=threads.pop() if len(threads) == 1 else None,
        spins=bool(load.get("spin_us")),
        below_knee=below_knee,
        server_spins=server_spins,
        tolerated=0 if below_knee else None,
        ceiling_hz=ceiling_hz,
        rig_hz=family.load.get("rig_hz", math.inf),
    )
    return of(asked, opened=result, closed=closed, final=end)


def below_knee(family: Family, model: str, rate_hz: float) -> dict[str, Any]:
    """A rate that is stated may be any: it is held against what the model did in the pilot. Where that is not known,
    neither is whether the rate lies below its knee."""
    closed_hz = (family.load.get("pilot_closed_hz") or {}).get(model)
    if not closed_hz:
        raise Failure("what it reaches in a closed loop is not known: the pilot failed")
    return {"rate_over_closed": most(rate_hz / closed_hz, KNEE_SHARE_MAX, "open")}


MAXIMUM_GATES = {
    "maximum_replies_wrong": "closed_replies_wrong",
    "maximum_other_bytes": "other_bytes",
    "maximum_connections_held": "connections_held",
    "maximum_littles_law": "littles_law",
    "maximum_below_ceiling": "below_ceiling",
    "maximum_saturated": "closed_saturated",
    "maximum_rig_share": "rig_share",
}


def maximum_gates(family: Family, done: dict[str, Any], model: str) -> dict[str, Any]:
    """Of the closed loop that says what too much is: all hangs on it."""
    scenario = stand.of(family)
    connections = scenario.steps["maximum_connections"]
    asked = Conditions(
        connections,
        threads=scenario.server["threads"],
        ceiling_hz=ceiling_hz(scenario, model, scenario.steps["maximum_s"], connections),
        rig_hz=family.load.get("rig_hz", math.inf),
    )
    found = of(asked, closed=done)
    # Of a bound that is not known nothing hangs but a mark: who was at his limit is asked beside it.
    scopes = {"rig_share": "all" if asked.rig_hz else "bound"}
    return {
        name: {**found[gate], "scope": scopes.get(gate, "all")} for name, gate in MAXIMUM_GATES.items() if gate in found
    }


WAITING = ("call", "blend", "fanout")  # every request waits for the service downstream; of `cache` chance says which


def ceiling_hz(scenario: Scenario, model: str, window_s: float, connections: int | None = None) -> float | None:
    """What no arithmetic allows to exceed: connections ÷ delay, threads ÷ delay; and what was under way
    when the window began. None where nothing waits for a fixed time. connections: other than the load's."""
    server, (kind, _, us) = scenario.options(model), scenario.downstream.get("delay", "").partition(":")
    if server["workload"] not in WAITING or kind != "fixed" or not float(us):
        return None
    delay_s, places = float(us) / 1e6, [float(connections or scenario.load["connections"])]
    if server.get("downstream_connections"):
        places.append(server["downstream_connections"] / (server.get("fan") or 1))
    if model == SERVICE_BASELINE:
        places.append(float(server["threads"]))
    return min(places) * (1 / delay_s + 1 / window_s)


def classes(scenario: Scenario, opened: dict[str, Any]) -> list[dict[str, Any]]:
    """What load says of each class of the file; [] where it has none."""
    names = {each["name"] for each in scenario.classes}
    return [each for each in opened["classes"] if each["name"] in names] if names else []


def of_classes(every: Iterable[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    """(name, figures) of each as a line's metrics."""
    return {f"{_class(name)}{key}": each[key] for name, each in every for key in ("planned", "p50_ns", "p99_ns")}


def _class(name: str) -> str:
    return f"class_{name}_"


def class_table(outcome: Outcome, caption: str) -> list[Table]:
    """A row for each class of each member, if there are several."""
    family, names = outcome.family, [each["name"] for each in outcome.scenario.classes]
    found = Table(
        f"{caption}, class by class: medians of rounds",
        [
            Column("member"),
            Column("offered/s", True),
            Column("class"),
            Column("requests due", True),
            Column("p50, ms", True),
            Column("p99, ms", True),
        ],
        folded=True,
    )

    def middle(member: str, metric: str, divisor: float, decimals: int) -> str:
        estimate = series.estimate(family, member, metric)
        return words.fixed(estimate.median / divisor, decimals) if estimate else "–"

    for member in family.plan["members"]:
        for name in names:
            offered, due = (middle(member, key, 1, 0) for key in ("offered_hz", f"{_class(name)}planned"))
            late = (middle(member, f"{_class(name)}{p}_ns", 1e6, 2) for p in ("p50", "p99"))
            found.add(words.label(member), offered, name, due, *(series.marked(family, member, cell) for cell in late))
    found.notes += [*series.dagger(family), *few(family, family.plan["members"], *map(_class, names))]
    return [found] if names else []


SATURATED = {
    "over_saturated": "in the overload",
    "saturated": "saturated",
    "maximum_saturated": "… while its closed-loop maximum was measured",
    "closed_saturated": "… in the closed loop",
}


def limits(outcome: Outcome, saturated_in: str = SATURATED["saturated"]) -> Table:
    """Who was at his limit, where no table of load says so. saturated_in: what the open loop was, if several things."""
    family = outcome.family
    every = {**SATURATED, "saturated": saturated_in}
    asked = {name: said for name, said in every.items() if any(g.name == name for g in family.gates)}
    found = Table(
        "Who was at his limit: server, generator, downstream service or nobody; in how many rounds, if not in all",
        [
            Column("member"),
            *(Column(said) for said in asked.values()),
            Column("generator's lag p99, ms", True),
            Column("rounds", True),
        ],
        folded=True,
    )
    for member in family.plan["members"]:
        lags = [s["metrics"].get("lag_p99_ns") for s in family.samples.get(member, {}).values()]
        known = [float(ns) for ns in lags if ns is not None]
        found.add(
            words.label(member),
            *(saturated(family, member, name) for name in asked),
            words.fixed(median(known) / 1e6, 2) if known else "–",
            str(len(lags)),
        )
    return found


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
        every = [s["metrics"] for s in series.good(family, member, "p99_ns").values()]

        def middle(
            key: str, divisor: float = 1.0, decimals: int = 0, mark: str = "", every: list[dict[str, Any]] = every
        ) -> str:
            values = [float(m[key]) for m in every if m.get(key) is not None]
            return words.fixed(median(values) / divisor, decimals) + mark if values else "–"

        late = "†" if member in family.tails else ""
        found.add(
            words.label(member.partition(plans.SEPARATOR)[0]),
            middle("offered_hz"),
            middle("achieved_hz"),
            middle("p50_ns", 1e6, 2, late),
            middle("p99_ns", 1e6, 2, late),
            str(sum(m["wrong"] + m["failed"] for m in every)) if every else "–",
            middle("server_busy_percent"),
            middle("load_busy_percent"),
            middle("lag_p99_ns", 1e6, 2),
            saturated(family, member, "saturated"),
            str(len(every)),
        )
    found.notes += series.dagger(family)
    return found
