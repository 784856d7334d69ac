# SPDX-License-Identifier: MIT
"""The judge against data whose truth is known."""

from __future__ import annotations

import json
import math
import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import synthetic  # noqa: E402
from assaylib import discard, judge  # noqa: E402


def family_of_identical(rng, members, rounds):
    """With an A/A that is exact, so that only chance can make a claim."""
    names = ["base", *(f"m{i}" for i in range(members)), "base.same"]
    plan = {
        "id": "codec/x/encode",
        "kind": "codec",
        "baseline": "base",
        "members": names,
        "aliases": {"base.same": "same"},
        "floors": {},
    }
    lines = []
    for number in range(rounds):
        drift = rng.gauss(0, 0.2)
        times = {name: 1000 * math.exp(drift + rng.gauss(0, 0.05)) for name in names}
        times["base.same"] = times["base"]
        for name, ns in times.items():
            lines.append(
                {
                    "kind": "codec",
                    "family": plan["id"],
                    "member": name,
                    "round": number,
                    "status": "ok",
                    "metrics": {"time_ns": ns},
                }
            )
    return {"margin_percent": 0, "families": [plan]}, lines


def test_family_wise_false_claims():
    """Identical members, no margin to hide behind: some claim in at most 5 % of the families."""
    rng = random.Random(11)
    trials, false = 600, 0
    for _ in range(trials):
        (family,) = judge.judge(*family_of_identical(rng, 4, 12)).families
        claims = [c for c in family.comparisons if c.verdict in (judge.BETTER, judge.WORSE)]
        holm = [c for c in family.comparisons if c.p_holm <= 0.05]
        assert {c.member for c in claims} <= {c.member for c in holm}
        false += bool(claims)
    assert false / trials <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / trials)


def test_the_best_of_identical_members_is_not_a_winner():
    """Each of six identical members is the best, so each has to be in the set with 95 %; nobody is
    alone in it."""
    rng = random.Random(12)
    lost, trials = dict.fromkeys(["base", *(f"m{i}" for i in range(5))], 0), 240
    for _ in range(trials):
        (family,) = judge.judge(*family_of_identical(rng, 5, 15)).families
        (tie,) = family.ties
        assert tie.resolved and len(tie.members) > 1
        for member in lost:
            lost[member] += member not in tie.members
    assert max(lost.values()) / trials <= 0.05


def test_a_better_member_is_alone_and_a_dozen_rivals_can_be_ranked():
    run, lines = family_of_identical(random.Random(13), 11, 10)
    for line in lines:
        line["metrics"]["time_ns"] *= {"m3": 0.6, "m4": 0.62, "m5": 0.7}.get(line["member"], 1)
    (family,) = judge.judge(run, lines).families
    (tie,) = family.ties
    assert tie.resolved and tie.best in ("m3", "m4") and set(tie.members) <= {"m3", "m4", "m5"}
    assert family.alpha == 0.05 / 11


MARGIN = math.log1p(0.03)


@pytest.mark.parametrize(
    "interval, expected",
    [
        ((math.log(1.04), math.log(1.2)), judge.BETTER),
        ((MARGIN, 0.5), judge.UNRESOLVED),
        ((0.01, 0.5), judge.UNRESOLVED),
        ((-0.02, 0.02), judge.EQUIVALENT),
        ((-MARGIN, MARGIN), judge.EQUIVALENT),
        ((0.001, 0.02), judge.EQUIVALENT),
        ((-0.5, 0.5), judge.UNRESOLVED),
        ((-0.5, -0.01), judge.UNRESOLVED),
        ((-0.5, math.log(1 / 1.04)), judge.WORSE),
        (None, judge.NO_INTERVAL),
    ],
)
def test_verdicts(interval, expected):
    assert judge.verdict(interval, 0.03) == expected


