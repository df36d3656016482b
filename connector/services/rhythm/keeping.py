"""What a saved change of a forum's schedule does not reach: a review whose new time has passed, one that is locked or held.

Said to whoever saved it, in one sentence with the moment from which the change counts.
"""

from __future__ import annotations

from datetime import datetime, tzinfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.review_calendar import occurrences
from connector.domain.wording import weekday_moment_text
from connector.services.locks import LOCKED, PLANNED
from connector.services.rhythm.planning import next_review, schedule_of, zone_of
from connector.store.tables import Forum, Review


def kept_text(session: Session, forum: Forum, before: Review | None, now: datetime, default: tzinfo) -> str:
    """One sentence on the review that comes or is held, where it is not as the schedule says now; "" where it is.

    ``before``: the review that came next until the change was saved; reviews are planned anew when this is asked.
    """
    if forum.weekday is None:
        return ""
    zone, row = zone_of(forum, default), next_review(session, forum.id, now)
    if row is None:
        return ""
    if before is not None and before.day != row.day and before.state == PLANNED:  # it is none of the forum's days any more
        if before.day.isocalendar()[:2] >= row.day.isocalendar()[:2]:
            return ""
        gone, first = weekday_moment_text(before.starts_at, zone), weekday_moment_text(row.starts_at, zone)
        return f"The new day of this week's review has passed: the one of {gone} is taken away, the next is {first}."
    wanted = next(iter(occurrences(schedule_of(forum, default, row.day, row.day), row.day, row.day)), None)
    if wanted is not None and (row.starts_at, row.lock_at) == (wanted.starts_at, wanted.lock_at):
        return ""
    if row.state == PLANNED:
        why = "its new time has passed already"
    else:
        why = "its updates are locked already" if row.state == LOCKED else "it is being held"
    later = select(Review).where(Review.forum_id == forum.id, Review.state == PLANNED, Review.starts_at > max(now, row.starts_at))
    following = session.scalar(later.order_by(Review.starts_at).limit(1))
    since = f"; what you saved counts from {weekday_moment_text(following.starts_at, zone)} on" if following is not None else ""
    return f"The review of {weekday_moment_text(row.starts_at, zone)} stays as it is, because {why}{since}."
