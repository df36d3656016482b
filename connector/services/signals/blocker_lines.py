"""The blockers that stand, as pages and the API show them to one viewer."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.signals.blocked import DETECTED
from connector.services.signals.blockers import standing_blockers
from connector.store.tables import Connection


@dataclass(frozen=True, slots=True)
class BlockerLine:
    """One blocker. ``seen``: in the work, not named in an update · ``asked_at``: since when its owner is asked whether it is cleared.

    ``url``: the item at its host, "" where there is none that may be offered.
    """

    id: int
    key_result: str
    text: str
    since: datetime
    share: float | None
    seen: bool
    confirmed_at: datetime | None
    asked_at: datetime | None
    key: str
    url: str

    @property
    def waits_for_word(self) -> bool:
        """Whether nobody has said yet that it is in the way."""
        return self.seen and self.confirmed_at is None


def load_lines(session: Session, key_results: Collection[str]) -> list[BlockerLine]:
    """The blockers of these key results, the oldest first."""
    rows = sorted((row for each in standing_blockers(session, key_results).values() for row in each), key=lambda row: (row.since, row.id))
    named = {row.link.get("connection") for row in rows if row.link}
    sites = set(session.scalars(select(Connection.id).where(Connection.id.in_(named), Connection.retired_at.is_(None)))) if named else set()
    found = []
    for row in rows:
        link = row.link if row.link and row.link.get("connection") in sites else {}
        url = str(link.get("url") or "")
        found.append(
            BlockerLine(
                row.id,
                row.key_result_id,
                row.text,
                row.since,
                row.share,
                row.source == DETECTED,
                row.confirmed_at,
                row.clear_at,
                str(link.get("key") or ""),
                url if url.startswith("https://") else "",
            )
        )
    return found
