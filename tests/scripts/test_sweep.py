# SPDX-License-Identifier: MIT
"""`assay sweep`: a real one in small, and what the table says where the truth is known."""

from __future__ import annotations

import json
import random
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import standstill
import synthetic
from assaylib import UsageError, cli, plan, report, run, service, store, sweep, sweep_table, sweep_work, words
from assaylib.programs import Build
from conftest import ROOT

MEMBERS = ("default", "default.same", "threads=2", "batch=1", "queue_limit=8")


def made_up(
    folder: Path,
    truth: dict[str, float],
    rounds: int = 12,
    burns: dict[str, float] | None = None,
    waits: dict[str, float] | None = None,
) -> Path:
    """One model whose settings serve `truth` times the default's requests, and take `burns` times the CPU time that
    follows from that; with waits, others wait so long, in µs."""
    generator = random.Random(5)
    facts, _ = synthetic.make_run(kinds=())
    family = {
        "id": "sweep/event_loop",
        "kind": "service",
        "title": "settings of event_loop",
        "baseline": "default",
        "members": list(MEMBERS),
        "aliases": {"default.same": "same"},
        "floors": {},
        "injected": {},
        "rounds": rounds,
        "load": {"model": "event_loop", "workload": "rpc", "connections": 32, "threads": dict.fromkeys(MEMBERS, 1)},
    }
    lines = []
    for number in range(1, rounds + 1):
        for member in MEMBERS:
            hz = 10000 * truth.get(member, 1.0) * generator.uniform(0.995, 1.005)
            lines.append(
                {
                    "schema": 1,
                    "kind": "service",
                    "family": "sweep/event_loop",
                    "case": f"sweep/event_loop/{member}",
                    "member": member,
                    "round": number,
                    "process": len(lines),
                    "started": "2026-11-20T11:00:00Z",
                    "seconds": 1.0,
                    "status": "ok",
                    "reason": None,
                    "metrics": {
                        "closed_hz": hz,
                        "cpu_ns_per_request": 1e8 / hz * (burns or {}).get(member, 1.0),
                        **({"other_p50_ns": 1e3 * waits[member] * generator.uniform(0.99, 1.01)} if waits else {}),
                    },
                    "gates": {},
                    "covariates": {"steal_percent": 0.0},
                }
            )
    facts |= {"tier": "sweep", "families": [family], "sweep_defaults": sweep_work.defaults()}
    return synthetic.write_run(folder, facts, lines)


def told(folder: Path) -> str:
    return sweep_table.text(*sweep_table.read(folder)).replace(words.SPACE, " ")


