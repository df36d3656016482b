"""Work that is held up behind key results, and all that is still open there, from our own mirror: what blockers are detected by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from connector.domain.model import Category
from connector.domain.signals.blocked import Work, is_held
from connector.services.sources import point_ids
from connector.store.tables import Item, MappingItem
from mappings.repository import Link
from mappings.rules import SelectorKind

_COLUMNS = (
    *(Item.connection_id, Item.ref, Item.key, Item.title, Item.url, Item.parents, Item.fields, Item.blocked),
    *(Item.category, Item.gone_at),
)


@dataclass(frozen=True, slots=True)
class Held:
    """What is held up behind one key result, the longest first; ``links``: where each stands, as in ``CheckIn.blocker_link``."""

    work: tuple[Work, ...] = ()
    links: Mapping[str, dict[str, Any]] = field(default_factory=dict)


def place_of(connection_id: int, ref: str) -> str:
    """What an item is known by over all connections."""
    return f"{connection_id}:{ref}"


def load_held(session: Session, links: Sequence[Link]) -> dict[str, Held]:
    """The open items that are held up, by key result; mapped epics count as items. Two statements."""
    found: dict[str, dict[str, tuple[Work, dict[str, Any]]]] = {}
    by_id = {link.id: link for link in links}
    of_epic = _by_epic(links)
    held = (Item.blocked.is_not(None), *_OPEN)
    rows = _members(session, by_id, *held)
    epics = session.execute(
        select(*_COLUMNS).where(
            Item.connection_id.in_({connection for connection, _ in of_epic}), Item.ref.in_({ref for _, ref in of_epic}), *held
        )
    )
    told = [(by_id[row.mapping_id], row) for row in rows]
    told += [(link, row) for row in (epics if of_epic else ()) for link in of_epic.get((row.connection_id, row.ref), ())]
    for link, row in told:
        if is_held(row.blocked) and row.blocked.get("since"):
            where = {"connection": row.connection_id, "ref": row.ref, "key": row.key, "url": row.url}
            found.setdefault(link.key_result_id, {}).setdefault(place_of(row.connection_id, row.ref), (_work(row, link, ()), where))
    return {
        name: Held(
            tuple(sorted((each for each, _ in places.values()), key=lambda each: (str(each.since or ""), each.place))),
            {place: where for place, (_, where) in places.items()},
        )
        for name, places in found.items()
    }


def load_open(session: Session, links: Sequence[Link]) -> dict[str, list[Work]]:
    """All open items by key result, each once. One statement, none without mappings."""
    if not links:
        return {}
    by_id = {link.id: link for link in links}
    points = _points(links)
    found: dict[str, dict[str, Work]] = {}
    for row in _members(session, by_id, *_OPEN):
        link = by_id[row.mapping_id]
        places = found.setdefault(link.key_result_id, {})
        place = place_of(row.connection_id, row.ref)
        if place not in places or not places[place].epic:
            places[place] = _work(row, link, points.get(link.key_result_id, ()))
    return {name: list(places.values()) for name, places in found.items()}


def open_again(session: Session, places: Iterable[str]) -> set[str]:
    """Those of the places whose item is known, open and there."""
    wanted = {(int(connection), ref) for connection, _, ref in (place.partition(":") for place in places)}
    if not wanted:
        return set()
    rows = session.execute(
        select(Item.connection_id, Item.ref).where(
            Item.connection_id.in_({connection for connection, _ in wanted}), Item.ref.in_({ref for _, ref in wanted}), *_OPEN
        )
    )
    return {place_of(connection, ref) for connection, ref in rows if (connection, ref) in wanted}


_OPEN = (Item.category != Category.DONE.value, Item.gone_at.is_(None))


def _members(session: Session, links: Mapping[int, Link], *where: ColumnElement[bool]) -> Any:
    query = select(MappingItem.mapping_id, *_COLUMNS).join(Item, Item.id == MappingItem.item_id)
    return session.execute(query.where(MappingItem.mapping_id.in_(links), *where).order_by(MappingItem.mapping_id, Item.id))


def _by_epic(links: Sequence[Link]) -> dict[tuple[int, str], list[Link]]:
    found: dict[tuple[int, str], list[Link]] = {}
    for link in links:
        if link.rule.selector.kind is SelectorKind.EPICS:
            for ref in link.resolved.refs.values():
                found.setdefault((link.connection_id, ref), []).append(link)
    return found


def _points(links: Sequence[Link]) -> dict[str, tuple[str, ...]]:
    """The ids of the fields with points, by key result: what one of its mappings measures is known of all its items."""
    found: dict[str, dict[str, None]] = {}
    for link in links:
        found.setdefault(link.key_result_id, {}).update(dict.fromkeys(point_ids(link)))
    return {name: tuple(ids) for name, ids in found.items()}


def _work(row: Any, link: Link, points: Sequence[str]) -> Work:
    epics = set(link.resolved.refs.values()) if link.rule.selector.kind is SelectorKind.EPICS else set()
    since = (row.blocked or {}).get("since")
    return Work(
        place=place_of(row.connection_id, row.ref),
        name=row.title if row.key in ("", row.ref) else f"{row.key} {row.title}",
        points=number_in(row.fields, points),
        epic=next((place_of(row.connection_id, parent) for parent in row.parents if parent in epics), ""),
        since=datetime.fromisoformat(since) if since else None,
        blocked=row.blocked,
    )


def number_in(fields: Mapping[str, Any], ids: Sequence[str]) -> float | None:
    """The first number in these stored fields."""
    values = (fields.get(ident) for ident in ids)
    return next((float(value) for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)), None)
