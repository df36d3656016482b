"""`export` and `import`: key results to and from files. Only wiring; the files are ``connector.services.exchange``'s business."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from connector.cli.opening import opened
from connector.errors import InputError
from connector.services.drain import settle
from connector.services.exchange import WRITERS, import_file

BINARY = ("xlsx", "pptx")


@click.command()
@click.option("--format", "kind", type=click.Choice(tuple(WRITERS)), required=True, help="csv and xlsx: nine columns; json: everything.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="The file; default is standard output.")
@click.option("--cycle", metavar="NAME", help="Only this cycle.")
def export(kind: str, output: Path | None, cycle: str | None) -> None:
    """Write key results as CSV, XLSX (one sheet for each cycle), JSON, or a review pack (PPTX)."""
    if output is None and kind in BINARY and sys.stdout.isatty():
        raise InputError(f"{kind} is no text for a terminal; name a file: -o review.{kind}", where="-o")
    with opened() as runtime:
        data = WRITERS[kind](runtime, cycle)
    if output is None:
        click.echo(data, nl=False)
        return
    try:
        output.write_bytes(data)
    except OSError as error:
        raise InputError(f"cannot write {output}: {error.strerror}", where="-o") from None
    click.echo(f"{output}: {len(data)} bytes", err=True)


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Say what each row would do, and save nothing.")
@click.option("--cycle", metavar="NAME", help="Match only objectives of this cycle.")
@click.pass_context
def import_(ctx: click.Context, file: Path, dry_run: bool, cycle: str | None) -> None:
    """Read key results from FILE: the nine columns as CSV or XLSX, or a JSON export.

    All rows are saved in one transaction, or none when a cell cannot be used.
    """
    with opened() as runtime:
        outcome = import_file(runtime, file.name, file.read_bytes(), actor=f"import {file.name}", cycle=cycle, dry_run=dry_run)
        if outcome.saved:
            settle(runtime)
    for fate in outcome.fates:
        if fate.action != "unchanged" or dry_run:
            click.echo(f"{fate.place}: {fate.name}: {fate.action}" + (f" ({', '.join(fate.changes)})" if fate.changes else ""))
    for fault in outcome.faults:
        click.echo(f"error: {fault}", err=True)
    counts = {action: sum(fate.action == action for fate in outcome.fates) for action in ("create", "update", "unchanged")}
    told = f"{counts['create']} to create, {counts['update']} to update, {counts['unchanged']} unchanged"
    if outcome.faults:
        click.echo(f"{len(outcome.faults)} cells cannot be used, so nothing was saved ({told})", err=True)
        ctx.exit(2)
    click.echo(f"Dry run: {told}" if dry_run else told.replace("to create", "created").replace("to update", "updated"))
