"""The webhooks of a login by permission (OAuth 2.0): limited to projects, gone after 30 days unless prolonged, five at most.

Always the same call: what is there is listed, what is missing is made, what is no longer meant is taken away, what ends soon is
prolonged. Only webhooks to our own address are touched. It never shows a secret: Jira signs with the app's.
Reference: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-webhooks
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from connector.errors import Gone, HostError, Refused
from connector.hosts.base import WebhookSetUp
from connector.hosts.jira.client import MISSING_SCOPE, JiraClient
from connector.hosts.jira.fields import as_mapping, as_ref, as_sequence, as_text, read_moment
from connector.hosts.jira.webhook import JiraDialect

PATH = "webhook"
LASTS = timedelta(days=30)
PROLONGED_BELOW = timedelta(days=23)  # of life left: once a week
MOST_PROJECTS = 50  # named in one filter; more are better served by everything
# Not those of properties: we write them ourselves. Not those of projects: Jira offers none here, so these wait for the night.
EVENTS = tuple(sorted({"jira:issue_created", "jira:issue_updated", "jira:issue_deleted", "comment_created", "comment_updated"}))
assert set(EVENTS) <= JiraDialect.handled


def register(client: JiraClient, url: str, projects: Sequence[str], now: datetime) -> WebhookSetUp:
    """See ``Host.register_webhook``; ``projects`` are keys, none for the whole site. At most 2 requests when all is there."""
    try:
        ours, others = _present(client, url)
        return _bring_up_to_date(client, url, ours, others, tuple(sorted(set(projects))), now)
    except (Refused, Gone) as error:
        return _refused(error)


def drop(client: JiraClient, url: str) -> bool:
    """Take our webhooks to ``url`` away."""
    ours, _ = _present(client, url)
    if ours:
        client.delete(PATH, body={"webhookIds": [_number(hook) for hook in ours]})
    return True


def _present(client: JiraClient, url: str) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """The webhooks to our address, and the app's others."""
    found: list[Mapping[str, Any]] = []
    while True:
        page = as_mapping(client.get(PATH, {"startAt": len(found), "maxResults": 100}))
        entries = [as_mapping(entry) for entry in as_sequence(page.get("values"))]
        found += entries
        if not entries or page.get("isLast") is not False:
            break
    ours = [hook for hook in found if as_text(hook.get("url")).rstrip("/") == url.rstrip("/")]
    return ours, [hook for hook in found if hook not in ours]


def _bring_up_to_date(
    client: JiraClient,
    url: str,
    ours: Sequence[Mapping[str, Any]],
    others: Sequence[Mapping[str, Any]],
    projects: tuple[str, ...],
    now: datetime,
) -> WebhookSetUp:
    wishes = [projects] if 0 < len(projects) <= MOST_PROJECTS else []
    why = ""
    for wish in (*wishes, ()):
        filters = (_only(wish),) if wish else _everything(client)
        if not filters:
            return WebhookSetUp(False, why="the account sees no project, so there is nothing to be told of", events=EVENTS)
        kept = {_meaning(hook): hook for hook in ours if set(EVENTS) <= {str(event) for event in as_sequence(hook.get("events"))}}
        meant = [kept[_meaning({"jqlFilter": jql})] for jql in filters if _meaning({"jqlFilter": jql}) in kept]
        missing = [jql for jql in filters if _meaning({"jqlFilter": jql}) not in kept]
        made, why = _make(client, url, missing)
        if why:
            # A project of that key may be gone: then everything is taken. What was made of half a wish is not kept.
            _delete(client, made)
            continue
        former = [_number(hook) for hook in ours if hook not in meant]
        _delete(client, former)
        ids = [*(_number(hook) for hook in meant), *made]
        ends = _prolong(client, ids, [read_moment(hook.get("expirationDate")) for hook in meant] + [None] * len(made), now)
        return WebhookSetUp(True, ",".join(map(str, ids)), events=EVENTS, ends_at=ends, containers=wish)
    elsewhere = sorted({as_text(hook.get("url")) for hook in others} - {""})
    mend = f". The app has webhooks to {elsewhere[0]}, and may send to one address only: take another app for this" if elsewhere else ""
    return WebhookSetUp(False, why=f"Jira did not take the webhook: {why}{mend}", events=EVENTS)


def _make(client: JiraClient, url: str, filters: Sequence[str]) -> tuple[list[int], str]:
    """The ids of new webhooks, and Jira's words when it did not take all of them."""
    if not filters:
        return [], ""
    wanted = [{"events": list(EVENTS), "jqlFilter": jql} for jql in filters]
    try:
        answer = as_mapping(client.post(PATH, {"url": url, "webhooks": wanted}))
    except Refused as error:
        if error.status != 400:
            raise
        return [], error.message.rpartition("answered 400: ")[2]
    results = [as_mapping(entry) for entry in as_sequence(answer.get("webhookRegistrationResult"))]
    made = [int(ident) for entry in results if (ident := as_ref(entry.get("createdWebhookId"))).isdigit()]
    words = [str(word) for entry in results for word in as_sequence(entry.get("errors"))]
    if len(made) < len(filters):
        return made, client.gateway.harmless("; ".join(words))[:300] or "without a reason"
    return made, ""


def _delete(client: JiraClient, ids: Sequence[int]) -> None:
    if ids:
        client.delete(PATH, body={"webhookIds": list(ids)})


def _prolong(client: JiraClient, ids: Sequence[int], ends: Sequence[datetime | None], now: datetime) -> datetime:
    """When the first of them ends, after all got 30 more days where one is older than a week or does not say."""
    known = [moment for moment in ends if moment is not None]
    if len(known) == len(ids) and min(known) - now >= PROLONGED_BELOW:
        return min(known)
    answer = as_mapping(client.put(f"{PATH}/refresh", {"webhookIds": list(ids)}))
    return read_moment(answer.get("expirationDate")) or min(known, default=now + LASTS)


def _only(projects: Sequence[str]) -> str:
    quoted = ", ".join(f'"{key}"' for key in projects)
    return f"project in ({quoted})"


def _everything(client: JiraClient) -> tuple[str, ...]:
    """Two filters that together let every issue through: a filter is required, and none means everything."""
    page = as_mapping(client.get("project/search", {"maxResults": 1, "orderBy": "key"}))
    key = next((as_text(as_mapping(entry).get("key")) for entry in as_sequence(page.get("values"))), "")
    return (f'project = "{key}"', f'project != "{key}"') if key else ()


def _meaning(hook: Mapping[str, Any]) -> tuple[str, ...]:
    """A filter without what Jira may write differently: case, quotes, spaces, order."""
    return tuple(sorted(re.findall(r"!=|=|\w+", as_text(hook.get("jqlFilter")).casefold())))


def _number(hook: Mapping[str, Any]) -> int:
    return int(as_ref(hook.get("id")) or 0)


def _refused(error: HostError) -> WebhookSetUp:
    if isinstance(error, Refused) and error.status == 401 and error.code != MISSING_SCOPE:
        raise error  # the login itself is no good
    if error.status in (401, 403):
        why = "the permission does not cover webhooks: give it again with the scope manage:jira-webhook"
    else:
        why = f"Jira did not take the webhook: {error.message}"
    return WebhookSetUp(False, why=why, events=EVENTS)
