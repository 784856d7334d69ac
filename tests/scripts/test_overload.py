# SPDX-License-Identifier: MIT
"""Overload: what is made of requests whose truth is known by arithmetic, and what is said of lines."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from assaylib import rig, words
from assaylib.gates import GATE_NAMES, of_server
from assaylib.scenarios import command, overload, plans, readings, requests, scenario, series
from assaylib.scenarios.requests import Request
from failures import BUILT, MS, NO_LOOKS, OVERLOAD, RIG, ROUNDS, SOUND, S, drawn, made_up, one, parsed, refused, right, told

# --- Requests -----------------------------------------------------------------------------------


def test_what_load_wrote_is_read(tmp_path: Path) -> None:
    file = tmp_path / "requests.csv"
    head = "class,due_ns,sent_ns,ended_ns,outcome,status\n"
    file.write_text(head + "hits,5,7,30,right,200\nhits,6,8,9,wrong,503\n,9,10,11,timeout,0\n,12,,,unsent,\n")
    hit, no, late, never = requests.parse(file)
    assert hit.latency_ns == 25 and hit.kind == "hits" and not hit.refused
    assert no.refused and no.latency_ns is None and late.outcome == requests.TIMEOUT
    assert never.sent_ns is None and never.latency_ns is None
    for text in ("", "due_ns\n", head + "hits,x,7,30,right,200\n", head + "hits,1\n"):
        file.write_text(text)
        with pytest.raises(rig.Failure, match="load: "):
            requests.parse(file)


def test_a_request_without_a_right_answer_never_came() -> None:
    every = [right(i, (i + 1) * MS) for i in range(99)]
    assert requests.figures(every)["whole_p99_ns"] == 99 * MS
    assert requests.whole([*every, refused(1)], 0.99) == 99 * MS, "one in a hundred"
    found = requests.figures([*every, refused(1), refused(2), refused(3, status=502)])
    assert found["whole_p99_ns"] is None and found["p99_ns"] == 99 * MS
    assert found["refused"] == 2 and found["kinds"] == {"502": 1, "503": 2}
    assert (found["planned"], found["right"]) == (102, 99)
    assert requests.figures([])["whole_p99_ns"] is None and requests.figures([])["p99_ns"] is None


def test_slots_count_by_when_due_and_by_when_answered() -> None:
    every = [right(10 * MS, 5 * MS), right(20 * MS, 200 * MS), refused(120 * MS), right(130 * MS, 1000 * MS)]
    found = requests.slots(every, 100 * MS, 3, limit_ns=150 * MS)
    assert found["planned"] == [2, 2, 0] and found["right"] == [2, 1, 0] and found["refused"] == [0, 1, 0]
    assert found["ended"] == [1, 0, 1], "that of 1.13 s lies beyond"
    assert found["within"] == [1, 0, 0], "the other came too late"
    assert found["whole_p99_ns"] == [200 * MS, None, None] and found["p99_ns"] == [200 * MS, 1000 * MS, None]


def test_back_is_the_first_slot_in_which_all_is_well() -> None:
    def slot(number: int, latency_ms: float, bad: bool = False) -> list[Request]:
        found = [right(number * 100 * MS + i * MS, latency_ms * MS) for i in range(50)]
        return [*found, refused(number * 100 * MS + 60 * MS)] if bad else found

    every = [*slot(0, 1), *slot(1, 50), *slot(2, 1, bad=True), *slot(3, 9), *slot(4, 2), *slot(5, 1)]
    line = requests.slots(every, 100 * MS, 8)
    assert requests.back_ns(line, 100 * MS, 2 * MS) == 400 * MS, "the end of slot 4"
    assert requests.back_ns(line, 0, 2 * MS) == 100 * MS, "nothing had happened yet"
    assert requests.back_ns(line, 150 * MS, 10 * MS) == 250 * MS, "of slots that begin later"
    assert requests.back_ns(line, 600 * MS, 10 * MS) is None, "empty slots are no proof"


# --- Phases -------------------------------------------------------------------------------------


def queue(steps: list[tuple[float, float]], service_ns: float, limit: int | None) -> list[Request]:
    """One server, first come first served, uniform arrivals: what each request must have seen. limit:
    so many inside, and others are refused at once; None: they wait."""
    every, at_ns, free_ns, ends = [], 0.0, 0.0, []
    for hz, seconds in steps:
        for i in range(round(hz * seconds)):
            due_ns = at_ns + i * S / hz
            ends = [end for end in ends if end > due_ns]
            if limit is not None and len(ends) >= limit:
                every.append(refused(due_ns))
                continue
            free_ns = max(free_ns, due_ns) + service_ns
            ends.append(free_ns)
            every.append(right(due_ns, free_ns - due_ns))
        at_ns += seconds * S
    return every


def looked(rss: Callable[[float], float], inside: float = 64, rate: float = 1000) -> dict[str, Any]:
    """Looks every 50 ms at a server whose memory and queue are known."""
    at = [i * 50 * MS for i in range(-2, 65)]
    columns = {"rss_bytes": [int(rss(t / S)) for t in at], "in_flight": [int(inside)] * len(at)}
    columns["answered"] = [int(rate * (t / S + 1)) for t in at]
    return {**NO_LOOKS, "at_ns": at, **columns}


def test_an_overload_of_a_known_queue(tmp_path: Path) -> None:
    """1000 a second is what it can do; it gets 2000 for 0.9 s. Refusing at 64, an answer is 64 ms old
    and half of what is offered is refused. Waiting, 900 are left over, and 300 a second keep coming: they
    are worked off 900 / (1000 - 300) = 1.286 s later."""
    found = parsed(tmp_path, OVERLOAD)
    plan_of = overload.rates(found.steps, 1000)
    assert plan_of == [(300, 0.5), (2000, 0.9), (300, 1.8)]
    looks = looked(lambda t: 50e6 + (4e6 if t > 0.7 else 0))

    metrics, line = overload.judged(found, 1000, queue(plan_of, MS, 64), looks)
    assert metrics["offered_hz"] == 2000 and metrics["before_p99_ns"] == pytest.approx(MS, rel=0.01)
    assert metrics["goodput_share"] == pytest.approx(1, abs=0.01) == metrics["useful_share"]
    assert metrics["refused_share"] == pytest.approx((900 - 64) / 1800, abs=0.01)
    assert metrics["over_p99_ns"] == pytest.approx(64 * MS, rel=0.02)
    # The queue of 64 is gone after 64 / (1000 - 300) = 0.09 s, within the first slot: the next is as before.
    assert metrics["recovery_ns"] == 200 * MS and metrics["recovered"] == 1
    assert metrics["inside_age_ns"] == pytest.approx(64 * MS, rel=0.01)
    assert metrics["rss_growth_bytes"] == 4e6 and metrics["rss_before_bytes"] == 50e6
    assert sum(line["refused"]) == line["kinds"]["503"] and len(line["p99_ns"]) == 32

    metrics, line = overload.judged(found, 1000, queue(plan_of, MS, None), looks)
    assert metrics["goodput_share"] == pytest.approx(1, abs=0.01) and metrics["refused_share"] == 0
    # Request number k of the overload waits k × 0.5 ms: those of the first 0.2 s come within 100 ms.
    assert metrics["useful_share"] == pytest.approx(0.2 / 0.9, abs=0.02)
    assert metrics["over_p50_ns"] == pytest.approx(450 * MS, rel=0.02)
    assert metrics["over_p99_ns"] == pytest.approx(891 * MS, rel=0.02)
    assert 1286 * MS < metrics["recovery_ns"] <= 1500 * MS
    assert line["kinds"] == {}

    never, _ = overload.judged(found, 1000, queue([*plan_of[:2], (990, 1.8)], MS, None), looks)
    assert never["recovery_ns"] is None and never["recovered"] == 0


def test_what_voids_an_overload(tmp_path: Path) -> None:
    found = parsed(tmp_path, OVERLOAD)
    plan_of = overload.rates(found.steps, 1000)
    every = queue(plan_of, MS, 64)

    def failing(every: list[Request], looks: dict[str, Any], lag_ms: float = 0.05, most_hz: float = 1000) -> set[str]:
        metrics, _ = overload.judged(found, most_hz, every, looks)
        metrics["lag_p99_ns"] = lag_ms * MS
        gates = overload.gates(found, metrics, every)
        return {name for name, gate in gates.items() if not gate["ok"]}

    steady = looked(lambda t: 50e6)
    assert failing(every, steady) == set()
    assert failing(every, looked(lambda t: 50e6 * (1 + max(0, t)))) == {"rss_growth_mb"}, "memory without bound"
    assert failing(every, steady, lag_ms=0.2) == {"lag_p99_over_p50"}, "of what there was before"
    assert failing(every, steady, lag_ms=8) == {"lag_p99_over_p50", "generator_lag_ms"}
    assert failing(every, steady, most_hz=700) == {"answered_over_maximum"}, "no overload at all"
    assert failing([*every, refused(0, status=500)], steady) == {"replies_wrong"}
    early = [refused(r.due_ns) if r.due_ns < 20 * MS else r for r in every]
    assert failing(early, steady) == {"answered_before"}
    with pytest.raises(rig.Failure, match="memory"):
        failing(every, NO_LOOKS)


def test_without_its_maximum_there_is_no_overload(tmp_path: Path) -> None:
    (family,) = plans.make([parsed(tmp_path, OVERLOAD)], BUILT, 1, None).families

    def failed(model: str = "event_loop", **done: Any) -> set[str]:
        gates = readings.maximum_gates(family, {**SOUND, "connections_held": 16, **done}, model)
        assert {gate["scope"] for gate in gates.values()} == {"all"} and set(gates) < set(GATE_NAMES)
        return {name for name, gate in gates.items() if not gate["ok"]}

    assert failed() == set()
    assert failed(failed=1) == {"maximum_replies_wrong"} and failed(little_ratio=0.8) == {"maximum_littles_law"}
    assert failed(**RIG) == {"maximum_saturated"}, "twice of what the generator can do is not too much for the server"
    # Sixteen that wait for 1 ms each, or a single thread that does.
    waiting = OVERLOAD.replace("[load]", '[downstream]\ndelay = "fixed:1000"\n[load]')
    waiting = waiting.replace('"cpu"\ncpu_iterations = 1000', '"call"')
    (family,) = plans.make([parsed(tmp_path, waiting)], BUILT, 1, None).families
    for model, most_hz in (("event_loop", 16000), ("thread_pool", 1000)):
        assert failed(model, achieved_hz=most_hz) == set()
        assert failed(model, achieved_hz=1.1 * most_hz) == {"maximum_below_ceiling"}


# --- Lines --------------------------------------------------------------------------------------


def overloaded(
    found: scenario.Scenario, member: str, number: int, refusal: dict[str, Any] | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """refusal: what becomes of a request that is refused, if it is something else."""
    maximum_hz = 1000.0 * (1 + number / 100)
    limit = 64 if member.endswith("reject") else None
    every = queue(overload.rates(found.steps, maximum_hz), S / maximum_hz, limit)
    every = [r._replace(**refusal) if refusal and r.refused else r for r in every]
    return overload.judged(found, maximum_hz, every, looked(lambda t: 50e6 + 1e6 * number))


def test_what_is_said_of_an_overload(tmp_path: Path) -> None:
    folder = made_up(tmp_path / "run", parsed(tmp_path, OVERLOAD), overloaded)
    text = told(folder)
    first = text.splitlines()[1]
    asked = "at 2 times 1 000/s, a stated maximum, for 0.9 s"
    assert first.startswith(f"Answered within 100 ms {asked}, in % of that maximum: ")
    assert ": reject thread_pool 100 (" in first and "; wait thread_pool 2" in first and ", event_loop 2" in first
    assert first.endswith(" (intervals at 95 % each).")
    low, high = series.estimate(one(folder).family, "event_loop@wait", "useful_share").interval  # type: ignore
    assert 0.2 < low <= high < 0.25
    assert "old, as fast as before after 1.4 s (1.4 to 1.4)" in text
    assert "reject: thread_pool 47 % (46 to 47) of what was offered refused" in text.splitlines()[2]
    assert "wait: thread_pool 0 % (0 to 0) of what was offered refused" in text.splitlines()[3]
    rows = [row.split() for row in text.splitlines() if row.startswith(("reject ", "wait "))]
    assert len(rows) == 4 and all(row[-1] == str(ROUNDS) for row in rows)
    page = drawn(folder)
    assert "Slot by slot of 0.1 s" in page and "And then?" in page


@pytest.mark.parametrize(
    "dropped",
    [
        {"outcome": requests.FAILED, "status": 0},
        {"outcome": requests.TIMEOUT, "status": 0},
        {"outcome": requests.UNSENT, "status": 0, "sent_ns": None, "ended_ns": None},
    ],
)
def test_what_is_dropped_is_not_taken_for_an_open_door(dropped: dict[str, Any], tmp_path: Path) -> None:
    """A server that resets connections where another says 503 has refused nothing, and is full all the same."""

    def resets(found: scenario.Scenario, member: str, number: int) -> tuple[dict[str, Any], dict[str, Any]]:
        return overloaded(found, member, number, dropped if member == "event_loop@reject" else None)

    found = parsed(tmp_path, OVERLOAD)
    metrics, _ = resets(found, "event_loop@reject", 0)
    assert metrics["refused_share"] == 0 and metrics["neither_share"] == pytest.approx((900 - 64) / 1800, abs=0.01)
    assert overloaded(found, "event_loop@reject", 0)[0]["neither_share"] == 0

    folder = made_up(tmp_path / "run", found, resets)
    text = told(folder)
    assert "refused nothing" not in text
    pool, loop = text.splitlines()[2].split("; ")
    assert "0 % (0 to 0) of what was offered refused, 46." in loop and ") neither answered nor refused, the" in loop
    assert "neither" not in pool and "neither" not in text.splitlines()[3]
    table = overload.tables(one(folder))[0]
    column = [c.title for c in table.columns].index("neither answered nor refused, %")
    shares = {(row[0].text, row[1].text): row[column].text for row in table.rows}
    assert shares["reject", "event_loop"].startswith("46.")
    assert {cell for row, cell in shares.items() if row != ("reject", "event_loop")} == {"0.0 (0.0 to 0.0)"}


def test_what_twice_is_twice_of_is_told(tmp_path: Path) -> None:
    """No knee: nobody asked at which rate a service level holds."""
    for name, text, said in (
        ("stated", OVERLOAD, "1 000/s, a stated maximum"),
        ("measured", OVERLOAD.replace("maximum_hz = 1000", "maximum_hz = 0"), "each server's closed-loop maximum"),
    ):
        folder = made_up(tmp_path / name, parsed(tmp_path, text, name), overloaded)
        shown, page = told(folder), drawn(folder)
        assert shown.splitlines()[1].startswith(f"Answered within 100 ms at 2 times {said}, for 0.9 s, in % of")
        assert f"Overload of 2 × {said}, for 0.9 s, between 0.3 × of it" in shown and "knee" not in shown + page
        loop = "in a closed loop right before, asked for by 16 connections that each wait for their answer"
        assert (loop in shown) is (name == "measured")


def test_one_that_never_came_back_is_said_to_be(tmp_path: Path) -> None:
    def some(found: scenario.Scenario, member: str, number: int) -> tuple[dict[str, Any], dict[str, Any]]:
        metrics, timeline = overloaded(found, member, number)
        lost = member == "thread_pool@wait" and number > 2  # the median is beyond what was watched
        return ({**metrics, "recovery_ns": None, "recovered": 0} if lost else metrics), timeline

    text = told(made_up(tmp_path / "run", parsed(tmp_path, OVERLOAD), some))
    assert "thread_pool 22 (" in text
    assert "as fast as before after not while it was watched (1.4 s to not while it was watched);" in text.splitlines()[3]


def test_memory_without_bound_fails_and_has_no_numbers(tmp_path: Path) -> None:
    """In two of seven rounds: the other five are no proof that it is bounded."""
    folder = made_up(tmp_path / "run", parsed(tmp_path, OVERLOAD), overloaded)
    assert "Memory grew by 0.0 MB over what it was before, in every process; more than 32 MB would" in told(folder)
    assert command.show(folder) == 0
    path = folder / "samples.jsonl"
    rows = [json.loads(row) for row in path.read_text().splitlines()]
    for row in rows:
        if row["member"] == "event_loop@wait" and row["round"] in (2, 5):
            row["metrics"]["rss_growth_bytes"] = 900e6
            row["gates"] = {"rss_growth_mb": {"value": 900.0, "limit": 32.0, "scope": "all", "ok": False}}
            row |= of_server(row["gates"], overload.FAULTS)
            assert row["reason"] == "growth of memory in MB, beyond what was allowed: 900.0"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    text = told(folder)
    assert command.show(folder) == 1
    said = "Memory was not bounded: it grew by more than 32 MB under event_loop@wait in 2 of 7 rounds, by up to 900.0 MB."
    assert said in text and "2 failed. growth of memory in MB" in text
    assert "event_loop@wait has no number: growth of memory, MB 900 (limit 32) in 2 of 7 rounds" in text
    assert "event_loop" not in next(row for row in text.splitlines() if row.startswith("wait: "))
    row = next(row.split() for row in text.splitlines() if row.startswith("wait     event_loop"))
    assert set(row[2:-1]) == {"–"} and row[-1] == "0"
    assert series.timeline(one(folder).family, "event_loop@wait", "p99_ns") == []


def test_a_late_generator_marks_the_tails(tmp_path: Path) -> None:
    folder = made_up(tmp_path / "run", parsed(tmp_path, OVERLOAD), overloaded)
    path = folder / "samples.jsonl"
    rows = [json.loads(row) for row in path.read_text().splitlines()]
    for row in rows:
        late = row["member"] == "event_loop@wait"
        row["gates"] = {"lag_p99_over_p50": {"value": 0.5, "limit": 0.1, "scope": "tail", "ok": not late}}
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert "was late beside event_loop@wait: these tails are the machine's, too." in told(folder)
    assert "event_loop 22 (" in told(folder), "what was answered stands"


def test_who_was_at_his_limit_is_told_of_the_overload_alone(tmp_path: Path) -> None:
    folder = made_up(tmp_path / "run", parsed(tmp_path, OVERLOAD), overloaded)
    path = folder / "samples.jsonl"
    rows = [json.loads(row) for row in path.read_text().splitlines()]
    gate = {"limit": "server or nobody", "scope": "tail", "ok": True}

    def limits() -> tuple[list[str], list[str], list[str]]:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        _, age, table, _ = overload.tables(one(folder))
        busy = [cell.text for cell in age.rows[0]][[c.title for c in age.columns].index("server busy, %") :]
        return [c.title for c in table.columns[1:-2]], [c.text for c in table.rows[0]][1:-2], busy[:2]

    for row in rows:
        row["gates"]["saturated"] = {**gate, "value": "nobody"}
    assert limits() == (["before, overload and after together"], ["nobody"], ["–", "–"]), "older runs did not look"
    for row in rows:
        row["gates"]["over_saturated"] = {**gate, "scope": "all", "value": "server"}
        row["metrics"] |= {"over_server_busy_percent": 99.0, "over_load_busy_percent": 20.0}
    titles, who, busy = limits()
    assert titles == ["in the overload", "before, overload and after together"] and who == ["server", "nobody"]
    assert busy == ["99 (99 to 99)", "20 (20 to 20)"]
    for row in rows:
        row["gates"]["over_saturated"] |= {"value": "generator", "ok": False}
    assert limits()[1][0] == "generator" and "gates failed: saturated in the overload" in told(folder).splitlines()[1]


def test_a_single_round_beyond_a_gate_is_left_out(tmp_path: Path) -> None:
    folder = made_up(tmp_path / "run", parsed(tmp_path, OVERLOAD), overloaded)
    path = folder / "samples.jsonl"
    rows = [json.loads(row) for row in path.read_text().splitlines()]
    for row in rows:
        if (row["member"], row["round"]) == ("event_loop@wait", 3):
            row["gates"] = {"generator_lag_ms": {"value": 9.0, "limit": 5.0, "scope": "all", "ok": False}}
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = one(folder).family
    assert set(series.rounds(found, "event_loop@wait", "useful_share")) == {1, 2, 4, 5, 6, 7}
    assert len(series.good(found, "event_loop@wait")) == 6 and "has no number" not in told(folder)
    named = "Left out of event_loop@wait: generator's lag p99, ms 9 (limit 5) in 1 of 7 rounds."
    assert told(folder).endswith(named) and named in drawn(folder)
    # What the server did is no reason to leave a round out.
    for row in rows:
        if row["gates"]:
            row["gates"] = {"answered_before": {"value": 0.9, "limit": 0.99, "scope": "all", "ok": False}}
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    why = "share answered before anything failed 0.9 (limit 0.99) in 1 of 7 rounds"
    assert f"event_loop@wait has no number: {why}." in told(folder) and "Left out" not in told(folder)


def test_every_class_of_an_overload_has_a_row(tmp_path: Path) -> None:
    classes = "[[load.classes]]\nname = 'light'\nshare = 9\n[[load.classes]]\nname = 'large'\nshare = 1\n"
    found = parsed(tmp_path, OVERLOAD.replace("[level]", classes + "[level]"))

    def mixed(found: scenario.Scenario, member: str, number: int) -> tuple[dict[str, Any], dict[str, Any]]:
        every = queue(overload.rates(found.steps, 1000), MS, 64)
        every = [r._replace(kind="light" if i % 10 else "large") for i, r in enumerate(every)]
        return overload.judged(found, 1000, every, looked(lambda t: 50e6))

    table = overload.tables(one(made_up(tmp_path / "run", found, mixed)))[2]
    rows = {(row[0].text, row[2].text): [cell.text.replace(words.SPACE, " ") for cell in row[3:]] for row in table.rows}
    assert table.caption == "Due in the overload, class by class: medians of rounds"
    assert rows["event_loop@wait", "light"][0] == "1 620" and rows["event_loop@wait", "light"][2] == "64.00"
    assert rows["event_loop@wait", "large"][::2] == ["180", "–"] and table.notes[-1].startswith("–: of a p99 300")


def test_few_rounds_say_so(tmp_path: Path) -> None:
    text = told(made_up(tmp_path / "run", parsed(tmp_path, OVERLOAD), overloaded, rounds=2))
    assert "(no interval: 2 of 6 rounds needed)" in text.splitlines()[1] and "% (" not in text.splitlines()[2]


def test_why_there_is_no_answer_at_all_is_the_first_thing_said(tmp_path: Path) -> None:
    folder = made_up(tmp_path / "run", parsed(tmp_path, OVERLOAD), overloaded)
    path = folder / "samples.jsonl"
    rows = [json.loads(row) for row in path.read_text().splitlines()]
    for row in rows:
        gate = {"value": "generator", "limit": "server or nobody", "scope": "all", "ok": False}
        row["gates"]["maximum_saturated"] = gate
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    said = "No answer: no process has a figure that counts: gates failed: saturated while the closed-loop maximum was"
    assert told(folder).splitlines()[1] == f"{said} measured (limit server or nobody)."


def test_a_door_that_was_never_full_is_said_to_be(tmp_path: Path) -> None:
    def one_by_one(found: scenario.Scenario, member: str, number: int) -> tuple[dict[str, Any], dict[str, Any]]:
        metrics, line = overloaded(found, member, number)
        return ({**metrics, "refused_share": 0.0} if member == "event_loop@reject" else metrics), line

    text = told(made_up(tmp_path / "run", parsed(tmp_path, OVERLOAD), one_by_one))
    assert "Told to refuse, event_loop refused nothing: the 64 places inside were never full, and what was too" in text
    assert "waited before them, in the sockets, as with wait" in text

    def crowded(found: scenario.Scenario, member: str, number: int) -> tuple[dict[str, Any], dict[str, Any]]:
        metrics, line = one_by_one(found, member, number)
        return metrics, {**line, "over": {**line["over"], "held_back": 900}}

    def seldom(found: scenario.Scenario, member: str, number: int) -> tuple[dict[str, Any], dict[str, Any]]:
        metrics, line = one_by_one(found, member, number)
        return {**metrics, "refused_share": metrics["refused_share"] and 0.0321}, line

    text = told(made_up(tmp_path / "seldom", parsed(tmp_path, OVERLOAD), seldom))
    assert "event_loop refused or dropped no more than 3.3 % of what was offered in half of the rounds, of which" in text
    assert "50 % was too much: the 64 places inside were not always full, and the rest waited before them" in text

    text = told(made_up(tmp_path / "crowded", parsed(tmp_path, OVERLOAD), crowded))
    assert "in the sockets, and beyond the 512 connections in the generator, as with" in text
    assert "refused nothing" not in told(made_up(tmp_path / "other", parsed(tmp_path, OVERLOAD), overloaded))
