"""Reads how connections are: for the list one row each, for a connection's page everything, in a few grouped statements. Writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import extract, func, or_, select
from sqlalchemy.orm import Session

from connector.domain.rights import Viewer
from connector.errors import InputError, NotFound
from connector.runtime import Runtime
from connector.services.changes import version_of
from connector.services.connecting.kinds import FORGE, HOST_TITLES, JIRA_OAUTH, Kind, kind_of
from connector.services.connecting.report import Facts, LastRun
from connector.services.connecting.views import settings_view, view
from connector.services.forge.overseeing import Known, listed
from connector.store.tables import Connection, Delivery, KeyResult, Mapping, Objective, Panel, Person, Run
from connector.store.visibility import visible

HOURS = 48
AFFECTED = 50  # key results named on a page


@dataclass(frozen=True, slots=True)
class Affected:
    """A key result that a connection feeds; ``row`` is its row, detached."""

    row: KeyResult
    owner: str
    broken: str


@dataclass(frozen=True, slots=True)
class Health:
    """All that a connection's page shows. ``first_hour`` is the start of the first entry of ``facts.hours``."""

    facts: Facts
    kind: Kind | None
    locked: bool  # the stored credentials cannot be opened with this installation's key
    first_hour: datetime
    affected: Sequence[Affected]
    affected_total: int
    others: Sequence[Facts]
    version: str
    settings_version: str
    settings: dict[str, Any]
    webhook: dict[str, Any]
    app: Known | None  # the Forge app's installation that works for it


def all_facts(session: Session, now: datetime, *, retired: bool = False) -> list[Facts]:
    """Every connection by name, without deliveries by the hour. Four statements, however many there are."""
    query = select(Connection).order_by(Connection.name)
    rows = session.scalars(query if retired else query.where(Connection.retired_at.is_(None))).all()
    runs = _runs(session, [row.id for row in rows])
    mapped = _mapped(session)
    return [_facts(row, now, runs.get(row.id, (None, None)), row.id in mapped) for row in rows]


def health(runtime: Runtime, session: Session, viewer: Viewer, name: str) -> Health:
    """One connection for its page; key results only as the viewer may know of them. Raises ``NotFound``."""
    now = runtime.now()
    rows = session.scalars(select(Connection).order_by(Connection.name)).all()
    row = next((each for each in rows if each.name == name), None)
    if row is None:
        raise NotFound(f"there is no connection {name!r}")
    runs, mapped = _runs(session, [each.id for each in rows]), _mapped(session)
    first, hours = _hours(session, row.id, now)
    affected, total = _affected(session, viewer, row.id)
    kind, locked = _login(runtime, row)
    others = [
        _facts(each, now, runs.get(each.id, (None, None)), each.id in mapped)
        for each in rows
        if each is not row and each.retired_at is None
    ]
    return Health(
        facts=replace(
            _facts(row, now, runs.get(row.id, (None, None)), row.id in mapped, hours, kind), panel_errors=_panel_errors(session, row.id)
        ),
        kind=kind,
        locked=locked,
        first_hour=first,
        affected=affected,
        affected_total=total,
        others=others,
        version=version_of(view(row)),
        settings_version=version_of(settings_view(row)),
        settings=settings_view(row),
        webhook=dict(row.webhook or {}),
        app=next(iter(listed(session, row.name)), None),
    )


def _panel_errors(session: Session, connection_id: int) -> list[tuple[str, int]]:
    """Why panels could not be written, and how many of them; the most first."""
    count = func.count().label("count")
    rows = session.execute(
        select(Panel.error, count)
        .where(Panel.connection_id == connection_id, Panel.error.is_not(None), Panel.error != "")
        .group_by(Panel.error)
        .order_by(count.desc(), Panel.error)
    )
    return [(str(error), int(number)) for error, number in rows]


def _login(runtime: Runtime, row: Connection) -> tuple[Kind | None, bool]:
    if not row.auth:
        return None, False
    try:
        return kind_of(row.host, runtime.vault.open(row.auth)), False
    except InputError:
        return None, True


