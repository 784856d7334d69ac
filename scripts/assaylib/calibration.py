# SPDX-License-Identifier: MIT
"""What a run says of itself (METHOD 1.11): the baseline against itself (A/A), slowed down by a known
share, and the floor that follows for every claim.

The floor of a family and metric is the difference that this run cannot tell from none there: the outer
end of the 95 % intervals of the family's own A/A, and no less than the 95th percentile of the A/A
estimates of all families like it: of its kind, and of codecs encode and decode apart from the rows
that time a part or under harder conditions. The margin of a claim is never below it. A family whose own A/A
has no interval does not know its floor: nothing is claimed in it.
"""

from __future__ import annotations

import math
from typing import Sequence

from .families import Family, role
from .intervals import ALPHA, order_interval, percentile
from .verdicts import JUDGED, Alias, Estimate, Injected, verdict

#: Operations of codecs that do the whole work, as page one quotes them.
WHOLE = ("encode", "decode")
#: With how many members standard compares a baseline, for runs whose plan did not say (plan.py: "rivals").
RIVALS = {"codec": 10, "model": 2, "service": 2}
FORMS = {"same": "same code", "copy": "second copy"}


def aliases(family: Family) -> None:
    """Judges the family's A/A rows."""
    for member, form in sorted((family.plan.get("aliases") or {}).items()):
        if role(family.plan, member) != "alias":
            continue
        for metric, more in JUDGED[family.kind].items():
            values = family.advantages(member, family.baseline, metric, more)
            if values and not family.why_withheld(member, metric):
                estimate = Estimate.of(values, ALPHA)
                found = Alias(family.id, family.kind, member, form, metric, estimate)
                family.aliases.append(found)


def spread_floor(every: Sequence[Alias]) -> float:
    """The 95th percentile of |A/A estimates|, as a log ratio; 0 without any."""
    return percentile([abs(a.estimate.median) for a in every], 0.95) if every else 0.0


def margins(family: Family, margin: float, every: Sequence[Alias]) -> None:
    """The family's floors and deltas; every: the A/A rows of the run."""
    family.declared = margin
    every = [a for a in every if _pool(a.family) == _pool(family.id)]
    for metric in JUDGED[family.kind]:
        own = [a for a in family.aliases if a.metric == metric]
        ends = [e for a in own for e in a.estimate.interval or (a.estimate.median,)]
        shared = spread_floor([a for a in every if a.metric == metric])
        floor = math.expm1(max([shared, *map(abs, ends)])) if own else None
        family.floors[metric] = floor
        family.deltas[metric] = max(margin, floor or 0.0)
        reason = _uncalibrated(family, metric)
        if reason:
            family.uncalibrated[metric] = reason
    known = [f for f in family.floors.values() if f is not None]
    family.floor = max(known) if known else None
    family.delta = max(family.deltas.values())


def _pool(family: str) -> tuple[str, bool]:
    """Families whose A/A speak for each other."""
    kind, *rest = family.split("/")
    return kind, kind == "codec" and rest[-1] not in WHOLE


def _uncalibrated(family: Family, metric: str) -> str:
    """Why the family's own A/A cannot vouch for a claim in that metric."""
    planned = {m: f for m, f in (family.plan.get("aliases") or {}).items() if m != family.baseline}
    if not planned:
        return "the family holds its baseline once only, so that its own A/A is not known"
    for member, form in sorted(planned.items(), key=lambda item: item[1] != "same"):
        found = next((a for a in family.aliases if (a.member, a.metric) == (member, metric)), None)
        rounds = len(found.estimate.values) if found else 0
        if found is None or found.estimate.interval is None:
            needed = Estimate.of([0.0], ALPHA).needed
            name = FORMS.get(form, form)
            return f"its own A/A ({name}) has no interval: {rounds} of {needed} rounds needed"
    return ""


def level(family: Family) -> float:
    """At which a family claims; one of `calibrate`, which holds nothing but baselines, as the same family
    of standard does."""
    if len(family.candidates) > 1:
        return family.alpha
    rivals = (family.plan.get("load") or {}).get("rivals") or RIVALS[family.kind]
    return ALPHA / (rivals * len(JUDGED[family.kind]))


def injected(family: Family) -> None:
    """slow.NAME.PERCENT runs 1 + PERCENT/100 times the baseline's iterations: the truth is known. Whether
    that is claimed is asked at the level of real claims."""
    for member in family.plan["members"]:
        if role(family.plan, member) != "injected":
            continue
        values = family.advantages(member, family.baseline, "time_ns", False)
        percent = (family.plan.get("injected") or {}).get(member)
        if percent is None:
            try:
                percent = float(member.rpartition(".")[2])
            except ValueError:
                continue
        if values:
            estimate = Estimate.of(values, ALPHA)
            at = level(family)
            claim = order_interval(values, at)
            said = verdict(claim, family.deltas["time_ns"])
            family.injected.append(Injected(family.id, member, float(percent), estimate, at, claim, said))
