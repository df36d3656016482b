"""When and where panels are written: places, due work, receipts. What a panel says is the domain's, its markup the host's."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from connector.domain import rhythm
from connector.domain.model import DecisionKind, Movement, State
from connector.domain.panel import KeyResultPanel, Panel, key_result_panel, objective_panel
from connector.domain.rollup import objective_progress, weakest_state
from connector.domain.scoring import shown_progress
from connector.domain.triage import Triage
from connector.domain.wording import SourceFacts
from connector.errors import Gone, HostError, Refused
from connector.hosts.base import Host
from connector.runtime import Runtime
from connector.services import connections, provenance
from connector.services.facts import Facts, load_facts
from connector.services.mirror import upsert
from connector.services.sources import database_name
from connector.store import work
from connector.store.tables import Audit, Connection, KeyResult, Objective
from connector.store.tables import Panel as PanelRow
from mappings.repository import Link, load_links
from mappings.rules import Mode, SelectorKind

log = structlog.get_logger(__name__)

# A first change is written at once; while changes keep coming, they are gathered (seconds). In a storm of events the reads come
# every 0.9 seconds at most (``items.LONGEST``): QUIET is longer, or each of them would be written.
QUIET, LONGEST, REST = 1.1, 2.6, 1.2
SLICE = 4  # panels written before new deliveries are looked at again
ATTEMPTS = 6


def place(session: Session, ids: Collection[str], *, changed: Collection[str], now: float) -> None:
    """Make sure that each key result has its panels, and ask for those to be written that show a ``changed`` one."""
    places: dict[tuple[int, str], str | None] = {}
    touched: set[tuple[int, str]] = set()
    for link in load_links(session, key_results=list(ids)):
        if link.rule.selector.kind is SelectorKind.EPICS:
            for ref in link.resolved.refs.values():
                places[(link.connection_id, ref)] = None
                if link.key_result_id in changed:
                    touched.add((link.connection_id, ref))
    for objective, key_result in session.execute(
        select(Objective, KeyResult.id)
        .join(KeyResult, KeyResult.objective_id == Objective.id)
        .where(KeyResult.id.in_(ids), Objective.retired_at.is_(None))
    ):
        for page in objective.pages or ():
            places[(page["connection"], page["ref"])] = objective.id
            if key_result in changed:
                touched.add((page["connection"], page["ref"]))
    if not places:
        return
    upsert(
        session,
        PanelRow,
        ["connection_id", "ref"],
        [
            {"connection_id": connection, "ref": ref, "objective_id": objective, "key_results": [], "receipt": {}}
            for (connection, ref), objective in sorted(places.items())
        ],
        set_=("objective_id",),
    )
    rows = session.execute(
        select(PanelRow.id, PanelRow.connection_id, PanelRow.ref, PanelRow.written_at, PanelRow.wanted).where(
            PanelRow.ref.in_({ref for _, ref in places})
        )
    ).all()
    due = [
        row.id
        for row in rows
        if (row.connection_id, row.ref) in touched
        or ((row.connection_id, row.ref) in places and row.written_at is None and row.wanted == 0)
    ]
    work.want(session, PanelRow, due, now, quiet=QUIET, longest=LONGEST, gap=REST)


def want_again(session: Session, connection: int, now: float) -> None:
    """Ask for all panels of a connection: what they are to show there has changed."""
    ids = session.scalars(select(PanelRow.id).where(PanelRow.connection_id == connection)).all()
    work.want(session, PanelRow, ids, now, quiet=QUIET, longest=LONGEST, gap=REST)


def write_due(runtime: Runtime, connection: Connection, host: Host, *, limit: int = SLICE) -> int:
    """Write some panels that are due; the newest change first. Returns how many were taken. Raises ``HostError`` for the connection."""
    now = runtime.epoch()
    with runtime.store.write() as session:
        claims = work.claim(
            session, PanelRow, now, limit=limit, lease_seconds=90, newest_first=True, where=[PanelRow.connection_id == connection.id]
        )
    for position, claim in enumerate(claims):
        try:
            _write_one(runtime, connection, host, claim)
        except HostError as error:
            rest = claims[position:] if _stops(error) else [claim]
            with runtime.store.write() as session:
                _keep_receipt(session, claim, error)
                until = connections.failed(session, connection.id, error, runtime.now(), runtime.epoch()) if _stops(error) else 0.0
                work.postpone(session, PanelRow, [claim], ready_at=max(until, runtime.epoch() + 5.0), error=error.message)
                work.postpone(session, PanelRow, rest[1:], ready_at=until, error="", failed=False)
            if _stops(error):
                raise
    return len(claims)


def _stops(error: HostError) -> bool:
    return not connections.is_item_trouble(error)


def _write_one(runtime: Runtime, connection: Connection, host: Host, claim: work.Claim) -> None:
    with runtime.store.read() as session:
        row = session.get_one(PanelRow, claim.id)
        panel = build(session, row, runtime.instance, runtime.settings.base_url, runtime.now(), runtime.settings.zone)
    before = dict(row.receipt or {})
    if not panel.key_results and not before and panel.objective is None:
        with runtime.store.write() as session:  # nothing to show and nothing shown: no call
            work.finish(session, PanelRow, [claim], runtime.epoch())
        return
    # Should this process die between the host's write and ours, the next attempt must not trust what was noted before: the host may
    # show something else by then, also when the value has gone back to what the old note says.
    unproven = _unproven(before) if before else {"unsure": True}
    with runtime.store.write() as session:
        session.execute(update(PanelRow).where(PanelRow.id == row.id).values(receipt=unproven))
    error: str | None = None
    gone = False
    try:
        receipt = dict(host.write_panel(row.ref, panel, before))
    except Gone as trouble:
        receipt, error, gone = _noted(trouble, unproven), trouble.message, True
    except Refused as trouble:
        if trouble.parks and _credentials_work(host):
            receipt, error = _noted(trouble, unproven), f"no right to write here: {trouble.message}"
        elif trouble.parks:
            raise
        else:
            receipt, error = _noted(trouble, unproven), trouble.message
    written = int(receipt.pop("written", 0) or 0)
    with runtime.store.write() as session:
        if not work.finish(session, PanelRow, [claim], runtime.epoch()):
            # Somebody else took over while this write was under way: whose came last at the host is not known. Write it once more.
            log.warning("panel_lease_lost", panel=row.id)
            receipt = _unproven(receipt)
            work.want(session, PanelRow, [row.id], runtime.epoch(), quiet=QUIET, longest=LONGEST, gap=REST)
        values: dict[str, Any] = {
            "receipt": receipt,
            "key_results": [shown.id for shown in panel.key_results],
            "error": error or "; ".join(receipt.get("warnings", ())) or None,
            "gone_at": runtime.now() if gone else None,
        }
        if written:
            values["written_at"] = runtime.now()
        session.execute(update(PanelRow).where(PanelRow.id == row.id).values(**values))
        if error and error != row.error:
            session.add(
                Audit(
                    at=runtime.now(),
                    actor="system",
                    action="panel_failed",
                    entity="panel",
                    entity_id=f"{connection.name} {row.ref}",
                    after={"error": error[:500]},
                )
            )
        connections.succeeded(session, connection.id, runtime.now())
    if written:
        log.info("panel_written", connection=connection.name, ref=row.ref, writes=written)


def _credentials_work(host: Host) -> bool:
    """A 403 for one place need not be the whole connection's: ask the host who we are."""
    try:
        host.identify()
    except Refused:
        return False
    return True


