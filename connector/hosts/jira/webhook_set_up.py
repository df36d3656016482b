"""Making the site's webhook: one per address, made or brought up to date, or the steps for a person where the rights do not allow.

It never removes a webhook and never shows the secret.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connector.errors import Gone, HostError, Refused
from connector.hosts.base import WebhookSetUp
from connector.hosts.jira.client import MISSING_SCOPE, JiraClient
from connector.hosts.jira.fields import as_mapping, as_ref, as_sequence, as_text
from connector.hosts.jira.webhook import WANTED

NAME = "OKR connector"
JQL_FILTER = "issue-related-events-section"
# What every site offers, for one that refuses a newer event's name.
CORE = (
    "comment_created",
    "comment_updated",
    "jira:issue_created",
    "jira:issue_deleted",
    "jira:issue_updated",
    "project_deleted",
    "project_updated",
)
EVENTS = tuple(sorted(WANTED))


def register(client: JiraClient, url: str, secret: str) -> WebhookSetUp:
    """See ``Host.register_webhook``.

    A webhook that an admin narrowed by a JQL keeps it. Reference: https://developer.atlassian.com/cloud/jira/platform/webhooks
    """
    if not client.cloud:
        return WebhookSetUp(False, why="Jira Data Center is read by the syncs only: its webhooks are not repeated when they get lost")
    if client.is_app:
        why = "the Forge app sends Jira's events itself; a webhook would bring the same once more"
        return WebhookSetUp(False, "", ("Nothing is left to do: events come with the app.",), why)
    client.gateway.secrets |= {secret}
    try:
        present = _listed(client.webhooks("GET"))
    except (Refused, Gone) as error:
        return _by_hand(client, url, _why(error))
    ours = [hook for hook in present if as_text(hook.get("url")).rstrip("/") == url.rstrip("/")]
    if ours and not _ident(ours[0]):
        return _by_hand(client, url, "a webhook with this address is there, and Jira does not tell its id: edit it instead of a second one")
    try:
        made = _write(client, ours[0] if ours else None, url, secret)
    except (Refused, Gone) as error:
        return _by_hand(client, url, _why(error))
    ident = _ident(made) or (_ident(ours[0]) if ours else "")
    if made.get("isSigned") is False:
        steps = _steps(client.site, url, f"Open the webhook {as_text(made.get('name')) or NAME} and choose Edit.")
        why = "the webhook is there, but Jira did not take its secret over the API; without one every delivery is refused"
        return WebhookSetUp(False, ident, steps, why, EVENTS)
    extra = tuple(
        f"Delete the webhook {as_text(hook.get('name')) or _ident(hook)} in Jira: it has the same address, so every event comes twice."
        for hook in ours[1:]
    )
    return WebhookSetUp(True, ident, extra, events=EVENTS)


def _listed(answer: Any) -> list[Mapping[str, Any]]:
    entries = as_sequence(answer) or as_sequence(as_mapping(answer).get("values"))
    return [as_mapping(entry) for entry in entries]


def _write(client: JiraClient, old: Mapping[str, Any] | None, url: str, secret: str) -> Mapping[str, Any]:
    """Make the webhook or bring ``old`` up to date. An event name that the site does not know costs only the newer events."""
    wishes: Sequence[Sequence[str]] = (EVENTS, CORE)
    for number, events in enumerate(wishes):
        kept = [str(event) for event in as_sequence(old.get("events"))] if old else []
        body: dict[str, Any] = {
            "name": (as_text(old.get("name")) if old else "") or NAME,
            "url": url,
            "events": sorted({*kept, *events}),
            "filters": dict(as_mapping(old.get("filters"))) if old else {},
            "excludeBody": False,
            "secret": secret,
        }
        try:
            if old:
                return as_mapping(client.webhooks("PUT", _ident(old), {**body, "enabled": True}))
            return as_mapping(client.webhooks("POST", "", body))
        except Refused as error:
            if error.status != 400 or number + 1 == len(wishes):
                raise
    raise AssertionError("unreachable: the last wish returns or raises")


def _ident(hook: Mapping[str, Any]) -> str:
    return as_ref(hook.get("id")) or as_text(hook.get("self")).rstrip("/").rpartition("/")[2]


def _why(error: HostError) -> str:
    if isinstance(error, Refused) and error.status == 401 and error.code != MISSING_SCOPE:
        raise error  # the login itself is no good
    if error.status in (401, 403, 404, 405):
        return "the bot's account does not administer Jira, or its login may not make webhooks: tokens with scopes never may"
    return f"Jira did not take the webhook: {error.message}"


def _by_hand(client: JiraClient, url: str, why: str) -> WebhookSetUp:
    return WebhookSetUp(False, "", steps_by_hand(client.site, url), why, EVENTS)


def steps_by_hand(site: str, url: str) -> tuple[str, ...]:
    """What a person does to make the webhook, one sentence each; every value to copy is in them but the secret."""
    return _steps(site, url, f"Choose Create a WebHook and name it {NAME}.")


def _steps(site: str, url: str, first: str) -> tuple[str, ...]:
    return (
        f"Sign in to Jira as an administrator and open {site}/plugins/servlet/webhooks (Settings → System → WebHooks).",
        first,
        f"URL: {url}",
        "Secret: paste the webhook secret of this connection.",
        "Events: Issue created, updated, deleted; Comment created, updated; Issue link created, deleted; "
        "Project updated, deleted, archived, restored; Issue type updated, deleted.",
        "JQL: leave it empty, or name the projects, such as: project in (ACME, WEB). Do not use parent there.",
        "Leave Exclude body off, and save.",
    )
