"""Blockers with their clock, declared in check-ins or seen in the work; the clock starts at the first of the two (S3).

``look`` brings the rows up to date with what updates say and what the mirror shows. It runs before every computation of a key result,
so at least once an hour; a second look changes nothing. What people say of a blocker is in ``saying``.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from connector.domain.model import State
from connector.domain.rhythm import after_working_days
from connector.domain.signals.blocked import (
    DECLARED,
    DETECTED,
    DISMISSED,
    OWNER,
    SEEN,
    TOLD,
    UPDATE,
    Work,
    is_worth_saying,
    seen,
    sentence,
    share_held,
    stands_long_enough,
)
from connector.services.calendars import holidays_between, zone_called
from connector.services.insight.open_points import named_blockers
from connector.services.messages import tell_person
from connector.services.signals.held_work import Held, load_held, load_open
from connector.store.inserts import insert_into
from connector.store.tables import Blocker, CheckIn, Forum, KeyResult, Objective, Team
from mappings.repository import load_links

_YEAR = timedelta(days=366)


def standing_blockers(session: Session, key_results: Collection[str]) -> dict[str, list[Blocker]]:
    """The blockers that stand, by key result, the oldest first."""
    if not key_results:
        return {}
    found: dict[str, list[Blocker]] = {}
    query = select(Blocker).where(Blocker.key_result_id.in_(key_results), Blocker.ended_at.is_(None)).order_by(Blocker.since, Blocker.id)
    for row in session.scalars(query):
        found.setdefault(row.key_result_id, []).append(row)
    return found


@dataclass
class _Look:
    """One look at some key results."""

    session: Session
    now: datetime
    zone: tzinfo
    named: dict[str, Any]  # the last check-in of an unbroken run that names a blocker
    past: dict[str, list[Blocker]]  # ended by a person's word, the latest last
    held: dict[str, Held]
    open_work: dict[str, list[Work]]  # of those with something that is held up
    changed: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Place:
    """A key result with the calendar of its forum."""

    id: str
    title: str
    owner: int | None
    over: bool
    zone: tzinfo
    holidays: frozenset[date]


def look(session: Session, ids: Collection[str], now: datetime, zone: tzinfo) -> set[str]:
    """Make, renew and end the blockers of these key results. Returns those of which something changed.

    ``zone``: of the installation, where a forum has none of its own.
    """
    places = _places(session, ids, now, zone)
    if not places:
        return set()
    standing = standing_blockers(session, list(places))
    links = load_links(session, key_results=list(places))
    held = load_held(session, links)
    open_work = load_open(session, [link for link in links if link.key_result_id in held])
    looking = _Look(session, now, zone, named_blockers(session, list(places)), _past(session, list(places)), held, open_work)
    speakers = _last_speakers(session, [name for name, rows in standing.items() if name not in looking.named and rows])
    for name, place in places.items():
        rows = {row.source: row for row in standing.get(name, ())}
        detected = rows.get(DETECTED)
        declared = _declare(looking, place, rows.get(DECLARED), detected, speakers.get(name))
        if detected is not None and detected.ended_at is None:
            _answer(looking, detected, speakers.get(name))
        _detect(looking, place, declared, detected if detected is not None and detected.ended_at is None else None)
    session.flush()
    return looking.changed


def _places(session: Session, ids: Collection[str], now: datetime, zone: tzinfo) -> dict[str, _Place]:
    rows = session.execute(
        select(KeyResult.id, KeyResult.title, KeyResult.owner_id, KeyResult.state, Forum.zone, Forum.country)
        .join(Objective, Objective.id == KeyResult.objective_id)
        .outerjoin(Team, Team.id == Objective.team_id)
        .outerjoin(Forum, Forum.id == Team.forum_id)
        .where(KeyResult.id.in_(ids), KeyResult.retired_at.is_(None))
        .order_by(KeyResult.id)
    )
    found: dict[str, _Place] = {}
    for row in rows:
        own = zone_called(row.zone or "", zone)
        today = now.astimezone(own).date()  # there a year may have begun whose holidays count
        holidays = holidays_between(row.country or "", today - _YEAR, today)
        found[row.id] = _Place(row.id, row.title, row.owner_id, row.state == State.CLOSED, own, holidays)
    return found


def _past(session: Session, ids: Collection[str]) -> dict[str, list[Blocker]]:
    """Those that a person's word has ended: what was said of the same work before is not asked again."""
    found: dict[str, list[Blocker]] = {}
    query = select(Blocker).where(
        Blocker.key_result_id.in_(ids), Blocker.ended_at.is_not(None), Blocker.ended_by.in_((OWNER, DISMISSED, UPDATE))
    )
    for row in session.scalars(query.order_by(Blocker.ended_at, Blocker.id)):
        found.setdefault(row.key_result_id, []).append(row)
    return found


