# SPDX-License-Identifier: MIT
"""`assay soak`: its command line, its folder, what it prints and draws, and real ones of some seconds."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import standstill
import synthetic
from assaylib import cli, machine, report, rig, service, store, words
from assaylib.programs import Build, Child
from assaylib.soak import company, run, verdicts, view, watching
from conftest import Assay
from soaked import HOUR_S, MIB, STRETCH_S, asked_after, stretches


def made_up(folder: Path, at_once: bool = False, yardstick_s: float = 0.0, **grown: Any) -> Path:
    lines = [*stretches("event_loop"), *stretches("actor", first=60, seed=2, **grown)]
    if yardstick_s:
        asked_after(lines, [*stretches(seed=3), *stretches(seed=4)])
    facts, _ = synthetic.make_run(kinds=())
    families = [
        {
            **{
                "id": f"soak/{model}",
                "kind": "service",
                "title": model,
                "baseline": model,
                "members": [model],
            },
            **{"aliases": {}, "floors": {}, "injected": {}, "rounds": 60},
            "load": {
                **{"rate_hz": 1000.0, "seconds": HOUR_S, "stretch_s": STRETCH_S},
                **{"at_once": at_once, "yardstick_s": yardstick_s},
            },
        }
        for model in ("event_loop", "actor")
    ]
    facts |= {"tier": "soak", "families": families, "rule": verdicts.declared(), "company": "together"}
    return synthetic.write_run(folder, facts, lines)


def test_what_is_printed_and_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert view.show(made_up(tmp_path / "old")) == 0, "of a time when there was no yardstick"
    assert "event_loop and actor stayed as they were" in capsys.readouterr().out
    folder = made_up(tmp_path / "bad", leak=30 * MIB, yardstick_s=6.0)
    assert view.show(folder) == 1
    text = capsys.readouterr().out.replace(words.SPACE, " ")
    assert "actor was not shown to stay as it was over 1 h" in text and "event_loop did" in text
    assert "memory grows" in text and text.splitlines()[-1] == str(folder)
    facts, lines = synthetic.make_run(count=6, rounds=8, kinds=("model",))
    whole = synthetic.write_run(tmp_path / "run", facts, lines)
    assert report.main([str(whole), "--with", str(folder)]) == 0
    drawn = (whole / "report.md").read_text("utf-8").replace(words.SPACE, " ")
    assert "Soak: does a server stay as it is?" in drawn and "memory grows" in drawn
    names = {"soak-memory.svg", "soak-p99.svg", "soak-whole.svg", "soak-yardstick.svg"}
    assert {file.name for file in whole.glob("soak-*.svg")} == names
    capsys.readouterr()
    assert report.main([str(folder)]) == 2
    assert "a soak: an appendix of another run" in capsys.readouterr().err


def test_what_was_at_once_is_told_over_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = made_up(tmp_path / "together", at_once=True, slower=1.0)
    facts = json.loads((folder / "run.json").read_text("utf-8"))
    (folder / "run.json").write_text(json.dumps(facts | {"rule": {"text": "another"}}))
    assert view.show(folder) == 1
    text = capsys.readouterr().out.replace(words.SPACE, " ")
    assert "actor was not shown to stay as it was" in text and "event_loop did." in text
    assert "p99 of calm seconds (beyond that of the others on the machine) grows" in text
    assert "on the machine) flat: −" in text and "of two, each excuses the other." in text
    assert "The rule, which is not the one that run.json declared beforehand: the first" in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--seconds", "0.5"), "must be from 1 second"),
        (("--share", "0"), "--share 0"),
        (("--workload", "call"), "--workload call"),
        (("--model", "nobody"), "--model nobody: not built"),
        (("--model", "event_loop", "--at-once"), "--at-once: there is but one model"),
        (("--resume", "/nowhere", "--at-once"), "--at-once: has no effect with --resume"),
        (("--resume", "/nowhere"), "not a run"),
        (("--resume", "/nowhere", "--hours", "2"), "--hours: has no effect with --resume"),
    ],
)
def test_the_command_line_refuses(
    arguments: tuple[str, ...], said: str, build: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["--build", str(build), "soak", *arguments]) == 2
    assert said in capsys.readouterr().err


@standstill.excused
def test_a_real_one_of_some_seconds(assay: Assay, build: Path, tmp_path: Path) -> None:
    if not service.workloads(Build.open(build)):
        pytest.skip("serve, load and downstream are not built")
    options = ("--seconds", 1.2, "--model", "event_loop", "--share", 0.3, "--seed", 3, "--force")
    done = assay("soak", *options, "--id", "short", "--reports", tmp_path)
    folder = tmp_path / "short"
    assert done.stdout.splitlines()[-1:] == [str(folder)], done.stderr
    facts, samples = view.read(folder)
    (found,) = view.judged(facts, samples)
    assert done.returncode == (0 if found.holds else 1)
    assert len(samples.lines) == 12 and samples.ends and facts["rule"]["rss_margin_bytes"] == MIB
    assert found.finished and found.requests > 0 and found.lost == 0, found
    seen = [look["descriptors"] for line in samples.lines for look in line["timeline"]]
    assert max(seen) >= 64, "its 64 connections are among them"
    asked = [line["yardstick"] for line in samples.lines if line["yardstick"]["status"] == "ok"]
    assert asked and all(each["metrics"]["p99_ns"] > 0 and each["second_p99_ns"] for each in asked)
    took = sum(line["seconds"] for line in samples.lines) - samples.lines[-1]["at_s"]
    assert took > 12 * facts["families"][0]["load"]["yardstick_s"], "which is no time under load"
    assert "p99 of calm seconds (beyond that of a server that does nothing) " in done.stdout.replace(words.SPACE, " ")
    # Cut off, the server is begun anew, and what was measured of the first stays.
    path = folder / "samples.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:4]))
    again = assay("soak", "--resume", folder, "--force")
    resumed = store.read_samples(path)
    assert again.returncode in (0, 1), again.stderr
    assert [line["attempt"] for line in resumed.lines] == [0] * 4 + [1] * 12 and resumed.ends
    assert len({line["process"] for line in resumed.lines}) == 16
    (found,) = view.judged(*view.read(folder))
    assert found.finished and found.requests == sum(line["metrics"]["answered"] for line in resumed.lines[4:])
    assert json.loads(path.read_text().splitlines()[4])["kind"] == "resume"


def test_what_was_measured_stays_however_the_server_ends(build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a yardstick that fails is its own affair."""
    here = Build.open(build)
    if not service.workloads(here):
        pytest.skip("serve, load and downstream are not built")

    def stuck(server: rig.Server) -> dict[str, Any]:
        raise rig.Failure("after SIGTERM: not ended within 60 s")

    def absent(*_: Any, **__: Any) -> Iterator[rig.Server]:
        raise rig.Failure("bare did not start")

    monkeypatch.setattr(watching, "_end", stuck)
    monkeypatch.setattr(watching.noop, "server", absent)
    asked = run.settings(request(seconds=1.2), machine.cpus())
    asked = dataclasses.replace(asked, seconds=0.2)
    *stretches, last = watching.watch(here, asked, "event_loop", 200.0, 1)
    assert [line["status"] for line in stretches] == ["ok", "ok"] and not any("final" in line for line in stretches)
    assert {line["yardstick"]["reason"] for line in stretches} == {"bare did not start"}
    assert last["status"] == "failed" and "not ended" in last["reason"] and last["timeline"] == []


