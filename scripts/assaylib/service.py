# SPDX-License-Identifier: MIT
"""Service families: a fresh server for every member and round, under load over real sockets.

One process here is one server: started on its CPU, asked until it answers, loaded at the stated
rate (latency, CPU per request), loaded in a closed loop (throughput), and told to drain while a last
closed loop is still asking. `call` has
a fresh downstream service beside it. Load and downstream run on another CPU than the server.
"""

from __future__ import annotations

import contextlib
import http.client
import math
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from . import machine
from .plan import DRAIN_S, Family
from .programs import Build, Child, Finished, read_json

WORKLOADS = ("rpc", "cpu", "call", "store", "fanout", "mixed", "mixed_offloaded", "journal")
PROGRAMS = ("serve", "load", "downstream")
START_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 20.0
LOAD_SLACK_S = 20.0  # load waits for late answers before it gives up
RATE_SHARE = 0.4  # of the slowest member's closed-loop throughput in the pilot
STOP_LOAD_S = DRAIN_S  # of closed loop, in whose middle SIGTERM comes
OFFLOADING = ("event_loop", "actor")  # models with helper threads; others may block where they are
PILOT_S = (0.1, 0.3)  # warm-up and window

# METHOD section 4.
ACHIEVED_MIN = 0.99
LAG_SHARE_MAX = 0.1
LITTLE_MAX = 0.1


class Failure(Exception):
    """Why this process has no result."""


@dataclass(frozen=True)
class Server:
    """A running server, ready to be loaded."""

    child: Child
    target: str
    startup_ns: int
    json: Path


def workloads(build: Build) -> tuple[str, ...]:
    """Those that can be measured over sockets with what is built."""
    return WORKLOADS if all(build.find(name) for name in PROGRAMS) else ()


def pilot(
    build: Build, family: Family, say: Callable[[str], None]
) -> tuple[Family, dict[str, str]]:
    """Every member once in a closed loop; the rate follows from the slowest, below all ceilings.
    And the versions of libraries that only a server knows."""
    load = {**family.load, "closed_warmup_s": PILOT_S[0], "closed_duration_s": PILOT_S[1]}
    short = replace(family, load=load)
    measured: dict[str, float] = {}
    wrong: dict[str, str] = {}
    versions: dict[str, str] = {}
    for member in family.members:
        if member in family.aliases:
            continue
        try:
            with _rig(build, short, member, padding=0) as server:
                measured[member] = _closed(build, short, server)["achieved_hz"]
                final, _ = _stop(build, short, server)
                versions["llhttp"] = final["llhttp_version"]
        except Failure as failure:
            wrong[member] = str(failure)
            say(f"assay: {family.id}/{member}: the pilot failed: {failure}")
    if not any(measured.values()):
        why = next(iter(wrong.values()), "no answers")
        return replace(family, note=f"the pilot failed: {why}"), versions
    bound = RATE_SHARE * min(hz for hz in measured.values() if hz > 0)
    if family.load["rate_hz"]:
        bound = min(bound, family.load["rate_hz"])
    load = {**family.load, "rate_hz": _two_digits(bound), "pilot_closed_hz": measured}
    return replace(family, load=load), versions


def _two_digits(value: float) -> float:
    """Rounded down: 1234 → 1200."""
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return round(math.floor(value / unit + 1e-9) * unit, 6)


def measure(
    build: Build, family: Family, member: str, *, seed: int, padding: int
) -> dict[str, dict[str, Any]]:
    """One server; what goes into its line."""
    began, watch = time.monotonic(), machine.Watch()
    result: dict[str, Any] = {"status": "ok", "reason": None, "metrics": {}, "gates": {}}
    server_usage: Finished | None = None
    try:
        if not family.load.get("rate_hz"):
            raise Failure(family.note or "no rate")
        with _rig(build, family, member, padding=padding) as server:
            opened = _open(build, family, server, seed)
            closed = _closed(build, family, server)
            final, server_usage = _stop(build, family, server)
        result["metrics"] = _metrics(opened, closed, final, server.startup_ns)
        result["gates"] = _gates(family, member, opened, closed, final)
    except Failure as failure:
        result.update(status="failed", reason=str(failure))
    covariates = watch.covariates(server_usage)
    seconds = round(time.monotonic() - began, 3)
    return {member: {**result, "seconds": seconds, "covariates": covariates}}


