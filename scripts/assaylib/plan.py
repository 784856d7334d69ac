# SPDX-License-Identifier: MIT
"""What a run will do: families × rounds × seconds. A pure function of what is built, the tier and
the seed, so that a resumed run does exactly what the interrupted one would have done.

A codec or model family is one process per round: its members alternate inside it in short blocks.
A service family is one server process per member and round (served.py). The rounds of all families
are spread over the whole run, so that drift of the machine meets every family alike (METHOD 1.2).
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from . import UsageError, coded, served
from .families import NO_FLOOR
from .planned import Built, Family
from .served import SERVICE_BASELINE as SERVICE_BASELINE  # for those that ask a plan
from .served import models as models
from .store import SWEEP_TIER
from .tiers import CALIBRATION_ROUNDS as CALIBRATION_ROUNDS
from .tiers import CODEC_ROWS, CORE, LADDER, MODEL_ROWS, MORE_MODEL_BLOCKS_S, MORE_MODEL_ROUNDS, SHAPES, SLOW_S, TIERS
from .tiers import TITLES, WHOLE, YOURS, Tier

MACHINE_S = 10.0  # what this machine can resolve, fingerprint, fidelity, waiting for quiet
RIG_PILOT_S = 1.2  # what a server that does nothing reaches (gates/noop.py)
DRAIN_S = 0.2  # the closed loop in whose middle a server is told to stop
REPORT_S = 8.0
PILOT_S = 1.0  # a model family's discarded pilot
PILOT_MEMBER_S = 0.03  # of a codec family's: there are many
START_S = 0.15  # starting a codec or model process, its checks included
CAPTURE_S = 0.05  # writing a process's lines
SERVE_START_S = 0.12  # start, first answer and exit of a server, downstream and load


@dataclass(frozen=True)
class Task:
    """One process to be measured; number is its place in the order of the run."""

    number: int
    family: str
    round: int
    member: str | None  # None: all members of the family, in one process


@dataclass(frozen=True)
class Plan:
    tier: Tier
    seed: int
    families: tuple[Family, ...]
    tasks: tuple[Task, ...]
    seconds: float  # everything that is planned: machine, pilot, processes, report

    @property
    def most_seconds(self) -> float:
        """… and with make-up rounds, if the machine makes it lose some."""
        return max(self.seconds, self.tier.until_s)

    def family(self, id: str) -> Family:
        return next(family for family in self.families if family.id == id)


def make(built: Built, tier: Tier, seed: int, only: str | None = None) -> Plan:
    wanted = pattern(only)
    every = [*_codecs(built, tier), *_models(built, tier), *served.families(built, tier), *coded.families(built, tier)]
    if tier.name == SWEEP_TIER:
        from . import sweep

        every = sweep.families(built, tier)
    families = tuple(family for family in every if wanted.search(family.id))
    if not tier.rivals:
        families = tuple(map(_without_rivals, families))
    if not families:
        raise UsageError(f"--only {only}: {_why_none(built, tier, wanted, every)}")
    tasks = order(families, seed)
    return Plan(tier, seed, families, tasks, total_s(families, tasks, tier))


def pattern(only: str | None) -> re.Pattern[str]:
    try:
        return re.compile(only or "")
    except re.error as error:
        raise UsageError(f"--only {only}: not a regular expression: {error}") from None


def _without_rivals(family: Family) -> Family:
    """Without those that other tiers compare with the baseline; how many they are is kept, since claims are
    asked at the level that follows from it (calibration.level)."""
    kept = (family.baseline, *family.aliases, *family.injected)
    rivals = [m for m in family.members if m not in (*kept, *family.floors.values())]
    members = tuple(m for m in family.members if m in kept)
    return replace(family, members=members, floors={}, load={**family.load, "rivals": len(rivals)})


def _why_none(
    built: Built, tier: Tier, wanted: re.Pattern[str], every: Sequence[Family]
) -> str:
    if not every:
        return "matches no family: nothing is built"
    for other in TIERS.values():
        if any(wanted.search(f.id) for f in (*_codecs(built, other), *served.families(built, other))):
            return f"matches no family of the tier {tier.name} (--tier {other.name} has some)"
    known = " ".join(family.id for family in every)
    return f"matches no family (known: {known})"


def order(families: Sequence[Family], seed: int) -> tuple[Task, ...]:
    """Every family's rounds spread evenly over the run, shuffled among each other; the members of a
    service family's round follow each other, in an order of their own."""
    generator = random.Random(seed)
    most = max(family.rounds for family in families)
    blocks = [
        (int((number + 0.5) * most / family.rounds), generator.random(), family, number + 1)
        for family in families
        for number in range(family.rounds)
    ]
    blocks.sort(key=lambda block: block[:2])
    wanted: list[tuple[str, int, str | None]] = []
    for _, _, family, number in blocks:
        if family.kind == "service":
            members = list(family.members)
            generator.shuffle(members)
            wanted += [(family.id, number, member) for member in members]
        else:
            wanted.append((family.id, number, None))
    return tuple(Task(number, *task) for number, task in enumerate(wanted))


def process_s(family: Family, tier: Tier) -> float:
    """Seconds that one process of a family takes, with starting and stopping it."""
    if "process_s" in family.load:  # declared: a peer (peers.py)
        return float(family.load["process_s"])
    if family.kind == "service":
        load = family.load
        loads = load["warmup_s"] + load["duration_s"] + load["closed_duration_s"] * 4 / 3 + DRAIN_S
        return SERVE_START_S + loads + CAPTURE_S
    return START_S + blocks_s(family, tier) + CAPTURE_S


