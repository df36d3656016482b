"""What a forum reads before its review: gathered from everything that is known of its key results, and cut down to one reader.

A bounded number of statements, however many key results a forum has.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from connector.domain import pre_read, wording
from connector.domain.model import State
from connector.domain.pre_read import Asked, Blocked, Entry, Noticed, Snapshot, Source, Undecided, Updated
from connector.domain.rights import SYSTEM, Viewer
from connector.domain.scoring import raw_progress
from connector.domain.triage import Edges
from connector.services import decisions
from connector.services.facts import Facts, load_facts
from connector.services.insight import answering
from connector.services.insight.answering import ASK_WORDS
from connector.services.insight.discipline import Standing, Update, load_standings
from connector.services.insight.open_points import Point, load_asks, load_blockers
from connector.services.insight.scope import Light, Scope, find_scope, load_lights, most_urgent
from connector.services.locks import bound_reviews
from connector.services.panels.building import describe_key_result
from connector.services.rhythm.raising import standing_levels
from connector.services.signals.standing import standing
from connector.store.batches import batches
from connector.store.tables import Forum, PreRead, Review, Team
from connector.store.visibility import public, those_of, visible, visible_in_hosts
from mappings.rules import Mode

SILENT = timedelta(hours=Edges().source_hours)


def gather(session: Session, review: Review, forum: Forum, now: datetime, zone: tzinfo) -> Snapshot:
    """Everything that the forum has to know now, restricted key results too; not frozen. ``zone``: the forum's."""
    today = now.astimezone(zone).date()
    scope = replace(find_scope(session, today), forum=forum.id, forum_name=forum.name)  # a retired one is shown, too
    lights = most_urgent(load_lights(session, SYSTEM, scope, today)) if scope.cycles else []
    ids = [each.id for each in lights]
    facts: dict[str, Facts] = {}
    for part in batches(ids):
        facts |= load_facts(session, part, computing=False)
    asks = {each.key_result: each for each in load_asks(session, {each.id: each.ask for each in lights if each.ask})}
    blockers: dict[str, Point] = {}
    for point in load_blockers(session, [each.id for each in lights if each.blocked]):
        blockers.setdefault(point.key_result, point)
    updates = {each.light.id: each for each in load_standings(session, lights, now, zone)}
    signals = {name: [Noticed(each.kind, each.sentence) for each in rows] for name, rows in standing(session, ids).items()}
    missed = standing_levels(session, [name for name, each in updates.items() if each.update.value in pre_read.MISSING])
    entries = tuple(
        _entry(
            each,
            facts[each.id],
            asks.get(each.id),
            blockers.get(each.id),
            updates.get(each.id),
            signals.get(each.id, ()),
            missed.get(each.id, 0),
            now,
            zone,
        )
        for each in lights
        if each.id in facts
    )
    found = Snapshot(
        forum=forum.name,
        review_id=review.id,
        day=review.day,
        lock_text=wording.moment_text(review.lock_at, zone),
        starts_text=wording.weekday_moment_text(review.starts_at, zone),
        frozen_text=wording.moment_text(now, zone),
        frozen_at=now,
        lock_at=review.lock_at,
        entries=entries,
        counts=pre_read.counted(entries),
        sources=_sources(list(facts.values()), now, zone),
        decisions=_decisions(session, ids, today, zone),
    )
    return replace(found, answers=answers_of(found))


def answers_of(snapshot: Snapshot) -> pre_read.Answers:
    """The three questions over the entries of a snapshot."""
    asks = pre_read.asking(snapshot)
    oldest = asks[0].ask.since_text if asks and asks[0].ask else ""
    return answering.answers(snapshot.entries, len(asks), f"oldest {oldest}" if oldest else "")


