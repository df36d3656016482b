"""``NotionOkrDatabases``: see ``connector.hosts.okr_databases.OkrDatabases``."""

from __future__ import annotations

from connector.hosts.base import ConnectionSettings
from connector.hosts.limits import Budget
from connector.hosts.notion.client import NotionClient


class NotionOkrDatabases:
    """One workspace's OKR databases. Built and used in one process and thread."""

    def __init__(
        self, settings: ConnectionSettings, *, budget: Budget, allow_private: bool, instance: str = "okr", patience: float = 2.0
    ) -> None:
        self.settings = settings
        self._client = NotionClient(settings, budget=budget, allow_private=allow_private, patience=patience)

    def close(self) -> None:
        """Close the connection pool."""
        self._client.close()
