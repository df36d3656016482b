"""The mirror: items as last read from a host, which mappings they feed, and which key results a change touches.

Saves what it is given; it calls no host and computes no value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, cast

import orjson
from sqlalchemy import Table, Text, bindparam, delete, insert, select, type_coerce, update
from sqlalchemy.orm import Session

from connector.domain.model import Category, FieldValue, Item, Unknown
from connector.services.blocked_items import forget_told, held_up, pass_on, who_is_done
from connector.store.base import Json
from connector.store.inserts import insert_into
from connector.store.tables import Item as ItemRow
from connector.store.tables import MappingItem
from mappings.repository import Link, Router

CHUNK = 400
MATERIAL = ("key", "kind", "container", "parents", "category", "status", "resolution", "fields", "blocked")


@dataclass
class Saved:
    """What saving did: how many items were seen and materially changed, and which key results must be rolled up again."""

    seen: int = 0
    changed: int = 0
    gone: int = 0
    key_results: set[str] = field(default_factory=set)


def dump_value(value: FieldValue) -> Any:
    """A field value → JSON. ``Unknown`` and tuples keep their kind."""
    if isinstance(value, Unknown):
        return {"unknown": value.reason}
    return list(value) if isinstance(value, tuple) else value


def load_value(value: Any) -> FieldValue:
    """JSON → field value."""
    if isinstance(value, dict):
        return Unknown(value["unknown"])
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value  # type: ignore[no-any-return]  # what dump_value stored


# What an ``Item`` is made of, in its order; JSON as the stored text, which ``item_of`` reads faster than the column type can.
ITEM_COLUMNS = (
    ItemRow.ref,
    ItemRow.key,
    ItemRow.title,
    ItemRow.url,
    ItemRow.kind,
    ItemRow.container,
    type_coerce(ItemRow.parents, Text),
    ItemRow.category,
    ItemRow.status,
    ItemRow.resolution,
    type_coerce(ItemRow.fields, Text),
    ItemRow.created_at,
    ItemRow.updated_at,
)
_CATEGORIES = {category.value: category for category in Category}
_NO_FIELDS: Mapping[str, FieldValue] = MappingProxyType({})


def item_of(
    ref: str,
    key: str,
    title: str,
    url: str,
    kind: str,
    container: str,
    parents: str,
    category: str,
    status: str | None,
    resolution: str | None,
    fields: str,
    created_at: datetime | None,
    updated_at: datetime | None,
) -> Item:
    """The columns ``ITEM_COLUMNS`` of a stored row → the value that rules work on."""
    return Item(
        ref,
        key,
        title,
        url,
        kind,
        container,
        tuple(orjson.loads(parents)) if parents != "[]" else (),
        _CATEGORIES[category],
        status,
        resolution,
        {name: load_value(value) for name, value in orjson.loads(fields).items()} if fields != "{}" else _NO_FIELDS,
        created_at,
        updated_at,
    )


def upsert(session: Session, table: Any, keys: Sequence[str], rows: Sequence[dict[str, Any]], *, set_: Sequence[str] = ()) -> None:
    """Insert rows, or set the columns ``set_`` of those that exist (none: leave them). Pass rows in a fixed order: no deadlocks."""
    if not rows:
        return
    statement = insert_into(session, table)
    if set_:
        statement = statement.on_conflict_do_update(index_elements=list(keys), set_={name: statement.excluded[name] for name in set_})
    else:
        statement = statement.on_conflict_do_nothing(index_elements=list(keys))
    session.execute(statement, list(rows))


def mark_dirty(session: Session, connection_id: int, refs: Iterable[str], now: float) -> None:
    """Want every ref to be read again; unknown refs get an empty row. Order of rows is fixed, so writers never deadlock."""
    ordered = sorted(set(refs))
    statement = insert_into(session, ItemRow)
    statement = statement.on_conflict_do_update(
        index_elements=["connection_id", "ref"], set_={"wanted": ItemRow.wanted + 1, "recheck_at": 0.0}
    )
    if ordered:
        session.execute(
            statement,
            [
                {
                    "connection_id": connection_id,
                    "ref": ref,
                    "wanted": 1,
                    "done": 0,
                    "first_at": now,
                    "ready_at": 0.0,
                    "parents": [],
                    "fields": {},
                    "recheck_at": 0.0,
                }
                for ref in ordered
            ],
        )


def save_items(
    session: Session,
    connection_id: int,
    items: Sequence[Item],
    router: Router,
    *,
    at: datetime,
    told: Mapping[int, frozenset[str]] | None = None,
    asked: frozenset[int] | None = None,
    read_at: float | None = None,
) -> Saved:
    """Save what a host told, renew memberships, and name the key results touched (old and new mappings alike).

    ``told``: JQL mapping id → refs that belong, among ``items``. ``asked``: the JQL mappings for which ``told`` is an
    answer; memberships of JQL mappings that were not asked stay as they are. Items that feed nothing are not kept.
    ``read_at`` (epoch seconds) is given by long walks: rows that were read strongly since then are newer and stay.
    """
    saved = Saved(seen=len(items))
    told = told or {}
    asked = frozenset(told) if asked is None else asked
    for start in range(0, len(items), CHUNK):
        _save_chunk(session, connection_id, items[start : start + CHUNK], router, at, told, asked, saved, read_at)
    return saved


def _save_chunk(
    session: Session,
    connection_id: int,
    items: Sequence[Item],
    router: Router,
    at: datetime,
    told: Mapping[int, frozenset[str]],
    asked: frozenset[int],
    saved: Saved,
    read_at: float | None,
) -> None:
    by_ref = {item.ref: item for item in items}
    rows = {
        row.ref: row for row in session.execute(select(*_COMPARED).where(ItemRow.connection_id == connection_id, ItemRow.ref.in_(by_ref)))
    }
    before = _memberships(session, [row.id for row in rows.values()])
    ancestors = _ancestors(session, connection_id, items) if router.with_subtasks else {}
    done = who_is_done(session, connection_id, items)
    unasked = {link.id for link in router.jql if link.id not in asked}
    fresh: list[tuple[dict[str, Any], dict[int, Link]]] = []
    joins: list[dict[str, int]] = []
    updates: list[dict[str, Any]] = []
    finished: dict[str, bool] = {}  # whether those items are done now that others may wait for
    for ref, item in by_ref.items():
        row = rows.get(ref)
        item = _completed(item, row.fields if row is not None else "{}", router)
        belongs_to = router.feeding(item, {mapping: ref in refs for mapping, refs in told.items()}, ancestors.get(ref, ()))
        watched = router.as_epic(ref)
        if row is not None and read_at is not None and (row.served_at > read_at or _is_older(item, row)):
            continue
        if item.category is not Category.UNDEFINED:
            finished[ref] = item.category is Category.DONE
        if row is None:
            if belongs_to or watched:
                held = held_up(item, None, None, done, at)
                fresh.append(({"connection_id": connection_id, "ref": ref, "seen_at": at, **_columns(item), "blocked": held}, belongs_to))
                saved.changed += 1
                saved.key_results.update(link.key_result_id for link in (*belongs_to.values(), *watched))
            continue
        was = before.get(row.id, set())
        now_in = set(belongs_to) | (was & unasked)
        held = held_up(item, row.blocked, row.blocked_told_at, done, at)
        material = row.gone_at is not None or row.seen_at is None or _material(item, held) != tuple(row[-len(MATERIAL) :])
        saved.changed += material or was != now_in
        if material or was != now_in or row.updated_at != item.updated_at:
            touched = {router.links[mapping] for mapping in was | now_in if mapping in router.links}
            saved.key_results.update(link.key_result_id for link in (*touched, *watched))
        if material or row.updated_at != item.updated_at or row.title != item.title or row.url != item.url:
            updates.append({"row_id": row.id, "seen_at": at, "gone_at": None, **_columns(item), "blocked": held})
        if was - now_in:
            session.execute(delete(MappingItem).where(MappingItem.item_id == row.id, MappingItem.mapping_id.in_(was - now_in)))
        joins += [{"mapping_id": mapping, "item_id": row.id} for mapping in now_in - was]
    # Tables, not mapped classes: the ORM's bookkeeping per row is several times the cost of the row itself.
    if updates:
        session.connection().execute(_UPDATE, updates)
    forget_told(session, [row.id for row in rows.values() if row.blocked_told_at is not None])
    if fresh:
        made = session.connection().execute(insert(_TABLE).returning(_TABLE.c.id, _TABLE.c.ref), [values for values, _ in fresh])
        id_of = {ref: item_id for item_id, ref in made}
        joins += [{"mapping_id": mapping, "item_id": id_of[values["ref"]]} for values, belongs_to in fresh for mapping in belongs_to]
    if joins:
        session.connection().execute(insert(_JOINS), joins)
    saved.key_results |= pass_on(session, connection_id, finished, router, at)


def set_members(session: Session, mapping_id: int, connection_id: int, refs: Iterable[str], *, begun_at: float) -> bool:
    """Make the members of one mapping exactly ``refs`` (rows that exist). True when something changed.

    ``begun_at``: when the walk that saw them began (epoch seconds); items read strongly since then are newer and keep their place.
    """
    wanted: set[int] = set()
    ordered = list(refs)
    for start in range(0, len(ordered), CHUNK):
        wanted.update(
            session.scalars(
                select(ItemRow.id).where(
                    ItemRow.connection_id == connection_id,
                    ItemRow.ref.in_(ordered[start : start + CHUNK]),
                    ItemRow.gone_at.is_(None),
                    ItemRow.served_at <= begun_at,
                )
            )
        )
    have = set(
        session.scalars(
            select(MappingItem.item_id)
            .join(ItemRow, ItemRow.id == MappingItem.item_id)
            .where(MappingItem.mapping_id == mapping_id, ItemRow.served_at <= begun_at)
        )
    )
    lost, new = sorted(have - wanted), sorted(wanted - have)
    for start in range(0, len(lost), CHUNK):
        session.execute(
            delete(MappingItem).where(MappingItem.mapping_id == mapping_id, MappingItem.item_id.in_(lost[start : start + CHUNK]))
        )
    if new:
        session.execute(insert(MappingItem), [{"mapping_id": mapping_id, "item_id": item_id} for item_id in new])
    return bool(lost or new)


def mark_gone(session: Session, connection_id: int, refs: Iterable[str], router: Router, *, at: datetime) -> Saved:
    """Items that the host no longer has: they leave every mapping; their key results must be rolled up again."""
    saved = Saved()
    ordered = sorted(set(refs))
    for start in range(0, len(ordered), CHUNK):
        rows = session.execute(
            select(ItemRow.id, ItemRow.ref, ItemRow.gone_at).where(
                ItemRow.connection_id == connection_id, ItemRow.ref.in_(ordered[start : start + CHUNK])
            )
        ).all()
        memberships = _memberships(session, [row.id for row in rows])
        for row in rows:
            links = [router.links[mapping] for mapping in memberships.get(row.id, ()) if mapping in router.links]
            saved.gone += row.gone_at is None and bool(links)
            saved.key_results.update(link.key_result_id for link in (*links, *router.as_epic(row.ref)))
        ids = [row.id for row in rows]
        session.execute(delete(MappingItem).where(MappingItem.item_id.in_(ids)))
        session.execute(
            update(ItemRow)
            .where(ItemRow.id.in_(ids), ItemRow.gone_at.is_(None))
            .values(gone_at=at)
            .execution_options(synchronize_session=False)
        )
        saved.key_results |= pass_on(session, connection_id, dict.fromkeys(ordered[start : start + CHUNK], True), router, at)
    return saved


def drop_idle(session: Session, connection_id: int, router: Router) -> int:
    """Forget items that feed nothing, are nobody's epic and have no work waiting. Returns how many."""
    idle = select(ItemRow.id, ItemRow.ref).where(
        ItemRow.connection_id == connection_id,
        ItemRow.wanted == ItemRow.done,
        ItemRow.lease_until == 0.0,
        ~select(MappingItem.item_id).where(MappingItem.item_id == ItemRow.id).exists(),
    )
    ids = [item_id for item_id, ref in session.execute(idle) if not router.as_epic(ref)]
    for start in range(0, len(ids), CHUNK):
        session.execute(delete(ItemRow).where(ItemRow.id.in_(ids[start : start + CHUNK])))
    return len(ids)


