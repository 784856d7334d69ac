# SPDX-License-Identifier: MIT
"""Where micro-benchmarks and services meet: on runs whose truth is known, what a request's CPU time is
made of and whether ranks survive is found, and nothing is said where that is open."""

from __future__ import annotations

import importlib
import math
import re
from pathlib import Path
from typing import Any

import pytest
import synthetic
from assaylib import judge, plan, tiers, verdicts
from assaylib.meeting import Ranking, Side, breakdown, codec_rankings, layers, parts, rankings, ranks
from assaylib.programs import Build
from meetings import HTTP_NS, between, coded_run, judged, made

pytest.importorskip("jinja2")
from assaylib import report  # noqa: E402, needs jinja2
codecs_section = importlib.import_module("assaylib.sections.meeting_codecs")
section = importlib.import_module("assaylib.sections.meeting")  # the package has a function of that name


def test_ranks_that_survive(monkeypatch: pytest.MonkeyPatch) -> None:
    found = between(monkeypatch, (9000, 5000, 7000), (90000, 50000, 70000))
    assert [r.metric for r in found] == ["cpu_ns_per_request", "closed_hz"]
    for ranking in found:
        assert [p.fate for p in ranking.pairs] == [ranks.KEPT] * 3 and ranking.decided
        assert ranking.tau == (1.0, 1.0)
    assert section.answer(found).startswith("**Yes**: of 6 pairs")


def test_ranks_that_are_reversed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fastest in process is the dearest over sockets."""
    found = between(monkeypatch, (9000, 5000, 7000), (50000, 90000, 70000))
    for ranking in found:
        assert [p.fate for p in ranking.pairs] == [ranks.REVERSED] * 3
        assert ranking.tau == (-1.0, -1.0)
    assert section.answer(found).startswith("**Not all of them**: of 6 pairs")


def test_a_lead_that_is_lost_and_one_that_is_gained(monkeypatch: pytest.MonkeyPatch) -> None:
    """event_loop leads thread_pool in process only, actor over sockets only."""
    inside, outside = (9000, 6000, 9000), (70000, 70000, 45000)
    cpu, throughput = between(monkeypatch, inside, outside, service_rounds=40, rounds=90)
    assert {(p.first, p.second): p.fate for p in cpu.pairs} == {
        ("event_loop", "thread_pool"): ranks.LOST,
        ("actor", "thread_pool"): ranks.GAINED,
        ("actor", "event_loop"): ranks.REVERSED,
    }
    assert cpu.tau == (pytest.approx(-1 / 3),) * 2
    # Throughput varies more: that the two are equal cannot be said in so many rounds.
    assert [p.fate for p in throughput.pairs] == [ranks.OPEN, ranks.GAINED, ranks.REVERSED]
    assert throughput.tau == (pytest.approx(-2 / 3), 0.0)


def test_ties_count_nothing_and_open_pairs_anything() -> None:
    def ranking(*pairs: tuple[str, str]) -> Ranking:
        made = tuple(ranks.Pair("a", "b", Side(inside), Side(outside)) for inside, outside in pairs)
        return Ranking(None, None, "closed_hz", made)  # type: ignore[arg-type]

    better, worse, equal = judge.BETTER, judge.WORSE, judge.EQUIVALENT
    open_, none = judge.UNRESOLVED, judge.NO_INTERVAL
    assert ranking((better, better), (equal, equal)).tau == (0.5, 0.5)
    assert ranking((better, equal), (equal, worse)).tau == (0.0, 0.0)
    assert ranking((better, better), (better, open_)).tau == (0.0, 1.0)
    assert ranking((better, better), (equal, open_)).tau == (0.5, 0.5), "a tie, whatever comes out"
    assert ranking((none, worse)).tau == (-1.0, 1.0)


def test_what_few_rounds_cannot_decide_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    found = between(monkeypatch, (9000, 5000, 7000), (90000, 50000, 70000), service_rounds=4)
    for ranking in found:
        assert [p.fate for p in ranking.pairs] == [ranks.OPEN] * 3 and ranking.tau == (-1.0, 1.0)
    assert section.answer(found).startswith("**Not decidable from this run**: of 6 pairs")


def test_the_rounds_of_a_tier_can_decide_every_two_models() -> None:
    """Of those that are shipped, in the tiers that have services to be judged."""
    listed = (Path(__file__).parents[2] / "models" / "meson.build").read_text().partition("model_names = [")[2]
    models = [name for name in re.findall(r"'(\w+)'", listed.partition("]")[0]) if name != "inline"]
    needed = judge.rounds_needed(judge.ALPHA / math.comb(len(models), 2))
    assert len(models) >= 4 and all(tiers.TIERS[name].service_rounds >= needed for name in ("quick", "standard"))


def test_seven_rounds_decide_three_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each ranking at its own level: 0.05 over its pairs."""
    cpu, _ = between(monkeypatch, (9000, 5000, 7000), (90000, 40000, 62000), service_rounds=7)
    assert [p.fate for p in cpu.pairs] == [ranks.KEPT] * 3
    few = between(monkeypatch, (9000, 5000, 7000), (90000, 40000, 62000), service_rounds=6)
    assert section.answer(few).endswith(
        "on both sides. Why: over sockets 6 for too few rounds (6 of the 7 that an interval takes)."
    )


