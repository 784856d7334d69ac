# SPDX-License-Identifier: MIT
"""How the report says numbers and verdicts.

Rounding never flatters: ends of intervals are rounded outwards, "at least" is rounded down. No
locale is asked: a point for decimals, a narrow space for thousands.
"""

from __future__ import annotations

import decimal
import math
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Iterable, Iterator, Sequence

from . import judge

SPACE = "\u202f"  # narrow no-break space
MINUS = "\u2212"

#: Members by the names their authors give them.
LABELS = {"cjson": "cJSON", "protobuf_c": "protobuf-c", "msgpack_c": "msgpack-c"}
FORMATS = {"cjson": "JSON", "protobuf_c": "Protocol Buffers", "msgpack_c": "MessagePack"}

#: metric → better, worse, what a ratio counts, unit of the absolute figure, divisor to get there.
METRICS = {
    "time_ns": ("faster", "slower", "times as fast", "ns", 1.0),
    "cpu_ns_per_request": ("cheaper", "dearer", "requests per CPU second", "µs", 1e3),
    "closed_hz": ("higher", "lower", "requests per second, closed loop", "1/s", 1.0),
}

#: What a judged metric is called where units stand beside it.
FIGURES = {"time_ns": "time", "cpu_ns_per_request": "CPU per request", "closed_hz": "throughput"}

MARKS = {
    judge.BETTER: "▲",
    judge.WORSE: "▼",
    judge.EQUIVALENT: "◆",
    judge.UNRESOLVED: "○",
    judge.NO_INTERVAL: "–",
    judge.NO_NUMBER: "×",
}


_named: ContextVar[dict[str, str]] = ContextVar("labels that a run recorded", default={})


@contextmanager
def named(labels: dict[str, str]) -> Iterator[None]:
    """While a run is drawn, members are called what it recorded."""
    token = _named.set(labels)
    try:
        yield
    finally:
        _named.reset(token)


def label(member: str) -> str:
    stem, dot, rest = member.partition(".")
    return _named.get().get(stem, LABELS.get(stem, stem)) + dot + rest


def fixed(value: float, decimals: int, rounding: str = decimal.ROUND_HALF_EVEN) -> str:
    """A number with so many decimals; thousands apart; a true minus sign."""
    step = decimal.Decimal(1).scaleb(-decimals)
    number = decimal.Decimal(repr(round(value, 12))).quantize(step, rounding)
    if number == 0:
        number = abs(number)
    return f"{number:,f}".replace(",", SPACE).replace("-", MINUS)


def floor(value: float, decimals: int) -> str:
    return fixed(value, decimals, decimal.ROUND_FLOOR)


def ceiling(value: float, decimals: int) -> str:
    return fixed(value, decimals, decimal.ROUND_CEILING)


def decimals_for(value: float, significant: int = 3) -> int:
    """So many that three figures remain; one more near 1, where the thousandths matter."""
    if value <= 0:
        return 2
    return max(0, significant - 1 - math.floor(math.log10(value))) + (1 if 1 <= value < 1.1 else 0)


def ratio(value: float) -> str:
    return fixed(value, decimals_for(value))


def span(low: float, high: float, decimals: int, between: str = " to ") -> str:
    """An interval, rounded outwards."""
    return f"{floor(low, decimals)}{between}{ceiling(high, decimals)}"


def percent(share: float, decimals: int | None = None) -> str:
    """0.031 is "3.1 %"."""
    value = 100 * share
    return (
        fixed(value, (1 if abs(value) < 9.95 else 0) if decimals is None else decimals)
        + SPACE
        + "%"
    )


def margin(share: float) -> str:
    """A margin is rounded up, without a needless decimal: "3 %", "3.4 %"."""
    text = ceiling(100 * share, 1)
    return (text[:-2] if text.endswith(".0") else text) + SPACE + "%"


def column(values: Iterable[float | None], significant: int = 3) -> int:
    """Decimals for a column of ratios: enough for its smallest, thousandths if some are near 1."""
    known = [v for v in values if v is not None and v > 0]
    return min(4, max((decimals_for(v, significant) for v in known), default=2))


#: metric → how a claim reads, better and worse: the words before and behind its factor.
CLAIMS = {
    "time_ns": (("at least", "as fast"), ("takes at least", "the time")),
    "cpu_ns_per_request": (
        ("at least", "the requests per CPU second"),
        ("takes at least", "the CPU"),
    ),
    "closed_hz": (("reaches at least", "the throughput"), ("reaches at most", "the throughput")),
}


