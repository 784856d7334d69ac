# SPDX-License-Identifier: MIT
"""`assay sweep`: threads, batch, spin and queue limit of each model, one at a time away from its default.

A family is a model under one kind of work; its members are its default (twice, for A/A) and the
default with one setting changed. Each is a fresh process per round, in random order: a run like any
other, of the tier `sweep`, so that plan, store, discard, make-up and resume are the same. A setting
is swept where it binds: the queue limit and spinning behind sockets under load; how much is done in
a row where there is more than that, messages between actors or pipelined requests; threads in
process, where they may use all CPUs: several are not pinned, the default's one shares a CPU with the
client, which sleeps meanwhile. sweep_work.py measures what is not `rpc` behind
sockets; what is made of it all is in sweep_table.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from . import plan, record, run, served, sweep_table
from .planned import Built, Family
from .programs import Build
from .tiers import TIERS, Tier

DEFAULT = "default"
WORKLOAD = "rpc"
#: Where the sweep is kept that the defaults were chosen by.
RECORD = "sweep"

#: Values beside the default, which serve and model_bench have; small enough to be swept in minutes.
GRID: dict[str, tuple[int, ...]] = {
    "threads": (2, 4),
    "batch": (1, 8, 1000),  # in a row for one connection or actor; the default is the model's own
    "spin_us": (20, 100),
    "queue_limit": (8, 16),  # fewer than the 32 connections that wait for an answer
}


@dataclass(frozen=True)
class Work:
    """What a model is swept under, and by which settings."""

    how: str  #: "sockets": service.py; else one of sweep_work.MEASURES
    workload: str
    settings: tuple[str, ...]
    process_s: float = 0.0  #: of one process; sockets: as its load says


SOCKETS = Work("sockets", WORKLOAD, ("spin_us", "queue_limit"))
PIPELINED = Work("pipelined", "echo", ("batch",), 0.9)
THREADS = Work("in_process", "cpu", ("threads",), 0.5)
#: What every model has, one from outside the tree, too: a queue limit.
FEWEST = (Work("sockets", WORKLOAD, ("queue_limit",)),)
#: Model → works.
WORKS: Mapping[str, tuple[Work, ...]] = {
    "thread_pool": (SOCKETS, PIPELINED, THREADS),
    "event_loop": (SOCKETS, PIPELINED, THREADS),
    "actor": (
        SOCKETS,
        PIPELINED,
        THREADS,
        Work("in_process", "ring", ("batch", "threads"), 0.5),
        Work("in_process", "count", ("batch",), 0.5),
    ),
    # Behind sockets it has no worker that could spin, and in process its worker has always something to do.
    "thread_per_connection": (*FEWEST, THREADS),
}


def settings(work: Work) -> dict[str, dict[str, int]]:
    """Member → what it changes."""
    changed: dict[str, dict[str, int]] = {DEFAULT: {}, f"{DEFAULT}.same": {}}
    for name in work.settings:
        changed |= {f"{name}={value}": {name: value} for value in GRID[name]}
    return changed


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
    changed = settings(work)
    load = served.service_load(WORKLOAD, tuple(changed), tier, built.cpus)
    # A full queue stops reading: refused requests would be faster than served ones.
    load |= {"model": model, "settings": changed, "on_full": "wait", "workload": work.workload}
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
    print(f"the defaults: {plan.SWEEP_DEFAULTS}; chosen by the sweep in reports/{RECORD} (--id {RECORD} replaces it)")
    return 0


def main(build: Build, root: Path, request: run.Request) -> int:
    code = run.start(build, root, request)
    return show(request.reports / str(request.id)) if code in (0, 1) else code


def resume(build: Build, root: Path, folder: Path, *, force: bool) -> int:
    sweep_table.read(folder)
    code = run.resume(build, root, folder, force=force)
    return show(folder) if code in (0, 1) else code


def show(folder: Path) -> int:
    """The table, and the folder as the last line."""
    facts, samples = sweep_table.read(folder)
    print(sweep_table.text(facts, samples))
    print(folder)
    return record.exit_code(samples.lines)
