# SPDX-License-Identifier: MIT
"""Scenarios: what a file may say, a real run in small, its table and its report."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import standstill
import synthetic
from assaylib import UsageError, cli, discard, plan, report, scenarios, service, store, words
from assaylib.gates import GATE_NAMES, passes
from assaylib.programs import Build
from assaylib.rig import Failure
from assaylib.scenarios import (
    capacity,
    command,
    fixed_rate,
    names,
    outcome,
    plans,
    readings,
    scenario,
    sections,
)
from conftest import Assay
from failures import MIXED, OVERLOAD, SLOW
from test_map import MAP

SHIPPED = sorted(scenario.FOLDER.glob("*.toml"))
MODELS = ("thread_pool", "event_loop", "actor")
BUILT = plan.Built(model_cases=tuple(f"model/rpc/{m}" for m in MODELS), services=("rpc",), cpus=(0, 1))

CAPACITY = """
kind = "capacity"
title = "Small"
question = "Which?"
rounds = 1
[server]
models = ["thread_pool", "event_loop"]
[load]
connections = 8
[level]
p99_us = 1000000
[steps]
lowest = 0.05
highest = 0.1
count = 2
warmup_s = 0.02
duration_s = 0.1
"""


def file(folder: Path, text: str, name: str = "mine.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_what_is_shipped_can_be_planned_and_stored(path: Path) -> None:
    found = scenarios.load(path.stem)
    made = plans.make([found], BUILT, 1, None)
    assert made.families and made.seconds < 15 * 60
    again = json.loads(json.dumps(made.families[0].to_json()))["load"]["scenario"]
    assert scenario.Scenario.from_json(again) == found
    assert found.named == path.stem and len(found.sha256) == 64


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('kind = "capacity"', "", "kind: is missing"),
        ('kind = "capacity"', 'kind = "speed"', 'kind: "speed" is not known'),
        ('title = "Small"', "", "title: is missing"),
        ('title = "Small"', 'titel = "Small"', "titel: is not known here"),
        ("rounds = 1", "rounds = 0", "rounds: 0: must be from 1"),
        ("rounds = 1", "rounds = 1.5", "rounds: must be a whole number"),
        ("rounds = 1", "rounds = true", "rounds: must be a whole number"),
        ("connections = 8", "conections = 8", "load.conections: is not known here"),
        ("connections = 8", "rate = 8", "load.rate: is not known here"),
        ("connections = 8", 'arrival = "closed"', 'load.arrival: "closed" is not one of'),
        ("p99_us = 1000000", "p99_us = nan", "level.p99_us: nan: must be from"),
        ("p99_us = 1000000", "", "level.p99_us: is missing"),
        ("count = 2", "count = 1", "steps.count: 1: must be from 2"),
        ("lowest = 0.05", "lowest = 0.2", "steps.highest: must be more than steps.lowest"),
        ('models = ["thread_pool", "event_loop"]', "models = []", "server.models: must be a list"),
        ('models = ["thread_pool", "event_loop"]', 'models = ["a", "a"]', "server.models: names a model twice"),
        ("[server]", "[server.event_loop]\nqueue = 1\n[server]", "server.event_loop.queue: is not known here"),
        ("[steps]", "[stages]\na = 1\n[steps]", "stages: is not known here"),
        ("[steps]", "[stages]\na = 1\n[steps]", "tables: server, downstream, load, level, steps"),
        ("[steps]", '[downstream]\ndelay = "fixed:1"\nseed = -1\n[steps]', "must be from 0 to 9223372036854775807"),
        ("[load]", "[load", "not TOML"),
        ("connections = 8", "[[load.classes]]\nname = 'a'\nshare = 1", "load.classes: must be two tables"),
        ('[server]\nmodels = ["thread_pool", "event_loop"]', "server = 1", "server: must be a table"),
    ],
)
def test_a_wrong_file_is_refused_by_its_key(old: str, new: str, said: str, tmp_path: Path) -> None:
    assert old in CAPACITY
    path = file(tmp_path, CAPACITY.replace(old, new))
    with pytest.raises(UsageError) as refused:
        scenarios.load(str(path))
    assert str(path) in str(refused.value) and said in str(refused.value)
    assert refused.value.exit_code == 2


def test_a_model_that_is_not_built_is_refused_by_its_key(tmp_path: Path) -> None:
    for old, new, key in (
        ('"event_loop"', '"nobody"', "server.models: the model nobody"),
        ("[load]", "[server.nobody]\nthreads = 2\n[load]", "server.nobody: the model nobody"),
    ):
        wrong = scenarios.load(str(file(tmp_path, CAPACITY.replace(old, new))))
        with pytest.raises(UsageError, match=key):
            plans.make([wrong], BUILT, 1, None)


def test_names_that_the_programs_do_not_know_are_refused_before_anything_runs(
    build: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if not service.workloads(Build.open(build)):
        pytest.skip("serve, load and downstream are not built")
    classes = "[[load.classes]]\nname = 'a'\nshare = 1\ncodec = 'json'\n[[load.classes]]\nname = 'b'\nshare = 1\n"
    for old, new, said in (
        ("[server]", '[server]\nworkload = "rcp"', 'server.workload: "rcp" is not built (there are echo, rpc,'),
        ("[server]", '[server]\nworkload = "spawn"', 'server.workload: "spawn" runs in process only'),
        ("[server]", '[server]\npayload = "odrer"', 'server.payload: "odrer" is not built (there are '),
        ("[level]", classes + "[level]", 'load.classes[0].codec: "json" is not built (there are '),
    ):
        path = file(tmp_path, CAPACITY.replace(old, new))
        assert cli.main(["--build", str(build), "run", "--scenario", str(path), "--dry-run"]) == 2
        assert f"{path}: {said}" in capsys.readouterr().err


CALL = CAPACITY.replace("[server]", '[server]\nworkload = "call"')
DOWN = '[downstream]\ndelay = "fixed:1"\n'
TWO = "[[load.classes]]\nname = 'a'\nshare = 1\n[[load.classes]]\nname = 'b'\nshare = 1\nhops = 3\n"


@pytest.mark.parametrize(
    ("text", "old", "new", "said"),
    [
        (CAPACITY, "[server]", "[server]\nhops = 3", "server.hops: has no effect with --workload rpc"),
        (CAPACITY, "[load]", "[server.event_loop]\nfan = 2\n[load]", "server.event_loop.fan: has no effect with --workload"),
        (CAPACITY, "[server]", '[server]\nworkload = "pingpong"\ncells = 1', "server.cells: pingpong takes two at least"),
        (CAPACITY, "[load]", f"{DOWN}[load]", "downstream: has no effect with --workload rpc"),
        (CALL, "[load]", "[load]", "downstream: is needed with --workload call"),
        (CALL, "[load]", f"{DOWN}seed = 3\n[load]", "downstream.seed: has no effect with a fixed --delay and no"),
        (CALL, "[load]", f"{DOWN}stall_for = 1\n[load]", "downstream.stall_for: has no effect without --stall-every"),
        (CALL, "[load]", f"{DOWN}stall_for = 1\nstall_every = 1\n[load]", "downstream.stall_for: must be less than"),
        (CALL, "[load]", f"{DOWN}stall_for = 0.5\nstall_every = 1\n[load]", ""),
        (CAPACITY, "connections = 8", "connections = 8\nburst = 4", "load.burst: has no effect without --arrival burst"),
        (CAPACITY, "connections = 8", "connections = 8\nin_flight = 9", "load.in_flight: is more than --connections"),
        (CAPACITY, "[level]", f"{TWO}[level]", "load.classes[1].hops: has no effect with --workload rpc"),
        (OVERLOAD, "connections = 512", "connections = 512\nin_flight = 100", "load.in_flight: is more than --connections"),
        (SLOW, "[server]", "[server]\nhops = 3", "server.hops: has no effect with --workload cache"),
        (SLOW, "[load]", "seed = 3\n[load]", ""),  # settings that come later may need it
        (MIXED, "[server]", "[server]\nmessages = 3", "server.messages: has no effect with --workload mixed"),
        (MAP, "[server]", "[server]\nfan = 2", "server.fan: has no effect with --workload"),
        *((text, "[server]", "[server]", "") for text in (CAPACITY, OVERLOAD, SLOW, MIXED, MAP)),
    ],
)
def test_options_that_the_programs_do_not_take_together_are_refused_before_anything_runs(
    text: str, old: str, new: str, said: str, opened: Build, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert old in text
    path = file(tmp_path, text.replace(old, new, 1))
    code = cli.main(["--build", str(opened.folder), "run", "--scenario", str(path), "--dry-run"])
    err = capsys.readouterr().err
    assert (code, f"{path}: {said}" in err) == ((2, True) if said else (0, False)), err


def test_the_programs_take_what_is_shipped(opened: Build) -> None:
    names.check(opened, [scenarios.load(path.stem) for path in SHIPPED])


def test_fixed_rate_wants_one_way_to_say_its_rate(tmp_path: Path) -> None:
    text = (scenario.FOLDER / "fixed-rate.toml").read_text()
    for steps in ("share = 0.4\nrate_hz = 100", ""):
        path = file(tmp_path, text.replace("share = 0.4 ", steps + " "))
        with pytest.raises(UsageError, match="needs either share"):
            scenarios.load(str(path))


def test_a_rate_that_is_stated_is_held_against_the_pilot(tmp_path: Path) -> None:
    """And a share is one of what lies below every knee."""
    for name, key in (("fixed-rate", "share = 0.4 "), ("mixed", "load_share = 0.5 ")):
        text = (scenario.FOLDER / f"{name}.toml").read_text()
        path = file(tmp_path, text.replace(key, f"{key.split()[0]} = 0.81 "))
        with pytest.raises(UsageError, match=f"steps.{key.split()[0]}: 0.81: must be from 0.01 to 0.8"):
            scenarios.load(str(path))
    (family,) = plans.make([scenarios.load("fixed-rate")], BUILT, 1, None).families
    family = plans.fixed(family, pilot_closed_hz={"event_loop": 1000.0})
    kept = [readings.below_knee(family, "event_loop", hz)["rate_over_closed"] for hz in (800.0, 801.0)]
    assert [gate["ok"] for gate in kept] == [True, False] and {gate["scope"] for gate in kept} == {"open"}
    with pytest.raises(Failure, match="closed loop is not known: the pilot failed"):
        readings.below_knee(family, "actor", 1.0)


def test_a_model_can_have_options_of_its_own(tmp_path: Path) -> None:
    text = CAPACITY.replace("[load]", "[server.thread_pool]\nthreads = 64\n[load]")
    found = scenarios.load(str(file(tmp_path, text)))
    assert found.options("thread_pool")["threads"] == 64 and found.options("event_loop")["threads"] == 1
    (family,) = plans.make([found], BUILT, 1, None).families
    assert family.load["threads"]["thread_pool@1"] == 64
    assert {m.partition("@")[0] for m in family.members} == {"thread_pool", "event_loop", "thread_pool.same"}


@pytest.mark.parametrize(
    ("lag_ns", "planned", "counts"),
    [(9.9e6, 300, True), (10.1e6, 300, False), (None, 300, True), (1e5, 299, False)],
)
def test_a_late_generator_or_few_requests_say_nothing_of_the_level(
    lag_ns: float | None, planned: int, counts: bool
) -> None:
    (family,) = plans.make([scenarios.load("capacity")], BUILT, 1, None).families
    gates = capacity.of_level(family, {"lag_p99_ns": lag_ns, "planned": planned})
    assert passes({"gates": gates}, "p99_ns") is counts


@pytest.mark.parametrize(
    ("p99_ns", "who", "near", "counts"),
    [
        (19e6, "generator", True, True),  # it holds in spite of the rig
        (21e6, "generator", False, False),
        (None, "generator", False, False),
        (21e6, "downstream", False, False),
        (21e6, "nobody", True, False),
        (21e6, "nobody", False, True),  # who knows
        (21e6, "server", True, True),
        (21e6, "server and generator", True, True),
    ],
)
def test_where_the_rig_s_level_ends_the_server_s_is_not_known(
    p99_ns: float | None, who: str, near: bool, counts: bool
) -> None:
    (family,) = plans.make([scenarios.load("capacity")], BUILT, 1, None).families
    opened = {"p99_ns": p99_ns, "wrong": 0, "failed": 0, "achieved_hz": 100.0, "offered_hz": 100.0}
    rig = {"saturated": {"value": who}, "open_rig_share": {"ok": not near}}
    gates = capacity.of_limit(family, opened, rig)
    assert passes({"gates": gates}, "p99_ns") is counts and set(gates) <= set(GATE_NAMES)
    short = capacity.of_limit(family, {**opened, "achieved_hz": 90.0}, rig)
    assert passes({"gates": short}, "p99_ns") is (counts and p99_ns != 19e6), "less than was asked for"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--scenario", "nothing"), "neither a file"),
        (("--scenario", "nothing.toml"), "no such file"),
        (("--scenario", "capacity", "--tier", "quick"), "--tier: has no effect"),
        (("--rounds", "3"), "--rounds: has no effect without --scenario"),
        (("--scenario", "capacity", "--rounds", "0"), "--rounds 0"),
        (("--scenario", "capacity", "--scenario", "capacity"), "two of the same name"),
    ],
)
def test_the_command_line_refuses(
    arguments: tuple[str, ...], said: str, build: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["--build", str(build), "run", *arguments]) == 2
    assert said in capsys.readouterr().err


# --- What is made of the lines ------------------------------------------------------------------

KNEES = {"thread_pool": 10000.0, "event_loop": 20000.0, "actor": 10000.0}


def made_up(folder: Path, rounds: int = 7, pilot: float = 1.1, **truth: float) -> Path:
    """The shipped scenario, with servers that break off at rates which are known: at KNEES, from which the
    pilot's grid is, or at others."""
    breaks = {**KNEES, **truth}
    wanted = scenarios.load("capacity", rounds)
    (family,) = plans.make([wanted], BUILT, 1, None).families
    shares = [0.35 * (1.15 / 0.35) ** (i / 9) for i in range(10)]
    rates = {m: pilot * KNEES[plans.model_of(m)] * shares[int(plans.setting_of(m)) - 1] for m in family.members}
    family = plans.fixed(family, rates_hz=rates)
    lines = []
    for number in range(1, rounds + 1):
        for member in family.members:
            beyond = rates[member] > breaks[plans.model_of(member)]
            lines.append(line(family, member, number, len(lines), rates[member], 40e6 if beyond else 1e6))
    facts, _ = synthetic.make_run(kinds=())
    facts |= {"tier": "scenario", "families": [family.to_json()]}
    return synthetic.write_run(folder, facts, lines)


