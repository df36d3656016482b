"""The command `doctor`: prints what ``services.doctor`` found. Exit code 1 when there is a fault."""

from __future__ import annotations

import json

import click

from connector import log
from connector.runtime import build_runtime
from connector.services.doctor import as_json, examine
from connector.services.findings import FAULT, OK, WARNING
from connector.settings import load_settings

_MARKS = {"ok": "ok     ", "warning": "warning", "fault": "FAULT  ", "skipped": "skipped"}


@click.command()
@click.option("--json", "as_text", is_flag=True, help="Print the findings as JSON.")
@click.pass_context
def doctor(ctx: click.Context, as_text: bool) -> None:
    """Check the installation and name the mend for each fault.

    Looks at database, Redis, clock, and each connection's credentials, rights, webhook, sync and token.
    """
    settings = load_settings()
    # Only what the findings do not say anyway.
    log.configure(settings.log_format, "error" if settings.log_level == "info" else settings.log_level)
    runtime = build_runtime(settings)  # not through ``opened``: a database that is behind is a finding, nothing to mend here
    try:
        found = examine(runtime)
    finally:
        runtime.close()
    faults = sum(each.state == FAULT for each in found)
    if as_text:
        click.echo(json.dumps(as_json(found), indent=2))
    else:
        for each in found:
            click.echo(log.visible_text(f"{_MARKS[each.state]} {each.name}: {each.message}"))
            if each.mend and each.state in (FAULT, WARNING):
                click.echo(log.visible_text(f"        → {each.mend}"))
        warnings = sum(each.state == WARNING for each in found)
        fine = sum(each.state == OK for each in found)
        click.echo(f"{faults} faults, {warnings} warnings, {fine} fine")
    ctx.exit(1 if faults else 0)