def claimed(comparison: judge.Comparison) -> float:
    """The end of the interval nearest to 1, or what a sliding or drifting or split ratio has nearer to
    it, as the factor that a claim names."""
    assert comparison.estimate and comparison.estimate.interval
    low, high = comparison.estimate.interval
    for part in (comparison.slide, comparison.drift, comparison.modes):
        if part:
            low, high = min(low, *part), max(high, *part)
    if comparison.verdict == judge.BETTER:
        return math.exp(low)
    return math.exp(high) if comparison.metric == "closed_hz" else math.exp(-high)


def claim(comparisons: Sequence[judge.Comparison], intervals: bool = False) -> str:
    """One claim, or the span of several of one metric and verdict, rounded against themselves, each
    end with its case: "at least 1.25 × as fast", "takes at least 1.20 × (`rpc`) to 1.93 × (`ring`)
    the time", "reaches at most 0.52 × …". intervals: each end with its median and interval, "2.50 × (2.55
    × [2.50, 2.62])".
    """
    first = comparisons[0]
    before, behind = CLAIMS[first.metric][first.verdict == judge.WORSE]
    against = ceiling if before.endswith("at most") else floor
    ordered = sorted(comparisons, key=claimed)
    said = [(against(f, decimals_for(f)), c) for c in ordered if (f := claimed(c))]
    least, most = said[0], said[-1]
    if least[0] == most[0]:
        return f"{before} {least[0]}{SPACE}× {behind}" + (f": {_measured(least[1])}" if intervals else "")
    ends = " to ".join(
        f"{factor}{SPACE}× (`{case(c)}`{': ' + _measured(c) if intervals else ''})" for factor, c in (least, most)
    )
    return f"{before} {ends} {behind}"


def _measured(comparison: judge.Comparison) -> str:
    """Median and interval, turned as the claim is: "2.55 × [2.50, 2.62]"."""
    estimate = comparison.estimate
    assert estimate and estimate.interval
    turned = comparison.verdict == judge.WORSE and comparison.metric != "closed_hz"
    low, high = sorted(math.exp(-end if turned else end) for end in estimate.interval)
    middle = math.exp(-estimate.median if turned else estimate.median)
    decimals = max(map(decimals_for, (low, middle)))  # as many as "at least" has, which is the low end
    return f"{ratio(middle)}{SPACE}× [{span(low, high, decimals, ', ')}]"


def case(comparison: judge.Comparison) -> str:
    """The payload or workload of "codec/order/encode"."""
    return (comparison.family.split("/") + [comparison.family])[1]


def short(comparison: judge.Comparison, delta: float) -> str:
    """A verdict for a table whose other columns have ratio and interval."""
    if comparison.verdict == judge.BETTER:
        factor = claimed(comparison)
        return f"at least {floor(factor, decimals_for(factor))}{SPACE}×"
    if comparison.verdict == judge.WORSE:
        return claim([comparison])
    if comparison.verdict == judge.EQUIVALENT:
        return f"equivalent within ±{margin(delta)}"
    if comparison.verdict == judge.UNRESOLVED:
        return "not resolved: a difference, not shown to be δ" if comparison.straddles else "not resolved"
    return "no number" if comparison.verdict == judge.NO_NUMBER else "no interval"


def size(count: float) -> str:
    """Of a document: "66 bytes", "9.5 KiB"."""
    for step, unit in ((1024 * 1024, "MiB"), (1024, "KiB")):
        if count >= step:
            return f"{fixed(count / step, 1 if count < 10 * step else 0)}{SPACE}{unit}"
    return f"{fixed(count, 0)}{SPACE}bytes"


def verdict(comparison: judge.Comparison, delta: float) -> str:
    """One of the four, in words."""
    better, worse, *_ = METRICS[comparison.metric]
    estimate = comparison.estimate
    if comparison.verdict == judge.NO_NUMBER or estimate is None:
        return f"no number: {comparison.why_not}"
    if comparison.verdict == judge.NO_INTERVAL:
        few = f"no interval: {len(estimate.values)} of {estimate.needed} rounds needed"
        return "; ".join(filter(None, [few, test_alone(comparison)]))
    if comparison.verdict in (judge.BETTER, judge.WORSE):
        word = better if comparison.verdict == judge.BETTER else worse
        return f"{word}, {claim([comparison])}{sliding(comparison)}"
    if comparison.verdict == judge.EQUIVALENT:
        return f"equivalent within ±{margin(delta)}{sliding(comparison)}"
    return f"not resolved here: {unresolved(comparison, delta)}"


