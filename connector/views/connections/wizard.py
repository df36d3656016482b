"""The wizard: kind of login, steps at the host, credentials, test, save. Nothing is saved that was not tested.

Secrets go one way: what was tested travels to the next page as sealed text, never as it was typed.
"""

from __future__ import annotations

import hmac
import secrets
from typing import Any

from flask import abort, current_app, flash, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from connector.domain.rights import Act
from connector.errors import HostError, InputError
from connector.services.connecting import consent, saving, testing
from connector.services.connecting.drafts import Draft, check_name, check_url
from connector.services.connecting.kinds import BY_ID, HOST_TITLES, KINDS, NOTION_URL, OAUTH, Kind
from connector.views.connections.blueprint import blueprint, note
from connector.web.context import runtime
from connector.web.forms import Form, filled, submitted
from connector.web.gate import need, viewer
from connector.web.limits import limiter

TESTS = "30 per minute; 300 per hour"  # each calls a host with what somebody typed
_CONSENT = "consent"  # the key in the browser's session
_CONSENT_LASTS = 900.0  # seconds
_SANDBOX = {"jira": ("acme-jira-2", "/sandbox/jira"), "notion": ("acme-notion-2", "/sandbox/notion")}


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
    return _form_page(chosen, filled(_given(chosen)))[0]


@blueprint.post("/connect/<kind>")
@need(Act.ADMINISTER)
@limiter.limit(TESTS)
def test(kind: str) -> tuple[str, int]:
    """Test what was typed: the result with a Save button, or the form again with what is wrong."""
    chosen = _kind(kind)
    form = submitted()
    if chosen.id == OAUTH:
        return send_to_notion(chosen, form)
    try:
        draft, tested = saving.try_new(runtime(), viewer(), data_of(chosen, form))
    except (InputError, HostError) as error:
        note(form, error)
        return _form_page(chosen, form)
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
        return _kinds_page(form)
    try:
        name = saving.save_new(runtime(), viewer(), draft, tested)
    except InputError as error:
        note(form, error)
        return _kinds_page(form)
    flash(f"Saved. {name} is connected as {tested.account}; next, its webhook.")
    return redirect(url_for("connections.show_webhook", name=name), 303)


@blueprint.get(consent.PATH)
@need(Act.ADMINISTER)
@limiter.limit(TESTS)
def come_back() -> tuple[str, int]:
    """Back from Notion with a code: exchanged for credentials, which are tested like typed ones."""
    chosen = BY_ID[OAUTH]
    kept: Any = session.pop(_CONSENT, None)
    form = Form({"name": str(kept.get("name", "")), "url": str(kept.get("url", ""))} if isinstance(kept, dict) else {})
    state = request.args.get("state", "")
    try:
        if not isinstance(kept, dict) or kept.get("until", 0.0) < runtime().epoch() or not _same(str(kept.get("state", "")), state):
            raise InputError("This permission was not asked for from this browser, or too long ago. Start again")
        if request.args.get("error") or not request.args.get("code"):
            raise InputError("Notion gave no permission: it was declined there. Start again when it may be given")
        auth = consent.credentials(runtime(), viewer(), form["url"], request.args["code"])
        data = {"name": form["name"], "host": chosen.host, "url": form["url"], "auth": auth, "options": {}}
        renewal = bool(kept.get("renewing"))
        if renewal:
            draft, tested = saving.try_renewal(runtime(), viewer(), form["name"], data)
        else:
            draft, tested = saving.try_new(runtime(), viewer(), data)
    except (InputError, HostError) as error:
        note(form, error)
        return _form_page(chosen, form)
    return show_tested(chosen, draft, tested, renewal=renewal), 200


def send_to_notion(kind: Kind, form: Form, *, renewing: str = "") -> tuple[str, int]:
    """A page with the link to Notion: a form must not be answered with a way to another site. ``renewing``: a stored connection."""
    try:
        if renewing:
            name, url = renewing, saving.address_of(runtime(), viewer(), renewing)
        else:
            name = check_name(form["name"])
            url = check_url(form["url"] or NOTION_URL, allow_private=testing.allows_private(runtime()))
            testing.check_free(runtime(), name)
    except InputError as error:
        note(form, error)
        return _form_page(kind, form)
    state = secrets.token_urlsafe(24)
    address = consent.address(runtime(), viewer(), url, state)
    ends = runtime().epoch() + _CONSENT_LASTS
    session[_CONSENT] = {"state": state, "name": name, "url": url, "until": ends, "renewing": bool(renewing)}
    return render_template("connections/leave.html", kind=kind, name=name, address=address), 200


def _same(kept: str, given: str) -> bool:
    return bool(kept) and hmac.compare_digest(kept.encode(), given.encode("utf-8", "replace"))


def data_of(kind: Kind, form: Form) -> dict[str, Any]:
    """What was typed, in the shape that the services and the API take."""
    return {
        "name": form["name"],
        "host": kind.host,
        "url": form["url"] or (NOTION_URL if kind.host == "notion" else ""),
        "auth": {field.name: form[field.name] for field in kind.fields},
        "options": {"token_expires": form["token_expires"]},
    }


def _kind(ident: str) -> Kind:
    found = BY_ID.get(ident)
    if found is None:
        abort(404, f"There is no login called {ident}.")
    return found


def _given(kind: Kind) -> dict[str, str]:
    """What the form begins with; in the sandbox the stand-in's own address and login, to practise with."""
    if not runtime().settings.sandbox or kind.host not in _SANDBOX:
        return {"url": NOTION_URL if kind.host == "notion" else ""}
    name, path = _SANDBOX[kind.host]
    return {"name": name, "url": f"{runtime().settings.base_url}{path}"}


def _practice(kind: Kind) -> str:
    """In the sandbox, what the stand-in accepts: there is nobody else to ask."""
    standins = current_app.extensions.get("standins")
    if standins is None:
        return ""
    if kind.id == "jira-token":
        known = standins.jira.world.settings
        return f"It takes e-mail {known['email']}, API token {known['api_token']}."
    return f"It takes token {standins.notion.token}." if kind.id == "notion-token" else ""


def _form_page(kind: Kind, form: Form) -> tuple[str, int]:
    page = render_template(
        "connections/credentials.html",
        kind=kind,
        form=_without_secrets(kind, form),
        host=HOST_TITLES[kind.host],
        redirect=consent.redirect_address(runtime()),
        ready=kind.id != OAUTH or consent.is_set_up(runtime()),
        webhooks=f"{runtime().settings.base_url}/webhooks/",
        practice=_practice(kind),
    )
    return page, form.status


def _kinds_page(form: Form) -> tuple[str, int]:
    groups = [(title, [kind for kind in KINDS if kind.host == host]) for host, title in HOST_TITLES.items()]
    return render_template("connections/choose.html", groups=groups, form=form), form.status


def _without_secrets(kind: Kind, form: Form) -> Form:
    for name in kind.secrets:
        form.values.pop(name, None)
    return form


def show_tested(kind: Kind | None, draft: Draft, tested: testing.Tested, *, renewal: bool = False) -> str:
    """What the test found, with the button that saves it."""
    return render_template(
        "connections/tested.html",
        kind=kind,
        draft=draft,
        tested=tested,
        host=HOST_TITLES[draft.host],
        sealed=testing.seal(runtime(), viewer(), draft, tested),
        renewal=renewal,
    )
