# SPDX-License-Identifier: MIT
"""Real short runs: interrupted in every way, and with programs that crash."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from assaylib import RefusedError, discard, machine, run, store
from commands import with_build
from conftest import ROOT, Assay

ONLY = "^codec/ack/"


@pytest.fixture(scope="module", autouse=True)
def _built(build: Path) -> None:
    if not (build / "bench" / "codec_bench").exists():
        pytest.skip("codec_bench is not built")


def options(reports: Path, id: str = "run", only: str = ONLY) -> list[str]:
    return [
        *("run", "--tier", "smoke", "--only", only, "--seed", "7"),
        *("--id", id, "--reports", str(reports), "--force"),
    ]


def started(build: Path, arguments: list[str], mark: Path) -> subprocess.Popen[str]:
    """mark: in the environment of the command and of every process that it starts."""
    return subprocess.Popen(
        [str(ROOT / "scripts" / "assay"), "--build", str(build), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "ASSAY_TEST": str(mark)},
        # Whoever runs the tests in the background may have had it ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def await_it(so: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """process: without which it will never be so."""
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline and not so():
        if process.poll() is not None and not so():
            pytest.fail(f"it ended before: {process.communicate()[1]}")
        time.sleep(0.01)
    assert so()


def marked(mark: Path) -> list[str]:
    """Processes that still run with that mark."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"ASSAY_TEST={mark}\0".encode() in path.read_bytes():
                found.append(path.parent.name)
        except OSError:
            continue
    return found


def await_no_child(mark: Path) -> None:
    """One that was just being started when its parent ended is killed by the kernel, a moment later."""
    deadline = time.monotonic() + 600
    while marked(mark) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not marked(mark), "a child outlived the run"


def assert_complete(folder: Path) -> None:
    facts, samples = store.read_run(folder), store.read_samples(folder / "samples.jsonl")
    expected = Counter(
        (f"{family['id']}/{member}", number)
        for family in facts["families"]
        for member in family["members"]
        for number in range(1, family["rounds"] + 1)
    )
    assert Counter((line["case"], line["round"]) for line in samples.lines) == expected
    assert {line["status"] for line in samples.lines} == {"ok"}
    assert not samples.notices


@pytest.fixture(scope="module")
def finished(assay: Assay, tmp_path_factory: pytest.TempPathFactory) -> Path:
    reports = tmp_path_factory.mktemp("reports")
    done = assay(*options(reports))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(reports / "run")
    return reports / "run"


def wrapped(build: Path, probed: Path, folder: Path, body: str = "") -> Path:
    """A build whose codec_bench is the real one behind a script, but for what machine and fidelity are:
    that is what the real ones have said in the run `probed`."""
    (folder / "bench").mkdir(parents=True)
    (folder / "meson-info").symlink_to(build / "meson-info")
    facts, said, told = store.read_run(probed), folder / "machine.json", folder / "fidelity.json"
    said.write_text(json.dumps({"machine": facts["machine"]}))
    told.write_text(json.dumps({name: facts[name] for name in ("fidelity", "fidelity_table")}))
    script(folder, "machine", f'[ "$1" = --json ] && cp {said} "$2"')
    again = f'[ "$1 $2" = "--fidelity --json" ] && exec cp {told} "$3"'
    script(folder, "codec_bench", f'real={build}/bench/codec_bench\n{again}\n{body}\nexec $real "$@"')
    return folder


def script(folder: Path, name: str, body: str) -> None:
    path = folder / "bench" / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


#: After as many measuring processes as the file beside the script says, one does not come to its end.
BUDGET = (
    'case "$*" in *--iterations*) n=$(cat $0.allowed 2>/dev/null || echo 1000); echo $((n-1)) >$0.allowed\n'
    "[ $n -gt 0 ] || { : >$0.held; exec sleep 3600; };; esac"
)


