# SPDX-License-Identifier: MIT
"""Service families: a fresh server for every member and round, under load over real sockets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .plan import Family
from .programs import Build

WORKLOADS: tuple[str, ...] = ()


def workloads(build: Build) -> tuple[str, ...]:
    """Those that can be measured over sockets with what is built."""
    if not all(build.find(name) for name in ("serve", "load", "downstream")):
        return ()
    return WORKLOADS


def pilot(build: Build, family: Family, say: Callable[[str], None]) -> Family:
    raise NotImplementedError


def measure(
    build: Build, family: Family, member: str, *, seed: int, padding: int
) -> dict[str, dict[str, Any]]:
    raise NotImplementedError
