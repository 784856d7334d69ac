# SPDX-License-Identifier: MIT
"""What a request's CPU time is made of: kernel, codec, HTTP, the work, the model, and the rest.

The kernel's share is measured in the service itself (system time, as ticks split it). Codec, HTTP,
work and model are measured alone and put beside it; whatever user time they do not explain is the
rest, and may be negative, where something costs less in the service than alone. Intervals of sums and
differences add ends up, so that they hold whatever the parts have to do with each other.

The model's part is its hand-over in process and nothing else: queueing a request and its answer while many
are under way, so that its threads hardly sleep. What a model does because there are sockets is elsewhere.
Wake-ups of sleeping threads, switches to them, epoll, reads and writes are the kernel's part, where they
cannot be told from the network's; what it does around them in user mode is in the rest. So a small part of
the model's does not mean that models cost alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..about import operation, subject
from ..families import Family, Judgement
from ..intervals import ALPHA
from ..verdicts import Estimate

KERNEL, HTTP, CODEC, WORK, MODEL, REST = "kernel", "HTTP", "codec", "work", "model", "rest"
LAYERS = (KERNEL, HTTP, CODEC, WORK, MODEL, REST)
#: How often a request decodes and encodes, and how many answers of another service it parses.
CODINGS = {"rpc": 1, "call": 2}
ASKED = {"call": 1}

Span = tuple[float, float]


@dataclass(frozen=True)
class Layer:
    """Nanoseconds per request; the interval is 95 %, or a sum of such; None: too few rounds."""

    name: str
    ns: float
    interval: Span | None


@dataclass(frozen=True)
class Breakdown:
    family: Family
    member: str
    cpu: Layer
    layers: tuple[Layer, ...]  #: in the order of LAYERS; what is not known is missing
    missing: tuple[str, ...]  #: why a layer is missing and so in the rest

    def layer(self, name: str) -> Layer | None:
        return next((layer for layer in self.layers if layer.name == name), None)

    def share(self, name: str) -> float | None:
        layer = self.layer(name)
        return layer.ns / self.cpu.ns if layer else None


def breakdown(judged: Judgement, family: Family, member: str) -> Breakdown | None:
    """None without CPU per request, or where nobody split it."""
    cpu = _level(family, member, "cpu_ns_per_request", "all")
    user = _level(family, member, "cpu_user_ns_per_request", "user")
    kernel = _level(family, member, "cpu_system_ns_per_request", KERNEL)
    if cpu is None or user is None or kernel is None:
        return None
    found, missing = [kernel], []
    for name, part in (
        (HTTP, _http(judged, family)),
        (CODEC, _codec(judged, family)),
        (WORK, _work(judged, family)),
        (MODEL, _model(judged, member)),
    ):
        if isinstance(part, str):
            missing += [part] if part else []
        else:
            found.append(part)
    found.append(minus(REST, user, *found[1:]))
    return Breakdown(family, member, cpu, tuple(found), tuple(missing))


def minus(name: str, whole: Layer, *parts: Layer) -> Layer:
    ns = whole.ns - sum(part.ns for part in parts)
    ends = [layer.interval for layer in (whole, *parts)]
    if any(end is None for end in ends):
        return Layer(name, ns, None)
    known = [end for end in ends if end is not None]
    low = known[0][0] - sum(end[1] for end in known[1:])
    return Layer(name, ns, (low, known[0][1] - sum(end[0] for end in known[1:])))


def plus(name: str, *parts: Layer) -> Layer:
    ends = [part.interval for part in parts]
    known = [end for end in ends if end is not None]
    whole = (sum(e[0] for e in known), sum(e[1] for e in known)) if len(known) == len(ends) else None
    return Layer(name, sum(part.ns for part in parts), whole)


def times(layer: Layer, number: float) -> Layer:
    ends = layer.interval
    interval = (ends[0] * number, ends[1] * number) if ends else None
    return Layer(layer.name, layer.ns * number, interval)


def _level(family: Family, member: str, metric: str, name: str) -> Layer | None:
    found = family.level(member, metric)
    return Layer(name, found.median, found.interval) if found else None


def _http(judged: Judgement, family: Family) -> Layer | str:
    """One request; and, in `call`, the answer of the service that it asks."""
    parts = judged.run.get("parts") or {}
    if not parts.get("request_ns"):
        return "what HTTP costs alone was not measured"
    found = _of(HTTP, parts["request_ns"])
    asked = ASKED.get(subject(family), int(_load(family).get("fan") or 0))
    if asked and parts.get("response_ns"):
        found = plus(HTTP, found, times(_of(HTTP, parts["response_ns"]), asked))
    return found


def _of(name: str, values: list[float]) -> Layer:
    estimate = Estimate.of(values, ALPHA)
    return Layer(name, estimate.median, estimate.interval)


def codec_time(judged: Judgement, payload: str, codec: str) -> Layer | None:
    """Decode and encode a document of that payload, once each."""
    both = []
    for family in judged.kind("codec"):
        if subject(family) == payload and operation(family) in ("decode", "encode"):
            both.append(_level(family, codec, "time_ns", CODEC))
    known = [layer for layer in both if layer]
    return plus(CODEC, *known) if len(known) == 2 else None


def _codec(judged: Judgement, family: Family) -> Layer | str:
    load, count = _load(family), CODINGS.get(subject(family), 0)
    if not count:
        return ""
    found = codec_time(judged, str(load.get("payload")), str(load.get("codec")))
    if found is None:
        return "its payload's encode and decode with its codec are not in this run"
    return times(found, count)


def _work(judged: Judgement, family: Family) -> Layer | str:
    """What the request asks for besides: in process, on the floor, beyond a request that asks nothing."""
    iterations = _load(family).get("cpu_iterations")
    if not iterations:
        return ""
    if subject(family) != "cpu":
        return "what it computes was not measured alone"
    work, echo = in_process(judged, "cpu"), in_process(judged, "echo")
    inside = _level(work, "inline", "time_ns", WORK) if work else None
    floor = _level(echo, "inline", "time_ns", WORK) if echo else None
    if work is None or inside is None or floor is None:
        return "its work was not measured in process"
    if _load(work).get("cpu_iterations") != iterations:
        return "its work in process is another"
    return minus(WORK, inside, floor)


def _model(judged: Judgement, member: str) -> Layer | str:
    """Handing over a request that asks nothing: in process, beyond the floor, which calls the work in place."""
    echo = in_process(judged, "echo")
    own = _level(echo, member, "time_ns", MODEL) if echo else None
    floor = _level(echo, "inline", "time_ns", MODEL) if echo else None
    if own is None or floor is None:
        return "what the model costs in process is not in this run"
    return minus(MODEL, own, floor)


def in_process(judged: Judgement, workload: str) -> Family | None:
    return next((f for f in judged.kind("model") if subject(f) == workload), None)


def _load(family: Family) -> dict[str, Any]:
    return family.plan.get("load") or {}
