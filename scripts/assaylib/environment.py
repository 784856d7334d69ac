# SPDX-License-Identifier: MIT
"""The fingerprint of machine and build. Never a host name, a user name or an absolute path: reports
are handed on."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import subprocess
from pathlib import Path
from typing import Any

from .programs import Build

Facts = dict[str, Any]

# As the libraries call themselves, where a build system's name for them differs.
LIBRARY_NAMES = {
    "benchmark": "libbenchmark",
    "libcjson": "cJSON",
    "libprotobuf-c": "protobuf-c",
    "msgpack": "msgpack-c",
    "msgpackc": "msgpack-c",
    "libllhttp": "llhttp",
}

# What changes from minute to minute without the machine being another one.
VOLATILE = ("load1", "python")


def fingerprint() -> Facts:
    return {
        **_cpu(),
        "memory_bytes": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        "page_bytes": os.sysconf("SC_PAGE_SIZE"),
        "kernel": f"{platform.system()} {platform.release()}",
        "os": _distribution(),
        "libc": " ".join(platform.libc_ver()),
        "python": platform.python_version(),
        "governor": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor") or "none visible",
        "turbo": _turbo(),
        "clocksource": _read("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
        "hypervisor": _hypervisor(),
        "mitigations": _mitigations(),
        "aslr": {"0": "off", "1": "partly", "2": "on"}.get(
            _read("/proc/sys/kernel/randomize_va_space") or "", "unknown"
        ),
        "transparent_hugepages": _chosen("/sys/kernel/mm/transparent_hugepage/enabled"),
        "cgroup_cpu_limit": _cgroup_cpu_limit(),
        "cpus_allowed": sorted(os.sched_getaffinity(0)),
        "perf_event_paranoid": _read("/proc/sys/kernel/perf_event_paranoid"),
        "load1": os.getloadavg()[0],
    }


def identity(environment: Facts, build: Facts) -> str:
    """What must not change between the parts of one run."""
    stable = {key: value for key, value in environment.items() if key not in VOLATILE}
    text = json.dumps([stable, build.get("programs")], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def describe_build(build: Build) -> Facts:
    """type, sanitizers, compiler, flags, fit for measuring or why not, the programs' hashes."""
    options = {o["name"]: o["value"] for o in _introspect(build, "buildoptions") or []}
    reasons = []
    if options.get("optimization") in ("0", "g", "plain"):
        reasons.append(f"built without optimization (buildtype {options.get('buildtype')})")
    if options.get("b_sanitize", "none") != "none":
        reasons.append(f"built with sanitizers ({options['b_sanitize']})")
    if options.get("b_coverage"):
        reasons.append("built for coverage")
    compiler, flags = _compiler(build)
    return {
        "type": options.get("buildtype"),
        "optimization": options.get("optimization"),
        "sanitizers": options.get("b_sanitize", "none"),
        "lto": bool(options.get("b_lto")),
        "ndebug": options.get("b_ndebug"),
        "compiler": compiler,
        "flags": flags,
        "fit": not reasons,
        "unfit": reasons,
        "programs": build.hashes(),
    }


def libraries(build: Build) -> dict[str, str]:
    """Versions of what was found at configure time, as Meson recorded them."""
    found = {}
    for dependency in _introspect(build, "dependencies") or []:
        version = str(dependency.get("version", ""))
        if re.match(r"\d", version) and dependency["name"] != "cmocka":
            found[LIBRARY_NAMES.get(dependency["name"], dependency["name"])] = version
    return dict(sorted(found.items()))


def commit(root: Path) -> tuple[str | None, bool]:
    """The checkout's commit and whether files differ from it; (None, False) outside git."""
    head = _run(["git", "-C", str(root), "rev-parse", "HEAD"])
    if head is None:
        return None, False
    return head, bool(_run(["git", "-C", str(root), "status", "--porcelain", "-uno"]))


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text("utf-8", "replace").strip("\0\n ")
    except OSError:
        return None


