"""The minutes of a review: what was decided, by whom, until when, and what is done until the next one. Kept as they were at the closing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, tzinfo
from typing import Any

from sqlalchemy.orm import Session

from connector.domain.agenda import ACTION_WORDS, VERDICT_WORDS, Action, Verdict
from connector.domain.plain_text import one_line
from connector.domain.rights import Viewer
from connector.domain.wording import day_text, local_day_text, weekday_moment_text
from connector.services.decisions import DROPPED
from connector.services.reviews.rights import public_of
from connector.store.reads.people import names_of
from connector.store.tables import Decision, Forum, Review, ReviewItem

MOST_LINES = 12  # of minutes in a chat room


@dataclass(frozen=True, slots=True)
class Entry:
    """One item with its verdict. ``decision``: its text, "" when none follows; ``plan``: what is done until the next review (R069)."""

    key_result: str
    title: str
    public: bool
    verdict: str
    verdict_word: str
    by: str = ""
    why: tuple[str, ...] = ()
    state_word: str = ""
    minutes: int = 0
    action_word: str = ""
    decision: str = ""
    owner: str = ""
    due_text: str = ""
    plan: str = ""

    @property
    def decision_text(self) -> str:
        """ "Reallocate resources: Move 12 k€ (Chloe, due 12 Dec)"; "" when none follows."""
        if not self.decision:
            return ""
        tail = ", ".join(part for part in (self.owner, f"due {self.due_text}" if self.due_text else "") if part)
        return f"{f'{self.action_word}: ' if self.action_word else ''}{self.decision}{f' ({tail})' if tail else ''}"


@dataclass(frozen=True, slots=True)
class Handed:
    """An item that the time did not reach, and who took it."""

    key_result: str
    title: str
    public: bool
    to: str


@dataclass(frozen=True, slots=True)
class Folded:
    """An item that was not talked about; ``verdict_word`` "" when nobody said anything of it."""

    key_result: str
    title: str
    public: bool
    verdict_word: str = ""


@dataclass(frozen=True, slots=True)
class Minutes:
    """The whole. ``pre_read``: the id of what was read before."""

    forum: str
    held_text: str  # "19 Nov"
    time_text: str  # "Thu 19 Nov 10:02, 29 min"
    closed_by: str
    pre_read: str = ""
    next_text: str = ""
    items: tuple[Entry, ...] = ()
    handed: tuple[Handed, ...] = ()
    folded: tuple[Folded, ...] = ()

    @property
    def decisions(self) -> tuple[Entry, ...]:
        """The items from which a decision came."""
        return tuple(each for each in self.items if each.decision)

    def plain(self) -> dict[str, Any]:
        """As it is stored."""
        return asdict(self)


def read_minutes(stored: Mapping[str, Any], known: Collection[str]) -> Minutes | None:
    """The minutes for somebody who may know of these key results alone; None before the closing."""
    if not stored:
        return None
    whole = Minutes(
        **{
            **stored,
            "items": tuple(Entry(**{**each, "why": tuple(each.get("why") or ())}) for each in stored.get("items") or ()),
            "handed": tuple(Handed(**each) for each in stored.get("handed") or ()),
            "folded": tuple(Folded(**each) for each in stored.get("folded") or ()),
        }
    )
    return replace(
        whole,
        items=tuple(each for each in whole.items if each.key_result in known),
        handed=tuple(each for each in whole.handed if each.key_result in known),
        folded=tuple(each for each in whole.folded if each.key_result in known),
    )


@dataclass
class _Known:
    names: dict[int, str] = field(default_factory=dict)
    decisions: dict[str, Decision] = field(default_factory=dict)
    public: set[str] = field(default_factory=set)


def write_minutes(
    session: Session,
    review: Review,
    forum: Forum,
    items: Sequence[ReviewItem],
    decisions: Sequence[Decision],
    next_at: datetime | None,
    pre_read: str,
    viewer: Viewer,
    now: datetime,
    zone: tzinfo,
) -> Minutes:
    """The minutes of a review that is closed now, with the decisions that it made: two statements."""
    people = {row.owner_id for row in decisions} | {each for item in items for each in (item.verdict_by_id, item.handed_to_id)}
    first = {row.key_result_id: row for row in reversed(decisions)}
    known = _Known(names_of(session, people), first, public_of(session, [each.key_result_id for each in items]))
    begun = review.opened_at or now
    took = max(0, round((now - begun).total_seconds() / 60))
    spoken = [each for each in items if each.folded and _talked_about(each, known)]
    return Minutes(
        forum=forum.name,
        held_text=local_day_text(begun, zone),
        time_text=f"{weekday_moment_text(begun, zone)}, {took} min",
        closed_by=viewer.shown or viewer.name,
        pre_read=pre_read,
        next_text=weekday_moment_text(next_at, zone) if next_at else "",
        items=tuple(_entry(each, known) for each in items if each.verdict is not None and (not each.folded or each in spoken)),
        handed=tuple(
            Handed(each.key_result_id, each.snapshot["title"], each.key_result_id in known.public, known.names.get(each.handed_to_id, ""))
            for each in items
            if each.verdict is None and each.handed_to_id is not None
        ),
        folded=tuple(
            Folded(
                each.key_result_id,
                each.snapshot["title"],
                each.key_result_id in known.public,
                VERDICT_WORDS[Verdict(each.verdict)] if each.verdict else "",
            )
            for each in items
            if each.folded and each not in spoken
        ),
    )


def room_lines(written: Minutes) -> list[str]:
    """The minutes as a short message, without what not everybody may know of."""
    lines = []
    public = [each for each in written.items if each.public]
    for each in public[:MOST_LINES]:
        plan = f". Until the next review: {each.plan}" if each.plan and each.plan != each.decision else ""
        lines.append(one_line(f"{each.verdict_word}: {each.title}{f'. {each.decision_text}' if each.decision_text else ''}{plan}"))
    if len(public) > MOST_LINES:
        lines.append(f"and {len(public) - MOST_LINES} more")
    handed = [each for each in written.handed if each.public]
    if handed:
        lines.append(f"Not reached and handed over: {len(handed)}")
    if written.next_text:
        lines.append(f"Next review {written.next_text}")
    return lines or ["No item was on the agenda."]


def _talked_about(item: ReviewItem, known: _Known) -> bool:
    """Whether something was said of a folded item that goes beyond "hold course": it stands in the minutes like any other."""
    row = known.decisions.get(item.key_result_id)
    return item.verdict not in (None, Verdict.HOLD) or bool(item.plan) or (row is not None and row.state != DROPPED)


def _entry(item: ReviewItem, known: _Known) -> Entry:
    row = known.decisions.get(item.key_result_id)
    decided = row is not None and row.state != DROPPED
    return Entry(
        key_result=item.key_result_id,
        title=item.snapshot["title"],
        public=item.key_result_id in known.public,
        verdict=str(item.verdict),
        verdict_word=VERDICT_WORDS[Verdict(str(item.verdict))],
        by=known.names.get(item.verdict_by_id or 0, ""),
        why=tuple(item.reasons),
        state_word=str(item.snapshot.get("state_word") or ""),
        minutes=round(item.spent_seconds / 60),
        action_word=ACTION_WORDS[Action(row.action)] if row is not None and decided and row.action in set(Action) else "",
        decision=row.title if row is not None and decided else "",
        owner=known.names.get(row.owner_id or 0, "") if row is not None and decided else "",
        due_text=day_text(row.due) if row is not None and decided and row.due else "",
        plan=item.plan,
    )
