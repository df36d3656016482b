"""A clock that the windows of request budgets go by: pushed forward by hand, so that a minute at the limiter's pace costs no minute."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from limits.storage import memory, redis


class WindowClock(ModuleType):
    """Stands in for the module ``time`` of the counting library. ``sleep`` only moves it, as a pause of ours does.

    ``running``: it also goes on by itself, so that work takes its time.
    """

    def __init__(self, running: bool) -> None:
        super().__init__("window_clock")
        self._running, self._at = running, 0.0 if running else time.time()

    @property
    def now(self) -> float:
        """The moment that it shows, in seconds since 1970."""
        return self._at + (time.time() if self._running else 0.0)

    def time(self) -> float:
        """The moment that it shows."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self._at += seconds

    __call__ = time


@contextmanager
def window_clock(*, running: bool = False) -> Iterator[WindowClock]:
    """Let all budgets of this process, in memory and in Redis, go by one clock."""
    clock = WindowClock(running)
    memory.time = redis.time = clock  # type: ignore[attr-defined]
    try:
        yield clock
    finally:
        memory.time = redis.time = time  # type: ignore[attr-defined]
