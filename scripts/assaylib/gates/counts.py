# SPDX-License-Identifier: MIT
"""Validity gates: which figures each governs, who passes, and what a report says of those that do not.

A gate either invalidates its figures, and then they are withheld, or it marks them. Two scopes mark:
"tail", for a generator that was late, or a rig at its limit or near it, makes a tail the machine's (throughput
and CPU are not withheld for it; that they are independent of it is not claimed); and "bound", for where
the rig was the limit, closed-loop throughput is a bound of the server's from below. What the machine
did ("host") is the discard rule's business: its figures are shown beside the gates.

A gate that invalidates speaks either of the rig, and then a round may be left out for it, which is said, or of
the server, and then the first failure withholds the case's figures of that scope: rounds left out for what the
server did would leave its good ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .. import discard
from ..intervals import median

if TYPE_CHECKING:
    from ..families import Family

#: A member of which gates of the rig take more than this share of the rounds has no number at all.
GATE_FAILURES_MAX = 0.25

#: Those that speak of generator, downstream service or machine: no server can bring it about that one fails. All
#: others speak of the server (from_server).
OF_RIG = frozenset(
    (
        "saturated closed_saturated over_saturated maximum_saturated level_ended_by"
        " rig_share open_rig_share maximum_rig_share"
        " lag_p99_over_p50 lag_p99_over_level generator_lag_ms"
        " enough_for_p99 answered_over_maximum machine_kept_up phases_late_ms load_passed p99_before_over_normal"
    ).split()
)

#: Those that invalidate; "tail" and "bound" only mark.
INVALIDATING = ("all", "open", "closed")

#: Of the scope "tail", the one that says that the generator itself was late.
LAG = "lag_p99_over_p50"


@dataclass
class GateTally:
    """One gate of one case over its rounds."""

    member: str
    name: str
    scope: str
    limit: Any
    values: list[Any]
    failed: int
    total: int
    reasons: list[str]

    @property
    def beyond_rig(self) -> bool:
        """Did the same rig carry more than what it was found to carry at most?"""
        return self.name.endswith("rig_share") and any(isinstance(v, (int, float)) and v > 1 for v in self.values)


#: What is to be said of such a gate.
BEYOND_RIG = (
    "above 1, the machine was faster than in the pilot, when the server that does nothing was measured: then what it"
    " bounds is not known so well"
)

GATE_NAMES = {
    "achieved_over_offered": "achieved ÷ offered",
    LAG: "generator's lag p99 ÷ p50",
    "lag_p99_over_level": "generator's lag p99 ÷ the service level",
    "enough_for_p99": "requests of a step",
    "level_ended_by": "who was at his limit where the level does not hold",
    "p99_before_over_normal": "p99 before a fault ÷ that of a slot of normal",
    "littles_law": "deviation from Little's law",
    "replies_wrong": "wrong or failed replies",
    "other_bytes": "answers that said 200 and were wrong",
    "closed_replies_wrong": "wrong or failed replies, closed loop",
    "connections_held": "connections held",
    "below_ceiling": "closed-loop rate against its arithmetic ceiling",
    "open_below_ceiling": "fixed rate against its arithmetic ceiling",
    "saturated": "saturated at the fixed rate",
    "server_share": "server's CPU time at a rate below all knees ÷ what it could have had",
    "closed_saturated": "saturated in the closed loop",
    "rate_over_closed": "fixed rate ÷ what the model reached in a closed loop of the pilot",
    "rig_share": "closed-loop rate ÷ that of a server that does nothing",
    "open_rig_share": "fixed rate ÷ what a server that does nothing reaches",
    "others_percent": "percent of the CPUs taken by other programs",
    "steal_percent": "percent of the CPUs taken by the host",
    "lost": "requests lost at SIGTERM",
    "exit_code": "exit code",
    "waiting_unanswered": "requests sent before SIGTERM and not answered",
    "under_way_unanswered": "requests of the load sent before SIGTERM and not answered",
    "answers_that_did_not_arrive": "answers given that did not arrive",
    "load_passed": "share of the load's time that had passed at SIGTERM",
    "closed_answered": "answers in the closed loop",
    "closed_connections_that_stayed": "share of connections that stayed open although asked to close",
    "answered_before": "share answered before anything failed",
    "answered_over_maximum": "answered in the overload ÷ the closed-loop maximum before it",
    "maximum_replies_wrong": "wrong or failed replies while the closed-loop maximum was measured",
    "maximum_other_bytes": "answers that said 200 and were wrong while the closed-loop maximum was measured",
    "maximum_connections_held": "connections held while the closed-loop maximum was measured",
    "maximum_littles_law": "deviation from Little's law while the closed-loop maximum was measured",
    "maximum_below_ceiling": "the closed-loop maximum against its arithmetic ceiling",
    "maximum_saturated": "saturated while the closed-loop maximum was measured",
    "over_saturated": "saturated in the overload",
    "maximum_rig_share": "the closed-loop maximum ÷ what a server that does nothing reaches",
    "generator_lag_ms": "generator's lag p99, ms",
    "rss_growth_mb": "growth of memory, MB",
    "machine_kept_up": "the machine kept to the plan",
    "phases_late_ms": "phases longer or shorter than planned by, ms",
    "hits_held_back": "unrelated requests that the generator had no connection for, as a share of a phase's",
}

SCOPES = ("tail", "bound", "closed", "open", "all")


def gate_name(name: str) -> str:
    return GATE_NAMES.get(name, name.replace("_", " "))


def gate_scope(name: str, gate: dict[str, Any]) -> str:
    """Which figures a gate governs: one of SCOPES. A gate may say so itself."""
    if gate.get("scope") in SCOPES:
        return str(gate["scope"])
    if "lag" in name or "tail" in name:
        return "tail"
    if "closed" in name or "little" in name:
        return "closed"
    if "achieved" in name or "offered" in name or "unsent" in name:
        return "open"
    return "all"


def metric_scope(metric: str) -> str:
    """Where a figure comes from. Latencies come from the fixed rate, as CPU per request does."""
    if metric.startswith("closed_"):
        return "closed"
    if metric in ("startup_ns", "drain_ns", "lost", "rss_bytes", "wire_bytes", "time_ns"):
        return "all"
    return "open"


Failed = list[tuple[str, str, dict[str, Any]]]


def failed_gates(sample: dict[str, Any]) -> Failed:
    """(name, scope, gate) of every gate that a sample does not pass."""
    gates = sample.get("gates") or {}
    return [(n, gate_scope(n, g), g) for n, g in sorted(gates.items()) if g.get("ok") is False]


def passes(sample: dict[str, Any], metric: str) -> bool:
    """Does the sample pass the gates that can invalidate this metric?"""
    governing = ("all", metric_scope(metric))
    return all(found not in governing for _, found, _ in failed_gates(sample))


def from_server(sample: dict[str, Any]) -> Failed:
    """Of failed_gates() those that invalidate and speak of the server. Less than was offered is the rig's where the
    same process shows the rig at its limit, and the server not."""
    rig_full = ((sample.get("gates") or {}).get("saturated") or {}).get("ok") is False
    of_rig = OF_RIG | {"achieved_over_offered"} if rig_full else OF_RIG
    return [each for each in failed_gates(sample) if each[1] in INVALIDATING and each[0] not in of_rig]


def tally(family: Family) -> None:
    """Counts each gate of each case, withholds what a round of the server's or too many of the rig's invalidate,
    marks tails that are the machine's, too, and throughputs that are the rig's. A process that failed for what its
    server did (faults.py) is such a round."""
    marks = {"tail": family.tails, "bound": family.bounded}
    for member in family.plan["members"]:
        samples = [sample for _, sample in sorted(family.samples.get(member, {}).items())]
        samples += [line for line in family.failures if line.get("member") == member and from_server(line)]
        for name in sorted({name for sample in samples for name in (sample.get("gates") or {})}):
            family.gates.append(_tally_one(member, name, samples))
        for scope in (*INVALIDATING, *marks):
            bad = [found for s in samples if (found := _of_scope(failed_gates(s), scope))]
            own = [found for s in samples if (found := _of_scope(from_server(s), scope))]
            many = len(bad) > GATE_FAILURES_MAX * len(samples)
            if scope in marks:
                if many:
                    marks[scope][member] = _gate_reason(bad, len(samples))
            elif own or many:
                family.withheld[member, scope] = _gate_reason(own or bad, len(samples))
            elif bad:
                family.dropped[member, scope] = _gate_reason(bad, len(samples))


def _of_scope(found: Failed, scope: str) -> Failed:
    return [each for each in found if each[1] == scope]


def tally_host(family: Family, rule: dict[str, Any] | None) -> None:
    """Steal and other programs, against the limits of the discard rule: what is over is not counted."""
    if family.kind != "service":
        return
    for name in discard.COVARIATES:
        limit = discard.limit(rule, family.kind, name)
        for member in family.plan["members"]:
            gone = [s for (who, _), s in sorted(family.discarded.items()) if who == member]
            every = [*family.samples.get(member, {}).values(), *gone]
            values = [(s.get("covariates") or {}).get(name) for s in every]
            known = [v for v in values if v is not None]
            if known:
                over = sum(limit is not None and v > limit for v in known)
                family.host.append(
                    GateTally(member, name, "host", limit, known, over, len(known), [])
                )


def _tally_one(member: str, name: str, samples: list[dict[str, Any]]) -> GateTally:
    gates = [s["gates"][name] for s in samples if name in (s.get("gates") or {})]
    failed = [g for g in gates if g.get("ok") is False]
    return GateTally(
        member,
        name,
        gate_scope(name, gates[0]),
        gates[0].get("limit"),
        [g.get("value") for g in gates],
        len(failed),
        len(gates),
        sorted({str(g["reason"]) for g in failed if g.get("reason")}),
    )


def _gate_reason(bad: list[Failed], total: int) -> str:
    """bad: of each round that fails any. For example "achieved ÷ offered 0.913 (limit 0.99) in 3 of 8 rounds"."""
    worst: dict[str, list[Any]] = {}
    limits: dict[str, Any] = {}
    for name, _, gate in (each for found in bad for each in found):
        worst.setdefault(name, []).append(gate.get("value"))
        limits[name] = gate.get("limit")
    parts = []
    for name, values in sorted(worst.items()):
        numbers = [v for v in values if isinstance(v, (int, float)) and not isinstance(v, bool)]
        figure = f" {median(numbers):.4g}" if numbers else ""
        bound = limits[name]
        said = (
            f" (limit {bound:.4g})"
            if isinstance(bound, (int, float))
            else f" (limit {bound})" if bound else ""
        )
        words = [str(v) for v in dict.fromkeys(values) if isinstance(v, str)]
        figure = figure or (f" {' or '.join(words)}" if words else "")
        parts.append(f"{gate_name(name)}{figure}{said} in {len(values)} of {total} rounds")
    return "; ".join(parts)
