# SPDX-License-Identifier: MIT
"""Page one: what it claims, what it says of the run that it rests on, and of what is not there."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

pytest.importorskip("jinja2")

import conftest  # noqa: E402, F401: the path
import synthetic  # noqa: E402
from assaylib import judge, report, standings, words  # noqa: E402
from pages import rendered  # noqa: E402


def test_page_one_answers_with_intervals_and_says_what_it_rests_on(standard):
    text = (standard / "report.md").read_text("utf-8").replace(words.SPACE, " ")
    run, lines = synthetic.make_run(count=8)
    order = next(f for f in judge.judge(run, lines).families if f.id == "codec/order/encode")
    e = order.compared("protobuf_c", "time_ns").estimate
    assert (
        f"encodes {words.ratio(pow(2.718281828459045, e.median))} × as fast as cJSON"
        f" ({words.interval(e)})"
        in text
    )
    assert "simultaneous 95 % interval" in text and "15 processes" in text
    assert "These are libraries, not formats." in text
    assert "not separated" in text and "not resolved here" in text
    for name in ("run.json", "samples.jsonl"):
        assert hashlib.sha256((standard / name).read_bytes()).hexdigest() in text
    assert (
        "seed 7" in text and run["commit"] in text and "scripts/assay run --tier standard" in text
    )
    assert "intervals (95 %) exclude 1; chance allows" in text
    assert "1 of 276 processes" in text
    assert "Read with care" not in text
    assert "cJSON changes 931 of 5 760 values of `telemetry`" in text
    assert "4 threads ÷ 5 ms = 800/s" in text
    assert "‡" in text
    assert "96 lag gates failed and marked tails" in text
    assert "so that all of one family in both metrics hold together at 95 %" in text
    assert "no claim lies inside a family's own A/A spread" in text
    assert "Only ratios were tested; absolute figures of the baselines swung by up to" in text
    assert re.search(r"all \d+ planned rounds were run, in one go, but not all count \(Discarded\)", text)


def test_a_difference_that_straddles_the_margin_is_not_denied(tmp_path):
    """3.5 % more speed, seen to a few tenths, against a margin of 3 % that A/A does not raise."""
    run, lines = synthetic.make_run(count=40, rounds=15, kinds=("model",))
    for family in run["families"]:
        family["aliases"].pop("thread_pool.copy")
    blocks = {(l["family"], l["round"]): l["repetitions"] for l in lines if l["member"] == "thread_pool"}
    for line in lines:
        if line["case"] in ("model/rpc/event_loop", "model/rpc/thread_pool.same"):
            wobble = 1 + 0.002 * (line["round"] % 5 - 2)
            share = 0.972 if line["member"] == "event_loop" else 1
            base = blocks[line["family"], line["round"]]
            line["repetitions"] = [[slot, ns * share * wobble] for slot, ns in base]
    lines = [l for l in lines if l["family"] == "model/rpc"]
    run["families"] = [f for f in run["families"] if f["id"] == "model/rpc"]
    family = judge.judge(run, lines).families[0]
    found = family.compared("event_loop", "time_ns")
    assert family.delta == 0.03 and found.verdict == judge.UNRESOLVED and found.straddles
    report.render(synthetic.write_run(tmp_path, run, lines))
    text = (tmp_path / "report.md").read_text("utf-8").replace(words.SPACE, " ")
    said = "differs from 1, but not shown to be by 3 % or more, nor by less"
    assert f"○ not resolved here: {said}" in text and f"; {said})" in text
    assert "not resolved for `rpc` (differs from 1, but not shown to be by δ or more)" in text
    assert "could not have been told from none" not in text.split("| event_loop")[1].split("\n")[0]
    svg = (tmp_path / "forest-model.svg").read_text("utf-8")
    assert "holds 1, or lies across" in svg


QUIET = {
    "busy_percent": 0.4,
    "busy_percent_max": 10.0,
    "steal_percent": 1.25,
    "steal_percent_max": 5.0,
    "load1": 0.31,
    "held": True,
}


@pytest.mark.parametrize(
    "quiet, stolen, mark, said",
    [
        (QUIET, 0.3, "✓", "quiet when the run began: the quiet check saw other programs at 0.40 %"),
        (QUIET, 5.03, "!", "not quiet throughout when the run began: the quiet check saw"),
        (None, 0.3, "!", "not known to have been quiet when the run began: what the quiet check saw"),
        (None, 5.03, "!", "not quiet throughout"),
        (QUIET, None, "!", "not known to have been quiet"),
    ],
)
def test_quiet_is_said_only_if_both_looks_held(tmp_path, quiet, stolen, mark, said):
    run, lines = synthetic.make_run(count=6, rounds=8, kinds=("codec",))
    run["quiet"], run["machine"]["steal_percent"] = quiet, stolen
    report.render(synthetic.write_run(tmp_path, run, lines))
    text = (tmp_path / "report.md").read_text("utf-8").replace(words.SPACE, " ")
    assert f"- {mark} **Environment**: {said}" in text
    assert stolen is None or f"took {stolen:.2f} % (limit 5 %)" in text


def test_a_fixed_run_says_what_was_worked_out_apart(tmp_path):
    """data/small came from synthetic.make_run(seed=3, count=3, rounds=8), three families of it. Its
    ratios were worked out by plain loops over the file, not by the judge: sorted process values of
    protobuf_c 18.694 … 19.065, 19.102 … 20.036, so the median is 19.083 and, with 8 rounds at
    97.5 %, the interval is the smallest and the largest."""
    for name in ("run.json", "samples.jsonl"):
        (tmp_path / name).write_bytes(
            (Path(__file__).parent / "data" / "small" / name).read_bytes()
        )
    report.render(tmp_path)
    text = (tmp_path / "report.md").read_text("utf-8").replace(words.SPACE, " ")
    assert (
        "protobuf-c encodes `order` 19.1 × as fast as cJSON (simultaneous 95 % interval 18.6 to"
        " 20.1, 8 processes)"
        in text
    )
    assert "msgpack-c encodes 21.1 × as fast as cJSON (19.6 to 23.1)" in text
    assert (
        "event_loop serves 1.36 × the requests per CPU second of thread_pool (simultaneous 95 %"
        " interval 1.30 to 1.44, 8 rounds)"
        in text
    )
    assert "▲ faster, at least 18.6 × as fast" in text
    assert "▲ cheaper, at least 1.30 × the requests per CPU second" in text


def test_claims_of_several_payloads_have_one_form(standard):
    text = (standard / "report.md").read_text("utf-8").replace(words.SPACE, " ")
    assert "by at least" not in text and "× as long" not in text
    end = r"[\d.]+ × \(`\w+`: [\d.]+ × \[[\d.]+, [\d.]+\]\)"
    ends = rf"\(at least {end} to {end} as fast\)"
    assert re.search(rf"encodes faster for all 4 payloads {ends}", text)
    assert "medians mix processes" in text


def test_attempts_and_what_counts_are_said(tmp_path):
    run, lines = synthetic.make_run(kinds=("service",), service_rounds=12)
    for family in run["families"]:
        family["rounds"] = 10
    for line in lines:
        if line["case"] == "service/rpc/actor" and line["round"] in (3, 4):
            line["covariates"]["steal_percent"] = 20.0
    stopped = {"planned": 10, "run": 12, "counted": 10, "stopped": "all counted"}
    lines.append(
        {"schema": 1, "kind": "end", "families": {"service/rpc": stopped}, "process": None}
    )
    report.render(synthetic.write_run(tmp_path, run, lines))
    text = (tmp_path / "report.md").read_text("utf-8").replace(words.SPACE, " ")
    assert "service/rpc 12 rounds run, 10 count (all counted)" in text
    assert "2 of 144 processes" in text
    assert "service/rpc, round 3, actor: steal 20.0 %" in text


def test_a_single_round_claims_nothing(tmp_path):
    text = rendered(tmp_path, tier="smoke", rounds=1, service_rounds=1)
    said = "an interval takes 7 rounds that count for both sides of a comparison, and there is 1."
    assert f"**No answer:** {said}" in text
    assert "faster, at least" not in text and "equivalent within" not in text


@pytest.mark.parametrize(
    "kind, absent",
    [
        ("codec", "No models over sockets were part of this run"),
        ("model", "No codec was part of this run"),
        ("service", "No model was measured in process"),
    ],
)
def test_a_part_of_a_run_says_what_is_missing(tmp_path, kind, absent):
    text = rendered(tmp_path, kinds=(kind,))
    assert absent in text and "not part of this run" in text


def test_a_run_of_which_hardly_anything_is_there_still_renders(tmp_path):
    run, lines = synthetic.make_run(count=4, rounds=2, service_rounds=2)
    run["build"] = {}
    report.render(synthetic.write_run(tmp_path, run, lines[:1]))
    text = (tmp_path / "report.md").read_text("utf-8")
    assert "✗ **Complete**: **unfinished: 1 of 48 planned processes is there (`assay run --resume` goes on" in text
    assert "no samples at all of" in text and "was not measured" in text and "✗ **Build**" in text


def test_a_run_whose_processes_were_all_discarded_says_so(tmp_path):
    run, lines = synthetic.make_run(count=4, rounds=8)
    for line in lines:
        line["covariates"]["steal_percent"] = 60.0
    report.render(synthetic.write_run(tmp_path, run, lines))
    text = (tmp_path / "report.md").read_text("utf-8").replace(words.SPACE, " ")
    for untrue in (
        "no family holds its baseline twice",
        "No family held its baseline twice",
        "no service process recorded its validity gates",
        "no samples at all of",
        "There are no samples of this family",
        "no drift over the rounds",
        "✓ **Stable**",
    ):
        assert untrue not in text
    assert "15 families hold their baseline twice, but no process counts" in text
    assert "no service process counts (96 discarded)" in text
    assert "! **Stable**: nothing to test" in text
    assert "every process discarded, so that nothing counts, of codec/ack/encode" in text


def test_failed_lines_and_a_cut_file_are_said(tmp_path):
    run, lines = synthetic.make_run(count=6, rounds=8, kinds=("codec",))
    for line in lines:
        if line["case"] == "codec/ack/encode/protobuf_c":
            line.update(
                status="failed", reason="exit 1: <wrong> shape", metrics=None, repetitions=None
            )
    folder = synthetic.write_run(tmp_path, run, lines)
    with (folder / "samples.jsonl").open("a") as file:
        file.write('{"kind": "codec", "fam')
    report.render(folder)
    text = (folder / "report.md").read_text("utf-8")
    assert "8 samples failed: exit 1: <wrong> shape" in text and "the last line is incomplete" in text
    assert "exit 1: &lt;wrong&gt; shape" in (folder / "report.html").read_text("utf-8")


def test_forced_unfit_and_dirty_runs_say_so(tmp_path):
    run, lines = synthetic.make_run(count=6, rounds=8, kinds=("codec",))
    run |= {"forced": ["other programs use 80 % of the CPUs"], "dirty": True}
    run["build"] |= {"fit": False, "unfit": ["built with sanitizers (address)"]}
    report.render(synthetic.write_run(tmp_path, run, lines))
    text = (tmp_path / "report.md").read_text("utf-8")
    assert "✗ **Forced**: measured against advice: other programs use 80 % of the CPUs" in text
    assert "✗ **Build**: built with sanitizers (address)" in text and "uncommitted changes" in text
    assert "**Read with care: 2 checks did not hold** (Build and Forced;" in text


def test_ranks_that_disagree_are_a_sentence(tmp_path):
    run, lines = synthetic.make_run(count=6, kinds=("model", "service"))
    for line in lines:
        if line["case"] == "service/rpc/event_loop":
            line["metrics"]["cpu_ns_per_request"] *= 3
    report.render(synthetic.write_run(tmp_path, run, lines))
    text = (tmp_path / "report.md").read_text("utf-8")
    assert "**Ranks disagree.** `rpc`: event_loop against thread_pool is faster" in text


def test_who_cannot_be_ranked_is_said_to_be_so_for_the_pair_that_lacks_rounds() -> None:
    """Both have rounds enough with the baseline, and too few with each other."""
    run, lines = synthetic.make_run("quick", rounds=12, kinds=("codec",))
    gone = {"protobuf_c": range(5), "msgpack_c": range(5, 9)}
    kept = [line for line in lines if line["round"] not in gone.get(line["member"], ())]
    judged = judge.judge(run, kept)
    assert all(c.estimate and c.estimate.interval for f in judged.families for c in f.comparisons)
    rows = [[cell.text for cell in row] for row in standings.standings(judged).rows]
    assert rows and {row[3] for row in rows} == {"not to be ranked"}
    assert {row[6] for row in rows} <= {f"none: too few rounds with {m}" for m in ("protobuf-c", "msgpack-c")}
