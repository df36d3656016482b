"""What can be picked as a blocker: open work that feeds the key result, from our own mirror. No host is asked."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from connector.domain.model import Category
from connector.services.stuck_work import is_stuck
from connector.store.tables import Item, MappingItem

OFFERED = 12
_LOOKED_AT = 200  # the latest open items: enough to find what is stuck among them
_KEY = re.compile(r"([A-Z][A-Z0-9_]+-\d+)\b")


@dataclass(frozen=True, slots=True)
class Blocker:
    """An item that may be in the way. ``stuck``: its status says so, ``status`` in the host's own words.

    ``connection``, ``ref``: which item of which connection it is.
    """

    text: str  # what the field takes: "HARB-151 Template picker hides Send"
    url: str
    status: str
    stuck: bool
    connection: int
    ref: str


def offered_blockers(session: Session, mapping_ids: Collection[int], most: int = OFFERED) -> list[Blocker]:
    """Open items of these mappings, those whose status says that they are stuck first, then the ones touched last."""
    if not mapping_ids:
        return []
    rows = session.execute(
        select(Item.connection_id, Item.ref, Item.key, Item.title, Item.url, Item.status)
        .where(Item.id.in_(_fed(mapping_ids)), Item.category != Category.DONE.value, Item.gone_at.is_(None))
        .order_by(Item.updated_at.desc(), Item.id.desc())
        .limit(_LOOKED_AT)
    ).all()
    found = [Blocker(_text(row), row.url, row.status or "", is_stuck(row.status), row.connection_id, row.ref) for row in rows]
    return sorted(found, key=lambda each: not each.stuck)[:most]


def link_of(session: Session, mapping_ids: Collection[int], blocker: str) -> dict[str, Any] | None:
    """The item that a blocker names, by its key at the beginning or by its whole text; None when it names none of this key result."""
    if not blocker or not mapping_ids:
        return None
    key = _KEY.match(blocker)
    named = or_(Item.key == key[1], Item.title == blocker) if key else Item.title == blocker
    row = session.execute(
        select(Item.connection_id, Item.ref, Item.key, Item.url)
        .where(Item.id.in_(_fed(mapping_ids)), named, Item.gone_at.is_(None))
        .order_by(Item.id)
        .limit(1)
    ).one_or_none()
    return None if row is None else {"connection": row.connection_id, "ref": row.ref, "key": row.key, "url": row.url}


def _fed(mapping_ids: Collection[int]) -> Any:
    return select(MappingItem.item_id).where(MappingItem.mapping_id.in_(mapping_ids))


def _text(row: Any) -> str:
    return row.title if row.key in ("", row.ref) else f"{row.key} {row.title}"
