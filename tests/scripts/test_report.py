# SPDX-License-Identifier: MIT
"""The report's files: the same bytes wherever they are drawn, self-contained, and one line where a run
cannot be read."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("jinja2")

import conftest  # noqa: E402
import synthetic  # noqa: E402
from assaylib import UsageError, check, report  # noqa: E402
from pages import Page  # noqa: E402


def hashes(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir())}


# The locales need not be installed: what must not change the bytes is asking for them.
@pytest.mark.parametrize(
    "zone, locale, seed",
    [
        ("Asia/Tokyo", "de_DE.UTF-8", "1"),
        ("America/Caracas", "tr_TR.UTF-8", "2"),
        ("UTC", "C", "random"),
    ],
)
def test_the_same_bytes_whatever_the_time_zone_and_locale(standard, zone, locale, seed):
    before = hashes(standard)
    for path in standard.glob("report.*"):
        path.unlink()
    environment = {
        **os.environ,
        "TZ": zone,
        "LC_ALL": locale,
        "LANG": locale,
        "PYTHONHASHSEED": seed,
        "COLUMNS": "40",
    }
    code = (
        "import locale, sys\ntry: locale.setlocale(locale.LC_ALL, '')\nexcept locale.Error:"
        " pass\nfrom assaylib import report; sys.exit(report.main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(standard)],
        env={**environment, "PYTHONPATH": str(conftest.ROOT / "scripts")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(standard / "report.html")
    assert hashes(standard) == before


def test_the_same_bytes_in_another_folder(standard, tmp_path, monkeypatch):
    """Neither the folder's name nor where one stands is in the page."""
    for name in ("run.json", "samples.jsonl"):
        (tmp_path / name).write_bytes((standard / name).read_bytes())
    monkeypatch.chdir(tmp_path)
    report.render(".")
    assert hashes(tmp_path) == hashes(standard)


def test_headings_lead_through_the_page(standard):
    """One of the first order, and none that skips one: readers who listen move by them."""
    page = Page((standard / "report.html").read_text("utf-8"))
    levels = [int(tag[1]) for tag in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(levels, levels[1:]))
    assert page.tags.count("caption") + page.tags.count("summary") == len(page.tables)


def test_the_page_is_self_contained(standard):
    text = (standard / "report.html").read_text("utf-8")
    page = Page(text)
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    assert all(
        reference.startswith("#") and reference[1:] in page.ids for reference in page.references
    )
    assert len(page.ids) == len(set(page.ids))
    assert "url(" not in text and "@import" not in text and "@font-face" not in text
    assert set(re.findall(r"https?://[^\"' <]+", text)) <= {"http://www.w3.org/2000/svg"}
    assert len(text.encode()) < 3_000_000
    assert "prefers-color-scheme:dark" in text and "@media print" in text
    assert "default-src 'none'" in text  # and so nothing is asked of a network (test_browser.py)


def test_a_folder_that_cannot_be_written_is_named(tmp_path, capsys, monkeypatch):
    folder = synthetic.write_run(tmp_path, *synthetic.make_run(count=4, rounds=2, kinds=("codec",)))

    def full(self, data):
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_bytes", full)
    assert report.main([str(folder)]) == 2
    error = capsys.readouterr().err
    assert error == f"assay: report: {folder}: cannot write there: No space left on device\n"
    assert not list(folder.glob("*.tmp"))


@pytest.mark.parametrize(
    "content, said",
    [
        (None, "no run.json"),
        ("{", "not JSON"),
        ('{"schema": 9}', "not a run of schema 1"),
        ("[]", "not a run of schema 1"),
        ('{"schema": 1}', "run.json: lacks id, tier, seed, commit, created, margin_percent, build,"),
    ],
)
def test_a_run_that_cannot_be_read_is_one_line(tmp_path, capsys, content, said):
    if content is not None:
        (tmp_path / "run.json").write_text(content)
    assert report.main([str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("assay: report") and said in error and error.count("\n") == 1
    assert not (tmp_path / "report.html").exists()


def test_families_that_are_none_are_named(tmp_path, capsys):
    run, _ = synthetic.make_run(count=4, rounds=2, kinds=("codec",))
    del run["families"][1]["members"]
    assert report.main([str(synthetic.write_run(tmp_path, run, []))]) == 2
    assert "run.json: families[1]: lacks members" in capsys.readouterr().err


def test_without_samples_there_is_no_report(tmp_path, capsys):
    run, lines = synthetic.make_run(count=4, rounds=2, kinds=("codec",))
    (synthetic.write_run(tmp_path, run, lines) / "samples.jsonl").unlink()
    assert report.main([str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "samples.jsonl: missing" in error and error.count("\n") == 1
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize("families, said", [(True, "samples.jsonl: no result in it"), (False, "run.json: families: none")])
def test_without_a_result_there_is_no_report(tmp_path, capsys, families, said):
    run, _ = synthetic.make_run(count=4, rounds=2, kinds=("codec",) if families else ())
    folder = synthetic.write_run(tmp_path, run, [{"schema": 1, "kind": "end"}])
    assert report.main([str(folder)]) == 2
    error = capsys.readouterr().err
    assert f"{folder}/{said}" in error and error.count("\n") == 1
    assert not (folder / "report.html").exists()


def test_a_run_is_no_other_session_of_its_own(tmp_path, capsys):
    run, lines = synthetic.make_run(count=4, rounds=2, kinds=("codec",))
    folder = synthetic.write_run(tmp_path / "run", run, lines)
    copy = synthetic.write_run(tmp_path / "copy", run | {"id": "copy"}, lines)
    for other in (folder, tmp_path / "copy" / ".." / "run", copy):
        assert report.main([str(folder), "--with", str(other)]) == 2
        assert "no other session" in capsys.readouterr().err


def test_check_and_report_refuse_the_same_lines(tmp_path):
    run, lines = synthetic.make_run(count=4, rounds=8, kinds=("codec",))
    folder = synthetic.write_run(tmp_path, run, lines)
    rows = (folder / "samples.jsonl").read_text().splitlines()
    rows[4], rows[9] = '{"half', '{"schema": 1, "kind": "codec"}'
    (folder / "samples.jsonl").write_text("\n".join([*rows, "[]"]) + "\n")
    for read, error in ((report.render, report.ReportError), (check.review, UsageError)):
        with pytest.raises(error) as raised:
            read(folder)
        last = len(rows) + 1
        for where in ("samples.jsonl:5: not JSON", "samples.jsonl:10: lacks", f"samples.jsonl:{last}: not a"):
            assert where in str(raised.value)


def test_check_and_report_leave_out_the_same_cut_line(tmp_path):
    run, lines = synthetic.make_run(count=4, rounds=8, kinds=("codec",))
    folder = synthetic.write_run(tmp_path, run, lines)
    data = (folder / "samples.jsonl").read_bytes()
    (folder / "samples.jsonl").write_bytes(data[:-9])
    report.render(folder)
    said = f"samples.jsonl:{len(lines)}: the last line is incomplete"
    against, notes = check.review(folder)
    assert said in (folder / "report.md").read_text("utf-8")
    assert [note for note in notes if said in note]
    assert [text for text in against if "incomplete: " in text]


def test_raw_data_is_not_touched(standard):
    before = json.loads((standard / "run.json").read_text())
    report.render(standard)
    assert json.loads((standard / "run.json").read_text()) == before
