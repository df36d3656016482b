"""Connections: list, wizards that test before they save, health, webhook set-up. ``blueprint`` is what the application registers."""

from __future__ import annotations

from connector.views.connections import acts, channels, forge, okr_adopting, okr_databases, okr_leads, pages, permission, webhook, wizard
from connector.views.connections.blueprint import blueprint

__all__ = [
    "acts",
    "blueprint",
    "channels",
    "forge",
    "okr_adopting",
    "okr_databases",
    "okr_leads",
    "pages",
    "permission",
    "webhook",
    "wizard",
]