def line(family: plan.Family, member: str, number: int, process: int, rate: float, p99_ns: float) -> dict[str, Any]:
    metrics = dict.fromkeys(("wrong", "failed", "unsent"), 0)
    metrics |= {"offered_hz": rate, "achieved_hz": rate, "p50_ns": 2e5, "p99_ns": p99_ns, "lag_p99_ns": 1e4}
    metrics |= {"server_busy_percent": 50.0, "load_busy_percent": 40.0}
    return {
        **{"schema": 1, "kind": "service", "family": family.id, "case": family.case(member), "member": member},
        **{"round": number, "process": process, "started": "2026-11-20T11:00:00Z", "seconds": 1.0},
        **{"status": "ok", "reason": None, "metrics": metrics, "gates": {}, "covariates": {"steal_percent": 0.0}},
    }


def one(folder: Path) -> outcome.Outcome:
    (found,) = outcome.outcomes(*command.read(folder))
    return found


def test_a_known_capacity_is_found_and_told(tmp_path: Path) -> None:
    text = sections.text(one(made_up(tmp_path))).replace(words.SPACE, "")
    assert "event_loop carries the highest rate at p99 ≤ 20.0ms and no errors" in text
    rows = {row.split()[0]: row.split() for row in text.splitlines() if row.startswith(MODELS)}
    for model, truth in KNEES.items():
        low, high = float(rows[model][2]), float(rows[model][4])
        assert low <= truth <= high and high / low < 1.2, model
    assert rows["event_loop"][-1] == "highest" and rows["actor"][-1] == "7"
    assert "as many answers within the window as 99% of what was due in it" in text


