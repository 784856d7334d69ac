# SPDX-License-Identifier: MIT
"""Raw results: whatever was cut off at the end, the complete lines count."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import synthetic
from assaylib import SCHEMA, UsageError, cli, judge, store


def line(process: int, member: str) -> store.Line:
    return {
        "schema": SCHEMA,
        "kind": "codec",
        "family": "codec/x/encode",
        "case": f"codec/x/encode/{member}",
        "member": member,
        "round": process,
        "process": process,
        "status": "ok",
        "metrics": {"time_ns": 1.5},
    }


def written(folder: Path, processes: int = 3) -> bytes:
    writer = store.Writer(folder)
    for process in range(processes):
        writer.append([line(process, "a"), line(process, "b")])
    writer.close()
    return (folder / "samples.jsonl").read_bytes()


def test_what_is_written_is_read(tmp_path: Path) -> None:
    written(tmp_path)
    samples = store.read_samples(tmp_path / "samples.jsonl")
    assert [(s["process"], s["member"]) for s in samples.lines] == [
        (p, m) for p in range(3) for m in "ab"
    ]
    assert not samples.notices


def test_any_truncation_loses_only_the_last_process(tmp_path: Path) -> None:
    data = written(tmp_path)
    path = tmp_path / "samples.jsonl"
    ends = [i + 1 for i, byte in enumerate(data) if byte == ord("\n")]
    expected = dict.fromkeys(range(3), 2)
    for length in range(len(data) + 1):
        path.write_bytes(data[:length])
        samples = store.read_samples(path)
        assert len(samples.lines) == sum(end <= length for end in ends)
        assert bool(samples.notices) == (length not in (0, *ends))
        complete = store.complete_processes(samples, expected)
        assert complete == {p for p in range(3) if ends[2 * p + 1] <= length}
        cut = store.cut_tail(tmp_path, samples, complete)
        assert path.read_bytes() == data[: length - cut]
        assert length - cut == (ends[2 * len(complete) - 1] if complete else 0)


def changed(**values: Any) -> str:
    return json.dumps({**line(1, "b"), **values})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"half": ', "not JSON"),
        ("[1]", "not a JSON object"),
        ('{"schema": 99, "process": 0}', "schema 99, expected 1"),
        ('{"schema": 1}', "kind None is not known"),
        ('{"schema": 1, "kind": "codec", "process": 1}', "lacks family, case, member, status, round"),
        (changed(round="one"), "wrong: round"),
        (changed(round=10**9), "wrong: round"),
        (changed(metrics=None), "wrong: metrics"),
        (changed(gates={"lag": True}), "wrong: gates"),
        (changed(repetitions=[[0, 1.5], [1, -1]]), "wrong: repetitions"),
        (changed(repetitions=[[0, 1.5], [1, float("inf")]]), "Infinity is not a number"),
        (changed(metrics={"time_ns": float("nan")}), "NaN is not a number"),
        (changed(repetitions=[[0, 12345.5]]).replace("12345.5", "1e999"), "wrong: repetitions"),
        (changed(gates={"lag": {"value": [1], "ok": True}}), "wrong: gates"),
        ('{"schema": 1, "kind": "end", "families": []}', "wrong: families"),
    ],
)
@pytest.mark.parametrize("last", [False, True])
def test_a_damaged_line_is_named_and_the_sound_ones_count(
    tmp_path: Path, text: str, why: str, last: bool
) -> None:
    data = written(tmp_path).decode().splitlines()
    number = len(data) if last else 3
    path = tmp_path / "samples.jsonl"
    if why == "wrong: families" and last:
        text = '{"schema": 1, "kind": "end", "families": {"codec/x/encode": 5}}'
    path.write_text("\n".join([*data[: number - 1], text, *data[number:]]) + "\n")
    samples = store.read_samples(path)
    assert samples.lines == [json.loads(row) for i, row in enumerate(data, 1) if i != number]
    assert samples.damaged == [f"samples.jsonl:{number}: {why}"]
    assert samples.notices == [
        f"samples.jsonl:{number}: {why}; the line is ignored, the sound ones count"
    ]
    assert samples.end == path.stat().st_size


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no run.json"),
        ("{", "not JSON"),
        ("[]", "not a run"),
        ('{"schema": 2}', "not a run"),
        ('{"schema": 1}', "lacks id, tier, seed, commit, created, margin_percent, build,"),
    ],
)
def test_run_json_that_is_none(tmp_path: Path, content: str | None, words: str) -> None:
    if content is not None:
        (tmp_path / "run.json").write_text(content)
    with pytest.raises(UsageError, match=words):
        store.read_run(tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda run, line: line["metrics"].update(time_ns="fast"), r"samples\.jsonl:6: not a number: metrics\.time_ns"),
        (lambda run, line: line["metrics"].update(time_ns=[1]), r"samples\.jsonl:6: not a number: metrics\.time_ns"),
        (lambda run, line: line["metrics"].update(time_ns=10**400), r"samples\.jsonl:6: not a number"),
        (lambda run, line: line["covariates"].update(load1=True), "not a number: covariates.load1"),
        (lambda run, line: line["covariates"].update(load1=float("nan")), r"samples\.jsonl:6: NaN is not a number"),
        (lambda run, line: line.update(member="gone"), "gone is not in the plan"),
        (lambda run, line: run.update(margin_percent=float("inf")), r"run\.json: Infinity is not a number"),
        (lambda run, line: run.update(margin_percent=True), r"run\.json: wrong: margin_percent"),
        (lambda run, line: run.update(forced=0), r"run\.json: wrong: forced"),
        (lambda run, line: run["families"][1].update(rounds=-1), r"families\[1\]: wrong: rounds"),
        (lambda run, line: run["families"][1].update(floors="x"), r"families\[1\]: wrong: floors"),
        (lambda run, line: run["families"][1]["floors"].update(cjson={}), r"families\[1\]: wrong: floors.cjson"),
    ],
)
def test_malformed_values_are_named_and_refused(
    change: Callable[[Any, Any], None], said: str, tmp_path: Path
) -> None:
    run, lines = synthetic.make_run("quick", rounds=2, count=3, kinds=("codec",))
    change(run, lines[5])
    folder = synthetic.write_run(tmp_path / "run", run, lines)
    with pytest.raises(UsageError, match=said):
        store.read(folder)


def test_a_block_below_the_clock_is_no_value_and_no_damage(tmp_path: Path) -> None:
    run, lines = synthetic.make_run("quick", rounds=8, count=3, kinds=("codec",))
    lost = next(line for line in lines if line["case"] == "codec/ack/encode/msgpack_c")
    lost["repetitions"][1][1] = 0
    read, samples = store.read(synthetic.write_run(tmp_path / "run", run, lines))
    family = judge.judge(read, samples.every).families[0]
    assert [n for n, _ in family.paired("msgpack_c", "cjson", "time_ns", False)] == list(range(1, 8))


@pytest.mark.parametrize("command", [["check"], ["export"], ["gate"], ["compare"]])
def test_what_no_check_foresaw_is_no_verdict(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = []
    for seed in range(2 if command[0] in ("gate", "compare") else 1):
        run, lines = synthetic.make_run("quick", seed, rounds=2, count=3, kinds=("codec",))
        run["discard_rule"] = {"steal_percent_max": "x"}
        folders.append(str(synthetic.write_run(tmp_path / f"run{seed}", run, lines)))
    arguments = [*command, *folders]
    assert cli.main(arguments) == 2
    assert f"assay: {folders[0]}" in capsys.readouterr().err
    monkeypatch.setenv("ASSAY_TRACEBACK", "1")
    with pytest.raises(TypeError):
        cli.main(arguments)


def test_the_newest_run_is_never_the_example(tmp_path: Path) -> None:
    made = synthetic.make_run("quick", rounds=2, count=3, kinds=("codec",))
    own = synthetic.write_run(tmp_path / "mine", *made)
    os.utime(own / "run.json", (1, 1))
    synthetic.write_run(tmp_path / "example", *made)
    assert cli.newest(tmp_path) == own
    (own / "run.json").unlink()
    with pytest.raises(UsageError, match="no run of yours there"):
        cli.newest(tmp_path)


def test_write_whole_replaces_or_leaves(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    store.write_whole(path, {"a": 1})
    with pytest.raises(ValueError):
        store.write_whole(path, {"a": float("nan")})
    assert json.loads(path.read_text()) == {"a": 1}


def test_not_a_number_never_reaches_the_file(tmp_path: Path) -> None:
    before = written(tmp_path)
    writer = store.Writer(tmp_path)
    with pytest.raises(ValueError):
        writer.append([line(9, "a"), {**line(9, "b"), "x": float("inf")}])
    writer.close()
    assert (tmp_path / "samples.jsonl").read_bytes() == before


def test_reports_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot write there"):
        store.probe(tmp_path / "file" / "reports")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_reports_folder_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UsageError, match="cannot write there"):
        store.probe(tmp_path / "reports")
