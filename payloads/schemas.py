#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Reads the schemas of payloads for meson.build, and refuses what the suite cannot carry.

    schemas.py PROTOC [--ours] FILE.proto...

What each needs goes to standard output, a line per thing, its parts parted by tabs:

    schema  NAME  PATH  SYMBOL  ENTRIES         a payload: its root's descriptor, and the full names of
                                                its maps' entry types as C's initialisers
    compile FLAT  VIRTUAL  FOLDER  PATHS        a file to compile, imports included, each once: as
                                                FLAT.pb-c.c; PATHS it depends on, parted by ';'

--ours: schemas of the suite's own, in names that payloads may not have. Exits 1 with one sentence per
fault, "FILE:LINE: …", on standard error.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

from descriptors import File, Message, read_set
from protoc import describe

# A payload's name is also a package, a namespace of C++, a file and a part of a case's id.
KEYWORDS = frozenset(
    "alignas alignof and and_eq asm auto bitand bitor bool break case catch char class compl const "
    "constexpr const_cast continue decltype default delete do double dynamic_cast else enum explicit "
    "export extern false float for friend goto if inline int long mutable namespace new noexcept not "
    "not_eq nullptr operator or or_eq private protected public register reinterpret_cast restrict "
    "return short signed sizeof static static_assert static_cast struct switch template this "
    "thread_local throw true try typedef typeid typename typeof union unsigned using virtual void "
    "volatile wchar_t while xor xor_eq".split())
TAKEN = frozenset("codec codecs memcpy payload payloads google std test tests build check encode decode "
                  "parse read print convert release errno".split())
# What the schemas of the suite's own tests and probes are called: a program that holds those and a
# payload's of the same name would not link, or not start.
OURS_PREFIX, OURS = "ours_", frozenset(["strtok"])
# Extensions of these are annotations: nothing of them is in a message.
OPTIONS = re.compile(r"\.google\.protobuf\.[A-Z][A-Za-z]*Options")
MOST_REQUIRED = 64  # bits of plan_message.required
MOST_LETTERS = 255  # of an enum's value: json_floor_read.c, read_enum
# What protoc-gen-c does not compile, or not so that its names are there.
UNSUPPORTED = {"protobuf-c/protobuf-c.proto": "options of protobuf-c change its names: not supported"}


def root_of(name: str) -> str:
    """line_item → LineItem."""
    return "".join(word[:1].upper() + word[1:] for word in name.split("_"))


def lower(word: str) -> str:
    """As protoc-gen-c spells it: an underscore before a capital that follows another character than a
    capital."""
    return "".join(("_" if at > 0 and letter.isupper() and not word[at - 1].isupper() else "")
                   + letter.lower() for at, letter in enumerate(word))


def stem_of(name: str) -> str:
    """parcel.Parcel.LabelsEntry → parcel__parcel__labels_entry."""
    return "__".join(lower(word) for word in name.split("."))


def type_of(name: str) -> str:
    """parcel.Parcel.line_item → Parcel__Parcel__LineItem."""
    return "__".join(root_of(word) for word in name.split("."))


def symbol_of(name: str, root: str) -> str:
    """The descriptor's name."""
    return f"{stem_of(f'{name}.{root}')}__descriptor"


def is_ours(name: str) -> bool:
    """May only the suite itself call a package, a file, or a message outside any package so?"""
    return lower(name).startswith(OURS_PREFIX) or lower(name) in OURS


def ours_faults(file: File) -> list[tuple[int, str]]:
    """Names in a payload's file, or in one that it imports, that are the suite's own."""
    names = [(file.package.partition(".")[0], file.package_line or 1)] if file.package else [
        (one.name.partition(".")[0], one.line) for one in (*file.messages, *file.enums)]
    names.append((file.name.removesuffix(".proto").partition("/")[0], 1))
    return [(line, f"{name} is a reserved name, of the suite's own schemas: call it otherwise")
            for name, line in names if is_ours(name)][:1]


def symbols_of(file: File) -> list[tuple[str, str, int]]:
    """What the generated code declares for everybody: the symbol, what for, and where that is said."""
    found = []
    for message in file.messages:
        stem = stem_of(message.name)
        found += [(one, message.name, message.line) for one in (stem, type_of(message.name))]
        for at, oneof in enumerate(message.oneofs):
            what, prefix = f"the oneof {message.name}.{oneof}", f"{stem}__{lower(oneof)}"
            found.append((type_of(f"{message.name}.{oneof}_case"), what, message.line))
            found.append((f"{prefix.upper()}__NOT_SET", what, message.line))
            found += [(f"{prefix.upper()}_{lower(one.name).upper()}", f"{message.name}.{one.name}", one.line)
                      for one in message.fields if one.oneof == at]
    for enum in file.enums:
        stem = stem_of(enum.name)
        found += [(one, enum.name, enum.line) for one in (stem, type_of(enum.name))]
        found += [(f"{stem.upper()}__{value}", f"{enum.name}, value {value}", line)
                  for value, line in enum.values]
    return found


def members_of(message: Message) -> list[tuple[str, int]]:
    """The members of protobuf-c's struct with the line of what they are for."""
    found = [("base", message.line)]
    for one in message.fields:
        member = one.name.lower()
        found.append((member + ("_" if member in KEYWORDS else ""), one.line))
        if one.repeated:
            found.append(("n_" + member, one.line))
        elif one.has_flag and message.syntax == "proto2":
            found.append(("has_" + member, one.line))
    found += [(name.lower() + "_case", message.line) for name in message.oneofs]
    return found


