"""The blueprint of the pages that everybody reads. Its modules register their views on it."""

from __future__ import annotations

from flask import Blueprint

from connector.web.gate import guard

blueprint = Blueprint("pages", __name__)
guard(blueprint)
