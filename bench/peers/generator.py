#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""One load generator against the bare server, for `scripts/assay peers`: generator_NAME drives NAME.

What is counted is all that the generator's process does, from its start to its end, over all requests
that it says it sent: so nobody gains by working before or after. Instructions and system calls are
slopes between a short and a long run, which leaves out start and end.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

NAME = Path(sys.argv[0]).name.removeprefix("generator_").removesuffix(".py")
KEPT_MIN = 0.9  # of the rate asked for; below, this was another load
SHORT_S, LONG_S = 1, 4
TIMEOUT_S = 60


class Failure(Exception):
    pass


@dataclass
class Done:
    requests: int
    seconds: float
    cpu_s: float


@contextlib.contextmanager
def bare(program: str, cpu: int) -> Iterator[str]:
    """The server on its CPU; its address."""
    server = subprocess.Popen(
        [program], stdout=subprocess.PIPE, text=True, preexec_fn=lambda: os.sched_setaffinity(0, [cpu])
    )
    try:
        assert server.stdout
        line = server.stdout.readline()
        if not line.startswith("listening on "):
            raise Failure(f"{program} did not start")
        yield line.split()[-1]
    finally:
        server.kill()
        server.wait()


def command(given: argparse.Namespace, address: str, seconds: int, out: Path) -> list[str]:
    connections, rate = given.connections, given.rate
    url = f"http://{address}/"
    if NAME == "load":
        how = ["--arrival", "uniform", "--rate", str(rate)] if rate else ["--arrival", "closed"]
        how += ["--slack-us", str(given.slack_us)] if given.slack_us else []
        return [given.load, "--target", url, *how, "--connections", str(connections), "--warmup", "0",
                "--duration", str(seconds), "--json", str(out)]  # fmt: skip
    if NAME == "h2load" and not rate:
        return ["h2load", "--h1", "-t1", f"-c{connections}", "-D", str(seconds), url]
    if NAME == "wrk" and not rate:
        return ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", url]
    if NAME == "wrk2" and rate:
        return ["wrk2", "-t1", f"-c{connections}", f"-R{rate}", f"-d{seconds}s", url]
    raise Failure(f"{NAME} has no such mode")


def requests_of(said: str, out: Path) -> int:
    """All that were answered; any that was answered wrongly is a failure."""
    if NAME == "load":
        told = json.loads(out.read_text())
        if told["wrong"] or told["failed"]:
            raise Failure(f"load: {told['wrong']} wrong, {told['failed']} failed")
        return int(told["answered"])
    patterns = {"h2load": r"(\d+) succeeded", "wrk": r"(\d+) requests in", "wrk2": r"(\d+) requests in"}
    found = re.search(patterns[NAME], said)
    if not found or "Non-2xx" in said or "Socket errors" in said:
        raise Failure(f"{NAME}: {said.strip()[-400:]}")
    return int(found[1])


def run(wrapper: list[str], argv: list[str], cpu: int, out: Path) -> Done:
    began = time.monotonic()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            [*wrapper, *argv], stdout=said, stderr=said, preexec_fn=lambda: os.sched_setaffinity(0, [cpu])
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read()
    if process.returncode != 0 and not (NAME == "load" and process.returncode == 1):
        raise Failure(f"{NAME}: exit code {process.returncode}: {text.strip()[-400:]}")
    return Done(requests_of(text, out), seconds, usage.ru_utime + usage.ru_stime)


def instructions(path: Path) -> int:
    found = re.search(r"^(?:summary|totals): (\d+)", path.read_text(errors="replace"), re.M)
    if not found:
        raise Failure("callgrind wrote no total")
    return int(found[1])


def system_calls(path: Path) -> int:
    """The total stands below the end of "calls"; some columns of that line may be empty."""
    lines = path.read_text().splitlines()
    head = next((line for line in lines if re.search(r"\bcalls\b.*\bsyscall$", line)), None)
    total = next((line for line in lines if line.endswith(" total")), None)
    if head is None or total is None:
        raise Failure("strace wrote no total")
    return int(total[: re.search(r"\bcalls\b(?=\s+errors)", head).end()].split()[-1])  # type: ignore[union-attr]


def exact(tool: str, start: list[str], cpu: int, make: object, out: Path, folder: Path) -> float:
    """Per request: the slope between a short and a long run under the tool."""
    if not shutil.which(start[0]):
        raise Failure(f"{start[0]} is not installed")
    counts: list[tuple[int, int]] = []
    for seconds in (SHORT_S, LONG_S):
        raw = folder / f"{tool}.{seconds}"
        done = run([part.format(raw=raw) for part in start], make(seconds), cpu, out)  # type: ignore[operator]
        counts.append((instructions(raw) if tool == "instructions" else system_calls(raw), done.requests))
    (few, before), (many, after) = counts
    if after <= before:
        raise Failure("the long run sent no more than the short one")
    return (many - few) / (after - before)


def version() -> str | None:
    if NAME == "load":
        return None
    asked = {"h2load": ["h2load", "--version"], "wrk": ["wrk", "-v"], "wrk2": ["wrk2", "-v"]}[NAME]
    said = subprocess.run(asked, capture_output=True, text=True, timeout=TIMEOUT_S)
    return (said.stdout + said.stderr).strip().splitlines()[0][:80]


def measure(given: argparse.Namespace, folder: Path) -> dict[str, float]:
    cpus = sorted(os.sched_getaffinity(0))
    out = folder / "load.json"
    with bare(given.bare, cpus[0]) as address:

        def argv(seconds: int) -> list[str]:
            return command(given, address, seconds, out)

        if given.exact:
            callgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file={raw}"]
            strace = ["strace", "-f", "-c", "-o", "{raw}"]
            return {
                "instructions_per_request": exact("instructions", callgrind, cpus[-1], argv, out, folder),
                "system_calls_per_request": exact("system calls", strace, cpus[-1], argv, out, folder),
            }
        done = run([], argv(given.seconds), cpus[-1], out)
    rate_hz = done.requests / given.seconds
    if given.rate and rate_hz < KEPT_MIN * given.rate:
        raise Failure(f"{NAME}: {rate_hz:.0f} requests a second of {given.rate}")
    return {"requests_hz": rate_hz, "generator_cpu_ns": 1e9 * done.cpu_s / done.requests}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--bare", required=True, metavar="PROGRAM")
    parser.add_argument("--load", required=True, metavar="PROGRAM")
    parser.add_argument("--connections", type=int, default=64, metavar="N")
    parser.add_argument("--rate", type=int, metavar="HZ", help="open loop; without it closed")
    parser.add_argument("--slack-us", type=int, metavar="US", help="of load")
    parser.add_argument("--seconds", type=int, default=2, metavar="N")
    parser.add_argument("--exact", action="store_true", help="instructions and system calls, no times")
    parser.add_argument("--json", type=Path, required=True, metavar="FILE")
    given = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="assay-") as folder:
            figures = measure(given, Path(folder))
    except (Failure, OSError, subprocess.SubprocessError) as failure:
        print(f"{Path(sys.argv[0]).name}: {failure}", file=sys.stderr)
        return 1
    given.json.write_text(json.dumps({"schema": 1, "program": NAME, "version": version(), **figures}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
