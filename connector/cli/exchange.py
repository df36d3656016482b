"""`export` and `import`: key results to and from files. Only wiring; the files are ``connector.services.exchange``'s business."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from connector.cli.opening import opened
from connector.domain.changes import LONGEST_REASON
from connector.domain.rights import SYSTEM
from connector.errors import InputError
from connector.log import visible_text
from connector.services.drain import settle
from connector.services.exchange import PACKS, PROFILES, WRITERS, Options, Outcome, export_pack, import_file
from connector.services.exchange import export as written
from connector.services.exchange.cells import seen_text
from connector.services.exchange.columns import ColumnMapping, parse_columns

BINARY = ("xlsx", "pptx")


@click.command()
@click.option("--format", "kind", type=click.Choice(tuple(WRITERS)), required=True, help="csv and xlsx: nine columns; json: everything.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="The file; default is standard output.")
@click.option("--cycle", metavar="NAME", help="Only this cycle.")
@click.option("--forum", metavar="NAME", help="The review pack of the review that this forum holds now or next, as pptx or xlsx.")
@click.option("--review", type=click.IntRange(min=1), metavar="ID", help="The review pack of this review, as pptx or xlsx.")
def export(kind: str, output: Path | None, cycle: str | None, forum: str | None, review: int | None) -> None:
    """Write key results as CSV, XLSX (one sheet for each cycle), JSON, or a review pack (PPTX; of one review also XLSX)."""
    packed = forum is not None or review is not None
    if packed and cycle is not None:
        raise InputError("a review has its own key results: leave --cycle out, or --forum and --review", where="--cycle")
    if forum is not None and review is not None:
        raise InputError("name a forum or a review, not both", where="--forum")
    if packed and kind not in PACKS:
        raise InputError(f"a review pack is {' or '.join(PACKS)}, not {kind}", where="--format")
    if output is None and kind in BINARY and sys.stdout.isatty():
        raise InputError(f"{kind} is no text for a terminal; name a file: -o review.{kind}", where="-o")
    with opened() as runtime:
        if packed:
            pieces = export_pack(runtime, kind, SYSTEM, review=review, forum=forum or "")
        else:
            pieces = written(runtime, kind, SYSTEM, cycle)
        if output is None:
            for piece in pieces:
                click.echo(piece, nl=False)
            return
        size = _save(output, pieces)
    click.echo(f"{output}: {size} bytes", err=True)


def _save(output: Path, pieces: Iterator[bytes]) -> int:
    """Write beside the file and put it in its place at the end: a file that is there is whole."""
    unfinished = output.with_name(f".{output.name}.part")
    size = 0
    try:
        with unfinished.open("wb") as file:
            for piece in pieces:
                size += file.write(piece)
        unfinished.replace(output)
    except OSError as error:
        raise InputError(f"cannot write {output}: {error.strerror}", where="-o") from None
    finally:
        unfinished.unlink(missing_ok=True)
    return size


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Say what each row would do, and save nothing.")
@click.option("--cycle", metavar="NAME", help="Match only objectives of this cycle; objectives that are made belong to it.")
@click.option("--columns", metavar="FIELD=HEADER,…", help="Which column feeds which field, where the guess is wrong.")
@click.option("--profile", type=click.Choice(tuple(PROFILES)), help="The program that wrote the file; found out by its header.")
@click.option("--create-objectives", is_flag=True, help="Make objectives that do not exist yet.")
@click.option("--match-names", is_flag=True, help="Owners may be named by their exact, unique name.")
@click.option("--encoding", metavar="NAME", default="", help="The encoding of a CSV file; found out by its content.")
@click.option("--reason", metavar="TEXT", default="", help="Why targets, owners or wording change; default is the name of the file.")
@click.pass_context
def import_(
    ctx: click.Context,
    file: Path,
    dry_run: bool,
    cycle: str | None,
    columns: str | None,
    profile: str | None,
    create_objectives: bool,
    match_names: bool,
    encoding: str,
    reason: str,
) -> None:
    """Read key results from FILE: the nine columns or another program's table as CSV or XLSX, or a JSON export.

    All rows are saved in one transaction, or none when a cell cannot be used.
    """
    name = seen_text(file.name)
    options = Options(
        cycle,
        create_objectives,
        match_names,
        encoding,
        profile or "",
        reason.strip() or f"imported from {name}"[:LONGEST_REASON],
        corrections=parse_columns(columns) if columns else None,
    )
    viewer = replace(SYSTEM, name=f"import {name}")
    with opened() as runtime:
        with _bar() as progress:
            outcome = import_file(runtime, file.name, file.read_bytes(), viewer=viewer, options=options, dry_run=dry_run, progress=progress)
        if outcome.saved:
            settle(runtime)
    _tell(outcome, dry_run)
    if outcome.faults:
        ctx.exit(2)


@contextmanager
def _bar() -> Iterator[Callable[[int, int], None] | None]:
    """A progress bar on a terminal, nothing elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("rows", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _tell(outcome: Outcome, dry_run: bool) -> None:
    for note in outcome.notes:
        click.echo(f"note: {visible_text(note)}", err=True)
    if outcome.columns is not None and not outcome.columns.is_nine:
        _tell_columns(outcome.columns)
    for fate in outcome.fates:
        if fate.action != "unchanged" or dry_run:
            told = f" ({', '.join(fate.changes)})" if fate.changes else ""
            click.echo(visible_text(f"{fate.place}: {fate.name}: {fate.action}{told}"))
    for fault in outcome.faults:
        click.echo(visible_text(f"error: {fault}"), err=True)
    counts = f"{outcome.count('create')} to create, {outcome.count('update')} to update, {outcome.count('unchanged')} unchanged"
    if skipped := outcome.count("left out"):
        counts += f", {skipped} left out"
    if outcome.faults:
        click.echo(f"{len(outcome.faults)} cells cannot be used, so nothing was saved ({counts})", err=True)
    else:
        click.echo(f"Dry run: {counts}" if dry_run else counts.replace("to create", "created").replace("to update", "updated"))


def _tell_columns(mapping: ColumnMapping) -> None:
    for name, header in mapping.columns.items():
        click.echo(visible_text(f"column {name} = {header} ({mapping.why.get(name, 'as chosen')})"), err=True)
    for name, value in mapping.constants.items():
        click.echo(visible_text(f"column {name}: {value} for all rows"), err=True)
    if mapping.unused:
        click.echo(visible_text(f"columns not used: {', '.join(mapping.unused)}"), err=True)
