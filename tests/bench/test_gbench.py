# SPDX-License-Identifier: MIT
"""The C shim: each guard of the method is provoked, and what comes out is looked at."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from gbench_testing import ENDS_WITHIN_S, Bench, program, strict_json

FAST = "--benchmark_min_time=0.0005"


@pytest.fixture
def cases(tmp_path: Path) -> Bench:
    return Bench(program("GBENCH_CASES"), tmp_path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("never_loops", "the body never entered its loop"),
        ("breaks", "the loop was left early (break or return)"),
        ("returns", "the loop was left early (break or return)"),
        ("loops_twice", "the body has more than one loop"),
        ("fails_before", 'cannot "prepare"\tthis'),
        ("fails_inside", "the answer was wrong"),
        ("fails_and_goes_on", "failed before the loop"),
        ("second_thread_fails", "thread 1 has no luck"),
        ("second_thread_leaves", "the loop was left early (break or return)"),
        ("reserved_counter", "real_time: a counter must not be called like a key of the library"),
        ("endless_counter", "ratio: the counter is not a finite number"),
        ("nine_counters", "too many counters"),
        ("slow_too_short", "too few iterations to inject this slow-down"),
    ],
)
def test_guard_reports_an_error(cases: Bench, name: str, message: str) -> None:
    out = cases.folder / "out.json"
    done = cases.run(
        f"--benchmark_filter=^(bad/{name}|good/a)$",
        "--benchmark_format=json",
        "--json",
        str(out),
        "--benchmark_repetitions=2",
        FAST,
    )
    assert done.returncode == 1
    assert f"bad/{name}: {message}" in done.stderr
    ours = {entry["case"]: entry for entry in strict_json(out.read_text())["benchmarks"]}
    bad, good = ours[f"bad/{name}"], ours["good/a"]
    assert bad["error"] == message
    assert bad["blocks"] == [] and bad["iterations"] == 0
    assert good["error"] is None and len(good["blocks"]) == 2, "one failure must not hurt others"
    theirs = strict_json(done.stdout)["benchmarks"]
    errors = {entry["error_message"] for entry in theirs if entry.get("error_occurred")}
    assert message in errors


def test_every_bad_case_has_its_guard(cases: Bench) -> None:
    found = cases.results("--benchmark_filter=^bad/", FAST, code=1)["benchmarks"]
    assert len(found) == 13
    assert all(entry["error"] for entry in found)


def test_blocks_are_ranked_in_time(cases: Bench) -> None:
    args = ["--benchmark_repetitions=40", "--benchmark_enable_random_interleaving=true", FAST]
    found = cases.results("--benchmark_filter=good/(a|b)", *args)["benchmarks"]
    slots = [slot for entry in found for slot, _ in entry["blocks"]]
    assert sorted(slots) == list(range(80))
    first = [slot for slot, _ in found[0]["blocks"]]
    assert first == sorted(first)
    assert first != list(range(40)), "the members must alternate"
    for entry in found:
        assert len(entry["blocks"]) == len(entry["thread_cpu_ns"]) == 40
        assert all(ns > 0 for _, ns in entry["blocks"])


def test_trial_runs_of_the_library_are_no_blocks(cases: Bench) -> None:
    entry = cases.case("good/a", "--benchmark_repetitions=3", FAST)
    assert len(entry["blocks"]) == 3
    assert entry["counters"]["all_turns"] > 3 * entry["iterations"] / 2, "trial runs did happen"


def test_counters(cases: Bench) -> None:
    path = cases.folder / "iterations.json"
    path.write_text('{"good/a": 1000}')
    entry = cases.case("good/a", "--iterations", str(path), "--benchmark_repetitions=4")
    assert entry["iterations"] == 1000
    assert entry["counters"]["wire_bytes"] == 64
    assert entry["counters"]["messages"] == 5
    # the mean over the blocks of 1000, 2000, 3000 and 4000 turns so far
    assert entry["counters"]["all_turns"] == 2500


def test_injected_slow_down_runs_more_and_reports_n(cases: Bench) -> None:
    path = cases.folder / "iterations.json"
    path.write_text('{"good/slow.5": 100}')
    entry = cases.case("good/slow.5", "--iterations", str(path))
    assert entry["iterations"] == 100
    assert entry["counters"]["turns_run"] == 105


def test_threads_have_their_own_clock(cases: Bench) -> None:
    """The library before 1.9 divides the wall time by the threads; two sleepers show it."""
    entry = cases.case("good/threads")
    assert entry["threads"] == 2 and entry["iterations"] == 3
    [[_, ns]] = entry["blocks"]
    assert ns >= 2_000_000
    assert entry["thread_cpu_ns"][0] < ns


def test_context_says_what_was_built(cases: Bench) -> None:
    args = ["--benchmark_filter=good/a", FAST, "--greeting", 'say "hi"\n\\']
    context = cases.results(*args)["context"]
    assert context["greeting"] == 'say "hi"\n\\'
    assert context["build_type"] and context["library_version"][0].isdigit()
    assert "debug" in context["library_build_type_note"]
    assert context["clock_cost_ns"] > 0
    out = (cases.folder / "out.json").read_text()
    assert "host_name" not in out and os.uname().nodename not in out


def test_list_and_filter_know_case_ids(cases: Bench) -> None:
    assert cases.run("--list").stdout.splitlines()[:2] == ["good/a", "good/b"]
    assert cases.run("--list", "--benchmark_filter=a$").stdout.splitlines() == ["good/a"]
    others = cases.run("--list", "--benchmark_filter=-^bad/").stdout.splitlines()
    assert others == ["good/a", "good/b", "good/slow.5", "good/threads"]


def test_environment_sets_no_flags(cases: Bench) -> None:
    done = cases.run(
        "--benchmark_filter=good/a",
        FAST,
        BENCHMARK_FORMAT="json",
        BENCHMARK_FILTER="good/b",
        BENCHMARK_REPETITIONS="7",
    )
    assert done.returncode == 0
    assert "ignoring BENCHMARK_FILTER of the environment" in done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("good/")]
    assert len(lines) == 1 and lines[0].startswith("good/a")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--benchmark_min_time=10y"], "--benchmark_min_time: 10y: expected seconds"),
        (["--benchmark_min_time=-1"], "--benchmark_min_time: -1: expected seconds"),
        (["--benchmark_repetitions=0"], "--benchmark_repetitions: 0: expected a number"),
        (["--benchmark_out=/nonexistent/x"], "--benchmark_out: /nonexistent/x: No such file"),
        (["--benchmark_format=xml"], "--benchmark_format: xml: expected one of"),
        (["--benchmark_time_unit=h"], "--benchmark_time_unit: h: expected one of"),
        (["--benchmark_nonsense=1"], "--benchmark_nonsense=1: not understood"),
        (["--nonsense"], "--nonsense: unknown option"),
        (["stray"], "stray: unknown option"),
        (["--json"], "--json: needs a value"),
        (["--greeting"], "--greeting: needs a value"),
        (["--json", "/nowhere/x.json"], "--json: /nowhere/x.json: No such file or directory"),
        (["--list", "--json", "x"], "--json: has no effect with --list"),
        (["--benchmark_filter=none_such"], "--benchmark_filter: none_such: matches no case"),
        (["--benchmark_filter=("], "--benchmark_filter: (:"),
        (["--iterations", "/nowhere/it.json"], "/nowhere/it.json: No such file or directory"),
    ],
)
def test_usage_errors(cases: Bench, args: list[str], message: str) -> None:
    done = cases.run(*args)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stdout == ""


def test_min_time_in_iterations_is_refused_where_the_library_ignores_it(cases: Bench) -> None:
    version = cases.results("--benchmark_filter=good/a", FAST)["context"]["library_version"]
    if tuple(map(int, version.split(".")[:2])) >= (1, 8):
        pytest.skip("libbenchmark understands it from 1.8 on")
    done = cases.run("--benchmark_filter=good/a", "--benchmark_min_time=10x")
    assert done.returncode == 2
    assert "--benchmark_min_time: 10x: expected seconds" in done.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ":1: expected {"),
        ("[]", ":1: expected {"),
        ('{"good/a": 1', ":1: expected }"),
        ('{"good/a": 0}', ":1: good/a: expected a whole number"),
        ('{"good/a": 1.5}', ":1: good/a: expected a whole number"),
        ('{\n"good/a": 5,\n"good/z": 5}', ":3: good/z: no such case"),
        ('{"good/a": 5} x', ":1: nothing may follow"),
    ],
)
def test_iterations_file_is_checked(cases: Bench, text: str, message: str) -> None:
    path = cases.folder / "iterations.json"
    path.write_text(text)
    done = cases.run("--iterations", str(path))
    assert done.returncode == 2
    assert f"{path}{message}" in done.stderr


def test_empty_iterations_file_is_fine(cases: Bench) -> None:
    path = cases.folder / "iterations.json"
    path.write_text(" {} \n")
    cases.case("good/a", "--iterations", str(path), FAST)


def test_authors_mistakes_are_told(cases: Bench) -> None:
    done = cases.run("--again", "--list")
    assert done.returncode == 1
    assert "good/a: registered twice" in done.stderr
    assert "context greeting: set twice" in done.stderr
    assert "context library_version: is the library's own key" in done.stderr


def test_help(cases: Bench) -> None:
    done = cases.run("--help")
    assert done.returncode == 0
    for word in ("--json FILE", "--iterations FILE", "--greeting TEXT", "--benchmark_filter"):
        assert word in done.stdout


def test_an_old_result_survives_a_failed_write(cases: Bench) -> None:
    """Nothing appears under the name before it is complete."""
    out = cases.folder / "out.json"
    out.write_text("old")
    done = cases.run("--json", str(out), "--benchmark_filter=none_such")
    assert done.returncode == 2 and out.read_text() == "old"


def test_results_into_something_that_is_no_file(cases: Bench) -> None:
    args = ["--benchmark_filter=good/a", FAST, "--json"]
    pipe = cases.folder / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    assert cases.run(*args, str(pipe)).returncode == 0
    assert strict_json(os.read(reader, 1 << 16).decode())["benchmarks"]
    os.close(reader)
    assert pipe.is_fifo(), "a pipe or a device must not be replaced by a file"
    done = cases.run(*args, str(cases.folder))
    assert done.returncode == 2 and "Is a directory" in done.stderr


def test_google_json_is_what_compare_py_takes(cases: Bench) -> None:
    tool = Path("/usr/share/benchmark/compare.py")
    python = os.environ.get("ASSAY_PYTHON", "/usr/bin/python3")
    if not tool.exists():
        pytest.skip("libbenchmark-tools is not installed")
    if subprocess.run([python, "-c", "import scipy"], capture_output=True).returncode != 0:
        pytest.skip("compare.py needs scipy")
    paths = []
    for side in "ab":
        path = cases.folder / f"{side}.json"
        args = ["--benchmark_filter=good/a", "--benchmark_repetitions=3", FAST]
        done = cases.run(*args, f"--benchmark_out={path}")
        assert done.returncode == 0
        strict_json(path.read_text())
        paths.append(str(path))
    done = subprocess.run(
        [python, str(tool), "benchmarks", *paths], capture_output=True, text=True, timeout=ENDS_WITHIN_S
    )
    assert done.returncode == 0, done.stderr
    assert "good/a" in done.stdout


def instructions(path: str, case: str, count: int, folder: Path) -> int:
    """All instructions of a process that runs `case` for `count` iterations."""
    plan, out = folder / "iterations.json", folder / "callgrind.out"
    plan.write_text(json.dumps({case: count}))
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", path]
        + [f"--benchmark_filter=^{case}$", "--iterations", str(plan)],
        capture_output=True,
        text=True,
        timeout=ENDS_WITHIN_S,
    )
    assert done.returncode == 0, done.stderr
    total = next(line for line in out.read_text().splitlines() if line.startswith("totals:"))
    return int(total.split()[1])


def test_c_loop_costs_the_instructions_of_range_for(tmp_path: Path) -> None:
    if not shutil.which("valgrind"):
        pytest.skip("valgrind is not installed")
    if os.environ.get("ASSAY_SANITIZERS", "none") != "none":
        pytest.skip("a sanitizer's build does not run under valgrind")
    if os.environ.get("ASSAY_OPTIMIZATION", "2") in ("0", "g"):
        pytest.skip("the build is not optimised")
    path = program("PARTS_BENCH")
    per_iteration = {}
    for case in ("c", "cpp_range_for", "c_call_per_iteration"):
        name = f"parts/loop/{case}"
        few, many = (instructions(path, name, n, tmp_path) for n in (10_000, 1_010_000))
        per_iteration[case] = (many - few) / 1_000_000
    assert per_iteration["c"] <= 1.1 * per_iteration["cpp_range_for"]
    assert per_iteration["c"] > 0.9, "there is a loop at all"
    assert per_iteration["c_call_per_iteration"] > 2 * per_iteration["c"]
