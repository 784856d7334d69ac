# SPDX-License-Identifier: MIT
"""How a server begins and ends: from its start to the first good answer, and from SIGTERM under load
to its exit, with what was lost on the way.

*Start-up* is the time from the command that starts it to a 200 of GET /health. *Drain* is what the
server needs from SIGTERM until every request that it had begun to read is answered and its threads are
joined; *exit* is when the process has ended. *Lost* is a request of which the server had read the first
byte and that it did not answer, by the server's own count. Three counts from outside stand beside it,
which a server that deceives itself would not pass: as many answers must have arrived as the server says
it has given, each with the right bytes or a refusal; what the load had certainly sent before SIGTERM must
be answered or refused; and so must clients that had connected and asked just before it, so that some of
them wait in the accept backlog. The last two are stricter than *lost*: from outside nobody sees what was
read, but all that lies in a server's sockets by then can be.
"""

from __future__ import annotations

import signal
import time
from typing import Any

from .. import rig
from ..gates import at_limit, most, saturation
from ..gates.validity import other_bytes
from ..plan import SERVE_START_S, Built, Family
from ..programs import Build, Child, Finished, read_json
from . import held, keys, memory, plans, requests, watching
from .lifecycle_view import FAULTS, answer, answered, pictures, tables  # noqa: F401: what is said of it
from .requests import Request
from .scenario import Scenario
from .stand import Stand, stand

KEYS: keys.Keys = {
    "server": keys.SERVER,
    "server.MODEL": keys.pools(keys.SERVER),
    "downstream": keys.DOWNSTREAM,
    "steps": {
        "connections": keys.many(keys.count(low=0, high=100_000)),
        "load_s": keys.number(0.5, 0.05, 600),
        "waiting": keys.count(16, 0, 1000),
        "patience_s": keys.number(30.0, 1, 3600),
    },
}
# A sent request may lie so long in the kernel before it is in the server's socket: through loopback it is there when
# send() returns, unless that CPU's soft interrupts have been left to a thread, which waits for its turn.
UNDER_WAY_NS = 5_000_000
#: Of load that goes on when the server has been told to stop: that may come late. Who takes longer has outlasted_load.
AFTER_S = 0.6


def check(scenario: Scenario) -> None:
    connections = scenario.steps["connections"]
    if len(set(connections)) < len(connections):
        raise scenario.wrong("steps.connections", "has a number twice")


def families(scenario: Scenario, built: Built) -> list[Family]:
    rows = [row for model in plans.models(scenario, built) for row in scenario.rows(model)]
    steps = scenario.steps
    each = SERVE_START_S + steps["load_s"] + AFTER_S + 0.3
    return [
        plans.family(
            scenario, built, rows, name=f"c{count}", connections=count, process_s=each + (2 * held.settle_s(count) if count else 0.0)
        )
        for count in steps["connections"]
    ]


def pilot(build: Build, family: Family, say: plans.Say) -> tuple[Family, dict[str, str]]:
    """Nothing to find out but whether this machine allows so many."""
    held.allow(family.load["connections"] + family.load["scenario"]["steps"]["waiting"])
    return family, {}


def measure(build: Build, family: Family, member: str, seed: int, padding: int) -> dict[str, Any]:
    steps, count = family.load["scenario"]["steps"], family.load["connections"]
    spawn_ns = _spawn_ns(family)
    with stand(build, family, plans.model_of(member), seed=seed, padding=padding) as here:
        if count:
            held.allow(count + steps["waiting"])
            ended = _under_load(here, steps, count)
        else:
            ended = _stop(here, steps, b"")
        final, done = ended.pop("final"), ended.pop("done")
        gates = _gates(ended, final)
        return {
            "metrics": {
                "spawn_ns": spawn_ns,
                "startup_ns": here.server.startup_ns,
                "listening_ns": final["start_ns"],
                "drain_ns": final["drain_ns"],
                "lost": final["lost"],
                **{key: value for key, value in ended.items() if key.endswith("_ns")},
                **(rig.busy_percents(ended["busy"]) if "busy" in ended else {}),
            },
            "counts": ended,
            "gates": gates,
            "server": done,
        }


def _spawn_ns(family: Family) -> int:
    """What it takes to start a process that does nothing, and to see its end: part of any start-up."""
    began = time.monotonic_ns()
    with Child(["/bin/true"], cpus=rig.cpus(family.load["server_cpu"])) as child:
        child.wait(held.ANSWER_S)
    return time.monotonic_ns() - began


