# SPDX-License-Identifier: MIT
"""report.html, report.md and the SVGs of a run: a pure function of run.json and samples.jsonl (and
of the runs named with --with). No clock, no locale, no time zone is asked: the same bytes each time.

Here the pieces are put in order. page.py is page one, with its sentences in answer.py and its checks
in checks.py; sections/ is what follows; pictures.py is drawn by charts/.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any, Sequence

from . import UsageError, anchors, appendices, charts, complete, judge, members, page, pictures, sections, store
from . import twice, words
from .blocks import Picture, Raw, Section
from .blocks import hashes as hashes
from .charts import Chart
from .scenarios import command, outcome
from .scenarios import page as scenario_page
from .scenarios import sections as scenario_sections

LOOKS = {"palette": charts.PALETTE, "chart_style": charts.STYLE}
TEMPLATES = Path(__file__).resolve().parent / "templates"


class ReportError(Exception):
    """The run cannot be reported on; one line that says why."""


@contextmanager
def _reading(folder: Path) -> Iterator[None]:
    """Whatever is wrong with the raw data there is told in a line."""
    try:
        yield
    except UsageError as error:
        raise ReportError(str(error)) from error
    except (KeyError, TypeError, ValueError) as error:
        raise ReportError(f"{folder}: run.json or samples.jsonl there is not as the schema says: {error!r}") from error


def read(folder: Path) -> tuple[judge.Judgement, list[Raw]]:
    """A run's judgement and what its raw files are. ReportError if they cannot be used."""
    with _reading(folder):
        run, samples = store.read(folder)
        return judge.judge(run, samples.every, samples.notices), hashes(folder)


def _tell(folder: Path, judged: judge.Judgement) -> None:
    """On stderr, what the page says, too: a run that is not whole is not drawn without a word."""
    for text in complete.told(judged):
        print(f"assay: {folder}: {text}", file=sys.stderr)


def render(run_dir: Path | str, with_runs: Sequence[Path | str] = ()) -> Path:
    """Writes the report into run_dir and returns the path of report.html."""
    folder = Path(run_dir)
    if _of_scenarios(folder):
        if with_runs:
            raise ReportError(f"--with {with_runs[0]}: has no effect on a report of scenarios alone")
        return write(folder, _scenarios(folder))
    return write(folder, _run(folder, with_runs))


def _of_scenarios(folder: Path) -> bool:
    with _reading(folder):
        return bool(store.read_run(folder)["tier"] == store.SCENARIO_TIER)


def _scenarios(folder: Path) -> dict[str, Any]:
    """What the templates are filled with, of a run of scenarios."""
    with _reading(folder):
        facts, samples = command.read(folder)
        found = outcome.outcomes(facts, samples)
        judged = judge.judge(facts, samples.every, samples.notices)
        view = {**scenario_page.view(judged, found, hashes(folder)), **LOOKS}
    _tell(folder, judged)
    return view


def _run(folder: Path, with_runs: Sequence[Path | str]) -> dict[str, Any]:
    """… and of a run of a tier."""
    judged, raw = read(folder)
    _tell(folder, judged)
    others, added, scenarios, under_load = [], [], [], []
    for number, path in enumerate(map(Path, with_runs)):
        with _reading(path):
            found = appendices.read(path, number, judged)
        if found is not None:
            _tell(path, found.made)
            judged.appended.append(found.made)
            scenarios.extend(found.outcomes)
            under_load.extend(found.scenarios)
            added.extend([found.section] if found.section else [])
            continue
        other, other_raw = read(path)
        if path.resolve() == folder.resolve() or other_raw[1].sha256 == raw[1].sha256:
            raise ReportError(f"--with {path}: the same samples as {folder}: no other session")
        _tell(path, other)
        others.append((str(other.run.get("id", path.name)), other, other_raw))
    for number, section in enumerate(added[1:], 2):
        section.id += f"-{number}"
    differing = {name: "; ".join(twice.apart(judged.run, other.run)[:1]) for name, other, _ in others}
    judge.disagree(judged, [(name, other) for name, other, _ in others], differing)
    labels = {name: codec.label for name, codec in members.codecs(judged.run).items()}
    with words.named(labels):
        drawn = pictures.pictures(judged)
        first = page.build(judged, raw, drawn, [str(store.read_run(Path(p))["id"]) for p in with_runs])
        if scenarios:
            first["answers"].append(scenario_sections.lead(scenarios))
        rest = sections.build(judged, raw, drawn, others, added, under_load)
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
        help="may be repeated. A run of a tier is another session of the same families: verdicts it contradicts"
        " are taken back. One of `assay peers`, `assay sweep`, `assay soak` or `assay calibrate` becomes an"
        " appendix; one of `assay run --scenario` a section, with its answer on page one",
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
