"""Looks at a host for work that could be mapped, and keeps what it finds: every night at the end of a sync, and when somebody asks.

What changed since the last look is asked for; once a week, and when a new data source is mapped, everything of the last
``HORIZON`` is, and what is not there any more is forgotten. Repeating a look that was cut off does no harm.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Text, delete, or_, select, type_coerce, update
from sqlalchemy.orm import Session

from connector.domain.rights import Act, Viewer
from connector.errors import Conflict, HostError, NotFound
from connector.hosts.base import Candidate, Host
from connector.runtime import Runtime
from connector.services.changes import record, require
from connector.services.connection_names import connection_called
from connector.services.mirror import upsert
from connector.services.patience import patiently
from connector.store import work
from connector.store.tables import Candidate as CandidateRow
from connector.store.tables import Connection, Item, Mapping, MappingItem
from mappings.repository import Link, load_links
from mappings.rules import SelectorKind

log = structlog.get_logger(__name__)

HORIZON = timedelta(days=400)  # what did not change for so long is not looked at, but for epics that are not done
WHOLE = timedelta(days=7)  # at the latest, everything is looked at again
OVERLAP = timedelta(minutes=15)  # index lag, clock skew and minute rounding
FORGOTTEN = timedelta(days=30)  # how long "no mapping needed" is remembered of something that is not seen any more
LARGEST_ID = 2**31 - 1  # that Postgres can compare with
MOST = 20_000  # candidates of one connection and look; more are left out, and said
LONGEST_TITLE = 500
_SET = ("key", "title", "kind", "container", "url", "status", "category", "labels", "points", "updated_at", "seen_at")


@dataclass(frozen=True, slots=True)
class Look:
    """What one look found. ``cut_off``: there was more than ``MOST``. ``error``: why the host did not answer to the end."""

    seen: int = 0
    requests: int = 0
    whole: bool = False
    cut_off: bool = False
    error: str = ""


def look_for(runtime: Runtime, connection_id: int) -> Look:
    """Look now. Raises ``NotFound``, and ``Conflict`` for a connection that must not be called."""
    with runtime.store.read() as session:
        connection = session.get(Connection, connection_id)
    if connection is None or connection.retired_at is not None:
        raise NotFound("there is no such connection")
    if connection.parked_at is not None or connection.paused_at is not None:
        raise Conflict(f"connection {connection.name} is parked or paused; mend it first")
    host = runtime.connect(connection, patience=90.0, background=True)
    try:
        return look(runtime, connection_id, host)
    finally:
        host.close()


def ask_for_look(runtime: Runtime, viewer: Viewer, name: str) -> bool:
    """Have a worker look at a connection. False when the queue cannot be reached. Raises ``NotFound``, ``Conflict``, ``Forbidden``."""
    require(viewer, Act.WRITE)
    with runtime.store.read() as session:
        connection = connection_called(session, name)
    if connection.parked_at is not None or connection.paused_at is not None:
        raise Conflict(f"connection {name} is parked or paused; mend it first")
    return runtime.queue.nudge("look", connection.id)


def look(runtime: Runtime, connection_id: int, host: Host) -> Look:
    """Take in what the host has to map. An outage ends the look, is kept with the connection, and is not raised: the next look goes on."""
    begun_at, before = runtime.now(), host.requests
    with runtime.store.read() as session:
        state = session.get_one(Connection, connection_id).look or {}
        sources = mapped_sources(load_links(session, connection_id=connection_id))
    looked_at, whole_at = _moment(state.get("looked_at")), _moment(state.get("whole_at"))
    fresh = looked_at is None or whole_at is None or whole_at < begun_at - WHOLE or not set(sources) <= set(state.get("sources") or ())
    since = begun_at - HORIZON if fresh or looked_at is None else looked_at - OVERLAP
    seen, error = 0, ""
    try:
        seen, cut_off = _walk(runtime, connection_id, host, sources, since, open_too=fresh)
    except HostError as trouble:
        log.warning("look_stopped", error=type(trouble).__name__, message=trouble.message)
        error, cut_off = trouble.message, False
    found = Look(seen, host.requests - before, fresh, cut_off, error)
    with runtime.store.write() as session:
        told: dict[str, Any] = {**state, "seen": seen, "requests": found.requests, "cut_off": cut_off, "error": error[:500]}
        if not error:
            told |= {"looked_at": begun_at.isoformat(), "sources": sources}
        if not error and fresh:
            told["whole_at"] = begun_at.isoformat()
            if not cut_off:
                _forget(session, connection_id, begun_at)
        session.execute(update(Connection).where(Connection.id == connection_id).values(look=told))
        note_feeding(session, connection_id)
    return found


def mapped_sources(links: Sequence[Link]) -> list[str]:
    """The data sources that mappings select from."""
    return sorted({source for link in links if link.rule.selector.kind is SelectorKind.DATABASE for source in link.resolved.containers})


def _walk(runtime: Runtime, connection_id: int, host: Host, sources: Sequence[str], since: datetime, *, open_too: bool) -> tuple[int, bool]:
    """(how many were seen, whether there are more). Each page is saved in its own transaction."""
    seen, cursor = 0, None
    while True:
        page = patiently(lambda at=cursor: host.list_candidates(sources, since, open_too=open_too, cursor=at))  # type: ignore[misc]
        once = {each.ref: each for each in page.candidates}  # an index that moves may show one twice, which Postgres refuses to upsert
        rows = [_row(connection_id, once[ref], runtime.now()) for ref in sorted(once)]
        with runtime.store.write() as session:
            upsert(session, CandidateRow, ["connection_id", "ref"], rows, set_=_SET)
        seen, cursor = seen + len(rows), page.cursor
        if cursor is None or seen >= MOST:
            return seen, cursor is not None


def _row(connection_id: int, found: Candidate, now: datetime) -> dict[str, Any]:
    return {
        "connection_id": connection_id,
        "ref": found.ref,
        "key": found.key,
        "title": _clean(found.title)[:LONGEST_TITLE],
        "kind": found.kind,
        "container": found.container,
        "url": found.url,
        "status": _clean(found.status),
        "category": found.category.value,
        "labels": [_clean(label) for label in found.labels],
        "points": found.points,
        "fed_by": [],
        "updated_at": found.updated_at,
        "seen_at": now,
    }


def _clean(text: str) -> str:
    return text.replace("\x00", "")  # Postgres stores no NUL


def _forget(session: Session, connection_id: int, begun_at: datetime) -> None:
    """Drop what a whole look did not show."""
    session.execute(
        delete(CandidateRow).where(
            CandidateRow.connection_id == connection_id,
            CandidateRow.seen_at < begun_at,
            or_(CandidateRow.ignored_at.is_(None), CandidateRow.seen_at < begun_at - FORGOTTEN),
        )
    )


def mapped_keys(session: Session, connection_id: int, keys: Collection[str]) -> set[str]:
    """Those of the keys that an active mapping of the connection names."""
    rules = session.scalars(select(Mapping.rule).where(Mapping.connection_id == connection_id, Mapping.retired_at.is_(None)))
    return {key for rule in rules for key in rule.get("select", {}).get("epics", ())} & set(keys)


def note_feeding(session: Session, connection_id: int) -> None:
    """Keep with each epic which mappings its children feed although they do not name it: JQL and whole projects do that."""
    links = load_links(session, connection_id=connection_id)
    ids = [link.id for link in links if link.rule.selector.kind not in (SelectorKind.EPICS, SelectorKind.DATABASE, SelectorKind.ROWS)]
    feeding: dict[str, set[int]] = defaultdict(set)
    for start in range(0, len(ids), work.BATCH):
        rows = session.execute(
            select(Item.parents, MappingItem.mapping_id)
            .join(MappingItem, MappingItem.item_id == Item.id)
            .where(MappingItem.mapping_id.in_(ids[start : start + work.BATCH]), type_coerce(Item.parents, Text) != "[]")
        )
        for parents, mapping in rows:
            for ref in parents:
                feeding[ref].add(mapping)
    stored = session.execute(
        select(CandidateRow.id, CandidateRow.ref, CandidateRow.fed_by).where(
            CandidateRow.connection_id == connection_id, CandidateRow.kind == "epic"
        )
    ).all()
    changed = [{"id": ident, "fed_by": told} for ident, ref, known in stored if (told := sorted(feeding.get(ref, ()))) != known]
    if changed:
        session.execute(update(CandidateRow), changed)


def set_ignored(runtime: Runtime, viewer: Viewer, candidate_id: int, ignored: bool) -> str:
    """Say that something needs no mapping, or take that back. Returns its title. Raises ``NotFound``, ``Forbidden``."""
    require(viewer, Act.WRITE)
    with runtime.store.write() as session:
        row = session.get(CandidateRow, candidate_id) if 0 < candidate_id <= LARGEST_ID else None
        if row is None:
            raise NotFound("this is not among the things to map any more; look again")
        if (row.ignored_at is not None) is not ignored:
            row.ignored_at = runtime.now() if ignored else None
            name = row.key or row.ref
            record(
                session, viewer, runtime.now(), "ignore" if ignored else "unignore", "candidate", name,
                before={"title": row.title, "ignored": not ignored}, after={"title": row.title, "ignored": ignored},
            )  # fmt: skip
        return row.title


def _moment(text: object) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) and text else None
