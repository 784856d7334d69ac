# SPDX-License-Identifier: MIT
"""Format told from library, on runs whose truth is known; and the codec section that shows it."""

from __future__ import annotations

import math
import random
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

pytest.importorskip("jinja2")

import conftest  # noqa: E402, F401: the path
import synthetic  # noqa: E402
import synthetic_libraries  # noqa: E402
from assaylib import answer_formats, clauses, costs, judge, members, report, shares, takeback, words  # noqa: E402
from assaylib.charts.pareto import ParetoPoint, front  # noqa: E402

SMALL = {"order": 1100, "feed": 95000}


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """A run with eleven codecs, drawn, its judgement and its Markdown."""
    run, lines = synthetic_libraries.make_wide_run(operations=tuple(synthetic_libraries.OTHER_OPERATIONS))
    run["fidelity_table"] = [
        {"probe": "doubles", "group": "Numbers", "title": "doubles", "codec": "cjson", "sample": 1000,
         "changed": 120, "refused": 3, "max_ulp": 2, "outcome": "changed"},
        {"probe": "doubles", "group": "Numbers", "title": "doubles", "codec": "protobuf_c",
         "sample": 1000, "changed": 0, "refused": 0, "max_ulp": 0, "outcome": "kept"},
        {"probe": "nesting", "group": "Nesting", "title": "messages in messages", "codec": "cjson",
         "depth": 100, "outcome": "as deep as we let it"},
        {"probe": "nesting", "group": "Nesting", "title": "messages in messages", "codec": "protobuf_c",
         "depth": 32, "outcome": "limit"},
    ]  # fmt: skip
    synthetic_libraries.add_walk(run, lines)
    folder = synthetic.write_run(tmp_path_factory.mktemp("wide") / "run", run, lines)
    report.render(folder)
    text = (folder / "report.md").read_text("utf-8").replace(words.SPACE, " ")
    return folder, judge.judge(run, lines), text.replace("\u2060", "")


def steps(seed: int, **changes):
    run, lines = synthetic_libraries.make_wide_run(seed=seed, payloads={"order": 1100}, **changes)
    families = judge.judge(run, lines).families
    codecs = members.of(run, families)
    return {
        (f.id.split("/")[2], s.kind, s.group): s for f in families for s in shares.shares(f, codecs)
    }


def test_each_step_finds_its_truth_and_its_ends():
    found = steps(3)
    speed = synthetic_libraries.TRUE_SPEED["encode"]
    library = found["encode", shares.LIBRARY, "JSON"]
    assert (library.start, library.end, library.verdict) == ("cjson", "yyjson", judge.BETTER)
    assert math.exp(library.median) == pytest.approx(speed["yyjson"], rel=0.05)
    packed = found["encode", shares.FORMAT, "MessagePack"]
    assert (packed.start, packed.end) == ("yyjson", "msgpuck")
    assert packed.interval[0] <= math.log(speed["msgpuck"] / speed["yyjson"]) <= packed.interval[1]
    # What works on its own structs, or is no library, is nobody's fastest.
    assert found["encode", shares.FORMAT, "Protocol Buffers"].end == "protobuf_c"
    assert found["encode", shares.FLOOR, "JSON"].end == "json_floor"
    # simdjson only decodes, and is the fastest there.
    assert found["decode", shares.LIBRARY, "JSON"].end == "simdjson"
    assert found["encode", shares.FORMAT, "MessagePack, values only"].end == "msgpack_c_array"


def test_the_interval_of_a_step_covers_the_picking(monkeypatch):
    """All JSON libraries are equally fast, and so is MessagePack: whoever comes out ahead, the truth
    of "fastest against fastest" is 1, and intervals miss it in at most 5 % of the runs."""
    same = dict.fromkeys(synthetic_libraries.LIBRARIES, 1.0)
    monkeypatch.setattr(synthetic_libraries, "TRUE_SPEED", {"encode": same, "decode": same})
    missed = {shares.LIBRARY: 0, shares.FORMAT: 0}
    trials = 40
    for seed in range(trials):
        run, lines = synthetic_libraries.make_wide_run(
            seed, 10, count=2, payloads={"order": 1100}, between=0.03
        )
        (family,) = [f for f in judge.judge(run, lines).families if f.id.endswith("/encode")]
        for share in shares.shares(family, members.of(run, [family])):
            if share.kind == shares.LIBRARY or share.group == "MessagePack":
                assert share.interval is not None
                missed[share.kind] += not share.interval[0] <= 0 <= share.interval[1]
    assert max(missed.values()) <= 0.05 * trials + 3 * math.sqrt(0.05 * 0.95 * trials)


