# SPDX-License-Identifier: MIT
"""Behind page one: codecs, models, services, failures, method, calibration, where the time went,
environment, raw data, and what other runs add. A section whose data is not there says so."""

from __future__ import annotations

from typing import Sequence

from ..blocks import Raw, Section, Text
from ..charts import Chart
from ..judge import Judgement
from . import calibrated  # noqa: F401: report.py asks for it
from .calibration import calibration
from .codecs import codecs
from .meeting import meeting
from .method import method
from .models import models
from .provenance import data, environment
from .services import services
from .sessions import Others, sessions
from .spending import spending


def build(
    judged: Judgement,
    raw: Sequence[Raw],
    drawn: dict[str, Chart],
    others: Others,
    appendices: Sequence[Section] = (),
    scenarios: Sequence[Section] = (),
) -> list[Section]:
    """What was measured, how, on what, and from which files; then what other runs add."""
    return [
        codecs(judged, drawn),
        models(judged, drawn),
        services(judged, drawn),
        *filter(None, [meeting(judged, drawn)]),
        failures(scenarios),
        method(judged),
        calibration(judged, drawn),
        spending(judged),
        environment(judged),
        data(judged, raw),
        *([sessions(judged, others)] if others else []),
        *appendices,
    ]


def failures(scenarios: Sequence[Section]) -> Section:
    section = Section("scenarios", "Scenarios under load", subsections=list(scenarios))
    if not scenarios:
        section.blocks.append(
            Text(
                "None was part of this run: at these rates every server keeps up and nothing breaks. What"
                " happens beyond that is measured by `scripts/assay run --scenario NAME`"
                " (`scripts/assay list` has the names), and added here by `scripts/assay report RUN --with"
                " FOLDER`."
            )
        )
    return section
