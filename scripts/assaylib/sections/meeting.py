# SPDX-License-Identifier: MIT
"""The section where micro-benchmarks and services meet: what a request's CPU time is made of, and
whether ranks in process survive at the sockets."""

from __future__ import annotations

from typing import Sequence

from .. import about, charts, words
from ..blocks import Cell, Column, Items, Picture, Section, Table, Text
from ..charts import Chart
from ..judge import Judgement
from ..meeting import Breakdown, Layer, Ranking, breakdown, layers, rankings, ranks
from ..meeting.layers import CODEC, HTTP, KERNEL, LAYERS, MODEL, REST, WORK
from . import meeting_codecs, meeting_picture
from .meeting_ranks import answer, pairs, pictured, ranking

NAME = "service-layers"
#: What each part is, in the picture's key and the table.
KINDS = {
    KERNEL: "kernel (measured in the service)",
    HTTP: "HTTP (measured alone)",
    CODEC: "codec (measured alone)",
    WORK: "work (measured alone)",
    MODEL: "model (hand-over in process, measured alone)",
    REST: "not explained",
}
#: What it is called in a column, and in a sentence, where its own name would say too much or too little.
TITLES = {MODEL: "model (hand-over in process)", REST: "not explained"}
SHORT = {MODEL: "model's hand-over", REST: "not explained"}
#: What a model takes besides time, per request.
COUNTED = {
    "wakeups_per_request": "wake-ups",
    "context_switches_per_request": "context switches",
    "syscalls_per_request": "system calls",
}


def breakdowns(judged: Judgement) -> list[Breakdown]:
    found = [breakdown(judged, f, m) for f in judged.kind("service") for m in f.candidates]
    return [each for each in found if each]


def picture(judged: Judgement) -> Chart | None:
    every = breakdowns(judged)
    if not every:
        return None
    subjects = list(dict.fromkeys(about.subject(b.family) for b in every))
    rows = [
        charts.BarRow(
            words.label(b.member),
            subjects.index(about.subject(b.family)),
            tuple((LAYERS.index(name), ns / 1e3) for name, ns in fitted(b)),
            (b.cpu.interval[0] / 1e3, b.cpu.interval[1] / 1e3) if b.cpu.interval else None,
            f"{words.fixed(b.cpu.ns / 1e3, 1)} µs, kernel {_percent(b.share(KERNEL) or 0)}",
        )
        for b in every
    ]
    text = "Stacked bars: CPU time per request and the parts it is made of. " + " ".join(
        f"{about.subject(b.family)} {words.label(b.member)}: {_listed(b)}." for b in every
    )
    kinds = [KINDS[name] for name in LAYERS]
    title = "What a request's CPU time is made of"
    return charts.bars(NAME, title, text, subjects, rows, kinds, "µs CPU per request")


def fitted(b: Breakdown) -> list[tuple[str, float]]:
    """Nanoseconds that fill the bar: what exceeds user time is drawn as small as makes it fit."""
    parts = {layer.name: max(0.0, layer.ns) for layer in b.layers}
    kernel = parts.pop(KERNEL)
    room, sum_ns = max(0.0, b.cpu.ns - kernel), sum(parts.values())
    scale = min(1.0, room / sum_ns) if sum_ns else 1.0
    shares = {KERNEL: kernel, **{name: ns * scale for name, ns in parts.items()}}
    return [(name, shares[name]) for name in LAYERS if shares.get(name)]


def meeting(judged: Judgement, drawn: dict[str, Chart]) -> Section | None:
    """None where there is only one side. Servers that differ in their codec stand nowhere else."""
    if not judged.coded and not (judged.kind("service") and (judged.kind("model") or judged.kind("codec"))):
        return None
    section = Section("meeting", "Micro-benchmarks and services")
    every = breakdowns(judged)
    if every:
        section.subsections.append(_made_of(judged, every, drawn))
    found = rankings(judged)
    if found:
        section.subsections.append(_survive(found))
    section.subsections += meeting_codecs.survive(judged)
    if not section.subsections:
        why = "no workload was measured both in process and over sockets with a number on both sides"
        section.blocks.append(Text(f"Nothing meets: {why}."))
    return section


# --- What a request's CPU time is made of --------------------------------------------------------


