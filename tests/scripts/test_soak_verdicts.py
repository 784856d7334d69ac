# SPDX-License-Identifier: MIT
"""What the rule of `assay soak` says of servers whose truth is known."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import pytest
from assaylib import words
from assaylib.soak import tails, verdicts, view
from soaked import HOUR_S, MIB, asked_after, judged_alone, stretches, told


def test_what_stays_is_shown_to_stay() -> None:
    found = told(stretches())
    assert found.holds and found.lost == 0 and found.requests == 3_600_000
    assert found.rss.interval and found.rss.interval[1] < found.rss.margin
    assert found.descriptors.interval == (0, 0)


@pytest.mark.parametrize("leak", [3 * MIB, 20 * MIB])
def test_a_leak_is_found_and_measured(leak: int) -> None:
    found = told(stretches(leak=leak))
    assert found.rss.verdict == verdicts.GROWS and not found.holds
    assert (
        found.rss.interval
        and found.rss.interval[0] <= leak * (1 - verdicts.SETTLE_SHARE) <= found.rss.interval[1]
    )
    assert found.p99.verdict == verdicts.HOLDS and found.descriptors.verdict == verdicts.HOLDS


def test_what_is_touched_in_the_first_minutes_is_no_leak() -> None:
    """4 MiB in five minutes are in every one of these servers."""
    assert told(stretches(leak=100_000)).rss.verdict == verdicts.HOLDS


def test_a_step_late_in_the_hour_is_not_flat() -> None:
    for at in (0.5, 0.9, 0.97, 0.99):
        assert told(stretches(jump_at=at)).rss.verdict != verdicts.HOLDS


def test_threads_that_are_left_behind() -> None:
    lines = stretches()
    for line in lines:
        for sample in line["timeline"]:
            sample["threads"] += int(30 * line["at_s"] / HOUR_S)
    found = told(lines)
    assert found.threads.verdict == verdicts.GROWS and not found.holds
    assert "threads grows: +25" in view.sentence(found)


def test_descriptors_that_are_left_open() -> None:
    assert told(stretches(descriptors=30)).descriptors.verdict == verdicts.GROWS
    assert told(stretches(descriptors=0.9)).descriptors.verdict == verdicts.HOLDS


def test_a_tail_that_grows_and_one_that_is_too_noisy_to_say() -> None:
    assert told(stretches(slower=1.0)).p99.verdict == verdicts.GROWS
    assert told(stretches(slower=0.05)).p99.verdict == verdicts.HOLDS
    noisy = told(stretches(noise=1.5))
    assert noisy.p99.verdict == verdicts.UNKNOWN and not noisy.holds


def test_work_that_grows() -> None:
    assert told(stretches(dearer=0.5)).cpu.verdict == verdicts.GROWS
    assert not told(stretches(dearer=0.5)).holds and told(stretches(dearer=0.02)).holds


def test_of_models_that_share_a_machine_its_own_drift_is_none_of_theirs() -> None:
    """All slow down by half; one of them by half as much again, which excuses none of the others."""
    every = [stretches(machine=0.5, seed=seed, slower=0.8 if seed == 2 else 0.0) for seed in (1, 2, 3, 4)]
    for i, lines in enumerate(every):
        others = tails.others([each for each in every if each is not lines])
        found = verdicts.judge("event_loop", lines, 1000.0, HOUR_S, connections=64, yardstick=others)
        assert found.p99.verdict == verdicts.GROWS and found.machine and found.machine.verdict == verdicts.GROWS
        assert found.tail.verdict == (verdicts.GROWS if i == 1 else verdicts.HOLDS)
        assert found.holds == (i != 1)
    slower = stretches(machine=0.5, slower=0.4)
    for beside in ([every[0], every[1], every[2]], [every[0], every[1]]):
        others = tails.others(beside)
        found = verdicts.judge("event_loop", slower, 1000.0, HOUR_S, connections=64, yardstick=others)
        assert found.tail.verdict != verdicts.HOLDS, "one of the others that is worse is no excuse"
    for line in every[2][30:]:  # one that is gone is no measure
        line["covariates"]["steal_percent"] = 50.0
    found = verdicts.judge("event_loop", every[0], 1000.0, HOUR_S, connections=64, yardstick=tails.others(every[1:]))
    assert len(found.tail.points) == 20 and not found.holds


def test_alone_a_model_is_judged_beyond_a_server_that_does_nothing() -> None:
    """Which is as late as the machine, minute by minute; a server that slows down by itself is still found."""
    for slower, verdict in ((0.0, verdicts.HOLDS), (0.8, verdicts.GROWS)):
        lines = asked_after(stretches(machine=1.0, slower=slower), stretches(machine=1.0, seed=7))
        found = judged_alone(lines)
        assert found.p99.verdict == verdicts.GROWS and found.tail.verdict == verdict
        assert found.holds == (verdict == verdicts.HOLDS)
    for line in lines[30:]:  # no answer, or the host's: no figure
        line["yardstick"] = {"status": "failed", "reason": "load: not one right answer"}
    lines[12]["yardstick"]["covariates"]["steal_percent"] = 50.0
    found = judged_alone(lines)
    assert len(found.tail.points) == 30 - 10 - 1 and found.without_p99 == 31 and not found.holds
    assert "without p99 31 of its stretches (one reason: load: not one right answer)" in view.sentence(found)
    for line in lines:
        del line["yardstick"]
    assert judged_alone(lines).tail.why == "0 windows are too few", "an absolute p99 does not stand in for it"


def test_a_machine_explains_no_more_of_a_tail_than_it_did_to_an_idle_server() -> None:
    """The idle one answers in a twentieth of the time, and is twice as late at the end: 0.1 ms of 2."""
    lines = asked_after(stretches(machine=1.0), stretches(machine=1.0, seed=7), 0.05)
    assert judged_alone(lines).tail.verdict != verdicts.HOLDS, "a queue has made more of it: who knows"
    lines = asked_after(stretches(slower=1.0), stretches(slower=1.0, seed=7), 0.05)
    found = judged_alone(lines)
    assert found.machine and found.machine.verdict == verdicts.GROWS and found.tail.verdict == verdicts.GROWS
    assert abs(found.tail.growth - judged_alone(asked_after(lines, stretches(seed=7), 0.05)).tail.growth) < 0.1
    faster = asked_after(stretches(slower=1.0), stretches(slower=1.0, seed=7), 20)
    assert judged_alone(faster).tail.verdict == verdicts.HOLDS, "shares of its own level, of one that is slower"


def test_a_server_that_is_busy_by_itself_is_no_company_for_a_yardstick() -> None:
    lines = asked_after(stretches(), stretches(seed=7))
    for line in lines[30:]:
        line["yardstick"]["metrics"]["model_percent"] = 30.0
    found = judged_alone(lines)
    assert found.tail.verdict == verdicts.UNKNOWN and not found.holds
    assert "(one reason: the model took 30.0 % of a CPU meanwhile)" in view.sentence(found)


def of_sixty(line: dict[str, Any], stalled: int, factor: float) -> None:
    """The seconds of a stretch, of which so many take so many times as long."""
    calm = line["second_p99_ns"][0]
    line["second_p99_ns"] = [round(calm * (factor if at < stalled else 1)) for at in range(60)]
    line["metrics"]["p99_ns"] = max(line["second_p99_ns"])  # one of sixty is more than a hundredth


def test_stalls_that_come_in_more_and_more_seconds_are_found_though_the_others_are_calm() -> None:
    lines = asked_after(stretches(), stretches(seed=7))
    for line in lines:
        of_sixty(line, round(27 * line["at_s"] / HOUR_S), 250)
    found = judged_alone(lines)
    assert found.tail.verdict == verdicts.HOLDS and found.slow.verdict == verdicts.GROWS and not found.holds
    assert "share of slow seconds grows: +38" in view.sentence(found)
    for line in lines:  # an idle server is late in as many, by a twentieth of that: no excuse
        line["yardstick"]["second_p99_ns"] = [ns / 20 if ns < 5e6 else 3e5 for ns in line["second_p99_ns"]]
    found = judged_alone(lines)
    assert found.slow.verdict == verdicts.GROWS and found.tail.verdict == verdicts.HOLDS
    for line in lines:  # as the machine has it: of an idle server's seconds as many
        line["yardstick"]["second_p99_ns"] = line["second_p99_ns"]
    found = judged_alone(lines)
    assert found.slow.verdict == verdicts.HOLDS and found.slow.growth == 0 and found.slow_share == pytest.approx(16 / 60)
    assert f"{words.percent(16 / 60)} of its seconds were slow" in view.sentence(found)


@pytest.mark.parametrize("stalled", [lambda share: 15 * share, lambda share: 8 * share, lambda share: 14 * (share > 0.25)])
def test_stalls_in_some_seconds_more_are_not_flat(stalled: Callable[[float], float]) -> None:
    """In a quarter of them, in an eighth, and of a sudden."""
    lines = asked_after(stretches(), stretches(seed=7))
    for line in lines:
        of_sixty(line, round(stalled(line["at_s"] / HOUR_S)), 250)
    assert judged_alone(lines).tail.verdict == verdicts.HOLDS and not judged_alone(lines).holds


def test_few_seconds_of_a_yardstick_do_not_make_a_flat_share_of_slow_seconds_doubtful() -> None:
    """Of six, those that are slow come as they like: the model's own sixty say more."""
    chance, lines = random.Random(3), asked_after(stretches(), stretches(seed=7))
    for line in lines:
        of_sixty(line, 20 + chance.randrange(4), 250)
        calm = line["yardstick"]["second_p99_ns"][0]
        line["yardstick"]["second_p99_ns"] = [calm * chance.choice((1, 1, 250)) for _ in range(6)]
    found = judged_alone(lines)
    assert found.slow.verdict == verdicts.HOLDS and found.slow.interval and found.slow.interval[1] < 0.05