def test_nothing_is_equal_within_a_margin_that_is_too_wide() -> None:
    """As everywhere else: beyond a quarter the word misleads."""
    family = next(f for f in judged(made(kinds=("model", "service"))).families if f.id == "service/cpu")
    two = (family, "thread_pool", "event_loop", "cpu_ns_per_request", False)
    found = []
    for family.deltas["cpu_ns_per_request"] in (0.25, 0.26):
        side = ranks.decide(*two)
        found.append((side.verdict, side.why))
    assert found == [(judge.EQUIVALENT, ""), (judge.UNRESOLVED, ranks.LOOSE)]


def test_who_leads_is_said() -> None:
    better, worse, equal = judge.BETTER, judge.WORSE, judge.EQUIVALENT
    each = (("a", "b", equal, worse), ("a", "c", better, worse), ("b", "c", better, equal), ("c", "d", equal, "?"))
    family: Any = type("F", (), {"id": "service/rpc"})
    pairs = tuple(ranks.Pair(first, second, Side(one), Side(other)) for first, second, one, other in each)
    said = section.ranking(Ranking(family, family, "closed_hz", pairs))
    assert "reversed, since in process it is a over c; a lead in process" in said
    assert "that does not show over sockets: b over c" in said
    assert "a lead over sockets that does not show in process: b over a; not decided: c/d." in said


def test_where_all_tie_in_process_there_is_no_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    inside, outside = (7000, 7000, 7000), (90000, 50000, 70000)
    found = between(monkeypatch, inside, outside, service_rounds=40, rounds=90)
    assert {p.fate for r in found for p in r.pairs} == {ranks.GAINED}
    assert section.answer(found).startswith("**There is no rank to survive**")


# --- Codecs over sockets --------------------------------------------------------------------------


