# SPDX-License-Identifier: MIT
"""The picture of ranks in process and over sockets: what is drawn is where the figures are, every fate
looks and reads differently, and why a pair is open is told."""

from __future__ import annotations

import importlib
import math
import re
from itertools import combinations
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from assaylib import judge
from assaylib.meeting import Pair, Ranking, Side, ranks
from assaylib.verdicts import Estimate
from meetings import between, coded_run, made, run_between

pytest.importorskip("jinja2")
from assaylib import report, words  # noqa: E402, needs jinja2

drawing = importlib.import_module("assaylib.sections.meeting_picture")
sentences = importlib.import_module("assaylib.sections.meeting_ranks")

SVG = "{http://www.w3.org/2000/svg}"
BETTER, WORSE, EQUAL, OPEN = judge.BETTER, judge.WORSE, judge.EQUIVALENT, judge.UNRESOLVED
WORDS = ("kept", "reversed", "lead lost", "lead gained", "tied", "not decided")


def side(verdict: str, low: float, ratio: float, high: float, why: str = "") -> Side:
    return Side(verdict, why, Estimate([0.0] * 9, 0.01, math.log(ratio), (math.log(low), math.log(high)), 8), 0.03)


def few(ratio: float) -> Side:
    return Side(judge.NO_INTERVAL, ranks.FEW, Estimate([0.0] * 5, 0.01, math.log(ratio), None, 8), 0.03)


NOTHING = Side(judge.NO_NUMBER, ranks.NONE, None, 0.03)
FASTER, SLOWER = side(BETTER, 1.4, 1.5, 1.6), side(WORSE, 0.7, 0.8, 0.9)
SAME, WIDE = side(EQUAL, 0.99, 1.0, 1.01), side(OPEN, 0.9, 1.1, 1.3, ranks.WIDE)
#: In the order of WORDS.
EVERY = [(FASTER, FASTER), (FASTER, SLOWER), (FASTER, SAME), (SAME, FASTER), (SAME, SAME), (FASTER, WIDE)]


def ranking(*sides: tuple[Side, Side]) -> Ranking:
    family: Any = type("F", (), {"id": "service/rpc"})
    pairs = tuple(Pair(f"m{i}", "base", inside, outside) for i, (inside, outside) in enumerate(sides))
    return Ranking(family, family, "cpu_ns_per_request", pairs)


def parsed(*sides: tuple[Side, Side]) -> ElementTree.Element:
    chart = drawing.picture([ranking(*sides)], "models")
    assert chart
    return ElementTree.fromstring(chart.standalone())


def texts(root: ElementTree.Element) -> list[str]:
    return [str(text.text) for text in root.iter(f"{SVG}text")]


def numbers(path: str) -> list[float]:
    return [float(n) for n in re.findall(r"-?[\d.]+", path)]


def paths(root: ElementTree.Element, name: str) -> list[list[float]]:
    """Of that class, in the order of rows; the legend's sample is the last."""
    return [numbers(e.get("d", "")) for e in root.iter(f"{SVG}path") if e.get("class") == name]


def circles(root: ElementTree.Element, name: str) -> list[tuple[float, float]]:
    found = [e for e in root.iter(f"{SVG}circle") if e.get("class") == name]
    return [(float(e.get("cx", "")), float(e.get("cy", ""))) for e in found]


def test_every_fate_has_a_word_and_a_look_of_its_own() -> None:
    kinds = list(drawing.KINDS.values())
    assert set(drawing.KINDS) == set(ranks.FATES)
    assert len({kind.look for kind in kinds}) == len({kind.word for kind in kinds}) == len(kinds)
    said = texts(parsed(*EVERY))
    assert [text for text in said if text in WORDS] == list(WORDS), "a row's word stands behind it"
    assert [kind.said for kind in kinds] == said[-len(kinds) :], "… and its meaning in the legend"


def test_the_legend_names_what_is_there_and_nothing_else() -> None:
    said = texts(parsed((FASTER, FASTER), (FASTER, SLOWER)))
    assert said[-2:] == [drawing.KINDS[fate].said for fate in (ranks.KEPT, ranks.REVERSED)]
    assert "in process (above)" in said and "over sockets (below)" in said and "margin" in said
    assert not any("no interval" in text for text in said)
    assert any("no interval" in text for text in texts(parsed((FASTER, few(1.2)))))


