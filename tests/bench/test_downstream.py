# SPDX-License-Identifier: MIT
"""downstream: echoes late, and the same for the same seed."""

from __future__ import annotations

import contextlib
import http.client
import json
import math
import re
import signal
import socket
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from services_testing import ENDS_WITHIN_S, PATIENCE_S, Server, load, models, serving


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


def test_delays_of_two_kinds() -> None:
    """Bimodal: which of a plan's requests are slow follows from the seed."""
    with serving("downstream", "--delay", "bimodal:0,150000,0.25", "--seed", 3) as server:
        _, seconds = ask(server, 24)
    slow = [i for i in range(24) if uniform(3, i) <= 0.25]
    assert 0 < len(slow) < 24
    assert all(seconds[i] >= 0.15 for i in slow)


def control_port(server: Server) -> int:
    """The second line that it prints."""
    assert server.process.stdout
    line = server.process.stdout.readline()
    assert line.startswith("control on 127.0.0.1:")
    return int(line.rsplit(":", 1)[1])


def tell(port: int, settings: str) -> dict[str, Any]:
    url = f"http://127.0.0.1:{port}/"
    with urllib.request.urlopen(url, settings.encode(), timeout=ENDS_WITHIN_S) as answer:
        told: dict[str, Any] = json.load(answer)
    return told


CONTROLLED = ["--control", "127.0.0.1:0", "--delay", "fixed:0"]


def test_a_new_plan_counts_from_its_beginning() -> None:
    """Switched in the middle, at whatever number: the same fates as from a service begun with it."""
    with serving("downstream", "--delay", "fixed:0", "--error-rate", 0.4, "--seed", 8) as server:
        fates = ask(server, 40)[0]
    assert set(fates) == {200, 500}
    with serving("downstream", *CONTROLLED) as server:
        port = control_port(server)
        assert set(ask(server, 7)[0]) == {200}
        told = tell(port, "error-rate=0.4 seed=8")
        assert Path(f"/proc/{told['pid']}/comm").read_text() == "downstream\n"
        assert told["pid"] != server.process.pid
        assert (told["plan"], told["plan_requests"], told["requests"]) == (1, 0, 7)
        assert ask(server, 40)[0] == fates
        told = tell(port, "")
        assert (told["plan"], told["plan_requests"], told["requests"]) == (1, 40, 47)
        assert told["errors"] == fates.count(500)
        tell(port, "seed=8")  # said again: from the beginning again
        assert ask(server, 40)[0] == fates
        told = tell(port, "delay=exp:100&stall-every=2\nstall-for=1")
        kept = {k: told[k] for k in ("delay", "seed", "error_rate", "stall_every_s", "stall_for_s")}
        assert kept == {
            "delay": "exp:100", "seed": 8, "error_rate": 0.4, "stall_every_s": 2, "stall_for_s": 1
        }  # fmt: skip
        assert tell(port, "stall-every=0")["stall_for_s"] == 0


@pytest.mark.parametrize("model", models())
def test_every_model_meets_the_same_sequence(model: str) -> None:
    """Asked through a server: its replies carry the fates in the order of the requests."""
    with serving("downstream", "--delay", "fixed:0", "--error-rate", 0.4, "--seed", 8) as behind:
        with serving(
            "serve", "--model", model, "--workload", "call", "--payload", "ack",
            "--codec", "cjson", "--downstream", behind.address,
        ) as server:  # fmt: skip
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=ENDS_WITHIN_S)
            good = []
            for _ in range(40):
                connection.request("POST", "/", b"{}", {"Content-Type": "application/json"})
                answer = connection.getresponse()
                answer.read()
                good.append(answer.status == 200)
            connection.close()
    assert good == [uniform(~8 % 2**64, i) > 0.4 for i in range(40)]


def test_dies_and_comes_back(tmp_path: Path) -> None:
    """What was under way is lost, nobody is let in meanwhile, and then the sequence goes on."""
    with serving("downstream", *CONTROLLED, "--json", tmp_path / "d.json") as server:
        port = control_port(server)
        tell(port, "error-rate=0.4 seed=8")
        first = ask(server, 10)[0]
        tell(port, f"delay=fixed:{PATIENCE_S * 1_000_000}")
        with server.connect() as waiting:
            waiting.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
            while tell(port, "")["plan_requests"] < 1:
                time.sleep(0.01)
            assert tell(port, "state=dead")["deaths"] == 1
            with contextlib.suppress(ConnectionResetError):
                assert waiting.recv(1) == b""
        with pytest.raises(ConnectionRefusedError):
            server.connect()
        told = tell(port, "state=dead")
        assert (told["deaths"], told["pid"]) == (1, 0)  # it cannot die twice
        # Settings are taken while it is down.
        tell(port, "delay=fixed:0 error-rate=0.4 seed=8")
        tell(port, "state=up")
        again = ask(server, 5)[0]
        tell(port, "state=dead")
        tell(port, "state=up")
        assert again + ask(server, 5)[0] == first, "the numbers went on where they were"
    told = json.loads((tmp_path / "d.json").read_text())
    assert told["deaths"] == 2 and told["lost"] == 0
    assert told["requests"] == 21 and told["answered"] == 20


