# SPDX-License-Identifier: MIT
"""METHOD section 1, rule by rule: where each is kept, and what shows it on data whose truth is known.

Simulations are seeded and their bounds hold for that seed; each asserts what the published tables of
such simulations say (sign test, Mann and Whitney), within what so few trials allow."""

from __future__ import annotations

import importlib
import math
import random
import re
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import synthetic
from assaylib import drifts, judge, usual, verdicts, words

#: Rule → (what it says, where it is kept, what tests it).
RULES: dict[int, tuple[str, str, str]] = {
    1: (
        "the unit of replication is a fresh process",
        "run._process inprocess.measure verdicts.advantage",
        "more_repetitions_do_not_replace_processes every_case_of_every_round_once",
    ),
    2: (
        "pair closely, then replicate; random order from one seed",
        "verdicts.Blocks plan.order",
        "drift_meets_both_sides_of_a_pair skewed_blocks_do_not_bias_a_process blocks_are_paired_with_their_neighbours_in_time"
        " members_alternate order_is_the_seed_s rounds_are_spread_over_the_run"
        " members_of_a_service_round_stay_together_in_changing_order",
    ),
    3: (
        "a fixed iteration count from a discarded pilot",
        "inprocess.pilot",
        "what_run_json_says what_a_line_says",
    ),
    4: (
        "layout is left random",
        "programs.execute run._process environment.fingerprint",
        "padding_moves_the_environment padding_is_another_in_every_process the_machine_is_described",
    ),
    5: (
        "median of paired log ratios, exact order-statistic interval",
        "intervals.order_interval intervals.rounds_needed verdicts.Estimate",
        "the_level_is_exact coverage_is_not_below_nominal"
        " intervals_are_as_wide_as_tabulated rounds_that_an_interval_needs"
        " too_few_rounds_print_no_interval two_stages_keep_what_an_interval_promises",
    ),
    6: (
        "four verdicts against a margin",
        "verdicts.verdict calibration.margins words.claimed words.resolvable",
        "power_is_as_tabulated a_whole_family_has_that_power"
        " no_verdict_is_false_more_often_than_said verdicts"
        " no_claim_lies_inside_the_familys_own_spread claims_are_rounded_against_themselves"
        " one_form_for_every_verdict",
    ),
    7: (
        "families declared before the run, simultaneous intervals, Holm",
        "judge._compare intervals.holm shares.level",
        "no_verdict_is_false_more_often_than_said family_wise_false_claims holm_by_hand"
        " all_that_page_one_quotes_of_a_family_holds_together"
        " false_alarms_are_counted_over_both_metrics_of_a_service",
    ),
    8: (
        "tie sets, not winners",
        "ties.tie",
        "the_fastest_of_twenty_equals_is_no_winner the_best_of_identical_members_is_not_a_winner"
        " a_better_member_is_alone_and_a_dozen_rivals_can_be_ranked",
    ),
    9: (
        "stop on width or budget, never on significance",
        "makeup.aims makeup.next_round makeup.end_line widths.widths",
        "stopping_when_significant_would_cry_wolf two_stages_keep_what_an_interval_promises"
        " rounds_follow_from_the_width_once values_and_failures_give_no_reason_to_go_on",
    ),
    10: (
        "discarded by a covariate declared beforehand, never by time",
        "discard.excuse discard.pairs",
        "rounds_are_discarded_by_their_covariate_only attempts_and_what_counts_are_said",
    ),
    11: (
        "calibration in every report",
        "calibration.aliases calibration.margins calibration.injected calibrate.evaluate scenarios.capacity.floor"
        " scenarios.mixed.floor",
        "a_sound_method_passes a_method_that_is_not_fails a_baseline_that_is_not_known_against_itself_ranks_nobody"
        " nobody_gains_by_less_than_a_server_differs_from_itself"
        " every_report_has_its_own_in_short an_injected_slow_down_is_measured"
        " the_floor_of_the_same_code_raises_the_margin",
    ),
    12: (
        "what this machine can resolve",
        "machine.measure resolution.resolution",
        "what_it_can_resolve_is_measured a_tail_below_the_timers_lateness_is_marked",
    ),
    13: (
        "not reproducible here: both numbers, and the verdict goes",
        "drifts.drift intervals.two_modes slides.stands judge.disagree takeback.examine",
        "a_drift_across_the_margin_takes_the_verdict_back a_claim_is_what_both_halves_say"
        " two_modes_that_differ_take_the_verdict_back another_session_can_take_a_verdict_back"
        " a_step_that_another_session_contradicts_is_taken_back a_step_in_two_modes_is_not_claimed"
        " a_slide_across_the_margin_takes_the_verdict_back without_an_interval_of_its_own_a_family_claims_nothing",
    ),
    14: (
        "exact companions beside times",
        "exact.measure",
        "heap_is_the_same_twice instructions exact_figures_are_shown_as_they_were_recorded"
        " what_a_request_took_stands_beside_its_time",
    ),
    15: (
        "more threads than cores: shape only",
        "about.shape_only",
        "more_threads_than_cores_show_a_shape_only",
    ),
}  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_is_kept_somewhere_and_tested(rule: int) -> None:
    _, where, tests = RULES[rule]
    for name in where.split():
        module, _, attribute = name.rpartition(".")
        assert hasattr(importlib.import_module(f"assaylib.{module}"), attribute), name
    every = "".join(file.read_text("utf-8") for file in Path(__file__).parent.glob("test_*.py"))
    for name in tests.split():
        assert re.search(rf"^def test_{name}\(", every, re.MULTILINE), name


