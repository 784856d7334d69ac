# SPDX-License-Identifier: MIT
"""Rewrites what `protoc --descriptor_set_out` wrote, so that a generator makes code that compiles
whatever things are called. Numbers are those of google/protobuf/descriptor.proto."""

from __future__ import annotations

from typing import Callable, Iterable

from descriptors import several, text, varint

OURS = "google/protobuf/"  # no: what begins like that comes with its own code
Piece = tuple[int, bytes, bytes]  # number, what a length stands before (else nothing), and all of it


def pieces(data: bytes) -> list[Piece]:
    found, at = [], 0
    while at < len(data):
        start = at
        tag, at = varint(data, at)
        value = b""
        if tag & 7 == 0:
            _, at = varint(data, at)
        else:
            size, at = {1: (8, at), 5: (4, at)}.get(tag & 7) or varint(data, at)
            value, at = data[at:at + size], at + size
        found.append((tag >> 3, value, data[start:at]))
    return found


def number(value: int) -> bytes:
    digits = b""
    while value >= 0x80:
        digits += bytes([value & 0x7F | 0x80])
        value >>= 7
    return digits + bytes([value])


def piece(field: int, value: bytes | str) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return number(field << 3 | 2) + number(len(data)) + data


def without(data: bytes, dropped: Iterable[int]) -> bytes:
    return b"".join(whole for field, _, whole in pieces(data) if field not in dropped)


def only(data: bytes, kept: Iterable[int]) -> bytes:
    return b"".join(whole for field, _, whole in pieces(data) if field in kept)


def each_file(data: bytes, change: Callable[[bytes], bytes]) -> bytes:
    return b"".join(piece(1, file if text(file, 1).startswith(OURS) else change(file))
                    for file in several(data, 1))


def without_services(data: bytes) -> bytes:
    """For protoc-gen-c: methods become members of a struct, and may be called as a word of C is."""
    return each_file(data, lambda file: without(file, {6}))


# ---- for protoc's C++: nobody there asks for a name but protobuf_cpp.cc for the root's, and that makes
# ---- up the same one: package p is P_p, a message M is M_M, whatever libraries call theirs ----

MAP_ENTRY = 7


def is_map_entry(message: bytes) -> bool:
    return any(field == MAP_ENTRY for option in several(message, 7) for field, _, _ in pieces(option))


def package_of(file: bytes, ours: bool = False) -> str:
    """With a dot in front: as the schema spells it, or ours, which is also a namespace of C++."""
    return "".join(f".{'P_' if ours else ''}{word}" for word in text(file, 2).split(".") if word)


class Names:
    """Of messages and enums: full name → full made-up name."""

    def __init__(self, data: bytes) -> None:
        self.of: dict[str, str] = {}
        for file in several(data, 1):
            kept = text(file, 1).startswith(OURS)
            self._add(file, package_of(file), package_of(file, not kept), (4, 5), kept)

    def _add(self, scope: bytes, old: str, new: str, numbers: tuple[int, int], kept: bool) -> None:
        entries = {one[0]: one[1] for one in self._entries(scope, old)}
        for message in several(scope, numbers[0]):
            name = f"{old}.{text(message, 1)}"
            made = entries.get(name) or f"M_{text(message, 1)}"
            self.of[name] = f"{new}.{text(message, 1) if kept else made}"
            self._add(message, name, self.of[name], (3, 4), kept)
        for enum in several(scope, numbers[1]):
            self.of[f"{old}.{text(enum, 1)}"] = f"{new}.{text(enum, 1) if kept else 'E_' + text(enum, 1)}"

    @staticmethod
    def _entries(message: bytes, name: str) -> list[tuple[str, str]]:
        """Of the map fields of a message: protoc wants an entry to be called like its field."""
        maps = {f"{name}.{text(one, 1)}" for one in several(message, 3) if is_map_entry(one)}
        return [(text(field, 6), f"F{varint(only(field, {3})[1:], 0)[0]}Entry")
                for field in several(message, 2) if text(field, 6) in maps] if maps else []


def without_names(data: bytes) -> bytes:
    names = Names(data)
    return each_file(data, lambda file: _file(file, names))


def _file(file: bytes, names: Names) -> bytes:
    prefix = package_of(file)
    kept = only(file, {1, 3, 10, 11, 12})
    kept += piece(2, package_of(file, ours=True)[1:]) if prefix else b""
    kept += b"".join(piece(4, _message(one, prefix, names)) for one in several(file, 4))
    return kept + b"".join(piece(5, _enum(one, prefix, names)) for one in several(file, 5))


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _message(message: bytes, scope: str, names: Names) -> bytes:
    name = f"{scope}.{text(message, 1)}"
    made = piece(1, _last(names.of[name])) + only(message, {5, 9})
    entry = is_map_entry(message)
    made += b"".join(piece(2, _field(one, names, entry)) for one in several(message, 2))
    made += b"".join(piece(3, _message(one, name, names)) for one in several(message, 3))
    made += b"".join(piece(4, _enum(one, name, names)) for one in several(message, 4))
    made += b"".join(piece(7, only(one, {1, MAP_ENTRY})) for one in several(message, 7))
    return made + b"".join(piece(8, piece(1, f"o{at}")) for at, _ in enumerate(several(message, 8)))


def _field(field: bytes, names: Names, in_entry: bool) -> bytes:
    name = text(field, 1) if in_entry else f"f{varint(only(field, {3})[1:], 0)[0]}"
    made = piece(1, name) + only(field, {3, 4, 5, 9})
    kind = text(field, 6)
    if kind:
        made += piece(6, names.of[kind])
    return made + b"".join(piece(8, only(one, {2})) for one in several(field, 8))  # packed


def _enum(enum: bytes, scope: str, names: Names) -> bytes:
    name = f"{scope}.{text(enum, 1)}"
    made = piece(1, _last(names.of[name]))
    for at, value in enumerate(several(enum, 2)):
        made += piece(2, piece(1, f"v{name.replace('.', '_')}_{at}") + only(value, {2}))
    return made + b"".join(piece(3, only(one, {2})) for one in several(enum, 3))  # allow_alias
