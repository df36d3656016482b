"""Computes every signal of every running key result and keeps what changed. Idempotent: a second run changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.rights import SYSTEM
from connector.domain.signals import Seen, blocked
from connector.domain.signals.finding import RULES_KINDS, find, insight
from connector.domain.signals.known import Known
from connector.domain.signals.moment import LEAST_WINDOWS
from connector.domain.wording import with_capital
from connector.runtime import Runtime
from connector.services import leads_page, panels
from connector.services.decisions import OPEN
from connector.services.drift.findings import Finding
from connector.services.drift.findings import find as find_drift
from connector.services.signals import guarding, inputs
from connector.services.signals.asking import ask_again
from connector.services.signals.blockers import standing_blockers
from connector.services.signals.standing import end_elsewhere, keep, keep_insight
from connector.store.batches import batches
from connector.store.tables import Decision, HeldValue, Panel, Signal

log = structlog.get_logger(__name__)

AT_ONCE = 200  # key results per transaction
LATELY = timedelta(days=3)  # a night may be missed
DRIFT = ("nobody_works", "mapping_drift")
SEEN_HERE = (*RULES_KINDS, blocked.KIND, guarding.KIND)
_NOBODY = "no open work"


@dataclass(slots=True)
class _Drifted:
    """What the drift of mappings gives: signals by key result, and the key results of their subjects."""

    seen: dict[str, list[Seen]] = field(default_factory=dict)
    about: dict[str, str | None] = field(default_factory=dict)
    nobody: set[str] = field(default_factory=set)


def find_all(runtime: Runtime) -> int:
    """Look at all running key results. Returns how many signals began, changed or ended."""
    now, zone = runtime.now(), runtime.settings.zone
    today = now.astimezone(zone).date()
    with runtime.store.read() as session:
        teams = inputs.running(session, today)
        drifted = _drifted(find_drift(session, SYSTEM, today))
    parts = list(batches(teams, AT_ONCE))
    past: dict[str, inputs.History] = {}
    for part in parts:
        with runtime.store.read() as session:
            past |= inputs.histories(session, part, today)
    of_team = inputs.team_windows(past, teams)
    count = 0
    for part in parts:
        count += _look(runtime, part, past, of_team, now, drifted)
        for name in part:
            del past[name]
    with runtime.store.write() as session:
        count += end_elsewhere(session, (*SEEN_HERE, *DRIFT), teams, now)
        touched = ask_to_show(session, _lately_due(session, today), runtime.epoch())
    for connection_id in sorted(touched):
        runtime.queue.nudge("drain", connection_id)
    log.info("signals_found", key_results=len(teams), changed=count)
    return count


def find_for(runtime: Runtime, key_results: Collection[str]) -> int:
    """Look at some key results, as after a check-in; what only a night's counts tell of mappings is left as it stands."""
    now, zone = runtime.now(), runtime.settings.zone
    today = now.astimezone(zone).date()
    with runtime.store.read() as session:
        teams = inputs.running(session, today, key_results)
        if not teams:
            return 0
        past = inputs.histories(session, list(teams), today)
        pooled = dict(past)
        of = dict(teams)
        for team in sorted({team for name, team in teams.items() if team is not None and len(past[name].windows) < LEAST_WINDOWS}):
            mates = [name for name in inputs.teammates(session, team, today) if name not in pooled]
            pooled |= inputs.histories(session, mates, today)
            of |= dict.fromkeys(mates, team)
    return _look(runtime, list(teams), past, inputs.team_windows(pooled, of), now, None)


def _look(
    runtime: Runtime,
    ids: Sequence[str],
    past: Mapping[str, inputs.History],
    of_team: Mapping[int, float | None],
    now: datetime,
    drifted: _Drifted | None,
) -> int:
    zone = runtime.settings.zone
    with runtime.store.read() as session:
        known = inputs.load(session, ids, past, of_team, now, zone)
        beside = _blocked(session, ids, zone) + _held(session, ids)
        nobody = _without_workers(session, ids) if drifted is None else drifted.nobody
    found, numbers = _judge(known)
    left = set(known) - set(numbers)
    ids = [name for name in ids if name not in left]
    found = [seen for seen in (*found, *beside) if seen.subject not in left and not (seen.kind == "idle" and seen.subject in nobody)]
    kinds: tuple[str, ...] = SEEN_HERE
    about: Mapping[str, str | None] = {}
    if drifted is not None:
        found += [seen for name in ids for seen in drifted.seen.get(name, ())]
        kinds, about = (*SEEN_HERE, *DRIFT), drifted.about
    with runtime.store.write() as session:
        count = keep(session, found, now, kinds=kinds, subjects=ids, about=about)
        changed = keep_insight(session, ids, numbers, now)
        touched = ask_to_show(session, changed, runtime.epoch())
        ask_again(session, ids, now)
    for connection_id in sorted(touched):
        runtime.queue.nudge("drain", connection_id)
    return count


