"""API tokens: who has which role and when it was used last; made and shown once, revoked."""

from __future__ import annotations

from flask import flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from connector.domain.rights import DEFAULT_ROLE, ROLE_WORDS, ROLES, Act
from connector.errors import InputError, NotFound
from connector.services import tokens
from connector.views.people.blueprint import blueprint
from connector.web.context import runtime
from connector.web.forms import Form, submitted
from connector.web.gate import need, viewer

Answered = str | Response | tuple[str, int]


@blueprint.get("/people/tokens")
@need(Act.ADMINISTER)
def token_list() -> str:
    """All tokens, and the form for a new one."""
    return _page(Form({"role": DEFAULT_ROLE}))


@blueprint.post("/people/tokens")
@need(Act.ADMINISTER)
def make_token() -> Answered:
    """A new token; it is shown in this answer only."""
    form = submitted()
    try:
        token = tokens.create(runtime(), form["name"].strip(), form["role"], person=form["person"], viewer=viewer())
    except InputError as error:
        form.note(error)
        return _page(form), form.status
    return _page(Form({"role": DEFAULT_ROLE}), token=token, name=form["name"].strip()), 201


@blueprint.post("/people/tokens/<name>/revoke")
@need(Act.ADMINISTER)
def revoke_token(name: str) -> Response:
    """End a token at once."""
    try:
        tokens.revoke(runtime(), name, viewer=viewer())
    except NotFound:
        flash(f"{name} was not in use any more.")
    else:
        flash(f"{name} is revoked. Whatever uses it is refused from now on.")
    return redirect(url_for("people.token_list"), 303)


def _page(form: Form, *, token: str = "", name: str = "") -> str:
    return render_template(
        "people/tokens.html",
        tokens=tokens.list_tokens(runtime()),
        form=form,
        token=token,
        name=name,
        roles=[(role, role) for role in ROLES],
        role_words=ROLE_WORDS,
        zone=runtime().settings.zone,
    )
