# SPDX-License-Identifier: MIT
"""assay load-accuracy: what it computes, what it calls wrong, and that it runs."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from assaylib import load_accuracy
from assaylib.load_accuracy import Case, computed_s
from conftest import Assay


def test_computed_percentiles_of_a_stall() -> None:
    """A tenth of each period: what was due t before its end (and 1 ms later, whose answer is due in
    it) waits t."""
    case = Case("stall", "fixed:1000", 2.0, 0.2)
    right = computed_s(case, 500 * 20)  # 20 s: nine stalls of 0.2 s
    stalled = 9 * 0.2 / 20
    assert right["p50"] == pytest.approx(0.001)
    assert right["p90"] == pytest.approx(0.001)
    assert right["p99"] == pytest.approx(0.001 + 0.2 * (1 - 0.01 / stalled), rel=0.02)
    assert right["p999"] == pytest.approx(0.001 + 0.2 * (1 - 0.001 / stalled), rel=0.02)


def test_computed_percentiles_of_distributions() -> None:
    count = 40_000
    exponential = computed_s(Case("e", "exp:5000"), count)
    assert exponential["p50"] == pytest.approx(0.005 * math.log(2), rel=0.03)
    assert exponential["p99"] == pytest.approx(0.005 * math.log(100), rel=0.04)
    lognormal = computed_s(Case("l", "lognormal:3000,0.6"), count)
    assert lognormal["p50"] == pytest.approx(0.003, rel=0.03)
    assert lognormal["p99"] == pytest.approx(0.003 * math.exp(0.6 * 2.3263), rel=0.05)


def test_only_what_comes_too_early_is_wrong() -> None:
    def row(*reported_s: float) -> dict[str, object]:
        return {
            "case": "fixed", "percentile": "p50", "computed_s": 0.002, "phase_s": 0.0,
            "reported_s": list(reported_s),
        }  # fmt: skip

    assert load_accuracy.judge([row(0.002, 0.9), row(0.00199)]) == []
    (said,) = load_accuracy.judge([row(0.0021, 0.0019)])
    assert said.startswith("fixed p50: reported 1.900 ms") and "2.000 ms" in said
    # A stall begins up to one request earlier or later than computed.
    assert load_accuracy.judge([{**row(0.0011), "phase_s": 0.001}]) == []
    assert load_accuracy.judge([{**row(0.0009), "phase_s": 0.001}]) != []


def test_command(assay: Assay, tmp_path: Path) -> None:
    done = assay("load-accuracy", "--duration", 1.5, "--rounds", 1, "--json", tmp_path / "out.json")
    facts = json.loads((tmp_path / "out.json").read_text())
    # A host that takes its CPUs away for a second leaves requests out, and that is said.
    whole = 4 - len(facts["wrong"])
    assert all("left requests out" in said for said in facts["wrong"]), done.stdout + done.stderr
    assert done.returncode == int(whole < 4) and len(facts["rows"]) == 4 * whole
    stalled = [row for row in facts["rows"] if (row["case"], row["percentile"]) == ("stall", "p99")]
    for row in stalled:
        assert row["computed_s"] > 0.03 and min(row["reported_s"]) > 0.03 and row["phase_s"] == 0.002
    assert "timers are late by" in done.stdout
    assert assay("load-accuracy", "--rounds", 0).returncode == 2
    assert assay("load-accuracy", "--duration", 0).returncode == 2
