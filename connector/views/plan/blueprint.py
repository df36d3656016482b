"""The blueprint of the planning pages. Its modules register their views on it."""

from __future__ import annotations

from datetime import datetime

from flask import Blueprint

from connector.domain.wording import moment_text
from connector.web.context import runtime
from connector.web.gate import guard

blueprint = Blueprint("plan", __name__)
guard(blueprint)


@blueprint.app_template_filter("moment")
def moment(value: datetime) -> str:
    """A moment in the installation's zone: "18 Nov 14:12"."""
    return moment_text(value, runtime().settings.zone)
