"""A comment that may hold commands becomes wanted work, once, whatever many events tell of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.commands import might_speak
from connector.hosts.base import Dialect, Event
from connector.services.comment_commands.serving import known_places
from connector.services.mirror import upsert
from connector.store import work
from connector.store.tables import CommentCommand


def why_left_alone(event: Event, dialect: Dialect, bot_id: str) -> str:
    """Why the comment of an event need not be read, as a short label; "" when it must be."""
    if not dialect.commands or not event.ref or not event.comment_id:
        return "nothing measured"
    if bot_id and event.author in (bot_id, f"bot:{bot_id}"):
        return "own comment"
    if event.text is not None and not might_speak(event.text):
        return "no command"
    return ""


def worth_reading(session: Session, connection_id: int, dialect: Dialect, comments: Mapping[str, str]) -> dict[str, str]:
    """Those of the comments (id → ref of its place) that may concern us.

    Where events do not say what a comment says, each costs a request: then only those at places that we know.
    """
    if dialect.quotes or not comments:
        return dict(comments)
    known = known_places(session, connection_id, set(comments.values()))
    return {comment: ref for comment, ref in comments.items() if ref in known}


def note_comments(session: Session, connection_id: int, comments: Mapping[str, str], now: float, moment: datetime) -> None:
    """Want each comment (id → ref of its item) to be read and answered."""
    if not comments:
        return
    rows = [
        {"connection_id": connection_id, "comment_id": comment, "ref": ref, "reply": {}, "created_at": moment}
        for comment, ref in sorted(comments.items())
    ]
    upsert(session, CommentCommand, ["connection_id", "comment_id"], rows)
    ids = session.scalars(
        select(CommentCommand.id).where(CommentCommand.connection_id == connection_id, CommentCommand.comment_id.in_(comments))
    ).all()
    work.want(session, CommentCommand, ids, now)
