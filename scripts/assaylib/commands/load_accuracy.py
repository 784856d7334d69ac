# SPDX-License-Identifier: MIT
"""`assay load-accuracy`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .. import programs


def add(commands: Any) -> None:
    accuracy = commands.add_parser(
        "load-accuracy", help="load against delays and a stall that are known; exit 1 if it reports what cannot be"
    )
    accuracy.add_argument("--duration", type=float, default=6.0, metavar="S", help="of each run (default: 6)")
    accuracy.add_argument("--rounds", type=int, default=3, metavar="N", help="runs of each case (default: 3)")
    accuracy.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    accuracy.set_defaults(run=do)


def do(arguments: argparse.Namespace) -> int:
    from .. import load_accuracy

    build = programs.Build.open(arguments.build)
    return load_accuracy.main(
        build, duration_s=arguments.duration, rounds=arguments.rounds, as_json=arguments.json
    )
