"""What a host offers that keeps goals of its own: find one, show a key result's numbers at it. Values only; optional for a host.

A host that has goals gives its module a function ``build_goals`` which returns a ``Goals``; see ``connector.runtime``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class GoalNumbers:
    """From where, to where, and where it stands; in the unit of the key result."""

    start: float
    target: float
    current: float


@dataclass(frozen=True, slots=True)
class MetricTarget:
    """A place for numbers at a goal. ``numbers`` as far as the host tells all three."""

    id: str
    name: str
    numbers: GoalNumbers | None = None


@dataclass(frozen=True, slots=True)
class Goal:
    """A goal as the host knows it."""

    id: str
    key: str
    name: str
    targets: tuple[MetricTarget, ...] = ()


class Goals(Protocol):
    """One connection's goals. Every call raises a ``HostError`` for all but success."""

    def find(self, goal: str) -> Goal:
        """The goal with this id, key or address. Raises ``InputError`` for what cannot be one, ``Gone`` when there is none."""
        ...

    def add_target(self, goal: str, name: str, numbers: GoalNumbers) -> str:
        """Add a metric target to a goal (by id); gives its id. Not repeatable: look first."""
        ...

    def write(self, target: str, numbers: GoalNumbers) -> None:
        """Make a metric target show these numbers. Raises ``Gone`` when it was deleted."""
        ...

    def close(self) -> None:
        """Give back network resources."""
        ...