def test_blocks_are_paired_with_their_neighbours_in_time():
    # The machine slows down fourfold on the way; adjacent blocks see the same machine.
    theirs = [[slot, 100 * 4 ** (slot / 100)] for slot in range(0, 100, 2)]
    ours = [[slot, 50 * 4 ** (slot / 100)] for slot in range(1, 100, 2)]
    assert judge.paired_log_ratio(ours, theirs) == pytest.approx(math.log(2), abs=1e-9)
    shuffled = random.Random(3).sample(theirs, len(theirs))
    assert judge.paired_log_ratio(ours, shuffled) == judge.paired_log_ratio(ours, theirs)
    with pytest.raises(ValueError):
        judge.paired_log_ratio([], theirs)


def test_estimates_find_the_truth_of_a_whole_run():
    run, lines = synthetic.make_run(count=12, kinds=("codec",))
    result = judge.judge(run, lines)
    covered = total = 0
    for family in result.families:
        _, payload, op = family.id.split("/")
        for codec, ns in zip(synthetic.CODECS[1:], synthetic.CODEC_NS[payload][op][1:]):
            found = family.compared(codec, "time_ns")
            truth = math.log(synthetic.CODEC_NS[payload][op][0] / ns)
            covered += found.estimate.interval[0] <= truth <= found.estimate.interval[1]
            total += 1
            assert found.verdict == judge.BETTER
    assert total == 16 and covered >= 15
    assert {a.form for a in result.aliases("codec")} == {"same", "copy"}
    assert all(f.delta >= 0.03 for f in result.families)
    order = next(f for f in result.families if f.id == "codec/order/decode")
    assert order.ties[0].members in (["msgpack_c", "protobuf_c"], ["protobuf_c", "msgpack_c"])
    assert math.exp(order.floor_ratios["cjson"].median) == pytest.approx(
        21900 / (4 + 1183 / 11), rel=0.05
    )


def test_better_is_better_for_every_metric():
    run, lines = synthetic.make_run(kinds=("service",))
    family = next(f for f in judge.judge(run, lines).families if f.id == "service/rpc")
    assert family.alpha == 0.05 / 4  # two rivals, two metrics
    assert math.exp(
        family.compared("event_loop", "cpu_ns_per_request").estimate.median
    ) == pytest.approx(71 / 52, rel=0.1)
    assert math.exp(family.compared("event_loop", "closed_hz").estimate.median) == pytest.approx(
        159 / 118, rel=0.15
    )


def test_rounds_are_discarded_by_their_covariate_only():
    run, lines = synthetic.make_run(count=6, rounds=8, kinds=("codec",))
    for line in lines:
        if line["family"] == "codec/ack/encode" and line["round"] == 2:
            line["covariates"]["steal_percent"] = 30.0
        if line["family"] == "codec/ack/encode" and line["round"] == 3:
            line["metrics"]["time_ns"] *= 50
            line["repetitions"] = [[slot, ns * 50] for slot, ns in line["repetitions"]]
    family = next(f for f in judge.judge(run, lines).families if f.id == "codec/ack/encode")
    assert set(family.excuses.values()) == {"steal 30.0 %"}
    assert set(family.discarded) == {(member, 2) for member in family.plan["members"]}
    assert family.rounds == list(range(8)) and family.counted == 7
    assert len(family.compared("msgpack_c", "time_ns").estimate.values) == 7


def test_a_case_that_fails_a_gate_has_no_number():
    run, lines = synthetic.make_run(kinds=("service",), fail_gate="actor")
    family = next(f for f in judge.judge(run, lines).families if f.id == "service/cpu")
    found = family.compared("actor", "cpu_ns_per_request")
    assert found.verdict == judge.NO_NUMBER and found.estimate is None
    assert "achieved ÷ offered 0.9" in found.why_not and "8 of 8" in found.why_not
    assert family.level("actor", "cpu_ns_per_request") is None
    assert family.level("actor", "p99_ns") is None
    # Closed-loop throughput is another measurement, and its own gate held.
    assert family.compared("actor", "closed_hz").verdict != judge.NO_NUMBER
    assert "actor" not in family.ties[0].members


