"""How many items each mapping has at the end of a night's sync; next week's counts are judged against them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date, timedelta

import orjson
from sqlalchemy import Text, case, delete, func, select, type_coerce
from sqlalchemy.orm import Session

from connector.domain.model import Category
from connector.domain.signals.blocked import is_held
from connector.services.mirror import upsert
from connector.services.signals.held_work import number_in
from connector.services.sources import point_ids
from connector.store.tables import Item, MappingDay, MappingItem
from mappings.repository import Link

KEPT = timedelta(days=120)


def write_days(session: Session, connection_id: int, links: Sequence[Link], day: date) -> None:
    """Keep today's counts of a connection's mappings; a second sync of the day replaces them.

    Of a mapping that is broken or was never listed nothing is known, so nothing is kept.
    """
    points = {ident: None for link in links for ident in point_ids(link)}
    counts = _count(session, connection_id, tuple(points))
    told = [
        {"mapping_id": link.id, "day": day, **asdict(counts.get(link.id, _Counts()))}
        for link in sorted(links, key=lambda link: link.id)
        if link.listed and not link.broken
    ]
    upsert(session, MappingDay, ["mapping_id", "day"], told, set_=tuple(each.name for each in fields(_Counts)))
    session.execute(delete(MappingDay).where(MappingDay.day < day - KEPT))


@dataclass
class _Counts:
    """One mapping's day. Points are None where no item has any, ``started`` where no item has a status."""

    items: int = 0
    done: int = 0
    started: int | None = 0
    points: float | None = None
    points_done: float | None = None
    open_points: float | None = None
    blocked_points: float | None = None


def _count(session: Session, connection_id: int, points: Sequence[str]) -> dict[int, _Counts]:
    """The counts of each mapping of a connection. Fields are looked at only where points are known."""
    found: dict[int, _Counts] = {}
    rows = session.execute(
        select(MappingItem.mapping_id, func.count(), *(func.sum(case((Item.category == each.value, 1), else_=0)) for each in _COUNTED))
        .join(Item, Item.id == MappingItem.item_id)
        .where(Item.connection_id == connection_id, Item.gone_at.is_(None))
        .group_by(MappingItem.mapping_id)
    )
    for mapping, number, done, started, untold in rows:
        found[mapping] = _Counts(number, int(done), None if untold == number else int(started))
    if not points:
        return found
    told = session.execute(
        select(MappingItem.mapping_id, Item.category, type_coerce(Item.fields, Text), type_coerce(Item.blocked, Text))
        .join(Item, Item.id == MappingItem.item_id)
        .where(Item.connection_id == connection_id, Item.gone_at.is_(None), type_coerce(Item.fields, Text) != "{}")
    )
    for mapping, category, stored, blocked in told:
        number = number_in(orjson.loads(stored), points)
        if number is None:
            continue
        counts, is_done = found[mapping], category == Category.DONE.value
        held = not is_done and blocked is not None and is_held(orjson.loads(blocked))
        counts.points = (counts.points or 0.0) + number
        counts.points_done = (counts.points_done or 0.0) + (number if is_done else 0.0)
        counts.open_points = (counts.open_points or 0.0) + (0.0 if is_done else number)
        counts.blocked_points = (counts.blocked_points or 0.0) + (number if held else 0.0)
    return found


_COUNTED = (Category.DONE, Category.STARTED, Category.UNDEFINED)
