"""Mappings: list, editor with live preview, what is found at a host while a form is filled in."""

from __future__ import annotations

from flask import Blueprint

from connector.web.gate import guard

blueprint = Blueprint("mappings", __name__, url_prefix="/mappings", template_folder="../templates")
guard(blueprint)

from mappings.views import drift, editing, listing, live, suggestions, unmapped  # noqa: E402, F401  # they register their views on the blueprint
