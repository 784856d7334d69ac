# SPDX-License-Identifier: MIT
"""A soak as a run: its plan, its folder, going on with an interrupted one.

A model is a family, a stretch of its load (a minute; of a short soak a twelfth) a line in samples.jsonl,
with the yardstick that was laid beside it.
A server cannot be gone on with: after an interruption the model that was being watched is begun anew,
and the lines of the attempt before stay. Models at once share the machine, and are begun anew together.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Generator, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .. import SCHEMA, AssayError, UsageError, environment, machine, record, rig, run, served, store
from ..planned import Family
from ..programs import Build
from ..progress import Progress, minutes
from ..service import two_digits
from ..tiers import TIERS
from . import company, verdicts, view
from .view import TIER
from .watching import Settings, capacity, watch

STRETCH_S, STRETCHES_MIN = 60.0, 12
YARDSTICK_SHARE, YARDSTICK_S_MIN = 0.1, 0.1  # of a stretch
EVERY_S = 3.0
CONNECTIONS, QUEUE_LIMIT, THREADS = 64, 1024, 1
COMPANY = {
    False: "one model after the other, each with the machine to itself; after each stretch a server that does nothing"
    " was asked as often, for some seconds",
    True: "all models shared the machine: their servers on one CPU and their load generators on another, all"
    " for the same time, each at an equal part of its share of what it answered alone, so that together they"
    " asked of the machine what one model would have",
}
WORKLOADS = ("rpc", "echo", "cpu", "store", "ring")  # that a server can do alone


@dataclass(frozen=True)
class Request:
    models: tuple[str, ...]  #: () is all
    seconds: float  #: of each
    share: float
    at_once: bool
    workload: str
    seed: int | None
    id: str | None
    reports: Path
    force: bool


def settings(request: Request, cpus: tuple[int, ...]) -> Settings:
    if not 1 <= request.seconds <= 31 * 86400:
        raise UsageError(f"a soak of {request.seconds:g} s: must be from 1 second to 31 days")
    if not 0 < request.share <= 1:
        raise UsageError(f"--share {request.share:g}: must be above 0, and at most 1")
    if request.workload not in WORKLOADS:
        raise UsageError(f"--workload {request.workload}: is not one of {', '.join(WORKLOADS)}")
    stretch_s = request.seconds / max(STRETCHES_MIN, round(request.seconds / STRETCH_S))
    return Settings(
        workload=request.workload,
        payload="order",
        codec="protobuf_c",
        connections=CONNECTIONS,
        threads=THREADS,
        queue_limit=QUEUE_LIMIT,
        share=request.share,
        seconds=request.seconds,
        stretch_s=stretch_s,
        every_s=min(EVERY_S, stretch_s / 4),
        server_cpu=cpus[0],
        load_cpu=cpus[-1],
        at_once=request.at_once,
        yardstick_s=0.0 if request.at_once else max(YARDSTICK_S_MIN, YARDSTICK_SHARE * stretch_s),
    )


def models(build: Build, wanted: tuple[str, ...]) -> list[str]:
    """Those that can serve; UsageError for one that cannot."""
    tier = TIERS["quick"]
    here = served.models(run.discover(build, tier))
    for name in wanted:
        if name not in here:
            raise UsageError(f"--model {name}: not built (there are {', '.join(here) or 'none'})")
    if not here:
        raise UsageError(f"{build.folder}: no model that can serve is built")
    return list(dict.fromkeys(wanted)) or here


def main(build: Build, root: Path, request: Request) -> int:
    record.check(request)
    chosen, asked = models(build, request.models), settings(request, machine.cpus())
    _check_yardstick(build, asked.yardstick_s)
    if asked.at_once and len(chosen) < 2:
        raise UsageError("--at-once: there is but one model")
    begun = record.start(request, TIER, record.chosen_seed(request), environment.describe_build(build))
    with record.interruptible():
        rates = _rates(build, asked, chosen)
        families = [_family(model, asked, rates[model]).to_json() for model in chosen]
        facts = {
            **record.facts(build, root, begun, _command(request, begun.seed)),
            "families": families,
            "company": COMPANY[asked.at_once],
            "rule": verdicts.declared(),
        }
        record.keep(begun.folder, {"run.json": facts})
        return _measure(build, facts, begun.folder, chosen, attempt=0)


def _check_yardstick(build: Build, seconds: float) -> None:
    if seconds and build.find("bare") is None:
        raise UsageError(f"{build.folder}: bare is not built, the server by which the machine's part is told")


def _rates(build: Build, asked: Settings, chosen: list[str]) -> dict[str, float]:
    """Each pilot alone: of models that ask at once, the one with the most threads would take the CPU."""
    together, rates = len(chosen) if asked.at_once else 1, {}
    for model in chosen:
        try:
            alone = capacity(build, asked, model)
        except rig.Failure as failure:
            raise AssayError(f"{model}: the pilot failed: {failure}") from None
        rates[model] = two_digits(asked.share * alone / together)
        said = f"{asked.share:g} of what it answered in a closed loop"
        said += f", shared by {together}" if asked.at_once else ""
        record.say(f"{model}: {rates[model]:g} requests/s, {said}")
    return rates


Found = contextlib.closing[Generator[tuple[str, Any], None, None]]


def _all(jobs: dict[str, company.Job[Any]], at_once: bool) -> Found:
    return contextlib.closing((company.beside if at_once else company.one_by_one)(jobs))


def _family(model: str, asked: Settings, rate_hz: float) -> Family:
    return Family(
        id=f"soak/{model}",
        kind="service",
        title=f"{model} for {minutes(asked.seconds)}",
        baseline=model,
        members=(model,),
        aliases={},
        floors={},
        injected={},
        rounds=asked.stretches(),
        load={**asdict(asked), "rate_hz": rate_hz},
    )


def _command(request: Request, seed: int) -> list[str]:
    command = ["scripts/assay", "soak", "--seconds", f"{request.seconds:g}", "--share", f"{request.share:g}"]
    command += ["--workload", request.workload, "--seed", str(seed)]
    command += ["--at-once"] if request.at_once else []
    return command + [word for model in request.models for word in ("--model", model)]


def resume(build: Build, folder: Path, *, force: bool) -> int:
    facts, samples = view.check(folder), store.read_samples(folder / "samples.jsonl")
    if record.complete(folder, samples):
        return view.show(folder)
    described = environment.describe_build(build)
    complete = {line["process"] for line in samples.lines}  # a line is a process
    left = [
        f["baseline"]
        for f in facts["families"]
        if f["load"].get("at_once") or not view.complete(f, view.last_attempt(f, samples))
    ]
    _check_yardstick(build, facts["families"][0]["load"].get("yardstick_s", 0.0))
    record.go_on(folder, facts["identity"], described, samples, complete, force=force)
    with record.interruptible():
        return _measure(build, facts, folder, left, attempt=len(samples.resumes) + 1)


def _measure(build: Build, facts: dict[str, Any], folder: Path, left: list[str], attempt: int) -> int:
    families = {f["baseline"]: Family.from_json(f) for f in facts["families"]}
    number = 1 + max(
        (line["process"] for line in store.read_samples(folder / "samples.jsonl").lines), default=-1
    )
    writer, began = store.Writer(folder), time.monotonic()
    load = next(iter(families.values())).load
    at_once = bool(load.get("at_once"))
    each = load["stretch_s"] / len(left) if at_once else load["stretch_s"] + load.get("yardstick_s", 0.0)
    count = sum(families[model].rounds for model in left)
    progress = Progress(count * each, count)
    record.say(_plan(left, each * families[left[0]].rounds if left and not at_once else load["seconds"], at_once))
    jobs = {m: _watched(build, families[m], facts["seed"], attempt) for m in left}
    try:
        with _all(jobs, at_once) as seen:
            for model, found in seen:
                family = families[model]
                writer.append([_line(family, model, number, attempt, found)])
                if found["status"] != "ok":
                    progress.say(f"assay: {family.id}: {found['reason']}")
                number += 1
                progress.done(each, family.id)
        writer.append(
            [
                {
                    "schema": SCHEMA,
                    "kind": "end",
                    "started": record.utc(),
                    "seconds": round(time.monotonic() - began, 1),
                }
            ]
        )
    except KeyboardInterrupt:
        progress.say(f"assay: interrupted; what is measured is kept. To go on: {record.again(build, TIER, folder)}")
        return record.INTERRUPTED
    except OSError as error:
        raise AssayError(f"{folder}: {error}; to go on: {record.again(build, TIER, folder)}") from None
    finally:
        writer.close()
    return view.show(folder)


def _plan(left: list[str], seconds: float, at_once: bool) -> str:
    if not left:
        return "nothing left"
    return f"{len(left)} models, {minutes(seconds)} " + ("all at once" if at_once else "each")


def _watched(build: Build, family: Family, seed: int, attempt: int) -> company.Job[dict[str, Any]]:
    load = {k: v for k, v in family.load.items() if k != "rate_hz"}
    model = family.baseline
    own = random.Random(f"{seed}/{model}/{attempt}").randrange(2**31)

    def job(others: company.Alone) -> Iterator[dict[str, Any]]:
        started, since = record.utc(), time.monotonic()
        stretches = watch(build, Settings(**load), model, family.load["rate_hz"], own, others)
        for stretch, found in enumerate(stretches, 1):
            seconds = round(time.monotonic() - since, 3)
            yield {"round": stretch, "started": started, "seconds": seconds, **found}
            started, since = record.utc(), time.monotonic()

    return job


def _line(family: Family, model: str, number: int, attempt: int, found: dict[str, Any]) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "kind": "service",
        "family": family.id,
        "case": family.case(model),
        "member": model,
        "process": number,
        "attempt": attempt,
        "covariates": {},
        **found,
    }
