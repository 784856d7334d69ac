# SPDX-License-Identifier: MIT
"""METHOD section 4, gate by gate and scenario by scenario: in a process of each kind, from the pilot to the line,
each gate is violated, and the line says so. What the gates are made of is asked in test_gates.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from acted import FULL, PROCESSES, SEEN, SERVICE, SWITCHES, UNHURRIED, Acted, Said, classes, line_of, piloted
from assaylib import discard, scenarios
from assaylib.gates import FAULTS, GATE_NAMES
from assaylib.scenarios import requests
from failures import MS, NO_LOOKS, RIG, S, refused, right
from test_busy import used
from test_overload import looked
from test_slow_downstream import END, PHASES, stuck


def opened(**figures: Any) -> dict[str, Any]:
    """What load says of the open loop."""
    return {"opened": figures}


def closed(**figures: Any) -> dict[str, Any]:
    return {"closed": figures}


def final(**figures: Any) -> dict[str, Any]:
    """What serve says at its end."""
    return {"final": figures}


def near(hz: float | None) -> dict[str, Any]:
    """What a server that does nothing reaches; None: nobody knows."""
    return {"rig_hz": hz}


Row = tuple[dict[str, Any], str]
LOST: Row = (final(lost=1), "lost:all")
WRONG = {"status_counts": {"200": 101}}  # of 100 right ones
NEIGHBOURS = stuck(True, None)  # what hits and misses saw
REFUSING = {"wrong": 30, "achieved_hz": 70.0, "status_counts": {"200": 100, "503": 30}}
#: A server of one thread, which has no rest, on four CPUs; nor has the generator on its own.
ON_FOUR = {"watch_cpus": 4, "watch_cpus_idle_ns": 3e9, "watch_cpu_ns": 9.5e8, **RIG}
#: A generator that polls with seven tenths of its CPU.
POLLING = {"cpu_ns": 1e9, "own_cpus": 1, "own_cpus_idle_ns": 0, "polled_ns": 7e8}
#: Those of a closed loop, whatever it is that they bound: (what is said, gate, scope).
LOOP: tuple[tuple[dict[str, Any], str, str], ...] = (
    ({"wrong": 1}, "closed_replies_wrong", "closed"),
    ({"failed": 1}, "closed_replies_wrong", "closed"),
    ({"little_ratio": 1.2}, "littles_law", "closed"),
    (RIG, "closed_saturated", "bound"),
)

#: Sent, and another one after it, long before SIGTERM.
DROPPED = right(0, 200 * MS)._replace(outcome=requests.FAILED, status=0)
#: Kind → (what is said, the gates that this violates with what each governs).
VIOLATED: dict[str, list[Row]] = {
    "fixed-rate": [
        LOST,
        (opened(achieved_hz=98.0), "achieved_over_offered:open"),
        (opened(wrong=1), "replies_wrong:open"),
        (opened(failed=1), "replies_wrong:open"),
        (opened(wrong=1, **WRONG), "replies_wrong:open other_bytes:all"),
        (opened(**ON_FOUR), "server_share:open"),
        (closed(achieved_hz=120.0), "rate_over_closed:open"),
        (opened(lag_p99_ns=21e3), "lag_p99_over_p50:tail"),
        (opened(**RIG), "saturated:tail"),
        (opened(lag_p50_ns=21e3), "saturated:tail"),  # it polls, and is late all the same
        (opened(connections_held=7), "connections_held:all"),
        (opened(offered_hz=9e3, achieved_hz=9e3), "open_below_ceiling:open"),
        (near(120.0), "open_rig_share:tail"),
        (near(None), "open_rig_share:tail"),
    ],
    "capacity": [
        LOST,
        (opened(wrong=1, **WRONG), "replies_wrong:open other_bytes:all"),
        (opened(lag_p99_ns=21e3), "lag_p99_over_p50:tail"),
        (opened(lag_p99_ns=6e8), "lag_p99_over_p50:tail lag_p99_over_level:open"),
        (opened(planned=299), "enough_for_p99:open"),
        (opened(**RIG), "saturated:tail"),
        (opened(p99_ns=2e9, **RIG), "saturated:tail level_ended_by:open"),
        (opened(connections_held=7), "connections_held:all"),
        (opened(offered_hz=9e3, achieved_hz=9e3), "open_below_ceiling:open"),
        (near(120.0), "open_rig_share:tail"),
        ({**opened(p99_ns=2e9), **near(120.0)}, "open_rig_share:tail level_ended_by:open"),
    ],
    "overload": [
        LOST,
        (closed(wrong=1), "maximum_replies_wrong:all"),
        (closed(**WRONG), "maximum_other_bytes:all"),
        (opened(**WRONG), "other_bytes:all"),
        (closed(connections_held=15), "maximum_connections_held:all"),
        (closed(little_ratio=1.2), "maximum_littles_law:all"),
        (closed(**RIG), "maximum_saturated:all"),
        (closed(achieved_hz=17e3), "maximum_below_ceiling:all"),
        (near(1200.0), "maximum_rig_share:all"),
        (near(None), "maximum_rig_share:bound open_rig_share:tail"),
        (closed(achieved_hz=700.0), "answered_over_maximum:all"),
        (opened(connections_held=511), "connections_held:all"),
        (opened(cpu_ns=3.1e9), "saturated:tail"),
        (opened(offered_hz=52e4, achieved_hz=52e4), "open_below_ceiling:open"),
        ({**opened(offered_hz=1100.0, achieved_hz=1100.0), **near(1300.0)}, "open_rig_share:tail"),
        (opened(lag_p99_ns=0.2 * MS), "lag_p99_over_p50:tail"),
        (opened(lag_p99_ns=8 * MS), "lag_p99_over_p50:tail generator_lag_ms:all"),
        ({"requests": [*SEEN, refused(0, status=500)]}, "replies_wrong:all"),
        ({"requests": [refused(r.due_ns) if r.due_ns < 20 * MS else r for r in SEEN]}, "answered_before:all"),
        ({"looks": looked(lambda t: 50e6 * (1 + max(0, t)))}, "rss_growth_mb:all"),
        ({"busy": used(watch_cpu_ns=(0.3, 0.6), cpu_ns=(0.1, 1.0))}, "over_saturated:all"),
        ({"busy": {}}, "machine_kept_up:all"),
    ],
    "slow-downstream": [
        LOST,
        (opened(cpu_ns=3e9), "saturated:tail"),
        ({"spent_ns": 24 * S // 10}, "saturated:tail"),
        (opened(**WRONG), "other_bytes:all"),
        (opened(connections_held=799), "connections_held:all"),
        (near(1300.0), "open_rig_share:tail"),
        (opened(lag_p99_ns=0.5 * MS), "lag_p99_over_p50:tail"),
        ({"requests": [*NEIGHBOURS, refused(S, "misses", 200)]}, "replies_wrong:all"),
        (
            {"requests": [refused(r.due_ns, r.kind) if r.due_ns < 20 * MS else r for r in NEIGHBOURS]},
            "answered_before:all",
        ),
        (opened(classes=classes(held_back=100)), "hits_held_back:all"),
        ({"told": [*PHASES[:2], ("after stalled", S + 150 * MS), *PHASES[3:], END]}, "phases_late_ms:all"),
        ({"told": [*PHASES, ("", 32 * S // 10)]}, "machine_kept_up:all"),
    ],
    "mixed": [
        LOST,
        (opened(achieved_hz=98.0), "achieved_over_offered:open"),
        (opened(wrong=1), "replies_wrong:open"),
        (opened(**WRONG), "other_bytes:all"),
        (opened(**ON_FOUR), "server_share:open"),
        (closed(achieved_hz=120.0), "rate_over_closed:open"),
        (opened(lag_p99_ns=1e5, p50_ns=2e6), "lag_p99_over_p50:tail"),  # of the fast ones, not of all
        (opened(**RIG), "saturated:tail"),
        (opened(connections_held=63), "connections_held:all"),
        (closed(connections_held=63), "connections_held:all"),
        ({**opened(offered_hz=1e3, achieved_hz=1e3), **near(1200.0)}, "open_rig_share:tail"),
        ({**closed(achieved_hz=1e3), **near(1200.0)}, "rig_share:bound"),
        (near(None), "open_rig_share:tail rig_share:bound"),
        *((closed(**figures), f"{name}:{scope}") for figures, name, scope in LOOP),
    ],
    "connections, idle": [
        LOST,
        ({"lacking": 1}, "connections_held:all"),
        (closed(**WRONG), "other_bytes:all"),
        (closed(achieved_hz=4100.0), "below_ceiling:closed"),
        (near(120.0), "rig_share:bound"),
        (near(None), "rig_share:bound"),
        (closed(answered=0, status_counts={}), "closed_answered:closed"),
        (closed(closed_by_peer=90), "closed_connections_that_stayed:closed"),
        # Time to connect is in no latency: Little's law says nothing here.
        *((closed(**figures), f"{name}:{scope}") for figures, name, scope in LOOP if name != "littles_law"),
    ],
    "connections, active": [
        LOST,
        ({"closed_at": (8, {"wrong": 1})}, "closed_replies_wrong:all"),
        ({"closed_at": (80, {"failed": 1})}, "closed_replies_wrong:all"),
        ({"closed_at": (80, WRONG)}, "other_bytes:all"),
    ],
    "lifecycle": [
        LOST,
        ({"exit_code": 1}, "exit_code:all"),
        ({"waiting": 4, **final(answered=104)}, "waiting_unanswered:all"),
        (final(answered=106), "answers_that_did_not_arrive:all"),
        ({**closed(wrong=1, status_counts={"200": 101}), **final(answered=106)}, "replies_wrong:all"),
        ({"busy": {**UNHURRIED, "cpu_ns": [0, 400 * MS]}}, "closed_saturated:tail"),
        ({"requests": [DROPPED, right(100 * MS, MS)]}, "under_way_unanswered:all"),
        (closed(duration_ns=1e8), "load_passed:all"),  # SIGTERM came after 0.124 s
    ],
    "map": [
        LOST,
        ({"closed_at": (2, {"connections_held": 1})}, "connections_held:all"),
        ({"closed_at": (6, WRONG)}, "other_bytes:all"),
        ({"closed_at": (2, {"achieved_hz": 2100.0})}, "below_ceiling:closed"),
        ({"closed_at": (6, {"achieved_hz": 6100.0})}, "below_ceiling:closed"),
        ({"closed_at": (6, {"answered": 0, "status_counts": {}})}, "closed_answered:closed"),
        (near(120.0), "rig_share:bound"),
        (near(None), "rig_share:bound"),
        *(({"closed_at": (at, figures)}, f"{name}:{scope}") for at in (2, 6) for figures, name, scope in LOOP),
    ],
    SERVICE: [
        LOST,
        (opened(achieved_hz=98.0), "achieved_over_offered:open"),
        (opened(wrong=1), "replies_wrong:open"),
        (opened(wrong=1, **WRONG), "replies_wrong:open other_bytes:all"),
        (opened(**ON_FOUR), "server_share:open"),
        (opened(lag_p99_ns=21e3), "lag_p99_over_p50:tail"),
        (opened(**RIG), "saturated:tail"),
        (opened(lag_p50_ns=21e3), "saturated:tail"),
        (opened(connections_held=127), "connections_held:all"),
        (closed(connections_held=127), "connections_held:all"),
        (opened(offered_hz=201.0, achieved_hz=201.0), "open_below_ceiling:open"),
        (closed(achieved_hz=201.0), "below_ceiling:closed"),
        ({**opened(offered_hz=150.0, achieved_hz=150.0), **near(160.0)}, "open_rig_share:tail"),
        ({**closed(achieved_hz=150.0), **near(160.0)}, "rig_share:bound"),
        (near(None), "open_rig_share:tail rig_share:bound"),
        *((closed(**figures), f"{name}:{scope}") for figures, name, scope in LOOP),
    ],
}
#: Not violated but refused: memory is read of connections that are all there, or of none.
OF_REFUSED = {"connections, active": {"connections_held"}}


def parts(line: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Whatever has gates: the line, and the points of one that are judged each by itself."""
    yield line["gates"]
    yield from (point["gates"] for point in line.get("points", []) if "gates" in point)


