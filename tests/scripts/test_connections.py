# SPDX-License-Identifier: MIT
"""The scenario `connections`: what is read of a process, what is made of lines whose truth is known, and a
real run in small."""

from __future__ import annotations

import math
import os
import resource
import socket
import struct
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import standstill
from assaylib import RefusedError, report, rig, scenarios, words
from assaylib.gates import passes
from assaylib.programs import Build
from assaylib.scenarios import connections, connections_view, held, memory, outcome, plans
from lives import BOUND, BUILT, MODELS, assert_refused, line, measured, told, written

PT_TLS = 7


# --- What is read of a process ------------------------------------------------------------------


def test_resident_stacks_are_those_that_pointers_lie_in() -> None:
    smaps = "\n".join(
        f"{first:x}-{last:x} rw-p 00000000 00:00 0 \nSize: 8 kB\nRss: {kib} kB\nPss: {kib} kB"
        for first, last, kib in ((0x1000, 0x3000, 4), (0x3000, 0x5000, 8), (0x9000, 0xA000, 16))
    )
    assert memory.stacks_of(smaps, [0x3000]) == 8192
    assert memory.stacks_of(smaps, [0x9FFF, 0x1000, 0x1008]) == (4 + 16) * 1024, "two in one count once"
    assert memory.stacks_of(smaps, [0x6000, 0xB000]) == 0


def test_sockets_are_counted_when_they_are_accepted() -> None:
    """Both ways to count, on connections of which one waits in the backlog."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
        taken = [listener.accept()[0] for _ in range(2)]
        count, buffered = memory.sockets(port)
        assert count == 2 == memory._from_proc(port)
        clients[0].sendall(b"x" * 5000)
        clients[1].sendall(b"x" * 5000)
        more = memory.sockets(port)[1]
        if buffered is not None and more is not None:
            assert more >= buffered + 10000, "what nobody has read is in their buffers"
        for each in (*clients, *taken):
            each.close()


def test_memory_of_a_process_that_is_this_one() -> None:
    waiting = threading.Event()
    threads = [threading.Thread(target=waiting.wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        found = memory.read(os.getpid(), 1)
    finally:
        waiting.set()
        for thread in threads:
            thread.join()
    assert found.threads >= 4 and found.rss_bytes > 1 << 20 and found.kernel_bytes > 0
    assert found.stack_bytes is None or 0 < found.stack_bytes < found.rss_bytes
    with pytest.raises(rig.Failure, match="ended"):
        memory.read(2**22 + 1, 1)


def test_memory_is_counted_page_by_page_where_the_kernel_does() -> None:
    """What status says of it, kernels up to 6.1 have from counters that threads keep to themselves."""
    beside = "VmRSS:\t       1 kB\n"
    counted = memory.rss_bytes(os.getpid(), beside)
    assert counted > 1 << 20 or not Path("/proc/self/smaps_rollup").exists()
    assert memory.rss_bytes(2**22 + 1, beside) == 1024


def test_new_connections_that_were_none_and_held_ones_that_are_missing_have_no_number() -> None:
    steps = {"new_connections": 4, "new_s": 1.0}
    sound = {"answered": 1000, "closed_by_peer": 997, "wrong": 0, "failed": 0, "little_ratio": None}
    sound |= {"achieved_hz": 1000.0, "p99_ns": 1e6, "duration_ns": 1e9, "watch_cpu_ns": 9.9e8, "cpu_ns": 5e8}
    sound |= {"connections_held": 4}

    def failed(**said: Any) -> set[str]:
        here = type("Here", (), {"load": lambda self, **asked: {**sound, **said}})()
        found = connections._new(here, steps, math.inf, 2000.0)  # type: ignore[arg-type]
        assert bool(found["metrics"]) == bool({**sound, **said}["answered"])
        assert not passes({"gates": found["gates"]}, "closed_new_hz") or not said
        assert passes({"gates": found["gates"]}, "own_bytes_per_connection"), "memory is another matter"
        return {name for name, gate in found["gates"].items() if not gate["ok"]}

    assert failed() == set()
    assert failed(closed_by_peer=980) == {"closed_connections_that_stayed"}
    assert failed(wrong=1) == {"closed_replies_wrong"}
    assert failed(achieved_hz=2001.0) == {"below_ceiling"}
    assert failed(answered=0, closed_by_peer=0) == {"closed_answered"}
    points = [{"connections": n, "sockets": n - (n == 80)} for n in (8, 24, 80)]
    assert not connections._held_gate(points)["ok"] and connections._held_gate(points[:2])["ok"]
    assert connections._held_gate(points[:2])["value"] == 24, "of those that lack nothing the most"


def test_who_has_left_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread is gone some time after its connection."""
    now_s, threads = [0.0], [5003, 5003, 17, 3]
    clock = SimpleNamespace(monotonic=lambda: now_s[0], sleep=lambda s: now_s.__setitem__(0, now_s[0] + s))
    monkeypatch.setattr(connections, "time", clock)
    monkeypatch.setattr(
        connections, "_read", lambda *_: {"threads": threads.pop(0) if len(threads) > 1 else threads[0], "sockets": 0}
    )
    assert connections._left(None, 3, 0.2)["threads"] == 3  # type: ignore[arg-type]
    assert now_s[0] == pytest.approx(3 * connections.SAMPLE_S + 0.2)
    threads[:] = [400]
    with pytest.raises(rig.Failure, match="60 s after all had left, there were still 397 threads and 0 sockets"):
        connections._left(None, 3, 0.2)  # type: ignore[arg-type]


