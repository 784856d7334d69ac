# SPDX-License-Identifier: MIT
"""`assay sweep`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .. import UsageError, programs
from ..tiers import TIERS
from . import ROOT


def add(commands: Any) -> None:
    sweep = commands.add_parser(
        "sweep",
        help="the settings of each model, one at a time away from its default; some 15 min",
        description="Measures each model with its default settings and with one changed, behind sockets.",
    )
    sweep.add_argument("--list", action="store_true", help="what would be measured, and how long that takes")
    sweep.add_argument("--only", metavar="REGEX", help="only families (sweep/MODEL/WORK) whose id matches")
    sweep.add_argument("--seed", type=int, metavar="N", help="of the order (default: drawn)")
    sweep.add_argument("--id", metavar="ID", help="name of the folder (default: time and sweep)")
    sweep.add_argument("--reports", type=Path, metavar="DIR", help="where it goes (default: reports/)")
    sweep.add_argument("--force", action="store_true", help="measure anyway; recorded")
    sweep.add_argument("--resume", type=Path, metavar="DIR", help="go on with an interrupted one, or show a complete one")
    sweep.set_defaults(run=do)


def do(arguments: argparse.Namespace) -> int:
    from .. import record, run, sweep

    build = programs.Build.open(arguments.build)
    if arguments.list:
        for name in ("only", "seed", "id", "reports", "resume"):
            if getattr(arguments, name) is not None:
                raise UsageError(f"--{name}: has no effect with --list")
        return sweep.show_list(build)
    if arguments.resume is not None:
        for name in ("only", "seed", "id", "reports"):
            if getattr(arguments, name) is not None:
                raise UsageError(f"--{name}: has no effect with --resume: the run's plan is fixed")
        return sweep.resume(build, ROOT, arguments.resume, force=arguments.force)
    tier = TIERS["sweep"]
    id = arguments.id or record.id_now(tier.name)
    reports = arguments.reports or ROOT / "reports"
    return sweep.main(build, ROOT, run.Request(tier, arguments.only, arguments.seed, id, reports, arguments.force))