def _run(argv: list[str]) -> str | None:
    try:
        done = subprocess.run(
            argv,
            capture_output=True,
            text=True,
            timeout=10,
            env={**os.environ, "LC_ALL": "C"},
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _cpu() -> Facts:
    listed = {}
    for line in (_run(["lscpu"]) or "").splitlines():
        key, _, value = line.partition(":")
        listed[key.strip()] = value.strip()
    info = _read("/proc/cpuinfo") or ""
    model = re.search(r"^(?:model name|Hardware|cpu model)\s*:\s*(.+)$", info, re.M)
    caches = {}
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind = _read(f"{index}/level"), _read(f"{index}/type")
        suffix = {"Data": "d", "Instruction": "i"}.get(kind or "", "")
        caches[f"L{level}{suffix}"] = _read(f"{index}/size")
    listed_threads = listed.get("Thread(s) per core", "")
    threads_per_core = int(listed_threads) if listed_threads.isdigit() else 1
    return {
        "cpu": model.group(1) if model else listed.get("Model name", "unknown"),
        "architecture": platform.machine(),
        "cores": (os.cpu_count() or 1) // threads_per_core,
        "threads_per_core": threads_per_core,
        "caches": caches,
    }


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "unknown")
    except OSError:
        return "unknown"


def _turbo() -> str:
    no_turbo = _read("/sys/devices/system/cpu/intel_pstate/no_turbo")
    if no_turbo is not None:
        return "off" if no_turbo == "1" else "on"
    boost = _read("/sys/devices/system/cpu/cpufreq/boost")
    return {"0": "off", "1": "on"}.get(boost or "", "not visible")


def _hypervisor() -> str:
    vendor = re.search(r"^Hypervisor vendor:\s*(.+)$", _run(["lscpu"]) or "", re.M)
    if vendor:
        return vendor.group(1)
    if re.search(r"^flags\s*:.*\bhypervisor\b", _read("/proc/cpuinfo") or "", re.M):
        return "yes, vendor unknown"
    return "none seen"


def _mitigations() -> dict[str, str]:
    folder = Path("/sys/devices/system/cpu/vulnerabilities")
    if not folder.is_dir():
        return {}
    states = {file.name: _read(str(file)) or "" for file in sorted(folder.iterdir())}
    return {name: state for name, state in states.items() if state != "Not affected"}


def _chosen(path: str) -> str | None:
    choices = re.search(r"\[(\w+)\]", _read(path) or "")
    return choices.group(1) if choices else None


def _cgroup_cpu_limit() -> str:
    own = re.search(r"^0::(/.*)$", _read("/proc/self/cgroup") or "", re.M)
    folder = Path("/sys/fs/cgroup") / (own.group(1).strip("/") if own else "")
    while True:
        limit = _read(str(folder / "cpu.max"))
        if limit and not limit.startswith("max"):
            quota, period = limit.split()
            return f"{int(quota) / int(period):g} CPUs"
        if folder in (Path("/sys/fs/cgroup"), Path("/")):
            return "none"
        folder = folder.parent


def _introspect(build: Build, what: str) -> Any:
    try:
        return json.loads((build.folder / "meson-info" / f"intro-{what}.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None


def _compiler(build: Build) -> tuple[str | None, str | None]:
    """The C compiler's own first line, and its flags without search paths."""
    for target in _introspect(build, "targets") or []:
        if target["name"] not in ("codec_bench", "codecs", "machine"):
            continue
        for sources in target.get("target_sources", []):
            if sources.get("language") != "c" or not sources.get("compiler"):
                continue
            version = _run([*sources["compiler"], "--version"])
            flags = [f for f in sources["parameters"] if "/" not in f and not f.startswith(("-I", "-fdiagnostics"))]
            return (version.splitlines()[0] if version else sources["compiler"][-1]), " ".join(flags)
    return None, None
