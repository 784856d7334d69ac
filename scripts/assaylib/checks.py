# SPDX-License-Identifier: MIT
"""Whether to believe a run: every check with its figure."""

from __future__ import annotations

from typing import Any

from . import checks_calibration, checks_rounds, members, operations, shares, store, takeback, widths, words
from .about import tails
from .blocks import Check, Items
from .judge import Judgement
from .review import covariates, doubts


def checks(judged: Judgement) -> list[Check]:
    found = [
        *checks_calibration.aa(judged),
        *checks_calibration.injected(judged),
        *checks_calibration.calibrated(judged),
        *checks_rounds.gates(judged),
        *checks_rounds.late(judged),
        *checks_rounds.rounds(judged),
        *widths.check(judged),
        *of_machine(judged),
        *checks_calibration.stable(judged),
        *reviewed(judged),
        *sessions(judged),
        *appendices(judged),
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


def made(judged: Judgement) -> list[Check]:
    """How a run came about: what counts of it, whether it came to its end, by which build, and by what force. A
    report says it of every run that it takes in."""
    return [*checks_rounds.rounds(judged), *of_machine(judged)]


def in_terminal(judged: Judgement) -> list[str]:
    """Of that what counts, and whatever speaks against the run."""
    said = [check for check in made(judged) if check.name in ("Discarded", "Complete") or check.state == "bad"]
    return [f"{check.name}: {check.text}.".replace("**", "") for check in said]


def items(found: list[Check]) -> Items:
    """Where they stand in a section, as in the box of page one."""
    return Items([f"{check.mark} **{check.name}**: {check.text}" for check in found])


def appendices(judged: Judgement) -> list[Check]:
    """Runs whose figures stand in appendices, if anything speaks against one: what does stands there. It does not
    speak against page one, whose own figures are not from there."""
    found = []
    for other in judged.appended:
        against = [check.name for check in made(other) if check.state == "bad"]
        if against:
            what = store.APPENDICES.get(str(other.run.get("tier")), "a calibration")
            text = f"run {other.run.get('id')}, {what}: against it speaks on top of its section: {words.listed(against)}"
            found.append(Check("note", "Appendix", text))
    return found


def reviewed(judged: Judgement) -> list[Check]:
    """What `assay check` holds against single claims, so that page one does not make them without a word."""
    found = doubts.review(judged)
    against = [*covariates.review(judged).against, *found.against]
    looked = words.counted(found.claims, "claim") + " above"
    if not found.claims and not against:
        return []
    if not against:
        text = f"{looked} looked at again: none is spoilt by drift, two modes, its floor or busy surroundings"
        return [Check("good", "Review", text)]
    more = f"; and {len(against) - 2} more" if len(against) > 2 else ""
    text = f"{looked}; against making all of them (`scripts/assay check`): {'; '.join(against[:2])}{more}"
    return [Check("bad", "Review", text)]


def sessions(judged: Judgement) -> list[Check]:
    """Other runs of the same families, as --with named them."""
    found = []
    for session in judged.sessions:
        steps = _steps_against(judged, session.name)
        text = f"run {session.name}: {len(session.against)} of {words.counted(session.held, 'comparison')} contradicted"
        if session.against:
            text += f" ({words.listed(session.against[:3])}{' and more' if len(session.against) > 3 else ''})"
        if steps:
            text += f", and {words.counted(steps, 'step')} between libraries or formats"
        if session.against or steps:
            text += ": taken back"
        if session.differing:
            text += f". Not the same machine or build: {session.differing}"
        state = "bad" if session.against or steps else "note" if session.differing or not session.held else "good"
        found.append(Check(state, "Other session", text))
    return found


def _steps_against(judged: Judgement, name: str) -> int:
    codecs = operations.headlines(judged.kind("codec"))
    if not codecs or not members.wide(judged.run, codecs):
        return 0
    known = members.of(judged.run, codecs)
    steps = [step for family in codecs for step in shares.shares(family, known)]
    return sum(step.comparison.doubt.startswith(takeback.contradicted_by(name)) for step in steps)


def of_machine(judged: Judgement) -> list[Check]:
    """What holds of build and machine, whatever was measured."""
    return [*_build(judged), *_environment(judged)]


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


#: Of the quiet check, for runs that did not record it (machine.py).
STEAL_LIMIT_PERCENT = 5.0


def _environment(judged: Judgement) -> list[Check]:
    """Quiet may only be said if the check before the run and the machine's probe after it held."""
    run = judged.run
    forced = [str(reason) for reason in run.get("forced") or []] + judged.forced_later
    quiet, probe = run.get("quiet"), run.get("machine") or {}
    limit = float((quiet or {}).get("steal_percent_max", STEAL_LIMIT_PERCENT))
    stolen = probe.get("steal_percent")
    probed = (
        "what was stolen while the machine was probed is not known"
        if stolen is None
        else f"while the machine was probed the host took {_percent(stolen)} (limit {limit:g} %)"
    )
    seen = _seen(quiet) if quiet else "what the quiet check saw was not recorded"
    if forced:
        text = f"measured against advice: {'; '.join(forced)} ({seen}; {probed})"
        return [Check("bad", "Forced", text)]
    if quiet and quiet.get("held") and stolen is not None and float(stolen) <= limit:
        text = f"quiet when the run began: {seen}; {probed}; nothing was forced"
        return [Check("good", "Environment", text)]
    claim = (
        "not known to have been quiet"
        if stolen is None or float(stolen) <= limit
        else "not quiet throughout"
    )
    text = f"{claim} when the run began: {seen}; {probed}; nothing was forced"
    return [Check("note", "Environment", text)]


def _seen(quiet: dict[str, Any]) -> str:
    return (
        f"the quiet check {'saw' if quiet.get('held') else 'did not hold and saw'} other programs at"
        f" {_percent(quiet['busy_percent'])} of the CPUs (limit {quiet['busy_percent_max']:g} %), the host"
        f" at {_percent(quiet['steal_percent'])} (limit {quiet['steal_percent_max']:g} %), load"
        f" {words.fixed(float(quiet['load1']), 2)}"
    )


def _percent(value: float) -> str:
    """Two decimals: a figure is not rounded onto its limit."""
    return f"{words.fixed(float(value), 2)}{words.SPACE}%"
