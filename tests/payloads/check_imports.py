#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every codec's object must hold the symbols of the library that its row says it measures, and none of
its neighbours'.

    check_imports.py NM ARCHIVE CODEC...

A benchmark whose rows did not call their libraries has been published; this is the proof that ours do.
No adapter may hand its work to another one either, itself or by way of what it shares with others.
Of a library that is all in its headers, what was not inlined is in the object as a weak symbol.
"""

from __future__ import annotations

import re
import subprocess
import sys
from typing import NamedTuple


class Library(NamedTuple):
    """How to know a library by its symbols."""

    calls: tuple[str, ...]  # what the codec's object must leave to the linker, or bring along: patterns
    whose: str  # what belongs to nobody else


JANSSON = r"json_(loadb|dumpb|delete|integer|real|stringn|array_|array$|object$|object_(iter|setn|size))"
JSON_C = r"json_(tokener_|object_(new_|put$|to_json|get_(?!object_iter)|array_|object_))"
LIBRARIES = {
    "cjson": Library(("cJSON_CreateObject", "cJSON_AddItemToObjectCS", "cJSON_PrintPreallocated",
                      "cJSON_ParseWithLengthOpts", "cJSON_Delete", "cJSON_Version"), r"cJSON_"),
    "jansson": Library(("json_loadb", "json_dumpb", "json_delete", "jansson_version_str"), JANSSON),
    "json_c": Library(("json_tokener_parse_ex", "json_object_to_json_string_length", "json_object_put",
                       "json_c_version"), JSON_C),
    # All in its headers: what of it was not inlined.
    "rapidjson": Library((r"_ZN9rapidjson6Writer.*", r"_ZN9rapidjson13GenericReader.*"),
                         r"_ZNK?9rapidjson"),
    "simdjson": Library((r"_ZN8simdjson25get_active_implementation.*",), r"_ZNK?8simdjson"),
    "yyjson": Library(("yyjson_read_opts", "yyjson_mut_write_opts", "yyjson_mut_doc_free",
                       "yyjson_version"), r"(unsafe_)?yyjson_"),
    # All codecs use protobuf-c's messages, but only one its wire format.
    "protobuf_c": Library(("protobuf_c_message_pack", "protobuf_c_message_get_packed_size",
                           "protobuf_c_message_unpack", "protobuf_c_version"),
                          r"protobuf_c_(message_(pack|unpack|get_packed)|version)"),
    "protobuf_cpp": Library((r"_ZN6google8protobuf11MessageLite21ParsePartialFromArrayEPKvi",
                             r"_ZNK6google8protobuf11MessageLite31SerializeWithCachedSizesToArrayEPh",
                             r"_ZN6google8protobuf14DescriptorPool14generated_poolEv"), r"_ZNK?6google8protobuf"),
    # Its packer is in its header.
    "msgpack_c": Library(("msgpack_unpack", "msgpack_zone_new", "msgpack_version"),
                         r"msgpack_(?!counts_hold|tree_read)"),
    "msgpack_c_array": Library(("msgpack_unpack", "msgpack_zone_new", "msgpack_version"),
                               r"msgpack_(?!counts_hold|tree_read)"),
    # So is most of this one; its tables are not.
    "msgpuck": Library(("mp_type_hint", "mp_parser_hint"), r"mp_"),
    # No library's: ours.
    "json_floor": Library(("json_put_real", "json_put_text", "json_floor_decode"), r"json_(put|floor)_"),
}


#: Where a codec is to be had, other than by its own name.
TABLES = frozenset(("codecs", "codec_find", "codec_source", "codec_reader", "codec_build", "codec_parse"))
#: What may look there: the table itself, and who does it off the clock and for what.
MAY_LOOK = {
    "codec": TABLES,
    "protobuf_cpp": {"codec_find"},  # adopt makes its own struct from what protobuf-c packs
}

#: What stands beside a codec and calls its library.
MAY_CALL = {"cjson_unformatted": "cjson"}


def symbols(nm: str, archive: str) -> dict[str, set[str]]:
    """What each member of the archive leaves undefined or defines for whoever comes first."""
    listing = subprocess.run([nm, archive], check=True, capture_output=True, text=True).stdout
    found: dict[str, set[str]] = {}
    member = ""
    for line in listing.splitlines():
        if (name := re.fullmatch(r"(?:.*/)?(.+)\.(?:c|cc)\.o:", line)) is not None:
            member = name[1]
            found[member] = set()
        elif (symbol := re.search(r"\b[UuVvWw] (\S+)$", line)) is not None:
            found[member].add(symbol[1])
    return found


def faults_of(codec: str, found: dict[str, set[str]]) -> list[str]:
    if codec not in LIBRARIES:
        return [f"{codec}: say in check_imports.py which symbols of its library it calls"]
    there = found.get(codec, set())
    faults = [f"{codec}: does not call {wanted}" for wanted in LIBRARIES[codec].calls
              if not any(re.fullmatch(wanted, symbol) for symbol in there)]
    own = re.compile(LIBRARIES[codec].whose)
    for owner, library in LIBRARIES.items():
        if owner != codec and library.whose != LIBRARIES[codec].whose:
            faults += [f"{codec}: calls {symbol}, which is {owner}'s" for symbol in sorted(there)
                       if re.match(library.whose, symbol) and not own.match(symbol)]
    return faults


def borrowed(codecs: list[str], found: dict[str, set[str]]) -> list[str]:
    """Objects of whatever kind that reach for a codec which is not theirs."""
    structs = {f"{codec}_codec" for codec in (*codecs, "cjson_copy", "cjson_unformatted")}
    faults = []
    for member, there in sorted(found.items()):
        foreign = (structs - {f"{member}_codec"} if member != "codec" else set()) | TABLES
        faults += [f"{member}: uses {symbol}: that is another codec's work"
                   for symbol in sorted(there & foreign - MAY_LOOK.get(member, set()))]
    return faults


def smuggled(found: dict[str, set[str]]) -> list[str]:
    """Helpers that call a library: a codec's work by way of what it shares with others."""
    faults = []
    for member in sorted(found.keys() - LIBRARIES.keys()):
        for owner, library in LIBRARIES.items():
            if owner not in (MAY_CALL.get(member), "json_floor"):  # the floor's are helpers themselves
                faults += [f"{member}: calls {symbol}, which is {owner}'s"
                           for symbol in sorted(found[member])
                           if re.match(library.whose, symbol) and not symbol.endswith("_codec")]
    return faults


