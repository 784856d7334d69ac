# SPDX-License-Identifier: MIT
"""The service family whose members are codecs: one model, one workload, one payload, so that what their
micro-benchmarks say of them can be held against what a server shows of them (meeting/)."""

from __future__ import annotations

from dataclasses import replace

from . import served
from .planned import Built, Family
from .tiers import SHORT_ROUNDS, Tier

ID, WORKLOAD, PAYLOAD, MODEL = "service/codecs", "rpc", "order", "event_loop"
CODECS = ("cjson", "protobuf_c", "msgpack_c")  # a library for each format, the baseline first


def families(built: Built, tier: Tier) -> list[Family]:
    """In the tier that has services in short rounds; with two codecs at least."""
    here = [codec for codec in CODECS if f"codec/{PAYLOAD}/encode/{codec}" in built.codec_cases]
    if not tier.short_services or WORKLOAD not in built.services or MODEL not in served.models(built):
        return []
    if len(here) < 2:
        return []
    same = f"{here[0]}.same"
    members = (*here, same)
    load = served.service_load(WORKLOAD, members, tier, built.cpus) | served.short_load()
    codecs = {**{codec: codec for codec in here}, same: here[0]}
    return [
        Family(
            id=ID,
            kind="service",
            title=f"codecs in {WORKLOAD} under {MODEL}, over sockets",
            baseline=here[0],
            members=members,
            aliases={same: "same"},
            floors={},
            injected={},
            rounds=SHORT_ROUNDS,
            load={**load, "payload": PAYLOAD, "codec": None, "model": MODEL, "codecs": codecs},
        )
    ]


def of(family: Family, member: str) -> Family:
    """The same with that member's codec, as a family of models has one for all."""
    codecs = family.load.get("codecs")
    return replace(family, load={**family.load, "codec": codecs[member]}) if codecs else family
