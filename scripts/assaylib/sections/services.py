# SPDX-License-Identifier: MIT
"""The section on services: conditions, figures at the fixed rate and in the closed loop, gates."""

from __future__ import annotations

import re
from .. import about, gates, words
from .gates import gate_table, saturated
from .latency import apart, latency, latency_ratios
from .ratios import compared
from .undecided import undecided
from ..blocks import Cell, Column, Picture, Section, Table, Text
from ..charts import Chart
from ..figures import middle, spread
from ..judge import Family, Judgement


def services(judged: Judgement, drawn: dict[str, Chart]) -> Section:
    section = Section("services", "Services over sockets")
    families = judged.kind("service")
    if not families:
        section.blocks.append(Text("No models over sockets were part of this run."))
        return section
    section.blocks.append(
        Text(
            "Server, generator and downstream service are processes of their own. At the fixed rate"
            " arrivals are an open loop, planned beforehand, and latency counts from the planned"
            " send time. Throughput is a **closed loop**: each connection sends when it has its"
            " answer, so it says what the rig reaches, and its latency would say nothing."
        )
    )
    section.blocks += compared(judged, "service")
    section.blocks += undecided(judged, families)
    if "service-cost" in drawn:
        section.blocks.append(Picture(drawn["service-cost"]))
    section.subsections += [_workload(judged, family) for family in families]
    return section


RIG_UNKNOWN = "what a server that does nothing reaches through the same rig is not known: no rate was held against it"


def conditions(family: Family) -> str:
    load = family.plan.get("load") or {}
    said = []
    if load.get("payload"):
        codec = f" as {words.label(str(load['codec']))}" if load.get("codec") else ""
        said.append(f"payload `{load['payload']}`{codec}")
    if load.get("rate_hz"):
        said.append(
            f"{words.fixed(load['rate_hz'], 0)} requests/s offered,"
            f" {load.get('arrival', 'arrivals as planned')}"
        )
    if load.get("connections"):
        said.append(f"{load['connections']} connections")
    if load.get("duration_s"):
        said.append(f"{load['duration_s']:g} s after {load.get('warmup_s', 0):g} s of warm-up")
    counts: dict[int | None, list[str]] = {}
    for member in family.candidates:
        counts.setdefault(about.threads_of(family, member), []).append(words.label(member))
    known = [
        f"{words.listed(who)} {words.counted(n, 'thread')}" + (" each" if len(who) > 1 else "")
        for n, who in counts.items()
        if n
    ]
    if known:
        said.append(", ".join(known))
    if load.get("cpu_iterations"):
        said.append(f"{words.fixed(load['cpu_iterations'], 0)} iterations of work per request")
    if load.get("heavy_percent"):
        said.append(f"{load['heavy_percent']} % of the requests are heavy")
    if load.get("fan"):
        said.append(f"{load['fan']} calls in parallel per request")
    if load.get("offload"):
        helpers = words.counted(int(load["offload_threads"]), "helper thread")
        said.append(f"offloaded: models that must not block have {helpers} besides")
    if load.get("server_cpu") is not None:
        said.append(f"server on CPU {load['server_cpu']}, load on CPU {load.get('load_cpu')}")
    if load.get("queue_limit"):
        said.append(
            f"queue limit {load['queue_limit']}, then {load.get('on_full', 'as configured')}"
        )
    if load.get("downstream_delay_us"):
        said.append(
            f"downstream answers after {load['downstream_delay_us']:g} µs, over at most"
            f" {load.get('downstream_connections')} connections"
        )
    pilot = load.get("pilot_closed_hz") or {}
    if pilot:
        said.append(
            "closed loop in the pilot: "
            + ", ".join(f"{words.label(m)} {words.fixed(hz, 0)}/s" for m, hz in pilot.items())
        )
    if load.get("rig_hz"):
        said.append(
            "a server that does nothing, through the same rig, in a closed loop:"
            f" {words.fixed(load['rig_hz'], 0)}/s"
        )
    elif "rig_hz" in load:
        said.append(RIG_UNKNOWN)
    ceilings = load.get("ceilings_hz") or (
        {str(load.get("ceiling") or "ceiling"): load["ceiling_hz"]}
        if load.get("ceiling_hz")
        else {}
    )
    if ceilings:
        said.append(
            "arithmetic ceiling "
            + words.listed(
                f"{re.sub(' */ *', ' ÷ ', name)} = {words.fixed(hz, 0)}/s"
                for name, hz in ceilings.items()
            )
        )
    return (
        ("Conditions: " + "; ".join(said) + ".")
        if said
        else "The conditions of this family were not recorded."
    )


