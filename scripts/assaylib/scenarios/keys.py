# SPDX-License-Identifier: MIT
"""What may stand in a scenario's file: every key with its type, its range and its default.

A kind says so in a table `KEYS`: {"load": {"connections": count(32, 1, 10000)}, …}. What is not in it,
is of another type or out of range ends the command with the file's name and the key (exit 2). "server.MODEL"
is what [server.thread_pool] and its like may hold, where that is not what [server] may.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .. import UsageError

#: As a default: the file has to say it.
REQUIRED = object()


@dataclass(frozen=True)
class Key:
    type: type
    default: Any
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    many: bool = False  #: a list of them, not empty
    like: str = ""  #: a text must match that
    form: str = ""  #: … which is said so
    wrong: Callable[[str], str] = lambda _: ""  #: what is wrong with one that does


def count(default: Any = REQUIRED, low: int = 0, high: int = 10**9) -> Key:
    return Key(int, default, low, high)


def number(default: Any = REQUIRED, low: float = 0.0, high: float = 1e9) -> Key:
    return Key(float, default, low, high)


def flag(default: Any = False) -> Key:
    return Key(bool, default)


def text(default: Any = REQUIRED, *choices: str) -> Key:
    return Key(str, default, choices=choices)


_N = r"\d+(\.\d+)?(e\d+)?"


def delay() -> Key:
    """Of the service downstream."""
    like = f"(fixed|exp):{_N}|lognormal:{_N},{_N}|bimodal:{_N},{_N},{_N}"
    form = "fixed:US, exp:MEAN_US, lognormal:MEDIAN_US,SIGMA or bimodal:FAST_US,SLOW_US,SLOW_SHARE"
    return Key(str, REQUIRED, like=like, form=form, wrong=_delay_wrong)


DELAY_MAX_US = 3.6e9  # an hour: bench/delay.c takes no more, nor these of what stands behind it
SIGMA_MAX, SHARE_MAX = 10.0, 1.0


def _delay_wrong(delay: str) -> str:
    kind, _, given = delay.partition(":")
    *us, last = map(float, given.split(","))
    limit, what = {"lognormal": (SIGMA_MAX, "SIGMA"), "bimodal": (SHARE_MAX, "SLOW_SHARE")}.get(kind, (DELAY_MAX_US, "US"))
    if any(each > DELAY_MAX_US for each in us):
        return f"is more than {DELAY_MAX_US:g} microseconds"
    return f"must have {what} of at most {limit:g}" if last > limit else ""


def mean_us(delay: str) -> float:
    """Of a delay's form, microseconds."""
    kind, _, given = delay.partition(":")
    first, *rest = map(float, given.split(","))
    if kind == "lognormal":
        return first * math.exp(rest[0] * rest[0] / 2)
    return first + rest[1] * (rest[0] - first) if kind == "bimodal" else first


def many(key: Key, default: Any = REQUIRED) -> Key:
    """A list: `many(number(REQUIRED, 0.1, 4))`."""
    return Key(key.type, default, key.low, key.high, key.choices, True)


Keys = Mapping[str, Mapping[str, Key]]
TABLES = ("server", "downstream", "load", "level", "steps")

#: serve's options, by its names; how many of what is up to it. Without a default they are left out.
SERVER: dict[str, Key] = {
    "workload": text("rpc"),
    "payload": text("order"),
    "codec": text("protobuf_c"),
    "threads": count(1, 1, 1024),
    "offload_threads": count(None, 1, 1024),
    "spin_us": count(None, 0, 1000000),
    "batch": count(None, 1, 1000000),
    "queue_limit": count(1024, 1, 1000000),
    "on_full": text("reject", "reject", "wait"),
    "downstream_connections": count(None, 1, 65536),
    "call_timeout_ms": count(None, 1, 3600000),
    "cpu_iterations": count(None, 1, 10**15),
    "hops": count(None, 1, 1000000),
    "cells": count(None, 1, 1000000),
    "fan": count(None, 1, 1000),
    "messages": count(None, 1, 1000000),
    "offload": flag(),
    "max_body_bytes": count(None, 1, 2**30),
    "io_timeout_ms": count(None, 1, 3600000),
    "drain_ms": count(None, 0, 3600000),
}

#: downstream's; there is one if the file has this table.
DOWNSTREAM: dict[str, Key] = {
    "delay": delay(),
    "seed": count(None, 0, 2**63 - 1),
    "error_rate": number(None, 0, 1),
    "stall_every": number(None, 0.001, 1e6),
    "stall_for": number(None, 0.001, 1e6),
}

