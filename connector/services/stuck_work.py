"""Work that stands still by its own word: open items whose status, as the host calls it, says that nothing moves. No host is asked."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from connector.domain.model import Category
from connector.store.tables import Item, MappingItem

_WORDS = ("block", "imped", "on hold", "waiting", "stuck")
_STUCK = re.compile("|".join(_WORDS), re.IGNORECASE)


def is_stuck(status: str | None) -> bool:
    """Whether a status, in the host's own words, says that nothing moves: "Blocked", "On hold", "Waiting for legal"."""
    return bool(_STUCK.search(status or ""))


def stuck_work(session: Session, mapping_ids: Collection[int]) -> dict[int, list[Any]]:
    """Open items whose status says that nothing moves, by mapping, the ones touched last first: (key, title, ref, status, updated_at)."""
    if not mapping_ids:
        return {}
    rows = session.execute(
        select(MappingItem.mapping_id, Item.key, Item.title, Item.ref, Item.status, Item.updated_at)
        .join(Item, Item.id == MappingItem.item_id)
        .where(
            MappingItem.mapping_id.in_(mapping_ids),
            Item.category != Category.DONE.value,
            Item.gone_at.is_(None),
            or_(*(Item.status.icontains(word) for word in _WORDS)),
        )
        .order_by(Item.updated_at.desc(), Item.id.desc())
    )
    found: dict[int, list[Any]] = {}
    for row in rows:
        found.setdefault(row.mapping_id, []).append(row)
    return found
