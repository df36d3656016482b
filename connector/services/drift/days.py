"""How many items each mapping has at the end of a night's sync; next week's counts are judged against them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from sqlalchemy import case, delete, func, select
from sqlalchemy.orm import Session

from connector.domain.model import Category
from connector.services.mirror import upsert
from connector.store.tables import Item, MappingDay, MappingItem
from mappings.repository import Link

KEPT = timedelta(days=120)


def write_days(session: Session, connection_id: int, links: Sequence[Link], day: date) -> None:
    """Keep today's counts of a connection's mappings; a second sync of the day replaces them.

    Of a mapping that is broken or was never listed nothing is known, so nothing is kept.
    """
    rows = session.execute(
        select(MappingItem.mapping_id, func.count(), func.sum(case((Item.category == Category.DONE.value, 1), else_=0)))
        .join(Item, Item.id == MappingItem.item_id)
        .where(Item.connection_id == connection_id, Item.gone_at.is_(None))
        .group_by(MappingItem.mapping_id)
    )
    counts = {mapping: (number, int(done)) for mapping, number, done in rows}
    told = [
        {"mapping_id": link.id, "day": day, "items": counts.get(link.id, (0, 0))[0], "done": counts.get(link.id, (0, 0))[1]}
        for link in sorted(links, key=lambda link: link.id)
        if link.listed and not link.broken
    ]
    upsert(session, MappingDay, ["mapping_id", "day"], told, set_=("items", "done"))
    session.execute(delete(MappingDay).where(MappingDay.day < day - KEPT))
