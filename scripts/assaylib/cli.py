# SPDX-License-Identifier: MIT
"""The command line. Exit codes: 0 good, 1 a benchmark failed or a check did not hold, 2 usage,
3 the environment refused, 4 a gate that could not have seen what it looks for, 130 interrupted."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

from . import AssayError, UsageError, store
from .commands import ROOT, calibrate, env, finished, load_accuracy, measuring, peers, sweep
from .soak import command as soak

DRAWING = ("jinja2",)
DRAWING_PACKAGES = "python3-jinja2"
#: What data that is not as it should be raises where it is used, in commands that read finished runs.
DATA = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)
READING = ("report", "check", "export", "compare", "gate", "calibrate")
DRAWING_COMMANDS = ("report",)  # modules of these names: main(argv) -> exit code
DEBIAN_PYTHON = "/usr/bin/python3"


def main(argv: list[str]) -> int:
    try:
        words = [word for word in argv if not word.startswith("-")]
        if words and argv[0] == words[0] and words[0] in DRAWING_COMMANDS:
            return draw(words[0], argv[1:])
        arguments, unknown = parser().parse_known_args(argv)
        if arguments.command in DRAWING_COMMANDS:  # after --build, which they have no use for
            raise UsageError(f"--build: has no effect on {arguments.command}")
        if unknown:
            raise UsageError(f"{unknown[0]}: unknown option or argument (see --help)")
        return int(arguments.run(arguments))
    except AssayError as error:
        print(f"assay: {error}", file=sys.stderr)
        return error.exit_code
    except DATA as error:
        folders = [word for word in argv if (Path(word) / "run.json").is_file()]
        if not folders or argv[0] not in READING or os.environ.get("ASSAY_TRACEBACK"):
            raise
        print(
            f"assay: {' '.join(folders)}: run.json or samples.jsonl there is not as the schema says, or this is a"
            f" fault of assay: {error!r} (ASSAY_TRACEBACK=1 shows where)",
            file=sys.stderr,
        )
        return UsageError.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="assay",
        description="Measures concurrency models and serialization codecs on this machine.",
        allow_abbrev=False,
    )
    top.add_argument(
        "--build",
        type=Path,
        default=ROOT / "build",
        metavar="DIR",
        help="Meson build directory (default: build/ of the checkout)",
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    measuring.add_list(commands)
    measuring.add_run(commands)
    peers.add(commands)
    load_accuracy.add(commands)
    commands.add_parser("report", help="draw report.html and report.md of a run (default: the last)", add_help=False)
    env.add(commands)
    finished.add_check(commands)
    sweep.add(commands)
    soak.add(commands)
    calibrate.add(commands)
    finished.add_compare(commands)
    finished.add_gate(commands)
    finished.add_export(commands)
    return top


def draw(command: str, argv: list[str]) -> int:
    """Drawing needs modules that the interpreter in PATH may not have, while Debian's own does: then
    the command starts again with that one."""
    if _missing():
        again = _interpreter()
        entry = Path(sys.argv[0]).resolve()
        os.execv(again, [again, str(entry), command, *argv])
    if not argv:
        argv = [str(newest(ROOT / "reports"))]
    module = importlib.import_module(f".{command}", __package__)
    return int(module.main(argv))


EXAMPLE = "example"  # committed: drawn again only by its name


def newest(reports: Path) -> Path:
    """The run of yours that was measured last: what `ninja report` draws."""
    files = [file for file in reports.glob("*/run.json") if file.parent.name != EXAMPLE]
    runs = [file.parent for file in files if not _is_appendix(file)]
    if not runs:
        raise UsageError(f"{reports}: no run of yours there (assay run; the example is drawn by its name)")
    return max(runs, key=lambda folder: (folder / "run.json").stat().st_mtime)


def _is_appendix(file: Path) -> bool:
    """They are an appendix of others' reports. What cannot be read is for the report to say."""
    try:
        return bool(json.loads(file.read_bytes()).get("tier") in store.APPENDICES)
    except (OSError, ValueError, AttributeError):
        return False


def _missing() -> list[str]:
    return [name for name in DRAWING if importlib.util.find_spec(name) is None]


def _interpreter() -> str:
    probe = f"import {', '.join(DRAWING)}"
    if sys.executable != DEBIAN_PYTHON and os.access(DEBIAN_PYTHON, os.X_OK):
        done = subprocess.run([DEBIAN_PYTHON, "-c", probe], capture_output=True, check=False)
        if done.returncode == 0:
            return DEBIAN_PYTHON
    raise UsageError(
        f"drawing needs the Python modules {' '.join(_missing())}"
        f" (Debian: apt-get install {DRAWING_PACKAGES})"
    )
