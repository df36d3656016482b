"""The pre-read of a review on our page, before its lock as it would be now, after it as it was frozen; and those of reviews before.

That a leader opened the frozen one is recorded; leaders mark what has to be talked about.
"""

from __future__ import annotations

from typing import Any

from flask import abort, current_app, redirect, render_template, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from connector.domain import pre_read as words
from connector.domain import wording
from connector.domain.buckets import EXCEPTIONS, WORDS, Bucket
from connector.domain.pre_read import Entry, Snapshot
from connector.services.locks import LOCKED, PLANNED, SKIPPED
from connector.services.rhythm import locking, marks, pre_reads
from connector.services.rhythm.delivering import pack_path
from connector.services.rhythm.marks import Marks
from connector.services.rhythm.planning import next_review, zone_of
from connector.services.rhythm.seats import is_leader
from connector.store.batches import batches
from connector.store.tables import CheckIn, Forum, PreRead, Review
from connector.views.figures import trail
from connector.views.reviews.blueprint import blueprint
from connector.web.context import runtime
from connector.web.gate import inside, viewer

MOST = 60  # key results in a list that is folded


@blueprint.get("/reviews/<int:ident>/pre-read")
def pre_read(ident: int) -> str:
    """What the forum reads before this review."""
    with runtime().store.read() as session:
        review, forum = _found(session, ident)
        row = locking.pre_read_of(session, review.id)
        values = _values(session, review, forum, row)
    if row is not None:
        marks.note_reading(runtime(), viewer(), review.id, "jira" if inside() is not None else "page")
    return render_template("reviews/pre_read.html", **values)


@blueprint.post("/reviews/<int:ident>/pre-read/calls/<key_result>")
def call_needed(ident: int, key_result: str) -> str | Response:
    """Mark one key result, or take the mark back."""
    marks.mark(runtime(), viewer(), ident, key_result, request.form.get("needed") == "1")
    if "HX-Request" not in request.headers:
        return redirect(f"{url_for('reviews.pre_read', ident=ident)}#call-{key_result}", 303)
    with runtime().store.read() as session:
        review, forum = _found(session, ident)
        row = locking.pre_read_of(session, review.id)
        if row is None:
            abort(404)
        entry = next(each for each in pre_reads.load(row).entries if each.id == key_result)
        found = marks.load_marks(session, row.id, forum)
    return render_template("reviews/_call.html", review=review, each=entry, marks=found, mine=found.by(viewer().person_id), marking=True)


@blueprint.get("/reviews/forums/<int:ident>/pre-reads")
def pre_read_list(ident: int) -> str:
    """The pre-reads of a forum, the youngest first."""
    with runtime().store.read() as session:
        forum = session.get(Forum, ident)
        if forum is None:
            abort(404, "There is no such forum.")
        zone = zone_of(forum, runtime().settings.zone)
        rows = pre_reads.past(session, forum.id)
        opened = marks.opened_by(session, [row.id for _, row in rows])
        coming = next_review(session, forum.id, runtime().now())
        told = [
            {
                "review": review,
                "key": row.key,
                "starts": wording.weekday_moment_text(review.starts_at, zone),
                "frozen": wording.moment_text(row.frozen_at, zone),
                "opened": len(opened.get(row.id, ())),
                "found": pre_reads.for_viewer(session, viewer(), pre_reads.load(row)),
            }
            for review, row in rows
        ]
    ahead = wording.weekday_moment_text(coming.starts_at, zone) if coming is not None else ""
    locks = wording.moment_text(coming.lock_at, zone) if coming is not None and coming.state == PLANNED else ""
    return render_template(
        "reviews/pre_reads.html", forum=forum, rows=told, coming=coming, ahead=ahead, locks=locks, words=WORDS, Bucket=Bucket
    )


def _found(session: Session, ident: int) -> tuple[Review, Forum]:
    review = session.get(Review, ident)
    forum = session.get(Forum, review.forum_id) if review is not None else None
    if review is None or forum is None:
        abort(404, "There is no such review. It may have been moved: look at the reviews of its forum.")
    return review, forum


def _values(session: Session, review: Review, forum: Forum, row: PreRead | None) -> dict[str, Any]:
    whole = locking.snapshot_of(runtime(), session, review, forum, row)
    found = pre_reads.for_viewer(session, viewer(), whole)
    known = marks.load_marks(session, row.id, forum) if row is not None else Marks()
    marking = row is not None and review.state == LOCKED and is_leader(session, viewer(), forum.id)
    exceptions = [(each, WORDS[each], [entry for entry in found.entries if entry.bucket is each]) for each in EXCEPTIONS]
    calm = [(each, WORDS[each], [entry for entry in found.entries if entry.bucket is each]) for each in (Bucket.ON_TRACK, Bucket.CLOSED)]
    return {
        "review": review,
        "forum": forum,
        "found": found,
        "frozen": row is not None,
        "words": words.frozen_words(found),
        "standing": _standing(review, forum),
        "exceptions": exceptions,
        "calm": [each for each in calm if each[2]],
        "asks": words.asking(found),
        "blockers": words.blocked(found),
        "missing": words.missing(found),
        "ways": [each for each in words.by_movement(found) if each[0] in ("slipping", "outside", "flat")],
        "late": _late(session, review, found) if row is not None else [],
        "marks": known,
        "mine": known.by(viewer().person_id),
        "marking": marking,
        "called": [each for each in found.entries if known.names(each.id)],
        "trails": {each.id: trail(each.trail) for each in found.entries if each.trail},
        "packs": _packs(review, frozen=row is not None),
        "most": MOST,
    }


def _standing(review: Review, forum: Forum) -> str:
    """What there is to say of a review that will not be held; "" for any other."""
    if review.state == SKIPPED:
        return f"This review was skipped: {review.skipped_reason or 'no reason was given'}."
    if forum.retired_at is not None and review.state == PLANNED:
        return "This forum was retired: its reviews are not held any more."
    return ""


def _late(session: Session, review: Review, found: Snapshot) -> list[Entry]:
    """Those whose update came after the freeze and before the review was closed."""
    ids = [each.id for each in found.entries]
    known: set[str] = set()
    for part in batches(ids):
        query = select(CheckIn.key_result_id).where(
            CheckIn.key_result_id.in_(part), CheckIn.late.is_(True), CheckIn.created_at >= found.frozen_at
        )
        known.update(session.scalars(query.where(CheckIn.created_at <= review.closed_at) if review.closed_at else query))
    return [each for each in found.entries if each.id in known]


def _packs(review: Review, *, frozen: bool) -> list[tuple[str, str]]:
    """The ways to the review pack, where this release makes one."""
    if not frozen or not any("/pack." in rule.rule for rule in current_app.url_map.iter_rules()):
        return []
    return [(word, pack_path(review.id, format)) for word, format in (("slides", "pptx"), ("workbook", "xlsx"))]