def test_where_every_process_was_discarded_the_environment_refused(tmp_path: Path) -> None:
    folder = made_up(tmp_path, rounds=3)
    assert command.show(folder) == 0
    facts, samples = command.read(folder)
    for each in samples.lines:
        each["covariates"]["steal_percent"] = 50.0
    synthetic.write_run(tmp_path / "busy", facts, samples.lines)
    assert command.show(tmp_path / "busy") == 3
    samples.lines[0]["covariates"]["steal_percent"] = 0.0
    synthetic.write_run(tmp_path / "half", facts, samples.lines)
    assert command.show(tmp_path / "half") == 0, "a little is known"


def test_few_rounds_give_no_interval_and_no_ranking(tmp_path: Path) -> None:
    text = sections.text(one(made_up(tmp_path, rounds=3)))
    assert "No ranking" in text and "3 of 6 rounds needed" in text and "highest rate at" not in text.split("No ranking")[0]


def test_a_grid_that_ends_below_a_knee_ranks_nobody(tmp_path: Path) -> None:
    text = sections.text(one(made_up(tmp_path, pilot=0.8))).replace(words.SPACE, "")
    assert "No ranking: the grid of rates ends below the knee of" in text and "at least 9200/s" in text
    assert "beyond the grid" in text and "highest rate at" not in text.splitlines()[1]


