"""Objectives: the list of a cycle, and the form."""

from __future__ import annotations

from connector.views.plan.blueprint import blueprint


@blueprint.get("/plan")
def index() -> str:
    """Not here yet."""
    return ""
