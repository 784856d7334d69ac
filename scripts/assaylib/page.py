# SPDX-License-Identifier: MIT
"""Page one: the question, the answer in sentences, whether to believe it, ratios, limits, and how
to regenerate. Every sentence is made from verdicts; none is written for a certain outcome."""

from __future__ import annotations

import math
from typing import Any, Sequence

from . import judge, words
from .blocks import Cell, Check, Column, Items, Picture, Pre, Raw, Section, Table, Text
from .charts import Chart
from .judge import Comparison, Estimate, Family, Judgement

KINDS = {"codec": "Encoding", "model": "Concurrency, in process", "service": "Concurrency, over sockets"}
QUICK = ("quick", "smoke")


def build(judged: Judgement, raw: Sequence[Raw], drawn: dict[str, Chart]) -> dict[str, Any]:
    run = judged.run
    return {
        "title": question(judged),
        "id": str(run.get("id", "unnamed")),
        "facts": facts(judged),
        "answers": answers(judged),
        "sentences": sentences(judged),
        "machine": machine(judged),
        "checks": checks(judged),
        "figures": [Picture(drawn[name]) for name in ("forest-codec", "forest-model", "forest-service") if name in drawn],
        "ratios": ratios(judged),
        "reading": reading(judged),
        "limits": limits(judged),
        "regenerate": regenerate(judged, raw),
    }


# --- Names --------------------------------------------------------------------------------------


def subject(family: Family) -> str:
    """The payload or workload."""
    parts = family.id.split("/")
    return parts[1] if len(parts) > 1 else family.id


def operation(family: Family) -> str:
    parts = family.id.split("/")
    return parts[2] if len(parts) > 2 else ""


def subjects(families: Sequence[Family]) -> list[str]:
    return list(dict.fromkeys(subject(f) for f in families))


def threads_of(family: Family, member: str) -> int | None:
    """Workers of a service; the plan names those that do not have one."""
    threads = (family.plan.get("load") or {}).get("threads")
    if isinstance(threads, dict):
        return int(threads.get(member.split(".")[0], 1))
    return int(threads) if threads is not None else None


def cores(run: dict[str, Any]) -> int | None:
    environment = run.get("environment") or {}
    cpu = environment.get("cpu")
    found = cpu.get("threads") if isinstance(cpu, dict) else environment.get("cores")
    return int(found) if isinstance(found, int) else None


def shape_only(judged: Judgement, family: Family, member: str) -> bool:
    threads, available = threads_of(family, member), cores(judged.run)
    return threads is not None and available is not None and threads > available


def tails(judged: Judgement) -> bool:
    return judged.run.get("tier") not in QUICK


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
    return f"Run `{run.get('id', 'unnamed')}` · tier `{run.get('tier', 'unknown')}` · {created} · commit `{commit}`{dirty}"


# --- The answer ---------------------------------------------------------------------------------


def answers(judged: Judgement) -> list[Section]:
    """The short answer per kind: verdicts counted, ties, and what the rows are not."""
    found = []
    for kind, title in KINDS.items():
        families = judged.kind(kind)
        if families:
            section = Section(f"answer-{kind}", title)
            section.blocks.append(Items([f"**{lead}**" for lead in leads(families, kind)]))
            section.blocks.append(Text(" ".join([ties(families, kind), *asides(judged, families, kind)])))
            found.append(section)
    return found


def sentences(judged: Judgement) -> list[Section]:
    """The same in full, a sentence per payload or workload, every ratio with its interval."""
    details = {"codec": codec_details, "model": model_details, "service": service_details}
    return [
        Section(f"sentences-{kind}", title, [Items(details[kind](judged, judged.kind(kind)))])
        for kind, title in KINDS.items()
        if judged.kind(kind)
    ]


