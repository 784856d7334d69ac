# SPDX-License-Identifier: MIT
"""The raw results of a run: run.json, written whole, and samples.jsonl, only ever appended to.

All lines of one process go into the file in one write, followed by fsync, so that whatever kills
the run loses at most the process in flight.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import SCHEMA, UsageError
from .located import located

Line = dict[str, Any]


def write_whole(path: Path, content: Any) -> None:
    """JSON by way of a temporary file and rename: readers see the old file or the new one."""
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(content, file, indent=1, ensure_ascii=False, allow_nan=False)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def probe(reports: Path) -> None:
    """Fails before anything is measured if results could not be kept there."""
    try:
        reports.mkdir(parents=True, exist_ok=True)
        test = reports / f".probe-{os.getpid()}"
        test.write_text("", "utf-8")
        test.unlink()
    except OSError as error:
        raise UsageError(f"--reports {reports}: cannot write there: {error.strerror}") from None


@dataclass
class Samples:
    """The complete, sound lines of a samples.jsonl; resumes and the end apart from results."""

    lines: list[Line] = field(default_factory=list)
    resumes: list[Line] = field(default_factory=list)
    ends: list[Line] = field(default_factory=list)
    aims: list[Line] = field(default_factory=list)  # how many rounds a run decided to make
    notices: list[str] = field(default_factory=list)  # what was left out, by file and line
    damaged: list[str] = field(default_factory=list)  # of these, what no interrupted run leaves behind
    odd: list[str] = field(default_factory=list)  # figures of sound lines that are no numbers
    end: int = 0  # byte offset behind the last complete line
    starts: dict[int, int] = field(default_factory=dict)  # process: offset of its first line

    @property
    def every(self) -> list[Line]:
        return [*self.lines, *self.resumes, *self.aims, *self.ends]


PEERS_TIER = "peers"  # the tier of what `assay peers` measured
SWEEP_TIER = "sweep"  # … and `assay sweep`
SCENARIO_TIER = "scenario"  # … and `assay run --scenario`
SOAK_TIER = "soak"  # … and `assay soak`
#: What is not judged as a run of a tier is.
APPENDICES = {PEERS_TIER: "of peers", SWEEP_TIER: "a sweep", SCENARIO_TIER: "of scenarios", SOAK_TIER: "a soak"}
RESULTS = ("codec", "model", "service")
ROUNDS_MAX = 10_000  # no run makes so many; more is a damaged number
#: What every line of a result has, and the type.
LINE_KEYS: dict[str, type] = {
    "family": str,
    "case": str,
    "member": str,
    "status": str,
    "round": int,
    "process": int,
}


def read_samples(path: Path) -> Samples:
    """What counts: the complete lines that are sound. A last line that was cut off is left out with a
    notice, and so is any other that is damaged, which no interrupted run leaves behind."""
    samples = Samples()
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return samples
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    offset = 0
    for number, raw in enumerate(data.split(b"\n"), 1):
        start, offset = offset, offset + len(raw) + 1
        if offset > len(data):  # behind the last newline
            if raw:
                samples.notices.append(
                    f"{path.name}:{number}: the last line is incomplete and ignored; the complete ones count"
                )
            break
        samples.end = offset
        line, why = _line(raw)
        if line is None:
            samples.damaged.append(f"{path.name}:{number}: {why}")
            samples.notices.append(f"{samples.damaged[-1]}; the line is ignored, the sound ones count")
        elif line["kind"] == "resume":
            samples.resumes.append(line)
        elif line["kind"] == "end":
            samples.ends.append(line)
        elif line["kind"] == "aim":
            samples.aims.append(line)
        else:
            line = located(line, f"{path}:{number}", depth=2)
            samples.lines.append(line)
            if odd := _odd(line):
                samples.odd.append(f"{path.name}:{number}: not a number: {', '.join(odd)}")
            samples.starts.setdefault(line["process"], start)
    return samples


class NotFiniteError(ValueError):
    """NaN or Infinity, which Python's json takes for numbers and JSON does not."""


def _constant(name: str) -> Any:
    raise NotFiniteError(name)


def _number(value: Any) -> bool:
    """Finite, and a float without overflow: 1e999 is read as infinity."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -1e300 < value < 1e300


def _odd(line: Line) -> list[str]:
    """A result's metrics and covariates that are no numbers: no run of a tier has any."""
    return [
        f"{part}.{name}"
        for part in ("metrics", "covariates")
        for name, value in (line.get(part) or {}).items()
        if value is not None and not _number(value)
    ]


