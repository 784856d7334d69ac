# SPDX-License-Identifier: MIT
"""What the raw data says of its families: names, conditions, and what may be claimed from them."""

from __future__ import annotations

from typing import Any, Sequence

from .judge import Family, Judgement
from .store import SOAK_TIER

KINDS = {
    "codec": "Encoding",
    "model": "Concurrency, in process",
    "service": "Concurrency, over sockets",
}
QUICK = ("quick", "smoke")
MESSAGING = ("count", "pingpong", "spawn")  # workloads whose requests are so many messages


def subject(family: Family) -> str:
    """The payload or workload."""
    parts = family.id.split("/")
    return parts[1] if len(parts) > 1 else family.id


def operation(family: Family) -> str:
    parts = family.id.split("/")
    return parts[2] if len(parts) > 2 else ""


def subjects(families: Sequence[Family]) -> list[str]:
    return list(dict.fromkeys(subject(f) for f in families))


def threads_of(family: Family, member: str) -> int | None:
    """Workers of a service; the plan names those that do not have one."""
    threads = (family.plan.get("load") or {}).get("threads")
    if isinstance(threads, dict):
        return int(threads.get(member.split(".")[0], 1))
    return int(threads) if threads is not None else None


def cores(run: dict[str, Any]) -> int | None:
    environment = run.get("environment") or {}
    cpu = environment.get("cpu")
    found = cpu.get("threads") if isinstance(cpu, dict) else environment.get("cores")
    return int(found) if isinstance(found, int) else None


def shape_only(judged: Judgement, family: Family, member: str) -> bool:
    threads, available = threads_of(family, member), cores(judged.run)
    return threads is not None and available is not None and threads > available


def tails(judged: Judgement) -> bool:
    return judged.run.get("tier") not in QUICK


#: Where a ratio's two sides ran.
PAIRS = {
    "codec": "blocks that alternated inside one process",
    "model": "blocks that alternated inside one process",
    "service": "servers of one round, which ran one after another, seconds apart",
}


def medians(*kinds: str) -> str:
    """Said wherever medians stand beside ratios of these kinds."""
    places = dict.fromkeys(PAIRS[kind] for kind in KINDS if kind in kinds)
    return (
        f"Ratios are the claim; they pair {' or (services) '.join(places)}; medians mix processes,"
        " between which the machine's speed differs, and are for orientation: their quotient need not"
        " be the ratio."
    )


#: What a marked tail leaves of the figures that are judged. Over the rounds of one case its lag
#: and CPU per request go together, so no independence is claimed.
KEPT = (
    "CPU per request and throughput keep their numbers, which does not make them independent of"
    " it: CPU per request comes from the same seconds, throughput from a closed loop on the same"
    " machine, and a generator that is late sends in bursts, so that they may move, too"
)


def discarded(family: Family) -> int:
    """Processes, not lines: one of a codec or model holds the whole family."""
    each = family.discarded if family.kind == "service" else {n for _, n in family.discarded}
    return len(each)


def processes(family: Family) -> int:
    """All that were run: those that count, those that do not, and those that failed."""
    pairs = {(m, n) for m, rounds in family.samples.items() for n in rounds} | set(family.discarded)
    pairs |= {(str(line.get("member")), int(line.get("round", 0))) for line in family.failures}
    return len(pairs if family.kind == "service" else {n for _, n in pairs})


def unit(run: dict[str, Any]) -> str:
    """What a line of samples stands for that is a service's: a process; of a soak a stretch of one."""
    return "stretch" if run.get("tier") == SOAK_TIER else "process"