def ties(families: Sequence[Family], kind: str) -> str:
    """Who shares the first place; the baseline may."""
    metric = "cpu_ns_per_request" if kind == "service" else "time_ns"
    best = "least CPU" if kind == "service" else "fastest"
    shared, alone, open_ = [], {}, []
    for family in families:
        name = f"`{subject(family)}` {operation(family)}".strip()
        tie = next((t for t in family.ties if t.metric == metric), None)
        if tie is None:
            continue
        if not tie.resolved:
            open_.append(name)
        elif len(tie.members) == 1:
            alone.setdefault(words.label(tie.best), []).append(name)
        else:
            shared.append(f"{name} ({words.listed(words.label(m) for m in tie.members)})")
    parts = [f"{member} in {words.listed(names)}" for member, names in alone.items()]
    said = [f"Alone as {best}: {'; '.join(parts)}."] if parts else [f"Nobody is alone as {best}."] if shared else []
    if shared:
        said.append(f"Tied, not separated from the best: {'; '.join(shared)}.")
    if open_:
        said.append(f"Too few rounds to rank {words.listed(open_)}.")
    return " ".join(said) if shared or parts or open_ else "There is no ranking."


def asides(judged: Judgement, families: Sequence[Family], kind: str) -> list[str]:
    if kind == "codec":
        return [_libraries(judged, families)]
    if kind == "model":
        return ["In process means `post()`: one worker, no sockets, no parsing. It shows what handing a request over costs, not what a server does."]
    return disagreements(judged)


def leads(families: Sequence[Family], kind: str) -> list[str]:
    """One sentence per member: for how many of the payloads or workloads which verdict."""
    every = [c for f in families for c in f.comparisons]
    if every and all(c.verdict == judge.NO_NUMBER for c in every):
        reasons = list(dict.fromkeys(c.why_not for c in every))
        more = f" (and {len(reasons) - 1} more reasons)" if len(reasons) > 1 else ""
        return [f"No answer: not one comparison has a number. Reason: {reasons[0]}{more}."]
    if every and all(c.verdict == judge.NO_INTERVAL for c in every):
        most = max(len(c.estimate.values) for c in every if c.estimate)
        needed = max(c.estimate.needed for c in every if c.estimate)
        return [f"No answer: {words.counted(most, 'round')} measured, an interval takes {needed}. The values below are not claims."]
    noun = "payload" if kind == "codec" else "workload"
    sentences = []
    members = list(dict.fromkeys(c.member for f in families for c in f.comparisons))
    for member in members:
        clauses = []
        groups: dict[tuple[str, str], list[Comparison]] = {}
        for family in families:
            for comparison in family.comparisons:
                if comparison.member == member:
                    groups.setdefault((operation(family), comparison.metric), []).append(comparison)
        for (op, metric), comparisons in groups.items():
            clauses.append(_lead_clause(op, metric, comparisons, noun))
        baseline = words.label(families[0].baseline)
        said = "; ".join(clauses)
        sentences.append(f"{words.label(member)} against {baseline}: {said}.")
    return sentences or ["nothing was compared."]


def _lead_clause(op: str, metric: str, comparisons: list[Comparison], noun: str) -> str:
    """ "encodes faster for 3 of 4 payloads (at least 13.2 × to 27.3 ×), not resolved for 1"."""
    better, worse = {
        "time_ns": (f"{op}s faster".strip(), f"{op}s slower".strip()) if op else ("faster", "slower"),
        "cpu_ns_per_request": ("cheaper in CPU", "dearer in CPU"),
        "closed_hz": ("higher in throughput", "lower in throughput"),
    }[metric]
    total = len(comparisons)
    parts = []
    for verdict, word in ((judge.BETTER, better), (judge.WORSE, worse)):
        those = [c for c in comparisons if c.verdict == verdict]
        if those:
            parts.append(f"{word} for {len(those)} of {total} ({_bounds(those)})")
    about = "" if parts else {"cpu_ns_per_request": "in CPU ", "closed_hz": "in throughput "}.get(metric, f"{op}: " if op else "")
    for verdict, word in (
        (judge.EQUIVALENT, "equivalent"),
        (judge.UNRESOLVED, "not resolved"),
        (judge.NO_INTERVAL, "without an interval"),
        (judge.NO_NUMBER, "without a number"),
    ):
        count = sum(c.verdict == verdict for c in comparisons)
        if count:
            parts.append(f"{word} for {count} of {total}")
    first, *rest = parts
    plural = noun if total == 1 else noun + "s"
    return about + ", ".join([first.replace(f" of {total}", f" of {total} {plural}", 1), *(r.replace(f" of {total}", "", 1) for r in rest)])