def _line(raw: bytes) -> tuple[Line | None, str]:
    """The line, or None and what is wrong with it."""
    try:
        line = json.loads(raw, parse_constant=_constant)
    except NotFiniteError as error:
        return None, f"{error} is not a number"
    except (ValueError, RecursionError):
        return None, "not JSON"
    if not isinstance(line, dict):
        return None, "not a JSON object"
    if line.get("schema") != SCHEMA:
        return None, f"schema {line.get('schema')}, expected {SCHEMA}"
    kind = line.get("kind")
    if kind == "resume":
        return (line, "") if isinstance(line.get("forced", []), list) else (None, "wrong: forced")
    if kind == "end":
        told = line.get("families", {})
        sound = isinstance(told, dict) and all(isinstance(each, dict) for each in told.values())
        return (line, "") if sound else (None, "wrong: families")
    if kind == "aim":
        told = line.get("families")
        sound = isinstance(told, dict) and all(isinstance(rounds, int) for rounds in told.values())
        return (line, "") if sound else (None, "wrong: families")
    if kind not in RESULTS:
        return None, f"kind {kind!r} is not known"
    lacking = [key for key in LINE_KEYS if key not in line]
    if lacking:
        return None, f"lacks {', '.join(lacking)}"
    wrong = [key for key, type_ in LINE_KEYS.items() if not isinstance(line[key], type_)]
    wrong += ["round"] * ("round" not in wrong and not 0 <= line["round"] <= ROUNDS_MAX)
    wrong += [key for key in ("metrics", "covariates", "gates") if not _objects(line, key)]
    wrong += [] if _repetitions(line.get("repetitions")) else ["repetitions"]
    return (None, f"wrong: {', '.join(wrong)}") if wrong else (line, "")


def _objects(line: Line, key: str) -> bool:
    found = line.get(key)
    if found is None:
        return not (key == "metrics" and line["status"] == "ok")
    return isinstance(found, dict) and (key != "gates" or all(map(_gate, found.values())))


def _gate(found: Any) -> bool:
    """Some gates say who was saturated rather than how much."""
    return (
        isinstance(found, dict)
        and all(each is None or isinstance(each, str) or _number(each) for each in map(found.get, ("value", "limit")))
        and isinstance(found.get("ok", False), (bool, type(None)))
        and isinstance(found.get("scope", ""), (str, type(None)))
    )


def _repetitions(found: Any) -> bool:
    """[slot, nanoseconds] each. Below the clock it may be 0, and is no value then (verdicts.Blocks). A plain
    loop: a long run has a million of them."""
    if found is None:
        return True
    if not isinstance(found, list):
        return False
    for pair in found:
        if not isinstance(pair, list) or len(pair) != 2:
            return False
        slot, ns = pair
        if not _number(slot) or not _number(ns) or ns < 0:
            return False
    return True


#: What run.json has at least, and the type; of each family, too.
RUN_KEYS: dict[str, Any] = {
    "id": str,
    "tier": str,
    "seed": int,
    "commit": (str, type(None)),
    "created": str,
    "margin_percent": (int, float),
    "build": dict,
    "environment": dict,
    "families": list,
}
FAMILY_KEYS: dict[str, Any] = {
    "id": str,
    "kind": str,
    "baseline": str,
    "members": list,
    "rounds": int,
}
#: What they may have besides, or None.
RUN_MORE: dict[str, Any] = {
    **dict.fromkeys(("forced", "codecs", "fidelity", "fidelity_table", "exact", "command"), list),
    **dict.fromkeys(("quiet", "machine", "libraries", "discard_rule"), dict),
    "dirty": bool,
}
FAMILY_MORE: dict[str, Any] = {
    **dict.fromkeys(("aliases", "floors", "injected", "iterations", "load"), dict),
    "title": str,
}
#: Of maps, what each value is.
VALUES: dict[str, Any] = {"aliases": str, "floors": str, "injected": (int, float), "iterations": (int, float)}
#: Of lists, what each entry is.
ENTRIES: dict[str, Any] = {"forced": str, "members": str, "codecs": dict}


def read_run(folder: Path) -> dict[str, Any]:
    path = folder / "run.json"
    try:
        run = json.loads(path.read_bytes(), parse_constant=_constant)
    except NotFiniteError as error:
        raise UsageError(f"{path}: {error} is not a number") from None
    except FileNotFoundError:
        raise UsageError(f"{folder}: not a run (no run.json)") from None
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not JSON: {error}") from None
    if not isinstance(run, dict) or run.get("schema") != SCHEMA:
        raise UsageError(f"{path}: not a run of schema {SCHEMA}")
    _has(path, run, RUN_KEYS, RUN_MORE)
    needed = {**FAMILY_KEYS, **({"load": dict} if run["tier"] in APPENDICES else {})}
    for number, family in enumerate(run["families"]):
        where = f"families[{number}]"
        if not isinstance(family, dict):
            raise UsageError(f"{path}: {where}: not an object")
        _has(path, family, needed, FAMILY_MORE, f"{where}: ")
        if not 0 <= family["rounds"] <= ROUNDS_MAX:
            raise UsageError(f"{path}: {where}: wrong: rounds")
        if family["kind"] not in RESULTS or family["baseline"] not in family["members"]:
            raise UsageError(f"{path}: {where}: its kind or its baseline is not known")
    found: dict[str, Any] = located(run, str(path))
    return found


