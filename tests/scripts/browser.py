# SPDX-License-Identifier: MIT
"""Headless Chromium, as a reader's browser: what it says of a page, asks a network for, and lays out."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from commands import finish

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-sync"
    " --disable-component-update --disable-default-apps --disable-extensions --disable-dev-shm-usage"
    " --no-pings --hide-scrollbars --allow-file-access-from-files --enable-logging=stderr"
).split()
ALONE = "--host-resolver-rules=MAP * ~NOTFOUND"  # nor may the browser itself talk to its makers
TRIES = 3  # a browser that leaves before all frames are laid out is no fault of theirs
DARK = "--blink-settings=preferredColorScheme=0"

needed = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium in PATH (scripts/setup test installs it)")


def run(page: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    assert CHROMIUM
    with tempfile.TemporaryDirectory() as profile:
        argv = [CHROMIUM, *FLAGS, ALONE, f"--user-data-dir={profile}", *arguments, page.resolve().as_uri()]
        return finish(argv)


@dataclass
class Visit:
    """What a look at a page made the browser do."""

    console: list[str]
    requests: list[str]


def visit(page: Path, folder: Path) -> Visit:
    log = folder / "net.json"
    done = run(page, f"--log-net-log={log}", "--virtual-time-budget=2000", "--dump-dom")
    assert done.returncode == 0 and "</html>" in done.stdout, done.stderr
    facts = [e.get("params") or {} for e in json.loads(log.read_text("utf-8", "replace"))["events"]]
    # What the browser wants for itself has no origin.
    asked = {str(f["url"]) for f in facts if "url" in f and f.get("initiator", "not an origin") != "not an origin"}
    requests = sorted(url for url in asked if not url.startswith(("file:", "data:")))
    return Visit([line for line in done.stderr.splitlines() if "CONSOLE" in line], requests)


#: Posted to the page around it: how wide everything is, and what can be scrolled where.
MEASURE = """<script>
addEventListener('load', () => {
  const wide = document.documentElement.clientWidth, out = [], cut = [];
  for (const e of document.body.querySelectorAll('*')) {
    if (e.closest('svg') && e.tagName != 'svg') continue;
    const r = e.getBoundingClientRect();
    if (r.right <= wide + 1 || !r.width) continue;
    let box = e.parentElement;
    while (box && !/auto|scroll/.test(getComputedStyle(box).overflowX)) box = box.parentElement;
    if (!box) out.push(e.tagName + ' ' + (e.id || e.className) + ' ' + Math.round(r.right) + ': ' + e.textContent.slice(0, 60));
  }
  for (const e of document.querySelectorAll('td,th'))
    if (e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX == 'hidden') cut.push(e.textContent.slice(0, 60));
  const lines = t => new Set([...t.querySelectorAll('tr')].map(r => r.cells.length));
  const body = getComputedStyle(document.body), size = Math.min(...[...document.querySelectorAll('p,li,td,dd')]
    .filter(e => e.getBoundingClientRect().width).map(e => parseFloat(getComputedStyle(e).fontSize)));
  parent.postMessage({name: window.name, wide, body: document.documentElement.scrollWidth, out, cut,
    ground: body.backgroundColor, ink: body.color, size, tall: document.documentElement.scrollHeight}, '*');
});
</script>"""


def measure(pages: dict[str, tuple[Path, int]], folder: Path, *arguments: str) -> dict[str, dict[str, Any]]:
    """Pages in frames so many pixels wide; a name that begins with "print" gets the print styles."""
    frames = []
    for name, (page, width) in pages.items():
        copy = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page.read_text("utf-8"))
        copy = copy.replace("</head>", f"{MEASURE}</head>")
        if name.startswith("print"):
            copy = copy.replace("@media print{", "@media all{")
            copy = re.sub(r"@media screen and \([^)]*\)", "@media not all", copy)
        (folder / f"{name}.html").write_text(copy, "utf-8")
        frames.append(f'<iframe name="{name}" src="{name}.html" style="width:{width}px;height:900px;border:0"></iframe>')
    host = folder / "host.html"
    host.write_text(
        f"<!DOCTYPE html><body>{''.join(frames)}<pre id=found></pre><script>const found = {{}};\n"
        "addEventListener('message', e => { found[e.data.name] = e.data;"
        " document.getElementById('found').textContent = JSON.stringify(found); });</script>"
    )
    found: dict[str, dict[str, Any]] = {}
    for _ in range(TRIES):
        done = run(host, "--window-size=2400,1000", "--virtual-time-budget=20000", *arguments, "--dump-dom")
        if (said := re.search(r'<pre id="found">(.+?)</pre>', done.stdout, re.S)) is not None:
            found = json.loads(html.unescape(said[1]))
        if set(found) == set(pages):
            break
    assert set(found) == set(pages), f"of all that, only {set(found)} was measured: {done.stderr}"
    return found
