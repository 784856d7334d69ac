# SPDX-License-Identifier: MIT
"""Jobs beside each other: a thread each, and one that takes what they yield."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import TypeVar

MEET_S = 60.0
T = TypeVar("T")


class Alone:
    """What a job may ask of its company when it has none."""

    def meet(self) -> None:
        """Returns when all have come as far."""

    def pause(self, seconds: float) -> None:
        """Sleeps; raises Left when nobody takes what the job yields any more."""
        time.sleep(seconds)


ALONE = Alone()


class Left(Exception):
    """The job is to end: what it has started goes with it."""


class Company(Alone):
    """Of a thread. Nobody waits for one that has ended, or for longer than a minute."""

    def __init__(self, size: int) -> None:
        self._door, self._left = threading.Barrier(size), threading.Event()

    def meet(self) -> None:
        with contextlib.suppress(threading.BrokenBarrierError):
            self._door.wait(MEET_S)

    def pause(self, seconds: float) -> None:
        if self._left.wait(seconds):
            raise Left

    def let_go(self) -> None:
        self._door.abort()

    def leave(self) -> None:
        self._left.set()
        self._door.abort()


Job = Callable[[Alone], Iterator[T]]


def one_by_one(jobs: Mapping[str, Job[T]]) -> Generator[tuple[str, T], None, None]:
    """The same, each alone."""
    for name, job in jobs.items():
        for each in job(ALONE):
            yield name, each


def beside(jobs: Mapping[str, Job[T]]) -> Generator[tuple[str, T], None, None]:
    """(name, what its job yielded), as it comes. The first exception in a job ends all of them, and is
    raised here. To be closed: then they end, too, and nothing of them is left."""
    found: queue.SimpleQueue[tuple[str, T] | BaseException | None] = queue.SimpleQueue()
    company = Company(len(jobs))

    def work(name: str, job: Job[T]) -> None:
        try:
            for each in job(company):
                found.put((name, each))
            found.put(None)
        except BaseException as error:
            found.put(error)
        finally:
            company.let_go()

    threads = [threading.Thread(target=work, args=item, name=item[0]) for item in jobs.items()]
    try:
        for thread in threads:
            thread.start()
        left = len(threads)
        while left:
            each = found.get()
            if isinstance(each, BaseException):
                raise each
            if each is None:
                left -= 1
            else:
                yield each
    finally:
        company.leave()
        for thread in threads:
            if thread.ident is not None:
                thread.join()
