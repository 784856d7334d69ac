# SPDX-License-Identifier: MIT
"""What does not vary is the same twice, and means what it says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from assaylib import exact, plan
from assaylib.programs import Build, execute
from commands import finish

CORE = ("cjson", "protobuf_c", "msgpack_c")


@pytest.fixture(scope="module")
def built(build: Path) -> Build:
    for program in ("codec_bench", "codec_exact", "codec_heap"):
        if not (build / "bench" / program).exists():
            pytest.skip(f"{program} is not built")
    return Build.open(build)


def rows(built: Build, program: str, *arguments: str) -> list[dict[str, Any]]:
    done = finish([str(built.program(program)), *arguments])
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)["exact"]
    return found


def test_heap(built: Build) -> None:
    first = rows(built, "codec_heap", "--payload", "order")
    figures = {(row["codec"], row["operation"]): row for row in first}
    assert {codec for codec, _ in figures} >= set(CORE)
    # Into the caller's buffer and from an arena: the library asks for nothing.
    for operation in ("encode", "decode"):
        row = figures["protobuf_c", operation]
        assert row["allocations"] == row["allocated_bytes"] == row["peak_heap_bytes"] == 0
    for codec in CORE:
        cold, warm = figures[codec, "decode_cold"], figures[codec, "decode"]
        assert cold["allocations"] > warm["allocations"]
        assert cold["peak_heap_bytes"] >= cold["allocated_bytes"] / cold["allocations"] > 0
    assert figures["cjson", "encode"]["allocations"] > 10  # its tree


def test_heap_is_the_same_twice(built: Build) -> None:
    first, again = (
        [row for row in rows(built, "codec_heap", "--payload", "ack") if row["codec"] in CORE]
        for _ in range(2)
    )
    assert first == again


def test_sizes(built: Build) -> None:
    first, again = (rows(built, "codec_exact", "--payload", "ack", "--payload", "order") for _ in range(2))

    def timeless(row: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in row.items() if not key.endswith("_ns")}

    assert list(map(timeless, first)) == list(map(timeless, again))
    done = finish([str(built.program("codec_bench")), "--fidelity"])
    wires = {(e["payload"], e["codec"]): e["wire_bytes"] for e in json.loads(done.stdout)["fidelity"]}
    for row in first:
        if (row["payload"], row["codec"]) in wires:
            wire = wires[row["payload"], row["codec"]]
            assert row["wire_bytes"] == pytest.approx(sum(wire) / len(wire), abs=0.001)
        for name in ("zlib_6", "zstd_3"):
            if f"{name}_bytes" in row and row["payload"] == "order" and row["codec"] == "cjson":
                assert row[f"{name}_bytes"] < row["wire_bytes"] * 0.7  # JSON of that length packs well
            if f"{name}_bytes" in row:
                assert row[f"{name}_compress_median_ns"] > 0 < row[f"{name}_expand_median_ns"]


@pytest.mark.parametrize("program", ["codec_exact", "codec_heap"])
def test_usage(built: Build, program: str, tmp_path: Path) -> None:
    path = str(built.program(program))
    assert finish([path, "--list"]).stdout.splitlines()[0] == "ack"
    assert "--payload NAME" in finish([path, "--help"]).stdout
    for arguments, words in (
        (["--payload", "nope"], "--payload nope: no such payload"),
        (["extra"], "extra: unexpected argument"),
        (["--nope"], "--nope"),
    ):
        done = finish([path, *arguments])
        assert done.returncode == 2 and words in done.stderr
    assert finish([path, "--payload", "ack", "--json", f"{tmp_path}/no/file"]).returncode == 1
    done = finish([path, "--payload", "ack", "--instructions"])
    assert done.returncode in (2, 3) and "--instructions" in done.stderr


def test_instructions(built: Build) -> None:
    if shutil.which("valgrind") is None:
        pytest.skip("valgrind is not installed")
    said: list[str] = []
    found = exact._instructions(built, ["ack"], said.append)
    if any("without valgrind's headers" in line for line in said):
        pytest.skip(said[0])
    assert not said
    counts = {(row["operation"], row["codec"]): row["instructions"] for row in found}
    assert {codec for _, codec in counts} >= set(CORE)
    assert all(count > 10 for count in counts.values())
    assert counts["encode", "cjson"] > counts["encode", "protobuf_c"]


def test_dumps_without_a_label_are_none(tmp_path: Path) -> None:
    (tmp_path / "a.1").write_text("desc: Trigger: Client Request: ack/encode/cjson/4\nsummary: 10\n")
    (tmp_path / "a").write_text("desc: Trigger: Program termination\nsummary: 99\n")
    (found,) = exact.dumps(tmp_path.iterdir())
    assert found["instructions"] == 2.5 and found["documents"] == 4 and found["codec"] == "cjson"


def test_code_sizes(built: Build) -> None:
    if any(shutil.which(tool) is None for tool in ("nm", "size", "ldd")):
        pytest.skip("binutils are not installed")
    named = exact.codecs(built, print)
    found = {row["codec"]: row for row in exact.code_sizes(built, named, print)}
    assert set(found) == {codec["name"] for codec in named}
    assert all(row["adapter_text_bytes"] > 500 for row in found.values())
    for codec in CORE:
        assert found[codec]["library_text_bytes"] > 5000
    assert "library_text_bytes" not in found.get("json_floor", {})
    # Each calls one shared library: what two of them export counts as the first one's (Jansson, json-c).
    one = {exact._text_bytes(path) for path in exact._libraries(built.program("codec_bench"))}
    assert {row["library_text_bytes"] for row in found.values() if "library_text_bytes" in row} <= one


def test_a_symbol_of_two_libraries_is_the_first_one_s() -> None:
    offered = {Path("a"): {"x", "y"}, Path("b"): {"x", "z"}}
    assert exact._called({"x", "nowhere"}, offered) == [Path("a")]
    assert exact._called({"x", "z"}, offered) == [Path("a"), Path("b")]


def test_what_is_missing_is_said(built: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "meson-info").mkdir()
    empty = Build.open(tmp_path)
    made = plan.make(plan.Built(codec_cases=("codec/ack/encode/cjson",)), plan.TIERS["standard"], 1)
    said: list[str] = []
    assert exact.measure(empty, made, [], said.append) == []
    assert any("code sizes are not known" in line for line in said)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert exact._instructions(built, ["ack"], said.append) == []
    assert said[-1] == "assay: instructions are not known: valgrind is not installed"


def test_a_run_records_them(built: Build) -> None:
    """Not by running one: what measure() gives for a smoke run is complete and flat."""
    cases = execute([str(built.program("codec_bench")), "--list"], timeout_s=60).stdout.split()
    made = plan.make(plan.Built(codec_cases=tuple(cases)), plan.TIERS["smoke"], 1, "^codec/ack/")
    found = exact.measure(built, made, exact.codecs(built, print), print)
    for row in found:
        assert {"payload", "codec", "operation"} <= set(row)
        assert row["payload"] in ("ack", None)
        assert all(isinstance(v, (int, float)) for k, v in row.items() if k[-5:] in ("bytes", "ations"))
    assert any("wire_bytes" in row for row in found) and any("allocations" in row for row in found)
