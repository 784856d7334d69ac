# SPDX-License-Identifier: MIT
"""The rule of who may include what, and that every header compiles alone.

models/ knows nothing of payloads, payloads/ knows nothing of models; only bench/ sees both.
Usage: layers.py SOURCE_ROOT BUILD_ROOT CC CXX [FLAG ...]
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
CXX_INCLUDE = re.compile(r"^#include <[a-z_]+>", re.MULTILINE)

# Folder, the folders whose headers it may include, system headers that are none of its business.
LAYERS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "models": (("models",), ("protobuf-c/", "cjson/", "cJSON", "msgpack", "google/")),
    "payloads": (("payloads/codecs",), ("llhttp", "pthread.h", "sys/socket.h", "sys/epoll.h")),
}
# Headers are compiled with what their folder may include, and nothing else.
HEADERS: dict[str, tuple[str, ...]] = {
    "models": ("models",),
    "payloads": ("payloads/codecs",),
    "bench": ("bench", "bench/workloads", "models", "payloads/codecs"),
    "tests/models": ("tests/models", "models"),
}


def sources(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.suffix in {".c", ".h", ".cc", ".in"} and path.is_file():
            yield path


def included_where_not_allowed(root: Path, layer: str) -> Iterator[str]:
    allowed, foreign = LAYERS[layer]
    headers = {path.name for top in HEADERS for path in (root / top).rglob("*.h")}
    for path in sources(root / layer):
        for match in INCLUDE.finditer(path.read_text(encoding="utf-8")):
            name = match[2]
            where = f"{path.relative_to(root)}: includes {name}"
            if match[1] == "<":
                if name.startswith(foreign):
                    yield f"{where}, which is not for {layer}/"
                continue
            found = [base / name for base in (path.parent, *(root / folder for folder in allowed))]
            inside = [file for file in found if file.is_file()]
            if inside and not inside[0].resolve().is_relative_to((root / layer).resolve()):
                yield f"{where}, outside {layer}/"
            # What is nowhere in the tree is made by the build.
            if not inside and Path(name).name in headers:
                yield f"{where}, which belongs to another folder"


def is_cxx(header: Path) -> bool:
    """Does it, or a header beside it that it includes, need C++'s library?"""
    text = header.read_text(encoding="utf-8")
    beside = (header.parent / match[2] for match in INCLUDE.finditer(text) if match[1] == '"')
    return bool(CXX_INCLUDE.search(text)) or any(is_cxx(file) for file in beside if file.is_file())


def compiles_alone(root: Path, header: Path, command: list[str], language: str) -> str | None:
    run = subprocess.run(
        [*command, "-x", language, "-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", "-Werror",
         "-include", str(header), "/dev/null"],
        capture_output=True, text=True, check=False)  # fmt: skip
    if run.returncode == 0:
        return None
    return f"{header.relative_to(root)}: does not compile alone as {language}:\n{run.stderr}"


def main() -> int:
    root, build = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    cc, cxx, flags = sys.argv[3], sys.argv[4], sys.argv[5:]
    faults = [fault for layer in LAYERS for fault in included_where_not_allowed(root, layer)]

    jobs: list[tuple[Path, list[str], str]] = []
    for folder, includes in HEADERS.items():
        paths = [f"-I{base / include}" for include in includes for base in (root, build)]
        paths.append(f"-I{build / 'payloads'}" if "payloads/codecs" in includes else "-I.")
        for header in sorted((root / folder).rglob("*.h")):
            cxx_only = is_cxx(header)
            if cxx_only or "__cplusplus" in header.read_text(encoding="utf-8"):
                jobs.append((header, [cxx, "-std=c++17", *flags, *paths], "c++"))
            if not cxx_only:
                jobs.append((header, [cc, "-std=c11", "-D_GNU_SOURCE", *flags, *paths], "c"))
    with ThreadPoolExecutor(max_workers=2) as pool:
        results = pool.map(lambda job: compiles_alone(root, *job), jobs)
        faults += [fault for fault in results if fault]

    for fault in faults:
        print(fault)
    print(f"{len(jobs)} headers compiled alone, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