def test_a_better_setting_is_found_and_valued_by_the_other_rounds(tmp_path: Path) -> None:
    folder = made_up(tmp_path, {"threads=2": 1.3, "batch=1": 0.5})
    text = told(folder)
    row = next(line for line in text.splitlines() if "threads=2" in line and "tuned" in line)
    assert "1.30" in row
    assert "worst" in next(line for line in text.splitlines() if " batch=1 " in line)
    assert "at 0.77 × its CPU time per request" in text
    assert "threads=2 serves 1.30 ×" in text
    assert "A wrong setting is batch=1: threads=2 serves 2.60 × (" in text and ") the requests of batch=1." in text
    # Only the odd rounds choose: what the even ones say of others changes nothing in the choice.
    lines = [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()]
    for line in lines:
        if line["round"] % 2 == 0 and line["member"] == "queue_limit=8":
            line["metrics"]["closed_hz"] *= 2
    (folder / "samples.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert "threads=2 serves 1.30 ×" in told(folder)


def test_the_default_stays_if_nothing_is_better(tmp_path: Path) -> None:
    text = told(made_up(tmp_path / "a", {"threads=2": 0.8, "batch=1": 0.5, "queue_limit=8": 0.9}))
    assert "event_loop, rpc behind sockets: nothing came out better than the default in the odd rounds: it stays." in text
    assert "A wrong setting is batch=1: the default serves 2.00 ×" in text
    assert "default, tuned" in next(line for line in text.splitlines() if "as it comes" in line)
    text = told(made_up(tmp_path / "b", {"threads=2": 1.001, "batch=1": 0.5, "queue_limit=8": 0.9}))
    assert "the default stays" in text or "it stays" in text
    # Told, but by less than is claimed anywhere; and what the default's own spread would hide as well.
    margin = "is told from the default, but not shown to be more than the margin of 3 %: the default stays"
    assert margin in told(made_up(tmp_path / "c", {"threads=2": 1.02, "batch=1": 0.5}))
    text = told(made_up(tmp_path / "d", {"threads=2": 1.035, "batch=1": 0.5, "default.same": 1.05}))
    assert "which is not told from the default's own spread: the default stays" in text
    assert "which are too few to tell: the default stays" in told(made_up(tmp_path / "e", {"threads=2": 1.5}, rounds=6))


def test_of_those_that_serve_as_many_the_cheapest_is_tuned(tmp_path: Path) -> None:
    """A hundredth more throughput, which nobody can tell, is no reason to burn twice the CPU time."""
    text = told(made_up(tmp_path / "a", {"threads=2": 1.01}, burns={"threads=2": 2.0}))
    wrong = r"A wrong setting is threads=2: threads=2 takes (1.9|2.0)\d × \([^)]+\) the CPU time per request of the default\."
    assert re.search(wrong, text)
    assert "tuned" not in next(line for line in text.splitlines() if " threads=2 " in line and "rpc" in line)
    text = told(made_up(tmp_path / "b", {}, burns={"batch=1": 0.5}))
    assert "the default takes 2.00 × (" in text and "the CPU time per request of batch=1 in the even rounds" in text
    # More throughput for much more CPU time: a choice that the table leaves to its reader.
    text = told(made_up(tmp_path / "c", {"threads=2": 1.3}, burns={"threads=2": 2.0}))
    assert "but the default is better by CPU time per request: the default stays" in text


def test_of_those_that_cost_as_much_the_one_others_wait_for_least_is_tuned(tmp_path: Path) -> None:
    waits = dict.fromkeys(MEMBERS, 900.0) | {"batch=1": 90.0, "queue_limit=8": 300.0}
    text = told(made_up(tmp_path / "a", {"batch=1": 0.99}, waits=waits))
    assert "with the default others wait 9.9" in text or "with the default others wait 10.0" in text
    assert "as long as with batch=1, at 1.01 × its CPU time per request, in the even rounds" in text
    text = told(made_up(tmp_path / "b", {"batch=1": 0.7}, waits=waits))
    assert "as long as with queue_limit=8" in text, "what costs throughput is no candidate"


def test_of_a_wrong_setting_that_is_not_told_no_distance_is_named(tmp_path: Path) -> None:
    alike = {"threads=2": 1.5, "batch=1": 1.5, "queue_limit=8": 1.5}
    itself = r"A wrong setting is the default: (\S+ serves|the default takes) 1\.(49|50|51) × \("
    assert re.search(itself, told(made_up(tmp_path / "a", alike)))
    text = told(made_up(tmp_path / "noise", {"threads=2": 1.5, "batch=1": 0.97}))
    assert re.search(r"A wrong setting is batch=1: (threads=2 serves|batch=1 takes) 1\.5\d × \(", text)
    text = told(made_up(tmp_path / "b", {}))
    assert "A wrong setting" not in text and "the even ones do not tell it" in text and "worst" not in text
    assert "the even ones are too few to tell" in told(made_up(tmp_path / "c", {"batch=1": 0.5}, rounds=6))


def test_a_throughput_that_is_the_rigs_decides_nothing(tmp_path: Path) -> None:
    folder = made_up(tmp_path, {"threads=2": 1.3, "batch=1": 0.5})
    path = folder / "samples.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        if line["member"] == "default":
            line["gates"] = {"rig_share": {"value": 0.9, "limit": 0.8, "scope": "bound", "ok": False}}
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    text = told(folder)
    assert "≥ 10 0" in text and "≥ 13" not in text
    assert "the requests of the default" not in text, "it served that many at least"
    assert "the default takes 1.30 × (" in text, "CPU time is nobody's bound"
    for line in lines:
        line["gates"] = {"rig_share": {"value": 0.9, "limit": 0.8, "scope": "bound", "ok": line["member"] != "batch=1"}}
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert "A wrong setting is batch=1: batch=1 takes 2.6" in told(folder), "its CPU time is nobody's bound"


def test_figures_say_what_they_are_of(tmp_path: Path) -> None:
    folder = made_up(tmp_path, {"threads=2": 1.3, "batch=1": 0.5})
    assert "sockets at a fixed rate, the same for all settings" in told(folder)
    facts, samples = sweep_table.read(folder)
    facts["families"][0]["load"]["rate_hz"] = 5000.0
    text = sweep_table.text(facts, samples).replace(words.SPACE, " ")
    assert "at 0.77 × its CPU time per request (at a fixed rate of 5 000 requests/s)" in text


def test_the_defaults_that_are_named_are_those_of_the_models() -> None:
    found = {
        path.stem: int(batch[1])
        for path in sorted((ROOT / "models").glob("*.c"))
        if (batch := re.search(r"^    \.batch = (\d+),", path.read_text(), re.M))
    }
    assert found == sweep_work.BATCHES
    in_a_row = re.search(r"^#define STEPS (\d+)$", (ROOT / "models" / "actor.c").read_text(), re.M)
    assert in_a_row and sweep_work.REQUESTS_IN_A_ROW == int(in_a_row[1]) == found["thread_pool"] == found["event_loop"]
    assert set(found) == {model for model, works in sweep.WORKS.items() if any("batch" in w.settings for w in works)}


def test_what_is_recorded_went_away_from_the_defaults_of_now() -> None:
    facts, samples = sweep_table.read(ROOT / "reports" / "sweep")
    assert facts["sweep_defaults"] == sweep_work.defaults()
    works = {(model, work.how, work.workload) for model, every in sweep.WORKS.items() for work in every}
    of = {(f["load"]["model"], f["load"].get("how", "sockets"), f["load"]["workload"]) for f in facts["families"]}
    assert works <= of and samples.ends


def test_an_appendix_and_no_report_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = made_up(tmp_path / "sweep", {"threads=2": 1.3, "batch=1": 0.5})
    facts, lines = synthetic.make_run(count=6, rounds=8, kinds=("model",))
    whole = synthetic.write_run(tmp_path / "run", facts, lines)
    assert report.main([str(whole), "--with", str(folder)]) == 0
    text = (whole / "report.md").read_text("utf-8").replace(words.SPACE, " ")
    assert "Default and tuned settings" in text and "threads=2 serves 1.30 ×" in text
    assert "| event_loop | rpc behind sockets | as it comes | default |" in text and "| threads=2 | tuned |" in text
    capsys.readouterr()
    assert report.main([str(folder)]) == 2
    assert "a sweep: an appendix of another run" in capsys.readouterr().err
    with pytest.raises(UsageError, match="not a sweep"):
        sweep_table.read(whole)


def test_every_model_is_swept_by_what_it_uses() -> None:
    models = ("thread_pool", "actor", "thread_per_connection", "mine", "inline")
    cases = tuple(f"model/{w}/{m}" for w in ("rpc", "ring", "cpu") for m in models)
    built = plan.Built(model_cases=cases, services=("rpc",), cpus=(0, 1))
    families = {f.id: f for f in sweep.families(built, plan.TIERS["sweep"])}
    assert {f for f in families if f.count("/") == 1} == {
        f"sweep/{m}" for m in ("thread_pool", "actor", "thread_per_connection", "mine")
    }
    # Each setting where it binds: messages and pipelined requests for the batch, in process for threads.
    assert {f.removeprefix("sweep/actor/") for f in families if "threads=4" in families[f].members and "actor" in f} == {
        "in_process_cpu", "in_process_ring"
    }  # fmt: skip
    for model in ("thread_pool", "actor"):
        assert {"batch=8", "batch=1000"} < set(families[f"sweep/{model}/pipelined_echo"].members)
        assert "batch=1" not in families[f"sweep/{model}/pipelined_echo"].members
    # The default is a thread for each CPU, which model_bench has to be told; it is no value of its own.
    threads = families["sweep/thread_pool/in_process_cpu"].load["settings"]
    assert threads == {
        "default": {"threads": 2}, "default.same": {"threads": 2}, "threads=1": {"threads": 1}, "threads=4": {"threads": 4}
    }  # fmt: skip
    assert "queue_limit=5000" in families["sweep/actor/overload_cpu"].members
    assert "sweep/actor/in_process_count" not in families  # this build has no such case
    # Behind sockets each connection has a thread, which never looks for work, and waits before the door.
    assert families["sweep/thread_per_connection"].members == families["sweep/mine"].members
    assert "sweep/thread_per_connection/overload_cpu" not in families
    # In process there is always something to do: nobody spins.
    assert "spin_us=20" in families["sweep/thread_pool"].members
    assert not any("spin_us=20" in f.members for f in families.values() if "in_process" in f.id)
    assert families["sweep/mine"].members == ("default", "default.same", "queue_limit=8", "queue_limit=16")
    assert {f.baseline for f in families.values()} == {"default"}


def test_options_that_a_fixed_plan_ignores(tmp_path: Path, build: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--build", str(build), "sweep", "--resume", str(tmp_path), "--seed", "1"]) == 2
    assert "--seed: has no effect with --resume" in capsys.readouterr().err


def sweep_in_small(build: Path, monkeypatch: pytest.MonkeyPatch, root: Path, only: str) -> None:
    """For real, a round of each setting, into root / "small"."""
    opened = Build.open(build)
    if not service.workloads(opened):
        pytest.skip("serve, load and downstream are not built")
    tier = replace(plan.TIERS["sweep"], service_rounds=1, until_s=0.0)
    monkeypatch.setitem(plan.TIERS, "sweep", tier)
    monkeypatch.setattr(sweep, "GRID", {"batch": (8,), "spin_us": (20,), "queue_limit": (16,)})
    request = run.Request(tier, only, 3, "small", root, True)
    assert sweep.main(opened, root, request) == 0


@standstill.excused
def test_what_is_not_behind_sockets(
    tmp_path: Path, build: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep_in_small(build, monkeypatch, tmp_path, "actor/(pipelined|overload|in_process_count)")
    text = capsys.readouterr().out
    assert "echo, pipelined" in text and "cpu, too many and in bursts" in text and "count in process" in text
    _, samples = sweep_table.read(tmp_path / "small")
    assert len(samples.lines) == 3 * 3
    for line in samples.lines:
        assert line["status"] == "ok" and line["metrics"]["closed_hz"] > 0 and line["metrics"]["cpu_ns_per_request"] > 0
        assert ("other_p50_ns" in line["metrics"]) == ("in_process" not in line["family"])


def test_the_list_measures_nothing(build: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if not service.workloads(Build.open(build)):
        pytest.skip("serve, load and downstream are not built")
    assert cli.main(["--build", str(build), "sweep", "--list"]) == 0
    text = capsys.readouterr().out
    assert "sweep/actor/in_process_ring" in text and "minutes" in text and "the defaults:" in text
    assert cli.main(["--build", str(build), "sweep", "--list", "--seed", "1"]) == 2
    assert "--seed: has no effect with --list" in capsys.readouterr().err


@standstill.excused
def test_a_real_one_in_small(
    tmp_path: Path, build: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep_in_small(build, monkeypatch, tmp_path, "event_loop$")
    assert capsys.readouterr().out.splitlines()[-1] == str(tmp_path / "small")
    facts, samples = sweep_table.read(tmp_path / "small")
    members = ("default", "default.same", "spin_us=20")
    assert tuple(facts["families"][0]["members"]) == members
    assert sorted((line["round"], line["member"]) for line in samples.lines) == sorted(
        (number, member) for number in (1,) for member in members
    )
    assert all(line["status"] == "ok" and line["metrics"]["closed_hz"] > 0 for line in samples.lines)
    # Cut short, it goes on where it was.
    path = tmp_path / "small" / "samples.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:3]))
    assert sweep.resume(Build.open(build), tmp_path, tmp_path / "small", force=True) == 0
    again = store.read_samples(path)
    assert len(again.lines) == len(samples.lines) and again.resumes and again.ends
