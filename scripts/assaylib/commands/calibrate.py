# SPDX-License-Identifier: MIT
"""`assay calibrate`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .. import UsageError, programs, store
from ..tiers import TIERS
from . import ROOT


def add(commands: Any) -> None:
    calibrate = commands.add_parser(
        "calibrate", help="does the method cry wolf here, and see what is there? 22 min, 25 on a disturbed machine; exit 1 if not"
    )
    calibrate.add_argument("folder", type=Path, nargs="?", metavar="RUN", help="judge this one, made before")
    calibrate.add_argument("--force", action="store_true", help="measure although the machine is busy")
    calibrate.add_argument("--resume", type=Path, metavar="DIR", help="go on with an interrupted one, then judge it")
    calibrate.set_defaults(run=do)


def do(arguments: argparse.Namespace) -> int:
    from .. import calibrate, record, run

    if arguments.folder is not None:
        if arguments.resume is not None:
            raise UsageError("--resume: has no effect on a run that is judged as it is")
        if arguments.force:
            raise UsageError("--force: has no effect on a run that was made before")
        return calibrate.main(arguments.folder)
    build = programs.Build.open(arguments.build)
    if arguments.resume is not None:
        calibrate.check(store.read_run(arguments.resume), arguments.resume)
        code = run.resume(build, ROOT, arguments.resume, force=arguments.force)
        return code or calibrate.main(arguments.resume)
    tier = TIERS["calibrate"]
    id = record.id_now(tier.name)
    request = run.Request(tier, None, None, id, ROOT / "reports", arguments.force)
    code = run.start(build, ROOT, request)
    return code or calibrate.main(request.reports / id)
