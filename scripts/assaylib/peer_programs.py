# SPDX-License-Identifier: MIT
"""One process of a peer, or of ours beside it: run, bounded, accounted."""

from __future__ import annotations

import functools
import hashlib
import os
import re
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import UsageError, machine
from .peer_servers import CALLGRIND, MEASURES, Failure, instructions
from .planned import Family
from .programs import Build, Finished, execute, json_file, read_json

TIMEOUT_S = 120.0


def _folder(build: Build) -> Path:
    return build.folder / "bench" / "peers"


def built(build: Build) -> bool:
    """Are peers enabled, and built?"""
    return os.access(_folder(build) / "pool_ring", os.X_OK)


def find(program: str) -> str | None:
    """Where a program is; servers are not in everybody's PATH."""
    return shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")


class Later(dict[str, str]):
    """For format_map(): leaves alone what is filled in later."""

    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


def arguments(build: Build, parts: Sequence[str], **places: str) -> list[str]:
    places |= {"peers": str(_folder(build)), "bench": str(build.folder / "bench")}
    program, *others = (part.format_map(Later(places)) for part in parts)
    return [find(program) or program, *others]


def there(build: Build, parts: Sequence[str]) -> bool:
    """Is here what these arguments run? What is not filled in yet does not matter."""
    argv = arguments(build, parts)
    if "--model" in argv and argv[argv.index("--model") + 1] not in _models(build):
        return False
    if "actors_erlang" in argv and not (_folder(build) / "actors_erlang.beam").exists():
        return False
    return find(argv[0]) is not None


@functools.cache
def _models(build: Build) -> frozenset[str]:
    """What `serve --list` names: models and others."""
    listed = execute([str(build.program("serve")), "--list"], timeout_s=TIMEOUT_S).stdout
    return frozenset(line.split()[0] for line in listed.splitlines() if line.strip())


def versions(build: Build) -> dict[str, str]:
    """Of the programs that are not libraries."""
    found = {}
    for program, option in (("nginx", "-v"), ("wrk", "-v"), ("valgrind", "--version"), ("strace", "-V")):
        if path := find(program):
            done = execute([path, option], timeout_s=TIMEOUT_S)
            said = re.search(r"\d+\.[\d.]*\d", done.stdout + done.stderr)
            found[program] = said[0] if said else "unknown"
    return found


def hashes(build: Build) -> dict[str, str]:
    """SHA-256 of every program in bench/peers: a resumed run must use the same ones."""
    programs = sorted(path for path in _folder(build).iterdir() if path.is_file() and os.access(path, os.X_OK))
    return {f"peers/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest() for path in programs}


def rounds_of_a_microsecond(build: Build) -> int:
    """Of the pools' work; once per run, so that all do the same."""
    done = execute([str(_folder(build) / "pool_ring"), "--calibrate"], timeout_s=TIMEOUT_S)
    if done.failure or not re.fullmatch(r"\d+\n", done.stdout):
        raise UsageError(f"pool_ring --calibrate: {done.failure or done.stdout!r}")
    return max(1, int(done.stdout))


def measure(build: Build, family: Family, member: str, *, padding: int) -> dict[str, Any]:
    """What goes into the line of this process."""
    began, watch = time.monotonic(), machine.Watch()
    result: dict[str, Any] = {"status": "ok", "reason": None, "metrics": {}}
    finished = None
    try:
        if family.load["how"] == "program":
            result["metrics"], finished = _program(build, family, member, padding)
        elif family.load["how"] == "program_counted":
            result["metrics"] = _counted(build, family, member, padding)
        else:
            load = {**family.load, "method": "GET" if member.endswith("_get") else "POST"}
            argv = arguments(build, family.load["argv"][member])
            result["metrics"] = MEASURES[load["how"]](build, load, argv, padding)
    except Failure as failure:
        result.update(status="failed", reason=str(failure))
    version = result["metrics"].pop("version", None)
    covariates = watch.covariates(finished)
    seconds = round(time.monotonic() - began, 3)
    return {**result, "version": version, "seconds": seconds, "covariates": covariates}


def _counted(build: Build, family: Family, member: str, padding: int) -> dict[str, Any]:
    """User instructions per task, or whatever it is, from two processes of a program that run differently many."""
    totals = []
    for count in family.load["counts"]:
        argv = arguments(build, family.load["argv"][member], count=str(count))
        done = execute([*CALLGRIND, *argv], timeout_s=TIMEOUT_S, padding=padding)
        if done.failure:
            raise Failure(done.failure)
        totals.append(instructions(done))
    few, many = family.load["counts"]
    (name,) = family.load["metrics"]
    return {name: (totals[1] - totals[0]) / (many - few)}


def _program(build: Build, family: Family, member: str, padding: int) -> tuple[dict[str, Any], Finished]:
    """A program that does the work by itself and writes its figures as --json."""
    with json_file() as path:
        argv = arguments(build, family.load["argv"][member], json=str(path))
        done = execute(argv, timeout_s=TIMEOUT_S, padding=padding)
        if done.failure:
            raise Failure(done.failure)
        content, wrong = read_json(path)
    if wrong is not None:
        raise Failure(f"{member}: {wrong}")
    lacking = [name for name in family.load["metrics"] if not isinstance(content.get(name), (int, float))]
    if lacking:
        raise Failure(f"{member}: says nothing about {', '.join(lacking)}")
    kept = {name: value for name, value in content.items() if isinstance(value, (int, float))}
    return {**kept, "version": content.get("version")}, done
