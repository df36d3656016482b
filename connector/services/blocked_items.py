"""What holds mirrored items up, as it is stored with them: since when, and what becomes of the items that they wait for. Calls no host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

import orjson
from sqlalchemy import Table, select, update
from sqlalchemy.orm import Session

from connector.domain.model import Blocked, Category, Item, Unknown
from connector.domain.signals.blocked import is_held
from connector.hosts.base import Event
from connector.store.tables import Item as ItemRow
from connector.store.tables import MappingItem
from mappings.repository import Router

_TABLE = cast(Table, ItemRow.__table__)


def held_up(item: Item, before: str | None, told_at: datetime | None, done: Mapping[str, bool], at: datetime) -> dict[str, Any] | None:
    """What holds an item up, as it is stored. ``before``: stored JSON · ``told_at``: since when, as an event said.

    Without an event, a flag or status stands since the last edit at the latest; a link is no edit, so it counts from when it was seen.
    """
    was = None if before is None else orjson.loads(before)
    if not isinstance(item.blocked, Blocked):
        return was if isinstance(item.blocked, Unknown) else None
    links = [
        {"ref": link.ref, "key": link.key, "done": done.get(link.ref) if link.done is None else link.done} for link in item.blocked.links
    ]
    edited = item.updated_at if item.blocked.flag or item.blocked.status else None
    told_at = max(told_at, item.created_at) if told_at and item.created_at else told_at
    told = {"flag": item.blocked.flag, "status": item.blocked.status, "links": links}
    return _since(told, (was or {}).get("since"), min(at, told_at or edited or at))


def note_told(session: Session, connection_id: int, events: Sequence[Event]) -> None:
    """Keep what events tell of since when items are held up, until these are read; what began first and was not taken back counts."""
    begun: dict[str, datetime] = {}
    freed: set[str] = set()
    for event in events:
        if event.ref and event.freed:
            begun.pop(event.ref, None)
            freed.add(event.ref)
        if event.ref and event.blocked_at is not None:
            begun.setdefault(event.ref, event.blocked_at)
    for ref in sorted(freed | begun.keys()):
        mine = (_TABLE.c.connection_id == connection_id, _TABLE.c.ref == ref)
        still = () if ref in freed else (_TABLE.c.blocked_told_at.is_(None),)
        session.execute(update(_TABLE).where(*mine, *still).values(blocked_told_at=begun.get(ref)))


def forget_told(session: Session, item_ids: Sequence[int]) -> None:
    """The items were read: what events told of them is used up."""
    if item_ids:
        session.execute(update(_TABLE).where(_TABLE.c.id.in_(item_ids)).values(blocked_told_at=None))


def _since(told: dict[str, Any], before: str | None, at: datetime) -> dict[str, Any] | None:
    """With the moment since when it stands, which is kept while it lasts; None when there is nothing left to tell."""
    if not is_held(told) and all(link["done"] for link in told["links"]):
        return None
    return {**told, "since": (before or at.isoformat()) if is_held(told) else None}


def who_is_done(session: Session, connection_id: int, items: Sequence[Item]) -> dict[str, bool]:
    """Whether those are done for which items wait and of which their own read does not tell, as far as the mirror knows."""
    unknown = {
        link.ref for item in items if isinstance(item.blocked, Blocked) for link in item.blocked.links if link.done is None and link.ref
    }
    if not unknown:
        return {}
    known = {item.ref: item.category for item in items}
    rows = session.execute(
        select(ItemRow.ref, ItemRow.category, ItemRow.gone_at).where(
            ItemRow.connection_id == connection_id, ItemRow.ref.in_(sorted(unknown)), ItemRow.seen_at.is_not(None)
        )
    )
    told = {row.ref: row.gone_at is not None or row.category == Category.DONE.value for row in rows if row.category != Category.UNDEFINED}
    return told | {ref: known[ref] is Category.DONE for ref in unknown & known.keys() if known[ref] is not Category.UNDEFINED}


def pass_on(session: Session, connection_id: int, done: Mapping[str, bool], router: Router, at: datetime) -> set[str]:
    """Tell the items that wait for others whether these are done now, without reading anything. Returns the key results touched."""
    query = select(ItemRow.id, ItemRow.ref, ItemRow.blocked).where(ItemRow.connection_id == connection_id, ItemRow.blocked.is_not(None))
    changed: dict[int, tuple[str, dict[str, Any] | None]] = {}
    for row in session.execute(query):
        told = [{**link, "done": done.get(link["ref"], link["done"])} for link in row.blocked.get("links", ())]
        if told != row.blocked.get("links", []):
            changed[row.id] = row.ref, _since({**row.blocked, "links": told}, row.blocked.get("since"), at)
    for ident in sorted(changed):
        session.execute(update(_TABLE).where(_TABLE.c.id == ident).values(blocked=changed[ident][1]))
    if not changed:
        return set()
    fed = session.scalars(select(MappingItem.mapping_id).where(MappingItem.item_id.in_(changed)).distinct())
    links = [router.links[mapping] for mapping in fed if mapping in router.links]
    return {link.key_result_id for link in (*links, *(link for ref, _ in changed.values() for link in router.as_epic(ref)))}


def wait_for_others(session: Session, connection_id: int) -> list[str]:
    """Refs of the items that wait for others: of these others, nobody may tell when they are done."""
    query = select(ItemRow.ref, ItemRow.blocked).where(
        ItemRow.connection_id == connection_id, ItemRow.blocked.is_not(None), ItemRow.gone_at.is_(None)
    )
    return [ref for ref, blocked in session.execute(query) if blocked.get("links")]
