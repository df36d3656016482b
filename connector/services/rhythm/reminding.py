"""Reminders to owners whose update is missing: a day before, two hours before and at the lock; one digest, never twice (R053)."""

from __future__ import annotations

from connector.runtime import Runtime


def remind(runtime: Runtime) -> int:
    """Note the reminders that are due. Returns how many people are reminded."""
    return 0
