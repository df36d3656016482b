"""The pre-read of a review: frozen at its lock, live before it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from connector.api.models import Shape, Share
from connector.api.routing import Answer, Call, Endpoint
from connector.domain import pre_read
from connector.domain.model import State
from connector.domain.pre_read import Entry, Snapshot
from connector.errors import NotFound
from connector.services.insight.scope import row_id
from connector.services.rhythm import locking, marks, pre_reads
from connector.store.reads.paging import moment_text
from connector.store.tables import Forum, Review


class PreReadAskShape(Shape):
    """What an owner asks for."""

    kind: str
    text: str
    since: datetime | None


class PreReadBlockerShape(Shape):
    """The blocker, and how many days it had stood there."""

    text: str
    since: datetime | None
    days: int | None
    key: str
    url: str


class PreReadSignalShape(Shape):
    """What delivery data asked."""

    kind: str
    sentence: str


class PreReadEntryShape(Shape):
    """One key result as it was. ``update``: on time, late, missing, draft, not due yet; "" when it is closed."""

    key_result: str
    title: str
    objective: str
    owner: str
    team: str
    state: State
    reasons: list[str]
    bucket: Literal["at_risk", "stalled", "cannot_tell", "on_track", "closed"]
    movement: str
    current: str
    start: str
    target: str
    progress: Share | None
    expected: Share | None
    confidence: int | None
    confidence_trail: list[int]
    blocker: PreReadBlockerShape | None
    ask: PreReadAskShape | None
    update: str
    last_check_in: datetime | None
    signals: list[PreReadSignalShape]
    call_needed_by: list[str]


class PreReadSourceShape(Shape):
    """A connection that feeds values."""

    connection: str
    state: Literal["read", "late", "parked", "broken", "unread"]
    text: str


class PreReadDecisionShape(Shape):
    """A decision that was asked for or under way."""

    id: int
    key_result: str
    title: str
    state: str
    owner: str
    due: date | None
    overdue: bool


class PreReadShape(Shape):
    """A pre-read as the token's person may know it, counts too. ``id`` and ``frozen_at`` are null before the lock: then it is live."""

    review: int
    id: str | None
    frozen_at: datetime | None
    locks_at: datetime
    starts_at: datetime
    forum: str
    answers: dict[str, str]
    counts: dict[str, int]
    entries: list[PreReadEntryShape]
    late: list[str]
    sources: list[PreReadSourceShape]
    decisions: list[PreReadDecisionShape]
    overdue_decisions: int
    opened_by: list[str]


def get_pre_read(call: Call, id: str) -> Answer:
    """What the forum reads before a review."""
    number = row_id(id)
    with call.runtime.store.read() as session:
        review = session.get(Review, number) if number is not None else None
        forum = session.get(Forum, review.forum_id) if review is not None else None
        if review is None or forum is None:
            raise NotFound(f"there is no review {id[:40]!r}")
        row = locking.pre_read_of(session, review.id)
        whole = locking.snapshot_of(call.runtime, session, review, forum, row)
        found = pre_reads.for_viewer(session, call.viewer, whole)
        known = marks.load_marks(session, row.id, forum) if row is not None else marks.Marks()
    return Answer(_told(review, found, known))


def _told(review: Review, found: Snapshot, known: marks.Marks) -> dict[str, Any]:
    answers = found.answers
    return {
        "review": review.id,
        "id": found.key or None,
        "frozen_at": moment_text(found.frozen_at) if found.key else None,
        "locks_at": moment_text(review.lock_at),
        "starts_at": moment_text(review.starts_at),
        "forum": found.forum,
        "answers": {
            "moving": "".join(answers.moving),
            "off_track": "".join(answers.off_track),
            "decisions": "".join(answers.decisions),
        },
        "counts": dict(found.counts),
        "entries": [_entry(each, known) for each in found.entries],
        "late": [each.id for each in pre_read.missing(found)],
        "sources": [{"connection": each.name, "state": each.state, "text": each.text} for each in found.sources],
        "decisions": [
            {name: getattr(each, name) for name in ("id", "key_result", "title", "state", "owner", "overdue")}
            | {"due": each.due.isoformat() if each.due else None}
            for each in found.decisions
        ],
        "overdue_decisions": found.overdue,
        "opened_by": list(known.read_by),
    }


def _entry(each: Entry, known: marks.Marks) -> dict[str, Any]:
    blocker, ask = each.blocker, each.ask
    return {
        "key_result": each.id,
        **{name: getattr(each, name) for name in ("title", "objective", "owner", "team", "state", "bucket", "progress", "expected")},
        "reasons": list(each.reasons),
        "movement": each.moves,
        "current": each.current_text,
        "start": each.start_text,
        "target": each.target_text,
        "confidence": each.confidence,
        "confidence_trail": list(each.trail),
        "blocker": None
        if blocker is None
        else {
            "text": blocker.text,
            "since": moment_text(blocker.since),
            "days": blocker.days,
            "key": blocker.key,
            "url": blocker.address,
        },
        "ask": None if ask is None else {"kind": ask.kind, "text": ask.text, "since": moment_text(ask.since)},
        "update": each.update.standing,
        "last_check_in": moment_text(each.update.last),
        "signals": [{"kind": seen.kind, "sentence": seen.sentence} for seen in each.signals],
        "call_needed_by": known.names(each.id),
    }


TABLE: tuple[Endpoint, ...] = (
    Endpoint("GET", "/reviews/<id>/pre-read", get_pre_read, "What a forum reads before a review", PreReadShape, problems=(404,)),
)
