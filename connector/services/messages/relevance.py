"""Whether a message that waited is still worth sending, and may still be said. ``content["unless"]`` says when it is not needed;
``content["about"]`` names the key results of which it tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from connector.services.messages.outgoing import COMMENT, MAIL
from connector.services.people.notices import UNSAID
from connector.services.sign_in.sessions import viewer_of
from connector.store.tables import Blocker, CheckIn, Message, Person
from connector.store.visibility import public, those_of, visible


def is_needless(session: Session, message: Message, now: datetime) -> bool:
    """True when its moment is over, or what it asks for has happened meanwhile.

    ``unless``: ``{"after": moment, "updated": {"key_results", "since"}, "cleared": key result id}``, each part may be missing.
    """
    unless = message.content.get("unless") or {}
    if unless.get("after") and now >= datetime.fromisoformat(unless["after"]):
        return True
    updated = unless.get("updated")
    if updated and _all_updated(session, updated["key_results"], datetime.fromisoformat(updated["since"])):
        return True
    cleared = unless.get("cleared")
    return bool(cleared) and not session.scalar(
        select(func.count()).select_from(Blocker).where(Blocker.key_result_id == cleared, Blocker.ended_at.is_(None))
    )


def _all_updated(session: Session, key_results: list[str], since: datetime) -> bool:
    found = session.scalars(
        select(CheckIn.key_result_id)
        .where(CheckIn.key_result_id.in_(key_results), CheckIn.draft.is_(False), CheckIn.created_at > since)
        .distinct()
    ).all()
    return set(found) >= set(key_results)


def cut_to_readers(session: Session, message: Message) -> bool:
    """Take out what those who would read it may not know of any more. False when nothing of the message is left.

    Of several key results the subject names none, so the subject and the link stay.
    """
    about: list[str] = list(message.content.get("about") or ())
    if not about or _may_know(session, message, about):
        return True
    if len(about) == 1 or message.way == COMMENT:
        return False
    message.content = {**message.content, "lines": [UNSAID]}  # what it was about stays: the notice beside it asks
    return True


def _may_know(session: Session, message: Message, about: Sequence[str]) -> bool:
    """Whether all who would read the message may know of all these key results."""
    condition = public()
    if message.way == MAIL:
        person = session.get(Person, message.person_id)
        if person is None:
            return True  # nobody reads it: the sending says so
        condition = visible(viewer_of(person))
    return those_of(session, about, condition) >= set(about)