def _material(item: Item, held: dict[str, Any] | None) -> tuple[Any, ...]:
    """What of an item can move a number, in the order and shape of the last columns of ``_COMPARED``."""
    fields = {name: dump_value(value) for name, value in item.fields.items()}
    return (
        item.key, item.kind, item.container, _text(list(item.parents)), item.category.value, item.status, item.resolution, _text(fields),
        None if held is None else _text(held),
    )  # fmt: skip


def _text(value: Any) -> str:
    """JSON as the column type stores it: equal values are equal text."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def _completed(item: Item, before: str, router: Router) -> Item:
    """The item with the fields that this read did not ask for as they were known, and without those that nobody measures.

    A walk asks only for what its own mappings need; what others measure must not be forgotten by it. ``before``: stored JSON.
    """
    told = {name: value for name, value in item.fields.items() if name in router.field_ids}
    if told.keys() != router.field_ids and before != "{}":
        known = orjson.loads(before)
        told = {name: load_value(value) for name, value in known.items() if name in router.field_ids} | told
    return replace(item, fields=told)


def _is_older(item: Item, row: Any) -> bool:
    """True when the walk told an older state than we have (search indexes lag)."""
    return item.updated_at is not None and row.updated_at is not None and row.gone_at is None and item.updated_at < row.updated_at


def _memberships(session: Session, item_ids: Sequence[int]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    if item_ids:
        for mapping, item in session.execute(select(MappingItem.mapping_id, MappingItem.item_id).where(MappingItem.item_id.in_(item_ids))):
            found.setdefault(item, set()).add(mapping)
    return found


def _ancestors(session: Session, connection_id: int, items: Sequence[Item]) -> dict[str, tuple[str, ...]]:
    """The grandparents of each item, from this batch and the mirror (for mappings that count subtasks)."""
    parents = {item.ref: item.parents for item in items}
    missing = {parent for item in items for parent in item.parents} - set(parents)
    if missing:
        for ref, above in session.execute(
            select(ItemRow.ref, ItemRow.parents).where(ItemRow.connection_id == connection_id, ItemRow.ref.in_(missing))
        ):
            parents[ref] = tuple(above)
    return {item.ref: tuple(grand for parent in item.parents for grand in parents.get(parent, ())) for item in items}


def _columns(item: Item) -> dict[str, Any]:
    return {
        "key": item.key,
        "title": item.title,
        "url": item.url,
        "kind": item.kind,
        "container": item.container,
        "parents": list(item.parents),
        "category": item.category.value,
        "status": item.status,
        "resolution": item.resolution,
        "fields": {name: dump_value(value) for name, value in item.fields.items()},
        "created_at": item.created_at,
        "updated_at": item.updated_at,
    }


_TABLE = cast(Table, ItemRow.__table__)
_JOINS = cast(Table, MappingItem.__table__)
_COMPARED = (
    *(getattr(ItemRow, name) for name in ("id", "ref", "gone_at", "seen_at", "served_at", "title", "url", "updated_at", "blocked_told_at")),
    *(type_coerce(column, Text) if isinstance((column := _TABLE.c[name]).type, Json) else column for name in MATERIAL),
)
_TOLD = (
    "seen_at", "gone_at", "key", "title", "url", "kind", "container", "parents", "category", "status", "resolution", "fields", "created_at",
    "updated_at", "blocked",
)  # fmt: skip
_UPDATE = update(_TABLE).where(_TABLE.c.id == bindparam("row_id")).values({name: bindparam(name) for name in _TOLD})
