"""The lock: at its moment a review's pre-read is frozen, exactly once, and delivered to every channel with the same id."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from connector.runtime import Runtime
from connector.store.tables import PreRead, Review


def due(runtime: Runtime) -> list[int]:
    """The reviews whose lock has come and that are not locked yet."""
    return []


def lock(runtime: Runtime, review_id: int) -> bool:
    """Freeze one review's pre-read and note its deliveries, in one transaction. False when somebody else did, or it is not due."""
    return False


def pre_read_of(session: Session, review_id: int) -> PreRead | None:
    """The frozen pre-read of a review, None before its lock."""
    return None


def locked_for(session: Session, key_result_id: str, now: datetime) -> Review | None:
    """The review for which updates of this key result come too late now (R054): locked and not closed; None when there is none."""
    return None