def test_a_grid_that_begins_beyond_the_best_knee_ranks_nobody(tmp_path: Path) -> None:
    """event_loop's lowest step is above the others' knees, and does not hold: it may be the worst."""
    low = {"event_loop": 4000.0, "thread_pool": 5000.0, "actor": 5000.0}
    text = sections.text(one(made_up(tmp_path / "low", **low))).replace(words.SPACE, "")
    assert text.splitlines()[1].startswith("No ranking: the grid of rates begins beyond the knee of event_loop (less")
    assert "event_loop below 7700/s" in text
    behind = sections.text(one(made_up(tmp_path / "behind", event_loop=4000.0)))
    assert "thread_pool and actor are not told apart as the highest" in behind, "at its most it is behind them"


def test_a_step_whose_gate_failed_has_no_number(tmp_path: Path) -> None:
    folder = made_up(tmp_path)
    lines = [json.loads(row) for row in (folder / "samples.jsonl").read_text().splitlines()]
    for row in lines:
        if row["member"].startswith("actor@"):
            row["gates"] = {"level_ended_by": {"value": "generator", "limit": "server", "scope": "open", "ok": False}}
    (folder / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lines))
    text = sections.text(one(folder))
    assert next(row for row in text.splitlines() if row.startswith("actor ")).split()[1:3] == ["–", "–"]
    assert "actor no number" in text
    why = "No ranking: actor has no number (gates failed: who was at his limit where the level does not hold (limit server)): "
    assert text.splitlines()[1].startswith(why), "it may be the best"
    for row in lines:
        row["gates"] = {"enough_for_p99": {"value": 3, "limit": 300, "scope": "open", "ok": False}}
    (folder / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lines))
    assert "gates failed: requests of a step (limit 300)" in sections.text(one(folder))


