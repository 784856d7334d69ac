# SPDX-License-Identifier: MIT
"""load against servers that misbehave: what is no answer is not counted as one, and connections that end
are opened again."""

from __future__ import annotations

import http.server
import itertools
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from services_testing import (
    ECHO,
    ENDS_WITHIN_S,
    PATIENCE_S,
    Misbehaving,
    body_of,
    check_sums,
    load,
    reply,
    run,
)

FAULTS = {
    "resets": (lambda request: None, "failed"),
    "garbage": (lambda request: b"\x16\x03\x01 hello\r\n\r\n", "failed"),
    "half an answer": (lambda request: reply(b"0123456789")[:-3], "failed"),
    "more than an answer": (lambda request: reply(body_of(request)) + b"HTTP/1.1", "failed"),
    "wrong bytes": (lambda request: reply(b"X" + body_of(request)[1:]), "wrong"),
    "too few bytes": (lambda request: reply(body_of(request)[:-1]), "wrong"),
    "no bytes": (lambda request: reply(b""), "wrong"),
    "an error": (lambda request: reply(body_of(request), "500 Oops"), "wrong"),
    "no room": (lambda request: reply(b"", "503 Service Unavailable"), "wrong"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_not_answers(tmp_path: Path, fault: str) -> None:
    answer, counted_as = FAULTS[fault]
    with Misbehaving(answer, close=fault == "half an answer") as server:
        out = load(
            tmp_path, server.address, "--rate", 100, "--arrival", "uniform", "--duration", 0.3,
            *ECHO, code=1,
        )  # fmt: skip
    check_sums(out)
    assert out["answered"] == 0
    assert out[counted_as] == out["sent"] == 30
    assert out["rejected"] == (30 if fault == "no room" else 0)
    assert out["p50_ns"] is None


def test_right_bytes_are_answers(tmp_path: Path) -> None:
    """The same rig as above, so that what fails there fails for its fault."""
    with Misbehaving(lambda request: reply(body_of(request))) as server:
        out = load(
            tmp_path, server.address, "--rate", 100, "--arrival", "uniform", "--duration", 0.3,
            *ECHO,
        )  # fmt: skip
    assert out["answered"] == 30


def test_one_wrong_reply_among_many_is_found(tmp_path: Path) -> None:
    numbers = itertools.count()

    def answer(request: bytes) -> bytes:
        body = body_of(request)
        return reply(body[:-1] + b"?" if next(numbers) == 17 else body)

    with Misbehaving(answer) as server:
        out = load(
            tmp_path, server.address, "--rate", 100, "--arrival", "uniform", "--duration", 0.3,
            *ECHO, code=1,
        )  # fmt: skip
    assert (out["answered"], out["wrong"]) == (29, 1)


def test_no_answer_times_out(tmp_path: Path) -> None:
    never = threading.Event()

    def answer(request: bytes) -> None:
        never.wait(ENDS_WITHIN_S)

    with Misbehaving(answer) as server:
        out = load(
            tmp_path, server.address, "--rate", 20, "--arrival", "uniform", "--duration", 0.3,
            "--timeout", 1, "--connections", 8, code=1,
        )  # fmt: skip
        never.set()
    check_sums(out)
    assert out["failed"] == out["timeouts"] == 6


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda request: None, "6 planned requests have no latency (0 unsent, 6 failed): the true"),
        (lambda request: reply(b"", "500 Oops"), "6 wrong answers are not in the percentiles"),
        (lambda request: reply(b""), None),
    ],
)
def test_says_what_is_not_in_the_percentiles(
    answer: Callable[[bytes], bytes | None], said: str | None
) -> None:
    with Misbehaving(answer) as server:
        done = run(
            "load", "--target", f"http://{server.address}/", "--rate", 20, "--arrival", "uniform",
            "--warmup", 0, "--duration", 0.3, "--connections", 8, "--timeout", PATIENCE_S,
        )  # fmt: skip
    assert done.returncode == (1 if said else 0), done.stderr
    lines = [line.strip() for line in done.stdout.splitlines()]
    if said:
        assert any(line.startswith(said) for line in lines), done.stdout
    else:
        assert "percentiles" not in done.stdout


def test_reconnects_when_the_server_closes(tmp_path: Path) -> None:
    closing = "Connection: close\r\n"
    with Misbehaving(lambda request: reply(b"", headers=closing), close=True) as server:
        out = load(
            tmp_path, server.address, "--rate", 100, "--arrival", "uniform",
            "--duration", 0.5, "--connections", 8,
        )  # fmt: skip
    check_sums(out)
    assert out["answered"] + out["unsent"] == 50
    assert out["closed_by_peer"] == out["reconnects"] > 0


def test_being_reopened_is_no_connection_lost(tmp_path: Path) -> None:
    """Each answer ends its connection, so at the end of the plan some are just being opened."""
    closing = "Connection: close\r\n"
    with Misbehaving(lambda request: reply(b"", headers=closing), close=True) as server:
        out = load(
            tmp_path, server.address, "--arrival", "closed", "--duration", 0.2, "--connections", 8
        )
    check_sums(out)
    assert out["connections_held"] == 8
    assert out["reconnects"] > 0


def test_body_until_the_end_of_the_connection(tmp_path: Path) -> None:
    """Python's own server: HTTP/1.0, each answer ends with its connection."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"until the end")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        out = load(
            tmp_path, f"127.0.0.1:{server.server_port}", "--rate", 50, "--arrival", "uniform",
            "--duration", 0.5, "--connections", 4,
        )  # fmt: skip
        server.shutdown()
    check_sums(out)
    assert out["answered"] + out["unsent"] == 25
    assert out["failed"] == 0
