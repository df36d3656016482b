"""A Notion database of OKRs, read through its connection and laid out as a table: from there on it is imported like any file.

People are told by their account, never by their name; related pages by their titles. What Notion cannot tell stays empty and is said.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import select

from connector.domain.model import FieldValue, Item, Unknown
from connector.domain.rights import Act, Viewer
from connector.errors import Conflict, Gone, InputError, NotFound, Refused
from connector.hosts.base import Container, Host, Wanted
from connector.runtime import Runtime
from connector.services.changes import require
from connector.services.exchange import uploads
from connector.services.exchange.cells import guard, number_text, seen_text
from connector.services.exchange.incoming import Outcome, Progress, import_file
from connector.services.exchange.options import Options
from connector.services.exchange.text_files import MOST_ROWS
from connector.store.tables import Connection, Person, PersonAccount
from mappings.parsing import parse_mapping

_PEOPLE = frozenset({"people", "created_by", "last_edited_by"})
_MOST_RELATED = 500  # pages whose titles are read one by one


@dataclass(frozen=True, slots=True)
class DatabaseTable:
    """A database as a CSV file, with what people should know about how it was read."""

    title: str
    data: bytes
    rows: int
    types: Mapping[str, str]  # property name → Notion's type
    notes: tuple[str, ...] = ()


@dataclass
class _Reading:
    """What is gathered while rows are laid out."""

    emails: dict[str, str]  # account → e-mail
    titles: dict[str, str] = field(default_factory=dict)  # related page → title
    unknown: dict[str, str] = field(default_factory=dict)  # property → why some of its values cannot be told
    strangers: set[str] = field(default_factory=set)


def import_notion(
    runtime: Runtime,
    connection: str,
    data_source: str,
    *,
    viewer: Viewer,
    options: Options | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Outcome:
    """Read a database's rows and import them, with the columns of ``options`` or those guessed by name and value.

    ``data_source``: id or link of the data source or its database. Raises ``InputError`` for one that is not shared, ``HostError`` when
    Notion does not answer, and as ``import_file``.
    """
    found = read_database(runtime, viewer, connection, data_source)
    chosen = replace(_chosen(options), origin=f"Notion: {seen_text(found.title)}")
    outcome = import_file(runtime, "notion.csv", found.data, viewer=viewer, options=chosen, dry_run=dry_run, progress=progress)
    outcome.notes[:0] = found.notes
    return outcome


def receive_notion(runtime: Runtime, viewer: Viewer, connection: str, data_source: str, options: Options | None = None) -> int:
    """Read a database's rows and keep them like an uploaded file (see ``uploads``); gives its id. Raises as ``import_notion``."""
    found = read_database(runtime, viewer, connection, data_source)
    chosen = replace(_chosen(options), origin=f"Notion: {seen_text(found.title)}")
    name = found.title.replace("/", "-").replace("\\", "-")[:150]
    return uploads.receive(runtime, viewer, f"{name}.csv", found.data, chosen)


def _chosen(options: Options | None) -> Options:
    chosen = options or Options()
    return chosen if chosen.profile or chosen.columns else replace(chosen, profile="notion")


def read_database(runtime: Runtime, viewer: Viewer, connection: str, data_source: str) -> DatabaseTable:
    """All rows of a database, each property a column. Raises as ``import_notion``."""
    require(viewer, Act.WRITE)
    with runtime.store.read() as session:
        row = session.scalar(select(Connection).where(Connection.name == connection, Connection.retired_at.is_(None)))
        if row is None or row.host != "notion":
            raise NotFound(f"no Notion connection is called {connection!r}")
        if row.parked_at is not None:
            raise Conflict(f"connection {connection} is parked: {row.parked_reason}; mend it first")
        accounts = session.execute(
            select(PersonAccount.account, Person.email)
            .join(Person, Person.id == PersonAccount.person_id)
            .where(PersonAccount.connection_id == row.id)
        )
        emails = {found.account: found.email for found in accounts}
    host = runtime.connect(row)
    try:
        return _read(host, connection, data_source, _Reading(emails))
    finally:
        host.close()


