# SPDX-License-Identifier: MIT
"""Programs under test come from the environment, as tests/bench/meson.build sets it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ENDS_WITHIN_S = 600  # a bound against hanging, not a claim about time

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def program(variable: str) -> str:
    path = os.environ.get(variable)
    if not path:
        pytest.skip(f"{variable} is not set: run through meson test")
    return path


def strict_json(text: str) -> Any:
    """Parses JSON; a key given twice or NaN is an error, as the standard's spirit has it."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        assert len(keys) == len(set(keys)), f"a key twice in {keys}"
        return dict(pairs)

    def no_constant(word: str) -> Any:
        raise ValueError(f"{word} is not JSON")

    return json.loads(text, object_pairs_hook=once, parse_constant=no_constant)


class Bench:
    """One benchmark program: runs it, reads what it wrote."""

    def __init__(self, path: str, folder: Path) -> None:
        self.path = path
        self.folder = folder

    def run(self, *args: str, **variables: str) -> subprocess.CompletedProcess[str]:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("BENCHMARK_")}
        return subprocess.run(
            [self.path, *args], env=clean | variables, text=True, capture_output=True, timeout=ENDS_WITHIN_S
        )

    def results(self, *args: str, code: int = 0) -> dict[str, Any]:
        out = self.folder / "out.json"
        out.unlink(missing_ok=True)
        done = self.run("--json", str(out), *args)
        assert done.returncode == code, done.stderr
        assert list(self.folder.glob("out.json?*")) == [], "a temporary file was left"
        return strict_json(out.read_text())

    def case(self, name: str, *args: str, code: int = 0) -> dict[str, Any]:
        found = self.results(f"--benchmark_filter=^{name}$", *args, code=code)["benchmarks"]
        assert [entry["case"] for entry in found] == [name]
        return found[0]
