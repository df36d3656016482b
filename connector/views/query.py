"""What the pages show of objectives and key results: a few statements each, turned into printed words. No HTTP, no markup.

Every text is the product's own wording; ages are made here because a page, unlike a panel, is of one moment.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session, aliased

from connector.domain import buckets, rhythm, wording
from connector.domain.model import Cycle, Definition, Movement, State
from connector.domain.rights import Viewer
from connector.domain.rollup import coverage_text, objective_progress, weakest_state
from connector.domain.scoring import BOUND_KINDS, shown_progress
from connector.services import provenance
from connector.services.facts import Facts, load_definition
from connector.store.asks import asked_at, open_ask
from connector.store.tables import CheckIn, Connection, KeyResult, Mapping, Objective, Person, Reading, Team
from connector.store.tables import Cycle as CycleRow
from connector.store.visibility import DRAFT, visible
from connector.views.figures import Bar, Spark, Trail, bar, spark, trail
from mappings.rules import Mode

CANNOT_TELL = frozenset({State.OVERDUE, State.NO_DATA, State.DATA_LATE})
MOVES = {Movement.UP: "moving", Movement.FLAT: "flat", Movement.DOWN: "slipping"}
_HOSTS = {"jira": "Jira", "notion": "Notion"}
ASKS = {
    "budget": "Asks for budget",
    "approval": "Asks for approval",
    "scope": "Asks for less scope",
    "headcount": "Asks for headcount",
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
    moves: str  # one of ``buckets.MOVES``
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
    notes: tuple[str, ...]  # "Draft", "Scheduled", "Restricted"
    state: State
    state_word: str
    progress: float | None
    bar: Bar
    bar_text: str
    coverage: str
    cycle: Cycle
    key_results: tuple[KeyResultView, ...]


def load_objectives(
    session: Session,
    viewer: Viewer,
    now: datetime,
    zone: tzinfo,
    *,
    only: Collection[str] | None = None,
    showing: Collection[str] | None = None,
) -> list[ObjectiveView]:
    """The objectives (all, or ``only`` these ids) with their key results, in their order: those that the viewer may know of.

    ``showing``: only these key results are listed; the objective's own progress and state are still those of all.
    """
    above = aliased(Objective)
    query = (
        select(Objective, CycleRow, Team.name, above.id.label("above_id"), above.title.label("above"))
        .join(CycleRow, CycleRow.id == Objective.cycle_id)
        .outerjoin(above, and_(above.id == Objective.supports_id, above.retired_at.is_(None), visible(viewer, above)))
        .outerjoin(Team, Team.id == Objective.team_id)
        .where(Objective.retired_at.is_(None), visible(viewer))
        .order_by(Objective.position, Objective.id)
    )
    if only is not None:
        query = query.where(Objective.id.in_(only))
    found = session.execute(query).all()
    ids = [row.Objective.id for row in found]
    rows = session.execute(
        select(KeyResult, Person.name, open_ask(), asked_at())
        .outerjoin(Person, Person.id == KeyResult.owner_id)
        .where(KeyResult.objective_id.in_(ids), KeyResult.retired_at.is_(None))
        .order_by(KeyResult.position, KeyResult.id)
    ).all()
    cycles = {row.Objective.id: Cycle(row.Cycle.name, row.Cycle.start, row.Cycle.end) for row in found}
    listed = [row for row in rows if showing is None or row.KeyResult.id in showing]
    known = Known.load(session, [row.KeyResult.id for row in listed], listed)
    every: dict[str, list[KeyResult]] = {ident: [] for ident in ids}
    shown: dict[str, list[KeyResultView]] = {ident: [] for ident in ids}
    for row, owner, _, _ in rows:
        every[row.objective_id].append(row)
        if showing is None or row.id in showing:
            shown[row.objective_id].append(_key_result(row, owner or "", cycles[row.objective_id], known, now, zone))
    return [
        _objective(entry, cycles[entry.Objective.id], every[entry.Objective.id], tuple(shown[entry.Objective.id]), now, zone)
        for entry in found
    ]


def load_key_result(session: Session, viewer: Viewer, ident: str) -> Any:
    """The row (key result, objective, cycle, owner, open ask, since when) of a key result that the viewer may know of; else None."""
    return session.execute(
        select(KeyResult, Objective, CycleRow, Person, open_ask(), asked_at())
        .join(Objective, Objective.id == KeyResult.objective_id)
        .join(CycleRow, CycleRow.id == Objective.cycle_id)
        .outerjoin(Person, Person.id == KeyResult.owner_id)
        .where(KeyResult.id == ident, KeyResult.retired_at.is_(None), Objective.retired_at.is_(None), visible(viewer))
    ).one_or_none()


def load_key_results(session: Session, viewer: Viewer, ids: Collection[str], now: datetime, zone: tzinfo) -> dict[str, KeyResultView]:
    """These key results, ready to print, without their objectives: those that the viewer may know of. Four statements."""
    rows = session.execute(
        select(KeyResult, CycleRow.name, CycleRow.start, CycleRow.end, Person.name.label("owner"), open_ask(), asked_at())
        .join(Objective, Objective.id == KeyResult.objective_id)
        .join(CycleRow, CycleRow.id == Objective.cycle_id)
        .outerjoin(Person, Person.id == KeyResult.owner_id)
        .where(KeyResult.id.in_(ids), KeyResult.retired_at.is_(None), Objective.retired_at.is_(None), visible(viewer))
    ).all()
    known = Known.load(session, [row.KeyResult.id for row in rows], rows)
    return {
        row.KeyResult.id: _key_result(row.KeyResult, row.owner or "", Cycle(row.name, row.start, row.end), known, now, zone) for row in rows
    }


class Known:
    """Check-ins, readings, sources and open asks of some key results. ``asks``: the kind, and since when where a decision says so."""

    check_ins: dict[str, list[Any]]
    readings: dict[str, list[tuple[datetime, float]]]
    sources: dict[str, list[tuple[str, datetime | None]]]
    asks: dict[str, tuple[str, datetime | None]]

    @classmethod
    def of(cls, facts: Facts, check_ins: Sequence[Any]) -> Known:
        """Of one key result whose surroundings were read already; ``check_ins`` without drafts, oldest first."""
        made = cls()
        name = facts.row.id
        made.check_ins, made.readings = {name: list(check_ins)}, {}
        made.asks = {name: (facts.ask, facts.asked_at)} if facts.ask else {}
        feeding = [facts.connections[link.connection_id] for link in facts.links if link.rule.mode is Mode.VALUE]
        made.sources = {name: [(_HOSTS.get(row.host, row.host), row.last_success_at) for row in feeding]}
        return made

    def view(self, facts: Facts, now: datetime, zone: tzinfo) -> KeyResultView:
        """That key result, ready to print."""
        return _key_result(facts.row, facts.owner.name if facts.owner else "", facts.cycle, self, now, zone)

    @classmethod
    def load(cls, session: Session, ids: Sequence[str], rows: Sequence[Any] | None = None) -> Known:
        """Read what is known of these key results: three statements, and one more unless ``rows`` hold their asks already."""
        made = cls()
        made.check_ins = {}
        for check_in in session.execute(
            select(
                CheckIn.id, CheckIn.key_result_id, CheckIn.value, CheckIn.confidence, CheckIn.decision, CheckIn.comment,
                CheckIn.created_at, CheckIn.source, Person.name,
            )
            .outerjoin(Person, Person.id == CheckIn.author_id)
            .where(CheckIn.key_result_id.in_(ids), CheckIn.draft.is_(False))
            .order_by(CheckIn.id)
        ):  # fmt: skip
            made.check_ins.setdefault(check_in.key_result_id, []).append(check_in)
        last_of_day = select(func.max(Reading.id)).where(Reading.key_result_id.in_(ids)).group_by(Reading.key_result_id, Reading.day)
        made.readings = {}
        for reading in session.execute(
            select(Reading.key_result_id, Reading.as_of, Reading.value).where(Reading.id.in_(last_of_day)).order_by(Reading.id)
        ):
            if reading.value is not None:
                made.readings.setdefault(reading.key_result_id, []).append((reading.as_of, reading.value))
        made.sources = {}
        for name, host, read in session.execute(
            select(Mapping.key_result_id, Connection.host, Connection.last_success_at)
            .join(Connection, Connection.id == Mapping.connection_id)
            .where(Mapping.key_result_id.in_(ids), Mapping.retired_at.is_(None), Mapping.mode == "value")
            .order_by(Mapping.position)
        ):
            made.sources.setdefault(name, []).append((_HOSTS.get(host, host), read))
        if rows is None:
            rows = session.execute(select(KeyResult, open_ask(), asked_at()).where(KeyResult.id.in_(ids))).all()
        made.asks = {row.KeyResult.id: (row.open_ask, row.asked_at) for row in rows if row.open_ask}
        return made


def _key_result(row: KeyResult, owner: str, cycle: Cycle, known: Known, now: datetime, zone: tzinfo) -> KeyResultView:
    definition, state = load_definition(row), State(row.state)
    check_ins = known.check_ins.get(row.id, [])
    last = check_ins[-1] if check_ins else None
    movement = Movement(row.movement) if row.movement and state not in CANNOT_TELL else None
    progress = shown_progress(row.raw_progress)
    early = rhythm.expected(cycle, now.astimezone(zone).date(), definition).too_early
    expected = None if early else row.expected
    words = _way_text(progress, expected)
    asked, since = known.asks.get(row.id, ("", None))
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
        moves=buckets.moves(definition.kind, state, movement, progress),
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
        ask=ASKS[asked] if asked else "",
        ask_since=since or _asked_since(check_ins) if asked else None,
        comment=(last.comment or "") if last else "",
        updated=_updated_text(last, owner, zone),
        source=_source_text(row, definition, known.sources.get(row.id, []), check_ins, now, zone),
        as_of=row.as_of,
    )


def _objective(
    entry: Any, cycle: Cycle, children: Sequence[KeyResult], shown: tuple[KeyResultView, ...], now: datetime, zone: tzinfo
) -> ObjectiveView:
    row = entry.Objective
    total = objective_progress([(shown_progress(child.raw_progress), child.weight) for child in children])
    progress = shown_progress(total.progress)
    plan = rhythm.expected(cycle, now.astimezone(zone).date())
    expected = None if plan.too_early else plan.value
    state = weakest_state(State(child.state) for child in children)
    words = _way_text(progress, expected) if children else "not measurable yet"
    return ObjectiveView(
        id=row.id,
        title=row.title,
        team=entry.name or "",
        supports=entry.above or "",
        supports_id=entry.above_id or "",
        notes=_notes(row, entry.Cycle),
        state=state,
        state_word=wording.STATE_WORDS[state],
        progress=progress,
        bar=bar(progress, expected if children else None, words, width=176),
        bar_text=words,
        coverage=coverage_text(total),
        cycle=cycle,
        key_results=shown,
    )


def _notes(row: Objective, cycle: CycleRow) -> tuple[str, ...]:
    stage = "Draft" if row.stage == DRAFT else "Scheduled" if cycle.started_at is None else ""
    return tuple(word for word in (stage, "Restricted" if row.restricted else "") if word)


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
        if check_in.decision not in ASKS:
            break
        since = check_in.created_at
    return since


def _source_text(
    row: KeyResult,
    definition: Definition,
    sources: Sequence[tuple[str, datetime | None]],
    check_ins: Sequence[Any],
    now: datetime,
    zone: tzinfo,
) -> str:
    """Who told the number that stands and what is read beside it, or the source that it was read from."""
    if provenance.is_told(row.source):
        by = provenance.telling(row.source, check_ins)
        who = provenance.author_text(by.name, by.source) if by is not None else provenance.SOMEBODY
        return wording.told_text(who, provenance.reads_text(row.source, list(dict.fromkeys(host for host, _ in sources)), definition))
    if sources:
        hosts = " and ".join(dict.fromkeys(host for host, _ in sources))
        read = [moment for _, moment in sources]
        oldest = min((moment for moment in read if moment is not None), default=None) if None not in read else None
        return f"{hosts}, {age_text(oldest, now, zone)}" if oldest else f"{hosts}, not read yet"
    if row.kind == "milestones":
        return "milestones"
    return "check-ins" if check_ins else "no source"


def age_text(moment: datetime, now: datetime, zone: tzinfo) -> str:
    """ "just now", "8 min ago", "5 h ago", "3 days ago"."""
    seconds = max(0.0, (now - moment).total_seconds())
    if seconds < 90:
        return "just now"
    if seconds < 5400:
        return f"{round(seconds / 60)} min ago"
    if seconds < 48 * 3600:
        return f"{round(seconds / 3600)} h ago"
    return f"{wording.days_text(wording.calendar_days(moment, now, zone))} ago"
