# SPDX-License-Identifier: MIT
"""Shared by the tests of the scenarios `connections`, `lifecycle` and `map`: their lines made up, and a
round of them for real."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import synthetic
from assaylib import UsageError, machine, plan, scenarios, words
from assaylib.programs import Build
from assaylib.scenarios import command, outcome, plans, sections

MODELS = ("thread_pool", "event_loop", "actor")
CPUS = machine.cpus()
BUILT = plan.Built(model_cases=tuple(f"model/rpc/{m}" for m in MODELS), services=("rpc",), cpus=(0, 1))
BOUND = {"limit": "server or nobody", "scope": "bound"}


def line(family: plan.Family, member: str, number: int, process: int, **given: Any) -> dict[str, Any]:
    return {
        **{
            "schema": 1,
            "kind": "service",
            "family": family.id,
            "case": family.case(member),
            "member": member,
        },
        **{
            "round": number,
            "process": process,
            "started": "2026-11-20T11:00:00Z",
            "seconds": 1.0,
            "status": "ok",
        },
        **{"reason": None, "metrics": {}, "gates": {}, "covariates": {"steal_percent": 0.0}, **given},
    }


def written(folder: Path, families: Any, lines: list[dict[str, Any]]) -> outcome.Outcome:
    facts, _ = synthetic.make_run(kinds=())
    facts |= {"tier": "scenario", "families": [family.to_json() for family in families]}
    synthetic.write_run(folder, facts, lines)
    (found,) = outcome.outcomes(*command.read(folder))
    return found


def told(found: outcome.Outcome) -> str:
    return sections.text(found).replace(words.SPACE, " ")


def measured(opened: Build, folder: Path, text: str) -> outcome.Outcome:
    """One round of it, as a run makes it, without waiting for a quiet machine."""
    (folder / "mine.toml").write_text(text)
    wanted = scenarios.load(str(folder / "mine.toml"))
    built = plan.Built(
        model_cases=tuple(f"model/rpc/{m}" for m in ("thread_per_connection", "event_loop")),
        services=("rpc",),
        cpus=CPUS,
    )
    families = [scenarios.pilot(opened, f, print)[0] for f in plans.make([wanted], built, 1, None).families]
    lines: list[dict[str, Any]] = []
    for family in families:
        for member in family.members:
            found = scenarios.measure(opened, family, member, seed=1, padding=0)[member]
            assert found["status"] == "ok", (family.id, member, found["reason"])
            lines.append(
                line(family, member, 1, len(lines), **{**found, "covariates": {"steal_percent": 0.0}})
            )
    return written(folder, families, lines)


def assert_refused(folder: Path, text: str, old: str, new: str, said: str) -> None:
    """That file, in which a new word stands for the old one, is refused by its key."""
    assert old in text
    path = folder / "mine.toml"
    path.write_text(text.replace(old, new))
    with pytest.raises(UsageError, match=f"{path}: {said}".replace("[", r"\[").replace(".", r"\.")):
        scenarios.load(str(path))