def flat_family(rng: random.Random, rounds: int, rivals: int, truth: float) -> tuple[dict, judge.Judgement]:
    """One process value a round. cJSON and rivals of its format are equals; four of other formats are ahead
    of them by truth, a log ratio."""
    others = {"protobuf_c": ("Protocol Buffers", None), "msgpack_c": ("MessagePack", "keys"),
              "msgpuck": ("MessagePack", "keys"), "msgpack_c_array": ("MessagePack", "values")}  # fmt: skip
    names = ["cjson", *(f"json_{n}" for n in range(rivals))]
    codecs = [{"name": n, "format": "JSON"} for n in names]
    codecs += [{"name": n, "format": f, "shape": shape} for n, (f, shape) in others.items()]
    ahead = dict.fromkeys(names, 0.0) | dict.fromkeys(others, truth) | {"cjson.same": 0.0}
    plan = {"id": "codec/x/encode", "kind": "codec", "baseline": "cjson", "members": list(ahead),
            "aliases": {"cjson.same": "same"}, "rounds": rounds}  # fmt: skip
    lines = []
    for number in range(rounds):
        logs = {name: rng.gauss(-by, 0.02) for name, by in ahead.items()}
        logs["cjson.same"] = logs["cjson"]  # no floor but the margin
        lines += [{"kind": "codec", "family": plan["id"], "member": name, "round": number, "status": "ok",
                   "metrics": {"time_ns": 1000 * math.exp(log)}} for name, log in logs.items()]  # fmt: skip
    run = {"margin_percent": 3, "families": [plan], "codecs": codecs}
    return run, judge.judge(run, lines)


@pytest.mark.parametrize("rounds", [9, 12, 15])
@pytest.mark.parametrize("rivals", [0, 4])
def test_all_that_page_one_quotes_of_a_family_holds_together(rounds: int, rivals: int) -> None:
    """Other formats are ahead by exactly the margin, so that every verdict about them is false: in at most
    5 % of the families one of their intervals, or one of the baseline's, misses."""
    rng, truth, trials, missed, said, seen = random.Random(11), math.log1p(0.03), 120, 0, 0, 0
    for _ in range(trials):
        run, judged = flat_family(rng, rounds, rivals, truth)
        (family,) = judged.families
        steps = shares.shares(family, members.of(run, [family]))
        pairs = [(s.interval, 0.0 if s.kind == shares.LIBRARY else truth) for s in steps]
        pairs += [
            (c.estimate.interval, 0.0 if c.member.startswith("json") else truth)
            for c in family.comparisons
        ]
        seen += sum(interval is not None for interval, _ in pairs[: len(steps)])
        missed += any(i is not None and not i[0] <= where <= i[1] for i, where in pairs)
        false = (judge.BETTER, judge.WORSE, judge.EQUIVALENT)
        said += any(s.verdict in false for s in steps if s.kind == shares.FORMAT)
    assert missed <= 0.05 * trials and said <= 0.05 * trials
    assert (seen > 0) == (rounds >= steps[0].needed), "nothing is printed where rounds do not suffice"


def changed(change) -> tuple[dict, list[dict]]:
    run, lines = synthetic_libraries.make_wide_run(rounds=16, payloads={"order": 1100}, operations=())
    for line in lines:
        if line["member"] == "yyjson" and line["family"].endswith("/encode"):
            times = change(line["round"])
            line["repetitions"] = [[slot, ns * times] for slot, ns in line["repetitions"]]
            line["metrics"]["time_ns"] *= times
    return run, lines


