# SPDX-License-Identifier: MIT
"""A slow downstream service: what is made of requests whose truth is known by arithmetic, and what is
said of lines."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from assaylib import record, rig, scenarios, words
from assaylib.gates import GATE_NAMES
from assaylib.planned import Family
from assaylib.scenarios import faults, isolation, plans, scenario, sections, series, slow_downstream, stand, watching
from assaylib.scenarios.requests import Request
from failures import BUILT, MS, NO_LOOKS, SLOW, S, drawn, made_up, one, parsed, refused, right, told

PHASES = [("normal", 0), ("stalled", S // 2), ("after stalled", S), ("dead", 3 * S // 2), ("after dead", 2 * S)]
END = ("", 5 * S // 2)


def spans() -> list[dict[str, Any]]:
    found = faults.spans([*PHASES, END])
    return [{**phase, "planned_ns": S // 2} for phase in found]


def stuck(blocks: bool, deadline_ns: int | None) -> list[Request]:
    """Hits take 1 ms and misses 4. In the stall (0.5 to 1 s) misses wait for its end or their deadline;
    if the model blocks, hits from 0.7 s on wait for its end as well. Dead (1.5 to 2 s): misses fail."""
    every = []
    for i in range(2500):
        due = i * MS
        held = blocks and deadline_ns is None and 700 * MS <= due < S
        every.append(right(due, (S - due if held else 0) + MS, "hits"))
    for i in range(500):
        due = i * 5 * MS
        if S // 2 <= due < S:
            left = S - due
            late = deadline_ns is not None and left > deadline_ns
            every.append(refused(due, "misses", 504) if late else right(due, left + 4 * MS, "misses"))
        elif 3 * S // 2 <= due < 2 * S:
            every.append(refused(due, "misses", 502))
        else:
            every.append(right(due, 4 * MS, "misses"))
    return every


POOL = {
    **NO_LOOKS,
    "at_ns": [i * 50 * MS for i in range(50)],
    "pool_in_use": [64 if 12 <= i < 20 else 1 for i in range(50)],
}
POOL |= {key: [0] * 50 for key in NO_LOOKS if key not in POOL or not POOL[key]}


#: The same model with fewer threads than wait at once, and with more.
FULL, ROOMY = "thread_pool (64 threads)", "thread_pool (200 threads)"


def failing(found: scenario.Scenario, member: str, number: int) -> tuple[dict[str, Any], dict[str, Any]]:
    deadline = 100 * MS if member.endswith("100ms") else None
    return slow_downstream.judged(found, stuck(member.startswith(FULL), deadline), POOL, spans())


def test_phases_of_a_known_stall(tmp_path: Path) -> None:
    found = parsed(tmp_path, SLOW)
    metrics, timeline = failing(found, f"{FULL}@none", 1)
    assert metrics["normal_hits_p99_ns"] == MS and metrics["normal_misses_p99_ns"] == 4 * MS
    # 300 of 500 hits wait for the end of the stall, up to 0.3 s: the 5 slowest are beyond p99.
    assert metrics["stalled_hits_p99_ns"] == pytest.approx(301 * MS - 5 * MS, abs=MS)
    assert metrics["stalled_hits_bad_share"] == 0 == metrics["stalled_misses_bad_share"]
    assert metrics["dead_hits_p99_ns"] == MS and metrics["dead_misses_p99_ns"] is None
    assert metrics["dead_misses_bad_share"] == 1
    assert metrics["stalled_pool_max"] == 64 and metrics["normal_pool_max"] == 1
    assert metrics["after_stalled_hits_recovery_ns"] == 50 * MS == metrics["after_dead_misses_recovery_ns"]
    kinds = {p["name"]: p["misses"]["kinds"] for p in timeline["phases"]}
    assert kinds == {"normal": {}, "stalled": {}, "after stalled": {}, "dead": {"502": 100}, "after dead": {}}
    assert len(timeline["hits"]["p99_ns"]) == 50 and timeline["misses"]["right"][32] == 0

    metrics, timeline = failing(found, "event_loop@100ms", 1)
    assert metrics["stalled_hits_p99_ns"] == MS
    assert timeline["phases"][1]["misses"]["kinds"] == {"504": 80}
    assert metrics["stalled_misses_bad_share"] == pytest.approx(0.8)


def test_what_was_under_way_when_a_fault_began_is_no_part_of_how_it_was_before(tmp_path: Path) -> None:
    found = parsed(tmp_path, SLOW)
    every = [
        right(r.due_ns, 490 * MS, r.kind) if S // 2 - 40 * MS <= r.due_ns < S // 2 else r for r in stuck(False, None)
    ]
    metrics, timeline = slow_downstream.judged(found, every, POOL, spans())
    assert metrics["normal_hits_p99_ns"] == MS and metrics["normal_misses_p99_ns"] == 4 * MS
    assert timeline["phases"][0]["hits"]["planned"] == 450, "the last slot of 50 ms is left out"
    assert timeline["phases"][1]["hits"]["planned"] == 500, "of a fault nothing is"


def test_a_service_that_stays_slow_is_not_back(tmp_path: Path) -> None:
    """Misses take twice what back_factor allows for 0.2 s after the stall."""
    found = parsed(tmp_path, SLOW)
    every = [
        right(r.due_ns, 24 * MS, r.kind) if r.kind == "misses" and S <= r.due_ns < 1200 * MS else r
        for r in stuck(False, None)
    ]
    metrics, _ = slow_downstream.judged(found, every, POOL, spans())
    assert metrics["after_stalled_misses_recovery_ns"] == 250 * MS
    assert metrics["after_stalled_hits_recovery_ns"] == 50 * MS


def test_a_phase_without_requests_is_no_result(tmp_path: Path) -> None:
    found = parsed(tmp_path, SLOW)
    every = [r for r in stuck(False, None) if r.kind == "hits" or not S // 2 <= r.due_ns < S]
    with pytest.raises(stand.TooBusy, match="no misses were due while it was stalled"):
        slow_downstream.judged(found, every, POOL, spans())


def test_a_machine_that_was_too_busy_is_no_failed_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does such a process have figures; others of its member count."""
    folder = made_up(tmp_path / "run", parsed(tmp_path, SLOW), failing, rounds=9)
    family = Family.from_json(one(folder).facts["families"][0])

    def busy(*_: Any) -> None:
        raise stand.TooBusy("the phases lay outside of what load had planned")

    monkeypatch.setattr(slow_downstream, "measure", busy)
    member = "event_loop@none"
    line = scenarios.measure(None, family, member, seed=1, padding=0)[member]  # type: ignore[arg-type]
    assert line["status"] == "ok" and line["metrics"] == {} and set(line["gates"]) <= set(GATE_NAMES)
    path = folder / "samples.jsonl"
    rows = [json.loads(row) for row in path.read_text().splitlines()]
    rows = [{**row, **line, "covariates": {}} if (row["member"], row["round"]) == (member, 3) else row for row in rows]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert set(series.good(one(folder).family, member)) == {1, 2, *range(4, 10)}
    assert "event_loop" in told(folder) and record.exit_code(rows) == 0 and drawn(folder)
    last = told(folder).splitlines()[-1]
    why = "the machine kept to the plan the phases lay outside of what load had planned (limit all of it)"
    assert last.endswith(f"0 failed. Left out of event_loop@none: {why} in 1 of 9 rounds.")


