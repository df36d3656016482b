"""What somebody finds when they open the check-in form: what is known, what is carried over, and what has changed since.

The value comes from the source, confidence and blocker from the last check-in, all of it from one's own open draft if there is one.
The decision is never carried over: "none" is chosen, not left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from connector.domain import scoring
from connector.domain.model import Definition, Movement
from connector.domain.rights import Viewer
from connector.domain.steps import Ticks, ticked
from connector.runtime import Runtime
from connector.services.check_ins.blockers import OFFERED, Blocker, offered_blockers
from connector.services.check_ins.doubts import open_doubt
from connector.services.check_ins.hiding import hidden_fields
from connector.services.check_ins.rights import may_check_in, why_not
from connector.services.check_ins.steps import is_fed, marks_of, stepwise, waiting_ticks
from connector.services.facts import HISTORY, Facts, cycle_end_moment
from connector.services.locks import late_text, locked_for
from connector.store.tables import CheckIn, Person, Reading


@dataclass(frozen=True, slots=True)
class Base:
    """What movement is measured against."""

    value: float
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Opening:
    """A key result as the form shows it. ``check_ins`` are rows of (CheckIn, author's name), those that count, oldest first.

    ``refusal``: why nobody or this viewer does not update it, "" when they do · ``seen``: what the form carries along to notice changes.
    ``ticks``: what one's own draft says of the steps, where these are the value (``stepwise``). ``late``: what would be said of an update
    that is filed now, "" while it comes in time for the next review. ``hidden``: optional fields that forms leave out.
    """

    facts: Facts
    check_ins: Sequence[tuple[CheckIn, str]]
    base: Base | None
    prefilled: Mapping[str, Any]
    seen: str
    draft: CheckIn | None = None
    refusal: str = ""
    blockers: Sequence[Blocker] = field(default_factory=list)
    stepwise: bool = False
    ticks: Ticks = field(default_factory=dict)
    late: str = ""
    hidden: frozenset[str] = frozenset()

    @property
    def definition(self) -> Definition:
        """What the key result promises."""
        return self.facts.definition

    @property
    def last(self) -> CheckIn | None:
        """The last check-in that counts."""
        return self.check_ins[-1][0] if self.check_ins else None

    @property
    def last_by(self) -> str:
        """Who filed it, "" where nobody knows."""
        return self.check_ins[-1][1] if self.check_ins else ""

    def movement(self, value: float | None) -> Movement | None:
        """How far this value is from the one that was told last."""
        return scoring.movement(self.definition, self.base.value, value) if self.base is not None else None


def open_form(session: Session, runtime: Runtime, viewer: Viewer, facts: Facts, *, offered: int = OFFERED) -> Opening:
    """The form of a key result that the viewer may know of; ``facts`` with links and connections, history is read here.

    ``offered``: how many blockers may be picked.
    """
    ident = facts.row.id
    check_ins = last_check_ins(session, ident)
    last = check_ins[-1][0] if check_ins else None
    refusal = over_text(facts, runtime)
    if not refusal and not may_check_in(session, viewer, ident):
        refusal = why_not(viewer, facts.owner.name if facts.owner else "")
    draft = None if refusal else open_draft(session, ident, viewer.person_id)
    ticks = waiting_ticks(session, draft) if stepwise(facts) else {}
    return Opening(
        facts=facts,
        check_ins=check_ins,
        base=base_of(session, ident, [row for row, _ in check_ins]),
        prefilled=_prefilled(runtime, facts, last, draft, ticks),
        seen=seen_text(last.id if last else 0, facts.row.current, marks_of(facts)),
        draft=draft,
        refusal=refusal,
        blockers=[] if refusal or not offered else offered_blockers(session, [link.id for link in facts.links], offered),
        stepwise=stepwise(facts),
        ticks=ticks,
        late="" if refusal else late_text(session, locked_for(session, ident, runtime.now()), runtime.settings.zone),
        hidden=frozenset() if refusal else hidden_fields(session),
    )


def carried_over(facts: Facts, last: CheckIn | None, draft: CheckIn | None = None) -> dict[str, Any]:
    """Value, confidence and blocker as a form would show them before anybody typed; the decision is never among them.

    For commands in comments too: what a command does not say is what the form would have shown. Missing names are not known; the value
    of steps is none of them, since whoever files counts it.
    """
    carried: dict[str, Any] = {
        "value": facts.row.current,
        "confidence": last.confidence if last else None,
        "blocker": (last.blocker or "") if last else "",
    }
    if draft is not None:
        told = {"value": draft.value, "confidence": draft.confidence, "blocker": draft.blocker or ""}  # an empty one was taken away
        carried |= {name: value for name, value in told.items() if value is not None}
    if stepwise(facts):
        del carried["value"]
    return {name: value for name, value in carried.items() if value is not None}


def carried_with_draft(session: Session, facts: Facts, person: Person | None) -> dict[str, Any]:
    """``carried_over`` for an update that says only what is new: with the person's own open draft, its decision and comment too.

    The decision of others is never carried over here. A draft that is older than the last update, or than what the source said since,
    counts for less than these.
    """
    last = facts.check_ins[-1] if facts.check_ins else None
    draft = open_draft(session, facts.row.id, person.id if person else None)
    if draft is not None and last is not None and draft.id < last.id:
        draft = None  # somebody filed since: what the draft says is older than that
    carried = carried_over(facts, last, draft)
    if draft is None:
        return carried
    if is_fed(facts) and facts.row.current is not None and facts.row.as_of is not None and facts.row.as_of > draft.created_at:
        carried["value"] = facts.row.current  # the source has spoken since
    more = {"decision": draft.decision, "comment": draft.comment}
    return carried | {name: value for name, value in more.items() if value is not None}


def _prefilled(runtime: Runtime, facts: Facts, last: CheckIn | None, draft: CheckIn | None, ticks: Ticks) -> dict[str, Any]:
    shown = carried_over(facts, last, draft)
    if stepwise(facts):
        shown["value"] = scoring.milestones_value(ticked(facts.definition, ticks).milestones)
    if draft is not None:
        more = {"decision": draft.decision, "comment": draft.comment, "doubt": open_doubt(runtime, draft.doubt)}
        shown |= {name: value for name, value in more.items() if value}
        if draft.delayed:
            shown |= {"delayed": True}
        if draft.as_of != draft.created_at:
            shown |= {"as_of": draft.as_of.astimezone(runtime.settings.zone).date()}
    return shown


def last_check_ins(session: Session, key_result_id: str) -> list[tuple[CheckIn, str]]:
    """The last check-ins that count with their authors' names, oldest first."""
    rows = session.execute(
        select(CheckIn, Person.name)
        .outerjoin(Person, Person.id == CheckIn.author_id)
        .where(CheckIn.key_result_id == key_result_id, CheckIn.draft.is_(False))
        .order_by(CheckIn.id.desc())
        .limit(HISTORY)
    ).all()
    return [(row, name or "") for row, name in reversed(rows)]


def open_draft(session: Session, key_result_id: str, person_id: int | None) -> CheckIn | None:
    """The draft that this person has not completed yet: there is at most one, whatever it was begun with."""
    if person_id is None:
        return None
    return session.scalars(
        select(CheckIn)
        .where(CheckIn.key_result_id == key_result_id, CheckIn.author_id == person_id, CheckIn.draft.is_(True))
        .order_by(CheckIn.id.desc())
        .limit(1)
    ).one_or_none()


def base_of(session: Session, key_result_id: str, check_ins: Sequence[CheckIn], before: datetime | None = None) -> Base | None:
    """What a new check-in is measured against: the last one with a value; before any, the first reading.

    ``before``: readings that were recorded then or later are none; for a check-in that is filed already.
    """
    told = next((row for row in reversed(check_ins) if row.value is not None), None)
    if told is not None and told.value is not None:
        return Base(told.value, told.as_of)
    first = select(func.min(Reading.id)).where(Reading.key_result_id == key_result_id, Reading.value.is_not(None))
    if before is not None:
        first = first.where(Reading.recorded_at < before)
    reading = session.scalars(select(Reading).where(Reading.id == first.scalar_subquery())).one_or_none()
    return None if reading is None or reading.value is None else Base(reading.value, reading.as_of)


def over_text(facts: Facts, runtime: Runtime) -> str:
    """Why nobody updates it any more, in words; "" while its cycle runs."""
    if facts.objective.closed_at is not None or runtime.now() >= cycle_end_moment(facts.cycle, runtime.settings.zone):
        return f"the cycle {facts.cycle.name} is over: values and confidence of {facts.row.id} are frozen"
    return ""


def seen_text(check_in: int, value: float | None, marks: str = "") -> str:
    """The last check-in, the value and, where they are ticked, the steps that a form was shown with."""
    return f"{check_in}:{'' if value is None else repr(value)}" + (f":{marks}" if marks else "")


def read_seen(text: str) -> tuple[int, float | None, str] | None:
    """What ``seen_text`` made; None for anything else, which then counts as outdated."""
    check_in, colon, rest = text.partition(":")
    value, _, marks = rest.partition(":")
    try:
        return (int(check_in), float(value) if value else None, marks) if colon else None
    except ValueError:
        return None
