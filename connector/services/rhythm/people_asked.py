"""Who is asked about a key result: its owner, else its team's lead, who can call decisions, the sponsor; only who is here and may know."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, tzinfo
from typing import Any

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session, aliased

from connector.domain.model import Cadence
from connector.services import calendars
from connector.services.facts import has_left
from connector.services.sign_in.sessions import viewer_of
from connector.store.tables import CheckIn, Cycle, Forum, KeyResult, Objective, Person, Team
from connector.store.visibility import READY, sees_key_result


@dataclass(frozen=True, slots=True)
class Asked:
    """A key result that is being worked on, and the people around it (ids; None where nobody is, or who is not here any more).

    ``begun``: since when updates are asked for · ``last``: the last complete update · ``public``: hosts may show it.
    """

    id: str
    title: str
    cadence: Cadence
    begun: datetime
    last: datetime | None
    cycle_start: date
    cycle_end: date
    public: bool
    forum: int | None
    forum_name: str
    country: str
    zone: tzinfo
    owner: int | None
    away_until: date | None
    lead: int | None
    caller: int | None
    sponsor: int | None

    @property
    def is_away(self) -> bool:
        """Whether the owner is on leave."""
        return self.away_until is not None

    def holidays(self) -> frozenset[date]:
        """The public holidays of its forum, from the year of the first day that matters."""
        return calendars.holidays_between(self.country, self.begun.astimezone(self.zone).date(), self.cycle_end)


def load_asked(
    session: Session, now: datetime, zone: tzinfo, *conditions: ColumnElement[bool], forums: Collection[int] = ()
) -> list[Asked]:
    """The key results of running cycles, by id, in one statement. ``forums``: only theirs."""
    owner, lead, caller, sponsor = (aliased(Person) for _ in range(4))
    gone = owner.id.in_(select(Person.id).where(has_left()))
    query = (
        select(
            KeyResult.id,
            KeyResult.title,
            KeyResult.cadence,
            KeyResult.created_at,
            Objective.restricted,
            Cycle.start,
            Cycle.end,
            Forum.id.label("forum"),
            Forum.name.label("forum_name"),
            Forum.zone,
            Forum.country,
            owner.id.label("owner"),
            owner.away_until,
            lead.id.label("lead"),
            caller.id.label("caller"),
            sponsor.id.label("sponsor"),
            last_update().label("last"),
        )
        .join(Objective, Objective.id == KeyResult.objective_id)
        .join(Cycle, Cycle.id == Objective.cycle_id)
        .outerjoin(Team, Team.id == Objective.team_id)
        .outerjoin(Forum, and_(Forum.id == Team.forum_id, Forum.retired_at.is_(None)))
        .outerjoin(owner, and_(owner.id == KeyResult.owner_id, owner.active.is_(True), ~gone))
        .outerjoin(lead, and_(lead.id == Team.lead_id, lead.active.is_(True)))
        .outerjoin(caller, and_(caller.id == Forum.caller_id, caller.active.is_(True)))
        .outerjoin(sponsor, and_(sponsor.id == Forum.sponsor_id, sponsor.active.is_(True)))
        .where(
            KeyResult.retired_at.is_(None),
            Objective.retired_at.is_(None),
            Objective.closed_at.is_(None),
            Objective.stage == READY,
            Cycle.started_at.is_not(None),
            *conditions,
        )
        .order_by(KeyResult.id)
    )
    if forums:
        query = query.where(Forum.id.in_(forums))
    return list(_running(session.execute(query), now, zone))


def _running(rows: Any, now: datetime, default: tzinfo) -> Iterator[Asked]:
    for row in rows:
        zone = calendars.zone_called(row.zone or "", default)
        today = now.astimezone(zone).date()
        if not row.start <= today <= row.end:
            continue
        begun = max(row.created_at, datetime.combine(row.start, time(), tzinfo=zone))
        away = row.away_until if row.away_until is not None and row.away_until >= today else None
        yield Asked(
            row.id, row.title, Cadence(row.cadence), begun, row.last, row.start, row.end, not row.restricted, row.forum,
            row.forum_name or "", row.country or "", zone, row.owner, away, row.lead, row.caller, row.sponsor,
        )  # fmt: skip


def last_update() -> Any:
    """The moment of the last complete update, for a statement over ``KeyResult``."""
    mine = (CheckIn.key_result_id == KeyResult.id, CheckIn.draft.is_(False))
    return select(CheckIn.created_at).where(*mine).order_by(CheckIn.id.desc()).limit(1).scalar_subquery()


def first_who_may_know(session: Session, key_result: str, people: Collection[int | None]) -> int | None:
    """The first of these people who may know of a key result; None when nobody may."""
    for ident in dict.fromkeys(people):
        person = session.get(Person, ident) if ident is not None else None
        if person is not None and sees_key_result(session, viewer_of(person), key_result):
            return person.id
    return None
