# SPDX-License-Identifier: MIT
"""Real servers, downstream services and load, as processes of their own on stated CPUs.

Each is a context: whatever happens inside, they are gone afterwards. Options are those of the
programs by their names, with underscores: {"queue_limit": 64, "offload": True}; None leaves one out.
METHOD: with two CPUs the server has one, load and downstream the other.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .programs import Build, Child, Finished, read_json

PROGRAMS = ("serve", "load", "downstream")
# Against hanging: on some machines most of the CPU is the host's.
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 60.0
LOAD_SLACK_S = 60.0  # load waits for late answers before it gives up
ENDING_S = 2.0  # a server whose sockets are closed has ended, or is about to

Options = Mapping[str, Any]


class Failure(Exception):
    """Why this process has no result."""


def argv(options: Options) -> list[str]:
    """{"queue_limit": 8, "offload": True} → --queue-limit 8 --offload."""
    words: list[str] = []
    for name, value in options.items():
        if value is None or value is False:
            continue
        words.append("--" + name.replace("_", "-"))
        if value is not True:
            words.append(f"{value:.9g}" if isinstance(value, float) else str(value))
    return words


@dataclass
class Server:
    """A running server, ready to be loaded."""

    child: Child
    address: str
    startup_ns: int
    json: Path
    beside_pid: int | None = None  #: what it asks in turn: load watches that, too
    admin: str | None = None  #: where /metrics is answered whatever the model does, if it was asked for

    @property
    def target(self) -> str:
        return f"http://{self.address}/"

    @property
    def pid(self) -> int:
        return self.child.pid

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> tuple[dict[str, Any], Finished]:
        """SIGTERM; what the server wrote at its end, and how it ended. Failure unless with 0."""
        self.child.signal(signal.SIGTERM)
        done = self.child.wait(timeout_s)
        if done.failure:
            raise Failure(f"after SIGTERM: {done.failure}")
        content, wrong = read_json(self.json)
        if wrong is not None:
            raise Failure(f"serve: {wrong}")
        return dict(content), done

    def metrics(self) -> dict[str, float]:
        """What GET /metrics says now, by name."""
        found = {}
        for line in get(self.child, self.admin or self.address, "/metrics").splitlines():
            name, _, value = line.rpartition(" ")
            if name and not line.startswith("#"):
                found[name] = float(value)
        return found


@contextlib.contextmanager
def server(
    build: Build, options: Options, *, cpu: int | str, padding: int = 0
) -> Iterator[Server]:
    """A fresh server that has given its first good answer. `cpu` may be a list, as --cpus takes it."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="assay-")))
        own: dict[str, Any] = {"listen": "127.0.0.1:0", "cpus": cpu, "json": folder / "serve.json"}
        if options.get("workload") == "journal":
            own["journal"] = folder
        words = [str(build.program("serve")), *argv({**options, **own})]
        began = time.monotonic_ns()
        # The model pins its own threads; the rest of the server stays there too.
        child = stack.enter_context(Child(words, cpus=cpus(cpu), padding=padding, line=True))
        address = listening(child)
        get(child, address, "/health")
        startup_ns = time.monotonic_ns() - began
        admin = listening(child, "admin") if options.get("admin") else None
        yield Server(child, address, startup_ns, folder / "serve.json", admin=admin)


def cpus(listed: int | str) -> list[int]:
    """A list of CPUs as programs take it: "0" or "0,2-3"."""
    found = []
    for part in str(listed).split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


@dataclass
class Downstream:
    """A running downstream service."""

    child: Child
    address: str
    control_address: str | None

    def control(self, **settings: Any) -> dict[str, Any]:
        """Changes it while it runs: control(delay="fixed:5000"), control(state="refusing"); done when
        this returns what it is now (bench/downstream_control.h)."""
        assert self.control_address
        body = " ".join(f"{name.replace('_', '-')}={value}" for name, value in settings.items())
        return dict(json.loads(get(self.child, self.control_address, "/", body)))


@contextlib.contextmanager
def downstream(
    build: Build, options: Options, *, cpu: int | str, control: bool = False
) -> Iterator[Downstream]:
    words = [str(build.program("downstream")), *argv({"listen": "127.0.0.1:0", **options})]
    if control:
        words += ["--control", "127.0.0.1:0"]
    with Child(words, cpus=cpus(cpu), line=True) as child:
        address = listening(child)
        yield Downstream(child, address, listening(child, "control") if control else None)


def listening(child: Child, what: str = "listening") -> str:
    """The HOST:PORT that the program prints when it is ready."""
    line = child.next_line(START_TIMEOUT_S)
    prefix = f"{what} on "
    if line is None or not line.startswith(prefix):
        child.signal(signal.SIGKILL)
        done = child.wait(STOP_TIMEOUT_S)
        raise Failure(f"{child.name} did not start: {done.failure or line}")
    return line[len(prefix) :]


def get(child: Child, address: str, path: str, body: str | None = None) -> str:
    """The body of a 200 answer; with a body of ours it is a POST."""
    host, _, port = address.rpartition(":")
    method = "GET" if body is None else "POST"
    connection = http.client.HTTPConnection(host, int(port), timeout=START_TIMEOUT_S)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        status, text = answer.status, answer.read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        raise Failure(f"{child.name}: {method} {path}: {error or type(error).__name__}") from None
    finally:
        connection.close()
    if status != 200:
        raise Failure(f"{child.name}: {method} {path}: status {status}: {text[:200].strip()}")
    return text


