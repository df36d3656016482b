"""Repeat a read that the host asked us to repeat later. Only long-running jobs sleep; everything else gives its work back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import structlog
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from connector.errors import Busy, Offline

log = structlog.get_logger(__name__)
T = TypeVar("T")

ATTEMPTS = 5
LONGEST = 120.0  # seconds; a host that wants more is left alone until the sweeper comes back

_exponential = wait_exponential_jitter(initial=1.0, max=30.0, jitter=1.0)


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    wished = error.retry_after or 0.0 if isinstance(error, Busy) else 0.0
    return max(_exponential(state), wished)  # the host's wish is a minimum


def _impatient(state: RetryCallState) -> bool:
    return stop_after_attempt(ATTEMPTS)(state) or _wait(state) > LONGEST


def patiently(call: Callable[[], T]) -> T:
    """Call; wait and repeat after ``Busy`` and ``Offline``. Raises the last error when patience ends. Only for repeatable calls."""
    retrying = Retrying(
        retry=retry_if_exception_type((Busy, Offline)),
        stop=_impatient,
        wait=_wait,
        reraise=True,
        before_sleep=lambda state: log.info(
            "waiting_for_host", attempt=state.attempt_number, seconds=round(state.next_action.sleep if state.next_action else 0.0, 1)
        ),
    )
    return retrying(call)