def test_at_a_step_whose_server_failed_a_gate_the_level_does_not_hold(tmp_path: Path) -> None:
    """Left out, it would be missing where the server was at its worst."""
    folder = made_up(tmp_path)
    lines = [json.loads(row) for row in (folder / "samples.jsonl").read_text().splitlines()]
    for row in lines:
        if row["member"] == "actor@5" and row["round"] == 2:  # half of its knee
            row["gates"] = {"connections_held": {"value": 3, "limit": 32, "scope": "all", "ok": False}}
        if row["member"] == "actor@4" and row["round"] == 3:
            row["gates"] = {"lost": {"value": 3, "limit": 0, "scope": "all", "ok": False}}
            row |= {"status": "failed", "reason": "requests lost by its own count: 3"}
    before = capacity.knees(one(folder), "actor")
    (folder / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lines))
    after = capacity.knees(one(folder), "actor")
    assert {n for n in after if after[n].hz < before[n].hz} == {2, 3} and len(after) == len(before)
    none = [row for row in capacity.tables(one(folder))[1].rows if row[-1].text == "0"]
    assert [(row[0].text, row[1].text, row[5].text) for row in none] == [("actor", "–", "–")] * 2


def test_late_steps_are_marked_and_told(tmp_path: Path) -> None:
    folder = made_up(tmp_path)
    assert len(capacity.answer(one(folder))) == 1
    lines = [json.loads(row) for row in (folder / "samples.jsonl").read_text().splitlines()]
    for row in lines:
        late = row["member"] == "actor@3"
        row["gates"] = {"lag_p99_over_p50": {"value": 0.25, "limit": 0.1, "scope": "tail", "ok": not late}}
    (folder / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lines))
    found = one(folder)
    _, late = capacity.answer(found)
    assert late == "The generator itself was late beside steps of actor: these tails are the machine's, too."
    table = capacity.tables(found)[1]
    (row,) = (row for row in table.rows if "†" in "".join(cell.text for cell in row))
    assert row[0].text == "actor" and all(cell.text.endswith("†") for cell in row[3:5])
    assert table.notes == ["† the generator itself was late: the tail is the machine's, too."]


def test_every_gate_is_printed_with_its_figure(tmp_path: Path) -> None:
    folder = made_up(tmp_path)
    lines = [json.loads(row) for row in (folder / "samples.jsonl").read_text().splitlines()]
    for row in lines:
        held, late = 32 - row["round"] % 2, row["member"] == "actor@3"
        row["gates"] = {
            "connections_held": {"value": held, "limit": 32, "scope": "all", "ok": held == 32},
            "lag_p99_over_p50": {"value": 0.25 if late else 0.0625, "limit": 0.1, "scope": "tail", "ok": not late},
            "saturated": {"value": "server", "limit": "server or nobody", "scope": "tail", "ok": True},
            "rig_share": {"value": 1.3 if late else 0.5, "limit": 0.8, "scope": "bound", "ok": not late},
        }
    (folder / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lines))
    rows = {row[0].text: [cell.text for cell in row][1:] for row in sections.gate_table(one(folder)).rows}
    assert rows["connections held"][:3] == ["31–32", "32", "all"]
    assert rows["generator's lag p99 ÷ p50"] == ["0.062–0.250", "0.1", "tail", "7", str(len(lines)), "actor@3"]
    assert rows["saturated at the fixed rate"][:2] == ["server", "server or nobody"]
    (beyond,) = sections.gate_table(one(folder)).notes
    assert beyond.startswith("closed-loop rate ÷ that of a server that does nothing: above 1, the machine was faster")


def test_what_the_machine_did_is_printed_among_the_gates(tmp_path: Path) -> None:
    folder = made_up(tmp_path)
    facts = json.loads((folder / "run.json").read_text())
    facts["discard_rule"] = {**discard.declared(), "steal_percent_max": 3.0, "others_percent_max": 5.0}
    (folder / "run.json").write_text(json.dumps(facts))
    lines = [json.loads(row) for row in (folder / "samples.jsonl").read_text().splitlines()]
    for row in lines:
        taken = (row["member"], row["round"]) == ("actor@3", 2)
        row["covariates"] = {"steal_percent": 8.5 if taken else 0.25, "others_percent": 1.0}
    (folder / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lines))
    rows = {row[0].text: [cell.text for cell in row][1:] for row in sections.gate_table(one(folder)).rows}
    assert rows["percent of the CPUs taken by the host"] == ["0.250–8.500", "3", "host", "1", str(len(lines)), "actor@3"]
    assert rows["percent of the CPUs taken by other programs"][:4] == ["1–1", "5", "host", "0"]


def test_a_baseline_that_is_not_known_against_itself_ranks_nobody(tmp_path: Path) -> None:
    folder = made_up(tmp_path)
    assert "Margin: nobody is put behind by less than 6.9" in sections.text(one(folder))
    lines = [json.loads(row) for row in (folder / "samples.jsonl").read_text().splitlines()]
    kept = [row for row in lines if ".same@" not in row["member"] or row["round"] < 5]
    (folder / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in kept))
    first = sections.text(one(folder)).splitlines()[1]
    assert first.startswith("No ranking: by what thread_pool differs from itself is not known: thread_pool 1")


