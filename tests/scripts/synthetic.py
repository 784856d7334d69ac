# SPDX-License-Identifier: MIT
"""Runs with a known truth, in the raw format of the harness: what the judge and the report are tried on.

Everything comes from one seed. `make_run` describes a whole run; `write_run` puts it on disk.
"""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

PAYLOADS = {
    "ack": (62, 39, 48),
    "order": (1183, 702, 941),
    "telemetry": (14213, 9120, 11804),
    "feed": (104922, 97310, 99201),
}
CODECS = ("cjson", "protobuf_c", "msgpack_c")
#: True nanoseconds per operation: payload → operation → codec.
CODEC_NS: dict[str, dict[str, tuple[float, float, float]]] = {
    "ack": {"encode": (1180, 96, 88), "decode": (1420, 205, 260)},
    "order": {"encode": (17400, 905, 820), "decode": (21900, 3100, 3080)},
    "telemetry": {"encode": (402000, 21000, 18400), "decode": (338000, 61000, 57500)},
    "feed": {"encode": (690000, 31000, 24900), "decode": (801000, 149000, 162000)},
}
MODELS = ("thread_pool", "event_loop", "actor", "inline")
MODEL_NS = {
    "echo": (2900, 610, 880, 95),
    "rpc": (9100, 6550, 6700, 6050),
    "cpu": (52400, 50900, 51100, 50100),
    "ring": (31000, 4200, 9800, 2100),
}
#: CPU ns per request, closed-loop requests per second, context switches, p50 and p99 in µs.
SERVICE = {
    "rpc": {
        "thread_pool": (71000, 11800, 3.1, 210, 840),
        "event_loop": (52000, 15900, 1.2, 160, 610),
        "actor": (54500, 15400, 1.3, 165, 640),
    },
    "cpu": {
        "thread_pool": (171000, 5400, 3.0, 330, 1400),
        "event_loop": (169500, 5500, 1.2, 320, 2300),
        "actor": (170100, 5480, 1.3, 322, 2200),
    },
    "call": {
        "thread_pool": (98000, 780, 5.2, 5600, 9800),
        "event_loop": (83000, 7600, 2.9, 5350, 6900),
        "actor": (88000, 7200, 3.2, 5380, 7100),
    },
}


def blocks(
    rng: random.Random, members: dict[str, float], count: int, noise: float
) -> dict[str, list[list[float]]]:
    """`count` blocks a member in random order, with a common slow drift and a noise of their own."""
    order = [m for m in members for _ in range(count)]
    rng.shuffle(order)
    level = 0.0
    out: dict[str, list[list[float]]] = {m: [] for m in members}
    for slot, member in enumerate(order):
        level = 0.98 * level + rng.gauss(0, noise / 2)
        spike = rng.expovariate(8) if rng.random() < 0.05 else 0.0
        out[member].append(
            [slot, round(members[member] * math.exp(level + rng.gauss(0, noise) + spike), 3)]
        )
    return out


