"""The dry run of an adoption: what each row would become, and what it lacks. Writes nothing, neither here nor at the host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from connector.domain.model import FieldValue
from connector.domain.okr_columns import TITLE, DatabaseKind
from connector.domain.rights import Viewer
from connector.domain.row_drafts import refs_of, text_of
from connector.hosts.okr_databases import OkrDatabases, Row
from connector.runtime import Runtime
from connector.services.okr_databases import matching, row_reading
from connector.services.okr_databases.adopting import Chosen, Prepared, Proposal, asked, prepare
from connector.services.okr_databases.columns import as_stored
from connector.services.okr_databases.records import databases_of
from connector.services.okr_databases.setting_up import chosen_options, opened
from connector.services.patience import patiently
from connector.store.tables import Connection, OkrDatabase

FATES = 500  # rows that are told one by one, those that need something first
MADE, MATCHED, BOUND, DRAFT = "make", "match", "bound", "draft"
MOST_ROWS = 500  # rows of each database that are tried while somebody waits for the answer; the command tries all
_TRIED = (DatabaseKind.OBJECTIVES, DatabaseKind.KEY_RESULTS)


@dataclass(frozen=True, slots=True)
class RowFate:
    """What one row would become. ``fate``: "make" (a new record) | "match" (one that is here) | "bound" (is one already) | "draft".

    ``record``: the id of the one that it matches; ``missing``: what a draft needs, in words.
    """

    kind: DatabaseKind
    title: str
    url: str
    fate: str
    record: str
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tally:
    """The rows of one database, counted. ``whole``: all were looked at, not only the first ones."""

    kind: DatabaseKind
    rows: int
    make: int
    match: int
    bound: int
    draft: int
    whole: bool

    @property
    def sentence(self) -> str:
        """ "42 rows: 30 become key results, 9 match ones here, 3 need something"."""
        what = "objectives" if self.kind is DatabaseKind.OBJECTIVES else "key results"
        parts = [f"{self.make} become {what}"]
        parts += [f"{self.match} match ones here"] if self.match else []
        parts += [f"{self.bound} are kept already"] if self.bound else []
        parts += [f"{self.draft} need something"] if self.draft else []
        return f"{'' if self.whole else 'the first '}{self.rows} rows: {', '.join(parts)}"


@dataclass(frozen=True, slots=True)
class DryRun:
    """The proposals with what the rows would become."""

    proposals: tuple[Proposal, ...]
    tallies: tuple[Tally, ...]
    fates: tuple[RowFate, ...]
    requests: int


def try_out(
    runtime: Runtime,
    viewer: Viewer,
    connection_name: str,
    links: Mapping[str, str],
    columns: Chosen | None = None,
    *,
    options: Mapping[str, Any] | None = None,
    most_rows: int | None = None,
) -> DryRun:
    """Read the rows and say what an adoption would make of each. ``most_rows``: stop after so many of each database (a page has 100).
    ``options``: those of the adoption.

    Raises as ``adopting.propose``; faults of the mapping are told in the proposals, and rows are tried with the columns that are left.
    """
    connection, given = asked(runtime, viewer, connection_name, links)
    with runtime.store.read() as session:
        wanted = chosen_options(runtime, session, options or {})
    with opened(runtime, connection) as host:
        prepared = prepare(runtime, host, connection, given, columns or {})
        read = {each.proposal.kind: _rows(host, each, most_rows) for each in prepared}
        requests = host.requests
    fates: list[RowFate] = []
    tallies: list[Tally] = []
    above: dict[str, tuple[str, str]] = {}
    with runtime.store.read() as session:
        today = runtime.now().astimezone(runtime.settings.zone).date()
        for each in prepared:
            kind = each.proposal.kind
            if kind not in _TRIED:
                continue
            rows, whole = read[kind]
            trial = _Trial(session, connection, each, above, wanted)
            told = [trial.fate(row, today) for row in rows]
            counts = {name: sum(fate.fate == name for fate in told) for name in (MADE, MATCHED, BOUND, DRAFT)}
            tallies.append(Tally(kind, len(told), counts[MADE], counts[MATCHED], counts[BOUND], counts[DRAFT], whole))
            fates += told
    order = {DRAFT: 0, MATCHED: 1, MADE: 2, BOUND: 3}
    fates.sort(key=lambda fate: order[fate.fate])
    return DryRun(tuple(each.proposal for each in prepared), tuple(tallies), tuple(fates[:FATES]), requests)


def _rows(host: OkrDatabases, prepared: Prepared, most: int | None) -> tuple[list[Row], bool]:
    """The rows with the values of the mapped columns; whether these are all."""
    if not prepared.mapped or prepared.proposal.kind not in _TRIED:
        return [], True
    rows: list[Row] = []
    cursor = None
    while True:
        page = patiently(lambda at=cursor: host.list_rows(prepared.found.source, prepared.mapped, cursor=at))  # type: ignore[misc]
        rows += page.rows
        cursor = page.cursor
        if cursor is None or (most is not None and len(rows) >= most):
            return rows, cursor is None


class _Trial:
    """One database on trial. ``above``: ref of an objective's row → its id, or why it is none; filled by the objectives' trial."""

    def __init__(
        self, session: Session, connection: Connection, prepared: Prepared, above: dict[str, tuple[str, str]], options: dict[str, Any]
    ) -> None:
        self._session, self._above = session, above
        self._kind = prepared.proposal.kind
        kept = databases_of(session, connection.id).get(self._kind)
        # Never added to the session: it stands for the database that would be kept.
        self._database = OkrDatabase(
            id=kept.id if kept is not None else 0,
            connection_id=connection.id,
            kind=self._kind.value,
            columns=as_stored(prepared.mapped),
            options=options,
        )
        self._taken: set[str] = set()
        self._known = row_reading.LookUps(session, self._database, self._objective)
        self._free = matching.Free(session, self._database, self._kind)

    def fate(self, row: Row, today: date) -> RowFate:
        """What the row would become."""
        title = text_of(row.values.get(TITLE))
        if record := matching.record_of(self._session, self._database, row.ref):
            return self._told(row, title, BOUND, record)
        reading = row_reading.read(self._database, self._kind, row, today, self._known)
        found = matching.match(self._session, self._database, self._kind, row, reading, self._free)
        if found.record and found.record not in self._taken:
            self._taken.add(found.record)
            return self._told(row, title, MATCHED, found.record)
        missing = (*([found.problem] if found.problem else []), *reading.missing)
        return self._told(row, title, DRAFT if missing else MADE, "", missing)

    def _told(self, row: Row, title: str, fate: str, record: str, missing: tuple[str, ...] = ()) -> RowFate:
        if self._kind is DatabaseKind.OBJECTIVES:
            shown = f"“{title[:80]}”" if title else "without a title"
            draft = f"{row_reading.AWAITS_OBJECTIVE} {shown} is a draft itself: {'; '.join(missing)}"
            self._above[row.ref] = ("", draft) if fate == DRAFT else (record or f"new {row.ref}", "")
        return RowFate(self._kind, title, row.url, fate, record, missing)

    def _objective(self, value: FieldValue) -> tuple[str, str]:
        refs = refs_of(value)
        if len(refs) == 1 and refs[0] in self._above:
            return self._above[refs[0]]
        return row_reading.objective_of(self._session, self._database, value)
