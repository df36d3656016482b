"""Reviews as they are planned ahead from the schedule of each forum, skipped with a reason, and found for a key result."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, tzinfo

from sqlalchemy.orm import Session

from connector.runtime import Runtime
from connector.store.tables import Forum, Review


def plan_ahead(runtime: Runtime) -> int:
    """Have the reviews of the next five weeks stand in the database as the schedules say now. Returns how many were made or moved.

    Locked, open, closed and skipped ones are left alone.
    """
    return 0


def next_review(session: Session, forum_id: int, now: datetime) -> Review | None:
    """The review of a forum that is being held, or else the next one: planned or locked, not closed, not skipped."""
    return None


def reviews_of(session: Session, key_results: Collection[str], now: datetime) -> dict[str, Review]:
    """The next review (as ``next_review``) of each key result, through the forum of its objective's team; without one it is left out."""
    return {}


def zone_of(forum: Forum, default: tzinfo) -> tzinfo:
    """The time zone of a forum."""
    return default


def holidays_of(country: str, years: Collection[int]) -> frozenset[date]:
    """The public holidays of a country ("DE", "DE-BY") in these years; none for "". Raises ``InputError`` for an unknown one."""
    return frozenset()
