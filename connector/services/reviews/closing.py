"""Closing a review: refused while something is missing, minutes written, and everybody told who has to know. Once.

Two who close at once: one wins, the other is told who did. A closed review changes no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.agenda import Verdict
from connector.domain.plain_text import TITLE, one_line
from connector.domain.rights import Viewer
from connector.domain.wording import day_text
from connector.errors import Conflict
from connector.runtime import Runtime
from connector.services import leads_page
from connector.services.changes import record
from connector.services.decisions import OPEN
from connector.services.locks import CLOSED
from connector.services.messages import tell_forum, tell_item, tell_person
from connector.services.messages.places import places_of
from connector.services.reviews.holding import ENTITY, open_one, stop_clocks
from connector.services.reviews.minutes import Minutes, room_lines, write_minutes
from connector.services.reviews.rights import known_items
from connector.services.rhythm import locking
from connector.services.rhythm.planning import next_review, zone_of
from connector.services.said import decided_line
from connector.store.reads.people import names_of
from connector.store.tables import Decision, Forum, Review, ReviewItem
from mappings.repository import load_links
from mappings.rules import SelectorKind

MOST_PLACES = 5  # of one key result that get a comment
NAMED = 5


@dataclass(frozen=True, slots=True)
class Missing:
    """What keeps a review from being closed: items without a verdict, and items that the time does not reach and nobody has taken."""

    verdicts: tuple[str, ...] = ()
    unreached: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.verdicts or self.unreached)

    @property
    def text(self) -> str:
        """ "Missing: a verdict for Sign-ups, Payout time; somebody who takes App rating"."""
        parts = []
        if self.verdicts:
            parts.append(f"a verdict for {_names(self.verdicts)}")
        if self.unreached:
            parts.append(f"somebody who takes {_names(self.unreached)}")
        return f"Missing: {'; '.join(parts)}" if parts else ""


def _names(titles: Sequence[str]) -> str:
    more = len(titles) - NAMED
    return ", ".join(titles[:NAMED]) + (f" and {more} more" if more > 0 else "")


def missing_of(items: Sequence[ReviewItem]) -> Missing:
    """What is missing among these items (R062)."""
    waiting = [each for each in items if not each.folded and each.verdict is None]
    return Missing(
        tuple(str(each.snapshot["title"]) for each in waiting if each.fits),
        tuple(str(each.snapshot["title"]) for each in waiting if not each.fits and each.handed_to_id is None),
    )


def close(runtime: Runtime, viewer: Viewer, review_id: int, *, version: int | None = None) -> None:
    """Close a review that has everything; what is folded and has no verdict holds its course. ``version``: of the review as it was shown.

    Raises ``Conflict`` with what is missing, with who closed it first, or when it changed meanwhile; ``Forbidden``, ``NotFound``.
    """
    with runtime.store.write() as session:
        review = open_one(session, viewer, review_id, runtime.settings.zone)
        if version is not None and version != review.version:
            raise Conflict("something was decided in this review since you looked; nothing was closed. Look at it and close it again")
        items = list(session.scalars(select(ReviewItem).where(ReviewItem.review_id == review.id).order_by(ReviewItem.position)))
        known = known_items(session, viewer, review.id)
        if lacking := missing_of([each for each in items if each.key_result_id in known]):
            raise Conflict(f"the review cannot be closed yet. {lacking.text}")
        if missing_of(items):
            raise Conflict(
                "the review cannot be closed yet: an item that fewer people may see has no verdict. Somebody who sees it gives it"
            )
        now = runtime.now()
        stop_clocks(session, review.id, now)
        review.state, review.closed_at, review.closed_by_id = CLOSED, now, viewer.person_id
        review.version += 1
        forum = session.get_one(Forum, review.forum_id)
        zone = zone_of(forum, runtime.settings.zone)
        session.flush()
        following = next_review(session, forum.id, now)
        held = _hold_folded(items, viewer, now)
        pre_read = locking.pre_read_of(session, review.id)
        next_at = following.starts_at if following else None
        decisions = session.scalars(select(Decision).where(Decision.review_id == review.id).order_by(Decision.id)).all()
        written = write_minutes(session, review, forum, items, decisions, next_at, pre_read.key if pre_read else "", viewer, now, zone)
        review.minutes = written.plain()
        record(session, viewer, now, "close", ENTITY, str(review.id), after={"decisions": len(written.decisions), "held_folded": held})
        _tell(session, review, forum, items, decisions, written, now)
        leads_page.want_changed(session, [each.key_result_id for each in items] or ["-"], runtime.epoch())
    runtime.queue.nudge("send")


def _hold_folded(items: Sequence[ReviewItem], viewer: Viewer, now: datetime) -> list[str]:
    """What is folded and has no verdict holds its course: a review leaves nothing without one. Returns the key results."""
    held = [each for each in items if each.folded and each.verdict is None]
    for each in held:
        each.verdict, each.verdict_at, each.verdict_by_id = Verdict.HOLD.value, now, viewer.person_id
    return sorted(each.key_result_id for each in held)


def _tell(
    session: Session,
    review: Review,
    forum: Forum,
    items: Sequence[ReviewItem],
    decisions: Sequence[Decision],
    written: Minutes,
    now: datetime,
) -> None:
    """The rooms get what everybody may read; who asked, who has to do something and who took something get theirs."""
    link, subject = f"/reviews/{review.id}/minutes", f"Minutes of {forum.name}, {written.held_text}"
    key = f"minutes:{review.id}"
    about = [each.key_result for each in written.items if each.public] + [each.key_result for each in written.handed if each.public]
    tell_forum(session, forum.id, key=key, kind="minutes", subject=subject, lines=room_lines(written), link=link, now=now, about=about)
    _tell_askers_and_doers(session, review, items, decisions, f"Decided in {forum.name}, {written.held_text}.", now)
    _tell_takers(session, review, forum, items, link, now)
    _tell_hosts(session, review, forum, written, now)


def _tell_askers_and_doers(
    session: Session, review: Review, items: Sequence[ReviewItem], decisions: Sequence[Decision], decided: str, now: datetime
) -> None:
    """What came of each ask, to whoever asked, and what is to be done, to whoever does it."""
    titles = {each.key_result_id: str(each.snapshot["title"]) for each in items}
    asks = {each.key_result_id: each.snapshot.get("ask") for each in items}
    names = names_of(session, [row.owner_id for row in decisions])
    for row in decisions:
        title = titles.get(row.key_result_id, row.key_result_id)
        said = decided_line(row, names.get(row.owner_id or 0, ""))
        place = f"/key-results/{row.key_result_id}"
        if row.check_in_id is not None and row.asked_by_id is not None:
            ask = asks.get(row.key_result_id) or {}
            wanted = f": {text.rstrip(' .')}" if (text := str(ask.get("text") or "")) else ""
            asked = f"You asked for {str(ask.get('word') or 'a decision').lower()}{wanted}"
            tell_person(
                session,
                row.asked_by_id,
                key=f"answer:{review.id}:{row.id}",
                kind="answer",
                subject=f"What came of your ask: {one_line(title, TITLE)}",
                lines=[one_line(asked), one_line(said), decided],
                link=place,
                now=now,
                about=[row.key_result_id],
            )
        if row.owner_id is not None and row.state == OPEN and row.owner_id != row.asked_by_id:
            tell_person(
                session,
                row.owner_id,
                key=f"decision:{review.id}:{row.id}",
                kind="review",
                subject=f"Yours to do until {day_text(row.due) if row.due else 'the next review'}: {one_line(row.title, TITLE)}",
                lines=[one_line(f"{title}. {said}"), decided],
                link=place,
                now=now,
                about=[row.key_result_id],
            )


def _tell_takers(session: Session, review: Review, forum: Forum, items: Sequence[ReviewItem], link: str, now: datetime) -> None:
    """What the time did not reach, to whoever took it: one message for each."""
    taken: dict[int, dict[str, str]] = {}
    for each in items:
        if each.handed_to_id is not None and each.verdict is None:
            taken.setdefault(each.handed_to_id, {})[each.key_result_id] = str(each.snapshot["title"])
    for person, some in taken.items():
        count = "1 key result was" if len(some) == 1 else f"{len(some)} key results were"
        tell_person(
            session,
            person,
            key=f"handed:{review.id}:{person}",
            kind="review",
            subject=f"{count} handed to you in {forum.name}",
            lines=[f"The time did not reach: {one_line(_names(list(some.values())))}", "Decide with the owners before the next review."],
            link=link,
            now=now,
            about=some,
        )


def _tell_hosts(session: Session, review: Review, forum: Forum, written: Minutes, now: datetime) -> None:
    """A comment where a key result lives, of every decision that everybody may read: its row or page, and each epic mapped to it."""
    told = {each.key_result: each for each in written.items if each.public and each.decision}
    for name, places in _places(session, list(told)).items():
        each = told[name]
        plan = [f"Until the next review: {each.plan}"] if each.plan and each.plan != each.decision else []
        for connection_id, ref in places[:MOST_PLACES]:
            tell_item(
                session,
                connection_id,
                ref,
                key=f"minutes:{review.id}:{each.key_result}:{connection_id}:{ref}",
                kind="minutes",
                lines=[
                    one_line(f"{forum.name}, {written.held_text}: {each.verdict_word.lower()} for “{each.title}”."),
                    one_line(each.decision_text),
                    *(one_line(line) for line in plan),
                ],
                link=f"/key-results/{each.key_result}",
                now=now,
                about=[each.key_result],
            )


def _places(session: Session, key_results: Sequence[str]) -> dict[str, list[tuple[int, str]]]:
    """(connection, ref) of each key result: the nearest of its own places, then the epics that are mapped to it."""
    found = {name: [(each.connection_id, each.ref) for each in places[:1]] for name, places in places_of(session, key_results).items()}
    for link in load_links(session, key_results=key_results) if key_results else ():
        if link.rule.selector.kind is SelectorKind.EPICS:
            found.setdefault(link.key_result_id, []).extend((link.connection_id, ref) for ref in link.resolved.refs.values())
    return {name: list(dict.fromkeys(places)) for name, places in found.items()}
