# SPDX-License-Identifier: MIT
"""export: Google Benchmark's format, one entry per process, and its own tool accepts it."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import synthetic
from assaylib import export
from conftest import Assay

COMPARE = Path("/usr/share/benchmark/compare.py")
DEBIAN_PYTHON = "/usr/bin/python3"


@pytest.fixture(scope="module")
def run() -> Any:
    return synthetic.make_run("standard", rounds=11)


def test_one_entry_per_process_that_counts(run: Any) -> None:
    facts, lines = run
    content = export.convert(facts, lines)
    entries = Counter(entry["name"] for entry in content["benchmarks"])
    # The synthetic run has one round above the steal limit in this family.
    assert entries["codec/feed/decode/cjson"] == 10
    assert entries["codec/ack/encode/msgpack_c"] == 11
    assert entries["service/rpc/actor"] == 8
    assert content["context"]["assay_left_out"]["discarded"] == 8
    for entry in content["benchmarks"]:
        assert entry["run_type"] == "iteration" and entry["time_unit"] == "ns"
        assert 0 <= entry["repetition_index"] < entry["repetitions"] == entries[entry["name"]]
        assert entry["real_time"] > 0 and entry["cpu_time"] > 0


def test_time_is_the_process_s_median(run: Any) -> None:
    facts, lines = run
    line = next(line for line in lines if line["case"] == "codec/order/encode/protobuf_c")
    entry = next(
        e
        for e in export.convert(facts, lines)["benchmarks"]
        if e["name"] == line["case"] and e["repetition_index"] == 0
    )
    assert entry["real_time"] == line["metrics"]["time_ns"]
    assert entry["wire_bytes"] == line["metrics"]["wire_bytes"]
    assert entry["repetition_times_ns"] == [ns for _, ns in line["repetitions"]]


def test_failed_processes_are_counted_not_exported(run: Any) -> None:
    facts, lines = run
    broken = [dict(line) for line in lines]
    broken[0].update(status="failed", reason="died", metrics={}, repetitions=[])
    content = export.convert(facts, broken)
    assert content["context"]["assay_left_out"]["failed"] == 1


def test_counters_named_like_the_format_s_keys_are_left_out(run: Any) -> None:
    facts, lines = run
    odd = [dict(line, metrics={**line["metrics"], "label": 3, "iterations": 4}) for line in lines]
    entry = export.convert(facts, odd)["benchmarks"][0]
    assert "label" not in entry and entry["iterations"] == 1


def test_google_benchmark_s_compare_accepts_it(run: Any, tmp_path: Path, assay: Assay) -> None:
    if not COMPARE.exists():
        pytest.skip(f"{COMPARE} is not installed (Debian: libbenchmark-tools)")
    if subprocess.run([DEBIAN_PYTHON, "-c", "import scipy"], check=False).returncode != 0:
        pytest.skip("compare.py needs scipy (Debian: python3-scipy)")
    folder = synthetic.write_run(tmp_path / "run", *run)
    done = assay("export", folder)
    assert done.returncode == 0, done.stderr
    exported = tmp_path / "run.json"
    exported.write_text(done.stdout)
    argv = [DEBIAN_PYTHON, str(COMPARE), "--no-color", "filters", str(exported)]
    compared = subprocess.run(
        [*argv, "codec/order/encode/cjson$", "codec/order/encode/protobuf_c$"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        check=False,
    )
    assert compared.returncode == 0, compared.stderr
    # 11 processes against 11: its U test ran on the right unit, and saw the difference.
    assert "U Test, Repetitions: 11 vs 11" in compared.stdout
    assert "0.0001" in compared.stdout


def test_export_of_what_is_no_run(tmp_path: Path, assay: Assay) -> None:
    done = assay("export", tmp_path)
    assert done.returncode == 2 and "no run.json" in done.stderr and not done.stdout


def test_export_of_a_run_cut_off_in_its_last_line(run: Any, tmp_path: Path, assay: Assay) -> None:
    folder = synthetic.write_run(tmp_path / "run", *run)
    samples = folder / "samples.jsonl"
    samples.write_bytes(samples.read_bytes()[:-20])
    done = assay("export", folder)
    assert done.returncode == 0 and "incomplete" in done.stderr
    assert len(json.loads(done.stdout)["benchmarks"]) == len(run[1]) - 1 - 8
