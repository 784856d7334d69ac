# SPDX-License-Identifier: MIT
"""serve, under every model, driven by curl and by raw sockets."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from services_testing import ENDS_WITHIN_S, PATIENCE_S, Server, load, models, run, serving

LIMIT = 100_000  # --max-body-bytes of the server that most tests share


@pytest.fixture(scope="module", params=models())
def echo(request: pytest.FixtureRequest) -> Iterator[Server]:
    with serving(
        "serve", "--model", request.param, "--workload", "echo", "--max-body-bytes", LIMIT
    ) as server:
        yield server


def curl(server: Server, path: str, *args: str) -> subprocess.CompletedProcess[str]:
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    return subprocess.run(
        ["curl", "-sS", *args, f"http://{server.address}{path}"],
        text=True, capture_output=True, timeout=ENDS_WITHIN_S,
    )  # fmt: skip


class Raw:
    """A connection on which exactly these bytes are sent."""

    def __init__(self, server: Server, *parts: bytes) -> None:
        self.socket = server.connect()
        self.data = b""
        for part in parts:
            self.socket.sendall(part)

    def _more(self) -> None:
        more = self.socket.recv(65536)
        assert more, f"closed after {self.data!r}"
        self.data += more

    def head(self) -> tuple[int, dict[str, str]]:
        while b"\r\n\r\n" not in self.data:
            self._more()
        head, _, self.data = self.data.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        assert first.startswith("HTTP/1.1 ")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
        return int(first.split()[1]), headers

    def response(self) -> tuple[int, bytes]:
        status, headers = self.head()
        length = int(headers.get("content-length", 0))
        while len(self.data) < length:
            self._more()
        body, self.data = self.data[:length], self.data[length:]
        return status, body

    def closed(self) -> bool:
        """Nothing more comes: an end or a reset."""
        try:
            return self.data == b"" and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True


def post(body: bytes, headers: str = "") -> bytes:
    head = f"POST / HTTP/1.1\r\nHost: a\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def test_curl(echo: Server, tmp_path: Path) -> None:
    done = curl(echo, "/", "--data-binary", "hello", "-w", "%{http_code} %{num_connects}")
    assert done.stdout == "hello200 1", done.stderr
    assert curl(echo, "/health").stdout.strip() == "ok"
    body = tmp_path / "body"
    body.write_bytes(b"x" * 50_000)
    # curl announces larger bodies, and sends chunks when told so.
    for extra in (["-H", "Expect: 100-continue"], ["-H", "Transfer-Encoding: chunked"]):
        done = curl(echo, "/", "--data-binary", f"@{body}", *extra)
        assert done.stdout == "x" * 50_000, done.stderr


def test_curl_keeps_its_connection(echo: Server) -> None:
    url = f"http://{echo.address}/"
    done = curl(echo, "/", "--data-binary", "a", "-w", "%{num_connects}", url)
    assert done.stdout == "a1a0", done.stderr


def test_keep_alive(echo: Server) -> None:
    raw = Raw(echo)
    for i in range(20):
        raw.socket.sendall(post(b"number %d" % i))
        assert raw.response() == (200, b"number %d" % i)


def test_pipelined(echo: Server) -> None:
    raw = Raw(echo, b"".join(post(b"%d" % i * i) for i in range(1, 40)))
    for i in range(1, 40):
        assert raw.response() == (200, b"%d" % i * i)


def test_byte_by_byte(echo: Server) -> None:
    raw = Raw(echo, *(bytes([byte]) for byte in post(b"slowly")))
    assert raw.response() == (200, b"slowly")


def test_chunked(echo: Server) -> None:
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    raw = Raw(echo, head, b"3\r\nabc\r\n", b"a;x=y\r\n0123456789\r\n", b"0\r\nT: 1\r\n\r\n", post(b"next"))
    assert raw.response() == (200, b"abc0123456789")
    assert raw.response() == (200, b"next")


def test_expect_continue(echo: Server) -> None:
    whole = post(b"patient", "Expect: 100-continue\r\n")
    head, body = whole[: -len(b"patient")], b"patient"
    raw = Raw(echo, head)
    assert raw.head()[0] == 100
    raw.socket.sendall(body)
    assert raw.response() == (200, b"patient")


def test_head(echo: Server) -> None:
    raw = Raw(echo, b"HEAD /health HTTP/1.1\r\nHost: a\r\n\r\n")
    status, headers = raw.head()
    assert status == 200
    assert int(headers["content-length"]) > 0
    raw.socket.sendall(post(b"no body came before this"))
    assert raw.response() == (200, b"no body came before this")


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n", 404),
        (b"POST /health2 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", 404),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        (b"DELETE / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        (b"POST /health HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 405),
        (b"nonsense\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (LIMIT + 1), 413),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n30d40\r\n" + b"x" * 200_000, 413),
    ],
)  # fmt: skip
def test_refused(echo: Server, request_bytes: bytes, status: int) -> None:
    raw = Raw(echo)
    try:
        raw.socket.sendall(request_bytes)
    except (ConnectionResetError, BrokenPipeError):
        pass  # refused before all of it was sent
    assert raw.response()[0] == status
    # … and others are served as before.
    assert Raw(echo, post(b"x")).response() == (200, b"x")


def test_connection_close(echo: Server) -> None:
    raw = Raw(echo, post(b"last", "Connection: close\r\n"))
    assert raw.response() == (200, b"last")
    assert raw.closed()


def test_largest_body(echo: Server) -> None:
    body = bytes(i % 251 for i in range(LIMIT))
    raw = Raw(echo, post(body))
    assert raw.response() == (200, body)


def test_empty_body(echo: Server) -> None:
    assert Raw(echo, post(b"")).response() == (200, b"")


METRIC = re.compile(r'[a-zA-Z_:][a-zA-Z0-9_:]*(\{(\w+="[^"\\]*",?)*\})? -?[0-9.e+]+')


def test_metrics(echo: Server) -> None:
    Raw(echo, post(b"counted")).response()
    raw = Raw(echo, b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
    status, body = raw.response()
    assert status == 200
    text = body.decode()
    assert text.endswith("\n")
    types: dict[str, str] = {}
    values: dict[str, float] = {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            assert name not in types
            types[name] = kind
        elif not line.startswith("#"):
            assert METRIC.fullmatch(line), line
            name = re.split("[ {]", line)[0]
            assert types[name] in ("counter", "gauge")
            assert (types[name] == "counter") == name.endswith("_total")
            values[name] = float(line.rsplit(" ", 1)[1])
    assert values["assay_requests_total"] >= 1
    assert values["assay_answered_total"] >= 1


def requests_so_far(server: Server) -> float:
    raw = Raw(server, b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    found = re.search(rb"^assay_requests_total\S* (\S+)$", raw.response()[1], re.MULTILINE)
    assert found
    return float(found[1])


def scraped(address: str, name: str) -> float:
    """A metric, from the admin address."""
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=ENDS_WITHIN_S) as answer:
        found = re.search(rb"^%s\{[^}]*\} (\S+)$" % name.encode(), answer.read(), re.MULTILINE)
    assert found, name
    return float(found[1])


def admin_of(server: Server) -> str:
    assert server.process.stdout
    line = server.process.stdout.readline()
    assert re.fullmatch(r"admin on 127\.0\.0\.1:\d+\n", line)
    return line.split()[2]


@pytest.mark.parametrize("model", models())
def test_admin_sees_a_model_that_is_stuck(model: str) -> None:
    """Every thread and every place in the pool waits for an answer that never comes: the model's own
    door would not answer, this one does, and says how many."""
    coding = ["--workload", "call", "--payload", "ack", "--codec", "cjson"]
    connections = 1 if model == "inline" else 2
    threads = [] if model in ("inline", "thread_per_connection") else ["--threads", 2]
    with never_answering() as downstream:
        server = Server(
            "serve", "--model", model, *coding, *threads, "--downstream", downstream.address,
            "--downstream-connections", connections, "--call-timeout-ms", 3_600_000,
            "--admin", "127.0.0.1:0", "--drain-ms", 0,
        )  # fmt: skip
        try:
            admin = admin_of(server)
            assert scraped(admin, "assay_pool_in_use") == 0
            raws = [Raw(server, post(b"{}")) for _ in range(connections)]
            while scraped(admin, "assay_pool_in_use") < connections:
                time.sleep(0.005)
            assert scraped(admin, "assay_in_flight") == connections == len(raws)
            for path, body, status in (("/health", None, 200), ("/", b"x", 404), ("/nowhere", None, 404)):
                asked = http.client.HTTPConnection(admin, timeout=ENDS_WITHIN_S)
                asked.request("GET" if body is None else "POST", path, body)
                assert asked.getresponse().status == status
                asked.close()
        finally:
            server.stop()  # an admin address, too, is given up in order
        assert server.process.returncode in (0, 1)  # 1: what never is answered is lost


def test_admin_port_in_use(echo: Server) -> None:
    done = run("serve", "--model", "inline", "--workload", "echo", "--listen", "127.0.0.1:0", "--admin", echo.address)
    assert done.returncode == 2
    assert f"serve: --admin: {echo.address}: Address already in use" in done.stderr


@pytest.mark.parametrize("model", models())
def test_cache_asks_for_what_it_has_not(tmp_path: Path, model: str) -> None:
    coding = ["--workload", "cache", "--payload", "ack", "--codec", "cjson"]
    told = tmp_path / "serve.json"
    classes = [
        word
        for name, share, percent in (("hits", 3, 100), ("misses", 1, 0))
        for word in ("--class", f"{name} --share {share} --hit-percent {percent} {' '.join(coding)}")
    ]
    with contextlib.ExitStack() as stack:
        downstream = stack.enter_context(serving("downstream", "--delay", "fixed:100"))
        options = ["--model", model, "--downstream", downstream.address, "--json", told]
        server = stack.enter_context(serving("serve", *coding, *options))
        pace = ["--arrival", "closed", "--duration", 0.1, "--connections", 4]
        out = load(tmp_path, server.address, *pace, *classes, code=0)
    hits, misses = out["classes"]
    final = json.loads(told.read_text())
    assert hits["answered"] > 0 and misses["answered"] > 0
    assert final["calls"] == misses["answered"] and final["call_errors"] == 0
    assert final["answered"] == hits["answered"] + misses["answered"]


@pytest.mark.parametrize("model", models())
def test_sigterm_under_load_loses_nothing(tmp_path: Path, model: str) -> None:
    out = tmp_path / "serve.json"
    server = Server(
        "serve", "--model", model, "--workload", "cpu", "--json", out, "--drain-ms", 1000 * PATIENCE_S
    )
    stopped = threading.Event()

    def stop() -> None:
        while requests_so_far(server) < 16:  # which come for certain, one on each connection
            time.sleep(0.01)
        stopped.code = server.stop()  # type: ignore[attr-defined]
        stopped.set()

    threading.Thread(target=stop, daemon=True).start()
    client = run(
        "load", "--target", f"http://{server.address}/", "--arrival", "closed",
        "--connections", 16, "--warmup", 0, "--duration", 0.8, "--workload", "cpu",
        "--payload", "ack", "--codec", "cjson", "--json", tmp_path / "load.json",
        "--timeout", PATIENCE_S,
    )  # fmt: skip
    assert stopped.wait(ENDS_WITHIN_S)
    assert stopped.code == 0, server.errors  # type: ignore[attr-defined]
    assert client.returncode in (0, 1)
    served, loaded = json.loads(out.read_text()), json.loads((tmp_path / "load.json").read_text())
    assert served["lost"] == 0
    assert served["requests"] == served["answered"] > 0
    assert served["in_flight"] == 0
    # Whatever the server counted as answered has arrived, right.
    assert loaded["wrong"] == 0
    assert loaded["answered"] == served["answered"]


@contextlib.contextmanager
def never_answering() -> Iterator[Server]:
    """A downstream whose answers no test lives to see: killed, since it would not drain."""
    server = Server("downstream", "--delay", "fixed:3600000000")
    try:
        yield server
    finally:
        server.stop(signal.SIGKILL)


@pytest.mark.parametrize("model", models())
def test_calls_and_their_failures(tmp_path: Path, model: str) -> None:
    coding = ["--workload", "call", "--payload", "ack", "--codec", "msgpack_c"]
    pace = ["--rate", 50, "--arrival", "uniform", "--duration", 0.3, "--connections", 20]
    with serving("downstream", "--delay", "fixed:2000") as downstream:
        upstream = ["--model", model, "--downstream", downstream.address]
        with serving("serve", *coding, *upstream, "--call-timeout-ms", 1000 * PATIENCE_S) as server:
            out = load(tmp_path, server.address, *coding, *pace)
            assert out["answered"] == out["planned"]
            assert out["service_p50_ns"] >= 2_000_000
    with socket.socket() as nobody:  # bound and not listening: nobody else gets the port, and it refuses
        nobody.bind(("127.0.0.1", 0))
        upstream = ["--model", model, "--downstream", f"127.0.0.1:{nobody.getsockname()[1]}"]
        upstream += ["--call-timeout-ms", 1000 * PATIENCE_S]
        with serving("serve", *coding, *upstream) as server:
            out = load(tmp_path, server.address, *coding, *pace, code=1)
            assert out["status_counts"] == {"502": out["sent"]}
    with never_answering() as downstream:
        upstream = ["--model", model, "--downstream", downstream.address]
        with serving("serve", *coding, *upstream, "--call-timeout-ms", 30) as server:
            out = load(tmp_path, server.address, *coding, *pace, code=1)
            assert out["status_counts"] == {"504": out["sent"]}


# Workload: options of the server, of load, and what the server then tells of its requests: the
# count, and how many of it a request takes.
KINDS: dict[str, tuple[list[object], list[object], str, float]] = {
    "fanout": (["--fan", 3], [], "calls", 3),
    "store": (["--cells", 5], ["--hot-percent", 50, "--put-percent", 50], "turns", 1),
    # Where the question does not wait behind the messages, those pile up while their thread is held up.
    "count": (["--messages", 7, "--cells", 3, "--queue-limit", 1_000_000], ["--messages", 7], "sends", 7),
    "pingpong": (["--messages", 7], ["--messages", 7], "turns", 15),
    "journal": ([], [], "offloads", 1),
    "blend": (["--cpu-iterations", 50], ["--cpu-iterations", 50], "calls", 1),
    "mixed": (["--cpu-iterations", 50, "--offload"], ["--cpu-iterations", 50, "--heavy-percent", 100], "offloads", 1),
}


@pytest.mark.parametrize("workload", KINDS)
@pytest.mark.parametrize("model", models())
def test_workloads_over_sockets(tmp_path: Path, model: str, workload: str) -> None:
    """Every reply is checked by load, and what the server did is counted."""
    of_server, of_load, counted, each = KINDS[workload]
    pace = ["--arrival", "closed", "--duration", 0.1, "--connections", 4]
    told = tmp_path / "serve.json"
    with contextlib.ExitStack() as stack:
        if workload in ("fanout", "blend"):
            downstream = stack.enter_context(serving("downstream", "--delay", "fixed:100"))
            of_server = [*of_server, "--downstream", downstream.address]
        if workload == "journal":
            of_server = [*of_server, "--journal", tmp_path]
        server = stack.enter_context(
            serving("serve", "--model", model, "--workload", workload, "--json", told, *of_server)
        )
        out = load(tmp_path, server.address, "--workload", workload, *pace, *of_load)
        assert out["answered"] > 0 and out["wrong"] == out["failed"] == 0
    final = json.loads(told.read_text())
    assert final["lost"] == 0 and final["rejected"] == 0
    assert final[counted] == final["answered"] * each
    assert not list(tmp_path.glob("assay-journal*"))


@pytest.mark.parametrize("model", models())
def test_bad_body_is_400(model: str) -> None:
    with serving(
        "serve", "--model", model, "--workload", "rpc", "--payload", "order", "--codec", "cjson"
    ) as server:
        assert Raw(server, post(b"{not json")).response()[0] == 400
        assert Raw(server, post(b"")).response()[0] == 400


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_stops_on_either_signal(how: signal.Signals) -> None:
    server = Server("serve", "--model", "inline", "--workload", "echo")
    assert server.stop(how) == 0


def pending(server: Server) -> int:
    """Signals that the process has not taken yet."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.search(r"^ShdPnd:\s*([0-9a-f]+)$", status, re.MULTILINE)[1], 16)  # type: ignore[index]