def test_a_late_generator_costs_the_tail_only():
    run, lines = synthetic.make_run(kinds=("service",))
    for line in lines:
        line["gates"]["lag_p99_over_p50"]["ok"] = False
    family = judge.judge(run, lines).families[0]
    assert not family.withheld
    for metric in ("p99_ns", "cpu_ns_per_request", "closed_hz"):
        assert family.level("thread_pool", metric) is not None
    assert "generator's lag p99 ÷ p50" in family.tails["thread_pool"]
    assert "8 of 8 rounds" in family.tails["thread_pool"]


def stolen(lines, member, rounds, percent):
    for line in lines:
        if line["case"] == f"service/rpc/{member}" and line["round"] in rounds:
            line["covariates"]["steal_percent"] = percent


def rounds_of(family, member, metric="closed_hz"):
    return len(family.compared(member, metric).estimate.values)


def test_a_discarded_process_takes_its_own_pair_only():
    run, lines = synthetic.make_run(kinds=("service",))
    stolen(lines, "actor", {1, 2}, 30.0)
    stolen(lines, "thread_pool.same", {5}, 30.0)
    family = judge.judge(run, lines).families[0]
    assert (rounds_of(family, "actor"), rounds_of(family, "event_loop")) == (6, 8)
    assert {len(alias.estimate.values) for alias in family.aliases} == {7}
    assert family.counted == 6 and len(family.series("thread_pool", "closed_hz")) == 8
    stolen(lines, "thread_pool", {7}, 30.0)
    family = judge.judge(run, lines).families[0]
    assert (rounds_of(family, "actor"), rounds_of(family, "event_loop")) == (5, 7)
    assert {len(alias.estimate.values) for alias in family.aliases} == {6}
    assert family.counted == 5


def test_kinds_have_limits_of_their_own():
    rule = discard.declared()
    codec, service = rule["steal_percent_max"]["codec"], rule["steal_percent_max"]["service"]
    assert codec < service
    between = {"steal_percent": (codec + service) / 2, "others_percent": 0.0}
    assert discard.excuse(rule, "codec", between) and not discard.excuse(rule, "service", between)
    assert "its own value" in rule["text"] and "Two limits, because" in rule["text"]
    assert "holds still" not in rule["text"] and "no bound" in rule["text"]
    for limit in (codec, service, rule["others_percent_max"]):
        assert f"{limit:g} %" in rule["text"]
    busy = discard.excuse(rule, "service", {"steal_percent": 0.0, "others_percent": 40.0})
    assert busy == "other programs 40.0 %"
    assert discard.excuse(rule, "service", {}) is None and discard.excuse(None, "codec", between) is None


def test_missing_processes_are_said_and_not_guessed():
    run, lines = synthetic.make_run(count=6, rounds=8, kinds=("codec",))
    for line in lines:
        if line["member"] == "protobuf_c" and line["family"] == "codec/ack/encode":
            line.update(
                status="failed", reason="exit 1: wrong shape", metrics=None, repetitions=None
            )
    kept = [l for l in lines if l["family"] != "codec/ack/decode"]
    families = {f.id: f for f in judge.judge(run, kept).families}
    assert (
        "failed in 8 rounds: exit 1: wrong shape"
        in families["codec/ack/encode"].compared("protobuf_c", "time_ns").why_not
    )
    assert families["codec/ack/encode"].compared("msgpack_c", "time_ns").verdict == judge.BETTER
    assert (
        families["codec/ack/decode"].compared("msgpack_c", "time_ns").why_not
        == "msgpack_c was not measured"
    )


def test_too_few_rounds_print_no_interval():
    run, lines = synthetic.make_run(count=6, rounds=3, kinds=("codec",))
    family = judge.judge(run, lines).families[0]
    found = family.compared("msgpack_c", "time_ns")
    assert (
        found.verdict == judge.NO_INTERVAL
        and found.estimate.interval is None
        and found.estimate.needed == 7
    )
    assert not family.ties[0].resolved