def _under_load(here: Stand, steps: dict[str, Any], count: int) -> dict[str, Any]:
    """A closed loop, in the middle of which SIGTERM comes. Who is busy is asked of the time before it, from when
    the load must have begun: what comes after has less and less to do."""
    asked = held.request(here.build, here.asked()) if steps["waiting"] else b""
    settle_s = held.settle_s(count)
    lasts = {"settle_s": settle_s, "warmup_s": 0.0, "duration_s": settle_s + steps["load_s"] + AFTER_S}
    with here.start_load(arrival="closed", connections=count, requests=True, **lasts) as loading:
        _await_clients(here, loading, count)
        busy = watching.Busy(here.server, loading)
        time.sleep(settle_s)
        busy.look()
        time.sleep(steps["load_s"])
        busy.look()
        ended = _stop(here, steps, asked)
        load = loading.wait(stopped=True, unanswered=True)
        mine = sent_before(requests.read(loading), ended["signalled_at"] - load["window_began_ns"])
    passed = (ended["signalled_at"] - load["window_began_ns"]) / load["duration_ns"]
    received = ended["waiting_answered"] + load["answered"] + load["wrong"]
    told = {"answers_received": received, "replies_wrong": other_bytes(load)}
    told["outlasted_load"] = ended["signalled_at"] + ended["exit_ns"] > load["window_began_ns"] + load["duration_ns"]
    told |= {"under_way": len(mine), "under_way_unanswered": sum(map(_unanswered, mine))}
    return {**ended, **told, "load_passed": round(passed, 3), "busy": watching.window(busy.since(0))}


def sent_before(every: list[Request], signal_ns: int) -> list[Request]:
    """Of the load's requests those that had certainly been sent before the signal and had no answer yet then; and
    those that never got one. Load reads its clock, sends, and reads it again for the next request: whatever was sent
    before the last of those sent before the signal had left load by then, even if that was stopped in between.
    signal_ns: like the requests', from the beginning of load's window, by the same clock (CLOCK_MONOTONIC)."""
    sent = [(r.sent_ns, r) for r in every if r.sent_ns is not None and r.sent_ns < signal_ns]
    last_ns = max((sent_ns for sent_ns, _ in sent), default=0)
    before_ns = min(last_ns, signal_ns - UNDER_WAY_NS)
    return [r for ns, r in sent if ns < before_ns and (_unanswered(r) or (r.ended_ns or 0) > signal_ns)]


def _unanswered(request: Request) -> bool:
    return request.outcome in (requests.FAILED, requests.TIMEOUT)


def _await_clients(here: Stand, loading: rig.Loading, count: int) -> None:
    """Until the load is there, and all of it is accepted: it may take its time to start."""
    port = int(here.server.address.rpartition(":")[2])
    until = time.monotonic() + held.ANSWER_S
    while (found := memory.sockets(port)[0]) < count:
        if not loading.child.running() or time.monotonic() > until:
            raise rig.Failure(f"the load's {count} connections were never there at once: {found} at last")
        time.sleep(0.01)


def _stop(here: Stand, steps: dict[str, Any], asked: bytes) -> dict[str, Any]:
    """SIGTERM, with `waiting` clients that have just connected and asked."""
    waiting = steps["waiting"] if asked else 0
    with held.Held(here.server.address, asked) as clients:
        clients.open(waiting)
        clients.send()
        began = time.monotonic_ns()
        here.server.child.signal(signal.SIGTERM)
        answered = clients.receive(patience_s=steps["patience_s"])
        left_s = steps["patience_s"] - (time.monotonic_ns() - began) / 1e9
        done = here.server.child.wait(max(0.0, left_s))
        exit_ns = time.monotonic_ns() - began
    final = _final(here, done)
    return {
        "signalled_at": began,
        "exit_ns": exit_ns,
        "exit_code": done.returncode,
        "waiting": waiting,
        "waiting_answered": answered,
        "final": final,
        "done": done,
    }


def _final(here: Stand, done: Finished) -> dict[str, Any]:
    """What serve wrote at its end. Its exit code is a gate, so that a bad one has figures, too."""
    content, wrong = read_json(here.server.json)
    if wrong is not None:
        raise rig.Failure(f"after SIGTERM: {done.failure or f'serve: {wrong}'}")
    return dict(content)


def _gates(ended: dict[str, Any], final: dict[str, Any]) -> dict[str, Any]:
    gates = {
        "lost": _none(final["lost"]),
        "exit_code": _none(ended["exit_code"]),
        "waiting_unanswered": _none(ended["waiting"] - ended["waiting_answered"]),
    }
    if "answers_received" in ended:
        given = final["answered"] + final["rejected"]
        gates["answers_that_did_not_arrive"] = _none(given - ended["answers_received"])
    if "under_way_unanswered" in ended:
        gates["under_way_unanswered"] = _none(ended["under_way_unanswered"])
    if "replies_wrong" in ended:
        gates["replies_wrong"] = _none(ended["replies_wrong"])
    if "busy" in ended:
        gates["closed_saturated"] = at_limit(saturation(ended["busy"]), "tail")
    if "load_passed" in ended:  # nobody's fault, but what is drained then is nothing
        gates["load_passed"] = most(ended["load_passed"], 1, "all")
    return gates


def _none(value: float) -> dict[str, Any]:
    return {"value": value, "limit": 0, "scope": "all", "ok": value == 0}
