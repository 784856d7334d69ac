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

from . import AssayError, UsageError, environment, machine, plan, programs, store
from .soak import command as soaking
from .tiers import TIERS

ROOT = Path(__file__).resolve().parents[2]
SERVED = (
    "Over sockets the workloads are rpc, cpu and call, in publish also store, fanout, mixed and journal;"
    " a workload of your own is measured in process"
    " if model_bench lists it, and by hand over sockets (serve --workload NAME, load)."
)
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

    listing = commands.add_parser("list", help="tiers and families that this build can measure", epilog=SERVED)
    listing.add_argument("--cases", action="store_true", help="every case id, one a line")
    listing.set_defaults(run=do_list)

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

    peers = commands.add_parser(
        "peers",
        help="our models beside the best of each kind (needs a build with -Dpeers=enabled)",
        description="Prints a table; the last line on stdout is the folder, which `report RUN --with` takes.",
    )
    peers.add_argument("--list", action="store_true", help="what is compared, what is to be reached, what is not here")
    peers.add_argument("--only", metavar="REGEX", help="only families whose id matches")
    peers.add_argument("--rounds", type=int, metavar="N", help="fresh processes of each (default: 10; an interval needs 6)")
    peers.add_argument("--seed", type=int, metavar="N", help="of the order (default: drawn)")
    peers.add_argument("--id", metavar="ID", help="name of the folder (default: time and peers)")
    peers.add_argument("--reports", type=Path, metavar="DIR", help="where it goes (default: reports/)")
    peers.add_argument("--force", action="store_true", help="measure anyway; recorded")
    peers.add_argument("--resume", type=Path, metavar="DIR", help="go on with an interrupted one")
    peers.set_defaults(run=do_peers)

    accuracy = commands.add_parser(
        "load-accuracy", help="load against delays and a stall that are known; exit 1 if it reports what cannot be"
    )
    accuracy.add_argument("--duration", type=float, default=6.0, metavar="S", help="of each run (default: 6)")
    accuracy.add_argument("--rounds", type=int, default=3, metavar="N", help="runs of each case (default: 3)")
    accuracy.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    accuracy.set_defaults(run=do_load_accuracy)

    commands.add_parser("report", help="draw report.html and report.md of a run (default: the last)", add_help=False)

    env = commands.add_parser("env", help="what this machine is and what it can resolve")
    env.add_argument("--json", action="store_true", help="as JSON")
    env.set_defaults(run=do_env)

    check = commands.add_parser("check", help="may claims rest on this run? exit 1 if not")
    check.add_argument("folder", type=Path, metavar="RUN")
    check.set_defaults(run=do_check)

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
    sweep.set_defaults(run=do_sweep)

    soaking.add(commands)

    calibrate = commands.add_parser(
        "calibrate", help="does the method cry wolf here, and see what is there? 22 min, 25 on a disturbed machine; exit 1 if not"
    )
    calibrate.add_argument("folder", type=Path, nargs="?", metavar="RUN", help="judge this one, made before")
    calibrate.add_argument("--force", action="store_true", help="measure although the machine is busy")
    calibrate.set_defaults(run=do_calibrate)

    compare = commands.add_parser("compare", help="do two runs say the same? exit 1 if not, 4 if it cannot be told")
    compare.add_argument("first", type=Path, metavar="A")
    compare.add_argument("second", type=Path, metavar="B")
    _two_runs(compare)
    compare.set_defaults(run=do_compare)

    gate = commands.add_parser("gate", help="has anything become slower? exit 1 if so, 4 if it could have gone unseen")
    gate.add_argument("base", type=Path, metavar="BASE")
    gate.add_argument("new", type=Path, metavar="NEW")
    gate.add_argument("--slower-than", default="5%", metavar="PERCENT", help="a smaller slow-down is let pass (default: 5%%)")
    _two_runs(gate)
    gate.set_defaults(run=do_gate)

    export = commands.add_parser("export", help="Google Benchmark JSON on stdout")
    export.add_argument("folder", type=Path, metavar="RUN")
    export.set_defaults(run=do_export)
    return top


def _two_runs(command: argparse.ArgumentParser) -> None:
    command.add_argument("--only", metavar="REGEX", help="only cases (FAMILY/MEMBER:METRIC) that match")
    command.add_argument("--anyway", action="store_true", help="although machine or build differ; says in what")


def do_list(arguments: argparse.Namespace) -> int:
    from . import run, scenarios

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
    from . import run

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
    from . import run
    from .scenarios import command

    if store.read_run(folder)["tier"] == store.SCENARIO_TIER:
        return command.resume(build, ROOT, folder, force=force)
    return run.resume(build, ROOT, folder, force=force)


def _scenarios(build: programs.Build, arguments: argparse.Namespace) -> int:
    from . import record, run, scenarios
    from .scenarios import command, plans, scenario

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


def do_peers(arguments: argparse.Namespace) -> int:
    from . import peer_run, peers

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


def do_load_accuracy(arguments: argparse.Namespace) -> int:
    from . import load_accuracy

    build = programs.Build.open(arguments.build)
    return load_accuracy.main(
        build, duration_s=arguments.duration, rounds=arguments.rounds, as_json=arguments.json
    )


def do_env(arguments: argparse.Namespace) -> int:
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


def do_check(arguments: argparse.Namespace) -> int:
    from . import check

    return check.main(arguments.folder)


def do_calibrate(arguments: argparse.Namespace) -> int:
    from . import calibrate, record, run

    if arguments.folder is not None:
        if arguments.force:
            raise UsageError("--force: has no effect on a run that was made before")
        return calibrate.main(arguments.folder)
    tier = TIERS["calibrate"]
    id = record.id_now(tier.name)
    request = run.Request(tier, None, None, id, ROOT / "reports", arguments.force)
    code = run.start(programs.Build.open(arguments.build), ROOT, request)
    return code or calibrate.main(request.reports / id)


def do_sweep(arguments: argparse.Namespace) -> int:
    from . import record, run, sweep

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


def do_compare(arguments: argparse.Namespace) -> int:
    from . import compare

    return compare.main(arguments.first, arguments.second, only=arguments.only, anyway=arguments.anyway)


def do_gate(arguments: argparse.Namespace) -> int:
    from . import gate

    return gate.main(
        arguments.base, arguments.new, slower_than=arguments.slower_than, only=arguments.only, anyway=arguments.anyway
    )


def do_export(arguments: argparse.Namespace) -> int:
    from . import export

    return export.main(arguments.folder)


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
