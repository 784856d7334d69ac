# SPDX-License-Identifier: MIT
"""Axes and pictures: what is drawn is where the data is."""

from __future__ import annotations

import math
import random
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from assaylib import charts, judge  # noqa: E402
from assaylib.charts import axes, drawing  # noqa: E402


@pytest.mark.parametrize(
    "values", [[0.999, 1.001], [0.9, 1.3], [1, 28], [0.2, 0.4], [0.004, 900], [1.0], [1e-5, 3e6]]
)
def test_ratio_axes_hold_one_and_have_ticks(values):
    axis = axes.ratio_axis(values, 100, 500)
    assert axis.low < 1 < axis.high
    assert len(axis.ticks) >= 2 and any(value == 1 for value, _ in axis.ticks)
    for value in values:
        assert 100 <= axis.at(value) <= 500
    assert axis.at(1) < axis.at(1.02)


def test_decade_axes_hold_their_values():
    rng = random.Random(4)
    for _ in range(300):
        low = 10 ** rng.uniform(-1, 6)
        high = low * 10 ** rng.uniform(0, 5)
        axis = axes.decade_axis([low, high], 0, 100)
        assert axis.low <= low and high <= axis.high and axis.low < axis.high
        assert len(axis.ticks) >= 2
        assert all(axis.low <= t * 1.001 and t <= axis.high * 1.001 for t, _ in axis.ticks)


@pytest.mark.parametrize("high, low", [(1, 0), (187.3, 0), (0.013, 0), (7, -7), (100, -100)])
def test_linear_axes(high, low):
    axis = axes.linear_axis(high, 0, 100, low)
    assert axis.low <= low and axis.high >= high and 3 <= len(axis.ticks) <= 14
    assert axis.at(axis.low) == 0 and axis.at(axis.high) == pytest.approx(100)


def test_labels_of_decades():
    assert [axes.short(v) for v in (0.1, 1, 20, 5e3, 1e5, 1e6, 2e9)] == [
        "0.1",
        "1",
        "20",
        "5k",
        "100k",
        "1M",
        "2G",
    ]


def test_a_forest_draws_each_verdict_with_its_own_shape():
    rows = [
        charts.ForestRow(
            "g",
            v,
            v,
            0.03,
            None if v == judge.NO_NUMBER else 1.2,
            None if v.startswith("no") else (1.1, 1.3),
            ("1.2", "1.1–1.3"),
        )
        for v in (
            judge.BETTER,
            judge.WORSE,
            judge.EQUIVALENT,
            judge.UNRESOLVED,
            judge.NO_INTERVAL,
            judge.NO_NUMBER,
        )
    ]
    chart = charts.forest("x", "Title & more", "Text <with> signs", rows, "axis")
    root = ElementTree.fromstring(chart.standalone())
    assert root.get("aria-labelledby") == "x-title x-desc"
    shapes = {drawing.VERDICT_MARK[row.verdict] for row in rows[:5]}
    assert len({shape for shape, _ in shapes}) == 5
    for name in ("better bar", "worse bar", "equivalent bar", "none bar"):
        assert name in chart.body


def test_strips_show_percent_of_the_median():
    rows = [
        charts.StripRow("g", "m", False, (1.0, 1.1, 0.9)),
        charts.StripRow("g", "a", True, (2.0, 2.0, 2.0)),
    ]
    root = ElementTree.fromstring(charts.strips("s", "t", "d", rows).standalone())
    dots = [float(c.get("cx")) for c in root.iter("{http://www.w3.org/2000/svg}circle")][:6]
    assert dots[0] == dots[3] == dots[4] == dots[5]
    assert dots[1] - dots[0] == pytest.approx(dots[0] - dots[2], abs=0.2) and dots[1] > dots[0]
    assert not math.isnan(dots[1])


def test_curves_meet_the_limit_where_the_knees_are():
    points = [charts.CurvePoint(s, x, x / 1000 * (s + 1), s == 1) for s in (0, 1) for x in (1000, 2000, 5000)]
    knees = [charts.Knee(0, 4000, 3000, 5000), charts.Knee(1, 2000)]
    chart = charts.curves("c", "t", "words", points, knees, ["a", "b"], 4.0, "x", "y")
    root = ElementTree.fromstring(chart.standalone())
    paths = [e for e in root.iter() if e.tag.endswith("path")]
    (limit,) = [e.get("d") for e in paths if e.get("class") == "one dash"]
    y = float(limit.split()[1].split("L")[0])
    marks = [e.get("d") for e in paths if (e.get("class") or "").startswith("s1") and e.get("class").endswith("bar")]
    upright, interval = (tuple(map(float, d[1:].replace("L", " ").split())) for d in marks)
    assert upright[0] == upright[2] and upright[1] < y < upright[3], "on the limit"
    assert interval[0] < upright[0] < interval[2] and interval[1] == interval[3] > y, "its interval below"
    assert sum((e.get("class") or "").endswith("pale") for e in root.iter()) == 3


@pytest.mark.parametrize("values", [(0.005, 5.6), (0.27, 13.0), (0.9, 1.1), (0.0004, 900.0), (1.0,)])
def test_an_axis_from_tick_to_tick_has_room_for_its_outermost_marks(values):
    axis = axes.ratio_axis(values, 150.0, 0.0, whole=True)
    assert len(axis.ticks) >= 3 and any(tick == 1 for tick, _ in axis.ticks)
    assert (axis.low, axis.high) == (axis.ticks[0][0], axis.ticks[-1][0])
    assert all(2 < axis.at(value) < 148 for value in values)


def test_no_two_parts_of_a_whole_look_alike():
    kinds = [f"part {n}" for n in range(9)]
    rows = [charts.StackRow("one", 0, tuple((n, 10.0) for n in range(9)), "9 ns")]
    drawn = ElementTree.fromstring(charts.stacks("s", "S", "s", ["panel"], rows, kinds).standalone())
    looks = [e.get("class") for e in drawn.iter() if "part" in (e.get("class") or "").split()]
    assert len(looks) == 18 and len(set(looks)) == 9
