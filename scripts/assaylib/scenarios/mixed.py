# SPDX-License-Identifier: MIT
"""A share of requests that takes many times the CPU of the others, run where it comes or
offloaded: what do the fast ones notice?

Each model twice, with the same number of threads that may run turns. Offloading means helper threads
where a model has them; a model that blocks its threads anyway gets as many threads more. One with a thread
for each connection is the same server both times: what it differs from itself by is the kind's A/A.
"""

from __future__ import annotations

import math
from typing import Any

from .. import words
from ..blocks import Column, Table
from ..charts import Chart, LevelRow, levels
from ..figures import few
from ..gates.validity import KNEE_SHARE_MAX, LAG_SHARE_MAX, most
from ..judge import Estimate
from ..plan import CAPTURE_S, SERVE_START_S, Built, Family
from ..programs import Build
from ..rig import Failure
from ..service import OFFLOADING
from . import keys, plans, readings, series
from .outcome import DELTA, NO_A_A, Outcome, rank
from .scenario import Scenario
from .stand import Start, of, stand

IN_PLACE, OFFLOADED = "in_place", "offloaded"
SETTINGS = (IN_PLACE, OFFLOADED)
#: Models in which no request stands behind another's thread: more of them change nothing over sockets.
A_THREAD_EACH = ("thread_per_connection",)
FAST, HEAVY = "fast", "heavy"
#: The workload and whether it is offloaded are the kind's own.
SERVER = {n: k for n, k in keys.SERVER.items() if n not in ("workload", "offload", "offload_threads", "cpu_iterations")}

KEYS: keys.Keys = {
    "server": {
        **SERVER,
        "cpu_iterations": keys.count(keys.REQUIRED, 1, 10**15),
        "offload_threads": keys.count(keys.REQUIRED, 1, 1024),
    },
    "load": {**keys.LOAD, "arrival": keys.text("poisson", "poisson", "uniform", "burst")},
    "steps": {
        "heavy_percent": keys.number(keys.REQUIRED, 0.01, 99),
        "rate_hz": keys.number(keys.REQUIRED, 0, 1e7),
        "load_share": keys.number(keys.REQUIRED, 0.01, KNEE_SHARE_MAX),
        "warmup_s": keys.number(keys.REQUIRED, 0, 600),
        "duration_s": keys.number(keys.REQUIRED, 0.1, 3600),
        "closed_s": keys.number(keys.REQUIRED, 0.1, 600),
    },
}


def check(scenario: Scenario) -> None:
    if scenario.classes:
        raise scenario.wrong("load.classes", "are this kind's own: fast and heavy, by steps.heavy_percent")


def starts(scenario: Scenario, row: str) -> list[Start]:
    asked = {"classes": classes(scenario)}
    return [Start(scenario, options(scenario, member_of(row, setting)), asked) for setting in SETTINGS]


def families(scenario: Scenario, built: Built) -> list[Family]:
    wanted, steps = plans.models(scenario, built), scenario.steps
    members = [f"{m}{plans.SEPARATOR}{setting}" for setting in SETTINGS for m in wanted]
    loads = 2 * steps["warmup_s"] + steps["duration_s"] + steps["closed_s"]
    pilot_s = plans.noop.PILOT_S + len(wanted) * plans.PILOT_PROCESS_S
    process_s = SERVE_START_S + loads + CAPTURE_S
    return [plans.family(scenario, built, members, process_s=process_s, pilot_s=pilot_s)]


def pilot(build: Build, family: Family, say: plans.Say) -> tuple[Family, dict[str, str]]:
    """One rate for all, below the slowest model's maximum with the heavy requests in place; one that is stated is
    held against that."""
    scenario = of(family)
    family = plans.fixed(family, rig_hz=plans.rig_hz(build, family, say, classes=classes(scenario)))
    found: dict[str, float] = {}
    for model in dict.fromkeys(map(plans.model_of, family.members)):
        try:
            member = f"{model}{plans.SEPARATOR}{IN_PLACE}"
            with stand(build, family, model, seed=1, padding=0, **options(scenario, member)) as here:
                found[model] = _closed(here, scenario, plans.PILOT_S)["achieved_hz"]
        except Failure as failure:
            say(f"assay: {family.id}/{model}: the pilot failed: {failure}")
    rate_hz = scenario.steps["rate_hz"] or (scenario.steps["load_share"] * min(found.values()) if found else 0.0)
    return plans.fixed(family, pilot_closed_hz=found, rate_hz=round(rate_hz, 1)), {}


