"""A connection as the audit trail and forms compare it. Secrets are told as set or not, never shown."""

from __future__ import annotations

from typing import Any

from connector.store.tables import Connection

SET, UNSET, NEW = "set", "not set", "new"


def view(row: Connection) -> dict[str, Any]:
    """What a person may change of a connection."""
    return {
        "host": row.host,
        "url": row.url,
        "auth": SET if row.auth else UNSET,
        "webhook_secret": SET if row.webhook_secret else UNSET,
        "options": dict(row.options or {}),
        "paused": row.paused_at is not None,
        "retired": row.retired_at is not None,
    }


def settings_view(row: Connection) -> dict[str, Any]:
    """What the settings form shows, by its fields."""
    options = row.options or {}
    fields = options.get("fields") or {}
    return {
        "requests_per_minute": options.get("requests_per_minute"),
        "property_only": "1" if options.get("property_only") else "",
        "token_expires": options.get("token_expires"),
        "progress_field": fields.get("progress", ""),
        "status_field": fields.get("status", ""),
    }
