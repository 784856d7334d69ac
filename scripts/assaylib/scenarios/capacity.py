# SPDX-License-Identifier: MIT
"""The highest rate at which the service level holds: p99 at most the limit, and no errors.

A grid of rates around what each model reached in a closed loop of the pilot, the same shares of it for
all; every rate a fresh server, all in random order, in every round. What the latencies say of a round
is in knee.py.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from .. import charts, words
from ..blocks import Column, Table
from ..charts import Chart
from ..gates import from_server, passes
from ..gates.validity import least, most
from ..intervals import PLANNED_MIN
from ..plan import CAPTURE_S, DRAIN_S, SERVE_START_S, Built, Family
from ..programs import Build
from . import keys, knee, plans, readings, series
from .knee import Capacity, Knee, Step
from .outcome import DELTA, Outcome, Ranking, rank
from .scenario import Scenario
from .stand import of, stand

KEYS: keys.Keys = {
    "server": keys.SERVER,
    "downstream": keys.DOWNSTREAM,
    "load": {**keys.LOAD, "arrival": keys.text("poisson", "poisson", "uniform", "burst")},
    "level": {"p99_us": keys.number(keys.REQUIRED, 1, 1e9)},
    "steps": {
        "lowest": keys.number(keys.REQUIRED, 0.01, 10),
        "highest": keys.number(keys.REQUIRED, 0.01, 10),
        "count": keys.count(keys.REQUIRED, 2, 100),
        "warmup_s": keys.number(keys.REQUIRED, 0, 600),
        "duration_s": keys.number(keys.REQUIRED, 0.05, 3600),
    },
}
LAG_SHARE_MAX = 0.5  # of the limit
HOLDS = "nobody: it holds"  # by what the level ended: it has not
SAME = "same"  # the baseline once more: what two knees of the same code differ by


def check(scenario: Scenario) -> None:
    if scenario.steps["highest"] <= scenario.steps["lowest"]:
        raise scenario.wrong("steps.highest", "must be more than steps.lowest")


def families(scenario: Scenario, built: Built) -> list[Family]:
    wanted, steps = plans.models(scenario, built), scenario.steps
    rows = [*wanted, f"{wanted[0]}.{SAME}"]
    members = [f"{row}{plans.SEPARATOR}{i + 1}" for row in rows for i in range(steps["count"])]
    loads = steps["warmup_s"] + steps["duration_s"]
    return [
        plans.family(
            scenario,
            built,
            members,
            process_s=SERVE_START_S + loads + CAPTURE_S,
            pilot_s=len(wanted) * plans.PILOT_PROCESS_S + plans.noop.PILOT_S,
        )
    ]


def pilot(build: Build, family: Family, say: plans.Say) -> tuple[Family, dict[str, str]]:
    """Rates: shares of what each model reaches in a closed loop."""
    wanted = list(dict.fromkeys(map(plans.model_of, family.members)))
    closed = plans.closed_hz(build, family, wanted, say)
    steps = family.load["scenario"]["steps"]
    shares = knee.geometric(steps["lowest"], steps["highest"], steps["count"])
    rates = {
        member: round(shares[int(plans.setting_of(member)) - 1] * closed[plans.model_of(member)], 1)
        for member in family.members
        if plans.model_of(member) in closed
    }
    return plans.fixed(family, pilot_closed_hz=closed, rates_hz=rates, rig_hz=plans.rig_hz(build, family, say)), {}


def measure(build: Build, family: Family, member: str, seed: int, padding: int) -> dict[str, Any]:
    rate = plans.rate_hz(family, member)
    steps = family.load["scenario"]["steps"]
    with stand(build, family, plans.model_of(member), seed=seed, padding=padding) as here:
        opened = here.load(
            rate=rate,
            warmup_s=steps["warmup_s"],
            duration_s=steps["duration_s"],
            unanswered=True,
        )
        final, done = here.stop()
    opened |= worst_class(of(family), opened)
    gates = readings.gates(family, opened, final, below_knee=False, ceiling_hz=_ceiling_hz(family, member))
    return {
        "metrics": {
            **readings.opened(opened),
            **readings.of_classes((each["name"], each) for each in readings.classes(of(family), opened)),
            **readings.final(final),
        },
        "gates": {**gates, **of_level(family, opened), **of_limit(family, opened, gates)},
        "server": done,
    }


def _ceiling_hz(family: Family, member: str) -> float | None:
    scenario = of(family)
    return readings.ceiling_hz(scenario, plans.model_of(member), scenario.steps["duration_s"])


def worst_class(scenario: Scenario, opened: dict[str, Any]) -> dict[str, Any]:
    """What the level is held against where requests are of several classes: it has to hold for each, so the longest
    p99 and the fewest requests. A class without one right answer has no p99, and that is the longest."""
    every = readings.classes(scenario, opened)
    if not every:
        return {}
    known = [each["p99_ns"] for each in every]
    return {"p99_ns": None if None in known else max(known), "planned": min(each["planned"] for each in every)}


def of_level(family: Family, opened: dict[str, Any]) -> dict[str, Any]:
    """A generator that was late by a good part of the limit itself says nothing about who keeps it (one
    that lags by a part of p50 only marks the tail), nor does a p99 of a few requests."""
    limit_ns = 1e3 * family.load["scenario"]["level"]["p99_us"]
    return {
        "lag_p99_over_level": most((opened["lag_p99_ns"] or 0) / limit_ns, LAG_SHARE_MAX, "open"),
        "enough_for_p99": least(opened["planned"], PLANNED_MIN["p99_ns"], "open"),
    }


def of_limit(family: Family, opened: dict[str, Any], gates: dict[str, Any]) -> dict[str, Any]:
    """Where the level does not hold, and the rig was at its limit or near it and the server was not: that is
    where the rig's level ends. Where it holds, it holds in spite of the rig."""
    limit_ns, who = 1e3 * family.load["scenario"]["level"]["p99_us"], gates["saturated"]["value"]
    if not broken(opened) and opened["p99_ns"] and opened["p99_ns"] <= limit_ns:
        who = HOLDS
    elif who == "nobody" and not gates.get("open_rig_share", {"ok": True})["ok"]:
        who = "the rig, nearly"
    ok = "server" in who or who.startswith("nobody")
    return {"level_ended_by": {"value": who, "limit": "server or nobody", "scope": "open", "ok": ok}}


