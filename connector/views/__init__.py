"""Pages for people. ``blueprint`` is what the application registers; the machine pages of ``health`` have their own."""

from __future__ import annotations

from connector.views import blockers, check_in, key_result, overview, signals  # each adds its views
from connector.views.blueprint import blueprint

__all__ = ["blockers", "blueprint", "check_in", "key_result", "overview", "signals"]
