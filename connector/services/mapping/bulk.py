"""Maps much at once: pairs of found work and key results, checked and saved in one transaction. Calls no host: the refs are known.

An epic is measured by the share of its children that are done, a row by whether it is done, a database by the share of its rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from connector.domain.model import Kind
from connector.domain.rights import Act, Viewer
from connector.errors import InputError
from connector.hosts.base import Resolution
from connector.runtime import Runtime
from connector.services.changes import record, require
from connector.services.declare.aftermath import WorkToDo
from connector.services.declare.views import mapping_key, rule_of
from connector.services.facts import load_definition
from connector.services.mapping.candidates import LARGEST_ID
from connector.services.mapping.unmapped import fits_share
from connector.store import work
from connector.store.tables import Candidate, Connection, KeyResult, Objective, Person
from connector.store.tables import Mapping as MappingRow
from connector.store.visibility import visible
from mappings.parsing import parse_mapping
from mappings.repository import Link, load_links
from mappings.rules import Draft, Mode, SelectorKind, check_family

MOST_PAIRS = 500  # in one save
MODES = ("value", "context")


@dataclass(frozen=True, slots=True)
class Pair:
    """One wish. ``mode`` None: ``value`` where a share can be the key result's value, else ``context``."""

    candidate: int
    key_result: str
    mode: str | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """A mapping that was made."""

    mapping: int
    work: str
    key_result: str
    title: str
    mode: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """A wish that was not carried out, and why."""

    work: str
    key_result: str
    why: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one save did."""

    made: tuple[Made, ...]
    skipped: tuple[Skipped, ...]


class _Unfit(Exception):
    """This pair is passed over; the text says why."""


@dataclass
class _Desk:
    """What is read for one save, and what it has made so far."""

    candidates: Mapping[int, Candidate]
    connections: Mapping[int, Connection]
    key_results: Mapping[str, KeyResult]
    emails: Mapping[int, str]
    links: dict[str, list[Link]]
    switched_off: dict[tuple[str, str], MappingRow]
    positions: dict[str, int]
    fresh: dict[str, list[tuple[int, str, Draft]]]  # key result → (connection, ref, draft) of this save


def map_pairs(runtime: Runtime, viewer: Viewer, pairs: Sequence[Pair], *, reason: str = "") -> Outcome:
    """Map each pair, all in one transaction; what is mapped already or does not fit is passed over and told.

    Raises ``InputError`` for no pair, too many, or an unknown mode, and ``Forbidden``.
    """
    require(viewer, Act.WRITE)
    wishes = list(dict.fromkeys(pairs))
    if not wishes:
        raise InputError("tick at least one pair", where="pairs")
    if len(wishes) > MOST_PAIRS:
        raise InputError(f"{len(wishes)} pairs are too many for one save; {MOST_PAIRS} are the most", where="pairs")
    if any(wish.mode not in (None, *MODES) for wish in wishes):
        raise InputError("the mode is value or context", where="mode")
    made: list[Made] = []
    skipped: list[Skipped] = []
    todo, touched = WorkToDo(), set[int]()
    with runtime.store.write() as session:
        _hold(session, {wish.key_result for wish in wishes})
        desk = _read(session, viewer, wishes)
        for wish in wishes:
            try:
                row, found = _map(runtime, session, viewer, desk, wish, reason)
            except _Unfit as unfit:
                skipped.append(Skipped(_name(desk.candidates.get(wish.candidate)), wish.key_result, str(unfit)))
                continue
            made.append(Made(row.id, _name(found), wish.key_result, desk.key_results[wish.key_result].title, row.mode))
            todo.key_results.add(wish.key_result)
            todo.mappings.add(row.id)
            touched.add(row.connection_id)
            if found.kind == "epic":
                todo.places.add((row.connection_id, found.ref))
        todo.want(session, runtime.epoch())
    if made:
        runtime.queue.nudge("settle")
    for connection_id in sorted(touched):
        runtime.queue.nudge("list", connection_id)
        runtime.queue.nudge("drain", connection_id)
    return Outcome(tuple(made), tuple(skipped))


def written(candidate: Candidate, connection: str, mode: str) -> dict[str, Any]:
    """The mapping of a candidate in the words of the file of ``apply``."""
    select_: dict[str, Any]
    if candidate.kind == "epic":
        select_ = {"epics": [candidate.key]}
    elif candidate.kind == "row":
        select_ = {"rows": [candidate.ref]}
    else:
        select_ = {"database": candidate.container or candidate.ref} | ({"data_source": candidate.ref} if candidate.container else {})
    return {"connection": connection, "select": select_, "measure": "done_share", "mode": mode}


def resolution_of(candidate: Candidate) -> Resolution:
    """What a host would answer for the mapping's names; fields are resolved when its items are listed."""
    if candidate.kind == "data_source":
        return Resolution(containers=(candidate.ref,), titles={candidate.ref: candidate.title})
    name = candidate.key if candidate.kind == "epic" else candidate.ref
    return Resolution(refs={name: candidate.ref}, titles={candidate.ref: candidate.title})


# --- parts -------------------------------------------------------------------------------------------------------------------


def _hold(session: Session, key_results: Iterable[str]) -> None:
    """From here on no other transaction changes the mappings of these key results."""
    ordered = sorted(key_results)
    for start in range(0, len(ordered), work.BATCH):
        session.execute(
            update(KeyResult)
            .where(KeyResult.id.in_(ordered[start : start + work.BATCH]))
            .values(wanted=KeyResult.wanted)
            .execution_options(synchronize_session=False)
        )


