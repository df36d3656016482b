"""Bring the database to the current schema. Migrations ship with the code; ``okr-connector db upgrade`` and ``serve`` call this."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import OperationalError

from connector.errors import StoreUnavailable
from connector.settings import Settings
from connector.store.base import Store

SCRIPTS = Path(__file__).parent.parent / "migrations"


def _config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


def upgrade(settings: Settings) -> None:
    """Run all migrations that are missing. Raises ``StoreUnavailable`` when the database does not answer."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    store = Store(settings.resolved_database_url)
    try:
        with store.engine.connect() as connection:
            config = _config(settings.resolved_database_url)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
    except OperationalError as error:
        raise StoreUnavailable(f"the database at {store.url.render_as_string(hide_password=True)} does not answer") from error
    finally:
        store.close()


def is_current(store: Store) -> bool:
    """True when the database has the schema of this code."""
    head = ScriptDirectory.from_config(_config("sqlite://")).get_current_head()
    with store.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() == head
