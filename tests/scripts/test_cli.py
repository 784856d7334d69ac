# SPDX-License-Identifier: MIT
"""The command line: what it lists, what a dry run says, and nonsense."""

from __future__ import annotations

from pathlib import Path

import pytest
from assaylib import cli
from commands import with_build
from conftest import Assay


@pytest.fixture(scope="module", autouse=True)
def _built(build: Path) -> None:
    if not (build / "bench" / "codec_bench").exists():
        pytest.skip("codec_bench is not built")


def test_dry_run_measures_nothing(assay: Assay, tmp_path: Path) -> None:
    arguments = ["run", "--tier", "publish", "--dry-run", "--reports", str(tmp_path / "reports")]
    done = assay(*arguments)
    assert done.returncode == 0
    assert "codec/ack/encode" in done.stdout and "budget 120:00" in done.stdout
    assert not (tmp_path / "reports").exists()


def test_list(assay: Assay) -> None:
    assert "codec/ack/encode" in assay("list").stdout
    cases = assay("list", "--cases").stdout.splitlines()
    assert "codec/ack/encode/cjson.same" in cases and len(set(cases)) == len(cases)


BAD = [
    (["run", "--tier", "nope"], "--tier"),
    (["run", "--seed", "x"], "--seed"),
    (["run", "--only", "nothing"], "codec/ack/encode"),
    (["run", "--only", "("], "--only"),
    (["run", "--id", "a/b"], "--id"),
    (["run", "--seed", "-1"], "--seed -1: must be from 0"),
    (["run", "--dry-run", "--seed", "-1"], "--seed -1: must be from 0"),
    (["run", "--dry-run", "--seed", str(2**63)], "--seed"),
    (["run", "--dry-run", "--id", "../../x"], "--id ../../x"),
    (["run", "--dry-run", "--reports", "{tmp}", "--id", "taken"], "exists already"),
    (["run", "--resume", "{tmp}/nowhere"], "no run.json"),
    (["run", "--resume", "{tmp}", "--tier", "quick"], "--tier: has no effect"),
    (["run", "--resume", "{tmp}", "--seed", "0"], "--seed: has no effect"),
    (["run", "--reports", "{tmp}/file/below", "--force"], "cannot write there"),
    (["run", "--reports", "{tmp}", "--id", "taken"], "exists already"),
    (["check", "{tmp}"], "no run.json"),
    (["export"], "RUN"),
    (["frobnicate"], "frobnicate"),
    ([], "COMMAND"),
    (["run", "--unknown"], "--unknown"),
    (["check", "{tmp}", "{tmp}"], "unknown option or argument"),
    (["report", "{tmp}/nowhere"], "--build: has no effect on report"),
]


@pytest.mark.parametrize(("arguments", "words"), BAD, ids=[" ".join(a) for a, _ in BAD])
def test_bad_input(
    arguments: list[str], words: str, build: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "taken").mkdir()
    argv = ["--build", str(build), *(word.format(tmp=tmp_path) for word in arguments)]
    try:
        code: object = cli.main(argv)
    except SystemExit as exit:  # argparse
        code = exit.code
    told = capsys.readouterr()
    assert code == 2, told.err
    assert words in told.err and not told.out


def test_bad_input_as_people_type_it(assay: Assay) -> None:
    done = assay("run", "--id", "a/b")
    assert done.returncode == 2 and "--id a/b" in done.stderr
    assert "Traceback" not in done.stderr and not done.stdout


@pytest.mark.parametrize("folder", ["nowhere", "."])
def test_bad_build(folder: str, tmp_path: Path) -> None:
    done = with_build(tmp_path / folder, "list")
    assert done.returncode == 2 and "--build" in done.stderr
