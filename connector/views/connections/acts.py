"""What an admin does to a connection from its page: run the checks, sync, new credentials, settings, pause, retire."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, url_for
from werkzeug.wrappers import Response

from connector.domain.rights import Act
from connector.errors import Conflict, HostError, InputError
from connector.services.changes import Stale
from connector.services.connecting import checks, saving, testing, webhooks
from connector.services.connecting.kinds import BY_ID, BY_PERMISSION
from connector.views.connections.blueprint import blueprint, note
from connector.views.connections.pages import health_page
from connector.views.connections.permission import send_away
from connector.views.connections.steps import TESTS, data_of, show_tested
from connector.web.context import runtime
from connector.web.forms import submitted
from connector.web.gate import need, viewer
from connector.web.limits import limiter


def _back(name: str) -> Response:
    return redirect(url_for("connections.show", name=name), 303)


@blueprint.post("/connections/<name>/checks")
@need(Act.OPERATE)
@limiter.limit(TESTS)
def run_checks(name: str) -> Response:
    """Test the login now."""
    try:
        found = checks.run_checks(runtime(), viewer(), name)
        flash("Checked. The login works." if found.get("ok") else "Checked. The login does not work; see Token.")
    except Conflict as error:
        flash(_sentence(error))
    return _back(name)


@blueprint.post("/connections/<name>/sync")
@need(Act.ADMINISTER)
def sync(name: str) -> Response:
    """Start a sync in the background."""
    full = bool(submitted()["full"])
    try:
        saving.ask_for_sync(runtime(), viewer(), name, full=full)
        flash(f"A {'full ' if full else ''}sync of {name} starts now; values follow as it reads.")
    except Conflict as error:
        flash(_sentence(error))
    return _back(name)


@blueprint.post("/connections/<name>/credentials")
@need(Act.ADMINISTER)
@limiter.limit(TESTS)
def renew(name: str) -> Response | tuple[str, int]:
    """New credentials: tested, and saved in one go when the test finds nothing missing; else shown first."""
    form = submitted()
    kind = BY_ID.get(form["kind"])
    if kind is not None and kind.id in BY_PERMISSION:
        return send_away(kind, form, renewing=name)
    try:
        if kind is None:
            raise InputError("Choose the login", where="kind")
        entered = {**data_of(kind, form), "url": form["url"], "options": {"token_expires": form["new_token_expires"]}}
        draft, tested = saving.try_renewal(runtime(), viewer(), name, entered)
    except (InputError, HostError) as error:
        note(form, error)
        if (message := form.errors.pop("token_expires", None)) is not None:
            form.errors["new_token_expires"] = message
        for secret in kind.secrets if kind else ():
            form.values.pop(secret, None)
        return health_page(name, form, opened="credentials")
    if tested.warnings:
        return show_tested(kind, draft, tested, renewal=True), 200
    saving.save_renewal(runtime(), viewer(), draft, tested)
    flash(f"Saved. {name} goes on as {tested.account}; a full sync starts.")
    return _back(name)


@blueprint.post("/connections/<name>/credentials/save")
@need(Act.ADMINISTER)
def save_renewal(name: str) -> Response | tuple[str, int]:
    """Save tested credentials although something is missing."""
    form = submitted()
    try:
        draft, tested = testing.unseal(runtime(), viewer(), form["tested"])
        if draft.name != name:
            raise InputError("This test was for another connection. Enter the credentials and test again")
    except InputError as error:
        note(form, error)
        return health_page(name, form, opened="credentials")
    saving.save_renewal(runtime(), viewer(), draft, tested)
    flash(f"Saved. {name} goes on as {tested.account}; a full sync starts.")
    return _back(name)


@blueprint.post("/connections/<name>/settings")
@need(Act.ADMINISTER)
def save_settings(name: str) -> Response | tuple[str, int]:
    """Store the options."""
    form = submitted()
    options: dict[str, Any] = {key: form[key] for key in ("requests_per_minute", "property_only", "token_expires")}
    options["fields"] = {"progress": form["progress_field"], "status": form["status_field"]}
    try:
        said = saving.save_settings(runtime(), viewer(), name, options, form.version)
    except InputError as error:
        note(form, error)
    except Stale as stale:
        form.conflict(stale)
    else:
        flash(f"Saved. The next calls follow these settings.{f' Not checked: {said}.' if said else ''}")
        return _back(name)
    return health_page(name, form, opened="settings")


@blueprint.post("/connections/<name>/pause")
@need(Act.ADMINISTER)
def pause(name: str) -> Response:
    """Stop calling the host."""
    saving.pause(runtime(), viewer(), name)
    flash(f"{name} is paused. Webhooks are kept, values stay as they are.")
    return _back(name)


@blueprint.post("/connections/<name>/resume")
@need(Act.ADMINISTER)
def resume(name: str) -> Response:
    """Go on."""
    saving.resume(runtime(), viewer(), name)
    flash(f"{name} goes on. A sync reads what was missed.")
    return _back(name)


@blueprint.post("/connections/<name>/retire")
@need(Act.ADMINISTER)
def retire(name: str) -> Response | tuple[str, int]:
    """End it, after the name was typed."""
    form = submitted()
    try:
        if form["confirm"].strip() != name:
            raise InputError(f"Type {name} to retire it", where="confirm")
        webhooks.take_away(runtime(), viewer(), name, form.version or None)
        left = saving.retire(runtime(), viewer(), name, form.version or None)
    except InputError as error:
        note(form, error)
        return health_page(name, form, opened="retire")
    except Stale:
        form.note(InputError("It was changed meanwhile. Look at it again, then retire it", where="confirm"))
        return health_page(name, form, opened="retire")[0], 409
    mappings = f" {left} mapping{'' if left == 1 else 's'} lost {'its' if left == 1 else 'their'} source." if left else ""
    flash(f"{name} is retired; its history stays.{mappings}")
    return redirect(url_for("connections.index"), 303)


def _sentence(error: Conflict) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."
