# SPDX-License-Identifier: MIT
"""Connections that are opened, ask when told to, and stay: for what is counted, not for what is timed."""

from __future__ import annotations

import errno
import os
import re
import resource
import socket
import time
from pathlib import Path
from typing import Any

from .. import RefusedError, rig
from ..programs import Build, Child

ANSWER_S = 60.0
OPENED_HZ = 6000.0  # connections that are opened, and ask once, per second, as far as a plan's time goes
SHORT_S = 0.001  # for an answer when patience is over: there may be ten thousand to ask
SPARE_FILES = 200  # of each process: what it has open besides connections
PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")


def settle_s(connections: int) -> float:
    """Of silence before a closed loop, in which a server takes so many in: beside as many busy threads as
    connections the thread that accepts hardly gets a turn."""
    return 0.02 + 3 * connections / OPENED_HZ


def allow(connections: int) -> None:
    """Raises the limits that so many connections need, or refuses in one line that names the limit."""
    need = connections + SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < need:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (need, need))
            return
        except (OSError, ValueError):
            raise RefusedError(
                f"{connections} connections need {need} open files, and the hard limit is {hard}"
                " (ulimit -Hn): raise it, or ask for fewer in [steps] connections"
            ) from None
    if soft < need:
        resource.setrlimit(resource.RLIMIT_NOFILE, (need, hard))
    if PORTS.exists():
        low, high = map(int, PORTS.read_text().split())
        if high - low + 1 < connections + SPARE_FILES:
            raise RefusedError(
                f"{connections} connections to one port need as many local ports, and there are"
                f" {high - low + 1} ({PORTS}): widen the range, or ask for fewer in [steps] connections"
            )


def request(build: Build, options: rig.Options) -> bytes:
    """One request, byte for byte as `load` sends it with these options: it is let send one to us."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(ANSWER_S)
        target = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        own: dict[str, Any] = {"target": target, "arrival": "closed", "connections": 1, "duration": 60.0}
        with Child([str(build.program("load")), *rig.argv({**own, **options})]) as child:
            listener.settimeout(0.2)
            for _ in range(int(ANSWER_S / 0.2)):
                try:
                    connection, _ = listener.accept()
                    break
                except TimeoutError:
                    if not child.running():
                        raise rig.Failure(str(child.wait(0).failure)) from None
            else:
                raise rig.Failure("load sent nothing")
            with connection:
                connection.settimeout(ANSWER_S)
                return _message(connection, b"")[0]


_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)


def _message(connection: socket.socket, got: bytes) -> tuple[bytes, bytes]:
    """A whole HTTP message with a length, and what came behind it. Failure if it ends too early."""
    while True:
        head, separator, body = got.partition(b"\r\n\r\n")
        if separator:
            found = _LENGTH.search(head)
            size = len(head) + 4 + (int(found[1]) if found else 0)
            if len(got) >= size:
                return got[:size], got[size:]
        more = connection.recv(65536)
        if not more:
            raise rig.Failure(f"the peer closed a connection after {got[:60]!r}")
        got += more


class Held:
    """A context of connections to one server."""

    def __init__(self, address: str, asked: bytes) -> None:
        host, _, port = address.rpartition(":")
        self._address, self._asked = (host, int(port)), asked
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> Held:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        for each in self._sockets:
            each.close()
        self._sockets.clear()

    def grow(self, count: int) -> None:
        """Until there are so many; every new one asks once and is answered with 200."""
        first = len(self._sockets)
        self.open(count - first)
        self.send(first)
        answered = self.receive(first)
        if answered != count - first:
            raise rig.Failure(f"{answered} of {count - first} new connections were answered with 200")

    def open(self, count: int) -> None:
        for _ in range(count):
            try:
                each = socket.create_connection(self._address, timeout=ANSWER_S)
            except OSError as error:
                raise rig.Failure(f"connection {len(self._sockets) + 1}: {_why(error)}") from None
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sockets.append(each)

    def send(self, first: int = 0) -> None:
        """A request on each of them."""
        for each in self._sockets[first:]:
            try:
                each.sendall(self._asked)
            except OSError as error:
                raise rig.Failure(f"a request could not be sent: {_why(error)}") from None

    def receive(self, first: int = 0, patience_s: float = ANSWER_S) -> int:
        """How many were answered with 200; those that were closed or not answered in time were not.
        patience_s: without any answer; then only what is there already is taken."""
        good, until_s = 0, time.monotonic() + patience_s
        for each in self._sockets[first:]:
            each.settimeout(max(SHORT_S, until_s - time.monotonic()))
            try:
                reply, _ = _message(each, b"")
            except (OSError, rig.Failure):
                continue
            good, until_s = good + reply.startswith(b"HTTP/1.1 200 "), time.monotonic() + patience_s
        return good


def _why(error: OSError) -> str:
    if error.errno == errno.EMFILE:
        return "too many open files (ulimit -n)"
    return str(error.strerror or error or os.strerror(error.errno or 0))
