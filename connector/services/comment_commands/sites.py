"""Several connections may stand for one site. A comment is one there, so one connection carries it out and answers.

Which one: the one that answered the comment before; else the oldest one whose mirror knows what the item serves; else the oldest one that
heard of it. One that may not call is left out. Whoever answers knows of the key results and people's accounts of all of them.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.services.comment_commands.serving import served_there
from connector.services.sites import connections_of_site
from connector.store.tables import CommentCommand, Connection


def answering(session: Session, connection: Connection, ref: str, comment: str) -> int:
    """The id of the connection that answers a comment of which ``connection`` heard."""
    able = [row for row in connections_of_site(session, connection) if row.id == connection.id or not (row.parked_at or row.paused_at)]
    if len(able) < 2:
        return connection.id
    ids = [row.id for row in able]
    heard = session.scalars(
        select(CommentCommand)
        .where(CommentCommand.connection_id.in_(ids), CommentCommand.comment_id == comment)
        .order_by(CommentCommand.connection_id)
    ).all()
    answered = [row.connection_id for row in heard if row.reply]
    serving = (each for each in ids if served_there(session, each, ref))
    return next(iter(answered), None) or next(serving, None) or next((row.connection_id for row in heard), connection.id)
