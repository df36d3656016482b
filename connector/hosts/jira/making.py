"""Makes an issue for a decision, once: the issue carries a property that says what it is, so that a lost answer makes no second one.

Reference: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/#api-rest-api-3-issue-post
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from connector.domain.plain_text import one_line
from connector.errors import HostError, Refused
from connector.hosts.jira.client import JiraClient
from connector.hosts.jira.fields import as_mapping, as_ref, as_sequence, as_text, document
from connector.hosts.makers import Made

PROPERTY = "okr-connector-decision"
LONGEST_SUMMARY = 255
PAGE, MOST_PAGES = 100, 10
_NAMED = 8  # issue types that a refusal lists


class JiraItemMaker:
    """Issues on one site; see ``connector.hosts.makers.ItemMaker``."""

    def __init__(self, client: JiraClient) -> None:
        self._client = client

    def close(self) -> None:
        """Give back the sockets."""
        self._client.close()

    def make(self, container: str, kind: str, title: str, text: str, mark: Mapping[str, str]) -> Made:
        """Make an issue of the type ``kind`` in a project. Raises ``Refused`` with the fields that Jira asks for, in words."""
        fields: dict[str, Any] = {
            "project": {"key": container},
            "issuetype": {"name": kind},
            "summary": one_line(title, LONGEST_SUMMARY),
            "description": document(text) if self._client.cloud else text,
        }
        body = {"fields": fields, "properties": [{"key": PROPERTY, "value": dict(mark)}]}
        try:
            answer = as_mapping(self._client.post("issue", body))
        except Refused as error:
            if error.status not in (400, 403, 422):
                raise
            raise Refused(self._in_words(container, kind, error), status=400, code="issue_refused", details=error.details) from error
        return self._made(answer)

    def find(self, container: str, title: str, mark: Mapping[str, str], since: timedelta, apart_from: Collection[str] = ()) -> Made | None:
        """The issue of this project with this mark, among those made since then. Searches lag: ask again before you make another."""
        minutes = max(10, int(since.total_seconds() // 60) + 10)
        jql = f'project = "{container}" AND created >= -{minutes}m ORDER BY created DESC'
        token: str | None = None
        for _ in range(MOST_PAGES):
            body: dict[str, Any] = {"jql": jql, "fields": ["summary"], "properties": [PROPERTY], "maxResults": PAGE}
            answer = as_mapping(self._client.post("search/jql", body | ({"nextPageToken": token} if token else {})))
            for entry in map(as_mapping, as_sequence(answer.get("issues"))):
                told = as_mapping(as_mapping(entry.get("properties")).get(PROPERTY))
                if told and all(told.get(name) == value for name, value in mark.items()) and as_ref(entry.get("id")) not in apart_from:
                    return self._made(entry)
            token = as_text(answer.get("nextPageToken")) or None
            if token is None:
                return None
        return None

    def _made(self, answer: Mapping[str, Any]) -> Made:
        key = as_text(answer.get("key"))
        return Made(as_ref(answer.get("id")), key, f"{self._client.site}/browse/{quote(key, safe='')}")

    def _in_words(self, container: str, kind: str, error: Refused) -> str:
        """Why Jira does not take the issue: by field where it says so, and which types the project has when the type is the trouble."""
        named = as_mapping(error.details.get("errors"))
        asked = "; ".join(f"{as_text(text).rstrip('.')}" for text in named.values()) or error.message
        kinds = self._kinds(container) if "issuetype" in named else ()
        choose = f". The project {container} has: {', '.join(kinds)}" if kinds else ""
        return f"Jira does not take an issue of type {kind} in {container}: {asked}{choose}"[:500]

    def _kinds(self, container: str) -> tuple[str, ...]:
        try:
            answer = as_mapping(self._client.get(f"issue/createmeta/{quote(container, safe='')}/issuetypes"))
        except HostError:
            return ()  # the refusal is said without them
        entries = [as_mapping(entry) for entry in as_sequence(answer.get("issueTypes") or answer.get("values"))]
        return tuple(as_text(entry.get("name")) for entry in entries if not entry.get("subtask"))[:_NAMED]
