# SPDX-License-Identifier: MIT
"""report.html, report.md and the SVGs of a run: a pure function of run.json and samples.jsonl (and
of the runs named with --with). No clock, no locale, no time zone is asked: the same bytes each time.

Here the pieces are put in order. page.py is page one, with its sentences in answer.py and its checks
in checks.py; sections/ is what follows; pictures.py is drawn by charts/.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import sys
from html import escape
from pathlib import Path
from typing import Any, Sequence

from . import UsageError, anchors, calibrate, charts, judge, members, page, peer_table, pictures, sections, store
from . import sweep_table, words
from .blocks import Raw, Section

TEMPLATES = Path(__file__).resolve().parent / "templates"


class ReportError(Exception):
    """The run cannot be reported on; one line that says why."""


def read(folder: Path) -> tuple[judge.Judgement, list[Raw]]:
    """A run's judgement and what its raw files are. ReportError if they cannot be used."""
    try:
        run, samples = store.read(folder)
        judged = judge.judge(run, samples.every, samples.notices)
    except UsageError as error:
        raise ReportError(str(error)) from error
    except (KeyError, TypeError, ValueError) as error:
        raise ReportError(f"{folder}: the raw data is not as the schema says: {error!r}") from error
    return judged, hashes(folder)


def hashes(folder: Path) -> list[Raw]:
    raw = []
    for name in ("run.json", "samples.jsonl"):
        data = (folder / name).read_bytes()
        raw.append(Raw(name, len(data), hashlib.sha256(data).hexdigest()))
    return raw


def appendix(folder: Path) -> Section | None:
    """What a run of peers, of calibration or a sweep adds to a report; None if it is another session."""
    try:
        run = store.read_run(folder)
        for kind in (peer_table, calibrate, sweep_table):
            if run["tier"] == kind.TIER:
                return kind.section(*kind.read(folder), hashes(folder))
        return None
    except UsageError as error:
        raise ReportError(str(error)) from error
    except (KeyError, TypeError, ValueError) as error:
        raise ReportError(f"{folder}: the raw data is not as the schema says: {error!r}") from error


def render(run_dir: Path | str, with_runs: Sequence[Path | str] = ()) -> Path:
    """Writes the report into run_dir and returns the path of report.html."""
    folder = Path(run_dir)
    judged, raw = read(folder)
    others, appendices, scenarios = [], [], []
    for path in with_runs:
        if added := appendix(Path(path)):
            added.id += f"-{len(appendices) + 1}" if appendices else ""
            appendices.append(added)
            continue
        other, other_raw = read(Path(path))
        if Path(path).resolve() == folder.resolve() or other_raw[1].sha256 == raw[1].sha256:
            raise ReportError(f"--with {path}: the same samples as {folder}: no other session")
        others.append((str(other.run.get("id", Path(path).name)), other, other_raw))
    judge.disagree(judged, [(name, other) for name, other, _ in others])
    labels = {name: codec.label for name, codec in members.codecs(judged.run).items()}
    with words.named(labels):
        drawn = pictures.pictures(judged)
        first = page.build(judged, raw, drawn, [Path(path).name for path in with_runs])
        rest = sections.build(judged, raw, drawn, others, appendices, scenarios)
        view = {
            "page": first,
            "sections": rest,
            "data": anchors.link([*first["figures"], first["table"]], rest),
            "palette": charts.PALETTE,
            "chart_style": charts.STYLE,
        }
    files = {f"{name}.svg": chart.standalone() for name, chart in sorted(drawn.items())}
    files["report.md"] = _fill("report.md.j2", view, html=False)
    files["report.html"] = _fill("report.html.j2", view, html=True)
    try:
        for stale in sorted(folder.glob("*.svg")):
            if stale.name not in files:
                stale.unlink()
        for name, text in files.items():
            _write(folder / name, text)
    except OSError as error:
        raise ReportError(f"{folder}: cannot write there: {error.strerror}") from error
    return folder / "report.html"


def _fill(template: str, view: dict[str, Any], html: bool) -> str:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=html,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["inline"] = lambda text: jinja2.utils.markupsafe.Markup(_inline(text))
    environment.filters["cell"] = lambda text: str(text).replace("|", "\\|")
    text = environment.get_template(template).render(view)
    return text if html else re.sub(r"\n{3,}", "\n\n", text)


def _inline(text: str) -> str:
    """`code` and **strong**, the only marks that sentences carry."""
    said = escape(str(text), quote=False)
    said = re.sub(r"`([^`]+)`", r"<code>\1</code>", said)
    return re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", said)


def _write(path: Path, text: str) -> None:
    """Whole or not at all."""
    temporary = path.with_name(path.name + ".tmp")
    try:
        temporary.write_bytes(text.encode("utf-8"))
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def main(argv: Sequence[str]) -> int:
    """`assay report RUN [--with RUN]…`; the last line on stdout is the report's path."""
    parser = argparse.ArgumentParser(
        prog="assay report",
        description="Draws report.html and report.md of a run.",
        allow_abbrev=False,
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="a run's folder, such as reports/ID")
    parser.add_argument(
        "--with",
        dest="others",
        type=Path,
        action="append",
        default=[],
        metavar="RUN",
        help="another session of the same families: verdicts it contradicts are taken back; or a run"
        " of `assay peers`, `assay calibrate` or `assay sweep`: its table becomes an appendix",
    )
    arguments = parser.parse_args(list(argv))
    if not arguments.run.is_dir():
        print(f"assay: report {arguments.run}: no such folder", file=sys.stderr)
        return 2
    try:
        print(render(arguments.run, arguments.others))
    except ReportError as error:
        print(f"assay: report: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"assay: report: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    return 0
