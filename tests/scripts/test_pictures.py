# SPDX-License-Identifier: MIT
"""Every picture of a rendered page: it has units, words for those who cannot see it, and its data as a
table; nothing lies outside its frame."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest

pytest.importorskip("jinja2")

import conftest  # noqa: E402, F401: the path
import synthetic  # noqa: E402
import synthetic_libraries  # noqa: E402
import under_load  # noqa: E402
from assaylib import anchors, blocks, charts, report  # noqa: E402
from pages import Page  # noqa: E402

SVG = "{http://www.w3.org/2000/svg}"
UNIT = re.compile(r"\b(ns|µs|ms|seconds?|bytes|times|requests(/s)?|[KM]iB|minutes|relative|percentage|%)(?![\w])|%")
PARTS = ("encode_cold", "decode_cold", "build", "check", "parse", "read1")


@pytest.fixture(scope="session")
def wide(tmp_path_factory):
    """Several libraries per format: the other pictures of codecs."""
    sizes = {"order": 1100, "feed": 95000} | synthetic_libraries.LADDER
    run, lines = synthetic_libraries.make_wide_run(payloads=sizes, operations=PARTS, count=4)
    folder = synthetic.write_run(tmp_path_factory.mktemp("wide") / "run", run, lines)
    report.render(folder)
    return folder


@pytest.fixture(scope="session")
def loaded(tmp_path_factory):
    """With scenarios added."""
    return under_load.write(tmp_path_factory.mktemp("load"))


@pytest.fixture(params=["standard", "wide", "loaded"])
def drawn(request):
    folder = request.getfixturevalue(request.param)
    return folder, Page((folder / "report.html").read_text("utf-8"))


EXPECTED = {
    "standard": "forest-codec forest-model forest-service codec-time wire-time service-cost rounds-codec"
    " rounds-model rounds-service",
    "run": "forest-codec rounds-codec formats-encode formats-decode ladder time-order time-feed"
    " pareto-order pareto-feed costs-order",
    "under_load": "forest-model rounds-model scenario-capacity-curves",
}


def test_every_picture_is_in_the_page_and_beside_it(drawn):
    folder, page = drawn
    names = {f.stem for f in folder.glob("*.svg")}
    assert names >= set(EXPECTED[folder.name].split())
    assert len(page.figures) == len(page.svgs) == len(names)


def test_every_picture_speaks(drawn):
    """A title, a description of some length, and a role that makes both be read."""
    _, page = drawn
    for svg, figure in zip(page.svgs, page.figures):
        assert svg["role"] == "img"
        assert all(label in page.ids for label in svg["aria-labelledby"].split())
        assert len(figure.title) > 8 and len(figure.desc) > 40


def test_every_picture_has_units(drawn):
    """On its axes, in words: a figure of 5 is five of what?"""
    _, page = drawn
    for figure in page.figures:
        said = [text for kind, text in figure.texts if UNIT.search(text)]
        assert said, f"{figure.title}: no unit among {figure.texts[:30]}"


def test_every_picture_has_its_data_as_a_table(drawn):
    """A link to tables of this page, in which every name stands that the picture has."""
    _, page = drawn
    for figure in page.figures:
        tables = [link for link in figure.links if link in page.tables]
        assert tables and tables == figure.links, figure.title
        cells = {cell for t in tables for cell in page.tables[t].cells}
        words = {word for cell in cells for word in re.split(r"[ ,/.]+", cell)}
        for kind, text in figure.texts:
            if kind not in ("end", "end soft", "end small"):  # who a row is about
                continue
            if re.fullmatch(r"[\d.\s\u202f]*|no number", text):
                continue  # figures at the right end
            for word in re.split(r"[ ,/]+", text.removeprefix("A/A ")):
                assert word in words, f"{figure.title}: {text}"


def test_nothing_lies_outside_a_picture(drawn):
    folder, _ = drawn
    for file in sorted(folder.glob("*.svg")):
        root = ElementTree.parse(file).getroot()
        assert root.find(f"{SVG}title").text and len(root.find(f"{SVG}desc").text) > 40
        width, height = map(float, root.get("viewBox").split()[2:])
        for text in root.iter(f"{SVG}text"):
            assert 0 <= float(text.get("x")) <= width and 0 <= float(text.get("y")) <= height
        for dot in root.iter(f"{SVG}circle"):
            assert 0 <= float(dot.get("cx")) <= width


def _luminance(colour: str) -> float:
    """Relative luminance of #rrggbb or #rgb (WCAG 2)."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * c for c in colour[1:])
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_colours_can_be_read(theme):
    """Text has a contrast of 4.5 to 1 against its ground, marks 3 to 1 (WCAG 2.1, AA), in both themes;
    print uses the light one."""
    colours = dict(re.findall(r"--(\w+):(#\w+)", charts.PALETTE.split("@media")[theme]))
    for name in ("ink", "soft", "better", "worse", "same", "open", *(f"s{i}" for i in range(1, 7))):
        light, dark = sorted((_luminance(colours[name]), _luminance(colours["paper"])), reverse=True)
        least = 4.5 if name in ("ink", "soft", "better", "worse", "same") else 3
        assert (light + 0.05) / (dark + 0.05) >= least, name


def test_colours_are_told_apart_whatever_the_colour_vision():
    """Verdicts differ in shape, too, and the first six series in both; nothing hangs on a colour."""
    shapes = {shape for shape, _ in charts.drawing.VERDICT_MARK.values()}
    assert len(shapes) == 5
    drawn = {charts.drawing.mark(i, 0, 0, "") for i in range(6)}
    assert len(drawn) == 6
    # Six more are hollow, but for the cross: a dozen codecs are built where all libraries are found.
    assert all("hollow" in charts.drawing.series_class(i) for i in range(6, 12))
    assert charts.drawing.mark(11, 0, 0, "") not in drawn


def test_a_picture_without_a_table_of_its_own_takes_the_next():
    chart = charts.Chart("lone", "t", "d", 10, "")
    table = blocks.Table("c", [blocks.Column("x")])
    far = blocks.Table("c", [blocks.Column("x")])
    section = blocks.Section("s", "S", [far, blocks.Picture(chart), blocks.Text("t"), table])
    assert anchors.link([], [section]) == {"lone": ["data-lone"]} and table.id and not far.id
    alone = blocks.Section("s", "S", [blocks.Picture(chart)])
    assert anchors.link([], [alone]) == {"lone": []}
