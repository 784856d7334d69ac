# SPDX-License-Identifier: MIT
"""What a machine with so few cores cannot decide about services: in sentences, from where things ran
and who was saturated."""

from __future__ import annotations

from typing import Any, Sequence

from .. import about, words
from ..blocks import Block, Items, Text
from ..judge import Family, Judgement


def undecided(judged: Judgement, families: Sequence[Family], mark: str = "‡, ") -> list[Block]:
    """mark: how tables mark rows with more threads than cores; "" where they do not."""
    said = sentences(judged, families, mark)
    if not said:
        return []
    cores = about.cores(judged.run)
    machine = f"with {words.counted(cores, 'core')}" if cores else "as this one"
    return [Text(f"**What a machine {machine} cannot decide here:**"), Items(said)]


def sentences(judged: Judgement, families: Sequence[Family], mark: str) -> list[str]:
    loads = {family.id: family.plan.get("load") or {} for family in families}
    said = []
    if any(_same(load, "server_cpu", "load_cpu") for load in loads.values()):
        said.append(
            "Server and generator share a CPU: each takes from the other, so that no throughput, no"
            " CPU per request and no latency here is the server's alone. Two CPUs are the least."
        )
    shared = [f for f in families if _same(loads[f.id], "downstream_cpu", "load_cpu")]
    if shared:
        names = _named(shared)
        said.append(
            f"In {names} generator and downstream service share a CPU; it would take a third. Their"
            " throughput is decided only where the server was saturated and that CPU was not, and"
            " their latency holds the wait for each other."
        )
    ones = [f for f in families if isinstance(loads[f.id].get("server_cpu"), int)]
    if ones:
        said.append(
            "Every server had one CPU: what a request costs on it is compared; how a model scales over"
            " cores, and what threads on several cores cost each other, is not."
        )
    shapes = [f for f in families if any(about.shape_only(judged, f, m) for m in f.candidates)]
    if shapes:
        names = _named(shapes)
        said.append(
            f"Rows with more threads than cores ({mark}in {names}) show a shape: whether that many"
            " threads pay on as many cores is open."
        )
    for family in families:
        bounded = [m for m in family.candidates if m in family.bounded]
        if bounded:
            said.append(
                f"`{about.subject(family)}`: the throughput of"
                f" {words.listed(map(words.label, bounded))} is the rig's; the server's own is at"
                " least that, and how much more is open."
            )
    return said


def _named(families: Sequence[Family]) -> str:
    return words.listed(dict.fromkeys(f"`{about.subject(f)}`" for f in families))


def _same(load: dict[str, Any], one: str, other: str) -> bool:
    return load.get(one) is not None and load.get(one) == load.get(other)
