# SPDX-License-Identifier: MIT
"""What the rig can carry at most: the same requests, as many bytes back, from a server that does nothing
(bench/bare.c), on the CPUs and through the generator that the real ones have. Measured in the pilot."""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from .. import rig
from ..plan import RIG_PILOT_S
from ..programs import Build, Child

REPEATS = 3
WARMUP_S, WINDOW_S = 0.1, 0.25
PILOT_S = RIG_PILOT_S  # of which plan.py knows


def closed_hz(
    build: Build,
    asked: Mapping[str, Any],
    *,
    server_cpu: int | str,
    load_cpu: int | str,
    say: Callable[[str], None],
    close: bool = False,
) -> float | None:
    """Requests per second in a closed loop: the median of REPEATS, or of those that a busy machine leaves
    with an answer. asked: load's options, of the workload's requests; close: each on a connection of its
    own. None, with a word about why, if none works."""
    options = {**any_reply(asked), "arrival": "closed", "warmup": WARMUP_S, "duration": WINDOW_S}
    reached, why = [], ""
    for _ in range(REPEATS):
        try:
            with server(build, cpu=server_cpu, close=close) as nothing:
                found = rig.load(build, nothing, options, cpu=load_cpu)
            if found["wrong"] or found["failed"]:
                raise rig.Failure(f"{found['wrong']} wrong and {found['failed']} failed replies")
            reached.append(float(found["achieved_hz"]))
        except rig.Failure as failure:
            why = str(failure)
    if not reached:
        say(f"assay: what the rig can carry is not known: {why}")
        return None
    return statistics.median(reached)


def any_reply(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The same requests, of which any answer will do."""
    classes = asked.get("classes")
    if classes:
        return {**asked, "classes": [{**each, "any_reply": True} for each in classes]}
    return {**asked, "any_reply": True}


@contextlib.contextmanager
def server(build: Build, *, cpu: int | str, close: bool = False) -> Iterator[rig.Server]:
    if build.find("bare") is None:
        raise rig.Failure("bare is not built")
    words = [str(build.program("bare")), *rig.argv({"same_size": True, "close": close})]
    with Child(words, cpus=rig.cpus(cpu), line=True) as child:
        yield rig.Server(child, rig.listening(child), 0, Path("/dev/null"))
