"""The wizard: kind of login, steps at the host, credentials, test, save. Nothing is saved that was not tested.

Secrets go one way: what was tested travels to the next page as sealed text, never as it was typed.
"""

from __future__ import annotations

from flask import abort, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from connector.domain.rights import Act
from connector.errors import HostError, InputError
from connector.services.connecting import saving, testing
from connector.services.connecting.kinds import BY_ID, BY_PERMISSION, HOST_TITLES, KINDS, Kind
from connector.views.connections.blueprint import blueprint, note
from connector.views.connections.permission import send_away
from connector.views.connections.steps import TESTS, data_of, form_page, given, kinds_page, show_tested
from connector.web.context import runtime
from connector.web.forms import filled, submitted
from connector.web.gate import need, viewer
from connector.web.limits import limiter


@blueprint.get("/connect")
@need(Act.ADMINISTER)
def choose() -> str:
    """Which host, which login."""
    groups = [(title, [kind for kind in KINDS if kind.host == host]) for host, title in HOST_TITLES.items()]
    return render_template("connections/choose.html", groups=groups)


@blueprint.get("/connect/<kind>")
@need(Act.ADMINISTER)
def ask(kind: str) -> str:
    """The steps at the host and the credentials form."""
    chosen = _kind(kind)
    return form_page(chosen, filled(given(chosen)))[0]


@blueprint.post("/connect/<kind>")
@need(Act.ADMINISTER)
@limiter.limit(TESTS)
def test(kind: str) -> tuple[str, int]:
    """Test what was typed: the result with a Save button, or the form again with what is wrong."""
    chosen = _kind(kind)
    form = submitted()
    if chosen.id in BY_PERMISSION:
        return send_away(chosen, form)
    try:
        draft, tested = saving.try_new(runtime(), viewer(), data_of(chosen, form))
    except (InputError, HostError) as error:
        note(form, error)
        return form_page(chosen, form)
    return show_tested(chosen, draft, tested), 200


@blueprint.post("/connect")
@need(Act.ADMINISTER)
def save() -> Response | tuple[str, int]:
    """Save exactly what was tested."""
    form = submitted()
    try:
        draft, tested = testing.unseal(runtime(), viewer(), form["tested"])
    except InputError as error:
        form.note(error)
        return kinds_page(form)
    try:
        name = saving.save_new(runtime(), viewer(), draft, tested)
    except InputError as error:
        note(form, error)
        return kinds_page(form)
    flash(f"Saved. {name} is connected as {tested.account}; next, its webhook.")
    return redirect(url_for("connections.show_webhook", name=name), 303)


def _kind(ident: str) -> Kind:
    found = BY_ID.get(ident)
    if found is None:
        abort(404, f"There is no login called {ident}.")
    return found
