# SPDX-License-Identifier: MIT
"""What follows page one: who is held against whom, what is described, what is marked and withheld."""

from __future__ import annotations

import hashlib
import math
import re

import pytest

pytest.importorskip("jinja2")

import conftest  # noqa: E402, F401: the path
import synthetic  # noqa: E402
from assaylib import checks_rounds, judge, report, words  # noqa: E402
from pages import rendered  # noqa: E402


def test_latency_is_described_with_ordinary_intervals(standard):
    """p50 and p99 against the baseline, worked out here by a plain loop, at 95 % each."""
    text = (standard / "report.md").read_text("utf-8").replace(words.SPACE, " ")
    _, lines = synthetic.make_run(count=8)
    ratios = []
    for number in range(8):
        of = {l["member"]: l["metrics"]["p99_ns"] for l in lines if l["family"] == "service/rpc" and l["round"] == number}
        ratios.append(of["thread_pool"] / of["event_loop"])
    ratios.sort()
    row = next(
        line
        for line in text.split("### rpc")[1].split("*p50 and p99 against")[1].splitlines()
        if line.startswith("| event_loop")
    )
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert abs(float(cells[4]) - (ratios[3] * ratios[4]) ** 0.5) < 0.001
    assert cells[5] == words.span(ratios[0], ratios[-1], 3, "–") and cells[1] == "8"


def test_whose_pairs_ran_side_by_side_is_said_per_kind(standard):
    text = (standard / "report.md").read_text("utf-8")
    inside, after = "blocks that alternated inside one process", "one after another, seconds apart"
    services = text.split("## Services over sockets")[1].split("## Scenarios under load")[0]
    models = text.split("## Models in process")[1].split("## Services over sockets")[0]
    assert after in services and inside not in services
    assert inside in models and after not in models
    assert "side by side and are the claim" not in text


def test_a_ratio_that_slides_carries_both_numbers(tmp_path):
    run, lines = synthetic.make_run(count=6, rounds=12, kinds=("codec",))
    for line in lines:
        if line["family"] == "codec/ack/encode":
            slow = 0.05 * line["round"] * (0.5 if line["member"] == "protobuf_c" else 1)
            line["metrics"]["time_ns"] *= math.exp(slow)
            line["repetitions"] = [[slot, ns * math.exp(slow)] for slot, ns in line["repetitions"]]
    report.render(synthetic.write_run(tmp_path, run, lines))
    text = (tmp_path / "report.md").read_text("utf-8").replace(words.SPACE, " ")
    rows = [row for row in text.splitlines() if "protobuf-c" in row and "§" in row]
    assert any(re.search(r"\| [\d.]+ § \|.*at least.*\(§ [\d.]+ × where the machine ran fast", row) for row in rows)
    stable = next(row for row in text.splitlines() if "**Stable**" in row)
    assert stable.startswith("- !") and "widest in codec/ack/encode/protobuf_c" in stable
    assert "§ the ratio slides with the machine's speed" in text and "not immune" in text


def test_what_a_request_took_stands_beside_its_time(tmp_path):
    """Wake-ups, messages, switches and system calls of each model, in process and over sockets; and
    the time of a message where requests are made of them."""
    run, lines = synthetic.make_run(count=4, rounds=8, kinds=("model", "service"))
    for family in run["families"]:
        if family["id"] == "model/ring":
            family["id"], family["load"] = "model/count", {"messages": 100}
    for line in lines:
        line["case"] = line["case"].replace("model/ring/", "model/count/")
        line["family"] = line["family"].replace("model/ring", "model/count")
        if line["kind"] == "model":
            line["metrics"] |= {
                "turns_per_request": 7.125,
                "messages_per_request": 1.25,
                "wakeups_per_request": 0.0625,
                "syscalls_per_request": 0.5,
                "context_switches_per_request": 0.375,
                "cpu_ns_per_request": 4321.0,
            }
        else:
            line["metrics"]["syscalls_per_request"] = 3.25
        if line["family"] == "model/count" and line["member"] == "actor":
            line["metrics"]["time_ns"] = 12340.0
    report.render(synthetic.write_run(tmp_path, run, lines))
    text = (tmp_path / "report.md").read_text("utf-8").replace(words.SPACE, " ")
    table = text.split("*What a request took besides time")[1].split("## Services over sockets")[0]
    rows = {row.split("|")[2].strip(): row for row in table.split("| count |")[1].splitlines() if "|" in row}
    assert " 7.12 | 1.25 | 0.06 | 0.38 | 0.50 | 4 321 | 123.4 |" in rows["actor"]
    echo = table.split("| echo |")[1].split("| rpc |")[0]
    assert "4 321 |  |" in echo, "its requests are no messages"
    served = text.split("### rpc")[1].split("*Closed loop")[0]
    header = next(line for line in served.splitlines() if line.startswith("| model |"))
    for column in ("context switches", "turns", "messages", "wake-ups", "system calls"):
        assert f" {column} |" in header
    assert "| 3.25 |" in next(line for line in served.splitlines() if line.startswith("| event_loop"))