def encoding(run: dict, lines: list[dict]) -> tuple[judge.Judgement, dict]:
    judged = judge.judge(run, lines)
    codecs = members.of(run, judged.families)
    (family,) = [f for f in judged.families if f.id == "codec/order/encode"]
    return judged, {(s.kind, s.group): s for s in shares.shares(family, codecs)}


def test_a_step_that_drifts_is_not_claimed_of_either_end() -> None:
    """yyjson becomes six times as fast over the run: at first msgpuck is far ahead of every JSON library,
    in the end behind."""
    _, steps = encoding(*changed(lambda number: math.exp(1.9 * (0.6 - number / 8))))
    step = steps[shares.FORMAT, "MessagePack"]
    assert step.comparison.drift and step.comparison.drift[0] > step.comparison.drift[1]
    assert step.verdict == judge.UNRESOLVED


def test_a_step_in_two_modes_is_not_claimed() -> None:
    _, steps = encoding(*changed(lambda number: 9.0 if number % 4 == 0 else 1.0))
    step = steps[shares.LIBRARY, "JSON"]
    assert step.verdict == judge.UNRESOLVED and step.comparison.doubt == takeback.MODES_DOUBT


def test_a_step_that_another_session_contradicts_is_taken_back(tmp_path) -> None:
    run, lines = changed(lambda number: 1.0)
    other, theirs = changed(lambda number: 2.5)
    other["id"] = "other"
    other["environment"]["cpu"] = "A wholly different CPU"
    folders = [synthetic.write_run(tmp_path / "a", run, lines), synthetic.write_run(tmp_path / "b", other, theirs)]
    report.render(folders[0], folders[1:])
    text = (folders[0] / "report.md").read_text("utf-8").replace(words.SPACE, " ")
    page = text.split("## The machine")[0]
    said = next(l for l in page.splitlines() if l.startswith("- **Encoding, the library:**"))
    assert "not resolved for `order` (not reproducible: run other disagrees)" in said and "faster" not in said
    assert "decodes faster for `order`" in page  # of which the sessions say the same
    box = next(l for l in text.splitlines() if "**Other session**" in l)
    assert box.startswith("- ✗") and "Not the same machine or build: environment.cpu" in box


def test_what_has_no_number_is_not_left_out_of_the_fastest() -> None:
    run, lines = changed(lambda number: 1.0)
    lines = [line for line in lines if (line["member"], line["family"]) != ("yyjson", "codec/order/encode")]
    _, steps = encoding(run, lines)
    assert {s.verdict for (kind, _), s in steps.items() if kind != shares.FLOOR} == {judge.UNRESOLVED}
    assert steps[shares.LIBRARY, "JSON"].comparison.doubt == "yyjson has no number and may be the fastest"


def test_a_margin_wider_than_declared_is_said() -> None:
    """Equivalent within the A/A floor: the sentence names it."""
    found = judge.Comparison("codec/tree/encode", "b", "time_ns", "a", verdict=judge.EQUIVALENT, widened=0.168)
    plain = judge.Comparison("codec/ack/encode", "b", "time_ns", "a", verdict=judge.EQUIVALENT)
    one = clauses.lead_clause("encode", "time_ns", [found], "payload").replace(words.SPACE, " ")
    assert one == "encode: equivalent for `tree` (within ±16.8 %: its A/A floor)"
    both = clauses.lead_clause("encode", "time_ns", [found, plain], "payload").replace(words.SPACE, " ")
    assert both == "encode: equivalent for all 2 payloads (within ±16.8 % for `tree`: A/A floors)"


def test_a_step_without_enough_rounds_has_no_interval():
    found = steps(1, rounds=7)
    share = found["encode", shares.FORMAT, "MessagePack"]
    assert share.interval is None and share.verdict == judge.NO_INTERVAL and share.needed > 7


