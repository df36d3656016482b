"""What the file says and what the database holds, in one shape per entity, so that comparing is comparing two dicts.

A view is JSON-able, names things instead of using ids, and holds no secret: those are compared here and only told as same or new.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.model import Definition
from connector.domain.steps import keys_of, state_of, ticked
from connector.errors import InputError
from connector.renewal import TOKENS, same_login
from connector.services.declare import forum_fields
from connector.services.declare.values import (
    DeclaredConnection,
    DeclaredCycle,
    DeclaredForum,
    DeclaredKeyResult,
    DeclaredObjective,
    DeclaredPerson,
    DeclaredTeam,
)
from connector.services.facts import load_definition
from connector.store.tables import (
    Connection,
    Cycle,
    Forum,
    ForumMember,
    KeyResult,
    Objective,
    ObjectiveReader,
    Person,
    PersonAccount,
    Team,
    TeamMember,
)
from connector.store.tables import Mapping as MappingRow
from connector.store.vault import Vault
from mappings.rules import Draft, dump_mapping

View = dict[str, Any]

HANDSHAKE = frozenset({"notion"})  # hosts that tell the webhook secret themselves, once, when the subscription is made
SET, UNSET, NEW = "set", "not set", "new"


class Stored:
    """Everything that the file can name, as the database holds it now; retired rows too."""

    def __init__(self, session: Session, vault: Vault, now: datetime) -> None:
        self._vault, self._now = vault, now
        self.connections = {row.name: row for row in session.scalars(select(Connection))}
        self.people = {row.email: row for row in session.scalars(select(Person))}
        self.forums = {row.name: row for row in session.scalars(select(Forum))}
        self.teams = {row.name: row for row in session.scalars(select(Team))}
        self.cycles = {row.name: row for row in session.scalars(select(Cycle))}
        self.objectives = {row.id: row for row in session.scalars(select(Objective))}
        self.key_results = {row.id: row for row in session.scalars(select(KeyResult))}
        self.mappings: dict[str, list[MappingRow]] = {}
        for row in session.scalars(select(MappingRow).order_by(MappingRow.position, MappingRow.id)):
            self.mappings.setdefault(row.key_result_id, []).append(row)
        self.connection_names = {row.id: name for name, row in self.connections.items()}
        self._emails = {row.id: email for email, row in self.people.items()}
        self._forum_names = {row.id: name for name, row in self.forums.items()}
        self._members: dict[int, list[str]] = {}
        for team_id, person_id in session.execute(select(TeamMember.team_id, TeamMember.person_id)):
            self._members.setdefault(team_id, []).append(self._emails[person_id])
        self._seats: dict[tuple[int, bool], list[str]] = {}
        for forum_id, person_id, leader in session.execute(select(ForumMember.forum_id, ForumMember.person_id, ForumMember.leader)):
            self._seats.setdefault((forum_id, leader), []).append(self._emails[person_id])
        self._readers: dict[str, list[str]] = {}
        for objective_id, person_id in session.execute(select(ObjectiveReader.objective_id, ObjectiveReader.person_id)):
            self._readers.setdefault(objective_id, []).append(self._emails[person_id])
        self._team_names = {row.id: name for name, row in self.teams.items()}
        self._cycle_names = {row.id: name for name, row in self.cycles.items()}
        self._accounts: dict[int, dict[str, str]] = {}
        for account in session.scalars(select(PersonAccount)):
            self._accounts.setdefault(account.person_id, {})[self.connection_names[account.connection_id]] = account.account

    def connection(self, row: Connection) -> View:
        """A stored connection."""
        return {
            "host": row.host,
            "url": row.url,
            "auth": SET,
            "webhook_secret": SET if row.webhook_secret else UNSET,
            "options": dict(row.options or {}),
            "handshake": self._is_armed(row),
        }

    def declared_connection(self, wanted: DeclaredConnection) -> View:
        """A connection of the file; its secrets are ``set`` where they equal the stored ones and ``new`` otherwise."""
        row = self.connections.get(wanted.name)
        secret = UNSET if row is None or not row.webhook_secret else SET  # not said: what is stored stays
        known = self._open(row.webhook_secret) if row is not None else None
        if wanted.webhook_secret is not None and wanted.webhook_secret != known:
            secret = NEW
        return {
            "host": wanted.host,
            "url": wanted.url,
            "auth": SET if row is not None and self._holds(row.auth, wanted.auth) else NEW,
            "webhook_secret": secret,
            "options": dict(wanted.options),
            "handshake": wanted.host in HANDSHAKE and secret == UNSET,
        }

    def _is_armed(self, row: Connection) -> bool:
        return not row.webhook_secret and row.armed_until is not None and row.armed_until > self._now

    def renews(self, row: Connection, auth: Mapping[str, str]) -> bool:
        """Whether the stored login is this one, with tokens that we renew."""
        return bool(auth.keys() & TOKENS) and self._holds(row.auth, auth)

    def _holds(self, sealed: str, auth: Mapping[str, str]) -> bool:
        """Whether these credentials are stored. The tokens of a login that we renew are newer here than in any file."""
        stored = self._open(sealed)
        if not isinstance(stored, dict):
            return False
        return stored == dict(auth) or (auth.keys() & TOKENS != set() and same_login(stored, auth))

    def _open(self, sealed: str | None) -> Any:
        try:
            return self._vault.open(sealed) if sealed else None
        except InputError:
            return None  # sealed with a key that is gone: the file's credentials take its place

    def person(self, row: Person) -> View:
        """A stored person."""
        return {
            "name": row.name,
            "active": row.active,
            "accounts": self._accounts.get(row.id, {}),
            "role": row.role,
            "zone": row.zone,
            "away_until": row.away_until.isoformat() if row.away_until else None,
        }

    def forum(self, row: Forum) -> View:
        """A stored forum."""
        return {
            "caller": self.email(row.caller_id),
            "sponsor": self.email(row.sponsor_id),
            "leaders": sorted(self._seats.get((row.id, True), ())),
            "members": sorted(self._seats.get((row.id, False), ())),
            **forum_fields.view_of_row(row),
        }

    def email(self, person_id: int | None) -> str | None:
        """The e-mail address of a stored person."""
        return self._emails.get(person_id) if person_id is not None else None

    def team(self, row: Team) -> View:
        """A stored team."""
        return {
            "lead": self.email(row.lead_id),
            "members": sorted(self._members.get(row.id, ())),
            "forum": self._forum_names.get(row.forum_id) if row.forum_id is not None else None,
        }

    def objective(self, row: Objective) -> View:
        """A stored objective."""
        return {
            "title": row.title,
            "cycle": self._cycle_names.get(row.cycle_id),
            "team": self._team_names.get(row.team_id) if row.team_id is not None else None,
            "supports": row.supports_id,
            "panels": [[self.connection_names.get(page["connection"], ""), page["ref"]] for page in row.pages or ()],
            "position": row.position,
            "stage": row.stage,
            "restricted": row.restricted,
            "readers": sorted(self._readers.get(row.id, ())),
        }

    def key_result(self, row: KeyResult) -> View:
        """A stored key result."""
        return {
            "objective": row.objective_id,
            "title": row.title,
            "owner": self.email(row.owner_id),
            **definition_view(load_definition(row)),
            "weight": row.weight,
            "cadence": row.cadence,
            "position": row.position,
            "by_hand": row.by_hand,
        }


def cycle_row(row: Cycle) -> View:
    """A stored cycle."""
    return {"start": row.start.isoformat(), "end": row.end.isoformat(), "started": row.started_at is not None}


def person(wanted: DeclaredPerson) -> View:
    """A person of the file."""
    return {"name": wanted.name, "active": wanted.active, "accounts": dict(wanted.accounts), **wanted.said}


def forum(wanted: DeclaredForum) -> View:
    """A forum of the file."""
    return {"caller": wanted.caller, **wanted.said}


def team(wanted: DeclaredTeam) -> View:
    """A team of the file."""
    return {"lead": wanted.lead, **wanted.said}


def cycle(wanted: DeclaredCycle) -> View:
    """A cycle of the file."""
    return {"start": wanted.start.isoformat(), "end": wanted.end.isoformat(), **wanted.said}


def objective(wanted: DeclaredObjective, position: int) -> View:
    """An objective of the file."""
    return {
        "title": wanted.title,
        "cycle": wanted.cycle,
        "team": wanted.team,
        "supports": wanted.supports,
        "panels": [list(page) for page in wanted.pages],
        "position": position,
        **wanted.said,
    }


def with_ticks(wanted: DeclaredKeyResult, row: KeyResult | None) -> DeclaredKeyResult:
    """A key result of the file, with the ticks that are stored where the file says nothing of them: owners tick in their check-ins."""
    if row is None or not wanted.silent:
        return wanted
    stored = state_of(load_definition(row).milestones)
    keys = keys_of(wanted.definition.milestones)
    kept = {keys[index]: stored[keys[index]] for index in wanted.silent if keys[index] in stored}
    return replace(wanted, definition=ticked(wanted.definition, kept))


def key_result(wanted: DeclaredKeyResult, objective_id: str, position: int) -> View:
    """A key result of the file."""
    return {
        "objective": objective_id,
        "title": wanted.title,
        "owner": wanted.owner,
        **definition_view(wanted.definition),
        "weight": wanted.weight,
        "cadence": wanted.cadence.value,
        "position": position,
        **wanted.said,
    }


def definition_view(definition: Definition) -> View:
    """A definition as the columns of a key result."""
    return {
        "kind": definition.kind.value,
        "unit": definition.unit,
        "start": definition.start,
        "target": definition.target,
        "low": definition.low,
        "high": definition.high,
        "strict": definition.strict,
        "decimals": definition.decimals,
        "checkpoints": [{"value": each.value, "progress": each.progress} for each in definition.checkpoints],
        "phased_targets": [{"day": each.day.isoformat(), "value": each.value} for each in definition.phased_targets],
        "milestones": [{"title": each.title, "weight": each.weight, "done": each.done} for each in definition.milestones],
    }


def rule_of(draft: Draft) -> dict[str, Any]:
    """What is stored of a mapping: its canonical form without the connection's name, which has a column of its own."""
    written = dump_mapping(draft)
    del written["connection"]
    return written


def mapping_key(connection: str, rule: Mapping[str, Any]) -> str:
    """Two mappings of one key result are the same mapping when this is the same."""
    return json.dumps([connection, {name: value for name, value in rule.items() if name != "connection"}], sort_keys=True)
