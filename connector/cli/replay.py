"""``okr-connector replay``: set stored webhooks back to pending, so that workers handle them once more. Thin: the work is elsewhere."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import click
from sqlalchemy import select

from connector.errors import InputError
from connector.runtime import Runtime, build_runtime
from connector.settings import load_settings
from connector.store.tables import Connection
from webhooks.deliveries import replay as set_back

STATES = ("failed", "ignored", "done", "all")
_SPAN = re.compile(r"(\d{1,6})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


@click.command()
@click.option("--connection", "name", metavar="NAME", help="Only deliveries of this connection.")
@click.option("--since", metavar="TIME", help="Only deliveries received since: 2026-11-22T08:00 (local zone OKR_TIMEZONE), or 90m, 6h, 2d.")
@click.option("--state", type=click.Choice(STATES), help="Which deliveries [default: failed, or all when --id is given].")
@click.option("--id", "ids", type=click.IntRange(min=1), multiple=True, metavar="N", help="This delivery; may be repeated.")
def replay(name: str | None, since: str | None, state: str | None, ids: tuple[int, ...]) -> None:
    """Handle stored webhooks once more.

    Harmless at any time: a webhook is a hint, after which items are read again and numbers computed anew.
    """
    runtime = build_runtime(load_settings())
    try:
        click.echo(_replay(runtime, name, since, state or ("all" if ids else "failed"), ids))
    finally:
        runtime.close()


def _replay(runtime: Runtime, name: str | None, since: str | None, state: str, ids: tuple[int, ...]) -> str:
    moment = _moment(since, runtime) if since else None
    with runtime.store.write() as session:
        connection_id = None
        if name is not None:
            connection_id = session.scalar(select(Connection.id).where(Connection.name == name))
            if connection_id is None:
                raise InputError(f"there is no connection {name!r}", where="--connection")
        touched = set_back(session, connection_id=connection_id, since=moment, state=state, ids=ids)
    for each in sorted(set(touched)):
        runtime.queue.nudge("drain", each)
    return f"{len(touched)} {'delivery' if len(touched) == 1 else 'deliveries'} set back to pending"


def _moment(text: str, runtime: Runtime) -> datetime:
    if span := _SPAN.fullmatch(text):
        return runtime.now() - timedelta(**{_UNITS[span[2]]: int(span[1])})
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"{text!r} is no time; write 2026-11-22T08:00, or a span such as 6h", where="--since") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=runtime.settings.zone)
