"""What a review pack says: of a review as its pre-read was frozen (before its lock: as it would be now), or of all that runs in a cycle.

Reads only and draws nothing. Whoever downloads a pack finds in it what they may know of, and nothing else.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date, datetime, tzinfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from connector.domain import pre_read, wording
from connector.domain.model import Cycle, DecisionKind
from connector.domain.panel import KeyResultPanel
from connector.domain.pre_read import Entry, Snapshot
from connector.domain.review_pack import Ask, Due, Pack, Page, Stuck, Trend, trend_of
from connector.domain.rights import Viewer
from connector.domain.rollup import WORST_FIRST
from connector.errors import NotFound
from connector.runtime import Runtime
from connector.services import decisions as ledger
from connector.services.exchange.sheets import cycle_names
from connector.services.facts import Facts, cycle_end_moment, load_definition, load_facts
from connector.services.insight import answering
from connector.services.insight.answering import ASK_WORDS
from connector.services.insight.discipline import load_standings
from connector.services.insight.open_points import load_asks, load_blockers
from connector.services.insight.scope import Light, Scope, load_lights
from connector.services.panels import describe_key_result
from connector.services.rhythm import locking, pre_reads
from connector.services.rhythm.planning import next_review, zone_of
from connector.services.signals.standing import standing
from connector.store.batches import batches
from connector.store.tables import Cycle as CycleRow
from connector.store.tables import Forum, KeyResult, Objective, PreRead, Reading, Review
from connector.store.visibility import visible

# --- of a review -------------------------------------------------------------------------------------------------------------


def pack_of_review(runtime: Runtime, viewer: Viewer, review_id: int) -> Pack:
    """The pack of one review. Raises ``NotFound``."""
    with runtime.store.read() as session:
        review = session.get(Review, review_id)
        forum = session.get(Forum, review.forum_id) if review is not None else None
        if review is None or forum is None:
            raise NotFound(f"there is no review {review_id}")
        return _of_review(runtime, session, viewer, review, forum)


def pack_of_forum(runtime: Runtime, viewer: Viewer, name: str) -> Pack:
    """The pack of a forum's review that is held or comes next. Raises ``NotFound`` for an unknown forum, and where none is planned."""
    with runtime.store.read() as session:
        forum = session.scalar(select(Forum).where(func.lower(Forum.name) == name.strip().lower(), Forum.retired_at.is_(None)))
        if forum is None:
            raise NotFound(f"there is no forum {name.strip()[:80]!r}")
        review = next_review(session, forum.id, runtime.now())
        if review is None:
            raise NotFound(f"no review of {forum.name} is planned; give the forum a weekday and somebody who can call decisions")
        return _of_review(runtime, session, viewer, review, forum)


def _of_review(runtime: Runtime, session: Session, viewer: Viewer, review: Review, forum: Forum) -> Pack:
    zone = zone_of(forum, runtime.settings.zone)
    row: PreRead | None = locking.pre_read_of(session, review.id)
    whole = locking.snapshot_of(runtime, session, review, forum, row)
    snapshot = pre_reads.for_viewer(session, viewer, whole)
    pages = [_page_of(each) for each in snapshot.entries]
    ids = [each.id for each in pages if each.exception]
    return Pack(
        title=f"OKR review {snapshot.forum}, {snapshot.starts_text}",
        moment=_moment(snapshot),
        answers=snapshot.answers,
        pages=tuple(pages),
        decisions=tuple(
            Due(ASK_WORDS.get(each.kind, each.kind), each.title, each.key_result_title, each.owner, each.when, each.state, each.overdue)
            for each in snapshot.decisions
        ),
        key=snapshot.key,
        sources=tuple((each.name, each.text) for each in snapshot.sources),
        trends=_trends(session, ids, snapshot.frozen_at, zone),
    )


def _moment(snapshot: Snapshot) -> str:
    return f"{snapshot.key}, {pre_read.frozen_words(snapshot)}" if snapshot.key else pre_read.frozen_words(snapshot)


