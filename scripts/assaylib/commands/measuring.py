# SPDX-License-Identifier: MIT
"""`assay list` and `assay run`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .. import UsageError, plan, programs, store
from ..tiers import TIERS
from . import ROOT

SERVED = (
    "Over sockets the workloads are rpc, cpu and call, in publish also store, fanout, mixed and journal;"
    " a workload of your own is measured in process"
    " if model_bench lists it, and by hand over sockets (serve --workload NAME, load)."
)


def add_list(commands: Any) -> None:
    listing = commands.add_parser("list", help="tiers and families that this build can measure", epilog=SERVED)
    listing.add_argument("--cases", action="store_true", help="every case id, one a line")
    listing.set_defaults(run=do_list)


def add_run(commands: Any) -> None:
    run = commands.add_parser("run", help="measure; the last line on stdout is the run's folder", epilog=SERVED)
    tiers = "; ".join(f"{t.name}: {t.summary}" for t in TIERS.values())
    run.add_argument("--tier", choices=list(TIERS), help=f"{tiers} (default: standard)")
    run.add_argument(
        "--scenario",
        action="append",
        metavar="NAME",
        help="instead of a tier: one of bench/scenarios/ (%s), or a file NAME.toml" % ", ".join(shipped()),
    )
    run.add_argument("--rounds", type=int, metavar="N", help="of scenarios: instead of what their files say")
    run.add_argument("--only", metavar="REGEX", help="only families whose id matches")
    run.add_argument("--seed", type=int, metavar="N", help="of the order (default: drawn)")
    run.add_argument("--id", metavar="ID", help="name of the run's folder (default: time and tier)")
    run.add_argument("--reports", type=Path, metavar="DIR", help="where runs go (default: reports/)")
    run.add_argument("--force", action="store_true", help="measure anyway; the report says why not to")
    run.add_argument("--resume", type=Path, metavar="DIR", help="go on with an interrupted run")
    run.add_argument("--dry-run", action="store_true", help="print the plan and its time")
    run.set_defaults(run=do_run)


def do_list(arguments: argparse.Namespace) -> int:
    from .. import run, scenarios

    build = programs.Build.open(arguments.build)
    plans = [plan.make(run.discover(build, tier), tier, seed=0) for tier in TIERS.values()]
    if arguments.cases:
        everything = {f.case(m): None for p in plans for f in p.families for m in f.members}
        print("\n".join(everything))
        return 0
    for each in plans:
        span = f"{each.seconds / 60:.1f} to {each.most_seconds / 60:.1f} min"
        print(f"{each.tier.name:9} {span:19} {each.tier.summary}")
    print("\nThe longer time is with make-up rounds for processes that the host or others disturbed.\n")
    for family in max(plans, key=lambda p: len(p.families)).families:
        print(f"{family.id:24} {' '.join(family.members)}")
    print("\nScenarios (assay run --scenario NAME):\n")
    for name in shipped():
        print(f"{name:24} {scenarios.load(name).question}")
    print(f"\n{SERVED}")
    return 0


def do_run(arguments: argparse.Namespace) -> int:
    from .. import run

    build = programs.Build.open(arguments.build)
    if arguments.resume is not None:
        fixed = ("tier", "scenario", "rounds", "only", "seed", "id", "reports", "dry_run")
        for name in fixed:
            given = getattr(arguments, name)
            if given is not None and given is not False:
                option = "--" + name.replace("_", "-")
                raise UsageError(f"{option}: has no effect with --resume: the run's plan is fixed")
        return resume(build, arguments.resume, force=arguments.force)
    if arguments.scenario:
        return _scenarios(build, arguments)
    if arguments.rounds is not None:
        raise UsageError("--rounds: has no effect without --scenario: a tier has its own")
    request = run.Request(
        tier=TIERS[arguments.tier or "standard"],
        only=arguments.only,
        seed=arguments.seed,
        id=arguments.id,
        reports=arguments.reports or ROOT / "reports",
        force=arguments.force,
    )
    if arguments.dry_run:
        return run.dry_run(build, request)
    return run.start(build, ROOT, request)


def shipped() -> list[str]:
    """The scenarios that are here without a file of yours."""
    return sorted(file.stem for file in (ROOT / "bench" / "scenarios").glob("*.toml"))


def resume(build: programs.Build, folder: Path, *, force: bool) -> int:
    from .. import run
    from ..scenarios import command

    if store.read_run(folder)["tier"] == store.SCENARIO_TIER:
        return command.resume(build, ROOT, folder, force=force)
    return run.resume(build, ROOT, folder, force=force)


def _scenarios(build: programs.Build, arguments: argparse.Namespace) -> int:
    from .. import record, run, scenarios
    from ..scenarios import command, plans, scenario

    if arguments.tier is not None:
        raise UsageError("--tier: has no effect with --scenario")
    rounds = arguments.rounds
    if rounds is not None and not 1 <= rounds <= scenario.ROUNDS_MAX:
        raise UsageError(f"--rounds {rounds}: must be from 1 to {scenario.ROUNDS_MAX}")
    wanted = tuple(scenarios.load(name, rounds) for name in arguments.scenario)
    if len({each.name for each in wanted}) < len(wanted):
        raise UsageError("--scenario: two of the same name")
    tier = plans.tier(0, 0)
    request = run.Request(
        tier=tier,
        only=arguments.only,
        seed=arguments.seed,
        id=arguments.id or record.id_now(tier.name),
        reports=arguments.reports or ROOT / "reports",
        force=arguments.force,
        scenarios=wanted,
        rounds=rounds,
    )
    return run.dry_run(build, request) if arguments.dry_run else command.main(build, ROOT, request)
