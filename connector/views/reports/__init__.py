"""Reports on the rhythm, the champion's page, and the review pack as a file. ``blueprint`` is what the application registers."""

from __future__ import annotations

from connector.views.reports import champion, discipline, packs  # each adds its views
from connector.views.reports.blueprint import blueprint

__all__ = ["blueprint", "champion", "discipline", "packs"]
