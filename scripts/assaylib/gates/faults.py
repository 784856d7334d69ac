# SPDX-License-Identifier: MIT
"""What no server may do, whatever is asked of it. It is no matter of statistics: the process counts as failed, with
the reason, and the command exits 1. A kind of scenario may have more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .validity import Gates

#: Gate → how it is said.
FAULTS = {
    "lost": "requests lost by its own count",
    "other_bytes": "answers that said 200 and were wrong",
}


def of_server(gates: Gates, more: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What that makes of a line: nothing, or its status and the reason. more: faults of its kind."""
    every = {**FAULTS, **(more or {})}
    failed = {name: gates[name]["value"] for name in every if name in gates and not gates[name]["ok"]}
    said = [f"{every[name]}: {value}" for name, value in failed.items()]
    return {"status": "failed", "reason": "; ".join(said)} if said else {}
