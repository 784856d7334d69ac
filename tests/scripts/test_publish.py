# SPDX-License-Identifier: MIT
"""The largest report: its size, what drawing it takes, and how a browser shows and prints it."""

from __future__ import annotations

import re
import resource
import shutil
import sys
from pathlib import Path

import pytest

pytest.importorskip("jinja2")

import browser  # noqa: E402
import conftest  # noqa: E402
import publish  # noqa: E402
import under_load  # noqa: E402
from assaylib import plan  # noqa: E402
from commands import finish  # noqa: E402
from test_plan import BUILT  # noqa: E402

PAGE_MAX = 3_000_000  # bytes
MEMORY_MAX = 1 << 30


no_pdftotext = pytest.mark.skipif(shutil.which("pdftotext") is None, reason="no pdftotext (Debian: poppler-utils)")


def paper(test):
    return browser.needed(no_pdftotext(test))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Drawn by the command, in a process of its own: what it took at most is known then."""
    folder = publish.write(tmp_path_factory.mktemp("runs") / "publish")
    done = finish([sys.executable, str(conftest.ROOT / "scripts" / "assay"), "report", str(folder)])
    assert done.returncode == 0, done.stderr
    return folder


def test_the_page_is_small_and_so_is_the_memory(folder):
    """Children's maximum: of all that this process has waited for, the report is the largest."""
    made = plan.make(BUILT, plan.TIERS["publish"], seed=1)
    with (folder / "samples.jsonl").open("rb") as file:
        assert sum(1 for _ in file) == sum(f.rounds * len(f.members) for f in made.families)
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 < MEMORY_MAX
    assert (folder / "report.html").stat().st_size < PAGE_MAX


@browser.needed
def test_a_browser_has_nothing_to_say_and_asks_for_nothing(folder, tmp_path):
    seen = browser.visit(folder / "report.html", tmp_path)
    assert seen.console == [] and seen.requests == []


@browser.needed
def test_a_browser_that_is_asked_for_more_would_say_so(tmp_path):
    """The test above can fail: a page with a picture from elsewhere, and with an error."""
    page = tmp_path / "page.html"
    page.write_text('<img src="http://127.0.0.1:9/x.png"><script>console.error("wrong")</script></html>')
    seen = browser.visit(page, tmp_path)
    assert seen.requests == ["http://127.0.0.1:9/x.png"] and "wrong" in " ".join(seen.console)


@browser.needed
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_is_wider_than_a_phone_a_sheet_or_a_screen(request, tmp_path, theme):
    """What is wider scrolls in a box of its own; on paper, where nothing scrolls, nothing is. A4 less
    its margins (@page) is 184 mm, 695 px. In the dark a smaller page does: the layout is the same."""
    if theme == "light":
        large, loaded = request.getfixturevalue("folder"), under_load.write(tmp_path / "load")
        folders = {"phone": (large, 390), "print": (large, 695), "print loaded": (loaded, 695)}
        folders["phone loaded"] = (loaded, 390)
    else:
        small = request.getfixturevalue("standard")
        folders = {"phone": (small, 390), "screen": (small, 1280)}
    pages = {name: (folder / "report.html", width) for name, (folder, width) in folders.items()}
    found = browser.measure(pages, tmp_path, *([browser.DARK] if theme == "dark" else []))
    for name, seen in found.items():
        assert seen["out"] == [] and seen["cut"] == [], f"{name}: {seen['out'][:5]} {seen['cut'][:5]}"
        assert seen["body"] <= seen["wide"] <= pages[name][1], name
        ground, ink = (sum(map(int, re.findall(r"\d+", seen[k])[:3])) for k in ("ground", "ink"))
        assert (ground > 700 and ink < 150) if theme == "light" else (ground < 150 and ink > 600), name
    assert found["phone"]["size"] >= 11  # CSS pixels, of the smallest text that is no picture's
    assert theme == "dark" or found["print"]["size"] >= 8  # 6 pt


@paper
def test_it_prints_on_a4_without_cut_tables(standard, tmp_path):
    """Every word of the PDF lies on its sheet, and the tables are there to their last column; that holds
    for the tables of the largest page, too, if what is measured above does."""
    sheets = printed(standard / "report.html", tmp_path)
    assert 5 < len(sheets) < 250
    words = set()
    for number, sheet in enumerate(sheets, 1):
        width, height = (float(n) for n in re.findall(r'(?:width|height)="([\d.]+)"', sheet)[:2])
        assert (round(width), round(height)) == (595, 842)  # points: A4
        for x1, y1, x2, y2, word in re.findall(
            r'<word xMin="([-\d.]+)" yMin="([-\d.]+)" xMax="([-\d.]+)" yMax="([-\d.]+)">(.*?)</word>', sheet
        ):
            assert float(x1) >= 30 and float(x2) <= width - 30, f"sheet {number}: {word}"
            words.add(word)
    assert {"claim", "verdict", "SHA-256", "widest"} <= words


def printed(page: Path, folder: Path) -> list[str]:
    """Its sheets, as pdftotext tells of them."""
    pdf = folder / "report.pdf"
    done = browser.run(page, f"--print-to-pdf={pdf}", "--no-pdf-header-footer")
    assert done.returncode == 0 and pdf.exists(), done.stderr
    return finish(["pdftotext", "-bbox", str(pdf), "-"]).stdout.split("<page ")[1:]


@paper
@pytest.mark.parametrize("which, most", [("standard", 3), ("folder", 5)])
def test_page_one_is_a_few_sheets(request, tmp_path, which, most):
    """By itself, as the first section behind it begins a sheet of its own: what an architect prints."""
    text = (request.getfixturevalue(which) / "report.html").read_text("utf-8")
    page = tmp_path / "one.html"
    page.write_text(text[: text.index('<section id="codecs">')] + "</main></body></html>", "utf-8")
    sheets = printed(page, tmp_path)
    assert len(sheets) <= most and "SHA-256" in "".join(sheets), len(sheets)
