# SPDX-License-Identifier: MIT
"""Figures that do not vary, from processes of their own and never from timed ones (METHOD 1.14):
bytes, also compressed; what is asked of the heap; instructions under callgrind; code size.

Every row is flat: payload, codec, operation (both None where they mean nothing), documents, and
figures whose names tell the unit. What cannot be had here is left out, with a word about why.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from .plan import Plan
from .programs import Build, execute, json_file, read_json

Row = dict[str, Any]
Say = Callable[[str], None]

TIMEOUT_S = 120.0
# Instructions: valgrind is slow, and large documents say nothing that small ones do not.
COUNTED = {
    "standard": ("ack", "order", "telemetry", "feed"),
    "publish": ("ack", "order", "telemetry", "feed", "tree", "blob", "event"),
}
CALLGRIND = (
    *("valgrind", "--tool=callgrind", "--instr-atstart=no", "--collect-atstart=no"),
    "--callgrind-out-file=callgrind.%p",
)
# Linked by every program, and no codec's library.
EVERYBODYS = re.compile(r"(linux-vdso|ld-linux|lib(c|m|dl|pthread|gcc_s|stdc\+\+|benchmark)[.-])")
STRUCTS = "libprotobuf-c."  # all codecs share its structs; only one its wire format


def measure(build: Build, made: Plan, named: Sequence[Row], say: Say) -> list[Row]:
    """named: as codecs() told."""
    payloads = list(dict.fromkeys(f.id.split("/")[1] for f in made.families if f.kind == "codec"))
    if not payloads:
        return []
    chosen = [word for payload in payloads for word in ("--payload", payload)]
    rows = _rows(build, "codec_exact", chosen, say)
    rows += _rows(build, "codec_heap", chosen, say)
    counted = [p for p in COUNTED.get(made.tier.name, ()) if p in payloads]
    rows += _instructions(build, counted, say)
    rows += code_sizes(build, named, say)
    merged: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        merged.setdefault((row["payload"], row["codec"], row["operation"]), {}).update(row)
    return list(merged.values())


def _rows(build: Build, program: str, arguments: Sequence[str], say: Say) -> list[Row]:
    path = build.find(program)
    if path is None:
        return []
    with json_file() as out:
        done = execute([str(path), *arguments, "--json", str(out)], timeout_s=TIMEOUT_S)
        content, wrong = read_json(out)
    if done.failure:
        say(f"assay: not all that does not vary is known: {done.failure}")
    return list(content["exact"]) if wrong is None else []


def _instructions(build: Build, payloads: Sequence[str], say: Say) -> list[Row]:
    """One valgrind for each payload; a dump for every codec and operation."""
    program = build.find("codec_exact")
    if program is None or not payloads:
        return []
    if shutil.which(CALLGRIND[0]) is None:
        say("assay: instructions are not known: valgrind is not installed")
        return []
    rows: list[Row] = []
    for payload in payloads:
        with tempfile.TemporaryDirectory(prefix="assay-") as folder:
            argv = [
                *(word.replace("callgrind.%p", f"{folder}/callgrind.%p") for word in CALLGRIND),
                *(str(program), "--instructions", "--payload", payload),
            ]
            done = execute(argv, timeout_s=TIMEOUT_S)
            if done.failure:
                last = (done.stderr.strip().splitlines() or [""])[-1]
                reason = f"exit code {done.returncode}: {last}" if done.returncode > 0 else done.failure
                say(f"assay: instructions of {payload} are not known: {reason}")
                continue
            rows += sorted(dumps(Path(folder).iterdir()), key=lambda row: str(row["operation"]))
    return rows


def dumps(files: Iterable[Path]) -> list[Row]:
    """What callgrind wrote at the ends of operations: instructions per document."""
    rows = []
    for file in sorted(files, key=lambda file: (len(file.name), file.name)):
        text = file.read_text("utf-8", "replace")
        label = re.search(r"^desc: Trigger: Client Request: (\w+)/(\w+)/(\w+)/(\d+)$", text, re.M)
        total = re.search(r"^(?:summary|totals): (\d+)$", text, re.M)
        if label and total:
            payload, operation, codec, documents = label.groups()
            rows.append(
                {
                    "payload": payload,
                    "codec": codec,
                    "operation": operation,
                    "documents": int(documents),
                    "instructions": round(int(total[1]) / int(documents), 1),
                }
            )
    return rows


def code_sizes(build: Build, named: Sequence[Row], say: Say) -> list[Row]:
    """Of each codec: the .text of its adapter with all that it needs of ours, and of the shared
    libraries that it calls, whole. A library in headers or an archive is in the adapter's, or
    nowhere to be told apart. named: as codecs() told."""
    objects = {
        re.sub(r"\.(c|cc)\.o$", "", path.name): path
        for path in sorted((build.folder / "payloads" / "codecs" / "libcodecs.a.p").glob("*.o"))
    }
    program = build.find("codec_bench")
    tools = [tool for tool in ("nm", "size", "ldd") if shutil.which(tool) is None]
    if program is None or not objects or tools:
        missing = f"no {' or '.join(tools)} here" if tools else "no objects in the build"
        say(f"assay: code sizes are not known: {missing}")
        return []
    symbols = {name: _symbols(path) for name, path in objects.items()}
    definers = {symbol: name for name, (defined, _) in symbols.items() for symbol in defined}
    libraries = {path: _symbols(path, "-D")[0] for path in _libraries(program)}
    rows: list[Row] = []
    for codec in named:
        name = codec["name"]
        if name not in objects:
            continue
        called = [
            path
            for path in _called(symbols[name][1], libraries)
            if not path.name.startswith(STRUCTS) or codec["library"] == "protobuf-c"
        ]
        row = {"payload": None, "codec": name, "operation": None}
        row["adapter_text_bytes"] = sum(
            _text_bytes(objects[part]) for part in _closure(name, symbols, definers)
        )
        if called:
            row["library_text_bytes"] = sum(map(_text_bytes, called))
        rows.append(row)
    return rows


def _closure(
    name: str, symbols: dict[str, tuple[set[str], set[str]]], definers: dict[str, str]
) -> set[str]:
    """The objects of ours that this one needs, but for other codecs."""
    mine, todo = {name}, [name]
    while todo:
        undefined = symbols[todo.pop()][1]
        for other in {definers[symbol] for symbol in undefined if symbol in definers} - mine:
            if f"{other}_codec" not in symbols[other][0]:
                mine.add(other)
                todo.append(other)
    return mine


def _called(undefined: set[str], libraries: dict[Path, set[str]]) -> list[Path]:
    """Where these symbols come from. libraries: in the order of the loader, which takes the first that
    offers one: Jansson and json-c share some."""
    first = {next((path for path in libraries if name in libraries[path]), None) for name in undefined}
    return [path for path in libraries if path in first]


def _symbols(path: Path, *options: str) -> tuple[set[str], set[str]]:
    """Defined and undefined."""
    defined, undefined = set(), set()
    for line in _output(["nm", *options, str(path)]).splitlines():
        *_, kind, name = line.split()
        name = name.partition("@")[0]
        if kind in "Uvw":
            undefined.add(name)
        elif kind.isupper():
            defined.add(name)
    return defined, undefined


def _libraries(program: Path) -> list[Path]:
    found = re.findall(r"^\s*(\S+) => (/\S+)", _output(["ldd", str(program)]), re.M)
    return [Path(path) for name, path in found if not EVERYBODYS.match(name)]


def _text_bytes(path: Path) -> int:
    """All sections of code: a C++ object has one for each template."""
    found = re.findall(r"^\.text\S*\s+(\d+)", _output(["size", "-A", str(path)]), re.M)
    return sum(map(int, found))


def _output(argv: Sequence[str]) -> str:
    done = execute(argv, timeout_s=TIMEOUT_S)
    return done.stdout if done.failure is None else ""


def codecs(build: Build, say: Say) -> list[Row]:
    """What codec_bench --list-codecs tells, for whoever names them in a report."""
    path = build.find("codec_bench")
    if path is None:
        return []
    with json_file() as out:
        done = execute([str(path), "--list-codecs"], timeout_s=TIMEOUT_S)
        out.write_text(done.stdout)
        content, wrong = read_json(out)
    if done.failure or wrong:
        say(f"assay: what the codecs are called is not known: {done.failure or wrong}")
        return []
    return list(content["codecs"])