def test_ends_and_intervals_are_where_the_figures_are() -> None:
    """Reversed: in process above and on the right of 1, over sockets below and on its left, each in the
    middle of its interval; on a logarithmic axis."""
    root = parsed((FASTER, SLOWER))
    (one,) = (path[0] for path in paths(root, "one"))
    (inside_x, inside_y), _ = circles(root, "worse mark")  # the other is the legend's
    ((x, y, *_),) = paths(root, "worse mark")  # a square's corner
    outside_x, outside_y = x + 3.6, y + 3.6
    assert outside_x < one < inside_x and inside_y < outside_y
    (low, above, high, _), (left, below, right, _), _ = paths(root, "worse bar")
    assert (above, below) == pytest.approx((inside_y, outside_y), abs=0.11)
    assert low < inside_x < high and left < outside_x < right
    scale = (inside_x - one) / math.log(1.5)
    for at, ratio in ((low, 1.4), (high, 1.6), (left, 0.7), (right, 0.9), (outside_x, 0.8)):
        assert at - one == pytest.approx(scale * math.log(ratio), abs=0.3)
    bands = [e for e in root.iter(f"{SVG}rect") if e.get("class") == "band"]
    assert len(bands) == 3, "a margin for each side, and the legend's"
    assert float(bands[0].get("x", "")) - one == pytest.approx(-scale * math.log(1.03), abs=0.3)


def test_a_ratio_without_an_interval_is_a_cross_and_none_is_said_to_be_none() -> None:
    root = parsed((FASTER, few(1.2)), (FASTER, NOTHING))
    assert len(paths(root, "none mark")) == 2, "the row's and the legend's"
    assert len(paths(root, "unresolved bar")) == 3, "two rows in process, and the legend's: no interval, no line"
    assert texts(root).count("no number") == 1


def test_there_is_no_picture_where_no_two_have_figures_on_both_sides() -> None:
    assert drawing.picture([ranking((FASTER, NOTHING), (NOTHING, SLOWER))], "models") is None
    assert drawing.picture([], "models") is None
    assert "No picture" in sentences.pictured(None).text
    assert drawing.picture([ranking((FASTER, NOTHING), (few(1.1), few(1.1)))], "models")


def test_of_too_many_pairs_those_with_the_baseline_are_shown() -> None:
    def full(count: int, names: str) -> list[Ranking]:
        pairs = tuple(Pair(first, second, FASTER, SLOWER) for second, first in combinations(names, 2))
        family: Any = type("F", (), {"id": "service/rpc"})
        return [Ranking(family, family, "closed_hz", pairs)] * count

    assert [len(mine) for _, mine in ranks.pictured(full(5, "abcd"))] == [6] * 5
    shown = ranks.pictured(full(6, "abcd"))
    assert [[(p.first, p.second) for p in mine] for _, mine in shown] == [[("b", "a"), ("c", "a"), ("d", "a")]] * 6
    chart = drawing.picture(full(6, "abcd"), "models")
    assert chart and chart.title.endswith(": each against a") and chart.text.count(", reversed") == 18
    whole = drawing.picture(full(5, "abcd"), "models")
    assert whole and "each against" not in whole.title and whole.text.count(", reversed") == 30


@pytest.mark.parametrize("member", ["thread_per_connection", "a"])
def test_names_words_and_scale_do_not_touch(member: str) -> None:
    """Where members' names are the longest, and where the workload's is."""
    family: Any = type("F", (), {"id": "service/mixed_offloaded"})
    pairs = tuple(Pair(member, f"{member}_{i}", *sides) for i, sides in enumerate(EVERY))
    chart = drawing.picture([Ranking(family, family, "cpu_ns_per_request", pairs)], "models")
    assert chart
    root = ElementTree.fromstring(chart.standalone())
    ticks = [path[0] for path in paths(root, "grid") if path[0] == path[2]]
    letter = 6.1  # of 11 px, in a wide font
    for text in root.iter(f"{SVG}text"):
        x, said, look = float(text.get("x", "")), str(text.text), text.get("class")
        if look == "end small":
            assert letter * len(said) <= x < min(ticks)
        if look == "head":
            assert x + letter * len(said) < min(ticks)
        if said in WORDS:
            assert max(ticks) < x and x + letter * len(said) <= 760


# --- Why pairs are open ---------------------------------------------------------------------------


