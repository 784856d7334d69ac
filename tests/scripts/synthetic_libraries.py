# SPDX-License-Identifier: MIT
"""Synthetic runs with several libraries per format, and with adapters by hand, whose truth is known."""

from __future__ import annotations

import random
from typing import Any

from synthetic import make_run, micro_family

#: The codecs of a run with several libraries per format: name → (label, format, shape, marks), and
#: how many times as fast as cJSON each truly encodes and decodes.
LIBRARIES: dict[str, tuple[str, str, str | None, frozenset[str]]] = {
    "cjson": ("cJSON", "JSON", None, frozenset()),
    "protobuf_c": ("protobuf-c", "Protocol Buffers", None, frozenset()),
    "msgpack_c": ("msgpack-c, maps", "MessagePack", "keys", frozenset()),
    "json_floor": ("JSON floor (ours)", "JSON", None, frozenset({"ours"})),
    "yyjson": ("yyjson", "JSON", None, frozenset()),
    "rapidjson": ("RapidJSON", "JSON", None, frozenset()),
    "jansson": ("Jansson", "JSON", None, frozenset()),
    "simdjson": ("simdjson", "JSON", None, frozenset({"decodes"})),
    "msgpuck": ("msgpuck", "MessagePack", "keys", frozenset()),
    "msgpack_c_array": ("msgpack-c, arrays", "MessagePack", "values", frozenset()),
    "protobuf_cpp": ("protobuf C++ (own structs)", "Protocol Buffers", None, frozenset({"own_structs"})),
}
TRUE_SPEED = {
    "encode": dict(zip(LIBRARIES, (1, 12, 11, 13, 9, 6, 0.8, 0, 15, 14, 20))),
    "decode": dict(zip(LIBRARIES, (1, 5, 4, 3.5, 3, 2.5, 0.7, 4, 6, 5, 9))),
}
SIZES = {"ack": 60, "order": 1100, "telemetry": 9800, "feed": 95000}
LADDER = {f"order_{n}": s for n, s in (("64", 64), ("1k", 1024), ("16k", 16384), ("256k", 262144))}
OTHER_OPERATIONS = (
    "encode_cold decode_cold build print free_built check parse convert free_parsed release read1"
    " readall encode_hot decode_evicted decode_latency"
    " encode_threads1 encode_threads2"
).split()
#: Of cJSON's encode or decode; parse has check in front.
PHASES = {
    "build": 0.3, "print": 0.5, "free_built": 0.15, "check": 0.02, "parse": 0.6, "convert": 0.2,
    "free_parsed": 0.1, "release": 0.3, "read1": 0.72,
}  # fmt: skip


def codec_records() -> list[dict[str, Any]]:
    """As codec_bench --list-codecs tells them."""
    return [
        {
            "name": name,
            "label": label,
            "format": form,
            "library": label.split(",")[0],
            "version": "1.0",
            "shape": shape,
            "ours": "ours" in marks,
            "own_structs": "own_structs" in marks,
            "encodes": "decodes" not in marks,
            "decodes": True,
            "reads_bytes_of": "json_floor" if "decodes" in marks else name,
        }
        for name, (label, form, shape, marks) in LIBRARIES.items()
    ]


def side_of(operation: str) -> str:
    return "encode" if operation.startswith(("encode", "build", "print", "free_built")) else "decode"


def speed(member: str, operation: str, size: int) -> float:
    """MessagePack wins small documents and Protocol Buffers large ones: ranks cross over."""
    found = TRUE_SPEED[side_of(operation)][member]
    if member == "protobuf_c":
        found *= (size / 1100) ** 0.15
    return found


def make_wide_run(
    seed: int = 5,
    rounds: int = 10,
    count: int = 8,
    tier: str = "quick",
    payloads: dict[str, int] | None = None,
    operations: tuple[str, ...] = (),
    noise: float = 0.02,
    between: float = 0.006,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Many libraries: encode and decode of every payload; `operations` of `order` besides."""
    run, _ = make_run(tier=tier, seed=seed, kinds=())
    run["codecs"] = codec_records()
    rng = random.Random(seed)
    lines: list[dict[str, Any]] = []
    sizes = SIZES | LADDER if payloads is None else payloads
    wanted = [(p, op) for p in sizes for op in ("encode", "decode")]
    wanted += [("order", op) for op in operations]
    for payload, operation in wanted:
        size = sizes[payload]
        cjson_ns = 16.0 * size ** (1.02 if side_of(operation) == "encode" else 0.98)
        cjson_ns *= PHASES.get(operation, 1.0)
        members = {
            m: cjson_ns / speed(m, operation, size)
            for m in LIBRARIES
            if speed(m, operation, size)
            and not (operation in ("build", "print", "free_built") and LIBRARIES[m][1] != "JSON")
        }
        wire = {m: size * {"JSON": 1.0, "MessagePack": 0.8}.get(LIBRARIES[m][1], 0.6) for m in members}
        truth = members | {"cjson.same": cjson_ns, "cjson.copy": cjson_ns}
        floors = {}
        if operation in ("encode", "decode"):
            floors = {m: f"memcpy.{m}" for m in members}
            truth |= {f"memcpy.{m}": 4 + wire[m] / 11 for m in members}
        family = {
            "id": f"codec/{payload}/{operation}",
            "kind": "codec",
            "title": f"{operation} {payload}",
            "baseline": "cjson",
            "members": list(truth),
            "aliases": {"cjson.same": "same", "cjson.copy": "copy"},
            "floors": floors,
            "rounds": rounds,
            "iterations": {},
            "note": None,
        }
        extra = {m: {"wire_bytes": round(wire[m], 1)} for m in members}
        if operation.endswith("latency"):
            extra = {
                m: {"p50_ns": ns, "p99_ns": 2.5 * ns, "clock_ns": 21.0} for m, ns in members.items()
            }
        lines += micro_family(
            rng,
            run,
            family,
            truth,
            rounds=rounds,
            count=count,
            noise=noise,
            between=between,
            extra=extra,
        )
    return run, lines


#: Time by hand ÷ time with the plan.
BY_HAND = {"cjson_usual": 1.0, "cjson_tight": 0.95, "msgpack_c_usual": 1.1, "msgpack_c_tight": 0.8}


def add_walk(
    run: dict[str, Any], lines: list[dict[str, Any]], rounds: int = 10, count: int = 12
) -> None:
    """The family that holds codecs against adapters by hand."""
    rng = random.Random(17)
    truth = {"cjson": 20000.0, "msgpack_c": 1800.0, "json_floor": 2160.0}
    pairs = {hand: hand.rpartition("_")[0] for hand in BY_HAND}
    truth |= {hand: truth[codec] * BY_HAND[hand] for hand, codec in pairs.items()}
    truth |= {"cjson.same": 20000.0, "cjson.copy": 20000.0}
    family = {
        "id": "codec/order/encode_walk",
        "kind": "codec",
        "title": "encode walk order",
        "baseline": "cjson",
        "members": list(truth),
        "aliases": {"cjson.same": "same", "cjson.copy": "copy"},
        "floors": {},
        "rounds": rounds,
        "iterations": {},
        "load": {"by_hand": pairs},
        "note": None,
    }
    lines += micro_family(
        rng, run, family, truth, rounds=rounds, count=count, noise=0.02, between=0.005
    )
