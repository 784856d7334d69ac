# SPDX-License-Identifier: MIT
"""parts_bench: every case runs, and the other side has counted its work."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from gbench_testing import Bench, program

FAST = "--benchmark_min_time=0.0002"
FLOORS = "system_call atomic_add mutex futex_nobody eventfd_nobody socketpair llhttp_request"
TRIPS = "yield futex eventfd pipe semaphore condition tcp"
TWO = len(os.sched_getaffinity(0)) > 1


@pytest.fixture
def parts(tmp_path: Path) -> Bench:
    return Bench(program("PARTS_BENCH"), tmp_path)


def run(parts: Bench, filter: str, *args: str) -> dict[str, dict[str, Any]]:
    found = parts.results(f"--benchmark_filter={filter}", *(args or (FAST,)))["benchmarks"]
    for entry in found:
        assert entry["error"] is None, entry["case"]
        assert all(ns > 0 for _, ns in entry["blocks"]), entry["case"]
    return {entry["case"]: entry["counters"] for entry in found}


def test_parts_on_one_thread(parts: Bench) -> None:
    found = run(parts, "^parts/(floor/[a-z_]+$|(clock|queue/push|mailbox/(idle|busy)|runq|timers|http))")
    assert found.keys() >= {f"parts/floor/{name}" for name in FLOORS.split()}
    for part in ("queue/push_pop", "mailbox/idle", "runq/steal", "timers/add_pop", "http_parse/response"):
        assert f"parts/{part}" in found
    # What says that it parses only parses; what goes through sockets is named so.
    assert found["parts/http_parse/request"]["syscalls_per_iteration"] == 0
    assert found["parts/http_exchange/socketpair"]["syscalls_per_iteration"] == 4


def test_there_and_back(parts: Bench) -> None:
    """The partner has answered as often as was asked, wherever it was."""
    found = run(parts, "/(same|other)_cpu$")
    places = ("same_cpu", "other_cpu") if TWO else ("same_cpu",)
    names = {f"floor/{name}_round_trip" for name in TRIPS.split()}
    names |= {"wake/queue", "wake/inbox", "wake/actor", "pool/call_blocking", "pool/call_from_loop"}
    wanted = {f"parts/{name}/{place}" for name in names for place in places}
    if TWO:  # both spin
        wanted.add("parts/floor/cache_line_round_trip/other_cpu")
    assert found.keys() == wanted
    for case, counters in found.items():
        assert counters["answered_per_iteration"] == 1, case
        assert counters["switches_per_iteration"] >= 0, case


def test_who_is_woken_is_counted(parts: Bench) -> None:
    """So often that where the first few stand does not matter. On two CPUs both sides sleep, as a rule; on
    one, or beside others, who was about to sleep may find the answer there, and the queue's give way."""
    cases = {f"parts/wake/{part}/{where}_cpu" for part in ("queue", "inbox", "actor") for where in ("same", "other")}
    cases = {case for case in cases if TWO or "other" not in case}
    counts = parts.folder / "iterations.json"
    counts.write_text(json.dumps({case: 300 for case in cases}))
    found = run(parts, "^parts/wake/", "--iterations", str(counts))
    woken = {case: counters["wakeups_per_iteration"] for case, counters in found.items()}
    assert woken.keys() == cases and all(0 <= count <= 2 for count in woken.values()), woken
    assert woken["parts/wake/inbox/same_cpu"] > 0 and woken["parts/wake/actor/same_cpu"] > 1, woken
    if TWO:
        assert woken["parts/wake/queue/other_cpu"] > 0, woken
        assert woken["parts/wake/inbox/other_cpu"] > 1 and woken["parts/wake/actor/other_cpu"] > 1, woken


@pytest.mark.skipif(not TWO, reason="senders take a CPU of their own")
def test_senders(parts: Bench) -> None:
    """Order and number of what arrives are checked inside."""
    found = run(parts, "/senders_")
    several = max(2, len(os.sched_getaffinity(0)) - 1)
    assert found.keys() == {f"parts/{q}/senders_{n}" for q in ("queue", "mailbox") for n in (1, several)}
    for case, counters in found.items():
        assert counters["senders"] == int(case.rpartition("_")[2])
        assert counters["sender_cpus"] == len(os.sched_getaffinity(0)) - 1


def test_one_cpu(parts: Bench) -> None:
    """What takes two is left out, and said."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        done = parts.run("--list")
        context = parts.results("--benchmark_filter=/futex_round_trip/", FAST)["context"]
    finally:
        os.sched_setaffinity(0, before)
    assert done.returncode == 0
    assert "other_cpu" not in done.stdout and "senders_" not in done.stdout
    assert "cases were skipped: they take two CPUs" in done.stderr
    assert int(context["cases_skipped_for_want_of_a_second_cpu"]) > 0
