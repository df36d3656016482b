"""Keep leases while work goes on: a thread renews them until the block ends.

So a lease can be short, and what a killed process held is taken over within seconds, however long its calls would have taken.
It decides nothing: whoever lost a lease finds that out by its next conditional update.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from sqlalchemy.orm import Session

from connector.errors import StoreUnavailable
from connector.runtime import Runtime

log = structlog.get_logger(__name__)

LEASE_SECONDS = 5.0  # read where it is used, never copied: tests make it shorter
EVERY = 4.0  # beats per lease: three may be late before it is lost

Renew = Callable[[Session, float], bool]  # (session, new end in epoch seconds) -> False when the lease is somebody else's by now


class Pulse:
    """Whether a lease that is being kept is still ours."""

    def __init__(self) -> None:
        self._renewed_at = time.monotonic()
        self._lost = False

    @property
    def alive(self) -> bool:
        """False once the lease was lost, or may have been: this process was halted, or the database did not answer for too long."""
        return not self._lost and time.monotonic() - self._renewed_at < LEASE_SECONDS


@contextmanager
def kept(runtime: Runtime, renew: Renew) -> Iterator[Pulse]:
    """Renew a lease, taken a moment ago, in a transaction of its own until the block ends."""
    pulse, ended = Pulse(), threading.Event()

    def beat() -> None:
        while not ended.wait(LEASE_SECONDS / EVERY):
            begun = time.monotonic()
            try:
                with runtime.store.write() as session:
                    if ended.is_set():
                        return
                    pulse._lost = not renew(session, runtime.epoch() + LEASE_SECONDS)
            except StoreUnavailable as error:
                log.warning("lease_not_renewed", error=str(error))
                continue
            if pulse._lost:
                log.warning("lease_lost")
                return
            pulse._renewed_at = begun

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield pulse
    finally:
        ended.set()
        thread.join()
