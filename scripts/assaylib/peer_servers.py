# SPDX-License-Identifier: MIT
"""Servers of ours and of others on loopback: started on their CPU, asked, checked, loaded, counted."""

from __future__ import annotations

import contextlib
import random
import re
import resource
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import machine
from .programs import Build, Child, Finished, execute, read_json

START_S, STOP_S, ANSWER_S = 60.0, 60.0, 60.0
CLIENT_SLACK_S = 30.0
CONNECTIONS = 64
NGINX_BODY = b"Hello, peers!"
#: In every reply of nginx, in none of ours. What is sent back is longer by as much: whole replies are equally long.
NGINX_HEADERS = b"Server: nginx\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nConnection: keep-alive\r\n"
BODY = NGINX_BODY + b"." * len(NGINX_HEADERS)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n" % len(BODY)
REPLY_BYTES = len(HEAD) + len(BODY)
POST_LUA = 'wrk.method = "POST"\nwrk.body = "{body}"\nwrk.headers["Content-Type"] = "text/plain"\n'
CALLGRIND = ("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null")
NGINX_CONF = """
daemon off;
master_process off;
worker_rlimit_nofile 20000;
pid {folder}/nginx.pid;
error_log {folder}/error.log crit;
events {{ worker_connections 16384; use epoll; }}
http {{
    access_log off;
    server_tokens off;
    tcp_nodelay on;
    keepalive_timeout 3600s;
    keepalive_requests 1000000000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{ default_type application/octet-stream; return 200 "{body}"; }}
    }}
}}
"""


class Failure(Exception):
    """Why this process has no result."""


@dataclass(frozen=True)
class Server:
    child: Child
    address: tuple[str, int]
    folder: Path

    @property
    def url(self) -> str:
        return f"http://{self.address[0]}:{self.address[1]}/"


@contextlib.contextmanager
def server(argv: Sequence[str], *, cpu: int, padding: int, under: Sequence[str] = ()) -> Iterator[Server]:
    """Runs argv, under a tool if need be, until its port answers; gone afterwards. {port} and
    {folder} in argv are filled in; without a port the first line on stdout names the address."""
    with tempfile.TemporaryDirectory(prefix="assay-") as name:
        folder = Path(name)
        port = _free_port() if _is_nginx(argv) else 0
        if port:
            text = NGINX_CONF.format(folder=folder, port=port, body=NGINX_BODY.decode())
            (folder / "nginx.conf").write_text(text)
        filled = [part.replace("{folder}", name) for part in (*under, *argv)]
        with Child(filled, cpus=[cpu], padding=padding, line=True) as child:
            if not port:
                line = child.next_line(START_S)
                found = re.fullmatch(r"listening on ([\d.]+):(\d+)", line or "")
                if not found:
                    child.signal(signal.SIGKILL)
                    raise Failure(f"{child.name} did not start: {child.wait(STOP_S).failure or line}")
                port = int(found[2])
            running = Server(child, ("127.0.0.1", port), folder)
            _await_port(running)
            yield running


def _is_nginx(argv: Sequence[str]) -> bool:
    return any("{folder}" in part for part in argv)