def _bounds(comparisons: list[Comparison]) -> str:
    """The smallest and the largest of the claimed bounds, in one unit."""
    factors = []
    for c in comparisons:
        assert c.estimate and c.estimate.interval
        low, high = c.estimate.interval
        factors.append(math.exp(low) if c.verdict == judge.BETTER else math.exp(-high))
    least, most = min(factors), max(factors)
    time = comparisons[0].verdict == judge.WORSE
    if most >= 2:
        shown = [words.floor(f, max(1, words.decimals_for(f)) if f < 100 else 0) for f in dict.fromkeys((least, most))]
        tail = f"{words.SPACE}× as {'long' if comparisons[0].metric == 'time_ns' else 'much'}" if time else f"{words.SPACE}×"
        return f"at least {' to '.join(shown)}{tail}"
    shown = [words.floor(100 * (f - 1), 1 if f < 1.1 else 0) for f in dict.fromkeys((least, most))]
    return f"by at least {' to '.join(shown)}{words.SPACE}%"


def said(comparison: Comparison, delta: float, verb: str, unit: str, first: bool, processes: str) -> str:
    """ "encodes 19.2 × as fast as cJSON (simultaneous 95 % interval 18.9 to 19.6, 15 processes)". """
    baseline = words.label(comparison.baseline)
    estimate = comparison.estimate
    if estimate is None:
        return f"has no number ({comparison.why_not})"
    figure = f"{words.ratio(math.exp(estimate.median))}{words.SPACE}×"
    if estimate.interval is None:
        count = len(estimate.values)
        return f"{verb} {figure} {unit} {baseline}, no interval ({count} of {estimate.needed} rounds needed)"
    text = words.interval(estimate)
    shown = f"simultaneous 95 % interval {text}, {len(estimate.values)} {processes}" if first else text
    if comparison.verdict == judge.EQUIVALENT:
        return f"{verb} {figure} {unit} {baseline}, equivalent within ±{words.margin(delta)} ({shown})"
    if comparison.verdict == judge.UNRESOLVED:
        why = comparison.doubt or f"a difference under {words.resolvable(estimate)[1:]} could not have been told from none"
        return f"{verb} {figure} {unit} {baseline}, **not resolved here** ({shown}; {why})"
    return f"{verb} {figure} {unit} {baseline} ({shown})"


def tie_text(family: Family, metric: str) -> str:
    tie = next((t for t in family.ties if t.metric == metric), None)
    if tie is None:
        return "no ranking"
    names = [words.label(m) for m in tie.members]
    if not tie.resolved:
        return f"too few rounds to rank ({words.label(tie.best)} ahead)"
    if len(names) == 1:
        return f"{names[0]} alone"
    return f"{words.listed(names)}, not separated"


def codec_details(judged: Judgement, families: Sequence[Family]) -> list[str]:
    lines = []
    first = True
    for payload in subjects(families):
        mine = [f for f in families if subject(f) == payload]
        size = wire_bytes(mine, mine[0].baseline)
        members = list(dict.fromkeys(c.member for f in mine for c in f.comparisons))
        parts = []
        for member in members:
            verbs = []
            for family in mine:
                comparison = family.compared(member, "time_ns")
                if comparison:
                    verbs.append(said(comparison, family.delta, f"{operation(family)}s `{payload}`" if first else f"{operation(family)}s", "as fast as", first, "processes"))
                    first = False
            parts.append(f"{words.label(member)} {' and '.join(verbs)}")
        fastest = "; ".join(f"{operation(f)}, {tie_text(f, 'time_ns')}" for f in mine)
        about = f" ({words.fixed(size, 0)} bytes as {words.label(mine[0].baseline)} writes it)" if size else ""
        lines.append(f"`{payload}`{about}: " + "; ".join(parts) + f". Fastest: {fastest}.")
    return lines


