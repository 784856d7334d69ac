# SPDX-License-Identifier: MIT
"""check: what speaks against a run is said, and then the exit code is 1."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import synthetic
from assaylib import check, checks_rounds, judge
from assaylib.scenarios import KINDS
from conftest import Assay
from failures import MIXED, OVERLOAD, SLOW, made_up, one, parsed
from test_connections import held_memory
from test_map import mapped
from test_mixed import heavy
from test_overload import overloaded
from test_slow_downstream import failing

Lines = list[dict[str, Any]]
SOUND = synthetic.make_run("standard", rounds=15)


def planned(facts: Any) -> Any:
    """The synthetic plan in the shape that the harness writes."""
    for family in facts["families"]:
        family.setdefault("injected", {})
        family.setdefault("load", {})
    return facts


def reviewed(
    tmp_path: Path, change: Callable[[Any, Lines], Lines | None]
) -> tuple[list[str], list[str]]:
    facts, lines = copy.deepcopy(SOUND)
    changed = change(planned(facts), lines)
    return check.review(
        synthetic.write_run(tmp_path / "run", facts, lines if changed is None else changed)
    )


def nothing(facts: Any, lines: Lines) -> None:
    pass


def cut(facts: Any, lines: Lines) -> Lines:
    return lines[:-3]


def fail(facts: Any, lines: Lines) -> None:
    lines[0].update(status="failed", reason="died of SIGSEGV", metrics={}, repetitions=[])


def debug(facts: Any, lines: Lines) -> None:
    facts["build"]["fit"] = False


def force(facts: Any, lines: Lines) -> None:
    facts["forced"] = ["busy at the start: other programs use 50 % of the CPUs"]


def few(facts: Any, lines: Lines) -> Lines:
    for family in facts["families"]:
        family["rounds"] = 3
    return [line for line in lines if line["round"] < 3]


def gates(facts: Any, lines: Lines) -> None:
    for line in lines:
        if line["case"] == "service/rpc/actor":
            line["gates"]["achieved_over_offered"].update(value=0.9, ok=False)


def biased(facts: Any, lines: Lines) -> None:
    """The baseline's alias is 5 % slower in every family: intervals that cannot be trusted."""
    for line in lines:
        if line["member"].endswith(".same"):
            line["repetitions"] = [[s, ns * 1.05] for s, ns in line.get("repetitions", [])]
            for metric in ("cpu_ns_per_request", "time_ns"):
                if metric in line["metrics"]:
                    line["metrics"][metric] *= 1.05


def cut_member(facts: Any, lines: Lines) -> Lines:
    """A member's worst rounds are taken out."""
    gone = "codec/ack/decode/protobuf_c"
    return [line for line in lines if not (line["case"] == gone and line["round"] in (3, 8))]


def with_end(facts: Any, lines: Lines, **told: int) -> Lines:
    end = {"schema": 1, "kind": "end", "families": {"codec/ack/decode": {"stopped": "all counted", **told}}}
    return [*lines, end]


def cut_extra(facts: Any, lines: Lines) -> Lines:
    """More rounds were made than are there."""
    return with_end(facts, lines, run=17, counted=17)


def masked(facts: Any, lines: Lines) -> Lines:
    """A round that the run counted would now be discarded."""
    for line in lines:
        if line["family"] == "codec/ack/decode" and line["round"] == 2:
            line["covariates"]["steal_percent"] = 90.0
    return with_end(facts, lines, run=15, counted=15)


def doubled(facts: Any, lines: Lines) -> Lines:
    return [*lines, *copy.deepcopy([line for line in lines if line["member"] == "msgpack_c"])]


def alone(facts: Any, lines: Lines) -> Lines:
    """Nobody holds a baseline twice."""
    for family in facts["families"]:
        family["members"] = [m for m in family["members"] if m not in family["aliases"]]
        family["aliases"] = {}
    kept = {f"{f['id']}/{m}" for f in facts["families"] for m in f["members"]}
    return [line for line in lines if line["case"] in kept]


def no_alias_counts(facts: Any, lines: Lines) -> None:
    """Every alias is gated away or stolen from, and nothing else is."""
    for line in lines:
        if line["member"].endswith((".same", ".copy")):
            line["covariates"]["steal_percent"] = 60.0


