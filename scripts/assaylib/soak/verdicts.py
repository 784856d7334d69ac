# SPDX-License-Identifier: MIT
"""Whether a server stayed as it was: the rule, declared before the first sample, and what it says.

The first sixth of the time is left out: memory that is touched for the first time is no leak. What
remains is thinned to at most 60 windows of equal length, each with its median, so that neighbours
hardly depend on each other.

The p99 of a stretch is that of a calm second: one of ten is calmer. A server that becomes slower by itself does
so in every second; what takes the machine away comes and goes (here for some milliseconds every five seconds, of
a server that does nothing, too), and moves the p99 of a whole minute, or of its median second, by far more than
what is looked for: by half, minute by minute, against a tenth to a quarter. Stalls of a server's own that grow in
few of its seconds are not seen by it. What moves within the hour even so is the machine's speed. So what is
judged is p99 over a yardstick: a server that does nothing, asked as often after each stretch, or, of models that
shared the machine (--at-once), the others in the same stretches. What moves both alike is the machine. That no
part which they have in common does more and more is for the CPU time per request to say.

Theil's slope over the windows times the time watched is the *growth*, with Sen's 95 % interval. It *holds* if
the interval's upper end stays below a margin that matters; it *grows* if the lower end is above it. A step
near the end hardly moves a slope: where the last tenth lies above the first by more than the margin nothing
holds either, nor where the last window alone does of memory and descriptors, which are no matter of chance,
nor where a quarter of that time has no figure. Else this run was too short to tell. Only what holds is called
flat.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .. import slopes
from ..gates.validity import LAG_SHARE_MAX
from ..intervals import ALPHA, median

HOLDS, GROWS, UNKNOWN, BROKEN = "holds", "grows", "not shown", "broken"
SETTLE_SHARE = 1 / 6
WINDOWS_MAX = 60
RSS_MARGIN_BYTES, RSS_MARGIN_SHARE = 1 << 20, 0.02  # the larger one
DESCRIPTORS_MARGIN = 1.0
P99_MARGIN = 1.25  # times
CPU_MARGIN = 1.10  # times, of the server's CPU time per request
STEAL_PERCENT_MAX = 10.0
GAP_SHARE_MAX = 0.25  # of the time that is judged: a line through what is known says nothing of the rest
ACHIEVED_MIN = 0.99
CALM_SHARE = 0.1  # of the seconds of a stretch are calmer than the one whose p99 is judged


def declared() -> dict[str, Any]:
    """For run.json."""
    return {
        "settle_share": SETTLE_SHARE,
        "windows_max": WINDOWS_MAX,
        "alpha": ALPHA,
        "rss_margin_bytes": RSS_MARGIN_BYTES,
        "rss_margin_share": RSS_MARGIN_SHARE,
        "descriptors_margin": DESCRIPTORS_MARGIN,
        "p99_margin": P99_MARGIN,
        "cpu_margin": CPU_MARGIN,
        "steal_percent_max": STEAL_PERCENT_MAX,
        "gap_share_max": GAP_SHARE_MAX,
        "achieved_min": ACHIEVED_MIN,
        "calm_share": CALM_SHARE,
        "text": f"the first sixth of the time is left out; growth is Theil's slope over at most"
        f" {WINDOWS_MAX} windows times the time, with Sen's interval at {100 * (1 - ALPHA):g} %. It holds if the"
        f" upper end is at most {RSS_MARGIN_BYTES >> 20} MiB or {100 * RSS_MARGIN_SHARE:g} % of the resident set (the"
        f" larger), {DESCRIPTORS_MARGIN:g} descriptor, {100 * (CPU_MARGIN - 1):.0f} % of CPU time per request,"
        f" {100 * (P99_MARGIN - 1):g} % of p99, and the last tenth (of memory"
        " and descriptors the last window, too) lies above the first by no more than that; the p99 of a stretch is"
        f" that of its calm second ({100 * CALM_SHARE:g} % are calmer); it is judged over that of a server that does"
        " nothing, asked as often after the stretch, or of models that shared the machine over the geometric mean of"
        " the others' in the same stretch, since what all of them share is the machine's; a stretch in"
        f" which the host took more than {STEAL_PERCENT_MAX:g} % of the CPUs has no p99; without a figure for"
        f" {100 * GAP_SHARE_MAX:g} % of the time on end none is flat. No request may be lost and no connection missing",
    }


@dataclass(frozen=True)
class Trend:
    """Of one figure over the time that is judged."""

    verdict: str
    growth: float  #: over that time; of p99 a log ratio
    interval: tuple[float, float] | None
    margin: float
    level: float  #: median; without points no figure
    points: tuple[slopes.Point, ...]  #: windows: (seconds, figure)
    why: str = ""


def trend(series: Sequence[slopes.Point], margin: float, until_s: float, *, steady: bool = False) -> Trend:
    """series: (seconds since the beginning, figure). steady: that of a single window is not chance."""
    begin = SETTLE_SHARE * until_s
    points = windows([point for point in series if point[0] >= begin], begin, until_s)
    if len({x for x, _ in points}) < 2:
        level = points[0][1] if points else 0.0
        return Trend(UNKNOWN, 0.0, None, margin, level, tuple(points), f"{len(points)} windows are too few")
    line = slopes.slope(points)
    span = until_s - begin
    growth, level = line.value * span, median([y for _, y in points])
    ends = (line.interval[0] * span, line.interval[1] * span) if line.interval else None
    step = max(_step(points, max(1, len(points) // 10)), _step(points, 1) if steady else -math.inf)
    if step > margin and ends and ends[0] > 0:
        return Trend(GROWS, growth, ends, margin, level, tuple(points), "the end lies above the beginning")
    if ends is None:
        return Trend(
            UNKNOWN, growth, ends, margin, level, tuple(points), f"{len(points)} windows are too few"
        )
    if ends[0] > margin:
        return Trend(GROWS, growth, ends, margin, level, tuple(points))
    if ends[1] > margin or step > margin:
        return Trend(UNKNOWN, growth, ends, margin, level, tuple(points), "it could be more than the margin")
    if _gap(begin, [x for x, _ in points], until_s) > GAP_SHARE_MAX * span:
        return Trend(UNKNOWN, growth, ends, margin, level, tuple(points), "too long a while has no figure")
    return Trend(HOLDS, growth, ends, margin, level, tuple(points))


def windows(points: Sequence[slopes.Point], begin: float, end: float) -> list[slopes.Point]:
    """Medians of at most WINDOWS_MAX windows of equal length; those without a point are left out."""
    if len(points) <= WINDOWS_MAX:
        return list(points)
    wide = (end - begin) / WINDOWS_MAX
    found: dict[int, list[slopes.Point]] = {}
    for point in points:
        found.setdefault(min(WINDOWS_MAX - 1, int((point[0] - begin) / wide)), []).append(point)
    return [(median([x for x, _ in each]), median([y for _, y in each])) for _, each in sorted(found.items())]


def _gap(begin: float, times: Sequence[float], end: float) -> float:
    """The longest time without a point."""
    every = [begin, *times, end]
    return max(later - sooner for sooner, later in zip(every, every[1:], strict=False))


def _step(points: Sequence[slopes.Point], last: int) -> float:
    """By how much the last so many windows lie above the first tenth."""
    tenth = max(1, len(points) // 10)
    return median([y for _, y in points[-last:]]) - median([y for _, y in points[:tenth]])


@dataclass(frozen=True)
class Yardstick:
    """Servers by which the machine's part of a p99 is told."""

    whose: str  #: with an article
    column: str  #: the same in a table's head
    lines: Sequence[Sequence[dict[str, Any]]]  #: of each of them, one a stretch