def _libraries(judged: Judgement, families: Sequence[Family]) -> str:
    members = list(dict.fromkeys(m for f in families for m in f.candidates))
    known = [f"{words.label(m)} is one {words.FORMATS[m]} library" for m in members if m in words.FORMATS]
    return (
        "**These are libraries, not formats.** "
        + (words.listed(known) + ". " if known else "")
        + "Another library for the same format can be several times faster or slower, so nothing here ranks the formats themselves."
    )


def wire_bytes(families: Sequence[Family], member: str) -> float | None:
    """Mean bytes of a document on the wire."""
    for family in families:
        level = family.level(member, "wire_bytes")
        if level:
            return level.median
    return None


def model_details(judged: Judgement, families: Sequence[Family]) -> list[str]:
    lines = []
    first = True
    for family in families:
        parts = []
        for comparison in family.comparisons:
            where = f"runs `{subject(family)}`" if first else "runs it"
            parts.append(f"{words.label(comparison.member)} " + said(comparison, family.delta, where, "as fast as", first, "processes"))
            first = False
        lines.append(f"`{subject(family)}`: " + "; ".join(parts) + f". Fastest: {tie_text(family, 'time_ns')}.")
    return lines


def service_details(judged: Judgement, families: Sequence[Family]) -> list[str]:
    lines = []
    first = True
    for family in families:
        rate = (family.plan.get("load") or {}).get("rate_hz")
        parts = []
        for member in dict.fromkeys(c.member for c in family.comparisons):
            claims = []
            cpu, closed = family.compared(member, "cpu_ns_per_request"), family.compared(member, "closed_hz")
            if cpu and closed and cpu.estimate is None and cpu.why_not == closed.why_not:
                parts.append(f"{words.label(member)} has no number for CPU or throughput ({cpu.why_not})")
                continue
            if cpu:
                claims.append(said(cpu, family.deltas[cpu.metric], "serves", "the requests per CPU second of", first, "rounds"))
                first = False
            if closed:
                claims.append(said(closed, family.deltas[closed.metric], "reaches", "the closed-loop throughput of", False, "rounds"))
            parts.append(f"{words.label(member)} {' and '.join(claims)}")
        at = f" at {words.fixed(rate, 0)} requests/s" if rate else ""
        marked = [words.label(m) for m in family.candidates if shape_only(judged, family, m)]
        note = f" ({words.listed(marked)} with more threads than this machine has cores: shape only)" if marked else ""
        lines.append(f"`{subject(family)}`{at}{note}: " + "; ".join(parts) + f". Least CPU: {tie_text(family, 'cpu_ns_per_request')}.")
    return lines


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
            inside, outside = micro.compared(member, "time_ns"), family.compared(member, "cpu_ns_per_request")
            if not inside or not outside or inside.estimate is None or outside.estimate is None:
                continue
            name, base = words.label(member), words.label(family.baseline)
            pair = f"`{subject(family)}`: {name} against {base} is {words.verdict(inside, micro.delta)} in process, and over sockets, in CPU per request, {words.verdict(outside, family.deltas[outside.metric])}"
            if inside.verdict in strong and outside.verdict in strong and inside.verdict != outside.verdict:
                lines.append(f"**Ranks disagree.** {pair}. The sockets decide: choose by the service row.")
            elif inside.verdict in strong and outside.verdict not in strong:
                lines.append(f"**The lead in process does not show over sockets.** {pair}.")
            elif inside.verdict == outside.verdict and inside.verdict in (*strong, judge.EQUIVALENT):
                agreed.append(f"{name} on `{subject(family)}`")
    if agreed:
        lines.append(f"In process and over sockets (CPU per request) the verdict is the same for {words.listed(agreed)}.")
    return lines


