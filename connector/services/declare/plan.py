"""The file against the database: which entities to create, update and retire. Reads only; what is unchanged is only counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from connector.errors import Faults, InputError
from connector.services.declare import views
from connector.services.declare.values import Declaration, DeclaredMapping
from connector.services.declare.views import Stored, View
from connector.store.tables import Mapping as MappingRow
from connector.store.vault import Vault

CREATE, UPDATE, RETIRE = "create", "update", "retire"
ADMIN = "admin"
_PLAIN = {"auth": "credentials changed", "webhook_secret": "webhook secret changed", "position": "moved", "panels": "panels changed",
          "options": "options changed", "accounts": "accounts changed", "members": "members changed",
          "leaders": "leaders changed", "lock": "lock changed", "readers": "readers changed", "checkpoints": "checkpoints changed",
          "phased_targets": "phased targets changed",
          "handshake": "waiting for the verification token"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the plan. ``entity``: "connection", "person", "forum", "team", "cycle", "objective", "key result" or "mapping"."""

    action: str
    entity: str
    id: str
    details: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.action} {self.entity} {self.id}" + (f": {', '.join(self.details)}" if self.details else "")


@dataclass(frozen=True, slots=True)
class Step:
    """A change with what is needed to carry it out. ``wanted`` is None to retire, ``row`` None to create.

    ``before`` and ``after`` are views (for the audit trail): all of it when created or retired, else only what differs.
    ``owner`` is the key result of a mapping.
    """

    change: Change
    wanted: Any
    row: Any
    before: View | None
    after: View | None
    revived: bool = False
    position: int = 0
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """All steps by entity, in the order in which they can be carried out, and how much is unchanged."""

    steps: Mapping[str, tuple[Step, ...]]
    unchanged: int
    stored: Stored

    @property
    def changes(self) -> tuple[Change, ...]:
        """What is going to happen: creations and updates from connections down to mappings, then what is retired."""
        every = [step.change for steps in self.steps.values() for step in steps]
        return tuple(sorted(every, key=lambda change: change.action == RETIRE))


def compare(session: Session, declaration: Declaration, vault: Vault, now: datetime) -> Plan:
    """The plan that makes the database equal to the file. Raises ``Faults`` for what cannot be changed."""
    stored = Stored(session, vault, now)
    _refuse_other_hosts(declaration, stored)
    tally = _Tally()
    steps: dict[str, list[Step]] = {
        "connection": tally.compare(
            "connection",
            {each.name: (each, stored.declared_connection(each)) for each in declaration.connections},
            {name: (row, stored.connection(row), row.retired_at is not None) for name, row in stored.connections.items()},
        ),
        "person": tally.compare(
            "person",
            {each.email: (each, views.person(each)) for each in declaration.people},
            {email: (row, stored.person(row), False) for email, row in stored.people.items()},
        ),
        "forum": tally.compare(
            "forum",
            {each.name: (each, views.forum(each)) for each in declaration.forums},
            {name: (row, stored.forum(row), row.retired_at is not None) for name, row in stored.forums.items()},
        )
        if declaration.forums is not None
        else [],
        "team": tally.compare(
            "team",
            {each.name: (each, views.team(each)) for each in declaration.teams},
            {name: (row, stored.team(row), row.retired_at is not None) for name, row in stored.teams.items()},
        ),
        "cycle": tally.compare(
            "cycle",
            {each.name: (each, views.cycle(each)) for each in declaration.cycles},
            {name: (row, views.cycle_row(row), row.retired_at is not None) for name, row in stored.cycles.items()},
        ),
        "objective": tally.compare(
            "objective",
            {each.id: (each, views.objective(each, position)) for position, each in enumerate(declaration.objectives)},
            {name: (row, stored.objective(row), row.retired_at is not None) for name, row in stored.objectives.items()},
        ),
        "key result": tally.compare(
            "key result",
            {
                each.id: (each, views.key_result(each, objective.id, position))
                for objective in declaration.objectives
                for position, declared in enumerate(objective.key_results)
                for each in (views.with_ticks(declared, stored.key_results.get(declared.id)),)
            },
            {name: (row, stored.key_result(row), row.retired_at is not None) for name, row in stored.key_results.items()},
        ),
    }
    # People have no other sign of being retired than not being active: those who are inactive already stay as they are.
    # Nor does a file that does not name an admin shut them out: who set things up on the pages keeps the key.
    idle = [step for step in steps["person"] if step.change.action == RETIRE and (not step.row.active or step.row.role == ADMIN)]
    steps["person"] = [step for step in steps["person"] if step not in idle]
    steps["mapping"] = _mapping_steps(declaration, stored, tally)
    return Plan({entity: tuple(found) for entity, found in steps.items()}, tally.unchanged, stored)


def _refuse_other_hosts(declaration: Declaration, stored: Stored) -> None:
    errors = [
        declaration.document.placed(
            InputError(
                f"the connection {each.name} is one to {stored.connections[each.name].host}, which cannot change; "
                "give the new connection another name",
                where=f"{each.where}.host",
            )
        )
        for each in declaration.connections
        if each.name in stored.connections and stored.connections[each.name].host != each.host
    ]
    if errors:
        raise Faults(errors)


