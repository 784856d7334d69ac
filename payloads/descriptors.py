# SPDX-License-Identifier: MIT
"""Reads what `protoc --descriptor_set_out` writes: the little of google/protobuf/descriptor.proto that
schemas.py asks for. Numbers in the code are that file's field numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Iterator

LABEL_REQUIRED, LABEL_REPEATED = 2, 3
TYPE_STRING, TYPE_GROUP, TYPE_MESSAGE = 9, 10, 11
CODE_SIZE = 2
Where = tuple[int, ...]  # field numbers and indexes from the file down to a declaration


@dataclass
class Field:
    name: str
    line: int
    repeated: bool
    required: bool
    group: bool
    has_flag: bool  # in proto2, if it is optional: a number or bytes, and in no oneof
    proto3_optional: bool
    oneof: int | None  # which of the message's; None if in none, and of proto3's optional ones


@dataclass
class Message:
    name: str  # full: package.Outer.Inner
    syntax: str
    line: int
    map_entry: bool
    oneofs: list[str]
    fields: list[Field]


@dataclass
class Enum:
    name: str  # full
    line: int
    values: list[tuple[str, int]]  # with their lines


@dataclass
class File:
    name: str  # as an import spells it
    package: str = ""
    package_line: int = 0  # 0: it says none
    syntax: str = "proto2"
    code_size_line: int = 0  # of optimize_for = CODE_SIZE
    imports: list[tuple[str, int]] = field(default_factory=list)
    extensions: list[tuple[str, int]] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)  # nested ones too
    enums: list[Enum] = field(default_factory=list)


def varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 0x80:
            return value, at


def fields(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Number, and its value as an integer or as bytes, for every field of a message."""
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        if tag & 7 == 0:
            value, at = varint(data, at)
            yield tag >> 3, value, b""
            continue
        size, at = {1: (8, at), 5: (4, at)}.get(tag & 7) or varint(data, at)
        yield tag >> 3, 0, data[at:at + size]
        at += size


def several(data: bytes, number: int) -> list[bytes]:
    return [value for found, _, value in fields(data) if found == number]


def text(data: bytes, number: int) -> str:
    return b"".join(several(data, number)[-1:]).decode()


def number_of(data: bytes, number: int) -> int:
    return ([value for found, value, _ in fields(data) if found == number] or [0])[-1]


def packed(data: bytes) -> tuple[int, ...]:
    values, at = [], 0
    while at < len(data):
        value, at = varint(data, at)
        values.append(value)
    return tuple(values)


def lines_of(data: bytes) -> dict[Where, int]:
    """Where a declaration is → its line, from 1 on."""
    found = {}
    for info in several(data, 9):
        for location in several(info, 1):
            path = b"".join(several(location, 1))
            found[packed(path)] = packed(b"".join(several(location, 2)))[0] + 1
    return found


def read_field(data: bytes, where: Where, lines: dict[Where, int], outer: int) -> Field:
    label, kind = number_of(data, 4), number_of(data, 5)
    in_oneof = any(number == 9 for number, _, _ in fields(data))
    return Field(
        name=text(data, 1), line=lines.get(where, outer), repeated=label == LABEL_REPEATED,
        required=label == LABEL_REQUIRED, group=kind == TYPE_GROUP,
        has_flag=label not in (LABEL_REPEATED, LABEL_REQUIRED) and not in_oneof
        and kind not in (TYPE_STRING, TYPE_GROUP, TYPE_MESSAGE),
        proto3_optional=number_of(data, 17) != 0,
        oneof=number_of(data, 9) if in_oneof and not number_of(data, 17) else None)


def read_enum(data: bytes, where: Where, prefix: str, lines: dict[Where, int]) -> Enum:
    name, line = f"{prefix}.{text(data, 1)}" if prefix else text(data, 1), lines.get(where, 1)
    return Enum(name, line, [(text(one, 1), lines.get(where + (2, at), line))
                             for at, one in enumerate(several(data, 2))])


def read_messages(data: bytes, where: Where, prefix: str, file: File,
                  lines: dict[Where, int]) -> None:
    """This message and those in it."""
    name = f"{prefix}.{text(data, 1)}" if prefix else text(data, 1)
    line = lines.get(where, 1)
    options = b"".join(several(data, 7))
    proto3_optional = [number_of(one, 9) for one in several(data, 2) if number_of(one, 17)]
    file.messages.append(Message(
        name=name, syntax=file.syntax, line=line, map_entry=number_of(options, 7) != 0,
        oneofs=[text(one, 1) for at, one in enumerate(several(data, 8)) if at not in proto3_optional],
        fields=[read_field(one, where + (2, at), lines, line)
                for at, one in enumerate(several(data, 2))]))
    file.extensions += [(text(one, 2), lines.get(where + (6, at), line))
                        for at, one in enumerate(several(data, 6))]
    file.enums += [read_enum(one, where + (4, at), name, lines)
                   for at, one in enumerate(several(data, 4))]
    for at, inner in enumerate(several(data, 3)):
        read_messages(inner, where + (3, at), name, file, lines)


def read_file(data: bytes) -> File:
    lines = lines_of(data)
    file = File(name=text(data, 1), package=text(data, 2), package_line=lines.get((2,), 0),
                syntax=text(data, 12) or "proto2")
    if number_of(b"".join(several(data, 8)), 9) == CODE_SIZE:
        file.code_size_line = lines.get((8, 9), 1)
    file.imports = [(name.decode(), lines.get((3, at), 1))
                    for at, name in enumerate(several(data, 3))]
    file.extensions = [(text(one, 2), lines.get((7, at), 1))
                       for at, one in enumerate(several(data, 7))]
    file.enums = [read_enum(one, (5, at), file.package, lines)
                  for at, one in enumerate(several(data, 5))]
    for at, message in enumerate(several(data, 4)):
        read_messages(message, (4, at), file.package, file, lines)
    return file


def read_set(data: bytes) -> list[File]:
    """The files of a FileDescriptorSet; each comes after those that it imports."""
    return [read_file(file) for file in several(data, 1)]
