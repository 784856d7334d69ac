# SPDX-License-Identifier: MIT
"""Peers: what is planned, what counts, what the table says, and that a report takes it in."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import standstill
from assaylib import UsageError, machine, peer_programs, peer_run, peer_servers, peer_table, peers, plan
from assaylib import report, store
from assaylib.blocks import Table
from assaylib.programs import Build, Child
from conftest import ROOT, Assay

SAMPLE = Path(__file__).with_name("data") / "peers"
REQUEST = peer_run.Request(None, 10, 7, None, Path("reports"), False)


@pytest.fixture
def partly(tmp_path: Path) -> Build:
    """A build whose programs are there, but for those that need libuv or TBB."""
    folder = tmp_path / "build"
    (folder / "meson-info").mkdir(parents=True)
    for kind in peers.KINDS:
        for member in kind.members.values():
            program = member.argv[0]
            if program.startswith("{") and member.needs not in ("libuv", "tbb"):
                path = Path(program.format(peers=folder / "bench/peers", bench=folder / "bench"))
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("#!/bin/sh\n")
                path.chmod(0o755)
    return Build.open(folder)


def run_of(members: dict[str, float], *, bar: dict[str, Any], rounds: int, **load: Any) -> Any:
    """A run of one family whose truth is known: member → value in every round but for a little."""
    family = plan.Family(
        id="pool/empty", kind="service", title="t", baseline="model", members=tuple(members),
        aliases={}, floors={}, injected={}, rounds=rounds,
        load={"metrics": ["tasks_hz"], "ours": ["model"], "work": "w", "about": {}, **load},
    )  # fmt: skip
    lines = [
        {
            "kind": "service", "family": family.id, "member": member, "round": number, "status": "ok", "reason": None,
            "metrics": {"tasks_hz": value * (1 + 0.001 * number)},
            "covariates": {"steal_percent": 0.0, "others_percent": 0.0},
        }
        for number in range(1, rounds + 1)
        for member, value in members.items()
    ]  # fmt: skip
    whole = {"family": family.id, "metric": "tasks_hz", "ours": "model", "at_least": None, "at_most": None}
    run = {"tier": "peers", "families": [family.to_json()], "bars": [{**whole, **bar}], "discard_rule": peers.declared_rule()}
    return run, store.Samples(lines=lines)


def test_bars_are_about_what_is_measured() -> None:
    kinds = {kind.id: kind for kind in peers.KINDS}
    assert len(kinds) == len(peers.KINDS)
    for bar in peers.BARS:
        kind = kinds[bar.family]
        assert bar.metric in kind.metrics and {bar.ours, *bar.peers} <= set(kind.members)
        assert not kind.members[bar.ours].needs and all(kind.members[peer].needs for peer in bar.peers)
        assert (bar.at_least is None) != (bar.at_most is None)
    # Nothing that is compared with others is left without one.
    assert {bar.family for bar in peers.BARS} == set(kinds)
    assert {metric for kind in peers.KINDS for metric in kind.metrics} <= set(peers.METRICS)
    assert all(not next(iter(kind.members.values())).needs for kind in peers.KINDS)


def test_plan_takes_every_member_once_a_round_in_an_order_of_the_seed(partly: Build) -> None:
    filled = {"work": "500"}
    made = peer_run.make(partly, REQUEST, 7, filled)
    for family in made.families:
        for number in range(1, family.rounds + 1):
            members = [t.member for t in made.tasks if (t.family, t.round) == (family.id, number)]
            assert sorted(map(str, members)) == sorted(family.members)
    assert made.tasks == peer_run.make(partly, REQUEST, 7, filled).tasks
    assert made.tasks != peer_run.make(partly, REQUEST, 8, filled).tasks
    worked = made.family("pool/work").load["argv"]["model"]
    assert "500" in worked and "{json}" in worked
    assert made.tier.until_s == pytest.approx(made.seconds * peers.MORE_TIME)


def test_a_missing_peer_is_named_by_its_package_and_the_others_stay(
    partly: Build, capsys: pytest.CaptureFixture[str]
) -> None:
    made = peer_run.make(partly, REQUEST, 7, {})
    assert "libuv" not in made.family("pool/empty").members
    assert "glib" in made.family("pool/empty").members
    assert all(family.id != "pool/helped" for family in made.families)  # nobody to compare with
    assert peer_run.missing(partly)["libuv"] == "libuv1-dev"
    assert peer_run.show_list(partly) == 0
    said = capsys.readouterr()
    assert "libtbb-dev" in said.err and "libglib2.0-dev" not in said.err
    assert "pool/helped          cannot be measured" in said.out
    with pytest.raises(UsageError, match="matches no family"):
        peer_run.make(partly, peer_run.Request("nothing", 10, 7, None, Path("r"), False), 7, {})


@pytest.mark.parametrize(
    ("peer_hz", "verdict"), [(1e6, peer_table.MET), (4e6, peer_table.MISSED)]
)
def test_ratio_is_the_median_of_same_round_pairs(peer_hz: float, verdict: str) -> None:
    bar = {"peers": ["libuv"], "at_least": 1.0}
    run, samples = run_of({"model": 2e6, "libuv": peer_hz}, bar=bar, rounds=8)
    (row,) = peer_table.judged(run, samples)
    assert row.ratio == pytest.approx(2e6 / peer_hz) and row.rounds == 8
    assert row.interval is not None and row.interval[0] <= row.ratio <= row.interval[1]
    assert (row.verdict, row.bar) == (verdict, "≥ 1")


def test_what_the_interval_does_not_decide_is_not_resolved() -> None:
    bar = {"peers": ["libuv"], "at_most": 1.05}
    run, samples = run_of({"model": 2e6, "libuv": 2e6}, bar=bar, rounds=8)
    for line in samples.lines:
        if line["member"] == "model":
            line["metrics"]["tasks_hz"] *= 1.2 if line["round"] % 2 else 0.9
    assert peer_table.judged(run, samples)[0].verdict == peer_table.OPEN
    samples.lines = [line for line in samples.lines if line["round"] <= 5]  # too few for an interval
    row = peer_table.judged(run, samples)[0]
    assert row.interval is None and row.verdict == peer_table.OPEN


def test_rounds_are_discarded_by_covariates_alone_and_take_their_pair() -> None:
    bar = {"peers": ["libuv"], "at_least": 1.0}
    run, samples = run_of({"model": 2e6, "libuv": 1e6}, bar=bar, rounds=10)
    for line in samples.lines:
        if line["member"] == "libuv" and line["round"] == 1:
            line["covariates"]["steal_percent"] = 2.1
        if line["member"] == "model" and line["round"] == 2:
            line["covariates"]["others_percent"] = 11.0
        if line["round"] == 3:
            line["covariates"]["steal_percent"] = 1.9
        if line["member"] == "model" and line["round"] == 4:
            line["metrics"]["tasks_hz"] = 1.0  # a time says nothing
        if line["member"] == "model" and line["round"] == 5:
            line["status"] = "failed"
    assert peer_table.judged(run, samples)[0].rounds == 7
    run["families"][0]["load"]["exact"] = True  # what hardly varies counts in any case
    assert peer_table.judged(run, samples)[0].rounds == 9


def test_a_report_takes_the_table_as_an_appendix(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(SAMPLE.with_name("small"), folder)
    report.render(folder, [SAMPLE])
    text, page = (folder / "report.md").read_text(), (folder / "report.html").read_text()
    run, samples = peer_table.read(SAMPLE)
    rows = peer_table.judged(run, samples)
    assert rows and peer_table.summary(rows) in text
    assert "## Against the best of each kind" in text and 'id="peers"' in page
    for raw in report.hashes(SAMPLE):
        assert f"{raw.name} of {run['id']}: SHA-256 {raw.sha256}" in text and raw.sha256 in page
    before = page
    report.render(folder, [SAMPLE])
    assert (folder / "report.html").read_text() == before
    with pytest.raises(report.ReportError, match="appendix of another run"):
        report.render(shutil.copytree(SAMPLE, tmp_path / "peers"))


def test_the_sample_holds_no_path_and_no_host() -> None:
    text = (SAMPLE / "run.json").read_text() + (SAMPLE / "samples.jsonl").read_text()
    assert str(ROOT) not in text and os.uname().nodename not in text


def test_what_is_not_worse_beyond_doubt_is_not_called_met() -> None:
    bar = {"peers": ["libuv"], "at_most": 1.0, "beyond_doubt": True}
    run, samples = run_of({"model": 2e6, "libuv": 2e6}, bar=bar, rounds=8)
    for line in samples.lines:
        if line["member"] == "model":
            line["metrics"]["tasks_hz"] *= 1.2 if line["round"] % 2 else 0.9
    row = peer_table.judged(run, samples)[0]
    assert (row.verdict, row.bar) == (peer_table.UNSHOWN, "not worse")
    assert peer_table.summary([row]) == "Of 1 figure to be reached 0 met, 1 not shown worse, 0 not met, 0 not resolved."
    for line in samples.lines:
        line["metrics"]["tasks_hz"] *= 2 if line["member"] == "model" else 1
    assert peer_table.judged(run, samples)[0].verdict == peer_table.MISSED
    for line in samples.lines:
        line["metrics"]["tasks_hz"] *= 0.1 if line["member"] == "model" else 1
    assert peer_table.judged(run, samples)[0].verdict == peer_table.MET


def test_a_peer_that_fails_takes_its_bar_not_away() -> None:
    bar = {"peers": ["libuv"], "at_least": 1.0}
    run, samples = run_of({"model": 2e6, "libuv": 1e6}, bar=bar, rounds=8)
    for line in samples.lines:
        if line["member"] == "libuv":
            line |= {"status": "failed", "reason": "libuv: gone", "metrics": {}}
    (row,) = peer_table.judged(run, samples)
    assert (row.verdict, row.rounds, row.bar) == (peer_table.OPEN, 0, "≥ 1")
    text = peer_table.text({**run, "missing": {}}, samples)
    assert "libuv: 8 of 8 processes failed: libuv: gone" in text
    assert "0 not met, 1 not resolved." in text
    assert "Discarded: 0 of 16 processes, by the declared rule: " in text and "8 samples failed: libuv: gone" in text
    described = {**run, "missing": {}, "id": "r", "created": "t", "stopping_rule": "s"}
    drawn = next(b for b in peer_table.section(described, samples, []).blocks if isinstance(b, Table))
    assert any("8 of 8 processes failed" in note for note in drawn.notes) and len(drawn.rows) == 1


def test_an_interval_is_shown_on_the_side_of_its_bound_that_it_is_on() -> None:
    bar = {"peers": ["libuv"], "at_most": 1.0}
    run, samples = run_of({"model": 2e6, "libuv": 2e6}, bar=bar, rounds=8)
    run["families"][0]["load"]["exact"] = True
    for line in samples.lines:
        exact = 1.00015 + 0.0005 * (line["round"] % 2)
        line["metrics"]["tasks_hz"] = 1e6 * (exact if line["member"] == "model" else 1.0)
    (row,) = peer_table.judged(run, samples)
    assert row.verdict == peer_table.MISSED and peer_table._cells(row)[6] == "1.0001 to 1.0007"
    for line in samples.lines:
        line["metrics"]["tasks_hz"] *= 0.5 if line["member"] == "model" and line["round"] % 2 else 1.0
    assert "the rounds differ by 2.0 ×: no exact figure" in peer_table.text({**run, "missing": {}}, samples)


def test_only_pairs_that_say_something_are_rows() -> None:
    bar = {"peers": [], "at_most": 3e6}
    values = {"model": 2e6, "part": 3e6, "libuv": 1e6, "glib": 1e6}
    run, samples = run_of(values, bar=bar, rounds=8, ours=["model", "part"])
    rows = [(row.ours, row.peer, row.verdict) for row in peer_table.judged(run, samples)]
    assert rows == [
        ("model", "libuv", peer_table.NONE), ("model", "glib", peer_table.NONE),
        ("model", "", peer_table.MET), ("part", "", peer_table.NONE),
    ]  # fmt: skip
    run["families"][0]["load"]["pairs"] = {"model": ["glib"], "part": ["libuv"]}
    rows = [(row.ours, row.peer) for row in peer_table.judged(run, samples)]
    assert rows == [("model", "glib"), ("model", ""), ("part", "libuv")]
    assert "2.01 M/s" in peer_table.text({**run, "missing": {}}, samples)


def test_the_cpu_time_of_a_thread_that_has_ended_counts() -> None:
    burn = "while time.thread_time() < 0.05: pass"
    program = f"""import threading, time