@pytest.fixture(scope="module")
def light(build: Path, finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where it is not the machine, the exact figures and the other programs that a test is about."""
    return wrapped(build, finished, tmp_path_factory.mktemp("light") / "build", BUDGET)


class Hold:
    """What a test does to a run comes in the run's midst, however late the test gets round to it."""

    def __init__(self, build: Path) -> None:
        self._allowed, self._held = (build / "bench" / f"codec_bench.{name}" for name in ("allowed", "held"))

    def after(self, processes: int) -> None:
        self._held.unlink(missing_ok=True)
        self._allowed.write_text(str(processes))

    def wait(self, run: subprocess.Popen[str]) -> None:
        """Until one more than those has begun."""
        await_it(self._held.exists, run)

    def end(self) -> None:
        for file in (self._allowed, self._held):
            file.unlink(missing_ok=True)


@pytest.fixture
def hold(light: Path) -> Iterator[Hold]:
    found = Hold(light)
    yield found
    found.end()


def test_every_case_of_every_round_once(finished: Path) -> None:
    assert_complete(finished)


def test_what_run_json_says(finished: Path) -> None:
    facts = store.read_run(finished)
    assert facts["seed"] == 7 and facts["tier"] == "smoke" and facts["margin_percent"] == 3
    assert facts["machine"]["clock_cost_ns"] > 0
    quiet = facts["quiet"]
    limits = (quiet["busy_percent_max"], quiet["steal_percent_max"])
    assert limits == (machine.BUSY_PERCENT_MAX, machine.STEAL_PERCENT_MAX)
    held = quiet["busy_percent"] <= limits[0] and quiet["steal_percent"] <= limits[1]
    assert quiet["held"] == held and quiet["load1"] >= 0
    assert held or any(reason.startswith("busy at the start") for reason in facts["forced"])
    assert all(0 < facts["discard_rule"]["steal_percent_max"][kind] for kind in discard.KINDS)
    assert "one more round at a time" in facts["stopping_rule"]
    (end,) = store.read_samples(finished / "samples.jsonl").ends
    assert set(end["families"]) == {family["id"] for family in facts["families"]}
    assert {entry["codec"] for entry in facts["fidelity"]} >= {"cjson", "protobuf_c", "msgpack_c"}
    assert {row["probe"] for row in facts["fidelity_table"]} >= {"doubles_unit", "nesting_decode"}
    for family in facts["families"]:
        counts = family["iterations"]
        assert set(counts) == {f"{family['id']}/{member}" for member in family["members"]}
        baseline = counts[f"{family['id']}/{family['baseline']}"]
        for member in (*family["aliases"], *family["injected"]):
            assert counts[f"{family['id']}/{member}"] == baseline


def test_nothing_private_in_what_is_kept(finished: Path, build: Path) -> None:
    for file in finished.iterdir():
        text = file.read_text()
        for private in (str(ROOT), str(build), str(finished), str(Path.home()), "/tmp/"):
            assert private not in text, file.name
        assert f'"{socket.gethostname()}"' not in text


def test_what_a_line_says(finished: Path) -> None:
    facts = store.read_run(finished)
    blocks = {family["id"]: family["load"]["blocks"] for family in facts["families"]}
    counts = {case: n for family in facts["families"] for case, n in family["iterations"].items()}
    for line in store.read_samples(finished / "samples.jsonl").lines:
        slots = [slot for slot, _ in line["repetitions"]]
        assert len(slots) == blocks[line["family"]] and slots == sorted(slots)
        assert line["metrics"]["block_iterations"] == counts[line["case"]]  # the same in every round
        assert line["metrics"]["time_ns"] > 0 and line["metrics"]["wire_bytes"] > 0
        assert set(line["covariates"]) >= {"steal_percent", "load1", "involuntary_switches"}


def test_members_alternate(finished: Path) -> None:
    """Short blocks in a drawn order: nobody's blocks come in one piece."""
    lines = store.read_samples(finished / "samples.jsonl").lines
    for process in {line["process"] for line in lines}:
        owners = sorted(
            (slot, line["member"])
            for line in lines
            if line["process"] == process
            for slot, _ in line["repetitions"]
        )
        assert [slot for slot, _ in owners] == list(range(len(owners)))
        changes = sum(a[1] != b[1] for a, b in zip(owners, owners[1:], strict=False))
        assert changes > len(owners) / 2


def test_models_in_process(build: Path, assay: Assay, tmp_path: Path) -> None:
    if not (build / "bench" / "model_bench").exists():
        pytest.skip("model_bench is not built")
    done = assay(*options(tmp_path, only="^model/rpc$"))
    assert done.returncode == 0, done.stderr
    assert_complete(tmp_path / "run")
    family = store.read_run(tmp_path / "run")["families"][0]
    assert family["members"][0] == family["baseline"] == "thread_pool"
    assert family["load"]["requests_in_flight"] > 0 and family["load"]["payload"] == "order"
    for line in store.read_samples(tmp_path / "run" / "samples.jsonl").lines:
        if line["member"] not in family["injected"]:  # where blocks are long enough for one
            assert line["metrics"]["turns_per_request"] == 1


def whole_processes(folder: Path) -> bytes:
    """What of the samples a kill may not cost: all but the last process's lines, and of those the kernel
    may have written a part when the kill came."""
    path = folder / "samples.jsonl"
    samples = store.read_samples(path)
    last = samples.lines[-1]["process"] if samples.lines else None
    return path.read_bytes()[: samples.starts.get(last, samples.end)]


def test_kill_9_loses_at_most_the_process_in_flight(light: Path, hold: Hold, tmp_path: Path) -> None:
    """Killed before the first line, then twice more in what goes on with it."""
    folder, arguments = tmp_path / "run", options(tmp_path)
    for processes in (0, 1, 1):
        hold.after(processes)
        process = started(light, arguments, tmp_path)
        hold.wait(process)
        process.kill()
        process.communicate()
        kept = whole_processes(folder)
        await_no_child(tmp_path)
        arguments = ["run", "--resume", str(folder), "--force"]
    assert kept, "something was measured"

    hold.end()
    done = with_build(light, *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(folder)
    assert (folder / "samples.jsonl").read_bytes().startswith(kept)
    assert_complete(folder)


def test_resume_after_a_torn_write(finished: Path, assay: Assay, tmp_path: Path) -> None:
    """As after a power cut: a process's lines half in the file, the last one cut."""
    folder = tmp_path / "torn"
    folder.mkdir()
    for file in finished.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    samples = folder / "samples.jsonl"
    lines = samples.read_bytes().splitlines(keepends=True)
    processes = [json.loads(line).get("process") for line in lines]
    third = processes.index(list(dict.fromkeys(processes))[2])  # families have not as many members each
    samples.write_bytes(b"".join(lines[: third + 2]) + lines[third + 2][:40])
    done = assay("run", "--resume", folder, "--force")
    assert done.returncode == 0, done.stderr
    assert "incomplete" in done.stderr
    assert_complete(folder)
    resumed = store.read_samples(samples).resumes
    assert resumed[0]["complete"] == 2 and resumed[0]["dropped_bytes"] > 40


def test_resuming_what_is_complete_changes_nothing(finished: Path, assay: Assay) -> None:
    before = (finished / "samples.jsonl").read_bytes()
    done = assay("run", "--resume", finished)
    assert done.returncode == 0 and "complete" in done.stderr
    assert (finished / "samples.jsonl").read_bytes() == before


def test_interrupted(light: Path, hold: Hold, tmp_path: Path) -> None:
    folder, arguments = tmp_path / "run", options(tmp_path)
    for number in (signal.SIGINT, signal.SIGTERM):
        hold.after(1)
        process = started(light, arguments, tmp_path)
        hold.wait(process)
        process.send_signal(number)
        _, said = process.communicate(timeout=300)
        assert process.returncode == 130
        assert f"run --resume {folder}" in said and "Traceback" not in said
        await_no_child(tmp_path)
        arguments = ["run", "--resume", str(folder), "--force"]
    hold.end()
    assert with_build(light, *arguments).returncode == 0
    assert_complete(folder)


def test_resume_with_another_build(finished: Path, assay: Assay, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    facts = {**store.read_run(finished), "identity": "of another build"}
    store.write_whole(folder / "run.json", facts)
    done = assay("run", "--resume", folder, "--force")
    assert done.returncode == 0, done.stderr
    resumed = store.read_samples(folder / "samples.jsonl").resumes
    assert "not the one that the run began with" in " ".join(resumed[0]["forced"])


def test_resume_with_another_build_is_refused(
    finished: Path, build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calm = machine.Quiet(busy_percent=0.0, steal_percent=0.0, load1=0.0)
    monkeypatch.setattr(machine, "look", lambda: calm)
    store.write_whole(
        tmp_path / "run.json", {**store.read_run(finished), "identity": "of another build"}
    )
    with pytest.raises(RefusedError, match="not the one"):
        run.resume(run.Build.open(build), ROOT, tmp_path, force=False)
    assert not (tmp_path / "samples.jsonl").exists()


def test_a_busy_machine_is_refused(
    build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = machine.Quiet(busy_percent=60.0, steal_percent=0.0, load1=2.0)
    monkeypatch.setattr(machine, "look", lambda: busy)
    monkeypatch.setattr(machine, "QUIET_WAIT_S", 0.0)
    request = run.Request(run.plan.TIERS["smoke"], ONLY, 1, "busy", tmp_path, False)
    with pytest.raises(RefusedError, match="other programs use 60 %"):
        run.start(run.Build.open(build), ROOT, request)
    assert not list(tmp_path.iterdir())


def test_a_crash_is_a_line_and_the_run_goes_on(build: Path, finished: Path, tmp_path: Path) -> None:
    crash = (
        'case "$*" in *--iterations*) n=$(cat $0.n 2>/dev/null || echo 0); echo $((n+1)) >$0.n\n'
        "if [ $n = 1 ]; then echo out of luck >&2; kill -SEGV $$; fi;; esac"
    )
    broken = wrapped(build, finished, tmp_path / "build", crash)
    done = with_build(broken, *options(tmp_path))
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == str(tmp_path / "run")
    lines = store.read_samples(tmp_path / "run" / "samples.jsonl").lines
    failed = [line for line in lines if line["status"] == "failed"]
    assert {line["process"] for line in failed} == {1}
    families = {f["id"]: f["members"] for f in store.read_run(tmp_path / "run")["families"]}
    assert len(failed) == len(families[failed[0]["family"]])
    for line in failed:
        assert "SIGSEGV" in line["reason"] and "out of luck" in line["reason"]
    assert "SIGSEGV" in done.stderr
    assert {line["process"] for line in lines} == {0, 1, 2, 3}


def test_a_failing_pilot_spoils_its_family_only(build: Path, finished: Path, tmp_path: Path) -> None:
    fail = 'case "$*" in *ack/encode*) echo not today >&2; exit 1;; esac'
    broken = wrapped(build, finished, tmp_path / "build", fail)
    done = with_build(broken, *options(tmp_path))
    assert done.returncode == 1
    lines = store.read_samples(tmp_path / "run" / "samples.jsonl").lines
    state = Counter((line["family"], line["status"]) for line in lines)
    assert set(state) == {("codec/ack/encode", "failed"), ("codec/ack/decode", "ok")}
    reasons = {line["reason"] for line in lines if line["status"] == "failed"}
    assert len(reasons) == 1 and "not today" in reasons.pop()


def test_an_unfit_build_is_refused(light: Path, tmp_path: Path) -> None:
    info = tmp_path / "build" / "meson-info"
    info.mkdir(parents=True)
    (info / "intro-buildoptions.json").write_text(
        json.dumps([{"name": "optimization", "value": "0"}, {"name": "buildtype", "value": "debug"}])
    )
    (tmp_path / "build" / "bench").symlink_to(light / "bench")
    arguments = [word for word in options(tmp_path) if word != "--force"]
    done = with_build(tmp_path / "build", *arguments)
    assert done.returncode == 3 and "without optimization" in done.stderr
    assert not (tmp_path / "run").exists()
    done = with_build(tmp_path / "build", *options(tmp_path, only="^codec/ack/encode"))
    assert done.returncode == 0, done.stderr
    facts = store.read_run(tmp_path / "run")
    assert not facts["build"]["fit"] and "without optimization" in " ".join(facts["forced"])


def test_padding_is_another_in_every_process(
    finished: Path, build: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the same again when a run of that seed is resumed."""
    facts = store.read_run(finished)
    families = tuple(map(run.plan.Family.from_json, facts["families"]))
    seen: list[int] = []

    def measure(build: Any, family: Any, tier: Any, *, padding: int) -> Any:
        seen.append(padding)
        return dict.fromkeys(family.members, {})

    monkeypatch.setattr(run.inprocess, "measure", measure)
    made = run.Plan(run.plan.TIERS["smoke"], 7, families, run.plan.order(families, 7), 0.0)
    for _ in range(2):
        for task in made.tasks:
            run._process(run.Build.open(build), made, task)
    half = len(seen) // 2
    assert len(set(seen[:half])) == half and seen[:half] == seen[half:]
    assert all(0 <= padding < run.PADDING_MAX for padding in seen)


def test_a_machine_that_cannot_be_probed_is_measured_on_all_the_same(
    build: Path, finished: Path, tmp_path: Path
) -> None:
    broken = wrapped(build, finished, tmp_path / "build")
    script(broken, "machine", "echo not here >&2; exit 1")
    done = with_build(broken, *options(tmp_path, only="^codec/ack/encode"))
    assert done.returncode == 0, done.stderr
    assert "is not known: machine: exit code 1: not here" in done.stderr
    assert "not here" in store.read_run(tmp_path / "run")["machine"]["error"]
