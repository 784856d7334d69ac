# SPDX-License-Identifier: MIT
"""Whether to believe a run: what the machine can resolve, and every check with its figure."""

from __future__ import annotations

import math

from . import judge, words
from .about import KINDS, cores, discarded, processes, subject, tails
from .blocks import Check
from .judge import Judgement


def machine(judged: Judgement) -> list[tuple[str, str]]:
    """The machine, and what it can resolve."""
    run = judged.run
    environment, figures = run.get("environment") or {}, run.get("machine") or {}
    cpu = environment.get("cpu")
    name = (
        f"{cpu.get('model', 'unknown')} ({cpu.get('architecture', '?')})"
        if isinstance(cpu, dict)
        else str(cpu or "unknown")
    )
    rows = [
        (
            "Processor",
            (
                f"{name},"
                f" {words.counted(cores(run), 'logical CPU') if cores(run) else 'cores unknown'}"
            ),
        )
    ]
    where = environment.get("hypervisor")
    rows.append(
        (
            "Runs on",
            (
                f"a virtual machine ({where})"
                if where and str(where) not in ("none seen", "none")
                else "bare metal, as far as can be seen"
            ),
        )
    )
    system = [str(environment[k]) for k in ("distribution", "os", "kernel") if environment.get(k)]
    rows.append(("System", ", ".join(system) or "unknown"))

    def ns(*names: str) -> str | None:
        value = next((figures[n] for n in names if isinstance(figures.get(n), (int, float))), None)
        if value is None:
            return None
        return (
            f"{words.fixed(value, 1)} ns" if value < 1000 else f"{words.fixed(value / 1000, 1)} µs"
        )

    clock, late50, late99 = ns("clock_cost_ns"), ns("timer_late_p50_ns"), ns("timer_late_p99_ns")
    same, other = ns("wake_same_cpu_p50_ns", "wake_same_core_ns"), ns(
        "wake_other_cpu_p50_ns", "wake_cross_core_ns"
    )
    if clock:
        rows.append(("Reading the clock", clock))
    if late50 and late99:
        rows.append(
            (
                "A timer is late by",
                f"{late50} (median), {late99} (p99): tails below that are the machine's",
            )
        )
    if same or other:
        parts = [f"{same} on the same CPU" if same else "", f"{other} on another" if other else ""]
        rows.append(("Waking a thread", ", ".join(p for p in parts if p)))
    loop = next(
        (
            figures[k]
            for k in ("loop_wall_iqr_percent", "loop_variation_percent")
            if figures.get(k) is not None
        ),
        None,
    )
    if loop is not None:
        rows.append(("A fixed loop varies by", f"{words.fixed(float(loop), 1)} % (interquartile)"))
    if figures.get("steal_percent") is not None:
        rows.append(
            (
                "Stolen by the host",
                (
                    f"{words.fixed(float(figures['steal_percent']), 1)} % before the"
                    f" run{_steal(judged)}"
                ),
            )
        )
    counters = figures.get("hardware_counters")
    if counters is not None:
        rows.append(
            (
                "Hardware counters",
                {True: "yes", False: "none", "yes": "yes"}.get(counters, f"none: {counters}"),
            )
        )
    if not figures:
        rows.append(("Resolution", "was not measured in this run"))
    return rows


def _steal(judged: Judgement) -> str:
    seen = [
        float(s["covariates"]["steal_percent"])
        for f in judged.families
        for s in [*f.discarded.values(), *(s for r in f.samples.values() for s in r.values())]
        if (s.get("covariates") or {}).get("steal_percent") is not None
    ]
    return (
        f"; {words.fixed(judge.median(seen), 1)} % in the median process,"
        f" {words.fixed(max(seen), 1)} % at most"
        if seen
        else ""
    )


def checks(judged: Judgement) -> list[Check]:
    found = [
        *_aa(judged),
        *_injected(judged),
        *_gates(judged),
        *_late(judged),
        *_rounds(judged),
        *_build(judged),
        *_environment(judged),
        *_doubts(judged),
    ]
    if not tails(judged):
        found.append(
            Check(
                "note",
                "Tier",
                (
                    f"`{judged.run.get('tier')}` makes no claims about tails; latency percentiles"
                    " are left out"
                ),
            )
        )
    return found


