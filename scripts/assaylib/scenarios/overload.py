# SPDX-License-Identifier: MIT
"""Twice what a server can do, for a while, and then less again.

Every process first measures its own maximum (a closed loop), then gets one plan of arrivals at three
rates: a share of the maximum, the overload, the share again. The connections stay: what was not
answered in the overload is still wanted after it. What is made of the requests is in requests.py.
"""

from __future__ import annotations

import statistics
from typing import Any

from .. import words
from ..blocks import Column, Table
from ..charts import Chart, Panel, Span, TimeLine, timeline
from ..gates.validity import ACHIEVED_MIN, least, most
from ..judge import Estimate
from ..plan import CAPTURE_S, SERVE_START_S, Built, Family
from ..programs import Build
from ..rig import Failure
from . import keys, plans, readings, requests, series, watching
from .outcome import Outcome
from .requests import Request
from .scenario import Scenario
from .stand import of, stand

POLICIES = ("reject", "wait")
#: on_full is what is compared.
SERVER = {name: key for name, key in keys.SERVER.items() if name != "on_full"}

KEYS: keys.Keys = {
    "server": SERVER,
    "downstream": keys.DOWNSTREAM,
    "load": {**keys.LOAD, "arrival": keys.text("poisson", "poisson", "uniform", "burst")},
    "level": {
        "p99_us": keys.number(keys.REQUIRED, 1, 1e9),
        "back_factor": keys.number(keys.REQUIRED, 1, 100),
        "rss_growth_mb": keys.number(keys.REQUIRED, 0.1, 1e6),
    },
    "steps": {
        "on_full": keys.many(keys.text(keys.REQUIRED, *POLICIES)),
        "knee_hz": keys.number(keys.REQUIRED, 0, 1e7),
        "knee_connections": keys.count(keys.REQUIRED, 1, 10000),
        "factor": keys.number(keys.REQUIRED, 1, 100),
        "base_share": keys.number(keys.REQUIRED, 0.01, 0.95),
        "warmup_s": keys.number(keys.REQUIRED, 0, 600),
        "knee_s": keys.number(keys.REQUIRED, 0.05, 600),
        "before_s": keys.number(keys.REQUIRED, 0.1, 3600),
        "overload_s": keys.number(keys.REQUIRED, 0.1, 3600),
        "after_s": keys.number(keys.REQUIRED, 0.1, 3600),
        "slot_ms": keys.count(keys.REQUIRED, 10, 10000),
    },
}
KNEE_MAX = 1.2  # answered in the overload, over the maximum: more, and that was none
LAG_MAX_MS = 5.0  # the generator's own: later, it was not the load that was asked for
NEVER = "not while it was watched"


def check(scenario: Scenario) -> None:
    steps = scenario.steps
    if len(set(steps["on_full"])) < len(steps["on_full"]):
        raise scenario.wrong("steps.on_full", "names one twice")
    for name in ("before_s", "overload_s", "after_s"):
        if steps[name] * 1e3 < 2 * steps["slot_ms"]:
            raise scenario.wrong(f"steps.{name}", "must hold two slots (steps.slot_ms) at least")
    limit, connections = scenario.server["queue_limit"], scenario.load["connections"]
    if connections <= limit:
        why = f"must be more than server.queue_limit ({limit}), or its door is never full"
        raise scenario.wrong("load.connections", why)
    if steps["knee_connections"] > min(limit, connections):
        why = "must be neither more than load.connections nor than server.queue_limit"
        raise scenario.wrong("steps.knee_connections", why)


def families(scenario: Scenario, built: Built) -> list[Family]:
    wanted, steps = plans.models(scenario, built), scenario.steps
    members = [f"{m}{plans.SEPARATOR}{full}" for full in steps["on_full"] for m in wanted]
    knee_s = 0.0 if steps["knee_hz"] else steps["warmup_s"] + steps["knee_s"]
    loads = knee_s + steps["warmup_s"] + sum(steps[f"{n}_s"] for n in ("before", "overload", "after"))
    return [plans.family(scenario, built, members, process_s=SERVE_START_S + loads + 2 * CAPTURE_S)]