def test_steps_that_break_below_one_that_holds_count_and_are_told(tmp_path: Path) -> None:
    folder = made_up(tmp_path)
    lines = [json.loads(row) for row in (folder / "samples.jsonl").read_text().splitlines()]
    for row in lines:
        if row["kind"] != "service":
            continue
        broke = row["round"] == 2 and row["member"] == "actor@2"
        row["metrics"]["p99_ns"] = 30e6 if broke else row["metrics"]["p99_ns"]
        held = row["metrics"]["p99_ns"] <= 20e6
        who = "nobody: it holds" if held else "nobody" if broke else "server"
        row["gates"] = {"level_ended_by": {"value": who, "limit": "", "scope": "open", "ok": True}}
    before = one(folder)
    (folder / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lines))
    text = sections.text(one(folder))
    assert "a higher rate of the same round at which it did: 1 of actor." in text
    assert "Something else came between" not in sections.text(before)


def test_whether_a_run_can_be_relied_on_is_asked_of_scenarios_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = made_up(tmp_path / "sound")
    assert cli.main(["check", str(folder)]) == 0
    assert "1 claim on page one; nothing speaks against them" in capsys.readouterr().out
    facts, samples = command.read(folder)
    samples.lines[0] |= {"status": "failed", "reason": "died of SIGSEGV"}
    synthetic.write_run(tmp_path / "failed", facts, samples.lines)
    assert cli.main(["check", str(tmp_path / "failed")]) == 1
    said = "AGAINST  scenario/capacity/thread_pool@1: failed in 1 processes, last: died of SIGSEGV"
    assert said in capsys.readouterr().out
    for each in samples.lines:
        each["covariates"]["steal_percent"] = 50.0
    synthetic.write_run(tmp_path / "busy", facts, samples.lines[1:])
    assert cli.main(["check", str(tmp_path / "busy")]) == 1
    said = capsys.readouterr().out
    assert "AGAINST  capacity: No answer: every process was discarded" in said and "incomplete: 1 of" in said
    assert cli.main(["check", str(made_up(tmp_path / "few", rounds=3))]) == 0
    said = capsys.readouterr().out
    assert "open     scenario/capacity: 3 whole rounds, a single interval takes 6" in said
    assert "open     capacity: nothing is claimed: No ranking: too few rounds" in said and "0 claims on page one" in said


def test_of_a_round_whose_highest_steps_have_no_number_the_knee_is_a_bound(tmp_path: Path) -> None:
    folder = made_up(tmp_path)
    lines = [json.loads(row) for row in (folder / "samples.jsonl").read_text().splitlines()]
    for row in lines:
        if row["round"] == 3 and row["member"] in ("actor@9", "actor@10", "actor@8"):
            row["gates"] = {"level_ended_by": {"value": "generator", "limit": "", "scope": "open", "ok": False}}
    (folder / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lines))
    found = one(folder)
    cut = [(m, n) for m in MODELS for n, k in capacity.knees(found, m).items() if k.censored]
    knee = capacity.knees(found, "actor")[3]
    assert cut == [("actor", 3)] and knee.side == 1
    assert knee.hz < min(k.hz for n, k in capacity.knees(found, "actor").items() if n != 3)
    text = sections.text(found)
    assert "ends below the knee of actor (its highest steps have no number)" in text


CPU_NS = {"thread_pool": 60e3, "event_loop": 40e3, "actor": 50e3}


def rated(folder: Path, same: float = 1.0, gone: str = "", late: str = "", wrong: str = "") -> list[str]:
    """What is said of servers that take so much CPU."""
    found = costed(folder, same, gone, late, wrong)
    return [said.replace(words.SPACE, " ") for said in fixed_rate.answer(found)]


def costed(
    folder: Path, same: float = 1.0, gone: str = "", late: str = "", wrong: str = "", near: str = ""
) -> outcome.Outcome:
    """Servers that take so much CPU; the baseline's alias `same` times as much."""
    (family,) = plans.make([scenarios.load("fixed-rate")], BUILT, 1, None).families
    family = plans.fixed(family, rates_hz=dict.fromkeys(family.members, 2000.0))
    lines = []
    for number in range(1, family.rounds + 1):
        for member in (m for m in family.members if m != gone):
            cpu_ns = CPU_NS[plans.model_of(member)] * (same if member.endswith(".same") else 1)
            made = line(family, member, number, len(lines), 2000.0, 1e6)
            costs = dict.fromkeys(fixed_rate.COLUMNS, 1.0) | {fixed_rate.CPU: cpu_ns * (1 + number % 3 / 100)}
            made["metrics"] = costs | made["metrics"]
            lag = {"value": 0.2, "limit": 0.1, "scope": "tail", "ok": member != late}
            replies = {"value": 1, "limit": 0, "scope": "open", "ok": member != wrong}
            rig = {"value": 0.9, "limit": 0.8, "scope": "tail", "ok": member != near}
            made["gates"] = {"lag_p99_over_p50": lag, "replies_wrong": replies, "open_rig_share": rig}
            lines.append(made)
    facts, _ = synthetic.make_run(kinds=())
    facts |= {"tier": "scenario", "families": [family.to_json()]}
    return one(synthetic.write_run(folder, facts, lines))


