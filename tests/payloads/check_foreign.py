#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What our codecs write is read by programs that share no code with them, and the other way round.

    check_foreign.py CODEC_TOOL PROTOC

JSON goes through Python's json, MessagePack through Python's msgpack, Protocol Buffers through protoc's
text format: bytes of every codec are decoded there, encoded again, and must come back here as the same
documents. What one of them cannot be asked is a fault.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

try:
    import msgpack  # type: ignore[import-untyped]
except ImportError:
    msgpack = None

MOST = 4  # documents of each payload
#: Of the size ladder one is enough: it is all the same type.
LADDER = "order_4k"


#: Bytes to what another program makes of them.
Through = Callable[[bytes], "list[bytes]"]


class Payload(NamedTuple):
    name: str
    root: str
    proto: Path


class Codec(NamedTuple):
    name: str
    format: str
    half: str  # both, decode (it reads what another one wrote), encode


def run(command: list[str], data: bytes = b"") -> bytes:
    done = subprocess.run(command, input=data, capture_output=True, check=False)
    if done.returncode != 0:
        raise ValueError(f"{' '.join(command[:4])}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def no_constant(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


def no_twins(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a key comes twice")
    return dict(pairs)


def through_json(data: bytes) -> list[bytes]:
    """The same again, in two spellings."""
    value = json.loads(data.decode("utf-8"), parse_constant=no_constant, object_pairs_hook=no_twins)
    return [json.dumps(value).encode(), json.dumps(value, ensure_ascii=False, indent=1).encode()]


def through_msgpack(data: bytes) -> list[bytes]:
    value = msgpack.unpackb(data, raw=False, strict_map_key=False)
    return [msgpack.packb(value, use_bin_type=True)]


def through_protoc(protoc: str, payload: Payload) -> Through:
    def through(data: bytes) -> list[bytes]:
        common = [f"--proto_path={payload.proto.parent}", str(payload.proto)]
        text = run([protoc, f"--decode={payload.root}", *common], data)
        return [run([protoc, f"--encode={payload.root}", *common], text)]

    return through


def check(tool: str, codec: Codec, payload: Payload, through: Through, folder: Path) -> None:
    """Raises ValueError if something is not understood."""
    run([tool, "encode", codec.name, payload.name, str(folder), str(MOST)])
    files = sorted(folder.iterdir(), key=lambda path: int(path.name))
    if not files:
        raise ValueError("nothing was written")
    again = [through(path.read_bytes()) for path in files]
    for spelling in zip(*again):
        for path, data in zip(files, spelling):
            path.write_bytes(data)
        run([tool, "decode", codec.name, payload.name, str(folder), str(MOST)])


def main() -> int:
    tool, protoc = sys.argv[1:]
    rows = [line.split("\t") for line in run([tool, "list"]).decode().splitlines()]
    payloads = [Payload(row[1], row[2], Path(row[3])) for row in rows if row[0] == "payload"]
    codecs = [Codec(*row[1:]) for row in rows if row[0] == "codec"]
    faults, done = [], 0
    if msgpack is None:
        faults.append("MessagePack: this Python has no module msgpack (Debian: python3-msgpack)")
    for payload in payloads:
        if payload.name.startswith("order_") and payload.name != LADDER:
            continue
        throughs = {"JSON": through_json, "Protocol Buffers": through_protoc(protoc, payload),
                    "MessagePack": through_msgpack}
        for codec in codecs:
            if codec.format not in throughs:
                faults.append(f"{codec.name}: nothing here reads {codec.format}")
                continue
            if codec.format == "MessagePack" and msgpack is None:
                continue
            done += 1
            with tempfile.TemporaryDirectory() as folder:
                try:
                    check(tool, codec, payload, throughs[codec.format], Path(folder))
                except (ValueError, RecursionError) as error:
                    faults.append(f"{codec.name}, {payload.name}: {error}")
    print("\n".join(faults), file=sys.stderr)
    print(f"{done} pairs of codec and payload, {len(faults)} faults")
    return 1 if faults or done == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