# --- What the lines say -------------------------------------------------------------------------


def broken(metrics: dict[str, Any]) -> bool:
    """Errors, or less than was asked for: the level does not hold whatever the latency was."""
    errors = metrics["wrong"] + metrics["failed"]
    return bool(errors or metrics["achieved_hz"] < readings.ACHIEVED_MIN * metrics["offered_hz"])


def knees(outcome: Outcome, row: str) -> dict[int, Knee]:
    """Round → knee, of a model or of the baseline's alias. A round without half of its steps has none. Where
    the grid's end has no number the knee may lie beyond what has one: left out, it would be the fast rounds
    that are missing."""
    limit_ns, rates = 1e3 * outcome.scenario.level["p99_us"], _rates(outcome, row)
    found = {}
    for number in outcome.family.rounds:
        steps = _steps_of(outcome, rates, number)
        if len(steps) > len(rates) / 2 and (one := knee.of_round(steps, limit_ns)):
            found[number] = one
    return found


def _compared(outcome: Outcome, rows: list[str], delta: float) -> Ranking | None:
    """By the knees of paired rounds; one beyond the grid is a bound."""
    found = {row: knees(outcome, row) for row in rows}
    values = {row: {n: k.hz for n, k in each.items()} for row, each in found.items()}
    beyond = {row: {n: k.side for n, k in each.items()} for row, each in found.items()}
    return rank(values, more=True, delta=delta, beyond=beyond)


def _rates(outcome: Outcome, row: str) -> dict[str, float]:
    """Member → rate, of those that are steps of it."""
    plan = outcome.family.plan
    rates = plan["load"].get("rates_hz") or {}
    mine = [m for m in plan["members"] if m.partition(plans.SEPARATOR)[0] == row]
    return {member: float(rates[member]) for member in mine if member in rates}


def _steps_of(outcome: Outcome, rates: dict[str, float], number: int) -> list[Step]:
    """Those of a round that have a number, and those at which the server failed a gate of its own: there the level
    does not hold, whatever else was measured. Left out, they would be missing where the server was at its worst."""
    found, failed = [], {(line["member"], line["round"]): line for line in outcome.family.failures}
    for member, rate in rates.items():
        sample = outcome.family.samples.get(member, {}).get(number) or failed.get((member, number))
        if sample and from_server(sample):
            found.append(Step(rate, None, True))
        elif sample and sample["status"] == "ok" and passes(sample, "p99_ns"):
            found.append(Step(rate, sample["metrics"]["p99_ns"], broken(sample["metrics"])))
    return found


def capacities(outcome: Outcome) -> dict[str, Capacity | None]:
    return {m: knee.over_rounds(list(knees(outcome, m).values())) for m in outcome.models}


def ranking(outcome: Outcome) -> Ranking | None:
    """By the knees of paired rounds. Where the grid ends below a knee nobody is put in order: that
    model may be the best; nor where it begins beyond that of the best, which may be none; nor where it
    is not known by what the baseline differs from itself."""
    found = _compared(outcome, outcome.models, margin(outcome))
    each = capacities(outcome)
    best = each[found.best] if found else None
    if found and (any(c and c.open for c in each.values()) or (best and best.under)):
        return replace(found, resolved=False, tied=[m for m, c in each.items() if c], over={})
    if found and found.resolved and floor(outcome) is None:
        why = f"by what {words.label(outcome.models[0])} differs from itself is not known"
        return replace(found, resolved=False, why_not=why)
    return found