@pytest.mark.parametrize(("stalled", "rough"), [(7, [False, True]), (27, [False, True]), (40, [True, True])])
def test_stalls_that_become_longer_where_they_always_were_are_found(stalled: int, rough: list[bool]) -> None:
    lines = asked_after(stretches(), stretches(seed=7))
    for line in lines:
        of_sixty(line, stalled, 3 + 247 * line["at_s"] / HOUR_S)
    found = judged_alone(lines)
    assert found.tail.verdict == verdicts.HOLDS and found.slow.verdict == verdicts.HOLDS and not found.holds
    assert [each.trend.verdict == verdicts.GROWS for each in found.rough] == rough
    assert "p99 of seconds that nine of ten are calmer than grows" in view.sentence(found)


def test_a_stall_that_grows_in_a_few_seconds_is_in_the_p99_of_whole_minutes() -> None:
    lines = asked_after(stretches(), stretches(seed=7))
    for line in lines:
        of_sixty(line, 5, 3 + 247 * line["at_s"] / HOUR_S)
    found = judged_alone(lines)
    assert found.tail.verdict == verdicts.HOLDS and found.slow.verdict == verdicts.HOLDS
    assert not any(each.trend.verdict == verdicts.GROWS for each in found.rough)
    assert found.whole.beyond.verdict == verdicts.GROWS and not found.holds
    assert "p99 of whole minutes (beyond that of a server that does nothing) grows: +" in view.sentence(found)


