# SPDX-License-Identifier: MIT
"""codec_bench and model_bench from the outside: cases, results, fidelity, usage errors."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from gbench_testing import Bench, program, strict_json

FAST = "--benchmark_min_time=0.0002"
PAYLOADS = ("ack", "order", "telemetry", "feed")
CODECS = ("cjson", "protobuf_c", "msgpack_c")


@pytest.fixture
def codec_bench(tmp_path: Path) -> Bench:
    return Bench(program("CODEC_BENCH"), tmp_path)


@pytest.fixture
def model_bench(tmp_path: Path) -> Bench:
    return Bench(program("MODEL_BENCH"), tmp_path)


def fixed(bench: Bench, counts: dict[str, int]) -> list[str]:
    path = bench.folder / "iterations.json"
    path.write_text(json.dumps(counts))
    return ["--iterations", str(path)]


def test_codec_cases(codec_bench: Bench) -> None:
    listed = set(codec_bench.run("--list").stdout.splitlines())
    for payload in PAYLOADS:
        for op in ("encode", "decode"):
            family = f"codec/{payload}/{op}/"
            members = {case.removeprefix(family) for case in listed if case.startswith(family)}
            floors = {f"memcpy.{codec}" for codec in CODECS}
            assert members >= {*CODECS, "cjson.same", "cjson.copy"} | floors
            assert not any(member.startswith("slow.") for member in members)
    both = codec_bench.run("--list", "--inject", "1,5").stdout.splitlines()
    assert {f"codec/order/encode/slow.cjson.{n}" for n in (1, 5)} <= set(both)
    injected = codec_bench.run("--list", "--inject", "5").stdout.splitlines()
    assert "codec/order/encode/slow.cjson.5" in injected
    whole = {case.rsplit("/", 1)[0] for case in listed if case.split("/")[2] in ("encode", "decode")}
    assert len(injected) == len(listed) + len(whole)


def test_operations(codec_bench: Bench) -> None:
    """Each has the codecs that have it, beside the baseline and its aliases; and is explained."""
    explained = codec_bench.run("--list-operations").stdout.splitlines()
    codecs = strict_json(codec_bench.run("--list-codecs").stdout)["codecs"]
    hooks = {"build": "builds", "print": "builds", "free_built": "builds", "check": "checks",
             "parse": "parses", "convert": "parses"}  # fmt: skip
    beside = {"cjson_unformatted"} & {codec["name"] for codec in codecs}
    listed = codec_bench.run("--list").stdout.splitlines()
    for line in explained:
        name, text = line.split(maxsplit=1)
        assert text
        families = {case.rsplit("/", 1)[0] for case in listed if case.startswith(f"codec/order/{name}")}
        assert families, name
        for family in families:
            members = {c.removeprefix(f"{family}/") for c in listed if c.startswith(f"{family}/")}
            assert members >= {"cjson", "cjson.same", "cjson.copy"}
            if name in hooks:
                have = {codec["name"] for codec in codecs if codec[hooks[name]]}
                have -= set() if name == "print" else beside
                assert {member for member in members if "." not in member} == have
    threads = [case for case in listed if case.startswith("codec/ack/encode_threads")]
    assert "codec/ack/encode_threads1/cjson" in threads
    cpus = len(os.sched_getaffinity(0))
    assert f"codec/ack/encode_threads{cpus}/cjson" in threads
    alone = codec_bench.case(f"codec/ack/encode_threads{cpus}/protobuf_c", FAST)
    assert alone["threads"] == cpus


def test_latencies(codec_bench: Bench) -> None:
    for operation in ("encode_latency", "decode_latency", "encode_evicted", "decode_evicted"):
        name = f"codec/order/{operation}/protobuf_c"
        entry = codec_bench.case(name, *fixed(codec_bench, {name: 320}), "--benchmark_repetitions=3")
        counters = entry["counters"]
        assert counters["samples"] == 3 * 320
        assert 0 < counters["p50_ns"] <= counters["p99_ns"]
        assert 0 < counters["clock_ns"] < counters["p99_ns"]
        # The block's time is the samples' sum: nothing that happens between them.
        assert all(0 < ns <= counters["loop_ns"] * 3 for _, ns in entry["blocks"])
        assert counters.get("evicted_bytes", 1 << 20) >= 1 << 20


def test_phases(codec_bench: Bench) -> None:
    """Each has a clock of its own, around groups that divide the corpus, and no more on it."""
    phases = "build print free_built parse convert free_parsed release".split()
    names = [f"codec/ack/{phase}/cjson" for phase in phases]
    wanted = fixed(codec_bench, dict.fromkeys(names, 64))
    chosen = f"--benchmark_filter=^codec/ack/({'|'.join(phases)})/cjson$"
    found = codec_bench.results(chosen, *wanted, "--benchmark_repetitions=2")["benchmarks"]
    assert {entry["case"] for entry in found} == set(names)
    for entry in found:
        counters = entry["counters"]
        assert entry["iterations"] == 64 and counters["documents"] % counters["together"] == 0
        assert counters["together"] > 1 and counters["clock_ns"] > 0
        assert all(0 < ns <= counters["loop_ns"] * 64 for _, ns in entry["blocks"])


def test_one_hot_document(codec_bench: Bench) -> None:
    name = "codec/ack/decode_hot/msgpack_c"
    entry = codec_bench.case(name, *fixed(codec_bench, {name: 7}))
    assert entry["counters"]["documents"] == 1 and entry["iterations"] == 7


def test_every_codec_case_runs(codec_bench: Bench) -> None:
    found = codec_bench.results("--inject=50", "--benchmark_filter=^codec/ack/", FAST)
    assert found["benchmarks"]
    for entry in found["benchmarks"]:
        assert entry["error"] is None
        assert entry["blocks"][0][1] > 0
        assert entry["counters"]["wire_bytes"] > 0
    versions = {k: v for k, v in found["context"].items() if k.endswith("_version")}
    assert versions["cjson_version"].startswith("cJSON ")
    assert versions["protobuf_c_version"].startswith("protobuf-c ")


def test_blocks_are_whole_rounds_over_the_corpus(codec_bench: Bench) -> None:
    name = "codec/ack/encode/cjson"
    entry = codec_bench.case(name, *fixed(codec_bench, {name: 1}))
    assert entry["iterations"] == entry["counters"]["documents"] >= 16
    entry = codec_bench.case(name, *fixed(codec_bench, {name: entry["iterations"] + 1}))
    assert entry["iterations"] == 2 * entry["counters"]["documents"]


def test_injected_time_is_divided_by_n(codec_bench: Bench) -> None:
    """Not timed: the injected member reports the same count, and runs half as much again."""
    name = "codec/ack/encode/slow.cjson.50"
    entry = codec_bench.case(name, "--inject", "50", *fixed(codec_bench, {name: 64}))
    assert entry["error"] is None and entry["iterations"] == 64


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What --fidelity tells; it takes a while, so it is asked once here and once more below. The file
    is reached by a link, as /dev/stdout is when output goes into one: it is written through."""
    bench = Bench(program("CODEC_BENCH"), tmp_path_factory.mktemp("fidelity"))
    path, link = bench.folder / "fidelity.json", bench.folder / "link"
    path.write_text("")
    link.symlink_to(path)
    assert bench.run("--fidelity", "--json", str(link)).returncode == 0
    assert link.is_symlink()
    return strict_json(path.read_text())