def test_the_floor_of_the_same_code_raises_the_margin():
    run, lines = synthetic.make_run(count=6, rounds=10, kinds=("codec",))
    for line in lines:
        if line["case"] == "codec/ack/encode/cjson.copy":
            line["repetitions"] = [[slot, ns * 1.08] for slot, ns in line["repetitions"]]
    family, other = judge.judge(run, lines).families[:2]
    ends = [abs(end) for a in family.aliases for end in a.estimate.interval]
    assert family.delta == pytest.approx(math.expm1(max(ends)))
    # The others, whose own A/A is tight, still respect what happened in a family of their kind.
    assert family.delta > other.delta == pytest.approx(0.08, abs=0.02)


def service_with_known_truth(seed, noise, advantage, rounds=12):
    """thread_pool twice and one rival that takes 1/advantage of its CPU and of its time."""
    rng = random.Random(seed)
    members = ["thread_pool", "event_loop", "actor", "thread_pool.same"]
    plan = {
        "id": "service/call",
        "kind": "service",
        "baseline": "thread_pool",
        "members": members,
        "aliases": {"thread_pool.same": "same"},
        "floors": {},
        "rounds": rounds,
    }
    lines = []
    for number in range(rounds):
        for member in members:
            better = 1 if member.startswith("thread_pool") else advantage
            lines.append(
                {
                    "kind": "service",
                    "family": plan["id"],
                    "member": member,
                    "round": number,
                    "status": "ok",
                    "metrics": {
                        "cpu_ns_per_request": 1e5 / better * math.exp(rng.gauss(0, noise)),
                        "closed_hz": 1e4 * better * math.exp(rng.gauss(0, noise)),
                    },
                }
            )
    return {"margin_percent": 3, "families": [plan]}, lines


CLAIMS = (judge.BETTER, judge.WORSE, judge.EQUIVALENT)


def test_no_claim_lies_inside_the_familys_own_spread():
    """A true advantage of 1.3, seen by a family whose own A/A spreads as widely: never claimed."""
    for seed in range(40):
        (family,) = judge.judge(*service_with_known_truth(seed, 0.3, 1.3)).families
        for c in family.comparisons:
            ends = [e for a in family.aliases if a.metric == c.metric for e in a.estimate.interval]
            assert math.log1p(family.deltas[c.metric]) >= max(map(abs, ends)) - 1e-12
            if c.verdict in (judge.BETTER, judge.WORSE):
                assert min(map(abs, c.estimate.interval)) > max(map(abs, ends))
    verdicts = [
        c.verdict
        for seed in range(40)
        for c in judge.judge(*service_with_known_truth(seed, 0.3, 1.0)).families[0].comparisons
    ]
    assert not set(verdicts) & {judge.BETTER, judge.WORSE}


def test_a_tight_familys_advantage_is_claimed():
    (family,) = judge.judge(*service_with_known_truth(1, 0.01, 1.3)).families
    assert {c.verdict for c in family.comparisons} == {judge.BETTER}
    assert all(delta < 0.05 for delta in family.deltas.values())
    assert {tuple(sorted(t.members)) for t in family.ties} == {("actor", "event_loop")}


def test_without_an_interval_of_its_own_a_family_claims_nothing():
    run, lines = service_with_known_truth(1, 0.01, 1.3)
    few = [l for l in lines if l["member"] != "thread_pool.same" or l["round"] < 5]
    none = [l for l in lines if l["member"] != "thread_pool.same"]
    for kept, said in ((few, "5 of 6 rounds needed"), (none, "0 of 6 rounds needed")):
        (family,) = judge.judge(run, kept).families
        assert not {c.verdict for c in family.comparisons} & set(CLAIMS)
        assert all(c.verdict == judge.UNRESOLVED and said in c.doubt for c in family.comparisons)
        assert not any(t.resolved for t in family.ties)
    run["families"][0]["aliases"] = {}
    (family,) = judge.judge(run, none).families
    assert not {c.verdict for c in family.comparisons} & set(CLAIMS)