@dataclass
class Loading:
    """A load generator at work."""

    child: Child
    server: Server
    path: Path
    timeout_s: float
    requests: Path | None = None  #: a line for each of them, when it has ended

    def wait(self, *, stopped: bool = False, unanswered: bool = False) -> dict[str, Any]:
        """Its figures. Its exit code 1 (wrong or failed replies) is for the gates. stopped: the server
        may have ended meanwhile; unanswered: without one right answer the figures count, too."""
        done = self.child.wait(self.timeout_s)
        content, wrong = read_json(self.path)
        failed = wrong is not None or done.returncode not in (0, 1)
        nothing = not failed and not unanswered and not content.get("answered")
        if not stopped and self.server.child.ended(ENDING_S if failed or nothing else 0.0):
            ended = self.server.child.wait(0)
            raise Failure(f"the server ended under load: {ended.failure or 'exit code 0'}")
        if failed:
            raise Failure(done.failure or f"load: {wrong}")
        if nothing:
            raise Failure("load: not one right answer")
        return dict(content)


def load_words(build: Build, options: Options) -> list[str]:
    """Load's command line. `classes`: a list of options with a `name` each."""
    given = dict(options)
    lines = []
    for each in given.pop("classes", None) or []:
        one = dict(each)
        lines += ["--class", " ".join([str(one.pop("name")), *argv(one)])]
    if given.get("arrival") == "closed" or (given.get("arrival") == "uniform" and not lines):
        given.pop("seed", None)
    return [str(build.program("load")), *argv(given), *lines]


@contextlib.contextmanager
def start_load(build: Build, server: Server, options: Options, *, cpu: int | str) -> Iterator[Loading]:
    """Load that runs beside other things. Options as load_words() takes them; `steps`: a list of
    (rate, seconds) instead of `rate` and `duration`; `requests`: true for its file of them."""
    given = dict(options)
    steps = [(float(hz), float(seconds)) for hz, seconds in given.pop("steps", None) or []]
    with tempfile.TemporaryDirectory(prefix="assay-") as folder:
        path = Path(folder) / "load.json"
        own: dict[str, Any] = {"target": server.target, "watch_pid": server.pid, "json": path}
        own["beside_pid"] = server.beside_pid
        log = Path(folder) / "requests.csv" if given.pop("requests", False) else None
        own |= {"requests": log, "steps": ",".join(f"{hz:.9g}:{s:.9g}" for hz, s in steps) or None}
        words = load_words(build, {**own, **given})
        window_s = sum(seconds for _, seconds in steps) or float(given["duration"])
        lasts_s = sum(float(given.get(name) or 0) for name in ("settle", "warmup")) + window_s
        with Child(words, cpus=cpus(cpu)) as child:
            yield Loading(child, server, path, lasts_s + LOAD_SLACK_S, log)


def load(
    build: Build,
    server: Server,
    options: Options,
    *,
    cpu: int | str,
    unanswered: bool = False,
) -> dict[str, Any]:
    """One run of the load generator; warmup and duration are seconds."""
    with start_load(build, server, options, cpu=cpu) as loading:
        return loading.wait(unanswered=unanswered)


# --- What they said -----------------------------------------------------------------------------

COPIED = (
    "offered_hz achieved_hz p50_ns p90_ns p95_ns p99_ns p999_ns max_ns mean_ns"
    " service_p50_ns service_p99_ns lag_p50_ns lag_p99_ns lag_max_ns in_flight_mean"
    " planned sent answered unsent failed wrong"
).split()


def opened(result: Mapping[str, Any]) -> dict[str, Any]:
    """A line's metrics from load's JSON; per request where there was one, else None. CPU time and right
    answers are of the window, whenever those were due; switches and theirs of the warm-up, too."""
    switches = [result[f"watch_{kind}_switches"] for kind in ("voluntary", "involuntary")]
    totals = {
        "cpu_ns": (result["watch_cpu_ns"], result["completed"]),
        "cpu_user_ns": (result["watch_cpu_user_ns"], result["completed"]),
        "cpu_system_ns": (result["watch_cpu_system_ns"], result["completed"]),
        # Not known where threads of the server ended meanwhile.
        "context_switches": (None if None in switches else sum(switches), result["watch_answered"]),
    }
    return {
        **{key: result[key] for key in COPIED},
        **{
            f"{name}_per_request": total / answered if answered and total is not None else None
            for name, (total, answered) in totals.items()
        },
        "rss_bytes": result["watch_rss_bytes"],
        **busy_percents(result),
    }


def busy_percents(result: Mapping[str, Any]) -> dict[str, float]:
    return {
        "server_busy_percent": busy_percent(result, "watch_cpu_ns"),
        # Without what it polled in vain, if it polls.
        "load_busy_percent": max(0.0, busy_percent(result, "cpu_ns") - busy_percent(result, "polled_ns")),
    }


def busy_percent(result: Mapping[str, Any], key: str) -> float:
    """Of one CPU, in load's window."""
    return float(100.0 * (result.get(key) or 0) / result["duration_ns"])


def final(result: Mapping[str, Any]) -> dict[str, Any]:
    """… from serve's, over its whole life."""
    served = max(1, result["answered"])
    counted = ("turns", "messages", "wakeups", "syscalls")
    return {
        "drain_ns": result["drain_ns"],
        "lost": result["lost"],
        "max_rss_bytes": result["max_rss_bytes"],
        **{f"{name}_per_request": result[name] / served for name in counted},
    }