def bound(share: float, trials: int) -> float:
    """Three standard deviations above."""
    return share + 3 * math.sqrt(share * (1 - share) / trials)


# --- 1 and 2: units and pairs --------------------------------------------------------------------


@pytest.mark.parametrize("between, wolf", [(0.0, 0.040), (0.1, 0.126), (0.5, 0.479)])
def test_more_repetitions_do_not_replace_processes(between: float, wolf: float) -> None:
    """Equal sides; this share of the variance is between processes. A U test over nine repetitions of
    one process each, as published, against intervals over ten processes."""
    rng = random.Random(f"processes {between}")
    trials, claims, ours = 700, 0, 0

    def process(repetitions: int) -> list[float]:
        level = rng.gauss(0, math.sqrt(between))
        return [level + rng.gauss(0, math.sqrt(1 - between)) for _ in range(repetitions)]

    for _ in range(trials):
        claims += usual.u_test(process(9), process(9)) < usual.ALPHA
        pairs = [statistics.median(process(3)) - statistics.median(process(3)) for _ in range(10)]
        ours += judge.Estimate.of(pairs, judge.ALPHA).excludes_one
    assert abs(claims / trials - wolf) <= bound(wolf, trials) - wolf
    assert ours / trials <= bound(judge.ALPHA, trials)


def test_drift_meets_both_sides_of_a_pair() -> None:
    """A slow drift (autocorrelation 0.9 from slot to slot) and noise. All of A, then all of B, makes a
    U test claim in half of the trials; pairs in random order stay where they should."""
    rng = random.Random("drift")
    trials, claims, ours = 400, 0, 0
    for _ in range(trials):
        level, slots = 0.0, []
        for _ in range(60):
            level = 0.9 * level + rng.gauss(0, math.sqrt(1 - 0.81))
            slots.append(level + rng.gauss(0, 1))
        claims += usual.u_test(slots[:30], slots[30:]) < usual.ALPHA
        pairs = [rng.sample(slots[i : i + 2], 2) for i in range(0, 60, 2)]
        ours += judge.Estimate.of([b - a for a, b in pairs], judge.ALPHA).excludes_one
    assert claims / trials > 0.25
    assert ours / trials <= bound(judge.ALPHA, trials)