def counted(every: list[Request], kind: str) -> dict[str, Any]:
    """As load's JSON has a class: here whoever was sent late waited for a connection."""
    mine = [r for r in every if r.kind == kind]
    held = [r for r in mine if r.sent_ns is not None and r.sent_ns > r.due_ns]
    return {"name": kind, "held_back": len(held), "unsent": sum(r.sent_ns is None for r in mine)}


def test_what_voids_a_slow_downstream(tmp_path: Path) -> None:
    found = parsed(tmp_path, SLOW)

    def failed(every: list[Request], phases: list[dict[str, Any]] | None = None, lag_ns: int = 1000) -> set[str]:
        judged = phases or spans()
        slow_downstream.judged(found, every, POOL, judged)
        result = {"lag_p99_ns": lag_ns, "classes": [counted(every, kind) for kind in ("misses", "hits")]}
        gates = slow_downstream.gates(every, judged, result)
        assert set(gates) <= set(GATE_NAMES)
        return {name for name, gate in gates.items() if not gate["ok"]}

    every = stuck(True, None)
    assert failed(every) == set()
    # Hits that wait for a connection of the generator's, which misses have taken: one in twenty, and for 4 ms only.
    # That is four times as long as they usually take, and no fault of the server's.
    held = {r for r in every if r.kind == "hits" and r.due_ns % (20 * MS) == 0}
    assert failed([r._replace(sent_ns=r.due_ns + 4 * MS) if r in held else r for r in every]) == {"hits_held_back"}
    assert failed([r._replace(sent_ns=None, ended_ns=None, outcome="unsent", status=0) if r in held else r
                   for r in every]) == {"hits_held_back", "answered_before"}  # fmt: skip
    # One in a hundred of a single phase is one in five hundred of all.
    few = {r for r in held if S // 2 <= r.due_ns < S and r.due_ns % (80 * MS) == 0}
    one_phase = [r._replace(sent_ns=r.due_ns + MS) if r in few else r for r in every]
    assert len(few) == 6 and failed(one_phase) == {"hits_held_back"}
    misses = [r._replace(sent_ns=r.due_ns + 4 * MS) if r.kind == "misses" else r for r in every]
    assert failed(misses) == set(), "those wait for each other, wherever that is"
    assert failed([*every, refused(S, "misses", 200)]) == {"replies_wrong"}
    assert failed(every, lag_ns=MS // 2) == {"lag_p99_over_p50"}
    early = [refused(r.due_ns, r.kind) if r.due_ns < 20 * MS else r for r in every]
    assert failed(early) == {"answered_before"}
    assert failed(every, [{**p, "planned_ns": S // 4} for p in spans()]) == {"phases_late_ms"}


def test_who_was_at_his_limit_is_of_all_phases(tmp_path: Path) -> None:
    folder = made_up(tmp_path / "run", parsed(tmp_path, SLOW), failing)
    path = folder / "samples.jsonl"
    rows = [json.loads(row) for row in path.read_text().splitlines()]
    for row in rows:
        row["gates"] = {"saturated": {"value": "nobody", "limit": "server or nobody", "scope": "tail", "ok": True}}
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    table = isolation.tables(one(folder))[3]
    assert [c.title for c in table.columns[1:-2]] == ["over all phases together"]


def test_what_is_said_of_neighbours(tmp_path: Path) -> None:
    folder = made_up(tmp_path / "run", parsed(tmp_path, SLOW), failing, rounds=9)
    first, _, peace, *others = told(folder).splitlines()[1:]
    assert first == (
        "Who holds up requests that do not need the failing service: with a deadline of 100 ms none that is shown to;"
        " without a deadline thread_pool (64 threads) (stalled: 296 × (296 to 296)) (intervals that hold together at"
        " 95 %)."
    )
    assert peace == (
        "Shown not to: at most twice as slow in each fault: with a deadline of 100 ms thread_pool (64 threads),"
        " thread_pool (200 threads) and event_loop; without a deadline thread_pool (200 threads) and event_loop."
    )
    assert (
        "As fast as before again, hits and misses, over all models and faults: after 0.05 s with a deadline of 100 ms;"
        " 0.05 s without a deadline." in others
    )
    page = drawn(folder)
    assert "900 × 502" in page and "720 × 504" in page, "what came instead, over nine rounds"
    assert "What a machine with 2 cores cannot decide here:" in page
    assert "In `mine` generator and downstream service share a CPU" in page


def test_few_rounds_give_neighbours_no_verdict(tmp_path: Path) -> None:
    first, _, second = told(made_up(tmp_path / "run", parsed(tmp_path, SLOW), failing, rounds=2)).splitlines()[1:4]
    assert "without a deadline none that is shown to" in first and "2 of 9 rounds needed" in first
    assert second.startswith(f"Without a verdict: with a deadline of 100 ms {FULL}, {ROOMY} and event_loop; without")
    enough_for_one = told(made_up(tmp_path / "more", parsed(tmp_path, SLOW), failing)).splitlines()[1]
    assert "without a deadline none that is shown to" in enough_for_one, "seven rounds are for one interval, and twelve are looked at"


def test_who_has_a_verdict_is_sure_though_another_lost_rounds(tmp_path: Path) -> None:
    folder = made_up(tmp_path / "run", parsed(tmp_path, SLOW), failing, rounds=9)
    path = folder / "samples.jsonl"
    rows = [json.loads(row) for row in path.read_text().splitlines()]
    lost = {("event_loop@100ms", 1), ("event_loop@none", 1), ("event_loop@none", 2)}
    kept = [row for row in rows if (row["member"], row["round"]) not in lost]
    path.write_text("".join(json.dumps(row) + "\n" for row in kept))
    first, _, peace, unknown = told(folder).splitlines()[1:5]
    assert f"without a deadline {FULL} (stalled: 296 × (296 to 296))" in first
    assert peace.endswith(f"; without a deadline {ROOMY}.")
    assert unknown == "Without a verdict: with a deadline of 100 ms event_loop; without a deadline event_loop."
    assert first.endswith(
        "(intervals that hold together at 95 %; some have no interval: 7 of 9 rounds needed)."
    )


def test_neighbours_are_left_in_peace_by_all_faults_or_not_shown_to_be(tmp_path: Path) -> None:
    """The fault with the largest median need not be the one that could be worse than twice as slow."""

    def two(found: scenario.Scenario, member: str, number: int) -> tuple[dict[str, Any], dict[str, Any]]:
        metrics, line = failing(found, "event_loop@100ms", number)
        wild = 5 * MS if member.startswith("thread_pool") and number == 4 else 1.1 * MS
        return {**metrics, "stalled_hits_p99_ns": 1.3 * MS, "dead_hits_p99_ns": wild}, line

    text = told(made_up(tmp_path / "run", parsed(tmp_path, SLOW), two, rounds=9))
    first, _, peace, neither = text.splitlines()[1:5]
    assert "with a deadline of 100 ms none that is shown to; without a deadline none" in first
    assert peace.endswith("in each fault: with a deadline of 100 ms event_loop; without a deadline event_loop.")
    pools = f"{FULL} and {ROOMY}"
    assert neither == (
        "Shown neither to hold them up nor to keep them at most twice as slow: with a deadline of 100 ms"
        f" {pools}; without a deadline {pools}."
    )


def test_hits_that_are_never_answered_are_worse_than_slow(tmp_path: Path) -> None:
    def refusing(found: scenario.Scenario, member: str, number: int) -> tuple[dict[str, Any], dict[str, Any]]:
        every = [
            refused(r.due_ns, r.kind) if r.kind == "hits" and S // 2 <= r.due_ns < S else r for r in stuck(False, None)
        ]
        return slow_downstream.judged(found, every, POOL, spans())

    first = told(made_up(tmp_path / "run", parsed(tmp_path, SLOW), refusing, rounds=9)).splitlines()[1]
    assert f"without a deadline {FULL} (stalled: never answered (never answered))" in first


def test_the_downstream_service_is_told_in_order() -> None:
    said: list[dict[str, Any]] = []

    class Told:
        def control(self, **settings: Any) -> dict[str, Any]:
            said.append(settings)
            return {"pid": 0}

    steps = {"faults": list(faults.FAULTS), "slow_delay": "fixed:9", "normal_s": 0, "fault_s": 0, "back_s": 0}
    fake = type("S", (), {"steps": steps, "downstream": {"delay": "fixed:1"}})
    order = ["dead", "slow", "stalled", "refusing"]
    at = faults.tell(Told(), fake, order, watching.Spent())  # type: ignore[arg-type]
    assert said.pop(0) == {"state": "up"}, "as it was: it only tells who the service is"
    assert [name for name, _ in at] == [*faults.phases(order), ""]
    assert [ns for _, ns in at] == sorted(ns for _, ns in at)
    assert said[::2] == [{"state": "dead"}, {"delay": "fixed:9"}, {"state": "stopped"}, {"state": "refusing"}]
    assert said[1::2] == [{"state": "up", "delay": "fixed:1"}] * 4


def test_a_service_that_died_has_used_what_it_used() -> None:
    def burn() -> int:
        before = watching.cpu_ns(os.getpid())
        while watching.cpu_ns(os.getpid()) - before < 30 * MS:
            pass
        return watching.cpu_ns(os.getpid())

    before = burn()
    spent = watching.Spent()
    spent.begin(os.getpid())
    after = burn()
    spent.look()
    with subprocess.Popen(["/bin/true"]) as gone:
        pass
    spent.of(gone.pid)  # it is no more: what the other has used stays
    assert 30 * MS <= spent.total_ns <= watching.cpu_ns(os.getpid()) - before and after > before


def test_a_percentile_of_few_is_called_what_it_is(tmp_path: Path) -> None:
    """500 hits in a phase have one; 100 misses and what is due in a slot of 50 ms have not."""
    folder = made_up(tmp_path / "run", parsed(tmp_path, SLOW), failing, rounds=9)
    hits, misses, *_, slots = slow_downstream.tables(one(folder))
    assert hits.columns[3].title == "p99, ms" and "A figure with × is their p99 during the fault" in told(folder)
    assert misses.columns[3].title == "slowest or second slowest of 90 to 100, ms"
    assert slots.caption.endswith("slowest of 50 hits and slowest of 10 misses")
    (note,) = (note for note in hits.notes if "As before" in note)
    assert "all was rightly answered, the slowest of 50 hits after at most 3 × the time of a slot before" in note
    drawn(folder)
    assert "Those that ask it: slowest of 10 misses" in (folder / "scenario-mine-none.svg").read_text("utf-8")


def test_connections_to_the_failing_service_are_told(tmp_path: Path) -> None:
    folder = made_up(tmp_path / "run", parsed(tmp_path, SLOW), failing)
    text = told(folder)
    assert (
        "Connections to it, over all models, most seen in use of 64 (a look every 50 ms): with a deadline of 100 ms"
        " normal 1, stalled 64, dead 1; without a deadline normal 1, stalled 64, dead 1." in text
    )
    titles = [column.title.replace(words.SPACE, " ") for column in slow_downstream.tables(one(folder))[1].columns]
    assert "most seen in use of 64 (a look every 50 ms)" in titles


# --- The faults' order, and what one leaves to the next -------------------------------------------


def test_each_process_draws_an_order_of_its_own() -> None:
    every = list(faults.FAULTS)
    orders = [tuple(faults.drawn(every, seed)) for seed in range(100)]
    assert all(sorted(order) == sorted(every) for order in orders) and len(set(orders)) > 20
    assert orders == [tuple(faults.drawn(every, seed)) for seed in range(100)], "the same for the same seed"
    assert every == list(faults.FAULTS)


def swapped(found: scenario.Scenario, member: str, number: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """The same fates, but that in every other round the service is dead first."""
    if number % 2:
        return failing(found, member, number)

    def moved(at_ns: int) -> int:
        return at_ns + (S if S // 2 <= at_ns < 3 * S // 2 else -S if at_ns >= 3 * S // 2 else 0)

    every = stuck(member.startswith(FULL), 100 * MS if member.endswith("100ms") else None)
    requests = [
        r._replace(due_ns=moved(r.due_ns), **{
            name: at and at + moved(r.due_ns) - r.due_ns for name, at in (("sent_ns", r.sent_ns), ("ended_ns", r.ended_ns))
        })
        for r in every
    ]  # fmt: skip
    names = ("normal", "dead", "after dead", "stalled", "after stalled")
    phases = [{**phase, "name": name} for phase, name in zip(spans(), names, strict=True)]
    looks = {**POOL, "pool_in_use": [64 if 32 <= i < 40 else 1 for i in range(50)]}
    return slow_downstream.judged(found, sorted(requests, key=lambda r: r.due_ns), looks, phases)


def test_what_is_told_and_drawn_goes_by_phases_whatever_their_order_was(tmp_path: Path) -> None:
    one_order, two_orders = (
        made_up(tmp_path / name, parsed(tmp_path, SLOW), make) for name, make in (("one", failing), ("two", swapped))
    )
    assert told(two_orders) == told(one_order)
    rows = [
        [[cell.text for cell in row] for table in isolation.tables(one(folder)) for row in table.rows]
        for folder in (one_order, two_orders)
    ]
    assert rows[0] == rows[1] and len(rows[0]) > 100, "slot by slot, too"
    drawn(two_orders)
    pictures = [(folder / "scenario-mine-none.svg").read_bytes() for folder in (two_orders, one_order) if drawn(folder)]
    assert pictures[0] == pictures[1]


def test_a_fault_that_begins_before_the_last_was_over_has_no_figures(tmp_path: Path) -> None:
    """Without a deadline the event loop's misses take six times as long for good once the service has stalled."""

    def never(found: scenario.Scenario, member: str, number: int) -> tuple[dict[str, Any], dict[str, Any]]:
        metrics, line = failing(found, member, number)
        if member == "event_loop@none":
            slow = [
                right(r.due_ns, 24 * MS, r.kind) if r.kind == "misses" and r.due_ns >= S and r.outcome == "right" else r
                for r in stuck(False, None)
            ]
            metrics, line = slow_downstream.judged(found, slow, POOL, spans())
        return metrics, line

    folder = made_up(tmp_path / "run", parsed(tmp_path, SLOW), never, rounds=9)
    found = one(folder)
    assert isolation.isolation(found, "event_loop@none", "dead") is None
    assert isolation.isolation(found, "event_loop@none", "stalled") and isolation.isolation(found, f"{FULL}@none", "dead")
    text = told(folder)
    assert (
        "No figures of dead for event_loop without a deadline: what came before it was not over when it began (p99"
        " before a fault ÷ that of a slot of normal 6 (limit 3) in 9 of 9 rounds)."
    ) in text
    peace = next(said for said in text.splitlines() if said.startswith("Shown not to"))
    assert "event_loop" not in peace.partition("without a deadline")[2], "one of two faults is not all of them"
    rows = {tuple(c.text for c in row[:3]): [c.text for c in row[3:]] for row in isolation.tables(found)[0].rows}
    assert set(rows["none", "event_loop", "dead"][:-1]) == {"–"} and rows["none", "event_loop", "dead"][-1] == "0"
    assert rows["none", "event_loop", "stalled"][-1] == "9"
    gates = {row[0].text: [cell.text for cell in row] for row in sections.gate_table(found).rows}
    assert gates["p99 before a fault ÷ that of a slot of normal"][4:6] == ["9", "108"], "of six members, two faults, nine rounds"
    assert drawn(folder)


def test_one_slow_slot_is_not_what_a_fault_has_left_behind(tmp_path: Path) -> None:
    found = parsed(tmp_path, SLOW)

    def began(from_ns: int, to_ns: int) -> dict[str, Any]:
        every = [right(r.due_ns, 24 * MS, r.kind) if from_ns <= r.due_ns < to_ns else r for r in stuck(False, None)]
        _, line = slow_downstream.judged(found, every, POOL, spans())
        gate: dict[str, Any] = line["phases"][3]["gates"]["p99_before_over_normal"]
        return gate

    last = 3 * S // 2 - 50 * MS  # what is due after that may be under way when the service dies
    assert began(0, 0) == {"value": 1.0, "limit": 3.0, "scope": "all", "ok": True}
    assert began(last, 3 * S // 2)["ok"] and began(last - 50 * MS, 3 * S // 2)["ok"]
    assert began(last - 100 * MS, last)["ok"], "the calmest of three counts"
    assert not began(last - 150 * MS, last)["ok"]


# --- A pool's size ------------------------------------------------------------------------------


def test_no_figure_of_a_pool_is_without_its_threads(tmp_path: Path) -> None:
    """What is found hangs on them: each number is a member, a row, a sentence and a line of its own."""
    folder = made_up(tmp_path / "run", parsed(tmp_path, SLOW), failing, rounds=9)
    page, raw = drawn(folder), (folder / "samples.jsonl").read_text()
    pictures = [file.read_text("utf-8") for file in folder.glob("scenario-*.svg")]
    for text in (told(folder), page, raw, *pictures):
        assert FULL in text and ROOMY in text
    assert "; thread_pool alone: threads 64 and 200;" in page
    for said in slow_downstream.answer(one(folder)):
        assert said.count("thread_pool") == said.count(FULL) + said.count(ROOMY), said
    for table in slow_downstream.tables(one(folder)):
        cells = [column.title for column in table.columns] + [cell.text for row in table.rows for cell in row]
        assert all(FULL in cell or ROOMY in cell for cell in cells if "thread_pool" in cell), table.caption


def test_which_pool_is_full_is_told_by_arithmetic(tmp_path: Path) -> None:
    def said(text: str, name: str) -> list[str]:
        every = told(made_up(tmp_path / name, parsed(tmp_path, text, name), failing)).splitlines()
        return [line for line in every if line.startswith("While the service is stalled")]

    (line,) = said(SLOW, "both")
    assert line.startswith(
        "While the service is stalled, so many requests wait for it at once: 20 with a deadline of 100 ms (200/s ×"
        " 0.1 s), which fills no pool of threads here; 100 without a deadline (200/s × 0.5 s), which fills"
        f" {FULL}. A full pool"
    )
    (line,) = said(SLOW.replace("[64, 200]", "[20, 100]"), "neither")
    assert "which fills thread_pool (20 threads); 100" in line
    assert "which fills thread_pool (20 threads) and thread_pool (100 threads)." in line
    assert said(SLOW.replace('["thread_pool", "event_loop"]', '["event_loop"]'), "none") == []
    assert said(SLOW.replace('["stalled", "dead"]', '["dead"]'), "dead") == []


def test_each_size_of_a_pool_is_a_server_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = SLOW.replace("[server]", "[server]\noffload_threads = 2")
    (family,) = plans.make([parsed(tmp_path, text)], BUILT, 1, None).families
    assert family.members == tuple(f"{row}@{ms}" for ms in ("100ms", "none") for row in (FULL, ROOMY, "event_loop"))
    assert [family.load["threads"][member] for member in family.members] == 2 * [64, 200, 1]
    begun: list[dict[str, Any]] = []

    @contextlib.contextmanager
    def server(_: Any, options: dict[str, Any], **__: Any) -> Iterator[Any]:
        begun.append(options)
        yield SimpleNamespace(beside_pid=None)

    beside = SimpleNamespace(address="127.0.0.1:1", child=SimpleNamespace(pid=1))
    monkeypatch.setattr(rig, "server", server)
    monkeypatch.setattr(rig, "downstream", lambda *_, **__: contextlib.nullcontext(beside))
    for member in family.members:
        row = plans.model_of(member)
        with stand.stand(None, family, row, seed=1, padding=0, workload="cache"):  # type: ignore[arg-type]
            pass
    asked = [(each["model"], each["threads"]) for each in begun]
    assert asked == 2 * [("thread_pool", 64), ("thread_pool", 200), ("event_loop", 1)]
    # What serve refuses for a model it refuses for every row of it.
    assert [each.get("offload_threads") for each in begun] == 2 * [None, None, 2]
