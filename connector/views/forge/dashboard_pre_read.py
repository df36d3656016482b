"""The frozen pre-read in a dashboard panel, from the lock until its review is closed: the same that our page shows, with the same id."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Any

from sqlalchemy.orm import Session

from connector.domain import pre_read, wording
from connector.domain.buckets import EXCEPTIONS, WORDS, Bucket
from connector.domain.pre_read import Entry
from connector.domain.rights import Viewer
from connector.services.insight.scope import Scope
from connector.services.locks import PLANNED, zone_of_review
from connector.services.rhythm import pre_reads
from connector.services.rhythm.planning import next_review
from connector.views.forge.dashboard_rows import Ask, Blocker

UNKNOWN_AGE = "age not known"


def frozen(session: Session, viewer: Viewer, scope: Scope, now: datetime, most: int) -> dict[str, Any] | None:
    """What the view prints of a frozen pre-read; None while there is none to read. ``most``: lines of a list."""
    found = pre_reads.bound(session, scope, now)
    if found is None:
        return None
    review, whole = found
    snapshot = pre_reads.for_viewer(session, viewer, whole, in_host=True)
    off, asks = pre_read.off_track(snapshot), pre_read.asking(snapshot)
    blocked, missing = pre_read.blocked(snapshot), pre_read.missing(snapshot)
    counts = [(bucket, WORDS[bucket], snapshot.counts.get(bucket, 0)) for bucket in Bucket]
    return {
        "review": review.id,
        "key": snapshot.key,
        "as_of": pre_read.frozen_words(snapshot),
        "locks": "",
        "answers": snapshot.answers,
        "counts": [each for each in counts if each[2] or each[0] in (*EXCEPTIONS, Bucket.ON_TRACK)],
        "off": off[:most],
        "more_off": max(0, len(off) - most),
        "ways": [each for each in pre_read.by_movement(snapshot) if each[0] in ("slipping", "outside", "flat")],
        "asks": _asks(asks[:most]),
        "more_asks": max(0, len(asks) - most),
        "blockers": _blockers(blocked[:most]),
        "more_blockers": max(0, len(blocked) - most),
        "missing": [(each, each.update.text) for each in missing[:most]],
        "more_missing": max(0, len(missing) - most),
    }


def locks(session: Session, scope: Scope, now: datetime, zone: tzinfo) -> str:
    """ "18 Nov 16:00": when the pre-read that is shown live will be frozen; "" where nobody knows."""
    forum = pre_reads.forum_of(session, scope)
    review = next_review(session, forum, now) if forum is not None else None
    if review is None or review.state != PLANNED:
        return ""
    return wording.moment_text(review.lock_at, zone_of_review(session, review, zone))


def _asks(entries: Sequence[Entry]) -> list[Ask]:
    return [
        Ask(each.ask.word, each.ask.text, each.id, each.title, each.owner or "ownerless", each.ask.since_text or UNKNOWN_AGE)
        for each in entries
        if each.ask is not None
    ]


def _blockers(entries: Sequence[Entry]) -> list[Blocker]:
    return [
        Blocker(
            each.blocker.text,
            each.blocker.key,
            each.blocker.address,
            each.id,
            each.title,
            each.owner or "ownerless",
            each.blocker.since_text[:1].upper() + each.blocker.since_text[1:] or UNKNOWN_AGE.capitalize(),
            each.state,
            each.state_word,
        )
        for each in entries
        if each.blocker is not None
    ]