def _facts(
    row: Connection,
    now: datetime,
    runs: tuple[LastRun | None, LastRun | None],
    mapped: bool,
    hours: Sequence[int] = (),
    kind: Kind | None = None,
) -> Facts:
    armed = row.armed_until is not None and row.armed_until > now
    waits = datetime.fromtimestamp(row.paused_until, UTC) if row.paused_until > now.timestamp() else None
    return Facts(
        name=row.name,
        host=HOST_TITLES.get(row.host, row.host),
        url=row.url,
        account=row.account,
        created_at=row.created_at,
        webhook="set" if row.webhook_secret else "armed" if armed else "missing",
        polling=kind is not None and kind.id == "jira-data-center",
        by_app=kind is FORGE,
        renews=kind is not None and kind.id == JIRA_OAUTH,
        kept=row.webhook if row.webhook and row.webhook.get("kept") else None,
        armed_until=row.armed_until if armed else None,
        previous_until=row.previous_secret_until if row.previous_webhook_secret else None,
        parked_at=row.parked_at,
        parked_reason=row.parked_reason or "",
        paused_at=row.paused_at,
        waits_until=waits,
        retired_at=row.retired_at,
        last_event_at=row.last_event_at,
        last_success_at=row.last_success_at,
        last_sync_at=row.last_sync_at,
        checks=row.checks,
        quota=row.quota,
        ends_on=_ends(row),
        run=runs[0],
        done=runs[1],
        hours=hours,
        mapped=mapped,
    )


def _ends(row: Connection) -> date | None:
    """The end of the credentials: the host's word goes before the day that an admin entered."""
    if row.expires_at is not None:
        return row.expires_at.date()
    told = (row.options or {}).get("token_expires")
    try:
        return date.fromisoformat(str(told)) if told else None
    except ValueError:
        return None


def _runs(session: Session, ids: Sequence[int]) -> dict[int, tuple[LastRun | None, LastRun | None]]:
    """(latest run, latest that is done) of each connection."""
    latest = select(func.max(Run.id)).where(Run.connection_id.in_(ids)).group_by(Run.connection_id)
    done = select(func.max(Run.id)).where(Run.connection_id.in_(ids), Run.status == "done").group_by(Run.connection_id)
    found: dict[int, tuple[LastRun | None, LastRun | None]] = {}
    for row in session.scalars(select(Run).where(or_(Run.id.in_(latest), Run.id.in_(done))).order_by(Run.id)):
        run = LastRun(row.kind, row.status, row.started_at, row.finished_at, row.repaired, row.seen, row.error)
        found[row.connection_id] = (run, run if row.status == "done" else found.get(row.connection_id, (None, None))[1])
    return found


def _mapped(session: Session) -> set[int]:
    return set(session.scalars(select(Mapping.connection_id).where(Mapping.retired_at.is_(None)).distinct()))


def _hours(session: Session, connection_id: int, now: datetime) -> tuple[datetime, list[int]]:
    """The deliveries of each of the last ``HOURS`` hours, the running one last, grouped by the database."""
    first = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS - 1)
    seconds = extract("epoch", Delivery.received_at)
    hour = (seconds - seconds % 3600).label("hour")
    rows = session.execute(
        select(hour, func.count()).where(Delivery.connection_id == connection_id, Delivery.received_at >= first).group_by(hour)
    )
    counts = [0] * HOURS
    for start, count in rows:
        place = round((float(start) - first.timestamp()) / 3600)
        if 0 <= place < HOURS:
            counts[place] += count
    return first, counts


def _affected(session: Session, viewer: Viewer, connection_id: int) -> tuple[list[Affected], int]:
    """The key results that this connection feeds and the viewer may know of, the broken ones first; and how many there are in all."""
    fed = (
        select(Mapping.key_result_id, func.max(Mapping.broken).label("broken"))
        .where(Mapping.connection_id == connection_id, Mapping.retired_at.is_(None))
        .group_by(Mapping.key_result_id)
        .subquery()
    )
    rows = session.execute(
        select(KeyResult, Person.name, fed.c.broken, func.count().over())
        .join(fed, fed.c.key_result_id == KeyResult.id)
        .join(Objective, Objective.id == KeyResult.objective_id)
        .outerjoin(Person, Person.id == KeyResult.owner_id)
        .where(KeyResult.retired_at.is_(None), Objective.retired_at.is_(None), visible(viewer))
        .order_by(fed.c.broken.is_(None), KeyResult.position, KeyResult.id)
        .limit(AFFECTED)
    ).all()
    return [Affected(row[0], row[1] or "", row[2] or "") for row in rows], rows[0][3] if rows else 0
