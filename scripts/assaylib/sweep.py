# SPDX-License-Identifier: MIT
"""`assay sweep`: threads, batch, spin and queue limit of each model, one at a time away from its default.

A family is a model under one kind of work; its members are its default (twice, for A/A) and the
default with one setting changed. Each is a fresh process per round, in random order: a run like any
other, of the tier `sweep`, so that plan, store, discard, make-up and resume are the same. A setting
is swept where it binds: the queue limit under too many requests, spinning behind sockets under load;
how much is done in a row where there is more than that, messages between actors or pipelined requests;
threads in process, where they may use all CPUs: several are not pinned, one shares a CPU with the
client, which sleeps meanwhile; and of a pool while requests wait for a service, each in its thread. sweep_work.py measures what is not `rpc` behind
sockets; what is made of it all is in sweep_table.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from . import plan, record, run, served, sweep_table, sweep_work
from .planned import Built, Family
from .programs import Build
from .tiers import TIERS, Tier

DEFAULT = "default"
WORKLOAD = "rpc"
#: Where the sweep is kept that the defaults were chosen by.
RECORD = "sweep"

#: Values beside the default, which serve and model_bench have; small enough to be swept in minutes.
GRID: dict[str, tuple[int, ...]] = {
    "batch": (1, 8, 32, 1000),
    "spin_us": (20, 100),
    "queue_limit": (16, 128, 5000),
}
#: Of models from outside the tree, and of one whose queue is before its door: fewer than the connections that wait.
FEW = (8, 16)


@dataclass(frozen=True)
class Work:
    """What a model is swept under, and by which settings."""

    how: str  #: "sockets": service.py; else one of sweep_work.MEASURES
    workload: str
    settings: tuple[str, ...]
    process_s: float = 0.0  #: of one process; sockets: as its load says


SOCKETS = Work("sockets", WORKLOAD, ("spin_us",))
OVERLOAD = Work("overload", "cpu", ("queue_limit",), 2.4)
PIPELINED = Work("pipelined", "echo", ("batch",), 1.2)
THREADS = Work("in_process", "cpu", ("threads",), 0.5)
CALLS = Work("calls", "call", ("threads",), 1.2)
#: What every model has, one from outside the tree, too: a queue limit.
FEWEST = (Work("sockets", WORKLOAD, ("queue_limit",)),)
#: Model → works.
WORKS: Mapping[str, tuple[Work, ...]] = {
    "thread_pool": (SOCKETS, OVERLOAD, PIPELINED, THREADS, CALLS),  # a call keeps its thread
    "event_loop": (SOCKETS, OVERLOAD, PIPELINED, THREADS),
    "actor": (
        SOCKETS,
        OVERLOAD,
        PIPELINED,
        THREADS,
        Work("in_process", "ring", ("batch", "threads"), 0.5),
        Work("in_process", "count", ("batch",), 0.5),
    ),
    # Behind sockets it has no worker that could spin, and in process its worker has always something to do.
    "thread_per_connection": (*FEWEST, THREADS),
}


def settings(model: str, work: Work, cpus: int) -> dict[str, dict[str, int]]:
    """Member → what it changes. model_bench has one thread of its own accord: there even the default is said."""
    base = {"threads": cpus} if "threads" in work.settings and work.how == "in_process" else {}
    changed: dict[str, dict[str, int]] = {DEFAULT: base, f"{DEFAULT}.same": base}
    for name in work.settings:
        changed |= {f"{name}={value}": {**base, name: value} for value in _values(model, work, name, cpus)}
    return changed


def _values(model: str, work: Work, name: str, cpus: int) -> list[int]:
    if work is CALLS:
        return sorted({cpus, *sweep_work.CALLING})
    if name == "threads":
        return [value for value in (1, 2 * cpus) if value != cpus]
    grid = FEW if name == "queue_limit" and work.how == "sockets" else GRID[name]
    batch = sweep_work.REQUESTS_IN_A_ROW if work is PIPELINED else sweep_work.BATCHES.get(model)
    return [value for value in grid if name != "batch" or value != batch]


def families(built: Built, tier: Tier) -> list[Family]:
    if WORKLOAD not in built.services:
        return []
    return [
        _family(model, work, built, tier)
        for model in served.models(built)
        for work in WORKS.get(model, FEWEST)
        if work.how != "in_process" or f"model/{work.workload}/{model}" in built.model_cases
    ]


def _family(model: str, work: Work, built: Built, tier: Tier) -> Family:
    changed = settings(model, work, len(built.cpus))
    load = served.service_load(WORKLOAD, tuple(changed), tier, built.cpus)
    # A full queue stops reading: refused requests would be faster than served ones, where that is no finding.
    on_full = "reject" if work.how == "overload" else "wait"
    load |= {"model": model, "settings": changed, "on_full": on_full, "workload": work.workload}
    if work.how != "sockets":
        load |= {"how": work.how, "process_s": work.process_s, "pilot_s": 0.0}
    return Family(
        id=f"sweep/{model}" if work.how == "sockets" else f"sweep/{model}/{work.how}_{work.workload}",
        kind="service",
        title=f"settings of {model}: {sweep_table.about(load)}",
        baseline=DEFAULT,
        members=tuple(changed),
        aliases={f"{DEFAULT}.same": "same"},
        floors={},
        injected={},
        rounds=tier.service_rounds,
        load=load,
    )


def show_list(build: Build) -> int:
    """What would be measured, and how long that takes; measures nothing."""
    tier = TIERS["sweep"]
    made = plan.make(run.discover(build, tier), tier, 1)
    for family in made.families:
        print(f"{family.id:32} {' '.join(family.members)}")
    print(f"{len(made.tasks)} processes, about {made.seconds / 60:.0f} minutes, at most {made.most_seconds / 60:.0f}")
    print(f"the defaults: {sweep_work.defaults()}; chosen by the sweep in reports/{RECORD} (--id {RECORD} replaces it)")
    return 0


def main(build: Build, root: Path, request: run.Request) -> int:
    code = run.start(build, root, request)
    return show(request.reports / str(request.id)) if code in (0, 1) else code


def resume(build: Build, root: Path, folder: Path, *, force: bool) -> int:
    sweep_table.check(folder)
    code = run.resume(build, root, folder, force=force)
    return show(folder) if code in (0, 1) else code


def show(folder: Path) -> int:
    """The table, and the folder as the last line."""
    facts, samples = sweep_table.read(folder)
    print(sweep_table.text(facts, samples))
    print(folder)
    return record.exit_code(samples.lines)
