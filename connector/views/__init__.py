"""Pages for people. ``blueprint`` is what the application registers; the machine pages of ``health`` have their own."""

from __future__ import annotations

from connector.views.overview import blueprint

__all__ = ["blueprint"]
