"""What a key result's value would become with one more mapping, computed over live items of the host. Stores nothing.

The rules and the words are those of ``mappings.preview``; this module reads what they need. A walk that is longer than
``MOST_ITEMS`` is cut off, and then the value is said to be not known yet instead of being computed from a part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.model import Definition, Item
from connector.errors import Conflict, Gone, InputError, NotFound, Refused
from connector.hosts.base import Host, Resolution, Wanted
from connector.runtime import Runtime
from connector.services.facts import Facts, load_facts
from connector.store.tables import Connection, KeyResult, MappingItem
from connector.store.tables import Item as ItemRow
from connector.store.tables import Mapping as MappingRow
from mappings.parsing import parse_mapping
from mappings.preview import Candidate, Preview, Row, preview
from mappings.rules import (
    SHARES,
    Draft,
    Empty,
    Mode,
    SelectorKind,
    belongs,
    check_family,
    dump_mapping,
    field_names,
    unknown_filter,
)

MOST_ITEMS = 2000
MOST_ROWS = 100
_NEW = 0  # the mapping's id while it has none


@dataclass(frozen=True, slots=True)
class _Read:
    """What the host gave: members, the epics themselves, rows that nobody can judge, and whether the walk was cut off."""

    members: tuple[Item, ...]
    epics: tuple[Item, ...]
    unknown_members: int
    cut_off: bool


def preview_mapping(runtime: Runtime, data: Mapping[str, Any], *, key_result: str | None = None) -> dict[str, Any]:
    """The preview of one mapping as the API shows it. ``data`` is a mapping as in the file of ``apply``.

    Raises ``InputError`` for a mapping that cannot be (also when the host refuses its names), ``NotFound`` for an unknown
    connection or key result, ``Conflict`` for a parked connection, ``HostError`` when the host does not answer.
    """
    with runtime.store.read() as session:
        connection = _connection(session, data.get("connection"))
        facts = _facts(session, key_result)
        elsewhere = _elsewhere(session, facts) if facts else {}
    draft = parse_mapping(data, where="mapping", host=connection.host)
    others = [] if facts is None else [link for link in facts.links if dump_mapping(link.rule) != dump_mapping(draft)]
    check_family([*(link.rule for link in others), draft], where="mappings")
    host = runtime.connect(connection)
    try:
        resolution = _resolve(host, draft)
        read = _read(host, draft, resolution)
    finally:
        host.close()
    candidates = []
    if facts is not None:
        candidates = [Candidate(link.rule, link.resolved, facts.items.get(link.id, []), facts.epics.get(link.id, ())) for link in others]
    candidates.append(Candidate(draft, resolution, read.members, read.epics, read.unknown_members))
    definition = facts.definition if facts else Definition(unit="%" if draft.measure.kind in SHARES else "")
    answer = preview(candidates, definition, facts.row.current if facts else None, elsewhere=elsewhere)
    return _shape(answer, draft, read)


def _connection(session: Session, name: object) -> Connection:
    if not isinstance(name, str):
        raise InputError("name the connection", where="connection")
    connection = session.scalar(select(Connection).where(Connection.name == name, Connection.retired_at.is_(None)))
    if connection is None:
        raise NotFound(f"no connection is called {name!r}")
    if connection.parked_at is not None:
        raise Conflict(f"connection {name} is parked: {connection.parked_reason}; mend it first")
    return connection


def _facts(session: Session, key_result: str | None) -> Facts | None:
    if key_result is None:
        return None
    facts = load_facts(session, [key_result]).get(key_result)
    if facts is None:
        raise NotFound(f"there is no key result {key_result!r}")
    return facts


def _resolve(host: Host, draft: Draft) -> Resolution:
    try:
        return host.resolve(draft.selector, field_names(draft))
    except Gone as error:
        raise InputError(error.message, where="select") from error
    except Refused as error:
        if error.parks:
            raise
        raise InputError(error.message, where="select") from error


def _read(host: Host, draft: Draft, resolution: Resolution) -> _Read:
    wanted = [Wanted(_NEW, draft.selector, resolution, field_names(draft))]
    found: dict[str, Item] = {}
    told: set[str] = set()
    cut_off = False
    for query in host.plan(wanted):
        cursor = None
        while not cut_off:
            page = host.list_items(query, cursor)
            found.update((item.ref, item) for item in page.items)
            if query.members_of:
                told.update(page.refs)
            cursor = page.cursor
            if cursor is None:
                break
            cut_off = len(found) >= MOST_ITEMS
    epics: tuple[Item, ...] = ()
    if draft.selector.kind is SelectorKind.EPICS and draft.empty is Empty.OWN_STATUS:
        epics = tuple(host.fetch_items(sorted(set(resolution.refs.values())), wanted).items)
    members = tuple(
        item
        for item in found.values()
        if belongs(draft, resolution, item, told=item.ref in told, ancestors=_ancestors(item, found) if draft.selector.subtasks else ())
    )
    unknown = sum(unknown_filter(draft, resolution, item) for item in found.values())
    return _Read(members, epics, unknown, cut_off)


def _ancestors(item: Item, found: Mapping[str, Item]) -> Sequence[str]:
    return [above for parent in item.parents if parent in found for above in found[parent].parents]


def _elsewhere(session: Session, facts: Facts) -> dict[str, set[tuple[str, str]]]:
    """Which items other key results of the same objective count, by their title: work would move the objective twice."""
    counted: dict[str, set[tuple[str, str]]] = {}
    for title, connection, ref in session.execute(
        select(KeyResult.title, Connection.name, ItemRow.ref)
        .join(MappingRow, MappingRow.key_result_id == KeyResult.id)
        .join(Connection, Connection.id == MappingRow.connection_id)
        .join(MappingItem, MappingItem.mapping_id == MappingRow.id)
        .join(ItemRow, ItemRow.id == MappingItem.item_id)
        .where(
            KeyResult.objective_id == facts.objective.id,
            KeyResult.id != facts.row.id,
            KeyResult.retired_at.is_(None),
            MappingRow.retired_at.is_(None),
            MappingRow.mode == Mode.VALUE.value,
            ItemRow.gone_at.is_(None),
        )
        .order_by(KeyResult.position, KeyResult.id)
    ):
        counted.setdefault(title, set()).add((connection, ref))
    return counted


def _shape(answer: Preview, draft: Draft, read: _Read) -> dict[str, Any]:
    mine = answer.measurements[-1]
    counts = answer.combined if draft.mode is Mode.VALUE else mine
    warnings = [{"code": notice.code, "text": notice.text} for notice in answer.warnings]
    after, sentence = answer.after, answer.sentence
    if read.cut_off:
        after = None if draft.mode is Mode.VALUE else answer.after
        sentence = f"more than {MOST_ITEMS} items match; the value is computed after saving, when all of them were read"
        warnings.append({"code": "cut_off", "text": f"only the first {MOST_ITEMS} items were read for this preview"})
    rows = [row for row in answer.rows if row.mapping == len(answer.measurements) - 1]
    return {
        "before": answer.before,
        "after": after,
        "sentence": sentence,
        "items": counts.items,
        "done": counts.done,
        "total": counts.total,
        "without_number": counts.without_number,
        "wont_do": counts.wont_do,
        "explanation": answer.explanations[-1],
        "rows": [_row(row) for row in rows[:MOST_ROWS]],
        "warnings": warnings,
        "cut_off": read.cut_off,
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "ref": row.ref,
        "key": row.key,
        "title": row.title,
        "url": row.url,
        "status": row.status,
        "category": row.category.value,
        "number": row.number,
        "wont_do": row.wont_do,
        "standing": row.standing,
    }
