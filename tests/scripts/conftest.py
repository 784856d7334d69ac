# SPDX-License-Identifier: MIT
"""Shared by the tests of scripts/: the package in the path, the build that Meson tests, the command."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "scripts"), str(Path(__file__).resolve().parent)]

from commands import finish  # noqa: E402, needs that path

if TYPE_CHECKING:
    from assaylib.programs import Build

Assay = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def build() -> Path:
    """The build directory: Meson names it; by hand it is build/ of the checkout."""
    folder = Path(os.environ.get("ASSAY_BUILD", ROOT / "build"))
    if not (folder / "meson-info").is_dir():
        pytest.skip(f"{folder} is not a build directory (ASSAY_BUILD names one)")
    return folder


@pytest.fixture(scope="session")
def assay(build: Path) -> Assay:
    """Runs the command as people type it, with that build."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        argv = [str(ROOT / "scripts" / "assay"), "--build", str(build), *map(str, arguments)]
        return finish(argv)

    return run


@pytest.fixture(scope="session")
def standard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic run of every kind, drawn."""
    import synthetic
    from assaylib import report

    folder = tmp_path_factory.mktemp("run") / "standard"
    report.render(synthetic.write_run(folder, *synthetic.make_run(count=8)))
    return folder


@pytest.fixture
def opened(build: Path) -> Build:
    """That build, with the programs that services are measured with."""
    from assaylib import programs, service

    found = programs.Build.open(build)
    if not service.workloads(found):
        pytest.skip("serve, load and downstream are not built")
    return found