def options(scenario: Scenario, member: str) -> dict[str, Any]:
    """Of serve, beside the scenario's."""
    model, helpers = plans.model_of(member), scenario.server["offload_threads"]
    changed: dict[str, Any] = {"workload": "mixed", "offload": plans.setting_of(member) == OFFLOADED}
    if changed["offload"] and model not in OFFLOADING:
        changed |= {"offload_threads": None, "threads": scenario.options(model)["threads"] + helpers}
    return changed


def classes(scenario: Scenario) -> list[dict[str, Any]]:
    share, server = scenario.steps["heavy_percent"], scenario.server
    what = {key: server[key] for key in ("payload", "codec", "cpu_iterations")}
    each = {"workload": "mixed", **what}
    return [
        {"name": FAST, "share": 100 - share, "heavy_percent": 0, **each},
        {"name": HEAVY, "share": share, "heavy_percent": 100, **each},
    ]


def _closed(here: Any, scenario: Scenario, seconds: tuple[float, float]) -> dict[str, Any]:
    closed = {"warmup_s": seconds[0], "duration_s": seconds[1], "classes": classes(scenario)}
    return dict(here.load(arrival="closed", **closed))


def measure(build: Build, family: Family, member: str, seed: int, padding: int) -> dict[str, Any]:
    scenario, model = of(family), plans.model_of(member)
    steps, rate = scenario.steps, family.load.get("rate_hz")
    if not rate:
        raise Failure("no rate: the pilot failed")
    kept = readings.below_knee(family, model, rate)
    with stand(build, family, model, seed=seed, padding=padding, **options(scenario, member)) as here:
        opened = here.load(
            rate=rate,
            warmup_s=steps["warmup_s"],
            duration_s=steps["duration_s"],
            classes=classes(scenario),
        )
        closed = _closed(here, scenario, (steps["warmup_s"], steps["closed_s"]))
        final, done = here.stop()
    metrics = {**readings.opened(opened), **readings.final(final), "closed_hz": closed["achieved_hz"]}
    for each in opened["classes"]:
        metrics |= {f"{each['name']}_{k}": each[k] for k in ("p50_ns", "p99_ns", "max_ns", "planned", "answered")}
    return {
        "metrics": metrics,
        "gates": kept | gates(family, opened, closed, final, bool(scenario.options(model).get("spin_us"))),
        "timeline": {"seconds": opened["seconds"], "classes": opened["classes"]},
        "server": done,
    }


def gates(
    family: Family, opened: dict[str, Any], closed: dict[str, Any], final: dict[str, Any], server_spins: bool = False
) -> dict[str, Any]:
    """METHOD 4: the rate lies below all knees, so nothing may be missing; the loop's throughput is a figure."""
    fast = next(each for each in opened["classes"] if each["name"] == FAST)
    found = readings.gates(family, opened, final, below_knee=True, closed=closed, server_spins=server_spins)
    if fast["p50_ns"]:
        share = opened["lag_p99_ns"] / fast["p50_ns"]
        found["lag_p99_over_p50"] = most(share, LAG_SHARE_MAX, "tail")
    return found


# --- What the lines say -------------------------------------------------------------------------

P99 = "fast_p99_ns"  # what is compared


def member_of(model: str, setting: str) -> str:
    return f"{model}{plans.SEPARATOR}{setting}"


def gain(outcome: Outcome, model: str, metric: str, *, more: bool = False) -> Estimate | None:
    """What offloading does: the figure in place over that offloaded, round by round; of throughput the
    other way round. Above 1 it is better. The intervals of all models hold together."""
    place, other = member_of(model, IN_PLACE), member_of(model, OFFLOADED)
    if more:
        place, other = other, place
    return series.ratio(outcome.family, place, metric, metric, other, together=len(outcome.models))


def answer(outcome: Outcome) -> list[str]:
    gains = {m: e for m in outcome.models if (e := gain(outcome, m, P99))}
    if not gains:
        return [outcome.nothing, *_withheld(outcome)]
    return [
        f"**{_lead(outcome, gains)}**{series.how_sure(list(gains.values()))}.",
        _meaning(outcome),
        *(_said(outcome, model) for model in outcome.models),
        *(_best(outcome, setting) for setting in SETTINGS),
        _margin_said(outcome),
        *series.late(outcome.family),
        *_withheld(outcome),
    ]


def answered(outcome: Outcome) -> bool:
    """Is offloading shown to help or to harm anybody?"""
    gains = {m: e for m in outcome.models if (e := gain(outcome, m, P99))}
    return any(_verdict(outcome, model, estimate) in ("above", "below") for model, estimate in gains.items())


