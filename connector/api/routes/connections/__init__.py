"""Connections: test, save, credentials, settings, webhook set-up, health, sync. The same services as the pages; no secret is ever read out.

A secret made by us is in one answer only: the one of the call that made it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.api.routes.connections.shapes import (
    ArmBody,
    Armed,
    ChangeBody,
    ConnectionBody,
    ConnectionHealth,
    Done,
    SwitchBody,
    SyncBody,
    TestedLogin,
    Token,
    Webhook,
    WebhookBody,
)
from connector.api.routing import Answer, Call, Endpoint
from connector.domain.rights import Act
from connector.errors import Conflict, InputError
from connector.services.changes import Stale
from connector.services.connecting import checks, health, report, saving, webhooks
from connector.services.connecting.drafts import FIELDS, Draft
from connector.services.connecting.testing import Tested
from connector.store.reads.paging import moment_text


def _options(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings as they are given: what is not set is left out."""
    given = {name: value for name, value in settings.items() if value not in (None, "")}
    fields = {name: given.pop(f"{name}_field") for name in FIELDS if f"{name}_field" in given}
    return given | ({"fields": fields} if fields else {})


def _tested(draft: Draft, tested: Tested, *, saved: bool) -> dict[str, Any]:
    return {
        "name": draft.name,
        "saved": saved,
        "account": tested.account,
        "visible": tested.visible,
        "names": list(tested.names),
        "scopes": list(tested.scopes),
        "warnings": list(tested.warnings),
        "notes": list(tested.notes),
        "expires_at": moment_text(tested.expires_at),
    }


def connect(call: Call) -> Answer:
    """Test a connection at its host and, unless ``test`` is set, save it. 201 when it was saved, 200 when it was only tested."""
    body: ConnectionBody = call.body
    data = body.model_dump(exclude={"test"})
    draft, tested = saving.try_new(call.runtime, call.viewer, data)
    if not body.test:
        saving.save_new(call.runtime, call.viewer, draft, tested)
    return Answer(_tested(draft, tested, saved=not body.test), 200 if body.test else 201)


def get_connection(call: Call, name: str) -> Answer:
    """One connection: state, checks, deliveries by hour, and the key results that it feeds and the caller may see."""
    now, zone = call.runtime.now(), call.runtime.settings.zone
    with call.runtime.store.read() as session:
        found = health.health(call.runtime, session, call.viewer, name)
    facts = found.facts
    state = report.state_of(facts, now, zone)
    return Answer(
        {
            "name": facts.name,
            "host": facts.host.lower(),
            "url": facts.url,
            "account": facts.account,
            "state": state.code,
            "why": state.why,
            "checks": [
                {"name": each.name, "mark": each.mark, "finding": each.finding, "mend": each.mend}
                for each in report.checks_of(facts, now, zone)
            ],
            "checked_at": (facts.checks or {}).get("at"),
            "webhook": facts.webhook,
            "armed_until": moment_text(facts.armed_until),
            "last_event_at": moment_text(facts.last_event_at),
            "last_sync_at": moment_text(facts.last_sync_at),
            "last_success_at": moment_text(facts.last_success_at),
            "repaired": facts.done.repaired if facts.done else None,
            "quota": dict(facts.quota) if facts.quota else None,
            "token_ends": facts.ends_on.isoformat() if facts.ends_on else None,
            "options": _options(found.settings),
            "hours": list(facts.hours),
            "key_results": [
                {"id": each.row.id, "title": each.row.title, "state": each.row.state, "broken": each.broken or None}
                for each in found.affected
            ],
            "key_results_total": found.affected_total,
            "version": found.version,
            "settings_version": found.settings_version,
        }
    )


def change_connection(call: Call, name: str) -> Answer:
    """New credentials (tested, then saved unless ``test``; they bring a parked or retired connection back), or other options."""
    body: ChangeBody = call.body
    if (body.auth is None) == (body.options is None) or (body.url is not None and body.auth is None):
        raise InputError("give either auth (with url when the address changes) or options", where="auth")
    if body.options is not None:
        saving.save_settings(call.runtime, call.viewer, name, body.options.model_dump(), body.version)
        return get_connection(call, name)
    draft, tested = saving.try_renewal(call.runtime, call.viewer, name, {"auth": body.auth, "url": body.url})
    if not body.test:
        saving.save_renewal(call.runtime, call.viewer, draft, tested)
    return get_connection(call, name)


def test_connection(call: Call, name: str) -> Answer:
    """Run the checks of a connection now; a parked one whose login works again goes on."""
    checks.run_checks(call.runtime, call.viewer, name)
    return get_connection(call, name)