#: Marks a ratio that slides with the machine's speed.
SLIDES = "§"


def halves(comparison: judge.Comparison) -> str:
    """Both numbers of a ratio that slides: "2.71 × where the machine ran fast, 3.31 × where slow"."""
    assert comparison.slide
    fast, slow = _both(comparison.slide)
    return f"{fast} where the machine ran fast, {slow} where slow"


def sliding(comparison: judge.Comparison) -> str:
    """Behind a verdict: both numbers of a ratio that slides, drifts or has two modes; else ""."""
    said = [f"{SLIDES} {halves(comparison)}"] if comparison.slide else []
    if comparison.drift:
        said.append("drifts: {} in the first half of the rounds, {} in the second".format(*_both(comparison.drift)))
    if comparison.modes:
        said.append("two modes: {} and {}".format(*_both(comparison.modes)))
    return f" ({'; '.join(said)})" if said else ""


def _both(parts: tuple[float, float]) -> list[str]:
    return [ratio(math.exp(part)) + SPACE + "×" for part in parts]


def test_alone(comparison: judge.Comparison) -> str:
    """What to say where Holm's test, which steps down, rejects and the simultaneous interval, which
    does not, holds 1 or does not exist; "" where they agree."""
    p, estimate = comparison.p_holm, comparison.estimate
    if p is None or p > judge.ALPHA or estimate is None or estimate.excludes_one:
        return ""
    wider = (
        "the wider simultaneous interval does not"
        if estimate.interval
        else "without an interval it is not known by how much"
    )
    return f"Holm's test alone tells it from 1, {wider}: no claim is made"


def unresolved(comparison: judge.Comparison, delta: float) -> str:
    """Why there is none of the other three verdicts; a difference that was seen is not denied."""
    return _unresolved(comparison, delta) + sliding(comparison)


def _unresolved(comparison: judge.Comparison, delta: float) -> str:
    assert comparison.estimate
    if comparison.doubt:
        return comparison.doubt
    if comparison.straddles:
        return f"differs from 1, but not shown to be by {margin(delta)} or more, nor by less"
    if test_alone(comparison):
        return test_alone(comparison)
    least = resolvable(comparison.estimate)[1:]
    return f"a difference under {least} could not have been told from none"


def resolvable(estimate: judge.Estimate) -> str:
    """The smallest difference that this interval could have told from none, rounded up."""
    share = 100 * math.expm1(estimate.half_width or 0.0)
    return f"±{ceiling(share, 1)}{SPACE}%"


def interval(estimate: judge.Estimate, decimals: int | None = None, between: str = " to ") -> str:
    if estimate.interval is None:
        return ""
    low, high = (math.exp(end) for end in estimate.interval)
    return span(
        low,
        high,
        decimals_for(math.exp(estimate.median)) if decimals is None else decimals,
        between,
    )


def confidence(alpha: float) -> str:
    """Of each single interval: "97.5 %"."""
    text = floor(100 * (1 - alpha), 2).rstrip("0").rstrip(".")
    return text + SPACE + "%"


def listed(words: Iterable[str]) -> str:
    """a; a and b; a, b and c."""
    said = list(words)
    return (
        said[0] if len(said) == 1 else ", ".join(said[:-1]) + " and " + said[-1] if said else "none"
    )


REASON_MAX = 160


def reason(text: object) -> str:
    """Why a process failed, in one line that a table can hold; the whole stands in samples.jsonl."""
    lines = str(text or "no reason recorded").splitlines() or [""]
    first = lines[0].strip()
    cut = len(first) > REASON_MAX or len(lines) > 1
    return first[:REASON_MAX] + (" …" if cut else "")


def counted(number: int, noun: str) -> str:
    if number != 1:
        noun = noun[:-1] + "ies" if noun.endswith("ily") else noun + ("es" if noun.endswith(("s", "ch")) else "s")
    return f"{number} {noun}"
