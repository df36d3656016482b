"""Import of one file: read and planned outside every transaction, then saved in one transaction or not at all.

Every row has a fate and every bad cell a name. What was planned is checked again when it is written: if somebody changed the same things
meanwhile, the import is planned anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from connector.domain.changes import reason_text
from connector.domain.rights import Act, Viewer
from connector.errors import Conflict, InputError
from connector.runtime import Runtime
from connector.services.changes import require
from connector.services.exchange import backup, merging
from connector.services.exchange.archive import MOST_ARCHIVE, Document, read_document
from connector.services.exchange.cells import Cell, Incoming, seen_text
from connector.services.exchange.columns import ColumnMapping, guess_columns
from connector.services.exchange.days import day_order
from connector.services.exchange.homes import Choice
from connector.services.exchange.known import Known, fingerprint, load_known, same_as_stored
from connector.services.exchange.layout import LeftOut, rows_of
from connector.services.exchange.numbers import Decimal, decimal_sign
from connector.services.exchange.options import Options
from connector.services.exchange.plan import Fate, Plan
from connector.services.exchange.planning import Planner
from connector.services.exchange.saving import carry_out, rests_on
from connector.services.exchange.tables import Tables, header_texts, read_tables, sample_of
from connector.services.exchange.values import Decimals
from connector.services.exchange.vocabulary import NUMBERS

MOST_FAULTS = 1000  # that are collected: a file of the wrong kind has one in each row
_TRIES = 3
_REPORT_EVERY = 500  # rows

Progress = Callable[[int, int], None]  # rows done, rows in all
Row = Incoming | LeftOut | InputError


@dataclass
class Outcome:
    """All rows and, when something cannot be used, every fault. With a fault nothing was saved.

    ``columns`` is the mapping that was used, None for our own JSON · ``notes``: how the file was read, in words.
    """

    fates: list[Fate] = field(default_factory=list)
    faults: list[InputError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    columns: ColumnMapping | None = None
    saved: bool = False

    def count(self, action: str) -> int:
        """How many rows have this fate."""
        return sum(fate.action == action for fate in self.fates)


@dataclass
class Rows:
    """What is to be planned: rows in the order of their source, and how numbers and days are written in them."""

    rows: Sequence[Row]
    choice: Choice
    columns: ColumnMapping | None = None
    notes: tuple[str, ...] = ()


def import_file(
    runtime: Runtime,
    name: str,
    data: bytes,
    *,
    viewer: Viewer,
    options: Options | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Outcome:
    """Read one file (its ending says what it is) and save it, unless ``dry_run`` or a fault forbids.

    A JSON export is restored whole into an empty installation, and merged by id into any other. Raises ``InputError`` for a file that
    cannot be read at all, ``Forbidden`` for a role that may not, ``Conflict`` when others keep changing the same things.
    """
    chosen = options or Options()
    require(viewer, Act.WRITE)
    if name.rpartition(".")[2].lower() == "json":
        require(viewer, Act.ADMINISTER)
        if len(data) > MOST_ARCHIVE:
            raise InputError(f"the file has more than {MOST_ARCHIVE // 1_000_000} MB", where=name)
        document = read_document(data)
        if backup.fits(runtime, document):
            fates = backup.restore(runtime, document, viewer=viewer, dry_run=dry_run, progress=progress)
            return Outcome([Fate(place, text, "create") for place, text in fates], saved=not dry_run)
        return _merge(runtime, document, viewer, chosen, seen_text(name), dry_run, progress)
    rows = rows_of_tables(read_tables(name, data, chosen.encoding), chosen)
    return import_rows(
        runtime, rows, viewer=viewer, options=chosen, source=chosen.origin or seen_text(name), dry_run=dry_run, progress=progress
    )


def rows_of_tables(read: Tables, options: Options) -> Rows:
    """The key results of a file's tables, by the columns of ``options`` or those guessed. Raises ``InputError`` when none fit."""
    notes = list(read.notes)
    mapping: ColumnMapping | None = options.columns
    rows: list[Row] = []
    for table in read.tables:
        if options.origin:  # rows of a database, not lines of a file
            lines = [replace(line, number=number) for number, line in enumerate(table.lines, start=1)]
            table = replace(table, word="row", lines=lines)
        if options.columns is None:
            mapping = guess_columns(header_texts(table), sample_of(table), options.profile, options.corrections)
        assert mapping is not None
        found = rows_of(table, mapping)
        rows += map(_titled, found) if options.origin else found
    if options.columns is None and mapping is not None:
        notes += mapping.notes
    choice, told = choice_for(rows, options)
    return Rows(rows, choice, mapping, (*notes, *told))


def _titled(row: Row) -> Row:
    """A database shows no numbers of rows: its rows are found by their title."""
    title = row.cell("key_result") if isinstance(row, Incoming) else ""
    return replace(row, place=f'{row.place} "{title[:60]}"') if isinstance(row, Incoming) and isinstance(title, str) and title else row


