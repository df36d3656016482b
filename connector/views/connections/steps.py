"""What the wizard shows: the form of a login with its steps, what a test found. Shared by the ways to get there; it reads no request.

Secrets go one way: what was tested travels to the next page as sealed text, never as it was typed.
"""

from __future__ import annotations

from typing import Any

from flask import current_app, render_template

from connector.services.connecting import consent, testing
from connector.services.connecting.drafts import Draft
from connector.services.connecting.kinds import BY_PERMISSION, HOST_TITLES, KINDS, NOTION_URL, Kind
from connector.web.context import runtime
from connector.web.forms import Form
from connector.web.gate import viewer

TESTS = "30 per minute; 300 per hour"  # each calls a host with what somebody typed
_SANDBOX = {"jira": ("acme-jira-2", "/sandbox/jira"), "notion": ("acme-notion-2", "/sandbox/notion")}


def data_of(kind: Kind, form: Form) -> dict[str, Any]:
    """What was typed, in the shape that the services and the API take."""
    return {
        "name": form["name"],
        "host": kind.host,
        "url": form["url"] or (NOTION_URL if kind.host == "notion" else ""),
        "auth": {field.name: form[field.name] for field in kind.fields},
        "options": {"token_expires": form["token_expires"]},
    }


def given(kind: Kind) -> dict[str, str]:
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


def form_page(kind: Kind, form: Form) -> tuple[str, int]:
    """The form of one login beside its steps, with what is wrong."""
    page = render_template(
        "connections/credentials.html",
        kind=kind,
        form=_without_secrets(kind, form),
        host=HOST_TITLES[kind.host],
        way=consent.WAYS.get(kind.id),
        redirect=consent.redirect_address(runtime(), kind.id) if kind.id in BY_PERMISSION else "",
        ready=kind.id not in BY_PERMISSION or consent.is_set_up(runtime(), kind.id),
        webhooks=f"{runtime().settings.base_url}/webhooks/",
        practice=_practice(kind),
    )
    return page, form.status


def kinds_page(form: Form) -> tuple[str, int]:
    """The choice of a login, with why it begins anew."""
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
