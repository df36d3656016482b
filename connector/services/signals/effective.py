"""Which blocker counts for a key result: what its owner named or confirmed, and since when. What nobody confirmed colours nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from connector.domain.signals.blocked import DECLARED, OWNER
from connector.store.tables import Blocker, CheckIn


def load_told(session: Session, ids: Sequence[str]) -> list[Blocker]:
    """The blockers that stand, and those named in updates of which somebody said since that they are cleared."""
    cleared = and_(Blocker.source == DECLARED, Blocker.ended_by == OWNER)
    return list(
        session.scalars(
            select(Blocker)
            .where(Blocker.key_result_id.in_(ids), or_(Blocker.ended_at.is_(None), cleared))
            .order_by(Blocker.since, Blocker.id)
        )
    )


def effective(rows: Sequence[Blocker], check_ins: Sequence[CheckIn]) -> tuple[str | None, datetime | None]:
    """(the blocker in words, since when); ``check_ins`` oldest first. A confirmed one whose flag is gone does not count on."""
    named = next((row for row in rows if row.source == DECLARED and row.ended_at is None), None)
    last = check_ins[-1] if check_ins else None
    if last is not None and last.blocker:
        cleared = [row.ended_at for row in rows if row.ended_at is not None and row.ended_at >= last.created_at]
        if named is not None:
            return last.blocker, named.since
        if not cleared:
            return last.blocker, _begun(check_ins)
    confirmed = next(
        (row for row in rows if row.confirmed_at and row.ended_at is None and row.source != DECLARED and not row.clear_at), None
    )
    return (confirmed.text, confirmed.since) if confirmed is not None else (None, None)


def _begun(check_ins: Sequence[CheckIn]) -> datetime | None:
    begun = None
    for row in reversed(check_ins):
        if not row.blocker:
            break
        begun = row.as_of
    return begun