def test_a_stall_in_fewer_than_one_answer_of_a_hundred_is_in_the_slowest_alone() -> None:
    """The limit of the rule, which it tells."""
    lines = asked_after(stretches(), stretches(seed=7))
    lines[-1]["metrics"]["max_ns"] = 500_000_000
    found = judged_alone(lines)
    assert found.holds and f"the slowest answer took 500.00{words.SPACE}ms" in view.sentence(found)
    text = verdicts.declared()["text"]
    assert "fewer than one answer in a hundred is seen in the slowest answer alone" in text and "{" not in text


def whole(gaps: float, slower: float, seed: int) -> str:
    lines = stretches(gaps=gaps, slower=slower, seed=seed)
    return judged_alone(asked_after(lines, stretches(gaps=gaps, seed=1000 + seed), 0.3)).whole.beyond.verdict


@pytest.mark.parametrize(("gaps", "flat", "grows"), [(0.0, 20, 20), (0.2, 14, 16), (0.45, 3, 6)])
def test_power_over_the_p99_of_whole_minutes(gaps: float, flat: int, grows: int) -> None:
    """A doubling over the hour is never called flat, nor gaps of the machine growth. The more of them there are,
    the seldomer is what stays shown to stay, and what grows said to grow: how often of twenty, with a trebling.
    The soaks that the rule was made for scattered by 0.45 and more."""
    told = {slower: [whole(gaps, slower, seed) for seed in range(20)] for slower in (0.0, 1.0, 2.0)}
    assert verdicts.HOLDS not in told[1.0] + told[2.0] and verdicts.GROWS not in told[0.0]
    assert told[0.0].count(verdicts.HOLDS) >= flat and told[2.0].count(verdicts.GROWS) >= grows


