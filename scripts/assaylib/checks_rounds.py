# SPDX-License-Identifier: MIT
"""Checks of what was run and what counts of it: gates, discards, completeness."""

from __future__ import annotations

from . import calibrate, complete, judge, store, words
from .about import KINDS, discarded, processes, subject, tails, unit
from .blocks import Check
from .gates import INVALIDATING, LAG
from .judge import Family, Judgement


def services(judged: Judgement) -> list[Family]:
    """Whatever they compare."""
    return [*judged.kind("service"), *judged.coded]


def gates(judged: Judgement) -> list[Check]:
    if not services(judged):
        return []
    every = [(f, g) for f in services(judged) for g in f.gates]
    if not every:
        gone = sum(map(discarded, services(judged)))
        counting = any(f.samples for f in services(judged))
        text = "no service process recorded its validity gates"
        if not counting:
            text = (
                f"no service process counts ({gone} discarded), so that no gate is looked at"
                if gone
                else "no service process was measured"
            )
        return [Check("bad", "Gates", text)]
    strict = [(f, g) for f, g in every if g.scope in INVALIDATING]
    failed = [(f, g) for f, g in strict if g.failed]
    total, bad = sum(g.total for _, g in strict), sum(g.failed for _, g in failed)
    marking = _marking(judged, [g for _, g in every if g.name == LAG])
    if not failed:
        text = f"all {total} that can withhold a number held{marking} (per case: in the tables of gates)"
        marked = tails(judged) and any(f.tails for f, _ in every)
        return [Check("note" if marked else "good", "Gates", text)]
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
    withheld = sum(len({m for m, _ in f.withheld}) for f in services(judged))
    cases = f"; {words.counted(withheld, 'case')} without some number for it" if withheld else ""
    text = (
        f"{bad} of {total} that can withhold a number failed ({'; '.join(parts)}){cases}{marking}"
    )
    return [Check("bad" if withheld else "note", "Gates", text)]


def _marking(judged: Judgement, tallies: list[judge.GateTally]) -> str:
    """What only marks is a gate, too: "; 41 of 96 lag gates failed and marked tails"."""
    total, failed = sum(g.total for g in tallies), sum(g.failed for g in tallies)
    if not total:
        return ""
    what = "and marked tails" if tails(judged) else "where this tier shows no tails to mark"
    return f"; {failed} of {total} lag gates failed {what}"


def late(judged: Judgement) -> list[Check]:
    """A gate that marks: it says whose the tail is, and withholds neither throughput nor CPU."""
    where: dict[str, list[str]] = {}
    for family in judged.kind("service") if tails(judged) else ():
        for why, names in family.tails_by(family.plan["members"]).items():
            where.setdefault(why, []).extend(f"{subject(family)}/{m}" for m in names)
    if not where:
        return []
    shown = {
        why: words.listed(names) if len(names) <= 2 else words.counted(len(names), "case")
        for why, names in where.items()
    }
    return [
        Check(
            "note",
            "Tails",
            f"{'; '.join(f'{why} in {cases}' for why, cases in shown.items())}: latencies there are"
            " shown, marked (†) as the machine's. CPU and throughput are shown, but not independent of"
            " it (Method)",
        )
    ]


def rounds(judged: Judgement) -> list[Check]:
    """What was run, and what counts of it, of any run."""
    return [_discarded(judged), _complete(judged)]


def _discarded(judged: Judgement) -> Check:
    every = words.counted(sum(map(processes, judged.families)), unit(judged.run))
    if judged.run.get("tier") == store.SOAK_TIER:
        text = f"none of {every}: a soak leaves out none of a server; those without p99, and why, stand with each model"
        return Check("good", "Discarded", text)
    dropped = sum(map(discarded, judged.families))
    rule = (judged.run.get("discard_rule") or {}).get("text") or "none declared"
    unknown = sum(f.no_covariate for f in judged.families)
    text = f"{dropped} of {every}, by the declared rule: "
    text += rule.split(". ")[0].rstrip(".")  # with its reasons it stands under Method
    if dropped:
        text = f"{text}. {_left(judged)}"
    if unknown:
        text += f"; {words.counted(unknown, 'sample')} without steal recorded, kept"
    return Check("note" if dropped or unknown else "good", "Discarded", text.rstrip("."))


def _complete(judged: Judgement) -> Check:
    unfinished, lost = complete.said(judged), complete.lost(judged)
    planned = sum(int(f.plan.get("rounds") or 0) for f in judged.families)
    noun = "stretches" if unit(judged.run) == "stretch" else "rounds"
    empty = [f.id for f in judged.families if not f.samples]
    gone = [f.id for f in judged.families if not f.samples and f.discarded]
    never = [name for name in empty if name not in gone]
    missing = sum(max(0, int(f.plan.get("rounds") or 0) - len(f.rounds)) for f in judged.families)
    failures = [line for f in judged.families for line in f.failures]
    parts = []
    if unfinished:
        parts.append(f"**{unfinished}**")
    elif missing > 0:
        parts.append(f"{missing} of {planned} planned {noun} are missing")
    if never:
        parts.append(f"no samples at all of {complete.some(never)}")
    if gone:
        parts.append(f"every process discarded, so that nothing counts, of {complete.some(gone)}")
    if failures:
        reasons = list(dict.fromkeys(words.reason(line.get("reason")) for line in failures))
        parts.append(f"{words.counted(len(failures), 'sample')} failed: {'; '.join(reasons[:2])}")
    parts += [*lost, *judged.notices]
    if judged.resumes:
        parts.append(f"interrupted and resumed {words.counted(judged.resumes, 'time')}")
    if judged.run.get("tier") not in (*store.APPENDICES, calibrate.TIER):
        absent = [title for kind, title in KINDS.items() if not judged.kind(kind)]
        parts += [f"not part of this run: {words.listed(absent)}"] * bool(absent)
    whole = not missing and not unfinished and not empty and not lost
    dropped = sum(map(discarded, judged.families)) > 0 and unit(judged.run) == "process"
    if whole:
        once = "" if judged.resumes else ", in one go"
        but = ", but not all count (Discarded)" if dropped else ""
        parts.insert(0, f"all {planned} planned {noun} were run{once}{but}")
    cut = not judged.ended and complete.unfinished(judged)[0] > 0
    good = whole and len(parts) == 1 and not dropped
    state = "bad" if empty or failures or lost or cut else "good" if good else "note"
    return Check(state, "Complete", "; ".join(parts))


def _left(judged: Judgement) -> str:
    """What counts after the discards, in families that lost some: "service/rpc 14 rounds run, 10
    count (all counted)"."""
    lost = [f for f in judged.families if f.counted < len(f.rounds)]
    told = [
        f"{f.id} {words.counted(len(f.rounds), 'round')} run, {f.counted} count"
        + (f" ({f.stopped})" if f.stopped else "")
        for f in sorted(lost, key=lambda f: f.counted / max(1, int(f.plan.get("rounds") or 1)))
    ]
    if len(told) <= 3:
        return "; ".join(told) or "They were made up for"
    short = [f for f in lost if f.counted < int(f.plan.get("rounds") or 0)]
    of = f"{len(lost)} of {len(judged.families)} families lost rounds"
    if not short:
        return f"{of}, all of them made up for"
    return f"{of}, {len(short)} have fewer than planned; worst off: {'; '.join(told[:3])}"