# --- Whether to believe it ----------------------------------------------------------------------


def machine(judged: Judgement) -> list[tuple[str, str]]:
    """The machine, and what it can resolve."""
    run = judged.run
    environment, figures = run.get("environment") or {}, run.get("machine") or {}
    cpu = environment.get("cpu")
    name = f"{cpu.get('model', 'unknown')} ({cpu.get('architecture', '?')})" if isinstance(cpu, dict) else str(cpu or "unknown")
    rows = [("Processor", f"{name}, {words.counted(cores(run), 'logical CPU') if cores(run) else 'cores unknown'}")]
    where = environment.get("hypervisor")
    rows.append(("Runs on", f"a virtual machine ({where})" if where and str(where) not in ("none seen", "none") else "bare metal, as far as can be seen"))
    system = [str(environment[k]) for k in ("distribution", "os", "kernel") if environment.get(k)]
    rows.append(("System", ", ".join(system) or "unknown"))

    def ns(*names: str) -> str | None:
        value = next((figures[n] for n in names if isinstance(figures.get(n), (int, float))), None)
        if value is None:
            return None
        return f"{words.fixed(value, 1)} ns" if value < 1000 else f"{words.fixed(value / 1000, 1)} µs"

    clock, late50, late99 = ns("clock_cost_ns"), ns("timer_late_p50_ns"), ns("timer_late_p99_ns")
    same, other = ns("wake_same_cpu_p50_ns", "wake_same_core_ns"), ns("wake_other_cpu_p50_ns", "wake_cross_core_ns")
    if clock:
        rows.append(("Reading the clock", clock))
    if late50 and late99:
        rows.append(("A timer is late by", f"{late50} (median), {late99} (p99): tails below that are the machine's"))
    if same or other:
        parts = [f"{same} on the same CPU" if same else "", f"{other} on another" if other else ""]
        rows.append(("Waking a thread", ", ".join(p for p in parts if p)))
    loop = next((figures[k] for k in ("loop_wall_iqr_percent", "loop_variation_percent") if figures.get(k) is not None), None)
    if loop is not None:
        rows.append(("A fixed loop varies by", f"{words.fixed(float(loop), 1)} % (interquartile)"))
    if figures.get("steal_percent") is not None:
        rows.append(("Stolen by the host", f"{words.fixed(float(figures['steal_percent']), 1)} % before the run{_steal(judged)}"))
    counters = figures.get("hardware_counters")
    if counters is not None:
        rows.append(("Hardware counters", {True: "yes", False: "none", "yes": "yes"}.get(counters, f"none: {counters}")))
    if not figures:
        rows.append(("Resolution", "was not measured in this run"))
    return rows


def _steal(judged: Judgement) -> str:
    seen = [
        float(s["covariates"]["steal_percent"])
        for f in judged.families
        for rounds in f.samples.values()
        for s in rounds.values()
        if (s.get("covariates") or {}).get("steal_percent") is not None
    ]
    return f"; {words.fixed(judge.median(seen), 1)} % in the median process, {words.fixed(max(seen), 1)} % at most" if seen else ""


def checks(judged: Judgement) -> list[Check]:
    found = [*_aa(judged), *_injected(judged), *_gates(judged), *_rounds(judged), *_build(judged), *_environment(judged), *_doubts(judged)]
    if not tails(judged):
        found.append(Check("note", "Tier", f"`{judged.run.get('tier')}` makes no claims about tails; latency percentiles are left out"))
    return found


