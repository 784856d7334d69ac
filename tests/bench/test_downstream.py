# SPDX-License-Identifier: MIT
"""downstream: echoes late, and the same for the same seed."""

from __future__ import annotations

import http.client
import json
import math
import time
from pathlib import Path

from services_testing import ENDS_WITHIN_S, PATIENCE_S, Server, load, serving


def ask(server: Server, count: int) -> tuple[list[int], list[float]]:
    """One request after the other: statuses and times, in order of their numbers."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=ENDS_WITHIN_S)
    statuses, seconds = [], []
    for i in range(count):
        begun = time.monotonic()
        connection.request("POST", "/", b"body %d" % i)
        answer = connection.getresponse()
        body = answer.read()
        seconds.append(time.monotonic() - begun)
        statuses.append(answer.status)
        assert body == (b"body %d" % i if answer.status == 200 else b"")
    connection.close()
    return statuses, seconds


def test_errors_come_from_the_seed() -> None:
    def fates(seed: int) -> list[int]:
        with serving(
            "downstream", "--delay", "fixed:0", "--error-rate", 0.3, "--seed", seed
        ) as server:
            return ask(server, 60)[0]

    first = fates(5)
    assert fates(5) == first
    assert fates(6) != first
    assert set(first) == {200, 500}


def mix(z: int) -> int:
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
    return z ^ (z >> 31)


def uniform(seed: int, index: int) -> float:
    bits = mix((mix(seed) + (index + 1) * 0x9E3779B97F4A7C15) % 2**64)
    return ((bits >> 11) + 1) / 2**53


def lognormal_s(seed: int, index: int, median_s: float, sigma: float) -> float:
    radius = math.sqrt(-2 * math.log(uniform(seed, 2 * index)))
    return median_s * math.exp(
        sigma * radius * math.cos(2 * math.pi * uniform(seed, 2 * index + 1))
    )


def test_delays_come_from_the_seed() -> None:
    """SplitMix64 and Box-Muller written anew: no answer comes before its own delay is over."""
    with serving("downstream", "--delay", "lognormal:2000,1.5", "--seed", 9) as server:
        _, seconds = ask(server, 40)
    delays = [lognormal_s(9, i, 0.002, 1.5) for i in range(40)]
    assert max(delays) > 10 * min(delays)
    early = [i for i in range(40) if seconds[i] < delays[i] - 1e-6]
    assert not early, [(i, seconds[i], delays[i]) for i in early]


def test_delays_overlap(tmp_path: Path) -> None:
    """Requests of a second and a half each on as many connections, in flight together: one after
    the other they would take longer than load waits for an answer."""
    delay_s = 1.5
    count = 100
    assert count * delay_s > PATIENCE_S
    with serving(
        "downstream", "--delay", f"fixed:{delay_s * 1e6:.0f}", "--json", tmp_path / "d.json"
    ) as server:
        out = load(
            tmp_path, server.address, "--rate", 2 * count, "--arrival", "uniform",
            "--duration", 0.5, "--connections", count,
            "--workload", "echo", "--payload", "ack", "--codec", "cjson",
        )  # fmt: skip
    assert out["answered"] == count
    assert out["service_p50_ns"] >= delay_s * 1e9
    told = json.loads((tmp_path / "d.json").read_text())
    assert told["requests"] == told["answered"] == count
    assert told["lost"] == 0
