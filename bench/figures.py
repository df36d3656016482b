"""What a benchmark gives: numbers with their bounds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number. ``at_least`` and ``at_most`` are the bounds that it must hold, None for a number to look at."""

    name: str
    value: float
    unit: str = ""
    at_least: float | None = None
    at_most: float | None = None

    @property
    def holds(self) -> bool:
        """True when the bounds hold."""
        return (self.at_least is None or self.value >= self.at_least) and (self.at_most is None or self.value <= self.at_most)

    @property
    def verdict(self) -> str:
        """The bounds in words."""
        bounds = [f"at least {self.at_least:g}"] if self.at_least is not None else []
        bounds += [f"at most {self.at_most:g}"] if self.at_most is not None else []
        return f"{'ok' if self.holds else 'MISSED'} ({', '.join(bounds)})" if bounds else ""