#: load's, but for rate, warm-up and duration, which are the kinds' steps.
LOAD: dict[str, Key] = {
    "connections": count(32, 1, 1000000),
    "arrival": text("poisson", "poisson", "uniform", "burst", "closed"),
    "burst": count(None, 1, 1000000),
    "in_flight": count(None, 0, 1000000),
    "timeout": number(None, 0.001, 1e6),
    "spin_us": count(None, 0, 1000000),
    "slack_us": count(None, 0, 1000000),
}

#: Of [[load.classes]]: kinds of request with shares.
CLASS: dict[str, Key] = {
    "name": text(),
    "share": number(REQUIRED, 1e-9, 1e9),
    "path": text(None),
    "workload": text(None),
    "payload": text(None),
    "codec": text(None),
    "cpu_iterations": count(None, 1, 10**15),
    "hops": count(None, 1, 1000000),
    "messages": count(None, 1, 1000000),
    "hot_percent": count(None, 0, 100),
    "put_percent": count(None, 0, 100),
    "heavy_percent": count(None, 0, 100),
    "hit_percent": count(None, 0, 100),
}


def pools(server: Mapping[str, Key]) -> dict[str, Key]:
    """[server.MODEL] of a kind in which a model may have several numbers of threads: each is a row (Scenario.rows)."""
    return {**server, "threads": many(server["threads"], ())}


class Wrong(UsageError):
    """A key of a scenario's file, and what is wrong with it."""

    def __init__(self, where: str, key: str, why: str) -> None:
        super().__init__(f"{where}: {key}: {why}")


def table(where: str, name: str, given: Any, keys: Mapping[str, Key]) -> dict[str, Any]:
    """All keys with their values; `name` is the table's, "" for the top."""
    if not isinstance(given, dict):
        raise Wrong(where, name, "must be a table")
    prefix = f"{name}." if name else ""
    for key in given:
        if key not in keys:
            also = "" if name else f"; tables: {', '.join(TABLES)}"
            raise Wrong(where, prefix + key, f"is not known here ({', '.join(keys) or 'nothing is'}{also})")
    return {key: _value(where, prefix + key, given.get(key), spec) for key, spec in keys.items()}


def _value(where: str, key: str, given: Any, spec: Key) -> Any:
    if given is None:
        if spec.default is REQUIRED:
            raise Wrong(where, key, "is missing")
        return spec.default
    if not spec.many:
        return _one(where, key, given, spec)
    if not isinstance(given, list) or not given:
        raise Wrong(where, key, f"must be a list of {_named(spec)}, not empty")
    return [_one(where, key, each, spec) for each in given]


def _named(spec: Key) -> str:
    return {int: "whole numbers", float: "numbers", bool: "true or false", str: "texts"}[spec.type]


def _one(where: str, key: str, given: Any, spec: Key) -> Any:
    if spec.type is float and type(given) is int:
        given = float(given)
    if type(given) is not spec.type:
        one = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
        raise Wrong(where, key, f"must be {one[spec.type]}")
    if spec.choices and given not in spec.choices:
        raise Wrong(where, key, f'"{given}" is not one of {", ".join(spec.choices)}')
    if spec.like and not re.fullmatch(spec.like, given):
        raise Wrong(where, key, f'"{given}" is not of the form {spec.form}')
    if spec.like and (why := spec.wrong(given)):
        raise Wrong(where, key, f'"{given}" {why}')
    low, high = spec.low, spec.high
    # Not `given < low`: nan is a number in TOML.
    if (low is not None and not given >= low) or (high is not None and not given <= high):
        said, first, last = (str(x) if isinstance(x, int) else f"{x:g}" for x in (given, low, high))
        raise Wrong(where, key, f"{said}: must be from {first} to {last}")
    return given


def classes(where: str, given: Any, keys: Mapping[str, Key] = CLASS) -> list[dict[str, Any]]:
    """[[load.classes]]; what is None is not said to load."""
    if not isinstance(given, list) or len(given) < 2:
        raise Wrong(where, "load.classes", "must be two tables or more, [[load.classes]]")
    found = [table(where, f"load.classes[{i}]", each, keys) for i, each in enumerate(given)]
    names: Sequence[str] = [each["name"] for each in found]
    if len(set(names)) < len(names):
        raise Wrong(where, "load.classes", "two have the same name")
    return found