@standstill.excused
def test_a_yardstick_tells_what_the_model_took_meanwhile(build: Path) -> None:
    here = Build.open(build)
    if not service.workloads(here):
        pytest.skip("serve, load and downstream are not built")
    asked = dataclasses.replace(run.settings(request(), machine.cpus()), yardstick_s=0.2)
    with Child([sys.executable, "-c", "while True: pass"], cpus=[asked.server_cpu]) as busy:
        model = rig.Server(busy, "127.0.0.1:1", 0, Path("/dev/null"))
        told = watching._yardstick(here, asked, model, 200.0, 1)
    assert told["status"] == "ok" and told["metrics"]["model_percent"] > 10
    assert len(told["second_p99_ns"]) == 1
    assert watching._seconds({"seconds": [{"p99_ns": ns} for ns in (1, 2, 3)]}, 2.1) == [1, 2], "no splinter"


def request(**changed: Any) -> run.Request:
    asked: dict[str, Any] = {"models": (), "seconds": 3600.0, "share": 0.5, "at_once": False, "workload": "rpc"}
    return run.Request(**asked | {"seed": 1, "id": None, "reports": Path("/nowhere"), "force": True} | changed)


def test_stretches_fill_the_time() -> None:
    for seconds, count in ((3600.0, 60), (750.0, 12), (800.0, 13), (1.2, 12), (86400.0, 1440)):
        asked = run.settings(request(seconds=seconds), (0, 1))
        assert asked.stretches() == count and asked.stretches() * asked.stretch_s == pytest.approx(seconds)
    assert run.settings(request(at_once=True), (0, 1)).yardstick_s == 0.0


