# SPDX-License-Identifier: MIT
"""What a downstream service is told to be, phase after phase, and when."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from typing import Any

from .. import rig
from .scenario import Scenario
from .watching import Spent

HITS, MISSES = "hits", "misses"
NORMAL = "normal"
#: Fault → what the control address is told; slow is told its delay.
FAULTS: dict[str, dict[str, str]] = {
    "slow": {},
    "stalled": {"state": "stopped"},
    "refusing": {"state": "refusing"},
    "dead": {"state": "dead"},
}


def drawn(faults: Sequence[str], seed: int) -> list[str]:
    """In an order of the process's own (METHOD 1.2): what follows what differs from round to round."""
    return random.Random(seed).sample(faults, len(faults))


def phases(faults: Sequence[str]) -> list[str]:
    """Their names in order."""
    return [NORMAL, *(name for fault in faults for name in (fault, back_name(fault)))]


def metric(phase: str) -> str:
    """A phase as the beginning of a figure's name."""
    return phase.replace(" ", "_")


def planned_s(steps: dict[str, Any]) -> list[float]:
    """How long each phase lasts, whatever the faults' order."""
    return [steps["normal_s"], *([steps["fault_s"], steps["back_s"]] * len(steps["faults"]))]


def tell(
    downstream: rig.Downstream, scenario: Scenario, order: Sequence[str], spent: Spent
) -> list[tuple[str, int]]:
    """Phase after phase, with the faults in that order: (its name, when it began by CLOCK_MONOTONIC). A fault begins when it was asked
    for, being back when that was confirmed: what lies between the two belongs to the fault. spent: of the
    service, which is another process after each death."""
    steps, usual = scenario.steps, scenario.downstream["delay"]
    spent.begin(downstream.control(state="up")["pid"])
    told = [(NORMAL, time.monotonic_ns())]
    next_s = time.monotonic() + steps["normal_s"]
    for fault in order:
        _sleep_until(next_s)
        spent.look()
        told.append((fault, time.monotonic_ns()))
        downstream.control(**(FAULTS[fault] or {"delay": steps["slow_delay"]}))
        _sleep_until(next_s + steps["fault_s"])
        spent.look()
        spent.of(downstream.control(state="up", delay=usual)["pid"])
        told.append((back_name(fault), time.monotonic_ns()))
        next_s += steps["fault_s"] + steps["back_s"]
    _sleep_until(next_s)
    spent.look()
    return [*told, ("", time.monotonic_ns())]


def _sleep_until(at_s: float) -> None:
    time.sleep(max(0.0, at_s - time.monotonic()))


def back_name(fault: str) -> str:
    return f"after {fault}"


def fault_of(phase: str) -> str:
    """Of a fault, and of the phase after it."""
    return phase.removeprefix(back_name(""))


def spans(told: Sequence[tuple[str, int]]) -> list[dict[str, Any]]:
    """[{"name", "from_ns", "to_ns"}]; the last of told only ends the one before."""
    return [{"name": name, "from_ns": at_ns, "to_ns": told[i + 1][1]} for i, (name, at_ns) in enumerate(told[:-1])]
