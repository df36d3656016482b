"""Upgrades of a database that is in use: every row stays as it was, and what comes out has the schema of the code."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from connector.settings import Settings, load_settings
from connector.store.base import Base, Store
from connector.store.migrate import _config, upgrade
from connector.store.tables import Cycle

pytestmark = pytest.mark.databases("sqlite", "postgres")

FIRST = "0001"
MOMENT = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return load_settings(data_dir=tmp_path, database_url=database_url, secret_key="k" * 40)


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    found = Store(settings.resolved_database_url)
    yield found
    found.close()


def upgrade_to(store: Store, url: str, revision: str) -> None:
    with store.engine.connect() as connection:
        config = _config(url)
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        connection.commit()


def reflected(store: Store) -> sa.MetaData:
    found = sa.MetaData()
    found.reflect(store.engine, resolve_fks=True)
    found.remove(found.tables["alembic_version"])
    return found


def value(column: sa.Column[Any], number: int) -> Any:
    """A value that is told apart from the others, also between columns."""
    for key in column.foreign_keys:
        return value(key.column, number)
    kind = column.type
    if isinstance(kind, sa.Boolean):
        return bool(number % 2)
    if isinstance(kind, sa.DateTime):
        return MOMENT
    if isinstance(kind, sa.Date):
        return date(2026, 10, number)
    if isinstance(kind, sa.Integer):
        return number
    if isinstance(kind, sa.Float):
        return number + 0.5
    if isinstance(kind, sa.LargeBinary):
        return b"body %d" % number
    return f"{column.name} {number}"


def fill(store: Store) -> None:
    """Two rows in every table, all columns filled, referring to each other wherever they can."""
    with store.engine.begin() as connection:
        for table in reflected(store).sorted_tables:
            connection.execute(table.insert(), [{column.name: value(column, number) for column in table.c} for number in (1, 2)])


def contents(store: Store, columns: dict[str, list[str]]) -> dict[str, list[Any]]:
    tables = reflected(store).tables
    with store.engine.connect() as connection:
        return {
            name: sorted((tuple(row) for row in connection.execute(sa.select(*(tables[name].c[each] for each in names)))), key=repr)
            for name, names in columns.items()
        }


def test_an_upgrade_keeps_every_row(store: Store, settings: Settings, database_kind: str) -> None:
    upgrade_to(store, settings.resolved_database_url, FIRST)
    fill(store)
    columns = {name: [column.name for column in table.c] for name, table in reflected(store).tables.items()}
    before = contents(store, columns)
    assert len(columns) >= 15
    assert {len(rows) for rows in before.values()} == {2}
    upgrade(settings)
    assert contents(store, columns) == before


def test_what_was_there_means_the_same_afterwards(store: Store, settings: Settings, database_kind: str) -> None:
    upgrade_to(store, settings.resolved_database_url, FIRST)
    fill(store)
    upgrade(settings)
    with store.read() as session:
        started = session.scalars(sa.select(Cycle.started_at)).all()
    assert len(started) == 2
    assert all(moment is not None and moment.tzinfo is not None for moment in started)  # what runs already was started
    with store.engine.connect() as connection:
        assert {tuple(row) for row in connection.execute(sa.text("SELECT stage, restricted FROM objectives"))} == {("ready", False)}
        assert {row.role for row in connection.execute(sa.text("SELECT role FROM people"))} == {"member"}
        assert connection.execute(sa.text("SELECT count(*) FROM audit WHERE reason = ''")).scalar() == 2


def test_references_hold_afterwards(store: Store, settings: Settings, database_kind: str) -> None:
    upgrade_to(store, settings.resolved_database_url, FIRST)
    fill(store)
    upgrade(settings)
    with pytest.raises(sa.exc.IntegrityError), store.engine.begin() as connection:
        connection.execute(sa.text("UPDATE teams SET forum_id = 99"))
    with pytest.raises(sa.exc.IntegrityError), store.engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM people WHERE id = 1"))  # owns a key result
    if database_kind == "sqlite":
        with store.engine.connect() as connection:
            assert connection.execute(sa.text("PRAGMA foreign_key_check")).all() == []


def test_every_revision_ends_at_the_tables_of_the_code(store: Store, settings: Settings, database_kind: str) -> None:
    upgrade(settings)
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_a_second_upgrade_changes_nothing(store: Store, settings: Settings, database_kind: str) -> None:
    upgrade_to(store, settings.resolved_database_url, FIRST)
    fill(store)
    upgrade(settings)
    columns = {name: [column.name for column in table.c] for name, table in reflected(store).tables.items()}
    before = contents(store, columns)
    upgrade(settings)
    assert contents(store, columns) == before