def choice_for(rows: Sequence[Row], options: Options) -> tuple[Choice, list[str]]:
    """How numbers and days are written in these rows, found out column by column; said where it is not our own way."""
    found: dict[str, Decimal] = {}
    notes: list[str] = []
    for name in NUMBERS:
        found[name] = decimal_sign(_column(rows, name))
    sure = [decimal for decimal in found.values() if decimal.sign]
    for name, decimal in found.items():
        if not decimal.sign and sure and len({each.sign for each in sure}) == 1:
            found[name] = Decimal(sure[0].sign, sure[0].seen)  # one program wrote all columns
        if found[name].sign == "," and any(isinstance(cell, str) and ("," in cell or "." in cell) for cell in _column(rows, name)):
            shown = next((row.columns.get(name, name) for row in rows if isinstance(row, Incoming)), name)
            notes.append(f"numbers of {shown} have decimal commas, as {found[name].seen!r} shows")
    choice = Choice(options.cycle, options.create_objectives, options.match_names, Decimals(found), day_order(_column(rows, "due")))
    return choice, notes


def _column(rows: Iterable[Row], name: str) -> Iterable[Cell]:
    return (row.cells[name] for row in rows if isinstance(row, Incoming) and name in row.cells)


def import_rows(
    runtime: Runtime,
    rows: Rows,
    *,
    viewer: Viewer,
    options: Options,
    source: str,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Outcome:
    """Plan rows of any source, and save them. ``source`` is what readings and the audit trail name. Raises as ``import_file``."""
    require(viewer, Act.WRITE)
    return _plan_and_save(
        runtime,
        lambda known, outcome: _planned(known, rows, outcome, progress),
        Outcome(notes=list(rows.notes), columns=rows.columns),
        viewer=viewer,
        reason=options.reason,
        source=source,
        dry_run=dry_run,
    )


def _merge(
    runtime: Runtime, document: Document, viewer: Viewer, options: Options, source: str, dry_run: bool, progress: Progress | None
) -> Outcome:
    archive = merging.archive_of(document)
    incoming = merging.rows_of(archive)
    choice = Choice(options.cycle)

    def plan(known: Known, outcome: Outcome) -> Plan:
        additions = Plan()
        outcome.fates += [Fate("file", text, "create") for text in merging.add_missing(known, archive, additions, runtime.now())]
        outcome.notes += merging.hidden_notes(known, archive, additions)
        plan = _planned(known, Rows(incoming, choice), outcome, progress)
        plan.people, plan.teams, plan.cycles = additions.people, additions.teams, additions.cycles
        plan.objectives = additions.objectives + plan.objectives
        return plan

    outcome = Outcome(notes=merging.left_out(document))
    return _plan_and_save(runtime, plan, outcome, viewer=viewer, reason=options.reason, source=source, dry_run=dry_run)


def _planned(known: Known, rows: Rows, outcome: Outcome, progress: Progress | None) -> Plan:
    if rows.choice.cycle is not None:
        known.cycle(rows.choice.cycle, "--cycle")
    planner = Planner(known, rows.choice)
    total = len(rows.rows)
    for number, row in enumerate(rows.rows):
        if progress is not None and number % _REPORT_EVERY == 0:
            progress(number, total)
        found = _fate(planner, row)
        if isinstance(found, Fate):
            outcome.fates.append(found)
        elif len(outcome.faults) < MOST_FAULTS:
            outcome.faults += found
    if progress is not None:
        progress(total, total)
    return planner.plan


def _fate(planner: Planner, row: Row) -> Fate | list[InputError]:
    if isinstance(row, InputError):
        return [row]
    if isinstance(row, LeftOut):
        return Fate(row.place, row.name, "left out", (row.reason,))
    return planner.row(row)


def _plan_and_save(
    runtime: Runtime,
    make: Callable[[Known, Outcome], Plan],
    blank: Outcome,
    *,
    viewer: Viewer,
    reason: str,
    source: str,
    dry_run: bool,
) -> Outcome:
    for _ in range(_TRIES):
        outcome = Outcome(notes=list(blank.notes), columns=blank.columns)
        with runtime.store.read() as session:
            known = load_known(session, runtime.now(), runtime.settings.zone, viewer)
        plan = make(known, outcome)
        try:
            why = reason_text(reason, plan.needs) or f"import of {source}"
        except InputError as error:
            outcome.faults.insert(0, error)  # before those of cells: only the first ones are kept
        if dry_run or outcome.faults:
            return outcome
        if plan.is_empty:
            outcome.saved = True
            return outcome
        with runtime.store.write() as session:
            seen = {change.known.id: rests_on(change) for change in plan.changes}
            if fingerprint(session) == known.fingerprint and same_as_stored(session, seen):
                carry_out(session, plan, actor=viewer.name, reason=why, source=source, now=runtime.now(), epoch=runtime.epoch())
                outcome.saved = True
        if outcome.saved:
            runtime.queue.nudge("settle")
            return outcome
    raise Conflict("others changed the same key results while this file was imported; nothing was saved. Import it again")
