"""Connections: list, wizards, health, webhook set-up."""

from __future__ import annotations

from flask import Blueprint

from connector.web.gate import guard

blueprint = Blueprint("connections", __name__)
guard(blueprint)


@blueprint.get("/connections")
def index() -> str:
    """Not here yet."""
    return ""
