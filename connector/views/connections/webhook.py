"""The webhook of one connection: made by us, or by hand with what to copy; the handshake of hosts that tell their secret once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Response, flash, make_response, redirect, render_template, url_for
from werkzeug.wrappers import Response as AnyResponse

from connector.domain.rights import Act
from connector.domain.wording import moment_text
from connector.errors import Conflict, HostError
from connector.services.connecting import keeping, webhooks
from connector.services.connecting.kinds import HOST_TITLES
from connector.services.connecting.report import span_text
from connector.services.connection_names import connection_called
from connector.views.connections.blueprint import blueprint
from connector.web.context import runtime
from connector.web.forms import submitted
from connector.web.gate import need, viewer

POLL_ENDS = 286  # the status that stops htmx from asking on


@blueprint.get("/connections/<name>/webhook")
@need(Act.ADMINISTER)
def show_webhook(name: str) -> str:
    """How the webhook stands, and how to make it."""
    return _page(name)


@blueprint.post("/connections/<name>/webhook/register")
@need(Act.ADMINISTER)
def register_webhook(name: str) -> AnyResponse | tuple[str, int]:
    """Have the host make it."""
    try:
        made = webhooks.register(runtime(), viewer(), name)
    except (Conflict, HostError) as error:
        return _page(name, problem=str(error)), 409 if isinstance(error, Conflict) else 502
    if made.created and not made.steps:
        kept = webhooks.guide_of(runtime(), viewer(), name).kept
        flash(f"Done. The webhook is there and {'is prolonged every week' if kept else 'signs with a new secret'}.")
        return redirect(url_for("connections.show", name=name), 303)
    return _page(name, made=made), 200


@blueprint.post("/connections/<name>/webhook/secret")
@need(Act.ADMINISTER)
def new_secret(name: str) -> str | tuple[str, int]:
    """Make a secret and show it, this once."""
    try:
        secret = webhooks.make_secret(runtime(), viewer(), name)
    except Conflict as error:
        return _page(name, problem=str(error)), 409
    return _page(name, secret=secret)


@blueprint.post("/connections/<name>/webhook/arm")
@need(Act.ADMINISTER)
def arm(name: str) -> AnyResponse | tuple[str, int]:
    """Wait for the verification token."""
    try:
        webhooks.arm(runtime(), viewer(), name, replace=bool(submitted()["replace"]))
    except Conflict as error:
        return _page(name, problem=str(error)), 409
    return redirect(url_for("connections.show_webhook", name=name), 303)


@blueprint.post("/connections/<name>/webhook/token")
@need(Act.ADMINISTER)
def show_token(name: str) -> str | tuple[str, int]:
    """Show the verification token that came, this once."""
    try:
        token = webhooks.show_token(runtime(), viewer(), name)
    except Conflict as error:
        return _page(name, problem=str(error)), 409
    return _page(name, secret=token)


@blueprint.post("/connections/<name>/webhook/button")
@need(Act.ADMINISTER)
def show_button_secret(name: str) -> str | tuple[str, int]:
    """Show the secret that a button at the host sends along."""
    try:
        secret = webhooks.show_button_secret(runtime(), viewer(), name)
    except Conflict as error:
        return _page(name, problem=str(error)), 409
    return _page(name, button=secret)


@blueprint.get("/connections/<name>/webhook/state")
@need(Act.ADMINISTER)
def handshake_state(name: str) -> Response:
    """The part of the page that waits for the token; ends the asking once nothing is awaited."""
    told = _handshake(name)
    page = render_template("connections/_handshake.html", name=name, handshake=told)
    return make_response(page, 200 if told["state"] == "armed" else POLL_ENDS)


def _handshake(name: str) -> dict[str, Any]:
    told = dict(webhooks.token_state(runtime(), name))
    until: datetime | None = told["until"]
    if until is not None:
        told["left"] = span_text(until - runtime().now())
        told["until"] = moment_text(until, runtime().settings.zone)
    return told


def _kept(facts: dict[str, Any]) -> dict[str, str]:
    """How far a webhook that ends reaches, and until when."""
    ends = keeping.moment(facts.get("ends_at"))
    places = ", ".join(facts.get("containers") or ())
    return {"ends": moment_text(ends, runtime().settings.zone) if ends else "", "places": places or "the whole site"}


def _page(name: str, *, made: webhooks.SetUp | None = None, secret: str = "", button: str = "", problem: str = "") -> str:
    now, zone = runtime().now(), runtime().settings.zone
    with runtime().store.read() as session:
        row = connection_called(session, name)
    former = row.previous_secret_until if row.previous_webhook_secret else None
    kept = dict(row.webhook or {})
    return render_template(
        "connections/webhook.html",
        name=name,
        host=HOST_TITLES[row.host],
        guide=webhooks.guide_for(runtime(), row),
        has_secret=bool(row.webhook_secret),
        former=moment_text(former, zone) if former and former > now else "",
        event=moment_text(row.last_event_at, zone) if row.last_event_at else "",
        by_us=bool(kept.get("created")) and bool(row.webhook_secret),
        kept=_kept(kept) if kept.get("kept") else None,
        handshake=_handshake(name) if row.host == "notion" else None,
        public=runtime().settings.base_url.startswith("https://") or runtime().settings.sandbox,
        practice=runtime().settings.sandbox and row.host == "notion",
        made=made,
        secret=secret or (made.secret if made else ""),
        buttons=bool(runtime().dialect(row.host).unsigned) and bool(row.webhook_secret),
        button=button,
        problem=problem,
    )
