#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every codec's object must import what its row says it measures, and nothing of its neighbours.

    check_imports.py NM ARCHIVE CODEC...

A benchmark whose rows did not call their libraries has been published; this is the proof that ours do.
"""

from __future__ import annotations

import re
import subprocess
import sys

# Per codec: what its object must leave to the linker. msgpack-c's packer is inline, in its header.
NEEDS = {
    "cjson": {"cJSON_CreateObject", "cJSON_AddItemToObjectCS", "cJSON_PrintPreallocated",
              "cJSON_ParseWithLengthOpts", "cJSON_Delete", "cJSON_Version"},
    "protobuf_c": {"protobuf_c_message_pack", "protobuf_c_message_get_packed_size",
                   "protobuf_c_message_unpack", "protobuf_c_version"},
    "msgpack_c": {"msgpack_unpack", "msgpack_zone_init", "msgpack_version"},
    "json_floor": {"json_put_double", "json_put_text", "json_floor_decode"},  # no library's
}
# Whose symbols are whose. All codecs use protobuf-c's messages, but only one its wire format.
OWNERS = {"cjson": re.compile(r"cJSON_"), "msgpack_c": re.compile(r"msgpack_(?!counts_hold|tree_read)"),
          "protobuf_c": re.compile(r"protobuf_c_(message_(pack|unpack|get_packed)|version)")}


def imports(nm: str, archive: str) -> dict[str, set[str]]:
    """The undefined symbols of every member of the archive."""
    listing = subprocess.run([nm, "-u", archive], check=True, capture_output=True, text=True).stdout
    found: dict[str, set[str]] = {}
    member = ""
    for line in listing.splitlines():
        if line.endswith(".o:"):
            member = line.removesuffix(".c.o:").rpartition("/")[2]
            found[member] = set()
        elif line.strip():
            found[member].add(line.split()[-1])
    return found


def main() -> int:
    nm, archive, *codecs = sys.argv[1:]
    found = imports(nm, archive)
    faults = []
    for codec in codecs:
        if codec not in NEEDS:
            faults.append(f"{codec}: say in check_imports.py which symbols of its library it calls")
            continue
        for symbol in sorted(NEEDS[codec] - found.get(codec, set())):
            faults.append(f"{codec}: does not call {symbol}")
        for owner, mine in OWNERS.items():
            for symbol in sorted(found.get(codec, set())):
                if owner != codec and mine.match(symbol):
                    faults.append(f"{codec}: calls {symbol}, which is {owner}'s")
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