def _unproven(receipt: dict[str, Any]) -> dict[str, Any]:
    """A receipt that keeps where things are, but not what they say: every digest is emptied, so everything is written again."""
    emptied: dict[str, Any] = {}
    for name, value in receipt.items():
        if isinstance(value, dict):
            emptied[name] = _unproven(value)
        else:
            emptied[name] = "" if name in ("digest", "property", "properties") and isinstance(value, str) else value
    return emptied


def _noted(error: HostError, before: dict[str, Any]) -> dict[str, Any]:
    """The receipt after a failed write: what the host managed to write is kept, so that it is not written again."""
    receipt = error.details.get("receipt")
    return dict(receipt) if isinstance(receipt, dict) else before


def _keep_receipt(session: Session, claim: work.Claim, error: HostError) -> None:
    """A write whose fate is unknown left notes for the next attempt."""
    if receipt := _noted(error, {}):
        session.execute(update(PanelRow).where(PanelRow.id == claim.id).values(receipt=receipt))


def build(session: Session, row: PanelRow, instance: str, base_url: str, now: datetime, zone: Any) -> Panel:
    """What this place shows now: the key results that the epic feeds, or an objective with its key results."""
    if row.objective_id is not None:
        objective = session.get(Objective, row.objective_id)
        if objective is None or objective.retired_at is not None:
            return Panel(instance, ())
        ids = list(
            session.scalars(
                select(KeyResult.id)
                .where(KeyResult.objective_id == objective.id, KeyResult.retired_at.is_(None))
                .order_by(KeyResult.position, KeyResult.id)
            )
        )
        if not any(page["connection"] == row.connection_id and page["ref"] == row.ref for page in objective.pages or ()):
            return Panel(instance, ())
    else:
        objective = None
        ids = [
            link.key_result_id
            for link in load_links(session, connection_id=row.connection_id, naming=row.ref)
            if link.rule.selector.kind is SelectorKind.EPICS and row.ref in link.resolved.refs.values()
        ]
        ids = list(dict.fromkeys(ids))
    facts = {name: each for name, each in load_facts(session, ids, computing=False).items() if each.public}
    if objective is not None and ids and not facts:
        return Panel(instance, ())  # restricted, a draft, or its cycle was not started
    shown = tuple(describe_key_result(facts[name], base_url, now, zone) for name in ids if name in facts)
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
    return Panel(instance, shown, top, progress=shown_progress(rollup.progress), state=weakest)