def _read(session: Session, viewer: Viewer, wishes: Sequence[Pair]) -> _Desk:
    ids, names = {wish.candidate for wish in wishes if 0 < wish.candidate <= LARGEST_ID}, sorted({wish.key_result for wish in wishes})
    candidates = {row.id: row for row in session.scalars(select(Candidate).where(Candidate.id.in_(ids)))}
    connections = {row.id: row for row in session.scalars(select(Connection).where(Connection.retired_at.is_(None)))}
    known = session.scalars(
        select(KeyResult)
        .join(Objective, Objective.id == KeyResult.objective_id)
        .where(
            KeyResult.id.in_(names),
            KeyResult.retired_at.is_(None),
            Objective.retired_at.is_(None),
            Objective.closed_at.is_(None),
            visible(viewer),
        )
    )
    key_results = {row.id: row for row in known}
    owners = {row.owner_id for row in key_results.values()} | {viewer.person_id}
    named = session.execute(select(Person.id, Person.email).where(Person.id.in_([each for each in owners if each])))
    emails = dict(iter(named))
    links: dict[str, list[Link]] = defaultdict(list)
    for link in load_links(session, key_results=names):
        links[link.key_result_id].append(link)
    off: dict[tuple[str, str], MappingRow] = {}
    for row in session.scalars(
        select(MappingRow).where(MappingRow.key_result_id.in_(names), MappingRow.retired_at.is_not(None)).order_by(MappingRow.id)
    ):
        if row.connection_id in connections:
            off[row.key_result_id, mapping_key(connections[row.connection_id].name, row.rule)] = row
    last = session.execute(
        select(MappingRow.key_result_id, func.max(MappingRow.position))
        .where(MappingRow.key_result_id.in_(names))
        .group_by(MappingRow.key_result_id)
    )
    return _Desk(candidates, connections, key_results, emails, links, off, dict(iter(last)), defaultdict(list))


def _map(runtime: Runtime, session: Session, viewer: Viewer, desk: _Desk, wish: Pair, reason: str) -> tuple[MappingRow, Candidate]:
    found = desk.candidates.get(wish.candidate)
    if found is None or found.connection_id not in desk.connections:
        raise _Unfit("it is not among the things to map any more; look again")
    key_result = desk.key_results.get(wish.key_result)
    if key_result is None:
        raise _Unfit(f"there is no open key result {wish.key_result!r}")
    if _is_mapped(desk, wish.key_result, found):
        raise _Unfit("mapped already")
    connection = desk.connections[found.connection_id]
    draft = _draft(desk, wish, found, key_result, connection)
    rule, now = rule_of(draft), runtime.now()
    owner = viewer.person_id or key_result.owner_id
    row = desk.switched_off.pop((wish.key_result, mapping_key(connection.name, rule)), None)
    action = "create" if row is None else "revive"
    if row is None:
        position = desk.positions.get(wish.key_result, -1) + 1
        desk.positions[wish.key_result] = position
        row = MappingRow(key_result_id=wish.key_result, connection_id=connection.id, rule=rule, mode=draft.mode.value, created_at=now)
        row.position, row.version = position, 1
        session.add(row)
    else:
        row.retired_at = row.broken = row.listed_at = None
        row.version += 1
    row.owner_id, row.resolved = owner, asdict(resolution_of(found))
    session.flush()
    desk.fresh[wish.key_result].append((connection.id, found.ref, draft))
    view = {
        "key_result": wish.key_result,
        "connection": connection.name,
        **rule,
        "owner": desk.emails.get(owner) if owner else None,
        "active": True,
    }
    record(session, viewer, now, action, "mapping", f"{wish.key_result}/{row.id}", after=view, reason=reason)
    return row, found


def _is_mapped(desk: _Desk, key_result: str, found: Candidate) -> bool:
    if any((connection, ref) == (found.connection_id, found.ref) for connection, ref, _ in desk.fresh[key_result]):
        return True
    for link in desk.links.get(key_result, ()):
        if link.connection_id != found.connection_id:
            continue
        kind = link.rule.selector.kind
        if kind in (SelectorKind.EPICS, SelectorKind.ISSUES, SelectorKind.ROWS) and found.ref in link.resolved.refs.values():
            return True
        if kind is SelectorKind.DATABASE and found.ref in link.resolved.containers:
            return True
    return False


def _draft(desk: _Desk, wish: Pair, found: Candidate, key_result: KeyResult, connection: Connection) -> Draft:
    """The mapping, in the mode wished for or in the one that fits. Raises ``_Unfit`` when the value cannot be made of it."""
    others = [link.rule for link in desk.links.get(wish.key_result, ())] + [draft for *_, draft in desk.fresh[wish.key_result]]
    mode = wish.mode or Mode.VALUE.value
    draft = parse_mapping(written(found, connection.name, mode), where="mapping", host=connection.host)
    if mode != Mode.VALUE.value:
        return draft
    why = "" if fits_share(load_definition(key_result)) else f"a share of done work cannot be its value, which is {_counted(key_result)}"
    if not why:
        try:
            check_family([*others, draft])
        except InputError:
            why = "its value is made of another measure already"
    if why and wish.mode is not None:
        raise _Unfit(f"{why}; map it as context")
    if why:
        return parse_mapping(written(found, connection.name, Mode.CONTEXT.value), where="mapping", host=connection.host)
    return draft


def _counted(key_result: KeyResult) -> str:
    if key_result.kind == Kind.YES_NO.value:
        return "yes or no"
    return f"counted in {key_result.unit}" if key_result.unit.strip() else "a count"


def _name(found: Candidate | None) -> str:
    if found is None:
        return "something that is gone"
    return f"{found.key} {found.title}" if found.key else found.title
