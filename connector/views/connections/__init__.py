"""Connections: list, wizards that test before they save, health, webhook set-up. ``blueprint`` is what the application registers."""

from __future__ import annotations

from connector.views.connections import acts, forge, okr_databases, pages, permission, webhook, wizard
from connector.views.connections.blueprint import blueprint

__all__ = ["acts", "blueprint", "forge", "okr_databases", "pages", "permission", "webhook", "wizard"]