def blocks_s(family: Family, tier: Tier) -> float:
    """Seconds of blocks in one process: as the pilot has found, before it what is to be expected."""
    return float(family.load.get("blocks_s", tier.blocks_s))


def round_s(family: Family, tier: Tier) -> float:
    """Seconds that one more round of a family takes."""
    processes = len(family.members) if family.kind == "service" else 1
    return processes * process_s(family, tier)


def pilot_s(family: Family, tier: Tier) -> float:
    if "pilot_s" in family.load:  # declared: a scenario (scenarios/)
        return float(family.load["pilot_s"])
    if family.kind == "service":
        each_s = SERVE_START_S + family.load["closed_duration_s"] * 4 / 3
        return len(family.members) * each_s + RIG_PILOT_S
    if family.kind == "codec":
        return START_S + PILOT_MEMBER_S * len(family.members)
    return PILOT_S


def total_s(families: Sequence[Family], tasks: Iterable[Task], tier: Tier) -> float:
    each = {family.id: process_s(family, tier) for family in families}
    pilots = sum(pilot_s(family, tier) for family in families)
    exact = tier.exact_s if any(family.kind == "codec" for family in families) else 0.0
    return MACHINE_S + exact + pilots + sum(each[task.family] for task in tasks) + REPORT_S


def _grouped(cases: Iterable[str]) -> dict[str, list[str]]:
    """Case ids by family: what stands before the member's slash."""
    families: dict[str, list[str]] = {}
    for case in cases:
        family, _, member = case.rpartition("/")
        families.setdefault(family, []).append(member)
    return families


def _codecs(built: Built, tier: Tier) -> list[Family]:
    families = []
    grouped = _grouped(built.codec_cases)
    for rows in CODEC_ROWS[tier.name]:
        for id, members in grouped.items():
            _, payload, operation = id.split("/")
            known = payload if payload in (*CORE, *SHAPES, *LADDER) else YOURS
            # encode_threads stands for encode_threads1, encode_threads2 ...
            if known not in rows.payloads or operation.rstrip("0123456789") not in {
                name.rstrip("0123456789") for name in rows.operations
            }:
                continue
            slow_s = 0.0 if tier.name == "smoke" else SLOW_S.get(payload, 0.0)
            if operation not in WHOLE:
                slow_s /= 2  # half as many members: no memcpy, no slow-down
            seconds = max(rows.blocks_s, slow_s)
            title = f"{operation.replace('_', ' ')} {payload}"
            families.append(
                _in_process(id, "codec", title, "cjson", members, rows.rounds, seconds)
            )
    return families


def _models(built: Built, tier: Tier) -> list[Family]:
    """In every tier those that nobody here knows: workloads of your own."""
    families = []
    for id, members in _grouped(built.model_cases).items():
        workload = id.split("/")[1]
        more = workload in MODEL_ROWS["publish"] and workload not in MODEL_ROWS["quick"]
        if more and workload not in MODEL_ROWS[tier.name]:
            continue
        rounds, seconds = tier.rounds, tier.blocks_s
        if more and tier.name != "smoke":
            rounds, seconds = MORE_MODEL_ROUNDS, MORE_MODEL_BLOCKS_S
        title = f"{TITLES.get(workload, workload)}, in process"
        families.append(_in_process(id, "model", title, "thread_pool", members, rounds, seconds))
    return families


def _in_process(
    id: str,
    kind: str,
    title: str,
    baseline: str,
    members: Sequence[str],
    rounds: int,
    seconds: float,
) -> Family:
    if baseline not in members:
        raise UsageError(f"{id}: its baseline {baseline} is not built")
    return Family(
        id=id,
        kind=kind,
        title=title,
        baseline=baseline,
        members=_in_order(baseline, members),
        aliases=_aliases(baseline, members),
        floors={} if id in NO_FLOOR else _floors(kind, members),
        injected={m: float(m.rpartition(".")[2]) for m in members if m.startswith("slow.")},
        rounds=rounds,
        load={"blocks_s": seconds, **_by_hand(id, members)},
    )


def _by_hand(id: str, members: Sequence[str]) -> dict[str, Any]:
    """Which adapter by hand stands beside which codec: {"msgpack_c_tight": "msgpack_c", ...}."""
    pairs = {m: m.rpartition("_")[0] for m in members if m.endswith(("_usual", "_tight", "_inlined"))}
    return {"by_hand": pairs} if id.endswith("_walk") else {}


def _in_order(baseline: str, members: Iterable[str]) -> tuple[str, ...]:
    """The baseline, what is compared with it, then aliases, floors and injected rows."""

    def rank(member: str) -> tuple[bool, bool, str]:
        kind = member.partition(".")[0] if "." in member else ""
        return member != baseline, bool(kind) or member == "inline", kind

    return tuple(sorted(members, key=rank))


def _floors(kind: str, members: Sequence[str]) -> dict[str, str]:
    """What no member can beat: memcpy of a codec's own bytes; one thread that runs the turns."""
    if kind == "codec":
        return {member[7:]: member for member in members if member.startswith("memcpy.")}
    others = [m for m in members if m != "inline" and "." not in m]
    return dict.fromkeys(others, "inline") if "inline" in members else {}


def _aliases(baseline: str, members: Iterable[str]) -> dict[str, str]:
    kinds = {f"{baseline}.{kind}": kind for kind in ("same", "copy")}
    return {member: kinds[member] for member in members if member in kinds}