def test_a_step_claims_nothing_without_an_a_a_of_its_own():
    run, lines = synthetic_libraries.make_wide_run(payloads={"order": 1100})
    lines = [line for line in lines if line["member"] != "cjson.same"]
    families = judge.judge(run, lines).families
    found = [s for f in families for s in shares.shares(f, members.of(run, families))]
    assert found and {s.verdict for s in found} == {judge.UNRESOLVED}
    assert "no interval: 0 of 6 rounds" in words.verdict(found[0].comparison, 0.03)


def test_names_and_formats_come_from_the_run():
    run, lines = synthetic_libraries.make_wide_run(payloads={"order": 1100}, rounds=2)
    run["codecs"][1] |= {"label": "protobuf-c 9", "format": "Wire"}
    families = judge.judge(run, lines).families
    codecs = members.of(run, families)
    assert codecs["protobuf_c"].label == "protobuf-c 9" and codecs["protobuf_c"].group == "Wire"
    assert members.groups(codecs.values())[:2] == ["JSON", "Wire"]
    del run["codecs"]
    old = members.of(run, families)
    assert old["cjson"].label == "cJSON" and old["msgpack_c"].format == "MessagePack"
    assert members.wide({}, families) and not members.wide({}, [])
    with words.named({"cjson": "C J"}):
        assert words.label("cjson.same") == "C J.same"
    assert words.label("cjson") == "cJSON"


def test_a_ladder_is_one_message_in_several_sizes():
    run, lines = synthetic_libraries.make_wide_run(rounds=1, count=2)
    families = judge.judge(run, lines).families
    assert members.ladder(families) == list(synthetic_libraries.LADDER)
    assert members.single(families) == list(synthetic_libraries.SIZES)
    some = [f for f in families if "order_64/" not in f.id and "order_1k/" not in f.id]
    assert members.ladder(some) == [] and "order_16k" in members.single(some)


def test_page_one_says_what_is_the_library_and_what_the_format(wide):
    _, judged, text = wide
    page = text.split("## The machine")[0]
    assert "**Encoding, the library:** against cJSON, the fastest other JSON library (yyjson)" in page
    assert "**Decoding, the format:** the fastest library of each against the fastest JSON" in page
    assert "MessagePack (msgpuck) encodes faster for all 4 payloads (at least" in page
    assert "These are libraries, not formats." in page and "order_64" not in page
    best = text.split("## Who is best where")[1].split("## What this run")[0]
    rows = [line for line in best.splitlines() if line.startswith("| ")]
    assert len(rows) == 2 + 2 * len(synthetic_libraries.SIZES)  # two of heading, and each payload both ways
    assert "| msgpuck |" in best or "| msgpuck (" in best
    assert "JSON floor (ours) and protobuf C++ (own structs): under Codecs only" in best
    codecs = text.split("## Codecs")[1].split("### Format and library")[0]
    assert "reads what its own encoder wrote (simdjson what JSON floor (ours) wrote)" in codecs
    assert "JSON floor (ours), which is no library, encodes" in codecs and "own structs" in codecs
    ratios = codecs.split("*Codecs, encode: times as fast as cJSON")[1]
    order = next(f for f in judged.families if f.id == "codec/order/encode")
    e = order.compared("yyjson", "time_ns").estimate
    shown = f"▲ yyjson {words.ratio(math.exp(e.median))} ({words.interval(e, None, '–')})"
    assert shown.replace(words.SPACE, " ") in ratios


def test_every_payload_has_a_block_of_its_own(wide):
    folder, judged, text = wide
    codecs = text.split("## Codecs")[1].split("## Models in process")[0]
    for payload in synthetic_libraries.SIZES:
        block = codecs.split(f"### {payload}\n")[1].split("\n### ")[0]
        assert f"(time-{payload}.svg)" in block and f"(pareto-{payload}.svg)" in block
        assert block.count("| yyjson | JSON |") >= 3  # encode, decode, size against time
    order = codecs.split("### order\n")[1].split("\n### ")[0]
    assert "(costs-order.svg)" in order and "What encoding and decoding consist of" in order
    assert "Latency of single operations" in order and "reading the clock" in order
    for operation in synthetic_libraries.OTHER_OPERATIONS:
        assert f"codec/order/{operation}" in {f.id for f in judged.families}
    for title in ("encode, cold", "read 1 field", "encode, 2 threads at once", "decode, evicted"):
        assert title in order, title