def message_faults(message: Message) -> list[tuple[int, str]]:
    faults = []
    for one in message.fields:
        if one.group:
            faults.append((one.line, f"{message.name}.{one.name}: protobuf-c does not know groups"))
        if one.proto3_optional:
            faults.append((one.line, f"{message.name}.{one.name}: protobuf-c does not know `optional` in "
                                     "proto3; say proto2, or use a oneof of one member"))
    if sum(one.required for one in message.fields) > MOST_REQUIRED:
        faults.append((message.line, f"{message.name}: more than {MOST_REQUIRED} required fields"))
    names: set[str] = set()
    for name, line in members_of(message):
        if name in names:
            faults.append((line, f"{message.name}: two members of protobuf-c's struct would be called "
                                 f"{name}"))
        names.add(name)
    return faults


def file_faults(file: File) -> list[tuple[int, str]]:
    """What is wrong with one file, sorted by line."""
    faults = [(line, UNSUPPORTED[name]) for name, line in file.imports if name in UNSUPPORTED]
    if file.code_size_line:
        faults.append((file.code_size_line,
                       "protobuf-c drops the fields' names with optimize_for = CODE_SIZE"))
    faults += [(line, f"extend {extendee}: protobuf-c does not carry extensions")
               for extendee, line in file.extensions if not OPTIONS.fullmatch(extendee)]
    faults += [(line, f"{enum.name}: {value[:20]}…: more than {MOST_LETTERS} letters")
               for enum in file.enums for value, line in enum.values if len(value) > MOST_LETTERS]
    for message in file.messages:
        faults += message_faults(message)
    return sorted(faults)


def root_faults(name: str, file: File) -> list[tuple[int, str]]:
    line = file.package_line or 1
    if name in KEYWORDS or name in TAKEN:
        return [(line, f"{name} is a reserved name: call the payload otherwise")]
    if file.package != name:
        return [(line, f'must say "package {name};"')]
    if f"{name}.{root_of(name)}" not in {message.name for message in file.messages}:
        return [(line, f"there is no message {root_of(name)}, the payload's root")]
    return []


@dataclass
class Report:
    """What is to be printed."""
    ours: bool = False  # the schemas are the suite's own
    lines: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    flat: dict[str, tuple[str, Path]] = field(default_factory=dict)  # FLAT → VIRTUAL, FOLDER
    types: dict[str, tuple[str, Path]] = field(default_factory=dict)  # full name → where it is from
    symbols: dict[str, str] = field(default_factory=dict)  # of the C code → what for

    def add_compile(self, file: File, folder: Path, paths: list[str], where: str) -> None:
        flat = file.name.removesuffix(".proto").replace("/", "_")
        place = Path() if file.name.startswith("google/protobuf/") else folder
        for message in file.messages:
            first = self.types.setdefault(message.name, (file.name, place))
            if first != (file.name, place):
                self.faults.append(f"{where}:{message.line}: there is a message {message.name} in "
                                   f"{first[1] / first[0]} already")
        for symbol, what, line in symbols_of(file) if flat not in self.flat else []:
            first_what = self.symbols.setdefault(symbol, what)
            if first_what != what:
                self.faults.append(f"{where}:{line}: {what} and {first_what}: protobuf-c would call both "
                                   f"{symbol}")
        if flat not in self.flat:
            self.flat[flat] = (file.name, place)
            self.lines.append("\t".join(["compile", flat, file.name, str(folder), ";".join(paths)]))
        elif self.flat[flat] != (file.name, place):
            self.faults.append(f"{where}:1: there is a {file.name} in {self.flat[flat][1]} already")

    def add(self, protoc: str, path: Path) -> None:
        name, folder = path.stem, path.parent
        known, words = describe(protoc, folder, str(path), "--include_source_info")
        if not known:
            # protoc's own sentences; those about the file itself begin with its name alone.
            self.faults += [f"{folder}/{line}" if line.startswith(path.name + ":") else line
                            for line in words.splitlines()]
            return
        files = read_set(known)  # in the order in which they need one another
        own = {file.name: folder / file.name for file in files if (folder / file.name).is_file()}
        for file in files:
            where = str(own.get(file.name, file.name))
            faults = file_faults(file) + (root_faults(name, file) if file is files[-1] else [])
            faults += ours_faults(file) if not self.ours else []
            self.faults += [f"{where}:{line}: {sentence}" for line, sentence in sorted(faults)]
            self.add_compile(file, folder, [str(at) for at in own.values()], where)
        entries = sorted(message.name for file in files for message in file.messages
                         if message.map_entry)
        self.lines.append("\t".join(["schema", name, str(path), symbol_of(name, root_of(name)),
                                     "".join(f'"{entry}", ' for entry in entries) + "NULL"]))


def main() -> int:
    protoc, *paths = sys.argv[1:]
    report = Report(ours=paths[:1] == ["--ours"])
    for path in paths[report.ours:]:
        report.add(protoc, Path(path))
    print("\n".join(report.lines))
    for fault in dict.fromkeys(report.faults):
        print(fault, file=sys.stderr)
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main())
