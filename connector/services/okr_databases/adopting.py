"""Takes over databases that people made: a column mapping that is guessed, shown and edited, a dry run over the real rows, then two-way.

Nothing of theirs is deleted, renamed or retyped; what we would add is listed, and added only when they agree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from connector.domain.okr_columns import COLUMNS, IN_ORDER, KEY, NOTE, OBJECTIVE, TITLES, Column, ColumnType, DatabaseKind
from connector.domain.rights import Act, Viewer
from connector.errors import Conflict, Faults, Gone, InputError, Refused
from connector.hosts.okr_databases import FoundColumn, FoundDatabase, OkrDatabases, Row
from connector.runtime import Runtime
from connector.services.changes import record, require
from connector.services.okr_databases import columns as fitting
from connector.services.okr_databases.choices import with_options
from connector.services.okr_databases.guessing import guess, shown
from connector.services.okr_databases.keeping import keep, kept_elsewhere
from connector.services.okr_databases.one_at_a_time import one_at_a_time
from connector.services.okr_databases.options import told
from connector.services.okr_databases.records import databases_of
from connector.services.okr_databases.setting_up import ENTITY, SHARE, callable_now, chosen_options, named, opened, word_of
from connector.services.okr_databases.wanted_views import VIEWS
from connector.store.tables import Connection

SAMPLES = 3  # values of each column that are shown
ALWAYS = (KEY, NOTE)  # without them rows are made twice, and nobody is told what is missing

Chosen = Mapping[str, Mapping[str, str]]  # kind → field → id or name of a column, "" for none


@dataclass(frozen=True, slots=True)
class HostColumn:
    """A column of theirs with some of its values."""

    id: str
    name: str
    type: str
    options: tuple[str, ...]
    samples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FieldChoice:
    """One of our fields: the column that feeds it (id, "" for none), why, and the ids of all that could.

    ``human``: people edit it, else we write it · ``needed``: rows without it stay drafts · ``adds``: the name of the column that would be
    added for it, "" when it has one.
    """

    field: str
    label: str
    human: bool
    needed: bool
    column: str
    why: str
    candidates: tuple[str, ...]
    adds: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """How one database would be adopted. ``faults``: what has to be mended first, each at ``<kind>.<field>``; ``notes``: good to know."""

    kind: DatabaseKind
    link: str
    title: str
    url: str
    columns: tuple[HostColumn, ...]
    fields: tuple[FieldChoice, ...]
    faults: tuple[InputError, ...]
    notes: tuple[str, ...]

    @property
    def to_add(self) -> tuple[str, ...]:
        """The names of the columns that would be added."""
        return tuple(each.adds for each in self.fields if each.adds)

    def chosen(self) -> dict[str, str]:
        """Field → column id, as ``propose`` and ``adopt`` take it."""
        return {each.field: each.column for each in self.fields}


@dataclass(frozen=True, slots=True)
class Prepared:
    """A proposal with what it was made from: for this package only."""

    proposal: Proposal
    found: FoundDatabase
    mapped: Mapping[str, FoundColumn]
    rows: tuple[Row, ...]  # the first ones, by column id


@dataclass(frozen=True, slots=True)
class Adopted:
    """What was adopted. ``databases``: kind → title; ``added``: names of the columns added, by kind. Its rows are read next."""

    connection: str
    databases: Mapping[DatabaseKind, str]
    added: Mapping[DatabaseKind, tuple[str, ...]]
    connection_id: int


def propose(
    runtime: Runtime, viewer: Viewer, connection_name: str, links: Mapping[str, str], columns: Chosen | None = None
) -> tuple[Proposal, ...]:
    """How the databases behind ``links`` (kind → link) would be adopted; ``columns`` are choices that somebody made already.

    The database of the objectives is found by the relation of the key results when no link is given. Writes nothing.

    Raises ``InputError`` at ``links.<kind>`` for what is no database or not shared, ``Conflict`` for one that is kept already,
    ``NotFound``, ``Forbidden``, ``HostError``.
    """
    connection, given = asked(runtime, viewer, connection_name, links)
    with opened(runtime, connection) as host:
        return tuple(each.proposal for each in prepare(runtime, host, connection, given, columns or {}))


def adopt(
    runtime: Runtime,
    viewer: Viewer,
    connection_name: str,
    links: Mapping[str, str],
    columns: Chosen | None = None,
    *,
    options: Mapping[str, Any] | None = None,
    complete: bool = False,
) -> Adopted:
    """Adopt databases: keep them in step from now on. ``complete``: agreed that missing columns of ours are added.

    Rows are read afterwards by the job "rows", on this viewer's word: rows that have what is needed become records.
    Raises ``Faults`` at ``<kind>.<field>``, ``complete`` or an option, else as ``propose``.
    """
    connection, given = asked(runtime, viewer, connection_name, links)
    with runtime.store.read() as session:
        chosen = chosen_options(runtime, session, options or {})
    added: dict[DatabaseKind, tuple[str, ...]] = {}
    titles: dict[DatabaseKind, str] = {}
    with one_at_a_time(runtime, connection) as go_on, opened(runtime, connection) as host:
        prepared = prepare(runtime, host, connection, given, columns or {})
        faults = [fault for each in prepared for fault in each.proposal.faults]
        if not complete:
            lacking = [f"{TITLES[each.proposal.kind]}: {', '.join(names)}" for each in prepared if (names := _always(each.proposal))]
            if lacking:
                told_ = f"these columns have to be added, and that was not agreed to: {'; '.join(lacking)}"
                faults.append(InputError(told_, where="complete"))
        if faults:
            raise Faults(faults)
        related = {each.proposal.kind: each.found.source for each in prepared}
        for each in prepared:
            go_on()
            kind = each.proposal.kind
            mapped, made = _completed(runtime, host, each, related) if complete else (dict(each.mapped), ())
            views = host.add_views(each.found, mapped, VIEWS[kind], {}) if complete else {}
            with runtime.store.write() as session:
                keep(
                    session,
                    connection.id,
                    kind,
                    each.found,
                    mapped,
                    runtime.now(),
                    adopted=True,
                    options={**chosen, **word_of(viewer)},
                    views=views,
                )
                after = {
                    "database": each.found.title,
                    "columns": {field: column.name for field, column in mapped.items()},
                    "added": list(made),
                    "options": told(chosen),
                }
                record(session, viewer, runtime.now(), "adopt", ENTITY, connection.name, after={"kind": kind.value, **after})
            added[kind], titles[kind] = made, each.found.title
    runtime.queue.nudge("rows", connection.id)
    return Adopted(connection.name, titles, added, connection.id)


def asked(runtime: Runtime, viewer: Viewer, connection_name: str, links: Mapping[str, str]) -> tuple[Connection, dict[DatabaseKind, str]]:
    """Check what was asked for before anything is called. Raises ``InputError``, ``Conflict``, ``NotFound``, ``Forbidden``."""
    require(viewer, Act.ADMINISTER)
    given: dict[DatabaseKind, str] = {}
    for name, link in links.items():
        if name not in {kind.value for kind in DatabaseKind}:
            raise InputError(
                f"there is no such database; there are {', '.join(kind.value for kind in IN_ORDER)}", where=f"links.{name[:40]}"
            )
        if link.strip():
            given[DatabaseKind(name)] = link.strip()
    if DatabaseKind.KEY_RESULTS not in given:
        raise InputError("paste the link of the database that holds the key results", where="links.key_results")
    with runtime.store.read() as session:
        connection = named(session, connection_name)
        callable_now(connection)
    return connection, given


def prepare(
    runtime: Runtime, host: OkrDatabases, connection: Connection, given: Mapping[DatabaseKind, str], chosen: Chosen
) -> list[Prepared]:
    """Find the databases, read their first rows and make the proposals, in the order of making."""
    found = {kind: _find(host, kind, link) for kind, link in given.items()}
    if DatabaseKind.OBJECTIVES not in found and (source := _objectives_source(found[DatabaseKind.KEY_RESULTS], chosen)):
        found[DatabaseKind.OBJECTIVES] = _find(host, DatabaseKind.OBJECTIVES, source)
    with runtime.store.read() as session:
        kept = {kind: row.source for kind, row in databases_of(session, connection.id).items()}
        for kind, each in found.items():
            kept_elsewhere(session, each, connection.id, kind)
            if kept.get(kind, each.source) != each.source:
                raise Conflict(
                    f"{connection.name} keeps another database of {TITLES[kind]} already; "
                    f"stop that first: okr-connector notion leave --connection {connection.name}"
                )
        sources = [each.source for each in found.values()]
        if len(set(sources)) < len(sources):
            raise InputError("the same database was given twice; objectives and key results need one each", where="links.objectives")
        ours = {kind: tuple(with_options(session, each) for each in COLUMNS[kind]) for kind in found}
    related = kept | {kind: each.source for kind, each in found.items()}
    prepared = []
    for kind in IN_ORDER:
        if kind in found:
            rows = host.list_rows(found[kind].source, {each.id: each for each in found[kind].columns}).rows
            prepared.append(_prepared(kind, given.get(kind, ""), found[kind], rows, related, chosen.get(kind.value, {}), ours[kind]))
    return prepared


def _find(host: OkrDatabases, kind: DatabaseKind, link: str) -> FoundDatabase:
    where = f"links.{kind.value}"
    try:
        return host.find(link)
    except InputError as error:
        raise InputError(error.message, where=where) from error
    except Gone as error:
        raise InputError(f"{error.message}; share the database with this connection first: {SHARE}", where=where) from error
    except Refused as error:
        if error.parks:
            raise
        raise InputError(error.message, where=where) from error


def _objectives_source(found: FoundDatabase, chosen: Chosen) -> str:
    """Where the key results' relation to objectives leads, "" where it is not clear."""
    wanted = chosen.get(DatabaseKind.KEY_RESULTS.value, {}).get(OBJECTIVE, "")
    if wanted:
        column = _named(found, wanted)
    else:
        column = guess(DatabaseKind.KEY_RESULTS, found, {}, {}).columns.get(OBJECTIVE)
    leads = {each.to for each in found.columns if each.to and each.to != found.source}
    if column is None and len(leads) == 1:
        return leads.pop()
    return column.to if column is not None and column.to != found.source else ""