def _aa(judged: Judgement) -> list[Check]:
    found = []
    same = judged.aliases(form="same")
    tested = [a for a in same if a.estimate.interval]
    if not same:
        found.append(
            Check(
                "bad",
                "A/A, same code",
                "no family holds its baseline twice: false alarms cannot be counted",
            )
        )
    elif not tested:
        found.append(
            Check(
                "note",
                "A/A, same code",
                (
                    f"{words.counted(len(same), 'comparison')}, too few rounds for an interval"
                    f" ({judge.rounds_needed()} are needed)"
                ),
            )
        )
    else:
        wrong = sum(a.estimate.excludes_one for a in tested)
        allowed = judge.binomial_bound(len(tested))
        deltas = {
            (f.id, metric): delta for f in judged.families for metric, delta in f.deltas.items()
        }
        said = [judge.verdict(a.estimate.interval, deltas[a.family, a.metric]) for a in tested]
        beyond = sum(v in (judge.BETTER, judge.WORSE) for v in said)
        text = (
            f"{wrong} of {len(tested)} intervals (95 %) exclude 1; chance allows {allowed};"
            f" {beyond or 'none'} beyond the margin"
        )
        if wrong > allowed:
            text += ". Intervals here are too narrow: no difference near the margin may be quoted"
        found.append(Check("good" if wrong <= allowed else "bad", "A/A, same code", text))
    copies = [a for a in judged.aliases(form="copy") if a.estimate.interval]
    if copies:
        wrong = sum(a.estimate.excludes_one for a in copies)
        largest = max(abs(a.estimate.median) for a in copies)
        text = (
            f"{wrong} of {len(copies)} intervals exclude 1, up to"
            f" {words.percent(math.expm1(largest))}: what code layout alone does"
        )
        found.append(Check("note" if wrong else "good", "A/A, second copy", text))
    margin = float(judged.run.get("margin_percent", 3)) / 100
    parts, raised = [], False
    for kind, metric, name in (
        ("codec", "time_ns", "codecs"),
        ("model", "time_ns", "models"),
        ("service", "cpu_ns_per_request", "CPU per request"),
        ("service", "closed_hz", "throughput"),
    ):
        floors = [f.floors[metric] for f in judged.kind(kind) if f.floors.get(metric) is not None]
        if floors:
            worst = max(v for v in floors if v is not None)
            raised = raised or worst > margin
            parts.append(f"{name} {words.percent(worst)}")
    if parts:
        text = f"{', '.join(parts)}. Margin δ: {words.margin(margin)}" + (
            ", raised to the floor where that is higher" if raised else "; no floor is above it"
        )
        found.append(Check("note" if raised else "good", "A/A floor", text))
    return found


def _injected(judged: Judgement) -> list[Check]:
    rows = [i for f in judged.families for i in f.injected]
    tested = [i for i in rows if i.estimate.interval]
    if not tested:
        return []
    covered, seen = sum(bool(i.covered) for i in tested), sum(
        i.estimate.excludes_one and i.estimate.median < 0 for i in tested
    )
    claimed = sum(i.verdict == judge.WORSE for i in tested)
    shares = words.listed(sorted({f"{words.fixed(i.percent, 0)} %" for i in tested}))
    # The interval may miss by chance in 5 % of the cases, as in A/A.
    good = len(tested) - covered <= judge.binomial_bound(len(tested))
    text = (
        f"of {shares}: told from none in {seen} of {len(tested)}, beyond the margin in {claimed};"
        f" the intervals (95 %) cover the truth in {covered}"
    )
    return [
        Check(
            "good" if good and seen == len(tested) else "note" if good else "bad",
            "Injected slow-down",
            text,
        )
    ]


def _late(judged: Judgement) -> list[Check]:
    """A gate that marks: it says whose the tail is, and leaves throughput and CPU standing."""
    late = [(f, m) for f in judged.kind("service") for m in f.late]
    if not late or not tails(judged):
        return []
    where = [f"{subject(f)}/{m}" for f, m in late]
    shown = words.listed(where) if len(where) <= 2 else words.counted(len(where), "case")
    return [
        Check(
            "note",
            "Tails",
            f"the generator itself sent late in {shown}: latencies there are shown, marked (†) as"
            " the machine's; CPU per request and throughput stand",
        )
    ]


def _gates(judged: Judgement) -> list[Check]:
    every = [(f, g) for f in judged.kind("service") for g in f.gates]
    if not judged.kind("service"):
        return []
    tallies = [(f, g) for f, g in every if g.scope != "tail"]
    if not every:
        return [Check("bad", "Gates", "no service process recorded its validity gates")]
    failed = [(f, g) for f, g in tallies if g.failed]
    total, bad = sum(g.total for _, g in tallies), sum(g.failed for _, g in failed)
    if not failed:
        return [Check("good", "Gates", f"all {total} held (per case: under Services)")]
    names = list(dict.fromkeys(g.name for _, g in failed))
    parts = []
    for name in names:
        mine = [(f, g) for f, g in failed if g.name == name]
        where = [f"{subject(f)}/{g.member}" for f, g in mine]
        shown = ", ".join(where) if len(where) <= 2 else words.counted(len(where), "case")
        parts.append(
            f"{judge.gate_name(name)} {sum(g.failed for _, g in mine)} of"
            f" {sum(g.total for _, g in mine)} in {shown}"
        )
    withheld = sum(len({m for m, _ in f.withheld}) for f in judged.kind("service"))
    tail = f"; {words.counted(withheld, 'case')} without some number for it" if withheld else ""
    return [
        Check(
            "bad" if withheld else "note",
            "Gates",
            f"{bad} of {total} failed ({'; '.join(parts)}){tail}",
        )
    ]


