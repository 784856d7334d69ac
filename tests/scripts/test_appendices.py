# SPDX-License-Identifier: MIT
"""Runs that `report --with` takes in: damaged ones are refused by file and line, and of each it is said how it
came about, whichever command made it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("jinja2")

import synthetic  # noqa: E402
import test_calibrate  # noqa: E402
import test_scenarios  # noqa: E402
import test_soak  # noqa: E402
import test_sweep  # noqa: E402
from assaylib import discard, report, store, words  # noqa: E402

DATA = Path(__file__).with_name("data")


def _peers(folder: Path) -> Path:
    return Path(shutil.copytree(DATA / "peers", folder))


def _sweep(folder: Path) -> Path:
    return test_sweep.made_up(folder, {"threads=2": 1.3, "batch=1": 0.5})


def _calibration(folder: Path) -> Path:
    run, lines = test_calibrate.simulated(groups=1)
    kept = [each["id"] for each in run["families"][:2]]
    run["families"] = run["families"][:2]
    return synthetic.write_run(folder, run, [line for line in lines if line["family"] in kept])


#: Kind of run → one of it; the command that makes it.
KINDS: dict[str, tuple[Callable[[Path], Path], str]] = {
    "peers": (_peers, "peers"),
    "sweep": (_sweep, "sweep"),
    "scenario": (test_scenarios.made_up, "run"),
    "soak": (test_soak.made_up, "soak"),
    "calibrate": (_calibration, "calibrate"),
}
Change = Callable[[dict[str, Any], list[str]], None]
each_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture
def host(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DATA / "small", tmp_path / "host"))


def made(kind: str, folder: Path, change: Change | None = None) -> Path:
    """One that came to its end, then changed: run.json, and the rows of samples.jsonl."""
    KINDS[kind][0](folder)
    run = json.loads((folder / "run.json").read_text())
    run["forced"] = []
    rows = [row for row in (folder / "samples.jsonl").read_text().splitlines() if '"kind": "end"' not in row]
    rows.append(json.dumps({"schema": 1, "kind": "end", "seconds": 60.0}))
    if change:
        change(run, rows)
    (folder / "run.json").write_text(json.dumps(run))
    (folder / "samples.jsonl").write_text("".join(f"{row}\n" for row in rows))
    return folder


def drawn(host: Path, *added: Path) -> tuple[str, str]:
    """(page one, what follows)."""
    arguments = [word for folder in added for word in ("--with", str(folder))]
    assert report.main([str(host), *arguments]) == 0
    text = (host / "report.md").read_text("utf-8").replace(words.SPACE, " ")
    return text.partition("## How to regenerate")[::2]


def refused(host: Path, added: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """What is said of it; nothing is written."""
    before = sorted(file.name for file in host.iterdir())
    assert report.main([str(host), "--with", str(added)]) == 2
    assert sorted(file.name for file in host.iterdir()) == before
    error = capsys.readouterr().err
    assert error.startswith("assay: report: ") and error.count("\n") == 1
    return error


@each_kind
def test_of_a_whole_one_nothing_is_held_against_it(kind: str, host: Path, tmp_path: Path, capsys: Any) -> None:
    first, rest = drawn(host, made(kind, tmp_path / "added"))
    assert "**Appendix**" not in first and capsys.readouterr().err == ""
    assert "nothing was forced" in rest.split("**Environment**")[1]
    assert "**Discarded**: " in rest and "✓ **Complete**: all " in rest


@each_kind
def test_damaged_lines_are_named(kind: str, host: Path, tmp_path: Path, capsys: Any) -> None:
    def spoil(run: dict[str, Any], rows: list[str]) -> None:
        rows[2] = rows[9] = "garbage"

    error = refused(host, made(kind, tmp_path / "added", spoil), capsys)
    assert f"{tmp_path / 'added'}: damaged, nothing is told of it: samples.jsonl:3: not JSON; samples.jsonl:10: " in error


@each_kind
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda run, rows: rows.clear(), "samples.jsonl: no result in it: there is nothing to judge"),
        (lambda run, rows: rows.__delitem__(slice(0, -1)), "samples.jsonl: no result in it"),
        (lambda run, rows: run.update(families=[]), "run.json: families: none: nothing was measured"),
        (lambda run, rows: run["families"][0].pop("members"), "run.json: families[0]: lacks members"),
        (lambda run, rows: run.update(families=run["families"][1:] or [{}]), "samples.jsonl: |families[0]: lacks"),
    ],
)
def test_what_is_nothing_is_refused(
    kind: str, change: Change, said: str, host: Path, tmp_path: Path, capsys: Any
) -> None:
    error = refused(host, made(kind, tmp_path / "added", change), capsys)
    assert any(each in error for each in said.split("|")), error


@each_kind
def test_an_unfinished_one_says_so(kind: str, host: Path, tmp_path: Path, capsys: Any) -> None:
    def cut(run: dict[str, Any], rows: list[str]) -> None:
        del rows[10:]

    added = made(kind, tmp_path / "added", cut)
    first, rest = drawn(host, added)
    run, samples = store.sound(added)
    service = run["families"][0]["kind"] == "service"
    planned = sum(f["rounds"] * (len(f["members"]) if service else 1) for f in run["families"])
    there = len({(line["family"], line["round"], line["member"] if service else "") for line in samples.lines})
    what = "stretches" if kind == "soak" else "processes"
    said = f"unfinished: {there} of {planned} planned {what} are there (`assay {KINDS[kind][1]} --resume` goes on with it)"
    assert f"✗ **Complete**: **{said}**" in rest
    assert capsys.readouterr().err == f"assay: {added}: {said}\n"
    assert f"! **Appendix**: run {run['id']}, " in first and "against it speaks on top of its section: Complete" in first


@each_kind
def test_a_last_line_that_was_cut_off_is_said(kind: str, host: Path, tmp_path: Path, capsys: Any) -> None:
    added = made(kind, tmp_path / "added")
    data = (added / "samples.jsonl").read_bytes()
    (added / "samples.jsonl").write_bytes(data[:-9])
    _, rest = drawn(host, added)
    assert "the last line is incomplete and ignored" in rest
    assert "the last line is incomplete and ignored" in capsys.readouterr().err


@each_kind
def test_force_and_discards_are_said_in_one_way(kind: str, host: Path, tmp_path: Path) -> None:
    def spoil(run: dict[str, Any], rows: list[str]) -> None:
        run["forced"] = ["busy at the start: other programs use 94 % of the CPUs"]
        limits = dict.fromkeys(discard.KINDS, 90.0)
        run["discard_rule"] = {"steal_percent_max": limits, "text": "no more than so much. And why"}
        for i in (1, 2):
            line = json.loads(rows[i])
            line["covariates"] = {"steal_percent": 99.0}
            rows[i] = json.dumps(line)
        line = json.loads(rows[3])
        rows[3] = json.dumps({**line, "status": "failed", "reason": "it was gone"})
        rows.insert(4, json.dumps({"schema": 1, "kind": "resume", "forced": ["another build"]}))

    first, rest = drawn(host, made(kind, tmp_path / "added", spoil))
    forced = "✗ **Forced**: measured against advice: busy at the start: other programs use 94 % of the CPUs; another build"
    assert rest.count(forced) == 1 and "1 sample failed: it was gone" in rest
    assert "interrupted and resumed 1 time" in rest
    assert "against it speaks on top of its section: Complete and Forced" in first
    head = rest.split("**Discarded**: ")[1].splitlines()[0]
    if kind == "soak":
        assert head.startswith("none of 120 stretches: ")
    elif kind == "calibrate":  # the first lines are of one process
        assert head.startswith("1 of ")
    else:
        assert head.startswith("2 of ") and "processes, by the declared rule: no more than so much. " in head
        assert " rounds run, " in head and " count" in head


@pytest.mark.parametrize(
    ("kind", "change", "said"),
    [
        ("peers", lambda run, rows: run["bars"][0].pop("metric"), "run.json: bars[0]: lacks metric"),
        ("peers", lambda run, rows: run["bars"].append(3), "bars[2]: not an object"),
        ("peers", lambda run, rows: run["families"][0]["load"].pop("metrics"), "families[0].load: lacks metrics"),
        ("peers", lambda run, rows: run["families"][1]["load"].update(metrics=["x"]), "families[1].load: metrics that are"),
        ("peers", lambda run, rows: run["families"][1].pop("load"), "run.json: families[1]: lacks load"),
        ("sweep", lambda run, rows: run["families"][0]["load"].pop("model"), "families[0].load: lacks model"),
        ("sweep", lambda run, rows: run.pop("sweep_defaults"), "run.json: lacks sweep_defaults"),
        ("soak", lambda run, rows: run["families"][1]["load"].pop("rate_hz"), "families[1].load: lacks rate_hz"),
        ("soak", lambda run, rows: run["rule"].pop("text"), "run.json: rule: lacks text"),
        ("scenario", lambda run, rows: run["families"][0]["load"].pop("scenario"), "families[0].load: lacks scenario"),
        (
            "scenario",
            lambda run, rows: run["families"][0]["load"]["scenario"].pop("title"),
            "families[0].load.scenario: lacks title",
        ),
        ("soak", lambda run, rows: rows.__setitem__(4, rows[4].replace('"at_s"', '"at"', 1)), "samples.jsonl:5: lacks at_s"),
    ],
)
def test_a_key_that_is_missing_is_named_with_its_place(
    kind: str, change: Change, said: str, host: Path, tmp_path: Path, capsys: Any
) -> None:
    error = refused(host, made(kind, tmp_path / "added", change), capsys)
    assert str(tmp_path / "added") in error and said in error


def test_a_soak_that_was_begun_anew_counts_what_came_of_it(host: Path, tmp_path: Path) -> None:
    def again(run: dict[str, Any], rows: list[str]) -> None:
        begun = [{**json.loads(row), "attempt": 1} for row in rows[60:120]]
        rows[90:] = [json.dumps({"schema": 1, "kind": "resume", "forced": []}), *map(json.dumps, begun), rows[-1]]

    _, rest = drawn(host, made("soak", tmp_path / "added", again))
    assert "all 120 planned stretches were run" in rest and "more than once" not in rest
    assert "30 stretches of servers that an interruption ended do not count: those were begun anew" in rest


def test_another_session_says_how_it_came_about(host: Path, tmp_path: Path, capsys: Any) -> None:
    other = Path(shutil.copytree(DATA / "small", tmp_path / "other"))
    run = {**json.loads((other / "run.json").read_text()), "id": "other", "forced": ["busy"]}
    (other / "run.json").write_text(json.dumps(run))
    rows = (other / "samples.jsonl").read_text().splitlines(keepends=True)
    (other / "samples.jsonl").write_text("".join(rows[:100]))
    _, rest = drawn(host, other)
    told = rest.split("## Other sessions")[1]
    assert "✗ **Forced**: measured against advice: busy" in told and "unfinished: " in told
    assert f"assay: {other}: unfinished: " in capsys.readouterr().err


def test_scenarios_alone_are_told_as_strictly(tmp_path: Path, capsys: Any) -> None:
    def cut(run: dict[str, Any], rows: list[str]) -> None:
        del rows[10:]
        run["forced"] = ["busy"]

    folder = made("scenario", tmp_path / "cut", cut)
    assert report.main([str(folder)]) == 0
    page = (folder / "report.md").read_text("utf-8")
    assert "**Complete**: **unfinished: 10 of " in page and "✗ **Forced**" in page and "Read with care" in page
    assert "unfinished: 10 of " in capsys.readouterr().err
    folder = made("scenario", tmp_path / "bad", lambda run, rows: rows.insert(2, "[]"))
    assert report.main([str(folder)]) == 2
    assert "samples.jsonl:3: not a JSON object" in capsys.readouterr().err


def test_the_help_names_what_is_taken(capsys: Any) -> None:
    with pytest.raises(SystemExit):
        report.main(["--help"])
    said = " ".join(capsys.readouterr().out.split())
    for command in ("assay peers", "assay sweep", "assay soak", "assay calibrate", "assay run --scenario"):
        assert f"`{command}`" in said
