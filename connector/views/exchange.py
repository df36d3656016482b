"""Import and export."""

from __future__ import annotations

from flask import Blueprint

from connector.web.gate import guard

blueprint = Blueprint("exchange", __name__)
guard(blueprint)


@blueprint.get("/exchange")
def index() -> str:
    """Not here yet."""
    return ""