def floor(outcome: Outcome) -> float | None:
    """By what a server that is the same both times differs from itself in the fast requests' p99: an A/A, of which
    the outer end of the interval counts. None without such a model, or interval."""
    same = [(member_of(m, IN_PLACE), member_of(m, OFFLOADED)) for m in outcome.models if m in A_THREAD_EACH]
    found = [series.ratio(outcome.family, one, P99, P99, other) for one, other in same]
    ends = [abs(math.log(end)) for each in found if each and each.interval for end in each.interval]
    return math.expm1(max(ends)) if ends and not any(map(math.isinf, ends)) else None


def margin(outcome: Outcome) -> float:
    return max(DELTA, floor(outcome) or 0.0)


def _margin_said(outcome: Outcome) -> str:
    found = floor(outcome)
    if found is None:
        return NO_A_A
    same = words.listed(words.label(m) for m in outcome.models if m in A_THREAD_EACH)
    return (
        f"No p99 is put before another by less than {words.margin(margin(outcome))}: {same}, the same server both"
        f" times, differs from itself by up to {words.margin(found)}."
    )


#: Where the interval of the ratio lies → what is said of it.
VERDICTS = {
    "above": "offloading lowers the p99 of fast requests in {who}",
    "below": "offloading raises the p99 of fast requests in {who}",
    "across": "that offloading changes the p99 of fast requests by more than {margin} is not shown in {who}",
    "none": "no verdict on {who}",
    "same": "{who} is the same server both times",
}


def _lead(outcome: Outcome, gains: dict[str, Estimate]) -> str:
    found: dict[str, list[str]] = {verdict: [] for verdict in VERDICTS}
    for model, estimate in gains.items():
        ends = (_p99(outcome, model, setting) for setting in SETTINGS)
        found[_verdict(outcome, model, estimate)].append(f"{words.label(model)} (from {' to '.join(ends)})")
    shown = {verdict: words.listed(said) for verdict, said in found.items() if said}
    text = "; ".join(VERDICTS[v].format(who=who, margin=words.margin(margin(outcome))) for v, who in shown.items())
    return text[:1].upper() + text[1:]


def _verdict(outcome: Outcome, model: str, estimate: Estimate) -> str:
    """One of VERDICTS."""
    beyond = 1 + margin(outcome)
    low, high = estimate.interval or (0.0, 0.0)
    if model in A_THREAD_EACH:
        return "same"
    return "above" if low > beyond else "below" if 0 < high < 1 / beyond else "across" if high else "none"


def _meaning(outcome: Outcome) -> str:
    """What "offloaded" stands for, model by model."""
    count = outcome.scenario.server["offload_threads"]
    helped = [m for m in outcome.models if m in OFFLOADING]
    alone = [m for m in outcome.models if m in A_THREAD_EACH]
    more = [m for m in outcome.models if m not in (*helped, *alone)]
    said = [
        (helped, f"{words.counted(count, 'helper thread')} beside the loop or the worker"),
        (more, f"{words.counted(count, 'thread')} more of the same, since heavy requests may block them"),
        (alone, "no change: it has a thread for each connection, and what its two rows differ by is chance"),
    ]
    parts = [f"{words.listed(map(words.label, models))}: {text}" for models, text in said if models]
    return f"Offloaded means: {'; '.join(parts)}."


def _p99(outcome: Outcome, model: str, setting: str) -> str:
    found = series.estimate(outcome.family, member_of(model, setting), "fast_p99_ns")
    return series.shown(found, 1e6, 2, "ms")


def _times(found: Estimate | None) -> str:
    if found is None:
        return "no ratio"
    said = f"{words.ratio(found.median)}{words.SPACE}×"
    return f"{said} ({series.ends(found, 1, 2)})" if found.interval else said


def _said(outcome: Outcome, model: str) -> str:
    """In place over offloaded."""
    p99, p50 = (gain(outcome, model, f"fast_{p}_ns") for p in ("p99", "p50"))
    rig = " and ".join(s.replace("_", " ") for s in SETTINGS if member_of(model, s) in outcome.family.bounded)
    closed = f"offloading changes throughput to {_throughput(outcome, model)}"
    if rig:
        closed = f"what it does to throughput is not known: {rig} the rig was the limit, or may have been, not the server"
    return (
        f"{words.label(model)}: in place the fast requests' p99 is {_times(p99)} and their p50 {_times(p50)} that with"
        f" the heavy ones offloaded; {closed}."
    )


def _throughput(outcome: Outcome, model: str) -> str:
    """Where the rig was the limit it is no figure of the servers'."""
    if any(member_of(model, setting) in outcome.family.bounded for setting in SETTINGS):
        return "the rig's"
    return _times(gain(outcome, model, "closed_hz", more=True))