def test_how_many_are_open_and_why_is_said_with_what_is_decided() -> None:
    found = [ranking((FASTER, FASTER), (WIDE, few(1.2)), (FASTER, few(1.1)), (WIDE, FASTER))]
    said = sentences.answer(found)
    assert said.startswith("**Yes, as far as this run decides**: of 4 pairs")
    assert ", 1 kept their order; 3 cannot be decided here. Why: in process 2 for an interval too wide" in said
    assert "; over sockets 2 for too few rounds (5 of the 8 that an interval takes)" in said
    assert said.endswith("; 1 of them on both sides.")
    split, rig = side(OPEN, 1.4, 1.5, 1.6, ranks.SPLIT), side(OPEN, 0.7, 0.8, 0.9, ranks.RIG)
    said = sentences.answer([ranking((FASTER, split), (FASTER, rig), (FASTER, NOTHING))])
    assert "Why: over sockets 1 without a number, 1 where the rig and not the server was the limit and 1 for r" in said
    said = sentences.answer([ranking((SAME, SAME), (SAME, few(1.1)))])
    assert said.startswith("**There is no rank to survive**") and "Over sockets 1 cannot be decided here. Why:" in said
    assert "Why" not in sentences.answer([ranking(*EVERY[:5])]), "nothing is open"


def test_every_reason_has_its_words() -> None:
    names = (ranks.NONE, ranks.FEW, ranks.WIDE, ranks.ALONE, ranks.RIG, ranks.LOOSE, ranks.SPLIT)
    assert set(sentences.WHY) == set(names) and len(set(sentences.WHY.values())) == len(names)


def test_the_table_has_the_figures_and_the_reason() -> None:
    found = [ranking((FASTER, few(1.2)), (FASTER, SLOWER))]
    table = sentences.pairs(found, drawing.picture(found, "models"))
    assert table.shows == ("ranks-models",)
    open_, reversed_ = ([cell.text.replace(words.SPACE, " ") for cell in row] for row in table.rows)
    assert open_[4:6] == ["▲ better, 1.50 × (1.40 to 1.60)", "– no interval, 1.20 ×"]
    assert open_[6] == "not decided: too few rounds over sockets"
    assert reversed_[5:] == ["▼ worse, 0.800 × (0.700 to 0.900)", "reversed"]


def test_reasons_are_those_of_the_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    def whys(found: list[Ranking]) -> set[tuple[str, str]]:
        return {(pair.inside.why, pair.outside.why) for each in found for pair in each.pairs}

    apart = (9000, 5000, 7000), (90000, 50000, 70000)
    assert whys(between(monkeypatch, *apart)) == {("", "")}
    assert whys(between(monkeypatch, *apart, service_rounds=6)) == {("", ranks.FEW)}
    close = between(monkeypatch, apart[0], (90000, 88000, 89000))
    assert whys(close) == {("", ranks.WIDE)}
    for each in close:
        each.service.uncalibrated[each.metric] = "for this test"
        assert ranks.decide(each.service, "actor", "event_loop", each.metric, False).why == ranks.ALONE
    bounded = between(monkeypatch, *apart)[1]
    bounded.service.bounded |= {"actor": "for this test", "event_loop": "too"}
    assert ranks.decide(bounded.service, "actor", "event_loop", "closed_hz", True).why == ranks.RIG


def test_two_modes_that_do_not_agree_are_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """In three of four rounds one takes half of the other's CPU, in the fourth as much."""
    cpu, _ = between(monkeypatch, (9000, 5000, 7000), (90000, 40000, 62000), service_rounds=40)
    two = cpu.service, "actor", "event_loop", cpu.metric, False
    cpu.service._pairs.clear()
    for number, sample in cpu.service.samples["actor"].items():
        theirs = cpu.service.samples["event_loop"][number]["metrics"][cpu.metric]
        sample["metrics"][cpu.metric] = theirs * (1 if number % 4 == 0 else 0.5)
    found = ranks.decide(*two)
    assert (found.verdict, found.why) == (OPEN, ranks.SPLIT)
    assert found.estimate and judge.verdict(found.estimate.interval, found.delta) == BETTER


