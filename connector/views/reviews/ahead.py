"""A review that is not opened yet: the agenda as it would be now, and which updates are missing. Reads only; nothing of it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from connector.domain import pre_read as words
from connector.domain.pre_read import Entry
from connector.domain.rights import Viewer
from connector.services.locks import LOCKED, PLANNED
from connector.services.reviews.agenda import preview_agenda
from connector.services.reviews.reading import Held
from connector.services.rhythm import locking, pre_reads
from connector.store.tables import ReviewItem
from connector.web.context import runtime


@dataclass(frozen=True, slots=True)
class Ahead:
    """What one viewer may know of it. ``nothing``: why there is nothing to review; ``missing``: updates that have not come."""

    frozen: bool
    nothing: str
    reached: tuple[ReviewItem, ...]
    unreached: tuple[ReviewItem, ...]
    folded: tuple[ReviewItem, ...]
    missing: tuple[Entry, ...]

    @property
    def talked(self) -> int:
        """How many key results are talked about."""
        return len(self.reached) + len(self.unreached)


def load_ahead(session: Session, viewer: Viewer, held: Held, now: datetime) -> Ahead | None:
    """The agenda that opening would make: before the lock of what is known now, after it of the frozen pre-read. None for other reviews."""
    review, forum = held.review, held.forum
    if review.state not in (PLANNED, LOCKED) or forum.retired_at is not None:
        return None
    row = locking.pre_read_of(session, review.id)
    whole = locking.snapshot_of(runtime(), session, review, forum, row)
    found = pre_reads.for_viewer(session, viewer, whole)
    known = {each.id for each in found.entries}
    planned = preview_agenda(session, review.id, whole, row.id if row is not None else None, forum.minutes, now, held.zone)
    items = [each for each in planned if each.key_result_id in known]
    return Ahead(
        row is not None,
        found.nothing,
        tuple(each for each in items if not each.folded and each.fits),
        tuple(each for each in items if not each.folded and not each.fits),
        tuple(each for each in items if each.folded),
        tuple(words.missing(found)),
    )
