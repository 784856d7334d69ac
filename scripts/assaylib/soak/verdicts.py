# SPDX-License-Identifier: MIT
"""Whether a server stayed as it was: the rule, declared before the first sample, and what it says.

The first sixth of the time is left out: memory that is touched for the first time is no leak. What
remains is thinned to at most 60 windows of equal length, each with its median, so that neighbours
hardly depend on each other. Theil's slope over the windows times the time watched is the *growth*, with Sen's
95 % interval. It *holds* if the interval's upper end stays below a margin that matters; it *grows* if the lower
end is above it. A step near the end hardly moves a slope: where the last tenth lies above the first by more
than the margin nothing holds either. Of memory and descriptors, which are no matter of chance, not where the
last window alone does, and such a step together with a slope that is above 0 is growth. Where a quarter of
that time has no figure there is no line: what is known of a part says nothing of the whole. Else this run was
too short to tell. Only what holds is called flat.

Of p99 that of all answers of a stretch has to hold, and that of calm seconds, both beyond the machine's part
(tails.py). Of the first, which gaps of the machine move, the margin is a wider one, that a doubling over the whole
time does not keep; neither its last tenth nor its last third may lie above twice the first. So has the share of slow
seconds: stalls that come more often leave the calm ones as they were. Of it the yardstick knows little, of a few
seconds a stretch: so it holds by itself or beyond the yardstick's, and not where it grows beyond that. The p99 of the
median second and of the one that nine of ten are calmer than, which chance moves too much for a claim, must not be
shown to grow, nor lie in the last third above twice the first one's: they say where longer stalls lie. What befalls
fewer than one answer in a hundred is in the slowest answer, which is told and not judged, and in requests that fail
or are not sent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from .. import slopes
from ..intervals import ALPHA, median
from . import tails
from .tails import CALM_SHARE, IDLE_PERCENT_MAX, ROUGH_SHARES, SLOW_TIMES, STEAL_PERCENT_MAX, Yardstick

HOLDS, GROWS, UNKNOWN = "holds", "grows", "not shown"
SETTLE_SHARE = 1 / 6
WINDOWS_MAX = 60
RSS_MARGIN_BYTES, RSS_MARGIN_SHARE = 1 << 20, 0.02  # the larger one
DESCRIPTORS_MARGIN = 1.0
THREADS_MARGIN = 1.0
P99_MARGIN = 1.25  # times, of calm seconds
WHOLE_MARGIN = 1.5  # times, of whole stretches
SLOW_MARGIN = 0.15  # of all seconds
ROUGH_TIMES = 2.0  # the last third to the first; of whole stretches the last tenth to the first, too
CPU_MARGIN = 1.10  # times, of the server's CPU time per request
GAP_SHARE_MAX = 0.25  # of the time that is judged: a line through what is known says nothing of the rest
ACHIEVED_MIN = 0.99


def declared() -> dict[str, Any]:
    """For run.json."""
    return {
        "settle_share": SETTLE_SHARE,
        "windows_max": WINDOWS_MAX,
        "alpha": ALPHA,
        "rss_margin_bytes": RSS_MARGIN_BYTES,
        "rss_margin_share": RSS_MARGIN_SHARE,
        "descriptors_margin": DESCRIPTORS_MARGIN,
        "threads_margin": THREADS_MARGIN,
        "p99_margin": P99_MARGIN,
        "whole_margin": WHOLE_MARGIN,
        "slow_margin": SLOW_MARGIN,
        "slow_times": SLOW_TIMES,
        "rough_times": ROUGH_TIMES,
        "cpu_margin": CPU_MARGIN,
        "steal_percent_max": STEAL_PERCENT_MAX,
        "gap_share_max": GAP_SHARE_MAX,
        "achieved_min": ACHIEVED_MIN,
        "calm_share": CALM_SHARE,
        "idle_percent_max": IDLE_PERCENT_MAX,
        "text": f"the first sixth of the time is left out; growth is Theil's slope over at most"
        f" {WINDOWS_MAX} windows times the time, with Sen's interval at {100 * (1 - ALPHA):g} %. It holds if the"
        f" upper end is at most {RSS_MARGIN_BYTES >> 20} MiB or {100 * RSS_MARGIN_SHARE:g} % of the resident set (the"
        f" larger), {DESCRIPTORS_MARGIN:g} descriptor, {THREADS_MARGIN:g} thread, {100 * (CPU_MARGIN - 1):.0f} % of CPU time per request,"
        f" {100 * (P99_MARGIN - 1):g} % of p99 of calm seconds, and the last tenth (of memory,"
        " descriptors and threads the last window, too) lies above the first by no more than that; p99 of calm seconds is"
        f" that of a stretch's calm second ({100 * CALM_SHARE:g} % are calmer; of fewer than ten it is the calmest). p99"
        f" of whole minutes (of all answers of a stretch) holds if the upper end is at most {100 * (WHOLE_MARGIN - 1):g} %"
        f" and neither the last tenth nor the last third lies above {ROUGH_TIMES:g} times the first. Both are judged"
        " beyond the rise of the same figure of a server that does nothing, asked as often after the stretch, or of"
        " models that shared the machine beyond the (lower) median of the others' in the same stretch: in nanoseconds if"
        " the model is the slower one, else in shares. The share of slow seconds, whose p99 is above"
        f" {SLOW_TIMES:g} times the calm one, holds if by itself or beyond the yardstick's (as many nanoseconds above"
        f" its own) it grows by at most {100 * SLOW_MARGIN:g} % of all seconds, and beyond it is not shown to grow by"
        " more; p99 of the median second, and of the one that nine of ten are calmer than, must not be shown to grow"
        f" by more than {100 * (P99_MARGIN - 1):g} %, nor in the last third be above {ROUGH_TIMES:g} times the first"
        " third's (what befalls fewer than one answer in a hundred is seen in the slowest answer alone). A stretch in"
        " which the host"
        f" took more than {STEAL_PERCENT_MAX:g} % of the CPUs, or the model {IDLE_PERCENT_MAX:g} % of one while the other was"
        f" asked, has no p99; without a figure for {100 * GAP_SHARE_MAX:g} % of the time on end there is no line. No"
        f" request may be lost and no connection missing, and {100 * ACHIEVED_MIN:g} % of what was planned has to be sent"
        " in time",
    }


@dataclass(frozen=True)
class Trend:
    """Of one figure over the time that is judged."""

    verdict: str
    growth: float  #: over that time; of p99 and CPU time a log ratio
    interval: tuple[float, float] | None  #: None: there is no line, and growth is no figure
    margin: float
    level: float  #: median; without points no figure
    points: tuple[slopes.Point, ...]  #: windows: (seconds, figure)
    why: str = ""


def trend(
    series: Sequence[slopes.Point], margin: float, until_s: float, *, steady: bool = False, jump: float | None = None
) -> Trend:
    """series: (seconds since the beginning, figure). steady: that of a single window is not chance. jump: of one that
    chance moves more than the margin, by how much the last tenth may lie above the first, and the last third."""
    begin = SETTLE_SHARE * until_s
    points = windows([point for point in series if point[0] >= begin], begin, until_s)
    if len({x for x, _ in points}) < 2:
        level = points[0][1] if points else 0.0
        return Trend(UNKNOWN, 0.0, None, margin, level, tuple(points), f"{len(points)} windows are too few")
    span, level = until_s - begin, median([y for _, y in points])
    if _gap(begin, [x for x, _ in points], until_s) > GAP_SHARE_MAX * span:
        return Trend(UNKNOWN, 0.0, None, margin, level, tuple(points), "too long a while has no figure")
    line = slopes.slope(points)
    if line.interval is None:
        return Trend(UNKNOWN, 0.0, None, margin, level, tuple(points), f"{len(points)} windows are too few")
    growth, ends = line.value * span, (line.interval[0] * span, line.interval[1] * span)
    step = max(_step(points, max(1, len(points) // 10), 10), _step(points, 1, 10) if steady else -math.inf)
    limit = margin
    if jump is not None:
        step, limit = max(step, _step(points, max(1, len(points) // 3), 3)), jump
    verdict, why = HOLDS, ""
    if ends[0] > margin:
        verdict = GROWS
    elif (steady or jump is not None) and step > limit and ends[0] > 0:
        verdict, why = GROWS, "the end lies above the beginning"
    elif ends[1] > margin or step > limit:
        verdict, why = UNKNOWN, "it could be more than the margin"
    return Trend(verdict, growth, ends, margin, level, tuple(points), why)


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


def _step(points: Sequence[slopes.Point], last: int, part: int) -> float:
    """By how much the last so many windows lie above the first tenth, or whatever part."""
    first = max(1, len(points) // part)
    return median([y for _, y in points[-last:]]) - median([y for _, y in points[:first]])


@dataclass(frozen=True)
class Rough:
    """p99 of the second than which so many are calmer."""

    share: float
    trend: Trend  #: beyond the machine's part; of one whose end is far above its beginning it is GROWS, too
    level_ns: float | None


@dataclass(frozen=True)
class Whole:
    """p99 of all answers of a stretch."""

    own: Trend  #: log, whoever moves it
    machine: Trend | None  #: … of the yardstick
    beyond: Trend  #: what is judged of it


@dataclass(frozen=True)
class Verdict:
    """Of one model."""

    model: str
    seconds: float
    rss: Trend
    descriptors: Trend
    threads: Trend
    cpu: Trend  #: log of its CPU time per request
    p99: Trend  #: log of that of calm seconds, whoever moves it
    machine: Trend | None  #: … of the yardstick
    tail: Trend  #: what is judged of it: beyond the machine's part
    whole: Whole
    slow: Trend  #: share of slow seconds: the model's own if that holds, else less the yardstick's
    slow_share: float | None  #: the model's own, in the median stretch
    rough: tuple[Rough, ...]  #: what must not be shown to grow
    worst_ns: float | None  #: the slowest answer of all
    yardstick: Yardstick | None
    requests: int
    lost: int  #: not answered, or not as they should be; and what the server says it lost at its end
    lost_why: str
    finished: bool  #: served to the end, drained, exit code 0
    why: str  #: of one that did not
    rate_hz: float
    achieved: float  #: of the rate
    without_p99: int  #: stretches that have none: what the host took, and those without a yardstick
    lag_ns: float | None  #: p99 of the generator's own lateness, which is in the tail, in the median stretch
    unheld: int  #: stretches with fewer connections than were asked for

    @property
    def busy(self) -> float:
        """CPU time of the server, as a share of one CPU's."""
        return math.exp(self.cpu.level) * self.rate_hz * self.achieved / 1e9

    @property
    def holds(self) -> bool:
        return (
            self.finished
            and self.lost == 0
            and self.unheld == 0
            and self.achieved >= ACHIEVED_MIN
            and all(each.verdict == HOLDS for each in (self.rss, self.descriptors, self.threads, self.cpu))
            and all(each.verdict == HOLDS for each in (self.tail, self.whole.beyond, self.slow))
            and all(each.trend.verdict != GROWS for each in self.rough)
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
    calm = tails.calm(lines)
    cpu = [(line["at_s"], math.log(ns)) for line in calm if (ns := line["metrics"].get("cpu_ns_per_request"))]
    judged = tails.beyond(lines, yardstick, CALM_SHARE)
    settled = [line for line in lines if line["at_s"] >= SETTLE_SHARE * seconds]
    slow = [share for _, share in tails.slow(settled, None)]
    descriptors, threads = (
        [(line["at_s"], float(_middle(line, what))) for line in good if line["timeline"]]
        for what in ("descriptors", "threads")
    )
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
    lags = [float(ns) for line in good if (ns := line["metrics"].get("lag_p99_ns")) is not None]
    margin, until_s = math.log(P99_MARGIN), max([seconds, *(line["at_s"] for line in lines)])
    machine, machine_whole = (
        trend(tails.machine(lines, yardstick, share), margin, until_s) if yardstick else None
        for share in (CALM_SHARE, None)
    )
    return Verdict(
        model=model,
        seconds=seconds,
        rss=trend(rss, max(RSS_MARGIN_BYTES, RSS_MARGIN_SHARE * level), until_s, steady=True),
        descriptors=trend(descriptors, DESCRIPTORS_MARGIN, until_s, steady=True),
        threads=trend(threads, THREADS_MARGIN, until_s, steady=True),
        cpu=trend(cpu, math.log(CPU_MARGIN), until_s),
        p99=trend(tails.own(lines, CALM_SHARE), margin, until_s),
        machine=machine,
        tail=trend(judged, margin, until_s),
        whole=Whole(
            trend(tails.own(lines, None), margin, until_s),
            machine_whole,
            trend(tails.beyond(lines, yardstick, None), math.log(WHOLE_MARGIN), until_s, jump=math.log(ROUGH_TIMES)),
        ),
        slow=_slow(lines, yardstick, until_s),
        slow_share=median(slow) if slow else None,
        rough=tuple(
            Rough(share, _rough(tails.beyond(lines, yardstick, share), until_s), _level_ns(settled, share))
            for share in ROUGH_SHARES
        ),
        worst_ns=max((line["metrics"].get("max_ns") or 0 for line in good), default=0) or None,
        yardstick=yardstick,
        requests=counts["answered"],
        lost=lost,
        lost_why=", ".join(part for part in said if not part.startswith("0 ")),
        finished=not bad and final is not None,
        why=why,
        rate_hz=rate_hz,
        achieved=1 - counts["unsent"] / counts["offered"] if counts["offered"] else 0.0,
        without_p99=len(good) - len(judged),
        lag_ns=median(lags) if lags else None,
        unheld=sum(line["metrics"].get("connections_held", connections) < connections for line in good),
    )


def _slow(lines: Sequence[dict[str, Any]], yardstick: Yardstick | None, until_s: float) -> Trend:
    own, beyond = (trend(tails.slow(lines, against), SLOW_MARGIN, until_s) for against in (None, yardstick))
    return own if own.verdict == HOLDS and beyond.verdict != GROWS else beyond


def _rough(series: Sequence[slopes.Point], until_s: float) -> Trend:
    """Theil's slope does not see a step, and a margin that matters is less than chance makes of ten windows."""
    found = trend(series, math.log(P99_MARGIN), until_s)
    if found.interval and _step(found.points, max(1, len(found.points) // 3), 3) > math.log(ROUGH_TIMES):
        return replace(found, verdict=GROWS, why="the last third lies above the first")
    return found


def _level_ns(lines: Sequence[dict[str, Any]], share: float) -> float | None:
    own = tails.own(lines, share)
    return math.exp(median([y for _, y in own])) if own else None


def _middle(line: dict[str, Any], what: str) -> int:
    """While load held its connections: at its first and last instants they come and go."""
    ordered = sorted(sample[what] for sample in line["timeline"])
    return int(ordered[len(ordered) // 2])
