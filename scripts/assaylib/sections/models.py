# SPDX-License-Identifier: MIT
"""The section on models in process."""

from __future__ import annotations

import math
from typing import Sequence

from .. import about, words
from ..blocks import Cell, Column, Section, Table, Text
from ..charts import Chart
from ..figures import middle, spread
from ..judge import Family, Judgement
from .ratios import compared


def _in_process(families: Sequence[Family]) -> str:
    """The recorded conditions of models in process."""
    load = families[0].plan.get("load") or {}
    said = []
    if load.get("requests_in_flight"):
        said.append(f"{load['requests_in_flight']} in flight")
    if load.get("threads_of_a_model"):
        said.append(f"{words.counted(int(load['threads_of_a_model']), 'worker')} per model")
    if load.get("payload"):
        said.append(f"`{load['payload']}` as {words.label(str(load.get('codec')))}")
    if load.get("cpu_iterations"):
        said.append(f"`cpu` of {words.fixed(load['cpu_iterations'], 0)} iterations")
    if load.get("hops"):
        said.append(f"`ring` of {load['hops']} hops")
    if load.get("messages"):
        said.append(f"{load['messages']} messages a request of `count`, `pingpong` and `spawn`")
    return ", ".join(said) or "under conditions that were not recorded"


def models(judged: Judgement, drawn: dict[str, Chart]) -> Section:
    section = Section("models", "Models in process")
    families = judged.kind("model")
    if not families:
        section.blocks.append(Text("No model was measured in process in this run."))
        return section
    section.blocks.append(
        Text(
            f"Requests are handed over through `post()` in a closed loop, {_in_process(families)};"
            " every reply is checked. `inline` runs the same turns on the caller's thread, one at a"
            " time, without a lock and a limit: it is the floor, not a candidate, since it cannot serve two at once."
        )
    )
    section.blocks += compared(judged, "model")
    table = Table(
        "Per request: median of processes; × inline with its own 95 % interval",
        [
            Column("workload"),
            Column("model"),
            Column("ns per request", True),
            Column("lowest–highest", True),
            Column("× inline", True),
            Column("interval", True),
        ],
    )
    for family in families:
        shown = [*family.candidates, *(m for m in family.plan["members"] if m == "inline")]
        for i, member in enumerate(shown):
            floor = family.floor_ratios.get(member)
            table.add(
                Cell(about.subject(family) if i == 0 else "", "head"),
                words.label(member) + (" (floor)" if member == "inline" else ""),
                *spread(family, member, "time_ns", 1, 0),
                words.fixed(math.exp(floor.median), 2) if floor else "–",
                words.interval(floor, 2, "–") if floor and floor.interval else "",
            )
    table.notes.append(about.medians("model"))
    section.blocks += [table, _asked(families)]
    return section


#: Metrics per request, as the programs count them, and what they are called.
ASKED = {
    "turns_per_request": "turns",
    "messages_per_request": "messages",
    "wakeups_per_request": "wake-ups",
    "context_switches_per_request": "context switches",
    "syscalls_per_request": "system calls",
}


def _asked(families: Sequence[Family]) -> Table:
    """What does not vary as times do: why one is slower than the other."""
    table = Table(
        "What a request took besides time: median of processes",
        [
            Column("workload"),
            Column("model"),
            *(Column(name, True) for name in ASKED.values()),
            Column("CPU, ns", True),
            Column("ns per message", True),
        ],
    )
    for family in families:
        load = family.plan.get("load") or {}
        messages = load.get("messages") if about.subject(family) in about.MESSAGING else None
        shown = [*family.candidates, *(m for m in family.plan["members"] if m == "inline")]
        for i, member in enumerate(shown):
            table.add(
                Cell(about.subject(family) if i == 0 else "", "head"),
                words.label(member) + (" (floor)" if member == "inline" else ""),
                *(middle(family, member, metric, 1, 2) for metric in ASKED),
                middle(family, member, "cpu_ns_per_request"),
                middle(family, member, "time_ns", float(messages), 1) if messages else "",
            )
    table.notes.append(
        "Messages: from one place of execution to another, as the model counts them (a plain call is"
        " none). Wake-ups: signals to a sleeping thread. Context switches and CPU: of the whole process,"
        " the client included. System calls: by the model's own threads, without those of the C library's locks."
    )
    if any(about.subject(family) in about.MESSAGING for family in families):
        table.notes.append(
            "ns per message: the time of a request by the messages, questions or new cells that it"
            " asks for, whatever the model makes of them."
        )
    return table
