"""Asking people about a value that was held back: the owner at once, and again each cadence; from the second time the team's lead too."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.model import Cadence
from connector.domain.rhythm import cadence_length
from connector.domain.wording import with_capital
from connector.services.messages.outgoing import tell_person
from connector.store.tables import HeldValue, KeyResult, Objective, Person, Team

WAITS = "waits"
"""Where ``HeldValue.reading`` keeps how long its level waits: "since", "steady", "asked" (moments), "times", "refused"."""


def waits_of(held: HeldValue) -> dict[str, Any]:
    """Since when values wait at the level of a held one, when that was asked about last and how often."""
    at = held.at.isoformat()
    return {"since": at, "steady": at, "asked": at, "times": 1, "refused": False, **(held.reading.get(WAITS) or {})}


def ask(session: Session, row: KeyResult, held: HeldValue, now: datetime) -> None:
    """Ask the owner, or the lead of the team where nobody who is here owns it; from the second time both."""
    times = waits_of(held)["times"]
    owner = session.scalar(select(Person.id).where(Person.id == row.owner_id, Person.active.is_(True)))
    lead = session.scalar(
        select(Person.id)
        .join(Team, Team.lead_id == Person.id)
        .join(Objective, Objective.team_id == Team.id)
        .where(Objective.id == row.objective_id, Person.active.is_(True))
    )
    asked = {owner, lead} if times > 1 else {owner or lead}
    lines = [with_capital(held.why), "The last value stays until somebody takes or refuses the new one, with a reason."]
    for person in sorted(each for each in asked if each is not None):
        tell_person(
            session,
            person,
            key=f"held:{held.id}" if times == 1 else f"held:{held.id}:{times}",
            kind="value_held",
            subject=row.title,
            lines=lines,
            link=f"/key-results/{row.id}#held",
            now=now,
            about=[row.id],
        )


def ask_again(session: Session, key_results: Collection[str], now: datetime) -> None:
    """Ask about each value that waits and was asked about a cadence ago."""
    query = (
        select(HeldValue, KeyResult)
        .join(KeyResult, KeyResult.id == HeldValue.key_result_id)
        .where(HeldValue.key_result_id.in_(key_results), HeldValue.outcome.is_(None))
        .order_by(HeldValue.id)
        .with_for_update(of=HeldValue)
    )
    for held, row in session.execute(query).all():
        waits = waits_of(held)
        if now - datetime.fromisoformat(waits["asked"]) < cadence_length(Cadence(row.cadence)):
            continue
        held.reading = {**held.reading, WAITS: {**waits, "asked": now.isoformat(), "times": waits["times"] + 1}}
        ask(session, row, held, now)
