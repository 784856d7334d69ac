# SPDX-License-Identifier: MIT
"""The report's pictures, as SVG written by hand: the same bytes everywhere, no drawing library.

A chart is used twice: inline in report.html, where it takes its colours from the page (light, dark,
print), and as a file of its own, which carries the same style. Text is text, in the reader's
sans-serif font: it can be searched and read aloud; widths are laid out with room to spare.

Colours are Okabe and Ito's, told apart with any colour vision; every colour has a shape of its own
beside it, so that nothing is lost in black and white.
"""

from .drawing import PALETTE, STYLE, Chart  # noqa: F401
from .forest import ForestRow, forest  # noqa: F401
from .levels import LevelRow, levels  # noqa: F401
from .scatter import Point, scatter  # noqa: F401
from .services import ServiceRow, services  # noqa: F401
from .stretches import Stretch, stretches  # noqa: F401
from .strips import StripRow, strips  # noqa: F401
from .bars import BarRow, bars  # noqa: F401
from .grids import GridCell, grids  # noqa: F401
from .formats import FormatPoint, formats  # noqa: F401
from .lines import LinePoint, lines  # noqa: F401
from .pareto import ParetoPoint, pareto  # noqa: F401
from .stacks import StackRow, stacks  # noqa: F401
from .timeline import Panel, Span, TimeLine, timeline  # noqa: F401
from .curves import CurvePoint, Knee, curves  # noqa: F401
from .dumbbells import DumbbellEnd, DumbbellKind, DumbbellRow, dumbbells  # noqa: F401