def describe_key_result(facts: Facts, base_url: str, now: datetime, zone: Any) -> KeyResultPanel:
    """One key result as a panel shows it, from its stored status."""
    row, definition = facts.row, facts.definition
    expected = rhythm.expected(facts.cycle, now.astimezone(zone).date(), definition)
    last = facts.check_ins[-1] if facts.check_ins else None
    feeding = [link for link in facts.links if link.rule.mode is Mode.VALUE]
    names = list(dict.fromkeys(f"{facts.connections[link.connection_id].host.capitalize()} “{_source_name(link)}”" for link in feeding))
    parked = [connection for connection in facts.connections.values() if connection.parked_at]
    problem = ""
    mend = ""
    if row.state == State.DATA_LATE:
        broken = next((link.broken for link in feeding if link.broken), None)
        if parked:
            problem = f"connection {parked[0].name} is parked: {parked[0].parked_reason}"
            mend = "an admin enters valid credentials for the connection"
        elif broken:
            problem = broken
            mend = "an admin shares the source with the connector again, or changes the mapping"
    source = row.source or {}
    said = provenance.telling(source, facts.check_ins) or last
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
        decision=DecisionKind(row.decision_needed or "none"),
        owner=facts.owner.name if facts.owner else "",
        source=SourceFacts(
            owner_name=_speaker(facts),
            checked_in_at=last.as_of if last else None,
            name=", ".join(names),
            items=source.get("items"),
            item_word="row" if all(facts.connections[link.connection_id].host == "notion" for link in feeding) else "issue",
            as_of=row.as_of,
            delayed=bool(said is not None and said.delayed),
            problem=problem,
            told_by=(facts.told_by or provenance.SOMEBODY) if provenance.is_told(source) else "",
            reads=provenance.reads_text(source, names, definition),
        ),
        mend=mend,
    )


def _speaker(facts: Facts) -> str:
    """Who stands behind the last check-in: the owner, or somebody "for" them."""
    owner = facts.owner.name if facts.owner else ""
    if not facts.spoke:
        return owner
    return f"{facts.spoke} for {owner}" if owner else facts.spoke


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
