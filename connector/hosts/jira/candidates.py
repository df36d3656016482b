"""Every epic of a site that could be mapped, page by page: what is open, and what changed lately. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from connector.hosts.base import JSON, Candidate, CandidatePage
from connector.hosts.jira.client import JiraClient
from connector.hosts.jira.fields import as_mapping, as_ref, as_sequence, as_text, point_fields, read_category, read_moment, read_value
from connector.hosts.jira.jql import quoted, updated_since
from connector.hosts.jira.lookup import epic_types
from connector.hosts.jira.reader import BATCH, IssueReader

_SHOWN = ("summary", "status", "issuetype", "project", "labels", "updated")


def list_candidates(
    client: JiraClient, reader: IssueReader, since: datetime, open_too: bool, cursor: Mapping[str, JSON] | None, now: datetime
) -> CandidatePage:
    """See ``Host.list_candidates``: 100 epics in a request, and two requests more for the first page.

    The JQL is fixed at the first page and kept in the cursor: relative times would move under a walk.
    """
    points = point_fields(reader.fields())
    state: dict[str, Any] = dict(cursor or {})
    jql = as_text(state.get("jql")) or _jql(client, since, open_too, now)
    issues, token = reader.search(jql, [*_SHOWN, *points], token=as_text(state.get("token")), size=BATCH)
    found = tuple(_candidate(client, issue, points) for issue in issues if as_ref(issue.get("id")))
    return CandidatePage(found, {"jql": jql, "token": token} if token else None)


def _jql(client: JiraClient, since: datetime, open_too: bool, now: datetime) -> str:
    changed = updated_since(since, now)
    when = f"(statusCategory != Done OR {changed})" if open_too else changed
    return f"issuetype in ({', '.join(quoted(name) for name in epic_types(client))}) AND {when} ORDER BY created ASC"


def _candidate(client: JiraClient, issue: Mapping[str, Any], points: Sequence[str]) -> Candidate:
    fields = as_mapping(issue.get("fields"))
    key = as_text(issue.get("key"))
    numbers = (value for name in points if isinstance(value := read_value(fields.get(name)), float))
    return Candidate(
        ref=as_ref(issue.get("id")),
        key=key,
        title=as_text(fields.get("summary")) or key,
        kind="epic",
        container=as_text(as_mapping(fields.get("project")).get("key")) or key.rpartition("-")[0],
        url=f"{client.site}/browse/{key}",
        status=as_text(as_mapping(fields.get("status")).get("name")),
        category=read_category(fields),
        labels=tuple(label for label in as_sequence(fields.get("labels")) if isinstance(label, str)),
        points=next(numbers, None),
        updated_at=read_moment(fields.get("updated")),
    )
