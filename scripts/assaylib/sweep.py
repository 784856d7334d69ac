# SPDX-License-Identifier: MIT
"""`assay sweep`: every setting of a model that has a default, one at a time away from it.

A family is a model behind sockets under `rpc`; its members are its default (twice, for A/A) and the
default with one setting changed. Each is a fresh server per round, in random order: a run like any
other, of the tier `sweep`, so that plan, store, discard, make-up and resume are the same. What is
made of it is in sweep_table.py.
"""

from __future__ import annotations

from pathlib import Path

from . import plan, run, sweep_table
from .plan import Built, Family, Tier
from .programs import Build

DEFAULT = "default"
WORKLOAD = "rpc"

#: Values beside the default, which serve has; small enough to be swept in minutes.
GRID: dict[str, tuple[int, ...]] = {
    "threads": (2, 4),
    "batch": (1, 8, 1000),  # in a row for one connection or actor; the default is the model's own
    "spin_us": (20, 100),
    "queue_limit": (8, 64),
}
USES = {
    "thread_per_connection": ("spin_us", "queue_limit"),  # as many threads as connections
    "thread_pool": tuple(GRID),
    "event_loop": tuple(GRID),
    "actor": tuple(GRID),
}
FEWEST = ("queue_limit",)  # what every model has, also one from outside the tree


def settings(model: str) -> dict[str, dict[str, int]]:
    """Member → what it changes."""
    changed: dict[str, dict[str, int]] = {DEFAULT: {}, f"{DEFAULT}.same": {}}
    for name in USES.get(model, FEWEST):
        changed |= {f"{name}={value}": {name: value} for value in GRID[name]}
    return changed


def families(built: Built, tier: Tier) -> list[Family]:
    if WORKLOAD not in built.services:
        return []
    return [_family(model, built, tier) for model in plan.models(built)]


def _family(model: str, built: Built, tier: Tier) -> Family:
    changed = settings(model)
    load = plan.service_load(WORKLOAD, tuple(changed), tier, built.cpus)
    load["threads"] |= {m: each["threads"] for m, each in changed.items() if "threads" in each}
    return Family(
        id=f"sweep/{model}",
        kind="service",
        title=f"settings of {model}",
        baseline=DEFAULT,
        members=tuple(changed),
        aliases={f"{DEFAULT}.same": "same"},
        floors={},
        injected={},
        rounds=tier.service_rounds,
        # A full queue stops reading: refused requests would be faster than served ones.
        load={**load, "model": model, "settings": changed, "on_full": "wait"},
    )


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
    return run.exit_code(samples.lines)