@pytest.mark.parametrize("slow", [0.0, 0.05])
def test_skewed_blocks_do_not_bias_a_process(slow: float) -> None:
    """On a disturbed machine blocks have long tails upwards. Whoever holds each of one side's blocks
    against the other's nearest, a mean of two where two are as near, finds the first side faster than it
    is; the difference of both directions does not."""
    rng = random.Random(f"skew {slow}")
    one_way, values = [], []
    for _ in range(400):
        order = rng.sample([False, True] * 24, 48)
        ours, theirs = (
            verdicts.Blocks.of(
                [
                    (slot, math.exp(0.03 * rng.lognormvariate(0, 1.5) + (math.log1p(slow) if mine else 0.0)))
                    for slot, owner in enumerate(order)
                    if owner == mine
                ]
            )
            for mine in (True, False)
        )
        one_way.append(ours._against(theirs))
        values.append(ours.advantage_over(theirs))
        assert ours.advantage_over(theirs) == -theirs.advantage_over(ours)
    truth = -math.log1p(slow)
    low, high = judge.order_interval(values, 0.001)  # type: ignore[misc]
    assert low <= truth <= high
    low, high = judge.order_interval(one_way, 0.001)  # type: ignore[misc]
    assert truth < low


# --- 5: intervals --------------------------------------------------------------------------------

SIZES = (6, 8, 10, 15, 30)
SHAPES: dict[str, Callable[[random.Random], float]] = {  # all with median 0
    "normal": lambda rng: rng.gauss(0, 1),
    "skewed": lambda rng: rng.lognormvariate(0, 1) - 1,
    "heavy": lambda rng: math.tan(math.pi * (rng.random() - 0.5)),  # Cauchy: no mean, no variance
    "discrete": lambda rng: float(rng.choice((-1, 0, 0, 1))),
    "two humps": lambda rng: rng.choice((-1.0, 1.0)) + rng.gauss(0, 0.1),
}


@pytest.mark.parametrize("comparisons", [1, 2, 4, 10, 40])
def test_the_level_is_exact(comparisons: int) -> None:
    """The chance that a continuous value's median lies outside follows from the ranks alone: never more
    than alpha, and with the next narrower interval it would be more."""
    alpha = judge.ALPHA / comparisons
    for n in range(judge.rounds_needed(alpha), 61):
        rank = judge.interval_rank(n, alpha)
        assert rank
        outside, narrower = (2 * sum(math.comb(n, i) for i in range(k)) / 2**n for k in (rank, rank + 1))
        assert outside <= alpha
        assert narrower > alpha or 2 * (rank + 1) > n


@pytest.mark.parametrize("shape", SHAPES)
def test_coverage_is_not_below_nominal(shape: str) -> None:
    draw, trials = SHAPES[shape], 1000
    for n in SIZES:
        rng = random.Random(f"{shape} {n}")
        missed = 0
        for _ in range(trials):
            low, high = judge.order_interval([draw(rng) for _ in range(n)])  # type: ignore[misc]
            missed += not low <= 0 <= high
        assert missed / trials <= bound(judge.ALPHA, trials), n


@pytest.mark.parametrize("n, arm", [(10, 1.00), (15, 0.72), (20, 0.59), (30, 0.47), (50, 0.38)])
def test_intervals_are_as_wide_as_tabulated(n: int, arm: float) -> None:
    """Half the mean width, in standard deviations of one round."""
    rng = random.Random(n)
    found = [judge.order_interval([rng.gauss(0, 1) for _ in range(n)]) for _ in range(1200)]
    assert statistics.fmean((high - low) / 2 for low, high in found if low < high) == pytest.approx(arm, abs=0.02)  # type: ignore


# --- 6 and 7: verdicts ---------------------------------------------------------------------------

DELTA, SD = 0.03, 0.02  # the margin, and the standard deviation of a round's ratio
POWER = {  # rounds → (at least 3 % when it is 5, 6, 8 %; equivalent when equal)
    10: (0.51, 0.86, 1.00, 0.73),
    15: (0.79, 0.99, 1.00, 0.97),
    20: (0.92, 1.00, 1.00, 1.00),
}