def _rounds(judged: Judgement) -> list[Check]:
    found = []
    dropped = sum(map(discarded, judged.families))
    planned = sum(int(f.plan.get("rounds") or 0) for f in judged.families)
    rule = (judged.run.get("discard_rule") or {}).get("text") or "none declared"
    unknown = sum(f.no_covariate for f in judged.families)
    text = f"{dropped} of {sum(map(processes, judged.families))} processes, by the declared rule: "
    text += rule.split(". ")[0].rstrip(".")  # with its reasons it stands under Method
    if dropped:
        text = f"{text}. {_left(judged)}"
    if unknown:
        text += f"; {words.counted(unknown, 'sample')} without steal recorded, kept"
    found.append(Check("note" if dropped or unknown else "good", "Discarded", text.rstrip(".")))
    empty = [f.id for f in judged.families if not f.samples]
    missing = sum(max(0, int(f.plan.get("rounds") or 0) - len(f.rounds)) for f in judged.families)
    failures = [line for f in judged.families for line in f.failures]
    parts = []
    if missing > 0:
        parts.append(f"{missing} of {planned} planned rounds are missing")
    if empty:
        parts.append(f"no samples at all of {words.listed(empty)}")
    if failures:
        reasons = list(
            dict.fromkeys(str(line.get("reason") or "no reason recorded") for line in failures)
        )
        parts.append(f"{words.counted(len(failures), 'sample')} failed: {'; '.join(reasons[:2])}")
    parts += judged.notices
    if judged.resumes:
        parts.append(f"interrupted and resumed {words.counted(judged.resumes, 'time')}")
    absent = [title for kind, title in KINDS.items() if not judged.kind(kind)]
    if absent:
        parts.append(f"not part of this run: {words.listed(absent)}")
    state = "bad" if empty or failures else "note" if parts else "good"
    found.append(
        Check(
            state,
            "Complete",
            "; ".join(parts) if parts else f"all {planned} planned rounds are there, in one go",
        )
    )
    return found


def _left(judged: Judgement) -> str:
    """What counts after the discards, in families that lost some: "service/rpc 14 rounds run, 10
    count (all counted)"."""
    short = [f for f in judged.families if f.counted < len(f.rounds)]
    told = [
        f"{f.id} {words.counted(len(f.rounds), 'round')} run, {f.counted} count"
        + (f" ({f.stopped})" if f.stopped else "")
        for f in short
    ]
    if len(told) <= 4:
        return "; ".join(told)
    made_up = [f for f in short if f.counted >= int(f.plan.get("rounds") or 0)]
    lacking = [t for t, f in zip(told, short) if f not in made_up]
    text = f"{len(short)} families lost rounds, {len(made_up) or 'none'} of them made up for all"
    return f"{text}; {'; '.join(lacking)}" if lacking else text


def _build(judged: Judgement) -> list[Check]:
    run, build = judged.run, judged.run.get("build") or {}
    about = ", ".join(str(build[k]) for k in ("compiler", "type") if build.get(k)) or "not recorded"
    found = []
    if build.get("fit") is True:
        found.append(Check("good", "Build", f"fit for measuring ({about})"))
    else:
        why = "; ".join(map(str, build.get("unfit") or [])) or "not recorded as fit for measuring"
        found.append(Check("bad", "Build", f"{why} ({about}): no figure here may be quoted"))
    if run.get("dirty"):
        found.append(
            Check(
                "note",
                "Source",
                "uncommitted changes: the commit alone does not reproduce this build",
            )
        )
    return found


def _environment(judged: Judgement) -> list[Check]:
    forced = [str(reason) for reason in judged.run.get("forced") or []] + judged.forced_later
    if forced:
        return [Check("bad", "Forced", f"measured against advice: {'; '.join(forced)}")]
    return [Check("good", "Environment", "quiet when the run began; nothing was forced")]


def _doubts(judged: Judgement) -> list[Check]:
    every = [c for f in judged.families for c in f.comparisons]
    drifting, doubted = [c for c in every if c.drift], [c for c in every if c.doubt]
    modes = [c for c in every if c.modes]
    parts = []
    if drifting:
        parts.append(
            f"drift over the run (p < {judge.DRIFT_P:g}) in"
            f" {words.listed(f'{c.family}/{c.member}' for c in drifting)}"
        )
    if modes:
        parts.append(
            "two modes in "
            + words.listed(
                f"{c.family}/{c.member} ({words.ratio(math.exp(c.modes[0]))} × and"
                f" {words.ratio(math.exp(c.modes[1]))} ×)"
                for c in modes
                if c.modes
            )
        )
    if doubted:
        parts.append(
            f"{words.counted(len(doubted), 'verdict')} taken back for it or for another session"
        )
    if not parts:
        return [Check("good", "Stable", "no drift over the rounds, no two modes")]
    return [Check("note", "Stable", "; ".join(parts))]
