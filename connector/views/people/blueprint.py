"""The blueprint that the modules of this folder register their views on."""

from __future__ import annotations

from datetime import datetime

from flask import Blueprint

from connector.web.context import runtime
from connector.web.gate import guard

blueprint = Blueprint("people", __name__)
guard(blueprint)


@blueprint.app_template_filter("local_moment")
def local_moment(text: str) -> str:
    """A moment as the API writes it, in local time as the pages print it: "18 Nov 2026, 14:12"."""
    return f"{datetime.fromisoformat(text).astimezone(runtime().settings.zone):%-d %b %Y, %H:%M}"
