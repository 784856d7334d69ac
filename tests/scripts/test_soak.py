# SPDX-License-Identifier: MIT
"""`assay soak`: what its rule says of servers whose truth is known, and a real one of some seconds."""

from __future__ import annotations

import contextlib
import json
import math
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import standstill
import synthetic
from assaylib import cli, report, service, store, words
from assaylib.programs import Build
from assaylib.soak import company, verdicts, view
from conftest import Assay

HOUR_S, STRETCH_S = 3600.0, 60.0
MIB = 1 << 20


def stretches(
    model: str = "event_loop",
    *,
    hours: float = 1.0,
    leak: float = 0.0,
    descriptors: float = 0.0,
    slower: float = 0.0,
    dearer: float = 0.0,
    machine: float = 0.0,
    jump_at: float | None = None,
    noise: float = 0.05,
    seed: int = 1,
    first: int = 0,
    **changed: Any,
) -> list[dict[str, Any]]:
    """Lines of a server that grows by so many bytes and descriptors and whose p99 and CPU time per request rise by
    so large a share, all over the whole time; its heap is warm after five minutes. machine: what it is by which
    the p99 of all rises, minute by minute."""
    chance, shared, lines = random.Random(seed), random.Random(0), []
    count = round(hours * HOUR_S / STRETCH_S)
    for i in range(count):
        at = (i + 0.5) * STRETCH_S
        share = at / (hours * HOUR_S)
        jump = 8 * MIB if jump_at is not None and share > jump_at else 0
        warm = 4 * MIB * min(1.0, at / 300)
        timeline = [
            {
                "at_s": at + 6 * k - 27,
                "rss_bytes": int(20 * MIB + warm + leak * share + jump + chance.randrange(40_000)),
                "descriptors": 71 + int(descriptors * share),
                "threads": 3,
            }
            for k in range(10)
        ]
        p99 = 2e6 * (1 + slower * share) * math.exp(chance.gauss(0, noise))
        p99 *= 1 + machine * share * shared.uniform(0.5, 1.5)
        metrics = {
            "p99_ns": round(p99),
            "cpu_ns_per_request": 20e3 * (1 + dearer * share) * math.exp(shared.gauss(0, 0.02)),
            "answered": 60_000,
            "failed": 0,
            "wrong": 0,
            "offered": 60_000,
            "unsent": 0,
        }
        line = {
            **{"schema": 1, "kind": "service", "family": f"soak/{model}", "case": f"soak/{model}/{model}"},
            **{
                "member": model,
                "round": i + 1,
                "process": first + i,
                "attempt": 0,
                "started": "2026-11-20T11:00:00Z",
            },
            **{
                "seconds": 60.0,
                "status": "ok",
                "reason": None,
                "at_s": at,
                "metrics": metrics,
                "timeline": timeline,
            },
            "covariates": {"steal_percent": 1.0},
        }
        lines.append(line)
    lines[-1]["final"] = {"lost": 0, "drain_ns": 1000}
    for key, value in changed.items():
        lines[count // 2]["metrics"][key] = value
    return lines


def told(lines: list[dict[str, Any]], hours: float = 1.0) -> verdicts.Verdict:
    return verdicts.judge("event_loop", lines, 1000.0, hours * HOUR_S, connections=64)


def test_what_stays_is_shown_to_stay() -> None:
    found = told(stretches())
    assert found.holds and found.lost == 0 and found.requests == 3_600_000
    assert found.rss.interval and found.rss.interval[1] < found.rss.margin
    assert found.descriptors.interval == (0, 0)


@pytest.mark.parametrize("leak", [3 * MIB, 20 * MIB])
def test_a_leak_is_found_and_measured(leak: int) -> None:
    found = told(stretches(leak=leak))
    assert found.rss.verdict == verdicts.GROWS and not found.holds
    assert (
        found.rss.interval
        and found.rss.interval[0] <= leak * (1 - verdicts.SETTLE_SHARE) <= found.rss.interval[1]
    )
    assert found.p99.verdict == verdicts.HOLDS and found.descriptors.verdict == verdicts.HOLDS


def test_what_is_touched_in_the_first_minutes_is_no_leak() -> None:
    """4 MiB in five minutes are in every one of these servers."""
    assert told(stretches(leak=100_000)).rss.verdict == verdicts.HOLDS


def test_a_step_late_in_the_hour_is_not_flat() -> None:
    for at in (0.5, 0.9, 0.97, 0.99):
        assert told(stretches(jump_at=at)).rss.verdict != verdicts.HOLDS


def test_descriptors_that_are_left_open() -> None:
    assert told(stretches(descriptors=30)).descriptors.verdict == verdicts.GROWS
    assert told(stretches(descriptors=0.9)).descriptors.verdict == verdicts.HOLDS


def test_a_tail_that_grows_and_one_that_is_too_noisy_to_say() -> None:
    assert told(stretches(slower=1.0)).p99.verdict == verdicts.GROWS
    assert told(stretches(slower=0.05)).p99.verdict == verdicts.HOLDS
    noisy = told(stretches(noise=1.5))
    assert noisy.p99.verdict == verdicts.UNKNOWN and not noisy.holds


def test_work_that_grows() -> None:
    assert told(stretches(dearer=0.5)).cpu.verdict == verdicts.GROWS
    assert not told(stretches(dearer=0.5)).holds and told(stretches(dearer=0.02)).holds


def test_of_models_that_share_a_machine_its_own_drift_is_none_of_theirs() -> None:
    """All slow down by half; one of them by half as much again."""
    every = [stretches(machine=0.5, seed=1), stretches(machine=0.5, seed=2, slower=0.8), stretches(machine=0.5, seed=3)]
    for i, lines in enumerate(every):
        others = verdicts.others([each for each in every if each is not lines])
        found = verdicts.judge("event_loop", lines, 1000.0, HOUR_S, connections=64, yardstick=others)
        assert found.p99.verdict == verdicts.GROWS and found.over and found.tail is found.over
        assert found.over.verdict == (verdicts.GROWS if i == 1 else verdicts.HOLDS)
        assert found.holds == (i != 1)
    for line in every[2][30:]:  # one that is gone is no measure
        line["covariates"]["steal_percent"] = 50.0
    found = verdicts.judge("event_loop", every[0], 1000.0, HOUR_S, connections=64, yardstick=verdicts.others(every[1:]))
    assert found.over and len(found.over.points) == 20 and not found.holds


def test_alone_a_model_is_judged_over_a_server_that_does_nothing() -> None:
    """Which is as late as the machine, minute by minute; a server that slows down by itself is still found."""
    for slower, verdict in ((0.0, verdicts.HOLDS), (0.8, verdicts.GROWS)):
        lines = stretches(machine=1.0, slower=slower)
        asked_after(lines, stretches(machine=1.0, seed=7))
        found = judged_alone(lines)
        assert found.p99.verdict == verdicts.GROWS and found.tail.verdict == verdict
        assert found.holds == (verdict == verdicts.HOLDS)
    for line in lines[30:]:  # no answer, or the host's: no figure
        line["yardstick"] = {"status": "failed", "reason": "load: not one right answer"}
    lines[12]["yardstick"]["covariates"]["steal_percent"] = 50.0
    found = judged_alone(lines)
    assert len(found.tail.points) == 30 - 10 - 1 and not found.holds and found.p99_left_out == 0
    for line in lines:
        del line["yardstick"]
    assert judged_alone(lines).tail.why == "0 windows are too few", "an absolute p99 does not stand in for it"


def asked_after(lines: list[dict[str, Any]], nothing: list[dict[str, Any]]) -> None:
    for line, each in zip(lines, nothing, strict=True):
        line["yardstick"] = {key: each[key] for key in ("status", "reason", "metrics", "covariates")}


def judged_alone(lines: list[dict[str, Any]]) -> verdicts.Verdict:
    yardstick = verdicts.nothing(lines)
    return verdicts.judge("event_loop", lines, 1000.0, HOUR_S, connections=64, yardstick=yardstick)


def test_gaps_of_the_machine_in_some_seconds_are_no_tail_of_the_server() -> None:
    """Of each minute's seconds a few are the host's, more or less of them as it likes."""
    chance, lines = random.Random(2), stretches(noise=1.5)
    for line in lines:
        seconds = [2_000_000 + chance.randrange(200_000) for _ in range(60)]
        for at in chance.sample(range(60), chance.randrange(25)):
            seconds[at] = chance.choice((None, 50_000_000))
        line["second_p99_ns"] = seconds
    found = told(lines)
    assert found.p99.verdict == verdicts.HOLDS and found.p99_ns and 2e6 < found.p99_ns < 2.2e6
    assert " ms in the median second)" in view.sentence(found).replace(words.SPACE, " ")
    for line in lines:
        line["second_p99_ns"] = [ns and ns * (1 + line["at_s"] / HOUR_S) for ns in line["second_p99_ns"]]
    assert told(lines).p99.verdict == verdicts.GROWS
    for line in lines:  # two of three are not calm
        line["second_p99_ns"] = [ns if i % 3 == 0 else ns and 40 * ns for i, ns in enumerate(line["second_p99_ns"])]
    assert told(lines).p99.level < math.log(4e6) and (told(lines).p99_ns or 0) > 40e6
    lines[30]["second_p99_ns"] = [None] * 60
    assert len(told(lines).p99.points) == 49, "who never answers has no p99"


def test_a_stretch_that_the_host_took_has_no_p99() -> None:
    lines = stretches()
    for line in lines[30:40]:
        line["covariates"]["steal_percent"] = 60.0
        line["metrics"]["p99_ns"] = 500_000_000
    found = told(lines)
    assert found.p99_left_out == 10 and found.p99.verdict == verdicts.HOLDS


def test_where_the_host_took_all_there_is_no_figure() -> None:
    lines = stretches()
    for line in lines[5:]:
        line["covariates"]["steal_percent"] = 60.0
    found = told(lines)
    said = view.sentence(found).replace(words.SPACE, " ")
    assert "CPU time per request not shown to be flat (0 windows are too few): no figure; p99" in said
    assert said.endswith("p99 of calm seconds not shown to be flat (0 windows are too few): no figure.")
    assert " at 20.0 µs" not in said and "memory flat: " in said and " MiB" in said
    assert [cell.text for cell in view.table([found]).rows[0]][-3:-1] == ["–", "–"]


@pytest.mark.parametrize("gone", [slice(35, 60), slice(12, 30)])
def test_what_is_known_of_a_part_is_not_said_of_the_whole(gone: slice) -> None:
    """The host takes the CPUs for a long while, in which the tail may have grown."""
    lines = stretches()
    for line in lines[gone]:
        line["covariates"]["steal_percent"] = 60.0
    found = told(lines)
    assert found.p99.verdict == verdicts.UNKNOWN and "no figure" in found.p99.why and not found.holds
    assert found.rss.verdict == verdicts.HOLDS


def test_connections_that_were_not_held_and_a_generator_that_was_late() -> None:
    found = told(stretches(connections_held=63))
    assert found.unheld == 1 and not found.holds
    assert "connections were missing in 1 of its stretches;" in view.sentence(found)
    assert told(stretches(connections_held=64)).holds
    found = told(stretches(lag_p99_ns=30e3, p50_ns=200e3))
    assert found.late == 1 and found.holds, "a mark"
    assert "in 1 of its stretches the generator itself was late" in view.sentence(found)
    found = told(stretches(lag_p99_ns=10e3, p50_ns=200e3))
    assert found.late == 0 and "late" not in view.sentence(found)


def test_one_request_lost_is_too_many() -> None:
    for lost in ({"failed": 1}, {"wrong": 1}):
        found = told(stretches(**lost))
        assert found.lost == 1 and not found.holds
    lines = stretches()
    lines[-1]["final"]["lost"] = 2
    assert told(lines).lost == 2 and "2 lost at SIGTERM" in told(lines).lost_why
    assert not told(stretches(unsent=30_000)).holds or told(stretches(unsent=30_000)).achieved > 0.99
    starved = stretches()
    for line in starved:
        line["metrics"]["unsent"] = 6000
    assert not told(starved).holds and told(starved).achieved == pytest.approx(0.9)


def test_a_server_that_died_and_one_that_was_not_watched_to_its_end() -> None:
    lines = stretches()[:20]
    assert not told(lines).finished
    short = view.table([told(lines[:13])]).rows[0]
    assert [cell.text for cell in short][-4:-1] == ["–"] * 3, "three minutes drawn out over an hour are no figure"
    lines.append(
        {
            **lines[-1],
            "round": 21,
            "status": "failed",
            "reason": "the server ended",
            "metrics": {},
            "timeline": [],
        }
    )
    found = told(lines)
    assert not found.holds and found.why == "the server ended"
    assert "did not get to the end: the server ended" in view.sentence(found)


def test_a_day_is_judged_as_an_hour_is() -> None:
    found = told(stretches(hours=24, leak=40 * MIB), 24)
    assert found.rss.verdict == verdicts.GROWS and len(found.rss.points) <= verdicts.WINDOWS_MAX


def made_up(folder: Path, at_once: bool = False, **grown: Any) -> Path:
    lines = [*stretches("event_loop"), *stretches("actor", first=60, seed=2, **grown)]
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
            "load": {"rate_hz": 1000.0, "seconds": HOUR_S, "stretch_s": STRETCH_S, "at_once": at_once},
        }
        for model in ("event_loop", "actor")
    ]
    facts |= {"tier": "soak", "families": families, "rule": verdicts.declared(), "company": "together"}
    return synthetic.write_run(folder, facts, lines)


