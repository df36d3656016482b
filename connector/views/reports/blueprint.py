"""The blueprint of the reports. Its modules register their views on it."""

from __future__ import annotations

from datetime import date

from flask import Blueprint

from connector.domain.wording import day_text
from connector.web.gate import guard

blueprint = Blueprint("reports", __name__)
guard(blueprint)


@blueprint.app_template_filter("day")
def day(value: date) -> str:
    """ "18 Nov"."""
    return day_text(value)