def test_ranks_that_cross_are_found(wide):
    _, _, text = wide
    sizes = text.split("### From small to large")[1].split("\n### ")[0]
    assert "**Encode**: fastest of all here at each size" in sizes
    assert re.search(r"256 KiB: protobuf-c alone", sizes)
    assert "The first place changes hands between 16 KiB and 256 KiB." in sizes


def test_the_walk_is_held_against_code_by_hand(wide):
    """Plan ÷ by hand, worked out here from the truth; adapters by hand are nowhere else."""
    _, judged, text = wide
    part = text.split("### What the generic walk costs")[1].split("\n### ")[0]
    for hand, factor in synthetic_libraries.BY_HAND.items():
        codec, _, style = hand.rpartition("_")
        label = synthetic_libraries.LIBRARIES[codec][0]
        row = next(l for l in part.splitlines() if f"| {label} | {style} |" in l)
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        low, high = map(float, cells[6].split("–"))
        assert float(cells[5]) == pytest.approx(1 / factor, rel=0.02) and low < high
        assert low * 0.995 <= 1 / factor <= high * 1.005
    held = next(l for l in part.splitlines() if l.startswith("Held to: "))
    # Plan ÷ by hand: cJSON 1.00 and 1.05, msgpack-c 0.91 and 1.25, which is beyond 1.15.
    assert re.search(r"msgpack-c \(it takes: encode 1\.(19|20)\d × \(1\.1\d+ to 1\.2\d+\)\)\.", held)
    assert re.search(r"[34] of 5 medians keep to that; beyond it: .*msgpack_c_tight: 1\.2", held)
    assert "reaches the bar" not in held.split("msgpack_c_tight")[1]
    rest = text.replace(part, "").split("## Calibration")[0]
    assert "cjson_usual" not in rest and "msgpack_c_tight" not in rest


def test_fidelity_is_a_row_a_question(wide):
    _, _, text = wide
    part = text.split("### What survives")[1].split("\n### ")[0]
    assert "| doubles (1 000 values) | 12 % changed, ≤ 2 ULP; 3 of 1 000 refused | kept |" in part
    assert "| messages in messages | 100 (ours) | 32 (its limit) |" in part


def test_pictures_of_many_codecs_stand_alone_and_stay_inside(wide):
    folder, _, _ = wide
    names = {file.stem for file in folder.glob("*.svg")}
    assert {"formats-encode", "formats-decode", "ladder", "costs-order"} <= names
    space = "{http://www.w3.org/2000/svg}"
    for file in folder.glob("*.svg"):
        root = ElementTree.parse(file).getroot()
        width, height = map(float, root.get("viewBox").split()[2:])
        assert root.find(f"{space}title").text and len(root.find(f"{space}desc").text) > 40
        for text in root.iter(f"{space}text"):
            x, y, long = float(text.get("x")), float(text.get("y")), 5.5 * len(text.text or "")
            middle, end = "mid" in text.get("class", ""), "end" in text.get("class", "")
            assert x - (long if end else long / 2 if middle else 0) >= -12, (file, text.text)
            assert x + (0 if end else long / 2 if middle else long) <= width + 12, (file, text.text)
            assert 0 <= y <= height, (file, text.text)


def test_who_is_beaten_in_neither_size_nor_time():
    points = [ParetoPoint(i, 0, *at) for i, at in enumerate([(10, 5), (8, 9), (12, 5), (20, 1)])]
    assert [p.series for p in front(points)] == [1, 0, 3]