def test_who_costs_least_at_one_rate(tmp_path: Path) -> None:
    """Nobody by less than what the baseline differs from itself by, nor where that is not known."""
    first, tails = rated(tmp_path / "calm", late="actor")
    assert first.startswith("**event_loop takes the least CPU per request at 2 000 requests/s**: thread_pool 60.")
    assert "The generator itself was late beside actor: these tails are the machine's, too." in tails
    assert rated(tmp_path / "apart", same=1.3)[0].startswith("**event_loop and actor are not told apart as those with")
    notes = [fixed_rate.tables(costed(tmp_path / name, same))[0].notes for name, same in (("a", 1.3), ("b", 1.0))]
    assert [f"less than {most}{words.SPACE}%" in each[-1] for most, each in zip(("30", "3"), notes)] == [True] * 2
    unknown = rated(tmp_path / "unknown", gone="thread_pool.same")[0]
    assert unknown.startswith("**No ranking at 2 000 requests/s: its own A/A (same code) has no interval")
    without = rated(tmp_path / "without", wrong="event_loop")[0]
    assert without.startswith("**No ranking at 2 000 requests/s: event_loop has no number**"), "the cheapest of all"


def test_tails_of_too_few_requests_are_not_told(tmp_path: Path) -> None:
    assert not [note for note in fixed_rate.tables(costed(tmp_path))[0].notes if note.startswith("–")]
    path = tmp_path / "samples.jsonl"
    rows = [json.loads(row) for row in path.read_text().splitlines()]
    for row in rows:
        row["metrics"]["planned"] = 299 if row["member"] == "actor" else 2999
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    table = fixed_rate.tables(one(tmp_path))[0]
    tails = {row[0].text: [cell.text for cell in row[2:4]] for row in table.rows}
    assert tails == {"actor": ["–", "–"], **dict.fromkeys(("thread_pool", "event_loop"), ["1.00", "–"])}
    (note,) = (note for note in table.notes if note.startswith("–"))
    said = "–: of a p99 300 requests have to be due in a round, of a p99.9 3 000: three beyond it."
    assert note.replace(words.SPACE, " ") == said
    assert fixed_rate.pictures(one(tmp_path)) and "actor –" in fixed_rate.answer(one(tmp_path))[1]


CLASSES = "[[load.classes]]\nname = 'light'\nshare = 9\n[[load.classes]]\nname = 'large'\nshare = 1\n"


def of_class(name: str, planned: int, p99_ns: float | None) -> dict[str, Any]:
    return {"name": name, "planned": planned, "p50_ns": p99_ns and p99_ns / 2, "p99_ns": p99_ns}


def test_a_level_has_to_hold_for_every_class(tmp_path: Path) -> None:
    text = CAPACITY.replace("[level]", CLASSES + "[level]")
    found = scenarios.load(str(file(tmp_path, text)))
    (family,) = plans.make([found], BUILT, 1, None).families
    light, large = of_class("light", 2700, 1e6), of_class("large", 300, 2e9)
    assert capacity.worst_class(found, {"classes": [light, large]}) == {"p99_ns": 2e9, "planned": 300}
    assert capacity.worst_class(found, {"classes": [light, {**large, "p99_ns": None}]})["p99_ns"] is None
    assert capacity.worst_class(scenarios.load("capacity"), {"classes": []}) == {}
    opened = {"wrong": 0, "failed": 0, "achieved_hz": 100.0, "offered_hz": 100.0, "lag_p99_ns": 1e4}
    opened |= {"p99_ns": 1e6, "planned": 2999, "classes": [light, {**large, "planned": 299}]}
    opened |= capacity.worst_class(found, opened)
    assert capacity.of_limit(family, opened, {"saturated": {"value": "server"}})["level_ended_by"]["value"] == "server"
    assert not capacity.of_level(family, opened)["enough_for_p99"]["ok"], "of the class that has fewest"


def test_every_class_has_a_row(tmp_path: Path) -> None:
    text = CAPACITY.replace("[level]", CLASSES + "[level]")
    found = scenarios.load(str(file(tmp_path, text)), 2)
    (family,) = plans.make([found], BUILT, 1, None).families
    family = plans.fixed(family, rates_hz=dict.fromkeys(family.members, 100.0))
    lines = [line(family, m, n, 0, 100.0, 2e9) for n in (1, 2) for m in family.members]
    for i, each in enumerate(lines):
        large = of_class("large", 299 if each["member"] == "event_loop@1" else 300, 2e9)
        each["process"] = i
        each["metrics"] |= readings.of_classes((c["name"], c) for c in (of_class("light", 2700, 1e6), large))
    facts, _ = synthetic.make_run(kinds=())
    facts |= {"tier": "scenario", "families": [family.to_json()]}
    outcome_ = one(synthetic.write_run(tmp_path / "run", facts, lines))
    table = capacity.tables(outcome_)[-1]
    rows = {(row[0].text, row[2].text): [cell.text.replace(words.SPACE, " ") for cell in row[3:]] for row in table.rows}
    assert len(rows) == 2 * len(family.members) and rows["event_loop@2", "light"] == ["2 700", "0.50", "1.00"]
    assert rows["event_loop@2", "large"] == ["300", "1 000.00", "2 000.00"]
    assert rows["event_loop@1", "large"] == ["299", "1 000.00", "–"] and table.notes[-1].startswith("–: of a p99")
    assert "p99 of every class ≤" in capacity.level(outcome_) and "of every class" not in capacity.level(one(made_up(tmp_path)))