def _aa(judged: Judgement) -> list[Check]:
    found = []
    same = judged.aliases(form="same")
    tested = [a for a in same if a.estimate.interval]
    if not same:
        found.append(Check("bad", "A/A, same code", "no family holds its baseline twice: false alarms cannot be counted"))
    elif not tested:
        found.append(Check("note", "A/A, same code", f"{words.counted(len(same), 'comparison')}, too few rounds for an interval ({judge.rounds_needed()} are needed)"))
    else:
        wrong, allowed = sum(a.estimate.excludes_one for a in tested), judge.binomial_bound(len(tested))
        text = f"{wrong} of {len(tested)} intervals (95 %) exclude 1; chance allows {allowed}"
        found.append(Check("good" if wrong <= allowed else "bad", "A/A, same code", text))
    copies = [a for a in judged.aliases(form="copy") if a.estimate.interval]
    if copies:
        wrong = sum(a.estimate.excludes_one for a in copies)
        largest = max(abs(a.estimate.median) for a in copies)
        text = f"{wrong} of {len(copies)} intervals exclude 1, up to {words.percent(math.expm1(largest))}: what code layout alone does"
        found.append(Check("note" if wrong else "good", "A/A, second copy", text))
    margin = float(judged.run.get("margin_percent", 3)) / 100
    parts, raised = [], False
    for kind, metric, name in (("codec", "time_ns", "codecs"), ("model", "time_ns", "models"), ("service", "cpu_ns_per_request", "CPU per request"), ("service", "closed_hz", "throughput")):
        floors = [f.floors[metric] for f in judged.kind(kind) if f.floors.get(metric) is not None]
        if floors:
            worst = max(v for v in floors if v is not None)
            raised = raised or worst > margin
            parts.append(f"{name} {words.percent(worst)}")
    if parts:
        text = f"{', '.join(parts)}. Margin δ: {words.margin(margin)}" + (", raised to the floor where that is higher" if raised else "; no floor is above it")
        found.append(Check("note" if raised else "good", "A/A floor", text))
    return found


def _injected(judged: Judgement) -> list[Check]:
    rows = [i for f in judged.families for i in f.injected]
    tested = [i for i in rows if i.estimate.interval]
    if not tested:
        return []
    covered, seen = sum(bool(i.covered) for i in tested), sum(i.estimate.excludes_one and i.estimate.median < 0 for i in tested)
    claimed = sum(i.verdict == judge.WORSE for i in tested)
    shares = words.listed(sorted({f"{words.fixed(i.percent, 0)} %" for i in tested}))
    # The interval may miss by chance in 5 % of the cases, as in A/A.
    good = len(tested) - covered <= judge.binomial_bound(len(tested))
    text = f"of {shares}: told from none in {seen} of {len(tested)}, beyond the margin in {claimed}; the intervals (95 %) cover the truth in {covered}"
    return [Check("good" if good and seen == len(tested) else "note" if good else "bad", "Injected slow-down", text)]


def _gates(judged: Judgement) -> list[Check]:
    tallies = [(f, g) for f in judged.kind("service") for g in f.gates]
    if not judged.kind("service"):
        return []
    if not tallies:
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
        parts.append(f"{judge.gate_name(name)} {sum(g.failed for _, g in mine)} of {sum(g.total for _, g in mine)} in {shown}")
    withheld = sum(len({m for m, _ in f.withheld}) for f in judged.kind("service"))
    tail = f"; {words.counted(withheld, 'case')} without some number for it" if withheld else ""
    return [Check("bad" if withheld else "note", "Gates", f"{bad} of {total} failed ({'; '.join(parts)}){tail}")]