def test_fast_requests_among_heavy_ones_have_a_row_of_their_own(tmp_path):
    run, lines = synthetic.make_run(count=4, rounds=8, kinds=("service",))
    for family in run["families"]:
        if family["id"] == "service/cpu":
            family["load"]["heavy_percent"] = 10
    for line in lines:
        if line["family"] == "service/cpu":
            line["metrics"] |= {"fast_p50_ns": 101e3, "fast_p99_ns": 202e3, "heavy_p50_ns": 1.5e6, "heavy_p99_ns": 3e6}
    for folder, row in ((tmp_path / "calm", "| 101 | 202 | 1 500 | 3 000 |"), (tmp_path / "late", "| 101 † | 202 † | 1 500 † | 3 000 † |")):
        if folder.name == "late":
            late(lines)
        report.render(synthetic.write_run(folder, run, lines))
        text = (folder / "report.md").read_text("utf-8").replace(words.SPACE, " ")
        assert text.count("Latency of fast and of heavy requests apart") == 1
        table = text.split("Latency of fast and of heavy requests apart")[1].split("*p50 and p99")[0]
        assert table.count(row) == 3
        assert "10 % of the requests are heavy" in text


def late(lines):
    for line in lines:
        if line["kind"] == "service":
            line["gates"]["lag_p99_over_p50"].update(value=8.2, ok=False)


def test_a_late_generator_marks_the_tail_and_does_not_shout(tmp_path):
    run, lines = synthetic.make_run(count=6)
    late(lines)
    report.render(synthetic.write_run(tmp_path, run, lines))
    text = (tmp_path / "report.md").read_text("utf-8").replace(words.SPACE, " ")
    assert "Read with care" not in text and "✗" not in text and "withheld" not in text
    assert text.count("Tails on this machine are the machine's") == 1
    assert "do not depend" not in text and "throughput stand" not in text
    assert text.count("does not make them independent of it") == 1  # the method; others name it
    latency = text.split("### rpc")[1].split("Latency at the fixed rate")[1].split("*p50 and p99")[0]
    ratios = text.split("### rpc")[1].split("*p50 and p99 against thread_pool")[1].split("*Closed")[0]
    assert ratios.count("† the machine's (") == 3 and "Described, not judged" in ratios
    assert "; 96 of 96 lag gates failed and marked tails" in text and "✓ **Gates**" not in text
    rows = [line for line in latency.splitlines() if line.startswith("| ") and "_" in line]
    assert rows and all(row.count("†") == 4 for row in rows), "p50, p99, p99.9 and the longest"
    assert "the generator itself was late" in latency and "8.2 (limit 0.1) in 8 of 8" in latency


def test_a_late_generator_is_no_matter_without_tails(tmp_path):
    run, lines = synthetic.make_run(tier="quick", rounds=10, count=6)
    late(lines)
    report.render(synthetic.write_run(tmp_path, run, lines))
    text = (tmp_path / "report.md").read_text("utf-8")
    assert "Read with care" not in text and "†" not in text and "✓ **Gates**" in text
    assert re.search(r"generator's lag p99 ÷ p50 \|.* 8\.200 .*\| not applicable \|", text)


