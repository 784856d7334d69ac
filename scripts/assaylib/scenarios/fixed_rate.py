# SPDX-License-Identifier: MIT
"""One rate that all models carry with ease, the same for all: latency, CPU, switches, system calls.

The rate is a share of what the slowest model reaches in a closed loop of the pilot, or is stated and held against
that. At a rate below everybody's knee a faster model is not "loaded less": CPU per request says what it costs.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .. import charts, words
from ..blocks import Column, Table
from ..charts import Chart
from ..figures import few
from ..gates.validity import KNEE_SHARE_MAX
from ..plan import CAPTURE_S, SERVE_START_S, Built, Family
from ..programs import Build
from ..service import two_digits
from . import keys, plans, readings, series
from .outcome import Outcome, Ranking, level, rank, shown
from .scenario import Scenario
from .stand import of, stand

KEYS: keys.Keys = {
    "server": keys.SERVER,
    "downstream": keys.DOWNSTREAM,
    "load": {**keys.LOAD, "arrival": keys.text("poisson", "poisson", "uniform", "burst")},
    "steps": {
        "share": keys.number(None, 0.01, KNEE_SHARE_MAX),
        "rate_hz": keys.number(None, 0.1, 1e7),
        "warmup_s": keys.number(keys.REQUIRED, 0, 600),
        "duration_s": keys.number(keys.REQUIRED, 0.05, 3600),
    },
}
CPU = "cpu_ns_per_request"
#: metric → heading, divisor, decimals
COLUMNS = {
    "p50_ns": ("p50, ms", 1e6, 3),
    "p99_ns": ("p99, ms", 1e6, 2),
    "p999_ns": ("p99.9, ms", 1e6, 2),
    CPU: ("CPU, µs/request", 1e3, 1),
    "cpu_user_ns_per_request": ("user", 1e3, 1),
    "cpu_system_ns_per_request": ("system", 1e3, 1),
    "context_switches_per_request": ("context switches/request", 1, 2),
    "syscalls_per_request": ("system calls/request", 1, 2),
}


def check(scenario: Scenario) -> None:
    given = [key for key in ("share", "rate_hz") if scenario.steps[key] is not None]
    if len(given) != 1:
        raise scenario.wrong("steps", "needs either share (of the slowest model's closed loop) or rate_hz")


def families(scenario: Scenario, built: Built) -> list[Family]:
    wanted, steps = plans.models(scenario, built), scenario.steps
    same = f"{wanted[0]}.same"
    return [
        plans.family(
            scenario,
            built,
            [*wanted, same],
            aliases={same: "same"},
            process_s=SERVE_START_S + steps["warmup_s"] + steps["duration_s"] + CAPTURE_S,
            pilot_s=plans.noop.PILOT_S + len(wanted) * plans.PILOT_PROCESS_S,
        )
    ]


def pilot(build: Build, family: Family, say: plans.Say) -> tuple[Family, dict[str, str]]:
    steps, wanted = family.load["scenario"]["steps"], [m for m in family.members if m not in family.aliases]
    rate, closed = steps["rate_hz"], plans.closed_hz(build, family, wanted, say)
    if rate is None:
        rate = two_digits(steps["share"] * min(closed.values())) if closed else None
    rates = dict.fromkeys(family.members, rate) if rate else {}
    return plans.fixed(family, pilot_closed_hz=closed, rates_hz=rates, rig_hz=plans.rig_hz(build, family, say)), {}


def measure(build: Build, family: Family, member: str, seed: int, padding: int) -> dict[str, Any]:
    scenario, rate, model = of(family), plans.rate_hz(family, member), plans.model_of(member)
    steps, kept = scenario.steps, readings.below_knee(family, model, rate)
    with stand(build, family, model, seed=seed, padding=padding) as here:
        opened = here.load(rate=rate, warmup_s=steps["warmup_s"], duration_s=steps["duration_s"])
        final, done = here.stop()
    return {
        "metrics": {
            **readings.opened(opened),
            **readings.of_classes((each["name"], each) for each in readings.classes(scenario, opened)),
            **readings.final(final),
        },
        "gates": kept
        | readings.gates(
            family,
            opened,
            final,
            below_knee=True,
            server_spins=bool(scenario.options(model).get("spin_us")),
            ceiling_hz=readings.ceiling_hz(scenario, model, steps["duration_s"]),
        ),
        "server": done,
    }


# --- What the lines say -------------------------------------------------------------------------


def ranking(outcome: Outcome, metric: str = CPU) -> Ranking | None:
    family = outcome.family
    values = {m: {} if family.why_withheld(m, metric) else dict(family.series(m, metric)) for m in outcome.models}
    found = rank(values, more=False, delta=family.deltas[CPU])
    if found and found.resolved and CPU in family.uncalibrated:
        return replace(found, resolved=False, why_not=family.uncalibrated[CPU])
    return found


def answer(outcome: Outcome) -> list[str]:
    family, ranked = outcome.family, ranking(outcome)
    rates = set((family.plan["load"].get("rates_hz") or {}).values())
    if ranked is None or not rates:
        return [outcome.nothing]
    at = f"at {words.fixed(rates.pop(), 0)} requests/s"
    costs = "; ".join(f"{words.label(m)} {shown(family.level(m, CPU), 1e3, 1, 'µs')}" for m in outcome.models)
    tied = words.listed(map(words.label, ranked.tied))
    if not ranked.resolved:
        lead = f"No ranking {at}: {ranked.why_not}"
    elif len(ranked.tied) == 1:
        lead = f"{tied} takes the least CPU per request {at}"
    else:
        lead = f"{tied} are not told apart as those with the least CPU per request {at}"
    return [f"**{lead}**: {costs}.", _tails(outcome)]


def answered(outcome: Outcome) -> bool:
    ranked = ranking(outcome)
    return ranked is not None and ranked.resolved


def _tails(outcome: Outcome) -> str:
    """Of the latencies, and whether they are the models' at all."""
    family = outcome.family
    p99 = "; ".join(f"{words.label(m)} {shown(family.level(m, 'p99_ns'), 1e6, 2, 'ms')}" for m in outcome.models)
    return " ".join([f"p99{' of all classes together' if outcome.scenario.classes else ''}: {p99}.", *series.late(family, outcome.models)])


