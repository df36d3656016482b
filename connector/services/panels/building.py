"""What one place shows now: a key result, an objective with its key results, or what an epic feeds. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain import rhythm
from connector.domain.model import DecisionKind, Movement, State
from connector.domain.okr_columns import DatabaseKind
from connector.domain.panel import Face, KeyResultPanel, Panel, key_result_panel, objective_panel
from connector.domain.rollup import objective_progress, weakest_state
from connector.domain.scoring import shown_progress
from connector.domain.triage import Triage
from connector.domain.wording import SourceFacts
from connector.services import provenance
from connector.services.facts import Facts, load_facts
from connector.services.panels.blocker_notes import blocker_note
from connector.services.panels.placing import PROPERTIES
from connector.services.said import said_of
from connector.services.sources import database_name
from connector.services.stuck_work import stuck_work
from connector.store.tables import Connection, KeyResult, Objective, OkrDatabase, OkrRow
from connector.store.tables import Panel as PanelRow
from connector.store.visibility import objective_is_public
from mappings.repository import Link, load_links
from mappings.rules import Mode, SelectorKind


@dataclass(frozen=True, slots=True)
class Home:
    """What a place is. ``database``: the OKR database whose row it is, None for any other page.

    ``left``: it was such a row and is none any more; what stands there is left alone.
    """

    database: OkrDatabase | None = None
    left: bool = False


def home_of(session: Session, row: PanelRow) -> Home:
    """What the place of a panel is now."""
    if row.key_result_id is None and row.objective_id is None:
        return Home()
    found = session.execute(
        select(OkrRow, OkrDatabase)
        .join(OkrDatabase, OkrDatabase.id == OkrRow.database_id)
        .where(OkrRow.connection_id == row.connection_id, OkrRow.ref == row.ref)
    ).first()
    if found is not None:
        bound, database = found.OkrRow, found.OkrDatabase
        wanted = row.objective_id if database.kind == DatabaseKind.OBJECTIVES else row.key_result_id
        if database.retired_at is None and bound.gone_at is None and bound.record and bound.record == wanted:
            return Home(database)
    return Home(left=found is not None or row.key_result_id is not None)


def build(
    session: Session,
    row: PanelRow,
    instance: str,
    base_url: str,
    now: datetime,
    zone: Any,
    *,
    home: Home | None = None,
    live: str = "",
) -> Panel:
    """What this place shows now. ``live``: the address of our live page for it, shown where somebody chose that."""
    home = home or home_of(session, row)
    chosen = {**(row.options or {}), **((home.database.options or {}) if home.database else {})}
    face = Face(
        columns=home.database is None,
        blocks=chosen.get("panel") != PROPERTIES,
        table=bool(chosen.get("table")),
        embed=live if chosen.get("embed") else "",
    )
    objective, ids = _shown_at(session, row, home)
    if objective is None and not ids:
        return Panel(instance, (), face=face)
    facts = {name: each for name, each in load_facts(session, ids, computing=False).items() if each.public}
    if not facts and (ids or (objective is not None and not objective_is_public(session, objective.id))):
        return Panel(instance, (), face=face)  # restricted, a draft, or its cycle was not started
    stuck = _stuck(session, facts)
    told = said_of(session, list(facts), now, zone)
    shown = tuple(
        describe_key_result(facts[name], base_url, now, zone, stuck.get(name, ()), told.get(name, "")) for name in ids if name in facts
    )
    rollup = objective_progress([(facts[name].row.progress, facts[name].row.weight) for name in ids if name in facts])
    weakest = weakest_state([panel.state for panel in shown])
    top = None
    if objective is not None:
        top = objective_panel(
            id=objective.id,
            title=objective.title,
            url=f"{base_url}/objectives/{objective.id}",
            rollup=rollup,
            state=weakest,
        )
    return Panel(instance, shown, top, progress=shown_progress(rollup.progress), state=weakest, face=face)


def _shown_at(session: Session, row: PanelRow, home: Home) -> tuple[Objective | None, list[str]]:
    """The objective whose page this is, None for any other place, and the key results shown there."""
    if row.key_result_id is not None:
        return None, [row.key_result_id]
    if row.objective_id is None:
        linked = [
            link.key_result_id
            for link in load_links(session, connection_id=row.connection_id, naming=row.ref)
            if link.rule.selector.kind is SelectorKind.EPICS and row.ref in link.resolved.refs.values()
        ]
        return None, list(dict.fromkeys(linked))
    objective = session.get(Objective, row.objective_id)
    if objective is None or objective.retired_at is not None:
        return None, []
    if home.database is None and not any(
        page["connection"] == row.connection_id and page["ref"] == row.ref for page in objective.pages or ()
    ):
        return None, []
    ids = session.scalars(
        select(KeyResult.id)
        .where(KeyResult.objective_id == objective.id, KeyResult.retired_at.is_(None))
        .order_by(KeyResult.position, KeyResult.id)
    )
    return objective, list(ids)


def _stuck(session: Session, facts: Mapping[str, Facts]) -> dict[str, list[Any]]:
    """What the work behind key results without a named blocker shows: open items whose status says that nothing moves."""
    links = {
        link.id: name for name, each in facts.items() if not each.row.blocker and each.row.state != State.CLOSED for link in each.links
    }
    found: dict[str, list[Any]] = {}
    for mapping, rows in stuck_work(session, list(links)).items():
        found.setdefault(links[mapping], []).extend(rows)
    return found


def describe_key_result(facts: Facts, base_url: str, now: datetime, zone: Any, stuck: Sequence[Any] = (), said: str = "") -> KeyResultPanel:
    """One key result as a panel shows it, from its stored status. ``stuck``: open work whose status says that nothing moves.

    ``said``: see ``said_of``.
    """
    row, definition = facts.row, facts.definition
    expected = rhythm.expected(facts.cycle, now.astimezone(zone).date(), definition, facts.holidays)
    last = facts.check_ins[-1] if facts.check_ins else None
    feeding = [link for link in facts.links if link.rule.mode is Mode.VALUE]
    names = list(dict.fromkeys(f"{facts.connections[link.connection_id].host.capitalize()} “{_source_name(link)}”" for link in feeding))
    parked = [connection for connection in facts.connections.values() if connection.parked_at]
    problem = ""
    mend = ""
    if row.state == State.DATA_LATE:
        broken = next((link.broken for link in feeding if link.broken), None)
        if parked:
            problem = f"connection {parked[0].name} is parked: {_refusal(parked[0])}"
            mend = _mend(parked[0])
        elif broken:
            problem = broken
            mend = "an admin shares the source with the connector again, or changes the mapping"
    source = row.source or {}
    telling = provenance.telling(source, facts.check_ins) or last
    return key_result_panel(
        id=row.id,
        title=row.title,
        url=f"{base_url}/key-results/{row.id}",
        definition=definition,
        current=row.current,
        raw=row.raw_progress,
        expected=expected,
        triage=Triage(State(row.state), tuple(row.reasons), flags=tuple(row.flags)),
        zone=zone,
        movement=Movement(row.movement) if row.movement else None,
        previous=row.movement_from,
        movement_since=row.movement_since,
        confidence_trail=[fact.confidence for fact in facts.check_ins if fact.confidence is not None],
        blocker=row.blocker or "",
        decision=DecisionKind(facts.ask or "none"),
        owner=facts.owner.name if facts.owner else "",
        source=SourceFacts(
            owner_name=_speaker(facts),
            checked_in_at=last.as_of if last else None,
            name=", ".join(names),
            items=source.get("items"),
            item_word="row" if all(facts.connections[link.connection_id].host == "notion" for link in feeding) else "issue",
            as_of=row.as_of,
            delayed=bool(telling is not None and telling.delayed),
            late=bool(last is not None and last.late),
            problem=problem,
            told_by=_told_by(facts, source, names),
            reads=provenance.reads_text(source, names, definition),
        ),
        mend=mend,
        asked=str((row.insight or {}).get("question", "")),
        blocker_note=blocker_note(facts, stuck, zone),
        said=said,
    )


def _refusal(connection: Connection) -> str:
    """Why a connection is parked, for people who read a page: the host's own words, with their paths and codes, are an admin's."""
    reason = connection.parked_reason or ""
    host = connection.host.capitalize()
    if " 401" in reason:
        return f"{host} no longer accepts the token"
    return f"{host} no longer lets it in" if " 403" in reason else reason


def _mend(connection: Connection) -> str:
    reason = connection.parked_reason or ""
    if "connect the workspace again" in reason:
        return "an admin connects the workspace again"
    return "an admin pastes a new token" if " 401" in reason else "an admin enters valid credentials for the connection"


def _speaker(facts: Facts) -> str:
    """Who stands behind the last check-in: the owner, or somebody "for" them."""
    owner = facts.owner.name if facts.owner else ""
    if not facts.spoke:
        return owner
    return f"{facts.spoke} for {owner}" if owner else facts.spoke


def _told_by(facts: Facts, source: Mapping[str, Any], names: Sequence[str]) -> str:
    """Who or what told the number, where no source among ``names`` gave it."""
    if provenance.is_told(source):
        return facts.told_by or provenance.SOMEBODY
    return "" if names else provenance.unauthored(source)


def _source_name(link: Link) -> str:
    selector = link.rule.selector
    if selector.kind is SelectorKind.EPICS:
        return ", ".join(selector.epics[:3]) + (f" and {len(selector.epics) - 3} more" if len(selector.epics) > 3 else "")
    titles = {
        "jql": selector.jql if len(selector.jql) <= 60 else f"{selector.jql[:59]}…",
        "project": selector.project,
        "issues": ", ".join(selector.issues[:3]),
        "rows": "named rows",
        "database": database_name(link) or "a database",
    }
    return str(titles[selector.kind.value])
