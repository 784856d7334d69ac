# SPDX-License-Identifier: MIT
"""What is asked of finished runs: `assay check`, `compare`, `gate` and `export`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add_check(commands: Any) -> None:
    check = commands.add_parser("check", help="may claims rest on this run? exit 1 if not")
    check.add_argument("folder", type=Path, metavar="RUN")
    check.set_defaults(run=do_check)


def add_compare(commands: Any) -> None:
    compare = commands.add_parser("compare", help="do two runs say the same? exit 1 if not, 4 if it cannot be told")
    compare.add_argument("first", type=Path, metavar="A")
    compare.add_argument("second", type=Path, metavar="B")
    _two_runs(compare)
    compare.set_defaults(run=do_compare)


def add_gate(commands: Any) -> None:
    gate = commands.add_parser("gate", help="has anything become slower? exit 1 if so, 4 if it could have gone unseen")
    gate.add_argument("base", type=Path, metavar="BASE")
    gate.add_argument("new", type=Path, metavar="NEW")
    gate.add_argument("--slower-than", default="5%", metavar="PERCENT", help="a smaller slow-down is let pass (default: 5%%)")
    _two_runs(gate)
    gate.set_defaults(run=do_gate)


def add_export(commands: Any) -> None:
    export = commands.add_parser("export", help="Google Benchmark JSON on stdout")
    export.add_argument("folder", type=Path, metavar="RUN")
    export.set_defaults(run=do_export)


def _two_runs(command: argparse.ArgumentParser) -> None:
    command.add_argument("--only", metavar="REGEX", help="only cases (FAMILY/MEMBER:METRIC) that match")
    command.add_argument("--anyway", action="store_true", help="although machine or build differ; says in what")


def do_check(arguments: argparse.Namespace) -> int:
    from .. import check

    return check.main(arguments.folder)


def do_compare(arguments: argparse.Namespace) -> int:
    from .. import compare

    return compare.main(arguments.first, arguments.second, only=arguments.only, anyway=arguments.anyway)


def do_gate(arguments: argparse.Namespace) -> int:
    from .. import gate

    return gate.main(
        arguments.base, arguments.new, slower_than=arguments.slower_than, only=arguments.only, anyway=arguments.anyway
    )


def do_export(arguments: argparse.Namespace) -> int:
    from .. import export

    return export.main(arguments.folder)