def others(lines: Sequence[Sequence[dict[str, Any]]]) -> Yardstick:
    """Those that shared the machine."""
    return Yardstick("the others, which shared the machine", "the others'", lines)


def nothing(lines: Sequence[dict[str, Any]]) -> Yardstick:
    """The server that was asked after each stretch of these."""
    found = [{**line["yardstick"], "round": line["round"]} for line in lines if line.get("yardstick")]
    return Yardstick("a server that does nothing", "doing nothing", [found])


@dataclass(frozen=True)
class Verdict:
    """Of one model."""

    model: str
    seconds: float
    rss: Trend
    descriptors: Trend
    cpu: Trend  #: log of its CPU time per request
    p99: Trend  #: log of that of calm seconds
    p99_ns: float | None  #: of median seconds, for orientation
    yardstick: Yardstick | None
    over: Trend | None  #: log of its p99 over the yardstick's
    requests: int
    lost: int  #: not answered, or not as they should be; and what the server says it lost at its end
    lost_why: str
    finished: bool  #: served to the end, drained, exit code 0
    why: str  #: of one that did not
    rate_hz: float
    achieved: float  #: of the rate
    p99_left_out: int  #: stretches in which the host took too much
    late: int  #: stretches in which the generator was: their tail is the machine's, too
    unheld: int  #: stretches with fewer connections than were asked for

    @property
    def tail(self) -> Trend:
        """What is judged of p99."""
        return self.over or self.p99

    @property
    def holds(self) -> bool:
        return (
            self.finished
            and self.lost == 0
            and self.unheld == 0
            and self.achieved >= ACHIEVED_MIN
            and all(each.verdict == HOLDS for each in (self.rss, self.descriptors, self.cpu, self.tail))
        )


