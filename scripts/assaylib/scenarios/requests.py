# SPDX-License-Identifier: MIT
"""What load wrote of every request (load --requests), and figures of any span or slot of it.

Times are nanoseconds from the beginning of load's window. A request belongs to the span in which it
was due, whenever it was answered: who came while a service was stuck counts there. What has no right
answer counts in a percentile as one that never came.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..intervals import percentile
from ..rig import Failure, Loading

RIGHT, WRONG, FAILED, TIMEOUT, UNSENT = "right", "wrong", "failed", "timeout", "unsent"
REFUSED = 503
HEAD = ["class", "due_ns", "sent_ns", "ended_ns", "outcome", "status"]


class Request(NamedTuple):
    kind: str  # its class; "" of a single one
    due_ns: int
    sent_ns: int | None  # None: never sent
    ended_ns: int | None
    outcome: str
    status: int  # of an answer, else 0

    @property
    def latency_ns(self) -> int | None:
        """Of a right answer, from when it was due."""
        if self.outcome != RIGHT or self.ended_ns is None:
            return None
        return self.ended_ns - self.due_ns

    @property
    def refused(self) -> bool:
        return self.outcome == WRONG and self.status == REFUSED


def read(loading: Loading) -> list[Request]:
    """After loading.wait(), of load that was started with requests=True."""
    assert loading.requests
    return parse(loading.requests)


def parse(path: Path) -> list[Request]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = csv.reader(file)
            if next(rows, None) != HEAD:
                raise Failure(f"load: {path.name} has another head")
            return [
                Request(kind, int(due), _number(sent), _number(ended), outcome, int(status or 0))
                for kind, due, sent, ended, outcome, status in rows
            ]
    except (OSError, ValueError) as error:
        raise Failure(f"load: its file of requests cannot be read: {error}") from None


def _number(text: str) -> int | None:
    return int(text) if text else None


def due(requests: Iterable[Request], from_ns: int, to_ns: int, kind: str | None = None) -> list[Request]:
    return [r for r in requests if from_ns <= r.due_ns < to_ns and kind in (None, r.kind)]


def whole(requests: Sequence[Request], share: float) -> int | None:
    """The percentile of all that were due; None: it is of those that were never rightly answered."""
    latencies = (r.latency_ns for r in requests)
    found = percentile([math.inf if ns is None else ns for ns in latencies], share) if requests else math.inf
    return None if math.isinf(found) else int(found)


def figures(requests: Sequence[Request]) -> dict[str, Any]:
    """Of one span and kind. p50_ns and p99_ns are of right answers; whole_p99_ns of all."""
    latencies = [ns for r in requests if (ns := r.latency_ns) is not None]
    return {
        "planned": len(requests),
        "right": len(latencies),
        "refused": sum(r.refused for r in requests),
        "kinds": kinds(requests),
        "held_back": sum(_held_back(r) for r in requests),
        "p50_ns": percentile(latencies, 0.5) if latencies else None,
        "p99_ns": percentile(latencies, 0.99) if latencies else None,
        "max_ns": max(latencies, default=None),
        "whole_p99_ns": whole(requests, 0.99),
    }


HELD_BACK_NS = 5_000_000  # sent so late, it waited for a connection; who waited shorter load alone knows


def _held_back(request: Request) -> bool:
    return request.sent_ns is None or request.sent_ns - request.due_ns > HELD_BACK_NS


def kinds(requests: Iterable[Request]) -> dict[str, int]:
    """What went wrong, how often: {"503": 12, "timeout": 1}."""
    found: dict[str, int] = {}
    for r in requests:
        if r.outcome != RIGHT:
            name = str(r.status) if r.outcome == WRONG else r.outcome
            found[name] = found.get(name, 0) + 1
    return dict(sorted(found.items()))


def slots(requests: Iterable[Request], slot_ns: int, count: int, limit_ns: int | None = None) -> dict[str, Any]:
    """The timeline: lists, a value for each slot. All but `ended` and `within` by when a request was due:
    those count right answers by when they came, `within` those no later than limit_ns after they were due."""
    each: list[list[Request]] = [[] for _ in range(count)]
    ended, within = [0] * count, [0] * count
    for r in requests:
        if 0 <= r.due_ns < slot_ns * count:
            each[r.due_ns // slot_ns].append(r)
        latency_ns = r.latency_ns
        if latency_ns is not None and r.ended_ns is not None and r.ended_ns < slot_ns * count:
            ended[r.ended_ns // slot_ns] += 1
            within[r.ended_ns // slot_ns] += limit_ns is not None and latency_ns <= limit_ns
    found = [figures(slot) for slot in each]
    keys = ("planned", "right", "refused", "p50_ns", "p99_ns", "max_ns", "whole_p99_ns")
    table: dict[str, Any] = {key: [slot[key] for slot in found] for key in keys}
    table |= {"slot_ns": slot_ns, "ended": ended}
    return table | {"within": within, "limit_ns": limit_ns} if limit_ns is not None else table


def back_ns(timeline: dict[str, Any], from_ns: int, level_ns: float) -> int | None:
    """How long after from_ns until the end of the first slot, of those that begin then or later, in which
    everything due was rightly answered with a p99 of level_ns at most; None: in none. An upper bound by
    up to two slots, and never less than one."""
    slot_ns = timeline["slot_ns"]
    for i, p99_ns in enumerate(timeline["whole_p99_ns"]):
        complete = timeline["right"][i] == timeline["planned"][i] > 0
        if i * slot_ns >= from_ns and complete and p99_ns is not None and p99_ns <= level_ns:
            return int((i + 1) * slot_ns - from_ns)
    return None
