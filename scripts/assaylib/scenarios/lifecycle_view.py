# SPDX-License-Identifier: MIT
"""How servers began and ended: in words, as tables and as a picture."""

from __future__ import annotations

import math
from typing import Any

from .. import words
from ..blocks import Cell, Column, Table
from ..charts import BarRow, Chart, bars
from ..families import Family
from ..sections.gates import saturated
from ..verdicts import Estimate
from .outcome import NO_A_A, Outcome, level, nearest, rank, shown, too_few

MS = 1e6
#: What a server must not do at its end, and how it is said.
FAULTS = {
    "lost": "requests lost by its own count",
    "waiting_unanswered": "requests that had been sent before SIGTERM not answered",
    "under_way_unanswered": "requests of the load that had been sent before SIGTERM not answered",
    "answers_that_did_not_arrive": "answers given that did not arrive",
    "replies_wrong": "answers that said 200 and were wrong",
    "exit_code": "exit code",
}


def count_of(family: Family) -> int:
    return int(family.plan["load"]["connections"])


def ended(outcome: Outcome) -> list[dict[str, Any]]:
    """Lines of servers that were told to stop, discarded or not: a loss has no excuse."""
    return [line for line in outcome.lines if "lost" in (line.get("metrics") or {})]


def figures(outcome: Outcome, model: str, metric: str) -> dict[int, float]:
    """Over all servers of a model, whatever load they had; the key pairs those of one round."""
    found = {}
    for i, family in enumerate(outcome.judged.families):
        if not family.why_withheld(model, metric):
            found |= {1000 * i + number: value for number, value in family.series(model, metric) if value > 0}
    return found


def faults(lines: list[dict[str, Any]]) -> dict[str, int]:
    """What went wrong → with how many servers."""
    found = {}
    for name in FAULTS:
        bad = sum(not line["gates"].get(name, {"ok": True})["ok"] for line in lines)
        if bad:
            found[name] = bad
    return found


# --- Words --------------------------------------------------------------------------------------


def answer(outcome: Outcome) -> list[str]:
    said = [_losses(outcome), *_failed(outcome), _startup(outcome)]
    said += [_drain(outcome, family) for family in outcome.judged.families if count_of(family)]
    said += [NO_A_A] if len(outcome.models) > 1 else []
    few = too_few(
        next(
            (e for f in outcome.judged.families for m in outcome.models if (e := f.level(m, "drain_ns"))),
            None,
        )
    )
    return said + ([f"{few[:1].upper()}{few[1:]}."] if few else [])


def answered(outcome: Outcome) -> bool:
    """Did any server end under load?"""
    return any("answers_received" in line["counts"] for line in ended(outcome))


def _losses(outcome: Outcome) -> str:
    lines = ended(outcome)
    loaded = [line for line in lines if "answers_received" in line["counts"]]
    under = sum(bool(line["gates"].get("load_passed", {"ok": True})["ok"]) for line in loaded)
    answers = sum(line["counts"]["answers_received"] for line in loaded)
    waiting = sum(line["counts"]["waiting"] for line in loaded)
    under_way = sum(line["counts"].get("under_way", 0) for line in loaded)
    many = f"{words.counted(len(lines), 'server')} that were told to stop"
    many += " under load" if under == len(lines) else f", {under} of them under load"
    if not loaded:
        return "Whether requests are lost at SIGTERM is not known: no server ended under load."
    found, silent = faults(lines), len(_silent(outcome))
    if not found:
        lead = "No request was lost at SIGTERM"
        if silent:
            lead = f"{words.counted(silent, 'process')} failed without a word of losses; the others lost no request"
        of_load = f" and to {words.fixed(under_way, 0)} of the load that were certainly under way then"
        return (
            f"{lead}: of {many}, all exited with 0, all {words.fixed(answers, 0)} answers that"
            f" they gave have arrived, and so have those to the {words.fixed(waiting, 0)} requests sent just"
            f" before the signal{of_load if under_way else ''}."
        )
    parts = [f"{FAULTS[name]} with {bad}" for name, bad in found.items()]
    who = sorted({words.label(line["member"]) for line in lines if faults([line])})
    return f"Servers did not end as they should: of {many}, {words.listed(parts)} ({words.listed(who)})."


