"""The discipline report (R070, R085, R090): by forum and review, how updates came, who read before, what was decided and what came of it.

It counts for forums and weeks, never for people: nobody is named or ranked (R042). Whoever sponsors a forum sees its report.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from statistics import median

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.pre_read import MISSING
from connector.domain.rights import Viewer
from connector.domain.vitality import NOTHING, Share, Use
from connector.errors import NotFound
from connector.services.decisions import DONE, DROPPED
from connector.services.insight.discipline import Update
from connector.services.locks import CLOSED, SKIPPED
from connector.services.reports.reviews import Held, Loaded, forums_for, load
from connector.services.rhythm.planning import zone_of
from connector.services.state_changes import TROUBLE, first_at_risk
from connector.store.batches import batches
from connector.store.tables import Decision, Forum, Raised

WEEKS = 13
FOLLOWED = timedelta(days=28)  # decisions that were due so long before a review tell of follow-through


@dataclass(frozen=True, slots=True)
class Week:
    """One review. ``edits`` None: it was not held; ``skipped``: why, "" otherwise. Shares without a basis say so themselves."""

    review: int
    day: date
    state: str
    skipped: str = ""
    key: str = ""
    on_time: int = 0
    late: int = 0
    missing: int = 0
    opened: Share = NOTHING
    verdicts: Share = NOTHING
    follow_through: Share = NOTHING
    decisions: int = 0
    edits: int | None = None
    raised_missed: int = 0
    raised_blockers: int = 0

    @property
    def updates(self) -> Share:
        """Updates in time of those that were due."""
        return Share(self.on_time, self.on_time + self.late + self.missing)

    @property
    def use(self) -> Use:
        """As vitality looks at it."""
        parts = {"on_time": self.updates, "verdicts": self.verdicts, "follow_through": self.follow_through, "opened": self.opened}
        return Use(self.day, parts)


@dataclass(frozen=True, slots=True)
class Waits:
    """Days from the first time that a key result was off track to the first decision on it (R090). ``median`` None: none has one yet."""

    median: float | None = None
    decided: int = 0
    of: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """One forum. ``weeks``: oldest first."""

    forum: int
    name: str
    weeks: tuple[Week, ...]
    first_decision: Waits

    @property
    def uses(self) -> list[Use]:
        """The reviews that are behind us, skipped ones left out."""
        return [each.use for each in self.weeks if each.state == CLOSED or (each.state != SKIPPED and each.updates.of)]

    @property
    def updates(self) -> Share:
        """Over all weeks."""
        return Share(sum(each.on_time for each in self.weeks), sum(each.updates.of for each in self.weeks))


def load_reports(
    session: Session, viewer: Viewer, now: datetime, zone: tzinfo, *, weeks: int = WEEKS, forum: int | None = None
) -> list[Report]:
    """The reports that the viewer may see. Raises ``NotFound`` for a forum that is not among them. A dozen statements."""
    forums = forums_for(session, viewer)
    if forum is not None:
        forums = [each for each in forums if each.id == forum]
        if not forums:
            raise NotFound(f"there is no report of a forum {forum} for you")
    return of_forums(session, viewer, forums, now, zone, weeks=weeks)


def of_forums(
    session: Session,
    viewer: Viewer,
    forums: Sequence[Forum],
    now: datetime,
    zone: tzinfo,
    *,
    weeks: int = WEEKS,
    loaded: Loaded | None = None,
) -> list[Report]:
    """The reports of these forums. ``loaded``: their reviews, when the caller has read them."""
    found = loaded or load(session, viewer, forums, now, weeks)
    every = sorted({name for each in forums for name in found.key_results(each.id)})
    decisions = _decisions(session, every)
    raised = _raised(session, every, now - timedelta(weeks=weeks + 1))
    waits = _waits(session, every, decisions)
    reports = []
    for each in forums:
        names = found.key_results(each.id)
        mine = [row for name in names for row in decisions.get(name, ())]
        steps = [row for name in names for row in raised.get(name, ())]
        local = zone_of(each, zone)
        told = tuple(_week(found, each, held, before, mine, steps, now, local) for held, before in _with_before(found, each))
        reports.append(Report(each.id, each.name, told, _wait(names, waits)))
    return reports


def _with_before(found: Loaded, forum: Forum) -> list[tuple[Held, datetime]]:
    """Each review with the moment since which what happened counts for it."""
    rows = found.reviews.get(forum.id, [])
    length = timedelta(days=14 if forum.cadence == "fortnightly" else 7)
    return [(each, rows[place - 1].row.starts_at if place else each.row.starts_at - length) for place, each in enumerate(rows)]


def _week(
    found: Loaded, forum: Forum, held: Held, before: datetime, decisions: list[Decision], raised: list[Raised], now: datetime, zone: tzinfo
) -> Week:
    row = held.row
    if row.state == SKIPPED:
        return Week(row.id, row.day, row.state, row.skipped_reason)
    entries = held.entries or []
    standings = {entry["id"]: str((entry.get("update") or {}).get("standing") or "") for entry in entries}
    absent = {name for name, word in standings.items() if word in MISSING}
    came_late = absent & held.late
    leaders = found.leaders.get(forum.id, frozenset())
    start = row.opened_at or row.starts_at
    at_risk = [entry["id"] for entry in entries if entry.get("state") in TROUBLE]
    given = sum(1 for name in at_risk if (item := held.items.get(name)) is not None and item.verdict is not None)
    steps = [each for each in raised if before < each.at <= row.starts_at]
    return Week(
        row.id,
        row.day,
        row.state,
        key=held.key,
        on_time=sum(word == Update.ON_TIME.value for word in standings.values()),
        late=sum(word == Update.LATE.value for word in standings.values()) + len(came_late),
        missing=len(absent - came_late),
        opened=Share(sum(held.opened_by[each] < start for each in leaders if each in held.opened_by), len(leaders) if held.pre_read else 0),
        verdicts=Share(given, len(at_risk)) if held.over(now) else NOTHING,
        follow_through=_followed(decisions, row.starts_at.astimezone(zone).date(), zone),
        decisions=sum(each.review_id == row.id and each.state != DROPPED for each in decisions),
        edits=held.edits if row.opened_at is not None else None,
        raised_missed=sum(each.kind == "missed" for each in steps),
        raised_blockers=sum(each.kind == "blocker" for each in steps),
    )


def _followed(decisions: list[Decision], day: date, zone: tzinfo) -> Share:
    """Done by their day, of those that were due in the four weeks before a review (S9)."""
    due = [each for each in decisions if each.due is not None and day - FOLLOWED <= each.due < day and each.state != DROPPED]
    done = [each for each in due if each.state == DONE and each.closed_at is not None and each.due is not None]
    return Share(sum(each.closed_at.astimezone(zone).date() <= each.due for each in done if each.closed_at and each.due), len(due))


def _decisions(session: Session, names: Sequence[str]) -> dict[str, list[Decision]]:
    found: dict[str, list[Decision]] = defaultdict(list)
    for part in batches(names):
        for row in session.scalars(select(Decision).where(Decision.key_result_id.in_(part)).order_by(Decision.id)):
            found[row.key_result_id].append(row)
    return found


def _raised(session: Session, names: Sequence[str], since: datetime) -> dict[str, list[Raised]]:
    found: dict[str, list[Raised]] = defaultdict(list)
    for part in batches(names):
        for row in session.scalars(select(Raised).where(Raised.key_result_id.in_(part), Raised.at >= since)):
            found[row.key_result_id].append(row)
    return found


def _waits(session: Session, names: Sequence[str], decisions: dict[str, list[Decision]]) -> dict[str, float | None]:
    """By key result that was ever off track: days until the first decision after that, None while there is none."""
    first: dict[str, datetime] = {}
    for part in batches(names):
        first |= first_at_risk(session, part)
    found: dict[str, float | None] = {}
    for name, at in first.items():
        moments = [each.decided_at for each in decisions.get(name, ()) if each.decided_at is not None and each.decided_at >= at]
        found[name] = (min(moments) - at) / timedelta(days=1) if moments else None
    return found


def _wait(names: set[str], waits: dict[str, float | None]) -> Waits:
    mine = [waits[name] for name in names if name in waits]
    days = [each for each in mine if each is not None]
    return Waits(median(days) if days else None, len(days), len(mine))


__all__ = ["WEEKS", "Report", "Waits", "Week", "load_reports", "of_forums"]