def test_parts_add_up_to_the_whole(wide):
    _, judged, _ = wide
    mine = [f for f in judged.families if f.id.startswith("codec/order/")]
    found = costs.splits(mine, list(synthetic_libraries.LIBRARIES))
    assert {s.side for s in found} == {"encode", "decode", "decode_cold"}
    for split in found:
        assert sum(ns for _, ns in split.parts) == pytest.approx(split.drawn)
        assert all(ns >= 0 for _, ns in split.parts)
    by_side = {s.side: dict(s.parts) | {"all": s.whole} for s in found if s.member == "cjson"}
    truth = {
        "encode": {"build": 0.3, "print": 0.5, "free": 0.15},
        "decode": {"check": 0.02, "parse": 0.58, "convert": 0.2, "free": 0.1},
        "decode_cold": {"release": 0.3},
    }
    for side, parts in truth.items():
        assert set(by_side[side]) == {*parts, "rest", "all"}
        for part, share in parts.items():
            assert by_side[side][part] / by_side[side]["all"] == pytest.approx(share, abs=0.06)
    # A library without a tree encodes in one go.
    packed = next(s for s in found if (s.side, s.member) == ("encode", "msgpack_c"))
    assert [part for part, _ in packed.parts] == ["whole"]


def test_what_other_conditions_do_is_a_range(wide):
    _, judged, text = wide
    order = text.split("### order\n")[1].split("\n### ")[0]
    head = next(l for l in order.splitlines() if l.startswith("| codec | encode, cold ÷ reuse |"))
    assert "encode, 2 threads at once ÷ 1" in head and "decode, caches emptied ÷ warm" in head
    row = order[order.index(head):].splitlines()[2]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    ranges = [tuple(map(float, cell.split("–"))) for cell in cells[1:]]
    assert cells[0] == "cJSON" and all(low < 1 < high and high / low > 1.01 for low, high in ranges)


def test_the_same_code_is_held_to_one_percent(wide):
    _, judged, text = wide
    said = next(l for l in text.splitlines() if l.startswith("The same code beside itself, within 1 %"))
    same = {a.family: math.exp(a.estimate.median) for a in judged.aliases("codec", "same")}
    whole = [r for f, r in same.items() if f.endswith(("/encode", "/decode"))]
    held = sum(abs(r - 1) <= 0.01 for r in whole)
    assert f"codecs, encode and decode: {held} of {len(whole)} families" in said
    assert "codecs, other rows: " in said
    assert all((f"`{f}`" in said) == (abs(r - 1) > 0.01) for f, r in same.items())


def test_exact_figures_are_shown_as_they_were_recorded(tmp_path):
    run, lines = synthetic_libraries.make_wide_run(payloads=SMALL, rounds=2, count=2)
    run["exact"] = [
        {
            "payload": "order",
            "codec": "cjson",
            "operation": "encode",
            "allocations": 412.5,
            "instructions": 91234,
        },
        {
            "payload": "order",
            "codec": "yyjson",
            "operation": "encode",
            "allocations": 3,
            "instructions": 8123,
        },
        {"payload": None, "codec": "cjson", "adapter_text_bytes": 40123},
    ]
    report.render(synthetic.write_run(tmp_path, run, lines))
    text = (tmp_path / "report.md").read_text("utf-8").replace(words.SPACE, " ")
    block = text.split("### order\n")[1].split("\n### ")[0]
    assert "| encode | cJSON | 412.5 | 91 234 |" in block and "|  | yyjson | 3 | 8 123 |" in block
    assert "code of the adapter" in text and "| cJSON | 40 123 |" in text
    assert "No answer" in text


def test_the_committed_example_renders(tmp_path):
    example = Path(__file__).resolve().parents[2] / "reports" / "example"
    for name in ("run.json", "samples.jsonl"):
        (tmp_path / name).write_bytes((example / name).read_bytes())
    report.render(tmp_path)
    assert "## Codecs" in (tmp_path / "report.md").read_text("utf-8")


def test_a_payload_is_named_once_though_two_libraries_are_picked():
    """Which JSON library is the fastest can depend on the format that is held against it."""
    known = {m: members.Codec(m, m.upper(), "JSON") for m in ("a", "b")}
    assert answer_formats._who([("a", "x"), ("a", "y")], known) == "A"
    picked = [("b", "x"), ("b", "y"), ("b", "z"), ("a", "z"), ("b", "z")]
    assert answer_formats._who(picked, known) == "B for `x` and `y`; A or B for `z`"
