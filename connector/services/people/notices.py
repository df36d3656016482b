"""What a person is told on their own page: at most one notice a day for each kind and subject. Sends nothing by itself."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, not_, select, update
from sqlalchemy.orm import Session

from connector.domain.rights import Viewer
from connector.runtime import Runtime
from connector.services.mirror import upsert
from connector.services.sign_in.sessions import viewer_of
from connector.store.reads.paging import Page, after, cut, moment_text
from connector.store.tables import Message, Notice, Person
from connector.store.visibility import those_of, visible

LONGEST = 1000  # characters of a notice's text
UNSAID = "Something that stood here is not for everybody any more. What you may know of stands on the page."
_KEY_RESULT = re.compile(r"^/key-results/([a-z0-9_-]+)")


@dataclass(frozen=True, slots=True)
class Told:
    """A notice as pages show it. ``link`` is a path on our pages, "" for none."""

    id: int
    kind: str
    subject: str
    text: str
    link: str
    created_at: datetime
    read: bool


def tell(session: Session, person_id: int, kind: str, subject: str, text: str, link: str, now: datetime) -> bool:
    """Leave a notice for a person, inside the caller's transaction. False when they have one of this kind and subject of today (UTC)."""
    day = now.date()
    same = select(Notice.id).where(Notice.person_id == person_id, Notice.kind == kind, Notice.subject == subject, Notice.day == day)
    if session.scalar(same) is not None:
        return False
    row = {
        "person_id": person_id,
        "kind": kind,
        "subject": subject,
        "day": day,
        "text": text[:LONGEST],
        "link": link,
        "created_at": now,
        "read_at": None,
    }
    upsert(session, Notice, ["person_id", "kind", "subject", "day"], [row])  # two at the same moment are one
    return True


def of_person(session: Session, person_id: int, *, limit: int = 50) -> list[Told]:
    """The latest notices of a person, newest first."""
    rows = session.scalars(select(Notice).where(Notice.person_id == person_id).order_by(Notice.id.desc()).limit(limit)).all()
    person = session.get(Person, person_id)
    return _told(session, viewer_of(person), rows) if person is not None else []


def _told(session: Session, viewer: Viewer, rows: Sequence[Notice]) -> list[Told]:
    """Notices as the viewer may read them now: what names a key result that is not for them any more says only that. Two statements."""
    keys = {f"mail:{row.person_id}:{row.subject}": row.id for row in rows}  # what was noted beside the notice says what it is about
    about: dict[int, set[str]] = {row.id: set(_KEY_RESULT.findall(row.link)) for row in rows}
    for key, content in session.execute(select(Message.key, Message.content).where(Message.key.in_(keys))) if keys else ():
        about[keys[key]] |= set(content.get("about") or ())
    named = set().union(*about.values())
    hidden = those_of(session, sorted(named), not_(visible(viewer)))
    return [
        Told(
            row.id, row.kind, row.subject, UNSAID, "" if _KEY_RESULT.match(row.link) else row.link, row.created_at, row.read_at is not None
        )
        if about[row.id] & hidden
        else Told(row.id, row.kind, row.subject, row.text, row.link, row.created_at, row.read_at is not None)
        for row in rows
    ]


def unread(session: Session, person_id: int) -> int:
    """How many notices a person has not read."""
    return session.scalar(select(func.count()).where(Notice.person_id == person_id, Notice.read_at.is_(None))) or 0


def page(session: Session, viewer: Viewer, cursor: str | None = None, limit: int = 50) -> Page:
    """The viewer's own notices, newest first, as the API gives them; none for a token that is nobody's own."""
    query = select(Notice).where(Notice.person_id == (viewer.person_id or 0))
    rows = session.scalars(after(query, (Notice.id,), (int,), cursor, limit, newest_first=True)).all()
    shown, following = cut(rows, limit, lambda row: (row.id,))
    return Page(
        [
            {
                "id": row.id,
                "kind": row.kind,
                "subject": row.subject,
                "text": row.text,
                "link": row.link,
                "created_at": moment_text(row.created_at),
                "read": row.read,
            }
            for row in _told(session, viewer, shown)
        ],
        following,
    )


def mark_read(runtime: Runtime, viewer: Viewer) -> int:
    """Mark all of the viewer's notices as read; returns how many were not."""
    if viewer.person_id is None:
        return 0
    with runtime.store.write() as session:
        marked = session.execute(
            update(Notice)
            .where(Notice.person_id == viewer.person_id, Notice.read_at.is_(None))
            .values(read_at=runtime.now())
            .returning(Notice.id)
        ).all()
    return len(marked)