def measure(build: Build, family: Family, member: str, seed: int, padding: int) -> dict[str, Any]:
    steps, model = of(family).steps, plans.model_of(member)
    options = {"on_full": plans.setting_of(member), "admin": "127.0.0.1:0"}
    with stand(build, family, model, seed=seed, padding=padding, **options) as here:
        knee_hz, of_knee = steps["knee_hz"], {}
        if not knee_hz:
            closed = {"connections": steps["knee_connections"], "warmup_s": steps["warmup_s"]}
            done = here.load(arrival="closed", duration_s=steps["knee_s"], **closed)
            knee_hz, of_knee = float(done["achieved_hz"]), readings.knee_gates(of(family), done)
        with watching.Watching(here.server) as watch:
            plan = {"steps": rates(steps, knee_hz), "warmup_s": steps["warmup_s"]}
            with here.start_load(requests=True, **plan) as loading:
                result = loading.wait(unanswered=True)
                every = requests.read(loading)
        final, ended = here.stop()
    looks = watch.since(result["window_began_ns"])
    metrics, line = judged(of(family), knee_hz, every, looks)
    metrics |= {"lag_p99_ns": result["lag_p99_ns"], **_busy(result), **readings.final(final)}
    return {
        "metrics": metrics,
        "gates": {
            **readings.gates(family, result, final, below_knee=False),
            **gates(of(family), metrics, every),
            **of_knee,
        },
        "timeline": {**line, "looks": looks},
        "server": ended,
    }


def rates(steps: dict[str, Any], knee_hz: float) -> list[tuple[float, float]]:
    """(requests per second, for how long)."""
    base, over = steps["base_share"] * knee_hz, steps["factor"] * knee_hz
    return [(base, steps["before_s"]), (over, steps["overload_s"]), (base, steps["after_s"])]


def _busy(result: dict[str, Any]) -> dict[str, float]:
    window = result["duration_ns"]
    busy = {"server": result["watch_cpu_ns"], "load": result["cpu_ns"]}
    return {f"{name}_busy_percent": 100.0 * ns / window for name, ns in busy.items()}


def ends_ns(steps: dict[str, Any]) -> tuple[int, int, int]:
    """Where before, overload and after end."""
    before = round(steps["before_s"] * 1e9)
    over = before + round(steps["overload_s"] * 1e9)
    return before, over, over + round(steps["after_s"] * 1e9)


