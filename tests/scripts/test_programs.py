# SPDX-License-Identifier: MIT
"""Other programs' processes: their environment, and that each of them ends."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest
from assaylib.programs import Child, execute
from commands import finish


def test_padding_moves_the_environment(tmp_path: Path) -> None:
    argv = ["sh", "-c", "printenv ASSAY_PADDING | wc -c; printenv BENCHMARK_FILTER; true"]
    os.environ["BENCHMARK_FILTER"] = "from outside"
    try:
        assert execute(argv, timeout_s=300, padding=123).stdout.split() == ["124"]
    finally:
        del os.environ["BENCHMARK_FILTER"]


def test_a_command_that_hangs_tells_where() -> None:
    code = "import time\ndef hang(): time.sleep(600)\nhang()"
    for timeout_s in (2, 20, 200):  # it may take its time to get there
        with pytest.raises(pytest.fail.Exception) as caught:
            finish([sys.executable, "-c", code], timeout_s=timeout_s)
        said = str(caught.value)
        asleep = re.search(r"\d+/\d+: S ticks", said)  # the kernel's view
        if "in hang" in said and asleep:
            break
    assert "in hang" in said and "Fatal Python error: Aborted" in said  # Python's own stack
    assert asleep


def test_a_process_that_does_not_end_is_ended() -> None:
    done = execute(["sleep", "60"], timeout_s=0.1)
    assert done.failure and "still running" in done.failure and done.seconds < 60


def test_a_child_is_gone_whatever_happens() -> None:
    with pytest.raises(KeyError), Child(["sleep", "60"]) as child:
        raise KeyError
    assert not Path(f"/proc/{child.pid}").exists()