def test_a_service_downstream_at_its_limit_is_no_late_generator(tmp_path):
    run, lines = synthetic.make_run(count=6, kinds=("service",))
    for line in lines:
        line["gates"]["saturated"] = {"value": "downstream", "limit": "", "scope": "tail", "ok": False}
    report.render(synthetic.write_run(tmp_path, run, lines))
    text = (tmp_path / "report.md").read_text("utf-8").replace(words.SPACE, " ")
    assert "in `rpc`, `cpu` and `call` the rig was at its limit or near it" in text
    assert text.count("the generator itself was late") == 1, "the method's"
    latency = text.split("### rpc")[1].split("Latency at the fixed rate")[1].split("*p50 and p99")[0]
    assert latency.count("†") > 1 and "saturated at the fixed rate downstream in 8 of 8 rounds" in latency
    assert "the rig was at its limit or near it in 12 cases: latencies there are shown, marked" in text


def test_only_the_lag_gate_is_counted_as_one():
    run, lines = synthetic.make_run(count=6, kinds=("service",))
    late(lines)
    for line in lines:
        line["gates"]["saturated"] = {"value": "server", "limit": "", "scope": "tail", "ok": True}
        line["gates"]["open_rig_share"] = {"value": 0.3, "limit": 0.8, "scope": "tail", "ok": True}
    (check,) = checks_rounds.gates(judge.judge(run, lines))
    assert "; 96 of 96 lag gates failed and marked tails" in check.text


def test_quick_makes_no_claims_about_tails(tmp_path):
    run, lines = synthetic.make_run(tier="quick", rounds=10, service_rounds=6, count=6)
    for line in lines:
        if line["kind"] == "service":
            line["metrics"] |= {"p50_ns": 123456789, "p99_ns": 987654321}
    report.render(synthetic.write_run(tmp_path, run, lines))
    text = (tmp_path / "report.md").read_text("utf-8")
    assert "makes no claims about tails" in text
    assert "987" + words.SPACE + "654" not in text and "p99" not in text.split(
        "## Services over sockets"
    )[1].split("## Scenarios under load")[0].replace("lag p99", "")
    assert "6 of 8 rounds needed" in text


def test_a_failed_gate_shows_its_figure_instead_of_a_number(tmp_path):
    text = rendered(tmp_path, fail_gate="actor")
    assert re.search(
        r"no number: achieved ÷ offered 0\.[89]\d* \(limit 0\.99\) in 8 of 8 rounds", text
    )
    assert "✗ **Gates**" in text
    row = next(line for line in text.split("### cpu")[1].splitlines() if line.startswith("| actor"))
    assert "withheld" in row


def test_another_session_is_named_with_its_hashes(tmp_path):
    run, lines = synthetic.make_run(count=6, rounds=8, kinds=("codec",))
    ours = synthetic.write_run(tmp_path / "monday", run, lines)
    other = [
        (
            {**l, "repetitions": [[s, ns * 1.5] for s, ns in l["repetitions"]]}
            if l["member"] == "msgpack_c"
            else l
        )
        for l in lines
    ]
    theirs = synthetic.write_run(tmp_path / "tuesday", {**run, "id": "tuesday"}, other)
    report.render(ours, with_runs=[theirs])
    text = (ours / "report.md").read_text("utf-8")
    assert "not reproducible: run tuesday disagrees" in text
    assert hashlib.sha256((theirs / "samples.jsonl").read_bytes()).hexdigest() in text


def test_facts_of_any_shape_are_shown(tmp_path):
    run, lines = synthetic.make_run(count=6, rounds=8, kinds=("codec",))
    run["environment"] = {
        "cpu": {
            "model": "A <b>CPU</b>",
            "architecture": "aarch64",
            "threads": 4,
            "caches": {"L1d": "32K"},
        },
        "cpus_allowed": [0, 1],
        "turbo": None,
        "mitigations": {},
    }
    report.render(synthetic.write_run(tmp_path, run, lines))
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "A &lt;b&gt;CPU&lt;/b&gt; (aarch64), 4 logical CPUs" in page
    assert "cpu.caches.L1d" in page
