"""How Jira speaks through our Forge app: product events, which come with an invocation token instead of a signature. Pure.

Their bodies have no identifier. Who made a change is told and never a reason to drop it: ``selfGenerated`` is said of everything that
any part of the app did, people's own edits through it as well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from connector.hosts.base import Delivery, Event, Ignored
from connector.hosts.jira.blocked import told_by, waits
from connector.hosts.jira.changes import container_of, is_only_links, parents
from connector.hosts.jira.fields import account_of, as_mapping, as_ref, as_sequence, as_text, plain_text, read_moment
from connector.hosts.jira.jql import is_issue_key

PREFIX = "avi:jira"
RETRY = "retryContext"  # what a repeat of an event has beside what the first had

_ISSUE = frozenset({"avi:jira:created:issue", "avi:jira:updated:issue", "avi:jira:deleted:issue"})
_COMMENTED = "avi:jira:commented:issue"  # a comment was written or edited
_LINK = frozenset({"avi:jira:created:issuelink", "avi:jira:deleted:issuelink"})
_PROJECT = frozenset(f"avi:jira:{verb}:project" for verb in ("updated", "softdeleted", "deleted", "restored", "archived", "unarchived"))
_SITE = frozenset({"avi:jira:updated:issuetype", "avi:jira:deleted:issuetype"})
_SETTING = "avi:jira:changed:configuration"

HANDLED = _ISSUE | _LINK | _PROJECT | _SITE | {_COMMENTED, _SETTING}
# Link types of Jira's own that say who is whose child. Of the others, those that say who waits for whom matter too.
_FAMILY = frozenset({"jira_subtask_link", "epic-story link"})


def _all(thing: str, *verbs: str, product: str = PREFIX) -> tuple[str, ...]:
    return tuple(f"{product}:{verb}:{thing}" for verb in verbs)


_BASIC = ("created", "updated", "deleted")
_VERSION = (*_BASIC, "released", "unreleased", "archived", "unarchived", "moved", "merged")
# Left alone on purpose, with the reason that becomes a metric's label; why: see ``webhook``.
REASONS: Mapping[str, str] = {
    "avi:jira:viewed:issue": "viewed",
    "avi:jira:assigned:issue": "assigned",  # comes as updated:issue too
    **dict.fromkeys(("avi:jira:mentioned:issue", "avi:jira:mentioned:comment"), "mention"),
    "avi:jira:deleted:comment": "comment deleted",
    **dict.fromkeys(("avi:jira:set:issue-property", "avi:jira:deleted:issue-property"), "issue property"),
    "avi:jira:created:project": "project created",
    "avi:jira:created:issuetype": "issue type created",
    **dict.fromkeys(_all("worklog", *_BASIC), "worklog"),
    **dict.fromkeys(_all("attachment", "created", "deleted"), "attachment"),
    **dict.fromkeys(_all("version", *_VERSION), "version"),
    **dict.fromkeys(_all("component", *_BASIC), "component"),
    **dict.fromkeys(_all("filter", *_BASIC), "filter"),
    **dict.fromkeys(_all("user", *_BASIC), "user"),
    **dict.fromkeys(_all("field", *_BASIC, "trashed", "restored"), "field"),
    **dict.fromkeys(_all("field:context", *_BASIC), "field"),
    "avi:jira:updated:field:context:configuration": "field",
    **dict.fromkeys(_all("sprint", *_BASIC, "started", "closed", product="avi:jira-software"), "sprint"),
    **dict.fromkeys(_all("board", *_BASIC, "configuration-changed", product="avi:jira-software"), "board"),
    "avi:jira:timetracking:provider:changed": "option",
    "avi:jira:failed:expression": "expression",
}


def event_in(data: Any) -> Mapping[str, Any] | None:
    """The event in a body, None when there is none: it lies in ``payload``, and is also taken when it stands alone.

    Reference: https://developer.atlassian.com/platform/forge/remote/sending-product-events
    """
    whole = as_mapping(data)
    return next((part for part in (as_mapping(whole.get("payload")), whole) if as_text(part.get("eventType")).startswith(PREFIX)), None)


def delivery(data: Mapping[str, Any]) -> Delivery:
    """Who an event is: a hash of what it says, which is the same on every repeat and holds the moment of the change."""
    said = {name: value for name, value in data.items() if name != RETRY}
    digest = hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return Delivery(key=f"sha256:{digest}", event=as_text(data["eventType"])[:100], at=_moment(data))


def parse(data: Mapping[str, Any]) -> Sequence[Event] | Ignored:
    """What an event hints at, or why it is left alone."""
    name, at = as_text(data["eventType"]), _moment(data)
    author = as_text(data.get("atlassianId")) or account_of(data.get("user"))
    if name in _ISSUE:
        return _issue(name, data, author, at)
    if name == _COMMENTED:
        return _comment(data, author, at)
    if name in _LINK:
        return link_events(data, author, at, made=name == "avi:jira:created:issuelink") or Ignored("issue link")
    if name in _PROJECT:
        return [Event("scope", container=as_text(as_mapping(data.get("project")).get("key")), author=author, at=at)]
    if name in _SITE:
        return [Event("scope", author=author, at=at)]
    if name == _SETTING:
        levels = as_text(as_mapping(data.get("property")).get("key")) == "jira.option.allowsubtasks"
        return [Event("scope", author=author, at=at)] if levels else Ignored("option")
    return Ignored(REASONS.get(name, "unknown event"))


def _issue(name: str, data: Mapping[str, Any], author: str, at: datetime | None) -> Sequence[Event] | Ignored:
    issue = as_mapping(data.get("issue"))
    ref = _ref(issue)
    if not ref:
        return Ignored("issue without id")
    log = data.get("changelog")
    changes = [as_mapping(entry) for entry in as_sequence(as_mapping(log).get("items")) or as_sequence(log)]
    if is_only_links(changes):
        return Ignored("remote link only")
    kind = "deleted" if name == "avi:jira:deleted:issue" else "changed"
    fields = as_mapping(issue.get("fields"))
    begun, freed = told_by(changes, at)
    above = parents(changes, fields, ref)
    return [Event(kind, ref=ref, parent_refs=above, container=container_of(issue), author=author, at=at, blocked_at=begun, freed=freed)]


def _comment(data: Mapping[str, Any], author: str, at: datetime | None) -> Sequence[Event] | Ignored:
    comment = as_mapping(data.get("comment"))
    ident, ref = as_ref(comment.get("id")), _ref(as_mapping(data.get("issue")))
    if not ident or not ref:
        return Ignored("comment without issue")
    writer = account_of(comment.get("updateAuthor")) or account_of(comment.get("author")) or author
    body = comment.get("body")
    return [Event("comment", ref=ref, comment_id=ident, author=writer, at=at, text=plain_text(body) if body else None)]


def link_events(data: Mapping[str, Any], author: str, at: datetime | None, *, made: bool) -> list[Event]:
    """What a link that was made or taken away hints at: the child and its parent, or who waits for whom; [] for every other link."""
    kind = as_mapping(data.get("issueLinkType"))
    source, target = as_ref(data.get("sourceIssueId")), as_ref(data.get("destinationIssueId"))
    if as_text(kind.get("name")).casefold() in _FAMILY:
        return [Event("changed", ref=target, parent_refs=(source,) if source else (), author=author, at=at)] if target else []
    waiting = target if waits(kind, "inward", "Name") else source if waits(kind, "outward", "Name") else ""
    return [Event("changed", ref=waiting, author=author, at=at, blocked_at=at if made else None, freed=not made)] if waiting else []


def _ref(issue: Mapping[str, Any]) -> str:
    key = as_text(issue.get("key"))
    return as_ref(issue.get("id")) or (key if is_issue_key(key) else "")


def _moment(data: Mapping[str, Any]) -> datetime | None:
    """When it happened, as far as the body says."""
    stamp = data.get("timestamp")
    told = read_moment(int(stamp)) if isinstance(stamp, str) and stamp.isdecimal() and len(stamp) < 20 else read_moment(stamp)
    comment, fields = as_mapping(data.get("comment")), as_mapping(as_mapping(data.get("issue")).get("fields"))
    return told or read_moment(comment.get("updated")) or read_moment(comment.get("created")) or read_moment(fields.get("updated"))