def work():
    {burn}
thread = threading.Thread(target=work)
thread.start()
thread.join()
print("ended", flush=True)
time.sleep(600)"""
    with Child([sys.executable, "-c", program], line=True) as child:
        assert child.next_line(60.0) == "ended"
        assert peer_servers.cpu_ns(child.pid) >= 50_000_000


def test_servers_by_hand_answer_as_the_models_do(build: Path) -> None:
    """The work of turns/rpc is the same: every document comes back as it was sent."""
    of = Build.open(build)
    if not peer_programs.built(of):
        pytest.skip("a build without peers")
    kind = next(kind for kind in peers.KINDS if kind.id == "turns/rpc_ack")
    for peer in kind.members.values():
        if not peer_programs.there(of, peer.argv):
            continue
        argv = peer_programs.arguments(of, peer.argv)
        requests = peer_servers.requests(of, dict(kind.load), argv)
        assert len({body for _, body in requests}) > 1
        with peer_servers.server(argv, cpu=machine.cpus()[0], padding=0) as running:
            clients = peer_servers.Clients(running.address, len(requests))
            clients.ask(requests)
            clients.ask(requests[1:] + requests[:1])
            with pytest.raises(peer_servers.Failure, match="a wrong reply"):
                clients.ask([(requests[0][0], bytes(byte ^ 1 for byte in requests[0][1]))])
            clients.close()
            assert peer_servers.cpu_ns(running.child.pid) > 0
            assert peer_servers.rss_bytes(running.child.pid) > 0
            peer_servers.stop(running)


#: Sends bodies back, with argv[1] among the headers.
ECHOES = r"""import socket, sys, threading
listener = socket.create_server(("127.0.0.1", 0))
print("listening on 127.0.0.1:%d" % listener.getsockname()[1], flush=True)
def serve(conn):
    while got := conn.recv(65536):
        body = got.partition(b"\r\n\r\n")[2]
        head = "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n%sContent-Length: %d\r\n\r\n"
        conn.sendall((head % (sys.argv[1], len(body))).encode() + body)
