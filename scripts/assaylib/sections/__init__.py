# SPDX-License-Identifier: MIT
"""Behind page one: codecs, models, services, calibration, method, environment, raw data. A section
whose data is not there says so."""

from __future__ import annotations

from typing import Sequence

from ..blocks import Raw, Section
from ..charts import Chart
from ..judge import Judgement
from .calibration import calibration
from .codecs import codecs
from .method import method
from .models import models
from .provenance import data, environment
from .services import services
from .sessions import Others, sessions


def build(
    judged: Judgement,
    raw: Sequence[Raw],
    drawn: dict[str, Chart],
    others: Others,
    appendices: Sequence[Section] = (),
) -> list[Section]:
    return [
        *([sessions(judged, others)] if others else []),
        codecs(judged, drawn),
        models(judged, drawn),
        services(judged, drawn),
        *appendices,
        calibration(judged, drawn),
        method(judged),
        environment(judged),
        data(judged, raw),
    ]
