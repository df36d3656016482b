"""The audit trail."""

from __future__ import annotations

from flask import Blueprint

from connector.web.gate import guard

blueprint = Blueprint("audit", __name__)
guard(blueprint)


@blueprint.get("/audit")
def index() -> str:
    """Not here yet."""
    return ""