def prove(codecs: list[str], found: dict[str, set[str]]) -> list[str]:
    """Does this see what it is there to see? Asked of the real symbols, with one more or one less."""
    def changed(member: str, more: str = "", less: str = "") -> dict[str, set[str]]:
        return found | {member: found.get(member, set()) - {less} | ({more} if more else set())}

    wrong = [("a delegate", borrowed(codecs, changed("msgpack_c", "cjson_codec"))),
             ("a delegate by name", borrowed(codecs, changed("msgpack_c", "codec_find"))),
             ("a delegate by a helper", borrowed(codecs, changed("json_scalar", "cjson_codec"))),
             ("a library behind a helper", smuggled(changed("json_scalar", "cJSON_ParseWithLengthOpts"))),
             ("a call that is gone", faults_of("cjson", changed("cjson", less="cJSON_Delete"))),
             ("a neighbour's call", faults_of("cjson", changed("cjson", "msgpack_unpack")))]
    return [f"check_imports.py does not see {what}" for what, faults in wrong if not faults]


def main() -> int:
    nm, archive, *codecs = sys.argv[1:]
    found = symbols(nm, archive)
    faults = [fault for codec in codecs for fault in faults_of(codec, found)]
    faults += borrowed(codecs, found) + smuggled(found) + prove(codecs, found)
    print("\n".join(faults), file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