class _Tally:
    """Compares entities and counts those that stay as they are."""

    def __init__(self) -> None:
        self.unchanged = 0

    def compare(self, entity: str, wanted: Mapping[str, tuple[Any, View]], stored: Mapping[str, tuple[Any, View, bool]]) -> list[Step]:
        steps = []
        for name, (declared, after) in wanted.items():
            if name not in stored:
                steps.append(Step(Change(CREATE, entity, name), declared, None, None, after))
                continue
            row, before, retired = stored[name]
            differing = [key for key in after if before[key] != after[key]]
            if not differing and not retired:
                self.unchanged += 1
                continue
            details = (*(("brought back",) if retired else ()), *(_told(key, before[key], after[key]) for key in differing))
            old, new = ({key: view[key] for key in differing} for view in (before, after))
            steps.append(Step(Change(UPDATE, entity, name, details), declared, row, old, new, revived=retired))
        for name, (row, before, retired) in stored.items():
            if name not in wanted and not retired:
                steps.append(Step(Change(RETIRE, entity, name), None, row, before, None))
        return steps


def _mapping_steps(declaration: Declaration, stored: Stored, tally: _Tally) -> list[Step]:
    wanted = {each.id: each.mappings for objective in declaration.objectives for each in objective.key_results}
    steps: list[Step] = []
    for name in dict.fromkeys((*wanted, *stored.mappings)):
        steps += _of_key_result(name, wanted.get(name, ()), stored, tally)
    return steps


def _of_key_result(name: str, wanted: Iterable[DeclaredMapping], stored: Stored, tally: _Tally) -> list[Step]:
    """A mapping that says the same as before keeps its row, with its resolved ids and members; a retired one comes back."""
    by_key: dict[str, list[MappingRow]] = {}
    for each_row in stored.mappings.get(name, ()):
        by_key.setdefault(views.mapping_key(stored.connection_names[each_row.connection_id], each_row.rule), []).append(each_row)
    steps: list[Step] = []
    kept: set[int] = set()
    for position, each in enumerate(wanted):
        rule = views.rule_of(each.draft)
        same = by_key.get(views.mapping_key(each.draft.connection, rule), [])
        row: MappingRow | None = max(same, key=lambda found: (found.retired_at is None, found.id)) if same else None
        after = {"connection": each.draft.connection, **rule, **each.said}
        label = mapping_label(each.draft.connection, rule)
        if row is None:
            steps.append(Step(Change(CREATE, "mapping", name, (label,)), each, None, None, after, position=position, owner=name))
            continue
        kept.add(row.id)
        revived = row.retired_at is not None
        before, after = {"position": row.position, "owner": stored.email(row.owner_id)}, {"position": position, **each.said}
        differing = [key for key in after if before[key] != after[key]]
        if not revived and not differing:
            tally.unchanged += 1
            continue
        told = (label, *(("brought back",) if revived else (_told(key, before[key], after[key]) for key in differing)))
        old, new = ({key: view[key] for key in differing or ["position"]} for view in (before, after))
        steps.append(Step(Change(UPDATE, "mapping", name, told), each, row, old, new, revived, position=position, owner=name))
    for former in stored.mappings.get(name, ()):
        if former.retired_at is None and former.id not in kept:
            connection = stored.connection_names[former.connection_id]
            change = Change(RETIRE, "mapping", name, (mapping_label(connection, former.rule),))
            steps.append(Step(change, None, former, {"connection": connection, **former.rule}, None, owner=name))
    return steps


def mapping_label(connection: str, rule: Mapping[str, Any]) -> str:
    """A mapping in a few words: "acme-jira epics ACME-1 and ACME-7, done_share"."""
    select = rule["select"]
    kind = next(iter(select))
    what = select[kind]
    named = " and ".join(map(str, what[:3])) + (f" and {len(what) - 3} more" if len(what) > 3 else "") if isinstance(what, list) else what
    measure = rule["measure"]
    measured = measure if isinstance(measure, str) else " ".join(f"{key} {value}" for key, value in measure.items())
    context = "" if rule.get("mode") == "value" else f", {rule.get('mode')}"
    return f"{connection} {kind} {_short(str(named))}, {measured}{context}"


def _told(key: str, before: Any, after: Any) -> str:
    if key == "webhook_secret" and before == views.UNSET:
        return "webhook secret set"
    if key == "handshake" and not after:
        return "no longer waiting for the verification token"
    if key == "milestones":
        return f"milestones changed{_ticks_told(before, after)}"
    if key in _PLAIN:
        return _PLAIN[key]
    return f"{key} {_shown(before)} → {_shown(after)}"


def _ticks_told(before: Iterable[Mapping[str, Any]], after: Iterable[Mapping[str, Any]]) -> str:
    """Which ticks a change takes away or sets: those that an owner set must not go unseen."""
    old, new = ({step["title"]: step["done"] for step in steps} for steps in (before, after))
    parts = [f"“{_short(title)}” {'done' if done else 'open again'}" for title, done in new.items() if old.get(title, done) != done]
    parts += [f"“{_short(title)}” was done and is left out" for title, done in old.items() if done and title not in new]
    return f" ({', '.join(parts)})" if parts else ""


def _shown(value: Any) -> str:
    if value is None or value == "":
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.12g}"
    return f"“{_short(value)}”" if isinstance(value, str) and " " in value else _short(str(value))


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "…"
