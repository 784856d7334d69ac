# SPDX-License-Identifier: MIT
"""Runs what peers.py declares: plan, processes in random order, rounds that make up for discarded ones,
and the table."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from . import SCHEMA, AssayError, UsageError, environment, makeup, peer_programs, peer_table, plan, record, run, store
from .peers import BARS, EXACT_ROUNDS, KINDS, METRICS, MORE_TIME, PACKAGES, ROUNDS, STOPPING_RULE, TIER, declared_rule
from .plan import Plan, Task
from .planned import Family
from .programs import Build
from .progress import Progress, minutes
from .tiers import Tier, resumed_by


@dataclass(frozen=True)
class Request:
    only: str | None
    rounds: int
    seed: int | None
    id: str | None
    reports: Path
    force: bool


def missing(build: Build) -> dict[str, str]:
    """Peers and tools that are not here, by what to install for them."""
    found = {}
    for kind in KINDS:
        tools = (*kind.tools, *(("wrk",) if kind.how == "loaded" else ()))
        found.update({tool: PACKAGES[tool] for tool in tools if not peer_programs.find(tool)})
        for member in kind.members.values():
            if member.needs in PACKAGES and not peer_programs.there(build, member.argv):
                found[member.needs] = PACKAGES[member.needs]
    return found


def families(build: Build, rounds: int, filled: Mapping[str, str]) -> tuple[Family, ...]:
    """Those of which we, at least one peer, and what it takes to measure them are there."""
    found = []
    for kind in KINDS:
        here = {m: p for m, p in kind.members.items() if peer_programs.there(build, p.argv)}
        if next(iter(kind.members)) not in here or all(not here[m].needs for m in here):
            continue
        if not all(map(peer_programs.find, kind.tools)):
            continue
        argv = {m: [part.format_map(peer_programs.Later(filled)) for part in p.argv] for m, p in here.items()}
        found.append(
            Family(
                id=kind.id,
                kind="service",  # a process for each member and round
                title=kind.title,
                baseline=next(iter(kind.members)),
                members=tuple(here),
                aliases={},
                floors={},
                injected={},
                rounds=min(rounds, EXACT_ROUNDS) if kind.exact else rounds,
                load={
                    **kind.load,
                    "how": kind.how,
                    "exact": kind.exact,
                    "client": "wrk" if peer_programs.find("wrk") else "load",
                    "work": kind.work,
                    "process_s": kind.process_s,
                    "metrics": list(kind.metrics),
                    "shown": list(kind.shown),
                    "argv": argv,
                    "about": {m: p.about for m, p in here.items()},
                    "ours": [m for m, p in here.items() if not p.needs],
                },
            )
        )
    return tuple(found)


def main(build: Build, root: Path, request: Request) -> int:
    if not peer_programs.built(build):
        raise UsageError(
            f"{build.folder}: without peers (meson configure {build.folder} -Dpeers=enabled;"
            f" ninja -C {build.folder})"
        )
    record.check(request)
    _tell_missing(build)
    work = peer_programs.rounds_of_a_microsecond(build)
    made = make(build, request, record.chosen_seed(request), {"work": str(work)})
    begun = record.start(request, TIER, made.seed, describe(build))
    with record.interruptible():
        facts = _facts(build, root, made, begun, request)
        record.say(f"{len(made.tasks)} processes, about {minutes(made.seconds)}")
        record.keep(begun.folder, {"run.json": facts})
        return _measure(build, made, facts, begun.folder, set(), 0.0)


def make(build: Build, request: Request, seed: int, filled: Mapping[str, str]) -> Plan:
    wanted = plan.pattern(request.only)
    every = families(build, request.rounds, filled)
    chosen = tuple(family for family in every if wanted.search(family.id))
    if not chosen:
        known = " ".join(family.id for family in every) or "none: no peer is here"
        raise UsageError(f"--only {request.only}: matches no family (known: {known})")
    return _plan(chosen, seed)


def _plan(chosen: tuple[Family, ...], seed: int) -> Plan:
    tasks = plan.order(chosen, seed)
    made = Plan(_tier(0), seed, chosen, tasks, 0)
    each = {family.id: plan.process_s(family, made.tier) for family in chosen}
    seconds = sum(each[task.family] for task in tasks)
    return replace(made, tier=_tier(seconds), seconds=seconds)


def _tier(seconds: float) -> Tier:
    """As far as plan and makeup ask for one: the time."""
    until_s = seconds * MORE_TIME
    return Tier(TIER, until_s, 0, 0, 0, ROUNDS, (), 0, 0, 0, until_s, "against the best of each kind")


def describe(build: Build) -> dict[str, Any]:
    described = environment.describe_build(build)
    described["programs"] |= peer_programs.hashes(build)
    return described


def _tell_missing(build: Build) -> None:
    absent = missing(build)
    if absent:
        packages = " ".join(dict.fromkeys(absent.values()))
        record.say(
            f"assay: not here: {', '.join(absent)} (Debian: apt-get install {packages}; then meson"
            f" setup --reconfigure {build.folder}; ninja -C {build.folder}); going on with the others"
        )


def _facts(
    build: Build, root: Path, made: Plan, begun: record.Start, request: Request
) -> dict[str, Any]:
    command = ["scripts/assay", "peers", "--rounds", str(request.rounds), "--seed", str(made.seed)]
    if request.only:
        command += ["--only", request.only]
    facts = record.facts(build, root, begun, command)
    return {
        **facts,
        "missing": missing(build),
        "libraries": facts["libraries"] | peer_programs.versions(build),
        "families": [family.to_json() for family in made.families],
        "bars": [
            {**asdict(bar), "peers": list(bar.peers)}
            for bar in BARS
            if any(bar.family == family.id for family in made.families)
        ],
        "stopping_rule": STOPPING_RULE,
        "discard_rule": declared_rule(),
    }


def resume(build: Build, folder: Path, *, force: bool) -> int:
    facts = store.read_run(folder)
    if not peer_table.is_peers(facts):
        raise UsageError(f"{folder}: not of peers ({resumed_by(facts['tier'])} goes on with it)")
    samples = store.read_samples(folder / "samples.jsonl")
    if record.complete(folder, samples):
        return _show(folder)
    made = _plan(tuple(Family.from_json(family) for family in facts["families"]), facts["seed"])
    complete = {line["process"] for line in samples.lines}  # a process is a line
    record.go_on(folder, facts["identity"], describe(build), samples, complete, force=force)
    spent_s = sum(float(line["seconds"]) for line in samples.lines)
    with record.interruptible():
        return _measure(build, made, facts, folder, complete, spent_s)


def _measure(
    build: Build, made: Plan, facts: dict[str, Any], folder: Path, complete: set[int], spent_s: float
) -> int:
    began = time.monotonic() - spent_s
    todo = [task for task in made.tasks if task.number not in complete]
    each = {family.id: plan.process_s(family, made.tier) for family in made.families}
    progress = Progress(sum(each[task.family] for task in todo), len(todo))
    lines = store.read_samples(folder / "samples.jsonl").lines
    ledger = makeup.Ledger.of(made, facts["discard_rule"], lines)
    writer = store.Writer(folder)

    def process(task: Task) -> None:
        line = _process(build, made, task)
        writer.append([line])
        ledger.add([line])
        if line["status"] != "ok":
            progress.say(f"assay: {line['case']}: round {task.round}: {line['reason']}")
        progress.done(each[task.family], task.family)

    def left_s() -> float:
        return made.tier.until_s - (time.monotonic() - began)

    try:
        for task in todo:
            process(task)
        makeup.announce(ledger, left_s(), progress.say)
        makeup.measure(ledger, left_s, process)
        progress.end()
        writer.append([makeup.end_line(ledger, record.utc(), time.monotonic() - began)])
    except KeyboardInterrupt:
        progress.say(f"assay: interrupted; what is measured is kept. To go on: {record.again(build, TIER, folder)}")
        return record.INTERRUPTED
    except OSError as error:
        raise AssayError(f"{folder}: {error}; to go on: {record.again(build, TIER, folder)}") from None
    finally:
        writer.close()
    return _show(folder)


def _process(build: Build, made: Plan, task: Task) -> dict[str, Any]:
    family, member = made.family(task.family), str(task.member)
    chance = random.Random(f"{made.seed}/{task.number}")
    started = record.utc()
    return {
        "schema": SCHEMA,
        "kind": family.kind,
        "family": family.id,
        "case": family.case(member),
        "member": member,
        "round": task.round,
        "process": task.number,
        "started": started,
        **peer_programs.measure(build, family, member, padding=chance.randrange(run.PADDING_MAX)),
    }


def _show(folder: Path) -> int:
    """The table, and the folder as the last line."""
    facts, samples = peer_table.read(folder)
    print(peer_table.text(facts, samples))
    print(folder)
    return record.exit_code(samples.lines)


def show_list(build: Build) -> int:
    """What would be measured, what is to be reached, and what is not here."""
    filled = {"work": "N"}
    here = {family.id: family for family in families(build, ROUNDS, filled)}
    for kind in KINDS:
        family = here.get(kind.id)
        names = " ".join(family.members) if family else "cannot be measured: no peer is here"
        print(f"{kind.id:20} {names}")
        for bar in BARS:
            if bar.family == kind.id:
                print(f"{'':20}   {METRICS[bar.metric].name}: {bar.ours} {bar.text} × {', '.join(bar.peers)}")
    _tell_missing(build)
    return 0
