# SPDX-License-Identifier: MIT
"""The fingerprint says what the machine is and never whose."""

from __future__ import annotations

import getpass
import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest
from assaylib import environment, machine
from assaylib.programs import Build
from conftest import ROOT, Assay


@pytest.fixture(scope="module")
def facts(assay: Assay) -> Any:
    done = assay("env", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def texts(content: Any) -> list[str]:
    if isinstance(content, dict):
        return [text for pair in content.items() for part in pair for text in texts(part)]
    if isinstance(content, list):
        return [text for part in content for text in texts(part)]
    return [content] if isinstance(content, str) else []


def test_nothing_private(facts: Any) -> None:
    words = {word for text in texts(facts) for word in text.split()}
    assert socket.gethostname() not in words
    if getpass.getuser() != "root":
        assert getpass.getuser() not in words
    for private in (str(ROOT), str(Path.home()), os.environ.get("ASSAY_BUILD") or str(ROOT)):
        assert not [text for text in texts(facts) if private in text]


def test_the_machine_is_described(facts: Any) -> None:
    found = facts["environment"]
    assert found["cores"] * found["threads_per_core"] == os.cpu_count()
    assert found["kernel"].startswith("Linux ")
    assert found["cpu"] and found["os"] and found["architecture"] == os.uname().machine
    assert facts["build"]["compiler"] and facts["build"]["flags"]
    assert facts["libraries"]["cJSON"]


def test_what_it_can_resolve_is_measured(facts: Any) -> None:
    figures = facts["machine"]
    for key in ("clock_cost_ns", "timer_late_p50_ns", "wake_same_core_ns", "loop_ns", "loop_cpu_ns"):
        assert figures[key] > 0, key
    assert figures["timer_late_p50_ns"] <= figures["timer_late_p99_ns"]
    assert isinstance(figures["hardware_counters"], bool)
    assert figures["hardware_counters"] or figures["hardware_counters_error"]


def test_identity_ignores_the_load_but_not_the_programs() -> None:
    before = environment.identity({"cpu": "x", "load1": 0.1}, {"programs": {"serve": "1"}})
    assert before == environment.identity({"cpu": "x", "load1": 9.0}, {"programs": {"serve": "1"}})
    assert before != environment.identity({"cpu": "y", "load1": 0.1}, {"programs": {"serve": "1"}})
    assert before != environment.identity({"cpu": "x", "load1": 0.1}, {"programs": {"serve": "2"}})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"optimization": "0", "buildtype": "debug"}, "without optimization"),
        ({"optimization": "2", "b_sanitize": "address,undefined"}, "sanitizers"),
        ({"optimization": "2", "b_coverage": True}, "coverage"),
        ({"optimization": "2", "b_sanitize": "none"}, None),
    ],
)
def test_fitness_of_a_build(tmp_path: Path, options: dict[str, Any], words: str | None) -> None:
    info = tmp_path / "meson-info"
    info.mkdir()
    listed = [{"name": name, "value": value} for name, value in options.items()]
    (info / "intro-buildoptions.json").write_text(json.dumps(listed))
    described = environment.describe_build(Build.open(tmp_path))
    assert described["fit"] is (words is None)
    assert (words or "") in " ".join(described["unfit"])


def test_ticks() -> None:
    before = machine.Ticks(total=1000, idle=500, steal=10)
    after = machine.Ticks(total=1200, idle=600, steal=20, interrupts=10)
    assert after.steal_percent_since(before) == 5.0
    assert after.busy_percent_since(before) == 40.0
    assert before.steal_percent_since(before) == 0.0


def test_waiting_for_quiet_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that stays busy is told so once, and after the time given it is still busy."""
    said: list[str] = []
    busy = machine.Quiet(busy_percent=90.0, steal_percent=0.0, load1=3.0)
    monkeypatch.setattr(machine, "look", lambda: busy)
    assert machine.wait_until_quiet(0.01, said.append) == busy
    assert "90 %" in (busy.why_not or "")
    calm = machine.Quiet(busy_percent=1.0, steal_percent=0.0, load1=3.0)
    monkeypatch.setattr(machine, "look", lambda: calm)
    assert machine.wait_until_quiet(60, said.append) == calm
