"""The runtime of the process that serves a request."""

from __future__ import annotations

from flask import current_app

from connector.runtime import Runtime


def runtime() -> Runtime:
    """The runtime of this process."""
    known: Runtime = current_app.extensions["runtime"]
    return known
