"""The reviews of a forum: what is read before, what is decided. ``blueprint`` is what the application registers."""

from __future__ import annotations

from connector.views.reviews import decisions, pre_read, screen, skipping  # each adds its views
from connector.views.reviews.blueprint import blueprint

__all__ = ["blueprint", "decisions", "pre_read", "screen", "skipping"]
