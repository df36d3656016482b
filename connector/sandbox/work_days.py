"""How the mapped work of the sample organisation stood at the end of each day: today's counts, and a past that leads to them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import insert, select

from connector.runtime import Runtime
from connector.sandbox.pasts import STEADY_WORK, WEEKS, WORK, Work
from connector.services.drift import days
from connector.store.tables import Connection, Mapping, MappingDay
from mappings.repository import load_links

DAYS = WEEKS * 7
BEGUN = 0.1  # share of today's done work that was done at the start


def write_days(runtime: Runtime) -> None:
    """Count today as the night does, and write the days before it. Mappings must have been listed."""
    today = runtime.now().astimezone(runtime.settings.zone).date()
    with runtime.store.write() as session:
        for connection in session.scalars(select(Connection)):
            days.write_days(session, connection.id, load_links(session, connection_id=connection.id), today)
        session.flush()
        query = select(MappingDay, Mapping.key_result_id).join(Mapping, Mapping.id == MappingDay.mapping_id).where(MappingDay.day == today)
        past: list[dict[str, Any]] = []
        for row, key_result in session.execute(query):
            work = WORK.get(key_result, STEADY_WORK)
            past += [{"mapping_id": row.mapping_id, "day": today - timedelta(days=ago), **_then(row, work, ago)} for ago in range(1, DAYS)]
        session.execute(insert(MappingDay), past)


def _then(today: MappingDay, work: Work, ago: int) -> dict[str, Any]:
    """The counts so many days ago."""
    way = min(1.0, (DAYS - ago) / (DAYS - work.finished))
    share = BEGUN + (1.0 - BEGUN) * way**work.bend
    there = 1.0 if ago < DAYS / 2 else 1.0 - work.grew
    items, points, done = today.items, today.points, today.points_done
    number = min(round(today.done * share), round(items * there))
    return {
        "items": round(items * there),
        "done": number,
        "started": min(today.started or 0, round(items * there) - number),
        "points": None if points is None else round(points * there, 1),
        "points_done": None if done is None else round(done * share, 1),
        "open_points": None if points is None or done is None else round(points * there - done * share, 1),
        "blocked_points": None if points is None else 0.0,
    }
