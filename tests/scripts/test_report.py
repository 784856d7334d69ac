# SPDX-License-Identifier: MIT
"""The report: the same bytes whatever the locale, self-contained, and plain about what is missing."""

from __future__ import annotations

import hashlib
import html.parser
import json
import math
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

pytest.importorskip("jinja2")

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
sys.path.insert(0, str(SCRIPTS))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import synthetic  # noqa: E402
from assaylib import check, judge, report, words  # noqa: E402


def hashes(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def standard(tmp_path_factory):
    folder = synthetic.write_run(
        tmp_path_factory.mktemp("run") / "standard", *synthetic.make_run(count=8)
    )
    report.render(folder)
    return folder


def rendered(folder: Path, *args, **kwargs) -> str:
    """The Markdown of a synthetic run."""
    report.render(synthetic.write_run(folder, *synthetic.make_run(*args, count=6, **kwargs)))
    return (folder / "report.md").read_text("utf-8")


# The locales need not be installed: what must not change the bytes is asking for them.
@pytest.mark.parametrize(
    "zone, locale, seed",
    [
        ("Asia/Tokyo", "de_DE.UTF-8", "1"),
        ("America/Caracas", "tr_TR.UTF-8", "2"),
        ("UTC", "C", "random"),
    ],
)
def test_the_same_bytes_whatever_the_time_zone_and_locale(standard, zone, locale, seed):
    before = hashes(standard)
    for path in standard.glob("report.*"):
        path.unlink()
    environment = {
        **os.environ,
        "TZ": zone,
        "LC_ALL": locale,
        "LANG": locale,
        "PYTHONHASHSEED": seed,
        "COLUMNS": "40",
    }
    code = (
        "import locale, sys\ntry: locale.setlocale(locale.LC_ALL, '')\nexcept locale.Error:"
        " pass\nfrom assaylib import report; sys.exit(report.main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(standard)],
        env={**environment, "PYTHONPATH": str(SCRIPTS)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(standard / "report.html")
    assert hashes(standard) == before


class Page(html.parser.HTMLParser):
    """Collects references, tags and unclosed elements."""

    VOID = {"meta", "col", "br", "link", "img", "path", "rect", "circle"}

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.references: list[str] = []
        self.ids: list[str] = []
        self.svgs: list[dict[str, str | None]] = []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        named = dict(attributes)
        self.references += [named[k] for k in ("href", "src", "xlink:href", "data") if named.get(k)]
        self.ids += [named["id"]] if "id" in named else []
        if tag == "svg":
            self.svgs.append(named)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes <{self.open[-1:]}>"
        self.open.pop()


def test_the_page_is_self_contained(standard):
    text = (standard / "report.html").read_text("utf-8")
    page = Page()
    page.feed(text)
    assert not page.open
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    assert all(
        reference.startswith("#") and reference[1:] in page.ids for reference in page.references
    )
    assert len(page.ids) == len(set(page.ids))
    assert "url(" not in text and "@import" not in text and "@font-face" not in text
    assert set(re.findall(r"https?://[^\"' <]+", text)) <= {"http://www.w3.org/2000/svg"}
    assert len(text.encode()) < 3_000_000
    assert "prefers-color-scheme:dark" in text and "@media print" in text


def test_every_picture_speaks_and_stands_alone(standard):
    page = Page()
    page.feed((standard / "report.html").read_text("utf-8"))
    files = sorted(standard.glob("*.svg"))
    names = {f.stem for f in files}
    assert names == {
        "forest-codec",
        "forest-model",
        "forest-service",
        "codec-time",
        "wire-time",
        "service-cost",
        "rounds-codec",
        "rounds-model",
        "rounds-service",
    }
    assert len(page.svgs) == len(files)
    for svg in page.svgs:
        assert svg["role"] == "img"
        assert all(label in page.ids for label in svg["aria-labelledby"].split())
    space = "{http://www.w3.org/2000/svg}"
    for file in files:
        root = ElementTree.parse(file).getroot()
        assert root.find(f"{space}title").text and len(root.find(f"{space}desc").text) > 40
        width, height = map(float, root.get("viewBox").split()[2:])
        for text in root.iter(f"{space}text"):
            assert 0 <= float(text.get("x")) <= width and 0 <= float(text.get("y")) <= height
        for dot in root.iter(f"{space}circle"):
            assert 0 <= float(dot.get("cx")) <= width


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
    assert "but 1 of 276 processes do not count" in text


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
    assert "not resolved for 1 of 1 workload (differs from 1, but not shown to be by δ or more)" in text
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


def test_a_folder_that_cannot_be_written_is_named(tmp_path, capsys, monkeypatch):
    folder = synthetic.write_run(tmp_path, *synthetic.make_run(count=4, rounds=2, kinds=("codec",)))

    def full(self, data):
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_bytes", full)
    assert report.main([str(folder)]) == 2
    error = capsys.readouterr().err
    assert error == f"assay: report: {folder}: cannot write there: No space left on device\n"
    assert not list(folder.glob("*.tmp"))


def test_a_fixed_run_says_what_was_worked_out_apart(tmp_path):
    """data/small came from synthetic.make_run(seed=3, count=3, rounds=8), three families of it. Its
    ratios were worked out by plain loops over the file, not by the judge: sorted process values of
    protobuf_c 18.427 … 19.064, 19.270 … 19.668, so the median is 19.167 and, with 8 rounds at
    97.5 %, the interval is the smallest and the largest."""
    for name in ("run.json", "samples.jsonl"):
        (tmp_path / name).write_bytes(
            (Path(__file__).parent / "data" / "small" / name).read_bytes()
        )
    report.render(tmp_path)
    text = (tmp_path / "report.md").read_text("utf-8").replace(words.SPACE, " ")
    assert (
        "protobuf-c encodes `order` 19.2 × as fast as cJSON (simultaneous 95 % interval 18.4 to"
        " 19.7, 8 processes)"
        in text
    )
    assert "msgpack-c encodes 20.5 × as fast as cJSON (19.1 to 22.9)" in text
    assert (
        "event_loop serves 1.36 × the requests per CPU second of thread_pool (simultaneous 95 %"
        " interval 1.30 to 1.44, 8 rounds)"
        in text
    )
    assert "▲ faster, at least 18.4 × as fast" in text
    assert "▲ cheaper, at least 1.30 × the requests per CPU second" in text


def test_claims_are_rounded_against_themselves():
    assert words.floor(18.999, 1) == "18.9" and words.ceiling(1.0001, 2) == "1.01"
    assert words.span(0.99951, 1.00049, 3) == "0.999 to 1.001"
    assert words.fixed(1234567.4, 0) == f"1{words.SPACE}234{words.SPACE}567"
    assert words.fixed(-0.0001, 2) == "0.00" and words.fixed(-1.5, 1) == f"{words.MINUS}1.5"
    low = judge.Comparison(
        "f", "m", "time_ns", "b", judge.Estimate.of([0.0499] * 8, 0.05), judge.BETTER
    )
    assert words.verdict(low, 0.03) == f"faster, at least 1.051{words.SPACE}× as fast"
    slow = judge.Comparison(
        "f", "m", "time_ns", "b", judge.Estimate.of([-1.2] * 8, 0.05), judge.WORSE
    )
    assert words.verdict(slow, 0.03) == f"slower, takes at least 3.32{words.SPACE}× the time"


@pytest.mark.parametrize(
    "metric, verdict, ends, said",
    [
        ("time_ns", judge.BETTER, (1.2566, 1.9), "faster, at least 1.25 × as fast"),
        ("time_ns", judge.BETTER, (5.679, 6), "faster, at least 5.67 × as fast"),
        ("time_ns", judge.WORSE, (0.451, 0.5177), "slower, takes at least 1.93 × the time"),
        ("cpu_ns_per_request", judge.WORSE, (0.4, 0.8), "dearer, takes at least 1.25 × the CPU"),
        ("closed_hz", judge.BETTER, (1.5, 1.7), "higher, reaches at least 1.50 × the throughput"),
        ("closed_hz", judge.WORSE, (0.4, 0.5177), "lower, reaches at most 0.518 × the throughput"),
    ],
)
def test_one_form_for_every_verdict(metric, verdict, ends, said):
    import math

    values = [math.log(ends[0] + (ends[1] - ends[0]) * i / 5) for i in range(6)]
    found = judge.Comparison("f", "m", metric, "b", judge.Estimate.of(values, 0.05), verdict)
    assert words.verdict(found, 0.03).replace(words.SPACE, " ") == said


def test_a_test_that_rejects_is_not_denied_where_the_interval_holds_one():
    """Holm steps down: its p may be below 0.05 where the simultaneous interval still holds 1."""
    values = [-0.1, *(0.1 + 0.1 * i for i in range(11))]
    wide = judge.Estimate.of(values, 0.05 / 40)
    found = judge.Comparison("f", "m", "time_ns", "b", wide, judge.UNRESOLVED, p_holm=0.0469)
    said = words.verdict(found, 0.03)
    assert "Holm's test alone tells it from 1, the wider simultaneous interval does not" in said
    assert "could not have been told from none" not in said and "no claim is made" in said
    found.p_holm = 0.06
    assert "could not have been told from none" in words.verdict(found, 0.03)
    few = judge.Estimate.of([0.5] * 6, 0.05 / 4)
    found = judge.Comparison("f", "m", "time_ns", "b", few, judge.NO_INTERVAL, p_holm=0.0312)
    said = words.verdict(found, 0.03)
    assert said.startswith("no interval: 6 of 8 rounds needed; Holm's test alone tells it from 1")
    found.p_holm = 0.06
    assert words.verdict(found, 0.03) == "no interval: 6 of 8 rounds needed"


def test_claims_of_several_payloads_have_one_form(standard):
    text = (standard / "report.md").read_text("utf-8").replace(words.SPACE, " ")
    assert "by at least" not in text and "as long" not in text
    assert re.search(r"encodes faster for 4 of 4 payloads \(at least [\d.]+ to [\d.]+ × as fast\)", text)
    assert "medians mix processes" in text


def test_whose_pairs_ran_side_by_side_is_said_per_kind(standard):
    text = (standard / "report.md").read_text("utf-8")
    inside, after = "blocks that alternated inside one process", "one after another, seconds apart"
    services = text.split("## Services over sockets")[1].split("## Calibration")[0]
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
    report.render(synthetic.write_run(tmp_path, run, lines))
    text = (tmp_path / "report.md").read_text("utf-8").replace(words.SPACE, " ")
    assert text.count("Latency of fast and of heavy requests apart") == 1
    table = text.split("Latency of fast and of heavy requests apart")[1].split("*p50 and p99")[0]
    assert table.count("| 101 | 202 | 1 500 | 3 000 |") == 3
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
    assert text.count("does not make them independent of it") == 3  # answer, check, method
    latency = text.split("### rpc")[1].split("Latency at the fixed rate")[1].split("*p50 and p99")[0]
    ratios = text.split("### rpc")[1].split("*p50 and p99 against thread_pool")[1].split("*Closed")[0]
    assert ratios.count("† the machine's (") == 3 and "Described, not judged" in ratios
    assert "; 96 of 96 lag gates failed and marked tails" in text and "✓ **Gates**" not in text
    rows = [line for line in latency.splitlines() if line.startswith("| ") and "_" in line]
    assert rows and all(row.count("†") == 2 for row in rows)
    assert "the generator itself sent late" in latency and "8.2 (limit 0.1) in 8 of 8" in latency


def test_a_late_generator_is_no_matter_without_tails(tmp_path):
    run, lines = synthetic.make_run(tier="quick", rounds=10, count=6)
    late(lines)
    report.render(synthetic.write_run(tmp_path, run, lines))
    text = (tmp_path / "report.md").read_text("utf-8")
    assert "Read with care" not in text and "†" not in text and "✓ **Gates**" in text
    assert re.search(r"generator's lag p99 ÷ p50 \|.* 8\.200 .*\| not applicable \|", text)


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
    )[1].split("## Calibration")[0].replace("lag p99", "")
    assert "6 of 8 rounds needed" in text


def test_a_single_round_claims_nothing(tmp_path):
    text = rendered(tmp_path, tier="smoke", rounds=1, service_rounds=1)
    assert "No answer: 1 round with both members counted, an interval takes 7" in text
    assert "faster, at least" not in text and "equivalent within" not in text


def test_a_failed_gate_shows_its_figure_instead_of_a_number(tmp_path):
    text = rendered(tmp_path, fail_gate="actor")
    assert re.search(
        r"no number: achieved ÷ offered 0\.[89]\d* \(limit 0\.99\) in 8 of 8 rounds", text
    )
    assert "✗ **Gates**" in text
    row = next(line for line in text.split("### cpu")[1].splitlines() if line.startswith("| actor"))
    assert "withheld" in row


@pytest.mark.parametrize(
    "kind, absent",
    [
        ("codec", "No service was part of this run"),
        ("model", "No codec was part of this run"),
        ("service", "No model was measured in process"),
    ],
)
def test_a_part_of_a_run_says_what_is_missing(tmp_path, kind, absent):
    text = rendered(tmp_path, kinds=(kind,))
    assert absent in text and "not part of this run" in text


def test_an_empty_run_still_renders(tmp_path):
    run, _ = synthetic.make_run(count=4, rounds=2, service_rounds=2)
    report.render(synthetic.write_run(tmp_path / "planned", run, []))
    text = (tmp_path / "planned" / "report.md").read_text("utf-8")
    assert "no samples at all of" in text and "was not measured" in text
    run["families"], run["build"] = [], {}
    report.render(synthetic.write_run(tmp_path / "empty", run, []))
    text = (tmp_path / "empty" / "report.md").read_text("utf-8")
    assert "nothing to answer" in text and "✗ **Build**" in text


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


@pytest.mark.parametrize(
    "content, said",
    [
        (None, "no run.json"),
        ("{", "not JSON"),
        ('{"schema": 9}', "not a run of schema 1"),
        ("[]", "not a run of schema 1"),
        ('{"schema": 1}', "run.json: lacks id, tier, seed, commit, created, margin_percent, build,"),
    ],
)
def test_a_run_that_cannot_be_read_is_one_line(tmp_path, capsys, content, said):
    if content is not None:
        (tmp_path / "run.json").write_text(content)
    assert report.main([str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("assay: report") and said in error and error.count("\n") == 1
    assert not (tmp_path / "report.html").exists()


def test_families_that_are_none_are_named(tmp_path, capsys):
    run, _ = synthetic.make_run(count=4, rounds=2, kinds=("codec",))
    del run["families"][1]["members"]
    assert report.main([str(synthetic.write_run(tmp_path, run, []))]) == 2
    assert "run.json: families[1]: lacks members" in capsys.readouterr().err


def test_without_samples_there_is_no_report(tmp_path, capsys):
    run, lines = synthetic.make_run(count=4, rounds=2, kinds=("codec",))
    (synthetic.write_run(tmp_path, run, lines) / "samples.jsonl").unlink()
    assert report.main([str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "samples.jsonl: missing" in error and error.count("\n") == 1
    assert not (tmp_path / "report.html").exists()


def test_a_run_is_no_other_session_of_its_own(tmp_path, capsys):
    run, lines = synthetic.make_run(count=4, rounds=2, kinds=("codec",))
    folder = synthetic.write_run(tmp_path / "run", run, lines)
    copy = synthetic.write_run(tmp_path / "copy", run | {"id": "copy"}, lines)
    for other in (folder, tmp_path / "copy" / ".." / "run", copy):
        assert report.main([str(folder), "--with", str(other)]) == 2
        assert "no other session" in capsys.readouterr().err


def test_check_and_report_leave_out_the_same_lines(tmp_path):
    run, lines = synthetic.make_run(count=4, rounds=8, kinds=("codec",))
    folder = synthetic.write_run(tmp_path, run, lines)
    rows = (folder / "samples.jsonl").read_text().splitlines()
    rows[4], rows[9] = '{"half', '{"schema": 1, "kind": "codec"}'
    (folder / "samples.jsonl").write_text("\n".join([*rows, "[]"]) + "\n")
    report.render(folder)
    text = (folder / "report.md").read_text("utf-8")
    against, notes = check.review(folder)
    last = len(rows) + 1
    for where in ("samples.jsonl:5: not JSON", "samples.jsonl:10: lacks", f"samples.jsonl:{last}: not a"):
        assert where in text and [note for note in notes if where in note]
    assert [said for said in against if f"incomplete: {len(lines) - 2} of" in said]


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


def test_raw_data_is_not_touched(standard):
    before = json.loads((standard / "run.json").read_text())
    report.render(standard)
    assert json.loads((standard / "run.json").read_text()) == before
