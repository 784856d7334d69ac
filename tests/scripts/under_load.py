# SPDX-License-Identifier: MIT
"""A report with scenarios, whose lines are made up by the tests of each."""

from __future__ import annotations

from pathlib import Path

import failures
import synthetic
import test_connections as held
import test_lifecycle as lives
import test_map as maps
import test_mixed as heavy
import test_overload as overloads
import test_scenarios as capacities
import test_slow_downstream as neighbours
import test_soak as soaks
from assaylib import report


def write(folder: Path) -> Path:
    """A run of models, drawn, with a run of every kind of scenario, and a soak."""
    made = folder / "made"
    made.mkdir(parents=True)
    added = [capacities.made_up(made / "capacity")]
    for name, text, make, load in (
        ("overload", failures.OVERLOAD, overloads.overloaded, {}),
        ("slow", failures.SLOW, neighbours.failing, {}),
        ("mixed", failures.MIXED, heavy.heavy, {"rate_hz": 100.0}),
    ):
        added.append(failures.made_up(made / name, failures.parsed(made, text, name), make, **load))
    for name, make in (("held", held.held_memory), ("lives", lives.lives), ("map", maps.mapped)):
        make(made / name)
        added.append(made / name)
    added.append(soaks.made_up(made / "soak"))
    run = synthetic.write_run(folder / "under_load", *synthetic.make_run(count=4, rounds=8, kinds=("model",)))
    report.render(run, added)
    return run
