"""Reads what signals are judged by: about a dozen statements for a batch of key results, whatever their number. Writes nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from connector.domain import rhythm
from connector.domain.activity import USUAL_LAG, WEEK, Counted, Night
from connector.domain.model import Cadence, CheckInFact, Cycle, Definition, Point, State
from connector.domain.quality import OUTPUT
from connector.domain.signals.effort import lag_of
from connector.domain.signals.known import Edit, Known, Source, Values
from connector.domain.signals.moment import best_rate, windows_of
from connector.domain.triage import FLAG_FLAT_BUT_CONFIDENT
from connector.services.calendars import holidays_between
from connector.services.changes import edits_of
from connector.services.facts import HISTORY, cycle_end_moment, load_definition
from connector.store.tables import Audit, CheckIn, Connection, Forum, Item, KeyResult, MappingDay, MappingItem, Objective, Reading, Team
from connector.store.tables import Cycle as CycleRow
from connector.store.tables import Mapping as MappingRow
from connector.store.visibility import READY
from mappings.parsing import parse_measure
from mappings.terms import Mode

YEAR = 53  # weeks of values that a best rate is looked for in
RECENT = timedelta(days=120)  # of values that a forecast looks at
NIGHTS = timedelta(days=150)


@dataclass(frozen=True, slots=True)
class History:
    """The values of one key result: each day's last, those of recent days with their moments, and its four-week slopes."""

    values: Values = field(default_factory=Values)
    points: tuple[Point, ...] = ()
    windows: tuple[float, ...] = ()


def running(session: Session, today: date, only: Collection[str] | None = None) -> dict[str, int | None]:
    """The key results of started cycles that run today, with the team of each: what is closed, retired or a draft is left out."""
    query = (
        select(KeyResult.id, Objective.team_id)
        .join(Objective, Objective.id == KeyResult.objective_id)
        .join(CycleRow, CycleRow.id == Objective.cycle_id)
        .where(
            KeyResult.retired_at.is_(None),
            KeyResult.state != State.CLOSED.value,
            Objective.retired_at.is_(None),
            Objective.closed_at.is_(None),
            Objective.stage == READY,
            CycleRow.retired_at.is_(None),
            CycleRow.started_at.is_not(None),
            CycleRow.start <= today,
            CycleRow.end >= today,
        )
        .order_by(KeyResult.id)
    )
    if only is not None:
        query = query.where(KeyResult.id.in_(only))
    return {row.id: row.team_id for row in session.execute(query)}


def teammates(session: Session, team: int, today: date) -> list[str]:
    """The running key results of a team."""
    return [name for name, of in running(session, today).items() if of == team]


def histories(session: Session, ids: Sequence[str], today: date) -> dict[str, History]:
    """The values of the last year: two statements."""
    definitions = {row.id: load_definition(row) for row in session.scalars(select(KeyResult).where(KeyResult.id.in_(ids)))}
    last = (
        select(func.max(Reading.id))
        .where(Reading.key_result_id.in_(ids), Reading.day > today - WEEK * YEAR)
        .group_by(Reading.key_result_id, Reading.day)
    )
    days: dict[str, list[tuple[date, datetime, float | None]]] = {}
    rows = session.connection().execute(  # columns only: without the session's way to entities that is half the work
        select(Reading.key_result_id, Reading.day, Reading.as_of, Reading.value).where(Reading.id.in_(last)).order_by(Reading.id)
    )
    for name, day, as_of, value in rows:
        days.setdefault(name, []).append((day, as_of, value))
    return {name: _history(definitions[name], days.get(name, []), today) for name in definitions}


def _history(definition: Definition, rows: list[tuple[date, datetime, float | None]], today: date) -> History:
    if any(later[0] < earlier[0] for earlier, later in pairwise(rows)):  # told late, of an earlier day
        rows = sorted({row[0]: row for row in rows}.values())
    values = Values(tuple(row[0] for row in rows), tuple(row[2] for row in rows))
    points = tuple(Point(as_of, value) for day, as_of, value in rows if value is not None and day > today - RECENT)
    return History(values, points, tuple(windows_of(definition, values.weekly(today, YEAR))))


def team_windows(found: Mapping[str, History], teams: Mapping[str, int | None]) -> dict[int, float | None]:
    """The best sustained rate of each team, from the four-week slopes of all its key results."""
    pooled: dict[int, list[float]] = {}
    for name, history in found.items():
        team = teams.get(name)
        if team is not None:
            pooled.setdefault(team, []).extend(history.windows)
    return {team: best_rate(windows) for team, windows in pooled.items()}


