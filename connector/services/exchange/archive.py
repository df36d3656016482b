"""Everything as one JSON document: what a person would miss after a disaster, and no secret.

Left out: credentials, webhook secrets, API tokens, and what is only a copy of the hosts (items, deliveries, sync runs, panels).
"""

from __future__ import annotations

from typing import Any

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.log import redact
from connector.runtime import Runtime
from connector.services.exchange.sheets import cycle_names
from connector.store.reads import moment_text
from connector.store.tables import (
    CheckIn,
    Connection,
    Cycle,
    KeyResult,
    Mapping,
    Objective,
    Person,
    PersonAccount,
    Reading,
    Team,
)

FORMAT = "okr-connector"
VERSION = 1
DEFINITION = (
    "kind",
    "unit",
    "start",
    "target",
    "low",
    "high",
    "strict",
    "decimals",
    "weight",
    "cadence",
    "position",
    "checkpoints",
    "phased_targets",
    "milestones",
)
_CHECK_IN = ("id", "value", "confidence", "blocker", "decision", "comment", "movement", "draft")
_STATUS = ("current", "progress", "state", "reasons", "movement", "confidence", "blocker", "decision_needed")


def write_archive(runtime: Runtime, cycle: str | None = None) -> bytes:
    """The document. ``cycle`` limits objectives and what hangs on them."""
    with runtime.store.read() as session:
        document = {"format": FORMAT, "version": VERSION, "exported_at": moment_text(runtime.now()), **_content(session, cycle)}
    return orjson.dumps(document, option=orjson.OPT_INDENT_2)


def _content(session: Session, cycle: str | None) -> dict[str, Any]:
    cycles = cycle_names(session, cycle)
    emails = {row.id: row.email for row in session.execute(select(Person.id, Person.email))}
    objectives = session.execute(
        select(Objective, Cycle.name, Team.name)
        .join(Cycle, Cycle.id == Objective.cycle_id)
        .outerjoin(Team, Team.id == Objective.team_id)
        .where(Objective.retired_at.is_(None), Cycle.name.in_(cycles))
        .order_by(Objective.position, Objective.id)
    ).all()
    chosen = select(Objective.id).join(Cycle, Cycle.id == Objective.cycle_id).where(Objective.retired_at.is_(None), Cycle.name.in_(cycles))
    living = select(KeyResult.id).where(KeyResult.objective_id.in_(chosen), KeyResult.retired_at.is_(None))
    connections = list(session.scalars(select(Connection).where(Connection.retired_at.is_(None)).order_by(Connection.name)))
    names = {row.id: row.name for row in connections}
    return {
        "connections": [
            {"name": row.name, "host": row.host, "url": row.url, "options": redact(None, "", dict(row.options or {}))}
            for row in connections
        ],
        "people": _people(session, names),
        "teams": [
            {"name": row.name, "lead": emails.get(row.lead_id or 0)}
            for row in session.scalars(select(Team).where(Team.retired_at.is_(None)).order_by(Team.name))
        ],
        "cycles": [
            {"name": row.name, "start": row.start.isoformat(), "end": row.end.isoformat()}
            for row in session.scalars(select(Cycle).where(Cycle.name.in_(cycles)).order_by(Cycle.start, Cycle.name))
        ],
        "objectives": [
            {
                "id": row.id,
                "title": row.title,
                "cycle": cycle_name,
                "team": team,
                "supports": row.supports_id,
                "position": row.position,
                "panels": [
                    {"connection": names[page["connection"]], "page": page["ref"]}
                    for page in row.pages or ()
                    if page["connection"] in names
                ],
                "closed_at": moment_text(row.closed_at),
            }
            for row, cycle_name, team in objectives
        ],
        "key_results": [
            {
                "id": row.id,
                "title": row.title,
                "objective": row.objective_id,
                "owner": emails.get(row.owner_id or 0),
                **{name: getattr(row, name) for name in (*DEFINITION, *_STATUS)},
                "as_of": moment_text(row.as_of),
                "updated_at": moment_text(row.updated_at),
            }
            for row in session.scalars(
                select(KeyResult).where(KeyResult.id.in_(living)).order_by(KeyResult.objective_id, KeyResult.position)
            )
        ],
        "mappings": [
            {"id": row.id, "key_result": row.key_result_id, **row.rule, "connection": names.get(row.connection_id), "mode": row.mode}
            for row in session.scalars(
                select(Mapping).where(Mapping.key_result_id.in_(living), Mapping.retired_at.is_(None)).order_by(Mapping.id)
            )
        ],
        "readings": [
            {
                **{name: getattr(row, name) for name in ("id", "value", "previous", "kind", "actor", "source")},
                "key_result": row.key_result_id,
                "as_of": moment_text(row.as_of),
                "recorded_at": moment_text(row.recorded_at),
            }
            for row in session.scalars(select(Reading).where(Reading.key_result_id.in_(living)).order_by(Reading.id))
        ],
        "check_ins": [
            {
                **{
                    name: getattr(row, name)
                    for name in ("id", "value", "confidence", "blocker", "decision", "comment", "movement", "draft")
                },
                "key_result": row.key_result_id,
                "author": emails.get(row.author_id or 0),
                "as_of": moment_text(row.as_of),
                "created_at": moment_text(row.created_at),
                "source": row.source,
            }
            for row in session.scalars(select(CheckIn).where(CheckIn.key_result_id.in_(living)).order_by(CheckIn.id))
        ],
    }


def _people(session: Session, names: dict[int, str]) -> list[dict[str, Any]]:
    accounts: dict[int, dict[str, str]] = {}
    for row in session.scalars(select(PersonAccount).order_by(PersonAccount.person_id)):
        if row.connection_id in names:
            accounts.setdefault(row.person_id, {})[names[row.connection_id]] = row.account
    return [
        {"email": row.email, "name": row.name, "active": row.active, "accounts": accounts.get(row.id, {})}
        for row in session.scalars(select(Person).order_by(Person.email))
    ]
