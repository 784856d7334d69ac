# SPDX-License-Identifier: MIT
"""What a sweep measures besides `rpc` behind sockets: a model in process (model_bench), pipelined
requests, with what somebody beside them waits who asks for one at a time, and too many requests, which
come in bursts."""

from __future__ import annotations

import selectors
import socket
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from . import machine, peer_servers, rig
from .intervals import percentile
from .peer_servers import Failure
from .planned import Family
from .programs import Build, execute, json_file, read_json
from .scenarios import requests

#: Of the models, in a row for one actor, or one connection: what models/*.c say.
BATCHES = {"thread_pool": 1, "event_loop": 1, "actor": 100}
REQUESTS_IN_A_ROW = 1  # of one connection, in all models
MIN_TIME_S, REPETITIONS = 0.04, 7  # of an in-process member
TIMEOUT_S = 60.0
BODY = b"Hello, sweep!"
CONNECTIONS, DEPTH = 8, 256  # how many pipeline, and how many requests each
LONE_S, SECONDS = 0.3, 0.4

#: Of `overload`: requests of some 50 µs come 400 at an instant, half as many again as can be served.
ITERATIONS, BURST, FACTOR = 20000, 400, 1.5
CLOSED_CONNECTIONS, OVER_CONNECTIONS = 64, 6000  # more than any limit that is tried has room for
SETTLE_S, CLOSED_S, OVER_S = 0.3, 0.25, 1.0
IN_TIME_S = 0.1

#: Of `calls`: each waits so long for its answer; threads beside the default, which is one for each connection to the
#: service (serve's --downstream-connections), and as many as there are CPUs.
CALL_US, CALLS_S, CALL_CONNECTIONS, CALLING = 5000, 0.5, 64, (16, 128)


def defaults() -> str:
    """What a sweep goes away from, for readers."""
    batches = ", ".join(f"{batch} ({model})" for model, batch in BATCHES.items())
    threads = f"one thread for each CPU ({CALL_CONNECTIONS} of a pool whose requests call a service)"
    said = f"{threads}, no spinning, a queue limit of 1024, a batch of {batches}"
    return f"{said}; the actor takes {REQUESTS_IN_A_ROW} request of one connection in a row"


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
    """One connection asks DEPTH requests at a time, alone: the CPU time of a request. Then CONNECTIONS do, and
    one more asks for one at a time: how many are served, and how long that one waits."""
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

        def asked(depths: list[int], seconds: float) -> tuple[list[_Client], float]:
            size = first.reply_bytes
            clients = [_Client(_connect(running.address), one * n, size * n, n) for n in depths]
            try:
                return clients, _drive(clients, seconds)
            finally:
                for client in clients:
                    client.socket.close()

        before = peer_servers.cpu_ns(running.child.pid)
        lone, _ = asked([DEPTH], LONE_S)
        used = peer_servers.cpu_ns(running.child.pid) - before
        clients, seconds = asked([DEPTH] * CONNECTIONS + [1], SECONDS)
        peer_servers.stop(running)
    if not lone[0].answered or not clients[-1].waits_ns:
        raise Failure("nobody was answered")
    return {
        "closed_hz": sum(client.answered for client in clients) / seconds,
        "cpu_ns_per_request": used / lone[0].answered,
        "other_p50_ns": float(statistics.median(clients[-1].waits_ns)),
    }


def _connect(address: tuple[str, int]) -> socket.socket:
    made = socket.create_connection(address, timeout=TIMEOUT_S)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    made.setblocking(False)
    return made


def _drive(clients: list[_Client], for_s: float) -> float:
    """How long it was."""
    with selectors.DefaultSelector() as selector:
        began = time.monotonic()
        for client in clients:
            selector.register(client.socket, selectors.EVENT_READ, client)
            client.ask()
        while time.monotonic() - began < for_s:
            for key, _ in selector.select(TIMEOUT_S):
                key.data.ready()
        return time.monotonic() - began


def _overload(build: Build, family: Family, member: str, padding: int) -> dict[str, float]:
    """After a closed loop, which tells how many can be served: right answers within IN_TIME_S per second, and how
    long those waited who had a right answer at all. A full door refuses."""
    load = family.load
    what = {"workload": load["workload"], "cpu_iterations": ITERATIONS}
    changed = load["settings"][member]
    try:
        with rig.server(
            build,
            {"model": load["model"], **what, "threads": 1, "on_full": load["on_full"], **changed},
            cpu=load["server_cpu"],
            padding=padding,
        ) as server:
            closed = {"arrival": "closed", "connections": CLOSED_CONNECTIONS, "warmup": 0.1, "duration": CLOSED_S}
            most = rig.load(build, server, {**what, **closed}, cpu=load["load_cpu"])
            over = {
                "arrival": "burst", "burst": BURST, "rate": FACTOR * most["achieved_hz"], "warmup": 0.0,
                "connections": OVER_CONNECTIONS, "settle": SETTLE_S, "duration": OVER_S, "requests": True,
            }  # fmt: skip
            with rig.start_load(build, server, {**what, **over}, cpu=load["load_cpu"]) as loading:
                done = loading.wait(unanswered=True)
                waits_ns = [r.latency_ns for r in requests.read(loading) if r.latency_ns is not None]
            server.stop()
    except rig.Failure as failure:
        raise Failure(str(failure)) from None
    if not waits_ns:
        raise Failure("load: not one right answer")
    return {
        "closed_hz": sum(ns <= IN_TIME_S * 1e9 for ns in waits_ns) / OVER_S,
        "cpu_ns_per_request": done["watch_cpu_ns"] / len(waits_ns),
        "other_p50_ns": float(percentile(waits_ns, 0.5)),
    }


def _calls(build: Build, family: Family, member: str, padding: int) -> dict[str, float]:
    """Requests that each wait for a service: how many are answered in a closed loop."""
    load = family.load
    what = {"workload": load["workload"], "payload": load["payload"], "codec": load["codec"]}
    try:
        with rig.downstream(build, {"delay": f"fixed:{CALL_US}"}, cpu=load["load_cpu"]) as beside:
            served = {**what, "model": load["model"], "downstream": beside.address, **load["settings"][member]}
            with rig.server(build, served, cpu=load["server_cpu"], padding=padding) as server:
                closed = {"arrival": "closed", "connections": CLOSED_CONNECTIONS, "warmup": 0.1, "duration": CALLS_S}
                done = rig.load(build, server, {**what, **closed}, cpu=load["load_cpu"])
                server.stop()
    except rig.Failure as failure:
        raise Failure(str(failure)) from None
    return {"closed_hz": done["achieved_hz"], "cpu_ns_per_request": done["watch_cpu_ns"] / done["answered"]}


MEASURES: dict[str, Callable[[Build, Family, str, int], dict[str, float]]] = {
    "in_process": _in_process,
    "pipelined": _pipelined,
    "overload": _overload,
    "calls": _calls,
}