def load(
    session: Session, ids: Sequence[str], past: Mapping[str, History], of_team: Mapping[int, float | None], now: datetime, zone: Any
) -> dict[str, Known]:
    """What is known of these key results. ``past``: their histories; ``of_team``: the best rates of their teams."""
    today = now.astimezone(zone).date()
    rows = session.execute(
        select(KeyResult, Objective.team_id, CycleRow.name, CycleRow.start, CycleRow.end, Forum.country)
        .join(Objective, Objective.id == KeyResult.objective_id)
        .join(CycleRow, CycleRow.id == Objective.cycle_id)
        .outerjoin(Team, Team.id == Objective.team_id)
        .outerjoin(Forum, (Forum.id == Team.forum_id) & Forum.retired_at.is_(None))
        .where(KeyResult.id.in_(ids))
    ).all()
    check_ins, nights, scoped = _check_ins(session, ids), _nights(session, ids, today), _scoped(session, ids, today)
    sources = _sources(session, ids)
    edits = _edits(session, ids, min((row.start for row in rows), default=today), zone)
    found = {}
    for row in rows:
        key_result, cycle = row.KeyResult, Cycle(row.name, row.start, row.end)
        name, definition = key_result.id, load_definition(key_result)
        history = past.get(name, History())
        holidays = holidays_between(row.country or "", cycle.start, cycle.end + WEEK * 4)
        best = best_rate(history.windows)
        team = of_team.get(row.team_id) if row.team_id is not None else None
        flags = key_result.flags or ()
        known = Known(
            id=name,
            definition=definition,
            cycle=cycle,
            cycle_end=cycle_end_moment(cycle, zone),
            now=now,
            zone=zone,
            expected=rhythm.expected(cycle, today, definition, holidays),
            started_at=max(key_result.created_at, datetime.combine(cycle.start, datetime.min.time(), tzinfo=zone)),
            current=key_result.current,
            raw=key_result.raw_progress,
            state=State(key_result.state),
            cadence=Cadence(key_result.cadence),
            check_ins=tuple(check_ins.get(name, ())),
            points=history.points,
            values=history.values,
            fed=any(each.feeds for each in sources.get(name, ())),
            output=OUTPUT in flags,
            flat_since=key_result.movement_since if FLAG_FLAT_BUT_CONFIDENT in flags else None,
            counted=nights.get(name, Counted()),
            scoped=scoped.get(name),
            lag=key_result.effect_lag if key_result.effect_lag is not None else USUAL_LAG,
            lag_by="said" if key_result.effect_lag is not None else "usual",
            best=best if best is not None else team,
            best_of="key result" if best is not None else "team" if team is not None else "",
            sources=tuple(each.source for each in sources.get(name, ()) if each.feeds),
            edits=tuple(edit for edit in edits.get(name, ()) if edit.day >= cycle.start),
            holidays=holidays,
        )
        found[name] = _with_learned_lag(known)
    return found


def _with_learned_lag(known: Known) -> Known:
    if known.lag_by == "said":
        return known
    lag = lag_of(known)
    return known if lag is None else replace(known, lag=lag, lag_by="learned")


def _check_ins(session: Session, ids: Sequence[str]) -> dict[str, list[CheckInFact]]:
    """The last check-ins of each, oldest first, by the moment of filing: a number of last week, told today, is a fresh update."""
    number = func.row_number().over(partition_by=CheckIn.key_result_id, order_by=CheckIn.id.desc()).label("number")
    inner = select(CheckIn.id, number).where(CheckIn.key_result_id.in_(ids), CheckIn.draft.is_(False)).subquery()
    found: dict[str, list[CheckInFact]] = {}
    for name, at, value, confidence in session.execute(
        select(CheckIn.key_result_id, CheckIn.created_at, CheckIn.value, CheckIn.confidence)
        .join(inner, inner.c.id == CheckIn.id)
        .where(inner.c.number <= HISTORY)
        .order_by(CheckIn.id)
    ):
        found.setdefault(name, []).append(CheckInFact(at, value, confidence))
    return found


