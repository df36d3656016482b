"""How Jira speaks at the door: who a delivery is and which items it hints at. Pure, and never surprised by a missing key.

It decides nothing about numbers: every event is a hint, after which the item is read again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from connector.hosts.base import Delivery, Event, Ignored, NotThisHost
from connector.hosts.jira import product_events
from connector.hosts.jira.blocked import told_by
from connector.hosts.jira.changes import container_of, is_only_links, parents
from connector.hosts.jira.fields import account_of, as_mapping, as_ref, as_sequence, as_text, plain_text, read_moment

PROPERTY_KEY = "okr"  # the issue property that we write

_ISSUE = frozenset({"jira:issue_created", "jira:issue_updated", "jira:issue_deleted"})
_COMMENT = frozenset({"comment_created", "comment_updated"})
_LINK = frozenset({"issuelink_created", "issuelink_deleted"})
# A project that comes, goes or changes its key moves every item in it, without an event on the items.
_PROJECT = frozenset(
    {
        "project_updated",
        "project_deleted",
        "project_soft_deleted",
        "project_restored_deleted",
        "project_archived",
        "project_restored_archived",
    }
)
# A changed level of an issue type, or subtasks switched off, changes who counts as whose child, anywhere on the site.
_SITE = frozenset({"issuetype_updated", "issuetype_deleted", "option_subtasks_changed"})

WANTED = _ISSUE | _COMMENT | _LINK | _PROJECT | _SITE  # what webhooks are made for

# Left alone on purpose, with the reason that becomes a metric's label. Sprints, versions, boards and filters carry no
# number. They can change what a JQL matches, for many issues at once and often; reading a whole site again for each of them
# costs more than the night's walk, which finds the same.
_REASONS: Mapping[str, str] = {
    "comment_deleted": "comment deleted",
    **dict.fromkeys(("worklog_created", "worklog_updated", "worklog_deleted"), "worklog"),
    **dict.fromkeys(("attachment_created", "attachment_deleted"), "attachment"),
    **dict.fromkeys(("issue_property_set", "issue_property_deleted"), "issue property"),
    "project_created": "project created",
    "issuetype_created": "issue type created",
    **dict.fromkeys((f"sprint_{verb}" for verb in ("created", "updated", "started", "closed", "deleted")), "sprint"),
    **dict.fromkeys((f"board_{verb}" for verb in ("created", "updated", "deleted", "configuration_changed")), "board"),
    **dict.fromkeys((f"filter_{verb}" for verb in ("created", "updated", "deleted")), "filter"),
    **dict.fromkeys((f"user_{verb}" for verb in ("created", "updated", "deleted")), "user"),
    **dict.fromkeys((f"jira:version_{verb}" for verb in ("released", "unreleased", "created", "moved", "updated", "deleted")), "version"),
    **dict.fromkeys(
        (f"option_{name}_changed" for name in ("voting", "watching", "unassigned_issues", "attachments", "issuelinks", "timetracking")),
        "option",
    ),
    "jira_expression_evaluation_failed": "expression",
}

_ISSUE_IN_URL = re.compile(r"/issue/(\d+)/")


class JiraDialect:
    """The dialect of Jira Cloud's webhooks and of our Forge app's product events; Data Center's smaller bodies are read as well."""

    handled = WANTED | product_events.HANDLED
    ignored = frozenset(_REASONS) | frozenset(product_events.REASONS)
    commands = True
    unsigned: frozenset[str] = frozenset()
    quotes = True
    place = "issue"
    kept_headers = frozenset({"x-b3-traceid", *(f"x-atlassian-webhook-{name}" for name in ("identifier", "retry", "flow", "trace"))})

    def handshake(self, headers: Mapping[str, str], body: bytes) -> str | None:
        """None: Jira has no set-up request, the secret is typed in on both sides."""
        return None

    def signature(self, headers: Mapping[str, str]) -> str | None:
        """The value of ``X-Hub-Signature``, None when the webhook was made without a secret."""
        return headers.get("x-hub-signature") or None

    def bearer(self, headers: Mapping[str, str]) -> str | None:
        """The token that webhooks made with an OAuth login carry, signed with the app's client secret; they have no signature.

        Reference: https://developer.atlassian.com/cloud/jira/platform/webhooks
        """
        scheme, _, token = headers.get("authorization", "").strip().partition(" ")
        return token.strip() or None if scheme.lower() == "bearer" else None

    def delivery(self, headers: Mapping[str, str], body: bytes) -> Delivery:
        """Who this delivery is: Jira's identifier (the same on all retries), else a hash of the body. Raises ``NotThisHost``."""
        data = _payload(body)
        if "webhookEvent" not in data:
            return product_events.delivery(data)
        event = as_text(data["webhookEvent"])
        key = headers.get("x-atlassian-webhook-identifier", "").strip()
        if not key or len(key) > 200:
            key = f"sha256:{hashlib.sha256(body).hexdigest()}"
        return Delivery(key=key, event=event[:100], at=read_moment(data.get("timestamp")))

    def parse(self, headers: Mapping[str, str], body: bytes) -> Sequence[Event] | Ignored:
        """The events of a delivery, or why it is left alone. Raises ``NotThisHost`` and nothing else."""
        data = _payload(body)
        if "webhookEvent" not in data:
            return product_events.parse(data)
        name = as_text(data["webhookEvent"])
        at = read_moment(data.get("timestamp"))
        if name in _ISSUE:
            return _issue_events(name, data, at)
        if name in _COMMENT:
            return _comment_events(data, at)
        if name in _LINK:
            link = as_mapping(data.get("issueLink"))
            made = name == "issuelink_created"
            return product_events.link_events(link, account_of(data.get("user")), at, made=made) or Ignored("issue link")
        if name in _PROJECT:
            return [Event("scope", container=as_text(as_mapping(data.get("project")).get("key")), at=at)]
        if name in _SITE:
            return [Event("scope", at=at)]
        if name.startswith("issue_property_") and as_mapping(data.get("property")).get("key") == PROPERTY_KEY:
            return Ignored("own property")
        return Ignored(_REASONS.get(name, "unknown event"))