def _made_of(judged: Judgement, every: Sequence[Breakdown], drawn: dict[str, Chart]) -> Section:
    section = Section("meeting-layers", "What a request's CPU time is made of")
    section.blocks.append(
        Text(
            "At the fixed rate. **Measured in the service**: CPU per request, and how much of it was the"
            " kernel's (system time, split by the kernel's ticks). **Measured alone** and put beside it:"
            " HTTP (a request parsed and answered through a socket pair, less the socket pair), the"
            " codec (decode and encode of the same payload), the work, and of the model its **hand-over in"
            " process** (a request that asks nothing, with many under way, beyond `inline`, which calls the work in"
            " place). That is not all that a model costs: to wake a sleeping thread and to switch to it, epoll,"
            " reads and writes are the kernel's share, where they cannot be told from the network's. **Not"
            " explained** is the user time that is left: caches that are colder than in a benchmark, the library"
            " around system calls, whatever a model does in user mode with sockets only, and in `rpc` and `call` the"
            " reading of every field, which is no part of decoding. Below 0, something cost less here than alone."
        )
    )
    said = [*map(_sentence, every), *_between(every), *_handed(judged, every)]
    section.blocks.append(Items([*said, *_could_save(judged, every), *_missing(every)]))
    if NAME in drawn:
        section.blocks.append(Picture(drawn[NAME]))
    section.blocks.append(_table(every))
    return section


def _listed(b: Breakdown) -> str:
    return words.listed(
        f"{SHORT.get(layer.name, layer.name)} {_percent(layer.ns / b.cpu.ns)}" for layer in b.layers
    )


def _percent(share: float) -> str:
    """A little is not nothing: tenths below 1 %, and no zero where there is something."""
    if 0 < abs(share) < 0.0005:
        return f"under 0.1{words.SPACE}%"
    return words.fixed(100 * share, 1 if 0 < abs(share) < 0.0095 else 0) + words.SPACE + "%"


def _sentence(b: Breakdown) -> str:
    most = largest(b)
    called = {**{name: f"the {SHORT.get(name, name)}" for name in LAYERS}, REST: "what is not explained"}
    names = [called[m.name] + _doubt(b, m) for m in most]
    said = f"Most is {names[0]}" if len(names) == 1 else f"Which is most is not resolved: {words.listed(names)}"
    text = (
        f"`{about.subject(b.family)}`, {words.label(b.member)}, {words.fixed(b.cpu.ns / 1e3, 1)} µs:"
        f" {_listed(b)}. {said}."
    )
    rest = b.layer(REST)
    if rest and rest.interval and rest.interval[0] <= 0 <= rest.interval[1]:
        text += " What is not explained cannot be told from nothing."
    elif rest and rest not in most:
        text += f" Of the rest{_doubt(b, rest)} nothing is known."
    return text


def largest(b: Breakdown) -> list[Layer]:
    """The largest part, and all that could be it for what their intervals tell; without intervals it is
    the median's."""
    first = max(b.layers, key=lambda layer: layer.ns)
    if first.interval is None:
        return [first]
    low = first.interval[0]
    return [first, *(x for x in b.layers if x is not first and x.interval and x.interval[1] >= low)]


def _missing(every: Sequence[Breakdown]) -> list[str]:
    """Why a part is missing and so among what is not explained, once."""
    reasons = dict.fromkeys(why for b in every for why in b.missing)
    said = []
    for why in reasons:
        names = dict.fromkeys(f"`{about.subject(b.family)}`" for b in every if why in b.missing)
        said.append(f"{words.listed(names)}: {why}; it is among what is not explained.")
    return said


def _between(every: Sequence[Breakdown]) -> list[str]:
    """Where models differ: of the step from the cheapest to the dearest, the kernel's part."""
    said = []
    for family in dict.fromkeys(id(b.family) for b in every):
        mine = sorted((b for b in every if id(b.family) == family), key=lambda b: b.cpu.ns)
        low, high = mine[0], mine[-1]
        step = high.cpu.ns - low.cpu.ns
        kernels = [b.layer(KERNEL) for b in (low, high)]
        if len(mine) < 2 or step <= 0 or not all(kernels):
            continue
        part = (kernels[1].ns - kernels[0].ns) / step  # type: ignore[union-attr]
        prices = [layer.ns for b in mine if (layer := b.layer(MODEL))]
        inside = (
            f" In process handing a request over costs {words.fixed(min(prices), 0)} to"
            f" {words.fixed(max(prices), 0)} ns."
            if prices
            else ""
        )
        said_of = ranks.decide(low.family, low.member, high.member, "cpu_ns_per_request", False)
        doubt = "" if said_of.verdict in ranks.STRONG else "; that it is more than the margin is not shown here"
        said.append(
            f"`{about.subject(low.family)}`: from {words.label(low.member)} to"
            f" {words.label(high.member)} it is {words.fixed(step / 1e3, 1)} µs, of which"
            f" {_percent(part)} in the kernel (medians{doubt}).{inside}"
        )
    return said