def _judge(known: Mapping[str, Known]) -> tuple[list[Seen], dict[str, dict[str, Any]]]:
    """What is seen of each, and its numbers. One whose numbers cannot be computed with is named and left out: the others go on."""
    found: list[Seen] = []
    numbers: dict[str, dict[str, Any]] = {}
    for name, each in known.items():
        try:
            seen, told = find(each), insight(each)
        except (ArithmeticError, ValueError) as error:
            log.warning("signals_not_found", key_result=name, error=str(error))
            continue
        found += seen
        numbers[name] = told
    return found, numbers


def ask_to_show(session: Session, changed: Collection[str], now: float) -> set[int]:
    """Have the places in hosts written that show key results whose question changed. Returns their connections."""
    if not changed:
        return set()
    panels.place(session, changed, changed=changed, now=now)
    shown = session.scalars(select(Panel.connection_id).where(Panel.gone_at.is_(None)).distinct())
    return leads_page.want_changed(session, changed, now) | set(shown)


def _lately_due(session: Session, today: date) -> set[str]:
    """The key results of open decisions whose day has just passed: panels count them, and nothing else has changed."""
    lately = (Decision.due < today, Decision.due >= today - LATELY)
    return set(session.scalars(select(Decision.key_result_id).where(Decision.state == OPEN, *lately).distinct()))


# --- what others have found ----------------------------------------------------------------------------------------------------


def _blocked(session: Session, ids: Sequence[str], zone: Any) -> list[Seen]:
    """Blocked work that was seen and that nobody has confirmed yet: one signal for each key result."""
    found = []
    for name, rows in sorted(standing_blockers(session, ids).items()):
        row = next((row for row in rows if row.source == blocked.DETECTED and row.confirmed_at is None and row.clear_at is None), None)
        if row is not None:
            told = blocked.seen(name, row.text, row.since, row.share, zone)
            found.append(replace(told, numbers={**told.numbers, "blocker": row.id}))
    return found


def _held(session: Session, ids: Sequence[str]) -> list[Seen]:
    rows = session.scalars(select(HeldValue).where(HeldValue.key_result_id.in_(ids), HeldValue.outcome.is_(None)).order_by(HeldValue.id))
    return [guarding.seen_of(row) for row in rows]


def _without_workers(session: Session, ids: Sequence[str]) -> set[str]:
    query = select(Signal.subject).where(Signal.kind == "nobody_works", Signal.subject.in_(ids), Signal.ended_at.is_(None))
    return set(session.scalars(query))


def _drifted(findings: Sequence[Finding]) -> _Drifted:
    """Drift as signals: one for each key result that nobody works on, one for each mapping, with its most serious finding."""
    told = _Drifted()
    by_mapping: dict[int, list[Finding]] = {}
    for each in findings:
        if each.kind == _NOBODY and each.key_result:
            told.nobody.add(each.key_result)
            told.seen.setdefault(each.key_result, []).append(Seen("nobody_works", each.key_result, _told(each)))
        elif each.mapping is not None:
            by_mapping.setdefault(each.mapping, []).append(each)
    for mapping, rows in sorted(by_mapping.items()):
        subject, first = f"mapping:{mapping}", rows[0]
        more = f" There is {len(rows) - 1} more to mend in this mapping." if len(rows) > 1 else ""
        numbers = {"mapping": mapping, "findings": sorted({each.kind for each in rows})}
        told.seen.setdefault(first.key_result, []).append(Seen("mapping_drift", subject, _told(first) + more, numbers))
        told.about[subject] = first.key_result
    return told


def _told(each: Finding) -> str:
    return f"{with_capital(each.sentence).rstrip('.')}; {each.to_do}."