def _has(
    path: Path, content: dict[str, Any], keys: dict[str, Any], more: dict[str, Any], where: str = ""
) -> None:
    """UsageError that names the keys that content lacks, or that are of another type."""
    lacking = [key for key in keys if key not in content]
    wrong = [key for key in keys if key in content and not _is(content[key], keys[key])]
    wrong += [key for key in more if content.get(key) is not None and not _is(content[key], more[key])]
    for key in set(content) - set(wrong):
        if key in VALUES and content[key] is not None:
            wrong += [f"{key}.{name}" for name, value in content[key].items() if not _is(value, VALUES[key])]
        if key in ENTRIES and content[key] is not None:
            wrong += [f"{key}[{i}]" for i, value in enumerate(content[key]) if not _is(value, ENTRIES[key])]
    said = [f"lacks {', '.join(lacking)}"] * bool(lacking) + [f"wrong: {', '.join(sorted(wrong))}"] * bool(wrong)
    if said:
        raise UsageError(f"{path}: {where}{'; '.join(said)}")


def _is(value: Any, types: Any) -> bool:
    if types is bool:
        return isinstance(value, bool)
    return isinstance(value, types) and (not isinstance(value, (bool, int, float)) or _number(value))


def read(folder: Path) -> tuple[dict[str, Any], Samples]:
    """A run of a tier, as `report` and `export` want it; sound(), and no appendix."""
    run = read_run(folder)
    if what := APPENDICES.get(run["tier"]):
        raise UsageError(f"{folder}: {what}: an appendix of another run (assay report RUN --with {folder})")
    return run, _sound(folder, run)


def sound(folder: Path) -> tuple[dict[str, Any], Samples]:
    """Any finished or interrupted run of which something is to be told. UsageError if it is not what a run
    wrote: a line that is cut off at the end is what an interrupted one leaves, and all that is let pass."""
    run = read_run(folder)
    return run, _sound(folder, run)


def _sound(folder: Path, run: dict[str, Any]) -> Samples:
    path = folder / "samples.jsonl"
    if not run["families"]:
        raise UsageError(f"{folder / 'run.json'}: families: none: nothing was measured")
    if not path.exists():
        raise UsageError(f"{path}: missing: there is nothing to judge")
    samples = read_samples(path)
    wrong = [*samples.damaged, *samples.odd, *_strangers(run, samples)]
    if wrong:
        more = f" (and {len(wrong) - 3} more)" if len(wrong) > 3 else ""
        raise UsageError(f"{folder}: damaged, nothing is told of it: {'; '.join(wrong[:3])}{more}")
    if not samples.lines:
        raise UsageError(f"{path}: no result in it: there is nothing to judge")
    return samples


def _strangers(run: dict[str, Any], samples: Samples) -> list[str]:
    """Results that the plan does not have."""
    planned = {(family["id"], member) for family in run["families"] for member in family["members"]}
    found = {(line["family"], line["member"]) for line in samples.lines} - planned
    found |= {(line["family"], line["case"]) for line in samples.lines if line["case"] != f"{line['family']}/{line['member']}"}
    return [f"samples.jsonl: {family}: {member} is not in the plan" for family, member in sorted(found)]


def load(folder: Path) -> tuple[dict[str, Any], Samples]:
    """read(); notices go to stderr."""
    run, samples = read(folder)
    for notice in samples.notices:
        print(f"assay: {notice}", file=sys.stderr)
    return run, samples


class Writer:
    """Appends to samples.jsonl."""

    def __init__(self, folder: Path) -> None:
        self._file = os.open(
            folder / "samples.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666
        )

    def append(self, lines: list[Line]) -> None:
        text = "".join(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n" for line in lines)
        data = text.encode("utf-8")
        if os.write(self._file, data) != len(data):
            raise OSError("samples.jsonl: short write (is the disk full?)")
        os.fsync(self._file)

    def close(self) -> None:
        os.close(self._file)


def complete_processes(samples: Samples, expected: dict[int, int]) -> set[int]:
    """The processes all of whose lines are there; expected: process → number of its lines."""
    counts = Counter(line["process"] for line in samples.lines)
    return {process for process, count in counts.items() if count == expected.get(process)}


def cut_tail(folder: Path, samples: Samples, complete: set[int]) -> int:
    """Takes away what a killed run left behind the last complete process; returns its bytes. Only
    the process in flight can be incomplete, so only the end of the file can be affected."""
    path = folder / "samples.jsonl"
    if not path.exists():
        return 0
    keep = samples.end
    if samples.lines and (last := samples.lines[-1]["process"]) not in complete:
        keep = min(keep, samples.starts[last])
    size = path.stat().st_size
    if size > keep:
        os.truncate(path, keep)
    return size - keep
