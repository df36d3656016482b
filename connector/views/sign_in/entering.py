"""Signing in: the page of ways, a provider's redirect and return, links that work once; and signing out."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from urllib.parse import urlencode

from flask import redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from connector.errors import Conflict, InputError
from connector.services.sign_in import links, providers, providing, sessions
from connector.services.sign_in.claims import Flow, SignInRefused
from connector.views.connections.permission import is_awaited
from connector.views.sign_in.blueprint import blueprint
from connector.web import limits
from connector.web.context import runtime
from connector.web.forms import Form, submitted
from connector.web.gate import KEY, current_viewer, safe_path

FLOWS = "flows"  # what the cookie calls the sign-ins on their way, by state
MOST_FLOWS = 4  # tabs in which somebody may sign in at a time; a cookie is small

Answered = str | Response | tuple[str, int]


@blueprint.get("/sign-in")
def show() -> Answered:
    """The ways to sign in; whoever is signed in goes on at once."""
    viewer = current_viewer()
    if viewer is not None and viewer.person_id is not None:
        return redirect(safe_path(request.args.get("next")))
    return _page()


@blueprint.get("/sign-in/<provider>")
@limits.limiter.limit(limits.SIGN_IN)
def start(provider: str) -> Answered:
    """Off to a provider. A cookie remembers what must come back."""
    try:
        address, flow = providing.start(runtime(), provider, safe_path(request.args.get("next")))
    except SignInRefused as error:
        return _page(str(error)), 502
    flows = dict(list(_flows().items())[-(MOST_FLOWS - 1) :])
    session[FLOWS] = {**flows, flow.state: {name: value for name, value in asdict(flow).items() if name != "state"}}
    return redirect(address, 303)


@blueprint.get("/sign-in/<provider>/callback")
@limits.limiter.limit(limits.SIGN_IN)
def callback(provider: str) -> Answered:
    """Back from a provider, with a code that is good once. What it answers is judged by the service."""
    answer = {name: request.args.get(name, "") for name in ("state", "code", "error", "error_description", "iss") if name in request.args}
    flows = dict(_flows())
    kept = flows.pop(answer.get("state", ""), None)
    if kept is None and provider == providers.ATLASSIAN and is_awaited(answer.get("state", "")):
        # The one address that an app has at Atlassian also serves connecting a site, see ``services.connecting.consent``
        return redirect(f"{url_for('connections.come_back_to_jira')}?{urlencode(answer)}", 303)
    session[FLOWS] = flows
    flow = Flow(state=answer["state"], **kept) if kept is not None else None
    try:
        key = providing.finish(runtime(), provider, flow, answer, request.user_agent.string)
    except SignInRefused as error:
        return _page(str(error)), 403
    enter(key)
    return redirect(safe_path(flow.next if flow else "/"), 303)


@blueprint.get("/sign-in/once/<key>")
@limits.limiter.limit(limits.SIGN_IN)
def look(key: str) -> Answered:
    """The page of a link that signs in once. Looking uses nothing up."""
    info = links.look(runtime(), key)
    return render_template("sign_in/once.html", info=info, form=Form(), key=key), 200 if info else 410


@blueprint.post("/sign-in/once/<key>")
@limits.limiter.limit(limits.SIGN_IN)
def use(key: str) -> Answered:
    """Sign in with the link."""
    form = submitted()
    try:
        fresh = links.use(runtime(), key, email=form["email"], name=form["name"], agent=request.user_agent.string)
    except InputError as error:
        form.note(error)
        return render_template("sign_in/once.html", info=links.look(runtime(), key), form=form, key=key), 422
    except Conflict:
        return render_template("sign_in/once.html", info=None, form=form, key=key), 410
    enter(fresh)
    return redirect(url_for("pages.overview"), 303)


@blueprint.post("/sign-out")
def leave() -> Response:
    """End this session, here and on the server."""
    key = session.get(KEY)
    if isinstance(key, str):
        sessions.end(runtime(), key)
    session.clear()
    return redirect(url_for("sign_in.show"), 303)


def enter(key: str) -> None:
    """Put a new session's key into a fresh cookie: nothing that was in the old one, which a stranger may have set, lives on."""
    before = session.get(KEY)
    if isinstance(before, str):
        sessions.end(runtime(), before)
    session.clear()
    session[KEY] = key
    session.permanent = True


def _flows() -> dict[str, dict[str, Any]]:
    kept = session.get(FLOWS)
    return kept if isinstance(kept, dict) else {}


def _page(problem: str = "") -> str:
    return render_template(
        "sign_in/show.html",
        providers=providers.configured(runtime().settings),
        problem=problem,
        next=safe_path(request.args.get("next")),
    )