def _rounds(judged: Judgement) -> list[Check]:
    found = []
    counted = sum(len(f.rounds) for f in judged.families)
    dropped = sum(len(f.discarded) for f in judged.families)
    planned = sum(int(f.plan.get("rounds") or 0) for f in judged.families)
    rule = (judged.run.get("discard_rule") or {}).get("text") or "none declared"
    unknown = sum(f.no_covariate for f in judged.families)
    text = f"{dropped} of {counted + dropped} rounds discarded by the declared rule ({rule.rstrip('.')})"
    if unknown:
        text += f"; {words.counted(unknown, 'sample')} without steal recorded, kept"
    found.append(Check("note" if dropped or unknown else "good", "Discarded", text))
    empty = [f.id for f in judged.families if not f.samples]
    missing = planned - counted - dropped
    failures = [line for f in judged.families for line in f.failures]
    parts = []
    if missing > 0:
        parts.append(f"{missing} of {planned} planned rounds are missing")
    if empty:
        parts.append(f"no samples at all of {words.listed(empty)}")
    if failures:
        reasons = list(dict.fromkeys(str(line.get("reason") or "no reason recorded") for line in failures))
        parts.append(f"{words.counted(len(failures), 'sample')} failed: {'; '.join(reasons[:2])}")
    parts += judged.notices
    if judged.resumes:
        parts.append(f"interrupted and resumed {words.counted(judged.resumes, 'time')}")
    absent = [title for kind, title in KINDS.items() if not judged.kind(kind)]
    if absent:
        parts.append(f"not part of this run: {words.listed(absent)}")
    state = "bad" if empty or failures else "note" if parts else "good"
    found.append(Check(state, "Complete", "; ".join(parts) if parts else f"all {planned} planned rounds are there, in one go"))
    return found


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
        found.append(Check("note", "Source", "uncommitted changes: the commit alone does not reproduce this build"))
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
        parts.append(f"drift over the run (p < {judge.DRIFT_P:g}) in {words.listed(f'{c.family}/{c.member}' for c in drifting)}")
    if modes:
        parts.append("two modes in " + words.listed(
            f"{c.family}/{c.member} ({words.ratio(math.exp(c.modes[0]))} × and {words.ratio(math.exp(c.modes[1]))} ×)" for c in modes if c.modes))  # fmt: skip
    if doubted:
        parts.append(f"{words.counted(len(doubted), 'verdict')} taken back for it or for another session")
    if not parts:
        return [Check("good", "Stable", "no drift over the rounds, no two modes")]
    return [Check("note", "Stable", "; ".join(parts))]


# --- Ratios -------------------------------------------------------------------------------------


def ratios(judged: Judgement) -> list[Table]:
    tables = []
    for kind in KINDS:
        families = judged.kind(kind)
        for metric in judge.JUDGED[kind]:
            if families and any(c.metric == metric for f in families for c in f.comparisons):
                tables.append(_ratio_table(judged, families, kind, metric))
    return tables


def _ratio_table(judged: Judgement, families: Sequence[Family], kind: str, metric: str) -> Table:
    *_, counts, unit, divisor = words.METRICS[metric]
    baseline = words.label(families[0].baseline)
    levels: dict[tuple[str, str], Estimate | None] = {(f.id, m): f.level(m, metric) for f in families for m in f.candidates}
    known = [e.median / divisor for e in levels.values() if e]
    decimals = 0 if min(known, default=0) >= 30 and metric != "cpu_ns_per_request" else 1
    figures = [math.exp(c.estimate.median) for f in families for c in f.comparisons if c.metric == metric and c.estimate]
    places = min(3, words.column(figures))
    heading = {"codec": "Codecs: time per operation", "model": "Models in process: time per request", "service": f"Services: {'CPU per request' if metric.startswith('cpu') else 'closed-loop throughput'}"}[kind]
    absolute = {"time_ns": "median, ns", "cpu_ns_per_request": "median, µs", "closed_hz": "median, requests/s"}[metric]
    alphas = sorted({f.alpha for f in families})
    level = f"each interval at {words.listed(words.confidence(a) for a in alphas)}, so that all of one family hold together at 95 %"
    table = Table(
        f"{heading}; ratio counts {counts} relative to {baseline} ({level})",
        [Column("payload" if kind == "codec" else "workload"), Column("member"), Column(absolute, True), Column("ratio", True), Column("interval", True), Column("rounds", True), Column("verdict")],
        widths=[16, 13, 13, 9, 14, 8, 27],
    )
    for family in families:
        name = f"{subject(family)} {operation(family)}".strip()
        rivals = [c for c in family.comparisons if c.metric == metric]
        for i, member in enumerate([family.baseline, *(c.member for c in rivals)]):
            level_here = levels[family.id, member]
            shown = words.fixed(level_here.median / divisor, decimals) if level_here else "–"
            mark = " ‡" if kind == "service" and shape_only(judged, family, member) else ""
            first = Cell(name if i == 0 else "", "head" if i == 0 else "")
            if i == 0:
                table.add(first, words.label(member) + mark, shown, words.fixed(1, places), "", str(len(family.series(member, metric))), Cell("baseline", "soft"))
                continue
            comparison = rivals[i - 1]
            estimate = comparison.estimate
            table.add(
                first,
                words.label(member) + mark,
                shown,
                words.fixed(math.exp(estimate.median), places) if estimate else "–",
                words.interval(estimate, places, "–") if estimate and estimate.interval else "–",
                str(len(estimate.values)) if estimate else "0",
                Cell(f"{words.MARKS[comparison.verdict]} {words.verdict(comparison, family.deltas[metric])}", comparison.verdict.replace(" ", "-")),
            )
    if any(c.text.endswith("‡") for row in table.rows for c in row):
        table.notes.append("‡ more threads than this machine has cores: shape only, not a figure for a machine with enough of them.")
    return table


