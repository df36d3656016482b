"""What the pages show of objectives and key results: a few statements each, turned into printed words. No HTTP, no markup.

Every text is the product's own wording; ages are made here because a page, unlike a panel, is of one moment.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from connector.domain import rhythm, wording
from connector.domain.model import Cycle, Definition, Movement, State
from connector.domain.rights import Viewer
from connector.domain.rollup import coverage_text, objective_progress, weakest_state
from connector.domain.scoring import BOUND_KINDS, shown_progress
from connector.services.facts import load_definition
from connector.store.tables import CheckIn, Connection, KeyResult, Mapping, Objective, Person, Reading, Team
from connector.store.tables import Cycle as CycleRow
from connector.store.visibility import visible
from connector.views.figures import Bar, Spark, Trail, bar, spark, trail

CANNOT_TELL = frozenset({State.OVERDUE, State.NO_DATA, State.DATA_LATE})
_MOVES = {Movement.UP: "moving", Movement.FLAT: "flat", Movement.DOWN: "slipping"}
_HOSTS = {"jira": "Jira", "notion": "Notion"}
_ASKS = {
    "budget": "Asks for budget",
    "approval": "Asks for approval",
    "scope": "Asks for less scope",
    "headcount": "Asks for people",
    "other": "Asks for a decision",
}
SPARK = (80, 20)


@dataclass(frozen=True, slots=True)
class KeyResultView:
    """One key result, ready to print."""

    id: str
    title: str
    owner: str
    objective_id: str
    weight: float
    definition: Definition
    state: State
    state_word: str
    reasons: tuple[str, ...]
    flags: tuple[str, ...]
    start_text: str
    target_text: str
    current_text: str
    sentence: str
    progress: float | None
    expected: float | None
    bar: Bar
    bar_text: str  # "70 % done, 69 % expected"
    way: str  # the same without the plan: "70 %", "inside the bound", "not known"
    moves: str  # "moving", "flat", "slipping", "not known"
    movement_text: str
    spark: Spark
    trail: Trail
    blocker: str
    ask: str
    ask_since: datetime | None
    comment: str
    updated: str  # "17 Nov", "17 Nov, Ben Okafor" when it was not the owner, "never"
    source: str  # "Notion, 8 min ago"
    as_of: datetime | None


@dataclass(frozen=True, slots=True)
class ObjectiveView:
    """An objective with its key results, ready to print."""

    id: str
    title: str
    team: str
    supports: str
    supports_id: str
    state: State
    state_word: str
    progress: float | None
    bar: Bar
    bar_text: str
    coverage: str
    cycle: Cycle
    key_results: tuple[KeyResultView, ...]


def load_objectives(
    session: Session, viewer: Viewer, now: datetime, zone: tzinfo, *, only: Collection[str] | None = None
) -> list[ObjectiveView]:
    """The objectives (all, or ``only`` these ids) with their key results, in their order: those that the viewer may know of."""
    query = (
        select(Objective, CycleRow, Team.name)
        .join(CycleRow, CycleRow.id == Objective.cycle_id)
        .outerjoin(Team, Team.id == Objective.team_id)
        .where(Objective.retired_at.is_(None), visible(viewer))
        .order_by(Objective.position, Objective.id)
    )
    if only is not None:
        query = query.where(Objective.id.in_(only))
    found = session.execute(query).all()
    ids = [row.Objective.id for row in found]
    titles = {
        row.id: row.title
        for row in session.execute(select(Objective.id, Objective.title).where(Objective.retired_at.is_(None), visible(viewer)))
    }
    rows = session.execute(
        select(KeyResult, Person.name)
        .outerjoin(Person, Person.id == KeyResult.owner_id)
        .where(KeyResult.objective_id.in_(ids), KeyResult.retired_at.is_(None))
        .order_by(KeyResult.position, KeyResult.id)
    ).all()
    cycles = {row.Objective.id: Cycle(row.Cycle.name, row.Cycle.start, row.Cycle.end) for row in found}
    known = _Known(session, [row.KeyResult.id for row in rows])
    shown: dict[str, list[KeyResultView]] = {ident: [] for ident in ids}
    for row, owner in rows:
        shown[row.objective_id].append(_key_result(row, owner or "", cycles[row.objective_id], known, now, zone))
    views = []
    for entry in found:
        above = entry.Objective
        views.append(_objective(above, entry.name or "", titles, cycles[above.id], tuple(shown[above.id]), now, zone))
    return views


class _Known:
    """Check-ins, readings and sources of some key results."""

    def __init__(self, session: Session, ids: Sequence[str]) -> None:
        self.check_ins: dict[str, list[Any]] = {}
        for check_in in session.execute(
            select(
                CheckIn.key_result_id, CheckIn.value, CheckIn.confidence, CheckIn.decision, CheckIn.comment, CheckIn.created_at, Person.name
            )
            .outerjoin(Person, Person.id == CheckIn.author_id)
            .where(CheckIn.key_result_id.in_(ids), CheckIn.draft.is_(False))
            .order_by(CheckIn.id)
        ):
            self.check_ins.setdefault(check_in.key_result_id, []).append(check_in)
        last_of_day = select(func.max(Reading.id)).where(Reading.key_result_id.in_(ids)).group_by(Reading.key_result_id, Reading.day)
        self.readings: dict[str, list[tuple[datetime, float]]] = {}
        for reading in session.execute(
            select(Reading.key_result_id, Reading.as_of, Reading.value).where(Reading.id.in_(last_of_day)).order_by(Reading.id)
        ):
            if reading.value is not None:
                self.readings.setdefault(reading.key_result_id, []).append((reading.as_of, reading.value))
        self.sources: dict[str, list[tuple[str, datetime | None]]] = {}
        for name, host, read in session.execute(
            select(Mapping.key_result_id, Connection.host, Connection.last_success_at)
            .join(Connection, Connection.id == Mapping.connection_id)
            .where(Mapping.key_result_id.in_(ids), Mapping.retired_at.is_(None), Mapping.mode == "value")
            .order_by(Mapping.position)
        ):
            self.sources.setdefault(name, []).append((_HOSTS.get(host, host), read))


def _key_result(row: KeyResult, owner: str, cycle: Cycle, known: _Known, now: datetime, zone: tzinfo) -> KeyResultView:
    definition, state = load_definition(row), State(row.state)
    check_ins = known.check_ins.get(row.id, [])
    last = check_ins[-1] if check_ins else None
    movement = Movement(row.movement) if row.movement and state not in CANNOT_TELL else None
    progress = shown_progress(row.raw_progress)
    early = rhythm.expected(cycle, now.astimezone(zone).date(), definition).too_early
    expected = None if early else row.expected
    words = _way_text(progress, expected)
    asked = row.decision_needed if row.decision_needed in _ASKS else None
    return KeyResultView(
        id=row.id,
        title=row.title,
        owner=owner,
        objective_id=row.objective_id,
        weight=row.weight,
        definition=definition,
        state=state,
        state_word=wording.STATE_WORDS[state],
        reasons=tuple(row.reasons or ()),
        flags=tuple(row.flags or ()),
        start_text=wording.start_text(definition),
        target_text=wording.target_text(definition),
        current_text=wording.current_text(definition, row.current),
        sentence=wording.sentence(definition, row.current, late=state is State.DATA_LATE),
        progress=progress,
        expected=expected,
        bar=bar(progress, expected, words),
        bar_text=words,
        way=_short_way(definition, progress),
        moves=_MOVES[movement] if movement else "not known",
        movement_text=wording.movement_text(definition, movement, row.movement_from, row.current, row.movement_since, zone),
        spark=spark(
            known.readings.get(row.id, []),
            definition,
            cycle,
            width=SPARK[0],
            height=SPARK[1],
            late=state in CANNOT_TELL,
            since=wording.day_text(cycle.start),
        ),
        trail=trail([each.confidence for each in check_ins if each.confidence is not None]),
        blocker=row.blocker or "",
        ask=_ASKS[asked] if asked else "",
        ask_since=_asked_since(check_ins) if asked else None,
        comment=(last.comment or "") if last else "",
        updated=_updated_text(last, owner, zone),
        source=_source_text(known.sources.get(row.id, []), bool(last), row.kind, now),
        as_of=row.as_of,
    )


def _objective(
    row: Objective, team: str, titles: dict[str, str], cycle: Cycle, children: tuple[KeyResultView, ...], now: datetime, zone: tzinfo
) -> ObjectiveView:
    total = objective_progress([(child.progress, child.weight) for child in children])
    progress = shown_progress(total.progress)
    plan = rhythm.expected(cycle, now.astimezone(zone).date())
    expected = None if plan.too_early else plan.value
    state = weakest_state(child.state for child in children)
    words = _way_text(progress, expected) if children else "not measurable yet"
    return ObjectiveView(
        id=row.id,
        title=row.title,
        team=team,
        supports=titles.get(row.supports_id or "", ""),
        supports_id=row.supports_id if row.supports_id in titles else "",
        state=state,
        state_word=wording.STATE_WORDS[state],
        progress=progress,
        bar=bar(progress, expected if children else None, words, width=176),
        bar_text=words,
        coverage=coverage_text(total),
        cycle=cycle,
        key_results=children,
    )


def _way_text(progress: float | None, expected: float | None) -> str:
    done = "progress not known" if progress is None else f"{wording.percent_text(progress)} done"
    return done if expected is None else f"{done}, {wording.percent_text(expected)} expected"


def _short_way(definition: Definition, progress: float | None) -> str:
    if progress is None:
        return "not known"
    if definition.kind in BOUND_KINDS:
        return "inside the bound" if progress >= 1.0 else "outside the bound"
    return wording.percent_text(progress)


def _updated_text(last: Any, owner: str, zone: tzinfo) -> str:
    if last is None:
        return "never"
    day = wording.local_day_text(last.created_at, zone)
    return day if last.name == owner else f"{day}, {last.name or 'author not known'}"


def _asked_since(check_ins: Sequence[Any]) -> datetime | None:
    """Since when a decision has been asked for without a break."""
    since = None
    for check_in in reversed(check_ins):
        if check_in.decision not in _ASKS:
            break
        since = check_in.created_at
    return since


def _source_text(sources: Sequence[tuple[str, datetime | None]], checked_in: bool, kind: str, now: datetime) -> str:
    if sources:
        hosts = " and ".join(dict.fromkeys(host for host, _ in sources))
        read = [moment for _, moment in sources]
        oldest = min((moment for moment in read if moment is not None), default=None) if None not in read else None
        return f"{hosts}, {age_text(oldest, now)}" if oldest else f"{hosts}, not read yet"
    if kind == "milestones":
        return "milestones"
    return "check-ins" if checked_in else "no source"


def age_text(moment: datetime, now: datetime) -> str:
    """ "just now", "8 min ago", "5 h ago", "3 days ago"."""
    seconds = max(0.0, (now - moment).total_seconds())
    if seconds < 90:
        return "just now"
    if seconds < 5400:
        return f"{round(seconds / 60)} min ago"
    if seconds < 48 * 3600:
        return f"{round(seconds / 3600)} h ago"
    return f"{wording.days_text(int(seconds // 86400))} ago"


@dataclass(frozen=True, slots=True)
class Answers:
    """The three questions, answered over some key results: a bold part and the rest of each sentence."""

    moving: tuple[str, str]
    off_track: tuple[str, str]
    decisions: tuple[str, str]


def answer(key_results: Sequence[KeyResultView], now: datetime) -> Answers:
    """Are we moving, where are we off track, what decision is needed now."""
    counts = {word: sum(each.moves == word for each in key_results) for word in ("moving", "flat", "slipping", "not known")}
    rest = " · ".join(f"{count} {word}" for word, count in counts.items() if word != "moving" and count)
    states = {state: sum(each.state is state for each in key_results) for state in State}
    off = [f"{states[state]} {wording.STATE_WORDS[state].lower()}" for state in (State.AT_RISK, State.STALLED) if states[state]]
    dark = sum(states[state] for state in CANNOT_TELL)
    behind = [each for each in key_results if each.state in (State.AT_RISK, State.STALLED) and each.progress is not None and each.expected]
    furthest = min(behind, key=lambda each: (each.progress or 0.0) / (each.expected or 1.0), default=None)
    where = [f"{dark} cannot be told"] if dark else []
    where += [f"furthest behind: {furthest.title}"] if furthest else []
    asks = sorted((each for each in key_results if each.ask), key=lambda each: each.ask_since or now)
    oldest = f"the oldest: {asks[0].ask.removeprefix('Asks for ')}, {asks[0].title}" if asks else ""
    if asks and asks[0].ask_since:
        oldest += f", {age_text(asks[0].ask_since, now).removesuffix(' ago')}"
    return Answers(
        (f"{counts['moving']} of {len(key_results)} moving", rest),
        (", ".join(off) or "Nothing off track", " · ".join(where)),
        (f"{len(asks)} {'ask waits' if len(asks) == 1 else 'asks wait'}" if asks else "None asked", oldest),
    )


def week_text(cycle: Cycle, today: date) -> str:
    """ "Cycle 2026-Q4 · week 9 of 13"."""
    weeks = -(-((cycle.end - cycle.start).days + 1) // 7)
    week = min(weeks, max(1, (today - cycle.start).days // 7 + 1))
    return f"Cycle {cycle.name} · week {week} of {weeks}"