def test_what_the_limits_do_not_allow_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 1024))

    def refuse(*_: Any) -> None:
        raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr(resource, "setrlimit", refuse)
    with pytest.raises(
        RefusedError, match=r"5000 connections need 5200 open files, and the hard limit is 1024"
    ):
        held.allow(5000)


def test_a_server_that_answers_nobody_is_waited_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a minute for each of its connections."""
    now_s = [0.0]
    monkeypatch.setattr(held, "time", SimpleNamespace(monotonic=lambda: now_s[0]))

    class Client:
        def __init__(self, answer: bytes) -> None:
            self.answer, self.timeout_s = answer, 0.0

        def settimeout(self, timeout_s: float) -> None:
            self.timeout_s = timeout_s

        def recv(self, _: int) -> bytes:
            if not self.answer:
                now_s[0] += self.timeout_s
                raise TimeoutError
            return self.answer

    clients = held.Held("127.0.0.1:1", b"")
    good, silent = Client(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"), Client(b"")
    clients._sockets = [good, *[silent] * 1000, good]  # type: ignore[list-item]
    assert clients.receive(patience_s=30) == 2 and 30 <= now_s[0] < 32


# --- What a file may not say --------------------------------------------------------------------

CONNECTIONS = """
kind = "connections"
title = "Small"
question = "How much?"
rounds = 1
[server]
models = ["event_loop", "thread_per_connection"]
workload = "echo"
queue_limit = 1000
[steps]
connections = [8, 24, 80]
settle_s = 0.02
active_warmup_s = 0.05
active_s = 0.3
new_connections = 4
new_s = 0.1
"""


@pytest.mark.parametrize(
    ("text", "old", "new", "said"),
    [
        (CONNECTIONS, "[8, 24, 80]", "[80, 8]", "steps.connections: must be two numbers or more, ascending"),
        (CONNECTIONS, "[8, 24, 80]", "[8]", "steps.connections: must be two numbers"),
        (CONNECTIONS, "queue_limit = 1000", "queue_limit = 79", "server.queue_limit: 79 is below the 80"),
        (
            CONNECTIONS,
            "[steps]",
            "[load]\nconnections = 3\n[steps]",
            "load: a scenario of kind connections has no such",
        ),
    ],
)
def test_a_wrong_file_is_refused_by_its_key(text: str, old: str, new: str, said: str, tmp_path: Path) -> None:
    assert_refused(tmp_path, text, old, new, said)


# --- What is made of the lines ------------------------------------------------------------------


PER_CONNECTION = {"thread_pool": 1024, "event_loop": 2048, "actor": 4096}  # bytes of RSS


def held_memory(folder: Path, rounds: int = 7, gone: str = "", diagnosed: bool = True) -> outcome.Outcome:
    """Servers whose connections cost what is known, give or take a page; `gone` does not hold them."""
    families = plans.make([scenarios.load("connections", rounds)], BUILT, 1, None).families
    lines = []
    for family in families:
        for number in range(1, rounds + 1):
            for member in family.members:
                points = [
                    {
                        "connections": count,
                        "rss_bytes": 5_000_000 + PER_CONNECTION[member] * count + 4096 * (number % 3 - 1),
                        "stack_bytes": 20_000,
                        "page_table_bytes": 80_000,
                        "threads": 2,
                        "sockets": count,
                        "socket_bytes": (256 * count if family.load["state"] == "active" else 0) if diagnosed else None,
                        "kernel_bytes": 10_000_000 + 8192 * count,
                        **({"saturated": "server" if count > 100 else "nobody"} if family.load["state"] == "active" else {}),
                    }
                    for count in (100, 2000, 10000)
                ]
                ok = member != gone
                gates = {
                    "connections_held": {
                        "value": 10000 if ok else 9000,
                        "limit": 10000,
                        "scope": "all",
                        "ok": ok,
                    }
                }
                metrics = {**connections.per_connection(points), "kept_bytes_per_connection": 10.0}
                metrics |= {
                    "closed_new_hz": 1000.0 + PER_CONNECTION[member],
                    "closed_new_server_busy_percent": 99.0,
                    "closed_new_p99_ns": 3e6,
                }
                who = "generator" if member == "actor" else "server"
                gates["closed_saturated"] = {**BOUND, "value": who, "ok": who == "server"}
                lines.append(
                    line(family, member, number, len(lines), points=points, metrics=metrics, gates=gates)
                )
    return written(folder, families, lines)


def test_slopes_of_memory_are_found_and_ranked(tmp_path: Path) -> None:
    found = held_memory(tmp_path)
    text = told(found)
    assert (
        "An idle connection costs the server's process 1.0 KiB (1.0 to 1.0) under thread_pool, 2.0 KiB"
        in text
    )
    assert "thread_pool takes least, the next at least 2.00 ×" in text
    assert "A connection with a request in flight costs the server's process 1.2 KiB (1.2 to 1.3)" in text
    assert "not a line" not in text
    assert "\nNo A/A: a difference below 3 % is taken for none, whatever the machine did.\n" in text
    assert (
        "5 096 (5 096 to 5 096) under actor" in text and "under actor the server was not at its limit" in text
    )
    rows = [row.split() for row in text.splitlines() if row.startswith("active")]
    assert [row[1] for row in rows] == list(MODELS) and all(row[-1] == "7" for row in rows)
    assert report.main([str(tmp_path)]) == 0
    drawn = (tmp_path / "report.md").read_text("utf-8")
    assert "The server's own memory at each step" in drawn and "Kernel, both ends" in drawn
    assert {f.name for f in tmp_path.glob("*.svg")} == {
        "scenario-connections-parts.svg",
        "scenario-connections-growth.svg",
    }


def test_who_was_at_his_limit_while_connections_were_active_is_told(tmp_path: Path) -> None:
    found = held_memory(tmp_path)
    active = connections_view.state(found, "active")
    active.samples["actor"][1]["points"][0]["saturated"] = "generator"
    for sample in active.samples["thread_pool"].values():  # of a run in which nobody looked
        for point in sample["points"]:
            del point["saturated"]
    rows = {row[0].text: [cell.text for cell in row][1:] for row in connections_view.tables(found)[-1].rows}
    assert rows["event_loop"] == ["nobody", "server", "server"] and rows["thread_pool"] == ["–"] * 3
    assert rows["actor"][0] == "nobody 6, generator 1"
    for sample in (s for samples in active.samples.values() for s in samples.values()):
        for point in sample["points"]:
            point.pop("saturated", None)
    assert connections_view.tables(found)[-1].notes == ["Not recorded: this run is of an earlier version."]
    new = {row[0].text: [cell.text for cell in row] for row in connections_view.tables(found)[1].rows}
    assert new["actor"][1].startswith("≥ ") and new["actor"][2].endswith("†")
    assert not new["event_loop"][1].startswith("≥") and not new["event_loop"][2].endswith("†")


def test_a_server_that_was_seldom_at_its_limit_was_not() -> None:
    def limit(servers: int, **bounded: str) -> bool:
        gate = SimpleNamespace(member="actor", name="closed_saturated", values=["server"] * servers + ["nobody"] * 3)
        family = SimpleNamespace(gates=[gate], bounded=bounded)
        return connections_view._server_was_the_limit(family, "actor")  # type: ignore[arg-type]

    assert limit(4) and not limit(2) and not limit(4, actor="near the rig's"), "a bound from below"


def test_the_next_is_whoever_may_be_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = range(8)
    figures = {"a": [1.0] * 8, "b": [2.0] * 8, "c": [1.305, *[2.5] * 7]}
    monkeypatch.setattr(connections_view, "_positive", lambda family, m, metric: dict(zip(rounds, figures[m])))
    said = connections_view._ahead(SimpleNamespace(models=list(figures)), None)  # type: ignore[arg-type]
    assert said.endswith(f"a takes least, the next at least 1.30{words.SPACE}× that")


def test_connections_that_were_not_held_give_no_number(tmp_path: Path) -> None:
    text = told(held_memory(tmp_path, gone="actor"))
    idle = text.split("An idle connection costs")[1].split(".\n")[0]
    assert "under actor" not in idle and idle.endswith("(nobody is put behind: actor has no number)")
    row = next(row for row in text.splitlines() if row.startswith("idle") and "actor" in row)
    assert set(row.split()[2:]) == {"–", "0"}


def test_buffers_that_the_kernel_does_not_tell_are_not_said_to_be_in(tmp_path: Path) -> None:
    assert "page tables and buffers of its sockets." in told(held_memory(tmp_path / "known"))
    assert "page tables; its sockets' buffers this kernel does not tell." in told(held_memory(tmp_path / "not", diagnosed=False))


def test_few_servers_have_slopes_without_intervals(tmp_path: Path) -> None:
    text = told(held_memory(tmp_path, rounds=3))
    assert "1.0 KiB under thread_pool" in text
    assert "(nobody is put behind: too few rounds count for an interval)" in text
    assert "No interval: 3 of 6 rounds needed." in text


# --- For real -----------------------------------------------------------------------------------


@standstill.excused
def test_real_connections_in_small(opened: Build, tmp_path: Path) -> None:
    found = measured(opened, tmp_path, CONNECTIONS)
    for row in found.lines:
        assert [point["sockets"] for point in row["points"]] == [8, 24, 80] and row["gates"][
            "connections_held"
        ]["ok"]
        metrics = row["metrics"]
        assert all(("saturated" in point) == row["family"].endswith("active") for point in row["points"])
        if row["member"] == "event_loop":
            assert metrics["threads_per_connection"] == 0
            continue
        assert metrics["threads_per_connection"] == pytest.approx(1)
        assert metrics["rss_bytes_per_connection"] > 1000, "each has a stack of its own"
        stack = metrics.get("stack_bytes_per_connection")
        assert stack is None or 1000 < stack <= metrics["rss_bytes_per_connection"] * 1.5
    assert "No interval: 1 of 6 rounds needed." in told(found)


def test_threads_do_not_carry_what_few_need(build: Path) -> None:
    """Thread-local storage is part of every thread's stack, and touched when it is made: a decoder's
    16 KiB there were 160 MiB with 10,000 threads."""
    serve = Build.open(build).find("serve")
    if serve is None:
        pytest.skip("serve is not built")
    data = serve.read_bytes()
    if data[4] != 2 or data[5] != 1:
        pytest.skip("not a 64-bit little-endian ELF file")
    (at,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    heads = (struct.unpack_from("<IIQQQQQQ", data, at + i * size) for i in range(count))
    assert sum(head[6] for head in heads if head[0] == PT_TLS) <= 2048