while True:
    threading.Thread(target=serve, args=listener.accept()[:1], daemon=True).start()
"""


@pytest.mark.parametrize("how", peer_servers.MEASURES)
def test_replies_of_another_size_have_no_figure(how: str, build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer_servers, "CALLGRIND", ())
    load = {
        "method": "POST", "seconds": 1, "client": "load", "connections": 2, "bursts": [1, 2],
        "metrics": ["instructions_per_request"], "reply_bytes": peer_servers.REPLY_BYTES,
    }  # fmt: skip
    of, argv = Build.open(build), [sys.executable, "-c", ECHOES]
    assert "rss_bytes_per_connection" in peer_servers.idle(of, load, [*argv, ""], 0)
    with pytest.raises(peer_servers.Failure, match="^replies of 174 bytes, where the others' have 168$"):
        peer_servers.MEASURES[how](of, load, [*argv, "X: y\r\n"], 0)


def test_who_is_held_against_others_servers_sends_as_many_bytes(build: Path) -> None:
    of = Build.open(build)
    if not peer_programs.built(of):
        pytest.skip("a build without peers")
    kinds = [kind for kind in peers.KINDS if {"nginx", "mhd"} & {peer.needs for peer in kind.members.values()}]
    assert len(kinds) == 5 and all(kind.load["reply_bytes"] == peer_servers.REPLY_BYTES for kind in kinds)
    members = {name: peer for kind in kinds for name, peer in kind.members.items()}
    for name, peer in members.items():
        if not peer_programs.there(of, peer.argv):
            continue
        argv = peer_programs.arguments(of, peer.argv)
        asked = peer_servers.requests(of, {"method": "GET" if name.endswith("_get") else "POST"}, argv)
        with peer_servers.server(argv, cpu=machine.cpus()[0], padding=0) as running:
            clients = peer_servers.Clients(running.address, 2)
            for _ in range(2):
                clients.ask(asked)
            assert (name, clients.reply_bytes) == (name, peer_servers.REPLY_BYTES)
            clients.close()
            peer_servers.stop(running)


def test_libmicrohttpd_is_held_against_in_every_mode() -> None:
    kind = next(kind for kind in peers.KINDS if kind.id == "server/mhd")
    modes = {name for name, peer in kind.members.items() if peer.needs == "mhd"}
    assert len({kind.members[mode].argv for mode in modes}) == len(modes) == 8
    held = [set(bar.peers) for bar in peers.BARS if bar.family == kind.id]
    assert len(held) == 4 and all(peers_of == modes for peers_of in held)


def test_what_a_program_counts_has_the_name_that_its_family_gives(
    build: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer_programs, "CALLGRIND", ())
    program = ["sh", "-c", "echo Collected : $((7 * $0 + 1000)) >&2", "{count}"]
    load = {
        "how": "program_counted", "metrics": ["instructions_per_message"], "counts": [10, 30], "argv": {"actor": program},
    }  # fmt: skip
    family = plan.Family(
        id="counters/actor_ring", kind="service", title="t", baseline="actor", members=("actor",),
        aliases={}, floors={}, injected={}, rounds=1, load=load,
    )  # fmt: skip
    line = peer_programs.measure(Build.open(build), family, "actor", padding=0)
    assert (line["status"], line["metrics"]) == ("ok", {"instructions_per_message": 7.0})


@standstill.excused
def test_command(assay: Assay, build: Path, tmp_path: Path) -> None:
    """The whole way, with what every build with peers has."""
    if not peer_programs.built(Build.open(build)):
        done = assay("peers")
        assert done.returncode == 2 and "-Dpeers=enabled" in done.stderr
        pytest.skip("a build without peers")
    assert assay("peers", "--list", "--rounds", "3").returncode == 2
    assert assay("peers", "--rounds", "0").returncode == 2
    done = assay("peers", "--only", "pool/empty$", "--rounds", "1", "--force", "--seed", "3", "--reports", tmp_path)
    assert done.returncode == 0, done.stderr
    folder = Path(done.stdout.splitlines()[-1])
    lines = [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()]
    assert {line["member"] for line in lines if line["kind"] != "end"} >= {"model", "queue", "ring"}
    assert "pool/empty: " in done.stdout
    again = assay("peers", "--resume", folder)
    assert again.returncode == 0 and "nothing to do" in again.stderr
    text = (folder / "samples.jsonl").read_text().splitlines(keepends=True)
    (folder / "samples.jsonl").write_text(text[0] + text[1][:50])  # as if it had been killed
    again = assay("peers", "--resume", folder, "--force")
    assert again.returncode == 0, again.stderr
    run, samples = peer_table.read(folder)
    first = [line["process"] for line in samples.lines][: len(run["families"][0]["members"])]
    assert sorted(first) == list(range(len(first))) and len(samples.resumes) == 1
    assert assay("check", folder).returncode == 2
