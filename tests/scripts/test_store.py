# SPDX-License-Identifier: MIT
"""Raw results: whatever was cut off at the end, the complete lines count."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from assaylib import SCHEMA, UsageError, store


def line(process: int, member: str) -> store.Line:
    return {"schema": SCHEMA, "process": process, "member": member, "status": "ok"}


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


def test_damage_before_the_end_is_an_error_with_its_line(tmp_path: Path) -> None:
    data = written(tmp_path).splitlines(keepends=True)
    path = tmp_path / "samples.jsonl"
    path.write_bytes(b"".join([data[0], b'{"half": \n', *data[2:]]))
    with pytest.raises(UsageError, match=r"samples\.jsonl:2: not a JSON object"):
        store.read_samples(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"schema": 99, "process": 0}\n', "schema 99"),
        ("[1]\n{}\n", ":1: not a JSON object"),
        ('{"schema": 1}\n', ":1: no process"),
    ],
)
def test_lines_of_another_kind(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "samples.jsonl"
    path.write_text(text)
    with pytest.raises(UsageError, match=words):
        store.read_samples(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "no run.json"), ("{", "not JSON"), ("[]", "not a run"), ('{"schema": 2}', "not a run")],
)
def test_run_json_that_is_none(tmp_path: Path, content: str | None, words: str) -> None:
    if content is not None:
        (tmp_path / "run.json").write_text(content)
    with pytest.raises(UsageError, match=words):
        store.read_run(tmp_path)


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
