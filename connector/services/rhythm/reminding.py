"""Reminders to owners whose update is missing: a day before, two hours before and at the lock; one digest, never twice (R053).

Nothing is noted in somebody's quiet hours: what is still missing afterwards is told then, as the step whose time it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.quiet import is_quiet
from connector.domain.reminders import Step, is_missing, step_now, steps_soon
from connector.runtime import Runtime
from connector.services import calendars
from connector.services.locks import LOCKED, PLANNED
from connector.services.messages import tell_item, tell_person
from connector.services.messages.places import place_for
from connector.services.rhythm import reminder_words
from connector.services.rhythm.people_asked import Asked, first_who_may_know, load_asked
from connector.services.rhythm.reminder_words import Entry
from connector.store.inserts import insert_into
from connector.store.tables import KeyResult, Objective, Person, Reminded, Review, Team

KIND = "reminder"
AWAY = "away"  # the step under which a lead is told that an owner is on leave
_FROM = {Step.DAY: tuple(Step), Step.HOURS: (Step.HOURS, Step.LOCK), Step.LOCK: (Step.LOCK,)}  # a step, and those after it
_AHEAD = timedelta(hours=30)  # the first step is a day before a lock, an hour more or less when clocks change, and 4 h are collected
_SAME = timedelta(days=3)  # a lock that was moved by less is the same lock: what was reminded of is not again
_PAUSE = timedelta(minutes=90)  # what was told of so lately is not taken along in another digest
_BACK = timedelta(days=40)  # locks that an update can have been for


def remind(runtime: Runtime) -> int:
    """Note the reminders that are due. Returns how many people are reminded."""
    now, zone = runtime.now(), runtime.settings.zone
    with runtime.store.read() as session:
        entries = _entries(session, runtime, now)
        people = {row.id: row for row in session.scalars(select(Person).where(Person.id.in_(entries)))} if entries else {}
    told = 0
    for ident, mine in sorted(entries.items()):
        person = people[ident]
        own = calendars.zone_called(person.zone, zone)
        if not is_quiet(runtime.settings.quiet, now, own, calendars.weekend_at(own)):
            told += _remind(runtime, person, mine, now)
    return told


def _entries(session: Session, runtime: Runtime, now: datetime) -> dict[int, list[Entry]]:
    """Person → what they are to be reminded of, of those for whom something is due now."""
    coming = session.scalars(
        select(Review)
        .where(Review.state.in_((PLANNED, LOCKED)), Review.starts_at > now, Review.lock_at <= now + _AHEAD)
        .order_by(Review.lock_at)
    ).all()
    reviews = {each.forum_id: each for each in reversed(coming)}
    if not reviews:
        return {}
    told = _told(session, reviews, now)
    found: dict[int, list[Entry]] = {}
    for review, asked in find_missing(session, runtime, reviews.values(), now):
        who = asked.owner
        if who is None or asked.is_away:
            who = first_who_may_know(session, asked.id, [each for each in (asked.lead, asked.caller) if each != asked.owner])
        if who is not None and (entry := _entry(asked, review, told.get((who, asked.id), {}), now)):
            found.setdefault(who, []).append(entry)
    return {who: mine for who, mine in found.items() if any(each.due for each in mine)}


def find_missing(session: Session, runtime: Runtime, reviews: Collection[Review], now: datetime) -> Iterator[tuple[Review, Asked]]:
    """The key results whose update is missing for the lock of a review: two statements for any number of reviews."""
    of_forum: dict[int, list[Review]] = {}
    for review in reviews:
        of_forum.setdefault(review.forum_id, []).append(review)
    if not of_forum:
        return
    earlier = _earlier_locks(session, of_forum, now)
    for asked in load_asked(session, now, runtime.settings.zone, forums=of_forum):
        for review in of_forum[asked.forum or 0]:
            locks = [each for each in earlier.get(review.forum_id, ()) if each < review.lock_at - _SAME]
            if is_missing(asked.cadence, asked.last, asked.begun, review.lock_at, locks, now, asked.zone, asked.holidays()):
                yield review, asked


def _earlier_locks(session: Session, forums: Collection[int], now: datetime) -> dict[int, list[datetime]]:
    found: dict[int, list[datetime]] = {}
    past = select(Review.forum_id, Review.lock_at).where(
        Review.forum_id.in_(forums), Review.lock_at > now - _BACK, Review.lock_at <= now + _AHEAD
    )
    for row in session.execute(past):
        found.setdefault(row.forum_id, []).append(row.lock_at)
    return found


def _told(session: Session, forums: Mapping[int, Review], now: datetime) -> dict[tuple[int, str], dict[str, datetime]]:
    """(person, key result) → step → when it was told, of the locks that come."""
    found: dict[tuple[int, str], dict[str, datetime]] = {}
    query = (
        select(Reminded.person_id, Reminded.key_result_id, Reminded.step, Reminded.at, Reminded.lock_at, Team.forum_id)
        .join(KeyResult, KeyResult.id == Reminded.key_result_id)
        .join(Objective, Objective.id == KeyResult.objective_id)
        .join(Team, Team.id == Objective.team_id)
        .where(Reminded.lock_at > now - 2 * _SAME, Team.forum_id.in_(forums))
    )
    for row in session.execute(query):
        if abs(row.lock_at - forums[row.forum_id].lock_at) < _SAME:
            found.setdefault((row.person_id, row.key_result_id), {})[row.step] = row.at
    return found


def _entry(asked: Asked, review: Review, told: Mapping[str, datetime], now: datetime) -> Entry | None:
    """What is to be told of one key result: the step whose time it is, else one that comes soon; None when that was told."""
    present = step_now(review.lock_at, review.starts_at, asked.zone, now)
    soon = [each for each in steps_soon(review.lock_at, review.starts_at, asked.zone, now) if each not in told]
    if asked.owner is not None and asked.is_away:
        step, due = (AWAY, present is not None) if present or soon else ("", False)
        step = "" if AWAY in told else step
    elif present is not None and not any(each in told for each in _FROM[present]):
        # A day's notice that comes so late is the one of the hours before.
        step, due = (soon[0] if present is Step.DAY and soon else present), True
    else:
        lately = any(now - at < _PAUSE for at in told.values())
        step, due = (soon[0] if soon and not lately else ""), False
    return Entry(asked, review.lock_at, review.starts_at, str(step), due) if step else None


def _remind(runtime: Runtime, person: Person, entries: Sequence[Entry], now: datetime) -> bool:
    with runtime.store.write() as session:
        new = _note(session, person.id, entries, now)
        mine = sorted((each for each in entries if (each.asked.id, each.step) in new), key=lambda each: (each.lock_at, each.asked.title))
        if not mine:
            return False  # somebody else reminds them at this moment
        words = reminder_words.words_for(mine, person.zone, runtime.settings.noted_address, now, runtime.settings.zone)
        ident = hashlib.sha256("|".join(f"{each.asked.id}@{each.lock_at.isoformat()}@{each.step}" for each in mine).encode()).hexdigest()[
            :20
        ]
        told = tell_person(
            session,
            person.id,
            key=f"{KIND}:{ident}",
            kind=KIND,
            subject=words.subject,
            lines=words.lines,
            link=words.link,
            now=now,
            unless={
                "after": max(each.starts_at for each in mine).isoformat(),
                "updated": {"key_results": [each.asked.id for each in mine], "since": now.isoformat()},
            },
            about={each.asked.id for each in mine},
        )
        _mention(session, runtime, person, mine, f"{KIND}:{person.id}:{ident}", now)
    return told


def _note(session: Session, person: int, entries: Sequence[Entry], now: datetime) -> set[tuple[str, str]]:
    """Note what the person is reminded of; gives what nobody had noted before."""
    rows = [
        {"person_id": person, "key_result_id": each.asked.id, "lock_at": each.lock_at, "step": each.step, "at": now}
        for each in sorted(entries, key=lambda each: each.asked.id)  # a fixed order: no deadlocks
    ]
    statement = insert_into(session, Reminded).values(rows).on_conflict_do_nothing().returning(Reminded.key_result_id, Reminded.step)
    return {(row.key_result_id, row.step) for row in session.execute(statement)}


def _mention(session: Session, runtime: Runtime, person: Person, entries: Sequence[Entry], key: str, now: datetime) -> None:
    """A day before the lock also where they work: one comment at the first place, about all that everybody may read."""
    mine = [each for each in entries if each.step == Step.DAY and each.asked.public]
    place = place_for(session, [each.asked.id for each in mine], person.id) if mine else None
    if place is not None:
        words = reminder_words.words_for(mine, person.zone, runtime.settings.noted_address, now, runtime.settings.zone)
        lines = [words.subject, *words.lines]
        about = {each.asked.id for each in mine}
        tell_item(session, place.connection_id, place.ref, key=key, kind=KIND, lines=lines, mention=[person.id], now=now, about=about)
