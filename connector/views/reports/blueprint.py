"""The blueprint of the reports. Its modules register their views on it."""

from __future__ import annotations

from flask import Blueprint

from connector.web.gate import guard

blueprint = Blueprint("reports", __name__)
guard(blueprint)
