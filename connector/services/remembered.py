"""What one process keeps for some seconds so that a host is not asked twice for the same, e.g. while a person types in a form.

Never for anything that is stored: a value computed from it is shown and forgotten.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

from connector.runtime import Runtime

T = TypeVar("T")


class Shelf(Generic[T]):
    """At most ``most`` values, each until a moment of its own (epoch seconds); the one that was put first goes first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: OrderedDict[Hashable, tuple[float, T]] = OrderedDict()

    def get(self, key: Hashable, now: float) -> T | None:
        """What was put, None when it is too old or was never there."""
        until, value = self._held.get(key, (0.0, None))
        return value if now < until else None

    def put(self, key: Hashable, value: T, until: float) -> None:
        """Keep a value until a moment."""
        self._held.pop(key, None)
        self._held[key] = (until, value)
        while len(self._held) > self._most:
            self._held.popitem(last=False)


def shelf(runtime: Runtime, name: str, most: int) -> Shelf[Any]:
    """The shelf of that name of this process, made when first asked for."""
    found: Shelf[Any] = runtime.remembered.setdefault(name, Shelf(most))
    return found


def once(runtime: Runtime, name: str, key: Hashable, seconds: float, make: Callable[[], T], *, most: int = 200) -> T:
    """What ``make`` gave for this key less than ``seconds`` ago, else what it gives now. What it raises is not kept."""
    kept: Shelf[T] = shelf(runtime, name, most)
    found = kept.get(key, runtime.epoch())
    if found is None:
        found = make()
        kept.put(key, found, runtime.epoch() + seconds)
    return found