def above(limit: float, mean: float, n: int, rank: int) -> float:
    """P(the rank-th smallest of n normal values lies above the limit)."""
    below = statistics.NormalDist(mean, SD).cdf(limit)
    return sum(math.comb(n, i) * below**i * (1 - below) ** (n - i) for i in range(rank))


@pytest.mark.parametrize("n", POWER)
def test_power_is_as_tabulated(n: int) -> None:
    rank = judge.interval_rank(n)
    assert rank
    claimed = [above(DELTA, truth, n, rank) for truth in (0.05, 0.06, 0.08)]
    # Both ends inside: no more than rank - 1 values on either side of ±margin.
    out = statistics.NormalDist(0, SD).cdf(-DELTA)
    inside = sum(
        math.comb(n, i) * math.comb(n - i, j) * out ** (i + j) * (1 - 2 * out) ** (n - i - j)
        for i in range(rank)
        for j in range(rank)
    )
    assert [*claimed, inside] == pytest.approx(POWER[n], abs=0.015)


def family(
    rng: random.Random, truths: dict[str, float], rounds: int, draw: Callable[[str], float], step: float = 0.0
) -> judge.Family:
    """Judged. truths: log advantage of each member over `base`; draw: a process's own log noise; step: of
    a clock so coarse that times tie. The A/A is exact, so that chance alone makes a claim."""
    names = ["base", *truths, "base.same"]
    plan = {
        "id": "codec/x/encode",
        "kind": "codec",
        "baseline": "base",
        "members": names,
        "aliases": {"base.same": "same"},
        "floors": {},
    }
    lines = []
    for number in range(1, rounds + 1):
        machine = rng.gauss(0, 0.2)  # common to a round
        logs = {name: draw(name) - truths.get(name, 0.0) for name in names}
        if step:
            logs = {name: step * round(log / step) for name, log in logs.items()}
        logs["base.same"] = logs["base"]
        lines += [
            {
                "kind": "codec",
                "family": plan["id"],
                "member": name,
                "round": number,
                "status": "ok",
                "metrics": {"time_ns": 1000 * math.exp(machine + log)},
            }
            for name, log in logs.items()
        ]
    return judge.judge({"margin_percent": 100 * DELTA, "families": [plan]}, lines).families[0]


@pytest.mark.parametrize("n, percent, power", [(10, 6, 0.86), (15, 5, 0.79), (15, 0, 0.97)])
def test_a_whole_family_has_that_power(n: int, percent: int, power: float) -> None:
    """The same through the judge, from processes to a verdict."""
    rng = random.Random(f"power {n} {percent}")
    truth = MARGIN * percent / 3
    wanted, trials = judge.BETTER if percent else judge.EQUIVALENT, 250
    found = sum(
        family(rng, {"rival": truth}, n, lambda _: rng.gauss(0, SD / math.sqrt(2))).comparisons[0].verdict == wanted
        for _ in range(trials)
    )
    assert abs(found / trials - power) <= bound(power, trials) - power + 0.015


MARGIN = math.log1p(DELTA)
NOISE: dict[str, tuple[Callable[[random.Random, str], float], float]] = {
    "normal": (lambda rng, _: rng.gauss(0, SD), 0.0),
    # The baseline's noise is in every ratio: all members are wrong together.
    "common": (lambda rng, who: rng.gauss(0, 0.05 if who == "base" else 0.002), 0.0),
    "heavy": (lambda rng, _: 0.01 * math.tan(1.5 * (rng.random() - 0.5) * 2), 0.0),
    "ties": (lambda rng, _: rng.gauss(0, SD), MARGIN / 2),
}


