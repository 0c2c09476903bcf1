"""Proofs that anyone can run: `dealernet prove`. Each has reviewed expectations, controls that must succeed, and
figures that say how much was tried."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Result:
    """What a proof found. `violations` are sentences; `passed` is false with any of them, or with nothing tried."""

    proof: str
    figures: dict[str, Any] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    #: What cannot be taken away from a login: name, what, bound, by whom and within how many seconds it is repaired.
    bounded: list[dict[str, Any]] = field(default_factory=list)
    #: Guards that were taken away: name, the probe that must turn red, whether it was green before and red without.
    guards: list[dict[str, Any]] = field(default_factory=list)
    machine: dict[str, Any] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        return not self.violations and any(self.figures.values())

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "passed": self.passed}

    def count(self, name: str, number: int = 1) -> None:
        """Add to a figure."""
        self.figures[name] = self.figures.get(name, 0) + number
