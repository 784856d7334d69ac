# SPDX-License-Identifier: MIT
"""What the kinds of scenario share before anything is measured: families, and the pilot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from .. import UsageError, plan
from ..gates import noop
from ..plan import Built, Family, Plan, Tier
from ..programs import Build
from ..rig import Failure
from ..store import SCENARIO_TIER
from .scenario import Scenario
from .stand import of, requests, stand

SEPARATOR = "@"  # model@setting
PILOT_S = (0.15, 0.4)  # warm-up and window of a closed loop
Say = Callable[[str], None]
PILOT_TRIES = 3
PILOT_PROCESS_S = PILOT_TRIES * (plan.SERVE_START_S + sum(PILOT_S))  # of a model
MORE_TIME = 1.0  # of the planned rounds: what make-up rounds may take; seen: a host that spoils half of all processes


def models(scenario: Scenario, built: Built) -> list[str]:
    """Those that the scenario names, else all that are built."""
    here = plan.models(built)
    if not (built.services and here):
        raise UsageError("no model that can serve is built (ninja -C build)")
    for key, names in (("server.models", scenario.models), *((f"server.{m}", (m,)) for m in scenario.of_model)):
        for name in names:
            if name not in here:
                raise scenario.wrong(key, f"the model {name} is not built (there are {', '.join(here)})")
    first = [model for model in here if model == plan.SERVICE_BASELINE]
    return list(scenario.models) or list(dict.fromkeys([*first, *here]))


def model_of(member: str) -> str:
    """thread_pool@3 and thread_pool.same@3 are of thread_pool; of a model with several rows it is the row."""
    return member.partition(SEPARATOR)[0].partition(".")[0]


def setting_of(member: str) -> str:
    """Behind the separator; "" without one."""
    return member.partition(SEPARATOR)[2]


def family(
    scenario: Scenario,
    built: Built,
    members: Sequence[str],
    *,
    process_s: float,
    pilot_s: float = 0.0,
    aliases: dict[str, str] | None = None,
    name: str = "",
    **load: Any,
) -> Family:
    """The first member is the baseline. process_s: how long one process takes, start and stop
    included; name: beside the scenario's, if there are several families."""
    return Family(
        id="/".join(filter(None, ("scenario", scenario.name, name))),
        kind="service",  # a process for each member and round
        title=scenario.title,
        baseline=members[0],
        members=tuple(members),
        aliases=aliases or {},
        floors={},
        injected={},
        rounds=scenario.rounds,
        load={
            "scenario": scenario.to_json(),
            "server_cpu": built.cpus[0],
            "load_cpu": built.cpus[-1],
            **({"downstream_cpu": built.cpus[-1]} if scenario.downstream else {}),
            "threads": {m: scenario.options(model_of(m))["threads"] for m in members},
            "process_s": round(process_s, 3),
            "pilot_s": round(pilot_s, 3),
            **load,
        },
    )


def closed_hz(build: Build, of_family: Family, wanted: Sequence[str], say: Say) -> dict[str, float]:
    """What each model reaches in a closed loop, the most of several tries, in turns: a slow second of
    the machine takes nothing away. Those that fail are said and left out. A pilot: it is discarded, and
    only says where to look."""
    found: dict[str, float] = {}
    tries = [model for _ in range(PILOT_TRIES) for model in wanted]
    for model in tries:
        try:
            with stand(build, of_family, model, seed=1, padding=0) as here:
                done = here.load(warmup_s=PILOT_S[0], duration_s=PILOT_S[1], arrival="closed")
                found[model] = max(found.get(model, 0.0), float(done["achieved_hz"]))
        except Failure as failure:
            say(f"assay: {of_family.id}/{model}: the pilot failed: {failure}")
    return found


def rig_hz(build: Build, of_family: Family, say: Say, *, close: bool = False, **options: Any) -> float | None:
    """What a server that does nothing reaches with the scenario's requests: a bound of the rig. options: of
    load, besides; close: it closes every connection after its answer."""
    cpus = {name: of_family.load[name] for name in ("server_cpu", "load_cpu")}
    return noop.closed_hz(build, requests(of(of_family), **options), **cpus, say=say, close=close)


def fixed(of_family: Family, **found: Any) -> Family:
    """With what the pilot has found, which holds from now on."""
    return replace(of_family, load={**of_family.load, **found})


def rate_hz(of_family: Family, member: str) -> float:
    """Of load["rates_hz"], which a pilot has fixed."""
    rate = of_family.load.get("rates_hz", {}).get(member)
    if not rate:
        raise Failure("no rate: the pilot failed")
    return float(rate)


def make(scenarios: Sequence[Scenario], built: Built, seed: int, only: str | None) -> Plan:
    """As plan.make(), of scenarios."""
    from . import families

    wanted = plan.pattern(only)
    every = [each for scenario in scenarios for each in families(scenario, built)]
    chosen = tuple(each for each in every if wanted.search(each.id))
    if not chosen:
        raise UsageError(f"--only {only}: matches no family (known: {' '.join(f.id for f in every)})")
    return planned(chosen, seed)


def planned(chosen: tuple[Family, ...], seed: int) -> Plan:
    tasks = plan.order(chosen, seed)
    seconds = plan.total_s(chosen, tasks, tier(0, 0))
    rounds_s = sum(plan.round_s(each, tier(0, 0)) * each.rounds for each in chosen)
    return Plan(tier(seconds, rounds_s), seed, chosen, tasks, seconds)


def tier(seconds: float, rounds_s: float) -> Tier:
    """As far as plan and makeup ask for one: the time, of all and of the rounds alone."""
    until_s = round(seconds + MORE_TIME * rounds_s, 1)
    return Tier(SCENARIO_TIER, until_s, 0, 0, 0, 0, (), 0, 0, 0, until_s, "scenarios under load")