def _scoped(session: Session, ids: Sequence[str], today: date) -> dict[str, Counted]:
    """The nights without the mappings whose rows are the value, of those key results that have such: empty where there is no other."""
    left_out: dict[str, set[int]] = {}
    for ident, name, rule in session.execute(
        select(MappingRow.id, MappingRow.key_result_id, MappingRow.rule).where(
            MappingRow.retired_at.is_(None), MappingRow.mode == Mode.VALUE.value, MappingRow.key_result_id.in_(ids)
        )
    ):
        if parse_measure(rule["measure"], where="measure").counts_rows:
            left_out.setdefault(name, set()).add(ident)
    if not left_out:
        return {}
    found = _nights(session, list(left_out), today, [ident for each in left_out.values() for ident in each])
    return {name: found.get(name, Counted()) for name in left_out}


def _nights(session: Session, ids: Sequence[str], today: date, left_out: Sequence[int] = ()) -> dict[str, Counted]:
    """Counted nights over all mappings of a key result but some; a night that misses one of them is not counted."""
    wanted = (MappingRow.retired_at.is_(None), *((MappingRow.id.not_in(left_out),) if left_out else ()))
    mapped: Any = session.execute(
        select(MappingRow.key_result_id, func.count()).where(MappingRow.key_result_id.in_(ids), *wanted).group_by(MappingRow.key_result_id)
    )
    expected: dict[str, int] = {name: count for name, count in mapped}  # noqa: C416 - a row is no pair for the types
    sums: tuple[Any, ...] = (MappingDay.items, MappingDay.done, MappingDay.started, MappingDay.points, MappingDay.points_done)
    columns: list[Any] = [func.count(), *(func.sum(each) for each in sums), *(func.count(each) for each in sums[2:])]
    rows: Any = session.connection().execute(
        select(MappingRow.key_result_id, MappingDay.day, *columns)
        .join(MappingDay, MappingDay.mapping_id == MappingRow.id)
        .where(MappingRow.key_result_id.in_(list(expected)), MappingDay.day > today - NIGHTS, *wanted)
        .group_by(MappingRow.key_result_id, MappingDay.day)
    )
    found: dict[str, dict[date, Night]] = {}
    for name, day, count, items, done, started, points, points_done, with_started, with_points, with_points_done in rows:
        if count != expected[name]:
            continue
        found.setdefault(name, {})[day] = Night(
            int(items),
            int(done),
            int(started) if with_started == count else None,
            float(points) if with_points == count else None,
            float(points_done) if with_points_done == count else None,
        )
    return {name: Counted(nights) for name, nights in found.items()}


@dataclass(frozen=True, slots=True)
class _Fed:
    feeds: bool
    source: Source


def _sources(session: Session, ids: Sequence[str]) -> dict[str, list[_Fed]]:
    edited = {
        (mapping, connection): moment
        for mapping, connection, moment in session.execute(
            select(MappingItem.mapping_id, Item.connection_id, func.max(Item.updated_at))
            .join(Item, Item.id == MappingItem.item_id)
            .join(MappingRow, MappingRow.id == MappingItem.mapping_id)
            .where(MappingRow.key_result_id.in_(ids), MappingRow.retired_at.is_(None), MappingRow.mode == "value", Item.gone_at.is_(None))
            .group_by(MappingItem.mapping_id, Item.connection_id)
        )
    }
    found: dict[str, list[_Fed]] = {}
    for row in session.execute(
        select(
            MappingRow.id, MappingRow.key_result_id, MappingRow.mode, MappingRow.created_at, Connection.id.label("connection"),
            Connection.name, Connection.last_success_at, Connection.parked_at, Connection.paused_at,
        )
        .join(Connection, Connection.id == MappingRow.connection_id)
        .where(MappingRow.key_result_id.in_(ids), MappingRow.retired_at.is_(None))
        .order_by(MappingRow.id)
    ):  # fmt: skip
        stopped = row.parked_at is not None or row.paused_at is not None
        source = Source(row.name, row.last_success_at, row.created_at, edited.get((row.id, row.connection)), stopped)
        found.setdefault(row.key_result_id, []).append(_Fed(row.mode == "value", source))
    return found


def _edits(session: Session, ids: Sequence[str], since: date, zone: Any) -> dict[str, list[Edit]]:
    """Late edits of targets, as the audit trail has them."""
    begun = datetime.combine(since, datetime.min.time(), tzinfo=zone)
    found: dict[str, list[Edit]] = {}
    for name, at, after in session.execute(
        select(Audit.entity_id, Audit.at, Audit.after).where(edits_of(ids, begun, "late")).order_by(Audit.id)
    ):
        late = (after or {}).get("late")
        if isinstance(late, str) and late:
            found.setdefault(name, []).append(Edit(at.astimezone(zone).date(), late))
    return found
