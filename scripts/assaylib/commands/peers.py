# SPDX-License-Identifier: MIT
"""`assay peers`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .. import UsageError, programs
from . import ROOT


def add(commands: Any) -> None:
    peers = commands.add_parser(
        "peers",
        help="our models beside the best of each kind (needs a build with -Dpeers=enabled)",
        description="Prints a table; the last line on stdout is the folder, which `report RUN --with` takes."
        " Exit 1 if a process failed; what a bar that is not met says stands in the table.",
    )
    peers.add_argument("--list", action="store_true", help="what is compared, what is to be reached, what is not here")
    peers.add_argument("--only", metavar="REGEX", help="only families whose id matches")
    peers.add_argument("--rounds", type=int, metavar="N", help="fresh processes of each (default: 10; an interval needs 6)")
    peers.add_argument("--seed", type=int, metavar="N", help="of the order (default: drawn)")
    peers.add_argument("--id", metavar="ID", help="name of the folder (default: time and peers)")
    peers.add_argument("--reports", type=Path, metavar="DIR", help="where it goes (default: reports/)")
    peers.add_argument("--force", action="store_true", help="measure anyway; recorded")
    peers.add_argument("--resume", type=Path, metavar="DIR", help="go on with an interrupted one")
    peers.set_defaults(run=do)


def do(arguments: argparse.Namespace) -> int:
    from .. import peer_run, peers

    build = programs.Build.open(arguments.build)
    names = ("list", "only", "rounds", "seed", "id", "reports", "force", "resume")
    given = [n for n in names if getattr(arguments, n) is not None and getattr(arguments, n) is not False]
    for alone, allowed in (("list", ("list",)), ("resume", ("resume", "force"))):
        wrong = [n for n in given if n not in allowed]
        if alone in given and wrong:
            raise UsageError(f"--{wrong[0]}: has no effect with --{alone}")
    if arguments.list:
        return peer_run.show_list(build)
    if arguments.resume is not None:
        return peer_run.resume(build, arguments.resume, force=arguments.force)
    rounds = peers.ROUNDS if arguments.rounds is None else arguments.rounds
    if not 1 <= rounds <= peers.ROUNDS_MAX:
        raise UsageError(f"--rounds {rounds}: must be from 1 to {peers.ROUNDS_MAX}")
    request = peer_run.Request(
        only=arguments.only,
        rounds=rounds,
        seed=arguments.seed,
        id=arguments.id,
        reports=arguments.reports or ROOT / "reports",
        force=arguments.force,
    )
    return peer_run.main(build, ROOT, request)