def test_fidelity(codec_bench: Bench, told: Any) -> None:
    rows = told["fidelity"]
    assert {(row["payload"], row["codec"]) for row in rows} >= {
        (payload, codec) for payload in PAYLOADS for codec in CODECS
    }
    for row in rows:
        assert len(row["wire_bytes"]) == row["documents"] > 0
        assert min(row["wire_bytes"]) > 0
        assert 0 <= row["changed"] < row["values"]
        if row["codec"] != "cjson":
            assert row["changed"] == 0
    mean = {r["payload"]: sum(r["wire_bytes"]) / r["documents"] for r in rows if r["codec"] == "cjson"}
    entry = codec_bench.case("codec/order/encode/cjson", FAST)
    assert entry["counters"]["wire_bytes"] == pytest.approx(mean["order"])
    printed = codec_bench.run("--fidelity")
    assert printed.returncode == 0 and strict_json(printed.stdout)["fidelity"] == rows


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--fidelity", "--list"], "--fidelity: takes no other option than --json FILE"),
        (["--list-operations", "--list"], "--list-operations: takes no other option"),
        *(
            ([f"--inject={text}"], f"--inject: {text}: expected whole percentages")
            for text in ("x", "0", "2000", "5,", ",5", "5,2", "5 ,6", "-1", "1,2,3,4,5,6,7,8,9")
        ),
        (["--inject=5", "--benchmark_filter=build"], "--inject: has no effect on the cases that"),
        (["--inject="], "--inject: needs a value"),
    ],
)
def test_codec_usage_errors(codec_bench: Bench, args: list[str], message: str) -> None:
    done = codec_bench.run(*args)
    assert done.returncode == 2
    assert message in done.stderr