def test_refuses_but_answers_what_it_has() -> None:
    with serving("downstream", *CONTROLLED) as server:
        port = control_port(server)
        tell(port, "delay=fixed:300000")
        statuses: list[int] = []
        asking = threading.Thread(target=lambda: statuses.extend(ask(server, 1)[0]))
        asking.start()
        while tell(port, "")["plan_requests"] < 1:
            time.sleep(0.01)
        assert tell(port, "state=refusing")["answered"] == 1
        asking.join()
        assert statuses == [200]
        with pytest.raises(ConnectionRefusedError):
            server.connect()
        tell(port, "state=up delay=fixed:0")
        assert ask(server, 1)[0] == [200]


def test_stops_and_goes_on() -> None:
    """Stopped as a whole: connections are accepted by the kernel, and nothing is answered."""
    with serving("downstream", *CONTROLLED) as server:
        port = control_port(server)
        tell(port, "state=stopped")
        with server.connect() as connection:
            connection.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
            connection.settimeout(0.3)
            with pytest.raises(TimeoutError):
                connection.recv(1)
            connection.settimeout(ENDS_WITHIN_S)
            tell(port, "state=up")
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        tell(port, "state=stopped")  # and may be ended like that


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ("delay", '"delay" is not of the form NAME=VALUE'),
        ("delay=gamma:1", '"delay=gamma:1" is not of the form fixed:US'),
        ("delay=bimodal:1,2", '"delay=bimodal:1,2" is not of the form fixed:US'),
        ("delay=bimodal:1,2,1.5", '"delay=bimodal:1,2,1.5" is not of the form fixed:US'),
        ("speed=1", '"speed" is not a setting: there are delay'),
        ("error-rate=2", '"error-rate=2" is not a number from 0 to 1'),
        ("error-rate=nan", '"error-rate=nan" is not a number from 0 to 1'),
        ("seed=-1", '"seed=-1" is not a whole number'),
        ("state=asleep", '"state=asleep" is not one of up, stopped'),
        ("stall-for=1", "stall-every and stall-for are needed together"),
        ("stall-every=0 stall-for=1", "stall-every and stall-for are needed together"),
        ("stall-every=1", "stall-every and stall-for are needed together"),
        ("stall-every=1 stall-for=1", "stall-for must be less than stall-every"),
        ("delay=fixed:5 x" + "y" * 5000, "not a text of less than 4096 bytes"),
    ],
)
def test_bad_settings_change_nothing(settings: str, why: str) -> None:
    with serving("downstream", *CONTROLLED) as server:
        port = control_port(server)
        with pytest.raises(urllib.error.HTTPError) as refused:
            tell(port, settings)
        assert refused.value.code == 400
        said = refused.value.read().decode()
        assert said.startswith(why) and said.count("\n") == 1
        told = tell(port, "")
        assert (told["plan"], told["delay"], told["state"]) == (0, "fixed:0", "up")
        assert ask(server, 1)[0] == [200]


def test_control_survives_whoever_comes() -> None:
    """Half a request, garbage, another path, and the metrics; the service does not notice."""
    with serving("downstream", *CONTROLLED) as server:
        port = control_port(server)
        with socket.create_connection(("127.0.0.1", port)) as half:
            half.sendall(b"POST / HTTP/1.1\r\nContent-")
        with socket.create_connection(("127.0.0.1", port)) as garbage:
            garbage.sendall(b"\x16\x03\x01\r\n\r\n")
            assert garbage.recv(65536).startswith(b"HTTP/1.1 400")
        ask(server, 3)
        url = f"http://127.0.0.1:{port}/"
        with pytest.raises(urllib.error.HTTPError) as missing:
            urllib.request.urlopen(url + "nowhere", timeout=ENDS_WITHIN_S)
        assert missing.value.code == 404
        with urllib.request.urlopen(url + "metrics", timeout=ENDS_WITHIN_S) as metrics:
            text = metrics.read().decode()
        assert re.search(r"^downstream_requests_total 3$", text, re.M)
        assert re.search(r"^downstream_up 1$", text, re.M)


def test_service_ends_with_whoever_is_told_things() -> None:
    """SIGKILL of the one ends the other: the port is free again, nothing is left behind."""
    with pytest.raises(AssertionError), serving("downstream", *CONTROLLED) as server:
        control_port(server)
        ask(server, 1)
        server.process.send_signal(signal.SIGKILL)
        server.process.wait(timeout=ENDS_WITHIN_S)
        while True:
            try:
                server.connect().close()
            except ConnectionRefusedError:
                break
            time.sleep(0.01)
