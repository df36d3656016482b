"""How people sign in and out, and their own page: sessions and notices."""

from __future__ import annotations

from connector.views.sign_in import account, entering
from connector.views.sign_in.blueprint import blueprint

__all__ = ["account", "blueprint", "entering"]