def test_a_rig_near_its_limit_marks_tails_and_is_not_called_late(tmp_path: Path) -> None:
    found = costed(tmp_path, late="actor", near="event_loop")
    said = fixed_rate.answer(found)[1]
    assert "The generator itself was late beside actor: these tails are the machine's, too." in said
    assert "The rig was at its limit or near it beside event_loop: these tails are the machine's, too." in said
    table = fixed_rate.tables(found)[0]
    assert {row[0].text for row in table.rows if row[2].text.endswith("†")} == {"actor", "event_loop"}
    assert len([note for note in table.notes if note.startswith("†")]) == 2


def test_a_report_alone_and_as_a_part_of_another(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = made_up(tmp_path / "scenario")
    assert report.main([str(folder)]) == 0
    alone = (folder / "report.md").read_text("utf-8").replace(words.SPACE, " ")
    assert "A round is left out for what machine, generator or downstream service did, and is named" in alone
    assert "Which model carries the highest rate" in alone and "event_loop carries the highest rate" in alone
    assert (folder / "scenario-capacity-curves.svg").exists()
    assert "Every step: median of rounds" in alone, "the picture's data"
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert report.main([str(folder)]) == 0
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before

    facts, lines = synthetic.make_run(count=6, rounds=8, kinds=("model",))
    whole = synthetic.write_run(tmp_path / "run", facts, lines)
    again = shutil.copytree(folder, tmp_path / "again")
    assert report.main([str(whole), "--with", str(folder), "--with", str(again)]) == 0
    text = (whole / "report.md").read_text("utf-8").replace(words.SPACE, " ")
    page, _, rest = text.partition("## The machine")
    assert "event_loop carries the highest rate" in page and "Capacity at a service level" in rest
    assert {f.name for f in whole.glob("scenario-*.svg")} == {
        "scenario-capacity-curves.svg",
        "scenario-capacity-curves-2.svg",
    }
    assert one(folder).scenario.sha256 in text
    capsys.readouterr()
    assert report.main([str(folder), "--with", str(whole)]) == 2
    assert "has no effect on a report of scenarios alone" in capsys.readouterr().err


# --- For real -----------------------------------------------------------------------------------


@standstill.excused
def test_a_real_one_in_small(assay: Assay, build: Path, tmp_path: Path) -> None:
    if not service.workloads(Build.open(build)):
        pytest.skip("serve, load and downstream are not built")
    fixed = (scenario.FOLDER / "fixed-rate.toml").read_text()
    fixed = fixed.replace("[server]", '[server]\nmodels = ["event_loop"]').replace("2.5", "0.2")
    fixed = fixed.replace("share = 0.4", "rate_hz = 200")
    files = file(tmp_path, CAPACITY), file(tmp_path, fixed, "rate.toml")
    named = [word for path in files for word in ("--scenario", path)]
    done = assay(
        *("run", *named, "--rounds", 1, "--seed", 3, "--force", "--reports", tmp_path, "--id", "small"),
    )
    assert done.returncode == 0 or "every process was discarded" in done.stderr, done.stderr
    folder = tmp_path / "small"
    assert done.stdout.splitlines()[-1] == str(folder)
    assert "Small: Which?" in done.stdout and "Highest rate at which p99" in done.stdout
    facts, samples = command.read(folder)
    assert [family["id"] for family in facts["families"]] == ["scenario/mine", "scenario/rate"]
    assert facts["command"][2:8] == ["--scenario", str(files[0]), "--scenario", str(files[1]), "--rounds", "1"]
    assert len(samples.lines) >= 6 + 2 and samples.ends
    for row in samples.lines:
        assert row["status"] == "ok", row["reason"]
        assert row["metrics"]["answered"] > 0 and row["metrics"]["lost"] == 0
        assert row["metrics"]["syscalls_per_request"] >= 2 and row["gates"]["connections_held"]["ok"]
    # Cut off in the last process, it is gone on with; complete, it shows its tables.
    path = folder / "samples.jsonl"
    whole = path.read_text().splitlines(keepends=True)
    path.write_text("".join(whole[:4]) + whole[4][:50])
    again = assay("run", "--resume", folder, "--force")
    assert again.returncode == 0 or "every process was discarded" in again.stderr, again.stderr
    resumed = store.read_samples(path)
    assert {row["process"] for row in resumed.lines} >= set(range(8)) and len(resumed.resumes) == 1
    assert "Small: Which?" in again.stdout and again.stdout.splitlines()[-1] == str(folder)
