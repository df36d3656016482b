"""Whether a message that waited is still worth sending. ``content["unless"]`` says when not."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from connector.store.tables import Blocker, CheckIn, Message


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