def margin(outcome: Outcome) -> float:
    """What half a step of the grid may hide is no difference, nor what the baseline differs from itself by."""
    steps = outcome.scenario.steps
    half_step = (steps["highest"] / steps["lowest"]) ** (0.5 / (steps["count"] - 1)) - 1
    return max(DELTA, half_step, floor(outcome) or 0.0)


def floor(outcome: Outcome) -> float | None:
    """The outer end of the interval of the baseline's knees against its own; None without one."""
    base = outcome.models[0]
    pair = _compared(outcome, [base, f"{base}.{SAME}"], DELTA)
    estimate = next(iter(pair.over.values()), None) if pair else None
    if estimate is None or estimate.interval is None or any(map(math.isinf, estimate.interval)):
        return None
    return math.expm1(max(map(abs, estimate.interval)))


def level(outcome: Outcome) -> str:
    of_each = " of every class" if outcome.scenario.classes else ""
    return f"p99{of_each} ≤ {words.fixed(outcome.scenario.level['p99_us'] / 1e3, 1)}{words.SPACE}ms and no errors"


def said(capacity: Capacity | None) -> str:
    """"12 300/s (11 000 to 13 500)"."""
    if capacity is None:
        return "no number"
    beyond = {"above": "at least ", "below": "below "}.get(capacity.censored, "")
    text = f"{beyond}{words.fixed(capacity.hz, 0)}/s"
    return f"{text} ({bounds(capacity)})" if capacity.interval else text


def bounds(capacity: Capacity) -> str:
    if capacity.interval is None:
        return f"{capacity.rounds} of {capacity.needed} rounds needed"
    low, high = capacity.interval
    first = words.floor(low, 0) if low else "less than the grid"
    return f"{first} to {'beyond the grid' if math.isinf(high) else words.ceiling(high, 0)}"


def answer(outcome: Outcome) -> list[str]:
    found = capacities(outcome)
    ranked = ranking(outcome)
    if ranked is None:
        return [outcome.nothing]
    listed = "; ".join(f"{words.label(m)} {said(c)}" for m, c in found.items())
    unknown = [m for m, c in found.items() if c and c.open]
    if unknown:
        who = words.listed(map(words.label, unknown))
        lead = f"No ranking: the grid of rates ends below the knee of {who} ({_higher(outcome, unknown)})"
    elif (best := found[ranked.best]) and best.under:
        who = words.label(ranked.best)
        lead = f"No ranking: the grid of rates begins beyond the knee of {who} (less of steps.lowest)"
    elif not ranked.resolved:
        gates = outcome.failed_gates(m for m, c in found.items() if c is None)
        lead = f"No ranking: {ranked.why_not}{f' ({gates})' if gates else ''}"
    elif len(ranked.tied) == 1:
        lead = f"{words.label(ranked.best)} carries the highest rate at {level(outcome)}"
    else:
        lead = f"{words.listed(map(words.label, ranked.tied))} are not told apart as the highest at {level(outcome)}"
    return [f"**{lead}**: {listed}.", *series.late(outcome.family, named=_steps_of_models)]


def answered(outcome: Outcome) -> bool:
    ranked = ranking(outcome)
    return ranked is not None and ranked.resolved


def _higher(outcome: Outcome, models: list[str]) -> str:
    """What is to be done about a grid that ends too low."""
    cut = [(m, k) for m in models for k in knees(outcome, m).values() if k.side > 0]
    if all(k.hz < max(_rates(outcome, m).values()) for m, k in cut):
        return "its highest steps have no number"
    return "more of steps.highest"


def _steps_of_models(members: list[str]) -> str:
    return f"steps of {words.listed(dict.fromkeys(words.label(plans.model_of(m)) for m in members))}"


def tables(outcome: Outcome) -> list[Table]:
    return [_capacities(outcome), _steps(outcome), *readings.class_table(outcome, "Every step")]