def middle(values: list[float]) -> float:
    ordered = sorted(values)
    return ordered[len(ordered) // 2]


def micro_family(
    rng: random.Random,
    run: dict[str, Any],
    family: dict[str, Any],
    truth: dict[str, float],
    *,
    rounds: int,
    count: int,
    noise: float,
    between: float,
    extra: dict[str, dict[str, float]] | None = None,
    steal: dict[int, float] | None = None,
) -> list[dict[str, Any]]:
    run["families"].append(family)
    lines = []
    copy_bias = rng.gauss(0, 0.004)
    for number in range(rounds):
        members = {}
        for member in family["members"]:
            base = truth[member]
            if (family.get("aliases") or {}).get(member) == "copy":
                base *= math.exp(copy_bias)
            members[member] = base * math.exp(rng.gauss(0, between))
        drawn = blocks(rng, members, count, noise)
        stolen = (steal or {}).get(number, round(abs(rng.gauss(0, 0.4)), 2))
        for member in family["members"]:
            metrics = {
                "time_ns": round(middle([b[1] for b in drawn[member]]), 3),
                **(extra or {}).get(member, {}),
            }
            lines.append(
                {
                    "schema": 1,
                    "kind": family["kind"],
                    "family": family["id"],
                    "case": f"{family['id']}/{member}",
                    "member": member,
                    "round": number,
                    "process": len(lines),
                    "started": f"2026-11-20T10:{number:02d}:00Z",
                    "seconds": 0.9,
                    "status": "ok",
                    "reason": None,
                    "metrics": metrics,
                    "repetitions": drawn[member],
                    "covariates": {
                        "steal_percent": stolen,
                        "load1": 0.4,
                        "involuntary_switches": 12,
                        "major_faults": 0,
                    },
                }
            )
    return lines


def service_family(
    rng: random.Random,
    run: dict[str, Any],
    workload: str,
    *,
    rounds: int,
    rate: float,
    tails: bool,
    fail_gate: str | None = None,
) -> list[dict[str, Any]]:
    members = ["thread_pool", "event_loop", "actor", "thread_pool.same"]
    fid = f"service/{workload}"
    run["families"].append(
        {
            "id": fid,
            "kind": "service",
            "title": f"{workload} over HTTP",
            "baseline": "thread_pool",
            "members": members,
            "aliases": {"thread_pool.same": "same"},
            "floors": {},
            "rounds": rounds,
            "iterations": {},
            "load": {
                "rate_hz": rate,
                "ceiling_hz": 800.0 if workload == "call" else None,
                "ceiling": "4 threads / 5 ms" if workload == "call" else None,
                "connections": 32,
                "warmup_s": 1,
                "duration_s": 3,
                "arrival": "poisson",
                "payload": "order",
                "codec": "msgpack_c",
                "threads": 4,
            },
            "note": None,
        }
    )
    lines = []
    for number in range(rounds):
        order = members[:]
        rng.shuffle(order)
        for member in order:
            cpu, closed, switches, p50, p99 = SERVICE[workload][member.split(".")[0]]
            wobble = lambda s: math.exp(rng.gauss(0, s))
            achieved = rate * (0.9 if fail_gate == member else 1) * (1 + rng.gauss(0, 0.001))
            cpu *= wobble(0.03)
            p50_ns, lag = p50 * 1000 * wobble(0.05), 9000 * wobble(0.3)
            metrics = {
                "offered_hz": rate,
                "achieved_hz": round(achieved, 3),
                "cpu_ns_per_request": round(cpu, 1),
                "cpu_user_ns_per_request": round(cpu * 0.4, 1),
                "cpu_system_ns_per_request": round(cpu * 0.6, 1),
                "context_switches_per_request": round(switches * wobble(0.02), 3),
                "closed_hz": round(closed * wobble(0.05), 1),
                "closed_cpu_ns_per_request": round(cpu * 0.8, 1),
                "startup_ns": round(2.1e6 * wobble(0.1)),
                "drain_ns": round(1.5e6 * wobble(0.2)),
                "lost": 0,
                "rss_bytes": int(4.1e6 + 1e5 * rng.random()),
                "turns_per_request": 1.0 if workload != "call" else 2.0,
                "messages_per_request": round(switches / 2, 2),
                "wakeups_per_request": round(switches / 3, 2),
                "lag_p99_ns": round(lag),
            }
            if tails:
                metrics |= {
                    "p50_ns": round(p50_ns),
                    "p99_ns": round(p99 * 1000 * wobble(0.15)),
                    "p999_ns": round(p99 * 2000 * wobble(0.3)),
                    "max_ns": round(p99 * 5000 * wobble(0.5)),
                }
            gates = {
                "achieved_over_offered": {
                    "value": round(achieved / rate, 4),
                    "limit": 0.99,
                    "ok": achieved / rate >= 0.99,
                },
                "lag_p99_over_p50": {
                    "value": round(lag / p50_ns, 4),
                    "limit": 0.1,
                    "ok": lag / p50_ns < 0.1,
                },
                "littles_law": {"value": round(rng.gauss(0, 0.02), 4), "limit": 0.1, "ok": True},
                "connections_held": {"value": 32, "limit": 32, "ok": True},
                "replies_wrong": {"value": 0, "limit": 0, "ok": True},
            }
            lines.append(
                {
                    "schema": 1,
                    "kind": "service",
                    "family": fid,
                    "case": f"{fid}/{member}",
                    "member": member,
                    "round": number,
                    "process": len(lines),
                    "started": f"2026-11-20T11:{number:02d}:00Z",
                    "seconds": 6.1,
                    "status": "ok",
                    "reason": None,
                    "metrics": metrics,
                    "gates": gates,
                    "covariates": {"steal_percent": round(abs(rng.gauss(0, 0.5)), 2), "load1": 1.1},
                }
            )
    return lines


def make_run(
    tier: str = "standard",
    seed: int = 7,
    rounds: int = 15,
    service_rounds: int = 8,
    count: int = 24,
    kinds: tuple[str, ...] = ("codec", "model", "service"),
    fail_gate: str | None = None,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    rng = random.Random(seed)
    run: dict[str, Any] = {
        "schema": 1,
        "id": f"2026-11-20-{tier}",
        "tier": tier,
        "command": ["scripts/assay", "run", "--tier", tier],
        "seed": seed,
        "commit": "356770812ab34cd56ef7890123456789abcdef01",
        "dirty": False,
        "created": "2026-11-20T10:00:00Z",
        "margin_percent": 3,
        "forced": [],
        "build": {
            "type": "debugoptimized",
            "sanitizers": "none",
            "compiler": "gcc 12.2.0",
            "flags": "-O2 -g",
            "fit": True,
        },
        "environment": {
            "cpu": "Example CPU @ 2.50GHz",
            "cores": 2,
            "architecture": "x86_64",
            "kernel": "6.1.0-28-amd64",
            "os": "Debian GNU/Linux 12 (bookworm)",
            "hypervisor": "kvm",
            "governor": None,
            "turbo": None,
            "aslr": 2,
            "memory_bytes": 8323366912,
        },
        "machine": {
            "clock_cost_ns": 24.1,
            "timer_late_p50_ns": 52100,
            "timer_late_p99_ns": 91000,
            "wake_same_core_ns": 3100,
            "wake_cross_core_ns": 68000,
            "loop_variation_percent": 1.9,
            "steal_percent": 0.3,
            "hardware_counters": False,
        },
        "libraries": {
            "cjson": "1.7.15",
            "protobuf-c": "1.4.1",
            "msgpack-c": "4.0.0",
            "libbenchmark": "1.7.1",
            "llhttp": "8.1.0",
        },
        "fidelity": [],
        "families": [],
        "discard_rule": {
            "steal_percent_max": 5.0,
            "text": "a process with more than 5 % steal does not count",
        },
    }
    lines: list[dict[str, Any]] = []
    if "codec" in kinds:
        for payload, sizes in PAYLOADS.items():
            for codec, size in zip(CODECS, sizes):
                changed = 931 if (payload, codec) == ("telemetry", "cjson") else 0
                run["fidelity"].append(
                    {
                        "payload": payload,
                        "codec": codec,
                        "documents": 16,
                        "values": 5760,
                        "changed": changed,
                        "wire_bytes": [size] * 16,
                    }
                )
            for op in ("encode", "decode"):
                truth = dict(zip(CODECS, CODEC_NS[payload][op]))
                truth |= {"cjson.same": truth["cjson"], "cjson.copy": truth["cjson"]}
                truth |= {f"memcpy.{c}": 4 + s / 11 for c, s in zip(CODECS, sizes)}
                family = {
                    "id": f"codec/{payload}/{op}",
                    "kind": "codec",
                    "title": f"{op} {payload}",
                    "baseline": "cjson",
                    "members": list(truth),
                    "aliases": {"cjson.same": "same", "cjson.copy": "copy"},
                    "floors": {c: f"memcpy.{c}" for c in CODECS},
                    "rounds": rounds,
                    "iterations": {},
                    "note": None,
                }
                extra = {c: {"wire_bytes": s} for c, s in zip(CODECS, sizes)}
                lines += micro_family(
                    rng,
                    run,
                    family,
                    truth,
                    rounds=rounds,
                    count=count,
                    noise=0.03,
                    between=0.006,
                    extra=extra,
                    steal={4: 9.3} if (payload, op) == ("feed", "decode") else None,
                )
    if "model" in kinds:
        for workload, times in MODEL_NS.items():
            truth = dict(zip(MODELS, times))
            truth |= {
                "thread_pool.same": truth["thread_pool"],
                "thread_pool.copy": truth["thread_pool"],
            }
            family = {
                "id": f"model/{workload}",
                "kind": "model",
                "title": f"{workload} in process",
                "baseline": "thread_pool",
                "members": list(truth),
                "aliases": {"thread_pool.same": "same", "thread_pool.copy": "copy"},
                "floors": {m: "inline" for m in MODELS[:3]},
                "rounds": rounds,
                "iterations": {},
                "note": None,
            }
            lines += micro_family(
                rng, run, family, truth, rounds=rounds, count=count, noise=0.05, between=0.02
            )
    if "service" in kinds:
        for workload, rate in {"rpc": 2000.0, "cpu": 1500.0, "call": 500.0}.items():
            lines += service_family(
                rng,
                run,
                workload,
                rounds=service_rounds,
                rate=rate,
                tails=tier != "quick",
                fail_gate=fail_gate if workload == "cpu" else None,
            )
    return run, lines


def write_run(folder: Path, run: dict[str, Any], lines: list[dict[str, Any]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_text(json.dumps(run, indent=1, sort_keys=True) + "\n")
    (folder / "samples.jsonl").write_text(
        "".join(json.dumps(line, sort_keys=True) + "\n" for line in lines)
    )
    return folder