def _workload(judged: Judgement, family: Family) -> Section:
    section = Section(f"service-{about.subject(family)}", f"{about.subject(family)}")
    section.blocks.append(
        Text(conditions(family) + (f" {family.plan['note']}" if family.plan.get("note") else ""))
    )
    if not family.samples:
        what = (
            "Every process of this family was discarded"
            if family.discarded
            else "There are no samples of this family"
        )
        section.blocks.append(Text(f"{what}: nothing can be said."))
        return section
    members = family.candidates

    def name(member: str) -> str:
        return words.label(member) + (" ‡" if about.shape_only(judged, family, member) else "")

    fixed = Table(
        "At the fixed rate: median of rounds",
        [
            Column("model"),
            Column("offered/s", True),
            Column("achieved/s", True),
            Column("CPU, µs/request", True),
            Column("lowest–highest", True),
            Column("user", True),
            Column("system", True),
            Column("context switches", True),
            Column("turns", True),
            Column("messages", True),
            Column("wake-ups", True),
            Column("system calls", True),
            Column("saturated"),
        ],
        shows=("service-cost",),
    )
    for m in members:
        fixed.add(
            name(m),
            middle(family, m, "offered_hz"),
            middle(family, m, "achieved_hz"),
            *spread(family, m, "cpu_ns_per_request", 1e3, 1),
            middle(family, m, "cpu_user_ns_per_request", 1e3, 1),
            middle(family, m, "cpu_system_ns_per_request", 1e3, 1),
            middle(family, m, "context_switches_per_request", 1, 2),
            middle(family, m, "turns_per_request", 1, 2),
            middle(family, m, "messages_per_request", 1, 2),
            middle(family, m, "wakeups_per_request", 1, 2),
            middle(family, m, "syscalls_per_request", 1, 2),
            saturated(family, m, "saturated"),
        )
    fixed.notes.append(
        "Context switches (of the load, warm-up included), turns, messages, wake-ups and system calls"
        " (of the server's whole life, by the model's own threads) are per request."
    )
    fixed.notes.append(about.medians("service"))
    section.blocks.append(fixed)

    if about.tails(judged):
        section.blocks.append(latency(judged, family, name))
        if (family.plan.get("load") or {}).get("heavy_percent"):
            section.blocks.append(apart(family, name))
        section.blocks += latency_ratios(judged, family, name)
    else:
        section.blocks.append(
            Text(
                f"The `{judged.run.get('tier')}` tier makes no claims about tails: no latency"
                " percentiles."
            )
        )

    closed = Table(
        "Closed loop: median of rounds",
        [
            Column("model"),
            Column("requests/s", True),
            Column("lowest–highest", True),
            Column("CPU, µs/request", True),
            Column("server busy, %", True),
            Column("generator busy, %", True),
            Column("saturated"),
        ],
        shows=("service-cost",),
    )
    for m in members:
        rate, ends = spread(family, m, "closed_hz", 1, 0)
        closed.add(
            name(m),
            f"≥ {rate}" if m in family.bounded and rate not in ("–", "withheld") else rate,
            ends,
            middle(family, m, "closed_cpu_ns_per_request", 1e3, 1),
            middle(family, m, "closed_server_busy_percent"),
            middle(family, m, "closed_load_busy_percent"),
            saturated(family, m, "closed_saturated"),
        )
    closed.notes.append(
        "Busy: share of one CPU. Saturated: who used at least"
        f" {words.percent(gates.SHARE_MIN)} of what its CPU had for it (its own time and what was"
        " idle; what the host took is in neither); in how many rounds, if not in all. Nobody:"
        " requests waited for something else than a CPU."
    )
    closed.notes += [
        f"≥ {words.label(m)}: a bound from below, the rig was the limit, or may have been: {family.bounded[m]}."
        for m in members
        if m in family.bounded
    ]
    section.blocks.append(closed)
    rest = Table(
        "The life of a server: median of rounds",
        [
            Column("model"),
            Column("start-up, ms", True),
            Column("drain, ms", True),
            Column("lost at SIGTERM", True),
            Column("resident, MiB", True),
        ],
    )
    for m in members:
        # A loss is a fact whatever the conditions were: neither gates nor discards hide it.
        samples = [*family.samples.get(m, {}).values()]
        samples += [s for (who, _), s in family.discarded.items() if who == m]
        lost = [s["metrics"]["lost"] for s in samples if s["metrics"].get("lost") is not None]
        total = Cell(words.fixed(sum(lost), 0), "worse" if sum(lost) else "") if lost else Cell("–")
        rest.add(
            name(m),
            middle(family, m, "startup_ns", 1e6, 1),
            middle(family, m, "drain_ns", 1e6, 1),
            total,
            middle(family, m, "rss_bytes", 2**20, 1),
        )
    rest.notes.append(
        "SIGTERM comes while a closed loop is asking. Lost: requests whose first byte the server had"
        " read and that it did not answer, all rounds together. Start-up: to the first good answer."
    )
    if any(about.shape_only(judged, family, m) for m in members):
        rest.notes.append("‡ more threads than this machine has cores: shape only.")
    section.blocks.append(rest)
    section.blocks += gate_table(judged, family)
    return section