def _silent(outcome: Outcome) -> list[dict[str, Any]]:
    """Of those that failed without a figure: who did not end, and had to be killed, is among them."""
    return [x for x in outcome.lines if x["status"] != "ok" and "lost" not in (x.get("metrics") or {})]


def _failed(outcome: Outcome) -> list[str]:
    bad = _silent(outcome)
    if not bad:
        return []
    return [f"{words.counted(len(bad), 'process')} failed: {words.reason(bad[0].get('reason'))}."]


def _startup(outcome: Outcome) -> str:
    values = {m: figures(outcome, m, "startup_ns") for m in outcome.models}
    known = [(level(list(v.values())), m) for m, v in values.items() if v]
    if not known:
        return "Start-up is not known: no process counts."
    known.sort(key=lambda pair: pair[0].median if pair[0] else 0.0)
    parts = [f"{shown(e, MS, 1, 'ms')} under {words.label(m)}" for e, m in known]
    found = rank(values, more=False)
    behind = ""
    if found and len(values) > 1:
        behind = (
            f"; nobody is put behind: {found.why_not}"
            if not found.resolved
            else (
                f"; {words.label(found.best)} alone is first"
                if len(found.tied) == 1
                else f"; {words.listed(map(words.label, found.tied))} share the first place"
            )
        )
    return f"From start to the first good answer: {words.listed(parts)}{behind}."


def _drain(outcome: Outcome, family: Family) -> str:
    models = outcome.models
    known = [(e, m) for m in models if (e := family.level(m, "drain_ns"))]
    if not known:
        return f"With {words.counted(count_of(family), 'connection')} no process counts."
    known.sort(key=lambda pair: pair[0].median)
    parts = [f"{shown(e, MS, 1, 'ms')} under {words.label(m)}" for e, m in known]
    values = {m: {n: v for n, v in family.series(m, "drain_ns") if v > 0} for m in models}
    found = rank(values, more=False)
    behind = ""
    if found and found.resolved and len(found.tied) < len(known):
        second = nearest(e for m, e in found.over.items() if m not in found.tied)
        assert second and second.interval
        behind = (
            f"; the next after {words.listed(map(words.label, found.tied))} takes at least"
            f" {words.floor(math.exp(second.interval[0]), 2)}{words.SPACE}× what {words.label(found.best)} does"
        )
    without = "".join(
        f" {words.label(m)} has no figure: {why}." for m in models if (why := family.why_withheld(m, "drain_ns"))
    )
    full = [words.label(m) for m in models if m in family.tails]
    if full:
        without += f" Beside {words.listed(full)} the rig and not the server was at its limit before SIGTERM."
    without += _outlasted(outcome, family)
    return f"To drain {words.counted(count_of(family), 'connection')} takes {words.listed(parts)}{behind}.{without}"


def _outlasted(outcome: Outcome, family: Family) -> str:
    """A server that drains for as long as somebody asks on has the drain of the load."""
    lines = [x for x in ended(outcome) if x["family"] == family.id and x["counts"].get("outlasted_load")]
    if not lines:
        return ""
    who = words.listed(dict.fromkeys(words.label(x["member"]) for x in lines))
    return (
        f" In {words.counted(len(lines), 'process')} ({who}) the load ended before the server did: beside clients that"
        " ask on for longer their drain may take longer, too."
    )


# --- Tables and a picture -----------------------------------------------------------------------