def _free_port() -> int:
    """Below those that the kernel hands out, or somebody's connection might have it by then."""
    for _ in range(1000):
        port = random.SystemRandom().randrange(20000, 32000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise Failure("no free port between 20000 and 32000")


def _await_port(running: Server) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            socket.create_connection(running.address, timeout=ANSWER_S).close()
            return
        except OSError as error:
            if not running.child.running():
                why = running.child.wait(0).failure
                raise Failure(f"{running.child.name} did not start: {why}") from None
            if time.monotonic() > deadline:
                raise Failure(f"{running.child.name}: no answer: {error}") from None
            time.sleep(0.01)


def stop(running: Server) -> Finished:
    """SIGTERM; how the process ended is not judged, servers of others have their own ways."""
    running.child.signal(signal.SIGTERM)
    return running.child.wait(STOP_S)


class Clients:
    """Connections that ask at the same time and count. Not fast: for what is counted, not timed.
    reply_bytes: of every whole reply, or it is a wrong one; None: of any size."""

    def __init__(self, address: tuple[str, int], count: int, reply_bytes: int | None = None) -> None:
        _many_files()
        self._sockets: list[socket.socket] = []
        self._expected_bytes = reply_bytes
        self.reply_bytes = 0
        try:
            for _ in range(count):
                self._sockets.append(socket.create_connection(address, timeout=ANSWER_S))
                self._sockets[-1].setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            self.close()
            raise Failure(f"connection {len(self._sockets) + 1} of {count}: {error}") from None

    def close(self) -> None:
        for each in self._sockets:
            each.close()

    def ask(self, requests: Sequence[tuple[bytes, bytes]]) -> None:
        """One request on every connection, (what is sent, the body of the reply); then the replies."""
        try:
            for i, each in enumerate(self._sockets):
                each.sendall(requests[i % len(requests)][0])
            for i, each in enumerate(self._sockets):
                self._reply(each, requests[i % len(requests)][1])
        except OSError as error:
            raise Failure(f"no reply: {error}") from None

    def _reply(self, each: socket.socket, body: bytes) -> None:
        got = b""
        while not (b"\r\n\r\n" in got and got.endswith(body)):
            more = each.recv(65536)
            if not more:
                raise Failure(f"the server closed a connection after {got[:80]!r}")
            got += more
            head, _, rest = got.partition(b"\r\n\r\n")
            if len(rest) > len(body) or (len(rest) == len(body) and rest != body):
                raise Failure(f"a wrong reply: {rest[:80]!r}")
        if not got.startswith(b"HTTP/1.1 200 "):
            raise Failure(f"a wrong reply: {got[:80]!r}")
        self.reply_bytes = len(got)
        if self._expected_bytes not in (None, self.reply_bytes):
            raise Failure(f"replies of {self.reply_bytes} bytes, where the others' have {self._expected_bytes}")


def _many_files() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def request(method: str, body: bytes, content_type: str) -> bytes:
    head = f"{method} / HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    if method == "POST":
        head += f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + (body if method == "POST" else b"")


def cpu_ns(pid: int) -> int:
    """CPU time of a process, exactly, as the scheduler counts it, with that of threads that have ended:
    a server with a thread per connection has none left when the client has gone."""
    return time.clock_gettime_ns(~pid << 3 | 2)  # clock_getcpuclockid(3)


def rss_bytes(pid: int) -> int:
    found = re.search(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.M)
    return int(found[1]) * 1024 if found else 0


# --- how each kind of family measures a server; metrics and, where there is one, the process's end


def loaded(build: Build, load: dict[str, Any], argv: Sequence[str], padding: int) -> dict[str, float]:
    """A closed loop of CONNECTIONS: requests per second, latency, CPU per request."""
    cpus = machine.cpus()
    with server(argv, cpu=cpus[0], padding=padding) as running:
        clients = Clients(running.address, CONNECTIONS, load.get("reply_bytes"))  # warm, and the replies are right
        for _ in range(20):
            clients.ask(requests(build, load, argv))
        clients.close()
        before = cpu_ns(running.child.pid)
        client = _wrk if load["client"] == "wrk" else _load
        metrics = client(build, load, running, cpus[-1])
        used = cpu_ns(running.child.pid) - before
        stop(running)
    return {**metrics, "cpu_ns_per_request": used / metrics["requests"], "reply_bytes": clients.reply_bytes}


_UNITS = {"us": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9}


def _wrk(build: Build, load: dict[str, Any], running: Server, cpu: int) -> dict[str, float]:
    seconds = load["seconds"]
    argv = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency"]
    if load["method"] == "POST":
        script = running.folder / "post.lua"
        script.write_text(POST_LUA.format(body=BODY.decode()))
        argv += ["-s", str(script)]
    done = execute([*argv, running.url], timeout_s=seconds + CLIENT_SLACK_S, cpus=[cpu])
    if done.failure:
        raise Failure(done.failure)
    wrong = re.search(r"Socket errors:.*|Non-2xx.*", done.stdout)
    if wrong:
        raise Failure(f"wrk: {wrong[0]}")
    counted = re.search(r"(\d+) requests in ", done.stdout)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    shares = {share: re.search(rf"^\s+{share}%\s+([\d.]+)(us|ms|s|m)$", done.stdout, re.M) for share in (50, 99)}
    if not counted or not rate or not all(shares.values()):
        raise Failure(f"wrk says {done.stdout[:200]!r}")
    p50, p99 = (float(found[1]) * _UNITS[found[2]] for found in shares.values() if found)
    return {"requests": float(counted[1]), "requests_hz": float(rate[1]), "p50_ns": p50, "p99_ns": p99}


def _load(build: Build, load: dict[str, Any], running: Server, cpu: int) -> dict[str, float]:
    """Without wrk: the closed loop of our own load generator."""
    body, path = running.folder / "body", running.folder / "load.json"
    body.write_bytes(BODY)
    argv = [
        str(build.program("load")), "--target", running.url, "--arrival", "closed",
        "--connections", str(CONNECTIONS), "--warmup", "0", "--duration", str(load["seconds"]),
        "--expect-status", "200", "--json", str(path),
    ]  # fmt: skip
    if load["method"] == "POST":
        argv += ["--body", str(body), "--content-type", "text/plain"]
    done = execute(argv, timeout_s=load["seconds"] + CLIENT_SLACK_S, cpus=[cpu])
    content, wrong = read_json(path)
    if done.failure or wrong:
        raise Failure(done.failure or f"load: {wrong}")
    return {
        "requests": float(content["answered"]),
        "requests_hz": float(content["achieved_hz"]),
        "p50_ns": float(content["p50_ns"]),
        "p99_ns": float(content["p99_ns"]),
    }


def counted(build: Build, load: dict[str, Any], argv: Sequence[str], padding: int) -> dict[str, float]:
    """Per request, from two processes that were asked differently often: user instructions (callgrind)
    and system calls (strace), whichever the family wants. CONNECTIONS ask at a time, or as many as
    the family says."""
    metrics: dict[str, float] = {}
    asked = requests(build, load, argv)
    connections = load.get("connections", CONNECTIONS)
    tools: dict[str, tuple[tuple[str, ...], Callable[[Server, Finished], int]]] = {
        "instructions_per_request": (CALLGRIND, lambda _, done: instructions(done)),
        # -D: the tracer is the child, so that a signal reaches the server.
        "system_calls_per_request": (("strace", "-D", "-f", "-c", "-o", "{folder}/calls"), _syscalls),
    }  # fmt: skip
    for name in load["metrics"]:
        under, read = tools[name]
        totals = []
        for bursts in load["bursts"]:
            with server(argv, cpu=machine.cpus()[0], padding=padding, under=under) as running:
                clients = Clients(running.address, connections, load.get("reply_bytes"))
                for burst in range(bursts):
                    at = burst * connections % len(asked)
                    clients.ask(asked[at:] + asked[:at])
                metrics["reply_bytes"] = clients.reply_bytes
                clients.close()
                time.sleep(0.1)  # the server sees them go
                totals.append(read(running, stop(running)))
        few, many = load["bursts"]
        metrics[name] = (totals[1] - totals[0]) / (connections * (many - few))
    return metrics


def requests(build: Build, load: dict[str, Any], argv: Sequence[str]) -> list[tuple[bytes, bytes]]:
    """(request, body of the reply): one, or the documents of a payload in turn."""
    if "payload" not in load:
        return [(request(load["method"], BODY, "text/plain"), NGINX_BODY if _is_nginx(argv) else BODY)]
    program = str(build.folder / "bench" / "peers" / "bodies")
    done = execute([program, "--payload", load["payload"], "--codec", load["codec"]], timeout_s=START_S)
    if done.failure:
        raise Failure(done.failure)
    bodies = [bytes.fromhex(line) for line in done.stdout.split()]
    return [(request("POST", body, "application/octet-stream"), body) for body in bodies]


def instructions(done: Finished) -> int:
    """What CALLGRIND has counted."""
    found = re.search(r"Collected : (\d+)", done.stderr)
    if not found:
        raise Failure(f"callgrind says {done.stderr[-200:]!r}")
    return int(found[1])


def _syscalls(running: Server, done: Finished) -> int:
    path, deadline = running.folder / "calls", time.monotonic() + STOP_S
    while time.monotonic() < deadline:  # the tracer writes after the server has gone
        text = path.read_text() if path.exists() else ""
        found = re.search(r"^\s*100\.00\s+\S+\s+(?:\S+\s+)?(\d+)\s+(?:\d+\s+)?total$", text, re.M)
        if found:
            return int(found[1])
        time.sleep(0.05)
    raise Failure("strace wrote no summary")


def idle(build: Build, load: dict[str, Any], argv: Sequence[str], padding: int) -> dict[str, float]:
    """What keep-alive connections cost that have asked once and are silent since: RSS."""
    asked, reply_bytes = requests(build, load, argv), load.get("reply_bytes")
    with server(argv, cpu=machine.cpus()[0], padding=padding) as running:
        warm = Clients(running.address, CONNECTIONS, reply_bytes)
        warm.ask(asked)
        warm.ask(asked)
        before = rss_bytes(running.child.pid)
        clients = Clients(running.address, load["connections"], reply_bytes)
        try:
            clients.ask(asked)
            time.sleep(0.3)
            after = rss_bytes(running.child.pid)
        finally:
            clients.close()
            warm.close()
        stop(running)
    return {"rss_bytes_per_connection": (after - before) / load["connections"]}


MEASURES = {"loaded": loaded, "counted": counted, "idle": idle}
