# SPDX-License-Identifier: MIT
"""What a sweep measures besides `rpc` behind sockets: a model in process (model_bench), and pipelined
requests, with what somebody beside them waits who asks for one at a time."""

from __future__ import annotations

import selectors
import socket
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from . import machine, peer_servers
from .peer_servers import Failure
from .planned import Family
from .programs import Build, execute, json_file, read_json

MIN_TIME_S, REPETITIONS = 0.04, 7  # of an in-process member
TIMEOUT_S = 60.0
BODY = b"Hello, sweep!"
CONNECTIONS, DEPTH = 8, 256  # how many pipeline, and how many requests each
SECONDS = 0.4


def measure(build: Build, family: Family, member: str, *, padding: int) -> dict[str, dict[str, Any]]:
    """One process; what goes into its line."""
    began, watch = time.monotonic(), machine.Watch()
    result: dict[str, Any] = {"status": "ok", "reason": None, "metrics": {}, "gates": {}}
    try:
        result["metrics"] = MEASURES[family.load["how"]](build, family, member, padding)
    except Failure as failure:
        result.update(status="failed", reason=str(failure))
    seconds = round(time.monotonic() - began, 3)
    return {member: {**result, "seconds": seconds, "covariates": watch.covariates(None)}}


def _options(family: Family, member: str) -> list[str]:
    changed = family.load["settings"][member]
    return [part for name, value in changed.items() for part in ("--" + name.replace("_", "-"), str(value))]


def _in_process(build: Build, family: Family, member: str, padding: int) -> dict[str, float]:
    """Requests per second in a closed loop without sockets: one thread on a CPU that it shares with the
    client, several wherever the system puts them."""
    case = f"model/{family.load['workload']}/{family.load['model']}"
    argv = [
        str(build.program("model_bench")), f"--benchmark_filter=^{case}$", *_options(family, member),
        f"--benchmark_min_time={MIN_TIME_S}", f"--benchmark_repetitions={REPETITIONS}",
    ]  # fmt: skip
    with json_file() as path:
        done = execute([*argv, "--json", str(path)], timeout_s=TIMEOUT_S, padding=padding)
        content, wrong = read_json(path)
    if done.failure or wrong:
        raise Failure(done.failure or f"model_bench: {wrong}")
    result = next((each for each in content.get("benchmarks", []) if each["case"] == case), None)
    if not result or result.get("error") or not result.get("blocks"):
        raise Failure(f"{case}: {(result or {}).get('error') or 'was not measured'}")
    counters = result.get("counters") or {}
    return {
        "closed_hz": 1e9 / statistics.median(ns for _, ns in result["blocks"]),
        "cpu_ns_per_request": float(counters["cpu_ns_per_request"]),
    }


@dataclass
class _Client:
    """One connection that asks so many requests at a time, and waits for all replies."""

    socket: socket.socket
    asks: bytes
    expects: int  #: bytes of all replies
    requests: int
    left: int = 0
    unsent: bytes = b""
    asked_ns: int = 0
    answered: int = 0
    waits_ns: list[int] = field(default_factory=list)

    def ask(self) -> None:
        self.unsent, self.left, self.asked_ns = self.asks, self.expects, time.monotonic_ns()
        self.go_on()

    def go_on(self) -> None:
        """As much as can be sent now."""
        if self.unsent:
            try:
                self.unsent = self.unsent[self.socket.send(self.unsent) :]
            except BlockingIOError:
                pass

    def ready(self) -> None:
        try:
            got = len(self.socket.recv(1 << 18))
        except BlockingIOError:
            return
        if not got or got > self.left:
            raise Failure("the server closed a connection, or replied too much")
        self.left -= got
        self.go_on()
        if self.left == 0:
            self.answered += self.requests
            self.waits_ns.append(time.monotonic_ns() - self.asked_ns)
            self.ask()


def _pipelined(build: Build, family: Family, member: str, padding: int) -> dict[str, float]:
    """CONNECTIONS ask DEPTH requests at a time; one more asks for one at a time, and is waited for."""
    load = family.load
    argv = [
        str(build.program("serve")), "--model", load["model"], "--workload", load["workload"],
        "--listen", "127.0.0.1:0", "--threads", "1", "--cpus", str(load["server_cpu"]),
        "--on-full", load["on_full"], *_options(family, member),
    ]  # fmt: skip
    one = peer_servers.request("POST", BODY, "text/plain")
    with peer_servers.server(argv, cpu=load["server_cpu"], padding=padding) as running:
        first = peer_servers.Clients(running.address, 1)
        first.ask([(one, BODY)])
        first.close()
        size = first.reply_bytes
        depths = [DEPTH] * CONNECTIONS + [1]
        clients = [_Client(_connect(running.address), one * n, size * n, n) for n in depths]
        try:
            before = peer_servers.cpu_ns(running.child.pid)
            seconds = _drive(clients)
            used = peer_servers.cpu_ns(running.child.pid) - before
        finally:
            for client in clients:
                client.socket.close()
        peer_servers.stop(running)
    answered = sum(client.answered for client in clients)
    if not answered or not clients[-1].waits_ns:
        raise Failure("nobody was answered")
    return {
        "closed_hz": answered / seconds,
        "cpu_ns_per_request": used / answered,
        "other_p50_ns": float(statistics.median(clients[-1].waits_ns)),
    }


def _connect(address: tuple[str, int]) -> socket.socket:
    made = socket.create_connection(address, timeout=TIMEOUT_S)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    made.setblocking(False)
    return made


def _drive(clients: list[_Client]) -> float:
    """For SECONDS; how long it was."""
    with selectors.DefaultSelector() as selector:
        began = time.monotonic()
        for client in clients:
            selector.register(client.socket, selectors.EVENT_READ, client)
            client.ask()
        while time.monotonic() - began < SECONDS:
            for key, _ in selector.select(TIMEOUT_S):
                key.data.ready()
        return time.monotonic() - began


MEASURES: dict[str, Callable[[Build, Family, str, int], dict[str, float]]] = {
    "in_process": _in_process,
    "pipelined": _pipelined,
}