def _handed(judged: Judgement, every: Sequence[Breakdown]) -> list[str]:
    """What models make the kernel do, of which nothing is in their own part."""
    mine = [b for b in every if b.layer(MODEL)]
    echo = layers.in_process(judged, "echo")
    alone, served = [], []
    for metric, name in COUNTED.items():
        inside = [found.median for b in mine if echo and (found := echo.level(b.member, metric))]
        outside = [found.median for b in mine if (found := b.family.level(b.member, metric))]
        if inside and outside:
            alone.append(f"{_ends(inside, 2)} {name}")
            served.append(f"{_ends(outside, 2)} {name}")
    if not alone:
        return []
    return [
        f"The model's hand-over takes {words.listed(alone)} a request, since in process somebody is always at work;"
        f" over sockets a model takes {words.listed(served)}, whose time is in the kernel's share."
    ]


def _ends(values: Sequence[float], decimals: int) -> str:
    return " to ".join(dict.fromkeys(words.fixed(end, decimals) for end in (min(values), max(values))))


def _doubt(b: Breakdown, layer: Layer) -> str:
    if layer.interval is None:
        return " (too few rounds for an interval)"
    low, high = (100 * end / b.cpu.ns for end in layer.interval)
    return f" ({words.span(low, high, 0)}{words.SPACE}%)"


def _could_save(judged: Judgement, every: Sequence[Breakdown]) -> list[str]:
    """What another codec could change: predicted from its time alone, not measured."""
    said = []
    for family in dict.fromkeys(id(b.family) for b in every):
        mine = [b for b in every if id(b.family) == family and b.layer(CODEC)]
        if not mine:
            continue
        shares = [b.share(CODEC) or 0.0 for b in mine]
        least, most = _percent(min(shares)), _percent(max(shares))
        between = most if least == most else f"{least} to {most}"
        text = (
            f"`{about.subject(mine[0].family)}`: the codec, as long as it takes alone, is {between} of the CPU per"
            " request; a codec that took no time at all would save that, and what colder caches add to it here"
        )
        said.append(f"{text}{_rivals(judged, mine)}.")
    return said


def _rivals(judged: Judgement, mine: Sequence[Breakdown]) -> str:
    """The page's other two codecs in the place of this one, by their own times."""
    family = mine[0].family
    load = family.plan.get("load") or {}
    payload, own = str(load.get("payload")), str(load.get("codec"))
    count = layers.CODINGS.get(about.subject(family), 0)
    now = layers.codec_time(judged, payload, own)
    parts = []
    for rival in words.LABELS:
        then = layers.codec_time(judged, payload, rival)
        if rival == own or now is None or then is None:
            continue
        ratios = sorted((b.cpu.ns + count * (then.ns - now.ns)) / b.cpu.ns for b in mine)
        ends = dict.fromkeys((words.fixed(ratios[0], 2), words.fixed(ratios[-1], 2)))
        parts.append(f"{' to '.join(ends)} × with {words.label(rival)}")
    if not parts:
        return ""
    how = "measured below" if judged.coded else "not measured"
    return f". By their own times the CPU per request would be {words.listed(parts)} (predicted, {how})"


def _table(every: Sequence[Breakdown]) -> Table:
    table = Table(
        "CPU per request, µs, and what it is made of; intervals are at 95 %, of the rest the sum of all ends",
        [
            Column("workload"),
            Column("model"),
            Column("CPU", True),
            *(Column(TITLES.get(n, n), True) for n in LAYERS),
            Column("interval of the rest", True),
        ],
        shows=(NAME,),
    )
    for i, b in enumerate(every):
        first = i == 0 or every[i - 1].family is not b.family
        cells = []
        for name in LAYERS:
            layer = b.layer(name)
            cells.append(words.fixed(layer.ns / 1e3, 2) if layer else "–")
        rest = b.layer(REST)
        ends = rest.interval if rest else None
        table.add(
            Cell(about.subject(b.family) if first else "", "head"),
            words.label(b.member),
            words.fixed(b.cpu.ns / 1e3, 2),
            *cells,
            words.span(ends[0] / 1e3, ends[1] / 1e3, 2, " to ") if ends else "–",
        )
    table.notes.append(
        "Parts are medians of processes of their own, which ran at other times than the services: the"
        " machine's speed may have differed, and medians need not add up. In the picture parts that exceed the user time are drawn"
        " smaller, so that they fit."
    )
    if any(about.subject(b.family) == "call" for b in every):
        table.notes.append(
            "`call`: two decodes, two encodes, and the parsing of the downstream's answer; writing the"
            " request to it and waiting for it are in the kernel's share and in the rest."
        )
    return table


# --- Whether ranks survive -----------------------------------------------------------------------


def _survive(found: Sequence[Ranking]) -> Section:
    section = Section("meeting-ranks", "Do the ranks in process survive over sockets?")
    chart = meeting_picture.picture(found, "models")
    section.blocks += [Text(answer(found)), pictured(chart), Items([ranking(r) for r in found]), pairs(found, chart)]
    return section
