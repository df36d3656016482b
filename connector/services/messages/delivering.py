"""Mails and chat rooms: one message to its channel."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from connector.errors import InputError
from connector.runtime import Runtime
from connector.services.messages.addresses import read_address
from connector.services.messages.outcomes import Outcome
from connector.services.messages.outgoing import MAIL, mail_channel
from connector.services.messages.posting import Undelivered, Words, post_mail, post_room
from connector.store.tables import Channel, Message, Person

UNREADABLE = "the channel's address cannot be read any more; enter it again"


def deliver(runtime: Runtime, message: Message, *, looked_for: bool) -> Outcome:
    """Send one message to its channel. ``looked_for`` is of no use here: a mail cannot be found again."""
    with runtime.store.read() as session:
        channel = mail_channel(session) if message.way == MAIL else session.get(Channel, message.channel_id)
        person = session.get(Person, message.person_id) if message.way == MAIL else None
    if channel is None or channel.retired_at is not None:
        return Outcome(False, "the channel was removed", lasting=True, gone=True)
    if message.way == MAIL and (person is None or not person.active or not person.email):
        return Outcome(False, "the person is not here any more", lasting=True, gone=True)
    trouble = post(runtime, channel, words_of(runtime, message), to=person.email if person else "")
    if trouble is None:
        return Outcome(True)
    if not trouble.lasting:
        _note_broken(runtime, channel, trouble.message)
    return Outcome(
        None if trouble.unsure else False, trouble.message, lasting=trouble.lasting, halts=not (trouble.lasting or trouble.unsure)
    )


def post(runtime: Runtime, channel: Channel, words: Words, *, to: str = "") -> Undelivered | None:
    """Post through a channel, at once; what was wrong, None when it was taken. ``to``: the mailbox, of a mail channel."""
    private = runtime.settings.allow_private_hosts or runtime.settings.sandbox
    try:
        place = read_address(channel.kind, runtime.vault.open(channel.secret), allow_private=private)
        if channel.kind == MAIL:
            post_mail(place, to, words, allow_private=private)
        else:
            post_room(place, words, allow_private=private)
    except InputError:  # of another key, or of another version
        return Undelivered(UNREADABLE)
    except Undelivered as error:
        return error
    return None


def words_of(runtime: Runtime, message: Message) -> Words:
    """What a message says, with a whole address behind its link."""
    content = message.content
    link = f"{runtime.settings.noted_address}{content['link']}" if content.get("link") else ""
    return Words(content.get("subject", ""), content.get("lines", ()), link)


def went_well(session: Session, message: Message, now: datetime) -> None:
    """A channel took a message: what was wrong with it is over."""
    channel = mail_channel(session) if message.way == MAIL else session.get(Channel, message.channel_id or 0)
    if channel is not None:
        session.execute(update(Channel).where(Channel.id == channel.id).values(broken=None, used_at=now))


def _note_broken(runtime: Runtime, channel: Channel, why: str) -> None:
    with runtime.store.write() as session:
        session.execute(update(Channel).where(Channel.id == channel.id).values(broken=why[:500]))
