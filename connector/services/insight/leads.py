"""The leads' view from one source: lists in their order, open asks, the three answers, what was decided. No markup, no drawing.

Our page, the Jira dashboard and the leads' page in Notion print these values, so that they cannot tell three stories. Ages and dates
differ: hosts print days, because what has not changed must not look changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from functools import cached_property

from sqlalchemy import and_, case, func, or_, select
from sqlalchemy.orm import Session

from connector.domain.agenda import Action
from connector.domain.buckets import Bucket
from connector.domain.okr_columns import DECISION_STATES
from connector.domain.pre_read import Answers
from connector.domain.rights import Viewer
from connector.services.decisions import WITHDRAWN
from connector.services.insight.answering import Decided, answers
from connector.services.insight.open_points import Point, load_asks
from connector.services.insight.scope import Light, Scope, most_urgent, within
from connector.store.tables import Decision, KeyResult, Objective, Team

_, _OPEN, _DONE, _DROPPED = DECISION_STATES
ALWAYS = (Bucket.AT_RISK, Bucket.STALLED, Bucket.ON_TRACK)  # lists that are named also when they are empty: none is an answer


@dataclass(frozen=True)
class Leads:
    """What a lead looks at. ``ordered``: every key result, exceptions first, each list in the order that was asked for.

    ``asks``: oldest first. ``week``: what was decided since Monday, and how much of it moved people or money (R124).
    """

    ordered: tuple[Light, ...]
    asks: tuple[Point, ...]
    decided: Decided
    week: tuple[int, int] = (0, 0)

    @cached_property
    def counts(self) -> Counter[Bucket]:
        """Key results by list; each is in exactly one."""
        return Counter(each.bucket for each in self.ordered)

    @cached_property
    def lists(self) -> tuple[tuple[Bucket, tuple[Light, ...]], ...]:
        """The lists in their order; those of ``ALWAYS`` also when they are empty."""
        found = ((bucket, tuple(each for each in self.ordered if each.bucket is bucket)) for bucket in Bucket)
        return tuple((bucket, rows) for bucket, rows in found if rows or bucket in ALWAYS)

    def answers(self, since: Callable[[datetime | None], str]) -> Answers:
        """The three questions in their order. ``since``: how the place prints the age of the oldest ask; "" leaves it out."""
        oldest = since(self.asks[0].since) if self.asks else ""
        return answers(self.ordered, len(self.asks), f"oldest {oldest}" if oldest else "", self.decided)


def load_leads(
    session: Session, viewer: Viewer, scope: Scope, lights: Sequence[Light], now: datetime, zone: tzinfo, *, sort: str = "gap"
) -> Leads:
    """These key results of a scope as leads look at them: two statements. ``sort``: see ``most_urgent``."""
    asks = load_asks(session, {each.id: each.ask for each in lights if each.ask})
    decided, week = _decided(session, viewer, scope, lights, now, zone)
    return Leads(tuple(most_urgent(lights, by=sort)), tuple(asks), decided, week)


def monday(now: datetime, zone: tzinfo) -> datetime:
    """The beginning of the week, where its people live."""
    today = now.astimezone(zone).date()
    return datetime.combine(today - timedelta(days=today.weekday()), time(), tzinfo=zone)


_SETTLED_AT = func.coalesce(Decision.decided_at, Decision.closed_at)
_ANSWERED = or_(
    Decision.decided_at.is_not(None), Decision.state.in_((_OPEN, _DONE)), and_(Decision.state == _DROPPED, Decision.outcome != WITHDRAWN)
)


def _decided(
    session: Session, viewer: Viewer, scope: Scope, lights: Sequence[Light], now: datetime, zone: tzinfo
) -> tuple[Decided, tuple[int, int]]:
    """Asks and answers of the scope's cycles, and what was decided this week: one statement."""
    if not scope.cycles or not lights:
        return Decided(0, 0), (0, 0)
    begun = datetime.combine(min(each.start for each in scope.cycles.values()), time(), tzinfo=zone)
    asked = and_(Decision.check_in_id.is_not(None), or_(Decision.state != _DROPPED, Decision.outcome != WITHDRAWN))
    lately = and_(_ANSWERED, monday(now, zone) <= _SETTLED_AT)
    moved = and_(lately, Decision.action == Action.REALLOCATE.value)
    query = (
        select(Decision.key_result_id, *(func.sum(case((each, 1), else_=0)) for each in (asked, and_(asked, _ANSWERED), lately, moved)))
        .join(KeyResult, KeyResult.id == Decision.key_result_id)
        .join(Objective, Objective.id == KeyResult.objective_id)
        .outerjoin(Team, Team.id == Objective.team_id)
        .where(KeyResult.retired_at.is_(None), Decision.created_at >= begun, *within(viewer, scope))
        .group_by(Decision.key_result_id)
    )
    known = {each.id for each in lights}
    sums = [0, 0, 0, 0]
    for ident, *counts in session.connection().execute(query):
        if ident in known:
            sums = [total + int(count) for total, count in zip(sums, counts, strict=True)]
    return Decided(sums[0], sums[1]), (sums[2], sums[3])
