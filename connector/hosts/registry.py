"""The hosts that this installation knows. A third host is one folder and one line here."""

from __future__ import annotations

from types import ModuleType

from connector.hosts import jira, notion

HOSTS: dict[str, ModuleType] = {"jira": jira, "notion": notion}
