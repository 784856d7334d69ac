# SPDX-License-Identifier: MIT
"""Which charts a run has data for, and the data in them."""

from __future__ import annotations

import math

from . import about, charts, codec_pictures, judge, members, operations, words
from .charts import Chart
from .figures import wire_bytes
from .judge import Judgement
from .sections.meeting import picture as layers_picture


def pictures(judged: Judgement) -> dict[str, Chart]:
    """Every chart that this run has data for, by name."""
    codecs = judged.kind("codec")
    by_codec = (
        codec_pictures.pictures(judged, operations.plain(codecs))
        if members.wide(judged.run, codecs)
        else [_codec_time(judged), _wire_time(judged)]
    )
    found = [
        *(_forest(judged, kind) for kind in about.KINDS),
        *by_codec,
        _service(judged),
        layers_picture(judged),
        *(_strips(judged, kind) for kind in about.KINDS),
    ]
    return {chart.name: chart for chart in found if chart}


def _forest(judged: Judgement, kind: str) -> Chart | None:
    rows = []
    families = judged.kind(kind)
    if kind == "codec":
        families = operations.headlines(families)
    shown = codec_pictures.on_page_one(judged.run, families) if kind == "codec" else None
    for family in families:
        for c in family.comparisons:
            if shown is not None and (family.id, c.member) not in shown:
                continue
            name = f"{about.subject(family)} {about.operation(family)}".strip()
            if kind == "service":
                name += ", CPU" if c.metric.startswith("cpu") else ", throughput"
            e = c.estimate
            interval = (
                (math.exp(e.interval[0]), math.exp(e.interval[1])) if e and e.interval else None
            )
            said = (
                (
                    words.ratio(math.exp(e.median)),
                    words.interval(e, None, "–") if interval else "no interval",
                )
                if e
                else ("", "no number")
            )
            rows.append(
                charts.ForestRow(
                    name,
                    words.label(c.member),
                    c.verdict,
                    family.deltas[c.metric],
                    math.exp(e.median) if e else None,
                    interval,
                    said,
                )
            )
    if not rows:
        return None
    groups = list(dict.fromkeys(r.group for r in rows))
    rows.sort(key=lambda r: groups.index(r.group))
    baseline = words.label(families[0].baseline)
    axis = {
        "codec": f"times as fast as {baseline}",
        "model": f"times as fast as {baseline}",
        "service": f"times {baseline}'s requests per CPU second, or its closed-loop throughput",
    }[kind]
    title = {"codec": "Codecs", "model": "Models in process", "service": "Services"}[
        kind
    ] + f" against {baseline}"
    if shown is not None:
        some = len({about.subject(f) for f in families if any(f.id == id for id, _ in shown)})
        every = len(members.single(families))
        title += f", {some} of {every} payloads" if some < every else ""
        title += ": the libraries that the suite began with, and the fastest of each format"
    listed = "; ".join(f"{r.group} {r.member} {r.said[0]} ({r.said[1]})" for r in rows)
    return charts.forest(
        f"forest-{kind}",
        title,
        f"Forest plot of ratios with simultaneous intervals, above 1 is better. {listed}.",
        rows,
        f"{axis} (log)",
    )


def _codec_time(judged: Judgement) -> Chart | None:
    families = operations.plain(judged.kind("codec"))
    done = list(dict.fromkeys(about.operation(f) for f in families))
    codecs = list(dict.fromkeys(m for f in families for m in f.candidates))
    rows = []
    for payload in about.subjects(families):
        for s, member in enumerate(codecs):
            values: list[float | None] = []
            floors: list[float | None] = []
            for op in done:
                family = next(
                    (
                        f
                        for f in families
                        if about.subject(f) == payload and about.operation(f) == op
                    ),
                    None,
                )
                level = family.level(member, "time_ns") if family else None
                below = (
                    family.level(judge.floors_of(family.plan).get(member, ""), "time_ns")
                    if family
                    else None
                )
                values.append(level.median if level else None)
                floors.append(below.median if below else None)
            if any(values):
                rows.append(
                    charts.LevelRow(payload, words.label(member), s, tuple(values), tuple(floors))
                )
    if not rows:
        return None
    text = (
        "Median nanoseconds per operation on a logarithmic axis, with the time of a memcpy of the"
        " same bytes. The figures are in the tables below."
    )
    return charts.levels(
        "codec-time",
        "Time per operation by payload",
        text,
        done,
        rows,
        [words.label(m) for m in codecs],
        "ns per operation (log)",
        "memcpy of its own bytes",
    )