def tables(outcome: Outcome) -> list[Table]:
    apart = readings.class_table(outcome, "Latency")
    return [_costs(outcome), _intervals(outcome), *apart, readings.table(outcome, "Load, and who was busy")]


def _costs(outcome: Outcome) -> Table:
    family = outcome.family
    table = Table(
        "At the fixed rate: median of rounds",
        [Column("model"), *(Column(title, True) for title, _, _ in COLUMNS.values()), Column("rounds", True)],
        shows=(outcome.chart("cost"),),
    )
    for model in outcome.models:
        cells = []
        for metric, (_, divisor, decimals) in COLUMNS.items():
            found = family.level(model, metric)
            late = "†" if metric.startswith("p") and model in family.tails else ""
            cells.append(words.fixed(found.median / divisor, decimals) + late if found else "–")
        table.add(words.label(model), *cells, str(len(family.series(model, CPU))))
    table.notes += [*series.dagger(family, outcome.models), *few(family, outcome.models)]
    if outcome.scenario.classes:
        table.notes.append("All classes of requests together; latency class by class has a table of its own.")
    if CPU not in family.uncalibrated:
        table.notes.append(
            f"Margin of CPU per request: nobody is put behind by less than {words.margin(family.deltas[CPU])}, which is"
            f" at least what {words.label(family.baseline)} differs from itself by."
        )
    return table


def _intervals(outcome: Outcome) -> Table:
    """The ends, which would not fit beside the figures: the picture's data."""
    family = outcome.family
    table = Table(
        "Intervals of the medians, 95 % each",
        [Column("model"), *(Column(title, True) for title, _, _ in COLUMNS.values())],
    )
    for model in outcome.models:
        cells = []
        for metric, (_, divisor, decimals) in COLUMNS.items():
            found = family.level(model, metric)
            ends = found.interval if found else None
            cells.append(words.span(ends[0] / divisor, ends[1] / divisor, decimals, "–") if ends else "–")
        table.add(words.label(model), *cells)
    return table


def pictures(outcome: Outcome) -> list[Chart]:
    family = outcome.family

    def middle(model: str, metric: str, divisor: float) -> float | None:
        found = family.level(model, metric)
        return found.median / divisor if found else None

    rows = [
        charts.ServiceRow(
            "",
            words.label(model),
            middle(model, "cpu_user_ns_per_request", 1e3),
            middle(model, "cpu_system_ns_per_request", 1e3),
            middle(model, "p50_ns", 1e3),
            middle(model, "p99_ns", 1e3),
        )
        for model in outcome.models
        if family.series(model, CPU)
    ]
    if not rows:
        return []
    told = "; ".join(f"{row.member} {row.user or 0:.1f} + {row.system or 0:.1f} µs" for row in rows)
    return [
        charts.services(
            outcome.chart("cost"),
            f"{outcome.scenario.title}: CPU per request, and latency from p50 to p99",
            f"CPU per request, user and system, and latency from p50 to p99, medians of rounds. {told}."
            " The tables beside have the data.",
            rows,
            "latency, p50 to p99",
            "µs",
        )
    ]