def _payload(body: bytes) -> Mapping[str, Any]:
    """The body as an object with a textual ``webhookEvent``, or the product event in it: what sets Jira's deliveries apart from others."""
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise NotThisHost("the body is not JSON") from error
    if (event := product_events.event_in(data)) is not None and "webhookEvent" not in event:
        return event
    if not isinstance(data, dict) or not isinstance(data.get("webhookEvent"), str) or not data["webhookEvent"]:
        raise NotThisHost("the body has no webhookEvent")
    return data


def _issue_events(name: str, data: Mapping[str, Any], at: datetime | None) -> Sequence[Event] | Ignored:
    issue = as_mapping(data.get("issue"))
    ref = as_ref(issue.get("id"))
    if not ref:
        return Ignored("issue without id")
    changes = [as_mapping(entry) for entry in as_sequence(as_mapping(data.get("changelog")).get("items"))]
    comment = as_ref(as_mapping(data.get("comment")).get("id"))
    if not comment and is_only_links(changes):
        return Ignored("remote link only")
    fields = as_mapping(issue.get("fields"))
    begun, freed = told_by(changes, at)
    event = Event(
        kind="deleted" if name == "jira:issue_deleted" else "changed",
        ref=ref,
        parent_refs=parents(changes, fields, ref),
        container=container_of(issue),
        author=account_of(data.get("user")),
        at=at,
        blocked_at=begun,
        freed=freed,
    )
    if not comment:
        return [event]
    # Data Center, and a comment made together with a transition, have no comment_created of their own
    told = as_mapping(data.get("comment"))
    writer = account_of(told.get("updateAuthor")) or account_of(told.get("author")) or event.author
    return [event, Event("comment", ref=ref, comment_id=comment, author=writer, at=at, text=_words(told))]


def _comment_events(data: Mapping[str, Any], at: datetime | None) -> Sequence[Event] | Ignored:
    comment = as_mapping(data.get("comment"))
    identity = as_ref(comment.get("id"))
    ref = as_ref(as_mapping(data.get("issue")).get("id"))
    if not ref and (found := _ISSUE_IN_URL.search(as_text(comment.get("self")))):
        ref = found.group(1)
    if not identity or not ref:
        return Ignored("comment without issue")
    author = account_of(comment.get("updateAuthor")) or account_of(comment.get("author")) or account_of(data.get("user"))
    return [Event("comment", ref=ref, comment_id=identity, author=author, at=at, text=_words(comment))]


def _words(comment: Mapping[str, Any]) -> str | None:
    """What the event says that the comment says; None when it does not."""
    body = comment.get("body")
    return plain_text(body) if body else None
