"""The ledger of decisions: those of a forum or of some key results, follow-through, and what happened since the last review (S9, S10)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from statistics import median
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from connector.domain import effect
from connector.domain.rights import Viewer
from connector.domain.wording import day_text
from connector.services.decisions import ASKED, DONE, DROPPED, OPEN
from connector.services.locks import CLOSED
from connector.store.reads.people import names_of
from connector.store.tables import Decision, Forum, KeyResult, Objective, Review, Team
from connector.store.visibility import visible

LISTED = 200  # decisions that a page lists
SHOWN = ("open", "overdue", "asked", "done", "all")


@dataclass(frozen=True, slots=True)
class Entry:
    """A decision in a list. ``forum``: of the team that the key result belongs to."""

    row: Decision
    key_result_title: str
    owner: str
    asked_by: str
    forum: str
    overdue: bool


@dataclass(frozen=True, slots=True)
class Found:
    """Decisions of a list, and how many of each kind there are beside them."""

    entries: tuple[Entry, ...]
    counts: dict[str, int]


def load_ledger(
    session: Session,
    viewer: Viewer,
    today: date,
    *,
    show: str = "open",
    forum_id: int | None = None,
    key_results: Collection[str] | None = None,
) -> Found:
    """Decisions that the viewer may know of: open ones by due date, others latest first. Three statements."""
    conditions: list[ColumnElement[bool]] = [KeyResult.retired_at.is_(None), Objective.retired_at.is_(None), visible(viewer)]
    if forum_id is not None:
        conditions.append(Team.forum_id == forum_id)
    if key_results is not None:
        conditions.append(KeyResult.id.in_(key_results))
    late = (Decision.state == OPEN) & (Decision.due < today)
    wanted: dict[str, ColumnElement[bool]] = {
        "open": Decision.state == OPEN,
        "overdue": late,
        "asked": Decision.state == ASKED,
        "done": Decision.state == DONE,
        "all": Decision.state.in_((ASKED, OPEN, DONE, DROPPED)),
    }
    counting = _of_teams(select(*(func.count().filter(each).label(name) for name, each in wanted.items()))).where(*conditions)
    counts = {name: int(value) for name, value in session.execute(counting).one()._mapping.items()}
    by_day = show in ("open", "overdue")
    query = (
        _of_teams(select(Decision, KeyResult.title, Forum.name.label("forum")))
        .outerjoin(Forum, Forum.id == Team.forum_id)
        .where(wanted[show if show in wanted else "open"], *conditions)
        .order_by(*((Decision.due.is_(None), Decision.due, Decision.id) if by_day else (Decision.id.desc(),)))
        .limit(LISTED)
    )
    rows = session.execute(query).all()
    names = names_of(session, (each for row in rows for each in (row.Decision.owner_id, row.Decision.asked_by_id)))
    return Found(tuple(_entry(row, names, today) for row in rows), counts)


def _of_teams(query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    """Of decisions with their key result, its objective and the team, where there is one."""
    return (
        query.select_from(Decision)
        .join(KeyResult, KeyResult.id == Decision.key_result_id)
        .join(Objective, Objective.id == KeyResult.objective_id)
        .outerjoin(Team, Team.id == Objective.team_id)
    )


def _entry(found: Any, names: Mapping[int, str], today: date) -> Entry:
    row = found.Decision
    late = row.state == OPEN and row.due is not None and row.due < today
    return Entry(row, found.title, names.get(row.owner_id, ""), names.get(row.asked_by_id, ""), found.forum or "", late)


@dataclass(frozen=True, slots=True)
class Since:
    """What happened between two reviews. ``days``: from an ask to its answer, the middle one; None when none was answered."""

    asked: int
    answered: int
    days: float | None
    helped: int
    old_enough: int
    due: int
    in_time: int
    after: date | None = None  # the day of the review before; None: everything so far

    @property
    def asks_text(self) -> str:
        """ "4 of 6 since the review of 12 Nov, median 3 days"."""
        if not self.asked:
            return "none asked"
        days = "" if self.days is None else f", median {self.days:.0f} {'day' if round(self.days) == 1 else 'days'}"
        period = f" since the review of {day_text(self.after)}" if self.after else " so far"
        return f"{self.answered} of {self.asked}{period}{days}"

    @property
    def helped_text(self) -> str:
        """ "2 of 3 old enough to tell"."""
        return f"{self.helped} of {self.old_enough} old enough to tell" if self.old_enough else "none old enough to tell"

    @property
    def follow_through_text(self) -> str:
        """ "3 of 4 done by the due date"."""
        return f"{self.in_time} of {self.due} done by the due date" if self.due else "none was due"


def since_last(session: Session, viewer: Viewer, review: Review, today: date, zone: tzinfo) -> Since:
    """Asks and decisions of a forum since its review before this one (all, when this is the first), as far as the viewer may know.

    ``today`` and ``zone`` are the forum's: there a due day ends.
    """
    last = session.execute(
        select(Review.closed_at, Review.day)
        .where(Review.forum_id == review.forum_id, Review.id != review.id, Review.state == CLOSED)
        .order_by(Review.closed_at.desc())
        .limit(1)
    ).one_or_none()
    before = last.closed_at if last is not None else None
    rows = session.scalars(_of_forum(viewer, review.forum_id)).all()
    recent = [
        row for row in rows if row.check_in_id is not None and (before is None or row.created_at > before or _answered_after(row, before))
    ]
    answered = [row for row in recent if row.decided_at is not None or row.state == DONE]
    took = [
        (moment - row.created_at).total_seconds() / 86400 for row in answered if (moment := row.decided_at or row.closed_at) is not None
    ]
    told = [str((row.effect or {}).get("word", "")) for row in rows if row.state == DONE]
    due = [row for row in rows if row.due is not None and row.review_id is not None and row.due < today and row.state != DROPPED]
    in_time = [row for row in due if _in_time(row, zone)]
    return Since(
        len(recent),
        len(answered),
        median(took) if took else None,
        told.count(effect.HELPED),
        sum(word in (effect.HELPED, effect.NO_CHANGE) for word in told),
        len(due),
        len(in_time),
        last.day if last is not None else None,
    )


def _in_time(row: Decision, zone: tzinfo) -> bool:
    done_at = row.closed_at if row.state == DONE else None
    return done_at is not None and row.due is not None and done_at.astimezone(zone).date() <= row.due


def _answered_after(row: Decision, moment: datetime) -> bool:
    answered = row.decided_at or row.closed_at
    return answered is None or answered > moment


def _of_forum(viewer: Viewer, forum_id: int) -> Select[Decision]:
    return (
        select(Decision)
        .join(KeyResult, KeyResult.id == Decision.key_result_id)
        .join(Objective, Objective.id == KeyResult.objective_id)
        .join(Team, Team.id == Objective.team_id)
        .where(Team.forum_id == forum_id, KeyResult.retired_at.is_(None), visible(viewer))
        .order_by(Decision.id)
    )
