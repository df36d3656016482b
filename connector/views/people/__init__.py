"""People, their roles and host accounts, and API tokens. For admins."""

from __future__ import annotations

from connector.views.people import accounts, persons, tokens
from connector.views.people.blueprint import blueprint

__all__ = ["accounts", "blueprint", "persons", "tokens"]
