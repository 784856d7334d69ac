# SPDX-License-Identifier: MIT
"""load against servers whose behaviour is known. No test here asserts how fast anything is: a
known delay is a lower bound of every latency, and counts must add up. Where nothing may be left
unsent there are more connections than requests, however busy the machine is."""

from __future__ import annotations

import contextlib
import csv
import http.server
import itertools
import json
import math
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from services_testing import (
    ECHO,
    PATIENCE_S,
    QUANTILES,
    Misbehaving,
    body_of,
    check_sums,
    load,
    program,
    reply,
    run,
    serving,
)

DELAY_NS = 20_000_000


def test_known_delay(tmp_path: Path) -> None:
    with serving("downstream", "--delay", f"fixed:{DELAY_NS // 1000}") as server:
        out = load(
            tmp_path, server.address, "--rate", 200, "--duration", 1, "--connections", 250, *ECHO
        )
    check_sums(out)
    assert out["answered"] == out["planned"] > 100
    assert out["unsent"] == out["failed"] == out["wrong"] == 0
    assert out["connections_held"] == 250
    assert all(out["service_" + quantile] >= DELAY_NS for quantile in QUANTILES)
    assert out["mean_ns"] >= DELAY_NS
    # Little's law, with what was counted: about rate times delay, which is 4, or more.
    assert out["in_flight_mean"] >= out["achieved_hz"] * DELAY_NS / 1e9 * 0.9


def test_percentiles_of_a_known_mixture(tmp_path: Path) -> None:
    """One answer in ten is late: then p90 is fast or slow by rank alone, and p95 is slow."""
    late = threading.Event()
    numbers = itertools.count(1)

    def answer(request: bytes) -> bytes:
        if next(numbers) % 10 == 0:
            late.wait(0.15)
        return reply(b"")

    with Misbehaving(answer) as server:
        out = load(
            tmp_path, server.address, "--rate", 100, "--arrival", "uniform",
            "--duration", 1, "--connections", 110,
        )  # fmt: skip
    check_sums(out)
    assert out["planned"] == out["answered"] == 100
    assert out["p95_ns"] >= 150_000_000
    assert out["p50_ns"] < out["p95_ns"]


def test_what_cannot_be_sent_is_counted(tmp_path: Path) -> None:
    """One connection, 10 answers a second at most, 50 requests a second asked; after that second what waits
    is sent for one more."""
    with serving("downstream", "--delay", "fixed:100000") as server:
        out = load(
            tmp_path, server.address, "--rate", 50, "--arrival", "uniform",
            "--duration", 1, "--connections", 1, *ECHO,
        )  # fmt: skip
    check_sums(out)
    assert out["planned"] == 50
    assert out["sent"] <= 22
    assert out["unsent"] >= 28
    assert out["completed"] <= 10
    assert out["achieved_hz"] == out["completed"]
    assert out["held_back"] >= out["sent"] - 1
    # The wait for the connection is in the latency, not in the service time: no omission.
    # The k-th request is due at k × 20 ms and sent after k × 100 ms.
    rank = math.ceil(out["answered"] / 2) - 1
    assert out["p50_ns"] >= 100_000_000 + rank * 80_000_000
    # … and the wait is not the generator's own lag.
    assert out["lag_p50_ns"] < out["p50_ns"]


def test_stall_reaches_the_percentiles(tmp_path: Path) -> None:
    """0.4 s without answers in each second: a closed loop of one would lose a few samples to it, an
    open one sees it in every request that was due meanwhile."""
    with serving(
        "downstream", "--delay", "fixed:1000", "--stall-every", 0.6, "--stall-for", 0.4
    ) as server:
        out = load(
            tmp_path, server.address, "--rate", 100, "--arrival", "uniform",
            "--duration", 1, "--connections", 4, *ECHO,
        )  # fmt: skip
    check_sums(out)
    # In [0.6, 1.0) all connections are soon taken: about a third of the plan is late or unsent.
    assert out["held_back"] + out["unsent"] >= 20
    assert out["max_ns"] >= 300_000_000