def test_fidelity_table(told: Any) -> None:
    """Every codec is asked everything, in one order."""
    rows = told["fidelity_table"]
    probes = list(dict.fromkeys(row["probe"] for row in rows))
    codecs = list(dict.fromkeys(row["codec"] for row in rows))
    assert set(codecs) >= set(CODECS)
    assert [(row["probe"], row["codec"]) for row in rows] == [(p, c) for p in probes for c in codecs]
    for row in rows:
        assert row["group"] and row["title"] and row["outcome"]
        if "sample" in row:
            assert 0 <= row["changed"] + row["refused"] <= row["sample"] > 0
            assert (row["outcome"] in ("kept", "accepted")) == (row["changed"] + row["refused"] == 0)
        assert 0 < row.get("depth", 1) <= 100
    by_case = {(row["probe"], row["codec"]): row for row in rows}
    assert by_case["doubles_unit", "cjson"]["changed"] > 0 < by_case["doubles_unit", "cjson"]["max_ulp"]
    assert by_case["doubles_unit", "protobuf_c"]["changed"] == 0
    assert by_case["nesting_decode", "msgpack_c"]["depth"] == 32


def test_fidelity_into_a_folder_that_is_not_there(codec_bench: Bench) -> None:
    done = codec_bench.run("--fidelity", "--json", "/nowhere/f.json")
    assert done.returncode != 0
    assert "/nowhere/f.json: No such file or directory" in done.stderr


def test_codec_google_json(codec_bench: Bench) -> None:
    done = codec_bench.run("--benchmark_format=json", "--benchmark_filter=^codec/ack/", FAST)
    assert done.returncode == 0
    content = strict_json(done.stdout)
    assert content["context"]["build_type"]
    assert {"name", "real_time", "cpu_time", "time_unit"} <= content["benchmarks"][0].keys()


def test_model_cases(model_bench: Bench) -> None:
    listed = model_bench.run("--list").stdout.splitlines()
    for workload in "echo rpc cpu ring store count pingpong spawn mixed mixed_offloaded".split():
        for member in ("inline", "thread_pool", "thread_pool.same", "thread_pool.copy"):
            assert f"model/{workload}/{member}" in listed
    assert not any(case.startswith(("model/call/", "model/fanout/")) for case in listed), "that takes a socket"
    assert not any("journal" in case for case in listed), "that takes a folder"
    journal = model_bench.run("--list", "--journal=/tmp").stdout.splitlines()
    assert "model/journal/inline" in journal and len(journal) > len(listed)


# Turns of a request with 7 hops, 5 messages; a heavy share of 10 % that is offloaded.
TURNS = {"ring": 7, "count": 4 + 5, "pingpong": 1 + 2 * 5, "spawn": 2 + 5, "journal": 2, "mixed_offloaded": 1.1}


def test_every_model_case_runs(model_bench: Bench, tmp_path: Path) -> None:
    args = ["--hops=7", "--messages=5", "--cpu-iterations=50", "--inject=50", f"--journal={tmp_path}"]
    args += ["--benchmark_repetitions=3", FAST]
    interleaved = "--benchmark_enable_random_interleaving=true"
    found = model_bench.results(*args, interleaved)
    assert found["context"]["hops"] == "7" and found["context"]["cpu_iterations"] == "50"
    for entry in found["benchmarks"]:
        assert entry["error"] is None, entry["case"]
        assert len(entry["blocks"]) == 3
        counters, workload = entry["counters"], entry["case"].split("/")[1]
        if "/slow." not in entry["case"]:
            # Where the host stole most of a block there are few requests in it, and shares are coarse.
            right = pytest.approx(TURNS.get(workload, 1), rel=0.2, abs=3 / entry["iterations"])
            assert counters["turns_per_request"] == right, entry["case"]
        assert counters["cpu_ns_per_request"] > 0
        for counted in ("messages", "wakeups", "syscalls", "context_switches"):
            assert counters[f"{counted}_per_request"] >= 0
        if entry["case"] in ("model/echo/thread_pool", "model/echo/actor", "model/echo/event_loop"):
            assert counters["messages_per_request"] > 0, "it was handed to another thread"
    assert list(tmp_path.glob("assay-journal*")) == [], "removed at the end"