def test_what_is_printed_and_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert view.show(made_up(tmp_path / "good")) == 0
    assert "event_loop and actor stayed as they were" in capsys.readouterr().out
    folder = made_up(tmp_path / "bad", leak=30 * MIB)
    assert view.show(folder) == 1
    text = capsys.readouterr().out.replace(words.SPACE, " ")
    assert "actor was not shown to stay as it was over 1 h" in text and "event_loop did" in text
    assert "memory grows" in text and text.splitlines()[-1] == str(folder)
    facts, lines = synthetic.make_run(count=6, rounds=8, kinds=("model",))
    whole = synthetic.write_run(tmp_path / "run", facts, lines)
    assert report.main([str(whole), "--with", str(folder)]) == 0
    drawn = (whole / "report.md").read_text("utf-8").replace(words.SPACE, " ")
    assert "Soak: does a server stay as it is?" in drawn and "memory grows" in drawn
    assert {file.name for file in whole.glob("soak-*.svg")} == {"soak-memory.svg", "soak-p99.svg"}
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
    assert "over that of the others, which shared the machine, grows" in text
    assert "shared the machine, flat: −" in text and "The rule, which is not the one that run.json declared beforehand: the first" in text


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
    assert done.stdout.splitlines()[-1] == str(folder), done.stderr
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
    assert "p99 over that of a server that does nothing, " in done.stdout.replace(words.SPACE, " ")
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
    assert done.stdout.splitlines()[-1] == str(folder), done.stderr
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