def judged(
    scenario: Scenario, knee_hz: float, every: list[Request], looks: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """(metrics, timeline) of one process."""
    steps, level = scenario.steps, scenario.level
    begin, end, last = ends_ns(steps)
    limit_ns = round(level["p99_us"] * 1e3)
    slot_ns = steps["slot_ms"] * 1_000_000
    line = requests.slots(every, slot_ns, last // slot_ns, limit_ns)
    before = requests.figures(requests.due(every, 0, begin))
    over = requests.figures(requests.due(every, begin, end))
    came = [r for r in every if r.latency_ns is not None and begin <= (r.ended_ns or 0) < end]
    seconds = (end - begin) / 1e9
    usual = [ns for ns in line["whole_p99_ns"][: begin // slot_ns] if ns is not None]
    usual_ns = statistics.median(usual) if usual else None
    back = requests.back_ns(line, end, level["back_factor"] * usual_ns) if usual_ns else None
    useful = sum((r.latency_ns or 0) <= limit_ns for r in came)
    metrics = {
        "knee_hz": knee_hz,
        "offered_hz": over["planned"] / seconds,
        "goodput_hz": len(came) / seconds,
        "goodput_share": len(came) / seconds / knee_hz,
        "useful_hz": useful / seconds,
        "useful_share": useful / seconds / knee_hz,
        "refused_hz": over["refused"] / seconds,
        "refused_share": over["refused"] / max(1, over["planned"]),
        "before_p50_ns": before["p50_ns"],
        "before_p99_ns": usual_ns,
        "over_p50_ns": over["p50_ns"],
        "over_p99_ns": over["p99_ns"],
        "over_max_ns": over["max_ns"],
        "inside_age_ns": watching.mean_age_ns(looks, begin, end),
        "recovery_ns": back,
        "recovered": int(back is not None),
        **_memory(looks, begin, end, last),
    }
    return metrics, {**line, "kinds": requests.kinds(every), "before": before, "over": over}


def _memory(looks: dict[str, Any], begin: int, end: int, last: int) -> dict[str, Any]:
    """The most before it against the most ever since."""
    before = max(watching.seen(looks, "rss_bytes", -(10**12), begin), default=None)
    since = watching.seen(looks, "rss_bytes", begin, last + 10**12)
    peak = max(since, default=None)
    grown = max(0, peak - before) if peak is not None and before is not None else None
    return {
        "rss_before_bytes": before,
        "rss_peak_bytes": peak,
        "rss_end_bytes": since[-1] if since else None,
        "rss_growth_bytes": grown,
    }


def gates(scenario: Scenario, metrics: dict[str, Any], every: list[Request]) -> dict[str, Any]:
    """Beside those of METHOD 4: who is refused or late beyond the knee is a result. Memory that grows
    beyond what was allowed has no other figures."""
    wrong = sum(r.outcome == requests.WRONG and not r.refused for r in every)
    early = requests.due(every, 0, ends_ns(scenario.steps)[0])
    good = sum(r.latency_ns is not None for r in early) / max(1, len(early))
    grown = metrics["rss_growth_bytes"]
    if grown is None:
        raise Failure("nothing is known of its memory")
    return {
        "replies_wrong": most(wrong, 0, "all"),
        "answered_before": least(good, ACHIEVED_MIN, "all"),
        "answered_over_maximum": most(metrics["goodput_share"], KNEE_MAX, "all"),
        "generator_lag_ms": most(metrics["lag_p99_ns"] / 1e6, LAG_MAX_MS, "all"),
        "rss_growth_mb": most(grown / 1e6, scenario.level["rss_growth_mb"], "all"),
    }


# --- What the lines say -------------------------------------------------------------------------


def of_setting(outcome: Outcome, setting: str) -> list[str]:
    return [m for m in outcome.family.plan["members"] if plans.setting_of(m) == setting]


def _each(outcome: Outcome, setting: str, metric: str, missing: float | None = None) -> list[Estimate | None]:
    return [series.estimate(outcome.family, m, metric, missing) for m in of_setting(outcome, setting)]


def _limit(outcome: Outcome) -> str:
    return f"{words.fixed(outcome.scenario.level['p99_us'] / 1e3, 0)}{words.SPACE}ms"


def answer(outcome: Outcome) -> list[str]:
    steps = outcome.scenario.steps
    every = {full: _each(outcome, full, "useful_share") for full in steps["on_full"]}
    if not any(found for of_one in every.values() for found in of_one):
        return [outcome.nothing, *_withheld(outcome)]
    parts = [_lead(outcome, full, found) for full, found in every.items()]
    each = " (intervals at 95 % each)"
    why = series.why_no_interval([found for of_one in every.values() for found in of_one]) or each
    first = f"**At {steps['factor']:g} times what each can do, {'; '.join(parts)}**{why}."
    return [first, *(_said(outcome, full) for full in steps["on_full"]), _memory_said(outcome), *_withheld(outcome)]


def _lead(outcome: Outcome, full: str, useful: list[Estimate | None]) -> str:
    back = _each(outcome, full, "recovery_ns", float("inf"))
    return (
        f"`{full}` still gave {series.hull(useful, 0.01, 0)}{words.SPACE}% of that maximum within {_limit(outcome)},"
        f" and answers were as fast as before after {_back(back)}"
    )


def _back(found: list[Estimate | None]) -> str:
    """ "0.1 to 0.2 s"."""
    text = series.hull(found, 1e9, 1, NEVER)
    return text if text == NEVER else f"{text}{words.SPACE}s"


def _said(outcome: Outcome, full: str) -> str:
    """Every model with its intervals."""
    said = []
    for member in of_setting(outcome, full):
        useful, refused, age, back = (
            series.estimate(outcome.family, member, metric, float("inf") if metric == "recovery_ns" else None)
            for metric in ("useful_share", "refused_share", "over_p50_ns", "recovery_ns")
        )
        if useful:
            said.append(
                f"{words.label(plans.model_of(member))} {series.shown(useful, 0.01, 0, '%')} in time,"
                f" {series.shown(refused, 0.01, 0, '%')} of what was offered refused,"
                f" the median answer {series.shown(age, 1e6, 1, 'ms')} old,"
                f" back after {series.shown(back, 1e9, 1, 's', NEVER)}"
            )
    return f"`{full}`: {'; '.join(said) or 'no numbers'}."


def _memory_said(outcome: Outcome) -> str:
    family, limit = outcome.family, outcome.scenario.level["rss_growth_mb"]
    grown = [series.estimate(family, m, "rss_growth_bytes") for m in family.plan["members"]]
    text = series.hull(grown, 1e6, 1)
    if text == "–":
        return "Memory: no number."
    return (
        f"Memory grew by {text}{words.SPACE}MB over what it was before; more than {limit:g}{words.SPACE}MB would have"
        " failed."
    )


def _withheld(outcome: Outcome) -> list[str]:
    return series.withheld(outcome.family, outcome.family.plan["members"], "useful_share")


Columns = tuple[tuple[str, str, float, int], ...]
ANSWERED: Columns = (
    ("maximum, 1/s", "knee_hz", 1, 0),
    ("answered, % of it", "goodput_share", 0.01, 0),
    ("in time, % of it", "useful_share", 0.01, 0),
    ("refused, % of offered", "refused_share", 0.01, 0),
    ("back after, s", "recovery_ns", 1e9, 1),
)
AGE: Columns = (
    ("offered, 1/s", "offered_hz", 1, 0),
    ("p99 before, ms", "before_p99_ns", 1e6, 1),
    ("age p50, ms", "over_p50_ns", 1e6, 1),
    ("age p99, ms", "over_p99_ns", 1e6, 1),
    ("inside the server, ms", "inside_age_ns", 1e6, 1),
    ("memory before, MB", "rss_before_bytes", 1e6, 1),
    ("grown by, MB", "rss_growth_bytes", 1e6, 1),
)


def tables(outcome: Outcome) -> list[Table]:
    scenario = outcome.scenario
    steps = scenario.steps
    answered = _figures(
        outcome,
        f"Overload of {steps['factor']:g} × the maximum for {steps['overload_s']:g} s, between"
        f" {steps['base_share']:g} × of it; medians of rounds with intervals of the sign test, each at 95 %",
        ANSWERED,
    )
    answered.notes += [
        series.EACH,
        f"In time: answered within {_limit(outcome)} of when it was due. Back: the end of the first slot of"
        f" {steps['slot_ms']} ms in which all was answered with a p99 of at most {scenario.level['back_factor']:g} ×"
        " that before.",
    ]
    age = _figures(outcome, "Age of the queue, and memory; medians and intervals as above", AGE)
    age.notes += [
        "Age: of right answers to what was due in the overload, from when it was due. Inside the server: by Little's"
        " law, from the requests inside and the answers that its admin address tells; the rest of the age was spent"
        " before its door. Grown: the most resident memory since the overload began, over the most before it."
    ]
    return [answered, age, readings.limits(outcome), _timeline(outcome)]


def _figures(outcome: Outcome, caption: str, columns: Columns) -> Table:
    family = outcome.family
    table = Table(
        caption,
        [Column("on full"), Column("model"), *(Column(name, True) for name, *_ in columns), Column("rounds", True)],
    )
    for member in family.plan["members"]:
        row = [plans.setting_of(member), words.label(plans.model_of(member))]
        for _, metric, divisor, decimals in columns:
            missing = float("inf") if metric == "recovery_ns" else None
            found = series.estimate(family, member, metric, missing)
            row.append(series.shown(found, divisor, decimals, beyond=NEVER))
        table.add(*row, str(len(series.rounds(family, member, "useful_share"))))
    return table


#: (title, unit, key of the timeline, what it is divided by, logarithmic)
PANELS = (
    ("Answers in time", "1/s", "within", 1.0, False),
    ("p99 of what was due", "ms", "p99_ns", 1e6, True),
)


def _timeline(outcome: Outcome) -> Table:
    """The pictures' data."""
    family, slot_s = outcome.family, outcome.scenario.steps["slot_ms"] / 1e3
    members = family.plan["members"]
    names = [f"{words.label(plans.model_of(m))}, {plans.setting_of(m)}" for m in members]
    table = Table(
        f"Slot by slot of {slot_s:g} s, medians of rounds: answers in time per second, and p99 in ms of the right"
        " answers to what was due",
        [Column("from, s", True), *(Column(f"{name}: {what}", True) for name in names for what in ("1/s", "p99"))],
        folded=True,
        shows=tuple(map(outcome.chart, outcome.scenario.steps["on_full"])),
    )
    columns = [
        series.timeline(family, m, key, divisor * (slot_s if key == "within" else 1))
        for m in members
        for _, _, key, divisor, _ in PANELS
    ]
    for i in range(max(map(len, columns), default=0)):
        cells = [column[i] if i < len(column) else None for column in columns]
        table.add(f"{i * slot_s:.2f}", *("–" if c is None else words.fixed(c, k % 2) for k, c in enumerate(cells)))
    return table


def pictures(outcome: Outcome) -> list[Chart]:
    """One for each setting: the models together."""
    return [_picture(outcome, full) for full in outcome.scenario.steps["on_full"]]


def _picture(outcome: Outcome, full: str) -> Chart:
    family, steps = outcome.family, outcome.scenario.steps
    slot_s = steps["slot_ms"] / 1e3
    lines = []
    for i, member in enumerate(of_setting(outcome, full)):
        for k, (_, _, key, divisor, _) in enumerate(PANELS):
            values = series.timeline(family, member, key, divisor * (slot_s if key == "within" else 1))
            lines.append(TimeLine(k, i, [((n + 0.5) * slot_s, y) for n, y in enumerate(values)]))
    begin, end, _ = (ns / 1e9 for ns in ends_ns(steps))
    return timeline(
        outcome.chart(full),
        f"Overload, on_full = {full}",
        f"Answers in time and the 99th percentile over time, by model, through {steps['overload_s']:g} s of"
        f" {steps['factor']:g} times the maximum. The figures are in the table.",
        [Panel(title, unit, log) for title, unit, _, _, log in PANELS],
        lines,
        [words.label(plans.model_of(m)) for m in of_setting(outcome, full)],
        [Span(begin, end, f"{steps['factor']:g} × the maximum")],
        f"seconds; a mark for each {steps['slot_ms']} ms, median of rounds",
    )
