"""When the next lock and the next review are, as the head of a leads' page says it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, tzinfo

from sqlalchemy.orm import Session

from connector.domain.wording import day_text
from connector.services.rhythm.planning import next_review, next_reviews, zone_of
from connector.store.tables import Forum, Review

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def clock_text(moment: datetime, now: datetime, zone: tzinfo) -> str:
    """ "16:00" today, "Thu 10:00" within a week, "Thu 26 Nov 10:00" beyond."""
    local, today = moment.astimezone(zone), now.astimezone(zone).date()
    time = f"{local.hour:02d}:{local.minute:02d}"
    days = (local.date() - today).days
    if days == 0:
        return time
    return f"{_DAYS[local.weekday()]} {time}" if 0 < days < 7 else f"{_DAYS[local.weekday()]} {day_text(local.date())} {time}"


def now_text(now: datetime, zone: tzinfo) -> str:
    """ "Wed 18 Nov 14:20"."""
    local = now.astimezone(zone)
    return f"{_DAYS[local.weekday()]} {day_text(local.date())} {local.hour:02d}:{local.minute:02d}"


def review_words(session: Session, forum: int | None, forums: Collection[int], now: datetime, zone: tzinfo) -> tuple[str, str]:
    """ "updates lock 16:00 · review Thu 10:00" and the path of that review; of several forums the next, named. "" when none is planned."""
    review = next_review(session, forum, now) if forum is not None else _first(session, forums, now)
    if review is None:
        return "", ""
    row = session.get_one(Forum, review.forum_id)
    local = zone_of(row, zone)
    named = f"{row.name}: " if forum is None and len(forums) > 1 else ""
    other = "" if _same(local, zone, now) else f" ({row.zone})"
    if review.state == "open":
        return f"{named}the review is being held", f"/reviews/{review.id}"
    locked = f"updates locked since {clock_text(review.lock_at, now, local)}" if review.state == "locked" else ""
    words = locked or f"updates lock {clock_text(review.lock_at, now, local)}"
    return f"{named}{words} · review {clock_text(review.starts_at, now, local)}{other}", f"/reviews/{review.id}"


def _first(session: Session, forums: Collection[int], now: datetime) -> Review | None:
    """The one that is being held, else the next."""
    coming = next_reviews(session, forums, now).values()
    return min(coming, key=lambda each: (each.state != "open", each.starts_at, each.id), default=None)


def _same(one: tzinfo, other: tzinfo, now: datetime) -> bool:
    return now.astimezone(one).utcoffset() == now.astimezone(other).utcoffset()
