"""A backup restored whole into an empty installation: every table as it was, ids too, so that the status is the same.

Empty means: no connection, team, cycle, objective or key result. People may be there (somebody signed in to do this): they are found
again by their e-mail address. Connections come back without credentials and rest until an admin enters them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from sqlalchemy import Integer, Table, delete, func, insert, select, text, update
from sqlalchemy.orm import Session

from connector.domain.rights import Act, Viewer
from connector.errors import InputError
from connector.runtime import Runtime
from connector.services.changes import record, require
from connector.services.exchange.archive import Document, instance_row, rows_in, value_of
from connector.services.exchange.archive_tables import LEFT_OUT, PARTS, table_of
from connector.store.tables import Counter

PARKED = "credentials are not part of a backup: enter them"
_MUST_BE_EMPTY = ("connections", "teams", "forums", "cycles", "objectives", "key_results")
_CHUNK = 1000
_SHOWN = ("people", "connections", "teams", "cycles", "objectives", "key_results", "mappings", "items", "readings", "check_ins", "audit")


def fits(runtime: Runtime, document: Document) -> bool:
    """True when a document can be restored whole here: version 2, and nothing here yet."""
    if document.version < 2:
        return False
    with runtime.store.read() as session:
        return all(rows_in(session, name) == 0 for name in _MUST_BE_EMPTY)


def restore(
    runtime: Runtime,
    document: Document,
    *,
    viewer: Viewer,
    dry_run: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> list[tuple[str, str]]:
    """Check the whole document, then write it in one transaction. Gives (table, what was made in words).

    Raises ``InputError`` naming table, row and column for what does not fit; nothing is written then.
    """
    require(viewer, Act.ADMINISTER)
    counts: dict[str, int] = {}
    for name, rows in document.tables():  # checked before the lock is taken
        counts[name] = sum(1 for _ in _checked(name, rows))
    made = [(name, f"{counts[name]} {name.replace('_', ' ')}") for name in _SHOWN if counts.get(name)]
    made += [("file", f"the rest: {sum(count for name, count in counts.items() if name not in _SHOWN)} rows")]
    if dry_run:
        return made
    total = sum(counts.values())
    with runtime.store.write() as session:
        if any(rows_in(session, name) for name in _MUST_BE_EMPTY):
            raise InputError("this installation is not empty any more; import the file again to merge it", where="file")
        restoring = _Restoring(session, runtime)
        done = 0
        for name, rows in document.tables():
            done += restoring.table(name, _checked(name, rows))
            if progress is not None:
                progress(done, total)
        restoring.instance(document.head.get("instance"))
        record(session, viewer, runtime.now(), "restore", "backup", str(document.head.get("exported_at") or ""), after=counts)
    runtime._instance = ""
    return made


def _checked(name: str, rows: Iterator[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    if name not in PARTS:
        told = LEFT_OUT.get(name, "this version does not know it; update this installation first")
        raise InputError(f"a backup has no such table: {told}", where=name)
    table, part = table_of(name), PARTS[name]
    optional = {
        column.name for column in table.columns if column.nullable or column.default is not None or column.server_default is not None
    }
    for number, row in enumerate(rows, start=1):
        unknown = next((column for column in row if column not in part.columns), None)
        if unknown is not None:
            raise InputError(
                "this version does not know the column; update this installation first", where=f"{name}, row {number}, {unknown}"
            )
        missing = next((column for column in part.columns if column not in row and column not in optional), None)
        if missing is not None:
            raise InputError("the column is missing", where=f"{name}, row {number}, {missing}")
        yield {column: value_of(table.c[column], value, f"{name}, row {number}, {column}") for column, value in row.items()}


class _Restoring:
    """Writes tables one after another and knows where their rows went."""

    def __init__(self, session: Session, runtime: Runtime) -> None:
        self._session = session
        self._runtime = runtime
        self._places: dict[str, dict[Any, Any]] = {}  # table → id in the file → id here, for tables that others refer to

    def table(self, name: str, rows: Iterator[dict[str, Any]]) -> int:
        table = table_of(name)
        places = self._places.setdefault(name, {})
        shift = self._shift(table)
        known = self._people() if name == "people" else {}
        itself = [key.parent.name for key in table.foreign_keys if key.column.table is table]
        later: list[dict[str, Any]] = []
        count = 0
        while part := list(islice(rows, _CHUNK)):
            count += len(part)
            written = []
            for row in part:
                ident = row.get("id")
                if name == "people" and row["email"].lower() in known:
                    places[ident] = known[row["email"].lower()]
                    continue
                if shift and isinstance(ident, int):
                    row["id"] = ident + shift
                if ident is not None:
                    places[ident] = row["id"]
                row.update(dict.fromkeys(key for key in itself if key not in row))
                if not self._refer(table, row, itself):
                    places.pop(ident, None)
                    continue
                if any(row[column] is not None for column in itself):
                    later.append({"id": row["id"], **{column: row[column] for column in itself}})
                    row.update(dict.fromkeys(itself))
                if name == "connections":
                    row.update(self._rest())
                written.append(row)
            self._insert(table, written)
        for row in later:
            values = {column: places.get(row[column]) for column in itself}
            self._session.execute(update(table).where(table.c.id == row["id"]).values(values))
        self._advance(table)
        return count

    def instance(self, ident: object) -> None:
        """The installation's own id: links that were written into hosts are known by it."""
        if not isinstance(ident, str) or not ident.isalnum() or len(ident) > 40:
            return
        row = instance_row(self._session)
        if row is not None:
            self._session.execute(delete(Counter).where(Counter.name == "instance"))
        self._session.add(Counter(name="instance", labels=ident, value=1.0))

    def _refer(self, table: Table, row: dict[str, Any], itself: list[str]) -> bool:
        """Point references at where their rows went. False for a row whose other half is not in the file."""
        for key in table.foreign_keys:
            name = key.parent.name
            if name in itself or row.get(name) is None:
                continue
            place = self._places.get(key.column.table.name, {}).get(row[name])
            if place is None and not key.parent.nullable:
                return False
            row[name] = place
        return True

    def _shift(self, table: Table) -> int:
        """What ids grow by where rows are there already: people who signed in, what was noted about them."""
        if "id" not in table.c or not isinstance(table.c.id.type, Integer):
            return 0
        return self._session.scalar(select(func.max(table.c.id))) or 0

    def _people(self) -> dict[str, int]:
        people = table_of("people")
        return {row.email.lower(): row.id for row in self._session.execute(select(people.c.email, people.c.id))}

    def _rest(self) -> dict[str, Any]:
        return {"auth": self._runtime.vault.seal({}), "parked_at": self._runtime.now(), "parked_reason": PARKED}

    def _insert(self, table: Table, rows: list[dict[str, Any]]) -> None:
        """Rows of an older file may lack columns that have a default: those with the same columns go together."""
        by_columns: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        for row in rows:
            by_columns.setdefault(tuple(row), []).append(row)
        for alike in by_columns.values():
            self._session.execute(insert(table), alike)

    def _advance(self, table: Table) -> None:
        """Postgres counts ids apart from the rows: without this the next new row would meet one that is there."""
        if self._session.get_bind().dialect.name == "sqlite" or "id" not in table.c or not isinstance(table.c.id.type, Integer):
            return
        self._session.execute(
            text(f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), GREATEST((SELECT MAX(id) FROM {table.name}), 1))")  # noqa: S608 - our own table's name
        )