def busy(facts: Any, lines: Lines) -> None:
    """The rule of these runs knows of steal only."""
    for line in lines:
        line["covariates"].update(load1=30.0, others_percent=60.0)


def loaded(facts: Any, lines: Lines) -> None:
    """As runs were that did not count what other programs took."""
    for line in lines:
        line["covariates"]["load1"] = 30.0


def lawless(facts: Any, lines: Lines) -> None:
    facts["discard_rule"] = None
    for line in lines:
        line["covariates"]["steal_percent"] = 70.0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (cut, "incomplete: "),
        (cut_member, "codec/ack/decode/protobuf_c round 3, codec/ack/decode/protobuf_c round 8"),
        (cut_extra, "codec/ack/decode 17 rounds run there, 15 here"),
        (masked, "codec/ack/decode 15 count there, 14 here"),
        (doubled, "results more than once, the last counts: codec/ack/encode/msgpack_c round 0"),
        (busy, "other programs took more than 10 % (up to 60.0 %) in 15 of 15 processes that count"),
        (loaded, "the load was more than"),
        (lawless, "the host took more than 5 % (up to 70.0 %)"),
        (fail, "died of SIGSEGV"),
        (debug, "not fit for measuring"),
        (force, "measured by force: busy"),
        (few, "3 rounds with both members, an interval takes 7"),
        (gates, "service/rpc/actor: no "),
        (biased, "A/A: "),
        (alone, "A/A: no family holds its baseline twice: what page one shows cannot be told from chance"),
        (no_alias_counts, "A/A: not one interval in 15 families with their baseline twice"),
    ],
)
def test_what_speaks_against(
    tmp_path: Path, change: Callable[[Any, Lines], Lines | None], words: str
) -> None:
    against, _ = reviewed(tmp_path, change)
    assert [text for text in against if words in text], against


def test_a_sound_run(tmp_path: Path) -> None:
    against, notes = reviewed(tmp_path, nothing)
    assert against == []
    # One family has a round above the declared steal limit: said, not held against it.
    assert [note for note in notes if "15 rounds run, 14 count, 15 planned" in note]


def test_a_load_of_its_own_threads_is_none(tmp_path: Path) -> None:
    def own(facts: Any, lines: Lines) -> None:
        for line in lines:
            line["covariates"].update(load1=30.0, others_percent=0.5)

    assert reviewed(tmp_path, own)[0] == []


def test_a_family_without_a_twin_claims_nothing_and_is_named(tmp_path: Path) -> None:
    def single(facts: Any, lines: Lines) -> Lines:
        family = facts["families"][0]
        gone = [f"{family['id']}/{member}" for member in family["aliases"]]
        family["members"] = [m for m in family["members"] if m not in family["aliases"]]
        family["aliases"] = {}
        return [line for line in lines if line["case"] not in gone]

    against, notes = reviewed(tmp_path, single)
    assert against == []
    why = "the family holds its baseline once only, so that its own A/A is not known"
    assert f"codec/ack/encode: time_ns: nothing is claimed: {why}" in notes


def test_a_service_s_last_round_may_be_interrupted(tmp_path: Path) -> None:
    def interrupted(facts: Any, lines: Lines) -> None:
        extra = copy.deepcopy(next(line for line in lines if line["case"] == "service/call/actor"))
        lines.append({**extra, "round": 8})

    assert {line["round"] for line in SOUND[1] if line["kind"] == "service"} == set(range(8))
    assert reviewed(tmp_path, interrupted)[0] == []


def test_make_up_rounds_are_complete(tmp_path: Path) -> None:
    def made_up(facts: Any, lines: Lines) -> Lines:
        facts["families"] = [{**f, "rounds": f["rounds"] - 2} for f in facts["families"]]
        return with_end(facts, lines, run=15, counted=15)

    assert reviewed(tmp_path, made_up)[0] == []


def test_a_few_busy_processes_are_a_note(tmp_path: Path) -> None:
    def once(facts: Any, lines: Lines) -> None:
        for line in lines:
            line["covariates"]["others_percent"] = 20.0 if line["round"] == 1 else 1.0

    against, notes = reviewed(tmp_path, once)
    assert against == []
    assert [note for note in notes if "busy surroundings: service/" in note and "4 of 32 processes" in note]


