# SPDX-License-Identifier: MIT
"""Where micro-benchmarks and services meet: what a request's CPU time is made of (layers.py, with what
the HTTP parts cost alone from parts.py), and whether ranks survive the way to the sockets (ranks.py).
"""

from . import layers, parts, ranks  # noqa: F401
from .layers import Breakdown, Layer, breakdown  # noqa: F401
from .ranks import Pair, Ranking, Side, codec_rankings, rankings  # noqa: F401
