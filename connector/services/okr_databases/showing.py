"""Asks for rows to be written: when what they show has changed here. Calls no host."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy.orm import Session


def want_changed(session: Session, key_results: Collection[str], now: float) -> set[int]:
    """Want the rows of these key results, and of their objectives, to be written. Returns the connections that have such rows."""
    return set()
