# SPDX-License-Identifier: MIT
"""Judges a run of peers: the median of same-round ratios with its exact interval, held against what is
to be reached. Printed by the command, and an appendix of a report (`report --with`)."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Sequence

from . import UsageError, checks, discard, judge, store, words
from .blocks import Cell, Column, Items, Raw, Section, Table, Text
from .intervals import ALPHA, median, order_interval, rounds_needed
from .peers import METRICS, TIER

MET, MISSED, OPEN, NONE = "met", "not met", "not resolved", "–"
UNSHOWN = "not shown worse"  # where that is all that is asked for: an interval with both sides in it
VERDICTS = (MET, UNSHOWN, MISSED, OPEN)
EXACT_SPREAD_MAX = 1.1  # beyond it what is counted in two rounds is no exact figure


@dataclass(frozen=True)
class Row:
    """Ours against one peer in one metric; without a peer, ours against a figure. What is to be reached
    has its row also where no pair of rounds counts."""

    family: str
    metric: str
    ours: str
    peer: str
    level: float  #: median of ours, over the rounds that count
    other: float  #: median of the peer's
    ratio: float
    interval: tuple[float, float] | None
    rounds: int
    bar: str
    bound: float  #: of the bar; without one no number
    verdict: str
    exact: bool


def read(folder: Path) -> tuple[dict[str, Any], store.Samples]:
    run, path = store.read_run(folder), folder / "run.json"
    if not is_peers(run):
        raise UsageError(f"{folder}: not of peers")
    for key, kind in (("bars", list), ("discard_rule", dict), ("stopping_rule", str)):
        if not isinstance(run.get(key), kind):
            raise UsageError(f"{path}: lacks {key}, or it is wrong")
    for i, bar in enumerate(run["bars"]):
        if not isinstance(bar, dict):
            raise UsageError(f"{path}: bars[{i}]: not an object")
    for i, family in enumerate(run["families"]):
        load = family["load"]
        if unknown := {*load["metrics"], *load.get("shown", [])} - set(METRICS):
            raise UsageError(f"{path}: families[{i}].load: metrics that are not known: {', '.join(sorted(unknown))}")
    return store.sound(folder)


def judged(run: dict[str, Any], samples: store.Samples) -> list[Row]:
    rows = []
    for family in run["families"]:
        values = _values(run, family, samples)
        for metric in family["load"]["metrics"]:
            bars = [b for b in run["bars"] if (b["family"], b["metric"]) == (family["id"], metric)]
            for ours in family["load"]["ours"]:
                peers = [member for member in family["members"] if member not in family["load"]["ours"]]
                for peer in peers:
                    bar = next((b for b in bars if b["ours"] == ours and peer in b["peers"]), None)
                    if bar or _compared(family, ours, peer):
                        row = _row(family, metric, ours, peer, values, bar)
                        rows += [row] if row else []
                if not any(_compared(family, ours, peer) for peer in peers) and not any(
                    b["ours"] == ours for b in bars
                ):
                    row = _row(family, metric, ours, "", values, None)
                    rows += [row] if row else []
                bar = next((b for b in bars if b["ours"] == ours and not b["peers"]), None)
                row = _row(family, metric, ours, "", values, bar) if bar else None
                rows += [row] if row else []
        for metric in family["load"].get("shown", []):
            shown = (_row(family, metric, member, "", values, None) for member in family["members"])
            rows += [row for row in shown if row]
    return rows


def _compared(family: dict[str, Any], ours: str, peer: str) -> bool:
    """Also where nothing is to be reached. What else of ours is there for an explanation stands alone."""
    pairs = family["load"].get("pairs")
    return peer in pairs.get(ours, ()) if pairs else ours == family["baseline"]


def _values(
    run: dict[str, Any], family: dict[str, Any], samples: store.Samples
) -> dict[tuple[str, str], dict[int, float]]:
    """(member, metric) → round → value, of the processes that count."""
    found: dict[tuple[str, str], dict[int, float]] = {}
    rule = discard.rule(run, family)
    for line in samples.lines:
        if line["family"] != family["id"] or line["status"] != "ok":
            continue
        if discard.excuse(rule, family["kind"], line.get("covariates")):
            continue
        for name, value in line["metrics"].items():
            if isinstance(value, (int, float)):
                found.setdefault((line["member"], name), {})[line["round"]] = float(value)
    return found


def _row(
    family: dict[str, Any],
    metric: str,
    ours: str,
    peer: str,
    values: dict[tuple[str, str], dict[int, float]],
    bar: dict[str, Any] | None,
) -> Row | None:
    mine = values.get((ours, metric), {})
    theirs = values.get((peer, metric), {}) if peer else dict.fromkeys(mine, 1.0)
    # A ratio of 0 is none; alone it is a figure like any other.
    common = [n for n in sorted(set(mine) & set(theirs)) if not peer or (mine[n] > 0 and theirs[n] > 0)]
    if not common:
        none = math.nan
        empty = Row(family["id"], metric, ours, peer, none, none, none, None, 0, _bar_text(bar), none, OPEN, False)
        return empty if bar else None
    exact = family["load"].get("exact", False)
    ratios = [mine[n] / theirs[n] for n in common]
    middle = median(ratios) if not peer else math.exp(median([math.log(ratio) for ratio in ratios]))
    interval = (min(ratios), max(ratios)) if exact else order_interval(ratios)
    return Row(
        family["id"],
        metric,
        ours,
        peer,
        median([mine[round] for round in common]),
        median([theirs[round] for round in common]),
        middle,
        interval,
        len(common),
        _bar_text(bar),
        _bound(bar),
        _verdict(bar, interval),
        exact,
    )


def _bar_text(bar: dict[str, Any] | None) -> str:
    if bar is None:
        return ""
    if bar.get("beyond_doubt"):
        return "not worse"
    return f"≥ {bar['at_least']:.4g}" if bar["at_least"] is not None else f"≤ {bar['at_most']:.4g}"


def _bound(bar: dict[str, Any] | None) -> float:
    if bar is None:
        return math.nan
    return float(bar["at_most"] if bar["at_least"] is None else bar["at_least"])


def _verdict(bar: dict[str, Any] | None, interval: tuple[float, float] | None) -> str:
    if bar is None:
        return NONE
    if interval is None:
        return OPEN
    low, high = interval
    if bar.get("beyond_doubt") and low <= bar["at_most"] < high:
        return UNSHOWN
    if bar["at_least"] is not None:
        return MET if low >= bar["at_least"] else MISSED if high < bar["at_least"] else OPEN
    return MET if high <= bar["at_most"] else MISSED if low > bar["at_most"] else OPEN


_COLUMNS = ("figure", "ours", "", "peer", "", "ratio", "interval", "rounds", "to reach", "")


def _cells(row: Row) -> list[str]:
    metric = METRICS[row.metric]

    def figure(value: float) -> str:
        if math.isnan(value):
            return "–"
        text = f"{value / metric.divisor:,.{metric.decimals}f}"
        return f"{text} {metric.unit}".strip()

    alone = not row.peer
    return [
        metric.name,
        row.ours,
        figure(row.level),
        row.peer,
        "" if alone else figure(row.other),
        "" if alone or not row.rounds else f"{row.ratio:.2f}",
        _interval(row, metric.divisor if alone else 1.0, metric.decimals if alone else 2),
        str(row.rounds),
        f"{row.bar[:2]}{row.bound / metric.divisor:g} {metric.unit}" if row.bar and alone else row.bar,
        row.verdict if row.verdict != NONE else "",
    ]


def _interval(row: Row, divisor: float, decimals: int) -> str:
    """Rounded outwards, with as many digits as it takes not to touch a bound that it does not reach."""
    if row.interval is None:
        return "–"
    low, high = (end / divisor for end in row.interval)
    bound = row.bound / divisor
    for digits in range(decimals, decimals + 4):
        said = words.span(low, high, digits).replace(words.SPACE, ",")
        ends = [float(end.replace(",", "")) for end in said.split(" to ")]
        if all(_side(end, bound) == _side(true, bound) for end, true in zip(ends, (low, high), strict=True)):
            break
    return said


def _side(value: float, bound: float) -> int:
    return (value > bound) - (value < bound)


def summary(rows: Sequence[Row]) -> str:
    counts = {verdict: sum(row.verdict == verdict for row in rows) for verdict in VERDICTS}
    said = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    return f"Of {words.counted(sum(counts.values()), 'figure')} to be reached {said}."


def text(run: dict[str, Any], samples: store.Samples) -> str:
    """For a terminal."""
    rows = judged(run, samples)
    lines = []
    for family in run["families"]:
        table = [list(_COLUMNS)] + [_cells(row) for row in rows if row.family == family["id"]]
        widths = [max(len(cells[i]) for cells in table) for i in range(len(_COLUMNS))]
        lines += ["", f"{family['id']}: {family['title']}"]
        for cells in table if len(table) > 1 else []:
            padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
            lines.append("  " + "  ".join(padded).rstrip())
        lines += [f"  {line}" for line in _notes(family, rows, samples)]
    said = checks.in_terminal(judge.collected(run, samples.every, samples.notices))
    lines += ["", summary(rows), *said, _absent(run)]
    return "\n".join(lines).strip("\n")


def _notes(family: dict[str, Any], rows: Sequence[Row], samples: store.Samples) -> list[str]:
    """Why figures are missing or are not what they are taken for."""
    mine = [row for row in rows if row.family == family["id"]]
    spread = [
        f"{METRICS[row.metric].name}, {row.ours} and {row.peer}: the rounds differ by"
        f" {words.fixed(row.interval[1] / row.interval[0], 1)} ×: no exact figure"
        for row in mine
        if row.exact and row.peer and row.interval and row.interval[1] > EXACT_SPREAD_MAX * row.interval[0]
    ]
    return [*_failures(family, samples), *spread, *([] if mine else ["no pair of processes that counts"])]


def _failures(family: dict[str, Any], samples: store.Samples) -> list[str]:
    """How many processes of a member have no number, and why the last of them."""
    lines = [line for line in samples.lines if line["family"] == family["id"]]
    count = Counter(line["member"] for line in lines)
    bad = Counter(line["member"] for line in lines if line["status"] != "ok")
    why = {line["member"]: line.get("reason") for line in lines if line["status"] != "ok"}
    return [f"{m}: {bad[m]} of {words.counted(count[m], 'process')} failed: {why[m]}" for m in sorted(bad)]


def _absent(run: dict[str, Any]) -> str:
    absent = run.get("missing") or {}
    return f"Not here when this was measured: {', '.join(sorted(absent))}." if absent else ""


def _versions(run: dict[str, Any], samples: store.Samples) -> str:
    found: dict[str, str] = dict(run.get("libraries") or {})
    for line in samples.lines:
        if line.get("version"):
            found[line["member"]] = str(line["version"])
    return words.listed(f"{member} {version}" for member, version in sorted(found.items()))


def is_peers(run: dict[str, Any]) -> bool:
    return run.get("tier") == TIER


def section(run: dict[str, Any], samples: store.Samples, raw: Sequence[Raw]) -> Section:
    """The appendix."""
    rows = judged(run, samples)
    section = Section("peers", "Against the best of each kind")
    section.blocks.append(
        Text(
            f"Run {run['id']}, of {run['created']}: our models beside libraries and servers that others"
            " have made, each process alone, in random order; what is done is the same and is checked."
            f" {summary(rows)} {_absent(run)}".rstrip()
        )
    )
    for family in run["families"]:
        chosen = [row for row in rows if row.family == family["id"]]
        table = Table(f"{family['title']}: {family['load']['work']}", [
            Column(title, number) for title, number in zip(
                ("figure", "ours", "median", "peer", "median", "ratio", "interval", "rounds", "to reach", "verdict"),
                (False, False, True, False, True, True, True, True, False, False), strict=True)
        ])  # fmt: skip
        for row in chosen:
            *cells, verdict = _cells(row)
            kind = {MET: "better", MISSED: "worse"}.get(row.verdict, "soft")
            table.add(*cells, Cell(verdict, kind))
        table.notes += [
            f"{member}: {about}"
            for member, about in family["load"]["about"].items()
            if about
        ]
        table.notes += _notes(family, rows, samples)
        section.blocks.append(table)
    exact = any(row.exact for row in rows)
    notes = [
        "Ratio: ours divided by the peer's, the median over same-round pairs; interval: exact"
        f" (order statistics) at {words.confidence(ALPHA)} for each row alone, from"
        f" {rounds_needed(ALPHA)} pairs on"
        + ("; of what hardly varies, the smallest and the largest that were seen." if exact else "."),
        f"Met: the whole interval; not met: nothing of it; else not resolved, or {UNSHOWN} where no more is asked"
        " for than that nothing beyond the interval speaks against it.",
        f"Stopping rule: {run['stopping_rule']}.",
        *([f"Versions: {_versions(run, samples)}."] if _versions(run, samples) else []),
        *(f"{file.name} of {run['id']}: SHA-256 {file.sha256}" for file in raw),
    ]
    section.blocks.append(Items(notes))
    return section
