"""Stored mappings as rules, and the routing table: which mappings might an item feed? Reads the store; calls no host."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import Text, select, type_coerce
from sqlalchemy.orm import Session

from connector.domain.model import Item
from connector.store.tables import Connection, KeyResult
from connector.store.tables import Mapping as MappingRow
from mappings.parsing import parse_mapping
from mappings.rules import Rule, SelectorKind, belongs


@dataclass(frozen=True, slots=True)
class Resolution:
    """Names turned into ids by the host, as stored with the mapping (same shape as ``hosts.base.Resolution``)."""

    refs: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    containers: tuple[str, ...] = ()
    titles: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    option_ids: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    computed: Mapping[str, str] = field(default_factory=dict)
    clock: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """One active mapping, ready to be asked. Equal only to itself, so that it can stand in sets."""

    id: int
    key_result_id: str
    connection_id: int
    rule: Rule
    resolved: Resolution
    broken: str | None
    listed: bool


def load_resolved(data: dict[str, Any] | None) -> Resolution:
    """Stored JSON → ``Resolution``; None gives an empty one."""
    data = data or {}
    return Resolution(
        data.get("refs", {}),
        {name: tuple(ids) for name, ids in data.get("fields", {}).items()},
        tuple(data.get("containers", ())),
        data.get("titles", {}),
        tuple(data.get("missing", ())),
        data.get("renamed", {}),
        data.get("options", {}),
        data.get("option_ids", {}),
        data.get("computed", {}),
        data.get("clock", {}),
    )


def load_links(
    session: Session, *, connection_id: int | None = None, key_results: Iterable[str] | None = None, naming: str | None = None
) -> list[Link]:
    """The active mappings of a connection or of some key results, in their order.

    ``naming``: only those whose resolved names lead to this ref (others whose stored text contains it may slip in).
    Asked on every page of a walk: the rows are read each time, but a row that did not change is not parsed again.
    """
    query = (
        select(
            MappingRow.id,
            MappingRow.key_result_id,
            MappingRow.connection_id,
            type_coerce(MappingRow.rule, Text),
            type_coerce(MappingRow.resolved, Text).label("resolved"),
            MappingRow.broken,
            MappingRow.listed_at.is_not(None),
            Connection.host,
            Connection.name,
        )
        .join(Connection, Connection.id == MappingRow.connection_id)
        .join(KeyResult, KeyResult.id == MappingRow.key_result_id)
        .where(MappingRow.retired_at.is_(None), KeyResult.retired_at.is_(None))
        .order_by(MappingRow.key_result_id, MappingRow.position, MappingRow.id)
    )
    if connection_id is not None:
        query = query.where(MappingRow.connection_id == connection_id)
    if key_results is not None:
        query = query.where(MappingRow.key_result_id.in_(list(key_results)))
    if naming is not None:
        query = query.where(type_coerce(MappingRow.resolved, Text).contains(f'"{naming}"', autoescape=True))
    return [_link(*row) for row in session.execute(query)]


def load_router(session: Session, connection_id: int) -> Router:
    """The router over a connection's active mappings; the same object while none of them changed. Do not change it."""
    return _router(tuple(load_links(session, connection_id=connection_id)))


@lru_cache(maxsize=10_000)
def _link(
    id: int,
    key_result_id: str,
    connection_id: int,
    rule: str,
    resolved: str | None,
    broken: str | None,
    listed: bool,
    host: str,
    connection: str,
) -> Link:
    """A stored mapping → its link. Everything that a link is made of is in the arguments, so an old answer is never a stale one."""
    draft = parse_mapping({**orjson.loads(rule), "connection": connection}, where=f"mapping {id}", host=host)
    return Link(
        id,
        key_result_id,
        connection_id,
        draft.rule(id=id, key_result=key_result_id, connection=connection),
        load_resolved(orjson.loads(resolved) if resolved else None),
        broken,
        bool(listed),
    )


class Router:
    """Finds the mappings that an item feeds without asking every mapping: by parent, container, ref, or the host's word."""

    def __init__(self, links: Sequence[Link]) -> None:
        self.links = {link.id: link for link in links}
        self._by_parent: dict[str, list[Link]] = {}
        self._by_container: dict[str, list[Link]] = {}
        self._by_ref: dict[str, list[Link]] = {}
        self.jql: list[Link] = []
        self.with_subtasks = False
        # The fields that any mapping of the connection looks at; nothing else of an item is worth keeping or comparing.
        self.field_ids = frozenset(ident for link in links for ids in link.resolved.fields.values() for ident in ids)
        for link in links:
            selector = link.rule.selector
            if selector.kind is SelectorKind.EPICS:
                self.with_subtasks = self.with_subtasks or selector.subtasks
                for ref in link.resolved.refs.values():
                    self._by_parent.setdefault(ref, []).append(link)
            elif selector.kind is SelectorKind.PROJECT:
                for container in {selector.project, *link.resolved.containers}:
                    self._by_container.setdefault(container, []).append(link)
            elif selector.kind is SelectorKind.DATABASE:
                for container in link.resolved.containers:
                    self._by_container.setdefault(container, []).append(link)
            elif selector.kind is SelectorKind.JQL:
                self.jql.append(link)
            else:
                for ref in link.resolved.refs.values():
                    self._by_ref.setdefault(ref, []).append(link)

    def feeding(self, item: Item, told: Mapping[int, bool], ancestors: tuple[str, ...] = ()) -> dict[int, Link]:
        """The mappings to which ``item`` belongs now. ``told``: the host's word for JQL mappings (absent = not asked)."""
        candidates = [link for parent in (*item.parents, *ancestors) for link in self._by_parent.get(parent, ())]
        candidates += self._by_container.get(item.container, [])
        candidates += self._by_ref.get(item.ref, [])
        found = {link.id: link for link in candidates if belongs(link.rule, link.resolved, item, told=None, ancestors=ancestors)}
        found.update({link.id: link for link in self.jql if told.get(link.id)})
        return found

    def as_epic(self, ref: str) -> list[Link]:
        """The mappings that name this item as an epic (it is watched, though it is nobody's member)."""
        return self._by_parent.get(ref, [])

    def in_scope(self, container: str) -> list[Link]:
        """The mappings to list again after a change of a whole container; "" means all of the connection."""
        if not container:
            return list(self.links.values())
        return [link for link in self.links.values() if self._touches(link, container)]

    @staticmethod
    def _touches(link: Link, container: str) -> bool:
        selector = link.rule.selector
        if selector.kind is SelectorKind.JQL:
            return True
        if selector.kind in (SelectorKind.PROJECT, SelectorKind.DATABASE):
            return container in {selector.project, selector.database, *link.resolved.containers}
        keys = (*selector.epics, *selector.issues)
        return any(key.startswith(f"{container}-") for key in keys) or container in link.resolved.containers


@lru_cache(maxsize=8)
def _router(links: tuple[Link, ...]) -> Router:
    return Router(links)
