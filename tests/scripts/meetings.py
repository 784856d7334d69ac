# SPDX-License-Identifier: MIT
"""Runs in which micro-benchmarks and services meet, with a truth that is known on both sides."""

from __future__ import annotations

import random
from typing import Any

import pytest
import synthetic
from assaylib import judge
from assaylib.meeting import Ranking, rankings

HTTP_NS = 1500.0
Run = tuple[dict[str, Any], list[dict[str, Any]]]


def made(**arguments: Any) -> Run:
    run, lines = synthetic.make_run(count=6, **{"service_rounds": 12, **arguments})
    run["parts"] = {
        "request_ns": [HTTP_NS * (1 + 0.01 * i) for i in range(-3, 4)],
        "response_ns": [500.0 + i for i in range(-3, 4)],
    }
    return run, lines


def judged(run: Run) -> judge.Judgement:
    return judge.judge(*run)


def run_between(
    monkeypatch: pytest.MonkeyPatch, inside: tuple[float, ...], outside: tuple[float, ...], **arguments: Any
) -> Run:
    """In `rpc` thread_pool, event_loop and actor truly take so long in process and so much CPU over sockets;
    throughput goes with the CPU."""
    monkeypatch.setitem(synthetic.MODEL_NS, "rpc", (*inside, 50.0))
    names = ("thread_pool", "event_loop", "actor")
    served = {name: (cpu, 1e9 / cpu, 1.0, 200, 800) for name, cpu in zip(names, outside)}
    monkeypatch.setitem(synthetic.SERVICE, "rpc", served)
    return made(kinds=("model", "service"), **arguments)


def between(
    monkeypatch: pytest.MonkeyPatch, inside: tuple[float, ...], outside: tuple[float, ...], **arguments: Any
) -> list[Ranking]:
    """Rankings of `rpc` in such a run."""
    found = rankings(judged(run_between(monkeypatch, inside, outside, **arguments)))
    return [r for r in found if r.service.id == "service/rpc"]


RENAMED = {"thread_pool": "cjson", "event_loop": "protobuf_c", "actor": "msgpack_c", "thread_pool.same": "cjson.same"}


def coded_run(monkeypatch: pytest.MonkeyPatch, cpu_ns: tuple[float, float, float]) -> Run:
    """… and servers that differ in their codec; throughput goes with the CPU."""
    run, lines = made()
    served = {name: (cpu, 1e9 / cpu, 1.0, 200, 800) for name, cpu in zip(RENAMED, cpu_ns)}
    monkeypatch.setitem(synthetic.SERVICE, "codecs", served)
    more = synthetic.service_family(random.Random(3), run, "codecs", rounds=12, rate=2000.0, tails=True)
    family = run["families"][-1]
    family |= {"baseline": "cjson", "members": list(RENAMED.values()), "aliases": {"cjson.same": "same"}}
    codecs = {member: member.partition(".")[0] for member in family["members"]}
    family["load"] |= {"codec": None, "codecs": codecs, "model": "event_loop", "workload": "rpc"}
    for line in more:
        line["member"] = RENAMED[line["member"]]
        line["case"] = f"{family['id']}/{line['member']}"
    return run, [*lines, *more]
