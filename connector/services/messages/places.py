"""Where a key result lives inside a host: its row in Notion, its own page, the epics that feed it. Calls no host."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Text, or_, select, type_coerce
from sqlalchemy.orm import Session

from connector.store.tables import Connection, OkrRow, Panel, PersonAccount


@dataclass(frozen=True, slots=True)
class ItemPlace:
    """An issue, row or page at a connection."""

    connection_id: int
    ref: str


def places_of(session: Session, key_results: Collection[str]) -> dict[str, list[ItemPlace]]:
    """The places of each key result, the nearest first: its row, its page, the epics that show fewest others beside it."""
    if not key_results:
        return {}
    live = (Connection.retired_at.is_(None),)
    found: dict[str, list[ItemPlace]] = {}
    rows = (
        select(OkrRow.record, OkrRow.connection_id, OkrRow.ref)
        .join(Connection, Connection.id == OkrRow.connection_id)
        .where(OkrRow.record.in_(key_results), OkrRow.ref.is_not(None), OkrRow.gone_at.is_(None), *live)
        .order_by(OkrRow.id)
    )
    for record, connection, ref in session.execute(rows):
        found.setdefault(record, []).append(ItemPlace(connection, ref or ""))
    shown = type_coerce(Panel.key_results, Text)
    panels = (
        select(Panel)
        .join(Connection, Connection.id == Panel.connection_id)
        .where(
            Panel.gone_at.is_(None),
            Panel.objective_id.is_(None),
            or_(*(shown.contains(f'"{name}"', autoescape=True) for name in key_results), Panel.key_result_id.in_(key_results)),
            *live,
        )
    )
    for panel in sorted(session.scalars(panels), key=lambda each: (each.key_result_id is None, len(each.key_results), each.id)):
        place = ItemPlace(panel.connection_id, panel.ref)
        for name in {panel.key_result_id or "", *panel.key_results} & set(key_results):
            if place not in found.setdefault(name, []):
                found[name].append(place)
    return found


def place_for(session: Session, key_results: Sequence[str], person_id: int) -> ItemPlace | None:
    """The first place of these key results at a host where this person has an account, None without one."""
    mine = set(
        session.scalars(select(PersonAccount.connection_id).where(PersonAccount.person_id == person_id, PersonAccount.left_at.is_(None)))
    )
    places = places_of(session, key_results) if mine else {}
    return next((place for name in key_results for place in places.get(name, ()) if place.connection_id in mine), None)