def _named(found: FoundDatabase, wanted: str) -> FoundColumn | None:
    """A column by its id or its name."""
    return next((each for each in found.columns if each.id == wanted), None) or next(
        (each for each in found.columns if each.name.strip().casefold() == wanted.strip().casefold()), None
    )


def _prepared(
    kind: DatabaseKind,
    link: str,
    found: FoundDatabase,
    rows: Sequence[Row],
    related: Mapping[DatabaseKind, str],
    chosen: Mapping[str, str],
    ours: Sequence[Column],
) -> Prepared:
    samples = {each.id: [row.values.get(each.id) for row in rows] for each in found.columns}
    guessed = guess(kind, found, samples, related)
    mapped, why = dict(guessed.columns), dict(guessed.why)
    faults: list[InputError] = []
    for name, wanted in chosen.items():
        if name not in {each.field for each in ours}:
            fields = ", ".join(each.field for each in ours)
            faults.append(InputError(f"there is no such field; there are {fields}", where=f"{kind.value}.{name[:40]}"))
        elif not wanted:
            mapped.pop(name, None)
            why.pop(name, None)
        elif (column := _named(found, wanted)) is None:
            there = ", ".join(each.name for each in found.columns)[:300]
            faults.append(InputError(f"there is no column {wanted[:60]!r}; there are {there}", where=f"{kind.value}.{name}"))
        else:
            for other in [each for each, held in mapped.items() if held.id == column.id and each not in chosen]:
                mapped.pop(other)  # a guess gives way to a choice
                why.pop(other)
            if name not in mapped or mapped[name].id != column.id:
                mapped[name], why[name] = column, "chosen"
    faults += _faults(kind, ours, mapped, related)
    taken = {each.name.casefold() for each in found.columns}
    choices = []
    for each in ours:
        held = mapped.get(each.field)
        candidates = tuple(column.id for column in found.columns if fitting.fits(each, column))
        adds = "" if held is not None or each.type is ColumnType.TITLE or not _addable(each, related) else fitting.free(each.name, taken)
        choices.append(
            FieldChoice(each.field, each.name, each.human, each.needed, held.id if held else "", why.get(each.field, ""), candidates, adds)
        )
    columns = tuple(HostColumn(each.id, each.name, each.type, each.options, _samples(each, samples[each.id])) for each in found.columns)
    used = {each.id for each in mapped.values()}
    notes = tuple(note for ident, note in guessed.left.items() if ident not in used)
    proposal = Proposal(kind, link, found.title, found.url, columns, tuple(choices), tuple(faults), notes)
    return Prepared(proposal, found, mapped, tuple(rows))