def _entry(
    light: Light,
    facts: Facts,
    ask: Point | None,
    blocker: Point | None,
    update: Standing | None,
    signals: Sequence[Noticed],
    missed: int,
    now: datetime,
    zone: tzinfo,
) -> Entry:
    panel = describe_key_result(facts, "", now, zone)
    return Entry(
        id=light.id,
        title=light.title,
        objective=light.objective_id,
        objective_title=facts.objective.title,
        state=light.state,
        state_word=panel.state_word,
        bucket=light.bucket,
        moves=light.moves,
        owner=panel.owner,
        team=light.team,
        team_id=facts.objective.team_id,
        cycle_id=facts.objective.cycle_id,
        cycle=facts.cycle.name,
        public=facts.public,
        early=light.early,
        reasons=tuple(facts.row.reasons or ()),
        start_text=panel.start_text,
        target_text=panel.target_text,
        current_text=panel.current_text,
        sentence=panel.sentence,
        movement_text=panel.movement_text,
        progress=light.progress,
        expected=light.expected,
        share=light.share,
        confidence=panel.confidence,
        trail=tuple(panel.confidence_trail),
        question=panel.question,
        source_text=panel.source_text,
        blocker=None if blocker is None else Blocked(blocker.text, *_stood(blocker, now, zone), blocker.key, blocker.address),
        ask=None if ask is None else Asked(ask.kind, ASK_WORDS.get(ask.kind, ask.kind), ask.text, *_stood(ask, now, zone)),
        update=Updated() if update is None else _updated(update, missed, zone),
        signals=tuple(signals),
        ahead=_ahead(facts),
        decide_by=str((facts.row.insight or {}).get("decide_by") or "")[:10],
    )


def _stood(point: Point, now: datetime, zone: tzinfo) -> tuple[datetime | None, str, int | None]:
    if point.since is None:
        return None, "", None
    return point.since, f"since {wording.local_day_text(point.since, zone)}", wording.calendar_days(point.since, now, zone)


def _ahead(facts: Facts) -> float | None:
    forecast = (facts.row.insight or {}).get("forecast")
    return raw_progress(facts.definition, float(forecast)) if isinstance(forecast, (int, float)) else None


def _updated(found: Standing, missed: int, zone: tzinfo) -> Updated:
    text = f"last check-in {wording.local_day_text(found.last, zone)}" if found.last else "no check-in yet"
    if found.update is Update.DRAFT:
        text += ", a draft waits"
    return Updated(found.update.value, text, found.last, found.due, missed)


def _sources(known: Sequence[Facts], now: datetime, zone: tzinfo) -> tuple[Source, ...]:
    """Every connection that feeds a value, those in trouble first."""
    rows: dict[int, Any] = {}
    feeds: dict[int, list[str]] = {}
    broken: set[int] = set()
    for facts in known:
        if facts.row.state == State.CLOSED:
            continue
        for link in facts.links:
            if link.rule.mode is Mode.VALUE and facts.row.id not in feeds.setdefault(link.connection_id, []):
                rows[link.connection_id] = facts.connections[link.connection_id]
                feeds[link.connection_id].append(facts.row.id)
            if link.rule.mode is Mode.VALUE and link.broken:
                broken.add(link.connection_id)
    found = []
    for ident, row in rows.items():
        state, text = _health(row, ident in broken, now, zone)
        found.append(Source(row.name, state, text, tuple(feeds[ident])))
    return tuple(sorted(found, key=lambda each: (each.state == "read", each.name)))


def _health(row: Any, broken: bool, now: datetime, zone: tzinfo) -> tuple[str, str]:
    heard = wording.moment_text(row.last_success_at, zone) if row.last_success_at else ""
    last = f"last read {heard}" if heard else "not read so far"
    if row.parked_at is not None:
        return "parked", f"parked, {last}; an admin mends its credentials"
    if row.last_success_at is None:
        return "unread", last
    if row.last_success_at < now - SILENT:
        return "late", f"silent, {last}"
    if broken:
        return "broken", f"a mapping to it does not work, {last}"
    return "read", f"read {heard}"


