"""The audit trail: who changed what, when, from what to what. For admins."""

from __future__ import annotations

from datetime import date

from flask import Blueprint, Response, render_template, request, stream_with_context

from connector.domain.rights import Act
from connector.services import audit
from connector.services.audit import Filters
from connector.web.context import runtime
from connector.web.forms import Form
from connector.web.gate import guard, need, viewer

blueprint = Blueprint("audit", __name__)
guard(blueprint)

FIELDS = ("actor", "entity", "id", "action", "since", "until")


@blueprint.get("/audit")
@need(Act.ADMINISTER)
def index() -> tuple[str, int]:
    """The trail, filtered by the query."""
    form = Form({name: request.args.get(name, "").strip()[:254] for name in FIELDS})
    filters = _filters(form)
    with runtime().store.read() as session:
        page = audit.audit_page(session, viewer(), filters, runtime().settings.zone, request.args.get("cursor") or None, 50)
        entities, actions = audit.choices(session)
    given = {name: value for name, value in form.values.items() if value}
    shown = render_template(
        "audit/index.html",
        trail=[(entry, audit.differences(entry)) for entry in page.items],
        following=page.next,
        form=form,
        given=given,
        entities=[(each, each.replace("_", " ")) for each in entities],
        actions=[(each, each.replace("_", " ")) for each in actions],
        zone=runtime().settings.zone,
    )
    return shown, form.status


@blueprint.get("/audit.csv")
@need(Act.ADMINISTER)
def download() -> Response:
    """The filtered trail as CSV; a filter that cannot be read is left out."""
    filters = _filters(Form({name: request.args.get(name, "").strip()[:254] for name in FIELDS}))
    lines = audit.export(runtime(), viewer(), filters)
    answer = Response(stream_with_context(lines), mimetype="text/csv")
    answer.headers["Content-Disposition"] = 'attachment; filename="audit.csv"'
    return answer


def _filters(form: Form) -> Filters:
    return Filters(form["actor"], form["entity"], form["id"], form["action"], _day(form, "since"), _day(form, "until"))


def _day(form: Form, name: str) -> date | None:
    if not form[name]:
        return None
    try:
        return date.fromisoformat(form[name])
    except ValueError:
        form.errors[name] = "Enter a day such as 2026-11-18"
        return None
