"""Mappings: list, editor with live preview, suggestions, what is not mapped yet."""

from __future__ import annotations

from flask import Blueprint

from connector.web.gate import guard

blueprint = Blueprint("mappings", __name__, url_prefix="/mappings", template_folder="templates")
guard(blueprint)


@blueprint.get("")
def index() -> str:
    """Not here yet."""
    return ""
