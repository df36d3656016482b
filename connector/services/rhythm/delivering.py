"""Delivers a frozen pre-read: to the forum's rooms what everybody may read, to each leader what they may know of. Same id everywhere.

Only notes what is to be sent, in the transaction that freezes. Our page, Jira and Notion read the stored pre-read itself.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from connector.domain import pre_read
from connector.domain.pre_read import Snapshot
from connector.runtime import Runtime
from connector.services.locks import KEPT_OPEN
from connector.services.messages import tell_forum, tell_person
from connector.services.rhythm import pre_reads
from connector.services.rhythm.seats import leaders_of
from connector.services.sign_in.sessions import viewer_of
from connector.store.tables import Forum, Review

KIND = "pre_read"


def path_of(review_id: int) -> str:
    """The page of a review's pre-read."""
    return f"/reviews/{review_id}/pre-read"


def pack_path(review_id: int, format: str = "pptx") -> str:
    """The review pack of a review."""
    return f"/reviews/{review_id}/pack.{format}"


def deliver(runtime: Runtime, session: Session, review: Review, forum: Forum, snapshot: Snapshot, now: datetime) -> None:
    """Note the messages of a pre-read. One that is frozen when its review is over is told to nobody: there is nothing to prepare for."""
    if now >= review.starts_at + KEPT_OPEN:
        return
    subject, link = pre_read.subject_text(snapshot), path_of(review.id)
    pack = [f"Review pack: {runtime.settings.base_url}{pack_path(review.id)}"] if forum.pack and snapshot.entries else []
    shown = pre_reads.for_everybody(session, snapshot)
    lines, about = [*pre_read.message_lines(shown), *pack], [each.id for each in shown.entries]
    tell_forum(session, forum.id, key=snapshot.key, kind=KIND, subject=subject, lines=lines, link=link, now=now, about=about)
    hiding = not all(each.public for each in snapshot.entries)
    for person in leaders_of(session, forum.id):
        if hiding:
            shown = pre_reads.for_viewer(session, viewer_of(person), snapshot)
            lines, about = [*pre_read.message_lines(shown), *pack], [each.id for each in shown.entries]
        tell_person(session, person.id, key=snapshot.key, kind=KIND, subject=subject, lines=lines, link=link, now=now, about=about)
