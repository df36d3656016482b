"""Which key results a comment can be about: those that its issue, row or page serves or shows. Calls no host.

An issue or row serves what it is mapped to; an objective's page shows its key results; the row of an OKR database is the face of its own.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.model import State
from connector.domain.rights import SYSTEM
from connector.services.forge.issue_links import Found, key_results_of_issue
from connector.services.okr_databases.records import key_results_at
from connector.store.tables import Cycle, Item, KeyResult, MappingItem, Objective, OkrRow, Panel
from connector.store.visibility import public


def served_there(session: Session, connection_id: int, ref: str) -> list[Found]:
    """The key results that a comment at ``ref`` can be about, hidden ones too; what its place shows stands first."""
    shown = dict.fromkeys((*key_results_at(session, connection_id, ref), *_on_page(session, connection_id, ref)))
    found = {each.id: each for each in (*_found(session, list(shown)), *key_results_of_issue(session, SYSTEM, connection_id, ref))}
    return list(found.values())


def known_places(session: Session, connection_id: int, refs: Collection[str]) -> set[str]:
    """Those of the refs that we know: rows of OKR databases, pages with a panel, items that a mapping counts."""
    wanted = list(refs)
    known = set(session.scalars(select(OkrRow.ref).where(OkrRow.connection_id == connection_id, OkrRow.ref.in_(wanted))))
    known |= set(session.scalars(select(Panel.ref).where(Panel.connection_id == connection_id, Panel.ref.in_(wanted))))
    counted = select(MappingItem.item_id).where(MappingItem.item_id == Item.id).exists()
    mirrored = select(Item.ref).where(Item.connection_id == connection_id, Item.ref.in_(wanted), counted)
    return {ref for ref in known if ref} | set(session.scalars(mirrored))


def _on_page(session: Session, connection_id: int, ref: str) -> list[str]:
    """The key results of the objective whose page this is."""
    objective = session.scalar(
        select(Objective)
        .join(Panel, Panel.objective_id == Objective.id)
        .where(Panel.connection_id == connection_id, Panel.ref == ref, Objective.retired_at.is_(None))
    )
    if objective is None or not any((page["connection"], page["ref"]) == (connection_id, ref) for page in objective.pages or ()):
        return []
    return list(session.scalars(select(KeyResult.id).where(KeyResult.objective_id == objective.id, KeyResult.retired_at.is_(None))))


def _found(session: Session, ids: Collection[str]) -> list[Found]:
    rows = session.execute(
        select(KeyResult.id, KeyResult.title, KeyResult.state, public().label("public"))
        .join(Objective, Objective.id == KeyResult.objective_id)
        .join(Cycle, Cycle.id == Objective.cycle_id)
        .where(KeyResult.id.in_(ids), KeyResult.retired_at.is_(None), Objective.retired_at.is_(None))
        .order_by(KeyResult.position, KeyResult.id)
    )
    return [Found(row.id, row.title, State(row.state), bool(row.public)) for row in rows] if ids else []
