# SPDX-License-Identifier: MIT
"""`assay soak` on the command line."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .. import UsageError, programs

HOUR_S = 3600.0
GIVEN = "model hours minutes seconds share at_once workload seed id reports".split()
ROOT = Path(__file__).resolve().parents[3]


def add(commands: Any) -> None:
    soak = commands.add_parser(
        "soak",
        help="does a server stay as it is? each model at half its capacity for an hour; exit 1 if not",
        description="Memory, descriptors and p99 of each model under steady load must be shown to be flat, and no"
        " request may be lost. The last line on stdout is the folder, which `report RUN --with` takes.",
    )
    soak.add_argument(
        "--model", action="append", metavar="NAME", help="only this one; may be repeated (default: all)"
    )
    long = soak.add_mutually_exclusive_group()
    for unit, size in (("hours", 3600), ("minutes", 60), ("seconds", 1)):
        default = " (default: 1)" if unit == "hours" else ""
        long.add_argument(f"--{unit}", type=float, metavar="N", help=f"of each model{default}")
    soak.add_argument(
        "--share", type=float, metavar="F", help="of what a model answers in a closed loop (default: 0.5)"
    )
    soak.add_argument(
        "--at-once",
        action="store_true",
        default=None,
        help="all models side by side, on the same CPUs: an hour for all of them; of N models each has an Nth of"
        " its share",
    )
    soak.add_argument("--workload", metavar="NAME", help="rpc, echo, cpu, store or ring (default: rpc)")
    soak.add_argument("--seed", type=int, metavar="N", help="of arrivals (default: drawn)")
    soak.add_argument("--id", metavar="ID", help="name of the folder (default: time and soak)")
    soak.add_argument("--reports", type=Path, metavar="DIR", help="where it goes (default: reports/)")
    soak.add_argument("--force", action="store_true", help="measure anyway; recorded")
    soak.add_argument(
        "--resume", type=Path, metavar="DIR", help="go on with an interrupted one, or show a complete one"
    )
    soak.set_defaults(run=do)


def do(arguments: argparse.Namespace) -> int:
    from . import run

    build = programs.Build.open(arguments.build)
    if arguments.resume is not None:
        for name in GIVEN:
            if getattr(arguments, name) is not None:
                raise UsageError(f"--{name.replace('_', '-')}: has no effect with --resume: the run's plan is fixed")
        return run.resume(build, arguments.resume, force=arguments.force)
    units = ((arguments.hours, HOUR_S), (arguments.minutes, 60.0), (arguments.seconds, 1.0))
    request = run.Request(
        models=tuple(arguments.model or ()),
        seconds=next((value * size for value, size in units if value is not None), HOUR_S),
        share=0.5 if arguments.share is None else arguments.share,
        at_once=bool(arguments.at_once),
        workload=arguments.workload or "rpc",
        seed=arguments.seed,
        id=arguments.id,
        reports=arguments.reports or ROOT / "reports",
        force=arguments.force,
    )
    return run.main(build, ROOT, request)
