"""The command `apply`: reads the file, shows the plan, words errors as `file:LINE: field: message`. The work is in ``services.declare``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from connector.cli.opening import opened
from connector.errors import Faults, InputError
from connector.services.declare.apply import Outcome, apply_text
from connector.services.declare.document import LARGEST
from connector.settings import Settings, load_settings
from connector.store.migrate import upgrade


@click.command()
@click.option("-f", "--file", "name", required=True, metavar="FILE", help="The YAML file; - reads standard input.")
@click.option("--dry-run", is_flag=True, help="Check everything, the hosts too, and show the plan; write nothing.")
@click.option("--reason", default="", metavar="TEXT", help="Why; stands in the audit trail beside every change.")
@click.pass_context
def apply(ctx: click.Context, name: str, dry_run: bool, reason: str) -> None:
    """Make the set-up equal to a YAML file.

    Connections, people, forums, teams, cycles, objectives, key results and mappings become what the file says; what it does not name is
    retired. ${NAME} inside a text is replaced by the environment variable. Everything happens in one transaction, or nothing does.
    """
    text = _read(name)
    shown = "<stdin>" if name == "-" else name
    migrate(load_settings())
    try:
        with opened() as runtime:
            outcome = apply_text(runtime, text, os.environ, dry_run=dry_run, reason=reason)
    except Faults as faults:
        for error in faults.errors:
            click.echo(f"{shown}:{error.line}: {f'{error.where}: ' if error.where else ''}{error.message}", err=True)
        number = len(faults.errors)
        click.echo(f"{number} {'error' if number == 1 else 'errors'}; nothing was changed", err=True)
        ctx.exit(2)
    show(outcome, dry_run=dry_run)


def migrate(settings: Settings) -> None:
    """Bring the database up to date. Raises ``InputError`` when the data folder cannot be made, ``StoreUnavailable``."""
    try:
        upgrade(settings)
    except OSError as error:
        raise InputError(f"cannot use the folder {settings.data_dir}: {error.strerror or error}", where="OKR_DATA_DIR") from error


def show(outcome: Outcome, *, dry_run: bool) -> None:
    """The plan, one line each, and a summary on standard output; warnings and notes on standard error."""
    for warning in outcome.warnings:
        click.echo(f"warning: {warning}", err=True)
    for note in outcome.notes:
        click.echo(f"note: {note}", err=True)
    for change in outcome.changes:
        click.echo(str(change))
    click.echo(f"unchanged: {outcome.unchanged}")
    if not outcome.changes:
        click.echo("nothing to change")
        return
    actions = [change.action for change in outcome.changes]
    words = {"create": "created", "update": "updated", "retire": "retired"}
    counted = ", ".join(f"{actions.count(action)} {past}" for action, past in words.items() if action in actions)
    click.echo(f"dry run, nothing was written; would be: {counted}" if dry_run else f"done: {counted}")


def _read(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read(LARGEST + 1)
    try:
        with Path(name).open("rb") as file:
            return file.read(LARGEST + 1)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", where=name) from error
    except ValueError as error:  # a NUL inside the name
        raise InputError("is not the name of a file", where="--file") from error
