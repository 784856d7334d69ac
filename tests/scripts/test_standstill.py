# SPDX-License-Identifier: MIT
"""standstill.py: what is excused, and what is not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import standstill


class Seen(standstill.Watch):
    """Says that it was so long."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._longest_s = {-1: seconds}
        self._threads = []


def failing(times: int) -> tuple[list[int], standstill.Callable[[int], str]]:
    tried: list[int] = []

    def experiment(number: int) -> str:
        tried.append(number)
        assert number >= times, "no answer"
        return "done"

    return tried, experiment


def test_a_failure_counts_where_nothing_stood_still() -> None:
    tried, experiment = failing(1)
    with pytest.raises(AssertionError, match="no answer"):
        standstill.again(experiment, lambda: Seen(standstill.STILL_S / 2))
    assert tried == [0]


def test_it_is_made_again_where_something_did_and_not_for_ever() -> None:
    tried, experiment = failing(2)
    with pytest.warns(UserWarning, match="stood still for 1.000 s.*no answer"):
        assert standstill.again(experiment, lambda: Seen(1.0)) == "done"
    assert tried == [0, 1, 2]
    tried, experiment = failing(100)
    with pytest.warns(UserWarning), pytest.raises(AssertionError, match="no answer"):
        standstill.again(experiment, lambda: Seen(1.0))
    assert tried == list(range(standstill.TRIES))


def test_every_cpu_is_watched_and_given_back() -> None:
    before = os.sched_getaffinity(0)
    with standstill.Watch() as watch:
        assert len(watch._threads) == len(before) and all(thread.is_alive() for thread in watch._threads)
    assert watch.longest_s >= 0 and not any(thread.is_alive() for thread in watch._threads)
    assert os.sched_getaffinity(0) == before


@standstill.excused
def test_a_test_has_its_fixtures_and_its_folder(tmp_path: Path) -> None:
    assert tmp_path.is_dir() and not list(tmp_path.iterdir())
