"""The blueprint of the planning pages. Its modules register their views on it."""

from __future__ import annotations

from flask import Blueprint

from connector.web.gate import guard

blueprint = Blueprint("plan", __name__)
guard(blueprint)