@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize("truth", [0.0, MARGIN])
def test_no_verdict_is_false_more_often_than_said(noise: str, truth: float) -> None:
    """Four rivals that are equal to the baseline, or better by the margin and no more: some false
    verdict in at most 5 % of the families. A rival at the margin is neither better than by it, nor,
    a hair further, equivalent."""
    draw, step = NOISE[noise]
    rng = random.Random(f"{noise} {truth}")
    trials, false, holm = 220, 0, 0
    for _ in range(trials):
        truths = {f"m{i}": truth for i in range(4)}
        found = family(rng, truths, 12, lambda who: draw(rng, who), step)
        assert found.alpha == judge.ALPHA / 4 and found.delta == pytest.approx(DELTA)
        wrong = {judge.WORSE, judge.BETTER} | ({judge.EQUIVALENT} if truth and not step else set())
        hit = [c for c in found.comparisons if c.verdict in wrong]
        false += bool(hit)
        holm += truth == 0 and any(c.p_holm <= judge.ALPHA for c in found.comparisons if c.p_holm is not None)
    assert false / trials <= bound(judge.ALPHA, trials)
    assert holm / trials <= bound(judge.ALPHA, trials)


# --- 8 and 9: winners and stopping ---------------------------------------------------------------


def test_the_fastest_of_twenty_equals_is_no_winner() -> None:
    """Whoever looks best beats a fixed baseline, by an interval of its own, in a fifth of the trials; in the
    tie set everybody stays, and the family's intervals claim nothing."""
    rng = random.Random("winner")
    trials, naive, claimed, alone = 120, 0, 0, 0
    for _ in range(trials):
        noise = lambda who: 0.0 if who == "base" else rng.gauss(0, SD)
        found = family(rng, {f"m{i:02}": 0.0 for i in range(20)}, 10, noise)
        naive += any(judge.order_interval(c.estimate.values)[0] > 0 for c in found.comparisons)  # type: ignore
        claimed += any(c.verdict in (judge.BETTER, judge.WORSE) for c in found.comparisons)
        alone += len(found.ties[0].members) < 19
    assert abs(naive / trials - 0.2) <= bound(0.2, trials) - 0.2
    assert claimed / trials <= bound(judge.ALPHA, trials)
    assert alone / trials <= bound(judge.ALPHA, trials)


def test_stopping_when_significant_would_cry_wolf() -> None:
    """Looking after every round from the sixth to the thirtieth, and stopping at the first p of 5 %."""
    rng = random.Random("stop")
    trials, wolf = 600, 0
    for _ in range(trials):
        values = [rng.gauss(0, 1) for _ in range(30)]
        wolf += any(judge.sign_test(values[:n]) <= judge.ALPHA for n in range(6, 31))
    assert wolf / trials > 2 * judge.ALPHA


# --- 12, 13, 15 ----------------------------------------------------------------------------------


def drifting(
    rng: random.Random, early: float, late: float, rounds: int = 16, noise: float = 0.002
) -> judge.Family:
    """Log advantage that moves from one to the other in equal steps."""
    state = {"round": -1}

    def draw(who: str) -> float:
        state["round"] += who == "base"
        moved = early + (late - early) * state["round"] / (rounds - 1)
        return rng.gauss(0, noise) - (moved if who == "rival" else 0.0)

    return family(rng, {"rival": 0.0}, rounds, draw)


def test_a_drift_across_the_margin_takes_the_verdict_back() -> None:
    """From equal to 12 % better: neither is what the run says."""
    for seed in range(20):
        found = drifting(random.Random(seed), 0.0, 0.12)
        (c,) = found.comparisons
        assert c.drift and c.drift[0] < 0.05 < 0.07 < c.drift[1]
        assert c.verdict == judge.UNRESOLVED
        said = words.verdict(c, found.delta)
        assert all(words.ratio(math.exp(half)) in said for half in c.drift), said
        if judge.verdict(c.estimate.interval, found.delta) == judge.BETTER:  # type: ignore[union-attr]
            assert c.doubt == drifts.DOUBT
            assert set(found.ties[0].members) == {"base", "rival"}


