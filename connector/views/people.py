"""People, teams, tokens."""

from __future__ import annotations

from flask import Blueprint

from connector.web.gate import guard

blueprint = Blueprint("people", __name__)
guard(blueprint)


@blueprint.get("/people")
def index() -> str:
    """Not here yet."""
    return ""
