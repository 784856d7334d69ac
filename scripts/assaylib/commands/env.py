# SPDX-License-Identifier: MIT
"""`assay env`."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from .. import environment, machine, programs
from . import ROOT


def add(commands: Any) -> None:
    env = commands.add_parser("env", help="what this machine is and what it can resolve")
    env.add_argument("--json", action="store_true", help="as JSON")
    env.set_defaults(run=do)


def do(arguments: argparse.Namespace) -> int:
    build = programs.Build.open(arguments.build)
    quiet = machine.look()
    commit, dirty = environment.commit(ROOT)
    facts = {
        "schema": 1,
        "commit": commit,
        "dirty": dirty,
        "environment": environment.fingerprint(),
        "build": environment.describe_build(build),
        "libraries": environment.libraries(build),
        "now": {
            "busy_percent": quiet.busy_percent,
            "steal_percent": quiet.steal_percent,
            "load1": quiet.load1,
        },
        "machine": machine.measure(build, lambda text: print(text, file=sys.stderr)),
    }
    if arguments.json:
        print(json.dumps(facts, indent=1, ensure_ascii=False))
    else:
        print("\n".join(_indented(facts)))
    return 0


def _indented(content: dict[str, object], depth: int = 0) -> list[str]:
    lines = []
    for key, value in content.items():
        label = "  " * depth + key
        if isinstance(value, dict):
            lines += [label, *_indented(value, depth + 1)]
        else:
            shown = " ".join(map(str, value)) if isinstance(value, list) else value
            lines.append(f"{label:32} {shown}")
    return lines
