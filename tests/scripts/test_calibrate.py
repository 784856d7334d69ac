# SPDX-License-Identifier: MIT
"""calibrate: on simulated data whose truth is known, and a small run of the real thing."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import synthetic
from assaylib import UsageError, calibrate, calibration, cli, judge, plan, programs, run, usual
from conftest import Assay
from test_plan import BUILT
from test_export import COMPARE, DEBIAN_PYTHON

PERCENTS = plan.TIERS["calibrate"].inject
GROUPS, FAMILIES = 12, 17  # 204 comparisons of equals
ROUNDS = plan.CALIBRATION_ROUNDS["codec"]


def simulated(
    seed: int = 1, equal: float = 1.0, slow: float = 1.0, groups: int = GROUPS, between: float = 0.003
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """equal: by what the alias differs; slow: what is left of each slow-down."""
    generator = random.Random(seed)
    run, lines = synthetic.make_run("calibrate", kinds=())
    truth = {"cjson": 1000.0, "cjson.same": 1000.0 * equal, "cjson.copy": 1000.0}
    truth |= {f"slow.cjson.{p}": 1000.0 * (1 + slow * p / 100) for p in PERCENTS}
    for number in range(FAMILIES):
        family = {
            "id": f"codec/ack{number}/encode",
            "kind": "codec",
            "title": "encode",
            "baseline": "cjson",
            "members": list(truth),
            "aliases": {"cjson.same": "same", "cjson.copy": "copy"},
            "floors": {},
            "injected": {f"slow.cjson.{p}": float(p) for p in PERCENTS},
            "rounds": groups * ROUNDS,
            "iterations": {},
            "load": {},
            "note": None,
        }
        lines += synthetic.micro_family(
            generator, run, family, truth, rounds=family["rounds"], count=15, noise=0.006, between=between
        )
    for line in lines:
        line["round"] += 1  # as a run counts them
        line["covariates"]["steal_percent"] = 0.0
    return run, lines


@pytest.fixture(scope="module")
def sound() -> calibrate.Result:
    return calibrate.evaluate(*simulated())


def test_a_sound_method_passes(sound: calibrate.Result) -> None:
    assert sound.failures == []
    assert sound.tallies[0].count == GROUPS * FAMILIES
    assert {p: t.count for p, t in sound.tallies.items()} == dict.fromkeys((0, *PERCENTS), GROUPS * FAMILIES)


def test_what_is_there_is_seen_and_what_is_not_is_not(sound: calibrate.Result) -> None:
    assert sound.tallies[0].apart <= judge.binomial_bound(sound.tallies[0].count)
    assert sound.tallies[1].beyond == 0  # below the margin: no claim, though often told from none
    assert sound.tallies[10].beyond >= 0.95 * sound.tallies[10].count


def test_claims_are_asked_at_the_level_of_real_ones() -> None:
    """Two odd rounds of fourteen: at 95 % the slow-down would be told from none, among ten rivals it is not."""
    facts, lines = simulated(groups=1)
    for line in lines:
        if line["round"] in (3, 7) and line["member"] == "slow.cjson.5":
            line["repetitions"] = [[slot, ns * 0.9] for slot, ns in line["repetitions"]]
    judged = judge.judge(facts, lines)
    for family in judged.families:
        slow = next(i for i in family.injected if i.percent == 5)
        assert slow.level == judge.ALPHA / calibration.RIVALS["codec"]
        assert slow.estimate.alpha == judge.ALPHA and slow.estimate.excludes_one
        assert not slow.shown and slow.verdict != judge.WORSE
    assert calibrate.own(judged).tallies[5].shown == 0


def test_a_plan_says_how_many_rivals_there_would_be() -> None:
    """Of every family of `calibrate`: claims are asked at the very level of the same family in standard."""
    real = {family.id: family for family in plan.make(BUILT, plan.TIERS["standard"], 1).families}
    for family in plan.make(BUILT, plan.TIERS["calibrate"], 1).families:
        alone, among = (
            judge.judge({"families": [each.to_json()]}, []).families[0] for each in (family, real[family.id])
        )
        assert alone.candidates == [alone.baseline]
        assert calibration.level(alone) == among.alpha == calibration.level(among), family.id
        assert among.alpha < judge.ALPHA  # several: the level is not that of a comparison by itself


def test_as_many_processes_are_judged_together_as_standard_has() -> None:
    """Of its families that `quick` has, too; in whole groups, and enough of them for the bound on equals."""
    real = {family.id: family for family in plan.make(BUILT, plan.TIERS["standard"], 1).families}
    quick = {family.id for family in plan.make(BUILT, plan.TIERS["quick"], 1).families}
    groups = 0
    for family in plan.make(BUILT, plan.TIERS["calibrate"], 1).families:
        size = plan.CALIBRATION_ROUNDS[family.kind]
        groups += family.rounds // size
        assert real[family.id].rounds == size or family.id not in quick, family.id
    assert groups >= calibrate.COMPARISONS_MIN


def test_the_usual_ways_claim_more_of_equals(sound: calibrate.Result) -> None:
    """Processes differ by more than repetitions in one of them: METHOD 1.1."""
    noisy = calibrate.evaluate(*simulated(seed=2, between=0.02))
    equal, usually = noisy.tallies[0], noisy.tallies[0].usually
    assert equal.apart <= judge.binomial_bound(equal.count)
    assert usually.two.count == usually.one.count == usually.means.count == equal.count
    assert min(usually.two.claims, usually.one.claims, usually.means.claims) > equal.count / 3
    # … and take some that are slower for faster, which nobody here does.
    slowed = noisy.tallies[1]
    assert slowed.usually.two.reversed > 0 and slowed.reversed == 0
    assert f"{sum(t.usually.two.reversed for p, t in noisy.tallies.items() if p)} by compare.py" in calibrate.wrong_way(noisy)


@pytest.mark.parametrize(
    "options,said",
    [
        ({"equal": 1.03}, "A/A: .* intervals exclude 1, chance allows"),
        ({"slow": 0.0}, "slowed down by 5 %: told from none in"),
        ({"slow": 0.5}, "slowed down by 10 %: .* intervals miss the truth"),
        ({"slow": -1.0}, "slowed down by 10 %: .* are shown to be faster"),
        ({"groups": 2}, "34 comparisons of equals, 200 are needed"),
    ],
)
def test_a_method_that_is_not_fails(options: dict[str, Any], said: str) -> None:
    result = calibrate.evaluate(*simulated(**{"groups": 6, **options}))
    assert any(re.search(said, failure) for failure in result.failures), result.failures


def test_what_is_discarded_is_made_up_for() -> None:
    """Groups are of rounds that count, wherever those stand, and whole: of fewer a slow-down would go unclaimed
    that standard claims."""
    facts, lines = simulated(groups=2)
    facts["discard_rule"] = {"steal_percent_max": 5.0}
    for line in lines:
        if line["family"] == "codec/ack3/encode" and line["round"] in range(2, 6):
            line["covariates"]["steal_percent"] = 50.0
    counts = {p: t.count for p, t in calibrate.evaluate(facts, lines).tallies.items()}
    assert counts == dict.fromkeys((0, *PERCENTS), 2 * FAMILIES - 1)  # 14 and 10
    facts, lines = simulated(groups=1)
    twice = [{**line, "round": 2 * line["round"]} for line in lines]
    spoilt = [{**line, "round": line["round"] - 1, "covariates": {"steal_percent": 50.0}} for line in twice]
    facts["discard_rule"] = {"steal_percent_max": 5.0}
    assert calibrate.evaluate(facts, spoilt + twice).tallies[0].count == FAMILIES  # 14, with gaps


def test_u_test_is_that_of_scipy() -> None:
    """Exact for few repetitions, as compare.py leaves it to scipy."""
    stats = pytest.importorskip("scipy.stats")
    generator = random.Random(9)
    for size, decimals in ((2, 9), (5, 9), (5, 0), (8, 9), (9, 1), (20, 1), (45, 1)):
        first = [round(generator.gauss(10, 1), decimals) for _ in range(size)]
        second = [round(generator.gauss(10.4, 1), decimals) for _ in range(size + 3)]
        found = stats.mannwhitneyu(first, second, alternative="two-sided")
        assert usual.u_test(first, second) == pytest.approx(float(found.pvalue)), size


def test_it_is_what_compare_py_says(tmp_path: Path) -> None:
    if not COMPARE.exists():
        pytest.skip(f"{COMPARE} is not installed (Debian: libbenchmark-tools)")
    if subprocess.run([DEBIAN_PYTHON, "-c", "import scipy"], check=False).returncode != 0:
        pytest.skip("compare.py needs scipy (Debian: python3-scipy)")
    generator = random.Random(4)
    sizes = (2, 8, 9, 40)
    sides = [{n: [generator.gauss(level, 10) for _ in range(n)] for n in sizes} for level in (1000, 1004)]
    for number, side in enumerate(sides):
        each = [
            {"name": f"of{n}", "run_name": f"of{n}", "run_type": "iteration", "repetitions": n, "repetition_index": i,
             "threads": 1, "iterations": 100, "real_time": ns, "cpu_time": ns, "time_unit": "ns"}
            for n, values in side.items()
            for i, ns in enumerate(values)
        ]  # fmt: skip
        (tmp_path / f"{number}.json").write_text(json.dumps({"context": {}, "benchmarks": each}))
    done = subprocess.run(
        [DEBIAN_PYTHON, str(COMPARE), "--no-color", "benchmarks", str(tmp_path / "0.json"), str(tmp_path / "1.json")],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    for n in sizes:
        said = re.search(rf"of{n}_pvalue +([0-9.]+)", done.stdout)
        assert said and float(said[1]) == pytest.approx(usual.u_test(sides[0][n], sides[1][n]), abs=0.5e-4), n


def test_all_equal_is_no_claim() -> None:
    assert usual.u_test([1.0] * 9, [1.0] * 9) == 1.0


def test_told_as_a_table(sound: calibrate.Result) -> None:
    lines = calibrate.told(sound)
    assert lines[-1] == "all bounds hold" and "called faster although slowed down" in lines[-2]
    assert [line[:11].strip() for line in lines[1:-2]] == [
        "same code", "second copy", *(f"{p} % slower" for p in PERCENTS),
    ]  # fmt: skip


def test_another_run_is_none(tmp_path: Path) -> None:
    folder = synthetic.write_run(tmp_path / "run", *synthetic.make_run("quick", rounds=2, kinds=("codec",)))
    with pytest.raises(UsageError, match="a run of the tier quick"):
        calibrate.main(folder)


def test_judged_from_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = synthetic.write_run(tmp_path / "run", *simulated(groups=1))
    assert calibrate.main(folder) == 1
    assert "17 comparisons of equals" in capsys.readouterr().out


def test_an_interrupted_one_is_gone_on_with_and_judged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = synthetic.write_run(tmp_path / "run", *simulated(groups=1))
    lines = (folder / "samples.jsonl").read_text().splitlines(keepends=True)
    (folder / "samples.jsonl").write_text("".join(lines[:100]))

    def resume(build: object, root: Path, into: Path, *, force: bool) -> int:
        assert force and into == folder
        (folder / "samples.jsonl").write_text("".join(lines))
        return 0

    assert calibrate.main(folder) == 1
    assert "planned processes are there (`assay calibrate --resume` goes on with it)" in capsys.readouterr().err
    monkeypatch.setattr(programs.Build, "open", lambda folder: None)
    monkeypatch.setattr(run, "resume", resume)
    assert cli.main(["calibrate", "--resume", str(folder), "--force"]) == 1
    said = capsys.readouterr()
    assert "17 comparisons of equals" in said.out and not said.err
    other = synthetic.write_run(tmp_path / "other", *synthetic.make_run("quick", rounds=2, kinds=("codec",)))
    assert cli.main(["calibrate", "--resume", str(other)]) == 2
    assert "a run of the tier quick" in capsys.readouterr().err
    assert cli.main(["calibrate", str(folder), "--resume", str(folder)]) == 2


def test_an_appendix_of_a_report(tmp_path: Path) -> None:
    report = pytest.importorskip("assaylib.report")
    pytest.importorskip("jinja2")
    main = synthetic.write_run(tmp_path / "main", *synthetic.make_run("quick", rounds=6, kinds=("codec",)))
    folder = synthetic.write_run(tmp_path / "calibration", *simulated(groups=1))
    page = report.render(main, [folder]).with_name("report.md").read_text("utf-8")
    assert "Does the method cry wolf" in page
    assert "17 comparisons of equals, 200 are needed" in page
    assert report.hashes(folder)[1].sha256 in page
    # Page one says it, too, and that it does not hold; and what it is worth elsewhere.
    assert "✗ **Calibrated**: run" in page
    facts, lines = simulated(groups=1)
    facts["environment"]["cpu"] = "another"
    other = calibrate.read(synthetic.write_run(tmp_path / "other", facts, lines), judge.judge(*synthetic.make_run(kinds=())).run)
    assert [difference.partition(":")[0] for difference in other.apart] == ["environment.cpu"]
    assert "Not of the same machine or build**: environment.cpu: " in str(report.sections.calibrated.section(other, []))


def test_every_report_has_its_own_in_short(tmp_path: Path) -> None:
    report = pytest.importorskip("assaylib.report")
    pytest.importorskip("jinja2")
    facts, lines = synthetic.make_run("standard", rounds=12, kinds=("codec", "service"))
    folder = synthetic.write_run(tmp_path / "run", facts, lines)
    page = report.render(folder).with_name("report.md").read_text("utf-8")
    assert "! **Calibrated**: no long calibration of this machine was given" in page
    (row,) = [line for line in page.splitlines() if line.startswith("| same code | ")]
    # Eight codec families, and three services in two metrics, which compare.py has nothing of.
    assert row.split(" | ")[1] == "14" and re.search(r"\| \d \([\d.]+ %\) \|$", row)


def test_the_real_thing_begins(assay: Assay, tmp_path: Path, build: Path) -> None:
    """Members and slow-downs of a real run of the tier; its length is not for a test."""
    if not (build / "bench" / "codec_bench").exists():
        pytest.skip("codec_bench is not built")
    done = assay("run", "--tier", "calibrate", "--dry-run", "--only", "codec/ack")
    assert done.returncode == 0
    assert "codec/ack/encode         300 rounds" in done.stdout
