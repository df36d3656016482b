"""`sync`: the nightly job in the foreground, one connection after another; values and panels follow before it ends."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from sqlalchemy import select

from connector.cli.opening import opened
from connector.errors import ConnectorError, HostError, InputError
from connector.runtime import Runtime
from connector.services.drain import drain, settle
from connector.services.runs import count_written
from connector.services.sync import sync_connection
from connector.store import work
from connector.store.tables import Connection, Panel, Run

PANELS_WITHIN = 60.0  # seconds for which the end waits for panels that another process writes
REPORT_EVERY = 2.0  # seconds between two plain lines

Watcher = Callable[[Run, str, int], None]


@click.command()
@click.option("--connection", "name", metavar="NAME", help="Only this connection.")
@click.option("--full", is_flag=True, help="Read everything, not only what changed since the last run.")
@click.pass_context
def sync(ctx: click.Context, name: str | None, full: bool) -> None:
    """Run the nightly sync now, in the foreground.

    Ends with one line for each connection: seen, changed, repaired, gone, requests, written.
    """
    with opened() as runtime:
        chosen = _connections(runtime, name)
        if not chosen:
            click.echo("There is no connection yet. Describe one in a file and run: okr-connector apply -f FILE")
            return
        lines, failed = [], False
        for connection in chosen:
            try:
                run = _sync_one(runtime, connection, full)
                lines.append(
                    f"{connection.name}: seen {run.seen}, changed {run.changed}, repaired {run.repaired}, gone {run.gone}, "
                    f"requests {run.requests}, written {run.written}"
                )
            except HostError as error:
                failed = True
                lines.append(f"{connection.name}: {_trouble(runtime, connection, error)}")
            except ConnectorError as error:
                failed = True
                lines.append(f"{connection.name}: {error}")
        settle(runtime)
        for line in lines:
            click.echo(line)
        if failed:
            ctx.exit(1)


def _connections(runtime: Runtime, name: str | None) -> list[Connection]:
    with runtime.store.read() as session:
        found = list(session.scalars(select(Connection).where(Connection.retired_at.is_(None)).order_by(Connection.name)))
    if name is None:
        return found
    chosen = [connection for connection in found if connection.name == name]
    if not chosen:
        known = ", ".join(connection.name for connection in found) or "none"
        raise InputError(f"no connection is called {name!r}; there are: {known}", where="--connection")
    return chosen


def _sync_one(runtime: Runtime, connection: Connection, full: bool) -> Run:
    with ExitStack() as stack:
        run = sync_connection(runtime, connection.id, trigger="command", full=full, progress=_watcher(stack, connection.name))
    _follow(runtime, connection.id)
    count_written(runtime, run)
    return run


def _follow(runtime: Runtime, connection_id: int) -> None:
    """Work off values and panels; where a worker does that already, wait until it has."""
    end = time.monotonic() + PANELS_WITHIN
    while True:
        drain(runtime, connection_id)
        with runtime.store.read() as session:
            waiting = work.waiting(session, Panel, Panel.connection_id == connection_id, Panel.attempts == 0)
            row = session.get_one(Connection, connection_id)
        if not waiting or row.parked_at is not None or row.paused_until > runtime.epoch() or time.monotonic() > end:
            return
        time.sleep(0.2)


def _trouble(runtime: Runtime, connection: Connection, error: HostError) -> str:
    with runtime.store.read() as session:
        row = session.get_one(Connection, connection.id)
    if row.parked_at is not None:
        return f"parked: {row.parked_reason}; mend the credentials or rights, then run doctor"
    return f"stopped: {error.message}; the next sync goes on from here"


def _watcher(stack: ExitStack, name: str) -> Watcher:
    """What shows the progress: a bar on a terminal, a plain line now and then elsewhere (both on standard error)."""
    if not sys.stderr.isatty():
        return _plain(name)
    bar = stack.enter_context(
        Progress(
            SpinnerColumn(),
            TextColumn("{task.fields[connection]} {task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        )
    )
    task = bar.add_task("starting", total=None, connection=name)

    def watch(run: Run, what: str, estimate: int) -> None:
        # The estimate is what we knew before: there may be more by now.
        bar.update(task, description=what, completed=run.seen, total=max(estimate, run.seen) or None)

    return watch


def _plain(name: str) -> Watcher:
    last = 0.0

    def watch(run: Run, what: str, estimate: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= REPORT_EVERY:
            last = now
            of = f" of about {estimate}" if estimate > run.seen else ""
            click.echo(f"{name}: reading {what}, {run.seen}{of} items seen", err=True)

    return watch