def test_ranks_of_codecs_that_survive(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cJSON decodes and encodes an order in 39.3 µs, the others in about 4: the request has it all."""
    result = judged(coded_run(monkeypatch, (71000, 35700, 35600)))
    assert [f.id for f in result.coded] == ["service/codecs"]
    assert "service/codecs" not in {f.id for f in result.kind("service")}, "it says nothing about models"
    found = codec_rankings(result)
    assert {(r.name, r.metric) for r in found} == {
        ("order decode + encode", metric) for metric in ("cpu_ns_per_request", "closed_hz")
    }
    for ranking in found:
        assert [p.fate for p in ranking.pairs if p.second == "cjson"] == [ranks.KEPT] * 2
    (family,) = result.coded
    expected = codecs_section.predicted(result, family, "protobuf_c")
    assert expected == pytest.approx(35705 / 71000, rel=0.05)
    said = codecs_section._said(result, family, "protobuf_c")
    assert said.startswith("protobuf-c takes 0.") and said.endswith("×: inside of the interval that was measured.")
    assert not rankings(result) or "service/codecs" not in {r.service.id for r in rankings(result)}


def test_codecs_are_ranked_by_all_that_a_request_asks_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that decodes quicker and encodes slower has a rank in neither of them."""
    result = judged(coded_run(monkeypatch, (71000, 35700, 35600)))
    decode, encode = (next(f for f in result.families if f.id == f"codec/order/{name}") for name in ranks.CODED)
    decode.samples["protobuf_c"].pop(3)
    both = ranks._together(decode, encode)
    assert 3 not in both.samples["protobuf_c"] and 4 in both.samples["protobuf_c"]
    parts = [f.samples["cjson"][4]["metrics"]["time_ns"] for f in (decode, encode)]
    assert dict(both.series("cjson", "time_ns"))[4] == pytest.approx(sum(parts))
    for number in both.samples["msgpack_c"]:
        for family, ns in ((decode, 1000.0), (encode, 5000.0)):
            family.samples["msgpack_c"][number]["metrics"]["time_ns"] = ns
            family.samples["protobuf_c"].setdefault(number, {**family.samples["cjson"][number], "metrics": {}})
            family.samples["protobuf_c"][number]["metrics"]["time_ns"] = 6000.0 - ns
    both = ranks._together(decode, encode)
    assert ranks.decide(both, "msgpack_c", "protobuf_c", "time_ns", False).verdict == verdicts.EQUIVALENT


def test_ranks_of_codecs_that_are_reversed(monkeypatch: pytest.MonkeyPatch) -> None:
    result = judged(coded_run(monkeypatch, (30000, 60000, 60000)))
    for ranking in codec_rankings(result):
        assert [p.fate for p in ranking.pairs if p.second == "cjson"] == [ranks.REVERSED] * 2
    (family,) = result.coded
    said = codecs_section._said(result, family, "msgpack_c")
    assert said.startswith("msgpack-c takes ") and said.endswith("×: outside of the interval that was measured.")


def test_a_run_with_codecs_over_sockets_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = synthetic.write_run(tmp_path / "run", *coded_run(monkeypatch, (71000, 35700, 35600)))
    report.render(folder)
    text = (folder / "report.md").read_text("utf-8")
    said = text[text.index("Do the ranks of the codecs survive over sockets?") :]
    assert "of 6 pairs of codecs (per metric)" in said and "`order decode + encode`, throughput: " in said
    assert "Every two codecs: the first against the second" in said
    assert "(predicted, measured below)" in text and "(predicted, not measured)" not in text
    answer = text[: text.index("## ")] + text[text.index("Concurrency, over sockets") :].split("\n## ")[0]
    assert "`codecs`" not in answer, "no answer about models is made of it"


def test_codecs_over_sockets_alone_are_drawn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """… and nothing says that there was no service."""
    run, lines = coded_run(monkeypatch, (71000, 35700, 35600))
    run["families"] = [family for family in run["families"] if family["id"] == "service/codecs"]
    alone = [line for line in lines if line.get("family") == "service/codecs"]
    folder = synthetic.write_run(tmp_path / "run", run, alone)
    report.render(folder)
    text = (folder / "report.md").read_text("utf-8")
    assert "Nothing meets: the codecs' own times are not in this run." in text
    assert "- protobuf-c takes 0." in text and "the CPU per request of cJSON" in text
    assert "there is nothing to answer here.** Its servers that differ" in text
    assert "there is nothing to answer here.**\n" not in text and "No models over sockets were part" in text


# --- What a request's CPU time is made of ---------------------------------------------------------


def test_layers_are_those_of_the_truth() -> None:
    """Of thread_pool in `rpc`: 71 µs, 60 % of it kernel; order as MessagePack takes 820 + 3080 ns, the
    model 2900 - 95."""
    result = judged(made())
    family = next(f for f in result.families if f.id == "service/rpc")
    found = breakdown(result, family, "thread_pool")
    assert found and not found.missing
    truth = {"kernel": 42600, "HTTP": HTTP_NS, "codec": 3900, "model": 2805}
    for name, ns in truth.items():
        layer = found.layer(name)
        assert layer and layer.ns == pytest.approx(ns, rel=0.06)
        assert layer.interval and layer.interval[0] <= layer.ns <= layer.interval[1]
    rest = found.layer("rest")
    assert rest and rest.interval and rest.interval[0] < 28400 - 8205 < rest.interval[1]
    assert sum(layer.ns for layer in found.layers) == pytest.approx(found.cpu.ns, rel=0.03)
    assert sum(ns for _, ns in section.fitted(found)) == pytest.approx(found.cpu.ns, rel=0.03)


def test_a_call_codes_twice_and_parses_an_answer_more() -> None:
    result = judged(made())
    family = next(f for f in result.families if f.id == "service/call")
    found = breakdown(result, family, "actor")
    assert found
    codec, http = found.layer("codec"), found.layer("HTTP")
    assert codec and codec.ns == pytest.approx(7800, rel=0.06)
    assert http and http.ns == pytest.approx(HTTP_NS + 500, rel=0.02)


def test_what_is_missing_is_said_and_in_the_rest() -> None:
    run, lines = made(kinds=("service",))
    del run["parts"]
    result = judged((run, lines))
    found = breakdown(result, result.families[0], "event_loop")
    assert found and [layer.name for layer in found.layers] == ["kernel", "rest"]
    assert len(found.missing) == 3
    assert found.layer("rest") and found.layer("rest").ns == pytest.approx(0.4 * 52000, rel=0.06)


def test_work_that_nobody_measured_alone_is_said_to_be() -> None:
    run, lines = made(kinds=("service",))
    for family in run["families"]:
        family["load"]["cpu_iterations"] = 400_000
    found = {f.id: breakdown(judged((run, lines)), f, "actor") for f in judged((run, lines)).families}
    assert "what it computes was not measured alone" in found["service/rpc"].missing  # type: ignore[union-attr]
    assert "its work was not measured in process" in found["service/cpu"].missing  # type: ignore[union-attr]


def test_parts_that_exceed_the_whole_are_drawn_to_fit() -> None:
    """Alone HTTP takes more than all the user time that there is."""
    run, lines = made()
    run["parts"]["request_ns"] = [50000.0] * 7
    result = judged((run, lines))
    found = breakdown(result, result.kind("service")[0], "thread_pool")
    assert found and found.layer("rest") and found.layer("rest").ns < 0
    assert sum(ns for _, ns in section.fitted(found)) == pytest.approx(found.cpu.ns)


def test_intervals_add_up_whatever_the_parts_have_to_do_with_each_other() -> None:
    a, b = layers.Layer("a", 10, (8, 13)), layers.Layer("b", 4, (3, 6))
    assert layers.minus("c", a, b) == layers.Layer("c", 6, (2, 10))
    assert layers.plus("c", a, b) == layers.Layer("c", 14, (11, 19))
    assert layers.times(b, 2) == layers.Layer("b", 8, (6, 12))
    assert layers.plus("c", a, layers.Layer("d", 1, None)).interval is None
    assert layers.minus("c", layers.Layer("d", 1, None), a).interval is None


def test_the_section_says_it_in_words_a_picture_and_tables(tmp_path: Path) -> None:
    folder = synthetic.write_run(tmp_path / "run", *made())
    report.render(folder)
    text = (folder / "report.md").read_text("utf-8")
    said = text[text.index("## Micro-benchmarks and services") :]
    said = said[: said.index("\n## ")]
    assert "`rpc`, thread_pool," in said and "Most is the kernel" in said
    assert "the codec, as long as it takes alone, is" in said and "(predicted, not measured)" in said
    assert "of which" in said and "in the kernel (medians)" in said
    assert "Kendall's τ" in said and f"({section.NAME}.svg)" in said
    picture = (folder / f"{section.NAME}.svg").read_text("utf-8")
    assert "kernel (measured in the service)" in picture and "not explained" in picture


def test_the_largest_part_is_named_where_intervals_tell_it() -> None:
    def named(*parts: layers.Layer) -> list[str]:
        whole = layers.Layer("all", 100, (99, 101))
        return [part.name for part in section.largest(layers.Breakdown(None, "", whole, parts, ()))]  # type: ignore

    kernel, work = layers.Layer("kernel", 43, (36, 48)), layers.Layer("work", 44, (43, 45))
    assert named(kernel, work) == ["work", "kernel"]
    assert named(layers.Layer("kernel", 60, (55, 65)), work) == ["kernel"]
    assert named(layers.Layer("kernel", 60, None), work) == ["kernel"], "too few rounds are told there"


def test_without_services_there_is_no_such_section(tmp_path: Path) -> None:
    folder = synthetic.write_run(tmp_path / "run", *made(kinds=("codec", "model")))
    report.render(folder)
    assert "Micro-benchmarks and services" not in (folder / "report.md").read_text("utf-8")


def test_what_http_costs_alone_is_measured(build: Path) -> None:
    made_here = Build.open(build)
    if made_here.find("parts_bench") is None:
        pytest.skip("parts_bench is not built")
    service = plan.Family("service/rpc", "service", "rpc", "a", ("a",), {}, {}, {}, 1)
    small = plan.Plan(plan.TIERS["smoke"], 1, (service,), (), 0.0)
    said: list[str] = []
    found = parts.measure(made_here, small, said.append)
    assert not said and {len(values) for values in found.values()} == {parts.PROCESSES}
    assert min(found["response_ns"]) > 0
    # A machine that halves its speed in the middle: the difference is of what ran side by side.
    steady = [[0, 30.0], [2, 30.0], [4, 50.0], [6, 50.0]]
    assert parts.beyond(steady, [[1, 20.0], [3, 20.0], [5, 40.0], [7, 40.0]]) == 10.0
    none = plan.Plan(plan.TIERS["smoke"], 1, (), (), 0.0)
    assert parts.measure(made_here, none, said.append) == {} and not said