def judge(
    model: str,
    lines: Sequence[dict[str, Any]],
    rate_hz: float,
    seconds: float,
    connections: int = 0,
    yardstick: Yardstick | None = None,
) -> Verdict:
    """lines: of the model's last attempt, in order, a stretch each. connections: asked for."""
    good = [line for line in lines if line["status"] == "ok"]
    bad = [line for line in lines if line["status"] != "ok"]
    samples = [sample for line in good for sample in line["timeline"]]
    rss = [(sample["at_s"], float(sample["rss_bytes"])) for sample in samples]
    calm = _calm(lines)
    p99 = [(line["at_s"], math.log(ns)) for line in calm if (ns := _p99_ns(line))]
    cpu = [(line["at_s"], math.log(ns)) for line in calm if (ns := line["metrics"].get("cpu_ns_per_request"))]
    descriptors = [(line["at_s"], float(_middle(line))) for line in good if line["timeline"]]
    level = median([y for _, y in rss]) if rss else 0.0
    counts = {
        key: sum(line["metrics"][key] for line in good)
        for key in ("answered", "failed", "wrong", "offered", "unsent")
    }
    final = next((line["final"] for line in good if line.get("final")), None)
    at_end = int(final["lost"]) if final else 0
    lost = counts["failed"] + counts["wrong"] + at_end
    said = (f"{counts['failed']} failed", f"{counts['wrong']} wrong", f"{at_end} lost at SIGTERM")
    why = str(bad[0]["reason"]) if bad else "" if final else "it has not been watched to its end"
    return Verdict(
        model,
        seconds,
        trend(rss, max(RSS_MARGIN_BYTES, RSS_MARGIN_SHARE * level), seconds, steady=True),
        trend(descriptors, DESCRIPTORS_MARGIN, seconds, steady=True),
        trend(cpu, math.log(CPU_MARGIN), seconds),
        trend(p99, math.log(P99_MARGIN), seconds),
        median(seen) if (seen := [ns for line in calm if (ns := _p99_ns(line, 0.5))]) else None,
        yardstick,
        trend(_over(calm, yardstick), math.log(P99_MARGIN), seconds) if yardstick else None,
        counts["answered"],
        lost,
        ", ".join(part for part in said if not part.startswith("0 ")),
        not bad and final is not None,
        why,
        rate_hz,
        1 - counts["unsent"] / counts["offered"] if counts["offered"] else 0.0,
        len(good) - len(calm),
        sum(_late(line["metrics"]) for line in good),
        sum(line["metrics"].get("connections_held", connections) < connections for line in good),
    )


def _calm(lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Stretches in which the host took little."""
    return [
        line
        for line in lines
        if line["status"] == "ok" and line["covariates"].get("steal_percent", 0) <= STEAL_PERCENT_MAX
    ]


def _over(calm: Sequence[dict[str, Any]], yardstick: Yardstick) -> list[slopes.Point]:
    """Log of p99 over the geometric mean of the yardstick's servers, where all have one."""
    theirs = [
        {line["round"]: math.log(ns) for line in _calm(each) if (ns := _p99_ns(line))} for each in yardstick.lines
    ]
    found = []
    for line in calm:
        known = [logs[line["round"]] for logs in theirs if line["round"] in logs]
        if (ns := _p99_ns(line)) and len(known) == len(theirs):
            found.append((line["at_s"], math.log(ns) - sum(known) / len(known)))
    return found


def _p99_ns(line: dict[str, Any], share: float = CALM_SHARE) -> float | None:
    """Of the second than which so many are calmer, one without an answer being the worst; of the whole stretch
    where its seconds were not kept."""
    seconds = sorted(math.inf if ns is None else float(ns) for ns in line.get("second_p99_ns") or [])
    found = seconds[int(share * len(seconds))] if seconds else line["metrics"].get("p99_ns")
    return None if found is None or math.isinf(found) else found


def _late(metrics: dict[str, Any]) -> bool:
    lag_ns, p50_ns = metrics.get("lag_p99_ns"), metrics.get("p50_ns")
    return bool(lag_ns and p50_ns and lag_ns > LAG_SHARE_MAX * p50_ns)


def _middle(line: dict[str, Any]) -> int:
    """Descriptors while load held its connections: at its first and last instants they come and go."""
    ordered = sorted(sample["descriptors"] for sample in line["timeline"])
    return int(ordered[len(ordered) // 2])
