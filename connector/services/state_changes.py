"""Every change of a key result's state, kept as it happened: reports ask when trouble began and what came of it (R090)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from connector.domain.model import State
from connector.store.tables import StateChange

TROUBLE = (State.AT_RISK.value, State.STALLED.value)


def note_states(session: Session, states: Mapping[str, tuple[str, float | None]], at: datetime) -> list[StateChange]:
    """Note the states (with progress) of key results that were just computed, where they differ from what was noted last."""
    if not states:
        return []
    last = select(func.max(StateChange.id)).where(StateChange.key_result_id.in_(states)).group_by(StateChange.key_result_id)
    before = dict(iter(session.execute(select(StateChange.key_result_id, StateChange.state).where(StateChange.id.in_(last)))))
    made = [
        StateChange(key_result_id=name, at=at, before=before.get(name), state=state, progress=progress)
        for name, (state, progress) in sorted(states.items())
        if before.get(name) != state
    ]
    session.add_all(made)
    return made


def first_at_risk(session: Session, key_results: Collection[str], since: datetime | None = None) -> dict[str, datetime]:
    """When each key result was first at risk or stalled, as far as changes are kept; those that never were are left out."""
    if not key_results:
        return {}
    query = select(StateChange.key_result_id, func.min(StateChange.id)).where(
        StateChange.key_result_id.in_(key_results), StateChange.state.in_(TROUBLE)
    )
    if since is not None:
        query = query.where(StateChange.at >= since)
    ids = [ident for _, ident in session.execute(query.group_by(StateChange.key_result_id))]
    rows = session.execute(select(StateChange.key_result_id, StateChange.at).where(StateChange.id.in_(ids)))
    return {name: at for name, at in rows}  # noqa: C416 - a row is no pair for the types
