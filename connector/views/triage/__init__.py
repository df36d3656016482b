"""The leads' pages: triage, and how goals hang together. ``blueprint`` is what the application registers."""

from __future__ import annotations

from connector.views.triage import alignment, pages  # each adds its views
from connector.views.triage.blueprint import blueprint

__all__ = ["alignment", "blueprint", "pages"]
