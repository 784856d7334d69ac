# SPDX-License-Identifier: MIT
"""Progress on stderr: one line that is rewritten on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

PLAIN_EVERY_S = 15.0


def minutes(seconds: float) -> str:
    whole = max(0, round(seconds))
    return f"{whole // 60}:{whole % 60:02}"


class Progress:
    """Time left is the plan's, scaled by how this run has compared with its plan so far."""

    def __init__(self, planned_s: float, processes: int, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._began = clock()
        self._planned_s = planned_s
        self._done_s = 0.0
        self._processes = processes
        self._done = 0
        self._shown = float("-inf")
        self._tty = sys.stderr.isatty()

    def left_s(self) -> float:
        pace = 1.0
        if self._done_s > 0:
            # A tenth of the plan weighs as a prior: the first process does not decide it.
            prior = self._planned_s / 10
            pace = (self._clock() - self._began + prior) / (self._done_s + prior)
        return (self._planned_s - self._done_s) * pace

    def done(self, planned_s: float, what: str) -> None:
        self._done += 1
        self._done_s += planned_s
        over = self._done - self._processes
        text = (
            f"{over} more, for those that do not count · {what}"
            if over > 0
            else f"{self._done}/{self._processes} processes, {minutes(self.left_s())} left · {what}"
        )
        last = over == 0
        if self._tty:
            print(f"\r\033[K{text}", end="\n" if last else "", file=sys.stderr, flush=True)
        elif last or self._clock() - self._shown >= PLAIN_EVERY_S:
            print(text, file=sys.stderr, flush=True)
            self._shown = self._clock()

    def end(self) -> None:
        """Leaves the line that make-up rounds kept rewriting."""
        if self._tty and self._done > self._processes:
            print(file=sys.stderr, flush=True)

    def say(self, text: str) -> None:
        """A line of its own, the progress line kept apart."""
        print(f"\r\033[K{text}" if self._tty else text, file=sys.stderr, flush=True)
