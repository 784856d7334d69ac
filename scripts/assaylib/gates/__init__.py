# SPDX-License-Identifier: MIT
"""Validity gates (METHOD section 4): a case that fails one has no number, or a marked one.

validity.py makes them from the figures of load and serve, saturated.py says who was at his limit,
noop.py what a server that does nothing reaches through the same generator; faults.py says which no server may
fail; counts.py counts them over rounds and withholds.
"""

from .counts import (  # noqa: F401
    BEYOND_RIG,
    GATE_FAILURES_MAX,
    GATE_NAMES,
    INVALIDATING,
    LAG,
    OF_RIG,
    GateTally,
    failed_gates,
    from_server,
    gate_name,
    gate_scope,
    metric_scope,
    passes,
    tally,
    tally_host,
)
from .faults import FAULTS, of_server  # noqa: F401
from .saturated import SHARE_MIN, Saturation, saturation  # noqa: F401
from .validity import NOT_KNOWN, Conditions, at_limit, least, most, of  # noqa: F401
