# SPDX-License-Identifier: MIT
"""The answer in sentences, made from verdicts; none is written for a certain outcome."""

from __future__ import annotations

from typing import Sequence

from . import answer_formats, judge, members, words
from .about import KINDS, cores, discarded, operation, processes, shape_only, subject, tails
from .blocks import Items, Section, Text
from .clauses import lead_clause, tied
from .judge import Comparison, Family, Judgement
from .operations import headlines, plain


BY_HAND = "Codecs were held against adapters by hand, and not against each other: under Codecs, the generic walk."


def question(judged: Judgement) -> str:
    kinds = {f.kind for f in judged.families}
    asked = []
    if "codec" in kinds:
        asked.append("which library should encode these payloads")
    if kinds & {"model", "service"}:
        asked.append("which concurrency model should carry these workloads")
    text = ", and ".join(asked) or "what was measured"
    return text[0].upper() + text[1:] + ", on this machine?"


def facts(judged: Judgement) -> str:
    run = judged.run
    created = str(run.get("created") or "date unknown").replace("T", " ").replace("Z", " UTC")
    commit = str(run.get("commit") or "unknown")[:12]
    dirty = " with uncommitted changes" if run.get("dirty") else ""
    return (
        f"Run `{run.get('id', 'unnamed')}` · tier `{run.get('tier', 'unknown')}` · {created} ·"
        f" commit `{commit}`{dirty}"
    )


def answers(judged: Judgement) -> list[Section]:
    """The short answer per kind: verdicts counted, ties, and what the rows are not."""
    found = []
    for kind, title in KINDS.items():
        families = judged.kind(kind)
        if families:
            section = Section(f"answer-{kind}", title)
            if kind == "codec":
                families = headlines(families)
            if not families:
                section.blocks.append(Text(BY_HAND))
            elif kind == "codec" and members.wide(judged.run, families) and not unanswered(families):
                section.blocks += answer_formats.blocks(judged, families)
            else:
                section.blocks.append(Items([_marked(lead) for lead in leads(judged, families, kind)]))
                said = [ties(judged, families, kind), *asides(judged, families, kind)]
                section.blocks.append(Text(" ".join(said)))
            found.append(section)
    return found


def _marked(lead: str) -> str:
    """What a sentence is about stands out."""
    about, colon, rest = lead.partition(": ")
    return f"**{about}{colon.rstrip()}** {rest}" if rest else f"**{lead}**"


def quoting(judged: Judgement) -> str:
    """What every sentence above carries with it; "" if nothing is claimed."""
    claimed = (judge.BETTER, judge.WORSE, judge.EQUIVALENT)
    if not any(c.verdict in claimed for f in plain(judged.families) for c in f.comparisons):
        return ""
    return (
        "To quote one of these, name the run and the machine. “At least” is the end nearest to 1 of an"
        " interval; the intervals of one payload and operation, or of one workload, hold"
        " together at 95 %, over fresh processes: those against the baseline, and so do the steps between"
        " libraries and formats. A difference counts from the margin δ on:"
        f" {words.margin(float(judged.run.get('margin_percent', 3)) / 100)}, or what this machine shows of"
        " one program against itself, where that is more."
    )


def ties(judged: Judgement, families: Sequence[Family], kind: str) -> str:
    """Who shares the first place; the baseline may."""
    metric = "cpu_ns_per_request" if kind == "service" else "time_ns"
    best = "least CPU" if kind == "service" else "fastest"
    shared, alone, open_ = [], {}, []
    for family in families:
        name = f"`{subject(family)}` {operation(family)}".strip()
        name += " ‡" if any(shape_only(judged, family, m) for m in family.candidates) else ""
        tie = next((t for t in family.ties if t.metric == metric), None)
        if tie is None:
            continue
        if not tie.resolved:
            open_.append(name)
        elif len(tie.members) == 1:
            alone.setdefault(words.label(tie.best), []).append(name)
        else:
            shared.append(f"{name} ({tied(family, tie)})")
    parts = [f"{member} in {words.listed(names)}" for member, names in alone.items()]
    said = (
        [f"Alone as {best}: {'; '.join(parts)}."]
        if parts
        else [f"Nobody is alone as {best}."]
        if shared
        else []
    )
    if shared:
        said.append(f"Tied, not separated from the best: {'; '.join(shared)}.")
    if open_:
        said.append(f"Too few rounds, or no A/A, to rank {words.listed(open_)}.")
    if any("‡" in sentence for sentence in said):
        said.append("‡ shape only: somebody there has more threads than this machine has cores.")
    return " ".join(said) if shared or parts or open_ else "There is no ranking."


def asides(judged: Judgement, families: Sequence[Family], kind: str) -> list[str]:
    if kind == "codec":
        return [_libraries(judged, families)]
    if kind == "model":
        return [
            "In process means `post()`: one worker, no sockets, no parsing. It shows what handing a"
            " request over costs, not what a server does."
        ]
    return [*late(judged, families), *disagreements(judged)]


