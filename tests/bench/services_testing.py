# SPDX-License-Identifier: MIT
"""Starts serve, load and downstream, and servers that misbehave on purpose."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ENDS_WITHIN_S = 600  # a bound against hanging, not a claim about time
PATIENCE_S = 120  # for an answer that will come; an answer later than load's own default is a failure
ECHO = ["--workload", "echo", "--payload", "ack", "--codec", "cjson"]
QUANTILES = ["p50_ns", "p90_ns", "p95_ns", "p99_ns", "p999_ns", "max_ns"]


def program(name: str) -> str:
    path = os.environ.get(f"ASSAY_{name.upper()}")
    if not path:
        pytest.skip(f"ASSAY_{name.upper()} is not set: run through meson test")
    return path


def run(name: str, *args: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program(name), *map(str, args)], text=True, capture_output=True, timeout=ENDS_WITHIN_S
    )


class Server:
    """serve or downstream, listening."""

    def __init__(self, name: str, *args: object) -> None:
        self.process = subprocess.Popen(
            [program(name), "--listen", "127.0.0.1:0", *map(str, args)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line.startswith("listening on 127.0.0.1:"):
            _, errors = self.process.communicate(timeout=ENDS_WITHIN_S)
            pytest.fail(f"{name} did not start: {line}{errors}")
        self.port = int(line.rsplit(":", 1)[1])
        self.address = f"127.0.0.1:{self.port}"

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=ENDS_WITHIN_S)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(how)
        _, self.errors = self.process.communicate(timeout=ENDS_WITHIN_S)
        return self.process.returncode


@contextlib.contextmanager
def serving(name: str, *args: object) -> Iterator[Server]:
    server = Server(name, *args)
    try:
        yield server
        assert server.stop() == 0, server.errors
    finally:
        if server.process.poll() is None:
            server.process.kill()
            server.process.communicate()


def load(folder: Path, address: str, *args: object, code: int | None = None) -> dict[str, Any]:
    """Runs load against address and returns its JSON; short and patient, but for what args say. Its
    exit code must be that which its own figures call for: a busy machine may leave requests unsent."""
    if "--timeout" not in args:
        args = (*args, "--timeout", PATIENCE_S)
    path = folder / "load.json"
    path.unlink(missing_ok=True)
    done = run("load", "--target", f"http://{address}/", "--json", path, "--warmup", 0, *args)
    said = f"exit code {done.returncode}\n{done.stdout}{done.stderr}"
    assert path.exists(), said
    assert list(folder.glob("load.json?*")) == [], "a temporary file was left"
    out: dict[str, Any] = json.loads(path.read_text())
    kept = out["planned"] - out["unsent"] - out["sent_after"] >= 0.99 * out["planned"]
    right = out["answered"] > 0 and out["failed"] == out["wrong"] == 0
    held = out["connections_held"] == out["connections"]
    assert done.returncode == (0 if kept and right and held else 1), said
    assert code is None or done.returncode == code, said
    assert ("were not sent" in done.stderr) == (out["unsent"] > 0)
    assert ("this was not the load that was asked for" in done.stderr) == (not kept)
    assert ("no percentile has their latency in it" in done.stderr) == (kept and out["unsent"] > 0)
    return out


class Misbehaving:
    """Answers each request on a connection with whatever `answer` says; None: closes with a reset.

    A request is known complete by its blank line and Content-Length, which is all that load sends.
    """

    def __init__(self, answer: Callable[[bytes], bytes | None], close: bool = False) -> None:
        self.answer = answer
        self.close = close
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Misbehaving:
        return self

    def __exit__(self, *_: object) -> None:
        # shutdown() wakes accept(); close() alone would not.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            data = b""
            while True:
                request, data = self._request(connection, data)
                if request is None:
                    return
                answer = self.answer(request)
                if answer is None:
                    # Linger 0: close() sends a reset.
                    linger = (1).to_bytes(4, "little") + (0).to_bytes(4, "little")
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    return
                connection.sendall(answer)
                if self.close:
                    return

    @staticmethod
    def _request(connection: socket.socket, data: bytes) -> tuple[bytes | None, bytes]:
        while b"\r\n\r\n" not in data:
            more = connection.recv(65536)
            if not more:
                return None, b""
            data += more
        head, _, rest = data.partition(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        while len(rest) < length:
            rest += connection.recv(65536)
        return head + b"\r\n\r\n" + rest[:length], rest[length:]


def reply(body: bytes, status: str = "200 OK", headers: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body


def body_of(request: bytes) -> bytes:
    return request.partition(b"\r\n\r\n")[2]


def models() -> list[str]:
    """As serve lists them; none when the tests are not run through meson."""
    if "ASSAY_SERVE" not in os.environ:
        return []
    listed = run("serve", "--list").stdout.splitlines()
    return [line.split()[0] for line in listed[1 : listed.index("workloads")]]


def check_sums(out: dict[str, Any]) -> None:
    assert out["planned"] == out["sent"] + out["unsent"]
    assert out["sent_after"] <= out["held_back"]
    assert out["sent"] == out["answered"] + out["wrong"] + out["failed"]
    assert sum(out["status_counts"].values()) == out["answered"] + out["wrong"]
    assert out["without_latency"] == out["unsent"] + out["wrong"] + out["failed"]
    for prefix in ["", "service_", "lag_"]:
        ordered = [out[prefix + quantile] for quantile in QUANTILES]
        if out["arrival"] != "closed" if prefix == "lag_" else out["answered"]:
            assert ordered == sorted(ordered)
        else:
            assert ordered == [None] * len(QUANTILES), "no sample, and yet a figure"
    # Latency counts from the planned time, so it is never less than the service time.
    if out["answered"]:
        assert all(out[q] >= out["service_" + q] for q in QUANTILES)
