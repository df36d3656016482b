"""Stored mappings in one shape: for the form's version, the audit trail, pages and the API. Reads the store, calls no host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, String, and_, func, or_, select, type_coerce
from sqlalchemy.orm import Session, aliased

from connector.domain.rights import Viewer
from connector.errors import NotFound
from connector.services.changes import View, version_of
from connector.store.reads.paging import Page, after, cut, moment_text
from connector.store.tables import Connection, Cycle, Item, KeyResult, MappingItem, Objective, Person, Team
from connector.store.tables import Mapping as MappingRow
from connector.store.visibility import READY, visible

STATES = ("working", "waiting", "broken", "off")
_ORDER = (Objective.position, Objective.id, KeyResult.position, KeyResult.id, MappingRow.position, MappingRow.id)
_KINDS = (int, str, int, str, int, int)


@dataclass(frozen=True, slots=True)
class Record:
    """A stored mapping with what it hangs on."""

    row: MappingRow
    connection: Connection
    key_result: KeyResult
    objective: Objective
    cycle: Cycle
    owner: Person | None

    @property
    def view(self) -> View:
        """The mapping as the audit trail and the version see it: in the words of the file of ``apply``."""
        return {
            "key_result": self.row.key_result_id,
            "connection": self.connection.name,
            **self.row.rule,
            "owner": self.owner.email if self.owner else None,
            "active": self.row.retired_at is None,
        }

    @property
    def version(self) -> str:
        """What a form carries."""
        return version_of(self.view)

    @property
    def written(self) -> dict[str, Any]:
        """The mapping as ``parse_mapping`` reads it."""
        return {"connection": self.connection.name, **self.row.rule}

    @property
    def running(self) -> bool:
        """Whether its key result counts already, so that a change of what is measured needs a reason."""
        return self.cycle.started_at is not None and self.objective.stage == READY


def _records(viewer: Viewer) -> Select[*tuple[Any, ...]]:
    owner = aliased(Person)
    return (
        select(MappingRow, Connection, KeyResult, Objective, Cycle, owner)
        .join(Connection, Connection.id == MappingRow.connection_id)
        .join(KeyResult, KeyResult.id == MappingRow.key_result_id)
        .join(Objective, Objective.id == KeyResult.objective_id)
        .join(Cycle, Cycle.id == Objective.cycle_id)
        .outerjoin(owner, owner.id == MappingRow.owner_id)
        .where(KeyResult.retired_at.is_(None), Objective.retired_at.is_(None), visible(viewer))
    )


def load_record(session: Session, viewer: Viewer, mapping_id: int) -> Record:
    """One mapping, switched off or not. Raises ``NotFound``, also for one of a key result that the viewer may not know of."""
    row = session.execute(_records(viewer).where(MappingRow.id == mapping_id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no mapping {mapping_id}")
    return Record(*row)


def mappings_page(
    session: Session,
    viewer: Viewer,
    cursor: str | None = None,
    limit: int = 50,
    *,
    key_result: str | None = None,
    connection: str | None = None,
    team: str | None = None,
    owner: str | None = None,
    state: str | None = None,
    text: str | None = None,
    project: str | None = None,
) -> Page:
    """Mappings that the viewer may know of, in the order of their key results; those switched off only for ``state`` "off".

    Filters: key result's id, connection's name, team's name, owner's e-mail, state, words of the key result's title, key of a Jira project
    whose issues feed or are named by the mapping. Two statements.
    Raises ``InputError`` for a bad cursor or limit.
    """
    query = _records(viewer)
    if key_result is not None:
        query = query.where(KeyResult.id == key_result)
    if connection is not None:
        query = query.where(Connection.name == connection)
    if project is not None:
        query = query.where(_of_project(project))
    if team is not None:
        query = query.join(Team, Team.id == Objective.team_id).where(Team.name == team)
    if owner is not None:
        person = select(Person.id).where(Person.email == owner.strip().lower()).scalar_subquery()
        query = query.where(MappingRow.owner_id == person)
    for word in (text or "").split():
        query = query.where(or_(KeyResult.title.icontains(word, autoescape=True), KeyResult.id.icontains(word, autoescape=True)))
    query = query.where(_in_state(state))
    rows = session.execute(after(query, _ORDER, _KINDS, cursor, limit)).all()
    shown, following = cut(rows, limit, _key)
    records = [Record(*row) for row in shown]
    counts = count_items(session, [each.row.id for each in records])
    return Page([describe(each, counts.get(each.row.id, 0)) for each in records], following)


def _of_project(key: str) -> ColumnElement[bool]:
    """Issues of the project are items of the mapping, or the rule names the project or an epic of it (it may not have been read yet)."""
    rule = type_coerce(MappingRow.rule, String)
    fed = (
        select(MappingItem.item_id)
        .join(Item, Item.id == MappingItem.item_id)
        .where(MappingItem.mapping_id == MappingRow.id, Item.container == key)
        .exists()
    )
    return or_(fed, rule.contains(f'"{key}"', autoescape=True), rule.contains(f'"{key}-', autoescape=True))


def _key(row: Any) -> Sequence[str | int]:
    mapping, _, key_result, objective, _, _ = row
    return objective.position, objective.id, key_result.position, key_result.id, mapping.position, mapping.id


def _in_state(state: str | None) -> ColumnElement[bool]:
    active = MappingRow.retired_at.is_(None)
    match state:
        case "off":
            return MappingRow.retired_at.is_not(None)
        case "broken":
            return and_(active, MappingRow.broken.is_not(None))
        case "waiting":
            return and_(active, MappingRow.broken.is_(None), MappingRow.listed_at.is_(None))
        case "working":
            return and_(active, MappingRow.broken.is_(None), MappingRow.listed_at.is_not(None))
        case _:
            return active


def state_of(row: MappingRow) -> str:
    """One of ``STATES``: "waiting" means that its items were not read yet."""
    if row.retired_at is not None:
        return "off"
    if row.broken is not None:
        return "broken"
    return "waiting" if row.listed_at is None else "working"


def count_items(session: Session, ids: Sequence[int]) -> dict[int, int]:
    """How many items each of some mappings has now."""
    query = select(MappingItem.mapping_id, func.count()).where(MappingItem.mapping_id.in_(ids)).group_by(MappingItem.mapping_id)
    return {row[0]: row[1] for row in session.execute(query)}


def describe(record: Record, items: int) -> dict[str, Any]:
    """A mapping as the API gives it. ``items`` is null while nobody knows how many there are; ``value`` is the key result's."""
    row, state = record.row, state_of(record.row)
    rule = dict(row.rule)
    return {
        "id": row.id,
        "key_result": row.key_result_id,
        "title": record.key_result.title,
        "connection": record.connection.name,
        "select": rule.pop("select"),
        "measure": rule.pop("measure"),
        "mode": rule.pop("mode", row.mode),
        "options": rule,
        "owner": record.owner.email if record.owner else None,
        "state": state,
        "broken": row.broken if state == "broken" else None,
        "value": record.key_result.current,
        "items": items if state in ("working", "broken") and row.listed_at is not None else None,
        "titles": dict((row.resolved or {}).get("titles", {})),
        "listed_at": moment_text(row.listed_at),
        "version": record.version,
    }