def _page_of(entry: Entry) -> Page:
    blocker, ask = entry.blocker, entry.ask
    return Page(
        entry.id,
        entry.title,
        entry.objective_title,
        entry.owner,
        entry.state,
        entry.state_word,
        " · ".join(entry.reasons),
        entry.start_text,
        entry.target_text,
        entry.current_text,
        entry.sentence,
        entry.movement_text,
        entry.confidence,
        entry.trail,
        Ask(ask.word, ask.text, ask.since_text) if ask else None,
        Stuck(blocker.text, blocker.since_text, blocker.days, blocker.key) if blocker else None,
        entry.update.standing,
        entry.update.text,
        tuple(each.sentence for each in entry.signals),
        tuple(text for text in (entry.question,) if text),
        entry.source_text,
    )


# --- of a cycle --------------------------------------------------------------------------------------------------------------


def pack_of_cycle(runtime: Runtime, viewer: Viewer, cycle: str | None = None) -> Pack:
    """The pack of one cycle, or of all that are not over, whatever forum reviews it. Raises ``InputError`` for an unknown cycle."""
    now, zone = runtime.now(), runtime.settings.zone
    with runtime.store.read() as session:
        cycle_names(session, cycle)
        known = _of_cycle(session, viewer, cycle, now, zone)
        lights = _lights(session, viewer, known, now, zone)
        asks = {each.key_result: each for each in load_asks(session, {each.id: each.ask for each in lights if each.ask})}
        stuck = {each.key_result: each for each in load_blockers(session, [each.id for each in lights if each.blocked])}
        updates = {each.light.id: each.update.value for each in load_standings(session, lights, now, zone)}
        pages = []
        for name, facts in known.items():
            panel = describe_key_result(facts, runtime.settings.base_url, now, zone)
            ask, block = asks.get(name), stuck.get(name)
            page = _page_from(panel, facts, updates.get(name, ""), ask.text if ask else "", ask.since if ask else None, zone)
            since = block.since if block is not None else None
            if panel.blocker and since is not None:
                days = wording.calendar_days(since, now, zone)
                page = _with(page, Stuck(panel.blocker, f"since {wording.local_day_text(since, zone)}", days, block.key if block else ""))
            pages.append(page)
        marks = {name: rows for part in batches(known) for name, rows in standing(session, part).items()}
        pages = [_with(each, each.blocker, tuple(row.sentence for row in marks.get(each.id, ()))) for each in pages]
        pages.sort(key=lambda each: WORST_FIRST.index(each.state))
        names = list(dict.fromkeys(facts.cycle.name for facts in known.values())) or ([cycle] if cycle else [])
        counted = len([each for each in pages if each.ask])
        return Pack(
            title=f"OKR review {', '.join(names)}".strip(),
            moment=f"as of {wording.moment_text(now, zone)}",
            answers=answering.answers(lights, counted, ""),
            pages=tuple(pages),
            decisions=_decisions(session, viewer, list(known), now, zone),
            trends=_trends(session, [each.id for each in pages if each.exception], now, zone),
        )


def _of_cycle(session: Session, viewer: Viewer, cycle: str | None, now: datetime, zone: tzinfo) -> dict[str, Facts]:
    ids = list(
        session.scalars(
            select(KeyResult.id)
            .join(Objective, Objective.id == KeyResult.objective_id)
            .join(CycleRow, CycleRow.id == Objective.cycle_id)
            .where(
                KeyResult.retired_at.is_(None),
                Objective.retired_at.is_(None),
                visible(viewer),
                *([CycleRow.name == cycle] if cycle else []),
            )
            .order_by(Objective.position, Objective.id, KeyResult.position, KeyResult.id)
        )
    )
    known: dict[str, Facts] = {}
    for part in batches(ids):
        facts = load_facts(session, part, computing=False)
        known |= {
            name: facts[name]
            for name in part
            if name in facts and (cycle is not None or cycle_end_moment(facts[name].cycle, zone) > now)
        }  # fmt: skip
    return known