@contextlib.contextmanager
def _rig(build: Build, family: Family, member: str, *, padding: int) -> Iterator[Server]:
    """Server and downstream, which are gone afterwards, however this ends."""
    load = family.load
    workload = _workload(family)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="assay-")))
        # Of a sweep: what this member changes.
        settings = dict((load.get("settings") or {}).get(member) or {})
        argv = [
            str(build.program("serve")),
            *("--model", str(load.get("model") or member.partition(".")[0])),
            *("--workload", workload),
            *("--listen", "127.0.0.1:0"),
            *("--threads", str(load["threads"][member])),
            *("--cpus", str(load["server_cpu"])),
            *("--queue-limit", str(settings.pop("queue_limit", load["queue_limit"]))),
            *("--on-full", load["on_full"]),
            *("--json", str(folder / "serve.json")),
        ]
        if workload in ("rpc", "call"):
            argv += ["--payload", load["payload"], "--codec", load["codec"]]
        if load.get("cpu_iterations"):
            argv += ["--cpu-iterations", str(load["cpu_iterations"])]
        if load.get("offload") and member.partition(".")[0] in OFFLOADING:
            argv += ["--offload-threads", str(load["offload_threads"])]
        if workload == "mixed" and load.get("offload"):
            argv += ["--offload"]
        if workload == "journal":
            argv += ["--journal", str(folder)]
        for name in ("batch", "spin_us"):
            if name in settings:
                argv += ["--" + name.replace("_", "-"), str(settings[name])]
        if load.get("fan"):
            argv += ["--fan", str(load["fan"])]
        if load.get("downstream_delay_us"):
            downstream = [
                str(build.program("downstream")),
                *("--listen", "127.0.0.1:0"),
                *("--delay", f"fixed:{load['downstream_delay_us']}"),
            ]
            child = stack.enter_context(
                Child(downstream, cpus=[load["downstream_cpu"]], line=True)
            )
            argv += ["--downstream", _listening(child)]
            argv += ["--downstream-connections", str(load["downstream_connections"])]
        began = time.monotonic_ns()
        # The model pins its own threads; the rest of the server stays there too.
        child = stack.enter_context(
            Child(argv, cpus=[load["server_cpu"]], padding=padding, line=True)
        )
        address = _listening(child)
        _first_answer(child, address)
        startup_ns = time.monotonic_ns() - began
        yield Server(child, f"http://{address}/", startup_ns, folder / "serve.json")


def _workload(family: Family) -> str:
    """What serve and load call it; runs of earlier versions name it in the family's id alone."""
    return str(family.load.get("workload") or family.id.partition("/")[2])


def _listening(child: Child) -> str:
    line = child.first_line(START_TIMEOUT_S)
    prefix = "listening on "
    if line is None or not line.startswith(prefix):
        child.signal(signal.SIGKILL)
        done = child.wait(STOP_TIMEOUT_S)
        raise Failure(f"{child.name} did not start: {done.failure or line}")
    return line[len(prefix) :]


def _first_answer(child: Child, address: str) -> None:
    host, _, port = address.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=START_TIMEOUT_S)
    try:
        connection.request("GET", "/health")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        raise Failure(f"{child.name}: GET /health: {error or type(error).__name__}") from None
    finally:
        connection.close()
    if status != 200:
        raise Failure(f"{child.name}: GET /health: status {status}")


def _open(build: Build, family: Family, server: Server, seed: int) -> dict[str, Any]:
    load = family.load
    return _load(
        build,
        family,
        server,
        *("--arrival", load["arrival"]),
        *("--rate", f"{load['rate_hz']:g}"),
        *("--spin-us", str(load["spin_us"])),
        *("--seed", str(seed)),
        warmup_s=load["warmup_s"],
        duration_s=load["duration_s"],
    )


