"""The blueprint of the reviews. Its modules register their views on it."""

from __future__ import annotations

from flask import Blueprint

from connector.web.gate import guard

blueprint = Blueprint("reviews", __name__)
guard(blueprint)