def _lights(session: Session, viewer: Viewer, known: Collection[str], now: datetime, zone: tzinfo) -> list[Light]:
    today = now.astimezone(zone).date()
    rows = session.scalars(select(CycleRow).where(CycleRow.retired_at.is_(None)))
    scope = Scope({row.id: Cycle(row.name, row.start, row.end) for row in rows})
    return [each for each in load_lights(session, viewer, scope, today) if each.id in known]


def _page_from(panel: KeyResultPanel, facts: Facts, update: str, said: str, since: datetime | None, zone: tzinfo) -> Page:
    last = facts.check_ins[-1] if facts.check_ins else None
    word = ASK_WORDS.get(panel.decision.value, panel.decision.value)
    asked = f"since {wording.local_day_text(since, zone)}" if since else ""
    return Page(
        panel.id,
        panel.title,
        facts.objective.title,
        panel.owner,
        panel.state,
        panel.state_word,
        panel.reason,
        panel.start_text,
        panel.target_text,
        panel.current_text,
        panel.sentence,
        panel.movement_text,
        panel.confidence,
        tuple(panel.confidence_trail),
        Ask(word, said, asked) if panel.decision is not DecisionKind.NONE else None,
        Stuck(panel.blocker) if panel.blocker else None,
        update,
        f"last check-in {wording.local_day_text(last.created_at, zone)}" if last else "no check-in yet",
        (),
        tuple(text for text in (panel.question, panel.mend) if text),
        panel.source_text,
    )


def _with(page: Page, blocker: Stuck | None, signals: tuple[str, ...] | None = None) -> Page:
    return replace(page, blocker=blocker, signals=page.signals if signals is None else signals)


def _decisions(session: Session, viewer: Viewer, ids: Sequence[str], now: datetime, zone: tzinfo) -> tuple[Due, ...]:
    today = now.astimezone(zone).date()
    found = []
    for part in batches(ids):
        for each in ledger.open_decisions(session, viewer, key_results=part):
            overdue = each.due is not None and each.due < today
            when = f"due {wording.day_text(each.due)}" if each.due else f"asked since {wording.local_day_text(each.asked_at, zone)}"
            kind = ASK_WORDS.get(each.kind, each.kind)
            found.append(
                Due(kind, each.title, each.key_result_title, each.owner, f"overdue, {when}" if overdue else when, each.state, overdue)
            )
    return tuple(found)


# --- trends ------------------------------------------------------------------------------------------------------------------


def _trends(session: Session, ids: Sequence[str], until: datetime, zone: tzinfo) -> dict[str, Trend]:
    """The last value of each day of the cycle, as it was known at a moment."""
    found: dict[str, Trend] = {}
    for part in batches(ids):
        rows = {
            row.id: (row, cycle)
            for row, cycle in session.execute(
                select(KeyResult, CycleRow)
                .join(Objective, Objective.id == KeyResult.objective_id)
                .join(CycleRow, CycleRow.id == Objective.cycle_id)
                .where(KeyResult.id.in_(part))
            )
        }
        last = (
            select(func.max(Reading.id))
            .where(Reading.key_result_id.in_(part), Reading.recorded_at <= until)
            .group_by(Reading.key_result_id, Reading.day)
        )
        values: dict[str, list[tuple[date, float]]] = {}
        query = select(Reading.key_result_id, Reading.as_of, Reading.value).where(Reading.id.in_(last)).order_by(Reading.as_of, Reading.id)
        for name, at, value in session.execute(query):
            if value is not None:
                values.setdefault(name, []).append((at.astimezone(zone).date(), value))
        for name, (row, cycle) in rows.items():
            trend = trend_of(load_definition(row), cycle.start, cycle.end, values.get(name, ()), until.astimezone(zone).date())
            if trend is not None:
                found[name] = trend
    return found
