"""Notes what is to be sent, inside the caller's transaction. ``key`` says what it is: the same is never sent twice to the same place.

Everything is plain text. Nothing is sent here: ``sending`` does that, and waits for people's quiet hours.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.services.people import notices
from connector.store.inserts import insert_into
from connector.store.tables import Channel, Connection, Message, Person, PersonAccount

MAIL, CHANNEL, COMMENT = "mail", "channel", "comment"  # ``Message.way``
WAITING, SENT, GIVEN_UP, NOT_NEEDED = "waiting", "sent", "given_up", "not_needed"  # ``Message.state``
LONGEST_SUBJECT = 200  # characters
LONGEST_LINE = 2000
MOST_LINES = 200


def tell_person(
    session: Session,
    person_id: int,
    *,
    key: str,
    kind: str,
    subject: str,
    lines: Sequence[str],
    link: str,
    now: datetime,
    unless: Mapping[str, Any] | None = None,
    about: Collection[str] = (),
) -> bool:
    """Tell a person: a notice on their page, and mail where there is a mail channel, after their quiet hours.

    ``lines`` is plain text, ``link`` a path on our pages. False when the same was told before. ``unless``: when a mail that had to wait
    is not needed any more, see ``relevance``. ``about``: the key results that it names.
    """
    person = session.get(Person, person_id)
    if person is None:
        return False
    mailed = person.active and person.email and mail_channel(session) is not None
    content = _content(subject, lines, link, about) | ({"unless": dict(unless)} if unless else {})
    row = _row(f"{MAIL}:{person_id}:{key}", kind, MAIL, content, now, wanted=bool(mailed))
    if not _note(session, [row | {"person_id": person_id}]):
        return False
    notices.tell(session, person_id, kind, key, _as_notice(subject, lines), link, now)
    return True


def tell_forum(
    session: Session,
    forum_id: int,
    *,
    key: str,
    kind: str,
    subject: str,
    lines: Sequence[str],
    link: str,
    now: datetime,
    about: Collection[str] = (),
) -> int:
    """Write into the chat rooms of a forum. Only what everybody may read. Returns how many messages were noted.

    ``about``: the key results that it names; what of them is not for everybody any more when it is sent stays unsaid.
    """
    rooms = session.scalars(
        select(Channel.id)
        .where(Channel.forum_id == forum_id, Channel.kind != MAIL, Channel.retired_at.is_(None))
        .order_by(Channel.id)  # a fixed order: no deadlocks
    ).all()
    content = _content(subject, lines, link, about)
    rows = [_row(f"{CHANNEL}:{room}:{key}", kind, CHANNEL, content, now) | {"channel_id": room} for room in rooms]
    return _note(session, rows)


def tell_item(
    session: Session,
    connection_id: int,
    ref: str,
    *,
    key: str,
    kind: str,
    lines: Sequence[str],
    mention: Sequence[int] = (),
    link: str = "",
    now: datetime,
    about: Collection[str] = (),
) -> bool:
    """Write a comment at an issue or page, mentioning people (their ids) by their account there, after the quiet hours of those mentioned.

    Only what everybody who reads there may read. False when the same was told before, or there is nobody to tell: a comment that is
    meant for people of whom none has an account there is not written. ``about``: the key results that it names.
    """
    connection = session.get(Connection, connection_id)
    if connection is None or connection.retired_at is not None or not ref:
        return False
    accounts = _accounts(session, connection_id, mention)
    if mention and not accounts:
        return False
    content = _content("", lines, link, about) | {"mentions": list(accounts.values()), "people": list(accounts)}
    row = _row(f"{COMMENT}:{connection_id}:{ref}:{key}", kind, COMMENT, content, now)
    return bool(_note(session, [row | {"connection_id": connection_id, "ref": ref}]))


def mail_channel(session: Session) -> Channel | None:
    """The mail server that writes to people, None where there is none."""
    return session.scalars(select(Channel).where(Channel.kind == MAIL, Channel.retired_at.is_(None)).order_by(Channel.id).limit(1)).first()


def _accounts(session: Session, connection_id: int, people: Sequence[int]) -> dict[int, str]:
    """Person id → account there, in the order asked; those who left that host or us are left out."""
    if not people:
        return {}
    rows = session.execute(
        select(PersonAccount.person_id, PersonAccount.account)
        .join(Person, Person.id == PersonAccount.person_id)
        .where(
            PersonAccount.connection_id == connection_id,
            PersonAccount.person_id.in_(people),
            PersonAccount.left_at.is_(None),
            Person.active.is_(True),
        )
    )
    found = {row.person_id: row.account for row in rows}
    return {person: found[person] for person in dict.fromkeys(people) if person in found}


def _note(session: Session, rows: Sequence[dict[str, Any]]) -> int:
    """Insert those that are not there yet; how many were new. Two who note the same at once make one."""
    if not rows:
        return 0
    statement = insert_into(session, Message).values(list(rows)).on_conflict_do_nothing(index_elements=["key"]).returning(Message.id)
    return len(session.scalars(statement).all())


def _row(key: str, kind: str, way: str, content: dict[str, Any], now: datetime, *, wanted: bool = True) -> dict[str, Any]:
    moment = now.timestamp()
    return {
        "key": key,
        "kind": kind,
        "way": way,
        "content": content,
        "state": WAITING if wanted else NOT_NEEDED,
        "unsure": False,
        "wanted": int(wanted),
        "first_at": moment,
        "ready_at": moment,
        "created_at": now,
    }


def _content(subject: str, lines: Sequence[str], link: str, about: Collection[str]) -> dict[str, Any]:
    said = [_plain(part)[:LONGEST_LINE] for line in lines for part in (line.splitlines() or [""])][:MOST_LINES]
    named = {"about": sorted(set(about))} if about else {}
    whole = {"subject": _plain(subject)[:LONGEST_SUBJECT], "lines": said, "link": link if link.startswith("/") else "", "mentions": []}
    return whole | named


def _as_notice(subject: str, lines: Sequence[str]) -> str:
    parts = [part for part in (_plain(subject), *map(_plain, lines)) if part]
    return " · ".join(parts)[: notices.LONGEST]


def _plain(text: str) -> str:
    """One line of text without control signs and invisible marks of direction: titles are people's, headers are ours."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