@pytest.mark.parametrize("last", [5, 10, 15])
def test_a_late_step_of_whole_minutes_is_not_flat(last: int) -> None:
    lines = asked_after(stretches(), stretches(seed=7))
    for line in lines[-last:]:
        line["metrics"]["p99_ns"] *= 3
    found = judged_alone(lines)
    assert found.tail.verdict == verdicts.HOLDS and found.whole.beyond.verdict == verdicts.GROWS and not found.holds


def test_whole_minutes_that_scatter_are_not_shown_to_be_flat() -> None:
    found = judged_alone(asked_after(stretches(gaps=1.5), stretches(seed=7)))
    assert found.tail.verdict == verdicts.HOLDS and found.whole.beyond.verdict == verdicts.UNKNOWN and not found.holds
    said = view.sentence(found)
    assert "p99 of whole minutes (beyond that of a server that does nothing) not shown to be flat" in said


def test_a_tail_that_becomes_a_thousand_times_as_long_can_be_printed() -> None:
    lines = asked_after(stretches(), stretches(seed=7))
    for line in lines:
        of_sixty(line, 30, 2000 if line["at_s"] > 0.6 * HOUR_S else 1)
    found = judged_alone(lines)
    assert not found.holds and "grows" in view.sentence(found)
    assert view.table([found])


def level(found: verdicts.Verdict) -> float:
    """p99 of median seconds."""
    return found.rough[0].level_ns or 0.0


def test_gaps_of_the_machine_in_some_seconds_are_no_tail_of_the_server() -> None:
    """Of each minute's seconds a few are the host's, more or less of them as it likes."""
    chance, lines = random.Random(2), stretches(noise=1.5)
    for line in lines:
        seconds = [2_000_000 + chance.randrange(200_000) for _ in range(60)]
        for at in chance.sample(range(60), chance.randrange(25)):
            seconds[at] = chance.choice((None, 50_000_000))
        line["second_p99_ns"] = seconds
    found = told(lines)
    assert found.p99.verdict == verdicts.HOLDS and 2e6 < level(found) < 2.2e6
    said = view.sentence(found).replace(words.SPACE, " ")
    assert "p99 of median seconds is not shown to grow, at 2.12 ms; p99 of seconds that " in said
    assert found.slow.verdict == verdicts.HOLDS
    for line in lines:
        line["second_p99_ns"] = [ns and ns * (1 + line["at_s"] / HOUR_S) for ns in line["second_p99_ns"]]
    assert told(lines).p99.verdict == verdicts.GROWS
    for line in lines:  # two of three are not calm
        line["second_p99_ns"] = [ns if i % 3 == 0 else ns and 40 * ns for i, ns in enumerate(line["second_p99_ns"])]
    assert told(lines).p99.level < math.log(4e6) and level(told(lines)) > 40e6
    lines[30]["second_p99_ns"] = [None] * 60
    assert len(told(lines).p99.points) == 49, "who never answers has no p99"


