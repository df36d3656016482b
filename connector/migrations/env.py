"""Alembic's entry: runs inside the connection that ``connector.store.migrate`` hands over."""

from __future__ import annotations

from alembic import context

import connector.store.tables  # noqa: F401  # fills the metadata
from connector.store.base import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True, compare_type=True)
with context.begin_transaction():
    context.run_migrations()
