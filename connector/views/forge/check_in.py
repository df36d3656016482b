"""The check-in form in a panel: shown prefilled, filed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from flask import Response, jsonify, url_for

from connector.errors import NotFound
from connector.services.check_ins.blockers import OFFERED, Blocker
from connector.services.forge import rights
from connector.services.forge.caller import Caller
from connector.services.forge.issue_links import issue_serves
from connector.store.visibility import sees_key_result_in_hosts
from connector.views import check_in_entries
from connector.views import check_in_form as forms
from connector.views.forge.blueprint import answer, blueprint
from connector.views.forge.door import caller, for_person, json_body
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
    return answer(forms.render_live(_load(ident, picking=False), _form()))


def _load(ident: str, *, picking: bool = True) -> forms.Shown:
    """What the form shows; ``picking`` is False where nobody sees the blockers to pick from."""
    found = caller()
    if found.issue:
        _require_served(found, ident)
    else:
        with runtime().store.read() as session:
            if not sees_key_result_in_hosts(session, found.viewer, ident):
                raise NotFound(f"there is no key result {ident!r}; it may have been retired")
    post, check = (url_for(f"forge.{name}", ident=ident) for name in ("file_check_in", "check_check_in"))
    place = forms.Place(PLACE, post, check, url_for("forge.issue") if found.issue else "")
    offered = rights.TOGETHER if picking and found.known else 0
    shown = forms.load(runtime(), found.viewer, ident, place, offered=offered)
    return replace(shown, opening=replace(shown.opening, blockers=_seen_by(found, shown.opening.blockers)))


def _seen_by(found: Caller, blockers: Sequence[Blocker]) -> list[Blocker]:
    """The issues that Jira lets the caller see; of other connections' items nobody can tell, so they are left out."""
    here = [each for each in blockers if each.connection == found.connection]
    seen = rights.visible_issues(runtime(), found, [each.ref for each in here])
    return [each for each in here if each.ref in seen][:OFFERED]


def _require_served(found: Caller, ident: str) -> None:
    """The issue that the caller looks at is theirs to see, and it serves the key result."""
    ref = rights.require_issue(runtime(), found)
    with runtime().store.read() as session:
        served = issue_serves(session, found.viewer, found.connection, ref, ident)
    if not served:
        raise NotFound(f"this issue serves no key result {ident!r}")


def _form() -> Form:
    return check_in_entries.of_json(json_body(needed=True))


def _why(form: Form) -> str:
    if form.stale is not None:
        return "Nothing was saved yet: the key result changed meanwhile. Look at both versions and save again."
    return "Nothing was saved yet: something needs a look."
