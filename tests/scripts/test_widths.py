# SPDX-License-Identifier: MIT
"""Which intervals are as narrow as their tier wants them, and why others are not."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import synthetic
from assaylib import judge, makeup, widths

PLANNED = 12


def measured(spread: dict[str, float], stopped: dict[str, dict[str, Any]]) -> judge.Judgement:
    """Families of codecs whose processes differ by so much; stopped: what the run's last line says."""
    rng = random.Random(3)
    run, lines = synthetic.make_run("standard", kinds=())
    run["half_width"] = 0.01
    for id, between in spread.items():
        truth = {"cjson": 1000.0, "rival": 300.0, "cjson.same": 1000.0}
        plan = {
            "id": id, "kind": id.partition("/")[0], "title": id, "baseline": "cjson", "members": list(truth),
            "aliases": {"cjson.same": "same"}, "floors": {}, "rounds": PLANNED, "iterations": {}, "note": None,
        }  # fmt: skip
        lines += synthetic.micro_family(
            rng, run, plan, truth, rounds=PLANNED, count=5, noise=0.001, between=between, steal={i: 0.0 for i in range(PLANNED)}
        )
    end = {"schema": 1, "kind": "end", "families": stopped}
    return judge.judge(run, [*lines, end])


def said(judged: judge.Judgement) -> tuple[str, str]:
    (check,) = widths.check(judged)
    return check.state, check.text


def test_narrow_everywhere() -> None:
    state, text = said(measured({"codec/a/encode": 0.001, "model/b": 0.001}, {}))
    assert state == "good" and text == "every interval of 2 codec and in-process families is within ±1\u202f%"


@pytest.mark.parametrize(
    "told,why",
    [
        ({"stopped": makeup.TIME_BUDGET, "wanted": 40}, "the time was up after 12 of 40 rounds"),
        ({"stopped": makeup.WIDENED, "wanted": 48}, "12 rounds, 4 × the planned, are the most that it may take"),
        ({"stopped": makeup.WIDENED, "wanted": 20}, "12 rounds, as many as its first width took, came out wider"),
        ({"stopped": makeup.TIME_BUDGET, "wanted": 12}, "the time was up after 12 of 12 rounds that count"),
        ({}, "12 rounds"),
    ],
)
def test_a_wide_one_is_named_with_its_reason(told: dict[str, Any], why: str) -> None:
    state, text = said(measured({"codec/a/encode": 0.001, "model/b": 0.05}, {"model/b": told}))
    assert state == "note"
    assert text.startswith("the intervals of 1 of 2 codec and in-process families are within ±1\u202f%; the widest")
    assert "model/b (rival ±" in text and text.endswith(f": {why})")


def test_a_machine_whose_speed_swings_is_named() -> None:
    _, text = said(measured({"model/b": 0.3}, {}))
    assert "12 rounds; cJSON's own time swung by " in text


def test_the_widest_come_first_and_not_all() -> None:
    spread = dict.fromkeys((f"codec/p{i}/encode" for i in range(7)), 0.02) | {"model/b": 0.9, "model/a": 0.2}
    _, text = said(measured(spread, {}))
    assert text.index("model/b") < text.index("model/a") and text.endswith("; 7 more under Where the time went")


def test_a_tier_that_wants_no_width_says_nothing() -> None:
    judged = measured({"model/b": 0.05}, {})
    judged.run["half_width"] = None
    assert widths.check(judged) == []


def test_services_are_another_matter(tmp_path: Path) -> None:
    run, lines = synthetic.make_run("standard", kinds=("service",))
    assert widths.check(judge.judge({**run, "half_width": 0.01}, lines)) == []


# --- Where the time went -------------------------------------------------------------------------


def spent_run(folder: Path) -> tuple[dict[str, list[str]], str, str]:
    """Two families of 12 planned rounds of 2 s: `a` makes up for one, `b` gets four because it is wide. The rows
    of the table by family, what stands above it, and the line of page one."""
    report = pytest.importorskip("assaylib.report")
    pytest.importorskip("jinja2")
    rng, (run, lines) = random.Random(4), synthetic.make_run("standard", kinds=())
    run["half_width"] = 0.01
    for id, between, rounds in (("codec/a/encode", 0.001, 13), ("model/b", 0.05, 16)):
        truth = {"cjson": 1000.0, "rival": 300.0, "cjson.same": 1000.0}
        plan = {
            "id": id, "kind": id.partition("/")[0], "title": id, "baseline": "cjson", "members": list(truth),
            "aliases": {"cjson.same": "same"}, "floors": {}, "rounds": PLANNED, "iterations": {}, "note": None,
        }  # fmt: skip
        steal = {i: 60.0 if (id, i) == ("codec/a/encode", 3) else 0.0 for i in range(rounds)}
        lines += synthetic.micro_family(
            rng, run, plan, truth, rounds=rounds, count=5, noise=0.001, between=between, steal=steal
        )
    for line in lines:
        line["seconds"] = 2.0
        line["started"] = f"2026-11-20T10:{40 if line['family'] == 'model/b' and line['round'] >= PLANNED else 10}:00Z"
    lines.append({"schema": 1, "kind": "aim", "started": "2026-11-20T10:30:00Z", "families": {"model/b": 48}})
    told = {
        "codec/a/encode": {"run": 13, "counted": 12, "wanted": 12, "stopped": makeup.NARROW},
        "model/b": {"run": 16, "counted": 16, "wanted": 48, "stopped": makeup.TIME_BUDGET},
    }
    lines.append({"schema": 1, "kind": "end", "seconds": 75.0, "families": told})
    report.render(synthetic.write_run(folder, run, lines))
    text = (folder / "report.md").read_text("utf-8").replace("\u202f", " ")
    section = text.split("## Where the time went")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("| ")]
    (width,) = [line for line in text.splitlines() if "**Width**" in line]
    return {row[0]: row[1:] for row in rows}, section, width


def test_seconds_beyond_the_plan_are_told_by_family_and_by_reason(tmp_path: Path) -> None:
    rows, above, width = spent_run(tmp_path)
    assert [name for name in rows if "/" in name] == ["model/b", "codec/a/encode"], "who got most comes first"
    assert rows["codec/a/encode"][:6] == ["24.0", "2.0", "–", "12", "13", "12"]
    assert rows["model/b"][:6] == ["24.0", "–", "8.0", "12", "16", "16"]
    assert rows["codec/a/encode"][-1] == "narrow enough after its planned rounds"
    assert rows["model/b"][-1] == "the time was up after 16 of 48 rounds"
    assert "took 0:48 min of processes, of 1:15 in all" in above
    assert "0:02 made up for rounds that do not count (steal, other programs), in 1 family" in above
    assert "0:08 went to 1 family with an interval wider than ±1 %" in above
    assert "1 because every interval was narrow enough after the planned rounds" in above
    assert "1 because the time was up (0 of them within ±1 % by then)" in above
    assert width.endswith("Beyond the planned rounds 0:08 min went to what was wide (1 family)")
