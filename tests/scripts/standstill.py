# SPDX-License-Identifier: MIT
"""Experiments that a machine may spoil by standing still.

A host that takes a CPU away for longer than an experiment's windows leaves them without an answer, or
with answers that are too late: then there is nothing to judge. So somebody watches each CPU meanwhile,
and a failure counts unless a CPU stood still; then the experiment is made once more. On a machine that
only is busy, or slow, nothing is excused.
"""

from __future__ import annotations

import functools
import os
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

#: Shorter than any window in these tests; longer than the kernel lets anybody wait who seldom runs.
STILL_S = 0.08
NAP_S = 0.005
TRIES = 6

Result = TypeVar("Result")


class Watch:
    """`with Watch() as watch: …`; then watch.longest_s is the longest that a CPU did not answer."""

    def __init__(self) -> None:
        self._longest_s = dict.fromkeys(os.sched_getaffinity(0), 0.0)
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._look, args=(cpu,)) for cpu in self._longest_s]

    @property
    def longest_s(self) -> float:
        return max(self._longest_s.values())

    def _look(self, cpu: int) -> None:
        os.sched_setaffinity(0, {cpu})  # of this thread
        before = time.monotonic()
        while not self._over.is_set():
            time.sleep(NAP_S)
            now = time.monotonic()
            self._longest_s[cpu] = max(self._longest_s[cpu], now - before - NAP_S)
            before = now

    def __enter__(self) -> Watch:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()


def again(experiment: Callable[[int], Result], watching: Callable[[], Watch] = Watch) -> Result:
    """What experiment(0) gives, or experiment(1) … if the one before failed while a CPU stood still."""
    for number in range(TRIES):
        with watching() as watch:
            try:
                return experiment(number)
            except Exception as failure:  # noqa: BLE001, whatever a missing answer leads to
                failed = failure
        if watch.longest_s < STILL_S:
            raise failed
        warnings.warn(f"a CPU stood still for {watch.longest_s:.3f} s: {failed!r:.300}", stacklevel=2)
    raise failed


def excused(test: Callable[..., None]) -> Callable[..., None]:
    """A test as such an experiment; every try has a folder of its own."""

    @functools.wraps(test)
    def wrapped(*args: Any, **fixtures: Any) -> None:
        def experiment(number: int) -> None:
            given = dict(fixtures)
            folder: Path | None = given.get("tmp_path")
            if folder is not None and number:
                given["tmp_path"] = folder / f"try {number}"
                given["tmp_path"].mkdir()
            test(*args, **given)

        again(experiment)

    return wrapped
