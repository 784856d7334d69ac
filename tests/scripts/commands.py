# SPDX-License-Identifier: MIT
"""Running a command that ought to end; and if it does not, everything that tells why."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

ASSAY = Path(__file__).resolve().parents[2] / "scripts" / "assay"
TIMEOUT_S = 600  # far beyond anything sensible: on some hosts most of the CPU is stolen


def finish(
    argv: Sequence[str], *, timeout_s: float = TIMEOUT_S
) -> subprocess.CompletedProcess[str]:
    """Runs it to its end. One that does not come fails the test, with where it stands."""
    process = subprocess.Popen(
        argv,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONFAULTHANDLER": "1"},  # SIGABRT prints Python's stacks
    )
    try:
        out, err = process.communicate(timeout=timeout_s)
        return subprocess.CompletedProcess(argv, process.returncode, out, err)
    except subprocess.TimeoutExpired:
        where = tree(process.pid)
        process.send_signal(signal.SIGABRT)
    try:
        out, err = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
    pytest.fail(
        f"{' '.join(argv)}: still running after {timeout_s:g} s\n"
        f"stdout:\n{out}\nstderr:\n{err}\nprocesses:\n{where}\n"
        f"load: {Path('/proc/loadavg').read_text()}{Path('/proc/stat').read_text().splitlines()[0]}"
    )


def with_build(build: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command with a build that a test has made."""
    return finish([sys.executable, str(ASSAY), "--build", str(build), *arguments])


def tree(root: int) -> str:
    """The process and all below it: state, what the kernel waits for, CPU ticks, command line."""
    parents, lines = {}, []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            parents[int(folder.name)] = int(fields[1])
        except OSError:
            continue
    wanted = [root]
    for pid in wanted:  # grows meanwhile
        wanted += [child for child, parent in parents.items() if parent == pid]
        for task in sorted(Path(f"/proc/{pid}/task").glob("*")):
            lines.append(f"{pid}/{task.name}: {_task(task)}")
    return "\n".join(lines)


def _task(task: Path) -> str:
    def read(name: str) -> str:
        try:
            return (task / name).read_text("utf-8", "replace").strip("\0\n ")
        except OSError as error:
            return str(error.strerror)

    fields = read("stat").rpartition(")")[2].split()
    state, ticks = (fields[0], fields[11:13]) if len(fields) > 12 else ("gone", [])
    command = read("cmdline").replace("\0", " ")
    stack = read("stack").replace("\n", " < ")
    return f"{state} ticks {' '.join(ticks)} in {read('wchan')} [{stack}] {command}"
