# SPDX-License-Identifier: MIT
"""What the operations of codec families are, in words. An operation that is not known here is shown
by its own name."""

from __future__ import annotations

import re
from typing import Sequence

from .about import operation
from .calibration import WHOLE
from .families import Family

CHEAPEST = "in the library's cheapest way, the rest perhaps unchecked (protobuf C++: none but decode)"
#: operation → (verb of a codec, title of a row, what is on the clock)
OPERATIONS = {
    "encode": ("encodes", "encode", "policy reuse: into the caller's buffer"),
    "decode": ("decodes", "decode", "policy reuse: into an arena that is reset before each"),
    "encode_cold": ("encodes cold", "encode, cold", "into a buffer from the heap, given back"),
    "decode_cold": ("decodes cold", "decode, cold", "the message from the heap and given back, but no parser that is kept"),
    "build": ("builds its tree", "build", "the library's own tree from the message, and no more"),
    "print": ("prints its tree", "print", "that tree to bytes in the caller's buffer"),
    "free_built": ("frees the built tree", "free what was built", "that tree given back"),
    "check": ("checks", "check", "what comes before a library may see untrusted bytes"),
    "parse": ("parses", "parse", "bytes to the library's own tree, with that check in front"),
    "convert": ("converts its tree", "convert", "that tree to a message in an arena"),
    "free_parsed": ("frees the parsed tree", "free what was parsed", "that tree given back"),
    "release": ("frees the message", "free the message", "from the heap, piece by piece"),
    "read1": ("reads a field", "read 1 field", CHEAPEST),
    "read3": ("reads three fields", "read 3 fields", CHEAPEST),
    "readall": ("reads every value", "read all", "without keeping a message (protobuf C++: none but decode)"),
    "encode_hot": ("encodes one document", "encode, hot", "one document again and again"),
    "decode_hot": ("decodes one document", "decode, hot", "one document again and again"),
    "encode_evicted": ("encodes evicted", "encode, evicted", "a core's caches emptied before each one timed"),
    "decode_evicted": ("decodes evicted", "decode, evicted", "a core's caches emptied before each one timed"),
    "encode_latency": ("encodes", "encode, each timed", "a clock around every single one"),
    "decode_latency": ("decodes", "decode, each timed", "a clock around every single one"),
    "encode_walk": ("encodes", "encode", "the plan beside adapters by hand"),
    "decode_walk": ("decodes", "decode", "the plan beside adapters by hand"),
}
THREADS = re.compile(r"encode_threads_?(\d*)")

#: Those that page one speaks about.
HEADLINES = WHOLE
#: Phases of encode by themselves; those of decode have no "encode" in their names either.
ENCODING = ("build", "print", "free_built")


def encodes(name: str) -> bool:
    """Is it on the way from a message to bytes?"""
    return name.startswith("encode") or name in ENCODING


def headlines(families: Sequence[Family]) -> list[Family]:
    """Those families; in a run that has no such, all that hold codecs."""
    return [f for f in families if operation(f) in HEADLINES] or plain(families)


def plain(families: Sequence[Family]) -> list[Family]:
    """Without those that hold adapters by hand, which are no codecs."""
    return [f for f in families if not operation(f).endswith("_walk")]


def threads(name: str) -> int | None:
    """Of encode_threads4: 4."""
    found = THREADS.fullmatch(name)
    return int(found[1] or 1) if found else None


def verb(name: str) -> str:
    count = threads(name)
    if count is not None:
        return f"encodes on {count} thread{'' if count == 1 else 's'}"
    return OPERATIONS.get(name, (f"does {name}",))[0]


def title(name: str) -> str:
    count = threads(name)
    if count is not None:
        return f"encode, {count} thread{'' if count == 1 else 's'} at once"
    return OPERATIONS.get(name, ("", name))[1]


def clock(name: str) -> str:
    if threads(name) is not None:
        return "cold encodes on so many threads at once"
    return OPERATIONS.get(name, ("", "", ""))[2]