def test_false_alarms_are_counted_over_both_metrics_of_a_service():
    """No advantage, and an A/A that is exact: some claim in at most 5 % of the families."""
    trials, false, holm = 300, 0, 0
    for seed in range(trials):
        run, lines = service_with_known_truth(seed, 0.1, 1.0)
        run["margin_percent"] = 0
        base = {l["round"]: l["metrics"] for l in lines if l["member"] == "thread_pool"}
        for line in lines:
            if line["member"] == "thread_pool.same":
                line["metrics"] = base[line["round"]]
        (family,) = judge.judge(run, lines).families
        assert family.deltas == {"cpu_ns_per_request": 0, "closed_hz": 0}
        false += any(c.verdict in (judge.BETTER, judge.WORSE) for c in family.comparisons)
        holm += any(c.p_holm <= 0.05 for c in family.comparisons)
    bound = 0.05 + 3 * math.sqrt(0.05 * 0.95 / trials)
    assert false / trials <= bound and holm / trials <= bound


def test_an_injected_slow_down_is_measured():
    run, lines = synthetic.make_run(count=12, kinds=("codec",))
    family = run["families"][0]
    family["members"].append("slow.cjson.5")
    for line in [l for l in lines if l["case"] == "codec/ack/encode/cjson.same"]:
        slow = [[slot, ns * 1.05] for slot, ns in line["repetitions"]]
        lines.append({**line, "member": "slow.cjson.5", "repetitions": slow})
    judged = judge.judge(run, lines).families[0]
    (injected,) = judged.injected
    assert injected.percent == 5 and injected.covered
    assert [c.member for c in judged.comparisons] == ["protobuf_c", "msgpack_c"]


def test_another_session_can_take_a_verdict_back():
    run, lines = synthetic.make_run(count=6, rounds=8, kinds=("codec",))
    other = [
        {**l, "repetitions": [[s, ns * 1.5] for s, ns in l["repetitions"]]}
        if l["member"] == "msgpack_c"
        else l
        for l in lines
    ]
    ours, theirs = judge.judge(run, lines), judge.judge(run, other)
    judge.disagree(ours, [("tuesday", theirs)])
    found = ours.families[0].compared("msgpack_c", "time_ns")
    assert found.verdict == judge.UNRESOLVED and "tuesday" in found.doubt
    assert ours.families[0].compared("protobuf_c", "time_ns").verdict == judge.BETTER


def test_inline_is_the_floor_of_models():
    run, lines = synthetic.make_run(count=6, rounds=8, kinds=("model",))
    for family in run["families"]:
        family["floors"] = {}
    family = judge.judge(run, lines).families[0]
    assert set(family.floor_ratios) == {"thread_pool", "event_loop", "actor"}
    assert [c.member for c in family.comparisons] == ["event_loop", "actor"]


def test_drift_and_modes():
    assert judge.trend(range(8)) == pytest.approx((1.0, 2 / math.factorial(8)))
    assert judge.trend([1, 1, 1])[0] == 0
    rng = random.Random(5)
    flagged = sum(judge.trend([rng.random() for _ in range(12)])[1] < 0.05 for _ in range(1000))
    assert flagged <= 71
    low, high = judge.two_modes([0.0, 0.001, 0.002, 0.001, 0.1, 0.101, 0.102, 0.099])
    assert (low, high) == pytest.approx((0.001, 0.1005), abs=0.001)
    assert judge.two_modes([rng.gauss(0, 1) for _ in range(15)]) is None


def test_the_same_samples_in_any_order_give_the_same_judgement():
    run, lines = synthetic.make_run(count=6, rounds=8)
    shuffled = random.Random(2).sample(lines, len(lines))
    pick = lambda result: [
        [(c.member, c.metric, c.verdict, c.estimate and c.estimate.interval) for c in f.comparisons]
        for f in result.families
    ]
    assert pick(judge.judge(run, lines)) == pick(judge.judge(json.loads(json.dumps(run)), shuffled))
