"""The door of the Forge app (Forge Remote): every call carries an invocation token; answers are JSON with a fragment of HTML."""

from __future__ import annotations

from connector.views.forge import check_in, dashboard, events, frame, issue, lifecycle
from connector.views.forge.blueprint import blueprint

__all__ = ["blueprint", "check_in", "dashboard", "events", "frame", "issue", "lifecycle"]
