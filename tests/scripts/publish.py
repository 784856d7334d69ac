# SPDX-License-Identifier: MIT
"""A run of the size that `assay run --tier publish` plans: every family, member, round and block of it,
with figures that are made up, quickly."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import synthetic
import synthetic_libraries
from assaylib import plan
from test_plan import BUILT

#: Blocks of about a millisecond share a process's time between its members.
BLOCK_S = 0.001
MARKS = 997  # a prime, so that members do not go through the same noise


def write(folder: Path) -> Path:
    made = plan.make(BUILT, plan.TIERS["publish"], seed=1)
    run, _ = synthetic.make_run(tier="publish", kinds=())
    records = synthetic_libraries.codec_records()
    records.append({**records[0], "name": "json_c", "label": "json-c", "library": "json-c"})
    run |= {"codecs": records, "families": [family.to_json() for family in made.families]}
    for family in run["families"]:
        family["load"]["rate_hz"] = family["load"].get("rate_hz") or 2000.0
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps(run))
    with (folder / "samples.jsonl").open("w") as file:
        file.writelines(json.dumps(line) + "\n" for line in _lines(made))
    return folder


def _lines(made: plan.Plan) -> Iterator[dict[str, Any]]:
    rng = random.Random(1)
    noise = [math.exp(rng.gauss(0, 0.03)) for _ in range(MARKS)]
    scratch: dict[str, Any] = {"families": []}
    served = synthetic.service_family(rng, scratch, "rpc", rounds=8, rate=2000.0, tails=True)
    for task in made.tasks:
        family = made.family(task.family)
        about = {"family": family.id, "round": task.round, "process": task.number}
        if task.member:
            same = [line for line in served if line["member"] == task.member]
            like = rng.choice(same or served)
            yield {**like, **about, "member": task.member, "case": family.case(task.member)}
            continue
        share = plan.blocks_s(family, made.tier) / len(family.members) / BLOCK_S
        for member in family.members:
            yield _blocks(rng, noise, family, member, max(10, round(share)), about)


def _blocks(
    rng: random.Random, noise: list[float], family: plan.Family, member: str, count: int, about: dict[str, Any]
) -> dict[str, Any]:
    level = _truth(family, member) * math.exp(rng.gauss(0, 0.01))
    start, every = rng.randrange(MARKS), len(family.members)
    turn = family.members.index(member)
    times = [round(level * noise[(start + 7 * i) % MARKS], 3) for i in range(count)]
    return {
        "schema": 1,
        "kind": family.kind,
        **about,
        "case": family.case(member),
        "member": member,
        "started": "2026-11-20T10:00:00.000Z",
        "seconds": 1.2,
        "status": "ok",
        "reason": None,
        "metrics": {"time_ns": sorted(times)[count // 2], "wire_bytes": 1000.0, "p50_ns": level, "p99_ns": 3 * level},
        "repetitions": [[i * every + (turn + i) % every, ns] for i, ns in enumerate(times)],
        "covariates": {"steal_percent": 0.3, "others_percent": 0.1, "load1": 0.4, "major_faults": 0},
    }


def _truth(family: plan.Family, member: str) -> float:
    stem, _, form = member.partition(".")
    if stem == "slow":
        return 20000.0 * 1.05
    if stem == "memcpy":
        return 90.0
    if stem == "inline":
        return 700.0
    known = {**synthetic_libraries.TRUE_SPEED["encode"], "thread_pool": 1, "event_loop": 2, "actor": 1.5}
    return 20000.0 / (known.get(stem) or 1.3)
