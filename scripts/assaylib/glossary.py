# SPDX-License-Identifier: MIT
"""What the payloads, workloads and models that the suite brings along are, in a few words. One of your own is
shown by its name."""

from __future__ import annotations

from typing import Iterable

PAYLOADS = {
    "ack": "a short acknowledgement",
    "order": "a web shop's order, nested records",
    "telemetry": "a batch of readings, little but numbers",
    "feed": "a page of a social feed, text in many scripts",
    "tree": "a syntax tree, some 25 levels deep",
    "event": "an audit event, maps and 64-bit numbers",
    "blob": "a file's bytes with a small header",
}
WORKLOADS = {
    "echo": "the body goes back as it came",
    "rpc": "decode, read every field, encode",
    "cpu": "a fixed amount of arithmetic",
    "call": "decode, ask a slow service downstream, encode its answer",
    "ring": "a message handed on through many cells",
    "fanout": "several calls downstream at once",
    "store": "keyed values, one key hotter than the rest",
    "count": "many one-way messages to one cell",
    "pingpong": "two cells that ask each other in turn",
    "spawn": "many cells made and dropped",
    "journal": "append to a file and wait for the disk",
    "mixed": "heavy requests among light ones",
    "mixed_offloaded": "the same, the heavy part handed to helper threads",
}
MODELS = {
    "thread_pool": "workers that block",
    "event_loop": "a loop that never blocks, on epoll",
    "actor": "cells with a mailbox each, run by a few threads",
    "thread_per_connection": "a thread for each connection, which blocks",
}


def said(names: Iterable[str]) -> str:
    """ "`ack`: a short acknowledgement; `echo`: the body goes back as it came" of those known."""
    known = PAYLOADS | WORKLOADS | MODELS
    return "; ".join(f"`{n}`: {known[n]}" for n in dict.fromkeys(names) if n in known)