def _closed(build: Build, family: Family, server: Server) -> dict[str, Any]:
    return _load(
        build,
        family,
        server,
        *("--arrival", "closed"),
        warmup_s=family.load["closed_warmup_s"],
        duration_s=family.load["closed_duration_s"],
    )


def _load(
    build: Build,
    family: Family,
    server: Server,
    *arguments: str,
    warmup_s: float,
    duration_s: float,
) -> dict[str, Any]:
    """One run of the load generator. Its exit code 1 (wrong or failed replies) is for the gates."""
    path = server.json.with_name("load.json")
    path.unlink(missing_ok=True)
    argv = [*_load_argv(build, family, server, path, warmup_s, duration_s), *arguments]
    with Child(argv, cpus=[family.load["load_cpu"]]) as child:
        done = child.wait(warmup_s + duration_s + LOAD_SLACK_S)
    if not server.child.running():
        ended = server.child.wait(0)
        raise Failure(f"the server ended under load: {ended.failure or 'exit code 0'}")
    content, wrong = read_json(path)
    if wrong is not None or done.returncode not in (0, 1):
        raise Failure(done.failure or f"load: {wrong}")
    if not content.get("answered"):
        raise Failure("load: not one right answer")
    return dict(content)


def _load_argv(
    build: Build, family: Family, server: Server, path: Path, warmup_s: float, duration_s: float
) -> list[str]:
    load = family.load
    argv = [
        str(build.program("load")),
        *("--target", server.target),
        *("--connections", str(load["connections"])),
        *("--warmup", f"{warmup_s:g}"),
        *("--duration", f"{duration_s:g}"),
        *("--watch-pid", str(server.child.pid)),
        *("--json", str(path)),
    ]
    what = ["--workload", _workload(family), "--payload", load["payload"], "--codec", load["codec"]]
    if load.get("cpu_iterations"):
        what += ["--cpu-iterations", str(load["cpu_iterations"])]
    if not load.get("heavy_percent"):
        return [*argv, *what]
    # Two classes, so that the latency of one is not lost in that of the other.
    for name, share, heavy in (
        ("fast", 100 - load["heavy_percent"], 0),
        ("heavy", load["heavy_percent"], 100),
    ):
        one = [name, "--share", str(share), *what, "--heavy-percent", str(heavy)]
        argv += ["--class", " ".join(one)]
    return argv


def _stop(build: Build, family: Family, server: Server) -> tuple[dict[str, Any], Finished]:
    """SIGTERM in the middle of a closed loop: what the server has begun to read it must answer. That
    load is refused afterwards, so that its own failures say nothing; `lost` is the server's count."""
    path = server.json.with_name("last.json")
    argv = _load_argv(build, family, server, path, 0.0, STOP_LOAD_S)
    with Child([*argv, "--arrival", "closed"], cpus=[family.load["load_cpu"]]):
        time.sleep(STOP_LOAD_S / 2)
        server.child.signal(signal.SIGTERM)
        done = server.child.wait(STOP_TIMEOUT_S)
    if done.failure:
        raise Failure(f"after SIGTERM: {done.failure}")
    content, wrong = read_json(server.json)
    if wrong is not None:
        raise Failure(f"serve: {wrong}")
    return dict(content), done