def test_closed_loop_keeps_to_its_ceiling(tmp_path: Path) -> None:
    with serving("downstream", "--delay", f"fixed:{DELAY_NS // 1000}") as server:
        out = load(
            tmp_path, server.address, "--arrival", "closed", "--duration", 1,
            "--connections", 5, *ECHO,
        )  # fmt: skip
    check_sums(out)
    assert out["achieved_hz"] <= 5 / (DELAY_NS / 1e9)
    assert out["p50_ns"] >= DELAY_NS
    assert out["unsent"] == 0
    assert out["lag_p99_ns"] is out["seconds"][0]["lag_max_ns"] is None  # no plan to be late for
    # What it is follows from what was counted; how near to 1 it is would be a claim about time.
    ratio = out["achieved_hz"] * out["service_mean_ns"] / 1e9 / 5
    assert out["little_ratio"] == pytest.approx(ratio)


def test_same_seed_same_plan(tmp_path: Path) -> None:
    def planned(seed: int) -> int:
        with Misbehaving(lambda request: reply(b"")) as server:
            return load(
                tmp_path, server.address, "--rate", 500, "--duration", 0.2, "--seed", seed
            )["planned"]

    counts = [planned(seed) for seed in (1, 1, 2, 3, 4)]
    assert counts[0] == counts[1]
    assert len(set(counts[1:])) > 1


def test_warm_up_is_not_counted(tmp_path: Path) -> None:
    with Misbehaving(lambda request: reply(b"")) as server:
        out = load(
            tmp_path, server.address, "--rate", 100, "--arrival", "uniform",
            "--duration", 0.5, "--connections", 4,
        )  # fmt: skip
        assert out["planned"] == 50
        done = run(
            "load", "--target", f"http://{server.address}/", "--rate", 100, "--arrival", "uniform",
            "--warmup", 0.5, "--duration", 0.2, "--timeout", PATIENCE_S,
            "--json", tmp_path / "warm.json",
        )  # fmt: skip
    assert done.returncode == 0
    assert json.loads((tmp_path / "warm.json").read_text())["planned"] == 20


def test_nothing_is_sent_while_connections_settle(tmp_path: Path) -> None:
    came: list[float] = []

    def answer(request: bytes) -> bytes:
        came.append(time.monotonic())
        return reply(b"")

    began = time.monotonic()
    with Misbehaving(answer) as server:
        load(tmp_path, server.address, "--settle", 0.4, "--rate", 100, "--duration", 0.2)
    assert min(came) - began >= 0.4


