"""A login that a person gives at the host (OAuth 2.0): there and back again, and the choice among the sites that it covers.

What must come back is kept in the browser's session, counts once and for a quarter of an hour; tokens are only ever sent sealed.
"""

from __future__ import annotations

import hmac
import secrets
from typing import Any

from flask import render_template, request, session
from werkzeug.wrappers import Response

from connector.domain.rights import Act
from connector.errors import HostError, InputError
from connector.services.connecting import consent, saving, testing
from connector.services.connecting.consent import Permission, Place
from connector.services.connecting.drafts import check_name, check_url
from connector.services.connecting.kinds import BY_ID, JIRA_OAUTH, NOTION_OAUTH, NOTION_URL, Kind
from connector.views.connections.blueprint import blueprint, note
from connector.views.connections.steps import TESTS, form_page, show_tested
from connector.web.context import runtime
from connector.web.forms import Form, submitted
from connector.web.gate import need, viewer
from connector.web.limits import limiter

_KEPT = "consent"  # the key in the browser's session
_LASTS = 900.0  # seconds
_AGAIN = "This permission was not asked for from this browser, or too long ago. Start again"

Answered = tuple[str, int]


def send_away(kind: Kind, form: Form, *, renewing: str = "") -> Answered:
    """A page with the link to the host: a form must not be answered with a way to another site. ``renewing``: a stored connection."""
    try:
        if renewing:
            name, url = renewing, saving.address_of(runtime(), viewer(), renewing)
        else:
            name = check_name(form["name"])
            url = check_url(form["url"] or (NOTION_URL if kind.id == NOTION_OAUTH else ""), allow_private=testing.allows_private(runtime()))
            testing.check_free(runtime(), name)
        state = secrets.token_urlsafe(24)
        address = consent.address(runtime(), viewer(), kind.id, url, state)
    except InputError as error:
        note(form, error)
        return form_page(kind, form)
    ends = runtime().epoch() + _LASTS
    session[_KEPT] = {"kind": kind.id, "state": state, "name": name, "url": url, "until": ends, "renewing": bool(renewing)}
    return render_template("connections/leave.html", kind=kind, way=consent.WAYS[kind.id], name=name, address=address), 200


def is_awaited(state: str) -> bool:
    """Whether this browser waits for a permission with this state: then an answer that came to the sign-in belongs here."""
    kept = session.get(_KEPT)
    return isinstance(kept, dict) and kept.get("kind") == JIRA_OAUTH and _same(str(kept.get("state", "")), state)


@blueprint.get(consent.NOTION_PATH)
@need(Act.ADMINISTER)
@limiter.limit(TESTS)
def come_back() -> Answered:
    """Back from Notion with a code."""
    return _take(NOTION_OAUTH)


@blueprint.get("/connect/jira/callback")
@need(Act.ADMINISTER)
@limiter.limit(TESTS)
def come_back_to_jira() -> Answered:
    """Back from Atlassian with a code, by way of the sign-in's address."""
    return _take(JIRA_OAUTH)


@blueprint.post("/connect/jira/site")
@need(Act.ADMINISTER)
@limiter.limit(TESTS)
def choose_site() -> Answered | Response:
    """Another site than the one that was named, chosen among those that the permission covers."""
    form, kind = submitted(), BY_ID[JIRA_OAUTH]
    try:
        name, permission = _unsealed(form["permission"])
        place = next((each for each in permission.places if each.id == form["site"]), None)
        if place is None:
            return _places_page(name, form["permission"], permission, problem="Choose one of the sites")
        form.values.update(name=name, url=place.url)
        return _tested(kind, name, place.url, permission.auth_for(place), renewal=False)
    except (InputError, HostError) as error:
        note(form, error)
        return form_page(kind, form)


def _take(kind_id: str) -> Answered:
    """Exchange the code for credentials, which are tested like typed ones."""
    kind, way = BY_ID[kind_id], consent.WAYS[kind_id]
    kept: Any = session.pop(_KEPT, None)
    form = Form({"name": str(kept.get("name", "")), "url": str(kept.get("url", ""))} if isinstance(kept, dict) else {})
    state, code = request.args.get("state", ""), request.args.get("code", "")
    try:
        if not isinstance(kept, dict) or kept.get("kind") != kind_id or kept.get("until", 0.0) < runtime().epoch():
            raise InputError(_AGAIN)
        if not _same(str(kept.get("state", "")), state):
            raise InputError(_AGAIN)
        if request.args.get("error") or not code:
            raise InputError(f"{way.title} gave no permission: it was declined there. Start again when it may be given")
        permission = consent.permission(runtime(), viewer(), kind_id, form["url"], code)
        auth, renewal = permission.auth, bool(kept.get("renewing"))
        if permission.places:
            place = permission.place_at(form["url"])
            if place is None and not renewal:
                return _places_page(form["name"], _sealed(form["name"], permission), permission, asked=form["url"])
            if place is None:
                covered = ", ".join(each.url for each in permission.places)
                raise InputError(f"The permission is for {covered}, not for {form['url']}. Start again and choose that site")
            auth = permission.auth_for(place)
        return _tested(kind, form["name"], form["url"], auth, renewal=renewal)
    except (InputError, HostError) as error:
        note(form, error)
        return form_page(kind, form)


def _tested(kind: Kind, name: str, url: str, auth: Any, *, renewal: bool) -> Answered:
    data = {"name": name, "host": kind.host, "url": url, "auth": dict(auth), "options": {}}
    if renewal:
        draft, tested = saving.try_renewal(runtime(), viewer(), name, data)
    else:
        draft, tested = saving.try_new(runtime(), viewer(), data)
    return show_tested(kind, draft, tested, renewal=renewal), 200


def _places_page(name: str, sealed: str, permission: Permission, *, asked: str = "", problem: str = "") -> Answered:
    form = Form({"site": permission.places[0].id} if len(permission.places) == 1 else {})
    if problem:
        form.note(InputError(problem, where="site"))
    options = [(each.id, f"{each.name} ({each.url})" if each.name != each.url else each.url) for each in permission.places]
    return render_template("connections/site.html", name=name, sealed=sealed, options=options, asked=asked, form=form), form.status


def _sealed(name: str, permission: Permission) -> str:
    """The permission as sealed text for a hidden field: only this installation can open it, only the same person can use it."""
    places = [[each.id, each.url, each.name] for each in permission.places]
    ends = runtime().epoch() + _LASTS
    return runtime().vault.seal({"by": viewer().name, "until": ends, "name": name, "permission": dict(permission.auth), "places": places})


def _unsealed(sealed: str) -> tuple[str, Permission]:
    try:
        held = runtime().vault.open(sealed)
    except InputError:
        raise InputError(_AGAIN) from None
    if not isinstance(held, dict) or "permission" not in held or held.get("by") != viewer().name or held["until"] < runtime().epoch():
        raise InputError(_AGAIN)
    return str(held["name"]), Permission(held["permission"], tuple(Place(*each) for each in held["places"]))


def _same(kept: str, given: str) -> bool:
    return bool(kept) and hmac.compare_digest(kept.encode(), given.encode("utf-8", "replace"))