def _wire_time(judged: Judgement) -> Chart | None:
    families = operations.plain(judged.kind("codec"))
    done = list(dict.fromkeys(about.operation(f) for f in families))
    codecs = list(dict.fromkeys(m for f in families for m in f.candidates))
    points = []
    for family in families:
        for s, member in enumerate(codecs):
            level, size = family.level(member, "time_ns"), wire_bytes(judged, family, member)
            if level and size:
                points.append(
                    charts.Point(
                        about.subject(family),
                        s,
                        done.index(about.operation(family)),
                        size,
                        level.median,
                    )
                )
    if not points:
        return None
    text = (
        "Mean bytes of a document on the wire against median nanoseconds per operation, both"
        " logarithmic; a line joins the payloads of a library. The figures are in the tables below."
    )
    return charts.scatter(
        "wire-time",
        "Bytes on the wire against time",
        text,
        done,
        points,
        [words.label(m) for m in codecs],
        "bytes on the wire (log)",
        "ns per operation (log)",
    )


def _service(judged: Judgement) -> Chart | None:
    rows = []
    with_tails = about.tails(judged)
    for family in judged.kind("service"):
        for member in family.candidates:

            def level(metric: str, divisor: float) -> float | None:
                found = family.level(member, metric)
                return found.median / divisor if found else None

            low = level("p50_ns", 1e3) if with_tails else level("closed_hz", 1)
            rows.append(
                charts.ServiceRow(
                    about.subject(family),
                    words.label(member),
                    level("cpu_user_ns_per_request", 1e3),
                    level("cpu_system_ns_per_request", 1e3),
                    low,
                    level("p99_ns", 1e3) if with_tails else None,
                )
            )
    if not any(row.user or row.low for row in rows):
        return None
    right = (
        ("Latency at the fixed rate", "µs from the planned send time (log)")
        if with_tails
        else ("Throughput", "requests/s, closed loop (log)")
    )
    text = (
        "CPU per request, user and system, and "
        + ("latency from p50 to p99 at the fixed rate" if with_tails else "closed-loop throughput")
        + ", medians of rounds. The figures are in the tables below."
    )
    return charts.services("service-cost", "What a request costs", text, rows, *right)


def _strips(judged: Judgement, kind: str) -> Chart | None:
    rows = []
    families = judged.kind(kind)
    shown = codec_pictures.on_page_one(judged.run, families) if kind == "codec" else None
    if shown is not None:
        families = [f for f in families if any(f.id == id for id, _ in shown)]
    for family in families:
        for metric in judge.JUDGED[kind]:
            name = f"{about.subject(family)} {about.operation(family)}".strip()
            if kind == "service":
                name += ", CPU" if metric.startswith("cpu") else ", throughput"
            for c in family.comparisons:
                if shown is not None and (family.id, c.member) not in shown:
                    continue
                if c.metric == metric and c.estimate:
                    rows.append(
                        charts.StripRow(
                            name,
                            words.label(c.member),
                            False,
                            tuple(map(math.exp, c.estimate.values)),
                        )
                    )
            for a in family.aliases:
                if a.metric == metric:
                    rows.append(
                        charts.StripRow(
                            name, f"A/A {a.form}", True, tuple(map(math.exp, a.estimate.values))
                        )
                    )
    if not rows:
        return None
    title = {"codec": "Codecs", "model": "Models in process", "service": "Services"}[
        kind
    ] + ": every process"
    return charts.strips(
        f"rounds-{kind}",
        title,
        (
            "Each dot is one round's ratio to the baseline, as a percentage of the median of its"
            " row. The values are in the table below."
        ),
        rows,
    )
