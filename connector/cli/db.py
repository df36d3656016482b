"""The commands `db upgrade` and `db check`."""

from __future__ import annotations

from pathlib import Path

import click
from sqlalchemy import make_url

from connector import log
from connector.cli.apply import migrate
from connector.errors import StoreUnavailable
from connector.settings import Settings, load_settings
from connector.store.base import Store
from connector.store.migrate import is_current


@click.group()
def db() -> None:
    """Database migrations."""


@db.command("upgrade")
def upgrade_() -> None:
    """Bring the database to the schema of this version."""
    settings = _settings()
    migrate(settings)
    click.echo(f"up to date: {_shown(settings)}")


@db.command()
@click.pass_context
def check(ctx: click.Context) -> None:
    """Say whether the database answers and has the schema of this version. Exit code 1 when not; changes nothing."""
    settings = _settings()
    store = Store(settings.resolved_database_url)
    try:
        if store.is_sqlite and not _file_exists(store):
            raise StoreUnavailable(f"there is no database at {_shown(settings)} yet; run: okr-connector db upgrade")
        with store.read():  # translates a database that does not answer
            current = is_current(store)
    finally:
        store.close()
    if not current:
        click.echo(f"not up to date: {_shown(settings)}; run: okr-connector db upgrade", err=True)
        ctx.exit(1)
    click.echo(f"up to date: {_shown(settings)}")


def _settings() -> Settings:
    settings = load_settings()
    log.configure(settings.log_format, settings.log_level if settings.log_level != "info" else "warning")
    return settings


def _shown(settings: Settings) -> str:
    return make_url(settings.resolved_database_url).render_as_string(hide_password=True)


def _file_exists(store: Store) -> bool:
    name = store.url.database
    return not name or name == ":memory:" or Path(name).exists()