def test_a_claim_is_what_both_halves_say() -> None:
    for seed in range(20):
        (c,) = drifting(random.Random(seed), 0.3, 0.5).comparisons
        assert c.drift and c.verdict == judge.BETTER and c.estimate and c.estimate.interval
        assert words.claimed(c) == math.exp(min(c.drift[0], c.estimate.interval[0]))
        assert "drifts: " in words.verdict(c, DELTA)


def test_no_drift_is_seen_where_there_is_none() -> None:
    rng = random.Random("no drift")
    trials = 1500
    seen = sum(drifts.drift([rng.gauss(0, 1) for _ in range(15)]) is not None for _ in range(trials))
    assert seen / trials <= bound(drifts.DRIFT_P, trials)
    assert drifts.drift([float(i) for i in range(6)]) is None  # too few to tell


def test_two_modes_that_differ_take_the_verdict_back() -> None:
    """As fast in five rounds, 20 % faster in fifteen: the interval alone would claim it."""
    rng = random.Random("modes")
    state = {"round": -1}

    def draw(who: str) -> float:
        state["round"] += who == "base"
        fast = who == "rival" and state["round"] * 7 % 20 < 15
        return rng.gauss(0, 0.001) - (0.18 if fast else 0.0)

    found = family(rng, {"rival": 0.0}, 20, draw)
    (c,) = found.comparisons
    assert c.estimate and judge.verdict(c.estimate.interval, found.delta) == judge.BETTER
    assert c.modes == pytest.approx((0.0, 0.18), abs=0.003)
    assert c.verdict == judge.UNRESOLVED and "two modes" in c.doubt
    said = words.verdict(c, found.delta)
    assert all(words.ratio(math.exp(mode)) in said for mode in c.modes)


def page(folder: Path, change: Callable[[Any, Any], None]) -> str:
    report = pytest.importorskip("assaylib.report")
    pytest.importorskip("jinja2")
    run, lines = synthetic.make_run(count=5, kinds=("service",))
    change(run, lines)
    made = report.render(synthetic.write_run(folder, run, lines))
    return made.with_name("report.md").read_text("utf-8").replace(words.SPACE, " ")


def test_a_tail_below_the_timers_lateness_is_marked(tmp_path: Path) -> None:
    def late_timers(run: Any, lines: Any) -> None:
        run["machine"]["timer_late_p99_ns"] = 1_000_000  # above the p99 of `rpc`, below that of `call`

    text = page(tmp_path, late_timers)
    table = text.split("### rpc")[1].split("Latency at the fixed rate")[1].split("*p50 and p99")[0]
    rows = [row.split(" | ") for row in table.splitlines() if row.startswith("| ") and "_" in row]
    assert rows and all("†" in row[3] and "†" not in row[1] for row in rows)
    assert "below this machine's own timer lateness (p99 1 000 µs): the machine's tail" in table
    assert "†" not in text.split("### call")[1].split("*p50 and p99")[0]


def test_more_threads_than_cores_show_a_shape_only(tmp_path: Path) -> None:
    def threads(run: Any, lines: Any) -> None:
        for family in run["families"]:
            family["load"]["threads"] = {"thread_pool": 8, "event_loop": 1, "actor": 2, "thread_pool.same": 8}

    text = page(tmp_path, threads)
    table = text.split("*Services: CPU per request")[1].split("*Services: closed-loop")[0]
    marked = {row.split(" | ")[1] for row in table.splitlines() if row.startswith("| ") and " | " in row}
    assert "thread_pool ‡" in marked and {"event_loop", "actor"} <= marked  # two cores: two threads fit
    assert "more threads than this machine has cores: shape only" in text
    assert "rows with more threads (‡) show a shape only" in text
    leads = [line for line in text.split("## The machine")[0].splitlines() if " against thread_pool:** " in line]
    assert "shape only: more threads than this machine's 2 cores" in leads[-1]