@pytest.mark.parametrize("threads", ["1", "2"])
@pytest.mark.parametrize("codec", CODECS)
def test_model_with_other_payload(model_bench: Bench, codec: str, threads: str) -> None:
    args = ["--payload=telemetry", f"--codec={codec}", f"--threads={threads}", FAST]
    found = model_bench.results("--benchmark_filter=^model/rpc/", *args)
    assert all(entry["error"] is None for entry in found["benchmarks"])
    assert found["context"]["payload"] == "telemetry" and found["context"]["codec"] == codec


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--payload", "x"], "--payload: x: there is none of that name; known: ack order"),
        (["--codec", "x"], "--codec: x: there is none of that name; known: cjson"),
        (["--threads", "0"], "--threads: 0: expected a whole number"),
        (["--hops", "1.5"], "--hops: 1.5: expected a whole number"),
        (["--cpu", "-1"], "--cpu: -1: expected a whole number"),
        (["--cpu-iterations", ""], "--cpu-iterations: needs a value"),
        (["--inject", "a"], "--inject: a: expected whole percentages"),
        (["--hops=5", "--benchmark_filter=/rpc/"], "--hops: has no effect on the cases that"),
        (["--hops=5", "--benchmark_filter=-/ring/"], "--hops: has no effect on the cases that"),
        (["--cpu-iterations=5", "--benchmark_filter=/echo/"], "--cpu-iterations: has no effect on"),
        (["--inject=5", "--benchmark_filter=inline$"], "--inject: has no effect on the cases that"),
        (["--threads=2", "--benchmark_filter=/inline"], "--threads: has no effect on the cases"),
        (["--spin-us=2", "--benchmark_filter=/inline"], "--spin-us: has no effect on the cases"),
        (["--batch=2", "--benchmark_filter=/inline"], "--batch: has no effect on the cases"),
        (
            ["--offload-threads=2", "--benchmark_filter=/echo/actor"],
            "--offload-threads: has no effect on the cases",
        ),
        (["--list", "--hops=5"], "--hops: has no effect with --list"),
        (["--messages=5", "--benchmark_filter=/(ring|store)/"], "--messages: has no effect on the cases that"),
        (["--hot-percent=5", "--benchmark_filter=/mixed/"], "--hot-percent: has no effect on the cases that"),
        (["--put-percent=101"], "--put-percent: 101: expected a whole number from 0 to 100"),
        (["--heavy-percent=5", "--benchmark_filter=/store/"], "--heavy-percent: has no effect on the cases"),
        (["--journal=/tmp", "--benchmark_filter=/store/"], "--journal: has no effect on the cases that"),
        (["--list", "--payload=ack"], "--payload: has no effect with --list"),
        (["--list", "--inject=5", "--benchmark_filter=inline$"], "--inject: has no effect on the"),
        (["--list", FAST], "--benchmark_min_time: has no effect with --list"),
    ],
)
def test_model_usage_errors(model_bench: Bench, args: list[str], message: str) -> None:
    done = model_bench.run(*args)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stdout == ""


def test_no_journal_without_its_folder(model_bench: Bench) -> None:
    for folder, why in ("/nowhere", "No such file or directory"), ("/dev/null", "Not a directory"):
        done = model_bench.run(f"--journal={folder}", "--benchmark_filter=/journal/inline$", FAST)
        assert done.returncode == 2
        assert f"--journal: {folder}: {why}" in done.stderr and done.stdout == ""


def test_model_options_that_have_an_effect(model_bench: Bench) -> None:
    """The counterpart of the refusals: the same options where one case cares."""
    for args in (
        ["--hops=2", "--benchmark_filter=/(rpc|ring)/inline$", FAST],
        ["--cpu-iterations=2", "--benchmark_filter=/cpu/inline$", FAST],
        ["--cpu-iterations=2", "--heavy-percent=0", "--benchmark_filter=/mixed/inline$", FAST],
        ["--messages=2", "--benchmark_filter=/spawn/inline$", FAST],
        ["--hot-percent=90", "--put-percent=0", "--benchmark_filter=/store/inline$", FAST],
        ["--threads=2", "--benchmark_filter=/echo/(inline|actor)$", FAST],
        ["--inject=5", "--benchmark_filter=/slow.", "--list"],
    ):
        assert model_bench.run(*args).returncode == 0, args
