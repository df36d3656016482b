"""The check-in form in a panel: shown prefilled, filed once."""

from __future__ import annotations

from flask import Response, jsonify, request, url_for

from connector.errors import InputError, NotFound
from connector.services.forge import rights
from connector.services.forge.caller import Caller
from connector.services.forge.issue_links import key_results_of_issue
from connector.views import check_in_entries, check_in_form as forms
from connector.views.forge.blueprint import answer, blueprint
from connector.views.forge.door import caller, for_person
from connector.web.context import runtime
from connector.web.forms import Form

PLACE = "jira"


@blueprint.get("/check-in/<ident>")
@for_person
def check_in(ident: str) -> Response:
    """The form, prefilled; as text for people who read but do not update."""
    shown = _load(ident)
    return answer(forms.render(shown, forms.fresh(shown)), title=f"Check-in: {shown.view.title}")


@blueprint.post("/check-in/<ident>")
@for_person
def file_check_in(ident: str) -> Response:
    """File what was typed; a draft comes back to be completed, a conflict with both versions."""
    shown, form = _load(ident), _form()
    saved = forms.save(shown, form)
    if saved is None:
        again = _load(ident)  # what is shown beside the entries is how it is now
        return answer(forms.render(again, form), status=form.status, said=_why(form))
    if saved.filed.draft:
        shown = _load(ident)
        return answer(forms.render(shown, forms.fresh(shown)), said=saved.said)
    return jsonify({"said": saved.said})  # nothing to show: the bundle goes back to the view that the form was opened from


@blueprint.post("/check-in/<ident>/check")
@for_person
def check_check_in(ident: str) -> Response:
    """Movement and questions for what is typed; nothing is saved."""
    return answer(forms.render_live(_load(ident), _form()))


def _load(ident: str) -> forms.Shown:
    found = caller()
    if found.issue:
        _require_served(found, ident)
    post, check = (url_for(f"forge.{name}", ident=ident) for name in ("file_check_in", "check_check_in"))
    return forms.load(runtime(), found.viewer, ident, forms.Place(PLACE, post, check, url_for("forge.issue") if found.issue else ""))


def _require_served(found: Caller, ident: str) -> None:
    """The issue that the caller looks at is theirs to see, and it serves the key result."""
    ref = rights.require_issue(runtime(), found)
    with runtime().store.read() as session:
        served = {each.id for each in key_results_of_issue(session, found.viewer, found.connection, ref)}
    if ident not in served:
        raise NotFound(f"this issue serves no key result {ident!r}")


def _form() -> Form:
    body = request.get_json(silent=True)
    if body is None:
        raise InputError("send the form as a JSON object")
    return check_in_entries.of_json(body)


def _why(form: Form) -> str:
    if form.stale is not None:
        return "Nothing was saved yet: the key result changed meanwhile. Look at both versions and save again."
    return "Nothing was saved yet: something needs a look."