def test_request_as_asked(tmp_path: Path) -> None:
    seen: list[bytes] = []
    body = tmp_path / "body"
    body.write_bytes(b'{"a": 1}')

    def answer(request: bytes) -> bytes:
        seen.append(request)
        return reply(b"", "201 Created")

    with Misbehaving(answer) as server:
        load(
            tmp_path, server.address + "/path?q=1", "--rate", 20, "--duration", 0.2, "--body", body,
            "--content-type", "application/json", "--method", "PUT", "--header", "X-A: 1",
            "--header", "X-B: 2", "--expect-status", "201", "--connections", 1,
        )  # fmt: skip
    head, _, sent = seen[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "PUT /path?q=1/ HTTP/1.1"  # load() appends the slash
    assert f"Host: {server.address}" in lines
    assert {"Content-Type: application/json", "Content-Length: 8", "X-A: 1", "X-B: 2"} < set(lines)
    assert sent == body.read_bytes()


def test_documents_to_any_server(tmp_path: Path) -> None:
    """Without --workload the corpus is sent in turn and the status alone is checked."""
    seen: list[bytes] = []

    def answer(request: bytes) -> bytes:
        seen.append(request)
        return reply(b"whatever", "202 Accepted")

    with Misbehaving(answer) as server:
        out = load(
            tmp_path, server.address, "--rate", 100, "--arrival", "uniform", "--duration", 0.2,
            "--connections", 24, "--payload", "ack", "--codec", "cjson",
        )  # fmt: skip
    assert out["answered"] == out["planned"] == 20
    assert all(b"Content-Type: application/json\r\n" in request for request in seen)
    documents = [json.loads(body_of(request)) for request in seen]
    assert len({json.dumps(document) for document in documents}) > 1


def test_head_has_no_body(tmp_path: Path) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
    with Misbehaving(lambda request: head) as server:
        out = load(
            tmp_path, server.address, "--rate", 50, "--duration", 0.2, "--method", "HEAD"
        )
    assert out["answered"] == out["planned"]


@pytest.mark.parametrize(("status", "expected", "code"), [("404 No", "2xx", 1), ("404 No", "4xx", 0)])
def test_expected_status(tmp_path: Path, status: str, expected: str, code: int) -> None:
    with Misbehaving(lambda request: reply(b"", status)) as server:
        out = load(
            tmp_path, server.address, "--rate", 50, "--duration", 0.2,
            "--expect-status", expected, code=code,
        )  # fmt: skip
    assert out["status_counts"] == {"404": out["sent"]}
    assert out["wrong" if code else "answered"] == out["sent"]


def test_what_serve_needs_no_payload_for_load_does_not(tmp_path: Path) -> None:
    with serving("serve", "--model", "inline", "--workload", "cpu", "--cpu-iterations", 1000) as s:
        options = ["--rate", 100, "--duration", 0.2, "--workload", "cpu", "--cpu-iterations"]
        out = load(tmp_path, s.address, *options, 1000)
        assert out["answered"] > 0 and out["wrong"] == 0
        out = load(tmp_path, s.address, *options, 1001, code=1)
        assert out["answered"] == 0 and out["wrong"] > 0
        done = run("load", "--target", f"http://{s.address}/", *options, 1001)
    assert "was the server given --cpu-iterations 1001, too?" in done.stdout


def test_right_answers_are_worked_out_before_anything_is_sent() -> None:
    """Else the first answer to each document would hold load up for as long as the server computed. These take
    it hours, in which nobody sees a connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(2)
        argv = [program("load"), "--target", f"http://127.0.0.1:{listener.getsockname()[1]}/", "--rate", "10",
                "--workload", "cpu", "--cpu-iterations", str(10**13)]  # fmt: skip
        with subprocess.Popen(argv, stdout=subprocess.DEVNULL) as process:
            try:
                with pytest.raises(TimeoutError):
                    listener.accept()
                assert process.poll() is None
            finally:
                process.kill()


def test_watches_a_process(tmp_path: Path) -> None:
    with serving("serve", "--model", "inline", "--workload", "cpu", "--cpu-iterations", 100000) as s:
        began_ns = time.monotonic_ns()
        out = load(
            tmp_path, s.address, "--rate", 100, "--duration", 0.5, "--workload", "cpu",
            "--cpu-iterations", 100000, "--payload", "ack", "--codec", "cjson",
            "--watch-pid", s.process.pid, "--beside-pid", os.getpid(),
        )  # fmt: skip
        # Its window, with all that it was late: no more time than that, and what was counted late.
        most_ns = time.monotonic_ns() - began_ns + 1_000_000_000
    assert out["watch_cpu_ns"] > 0 and out["beside_cpu_ns"] >= 0
    for who in ("own", "watch", "beside"):
        assert out[f"{who}_cpus"] == len(os.sched_getaffinity(0))
        assert 0 <= out[f"{who}_cpus_idle_ns"]
        assert 0 <= out[f"{who}_cpus_steal_ns"] <= most_ns * out[f"{who}_cpus"]
    assert out["watch_cpu_ns"] == out["watch_cpu_user_ns"] + out["watch_cpu_system_ns"]
    assert out["watch_voluntary_switches"] > 0
    assert out["watch_answered"] == out["answered"]
    assert out["watch_rss_bytes"] > 100_000
    assert 0 < out["cpu_ns"] < most_ns  # it has one thread


def test_any_reply_will_do_from_a_server_that_does_nothing(tmp_path: Path) -> None:
    """The same requests as for a real one: what load and the sockets can carry at most."""
    options = ["--rate", 200, "--duration", 0.5, "--workload", "rpc", "--payload", "order"]
    options += ["--codec", "cjson"]
    with bare("--same-size") as address:
        out = load(tmp_path, address, *options, "--any-reply")
        assert out["answered"] > 0 and out["wrong"] == out["failed"] == 0
        out = load(tmp_path, address, *options, code=1)
        assert out["answered"] == 0 and out["wrong"] == out["sent"]


@contextlib.contextmanager
def bare(*args: str) -> Iterator[str]:
    """A server that does nothing; its address."""
    with subprocess.Popen([program("bare"), *args], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            yield server.stdout.readline().split()[-1]
        finally:
            server.kill()


@pytest.mark.parametrize("size", [0, 100, 40_000, 3_000_000])
@pytest.mark.parametrize("kind", ["same-size", "close"])
def test_a_server_that_does_nothing_answers_a_request_once(kind: str, size: int) -> None:
    """However many pieces it comes in, and with as many bytes, if those are asked for."""
    request = f"POST / HTTP/1.1\r\nHost: x\r\ncontent-length: {size}\r\n\r\n".encode() + b"y" * size
    with bare(f"--{kind}") as address:
        host, _, port = address.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as client:
            for _ in range(1 if kind == "close" else 3):
                client.sendall(request[: 100 + size // 2])
                time.sleep(0.05)
                client.sendall(request[100 + size // 2 :])
                got = b""
                while len(got) < (len(request) if kind == "same-size" else 1):
                    got += client.recv(1 << 20)
                assert got.count(b"HTTP/1.1 200 OK") == 1
            client.shutdown(socket.SHUT_WR)
            while more := client.recv(1 << 20):
                got += more
    assert got.count(b"HTTP/1.1 200 OK") == 1
    if kind == "same-size" and size:
        assert len(got) == len(request)


def test_large_bodies_both_ways(tmp_path: Path) -> None:
    """More than a socket takes at once: the rest is written when there is room."""
    body = tmp_path / "body"
    body.write_bytes(os.urandom(4 << 20))
    with serving("serve", "--model", "inline", "--workload", "echo") as server:
        out = load(
            tmp_path, server.address, "--rate", 10, "--arrival", "uniform", "--duration", 0.5,
            "--body", body, "--connections", 2,
        )  # fmt: skip
    check_sums(out)
    assert out["answered"] > 0
    assert out["failed"] == out["wrong"] == 0


def test_nobody_there() -> None:
    with socket.socket() as bound:  # and not listening: nobody else gets the port, and it refuses
        bound.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{bound.getsockname()[1]}"
        done = run("load", "--target", f"http://{address}/", "--rate", 10, "--connections", 3)
    assert done.returncode == 3
    assert "0 of 3 connections opened: Connection refused" in done.stderr


def test_many_connections_are_held(tmp_path: Path) -> None:
    with serving("serve", "--model", "inline", "--workload", "echo") as server:
        out = load(
            tmp_path, server.address, "--rate", 300, "--duration", 0.5, "--connections", 200,
            "--workload", "echo", "--payload", "ack", "--codec", "msgpack_c",
        )  # fmt: skip
    assert out["connections_held"] == out["connections"] == 200
    assert out["answered"] == out["planned"]


def test_classes_are_told_apart(tmp_path: Path) -> None:
    """Three kinds of request in one run, each with its own answer; one class is answered wrongly."""
    seen: list[bytes] = []
    body = tmp_path / "a body"
    body.write_bytes(b"12345")

    def answer(request: bytes) -> bytes:
        seen.append(request)
        if request.startswith(b"PUT /put HTTP"):
            return reply(b"", "201 Created" if body_of(request) == b"12345" else "400 No")
        if request.startswith(b"HEAD /head HTTP"):
            return b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
        return reply(body_of(request)[:-1])  # to `echo`: a byte too few

    mix = tmp_path / "mix"
    mix.write_text(
        "# comments and empty lines\n\n"
        f"put --share 6 --path /put --method PUT --body '{body}' --expect-status 201\n"
        "  head --share 3 --path /head --method HEAD\n"
        "bad --workload echo --payload ack --codec cjson\n"
    )
    with Misbehaving(answer) as server:
        args = ["--rate", 500, "--duration", 0.5, "--connections", 350]
        out = load(tmp_path, server.address, *args, "--mix", mix, code=1)
        again = load(tmp_path, server.address, *args, "--mix", mix, code=1)
        lines = [line for line in mix.read_text().splitlines() if line and line[0] != "#"]
        same = load(
            tmp_path, server.address, *args, *(w for line in lines for w in ("--class", line)), code=1
        )
    check_sums(out)
    put, head, bad = out["classes"]
    assert [c["name"] for c in out["classes"]] == ["put", "head", "bad"]
    for key in ("planned", "sent", "answered", "wrong", "failed", "unsent", "held_back"):
        assert out[key] == sum(c[key] for c in out["classes"]), key
    assert put["answered"] == put["planned"] and head["answered"] == head["planned"]
    assert bad["wrong"] == bad["planned"] and bad["p50_ns"] is None
    # 0.6, 0.3 and 0.1 of about 250, within five standard deviations, for this seed for ever.
    total = out["planned"]
    for class_, share in ((put, 0.6), (head, 0.3), (bad, 0.1)):
        assert abs(class_["planned"] - share * total) < 5 * math.sqrt(total * share * (1 - share))
    assert put["max_ns"] <= out["max_ns"] == max(put["max_ns"], head["max_ns"])
    for other in (again, same):
        assert [c["planned"] for c in other["classes"]] == [c["planned"] for c in out["classes"]]
    assert {request.split(b" ")[1] for request in seen} == {b"/put", b"/head", b"/"}


def test_a_burst_is_due_at_one_instant(tmp_path: Path) -> None:
    """Eight at a time through one connection: the latencies within a burst can only grow."""
    with Misbehaving(lambda request: reply(b"")) as server:
        out = load(
            tmp_path, server.address, "--arrival", "burst", "--burst", 8, "--rate", 160,
            "--duration", 1, "--connections", 1,
        )  # fmt: skip
    check_sums(out)
    assert out["planned"] % 8 == 0 and out["planned"] > 0
    # All but the first of each burst had to wait for the connection.
    assert out["held_back"] >= out["sent"] - out["planned"] / 8


def test_in_flight_is_bounded(tmp_path: Path) -> None:
    """More connections than may be in use at once: all are held, few are used."""
    busy, most, lock = 0, 0, threading.Lock()

    def answer(request: bytes) -> bytes:
        nonlocal busy, most
        with lock:
            busy += 1
            most = max(most, busy)
        threading.Event().wait(0.005)
        with lock:
            busy -= 1
        return reply(b"")

    with Misbehaving(answer) as server:
        for how in (["--arrival", "closed"], ["--arrival", "uniform", "--rate", 2000]):
            most = 0
            out = load(
                tmp_path, server.address, *how, "--duration", 0.3, "--connections", 10,
                "--in-flight", 3,
            )  # fmt: skip
            check_sums(out)
            assert most <= 3, how
            assert out["in_flight_mean"] <= 3
            assert out["connections_held"] == 10
            if how[1] == "uniform":
                assert out["held_back"] > 0


def test_seconds_add_up(tmp_path: Path) -> None:
    """The timeline: what was planned second by second, and a stall in the second it fell into."""
    with serving(
        "downstream", "--delay", "fixed:1000", "--stall-every", 1.2, "--stall-for", 0.6
    ) as server:
        out = load(
            tmp_path, server.address, "--rate", 100, "--arrival", "uniform",
            "--duration", 2.5, "--connections", 300, *ECHO,
        )  # fmt: skip
    check_sums(out)
    seconds = out["seconds"]
    assert [s["second"] for s in seconds] == [0, 1, 2]
    assert [s["planned"] for s in seconds] == [100, 100, 50]
    for key in ("planned", "sent", "answered", "wrong", "rejected", "failed", "timeouts", "unsent", "held_back"):
        assert sum(s[key] for s in seconds) == out[key], key
    assert sum(s["completed"] for s in seconds) == pytest.approx(out["achieved_hz"] * 2.5)
    assert max(s["max_ns"] for s in seconds) == out["max_ns"]
    assert max(s["lag_max_ns"] for s in seconds) == out["lag_max_ns"]
    assert seconds[1]["max_ns"] >= 500_000_000


def test_steps_and_requests(tmp_path: Path) -> None:
    """Two rates: each step has its figures, the whole run has no percentiles; and a line for each
    request says the same."""
    lines = tmp_path / "requests.csv"
    pace = ["--steps", "50:1,200:0.5", "--arrival", "uniform", "--connections", 160]
    with serving("downstream", "--delay", f"fixed:{DELAY_NS // 1000}") as server:
        out = load(tmp_path, server.address, *pace, "--requests", lines, *ECHO)
    assert out["planned"] == out["answered"] == 150
    assert out["p50_ns"] is out["service_p99_ns"] is out["rate_hz"] is None
    first, second = out["steps"]
    assert (first["rate_hz"], second["rate_hz"]) == (50, 200)
    assert (first["planned"], second["planned"]) == (50, 100)
    assert (first["from_ns"], first["to_ns"], second["to_ns"]) == (0, 10**9, 1_500_000_000)
    assert first["p50_ns"] >= DELAY_NS and second["p50_ns"] >= DELAY_NS
    assert out["window_began_ns"] <= time.monotonic_ns()
    with lines.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 150 and {(r["outcome"], r["status"]) for r in rows} == {("right", "200")}
    latencies = [int(r["ended_ns"]) - int(r["due_ns"]) for r in rows if int(r["due_ns"]) >= 10**9]
    assert max(latencies) == second["max_ns"] and len(latencies) == 100
    assert sorted(int(r["due_ns"]) for r in rows)[:2] == [0, 20_000_000]


def test_a_polling_generator_tells_of_each_step_what_it_had_to_spare(tmp_path: Path) -> None:
    pace = ["--steps", "20:0.4,400:0.2", "--arrival", "uniform", "--connections", 8]
    with serving("downstream", "--delay", "fixed:100") as server:
        out = load(tmp_path, server.address, *pace, "--spin-us", 100_000, *ECHO)
        calm = load(tmp_path, server.address, *pace, *ECHO)
    spared = [step["polled_ns"] for step in out["steps"]]
    assert sum(spared) == out["polled_ns"] and min(spared) > 0
    assert [step["polled_ns"] for step in calm["steps"]] == [None, None] and calm["polled_ns"] is None


def test_a_step_alone_is_a_rate(tmp_path: Path) -> None:
    with serving("downstream", "--delay", "fixed:100") as server:
        out = load(tmp_path, server.address, "--steps", "100:0.5", "--connections", 120, *ECHO)
    assert out["steps"] == [] and out["p50_ns"] >= 100_000


def test_requests_that_failed_are_told(tmp_path: Path) -> None:
    lines = tmp_path / "requests.csv"
    with Misbehaving(lambda request: None) as server:
        out = load(
            tmp_path, server.address, "--rate", 50, "--duration", 0.4, "--connections", 4,
            "--requests", lines, code=1,
        )  # fmt: skip
    with lines.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == out["planned"]
    assert sum(row["outcome"] == "failed" for row in rows) == out["failed"] > 0


def test_histogram_as_plotters_read_it(tmp_path: Path) -> None:
    """Every row is read back, and says of the samples what the JSON says."""
    with serving("downstream", "--delay", "exp:2000", "--seed", 4) as server:
        out = load(
            tmp_path, server.address, "--rate", 1000, "--duration", 1, "--connections", 1200,
            "--hgrm", tmp_path / "out.hgrm", *ECHO,
        )  # fmt: skip
    lines = (tmp_path / "out.hgrm").read_text().splitlines()
    assert lines[0].split() == ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"]
    assert lines[1] == ""
    assert [line.split("=")[0].strip() for line in lines[-3:]] == ["#[Mean", "#[Max", "#[Buckets"]
    rows = [[float(word) for word in line.split()] for line in lines[2:-3]]
    values, percentiles, counts = ([row[i] for row in rows] for i in range(3))
    assert values == sorted(set(values)) and counts == sorted(set(counts))
    total = counts[-1]
    assert total == out["answered"] and percentiles[-1] == 1 and len(rows[-1]) == 3
    for row in rows[:-1]:
        assert row[1] == pytest.approx(row[2] / total, abs=1e-11)
        assert row[3] == pytest.approx(1 / (1 - row[1]), rel=1e-4, abs=0.006)
    assert values[0] <= out["p50_ns"] / 1e6 <= values[-1] == pytest.approx(out["max_ns"] / 1e6)
    for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99)):
        # The first row that covers the share is not below the percentile, the one before not above.
        at = next(i for i, percentile in enumerate(percentiles) if percentile >= share - 1e-9)
        assert values[at] >= out[f"{name}_ns"] / 1e6 - 1e-6
        assert values[at - 1] <= out[f"{name}_ns"] / 1e6 + 1e-6
    mean = float(lines[-3].split("=")[1].split(",")[0])
    assert mean == pytest.approx(out["mean_ns"] / 1e6, abs=1e-5)


def test_says_that_it_was_not_the_load_asked_for() -> None:
    with serving("downstream", "--delay", "fixed:200000") as server:
        done = run(
            "load", "--target", f"http://{server.address}/", "--rate", 50, "--arrival", "uniform",
            "--warmup", 0, "--duration", 0.5, "--connections", 1, "--method", "POST",
        )  # fmt: skip
    assert done.returncode == 1
    assert "of 25 planned requests were not sent" in done.stderr
    assert "this was not the load that was asked for" in done.stderr