test_connection.__test__ = False  # type: ignore[attr-defined]  # a name that test collectors must not take for a test


def set_up_webhook(call: Call, name: str) -> Answer:
    """Have the host make the webhook, or make a new secret for one made by hand; where the rights do not allow it, the steps."""
    body: WebhookBody = call.body
    guide = webhooks.guide_of(call.runtime, call.viewer, name)
    if body.make == "secret":
        secret = webhooks.make_secret(call.runtime, call.viewer, name)
        made = webhooks.SetUp(False, "", guide.steps, guide.events, secret)
    else:
        made = webhooks.register(call.runtime, call.viewer, name)
    return Answer(
        {
            "created": made.created,
            "why": made.why,
            "url": guide.url,
            "steps": list(made.steps),
            "events": list(made.events),
            "secret": made.secret or None,
        }
    )


def arm_connection(call: Call, name: str) -> Answer:
    """Accept the next verification token, once, for 24 hours."""
    until = webhooks.arm(call.runtime, call.viewer, name, replace=call.body.replace)
    return Answer({"until": moment_text(until)})


def show_verification_token(call: Call, name: str) -> Answer:
    """The verification token that came, this once, for pasting it back at the host."""
    return Answer({"token": webhooks.show_token(call.runtime, call.viewer, name)})


def sync_connection(call: Call, name: str) -> Answer:
    """Start a sync in the background."""
    saving.ask_for_sync(call.runtime, call.viewer, name, full=call.body.full)
    return Answer({"name": name, "state": "asked", "mappings": 0})


def pause_connection(call: Call, name: str) -> Answer:
    """Call the host no more until somebody resumes; webhooks are kept."""
    saving.pause(call.runtime, call.viewer, name)
    return Answer({"name": name, "state": "paused", "mappings": 0})


def resume_connection(call: Call, name: str) -> Answer:
    """Go on after a pause; a sync reads what was missed."""
    saving.resume(call.runtime, call.viewer, name)
    return Answer({"name": name, "state": "resumed", "mappings": 0})


def retire_connection(call: Call, name: str) -> Answer:
    """End a connection; its history stays."""
    try:
        webhooks.take_away(call.runtime, call.viewer, name, call.body.version)
        left = saving.retire(call.runtime, call.viewer, name, call.body.version)
    except Stale as error:
        raise Conflict(str(error)) from None
    return Answer({"name": name, "state": "retired", "mappings": left})


_ONE = "/connections/<name>"
_ADMIN = Act.ADMINISTER
TABLE: tuple[Endpoint, ...] = (
    Endpoint(
        "POST",
        "/connections",
        connect,
        "Test and save a connection",
        TestedLogin,
        act=_ADMIN,
        body=ConnectionBody,
        statuses=(200, 201),
        problems=(502,),
    ),
    Endpoint("GET", _ONE, get_connection, "One connection with its health", ConnectionHealth, act=Act.OPERATE, problems=(404,)),
    Endpoint(
        "PATCH",
        _ONE,
        change_connection,
        "New credentials or other options",
        ConnectionHealth,
        act=_ADMIN,
        body=ChangeBody,
        problems=(404, 409, 502),
    ),
    Endpoint("POST", f"{_ONE}/test", test_connection, "Run the checks", ConnectionHealth, act=Act.OPERATE, problems=(404, 409)),
    Endpoint(
        "POST", f"{_ONE}/webhook", set_up_webhook, "Set the webhook up", Webhook, act=_ADMIN, body=WebhookBody, problems=(404, 409, 502)
    ),
    Endpoint(
        "POST", f"{_ONE}/arm", arm_connection, "Wait for the verification token", Armed, act=_ADMIN, body=ArmBody, problems=(404, 409)
    ),
    Endpoint("POST", f"{_ONE}/token", show_verification_token, "The verification token, once", Token, act=_ADMIN, problems=(404, 409)),
    Endpoint("POST", f"{_ONE}/sync", sync_connection, "Start a sync", Done, act=_ADMIN, body=SyncBody, problems=(404, 409)),
    Endpoint("POST", f"{_ONE}/pause", pause_connection, "Pause", Done, act=_ADMIN, problems=(404,)),
    Endpoint("POST", f"{_ONE}/resume", resume_connection, "Resume", Done, act=_ADMIN, problems=(404,)),
    Endpoint("POST", f"{_ONE}/retire", retire_connection, "Retire", Done, act=_ADMIN, body=SwitchBody, problems=(404, 409)),
)