def test_an_interval_in_the_picture_is_the_verdicts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rival against the baseline, as in the rest of the report: above 1 it is better."""
    cpu, _ = between(monkeypatch, (9000, 5000, 7000), (90000, 40000, 62000))
    pair = next(p for p in cpu.pairs if (p.first, p.second) == ("event_loop", "thread_pool"))
    for found, truth, family in ((pair.inside, 9 / 5, cpu.micro), (pair.outside, 9 / 4, cpu.service)):
        assert found.verdict == BETTER and found.estimate and found.estimate.interval
        assert math.exp(found.estimate.median) == pytest.approx(truth, rel=0.05)
        assert judge.verdict(found.estimate.interval, found.delta) == found.verdict
        assert found.estimate.alpha == pytest.approx(judge.ALPHA / math.comb(len(family.candidates), 2))


# --- In a report ----------------------------------------------------------------------------------


def rendered(folder: Path, run: Any) -> str:
    import synthetic

    report.render(synthetic.write_run(folder, *run))
    text = (folder / "report.md").read_text("utf-8")
    said = text[text.index("## Micro-benchmarks and services") :]
    return said[: said.index("\n## ")].replace(words.SPACE, " ")


def test_decided_pairs_have_their_picture(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """thread_pool is the slowest in process and the cheapest over sockets; of the other two one leads on both."""
    said = rendered(tmp_path, run_between(monkeypatch, (9000, 5000, 7000), (40000, 55000, 80000)))
    root = ElementTree.parse(tmp_path / "ranks-models.svg").getroot()
    became = [text for text in texts(root) if text in WORDS]
    assert became[:6] == ["reversed", "reversed", "kept"] * 2 and len(became) == 12
    assert "(ranks-models.svg)" in said and "reversed it" in said
    page = (tmp_path / "report.html").read_text("utf-8")
    assert 'id="data-ranks-models"' in page and 'href="#data-ranks-models"' in page


def test_where_none_is_decided_picture_and_words_say_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said = rendered(tmp_path, run_between(monkeypatch, (9000, 5000, 7000), (90000, 50000, 70000), service_rounds=4))
    became = [text for text in texts(ElementTree.parse(tmp_path / "ranks-models.svg").getroot()) if text in WORDS]
    assert set(became) == {"not decided"} and len(became) == 12
    assert "**Not decidable from this run**: of 12 pairs" in said
    assert "over sockets 12 for too few rounds (4 of the 7 that an interval takes)" in said


def test_without_figures_on_one_side_there_is_no_picture_and_that_is_said(tmp_path: Path) -> None:
    run, lines = made(kinds=("model", "service"))
    for line in lines:
        for gate in (line.get("gates") or {}).values():
            gate["ok"] = False
    said = rendered(tmp_path, (run, lines))
    assert not (tmp_path / "ranks-models.svg").exists()
    assert "No picture of it: no two have a number on both sides." in said
    assert "over sockets 12 without a number" in said


def test_codecs_have_theirs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said = rendered(tmp_path, coded_run(monkeypatch, (30000, 60000, 60000)))
    root = ElementTree.parse(tmp_path / "ranks-codecs.svg").getroot()
    became = [text for text in texts(root) if text in WORDS]
    assert became[:2] == ["reversed"] * 2 and len(became) == 6
    assert "protobuf-c / cJSON" in texts(root) and "order decode + encode: throughput" in texts(root)
    assert "(ranks-codecs.svg)" in said


# --- What the model's part is ---------------------------------------------------------------------


def test_what_the_models_part_is_stands_where_its_figure_stands(tmp_path: Path) -> None:
    run, lines = made()
    for line in lines:
        if line["kind"] == "model":
            line["metrics"] |= {"wakeups_per_request": 0.004, "syscalls_per_request": 0.012}
        elif line["kind"] == "service":
            line["metrics"]["syscalls_per_request"] = 2.5 if line["member"] == "actor" else 4.0
    said = rendered(tmp_path, (run, lines))
    assert "| model (hand-over in process) |" in said
    assert re.search(r"`rpc`, thread_pool, [\d.]+ µs: kernel \d+ %.* model's hand-over \d+ %", said)
    assert "model (hand-over in process, measured alone)" in texts(
        ElementTree.parse(tmp_path / "service-layers.svg").getroot()
    )
    handed = next(line for line in said.splitlines() if line.startswith("- The model's hand-over takes"))
    assert "takes 0.00 wake-ups and 0.01 system calls a request" in handed
    assert "a model takes 0.40 to 1.73 wake-ups and 2.50 to 4.00 system calls" in handed
    assert "kernel's share" in handed


def test_a_little_is_not_said_to_be_nothing() -> None:
    section = importlib.import_module("assaylib.sections.meeting")
    shares = (0.0014, 0.0094, 0.0096, 0.4, -0.003, 0.0002, 0.0)
    said = [section._percent(share).replace(words.SPACE, " ") for share in shares]
    assert said == ["0.1 %", "0.9 %", "1 %", "40 %", "−0.3 %", "under 0.1 %", "0 %"]
