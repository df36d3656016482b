"""What somebody types into a row is noted with its author, and filed once they pause. Calls no host."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy.orm import Session

from connector.domain.model import FieldValue
from connector.store.tables import OkrRow


def note_typed(
    session: Session, row: OkrRow, values: dict[str, FieldValue], changed: Collection[str], account: str, at: datetime, now: float
) -> None:
    """Note that ``account`` changed some of the check-in fields of a row. ``values``: all of the row's check-in fields as they are now.

    A second author's change files what the first one typed.
    """


def note_pressed(session: Session, row: OkrRow, values: dict[str, FieldValue], account: str, at: datetime, now: float) -> None:
    """Note that the row's button was pressed: what it holds is filed at once, also when nothing was changed."""