def test_without_the_server_that_does_nothing_there_is_no_soak(
    build: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = Build.find
    monkeypatch.setattr(Build, "find", lambda self, name: None if name == "bare" else found(self, name))
    assert cli.main(["--build", str(build), "soak", "--seconds", "2"]) == 2
    assert "bare is not built" in capsys.readouterr().err


def test_jobs_beside_each_other_meet_and_none_is_left_behind() -> None:
    """Two that each wait for the other cannot be one after the other; endless ones end when nobody
    takes what they yield, or when one of them fails, which is told."""
    told, ended = [], []

    def meeting(others: company.Alone) -> Iterator[int]:
        told.append("came")
        others.meet()
        yield len(told)

    assert dict(company.beside({"a": meeting, "b": meeting})) == {"a": 2, "b": 2}

    def endless(others: company.Alone) -> Iterator[int]:
        try:
            while True:
                others.pause(0.01)
                yield 1
        finally:
            ended.append("endless")

    def failing(others: company.Alone) -> Iterator[int]:
        others.meet()
        yield 2
        raise OSError("full")

    def going(others: company.Alone) -> Iterator[int]:
        others.meet()
        yield from endless(others)

    before = threading.active_count()
    with pytest.raises(OSError, match="full"):
        list(company.beside({"going": going, "failing": failing}))
    assert ended == ["endless"] and threading.active_count() == before
    with contextlib.closing(company.beside({"one": endless, "two": endless})) as found:
        assert next(found)[1] == 1
    assert ended == ["endless"] * 3 and threading.active_count() == before


def test_one_that_fails_does_not_keep_the_others_at_the_door() -> None:
    def absent(others: company.Alone) -> Iterator[str]:
        yield "failed"

    def meeting(others: company.Alone) -> Iterator[str]:
        others.meet()
        yield "went on"

    found = dict(company.beside({"absent": absent, "meeting": meeting}))
    assert found == {"absent": "failed", "meeting": "went on"}


@standstill.excused
def test_real_ones_at_once(assay: Assay, build: Path, tmp_path: Path) -> None:
    """Both are watched over the same time, each by itself; cut off, both are begun anew."""
    if not service.workloads(Build.open(build)):
        pytest.skip("serve, load and downstream are not built")
    models = ("event_loop", "thread_pool")
    options = [word for model in models for word in ("--model", model)]
    options += ["--seconds", "1.2", "--share", "0.2", "--seed", "3", "--force", "--at-once"]
    done = assay("soak", *options, "--id", "short", "--reports", tmp_path)
    folder = tmp_path / "short"
    assert done.stdout.splitlines()[-1:] == [str(folder)], done.stderr
    assert "All models shared the machine" in done.stdout
    facts, samples = view.read(folder)
    assert "shared the machine" in facts["company"] and "--at-once" in facts["command"]
    began, ended = (
        {line["member"]: line["started"] for line in lines} for lines in (samples.lines[::-1], samples.lines)
    )
    assert [line["member"] for line in samples.lines].count("thread_pool") == len(samples.lines) / 2 == 12
    assert began["thread_pool"] <= ended["event_loop"] and began["event_loop"] <= ended["thread_pool"]
    assert not any("yardstick" in line for line in samples.lines), "each is the others'"
    for found in view.judged(facts, samples):
        assert found.finished and found.requests > 0 and found.lost == 0, found
        assert found.descriptors.level < 128, "none of the other's 64 connections"
    # One had ended, the other not: both are begun anew, since their company would not be the same.
    path = folder / "samples.jsonl"
    kept = [line for line in map(json.loads, path.read_text().splitlines()) if line["kind"] == "service"]
    kept = [line for line in kept if line["member"] == "thread_pool" or line["round"] < 5]
    path.write_text("".join(json.dumps(line) + "\n" for line in kept))
    assert [v.finished for v in view.judged(*view.read(folder))] == [False, True]
    again = assay("soak", "--resume", folder, "--force")
    facts, resumed = view.read(folder)
    assert again.returncode in (0, 1) and resumed.ends, again.stderr
    new = [line for line in resumed.lines if line["attempt"] == 1]
    assert sorted(line["member"] for line in new) == sorted(models * 12)
    for found in view.judged(facts, resumed):
        mine = [line for line in new if line["member"] == found.model]
        assert found.finished and found.requests == sum(line["metrics"]["answered"] for line in mine)
