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
from . import sweep_table, twice, words
from .blocks import Picture, Raw, Section
from .charts import Chart
from .scenarios import command, outcome
from .scenarios import page as scenario_page
from .scenarios import sections as scenario_sections
from .soak import view as soak_view

LOOKS = {"palette": charts.PALETTE, "chart_style": charts.STYLE}
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


def appendix(
    folder: Path, number: int, judged: judge.Judgement
) -> Section | list[outcome.Outcome] | None:
    """What a run of peers, of calibration, of a sweep or of scenarios adds to a report; None if it is
    another session. number: of those before it."""
    try:
        run = store.read_run(folder)
        if run["tier"] == store.SCENARIO_TIER:
            return outcome.outcomes(*command.read(folder), f"-{number + 1}" if number else "")
        if run["tier"] == calibrate.TIER:
            judged.calibrated.append(calibrate.read(folder, judged.run))
            return sections.calibrated.section(judged.calibrated[-1], hashes(folder))
        for kind in (peer_table, sweep_table, soak_view):
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
    if _of_scenarios(folder):
        if with_runs:
            raise ReportError(f"--with {with_runs[0]}: has no effect on a report of scenarios alone")
        return write(folder, _scenarios(folder))
    return write(folder, _run(folder, with_runs))


def _of_scenarios(folder: Path) -> bool:
    try:
        return bool(store.read_run(folder)["tier"] == store.SCENARIO_TIER)
    except UsageError as error:
        raise ReportError(str(error)) from error


def _scenarios(folder: Path) -> dict[str, Any]:
    """What the templates are filled with, of a run of scenarios."""
    try:
        facts, samples = command.read(folder)
        found = outcome.outcomes(facts, samples)
        judged = judge.judge(facts, samples.every, samples.notices)
        return {**scenario_page.view(judged, found, hashes(folder)), **LOOKS}
    except (KeyError, TypeError, ValueError) as error:
        raise ReportError(f"{folder}: the raw data is not as the schema says: {error!r}") from error


def _run(folder: Path, with_runs: Sequence[Path | str]) -> dict[str, Any]:
    """… and of a run of a tier."""
    judged, raw = read(folder)
    others, appendices, scenarios, under_load = [], [], [], []
    for number, path in enumerate(with_runs):
        added = appendix(Path(path), number, judged)
        if isinstance(added, Section):
            added.id += f"-{len(appendices) + 1}" if appendices else ""
            appendices.append(added)
            continue
        if added is not None:
            scenarios += added
            under_load += [scenario_sections.section(each, hashes(Path(path))) for each in added]
            continue
        other, other_raw = read(Path(path))
        if Path(path).resolve() == folder.resolve() or other_raw[1].sha256 == raw[1].sha256:
            raise ReportError(f"--with {path}: the same samples as {folder}: no other session")
        others.append((str(other.run.get("id", Path(path).name)), other, other_raw))
    differing = {name: "; ".join(twice.apart(judged.run, other.run)[:1]) for name, other, _ in others}
    judge.disagree(judged, [(name, other) for name, other, _ in others], differing)
    labels = {name: codec.label for name, codec in members.codecs(judged.run).items()}
    with words.named(labels):
        drawn = pictures.pictures(judged)
        first = page.build(judged, raw, drawn, [str(store.read_run(Path(p))["id"]) for p in with_runs])
        if scenarios:
            first["answers"].append(scenario_sections.lead(scenarios))
        rest = sections.build(judged, raw, drawn, others, appendices, under_load)
        return {
            "page": first,
            "sections": rest,
            "data": anchors.link([*first["figures"], first["table"]], rest),
            "drawn": drawn,
            **LOOKS,
        }


def _drawn(shown: Sequence[Section]) -> dict[str, Chart]:
    """Every picture that stands somewhere, by name."""
    found = {}
    for section in shown:
        for block in section.blocks:
            if isinstance(block, Picture):
                found[block.chart.name] = block.chart
        found |= _drawn(section.subsections)
    return found


def write(folder: Path, view: dict[str, Any]) -> Path:
    """report.html, report.md and a file for each picture; pictures that are no more are taken away."""
    shown = _drawn([*view["page"]["answers"], Section("", "", view["page"]["figures"]), *view["sections"]])
    drawn = {**view.get("drawn", {}), **shown}
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
        " of `assay peers`, `assay calibrate`, `assay sweep` or of scenarios: an appendix each",
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