def _metrics(
    opened: dict[str, Any], closed: dict[str, Any], final: dict[str, Any], startup_ns: int
) -> dict[str, Any]:
    answered, served = opened["answered"], max(1, final["answered"])
    switches = opened["watch_voluntary_switches"] + opened["watch_involuntary_switches"]
    copied = (
        "offered_hz achieved_hz p50_ns p90_ns p95_ns p99_ns p999_ns max_ns mean_ns"
        " service_p50_ns service_p99_ns lag_p50_ns lag_p99_ns lag_max_ns in_flight_mean"
        " sent answered unsent failed wrong"
    ).split()
    return {
        **{key: opened[key] for key in copied},
        "cpu_ns_per_request": opened["watch_cpu_ns"] / answered,
        "cpu_user_ns_per_request": opened["watch_cpu_user_ns"] / answered,
        "cpu_system_ns_per_request": opened["watch_cpu_system_ns"] / answered,
        "context_switches_per_request": switches / answered,
        "rss_bytes": opened["watch_rss_bytes"],
        "server_busy_percent": _busy_percent(opened, "watch_cpu_ns"),
        "load_busy_percent": _busy_percent(opened, "cpu_ns"),
        "closed_hz": closed["achieved_hz"],
        "closed_p50_ns": closed["p50_ns"],
        "closed_p99_ns": closed["p99_ns"],
        "closed_cpu_ns_per_request": closed["watch_cpu_ns"] / closed["answered"],
        "closed_server_busy_percent": _busy_percent(closed, "watch_cpu_ns"),
        "closed_load_busy_percent": _busy_percent(closed, "cpu_ns"),
        "startup_ns": startup_ns,
        "drain_ns": final["drain_ns"],
        "lost": final["lost"],
        "max_rss_bytes": final["max_rss_bytes"],
        "turns_per_request": final["turns"] / served,
        "messages_per_request": final["messages"] / served,
        "wakeups_per_request": final["wakeups"] / served,
        "syscalls_per_request": final["syscalls"] / served,
        **{
            f"{each['name']}_{key}": each[key]
            for each in opened.get("classes") or []
            for key in ("p50_ns", "p99_ns")
            if each.get(key) is not None
        },
    }


def _busy_percent(result: dict[str, Any], key: str) -> float:
    """Of one CPU, in the window: near 100 says who was saturated."""
    return 100.0 * result[key] / result["duration_ns"]


def _gate(value: float, limit: float, scope: str, *, most: bool) -> dict[str, Any]:
    ok = value <= limit if most else value >= limit
    return {"value": round(value, 6), "limit": limit, "scope": scope, "ok": ok}


def _gates(
    family: Family,
    member: str,
    opened: dict[str, Any],
    closed: dict[str, Any],
    final: dict[str, Any],
) -> dict[str, Any]:
    """METHOD section 4; scope says which of the line's figures fall with the gate."""
    asked = family.load["connections"]
    held = min(opened["connections_held"], closed["connections_held"])
    little = closed["little_ratio"]
    achieved = opened["achieved_hz"] / opened["offered_hz"] if opened["offered_hz"] else 0.0
    gates = {
        "achieved_over_offered": _gate(achieved, ACHIEVED_MIN, "open", most=False),
        "replies_wrong": _gate(opened["wrong"] + opened["failed"], 0, "open", most=True),
        "closed_replies_wrong": _gate(closed["wrong"] + closed["failed"], 0, "closed", most=True),
        "lag_p99_over_p50": _gate(
            opened["lag_p99_ns"] / max(1, opened["p50_ns"]), LAG_SHARE_MAX, "tail", most=True
        ),
        "littles_law": _gate(
            abs(little - 1) if little is not None else 1.0, LITTLE_MAX, "closed", most=True
        ),
        "connections_held": _gate(held, asked, "all", most=False),
        "lost": _gate(final["lost"], 0, "all", most=True),
    }
    ceiling = _ceiling_hz(family, member)
    if ceiling is not None:
        gates["below_ceiling"] = _gate(closed["achieved_hz"], ceiling, "closed", most=True)
    return gates


def _ceiling_hz(family: Family, member: str) -> float | None:
    """What no arithmetic allows to exceed: a thread that blocks, or a connection, per delay."""
    load = family.load
    if "downstream_delay_us" not in load:
        return None
    places = min(load["connections"], load["downstream_connections"] / load.get("fan", 1))
    if member.partition(".")[0] == family.baseline:
        places = min(places, load["threads"][member])
    return float(places * 1e6 / load["downstream_delay_us"])
