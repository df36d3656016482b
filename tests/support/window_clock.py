"""A clock that the windows of request budgets go by: pushed forward by hand, so that a minute at the limiter's pace costs no minute."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from limits.storage import memory, redis


class WindowClock(ModuleType):
    """Stands in for the module ``time`` of the counting library. ``sleep`` only moves it, as a pause of ours does."""

    def __init__(self) -> None:
        super().__init__("window_clock")
        self.now = time.time()

    def time(self) -> float:
        """The moment that it shows."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    __call__ = time


@contextmanager
def window_clock() -> Iterator[WindowClock]:
    """Let all budgets of this process, in memory and in Redis, go by one clock."""
    clock = WindowClock()
    memory.time = redis.time = clock  # type: ignore[attr-defined]
    try:
        yield clock
    finally:
        memory.time = redis.time = time  # type: ignore[attr-defined]
