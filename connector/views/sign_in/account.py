"""A person's own page: who they are here, where they are signed in, what they were told."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from connector.domain.rights import ROLE_WORDS, Viewer
from connector.errors import NotFound
from connector.services.people import notices
from connector.services.sign_in import sessions
from connector.views.sign_in.blueprint import blueprint
from connector.web.context import runtime
from connector.web.gate import KEY, current_viewer


@blueprint.get("/account")
def account() -> str | Response:
    """The page itself."""
    viewer = _person()
    if viewer is None or viewer.person_id is None:
        return _to_sign_in()
    with runtime().store.read() as database:
        told = notices.of_person(database, viewer.person_id)
    return render_template(
        "sign_in/account.html",
        role_words=ROLE_WORDS[viewer.role],
        open_sessions=sessions.of_person(runtime(), viewer.person_id, session.get(KEY, "")),
        notices=told,
        zone=runtime().settings.zone,
    )


@blueprint.post("/account/sessions/end")
def end_sessions() -> Response:
    """End one of the own sessions, or all others."""
    viewer = _person()
    if viewer is None or viewer.person_id is None:
        return _to_sign_in()
    given = request.form.get("session", "")
    try:
        number = int(given) if given.isascii() and given.isdigit() and len(given) < 16 else None
        ended = sessions.revoke(runtime(), viewer, viewer.person_id, number, keep="" if number is not None else session.get(KEY, ""))
    except NotFound:
        flash("That session had ended already.")
    else:
        flash("1 session ended." if ended == 1 else f"{ended} sessions ended.")
    return redirect(url_for("sign_in.account"), 303)


@blueprint.post("/account/notices/read")
def read_notices() -> Response:
    """Mark all notices as read."""
    viewer = _person()
    if viewer is None:
        return _to_sign_in()
    notices.mark_read(runtime(), viewer)
    flash("All notices are marked as read.")
    return redirect(url_for("sign_in.account"), 303)


def _person() -> Viewer | None:
    """Who is signed in as a person; a token or a visitor of the sandbox has no page of their own."""
    viewer = current_viewer()
    return viewer if viewer is not None and viewer.person_id is not None else None


def _to_sign_in() -> Response:
    return redirect(url_for("sign_in.show", next=url_for("sign_in.account")), 303)
