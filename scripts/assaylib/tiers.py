# SPDX-License-Identifier: MIT
"""The tiers: what each of them holds, and for how long."""

from __future__ import annotations

from dataclasses import dataclass


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
        Tier("standard", 1200, 15, 1.0, 30, 12, ("rpc", "cpu", "call"), 0.3, 1.0, 0.6, 1160,
             "everything, services with p50 and p99", half_width=0.01),
        Tier("publish", 7200, 30, 1.5, 60, 15, ("rpc", "cpu", "call"), 2.0, 12.0, 4.0, 7100,
             "everything, for publication", half_width=0.01,
             short_services=("store", "fanout", "mixed", "mixed_offloaded", "journal")),
        Tier("calibrate", 1500, 300, 0.2, 0, 0, (), 0, 0, 0, 1450,
             "baselines against themselves, equal and slowed down: for assay calibrate",
             inject=(1, 2, 3, 5, 10), rivals=False),
        Tier("sweep", 720, 0, 0, 0, 12, (), 0.1, 0.1, 0.4, 700,
             "settings of each model, one at a time away from its default: for assay sweep"),
    )
}  # fmt: skip
#: Tier → the command that measures it, and goes on with it where it was interrupted; of all others it is `run`.
COMMANDS = {"peers": "peers", "sweep": "sweep", "soak": "soak", "calibrate": "calibrate"}
# Of `calibrate`, judged together: as many as standard has of the payloads in CORE, and of the workloads in `quick`.
CALIBRATION_ROUNDS = {"codec": 14, "model": 15}

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


# Which codec rows are in which tier. Ten rounds give an interval to 25 rivals, nine to 12. Page one's steps between
# libraries and formats count as some fifteen rivals more (shares.level): eleven rounds with every library there is.
# Those reach from the lowest to the highest process, so that one that was disturbed spoils them, and more rounds
# only make them wider: until, with fourteen (thirteen among ten rivals), each end leaves one out.
CODEC_ROWS = {
    "smoke": (Rows((*CORE, YOURS), WHOLE, 2, 0.1),),
    "quick": (Rows((*CORE, YOURS), WHOLE, 11, 0.55),),
    "standard": (
        Rows((*CORE, YOURS), WHOLE, 14, 0.65),
        Rows(SHAPES, WHOLE, 14, 0.25),
        Rows(LADDER, WHOLE, 9, 0.25),
        Rows(("order",), COSTS, 9, 0.15),
        Rows(("order", "feed"), WALK, 10, 0.25),
    ),
    "publish": (
        Rows((*CORE, YOURS), WHOLE, 22, 1.2),
        Rows(SHAPES, WHOLE, 14, 0.4),
        Rows(LADDER, WHOLE, 10, 0.4),
        Rows(("ack", "order", "feed"), (*COSTS, *WALK), 10, 0.3),
        Rows(("telemetry", *SHAPES, *LADDER), COLD, 10, 0.3),
    ),
}
# Small documents: only in blocks of hundreds of iterations there is such a thing as 1 % more.
CODEC_ROWS["sweep"] = ()
CODEC_ROWS["calibrate"] = (Rows(("ack", "order_64", "order_256"), WHOLE, 300, 0.25),)
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


def resumed_by(tier: object, option: str = "") -> str:
    """What to type for an interrupted run of that tier; its folder follows. option: for all commands."""
    return f"assay {option + ' ' if option else ''}{COMMANDS.get(str(tier), 'run')} --resume"
