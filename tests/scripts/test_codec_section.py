# SPDX-License-Identifier: MIT
"""The codec section of runs that hold a part of what there is, and what its tables leave out or take off."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("jinja2")

import conftest  # noqa: E402, F401: the path
import pages  # noqa: E402
import synthetic_libraries  # noqa: E402
from assaylib import costs, judge, members  # noqa: E402
from assaylib.sections import payloads  # noqa: E402
from assaylib.sections.conditions import conditions  # noqa: E402


def test_a_run_of_the_walk_alone_shows_the_walk(tmp_path):
    """What --only _walk leaves: adapters by hand are no codecs, and nobody is ranked."""
    run, lines = synthetic_libraries.make_wide_run(payloads={})
    synthetic_libraries.add_walk(run, lines)
    text = pages.drawn(tmp_path, run, lines)
    page, rest = text.split("## The machine")
    assert "Codecs were held against adapters by hand" in page and "To quote one of these" not in page
    assert "### What the generic walk costs" in rest and "keep to that" in rest
    assert "cjson_tight" not in text.split("## Who is best where")[1].split("### What the generic walk")[0]


def test_a_run_of_a_ladder_alone_has_an_answer(tmp_path):
    run, lines = synthetic_libraries.make_wide_run(payloads=synthetic_libraries.LADDER, count=4)
    text = pages.drawn(tmp_path, run, lines)
    page = text.split("## The machine")[0]
    assert "the fastest other JSON library (yyjson) encodes faster for all 4 payloads" in page
    assert "### From small to large" in text and "### order_64" in text


def test_the_clock_is_no_part_of_emptied_caches():
    """A row that is as fast as decode, but for a clock of 100 ns around each."""
    run, lines = synthetic_libraries.make_wide_run(payloads={"order": 60}, operations=("decode_evicted",))
    for line in lines:
        if line["family"].endswith("/decode_evicted"):
            line["repetitions"] = [[slot, ns + 100] for slot, ns in line["repetitions"]]
            line["metrics"] |= {"time_ns": line["metrics"]["time_ns"] + 100, "clock_ns": 100.0}
    families = judge.judge(run, lines).families
    (table,) = conditions(families, members.of(run, families))
    (at,) = (i for i, c in enumerate(table.columns) if c.title == "decode, caches emptied ÷ warm")
    ranges = [tuple(map(float, row[at].text.split("–"))) for row in table.rows]
    assert len(ranges) == len(synthetic_libraries.LIBRARIES) and all(low <= 1 <= high < 1.5 for low, high in ranges)


def test_who_has_no_figure_has_no_row_and_no_column(tmp_path):
    sizes = synthetic_libraries.LADDER | {"ack": 60}
    run, lines = synthetic_libraries.make_wide_run(payloads=sizes, rounds=2, count=2)
    text, judged = pages.drawn(tmp_path, run, lines), judge.judge(run, lines)
    mine = [f for f in judged.families if f.id.startswith("codec/ack/")]
    codecs = members.of(run, mine)
    (table,) = payloads.sizes(judged, mine, codecs | {"extra": members.Codec("extra", "extra", "JSON")})
    assert [row[0].text for row in table.rows] == [codec.label for codec in codecs.values()]
    ladder = text.split("### From small to large")[1].split("\n### ")[0]
    heads = [line for line in ladder.splitlines() if line.startswith("| size |")]
    assert ["simdjson" in head for head in heads] == [False, True]  # it only decodes


def test_who_is_beaten_in_size_and_time_is_asked_of_the_ratios():
    """A median that says otherwise than the pairs (blocks in which the machine ran at two speeds) decides nothing."""
    run, lines = synthetic_libraries.make_wide_run(payloads={"ack": 60}, rounds=8, count=4)
    for line in lines:
        if line["member"] == "yyjson":
            line["metrics"]["time_ns"] /= 100
    families = judge.judge(run, lines).families
    judged, codecs = judge.judge(run, lines), members.of(run, families)
    (table,) = payloads.sizes(judged, families, codecs)
    rows = {row[0].text: [cell.text for cell in row] for row in table.rows}
    encode = next(f for f in families if f.id.endswith("/encode"))
    ns = encode.level("cjson", "time_ns").median / math.exp(encode.compared("yyjson", "time_ns").estimate.median)
    assert float(rows["yyjson"][3]) == pytest.approx(ns, rel=0.01) and rows["yyjson"][4] == ""
    assert rows["protobuf C++ (own structs)"][4] == "●"


def test_parts_are_those_of_the_ratios():
    """As above: a codec's own median of the whole, were it three times that, would leave a rest of two thirds."""
    phases = ("build", "print", "free_built")
    run, lines = synthetic_libraries.make_wide_run(payloads={"order": 1100}, rounds=8, count=4, operations=phases)
    for line in lines:
        if line["member"] == "yyjson" and line["family"].endswith("/encode"):
            line["metrics"]["time_ns"] *= 3
    families = judge.judge(run, lines).families
    (split,) = [s for s in costs.splits(families, ["yyjson"]) if s.side == "encode"]
    assert 0 <= dict(split.parts)["rest"] / split.whole < 0.1