def test_a_second_signal_does_not_wait(tmp_path: Path) -> None:
    with never_answering() as downstream:
        server = Server(
            "serve", "--model", "inline", "--workload", "call", "--payload", "ack",
            "--codec", "cjson", "--downstream", downstream.address,
            "--call-timeout-ms", 3_600_000, "--drain-ms", 3_600_000,
            "--json", tmp_path / "serve.json",
        )  # fmt: skip
        raw = Raw(server, post(b"{}"))
        while requests_so_far(downstream) < 1:
            time.sleep(0.01)
        server.process.send_signal(signal.SIGTERM)
        while pending(server):  # two that have not been taken are one
            time.sleep(0.01)
        time.sleep(0.2)
        assert server.process.poll() is None, "it drains"
        assert server.stop() == 1
        assert "a second time" in server.errors
        assert list(tmp_path.iterdir()) == [], "half a result was left"
        raw.socket.close()


def test_port_in_use() -> None:
    with serving("serve", "--model", "inline", "--workload", "echo") as server:
        for name, rest in (
            ("serve", ["--model", "inline", "--workload", "echo"]),
            ("downstream", []),
        ):
            done = run(name, "--listen", server.address, *rest)
            assert done.returncode == 2
            assert f"{name}: --listen: {server.address}: Address already in use" in done.stderr


def test_json_says_every_value_in_effect(tmp_path: Path) -> None:
    out = tmp_path / "serve.json"
    with serving(
        "serve", "--model", "inline", "--workload", "ring", "--hops", 3, "--json", out
    ) as server:
        socket.create_connection(("127.0.0.1", server.port)).close()
    told = json.loads(out.read_text())
    assert told["options"] | {"hops": 3, "cells": 64, "queue_limit": 1024} == told["options"]
    assert told["options"]["cpu_iterations"] is None
    assert told["lost"] == 0
    for key in ["cpu_user_ns", "cpu_system_ns", "voluntary_switches", "max_rss_bytes", "drain_ns"]:
        assert key in told


def test_memory_is_the_server_s_and_not_that_of_who_started_it(tmp_path: Path) -> None:
    out = tmp_path / "serve.json"
    big = b"x" * (200 << 20)
    with serving("serve", "--model", "inline", "--workload", "echo", "--json", out) as server:
        del big
        status = Path(f"/proc/{server.process.pid}/status").read_text()
        found = re.search(r"^VmHWM:\s*(\d+) kB$", status, re.MULTILINE)
    assert found
    assert abs(json.loads(out.read_text())["max_rss_bytes"] - 1024 * int(found[1])) < 16 << 20
