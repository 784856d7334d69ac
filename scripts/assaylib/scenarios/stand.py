# SPDX-License-Identifier: MIT
"""A fresh server as a scenario wants it, its downstream service if there is one, and load for both."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .. import rig
from ..plan import Family
from ..programs import Build, Finished
from .scenario import Scenario

#: What serve refuses because the model does nothing with it: [server] is said to all models at once.
WITHOUT_USE = {
    "thread_pool": ("offload_threads",),
    "thread_per_connection": ("offload_threads", "batch"),
}
#: Workloads whose requests are messages: serve wants to know of which type.
PAYLOADS = ("rpc", "call", "cache")
ANSWERS = ("workload", "payload", "codec", "cpu_iterations", "hops", "messages")


@dataclass(frozen=True)
class Start:
    """What a process of a scenario is started with, beside what the file says."""

    scenario: Scenario
    serve: Mapping[str, Any] = field(default_factory=dict)
    load: Mapping[str, Any] = field(default_factory=dict)
    downstream: Mapping[str, Any] = field(default_factory=dict)


def of(family: Family) -> Scenario:
    return Scenario.from_json(family.load["scenario"])


class TooBusy(rig.Failure):
    """The machine, and no server, is why there are no figures: the process has none and is no failed one, so
    that the discard rule can have it made up for."""


@dataclass
class Stand:
    """seed: of arrivals."""

    build: Build
    scenario: Scenario
    server: rig.Server
    downstream: rig.Downstream | None
    load_cpu: int | str
    seed: int

    def load(self, *, unanswered: bool = False, **options: Any) -> dict[str, Any]:
        """One run of load to its end: load(rate=…, warmup_s=…, duration_s=…), arrival="closed" without
        a rate, and whatever else load takes."""
        with self.start_load(**options) as loading:
            return loading.wait(unanswered=unanswered)

    def start_load(self, **options: Any) -> contextlib.AbstractContextManager[rig.Loading]:
        """The same, beside other things."""
        given = loading(self.scenario, {"seed": self.seed, **options})
        return rig.start_load(self.build, self.server, given, cpu=self.load_cpu)

    def asked(self) -> dict[str, Any]:
        """What a request asks for, as load's options."""
        return _asked(self.scenario, {})

    def stop(self) -> tuple[dict[str, Any], Finished]:
        """SIGTERM; what serve wrote at its end, and how it ended."""
        return self.server.stop()


@contextlib.contextmanager
def stand(
    build: Build,
    family: Family,
    model: str,
    *,
    seed: int,
    padding: int,
    control: bool = False,
    **changes: Any,
) -> Iterator[Stand]:
    """model: or a row of one. changes: options of serve beside the scenario's. control: downstream.control() is
    wanted."""
    scenario = of(family)
    options = serving(scenario, model, changes)
    load_cpu = family.load["load_cpu"]
    with contextlib.ExitStack() as stack:
        beside = None
        if scenario.downstream:
            running = rig.downstream(build, scenario.downstream, cpu=load_cpu, control=control)
            beside = stack.enter_context(running)
            options["downstream"] = beside.address
        cpu = family.load["server_cpu"]
        server = stack.enter_context(rig.server(build, options, cpu=cpu, padding=padding))
        server.beside_pid = beside.child.pid if beside else None
        yield Stand(build, scenario, server, beside, load_cpu, seed)


def serving(scenario: Scenario, row: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Options of serve, but for where the service downstream is."""
    options = {**scenario.options(row), **changes}
    for name in WITHOUT_USE.get(options["model"], ()):
        options.pop(name, None)
    if options["workload"] not in PAYLOADS:
        del options["payload"], options["codec"]
    return options


def loading(scenario: Scenario, options: Mapping[str, Any]) -> dict[str, Any]:
    """… of load, but for whom it loads."""
    given = {**_asked(scenario, options), **options}
    for ours in ("settle", "warmup", "duration"):
        if f"{ours}_s" in given:
            given[ours] = float(given.pop(f"{ours}_s"))
    if given["arrival"] == "closed":
        for name in ("rate", "burst", "spin_us", "slack_us"):
            given.pop(name, None)
    return given


def _asked(scenario: Scenario, options: Mapping[str, Any]) -> dict[str, Any]:
    """What requests ask for, as load's options. options: those that are given besides."""
    what = {name: scenario.server.get(name) for name in ANSWERS}
    load = dict(scenario.load)
    if "classes" in options:  # each says what it asks for
        return load
    if not scenario.classes:
        return {**load, **what}
    return {**load, "classes": [{**what, **_said(each)} for each in scenario.classes]}


def requests(scenario: Scenario, **options: Any) -> dict[str, Any]:
    """The same without saying when they come."""
    when = ("arrival", "rate", "burst", "spin_us", "slack_us")
    return {name: value for name, value in _asked(scenario, options).items() if name not in when} | options


def _said(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}