def broken(line: dict[str, Any]) -> dict[str, str]:
    """Gate → what it governs."""
    return {name: gate["scope"] for gates in parts(line) for name, gate in gates.items() if not gate["ok"]}


def named(said: str) -> dict[str, str]:
    return dict(each.split(":") for each in said.split())


def test_no_kind_of_scenario_is_left_out() -> None:
    assert {kind.partition(",")[0] for kind in PROCESSES} == {*scenarios.KINDS, SERVICE}
    assert set(VIOLATED) == set(PROCESSES)


@pytest.mark.parametrize("kind", PROCESSES)
def test_a_sound_process_has_all_of_its_gates_and_passes_them(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And none that nobody violates here."""
    line = line_of(kind, monkeypatch, tmp_path)
    assert (line["status"], line["reason"], broken(line)) == ("ok", None, {})
    shown = {name for _, said in VIOLATED[kind] for name in named(said)} - {"machine_kept_up"}
    printed = {name for gates in parts(line) for name in gates}
    assert printed == shown | OF_REFUSED.get(kind, set()) and printed <= set(GATE_NAMES)
    assert all("value" in gate and "limit" in gate for gates in parts(line) for gate in gates.values())


@pytest.mark.parametrize(
    ("kind", "changed", "gates"),
    [pytest.param(kind, *row, id=f"{kind}: {row[1]}") for kind, rows in VIOLATED.items() for row in rows],
)
def test_each_gate_is_violated_where_it_is_asked_for(
    kind: str, changed: dict[str, Any], gates: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = line_of(kind, monkeypatch, tmp_path, **changed)
    assert broken(line) == named(gates)
    of_kind = getattr(scenarios.KINDS.get(kind.partition(",")[0]), "FAULTS", {})
    faults = set(named(gates)) & {*FAULTS, *of_kind}
    assert (line["status"] == "failed") == bool(faults), "what a server must never do fails the command"
    assert all({**FAULTS, **of_kind}[name] in line["reason"] for name in faults)


@pytest.mark.parametrize(
    ("kind", "changed", "why"),
    [
        ("overload", {"looks": NO_LOOKS}, "nothing is known of its memory"),
        ("connections, active", {"lacking": 1}, "8 connections were never all accepted"),
        # All were accepted, and then one was gone.
        ("connections, active", {"lacking": 1, "lacking_from_s": 0.01}, "8 connections were never all accepted"),
        ("lifecycle", {"lacking": 1}, "the load's 8 connections were never there at once: 7 at last"),
    ],
)
def test_what_cannot_be_judged_is_refused(
    kind: str, changed: dict[str, Any], why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = line_of(kind, monkeypatch, tmp_path, **changed)
    assert line["status"] == "failed" and why in line["reason"] and line["metrics"] == {}


FULL_ON_FOUR = used(watch_cpu_ns=(0.3, 1.0), cpu_ns=(0.1, 1.0))
FULL_ON_FOUR |= {"watch_cpus": [4] * len(FULL["at_ns"]), "watch_cpus_idle_ns": [3 * at for at in FULL["at_ns"]]}


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        # Beyond the knee, and while a service fails, refusals and missing answers are the finding.
        *((kind, opened(**REFUSING)) for kind in ("capacity", "overload", "slow-downstream")),
        # A CPU that is polled away is not used up.
        *((kind, opened(**POLLING)) for kind in ("fixed-rate", SERVICE)),
        # Who has as many threads as are busy is at his limit, and then it was not the rig's alone.
        *((kind, closed(**ON_FOUR)) for kind in ("overload", "mixed", SERVICE)),
        ("overload", {"busy": FULL_ON_FOUR}),
    ],
)
def test_what_is_a_finding_or_no_fault_voids_nothing(
    kind: str, changed: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = line_of(kind, monkeypatch, tmp_path, **changed)
    assert (line["status"], broken(line)) == ("ok", {})


def test_who_was_at_his_limit_beside_active_connections_is_in_each_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mark and no gate: memory does not hang on who is busy."""
    line = line_of("connections, active", monkeypatch, tmp_path, closed_at=(24, RIG))
    assert [point["saturated"] for point in line["points"]] == ["nobody", "generator", "nobody"]


@pytest.mark.parametrize("kind", PROCESSES)
def test_what_the_discard_rule_goes_by_is_in_every_line(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    covariates = line_of(kind, monkeypatch, tmp_path)["covariates"]
    assert set(discard.COVARIATES) <= set(covariates) and covariates["involuntary_switches"] == SWITCHES


#: Kind → what a server that does nothing is asked by the pilot: connections, whether each answer closes its own, and
#: the classes of requests. Nobody whose figure is no rate asks.
BOUNDS: dict[str, list[tuple[int, bool, list[str]]]] = {
    "fixed-rate": [(8, False, [])],
    "capacity": [(8, False, [])],
    "overload": [(16, False, [])],  # of the closed loop that finds the maximum
    "slow-downstream": [(800, False, ["hits", "misses"])],
    "mixed": [(64, False, ["fast", "heavy"])],
    "connections, idle": [(4, True, [])],
    "connections, active": [],
    "lifecycle": [],
    "map": [(2, False, []), (6, False, [])],
}


@pytest.mark.parametrize("kind", BOUNDS)
def test_the_rig_is_asked_as_the_loop_that_it_bounds(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    acted = Acted(Said(), tmp_path)
    acted.play(monkeypatch)
    piloted(kind, tmp_path)
    asked = [(a["connections"], close, [c["name"] for c in a.get("classes", [])]) for a, close in acted.rig_asked]
    assert asked == BOUNDS[kind]
