# SPDX-License-Identifier: MIT
"""A run: plan, look at the machine, pilot, then one fresh process after the other.

Whatever happens to a process is a line in samples.jsonl; only what makes every number worthless
(the machine, the build, a folder that cannot be written) ends the run before it begins.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from . import (
    SCHEMA,
    AssayError,
    UsageError,
    discard,
    environment,
    exact,
    inprocess,
    judge,
    machine,
    makeup,
    plan,
    record,
    scenarios,
    service,
    store,
    sweep_work,
)
from .meeting import parts
from .plan import Plan, Task
from .planned import Built, Family
from .programs import Build
from .progress import Progress, minutes
from .record import INTERRUPTED, say, utc
from .scenarios import names, plans
from .scenarios.scenario import Scenario
from .tiers import TIERS, Tier, resumed_by

PADDING_MAX = 4096


@dataclass(frozen=True)
class Request:
    tier: Tier
    only: str | None
    seed: int | None
    id: str | None
    reports: Path
    force: bool
    scenarios: tuple[Scenario, ...] = ()  # what is measured instead of the tier's families
    rounds: int | None = None  # of scenarios, if not what their files say


def discover(build: Build, tier: Tier) -> Built:
    """What the programs of this build say that they can measure."""
    inject = ("--inject", ",".join(map(str, tier.inject)))
    built = Built(
        codec_cases=tuple(build.cases("codec_bench", *inject)),
        model_cases=tuple(build.cases("model_bench", *inject)),
        services=service.workloads(build),
        cpus=machine.cpus(),
    )
    if not (built.codec_cases or built.model_cases or built.services):
        raise UsageError(f"{build.folder}: no program that measures is built (ninja -C build)")
    return built


def dry_run(build: Build, request: Request) -> int:
    record.check(request)
    made = make(build, request, request.seed or 0)
    for family in made.families:
        tasks = [task for task in made.tasks if task.family == family.id]
        each = plan.process_s(family, made.tier)
        print(
            f"{family.id:24} {family.rounds:3} rounds {len(tasks):4} processes"
            f" {len(tasks) * each:7.0f} s"
        )
    total, budget = minutes(made.seconds), minutes(made.tier.budget_s)
    print(
        f"{made.tier.name}: {total} in all, pilot and report included; make-up rounds until"
        f" {minutes(made.most_seconds)} if the machine makes it lose some; budget {budget}"
    )
    return 0


def make(build: Build, request: Request, seed: int) -> Plan:
    built = discover(build, request.tier)
    if request.scenarios:
        names.check(build, request.scenarios)
        return plans.make(request.scenarios, built, seed, request.only)
    return plan.make(built, request.tier, seed, request.only)


def start(build: Build, root: Path, request: Request) -> int:
    record.check(request)
    made = make(build, request, record.chosen_seed(request))
    begun = record.start(request, request.tier.name, made.seed, environment.describe_build(build))
    with record.interruptible():
        facts = _facts(build, root, made, begun, request)
        say(f"{len(made.tasks)} processes, about {minutes(made.seconds)}; pilot first")
        try:
            made = _pilot(build, made, facts)
        except KeyboardInterrupt:
            say("assay: interrupted before the first measurement; nothing was kept")
            return INTERRUPTED
        facts["families"] = [family.to_json() for family in made.families]
        record.keep(begun.folder, {"iterations.json": _iterations(made), "run.json": facts})
        return _measure(build, made, facts, begun.folder, set(), begun.began)


def resume(build: Build, root: Path, folder: Path, *, force: bool) -> int:
    facts = store.read_run(folder)
    if facts["tier"] not in (*TIERS, store.SCENARIO_TIER):
        raise UsageError(f"{folder}: of the tier {facts['tier']} ({resumed_by(facts['tier'])} goes on with it)")
    samples = store.read_samples(folder / "samples.jsonl")
    if record.complete(folder, samples):
        print(folder)
        return record.exit_code(samples.lines)
    made = planned(facts)
    complete = store.complete_processes(samples, _expected(made, samples))
    described = environment.describe_build(build)
    record.go_on(folder, facts["identity"], described, samples, complete, force=force)
    # What the interrupted run has spent, as far as its lines tell.
    each = {line["process"]: float(line["seconds"]) for line in samples.lines}
    pilots = sum(plan.pilot_s(family, made.tier) for family in made.families)
    spent = plan.MACHINE_S + pilots + sum(each[number] for number in complete)
    with record.interruptible():
        return _measure(build, made, facts, folder, complete, time.monotonic() - spent)


def planned(facts: dict[str, Any]) -> Plan:
    """What run.json plans."""
    families = tuple(Family.from_json(family) for family in facts["families"])
    if facts["tier"] == store.SCENARIO_TIER:
        return plans.planned(families, facts["seed"])
    tier, tasks = TIERS[facts["tier"]], plan.order(families, facts["seed"])
    return Plan(tier, facts["seed"], families, tasks, plan.total_s(families, tasks, tier))


def _expected(made: Plan, samples: store.Samples) -> dict[int, int]:
    """Lines of each process: of the planned ones, and of those that made up for others."""
    lines = {task.number: len(_cases(made, task)) for task in made.tasks}
    known = {family.id: family for family in made.families}
    for line in samples.lines:
        family = known.get(line["family"])
        if family and line["process"] not in lines:
            lines[line["process"]] = 1 if family.kind == "service" else len(family.members)
    return lines


def _facts(
    build: Build, root: Path, made: Plan, begun: record.Start, request: Request
) -> dict[str, Any]:
    """run.json, but for what the pilot adds."""
    codecs = exact.codecs(build, say) if any(f.kind == "codec" for f in made.families) else []
    what = ["--tier", made.tier.name]
    if request.scenarios:
        what = [word for each in request.scenarios for word in ("--scenario", each.named)]
        what += ["--rounds", str(request.rounds)] if request.rounds else []
    command = ["scripts/assay", "run", *what, "--seed", str(made.seed)]
    if request.only:
        command += ["--only", request.only]
    return {
        **record.facts(build, root, begun, command),
        "codecs": codecs,
        **inprocess.fidelity(build, made, say),
        "exact": exact.measure(build, made, codecs, say),
        "parts": parts.measure(build, made, say),
        **({"sweep_defaults": sweep_work.defaults()} if made.tier.name == store.SWEEP_TIER else {}),
        "families": [],
        "stopping_rule": makeup.stopping_rule(made.tier),
        "half_width": made.tier.half_width,
        "discard_rule": discard.declared(),
    }


def _pilot(build: Build, made: Plan, facts: dict[str, Any]) -> Plan:
    """Discarded processes from which iteration counts and rates follow; then they are fixed."""
    families = []
    for family in made.families:
        if scenarios.is_one(family):
            piloted, versions = scenarios.pilot(build, family, say)
        elif "how" in family.load:  # of a sweep: nothing is asked of a pilot
            piloted, versions = family, {}
        elif family.kind == "service":
            piloted, versions = service.pilot(build, family, say)
        else:
            piloted, versions = inprocess.pilot(build, family, made.tier, say)
        facts["libraries"].update(versions)
        families.append(piloted)
    return replace(made, families=tuple(families))


def _iterations(made: Plan) -> dict[str, int]:
    return {case: n for family in made.families for case, n in family.iterations.items()}


def _cases(made: Plan, task: Task) -> list[str]:
    """The members that get a line from this process."""
    return [task.member] if task.member else list(made.family(task.family).members)


def _measure(
    build: Build,
    made: Plan,
    facts: dict[str, Any],
    folder: Path,
    complete: set[int],
    began: float,
) -> int:
    """began: when the run did, on the monotonic clock; make-up rounds go by it."""
    missing = [task for task in made.tasks if task.number not in complete]
    each = {family.id: plan.process_s(family, made.tier) for family in made.families}
    progress = Progress(sum(each[task.family] for task in missing), len(missing))
    before = store.read_samples(folder / "samples.jsonl")
    have = [line for line in before.lines if line["process"] in complete]
    ledger = makeup.Ledger.of(made, facts["discard_rule"], have)
    if before.aims:
        ledger.aim = before.aims[-1]["families"]
        ledger.first = frozenset(before.aims[-1].get("first", ()))
    writer = store.Writer(folder)

    def process(task: Task) -> None:
        lines = _process(build, made, task)
        writer.append(lines)
        ledger.add(lines)
        for line in lines:
            if line["status"] != "ok":
                progress.say(f"assay: {line['case']}: round {task.round}: {line['reason']}")
                break
        progress.done(each[task.family], task.family)

    def left_s() -> float:
        return made.tier.until_s - plan.REPORT_S - (time.monotonic() - began)

    try:
        for task in missing:
            process(task)
        makeup.announce(ledger, left_s(), progress.say)
        makeup.measure(ledger, left_s, process)
        if made.tier.half_width is not None and not before.aims:  # also without time: who is narrow is said
            judged = judge.judge(facts, store.read_samples(folder / "samples.jsonl").every)
            ledger.aim = makeup.aims(made, judged)
            ledger.first = makeup.affordable(ledger, left_s())
            writer.append([makeup.aim_line(ledger, utc())])
            if ledger.aim and left_s() > 0:
                progress.say(
                    f"assay: {len(ledger.aim)} families with intervals wider than"
                    f" ±{100 * made.tier.half_width:g} %: more rounds for {minutes(left_s())} at most"
                )
            makeup.measure(ledger, left_s, process)
        progress.end()
        writer.append([makeup.end_line(ledger, utc(), time.monotonic() - began)])
    except KeyboardInterrupt:
        again = record.again(build, facts["tier"], folder)
        progress.say(f"assay: interrupted; what is measured is kept. To go on: {again}")
        return INTERRUPTED
    except OSError as error:
        raise AssayError(f"{folder}: {error}; to go on: {record.again(build, facts['tier'], folder)}") from None
    finally:
        writer.close()
    print(folder)
    return record.exit_code(store.read_samples(folder / "samples.jsonl").lines)


def _process(build: Build, made: Plan, task: Task) -> list[dict[str, Any]]:
    """Runs one process; its lines, one for each member that it measures."""
    family = made.family(task.family)
    chance = random.Random(f"{made.seed}/{task.number}")
    padding, seed = chance.randrange(PADDING_MAX), chance.randrange(2**31)
    started = utc()
    if scenarios.is_one(family):
        results = scenarios.measure(build, family, str(task.member), seed=seed, padding=padding)
    elif "how" in family.load:
        results = sweep_work.measure(build, family, str(task.member), padding=padding)
    elif family.kind == "service":
        results = service.measure(build, family, str(task.member), seed=seed, padding=padding)
    else:
        results = inprocess.measure(build, family, made.tier, padding=padding)
    return [
        {
            "schema": SCHEMA,
            "kind": family.kind,
            "family": family.id,
            "case": family.case(member),
            "member": member,
            "round": task.round,
            "process": task.number,
            "started": started,
            **results[member],
        }
        for member in _cases(made, task)
    ]