def _last_speakers(session: Session, ids: Sequence[str]) -> dict[str, Any]:
    """The last check-in of each of these: (id, author_id, created_at)."""
    if not ids:
        return {}
    last = select(func.max(CheckIn.id)).where(CheckIn.key_result_id.in_(ids), CheckIn.draft.is_(False)).group_by(CheckIn.key_result_id)
    rows = session.execute(select(CheckIn.key_result_id, CheckIn.author_id, CheckIn.created_at).where(CheckIn.id.in_(last)))
    return {row.key_result_id: row for row in rows}


# --- declared in updates -------------------------------------------------------------------------------------------------------


def _declare(looking: _Look, place: _Place, row: Blocker | None, detected: Blocker | None, speaker: Any) -> Blocker | None:
    """The declared blocker as updates tell it now; None when there is none."""
    run = looking.named.get(place.id)
    cleared = next((each.ended_at for each in reversed(looking.past.get(place.id, ())) if each.source == DECLARED), None)
    if run is not None and cleared is not None and row is None and run.created_at <= cleared:
        return None  # the owner said since then that it is gone
    if run is None:
        if row is not None:
            _end(looking, row, UPDATE, speaker.author_id if speaker is not None else None)
        return None
    since = run.begun_as_of if cleared is None or run.begun_at > cleared else run.as_of
    link = run.blocker_link if isinstance(run.blocker_link, dict) else None
    if row is None:
        row = _begin(looking, place, DECLARED, text=run.blocker, link=link, share=None, since=since, evidence={"check_in": run.id})
        row.confirmed_at = run.created_at
    _set(looking, row, text=run.blocker, link=link, since=min(row.since, since))
    if row.evidence.get("check_in") != run.id:  # named once more: whatever was asked, that is the answer
        kept = row.clear_at is not None or bool(row.evidence.get("kept"))
        _set(looking, row, clear_at=None, evidence={**row.evidence, "check_in": run.id, "kept": kept})
    if detected is not None and _same(row, detected):
        places = {**row.evidence.get("places", {}), **detected.evidence.get("places", {})}
        _set(looking, row, since=min(row.since, detected.since), share=detected.share, evidence={**row.evidence, "places": places})
        _end(looking, detected, UPDATE, None, reason="named in an update", evidence={**detected.evidence, "named": True})
    _follow(looking, place, row)
    return row


def _same(declared: Blocker, detected: Blocker) -> bool:
    """Whether a blocker that was seen is the one that an update names: by the picked item, or by its key in the text."""
    link = declared.link or {}
    if f"{link.get('connection')}:{link.get('ref')}" in detected.evidence.get("places", {}):
        return True
    key = str((detected.link or {}).get("key") or "")
    return bool(key) and key in declared.text


def _follow(looking: _Look, place: _Place, row: Blocker) -> None:
    """Keep in mind that the item which an update names is held up, and ask whether it is over when it is not any more."""
    held = looking.held.get(place.id, Held())
    link = row.link or {}
    named = f"{link.get('connection')}:{link.get('ref')}" if link else ""
    stand = {each.place: each for each in held.work}
    places = dict(row.evidence.get("places", {}))
    if named in stand:
        since = stand[named].since
        places[named] = since.isoformat() if since else ""
        _set(looking, row, since=min(row.since, since) if since else row.since, evidence={**row.evidence, "places": places})
    if not places:
        return
    if places.keys() & stand.keys():
        _set(looking, row, clear_at=None, evidence={name: value for name, value in row.evidence.items() if name != "kept"})
    elif row.clear_at is None and not row.evidence.get("kept"):
        _propose_clearing(looking, place, row)


# --- seen in the work ----------------------------------------------------------------------------------------------------------


def _answer(looking: _Look, row: Blocker, speaker: Any) -> None:
    """A confirmed one ends with the next update that names no blocker."""
    silent = row.key_result_id not in looking.named and speaker is not None
    if row.confirmed_at is not None and silent and speaker.created_at > row.confirmed_at:
        _end(looking, row, UPDATE, speaker.author_id)