def late(judged: Judgement, families: Sequence[Family]) -> list[str]:
    """A sentence if latencies here show the machine, and what that may mean for CPU and throughput."""
    where: dict[str, list[str]] = {}
    for family in families if tails(judged) else ():
        for why in family.tails_by(family.plan["members"]):
            where.setdefault(why, []).append(f"`{subject(family)}`")
    if not where:
        return []
    said = "; ".join(f"in {words.listed(names)} {why}" for why, names in where.items())
    return [
        f"Tails on this machine are the machine's: {said}. So latencies are marked (†) and describe"
        " server and machine together; what that may mean for CPU and throughput: under Method."
    ]


def unanswered(families: Sequence[Family]) -> str:
    """Why there is no answer at all; "" if there is one."""
    every = [c for f in families for c in f.comparisons]
    if every and all(c.verdict == judge.NO_NUMBER for c in every):
        reasons = list(dict.fromkeys(c.why_not for c in every))
        more = (
            f" (and {words.counted(len(reasons) - 1, 'other reason')})" if len(reasons) > 1 else ""
        )
        return f"No answer: not one comparison has a number. Reason: {reasons[0]}{more}."
    if every and all(c.verdict in (judge.NO_INTERVAL, judge.NO_NUMBER) for c in every):
        most = max(len(c.estimate.values) for c in every if c.estimate)
        needed = max(c.estimate.needed for c in every if c.estimate)
        gone = sum(map(discarded, families))
        why = (
            f" The machine did not allow more: {gone} of {sum(map(processes, families))} processes"
            " were discarded for steal or other programs."
            if gone
            else ""
        )
        return (
            f"No answer: an interval takes {needed} rounds that count for both sides of a comparison, and"
            f" there {'is' if most == 1 else 'are'} {f'at most {most}' if most > 1 else most or 'none'}.{why} The values below are not claims."
        )
    return ""


def leads(judged: Judgement, families: Sequence[Family], kind: str) -> list[str]:
    """One sentence per member: for how many of the payloads or workloads which verdict."""
    if unanswered(families):
        return [unanswered(families)]
    noun = "payload" if kind == "codec" else "workload"
    sentences = []
    for member in dict.fromkeys(c.member for f in families for c in f.comparisons):
        clauses = []
        groups: dict[tuple[str, str], list[Comparison]] = {}
        for family in families:
            for comparison in family.comparisons:
                if comparison.member == member:
                    groups.setdefault((operation(family), comparison.metric), []).append(comparison)
        for (op, metric), comparisons in groups.items():
            clauses.append(lead_clause(op, metric, comparisons, noun))
        baseline = words.label(families[0].baseline)
        said = "; ".join(clauses)
        shape = _shape_only(judged, families, [member, families[0].baseline])
        sentences.append(f"{words.label(member)} against {baseline}: {said}{shape}.")
    return sentences or ["nothing was compared."]


def _shape_only(judged: Judgement, families: Sequence[Family], who: Sequence[str]) -> str:
    """Behind a sentence about these members: where they had more threads than this machine has cores."""
    marked = [f for f in families if any(shape_only(judged, f, member) for member in who)]
    if not marked:
        return ""
    where = "" if len(marked) == len(families) else f"in {words.listed(f'`{subject(f)}`' for f in marked)} "
    return f" ({where}shape only: more threads than this machine's {words.counted(cores(judged.run) or 0, 'core')})"


def _libraries(judged: Judgement, families: Sequence[Family]) -> str:
    known = [
        f"{codec.label} is one {codec.format} library"
        for codec in members.of(judged.run, families).values()
        if codec.competes
    ]
    return (
        "**These are libraries, not formats.** "
        + (words.listed(known) + ". " if known else "")
        + "Another library for the same format can be several times faster or slower, so nothing"
        " here ranks the formats themselves."
    )


def disagreements(judged: Judgement) -> list[str]:
    """Where a rank in process is not the rank over sockets."""
    lines = []
    agreed = []
    strong = (judge.BETTER, judge.WORSE)
    for family in judged.kind("service"):
        micro = next((f for f in judged.kind("model") if subject(f) == subject(family)), None)
        if micro is None:
            continue
        for member in dict.fromkeys(c.member for c in family.comparisons):
            inside, outside = micro.compared(member, "time_ns"), family.compared(
                member, "cpu_ns_per_request"
            )
            if not inside or not outside or inside.estimate is None or outside.estimate is None:
                continue
            name, base = words.label(member), words.label(family.baseline)
            pair = (
                f"`{subject(family)}`: {name} against {base} is"
                f" {words.verdict(inside, micro.delta)} in process, and over sockets, in CPU per"
                f" request, {words.verdict(outside, family.deltas[outside.metric])}"
                f"{_shape_only(judged, [family], [member, family.baseline])}"
            )
            if (
                inside.verdict in strong
                and outside.verdict in strong
                and inside.verdict != outside.verdict
            ):
                lines.append(
                    f"**Ranks disagree.** {pair}. The sockets decide: choose by the service row."
                )
            elif inside.verdict in strong and outside.verdict not in strong:
                lines.append(f"**The lead in process does not show over sockets.** {pair}.")
            elif inside.verdict == outside.verdict and inside.verdict in (
                *strong,
                judge.EQUIVALENT,
            ):
                shape = _shape_only(judged, [family], [member, family.baseline])
                agreed.append(f"{name} on `{subject(family)}`{shape}")
    if agreed:
        lines.append(
            "In process and over sockets (CPU per request) the verdict is the same for"
            f" {words.listed(agreed)}."
        )
    return lines
