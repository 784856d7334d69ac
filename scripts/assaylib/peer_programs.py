# SPDX-License-Identifier: MIT
"""One process of a peer, or of ours beside it: run, bounded, accounted."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import UsageError, machine
from .plan import Family
from .programs import Build, Finished, execute, json_file, read_json

TIMEOUT_S = 120.0


class Failure(Exception):
    """Why this process has no result."""


def _folder(build: Build) -> Path:
    return build.folder / "bench" / "peers"


def built(build: Build) -> bool:
    """Are peers enabled, and built?"""
    return os.access(_folder(build) / "pool_ring", os.X_OK)


def there(build: Build, argv: Sequence[str]) -> bool:
    """Is the program that argv names here? What is not filled in yet does not matter."""
    program = argv[0].replace("{peers}", str(_folder(build))).replace("{bench}", str(build.folder / "bench"))
    return shutil.which(program) is not None


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
        result["metrics"], finished = _program(build, family, member, padding)
    except Failure as failure:
        result.update(status="failed", reason=str(failure))
    version = result["metrics"].pop("version", None)
    covariates = watch.covariates(finished)
    seconds = round(time.monotonic() - began, 3)
    return {**result, "version": version, "seconds": seconds, "covariates": covariates}


def _program(build: Build, family: Family, member: str, padding: int) -> tuple[dict[str, Any], Finished]:
    """A program that does the work by itself and writes its figures as --json."""
    with json_file() as path:
        argv = _argv(build, family.load["argv"][member], json=str(path))
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


def _argv(build: Build, parts: Sequence[str], **places: str) -> list[str]:
    places |= {"peers": str(_folder(build)), "bench": str(build.folder / "bench")}
    return [part.format_map(places) for part in parts]
