"""An owner's update: checked, stored once, and the key result asked to be computed again. One transaction."""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.checkin import parse_check_in
from connector.errors import Conflict, NotFound, StoreUnavailable
from connector.runtime import Runtime
from connector.services.facts import cycle_end_moment, load_facts
from connector.services.rollup import roll_up_dirty
from connector.store import work
from connector.store.tables import Audit, CheckIn, KeyResult, Person, Reading


@dataclass(frozen=True, slots=True)
class Filed:
    """The stored check-in; ``missing`` names what keeps it a draft; ``repeated`` says that it was filed before."""

    id: int
    draft: bool
    missing: tuple[str, ...]
    repeated: bool = False


def file_check_in(
    runtime: Runtime,
    key_result_id: str,
    data: dict[str, Any],
    *,
    author: str,
    source: str = "api",
    source_id: str | None = None,
    token: str = "",
) -> Filed:
    """File an update of ``author`` (an e-mail address, "" for none known).

    ``token`` is the name of the API token that says so: the audit trail names it as who did this, and the author beside it.
    Whether it may speak for ``author`` is for the caller to know.

    Raises ``InputError`` for bad fields, ``NotFound`` for an unknown key result or person, ``Conflict`` when the cycle is over.
    """
    now = runtime.now()
    identity = source_id or secrets.token_hex(12)
    with runtime.store.write() as session:
        before = session.scalar(select(CheckIn).where(CheckIn.source == source, CheckIn.source_id == identity))
        if before is not None:
            return Filed(before.id, before.draft, (), repeated=True)
        facts = load_facts(session, [key_result_id]).get(key_result_id)
        if facts is None:
            raise NotFound(f"there is no key result {key_result_id!r}")
        if facts.objective.closed_at is not None or now >= cycle_end_moment(facts.cycle, runtime.settings.zone):
            raise Conflict(f"the cycle {facts.cycle.name} is over: values and confidence of {key_result_id} are frozen")
        draft = parse_check_in(data, facts.definition)
        person = _author(session, author)
        missing = draft.missing()
        # A day without a time stands for its end, but never for a moment that has not come yet.
        as_of = min(now, datetime.combine(draft.as_of, time.max, tzinfo=runtime.settings.zone)) if draft.as_of else now
        row = CheckIn(
            key_result_id=key_result_id,
            author_id=person.id if person else None,
            value=draft.value,
            confidence=draft.confidence,
            blocker=draft.blocker or None,
            decision=draft.decision.value if draft.decision else None,
            comment=draft.comment or None,
            movement=facts.row.movement,
            as_of=as_of,
            delayed=draft.delayed,
            draft=bool(missing),
            created_at=now,
            source=source,
            source_id=identity,
        )
        session.add(row)
        session.flush()
        if not missing:
            _moved(session, facts.row, row, author or source, now, facts.readings[-1].value if facts.readings else None)
        speaker = {"token": token, "author": person.email if person else ""} if token else {}
        session.add(
            Audit(
                at=now,
                actor=token or author or source,
                action="check_in",
                entity="key_result",
                entity_id=key_result_id,
                after={"check_in": row.id, "draft": row.draft} | speaker,
            )
        )
        work.want(session, KeyResult, [key_result_id], runtime.epoch())
        filed = Filed(row.id, row.draft, missing)
    # Who files a number and looks again shall see it. The check-in is stored: what fails here is made up for by a worker.
    with suppress(StoreUnavailable):
        roll_up_dirty(runtime)
    runtime.queue.nudge("settle")
    return filed


def _author(session: Session, email: str) -> Person | None:
    if not email:
        return None
    person = session.scalar(select(Person).where(Person.email == email.strip().lower(), Person.active.is_(True)))
    if person is None:
        raise NotFound(f"there is no active person with the e-mail address {email!r}; add them under people and apply")
    return person


def _moved(session: Session, key_result: KeyResult, row: CheckIn, actor: str, now: datetime, previous: float | None) -> None:
    """A check-in with a value is a reading too, also when it confirms the number that was there."""
    if row.value is not None:
        session.add(
            Reading(
                key_result_id=key_result.id,
                value=row.value,
                previous=previous,
                kind="check_in",
                as_of=row.as_of,
                day=row.as_of.astimezone(UTC).date(),
                recorded_at=now,
                actor=actor,
                source={"check_in": row.id},
            )
        )
