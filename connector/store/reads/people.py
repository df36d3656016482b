"""People as others name them."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.store.tables import Person


def names_of(session: Session, people: Iterable[int | None]) -> dict[int, str]:
    """Name by id, also of those who left; None is nobody. No statement for nobody."""
    wanted = {ident for ident in people if ident is not None}
    if not wanted:
        return {}
    return {row.id: row.name for row in session.execute(select(Person.id, Person.name).where(Person.id.in_(wanted)))}