def tables(outcome: Outcome) -> list[Table]:
    table = Table(
        "Start-up, drain and exit, ms: median of servers and its 95 % interval",
        [
            Column("connections", True),
            Column("model"),
            Column("start-up", True),
            Column("listening after", True),
            Column("drain", True),
            Column("exit", True),
            Column("lost", True),
            Column("sent before SIGTERM, answered", True),
            Column("exit codes"),
            Column("servers timed", True),
        ],
        shows=(outcome.chart("times"),),
    )
    for family in outcome.judged.families:
        for model in outcome.models:
            lines = [x for x in ended(outcome) if (x["family"], x["member"]) == (family.id, model)]
            counts = [line["counts"] for line in lines]
            lost = sum(line["metrics"]["lost"] for line in lines)
            codes = sorted({c["exit_code"] for c in counts})
            table.add(
                str(count_of(family)),
                words.label(model),
                *(
                    shown(family.level(model, f"{x}_ns"), MS, 1)
                    for x in ("startup", "listening", "drain", "exit")
                ),
                Cell(str(lost), "worse" if lost else "") if lines else "–",
                f"{sum(c['waiting_answered'] for c in counts)} of {sum(c['waiting'] for c in counts)}",
                " ".join(map(str, codes)) or "–",
                str(len(family.series(model, "drain_ns"))),
            )
    table.notes.append(
        "Start-up: from the command that starts it to a 200 of GET /health; listening: the server's own share"
        " of it. Drain: from the signal until all is answered and all threads are joined; exit: until the process has ended. Lost: of which the"
        " first byte was read; lost, answered and exit codes are of every server that was told to stop, times of those"
        " that count."
    )
    if outcome.scenario.pools:
        table.notes.append(
            "A pool of threads has a row for each number of them: a thread that waits answers nobody else, so that"
            " with fewer threads than requests wait at once the rest of them queue; and the more threads, the more"
            " there is to start and to join. What differs between such rows is the setting's doing, not the model's."
        )
    spawn = level([v for m in outcome.models for v in figures(outcome, m, "spawn_ns").values()])
    if spawn:
        table.notes.append(
            f"A process that does nothing takes {shown(spawn, MS, 1, 'ms')} from start to end here, started the same"
            " way: of every start-up no more than that is the system's and not the server's."
        )
    return [table, _limits(outcome)]


def _limits(outcome: Outcome) -> Table:
    steps = outcome.scenario.steps
    table = Table(
        f"Who was at his limit in the {steps['load_s']:g} s of load before SIGTERM: server, generator, downstream service"
        " or nobody; in how many rounds, if not in all",
        [
            Column("connections", True),
            Column("model"),
            Column("server busy, %", True),
            Column("generator busy, %", True),
            Column("saturated"),
        ],
        folded=True,
        notes=[
            "Busy: of one CPU. Without connections nobody asks, and nobody is at his limit; of the drain nothing is"
            " said: it is too short for the ticks in which CPU time is counted."
        ],
    )
    for family in outcome.judged.families:
        for model in outcome.models if count_of(family) else ():
            busy = (family.level(model, f"{who}_busy_percent") for who in ("server", "load"))
            who = saturated(family, model, "closed_saturated")
            table.add(str(count_of(family)), words.label(model), *map(shown, busy), who)
    return table


def pictures(outcome: Outcome) -> list[Chart]:
    panels = ["start-up"] + [
        f"drain, {words.counted(count_of(f), 'connection')}" for f in outcome.judged.families
    ]
    rows = []
    for model in outcome.models:
        values = list(figures(outcome, model, "startup_ns").values())
        rows += _row(model, 0, level(values))
        for k, family in enumerate(outcome.judged.families, 1):
            rows += _row(model, k, family.level(model, "drain_ns"))
    return [
        bars(
            outcome.chart("times"),
            "How long servers take to begin and to end",
            " ".join(f"{panels[r.panel]}, {r.member}: {r.said}." for r in rows),
            panels,
            rows,
            [],
            "ms",
        )
    ]


def _row(model: str, panel: int, found: Estimate | None) -> list[BarRow]:
    if found is None:
        return []
    ends = (found.interval[0] / MS, found.interval[1] / MS) if found.interval else None
    return [BarRow(words.label(model), panel, ((0, found.median / MS),), ends, shown(found, MS, 1, "ms"))]