def _best(outcome: Outcome, setting: str) -> str:
    """Between the models."""
    values = {m: series.rounds(outcome.family, member_of(m, setting), P99) for m in outcome.models}
    ranked = rank(values, more=False, delta=margin(outcome))
    said = setting.replace("_", " ")
    if ranked is None:
        return f"With the heavy requests {said}: no numbers."
    if not ranked.resolved:
        return f"With the heavy requests {said} the models are not told apart: {ranked.why_not}."
    names = words.listed(map(words.label, ranked.tied))
    verb = "has" if len(ranked.tied) == 1 else "are not told apart as"
    return f"With the heavy requests {said}: {names} {verb} the lowest p99 of fast requests."


def _withheld(outcome: Outcome) -> list[str]:
    return series.withheld(outcome.family, outcome.family.plan["members"], "fast_p99_ns")


COLUMNS: tuple[tuple[str, str, float, int], ...] = (
    ("fast p50, ms", "fast_p50_ns", 1e6, 2),
    ("fast p99, ms", "fast_p99_ns", 1e6, 2),
    ("heavy p50, ms", "heavy_p50_ns", 1e6, 2),
    ("heavy p99, ms", "heavy_p99_ns", 1e6, 2),
    ("closed loop, 1/s", "closed_hz", 1, 0),
    ("server busy, %", "server_busy_percent", 1, 0),
)
CLOSED = [metric for _, metric, _, _ in COLUMNS].index("closed_hz")


def tables(outcome: Outcome) -> list[Table]:
    return [_figures(outcome), _gains(outcome), readings.limits(outcome)]


def _figures(outcome: Outcome) -> Table:
    family, steps = outcome.family, outcome.scenario.steps
    table = Table(
        f"{steps['heavy_percent']:g} % heavy requests among fast ones at {words.fixed(_rate(outcome), 0)}/s; medians of"
        " rounds with intervals of the sign test at 95 %",
        [Column("model"), Column("heavy work"), *(Column(name, True) for name, *_ in COLUMNS), Column("rounds", True)],
        shows=(outcome.chart("fast"),),
    )
    for model in outcome.models:
        for setting in SETTINGS:
            member = member_of(model, setting)
            found = [series.estimate(family, member, metric) for _, metric, _, _ in COLUMNS]
            cells = [series.shown(e, d, n) for e, (_, _, d, n) in zip(found, COLUMNS, strict=True)]
            for i, (_, metric, _, _) in enumerate(COLUMNS):
                if metric.endswith(("p50_ns", "p99_ns")):
                    cells[i] = series.marked(family, member, cells[i])
            if member in family.bounded:
                cells[CLOSED] = f"≥ {cells[CLOSED]}"
            counted = len(series.rounds(family, member, "fast_p99_ns"))
            table.add(words.label(model), setting.replace("_", " "), *cells, str(counted))
    table.notes += [*series.dagger(family), *few(family, family.plan["members"], f"{FAST}_", f"{HEAVY}_")]
    if family.bounded:
        table.notes.append("≥: a bound from below: there the rig was the limit, or may have been, and not the server.")
    return table


def _rate(outcome: Outcome) -> float:
    return float(outcome.family.plan["load"].get("rate_hz") or 0.0)


def _gains(outcome: Outcome) -> Table:
    table = Table(
        "What offloading does, round by round: figure in place ÷ offloaded, throughput offloaded ÷ in place; above 1"
        " offloading is better; intervals of the sign test, which hold together over the models at 95 %",
        [
            Column("model"),
            Column("fast p50", True),
            Column("fast p99", True),
            Column("heavy p50", True),
            Column("throughput", True),
            Column("rounds", True),
        ],
    )
    for model in outcome.models:
        each = [gain(outcome, model, m) for m in ("fast_p50_ns", "fast_p99_ns", "heavy_p50_ns")]
        count = str(len(each[1].values) if each[1] else 0)
        table.add(words.label(model), *map(_times, each), _throughput(outcome, model), count)
    return table


def pictures(outcome: Outcome) -> list[Chart]:
    family = outcome.family
    rows = []
    for model in outcome.models:
        for i, setting in enumerate(SETTINGS):
            member = member_of(model, setting)
            p50, p99 = (series.estimate(family, member, f"fast_{p}_ns") for p in ("p50", "p99"))
            ends = [found.median / 1e6 if found else None for found in (p99, p50)]
            rows.append(LevelRow(words.label(model), setting.replace("_", " "), i, (ends[0],), (ends[1],)))
    return [
        levels(
            outcome.chart("fast"),
            "Fast requests among heavy ones",
            "The 99th percentile of the fast requests, and where their median lies, by model, with the heavy requests"
            " in place and offloaded. The figures are in the table.",
            ["p99 of the fast requests"],
            rows,
            [setting.replace("_", " ") for setting in SETTINGS],
            "ms, median of rounds",
            "their p50",
            first=250,
        )
    ]
