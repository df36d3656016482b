"""Everything as one JSON document: what a person would miss after a disaster, and no secret. Written and read row by row.

Version 2 holds tables as they are stored, one row on each line, so that a large file needs little memory. Version 1 (read only) was made
for people: names instead of ids, no history of changes.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import orjson
from sqlalchemy import Column, ColumnElement, Date, Select, Table, func, or_, select
from sqlalchemy.orm import Session

from connector.domain.rights import Act, Viewer
from connector.errors import InputError
from connector.log import redact
from connector.runtime import Runtime
from connector.services.changes import require
from connector.services.exchange.archive_tables import PARTS, table_of
from connector.services.exchange.sheets import CHUNK, cycle_names
from connector.store.base import Json, Moment
from connector.store.reads import moment_text
from connector.store.tables import Counter

FORMAT = "okr-connector"
VERSION = 2
MOST_ARCHIVE = 1_000_000_000  # bytes
_MOST_WHOLE = 64_000_000  # bytes of a document that does not have one row on each line, and must be read at once
_ROWS_AT_ONCE = 500
_BEGIN = b'{"format":"' + FORMAT.encode() + b'","version":2,'


# --- writing -----------------------------------------------------------------------------------------------------------


def write_archive(runtime: Runtime, viewer: Viewer, cycle: str | None = None) -> Iterator[bytes]:
    """The document, piece by piece. ``cycle`` limits objectives and what hangs on them.

    Raises ``Forbidden`` for a role that may not, ``InputError`` for an unknown cycle; both at once.
    """
    require(viewer, Act.ADMINISTER)
    with runtime.store.read() as session:
        cycle_names(session, cycle)
    return _written(runtime, cycle)


def _written(runtime: Runtime, cycle: str | None) -> Iterator[bytes]:
    head = {"exported_at": moment_text(runtime.now()), "cycle": cycle, "instance": runtime.instance}
    buffer = io.BytesIO()
    with runtime.store.read() as session:
        _as_of_one_moment(session)
        buffer.write(_BEGIN + orjson.dumps(head)[1:-1])
        for name in PARTS:
            buffer.write(b',\n"' + name.encode() + b'":[')
            sign = b"\n"
            for row in session.execute(_query(name, cycle).execution_options(yield_per=_ROWS_AT_ONCE)).mappings():
                buffer.write(sign + orjson.dumps(_row(name, row)))
                sign = b",\n"
                if buffer.tell() >= CHUNK:
                    yield _taken(buffer)
            buffer.write(b"\n]")
        buffer.write(b"}\n")
    yield _taken(buffer)


def _as_of_one_moment(session: Session) -> None:
    """All tables as they were at one moment. SQLite reads so anyway."""
    if session.get_bind().dialect.name != "sqlite":
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})


def _taken(buffer: io.BytesIO) -> bytes:
    data = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return data


def _row(name: str, row: Mapping[Any, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for column, value in row.items():
        if isinstance(value, datetime):
            value = moment_text(value)
        elif isinstance(value, float) and not math.isfinite(value):
            value = None
        found[str(column)] = value
    if name == "connections":
        found["options"] = redact(None, "", dict(found["options"] or {}))
        found["webhook"] = redact(None, "", dict(found["webhook"])) if found["webhook"] else None
    return found


def _query(name: str, cycle: str | None) -> Select[Any]:
    table = table_of(name)
    query = select(*(table.c[column] for column in PARTS[name].columns)).order_by(*table.primary_key.columns)
    condition = _within(table, cycle) if cycle is not None else None
    return query if condition is None else query.where(condition)


def _within(table: Table, cycle: str) -> ColumnElement[bool] | None:
    """What belongs to one cycle: its objectives, and whatever refers to them directly or over others. None: the table does not."""
    if table.name == "cycles":
        return table.c.name == cycle
    if table.name == "audit":
        return or_(*(table.c.entity_id.in_(_ids(name, cycle)) for name in ("objectives", "key_results")))
    conditions = []
    for key in table.foreign_keys:
        above = key.column.table
        if above.name == table.name:
            continue
        condition = _within(above, cycle)
        if condition is not None:
            conditions.append(or_(key.parent.is_(None), key.parent.in_(select(key.column).where(condition))))
    if table.name == "items":
        belonging = table_of("mapping_items")
        conditions.append(table.c.id.in_(select(belonging.c.item_id).where(belonging.c.mapping_id.in_(_ids("mappings", cycle)))))
    if not conditions:
        return None
    joined = conditions[0]
    for each in conditions[1:]:
        joined = joined & each
    return joined


def _ids(name: str, cycle: str) -> Select[Any]:
    """The ids of a table's rows that belong to one cycle."""
    table = table_of(name)
    condition = _within(table, cycle)
    assert condition is not None
    return select(table.c.id).where(condition)