def test_the_report_says_what_is_lost(tmp_path: Path) -> None:
    facts, lines = copy.deepcopy(SOUND)
    judged = judge.judge(facts, cut_member(facts, lines))
    found = checks_rounds.rounds(judged)[-1]
    assert found.state == "bad" and "2 results missing" in found.text
    assert "all" not in found.text.split(";")[0]


def test_a_discarded_rival_leaves_the_others_their_rounds(tmp_path: Path) -> None:
    def steal(facts: Any, lines: Lines) -> None:
        for line in lines:
            if line["case"] == "service/rpc/actor" and line["round"] >= 1:
                line["covariates"]["steal_percent"] = 50.0
        told = {"service/rpc": {"stopped": "time budget"}}
        lines.append({"schema": 1, "kind": "end", "families": told})

    against, notes = reviewed(tmp_path, steal)
    assert against == [], "nothing is claimed there, and the rest stands"
    assert "service/rpc: 1 round with both members, an interval takes 8" in notes
    said = "service/rpc: 8 rounds run, 1 count, 8 planned (stopped: time budget)"
    assert said in notes


def test_no_round_that_counts_speaks_against(tmp_path: Path) -> None:
    def steal(facts: Any, lines: Lines) -> None:
        for line in lines:
            line["covariates"]["steal_percent"] = 60.0

    against, _ = reviewed(tmp_path, steal)
    said = [text for text in against if "0 rounds count" in text]  # no claim is left to stand
    assert len(said) == len(SOUND[0]["families"])


def test_late_tails_are_a_note(tmp_path: Path) -> None:
    def late(facts: Any, lines: Lines) -> None:
        for line in lines:
            if line["kind"] == "service":
                line["gates"]["lag_p99_over_p50"].update(value=8.2, ok=False)

    against, notes = reviewed(tmp_path, late)
    assert against == []
    assert [note for note in notes if "its latencies are the machine's" in note]


def test_throughputs_that_are_the_rig_s_are_a_note(tmp_path: Path) -> None:
    def held_down(facts: Any, lines: Lines) -> None:
        for line in lines:
            if line["kind"] == "service":
                gate = {"value": "generator", "limit": "server or nobody", "scope": "bound", "ok": False}
                line["gates"]["closed_saturated"] = gate

    against, notes = reviewed(tmp_path, held_down)
    assert against == []
    said = [note for note in notes if "a bound from below" in note]
    assert said and "saturated in the closed loop generator" in said[0]


def test_a_scenario_without_an_answer_is_no_claim(tmp_path: Path) -> None:
    """Whatever it says instead: figures without intervals, nobody ranked, nothing known."""
    texts = {"slow-downstream": (SLOW, failing), "mixed": (MIXED, heavy), "overload": (OVERLOAD, overloaded)}
    for name, (text, make) in texts.items():
        few, enough = (
            one(made_up(tmp_path / f"{name}{rounds}", parsed(tmp_path, text), make, rounds=rounds, rate_hz=100.0))
            for rounds in (2, 9)
        )
        answered = KINDS[name].answered
        assert (answered(few), answered(enough)) == (False, True), name
        assert few.nothing not in KINDS[name].answer(few), "it says something, and nothing that is claimed"
    for name, few, enough in (
        ("connections", held_memory(tmp_path / "few", rounds=3), held_memory(tmp_path / "enough")),
        ("map", mapped(tmp_path / "one", rounds=1), mapped(tmp_path / "more")),
    ):
        assert (KINDS[name].answered(few), KINDS[name].answered(enough)) == (False, True), name
    nobody: Any = SimpleNamespace(lines=[{"status": "ok", "metrics": {"lost": 0}, "counts": {}}])
    assert not KINDS["lifecycle"].answered(nobody) and all(hasattr(kind, "answered") for kind in KINDS.values())


def test_exit_codes(tmp_path: Path, assay: Assay) -> None:
    facts, lines = copy.deepcopy(SOUND)
    sound = synthetic.write_run(tmp_path / "sound", planned(facts), lines)
    done = assay("check", sound)
    assert done.returncode == 0 and "nothing speaks against" in done.stdout
    force(facts, lines)
    done = assay("check", synthetic.write_run(tmp_path / "forced", facts, lines))
    assert done.returncode == 1 and "AGAINST" in done.stdout
    done = assay("check", tmp_path / "nowhere")
    assert done.returncode == 2 and "nowhere" in done.stderr
