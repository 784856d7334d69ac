# SPDX-License-Identifier: MIT
"""The raw results of a run: run.json, written whole, and samples.jsonl, only ever appended to.

All lines of one process go into the file in one write, followed by fsync, so that whatever kills
the run loses at most the process in flight.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import SCHEMA, UsageError

Line = dict[str, Any]


def write_whole(path: Path, content: Any) -> None:
    """JSON by way of a temporary file and rename: readers see the old file or the new one."""
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(content, file, indent=1, ensure_ascii=False, allow_nan=False)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def probe(reports: Path) -> None:
    """Fails before anything is measured if results could not be kept there."""
    try:
        reports.mkdir(parents=True, exist_ok=True)
        test = reports / f".probe-{os.getpid()}"
        test.write_text("", "utf-8")
        test.unlink()
    except OSError as error:
        raise UsageError(f"--reports {reports}: cannot write there: {error.strerror}") from None


@dataclass
class Samples:
    """The complete lines of a samples.jsonl; resumes and the end apart from results."""

    lines: list[Line] = field(default_factory=list)
    resumes: list[Line] = field(default_factory=list)
    ends: list[Line] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    end: int = 0  # byte offset behind the last complete line
    starts: dict[int, int] = field(default_factory=dict)  # process: offset of its first line


def read_samples(path: Path) -> Samples:
    """Reads what counts. A truncated last line is left out with a notice; damage elsewhere, which
    no interrupted run leaves behind, is an error that names the line."""
    samples = Samples()
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return samples
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    offset = 0
    for number, raw in enumerate(data.splitlines(keepends=True), 1):
        line, last = None, offset + len(raw) == len(data)
        if raw.endswith(b"\n"):
            try:
                line = json.loads(raw)
            except ValueError:
                line = None
        if not isinstance(line, dict):
            if not last:
                raise UsageError(f"{path}:{number}: not a JSON object")
            samples.notices.append(
                f"{path.name}:{number}: the last line is incomplete and was ignored"
            )
            break
        if line.get("schema") != SCHEMA:
            raise UsageError(f"{path}:{number}: schema {line.get('schema')}, expected {SCHEMA}")
        if line.get("kind") == "resume":
            samples.resumes.append(line)
        elif line.get("kind") == "end":
            samples.ends.append(line)
        elif not isinstance(line.get("process"), int):
            raise UsageError(f"{path}:{number}: no process")
        else:
            samples.lines.append(line)
            samples.starts.setdefault(line["process"], offset)
        offset += len(raw)
        samples.end = offset
    return samples


def read_run(folder: Path) -> dict[str, Any]:
    path = folder / "run.json"
    try:
        run = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{folder}: not a run (no run.json)") from None
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(f"{path}: not JSON: {error}") from None
    if not isinstance(run, dict) or run.get("schema") != SCHEMA:
        raise UsageError(f"{path}: not a run of schema {SCHEMA}")
    return run


def load(folder: Path) -> tuple[dict[str, Any], Samples]:
    """A run as `check` and `export` want it; notices go to stderr."""
    run, samples = read_run(folder), read_samples(folder / "samples.jsonl")
    for notice in samples.notices:
        print(f"assay: {notice}", file=sys.stderr)
    return run, samples


class Writer:
    """Appends to samples.jsonl."""

    def __init__(self, folder: Path) -> None:
        self._file = os.open(
            folder / "samples.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666
        )

    def append(self, lines: list[Line]) -> None:
        text = "".join(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n" for line in lines)
        data = text.encode("utf-8")
        if os.write(self._file, data) != len(data):
            raise OSError("samples.jsonl: short write (is the disk full?)")
        os.fsync(self._file)

    def close(self) -> None:
        os.close(self._file)


def complete_processes(samples: Samples, expected: dict[int, int]) -> set[int]:
    """The processes all of whose lines are there; expected: process → number of its lines."""
    counts = Counter(line["process"] for line in samples.lines)
    return {process for process, count in counts.items() if count == expected.get(process)}


def cut_tail(folder: Path, samples: Samples, complete: set[int]) -> int:
    """Takes away what a killed run left behind the last complete process; returns its bytes. Only
    the process in flight can be incomplete, so only the end of the file can be affected."""
    path = folder / "samples.jsonl"
    if not path.exists():
        return 0
    keep = samples.end
    if samples.lines and (last := samples.lines[-1]["process"]) not in complete:
        keep = min(keep, samples.starts[last])
    size = path.stat().st_size
    if size > keep:
        os.truncate(path, keep)
    return size - keep