def reading(judged: Judgement) -> str:
    margins = sorted({words.margin(d) for f in judged.families for d in f.deltas.values()})
    return (
        "Ratios above 1 are better than the baseline. A verdict quotes the end of the interval nearest to 1, rounded against the claim: "
        "▲ better and ▼ worse by more than the margin δ, ◆ equivalent (the whole interval lies within ±δ), ○ not resolved here, with the "
        "smallest difference that could have been told from none. "
        f"δ here: {words.listed(margins)}. No verdict is drawn from the absence of a difference."
    )


# --- Limits, and how to regenerate --------------------------------------------------------------


def limits(judged: Judgement) -> list[str]:
    kinds = {f.kind for f in judged.families}
    found = []
    if "codec" in kinds:
        found.append("Formats: libraries were measured, each through the same walk over the same struct. A hand-tuned adapter, or another library, is another row.")
        found.append("Cold caches and first use: documents and code are warm, the corpus fits the cache.")
    if "service" in kinds:
        found.append("A network: server, load and downstream share one machine and its loopback.")
    if kinds & {"model", "service"}:
        count = cores(judged.run)
        marked = any(shape_only(judged, f, m) for f in judged.kind("service") for m in f.candidates)
        tail = "; rows with more threads (‡) show a shape only" if marked else ""
        found.append(f"Scaling: this machine has {words.counted(count, 'logical CPU') if count else 'an unknown number of CPUs'}, and models in process ran one worker{tail}.")
    if not tails(judged) and "service" in kinds:
        found.append("Tails: this tier is too short for them.")
    if "service" not in kinds:
        found.append("Servers: nothing was measured over sockets.")
    found.append("Other machines, compilers and library versions: one build, one session. What code layout does is covered only as far as the second copy in A/A shows it.")
    missing = [f"{f.id} ({words.label(c.member)})" for f in judged.families for c in f.comparisons if c.estimate is None]
    if missing:
        shown = missing[:6] + ([f"{len(missing) - 6} more"] if len(missing) > 6 else [])
        found.append(f"Cases without a number: {words.listed(dict.fromkeys(shown))}; the reason stands beside each.")
    return found


def regenerate(judged: Judgement, raw: Sequence[Raw]) -> list[Text | Pre | Table]:
    run = judged.run
    command = " ".join(str(word) for word in run.get("command") or ["scripts/assay", "run", "--tier", str(run.get("tier"))])
    commit, seed = run.get("commit") or "unknown", run.get("seed", "unknown")
    table = Table("Raw data: this page is a pure function of these files", [Column("file"), Column("bytes", True), Column("SHA-256")])
    for file in raw:
        table.add(file.name, words.fixed(file.size, 0), Cell(file.sha256, "hash"))
    text = f"# this page, from the raw data\nscripts/assay report reports/{run.get('id', 'ID')}\n# the measurement again: commit {commit}, seed {seed}\n{command}"
    return [Pre(text), table]