def _read(host: Host, connection: str, data_source: str, reading: _Reading) -> DatabaseTable:
    draft = parse_mapping(
        {"connection": connection, "select": {"database": data_source}, "measure": "count"}, where="data_source", host="notion"
    )
    try:
        source = host.resolve(draft.selector, ()).containers[0]
        container = _container(host, source)
        names = [each.name for each in container.fields]
        resolution = host.resolve(draft.selector, names)
    except (Gone, Refused) as error:
        if isinstance(error, Refused) and error.parks:
            raise
        raise InputError(error.message, where="data_source") from error
    ids = {name: resolution.fields[name][0] for name in names if resolution.fields.get(name)}
    types = {each.name: each.type for each in container.fields if each.name in ids}
    items = _items(host, Wanted(0, draft.selector, resolution, tuple(ids)))
    _find_people(host, items, [ids[name] for name, kind in types.items() if kind in _PEOPLE], reading)
    _find_titles(host, items, [ids[name] for name, kind in types.items() if kind == "relation"], reading)
    output = io.StringIO()
    writer = csv.writer(output)
    writer.writerow([guard(name) for name in types])
    for item in items:
        writer.writerow([guard(_text(name, item.fields.get(ids[name]), kind, reading)) for name, kind in types.items()])
    return DatabaseTable(container.name, output.getvalue().encode("utf-8", "replace"), len(items), types, tuple(_notes(reading)))


def _container(host: Host, source: str) -> Container:
    found = next((each for each in host.describe().containers if each.id == source), None)
    if found is None:
        raise InputError("the database is shared, but Notion's search does not list it yet; try again in a minute", where="data_source")
    return found


def _items(host: Host, wanted: Wanted) -> list[Item]:
    items: dict[str, Item] = {}
    for query in host.plan([wanted]):
        cursor: Mapping[str, Any] | None = None
        while True:
            page = host.list_items(query, cursor)
            items.update((item.ref, item) for item in page.items)
            if len(items) > MOST_ROWS:
                raise InputError(f"the database has more than {MOST_ROWS} rows; filter it, or export it in parts", where="data_source")
            cursor = page.cursor
            if cursor is None:
                break
    return list(items.values())  # as they came: the oldest first


def _refs(items: Sequence[Item], ids: Collection[str]) -> dict[str, None]:
    found: dict[str, None] = {}
    for item in items:
        for ident in ids:
            value = item.fields.get(ident)
            found.update(dict.fromkeys(value if isinstance(value, tuple) else (value,) if isinstance(value, str) else ()))
    return found


def _find_people(host: Host, items: Sequence[Item], ids: Collection[str], reading: _Reading) -> None:
    """Accounts that no person here has yet: by the e-mail that Notion tells, when it may."""
    missing = [account for account in _refs(items, ids) if account not in reading.emails]
    if not missing:
        return
    cursor: str | None = None
    try:
        while True:
            page = host.people("", cursor)
            for person in page.people:
                if person.account in missing and person.email:
                    reading.emails[person.account] = person.email
            cursor = page.cursor
            if cursor is None:
                break
    except Refused:
        pass  # the connection may not see people: their accounts are named row by row
    reading.strangers.update(account for account in missing if account not in reading.emails)


def _find_titles(host: Host, items: Sequence[Item], ids: Collection[str], reading: _Reading) -> None:
    refs = list(_refs(items, ids))
    if len(refs) > _MOST_RELATED:
        raise InputError(
            f"the rows are related to {len(refs)} pages; {_MOST_RELATED} are the most whose titles are read", where="data_source"
        )
    for item in host.fetch_items(refs, ()).items if refs else ():
        reading.titles[item.ref] = item.title


def _text(name: str, value: FieldValue, kind: str, reading: _Reading) -> str:
    if isinstance(value, Unknown):
        reading.unknown[name] = value.reason
        return ""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, float):
        return number_text(value)
    texts = value if isinstance(value, tuple) else (value,)
    if kind in _PEOPLE:
        texts = tuple(reading.emails.get(each, each) for each in texts)
    elif kind == "relation":
        texts = tuple(reading.titles.get(each, "") for each in texts)
    return ", ".join(" ".join(each.split()) if kind == "relation" else each for each in texts if each)


def _notes(reading: _Reading) -> list[str]:
    notes = [f"some values of {name} cannot be told ({reason}): they stay empty" for name, reason in sorted(reading.unknown.items())]
    if reading.strangers:
        notes.append(f"{len(reading.strangers)} accounts of Notion belong to nobody here: add them to people, or enter owners by hand")
    return notes
