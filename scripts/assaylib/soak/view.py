# SPDX-License-Identifier: MIT
"""What a soak has shown: for a terminal, and as a section of a report."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .. import UsageError, store, words
from ..blocks import Cell, Column, Items, Picture, Raw, Section, Table, Text
from ..charts import Chart, Stretch, stretches
from ..intervals import ALPHA
from . import tails, verdicts
from .verdicts import GROWS, HOLDS, Trend, Verdict

TIER = store.SOAK_TIER
MIB = float(1 << 20)
FACTOR_MAX = math.log(1e6)
MINUTES_S = 720.0  # from here on a stretch is a minute
ROUGH = {0.5: "median seconds", 0.9: "seconds that nine of ten are calmer than"}


def read(folder: Path) -> tuple[dict[str, Any], store.Samples]:
    check(folder)
    return store.sound(folder)


def check(folder: Path) -> dict[str, Any]:
    """The run, of which there need not be a result yet."""
    facts = store.read_run(folder)
    if facts["tier"] != TIER:
        raise UsageError(f"{folder}: not a soak")
    return facts


def last_attempt(family: dict[str, Any], samples: store.Samples) -> list[dict[str, Any]]:
    """A server that was interrupted was begun anew: only its last attempt counts."""
    mine = [line for line in samples.lines if line["family"] == family["id"]]
    begun = samples.lines if family["load"].get("at_once") else mine  # together: all of them anew
    last = max((line.get("attempt", 0) for line in begun), default=0)
    return [line for line in mine if line.get("attempt", 0) == last]


def complete(family: dict[str, Any], lines: Sequence[dict[str, Any]]) -> bool:
    """Watched to its end, or to a failure, which is one."""
    return len(lines) == family["rounds"] or any(line["status"] != "ok" for line in lines)


def judged(facts: dict[str, Any], samples: store.Samples) -> list[Verdict]:
    lines = {f["id"]: last_attempt(f, samples) for f in facts["families"]}
    return [
        verdicts.judge(
            f["baseline"],
            lines[f["id"]],
            *(f["load"][name] for name in ("rate_hz", "seconds")),
            connections=f["load"].get("connections", 0),
            yardstick=_yardstick(f, lines),
        )
        for f in facts["families"]
    ]


def _yardstick(family: dict[str, Any], lines: dict[str, list[dict[str, Any]]]) -> tails.Yardstick | None:
    """None in a run that began before there was one."""
    if family["load"].get("at_once"):
        return tails.others([lines[id] for id in lines if id != family["id"]])
    return tails.nothing(lines[family["id"]]) if family["load"].get("yardstick_s") else None


def show(folder: Path) -> int:
    """The sentences, the table, and the folder as the last line; 1 if something does not hold."""
    facts, samples = read(folder)
    found = judged(facts, samples)
    print(text(facts, found))
    print(folder)
    return 0 if all(each.holds for each in found) else 1


# --- Words --------------------------------------------------------------------------------------


def answer(found: Sequence[Verdict]) -> list[str]:
    flat, bad = [v for v in found if v.holds], [v for v in found if not v.holds]
    over = f"over {_duration(found[0].seconds)} at {_share(found)}"
    if not bad:
        first = f"{_named(flat)} stayed as {_were(flat)} {over}: memory, descriptors, threads, CPU time per"
        first += f" request, p99 of calm seconds and of {_whole(flat[0])}{_beyond(flat[0])} and the share of slow"
        first += " seconds flat, no request lost."
    else:
        first = f"{_named(bad)} {'was' if len(bad) == 1 else 'were'} not shown to stay as {_were(bad)} {over}"
        first += f"; {_named(flat)} did." if flat else "."
    return [first, *(sentence(v) for v in found)]


def company(facts: dict[str, Any]) -> list[str]:
    """What a rate of one that had the machine to itself must not be taken for."""
    if not facts["families"][0]["load"].get("at_once"):
        return []
    said = str(facts["company"])
    said = f"{said[0].upper()}{said[1:]}."
    return [
        f"{said} Growth of memory, descriptors and CPU time, and loss, are each model's own; its rate is that of a"
        " shared machine. A p99 that rises as the others' do is taken for the machine's: of two, each excuses the"
        " other."
    ]


def _named(found: Sequence[Verdict]) -> str:
    return words.listed(words.label(v.model) for v in found)


def _were(found: Sequence[Verdict]) -> str:
    return "it was" if len(found) == 1 else "they were"


def _share(found: Sequence[Verdict]) -> str:
    rates = sorted(v.rate_hz for v in found)
    span = words.fixed(rates[0], 0) + (f" to {words.fixed(rates[-1], 0)}" if rates[0] < rates[-1] else "")
    return f"{span} requests/s"


def _duration(seconds: float) -> str:
    for unit, size in (("h", 3600.0), ("min", 60.0)):
        if seconds >= size:
            return f"{seconds / size:g}{words.SPACE}{unit}"
    return f"{seconds:g}{words.SPACE}s"


def sentence(v: Verdict) -> str:
    """One model: what it did, and what of it is not flat."""
    said = f"{words.label(v.model)}: {words.fixed(v.requests, 0)} requests, {_lost(v)}"
    if not v.finished:
        return f"{said}; it did not get to the end: {words.reason(v.why)}."
    if v.achieved < verdicts.ACHIEVED_MIN:
        said += f"; only {words.percent(v.achieved)} of the rate was served"
    if v.unheld:
        said += f"; connections were missing in {v.unheld} of its stretches"
    rss = f"{words.fixed(v.rss.level / MIB, 1)}{words.SPACE}MiB"
    cpu = f"{words.fixed(math.exp(v.cpu.level) / 1e3, 1)}{words.SPACE}µs"
    parts = [
        _part("memory", v.rss, f"{bytes_grown(v.rss)} at {rss}"),
        _part("descriptors", v.descriptors, f"{_grown(v.descriptors)} at {v.descriptors.level:.0f}"),
        _part("threads", v.threads, f"{_grown(v.threads)} at {v.threads.level:.0f}"),
        _part("CPU time per request", v.cpu, f"{_factor(v.cpu)} at {cpu}, {words.percent(v.busy)} of one CPU"),
        *_tail(v),
    ]
    return f"{said}; {'; '.join(parts)}."


def _tail(v: Verdict) -> list[str]:
    """What is judged of p99, what the model and the yardstick did each by itself, and what is not judged."""
    parts = []
    for what, judged, own, machine in (
        ("calm seconds", v.tail, v.p99, v.machine),
        (_whole(v), v.whole.beyond, v.whole.own, v.whole.machine),
    ):
        parts.append(_part(f"p99 of {what}{_beyond(v)}", judged, _factor(judged)))
        alone = [("its own", own)] + ([(v.yardstick.column, machine)] if v.yardstick and machine else [])
        said = [f"{whose} {_factor(trend)} at {_ms(math.exp(trend.level))}" for whose, trend in alone if trend.interval]
        parts += [", ".join(said)] if said else []
    if v.slow_share is not None:
        own = f"{words.percent(v.slow_share)} of its seconds were slow"
        parts.append(f"{_part('share of slow seconds', v.slow, _points(v.slow))}; {own}")
    for rough in v.rough:
        if rough.level_ns and rough.trend.interval:
            grows = "is not shown to grow"
            if rough.trend.verdict == GROWS:
                grows = f"{_verdict(rough.trend)}: {_factor(rough.trend)}"
            parts.append(f"p99 of {ROUGH[rough.share]} {grows}, at {_ms(rough.level_ns)}")
    if v.worst_ns:
        parts.append(f"the slowest answer took {_ms(v.worst_ns)}")
    if v.without_p99:
        void = v.yardstick.void if v.yardstick else ""
        because = f" (one reason: {words.reason(void)})" if void else ""
        parts.append(f"without p99 {v.without_p99} of its stretches{because}")
    if v.lag_ns is not None:
        parts.append(f"the generator itself was late by {_ms(v.lag_ns)} (p99), which is in the tail, too")
    return parts


def _ms(ns: float) -> str:
    return f"{words.fixed(ns / 1e6, 2)}{words.SPACE}ms"


def _whole(v: Verdict) -> str:
    """A stretch of a short soak is less than a minute."""
    return "whole minutes" if v.seconds >= MINUTES_S else "whole stretches"


def _beyond(v: Verdict) -> str:
    return f" (beyond that of {v.yardstick.whose})" if v.yardstick else ""


def _part(what: str, trend: Trend, figure: str) -> str:
    return f"{what} {_verdict(trend)}: {figure if trend.interval else 'no figure'}"


def _verdict(trend: Trend) -> str:
    if trend.verdict == HOLDS:
        return "flat"
    return ("grows" if trend.verdict == GROWS else "not shown to be flat") + (
        f" ({trend.why})" if trend.why else ""
    )


def _lost(v: Verdict) -> str:
    return "none lost" if v.lost == 0 else f"{words.fixed(v.lost, 0)} lost ({v.lost_why})"


def bytes_grown(trend: Trend) -> str:
    return _between(trend, lambda x: x / 1024, 0, f"{words.SPACE}KiB")


def _grown(trend: Trend) -> str:
    return _between(trend, lambda x: x, 1, "")


def _factor(trend: Trend) -> str:
    """Of a log ratio, or what is as good as one: not where it is a thousand, which is no figure."""
    return _between(trend, lambda x: 100 * math.expm1(min(x, FACTOR_MAX)), 1, f"{words.SPACE}%")


def _points(trend: Trend) -> str:
    """Of a share."""
    return _between(trend, lambda x: 100 * x, 0, f"{words.SPACE}points")


def _between(trend: Trend, scaled: Callable[[float], float], decimals: int, unit: str) -> str:
    """A line through a few minutes, drawn out over the whole time, is no figure."""
    if trend.interval is None:
        return "–"
    low, high = (scaled(end) for end in trend.interval)
    ends = f"{_signed(low, words.floor(low, decimals))} to {_signed(high, words.ceiling(high, decimals))}"
    value = scaled(trend.growth)
    return f"{_signed(value, words.fixed(value, decimals))}{unit} ({ends})"


def _signed(value: float, said: str) -> str:
    return f"+{said}" if value > 0 else said


# --- Tables and pictures ------------------------------------------------------------------------


def table(found: Sequence[Verdict]) -> Table:
    yardstick = found[0].yardstick
    made = Table(
        f"Growth over {_duration(found[0].seconds * (1 - verdicts.SETTLE_SHARE))} (behind the first sixth), with its"
        f" {100 * (1 - ALPHA):g}{words.SPACE}% interval{f'; p99 beyond {yardstick.column}' if yardstick else ''}",
        [
            Column("model"),
            Column("holds"),
            Column("requests/s", True),
            Column("lost", True),
            Column("memory", True),
            Column("descriptors", True),
            Column("CPU/request", True),
            Column("p99 of calm seconds", True),
            Column(f"p99 of {_whole(found[0])}", True),
            Column("slow seconds", True),
        ],
    )
    for v in found:
        made.add(
            Cell(words.label(v.model), "head"),
            Cell("yes" if v.holds else "no", "" if v.holds else "worse"),
            words.fixed(v.rate_hz, 0),
            str(v.lost),
            bytes_grown(v.rss),
            _grown(v.descriptors),
            _factor(v.cpu),
            _factor(v.tail),
            _factor(v.whole.beyond),
            _points(v.slow),
        )
    return made


def text(facts: dict[str, Any], found: Sequence[Verdict]) -> str:
    made = table(found)
    cells = [[c.title for c in made.columns], *([c.text for c in row] for row in made.rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(made.columns))]
    lines = [*answer(found), *company(facts), "", made.caption]
    for row in cells:
        padded = (
            c.rjust(w) if k.number else c.ljust(w) for c, w, k in zip(row, widths, made.columns, strict=True)
        )
        lines.append("  ".join(padded).rstrip())
    return "\n".join([*lines, rule(facts)])


def rule(facts: dict[str, Any]) -> str:
    """What is judged by; a run may have begun when it was another."""
    text = verdicts.declared()["text"]
    other = "" if facts["rule"]["text"] == text else ", which is not the one that run.json declared beforehand"
    return f"The rule{other}: {text}."


def pictures(facts: dict[str, Any], found: Sequence[Verdict], suffix: str = "") -> list[Chart]:
    names = [words.label(v.model) for v in found]
    figures = (
        ("memory", "Resident memory over time", "MiB", lambda y: y / MIB, [v.rss for v in found]),
        (
            "p99",
            "p99 of calm seconds over time",
            "ms",
            lambda y: math.exp(y) / 1e6,
            [v.p99 for v in found],
        ),
        (
            "whole",
            f"p99 of {_whole(found[0])} over time",
            "ms",
            lambda y: math.exp(y) / 1e6,
            [v.whole.own for v in found],
        ),
        (
            "yardstick",
            f"p99 of calm seconds over time: {found[0].yardstick.whose if found[0].yardstick else ''}",
            "ms",
            lambda y: math.exp(y) / 1e6,
            [v.machine for v in found if v.machine],
        ),
    )
    return [
        stretches(
            f"soak-{name}{suffix}",
            title,
            f"What is judged of it is in the table. {facts['id']}",
            [
                Stretch(i, tuple((x / 60, scaled(y)) for x, y in trend.points))
                for i, trend in enumerate(trends)
                if trend.points
            ],
            names,
            "minutes",
            unit,
        )
        for name, title, unit, scaled, trends in figures
        if any(trend.points for trend in trends)
    ]


def section(facts: dict[str, Any], samples: store.Samples, raw: Sequence[Raw]) -> Section:
    """An appendix of a report."""
    found = judged(facts, samples)
    return Section(
        "soak",
        "Soak: does a server stay as it is?",
        [
            Items([*answer(found), *company(facts)]),
            table(found),
            *(Picture(chart) for chart in pictures(facts, found)),
            Text(f"Run {facts['id']}, of {facts['created']}. {rule(facts)}"),
            Items([f"{file.name} of {facts['id']}: SHA-256 {file.sha256}" for file in raw]),
        ],
    )
