# SPDX-License-Identifier: MIT
"""A scenario: one TOML file, read and checked.

    kind = "capacity"                 # a module of this room
    title = "…"                       # a heading
    question = "…?"                   # one sentence, which the answer follows
    rounds = 8

    [server]                          # options of serve, with underscores; models = ["…"]: default all
    [server.thread_pool]              # … of one model alone; some kinds take several `threads` there, a row for each
    [downstream]                      # options of downstream: then there is one
    [load]                            # options of load
    [[load.classes]]                  # kinds of request, with name and share
    [level]                           # the service level
    [steps]                           # the kind's own

Which keys there are, the kind says (keys.py).
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from .. import UsageError, words
from . import keys
from .keys import Keys, Wrong

FOLDER = Path(__file__).resolve().parents[3] / "bench" / "scenarios"
TOP = {
    "kind": keys.text(),
    "title": keys.text(),
    "question": keys.text(),
    "rounds": keys.count(keys.REQUIRED, 1, 1000),
}
ROUNDS_MAX = 1000


@dataclass(frozen=True)
class Scenario:
    name: str  #: the file's, without .toml
    kind: str
    title: str
    question: str
    rounds: int
    models: tuple[str, ...]  #: () is every one that is built
    server: dict[str, Any]
    of_model: dict[str, dict[str, Any]]  #: what [server.MODEL] changes
    downstream: dict[str, Any]  #: {} is none
    load: dict[str, Any]
    classes: list[dict[str, Any]]
    level: dict[str, Any]
    steps: dict[str, Any]
    file: str
    sha256: str  #: of the file's bytes
    where: str = field(default="", compare=False)  #: the file as it was named, for messages

    def wrong(self, key: str, why: str) -> Wrong:
        """To be raised: `raise scenario.wrong("steps.rates", "…")`."""
        return Wrong(self.where or self.file, key, why)

    @property
    def named(self) -> str:
        """As a command line names it."""
        return self.name if Path(self.where).parent == FOLDER else self.where

    @property
    def pools(self) -> dict[str, dict[str, Any]]:
        """Row → its options, of models for which the file lists several numbers of threads. The name says how many:
        whatever is told of a row is told of that number."""
        return {
            f"{model} ({words.counted(count, 'thread')})": {**changed, "model": model, "threads": count}
            for model, changed in self.of_model.items()
            if isinstance(changed.get("threads"), list)
            for count in changed["threads"]
        }

    def rows(self, model: str) -> list[str]:
        """What is measured of a model: itself, or it with each of its numbers of threads."""
        return [row for row, changed in self.pools.items() if changed["model"] == model] or [model]

    def options(self, row: str) -> dict[str, Any]:
        """serve's, of one row."""
        return {**self.server, "model": row, **self.of_model.get(row, {}), **self.pools.get(row, {})}

    def to_json(self) -> dict[str, Any]:
        content = asdict(self)
        del content["where"]
        return content

    @staticmethod
    def from_json(content: Mapping[str, Any]) -> Scenario:
        needed = [each.name for each in fields(Scenario) if each.default is MISSING and each.default_factory is MISSING]
        return Scenario(**{**content, **{name: content[name] for name in needed}, "models": tuple(content["models"])})


def find(name: str) -> Path:
    """A file, or NAME of bench/scenarios/."""
    path = Path(name)
    if path.suffix == ".toml":
        if not path.is_file():
            raise UsageError(f"--scenario {name}: no such file")
        return path
    shipped = FOLDER / f"{name}.toml"
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name) or not shipped.is_file():
        known = " ".join(sorted(file.stem for file in FOLDER.glob("*.toml"))) or "none"
        raise UsageError(f"--scenario {name}: neither a file (NAME.toml) nor one of those shipped: {known}")
    return shipped


def read(path: Path) -> tuple[dict[str, Any], str]:
    """(content, SHA-256)."""
    try:
        data = path.read_bytes()
        content = tomllib.loads(data.decode("utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except ValueError as error:  # TOMLDecodeError and UnicodeDecodeError are
        raise UsageError(f"{path}: not TOML: {error}") from None
    return content, hashlib.sha256(data).hexdigest()


def kind_of(path: Path, content: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    kind = content.get("kind")
    if not isinstance(kind, str) or kind not in known:
        said = "is missing" if kind is None else f'"{kind}" is not known'
        raise Wrong(str(path), "kind", f"{said} (there are {', '.join(known)})")
    return kind


def parse(path: Path, content: dict[str, Any], sha256: str, allowed: Keys) -> Scenario:
    """allowed: the kind's tables, of which [server] and [load] are options of the programs."""
    where = str(path)
    top = keys.table(where, "", {k: v for k, v in content.items() if k not in keys.TABLES}, TOP)
    given = {name: content.get(name, {}) for name in keys.TABLES}
    for name in keys.TABLES:
        if not isinstance(given[name], dict):
            raise Wrong(where, name, "must be a table")
        if name in content and name not in allowed:
            raise Wrong(where, name, f"a scenario of kind {top['kind']} has no such table")
    server = dict(given["server"])
    of_model = {name: server.pop(name) for name in list(server) if isinstance(server[name], dict)}
    models = keys.table(where, "server", {"models": server.pop("models", None)}, MODELS)["models"]
    load = dict(given["load"])
    classes = keys.classes(where, load.pop("classes")) if "classes" in load else []
    found = Scenario(
        name=path.stem,
        kind=top["kind"],
        title=top["title"],
        question=top["question"],
        rounds=top["rounds"],
        models=tuple(models),
        server=keys.table(where, "server", server, allowed.get("server", {})),
        of_model=_of_models(where, of_model, allowed.get("server.MODEL", allowed.get("server", {}))),
        downstream=_downstream(where, content, allowed),
        load=keys.table(where, "load", load, allowed.get("load", {})),
        classes=classes,
        level=keys.table(where, "level", given["level"], allowed.get("level", {})),
        steps=keys.table(where, "steps", given["steps"], allowed.get("steps", {})),
        file=path.name,
        sha256=sha256,
        where=where,
    )
    if not re.fullmatch(r"[A-Za-z0-9_-]+", found.name):
        raise Wrong(where, "file name", "letters, digits, dashes and underscores only")
    if len(set(models)) < len(models):
        raise Wrong(where, "server.models", "names a model twice")
    for model, changed in found.of_model.items():
        counts = changed.get("threads")
        if isinstance(counts, list) and len(set(counts)) < len(counts):
            raise found.wrong(f"server.{model}.threads", "names one twice")
    return found


MODELS = {"models": keys.many(keys.text(), ())}


def _of_models(where: str, given: dict[str, Any], allowed: Mapping[str, keys.Key]) -> dict[str, Any]:
    """Only what is given: the rest is as for all."""
    found = {}
    for model, changed in given.items():
        whole = keys.table(where, f"server.{model}", changed, allowed)
        found[model] = {name: whole[name] for name in changed}
    return found


def _downstream(where: str, content: dict[str, Any], allowed: Keys) -> dict[str, Any]:
    if "downstream" not in content:
        return {}
    whole = keys.table(where, "downstream", content["downstream"], allowed["downstream"])
    return {name: value for name, value in whole.items() if value is not None}


def with_rounds(scenario: Scenario, rounds: int | None) -> Scenario:
    return scenario if rounds is None else replace(scenario, rounds=rounds)