def _addable(wanted: Column, related: Mapping[DatabaseKind, str]) -> bool:
    return wanted.type is not ColumnType.RELATION or wanted.to is None or wanted.to in related


def _samples(column: FoundColumn, values: Sequence[Any]) -> tuple[str, ...]:
    if column.format == "percent":
        values = [f"{value * 100:g} %" if isinstance(value, float | int) else value for value in values]
    return tuple(dict.fromkeys(text for value in values if (text := shown(value))))[:SAMPLES]


def _faults(
    kind: DatabaseKind, ours: Sequence[Column], mapped: Mapping[str, FoundColumn], related: Mapping[DatabaseKind, str]
) -> list[InputError]:
    """Columns that cannot hold their field, or feed two; a relation that leads elsewhere."""
    faults: list[InputError] = []
    seen: dict[str, str] = {}
    for each in ours:
        held, where = mapped.get(each.field), f"{kind.value}.{each.field}"
        if held is None:
            if each.to is not None and each.needed and each.to not in related:
                faults.append(InputError(f"no column leads to {TITLES[each.to]}; give the link of that database", where=where))
            continue
        if not fitting.fits(each, held):
            kinds = " or ".join(fitting.types_for(each))
            faults.append(InputError(f"{held.name} has the type {held.type}; {each.name} needs {kinds}", where=where))
        elif each.to is not None and each.to in related and held.to and held.to != related[each.to]:
            faults.append(InputError(f"{held.name} leads to another database than {TITLES[each.to]}", where=where))
        if held.id in seen:
            faults.append(InputError(f"{held.name} feeds {seen[held.id]} already; a column feeds one field", where=where))
        seen.setdefault(held.id, each.name)
    return faults


def _always(proposal: Proposal) -> list[str]:
    return [each.adds for each in proposal.fields if each.adds and each.field in ALWAYS]


def _completed(
    runtime: Runtime, host: OkrDatabases, prepared: Prepared, related: Mapping[DatabaseKind, str]
) -> tuple[dict[str, FoundColumn], tuple[str, ...]]:
    """Add the columns that are missing; gives all columns by field, and the names of the new ones."""
    kind = prepared.proposal.kind
    with runtime.store.read() as session:
        ours = [with_options(session, each) for each in COLUMNS[kind] if each.field in prepared.mapped or _addable(each, related)]
    names = {each.field: each.adds for each in prepared.proposal.fields if each.adds}
    wanted = fitting.to_complete(kind, ours, prepared.found, prepared.mapped, adopted=True)
    wanted = [replace(each, name=names[each.field]) if each.field in names else each for each in wanted]
    if not wanted:
        return dict(prepared.mapped), ()
    completed = host.complete(prepared.found, wanted, related)
    known = {field: column.id for field, column in prepared.mapped.items()}
    after = fitting.matched(kind, completed, known, wanted)
    return after, tuple(column.name for field, column in after.items() if field not in prepared.mapped)
