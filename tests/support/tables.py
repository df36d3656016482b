"""Gives a new database its tables: they are made once in a process, then copied. Making them anew is a third of what a short test costs."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from connector.store.base import Base, Store

_TEMPLATE = "t_tables"


def give_tables(url: str) -> None:
    """Make the product's tables in a database. One that has tables keeps them."""
    parts = make_url(url)
    if parts.get_backend_name() != "sqlite":
        _copy_on_postgres(url, str(parts.database))
    elif parts.database and not (path := Path(parts.database)).exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_sqlite_template())
    else:
        _make(url)


def _make(url: str) -> None:
    store = Store(url)
    try:
        Base.metadata.create_all(store.engine)
    finally:
        store.close()


@functools.cache
def _sqlite_template() -> bytes:
    with tempfile.TemporaryDirectory(prefix="okr-test-tables-") as folder:
        path = Path(folder) / "template.db"
        _make(f"sqlite:///{path}")
        return path.read_bytes()


def _copy_on_postgres(url: str, name: str) -> None:
    with psycopg.connect(url) as there:
        if there.execute("SELECT 1 FROM pg_tables WHERE schemaname = 'public'").fetchone():
            return
    server = url.rsplit("/", 1)[0]
    with psycopg.connect(f"{server}/postgres", autocommit=True) as admin:
        if not admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [_TEMPLATE]).fetchone():
            admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(_TEMPLATE)))
            _make(f"{server}/{_TEMPLATE}")
        admin.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))
        copied = "CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY"
        admin.execute(sql.SQL(copied).format(sql.Identifier(name), sql.Identifier(_TEMPLATE)))