def _detect(looking: _Look, place: _Place, declared: Blocker | None, row: Blocker | None) -> None:
    if row is not None and row.ended_at is not None:
        return
    held = looking.held.get(place.id, Held())
    if place.over or (row is None and not held.work):
        if row is not None:
            _end(looking, row, SEEN, None)
        return
    known = set(row.evidence.get("places", {})) if row is not None else set()
    named = set(declared.evidence.get("places", {})) if declared is not None else set()
    waved = _waved_away(looking, place.id)
    counted = [
        each
        for each in held.work
        if each.since is not None
        and each.place not in named
        and not (each.place in waved and each.since <= waved[each.place])
        and (each.place in known or stands_long_enough(each.since, looking.now, place.zone, place.holidays))
    ]
    if not counted:
        if row is not None:
            _over(looking, place, row)
        return
    share, worth = _weigh(looking, place.id, counted)
    if row is None and not worth:
        return
    first = counted[0]
    told: dict[str, Any] = {
        "text": sentence(counted),
        "link": held.links[first.place],
        "share": share,
        "since": min(each.since for each in counted if each.since is not None),
        "evidence": {"places": {each.place: each.since.isoformat() for each in counted if each.since is not None}},
    }
    if row is not None:
        _set(looking, row, clear_at=None, **told)
        return
    row = _begin(looking, place, DETECTED, **told)
    _tell_owner(
        looking, place, row, "blocker_seen", "Is this in the way?", seen(place.id, row.text, row.since, row.share, place.zone).sentence
    )


def _weigh(looking: _Look, name: str, counted: Sequence[Work]) -> tuple[float | None, bool]:
    """(β, whether it is worth saying): an epic that is held up holds up everything open below it."""
    work = looking.open_work.get(name, [])
    stuck = {each.place for each in counted}
    held = {each.place for each in work if each.place in stuck or each.epic in stuck}
    share = share_held(work, held)
    return share, is_worth_saying(work, held, share)


def _waved_away(looking: _Look, name: str) -> dict[str, datetime]:
    """Items of which a person said that they are not in the way, and when: what began before that is not said again."""
    found: dict[str, datetime] = {}
    for row in looking.past.get(name, ()):
        if row.source == DETECTED and row.ended_at is not None and not row.evidence.get("named"):
            found.update(dict.fromkeys(row.evidence.get("places", {}), row.ended_at))
    return found


def _over(looking: _Look, place: _Place, row: Blocker) -> None:
    """Flag and links are gone. What nobody confirmed, and nobody beside the owner heard of, just ends; else the owner is asked once."""
    heard = looking.now >= after_working_days(row.since, TOLD, place.zone, place.holidays)
    if row.confirmed_at is None and not heard and row.clear_at is None:
        _end(looking, row, SEEN, None)
    elif row.clear_at is None and not row.evidence.get("kept"):
        _propose_clearing(looking, place, row)


# --- writing -------------------------------------------------------------------------------------------------------------------


def _propose_clearing(looking: _Look, place: _Place, row: Blocker) -> None:
    _set(looking, row, clear_at=looking.now)
    sentence = f"Nothing holds it up any more: “{row.text}”. Is it cleared?"
    _tell_owner(looking, place, row, "blocker_clear", "Is this blocker cleared?", sentence)


def _tell_owner(looking: _Look, place: _Place, row: Blocker, kind: str, subject: str, sentence: str) -> None:
    if place.owner is not None:
        key = f"{kind}:{row.id}:{looking.now.astimezone(place.zone).date().isoformat()}"
        link = f"/key-results/{place.id}#blockers"
        tell_person(
            looking.session,
            place.owner,
            key=key,
            kind=kind,
            subject=f"{place.title}: {subject}",
            lines=[sentence],
            link=link,
            now=looking.now,
            about=[place.id],
        )


def _begin(looking: _Look, place: _Place, source: str, **told: Any) -> Blocker:
    """A new row, or the one that somebody else made of the same at the same moment."""
    session = looking.session
    session.execute(insert_into(session, Blocker).values(key_result_id=place.id, source=source, **told).on_conflict_do_nothing())
    looking.changed.add(place.id)
    mine = (Blocker.key_result_id == place.id, Blocker.source == source, Blocker.ended_at.is_(None))
    return session.scalars(select(Blocker).where(*mine)).one()


def _set(looking: _Look, row: Blocker, **values: Any) -> None:
    for name, value in values.items():
        if getattr(row, name) != value:
            setattr(row, name, value)
            looking.changed.add(row.key_result_id)


def _end(looking: _Look, row: Blocker, by: str, person: int | None, **more: Any) -> None:
    _set(looking, row, ended_at=looking.now, ended_by=by, ended_by_id=person, **more)
