"""Reviews as they are planned ahead from the schedule of each forum, and found for a forum or a key result.

Several clocks may plan at once: a nominal day of a forum has one review, and only a planned one is moved or taken away.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any

from sqlalchemy import and_, delete, or_, select, update
from sqlalchemy.orm import Session

from connector.domain.model import Cadence
from connector.domain.review_calendar import Occurrence, Schedule, occurrences, years_of
from connector.runtime import Runtime
from connector.services import calendars
from connector.services.calendars import holidays_of
from connector.services.locks import CLOSED, KEPT_OPEN, LOCKED, OPEN, PLANNED, is_held
from connector.store.inserts import insert_into
from connector.store.tables import Forum, KeyResult, Objective, Person, Review, Team

__all__ = ["AHEAD", "holidays_of", "next_review", "next_reviews", "plan_ahead", "reviews_of", "schedule_of", "zone_of"]

AHEAD = timedelta(weeks=5)
_LATEST = timedelta(days=21)  # so far may a move for holidays carry a review away from its nominal day
_COLUMNS: Any = (Review.id, Review.forum_id, Review.day, Review.starts_at, Review.lock_at, Review.state)


@dataclass
class _Changes:
    """What planning has to do."""

    new: list[dict[str, Any]] = field(default_factory=list)
    moved: list[tuple[int, Occurrence]] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.new or self.moved or self.gone)


def plan_ahead(runtime: Runtime) -> int:
    """Have the reviews of the next five weeks stand in the database as the schedules say now. Returns how many were made or moved.

    Locked, open, closed and skipped ones are left alone. Nothing is planned for the past: what was planned before and missed stays,
    and is locked late. Two statements when there is nothing to do.
    """
    now, zone = runtime.now(), runtime.settings.zone
    with runtime.store.read() as session:
        if not _wanted_changes(session, now, zone):
            return 0
    with runtime.store.write() as session:
        return _carry_out(session, _wanted_changes(session, now, zone), now)  # looked at again: others plan too


def _wanted_changes(session: Session, now: datetime, zone: tzinfo) -> _Changes:
    """What differs between the schedules and the reviews that stand."""
    first, last = (now - _LATEST).date(), (now + AHEAD + _LATEST).date()
    standing: dict[int, dict[date, Any]] = {}
    for row in session.execute(select(*_COLUMNS).where(Review.day >= first, Review.day <= last).order_by(Review.id)):
        standing.setdefault(row.forum_id, {})[row.day] = row
    changes = _Changes()
    for ident, schedule in _schedules(session, zone, first, last):
        of_forum = standing.pop(ident, {})
        _compare(changes, ident, list(occurrences(schedule, first, last)), of_forum, now)
    for of_forum in standing.values():  # forums that do not meet any more
        changes.gone += [row.id for row in of_forum.values() if row.state == PLANNED and now < row.starts_at]
    return changes


def _compare(changes: _Changes, forum_id: int, wanted: Sequence[Occurrence], standing: dict[date, Any], now: datetime) -> None:
    days = {each.day for each in wanted}
    settled = {_week(day) for day, row in standing.items() if day not in days and row.state in (LOCKED, OPEN, CLOSED)}
    horizon = now + AHEAD
    for each in wanted:
        row = standing.get(each.day)
        if not now < each.starts_at <= horizon:
            continue
        if row is None:
            if _week(each.day) not in settled:  # moved to another weekday after this week's was locked or held
                changes.new.append({"forum_id": forum_id, "day": each.day, "starts_at": each.starts_at, "lock_at": each.lock_at})
        elif row.state == PLANNED and (row.starts_at, row.lock_at) != (each.starts_at, each.lock_at):
            changes.moved.append((row.id, each))
    changes.gone += [row.id for day, row in standing.items() if row.state == PLANNED and day not in days and now < row.starts_at <= horizon]


def _carry_out(session: Session, changes: _Changes, now: datetime) -> int:
    count = 0
    if changes.gone:
        session.execute(delete(Review).where(Review.id.in_(changes.gone), Review.state == PLANNED))
    for ident, each in changes.moved:
        moved = update(Review).where(Review.id == ident, Review.state == PLANNED).values(starts_at=each.starts_at, lock_at=each.lock_at)
        count += session.execute(moved).rowcount  # type: ignore[attr-defined]
    if changes.new:
        rows = [{**row, "created_at": now, "minutes": {}} for row in sorted(changes.new, key=lambda row: (row["forum_id"], row["day"]))]
        made = session.scalars(insert_into(session, Review).values(rows).on_conflict_do_nothing().returning(Review.id))
        count += len(made.all())
    return count


def _schedules(session: Session, zone: tzinfo, first: date, last: date) -> Iterable[tuple[int, Schedule]]:
    """The schedules of the forums that meet: with a weekday, and with somebody active who can call decisions (R063)."""
    query = select(Forum).join(Person, and_(Person.id == Forum.caller_id, Person.active.is_(True)))
    for row in session.scalars(query.where(Forum.retired_at.is_(None), Forum.weekday.is_not(None)).order_by(Forum.id)):
        yield row.id, schedule_of(row, zone, first, last)


def schedule_of(forum: Forum, default: tzinfo, first: date, last: date) -> Schedule:
    """The schedule of a forum that has a weekday, with the holidays around these days."""
    years = years_of(first, last)
    return Schedule(
        forum.weekday or 0,
        time.fromisoformat(forum.time),
        Cadence(forum.cadence),
        zone_of(forum, default),
        time.fromisoformat(forum.lock_time),
        forum.lock_days,
        forum.first_on,
        calendars.holidays_between(forum.country, date(years[0], 1, 1), date(years[-1], 12, 31)),
    )


def next_review(session: Session, forum_id: int, now: datetime) -> Review | None:
    """The review of a forum that is being held, or else the next one: planned or locked, not closed, not skipped."""
    return next_reviews(session, [forum_id], now).get(forum_id)


def next_reviews(session: Session, forums: Collection[int], now: datetime) -> dict[int, Review]:
    """``next_review`` of several forums, in one statement; those without one are left out.

    A review that nobody opened stays the next one for half a day after its start, one that nobody closed for a day after its opening.
    """
    coming = and_(Review.state.in_((PLANNED, LOCKED)), Review.starts_at > now - KEPT_OPEN)
    query = select(Review).where(Review.forum_id.in_(forums), or_(is_held(now), coming))
    found: dict[int, Review] = {}
    for row in session.scalars(query.order_by(Review.starts_at, Review.id)) if forums else ():
        before = found.get(row.forum_id)
        if before is None or (row.state == OPEN and before.state != OPEN):
            found[row.forum_id] = row
    return found


def reviews_of(session: Session, key_results: Collection[str], now: datetime) -> dict[str, Review]:
    """The next review (as ``next_review``) of each key result, through the forum of its objective's team; without one it is left out."""
    forums = forums_of(session, key_results)
    found = next_reviews(session, set(forums.values()), now)
    return {name: found[forum] for name, forum in forums.items() if forum in found}


def forums_of(session: Session, key_results: Collection[str]) -> dict[str, int]:
    """Which forum reviews each key result; one that none reviews is left out."""
    if not key_results:
        return {}
    query = (
        select(KeyResult.id, Forum.id)
        .join(Objective, Objective.id == KeyResult.objective_id)
        .join(Team, Team.id == Objective.team_id)
        .join(Forum, Forum.id == Team.forum_id)
        .where(KeyResult.id.in_(key_results), Forum.retired_at.is_(None))
    )
    return {name: forum for name, forum in session.execute(query)}  # noqa: C416 - a row is no pair for the types


def zone_of(forum: Forum, default: tzinfo) -> tzinfo:
    """The time zone of a forum."""
    return calendars.zone_called(forum.zone, default)


def _week(day: date) -> date:
    return day - timedelta(days=day.weekday())