def test_a_stretch_that_the_host_took_has_no_p99() -> None:
    lines = stretches()
    for line in lines[30:40]:
        line["covariates"]["steal_percent"] = 60.0
        line["second_p99_ns"] = [500_000_000]
    found = told(lines)
    assert found.without_p99 == 10 and found.p99.verdict == verdicts.HOLDS


def test_where_the_host_took_all_there_is_no_figure() -> None:
    lines = stretches()
    for line in lines[5:]:
        line["covariates"]["steal_percent"] = 60.0
    found = told(lines)
    said = view.sentence(found).replace(words.SPACE, " ")
    assert "CPU time per request not shown to be flat (0 windows are too few): no figure; p99" in said
    assert "p99 of calm seconds not shown to be flat (0 windows are too few): no figure" in said
    assert " at 20.0 µs" not in said and "memory flat: " in said and " MiB" in said
    assert [cell.text for cell in view.table([found]).rows[0]][-3:] == ["–"] * 3


@pytest.mark.parametrize("gone", [slice(35, 60), slice(12, 30)])
def test_what_is_known_of_a_part_is_not_said_of_the_whole(gone: slice) -> None:
    """The host takes the CPUs for a long while, in which the tail may have grown."""
    lines = stretches()
    for line in lines[gone]:
        line["covariates"]["steal_percent"] = 60.0
    found = told(lines)
    assert found.p99.verdict == verdicts.UNKNOWN and "no figure" in found.p99.why and not found.holds
    assert found.rss.verdict == verdicts.HOLDS


def test_connections_that_were_not_held_and_a_generator_that_was_late() -> None:
    found = told(stretches(connections_held=63))
    assert found.unheld == 1 and not found.holds
    assert "connections were missing in 1 of its stretches;" in view.sentence(found)
    assert told(stretches(connections_held=64)).holds
    found = told(stretches(lag_p99_ns=30e3))
    assert found.lag_ns == 30e3 and found.holds, "told, not judged"
    assert f"the generator itself was late by 0.03{words.SPACE}ms (p99)" in view.sentence(found)


def test_one_request_lost_is_too_many() -> None:
    for lost in ({"failed": 1}, {"wrong": 1}):
        found = told(stretches(**lost))
        assert found.lost == 1 and not found.holds
    lines = stretches()
    lines[-1]["final"]["lost"] = 2
    assert told(lines).lost == 2 and "2 lost at SIGTERM" in told(lines).lost_why
    assert told(stretches(unsent=30_000)).holds, "a hundredth may be unsent"
    starved = stretches()
    for line in starved:
        line["metrics"]["unsent"] = 6000
    assert not told(starved).holds and told(starved).achieved == pytest.approx(0.9)


def test_a_server_that_died_and_one_that_was_not_watched_to_its_end() -> None:
    lines = stretches()[:20]
    assert not told(lines).finished
    short = view.table([told(lines[:13])]).rows[0]
    assert [cell.text for cell in short][-5:] == ["–"] * 5, "three minutes drawn out over an hour are no figure"
    lines.append(
        {
            **lines[-1],
            "round": 21,
            "status": "failed",
            "reason": "the server ended",
            "metrics": {},
            "timeline": [],
        }
    )
    found = told(lines)
    assert not found.holds and found.why == "the server ended"
    assert "did not get to the end: the server ended" in view.sentence(found)


def test_a_day_is_judged_as_an_hour_is() -> None:
    found = told(stretches(hours=24, leak=40 * MIB), 24)
    assert found.rss.verdict == verdicts.GROWS and len(found.rss.points) <= verdicts.WINDOWS_MAX
    assert found.tail.verdict == verdicts.HOLDS and len(found.tail.points) <= verdicts.WINDOWS_MAX
    assert told(stretches(hours=24, slower=0.6), 24).tail.verdict == verdicts.GROWS
