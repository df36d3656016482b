"""What does not arrive is said: to admins as a notice, at most once a day for each channel; on the health page and by doctor."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from connector.services.findings import FAULT, OK, WARNING, Finding
from connector.services.messages.outgoing import COMMENT, GIVEN_UP, MAIL, WAITING, mail_channel
from connector.services.people import notices
from connector.store.tables import Channel, Connection, Message, Person

SAID_AFTER = 3  # failures in a row of one message; until then it may be over before anybody reads of it
SHOWN = timedelta(days=7)  # messages that were given up are told for so long
LINK = "/channels"


def say_trouble(session: Session, message: Message, why: str, now: datetime, *, given_up: bool) -> None:
    """Leave a notice for every admin, once a day for each place."""
    if not given_up and message.attempts + 1 < SAID_AFTER:
        return
    name, subject = _place(session, message)
    text = f"A message by {name} was given up: {why}." if given_up else f"{name} takes no messages: {why}. They are kept and tried again."
    for admin in session.scalars(select(Person.id).where(Person.role == "admin", Person.active.is_(True)).order_by(Person.id)):
        notices.tell(session, admin, "messages", subject, text, LINK, now)


def _place(session: Session, message: Message) -> tuple[str, str]:
    if message.way == COMMENT:
        connection = session.get(Connection, message.connection_id or 0)
        return f"comment at {connection.name if connection else 'a host'}", f"connection:{message.connection_id}"
    channel = mail_channel(session) if message.way == MAIL else session.get(Channel, message.channel_id or 0)
    return f"the channel “{channel.name}”" if channel else "a channel", f"channel:{channel.id if channel else 0}"


def findings(session: Session, now: datetime) -> list[Finding]:
    """What doctor says of the channels and of what they carry."""
    channels = session.scalars(select(Channel).where(Channel.retired_at.is_(None)).order_by(Channel.name)).all()
    found = [
        Finding(
            f"channel {each.name}", FAULT, f"the last message was not taken: {each.broken}", "mend it on the page Channels, then test it"
        )
        if each.broken
        else Finding(
            f"channel {each.name}",
            OK,
            f"{each.kind}, " + (f"last used {each.used_at:%Y-%m-%d %H:%M} UTC" if each.used_at else "not used yet"),
        )
        for each in channels
    ]
    recent = (Message.created_at > now - SHOWN, Message.state == GIVEN_UP)
    lost = session.scalar(select(func.count()).select_from(Message).where(*recent)) or 0
    unsure = session.scalar(select(func.count()).select_from(Message).where(*recent, Message.unsure.is_(True))) or 0
    if lost:
        more = f", of which {unsure} may have been sent" if unsure else ""
        mend = "look at the page Channels; what they said stands on people's own pages"
        found.append(Finding("messages", WARNING, f"{lost} given up within 7 days{more}", mend))
    return found


def waiting(session: Session) -> int:
    """How many messages wait, for whatever reason."""
    return session.scalar(select(func.count()).select_from(Message).where(Message.state == WAITING)) or 0