def _capacities(outcome: Outcome) -> Table:
    ranked, found = ranking(outcome), capacities(outcome)
    table = Table(
        f"Highest rate at which {level(outcome)}; median of rounds, interval of the sign test at 95 %; those of"
        " ÷ the best at 95 % together",
        [
            Column("model"),
            Column("requests/s", True),
            Column("interval", True),
            Column("÷ the best", True),
            Column("interval", True),
            Column("rounds", True),
            Column(""),
        ],
    )
    for model in outcome.models:
        capacity = found[model]
        over = ranked.over.get(model) if ranked else None
        place = ""
        if ranked and not ranked.resolved:
            place = "not ranked"
        elif ranked and model in ranked.tied:
            place = "tied" if len(ranked.tied) > 1 else "highest"
        ratio = words.fixed(math.exp(-over.median), 2) if over else "–"
        if ranked and ranked.over and model == ranked.best:
            ratio = words.fixed(1, 2)
        ends = ""
        if over and over.interval:
            ends = _span(*over.interval)
        beyond = {"above": "≥ ", "below": "< "}.get(capacity.censored, "") if capacity else ""
        table.add(
            words.label(model),
            beyond + words.fixed(capacity.hz, 0) if capacity else "–",
            bounds(capacity) if capacity else "–",
            ratio,
            ends,
            str(capacity.rounds if capacity else 0),
            place,
        )
    table.notes.append(
        f"A rate holds with p99 within the limit, no answer wrong or missing, and as many answers within the window as"
        f" {words.percent(readings.ACHIEVED_MIN, 0)} of what was due in it. Ends of intervals are rates of the grid."
    )
    table.notes.append(
        f"Margin: nobody is put behind by less than {words.margin(margin(outcome))}: half a step of the grid, or what"
        f" {words.label(outcome.models[0])} differs from itself by, if that is more."
    )
    table.notes += _against_the_order(outcome)
    return table


def _against_the_order(outcome: Outcome) -> list[str]:
    """Steps where the level did not hold though nobody was at his limit, and held at a higher rate of the same round.
    They count all the same: to leave out what failed, and never what held, would find more than there is."""
    said = []
    for model in outcome.models:
        rates, count = _rates(outcome, model), 0
        for number in outcome.family.rounds:
            held = [rate for rate, ended_by in _ends(outcome, rates, number) if ended_by == HOLDS]
            count += sum(e == "nobody" and rate < max(held, default=0) for rate, e in _ends(outcome, rates, number))
        if count:
            said.append(f"{count} of {words.label(model)}")
    if not said:
        return []
    return [
        "Steps at which the level did not hold, with nobody at his limit and a higher rate of the same round at which"
        f" it did: {words.listed(said)}. Something else came between, most likely this machine; they count, and may"
        " make the knees of their rounds lower."
    ]


def _ends(outcome: Outcome, rates: dict[str, float], number: int) -> list[tuple[float, str]]:
    """(rate, by what the level ended there) of the steps of a round that have a number."""
    samples = ((rate, outcome.family.samples.get(member, {}).get(number)) for member, rate in rates.items())
    found = [(rate, s["gates"].get("level_ended_by")) for rate, s in samples if s and passes(s, "p99_ns")]
    return [(rate, str(gate["value"])) for rate, gate in found if gate]


def _span(low: float, high: float) -> str:
    """Of the best's advantage, as a share of the best; infinite where the grid ends."""
    least, most = math.exp(-high), math.exp(-low) if low > -math.inf else math.inf
    if math.isinf(most):
        return f"at least {words.floor(least, 2)}" if least else "anything"
    return words.span(least, most, 2)


def _steps(outcome: Outcome) -> Table:
    """The picture's data."""
    whose = "; p99 of the class in which it is longest" if outcome.scenario.classes else ""
    return readings.table(outcome, f"Every step: median of rounds that have a number{whose}", "curves")


def pictures(outcome: Outcome) -> list[Chart]:
    """Latency over load; medians of the rounds that have a number, marked where the tail is the machine's."""
    family, found = outcome.family, capacities(outcome)
    points, marks = [], []
    for s, model in enumerate(outcome.models):
        for member in family.plan["members"]:
            if member.partition(plans.SEPARATOR)[0] != model:
                continue
            p99 = family.level(member, "p99_ns")
            rate = family.level(member, "offered_hz")
            if p99 and rate:
                points.append(charts.CurvePoint(s, rate.median, p99.median / 1e6, member in family.tails))
        capacity = found[model]
        if capacity and not capacity.censored:
            marks.append(_mark(s, capacity))
    if not points:
        return []
    most = max(p.x for p in points)
    marks = [replace(m, high=min(m.high, most)) if m.high else m for m in marks]
    told = "; ".join(f"{words.label(m)} {said(c)}" for m, c in found.items())
    return [
        charts.curves(
            outcome.chart("curves"),
            f"{outcome.scenario.title}: latency over load, and where {level(outcome)} ends to hold",
            f"p99 over the offered rate, a curve per model, the knees marked on the limit. {told}."
            " The table of every step has the data.",
            points,
            marks,
            [words.label(m) for m in outcome.models],
            outcome.scenario.level["p99_us"] / 1e3,
            "offered, requests/s",
            "p99, ms (pale: the tail is the machine's, too)",
        )
    ]


def _mark(series: int, capacity: Capacity) -> charts.Knee:
    low, high = capacity.interval or (None, None)
    return charts.Knee(series, capacity.hz, low, high)
