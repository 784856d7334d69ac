# SPDX-License-Identifier: MIT
"""What every kind of run has around its measurements: what it refuses, what its run.json says, and
what is asked of an interrupted one before it is gone on with."""

from __future__ import annotations

import datetime
import re
import secrets
import shlex
import signal
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from . import SCHEMA, RefusedError, UsageError, environment, machine, store
from .programs import Build
from .tiers import resumed_by

MARGIN_PERCENT = 3.0
INTERRUPTED = 130
USUAL_BUILD = Path(__file__).resolve().parents[2] / "build"  # where --build is not asked for
SEED_MAX = 2**63 - 1  # what the programs take


def again(build: Build, tier: object, folder: Path) -> str:
    """What to type to go on with an interrupted run."""
    command = resumed_by(tier, "" if build.folder == USUAL_BUILD else f"--build {shlex.quote(str(build.folder))}")
    return f"scripts/{command} {shlex.quote(str(folder))}"


class Asked(Protocol):
    """What the commands' requests have in common."""

    @property
    def seed(self) -> int | None: ...
    @property
    def id(self) -> str | None: ...
    @property
    def reports(self) -> Path: ...
    @property
    def force(self) -> bool: ...


@dataclass(frozen=True)
class Start:
    """A run that may measure."""

    tier: str
    seed: int
    folder: Path  #: not there yet; its name is the run's id
    created: str
    began: float  #: on the monotonic clock; waiting for a quiet machine is part of the run
    described: dict[str, Any]  #: the build
    forced: list[str]
    quiet: machine.Quiet
    force: bool


def check(asked: Asked) -> None:
    """What a run refuses whatever the machine, so that a dry run does, too. Seeds are not negative:
    the order drawn from one would be that of its positive."""
    if asked.seed is not None and not 0 <= asked.seed <= SEED_MAX:
        raise UsageError(f"--seed {asked.seed}: must be from 0 to {SEED_MAX}")
    if asked.id is not None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", asked.id):
            raise UsageError(f"--id {asked.id}: letters, digits, dots, dashes and underscores only")
        _free(asked.reports / asked.id)


def chosen_seed(asked: Asked) -> int:
    """The one that was asked for, or one drawn."""
    return asked.seed if asked.seed is not None else secrets.randbelow(2**31)


def start(asked: Asked, tier: str, seed: int, described: dict[str, Any]) -> Start:
    """Waits for a quiet machine; RefusedError if it is not fit for measuring."""
    created = now()
    folder = asked.reports / (asked.id or id_now(tier))
    _free(folder)
    store.probe(asked.reports)
    began = time.monotonic()
    forced, quiet = _may_measure(described, asked.force)
    return Start(tier, seed, folder, created, began, described, forced, quiet, asked.force)


def _free(folder: Path) -> None:
    if folder.exists():
        raise UsageError(f"{folder}: exists already (another --id, or --resume {folder})")


def _may_measure(described: dict[str, Any], force: bool) -> tuple[list[str], machine.Quiet]:
    """The reasons that --force overrode, and what the quiet check saw; without force such reasons
    end the command."""
    reasons = list(described["unfit"])
    if reasons and not force:
        raise RefusedError(f"{'; '.join(reasons)}: not fit for measuring (--force measures anyway)")
    quiet = machine.look() if force else machine.wait_until_quiet(machine.QUIET_WAIT_S, say)
    if quiet.why_not:
        if not force:
            raise RefusedError(f"the machine is busy: {quiet.why_not} (--force measures anyway)")
        reasons.append(f"busy at the start: {quiet.why_not}")
    for reason in reasons:
        say(f"assay: measuring by force: {reason}")
    return reasons, quiet


def facts(build: Build, root: Path, begun: Start, command: list[str]) -> dict[str, Any]:
    """What every run.json says. command: without --force."""
    commit, dirty = environment.commit(root)
    fingerprint = environment.fingerprint()
    return {
        "schema": SCHEMA,
        "id": begun.folder.name,
        "tier": begun.tier,
        "command": command + (["--force"] if begun.force else []),
        "seed": begun.seed,
        "commit": commit,
        "dirty": dirty,
        "created": begun.created,
        "margin_percent": MARGIN_PERCENT,
        "forced": begun.forced,
        "quiet": begun.quiet.facts(),
        "build": begun.described,
        "environment": fingerprint,
        "identity": environment.identity(fingerprint, begun.described),
        "machine": machine.measure(build, say),
        "libraries": environment.libraries(build),
    }


def keep(folder: Path, files: dict[str, Any]) -> None:
    """Makes the run's folder, with these in it."""
    try:
        folder.mkdir()
        for name, content in files.items():
            store.write_whole(folder / name, content)
    except OSError as error:
        raise UsageError(f"{folder}: cannot write there: {error.strerror}") from None


def complete(folder: Path, samples: store.Samples) -> bool:
    """Whether nothing is left to do. UsageError for a run that must not be gone on with: what was cut
    off at the end is measured again; other damage nobody could explain."""
    if samples.damaged:
        raise UsageError(f"{folder}: damaged, not to be gone on with: {'; '.join(samples.damaged[:3])}")
    for notice in samples.notices:
        say(f"assay: {notice}")
    if samples.ends:
        say(f"assay: {folder}: complete, nothing to do")
    return bool(samples.ends)


def go_on(
    folder: Path,
    identity: str,
    described: dict[str, Any],
    samples: store.Samples,
    done: Collection[int],
    *,
    force: bool,
) -> None:
    """Makes the samples ready for more: cuts off what is of no process in done, the complete ones,
    and says when and by what force it was gone on. identity: what the run began with."""
    forced, quiet = _may_measure(described, force)
    if environment.identity(environment.fingerprint(), described) != identity:
        changed = "the build or the machine is not the one that the run began with"
        if not force:
            raise RefusedError(f"{folder}: {changed} (--force goes on, and is recorded)")
        forced.append(f"resumed although {changed}")
    try:
        line = {
            "schema": SCHEMA,
            "kind": "resume",
            "started": utc(),
            "complete": len(done),
            "dropped_bytes": store.cut_tail(folder, samples, set(done)),
            "forced": forced,
            "quiet": quiet.facts(),
        }
        writer = store.Writer(folder)
        writer.append([line])
        writer.close()
    except OSError as error:
        raise UsageError(f"{folder}: cannot write there: {error}") from None


@contextmanager
def interruptible() -> Iterator[None]:
    """SIGTERM ends a run as Ctrl-C does: children stopped, what is measured kept."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def exit_code(lines: list[dict[str, Any]]) -> int:
    failed = sorted({line["case"] for line in lines if line["status"] != "ok"})
    if failed:
        say(f"assay: failed at least once: {' '.join(failed)}")
    return 1 if failed else 0


def id_now(tier: str) -> str:
    return f"{now()[:16].replace(':', '')}-{tier}"


def now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def utc() -> str:
    now = datetime.datetime.now(datetime.timezone.utc)
    return now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03}Z"


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
