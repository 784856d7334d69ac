# SPDX-License-Identifier: MIT
"""What a run will do: families × rounds × seconds. A pure function of what is built, the tier and
the seed, so that a resumed run does exactly what the interrupted one would have done.

A codec or model family is one process per round: its members alternate inside it in short blocks.
A service family is one server process per member and round. The rounds of all families are spread
over the whole run, so that drift of the machine meets every family alike (METHOD 1.2).
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from . import UsageError
from .families import NO_FLOOR
from .store import SWEEP_TIER

SPIN_US = 300  # load polls before a request is due: timers of virtual machines come 0.1 ms late
SERVICE_BASELINE = "thread_pool"
SWEEP_DEFAULTS = "1 thread, no spinning, a queue limit of 1024, the model's own batch"
CPU_ITERATIONS = 10000  # of `cpu`: some tens of microseconds, the same number everywhere
HEAVY_ITERATIONS = 400_000  # of a heavy request of `mixed` behind sockets: a millisecond
FAN = 4  # calls of a `fanout`
OFFLOAD_THREADS = 4  # helpers of `journal`: it waits for the disk
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
class Tier:
    """How long everything may take, and how it is spent."""

    name: str
    budget_s: float
    rounds: int  # fresh processes of a model family
    blocks_s: float  # seconds of blocks in each of them
    exact_s: float  # for what does not vary, in processes of its own
    service_rounds: int
    services: tuple[str, ...]
    warmup_s: float  # fixed rate: before the window …
    window_s: float  # … and the window itself
    closed_s: float  # closed loop, with a third of it as warm-up before
    until_s: float  # make-up rounds may last until then, the report's time included; 0: none
    summary: str
    inject: tuple[int, ...] = (5,)  # percents by which baselines are slowed down (METHOD 1.11)
    half_width: float | None = None  # of in-process intervals; wider ones get more rounds (makeup.py)
    short_services: tuple[str, ...] = ()  # as `services`, in SHORT rounds and windows
    rivals: bool = True  # False: nothing is compared but baselines with themselves


TIERS = {
    tier.name: tier
    for tier in (
        Tier("smoke", 120, 2, 0.1, 5, 2, ("rpc", "cpu", "call"), 0.1, 0.25, 0.5, 0,
             "does the chain work? 2 rounds, too few for any interval"),
        Tier("quick", 300, 9, 0.6, 8, 8, ("rpc", "call"), 0.15, 0.4, 0.22, 285,
             "ratios of codecs and models; services without tails"),
        Tier("standard", 1200, 15, 1.0, 30, 8, ("rpc", "cpu", "call"), 0.4, 1.6, 0.8, 1160,
             "everything, services with p50 and p99", half_width=0.01),
        Tier("publish", 7200, 30, 1.5, 60, 15, ("rpc", "cpu", "call"), 2.0, 12.0, 4.0, 7100,
             "everything, for publication", half_width=0.01,
             short_services=("store", "fanout", "mixed", "mixed_offloaded", "journal")),
        Tier("calibrate", 1500, 260, 0.2, 0, 0, (), 0, 0, 0, 1450,
             "baselines against themselves, equal and slowed down: for assay calibrate",
             inject=(1, 2, 3, 5, 10), rivals=False),
        Tier("sweep", 720, 0, 0, 0, 12, (), 0.1, 0.1, 0.4, 700,
             "settings of each model, one at a time away from its default: for assay sweep"),
    )
}  # fmt: skip
CALIBRATION_ROUNDS = 13  # of `calibrate` that are judged together: as many as codecs have in standard

CORE = ("ack", "order", "telemetry", "feed")
SHAPES = ("tree", "blob", "event")
LADDER = tuple(f"order_{size}" for size in "64 256 1k 4k 16k 64k 256k 1m".split())
WALK = ("encode_walk", "decode_walk")  # the plan beside adapters by hand
YOURS = "your own"  # every payload that is none of these
WHOLE = ("encode", "decode")
COLD = ("encode_cold", "decode_cold")
COSTS = (
    *COLD, "build", "print", "free_built", "check", "parse", "convert", "free_parsed", "release",
    "read1", "read3", "readall", "encode_hot", "decode_hot", "encode_evicted", "decode_evicted",
    "encode_latency", "decode_latency", "encode_threads",
)  # fmt: skip


@dataclass(frozen=True)
class Rows:
    """Codec families of a tier: each of these operations on each of these payloads."""

    payloads: tuple[str, ...]
    operations: tuple[str, ...]
    rounds: int
    blocks_s: float


# Which codec rows are in which tier. Ten rounds give an interval to 25 rivals, nine to 12; from 13 on it leaves out
# each end's one odd process among ten rivals. Page one's steps between
# libraries and formats count as some fifteen rivals more (shares.level): eleven rounds with every library there is.
CODEC_ROWS = {
    "smoke": (Rows((*CORE, YOURS), WHOLE, 2, 0.1),),
    "quick": (Rows((*CORE, YOURS), WHOLE, 11, 0.55),),
    "standard": (
        Rows((*CORE, YOURS), WHOLE, 13, 0.65),
        Rows(SHAPES, WHOLE, 11, 0.25),
        Rows(LADDER, WHOLE, 9, 0.25),
        Rows(("order",), COSTS, 9, 0.15),
        Rows(("order", "feed"), WALK, 9, 0.25),
    ),
    "publish": (
        Rows((*CORE, YOURS), WHOLE, 22, 1.2),
        Rows(SHAPES, WHOLE, 11, 0.4),
        Rows(LADDER, WHOLE, 10, 0.4),
        Rows(("ack", "order", "feed"), (*COSTS, *WALK), 10, 0.3),
        Rows(("telemetry", *SHAPES, *LADDER), COLD, 10, 0.3),
    ),
}
# Small documents: only in blocks of hundreds of iterations there is such a thing as 1 % more.
CODEC_ROWS["sweep"] = ()
CODEC_ROWS["calibrate"] = (Rows(("ack", "order_64", "order_256"), WHOLE, 260, 0.25),)
# Which workloads are measured in process in which tier; your own are in every one.
MODEL_ROWS = {"quick": ("echo", "rpc", "cpu", "ring")}
MODEL_ROWS["smoke"] = (*MODEL_ROWS["quick"], "count", "mixed")
MODEL_ROWS["calibrate"] = MODEL_ROWS["sweep"] = MODEL_ROWS["quick"]
MODEL_ROWS["standard"] = (*MODEL_ROWS["quick"], "store", "count", "pingpong", "spawn", "mixed")
MODEL_ROWS["publish"] = (*MODEL_ROWS["standard"], "mixed_offloaded")
TITLES = {"mixed_offloaded": "mixed, offloaded"}
MORE_MODEL_ROUNDS, MORE_MODEL_BLOCKS_S = 10, 0.5  # of those that `quick` does not have
SHORT_ROUNDS, SHORT_WARMUP_S, SHORT_WINDOW_S, SHORT_CLOSED_S = 8, 0.4, 2.0, 0.8
# Seconds of blocks that a process needs where documents are large: each block holds all of them.
SLOW_S = {"telemetry": 1.2, "feed": 1.2, "order_64k": 0.6, "order_256k": 1.0, "order_1m": 1.0}


@dataclass(frozen=True)
class Built:
    """What a build can measure: the case ids of its programs, and its workloads over sockets."""

    codec_cases: tuple[str, ...] = ()
    model_cases: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    cpus: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class Family:
    id: str
    kind: str  # codec | model | service
    title: str
    baseline: str
    members: tuple[str, ...]
    aliases: dict[str, str]
    floors: dict[str, str]
    injected: dict[str, float]
    rounds: int
    iterations: dict[str, int] = field(default_factory=dict)
    load: dict[str, Any] = field(default_factory=dict)
    note: str | None = None

    def case(self, member: str) -> str:
        return f"{self.id}/{member}"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_json(content: dict[str, Any]) -> Family:
        return Family(**{**content, "members": tuple(content["members"])})


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
    from . import coded

    every = [*_codecs(built, tier), *_models(built, tier), *_services(built, tier), *coded.families(built, tier)]
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
        if any(wanted.search(f.id) for f in (*_codecs(built, other), *_services(built, other))):
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


def models(built: Built) -> list[str]:
    """The models that can serve: those measured in process, but for the floor and the aliases."""
    names: dict[str, None] = {}
    for case in built.model_cases:
        member = case.rpartition("/")[2]
        if "." not in member and member != "inline":
            names[member] = None
    return list(names)


def _services(built: Built, tier: Tier) -> list[Family]:
    others = models(built)
    if SERVICE_BASELINE not in others:
        return []
    others.remove(SERVICE_BASELINE)
    same = f"{SERVICE_BASELINE}.same"
    members = (SERVICE_BASELINE, *others, same)
    return [
        Family(
            id=f"service/{workload}",
            kind="service",
            title=f"{TITLES.get(workload, workload)}, over sockets",
            baseline=SERVICE_BASELINE,
            members=members,
            aliases={same: "same"},
            floors={},
            injected={},
            rounds=SHORT_ROUNDS if workload in tier.short_services else tier.service_rounds,
            load=service_load(workload, members, tier, built.cpus),
        )
        for workload in (*tier.services, *tier.short_services)
        if workload in built.services
    ]


def short_load() -> dict[str, float]:
    """How long a service that is looked at in short rounds is."""
    return {
        "warmup_s": SHORT_WARMUP_S,
        "duration_s": SHORT_WINDOW_S,
        "closed_warmup_s": round(SHORT_CLOSED_S / 3, 3),
        "closed_duration_s": SHORT_CLOSED_S,
    }


def service_load(
    workload: str, members: Sequence[str], tier: Tier, cpus: Sequence[int]
) -> dict[str, Any]:
    """The stated conditions of a service family; the rate is added by the pilot.

    `call` and `fanout` wait for a downstream service: there the thread pool gets as many threads as
    it takes to wait in parallel, and the ceiling that follows from threads ÷ delay is stated. Where
    work is offloaded it gets as many threads more as others have helpers.
    """
    short = workload in tier.short_services
    server, client = cpus[0], cpus[-1]
    same = f"{SERVICE_BASELINE}.same"
    load: dict[str, Any] = {
        "payload": "order",
        "codec": "protobuf_c",
        "arrival": "poisson",
        "connections": 32,
        "spin_us": SPIN_US,
        "workload": workload.partition("_")[0],
        "warmup_s": tier.warmup_s,
        "duration_s": tier.window_s,
        "closed_warmup_s": round(tier.closed_s / 3, 3),
        "closed_duration_s": tier.closed_s,
        **(short_load() if short else {}),
        "threads": dict.fromkeys(members, 1),
        "queue_limit": 1024,
        "on_full": "reject",
        "server_cpu": server,
        "load_cpu": client,
        "rate_hz": None,
        "ceiling_hz": None,
    }
    if workload == "cpu":
        load["cpu_iterations"] = CPU_ITERATIONS
    if workload.startswith("mixed"):
        load.update(cpu_iterations=HEAVY_ITERATIONS, heavy_percent=10)
    if workload in ("mixed_offloaded", "journal"):
        helpers = 1 if workload == "mixed_offloaded" else OFFLOAD_THREADS
        pool = {SERVICE_BASELINE: 1 + helpers, same: 1 + helpers}
        load.update(offload=True, offload_threads=helpers, threads={**load["threads"], **pool})
    if workload in ("call", "fanout"):
        threads, delay_us, connections = 64, 5000, 128
        load.update(
            connections=connections,
            spin_us=0,  # the downstream service needs that CPU, and answers take milliseconds
            threads={**load["threads"], SERVICE_BASELINE: threads, same: threads},
            downstream_cpu=client,
            downstream_delay_us=delay_us,
            downstream_connections=connections,
            ceiling=f"{threads} threads / {delay_us / 1000:g} ms",
            ceiling_connections_hz=connections * 1e6 / delay_us,
            ceiling_hz=threads * 1e6 / delay_us,
            rate_hz=2000.0,
        )
    if workload == "fanout":
        load.update(
            fan=FAN,
            ceiling=f"{connections} connections / {FAN} calls / {delay_us / 1000:g} ms",
            ceiling_hz=connections / FAN * 1e6 / delay_us,
            ceiling_connections_hz=connections / FAN * 1e6 / delay_us,
            rate_hz=1000.0,
        )
    return load
