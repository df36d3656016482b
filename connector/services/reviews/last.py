"""The last closed review, as hosts may show it: only what everybody may know of now."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.services.locks import CLOSED
from connector.services.reviews.minutes import Minutes, read_minutes, room_lines
from connector.store.tables import Review


def last_minutes(session: Session, known: Collection[str], forum_id: int | None = None) -> tuple[Review, Minutes] | None:
    """The minutes of the latest closed review, of one forum or of any, cut to the key results that may be shown; None without one."""
    query = select(Review).where(Review.state == CLOSED).order_by(Review.closed_at.desc(), Review.id.desc()).limit(1)
    row = session.scalar(query.where(Review.forum_id == forum_id) if forum_id is not None else query)
    written = read_minutes(row.minutes or {}, known) if row is not None else None
    return (row, written) if row is not None and written is not None else None


def last_lines(session: Session, known: Collection[str], forum_id: int | None = None) -> tuple[str, str, list[str]]:
    """(title, path of the minutes, lines): "Product review, Thu 19 Nov 10:00, 29 min"; ("", "", []) without one."""
    found = last_minutes(session, known, forum_id)
    if found is None:
        return "", "", []
    row, written = found
    return f"{written.forum}, {written.time_text}", f"/reviews/{row.id}/minutes", room_lines(written)
