# SPDX-License-Identifier: MIT
"""Bad input to serve, load and downstream: exit code 2 and one line that names the option."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from services_testing import Server, program, run

SERVE = ["--model", "inline", "--workload", "echo", "--listen", "127.0.0.1:0"]
RPC = ["--model", "inline", "--workload", "rpc", "--listen", "127.0.0.1:0"]
LOAD = ["--target", "http://127.0.0.1:9/", "--rate", "10"]
CHECKED = [*LOAD, "--payload", "ack", "--codec", "cjson", "--workload"]

BAD: list[tuple[str, list[str], str]] = [
    ("serve", [], "--model: is needed"),
    ("serve", ["--model", "inline"], "--workload: is needed"),
    ("serve", ["--model", "fibers"], "--workload: is needed"),
    ("serve", ["--model", "fibers", "--workload", "echo"], '--model: "fibers" is unknown; known: '),
    ("serve", ["--model", "inline", "--workload", "sort"], '--workload: "sort" is unknown; known: '),
    ("serve", [*RPC, "--payload", "bill", "--codec", "cjson"], '--payload: "bill" is unknown; known: '),
    ("serve", [*RPC, "--payload", "ack", "--codec", "xml"], '--codec: "xml" is unknown; known: '),
    ("serve", RPC, "--payload: is needed with --workload rpc"),
    ("serve", [*RPC, "--payload", "ack"], "--codec: is needed with --workload rpc"),
    ("serve", ["--model", "inline", "--workload", "call", "--payload", "ack", "--codec", "cjson"],
     "--downstream: is needed with --workload call"),
    ("serve", [*SERVE, "--codec", "cjson"], "--codec: has no effect with --workload echo"),
    ("serve", [*SERVE, "--payload", "ack"], "--payload: has no effect with --workload echo"),
    ("serve", [*SERVE, "--cpu-iterations", "5"], "--cpu-iterations: has no effect with --workload echo"),
    ("serve", [*SERVE, "--hops", "5"], "--hops: has no effect with --workload echo"),
    ("serve", [*SERVE, "--cells", "5"], "--cells: has no effect with --workload echo"),
    ("serve", [*SERVE, "--call-timeout-ms", "5"], "--call-timeout-ms: has no effect with --workload echo"),
    ("serve", [*SERVE, "--downstream-connections", "5"],
     "--downstream-connections: has no effect with --workload echo"),
    ("serve", [*RPC, "--payload", "ack", "--codec", "cjson", "--downstream", "127.0.0.1:1"],
     "--downstream: has no effect with --workload rpc"),
    ("serve", [*SERVE[:3], "spawn", *SERVE[4:]], "--workload: spawn runs in process only (model_bench)"),
    ("serve", [*SERVE[:3], "journal", *SERVE[4:]], "--journal: is needed with --workload journal"),
    ("serve", [*SERVE[:3], "journal", *SERVE[4:], "--journal", "/nowhere"], "--journal: /nowhere: No such file"),
    ("serve", [*SERVE[:3], "count", *SERVE[4:], "--cells", "1"], "--cells: count takes two at least"),
    ("serve", [*SERVE[:3], "fanout", *SERVE[4:]], "--downstream: is needed with --workload fanout"),
    ("serve", [*SERVE, "--fan", "2"], "--fan: has no effect with --workload echo"),
    ("serve", [*SERVE, "--messages", "2"], "--messages: has no effect with --workload echo"),
    ("serve", [*SERVE, "--offload"], "--offload: has no effect with --workload echo"),
    ("serve", [*SERVE, "--journal", "."], "--journal: has no effect with --workload echo"),
    ("serve", [*SERVE, "--threads", "2"], "--threads: has no effect with --model inline"),
    ("serve", [*SERVE, "--batch", "2"], "--batch: has no effect with --model inline"),
    ("serve", [*SERVE, "--spin-us", "2"], "--spin-us: has no effect with --model inline"),
    (
        "serve",
        [*SERVE, "--offload-threads", "2"],
        "--offload-threads: has no effect with --workload echo",
    ),
    (
        "serve",
        ["--model", "inline", "--workload", "mixed", "--offload-threads", "2"],
        "--offload-threads: has no effect with --model inline",
    ),
    ("serve", [*SERVE, "--threads", "0"], '--threads: "0" is not a whole number from 1 to 1024'),
    ("serve", [*SERVE, "--queue-limit", "many"], '--queue-limit: "many" is not a whole number'),
    ("serve", [*SERVE, "--queue-limit", "1e3"], '--queue-limit: "1e3" is not a whole number'),
    ("serve", [*SERVE, "--queue-limit", "-1"], '--queue-limit: "-1" is not a whole number'),
    ("serve", [*SERVE, "--on-full", "drop"], '--on-full: "drop" is neither reject nor wait'),
    ("serve", [*SERVE, "--cpus", "99999"], '--cpus: "99999" is not a list of CPUs'),
    ("serve", [*SERVE, "--cpus", "a-b"], '--cpus: "a-b" is not a list of CPUs'),
    ("serve", [*SERVE[:-1], "nowhere"], "--listen: nowhere: not of the form HOST:PORT"),
    ("serve", [*SERVE[:-1], "127.0.0.1:99999"], "--listen: 127.0.0.1:99999: not of the form HOST:PORT"),
    ("serve", [*SERVE, "--json", "/nonexistent/out.json"], "--json: /nonexistent/out.json: No such file"),
    ("serve", [*SERVE, "--listen", "127.0.0.1:0"], "--listen: is given twice"),
    ("serve", [*SERVE, "--frobnicate"], "--frobnicate: no such option"),
    ("serve", [*SERVE, "extra"], "extra: no such option"),
    ("serve", [*SERVE, "--drain-ms"], "--drain-ms: needs a value"),
    ("serve", [*SERVE, "--list=1"], "--list: takes no value"),
    ("serve", ["--list", "--model", "inline"], "--model: has no effect with --list"),
    ("load", ["--seed", "1", "--list"], "--seed: has no effect with --list"),
    ("load", [], "--target: is needed"),
    ("load", LOAD[:2], "--rate: is needed unless --arrival is closed"),
    ("load", [*LOAD, "--arrival", "closed"], "--rate: has no effect with --arrival closed"),
    ("load", [*LOAD[:2], "--arrival", "closed", "--seed", "3"], "--seed: has no effect with --arrival closed"),
    ("load", [*LOAD, "--arrival", "uniform", "--seed", "3"], "--seed: has no effect with --arrival uniform"),
    ("load", [*LOAD[:2], "--arrival", "closed", "--spin-us", "3"], "--spin-us: has no effect with"),
    ("load", [*LOAD, "--arrival", "bursty"], '--arrival: "bursty" is not one of poisson, uniform, burst, closed'),
    ("load", ["--target", "ftp://a:1/", "--rate", "1"], '--target: "ftp://a:1/" is not of the form http://'),
    ("load", ["--target", "http://", "--rate", "1"], "--target: "),
    ("load", ["--target", "http://a:1?q=1", "--rate", "1"], '--target: "http://a:1?q=1" is not of the form http://'),
    ("load", ["--target", "http://a:1/a b", "--rate", "1"], '--target: "http://a:1/a b" is not of the form http://'),
    ("load", ["--target", "http://127.0.0.1:x/", "--rate", "1"], "--target: "),
    ("load", [*LOAD[:2], "--rate", "0"], '--rate: "0" is not a number from'),
    ("load", [*LOAD[:2], "--rate", "fast"], '--rate: "fast" is not a number from'),
    ("load", [*LOAD[:2], "--rate", "nan"], '--rate: "nan" is not a number from'),
    ("load", [*LOAD[:2], "--rate", "1e7", "--duration", "1e5"], "--rate: plans more than"),
    ("load", [*LOAD, "--connections", "0"], '--connections: "0" is not a whole number'),
    ("load", [*LOAD, "--duration", "0"], '--duration: "0" is not a number from'),
    ("load", [*LOAD, "--payload", "ack"], "--codec: is needed with --payload or --codec"),
    ("load", [*LOAD, "--codec", "cjson"], "--payload: is needed with --payload or --codec"),
    ("load", [*LOAD, "--hops", "3"], "--hops: has no effect without --workload"),
    ("load", [*LOAD, "--workload", "rpc"], "--payload: is needed with --workload"),
    ("load", [*CHECKED, "rpc", "--body", "/dev/null"], "--body: has no effect with --workload"),
    ("load", [*CHECKED[:-1], "--body", "/dev/null"], "--body: has no effect with --payload"),
    ("load", [*CHECKED[:-1], "--hops", "3"], "--hops: has no effect without --workload"),
    ("load", [*CHECKED, "rpc", "--expect-status", "200"], "--expect-status: has no effect with --workload"),
    ("load", [*CHECKED, "rpc", "--method", "GET"], "--method: has no effect with --workload"),
    ("load", [*CHECKED, "rpc", "--cpu-iterations", "3"], "--cpu-iterations: has no effect with --workload rpc"),
    ("load", [*CHECKED, "spawn"], "--workload: spawn has no server (model_bench runs it)"),
    ("load", [*CHECKED, "store", "--cells", "3"], "--cells: has no effect but with --workload ring"),
    ("load", [*CHECKED, "store", "--heavy-percent", "3"], "--heavy-percent: has no effect with --workload store"),
    ("load", [*CHECKED, "mixed", "--hot-percent", "3"], "--hot-percent: has no effect with --workload mixed"),
    ("load", [*CHECKED, "store", "--put-percent", "101"], '--put-percent: "101" is not a whole number from 0 to 100'),
    ("load", [*CHECKED, "echo", "--messages", "3"], "--messages: has no effect with --workload echo"),
    ("load", [*LOAD, "--put-percent", "3"], "--put-percent: has no effect without --workload"),
    ("load", [*CHECKED, "sort"], '--workload: "sort" is unknown; known: '),
    ("load", [*LOAD, "--content-type", "a/b"], "--content-type: has no effect without --body"),
    ("load", [*LOAD, "--body", "/nonexistent"], "--body: /nonexistent: No such file"),
    ("load", [*LOAD, "--header", "no colon"], '--header: "no colon" is not of the form'),
    ("load", [*LOAD, "--header", "a: b\r\nc: d"], "--header: "),
    ("load", [*LOAD, "--method", "get it"], '--method: "get it" is not a method'),
    ("load", [*LOAD, "--expect-status", "ok"], '--expect-status: "ok" is neither'),
    ("load", [*LOAD, "--watch-pid", "999999999"], "--watch-pid: no such process"),
    ("load", [*LOAD, "--beside-pid", "999999999"], "--beside-pid: no such process"),
    ("load", [*LOAD, "--any-reply"], "--any-reply: has no effect without --workload"),
    ("load", [*LOAD, "--json", "/nonexistent/out.json"], "--json: /nonexistent/out.json: No such file"),
    ("load", [*LOAD, "--hgrm", "/nonexistent/out.hgrm"], "--hgrm: /nonexistent/out.hgrm: No such file"),
    ("load", [*LOAD[:2], "--arrival", "closed", "--slack-us", "3"], "--slack-us: has no effect with"),
    ("load", [*LOAD, "--steps", "5:1"], "--rate: has no effect with --steps"),
    ("load", [*LOAD[:2], "--steps", "5:1", "--duration", "1"], "--duration: has no effect with --steps"),
    ("load", [*LOAD[:2], "--steps", "5:1", "--arrival", "closed"], "--steps: has no effect with --arrival closed"),
    ("load", [*LOAD[:2], "--steps", "5:1,"], '--steps: "5:1," is not of the form HZ:S,HZ:S'),
    ("load", [*LOAD[:2], "--steps", "5"], '--steps: "5" is not of the form HZ:S,HZ:S'),
    ("load", [*LOAD[:2], "--steps", "0:1"], '--steps: "0:1" is not of the form HZ:S,HZ:S'),
    ("load", [*LOAD[:2], "--steps", "1:1x"], '--steps: "1:1x" is not of the form HZ:S,HZ:S'),
    ("load", [*LOAD[:2], "--steps", ",".join(["1:1"] * 65)], "--steps: more than 64 steps"),
    ("load", [*LOAD[:2], "--steps", "1e7:100"], "--steps: plans more than"),
    ("load", [*LOAD, "--requests", "/nonexistent/out.csv"], "--requests: /nonexistent/out.csv: No such file"),
    ("load", [*CHECKED, "rpc", "--hit-percent", "3"], "--hit-percent: has no effect with --workload rpc"),
    ("serve", [*SERVE, "--admin", "nowhere"], "--admin: nowhere: not of the form HOST:PORT"),
    ("load", [*LOAD[:2], "--arrival", "closed", "--as-read"], "--as-read: has no effect with --arrival closed"),
    ("load", [*LOAD, "--spin-us", "3", "--as-read"], "--as-read: has no effect with --spin-us"),
    ("load", [*LOAD, "--burst", "5"], "--burst: has no effect without --arrival burst"),
    ("load", [*LOAD, "--in-flight", "5", "--connections", "4"], "--in-flight: is more than --connections"),
    ("load", [*LOAD, "--class", "a", "--body", "/dev/null"], "--body: has no effect with --class"),
    ("load", [*LOAD, "--class", "a", "--class", "a --share 2"], '--class: there are two classes "a"'),
    ("load", [*LOAD, "--class", ""], '--class \'\': line: "" is not of the form NAME'),
    ("load", [*LOAD, "--class", "a --body 'x"], '--class \'\': line: "a --body \'x" is not of the form NAME'),
    ("load", [*LOAD, "--class", "--share 2"], "--class --share: line: begins with the name of the class"),
    ("load", [*LOAD, "--class", "a,b"], "--class a,b: line: a name holds no commas, quotes or line ends"),
    ("load", [*LOAD, "--class", "a --share 0"], '--class a: --share: "0" is not a number from'),
    ("load", [*LOAD, "--class", "a --path x"], '--class a: --path: "x" is not of the form /PATH'),
    ("load", [*LOAD, "--class", "a --rate 3"], "--class a: --rate: no such option"),
    ("load", [*LOAD, "--class", "a --hops 3"], "--class a: --hops: has no effect without --workload"),
    ("load", [*LOAD, *["--class", "a"] * 17], "--class: is given more than 16 times"),
    ("load", [*LOAD, "--mix", "/nonexistent"], "--mix: /nonexistent: No such file"),
    ("load", [*LOAD, "--mix", "/dev/null"], "--mix: /dev/null: no class there"),
    ("load", [*LOAD, "--mix", "/dev/null", "--class", "a"], "--class: and --mix are two ways"),
    ("load", [*LOAD, "--cpus", "99999"], '--cpus: "99999" is not a list of CPUs'),
    ("downstream", ["--delay", "gamma:3"], '--delay: "gamma:3" is not of the form fixed:US'),
    ("downstream", ["--delay", "fixed:"], '--delay: "fixed:" is not of the form'),
    ("downstream", ["--delay", "lognormal:5"], '--delay: "lognormal:5" is not of the form'),
    ("downstream", ["--error-rate", "2"], '--error-rate: "2" is not a number from 0 to 1'),
    ("downstream", ["--stall-every", "1"], "--stall-every: has no effect without --stall-for"),
    ("downstream", ["--stall-for", "1"], "--stall-for: has no effect without --stall-every"),
    ("downstream", ["--stall-every", "1", "--stall-for", "1"], "--stall-for: must be less than"),
    ("downstream", ["--seed", "1"], "--seed: has no effect with a fixed --delay and no --error-rate"),
    ("downstream", ["--delay", "bimodal:1,2"], '--delay: "bimodal:1,2" is not of the form fixed:US'),
    ("downstream", ["--control", "x"], "--control: x: not of the form HOST:PORT"),
    ("downstream", ["--listen", "x"], "--listen: x: not of the form HOST:PORT"),
    ("downstream", ["--cpus", "none"], '--cpus: "none" is not a list of CPUs'),
    ("downstream", ["--model", "actor"], "--model: no such option"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args", "message"), BAD, ids=lambda value: None)
def test_bad_input(name: str, args: list[str], message: str) -> None:
    done = run(name, *args)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith(f"{name}: {message}")


@pytest.mark.parametrize(
    ("name", "args"), [("serve", SERVE), ("load", [*CHECKED, "rpc"]), ("downstream", ["--stall-every", "2", "--stall-for", "1"])]
)
def test_options_are_checked_without_a_run(name: str, args: list[str]) -> None:
    done = run(name, *args, "--check")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert run(name, *args, "--check", "--seed" if name == "downstream" else "--hops", "3").returncode == 2


def test_an_error_in_a_mix_names_the_line(tmp_path: Path) -> None:
    mix = tmp_path / "mix"
    for wrong, message in {
        "b --share 0": 'b: --share: "0" is not a number from',
        "b --share": "b: --share: needs a value (N)",
        "b 'x": "'': line: \"b 'x\" is not of the form NAME",
        "a --share 2": 'there are two classes "a"',
    }.items():
        mix.write_text(f"# two\na --share 3\n\n{wrong}\n")
        done = run("load", *LOAD, "--mix", str(mix))
        assert done.returncode == 2
        where, _, rest = done.stderr.removeprefix(f"load: --mix {mix}:").partition("4")
        assert not where and rest[1:].strip().startswith(message), done.stderr


def test_unknown_names_are_told_all_known_ones() -> None:
    given = {"--model": "inline", "--workload": "rpc", "--payload": "ack", "--codec": "cjson"}
    known = {
        "--model": {"inline", "thread_pool", "event_loop", "actor"},
        "--workload": {"echo", "rpc", "cpu", "call", "ring"},
        "--payload": {"ack", "order", "telemetry", "feed"},
        "--codec": {"cjson", "protobuf_c", "msgpack_c"},
    }
    for option, names in known.items():
        pairs = (given | {option: "nonesuch"}).items()
        done = run("serve", *(word for pair in pairs for word in pair))
        assert done.returncode == 2
        assert names <= set(done.stderr.strip().partition("known: ")[2].split(", "))


@pytest.mark.parametrize("name", ["serve", "load", "downstream"])
def test_help_names_every_option_and_default(name: str) -> None:
    done = run(name, "--help")
    assert done.returncode == 0
    assert done.stderr == ""
    used = {arg for program_, args, _ in BAD if program_ == name for arg in args}
    known = {word for word in done.stdout.split() if word.startswith("--")}
    unknown = {"--frobnicate", "--list=1", "--share 2"} | ({"--model"} if name == "downstream" else set())
    assert {arg for arg in used if arg.startswith("--")} - unknown <= known
    default = {"serve": "[1024]", "load": "[poisson]", "downstream": "[fixed:1000]"}[name]
    assert default in done.stdout


@pytest.mark.parametrize("name", ["serve", "load", "downstream"])
def test_list(name: str) -> None:
    done = run(name, "--list")
    assert done.returncode == 0
    words = {"serve": "thread_pool rpc order cjson", "load": "rpc order cjson", "downstream": "exp:"}
    assert all(word in done.stdout for word in words[name].split())


@pytest.mark.parametrize("name", ["serve", "downstream"])
def test_json_into_a_pipe(name: str) -> None:
    """… or a device: written to, never replaced by a file."""
    rest = ["--model", "inline", "--workload", "echo"] if name == "serve" else []
    server = Server(name, "--json", "/dev/stderr", *rest)
    assert server.stop() == 0
    assert json.loads(server.errors)["program"] == name


def test_an_unwritable_json_is_found_before_the_run(tmp_path: Path) -> None:
    """… and what was there stays as it was."""
    there = tmp_path / "there.json"
    there.write_text("kept")
    done = run("load", *LOAD, "--json", there)
    assert done.returncode == 3, done.stderr  # nobody listens on port 9
    assert there.read_text() == "kept"
    assert [path.name for path in tmp_path.iterdir()] == ["there.json"]
    assert program("load")
