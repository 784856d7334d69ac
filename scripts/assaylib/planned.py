# SPDX-License-Identifier: MIT
"""What a plan is made of: what a build can measure, and a family of cases that are compared."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Built:
    """What a build can measure: the case ids of its programs, and its workloads over sockets."""

    codec_cases: tuple[str, ...] = ()
    model_cases: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    cpus: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class Family:
    id: str
    kind: str  # codec | model | service
    title: str
    baseline: str
    members: tuple[str, ...]
    aliases: dict[str, str]
    floors: dict[str, str]
    injected: dict[str, float]
    rounds: int
    iterations: dict[str, int] = field(default_factory=dict)
    load: dict[str, Any] = field(default_factory=dict)
    note: str | None = None

    def case(self, member: str) -> str:
        return f"{self.id}/{member}"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_json(content: dict[str, Any]) -> Family:
        return Family(**{**content, "members": tuple(content["members"])})
