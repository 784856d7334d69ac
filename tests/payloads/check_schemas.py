#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What find_extra.py and schemas.py, which the configuration runs, say to a folder of payloads.

    check_schemas.py PROTOC
"""

from __future__ import annotations

import re
import sys
import tempfile
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "payloads"))
import find_extra  # noqa: E402
import schemas  # noqa: E402

Files = dict[str, str]
# Name of the case, the files, and what must be said; None: nothing is wrong.
Case = tuple[str, Files, "list[str] | None"]


def payload(body: str, syntax: str = "proto3", **more: str) -> Files:
    """parcel.proto, whose fourth line body begins on, a corpus, and further .proto files."""
    files = {"parcel.proto": f'syntax = "{syntax}";\npackage parcel;\n\n{body}\n', "parcel.json": "[{}]"}
    return files | {f"{name}.proto": text for name, text in more.items()}


WHOLE = "message Parcel { int32 count = 1; }"
SHARED = 'syntax = "proto3";\npackage shared;\nmessage Shared { int32 one = 1; }\n'
CASES: list[Case] = [
    ("whole", payload(WHOLE), None),
    ("a digit in the name", {"a2_b3.proto": 'syntax = "proto3"; package a2_b3; message A2B3 {}',
                             "a2_b3.json": "[{}]"}, None),
    ("beside one that is imported",
     payload('import "shared.proto";\nmessage Parcel { shared.Shared one = 1; }', shared=SHARED), None),
    ("beside one that is imported in other quotes",
     payload("import public 'shared.proto' ;\nmessage Parcel { shared.Shared one = 1; }", shared=SHARED), None),
    ("below a folder",
     payload('import "some/shared.proto";\nmessage Parcel { shared.Shared one = 1; }')
     | {"some/shared.proto": SHARED}, None),
    ("types that come with protoc",
     payload('import "google/protobuf/any.proto";\nimport "google/protobuf/wrappers.proto";\n'
             "message Parcel { google.protobuf.Any one = 1; google.protobuf.BoolValue two = 2; }"), None),
    ("extensions of others", payload("message Parcel { extensions 100 to 199; }", "proto2"), None),
    ("options of one's own",
     payload('import "shared.proto";\nmessage Parcel { string id = 1 [(shared.rule) = "x"]; }',
             shared=SHARED.replace("message", 'import "google/protobuf/descriptor.proto";\nextend '
                                   "google.protobuf.FieldOptions { string rule = 50001; }\nmessage")), None),
    ("no sample", {"parcel.proto": payload(WHOLE)["parcel.proto"]},
     ["parcel.proto:1: no sample: there is no", "parcel.json"]),
    ("no schema", {"parcel.json": "[{}]"}, ["parcel.json:1: no schema: there is no", "parcel.proto"]),
    ("nothing at all", {"notes.txt": ""}, ["there is no NAME.proto with its NAME.json"]),
    ("no name for a payload", {"Line-Item.proto": "", "Line-Item.json": ""},
     ["Line-Item.proto:1: a payload's name is lower-case words joined by _"]),
    ("a digit in front", {"order_2.proto": "", "order_2.json": ""}, ["order_2.proto:1: a payload's name"]),
    ("a word of C", {"switch.proto": 'syntax = "proto3";\npackage switch;\nmessage Switch {}',
                     "switch.json": "[{}]"}, ["switch.proto:2: switch is a reserved name"]),
    ("an operation's name", {"encode.proto": 'syntax = "proto3";\n\npackage encode;message Encode {}',
                             "encode.json": "[{}]"}, ["encode.proto:3: encode is a reserved name"]),
    ("a name of the tests' own", {"ours_x.proto": 'syntax = "proto3";\npackage ours_x;\nmessage OursX {}',
                                  "ours_x.json": "[{}]"}, ["ours_x.proto:2: ours_x is a reserved name"]),
    ("another of them", {"strtok.proto": 'syntax = "proto3";\npackage strtok;\nmessage Strtok {}',
                         "strtok.json": "[{}]"}, ["strtok.proto:2: strtok is a reserved name"]),
    ("a package of the tests' own",
     payload('import "shared.proto";\n' + WHOLE, shared='syntax = "proto3";\n\npackage OursShared.x;\n'),
     ["shared.proto:3: OursShared is a reserved name"]),
    ("a file of the tests' own", payload('import "ours_shared/money.proto";\n' + WHOLE)
     | {"ours_shared/money.proto": SHARED}, ["ours_shared/money.proto:1: ours_shared is a reserved name"]),
    ("a message without a package, as the tests' own",
     payload('import "shared.proto";\n' + WHOLE, shared='syntax = "proto3";\n\nmessage Ours_X {}\n'),
     ["shared.proto:3: Ours_X is a reserved name"]),
    ("no parse", payload("message Parcel { int32 count = ; }"),
     ["parcel.proto:4:32: Expected field number."]),
    ("an unknown type", payload("message Parcel {\n  Stop stop = 1;\n}"),
     ['parcel.proto:5:3: "Stop" is not defined.']),
    ("an import that is not there", payload('import "shared.proto";\n' + WHOLE),
     ["shared.proto: File not found."]),
    ("another root", payload("message Packet {}"),
     ["parcel.proto:2: there is no message Parcel, the payload's root"]),
    ("an inner root", payload("message Packet { message Parcel {} }"), ["there is no message Parcel"]),
    ("another package", {"parcel.proto": 'syntax = "proto3";\n\n\npackage other;\nmessage Parcel {}',
                         "parcel.json": "[{}]"}, ['parcel.proto:4: must say "package parcel;"']),
    ("no package", {"parcel.proto": 'syntax = "proto3";\nmessage Parcel {}', "parcel.json": "[{}]"},
     ['parcel.proto:1: must say "package parcel;"']),
    ("a group", payload("message Parcel {\n  repeated group Stop = 1 { optional int32 at = 1; }\n}",
                        "proto2"),
     ["parcel.proto:5: parcel.Parcel.stop: protobuf-c does not know groups"]),
    ("an extension", payload("message Parcel { extensions 9; }\nextend Parcel {\n"
                             " optional int32 x = 9; }", "proto2"),
     ["parcel.proto:6: extend .parcel.Parcel: protobuf-c does not carry extensions"]),
    ("optional in proto3", payload("message Parcel {\n  optional int32 x = 1;\n}"),
     ["parcel.proto:5: parcel.Parcel.x: protobuf-c does not know `optional` in proto3"]),
    ("CODE_SIZE", payload("option optimize_for = CODE_SIZE;\n" + WHOLE),
     ["parcel.proto:4: protobuf-c drops the fields' names with optimize_for = CODE_SIZE"]),
    ("CODE_SIZE in an import",
     payload('import "shared.proto";\n' + WHOLE, shared=SHARED + "option optimize_for = CODE_SIZE;\n"),
     ["shared.proto:4: protobuf-c drops"]),
    ("a member called base", payload("message Parcel {\n  int32 one = 1;\n  int32 base = 2;\n}"),
     ["parcel.proto:6: parcel.Parcel: two members of protobuf-c's struct would be called base"]),
    ("a member called as a count", payload("message Parcel {\n repeated int32 x = 1;\n int32 n_x = 2; }"),
     ["parcel.proto:6: parcel.Parcel: two members", "called n_x"]),
    ("a member called as a flag", payload("message Parcel {\n optional int32 x = 1;\n"
                                          " optional bool has_x = 2; }", "proto2"), ["called has_x"]),
    ("a member called as a case",
     payload("message Parcel { oneof what { int32 x = 1; }\n int32 what_case = 2; }"),
     ["called what_case"]),
    ("two messages of one name in C", payload("message Parcel { errno a = 1; }\nmessage errno {}\n"
                                              "message Errno {}"),
     ["parcel.proto:6: parcel.Errno and parcel.errno: protobuf-c would call both parcel__errno"]),
    ("two messages of one type in C", payload("message Parcel { message Stop_at {} }\n"
                                              "message Other { message StopAt {} }"), None),
    ("two messages of one type in C, side by side", payload("message Parcel { message Stop_at {}\n"
                                                            " message StopAt {} }"),
     ["parcel.proto:5: parcel.Parcel.StopAt and parcel.Parcel.Stop_at: protobuf-c would call both"]),
    ("a message called as a case", payload("message Parcel {\n oneof what { int32 x = 1; }\n"
                                           " message WhatCase {} }"),
     ["parcel.proto:6: parcel.Parcel.WhatCase and the oneof parcel.Parcel.what"]),
    ("an enum's value called as a case",
     payload("message Parcel {\n oneof what { int32 x = 1; }\n enum What { NOT_SET = 0; } }"),
     ["parcel.proto:6: parcel.Parcel.What, value NOT_SET and the oneof parcel.Parcel.what"]),
    ("65 required fields",
     payload("message Parcel {" + "".join(f"required bool b{n} = {n};" for n in range(1, 66)) + "}",
             "proto2"), ["parcel.proto:4: parcel.Parcel: more than 64 required fields"]),
    ("a value of 255 letters", payload("message Parcel { enum E {\n Z = 0; } }".replace("Z", "Z" * 255)),
     None),
    ("a value of 256 letters", payload("message Parcel { enum E {\n Z = 0; } }".replace("Z", "Z" * 256)),
     ["parcel.proto:5: parcel.Parcel.E: ZZ", "more than 255 letters"]),
    ("the same message twice",
     payload('import "shared.proto";\nmessage Parcel { shared.Shared one = 1; }', shared=SHARED)
     | {"other.proto": 'syntax = "proto3"; package other; import "more/shared.proto"; message Other {}',
        "other.json": "[{}]", "more/shared.proto": SHARED},
     ["shared.proto:3: there is a message shared.Shared in", "already"]),
]


def sentences(protoc: str, folder: Path) -> list[str]:
    """What the configuration would say."""
    names, faults = find_extra.find(folder)
    report = schemas.Report(faults=faults)
    for name in names if not faults else []:
        report.add(protoc, folder / f"{name}.proto")
    return report.faults


def fault_of(case: Case, protoc: str) -> str | None:
    """What is wrong with the outcome of one case, or None."""
    name, files, words = case
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for file, text in files.items():
            (folder / file).parent.mkdir(exist_ok=True)
            (folder / file).write_text(text)
        said = sentences(protoc, folder)
        missing = [word for word in words or [] if word not in "\n".join(said)]
        # Whoever is told must be able to open the file.
        missing += [f"{folder} in {line}" for line in said[:1] if str(folder) not in line
                    and "not found" not in line]
        if missing or bool(said) != bool(words):
            return f"{name}: does not say {missing}, but {said}"
        return None


def readme_case() -> Case:
    """The payload that the README walks through."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    files = re.findall(r"^    cat > (\S+) <<'END'\n(.*?)^    END$", text, re.MULTILINE | re.DOTALL)
    assert [name for name, _ in files] == ["parcel.proto", "parcel.json"], files
    return "README", {name: textwrap.dedent(body) for name, body in files}, None


def free_names() -> list[str]:
    """Schemas of the suite's own that a payload could have the name of, and then clash with."""
    own = [path for folder in ("bench", "tests") for path in sorted((ROOT / folder).rglob("*.proto"))]
    assert own
    packages = {path: re.findall(r"^package ([a-z0-9_]+);$", path.read_text(), re.MULTILINE) for path in own}
    return [f"{path}: {package}: a payload may be called so, too" for path, package in packages.items()
            if not package or not schemas.is_ours(package[0])]


def main() -> int:
    faults = [fault for case in [*CASES, readme_case()] if (fault := fault_of(case, sys.argv[1]))]
    faults += free_names()
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
