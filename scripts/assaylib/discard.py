# SPDX-License-Identifier: MIT
"""Which processes count: a rule over covariates, declared in run.json before the first sample
(METHOD 1.10). It never sees a time.

A discarded process takes its own value with it and nothing else. What pairs are lost follows from
that: a discarded baseline has no value that its rivals of that round could be held against.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

KINDS = ("codec", "model", "service")
# Chosen on a two-core VM. A codec or model process pairs blocks of a millisecond, is short and is
# quickly run again: little may be stolen. A service keeps both CPUs busy, so that its host steals
# more and from everybody: at 5 % almost no round would be left there. 10 % is a compromise and no
# bound on what theft does to a ratio; A/A, under the same rule, shows what it leaves.
STEAL_PERCENT_MAX = {"codec": 5.0, "model": 5.0, "service": 10.0}
OTHERS_PERCENT_MAX = 10.0
COVARIATES = {"steal_percent": "steal", "others_percent": "other programs"}


def declared() -> dict[str, Any]:
    """For run.json."""
    low, high = STEAL_PERCENT_MAX["codec"], STEAL_PERCENT_MAX["service"]
    return {
        "steal_percent_max": dict(STEAL_PERCENT_MAX),
        "others_percent_max": OTHERS_PERCENT_MAX,
        "text": f"a process does not count if the host took more than {low:g} % of the CPU time"
        f" meanwhile ({high:g} % for a service) or other programs more than"
        f" {OTHERS_PERCENT_MAX:g} %. It takes only its own value with it: a discarded baseline (a"
        " codec or model process holds its whole family) takes the pairs of that round, a discarded"
        " rival or A/A alias its own pair. Two limits, because a service keeps both CPUs busy and"
        f" is stolen from more: at {low:g} % almost no round of one would be left on such a host."
        f" {high:g} % is a compromise and no bound on what theft does to a ratio: A/A, under the same"
        " rule, shows what it leaves",
    }


def rule(run: dict[str, Any], plan: dict[str, Any]) -> dict[str, Any] | None:
    """What a run declared about a family; None where everything counts: nothing declared, or what is counted
    there (instructions, bytes) hardly varies."""
    return None if (plan.get("load") or {}).get("exact") else run.get("discard_rule")


def excuse(rule: dict[str, Any] | None, kind: str, covariates: dict[str, Any] | None) -> str | None:
    """Why a process does not count: "steal 12.3 %"; None if it counts, or nothing is recorded."""
    found = []
    for name, label in COVARIATES.items():
        most, value = limit(rule, kind, name), (covariates or {}).get(name)
        if most is not None and value is not None and value > most:
            found.append(f"{label} {value:.1f} %")
    return " and ".join(found) or None


def limit(rule: dict[str, Any] | None, kind: str, covariate: str) -> float | None:
    """What a run's rule allows of it; None if it says nothing."""
    most = (rule or {}).get(f"{covariate}_max")
    return most.get(kind) if isinstance(most, dict) else most


def pairs(
    plan: dict[str, Any], rule: dict[str, Any] | None, lines: Iterable[dict[str, Any]]
) -> int:
    """Rounds that count for a family: for its worst-off member, those in which the rule leaves both
    the member and the baseline. A failed process counts: it is no excuse to run on."""
    left: dict[str, set[int]] = {member: set() for member in plan["members"]}
    for line in lines:
        counts = line.get("status") != "ok" or not excuse(rule, plan["kind"], line.get("covariates"))
        if counts and line["member"] in left:
            left[line["member"]].add(int(line["round"]))
    base = left[plan["baseline"]]
    return min(len(base & rounds) for rounds in left.values())
