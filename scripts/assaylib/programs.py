# SPDX-License-Identifier: MIT
"""The programs of a build, and running them as fresh, bounded, accounted processes."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import json
import os
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import UsageError

MEASURING = (
    "codec_bench", "model_bench", "parts_bench", "serve", "load", "downstream", "bare", "machine"
)  # fmt: skip
STDERR_TAIL = 600  # characters of a failed program's stderr that are kept
PR_SET_PDEATHSIG = 1

# Looked up once: a child must not, between fork and exec, while other threads of ours may be loading.
_prctl = ctypes.CDLL(None, use_errno=True).prctl


@dataclass(frozen=True)
class Build:
    """A Meson build directory."""

    folder: Path

    @staticmethod
    def open(folder: Path) -> Build:
        if not folder.is_dir():
            raise UsageError(f"--build {folder}: no such folder (meson setup build; ninja -C build)")
        if not (folder / "meson-info").is_dir():
            raise UsageError(f"--build {folder}: not a Meson build directory")
        return Build(folder.resolve())

    def find(self, name: str) -> Path | None:
        path = self.folder / "bench" / name
        return path if os.access(path, os.X_OK) and path.is_file() else None

    def program(self, name: str) -> Path:
        path = self.find(name)
        if path is None:
            raise UsageError(f"{name}: not built in {self.folder} (ninja -C {self.folder})")
        return path

    def cases(self, name: str, *arguments: str) -> list[str]:
        """What `PROGRAM --list` prints; nothing if the program is not built."""
        path = self.find(name)
        if path is None:
            return []
        done = execute([str(path), *arguments, "--list"], timeout_s=120)
        if done.failure:
            raise UsageError(f"{name} --list: {done.failure}")
        return [line.strip() for line in done.stdout.splitlines() if line.strip()]

    def hashes(self) -> dict[str, str]:
        """SHA-256 of every program that measures: a resumed run must use the same ones."""
        found = ((name, self.find(name)) for name in MEASURING)
        return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in found if path}


@dataclass(frozen=True)
class Finished:
    """How a process ended and what it used. failure is None after exit code 0."""

    returncode: int
    stdout: str
    stderr: str
    seconds: float
    failure: str | None
    involuntary_switches: int
    major_faults: int


class Child:
    """A process that this command started, in a group of its own, and will not outlive it.

    Ctrl-C therefore reaches only this command, which stops its children itself; should this command
    be killed, the kernel sends its children SIGKILL.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        cpus: Sequence[int] | None = None,
        padding: int = 0,
        line: bool = False,
    ) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("BENCHMARK_")}
        environment["LC_ALL"] = "C"
        # Moves the stack: one environment size is one sample of the memory layouts (METHOD 1.4).
        environment["ASSAY_PADDING"] = "x" * padding
        parent = os.getpid()

        def prepare() -> None:
            _prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != parent:
                os._exit(127)
            if cpus:
                os.sched_setaffinity(0, cpus)

        self.name = Path(argv[0]).name
        self._out = None if line else tempfile.TemporaryFile()
        self._err = tempfile.TemporaryFile()
        self.began = time.monotonic()
        self._process = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if line else self._out,
            stderr=self._err,
            env=environment,
            process_group=0,
            preexec_fn=prepare,
        )
        self.pid = self._process.pid
        self._pidfd = os.pidfd_open(self.pid)
        self._finished: Finished | None = None
        self._read_ahead = b""  # of stdout, behind the lines that were asked for

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        if self._finished is None:
            self.signal(signal.SIGKILL)
            self._reap("killed")
        for file in (self._out, self._err, self._process.stdout):
            if file is not None:
                file.close()
        os.close(self._pidfd)

    def signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, number)

    def running(self) -> bool:
        return not self.ended(0)

    def ended(self, within_s: float) -> bool:
        return bool(select.select([self._pidfd], [], [], within_s)[0])

    def next_line(self, timeout_s: float) -> str | None:
        """The next line on stdout (line=True); None if it did not come in time."""
        assert self._process.stdout is not None
        deadline = time.monotonic() + timeout_s
        descriptor = self._process.stdout.fileno()
        while b"\n" not in self._read_ahead:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([descriptor], [], [], left)[0]:
                return None
            more = os.read(descriptor, 4096)
            if not more:
                return None
            self._read_ahead += more
        line, _, self._read_ahead = self._read_ahead.partition(b"\n")
        return line.decode("utf-8", "replace")

    def wait(self, timeout_s: float) -> Finished:
        """Waits; a process that takes longer is killed, and that is its failure."""
        if self._finished is not None:
            return self._finished
        if select.select([self._pidfd], [], [], max(0.0, timeout_s))[0]:
            return self._reap(None)
        self.signal(signal.SIGKILL)
        return self._reap(f"still running after {timeout_s:.0f} s, killed")

    def _reap(self, reason: str | None) -> Finished:
        _, status, usage = os.wait4(self.pid, 0)
        code = self._process.returncode = os.waitstatus_to_exitcode(status)
        stdout = self._read(self._out)
        stderr = self._read(self._err)
        if reason is None and code < 0:
            reason = f"died of {signal.Signals(-code).name}"
        elif reason is None and code > 0:
            reason = f"exit code {code}"
        if reason is not None and stderr.strip():
            reason = f"{reason}: {stderr.strip()[-STDERR_TAIL:]}"
        self._finished = Finished(
            code,
            stdout,
            stderr,
            time.monotonic() - self.began,
            None if reason is None else f"{self.name}: {reason}",
            usage.ru_nivcsw,
            usage.ru_majflt,
        )
        return self._finished

    @staticmethod
    def _read(file: Any) -> str:
        if file is None:
            return ""
        file.seek(0)
        return str(file.read().decode("utf-8", "replace"))


def execute(
    argv: Sequence[str],
    *,
    timeout_s: float,
    cpus: Sequence[int] | None = None,
    padding: int = 0,
) -> Finished:
    with Child(argv, cpus=cpus, padding=padding) as child:
        return child.wait(timeout_s)


@contextlib.contextmanager
def json_file() -> Iterator[Path]:
    """Where a program may write its --json; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="assay-") as folder:
        yield Path(folder) / "out.json"


def read_json(path: Path) -> tuple[Any, str | None]:
    """(content, None) or (None, what is wrong)."""
    try:
        return json.loads(path.read_text("utf-8")), None
    except FileNotFoundError:
        return None, "wrote no --json file"
    except (OSError, ValueError) as error:
        return None, f"its --json file cannot be read: {error}"