# --- reading -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Document:
    """An export, opened: its head, and its tables as often as they are wanted."""

    version: int
    head: Mapping[str, Any]
    _data: bytes
    _whole: Mapping[str, Any] | None = None

    def tables(self) -> Iterator[tuple[str, Iterator[Mapping[str, Any]]]]:
        """(name, rows) in the order of the file; read each before going on. Raises ``InputError`` naming the line."""
        if self._whole is not None:
            for name in PARTS:
                yield name, iter(_listed(self._whole, name))
            return
        lines = io.BytesIO(self._data)
        number = 1
        lines.readline()
        for line in lines:
            number += 1
            if line.startswith(b'"') and line.rstrip().endswith(b":["):
                rows = _Rows(lines, number)
                yield line.rstrip()[1:-3].decode("ascii", "replace"), rows
                for _ in rows:
                    pass  # what was not wanted
                number = rows.number

    @property
    def whole(self) -> Mapping[str, Any]:
        """The document of version 1, which is read at once."""
        return self._whole or {}


class _Rows(Iterator[Mapping[str, Any]]):
    """The rows of one table, until the line that ends it."""

    def __init__(self, lines: io.BytesIO, number: int) -> None:
        self._lines = lines
        self.number = number
        self._ended = False

    def __next__(self) -> Mapping[str, Any]:
        if self._ended:
            raise StopIteration
        line = self._lines.readline()
        self.number += 1
        if not line:
            raise InputError("the file ends in the middle; export it again", where=f"line {self.number}")
        if line.startswith(b"]"):
            self._ended = True
            raise StopIteration
        text = line.rstrip().removesuffix(b",")
        if not text:
            return next(self)
        try:
            row = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise InputError(f"this is not JSON: {error}", where=f"line {self.number}") from None
        if not isinstance(row, dict):
            raise InputError("this is no row", where=f"line {self.number}")
        return row


def read_document(data: bytes) -> Document:
    """Open an export of either version. Raises ``InputError`` for anything else."""
    if data.startswith(_BEGIN):
        first = data.partition(b"\n")[0].rstrip().removesuffix(b",")
        try:
            return Document(2, orjson.loads(first + b"}"), data)
        except orjson.JSONDecodeError as error:
            raise InputError(f"this is not JSON: {error}", where="line 1") from None
    if len(data) > _MOST_WHOLE:
        raise InputError(f"this is not an export of {FORMAT} as it was written; files of this size must not be changed by other programs")
    try:
        whole = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise InputError(f"this is not JSON: {error}", where="file") from None
    if not isinstance(whole, dict) or whole.get("format") != FORMAT or whole.get("version") not in (1, VERSION):
        raise InputError(f"this is not an export of {FORMAT} in version 1 or {VERSION}; update this installation first", where="format")
    return Document(int(whole["version"]), {name: whole.get(name) for name in ("exported_at", "cycle", "instance")}, b"", whole)


def _listed(whole: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    rows = whole.get(name) or []
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InputError("must be a list of rows", where=name)
    return rows


def value_of(column: Column[Any], value: Any, where: str) -> Any:
    """A value of the document as the database takes it. Raises ``InputError`` for another type."""
    if value is None:
        if column.nullable:
            return None
        raise InputError("must not be null", where=where)
    kind: Any = column.type
    if isinstance(kind, Json):
        return value
    try:
        if isinstance(kind, Moment):
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is None:
                raise ValueError("no time zone")
            return moment
        if isinstance(kind, Date):
            return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise InputError(f"{str(value)[:40]!r} is no moment or day", where=where) from None
    wanted = kind.python_type
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        raise InputError(f"{str(value)[:40]!r} is of another type than {wanted.__name__}", where=where)
    return value


def instance_row(session: Session) -> Counter | None:
    """The row that holds the installation's own id."""
    return session.scalar(select(Counter).where(Counter.name == "instance"))


def rows_in(session: Session, name: str) -> int:
    """How many rows a table has."""
    return session.scalar(select(func.count()).select_from(table_of(name))) or 0