def _decisions(session: Session, ids: Sequence[str], today: Any, zone: tzinfo) -> tuple[Undecided, ...]:
    found = []
    for each in decisions.open_decisions(session, key_results=ids) if ids else ():
        overdue = each.due is not None and each.due < today
        when = f"due {wording.day_text(each.due)}" if each.due else f"asked since {wording.local_day_text(each.asked_at, zone)}"
        found.append(
            Undecided(
                each.id,
                each.key_result,
                each.key_result_title,
                each.title,
                each.kind,
                each.state,
                each.owner,
                f"overdue, {when}" if overdue else when,
                each.due,
                overdue,
            )
        )
    return tuple(found)


# --- one reader --------------------------------------------------------------------------------------------------------------


def load(row: PreRead) -> Snapshot:
    """A stored pre-read."""
    return pre_read.read(row.content)


def for_viewer(session: Session, viewer: Viewer, snapshot: Snapshot, *, in_host: bool = False) -> Snapshot:
    """As much of it as the viewer may know of now; everything counted is counted again. One statement, none for who sees everything."""
    if viewer.sees_everything or not snapshot.entries:
        return snapshot
    return _cut(snapshot, _known(session, snapshot, visible_in_hosts(viewer) if in_host else visible(viewer)))


def for_everybody(session: Session, snapshot: Snapshot) -> Snapshot:
    """As much of it as may stand where nobody can tell who reads."""
    if not snapshot.entries:
        return snapshot
    known = _known(session, snapshot, public())
    return _cut(snapshot, {each.id for each in snapshot.entries if each.public} & known)


def narrowed(snapshot: Snapshot, *, team: int | None = None, cycles: Collection[int] | None = None) -> Snapshot:
    """Those of one team, and of some cycles."""
    kept = {each.id for each in snapshot.entries if (team is None or each.team_id == team) and (cycles is None or each.cycle_id in cycles)}
    return _cut(snapshot, kept)


def _known(session: Session, snapshot: Snapshot, condition: ColumnElement[bool]) -> set[str]:
    return those_of(session, (each.id for each in snapshot.entries), condition)


def _cut(snapshot: Snapshot, known: Collection[str]) -> Snapshot:
    if len(known) >= len(snapshot.entries):
        return snapshot
    found = pre_read.seen(snapshot, known)
    return replace(found, answers=answers_of(found))


def bound(session: Session, scope: Scope, now: datetime) -> tuple[Review, Snapshot] | None:
    """The frozen pre-read that people read now where this scope is shown, and its review; None before the lock and when it is closed.

    Of the forum that the scope names, or else its team's, or the only one that there is.
    """
    forum = forum_of(session, scope)
    review = bound_reviews(session, [forum], now).get(forum) if forum is not None else None
    row = session.scalar(select(PreRead).where(PreRead.review_id == review.id)) if review is not None else None
    if review is None or row is None:
        return None
    return review, narrowed(load(row), team=scope.team, cycles=scope.cycles if scope.chosen_cycle else None)


def forum_of(session: Session, scope: Scope) -> int | None:
    """Whose reviews a scope is about; None where it is several forums' or none's."""
    if scope.forum is not None:
        return scope.forum
    if scope.team is not None:
        return session.scalar(
            select(Team.forum_id).join(Forum, Forum.id == Team.forum_id).where(Team.id == scope.team, Forum.retired_at.is_(None))
        )
    forums = session.scalars(select(Forum.id).where(Forum.retired_at.is_(None)).limit(2)).all()
    return forums[0] if len(forums) == 1 else None


def past(session: Session, forum_id: int, most: int = 60) -> list[tuple[Review, PreRead]]:
    """The pre-reads of a forum, the youngest first."""
    rows = session.execute(
        select(Review, PreRead)
        .join(PreRead, PreRead.review_id == Review.id)
        .where(Review.forum_id == forum_id)
        .order_by(PreRead.frozen_at.desc(), PreRead.id.desc())
        .limit(most)
    )
    return [(review, row) for review, row in rows]
