"""Reading one site: its fields, issues by id or key (strongly), searches (through an index that lags). Shared by the host's parts.

It writes nothing and knows no mapping. Pages and batches end here: callers see lists.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from connector.domain.model import Item
from connector.errors import Gone, Offline, Refused
from connector.hosts.base import FieldInfo, Wanted
from connector.hosts.jira.blocked import LINKS, flag_fields, read_blocked, unread
from connector.hosts.jira.client import JiraClient
from connector.hosts.jira.fields import (
    BASE_FIELDS,
    as_mapping,
    as_ref,
    as_sequence,
    as_text,
    epic_link_field,
    find_fields,
    read_fields,
    read_item,
)
from connector.hosts.jira.jql import CHUNK, chunks, is_issue_key

BATCH = 100  # issues per bulkfetch, and per page of a search that asks for any field beside the id
IDS_PAGE = 5000  # issues per page when only ids are asked for
IDS_ONLY = ("id",)
NAMED_FIELDS = ("summary", "issuetype")

Issue = Mapping[str, Any]


class IssueReader:
    """Reads issues and fields through one client. The list of fields is read once. ``ours``: names or ids of fields that we write."""

    def __init__(self, client: JiraClient, ours: Iterable[str] = ()) -> None:
        self._client = client
        self._ours = tuple(ours)
        self._fields: tuple[FieldInfo, ...] | None = None
        self._flags: tuple[str, ...] = ()
        self._remembered: dict[str, Issue | None] = {}
        self._bulk = client.cloud  # Data Center has no bulkfetch

    def fields(self) -> tuple[FieldInfo, ...]:
        """All fields of the site.

        Reference: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-fields
        """
        if self._fields is None:
            told = self._client.get("field")
            self._fields, self._flags = read_fields(told), flag_fields(told)
        return self._fields

    def own_fields(self) -> frozenset[str]:
        """Ids of the fields that we write: nothing may be measured by them."""
        named = (identity for name in self._ours for identity in find_fields(self.fields(), name))
        return frozenset(info.id for info in self.fields() if info.role == "own") | frozenset(named)

    def epic_link(self) -> str:
        """Id of the Epic Link field, "" when the site has none."""
        return epic_link_field(self.fields())

    def needed_fields(self, wanted: Iterable[Wanted]) -> list[str]:
        """Ids of the fields to ask for: what every item needs, what the mappings measure, the Epic Link, and what holds items up."""
        found = dict.fromkeys(BASE_FIELDS)
        for mapping in wanted:
            for identities in mapping.resolution.fields.values():
                found.update(dict.fromkeys(identities))
        if link := self.epic_link():
            found[link] = None
        return list(dict.fromkeys((*found, LINKS, *self._flags)))

    def item(self, issue: Issue, fields: Sequence[str], ids: Mapping[str, str]) -> Item | None:
        """An issue as an Item with the values of ``fields``; ``ids`` turns the keys of Epic Links into refs."""
        extra = [name for name in fields if name not in BASE_FIELDS and name != LINKS]
        item = read_item(issue, site=self._client.site, wanted=extra, epic_link=self.epic_link(), ids=ids)
        if item is None:
            return None
        told = as_mapping(issue.get("fields"))
        return replace(item, blocked=read_blocked(told, self._flags) if LINKS in fields else unread(told))

    def issues(self, names: Iterable[str], fields: Sequence[str]) -> dict[str, Issue | None]:
        """Issues by the id or key they were asked for; None for what does not exist or is not shown to us.

        Reads strongly. Reference: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues
        """
        found: dict[str, Issue | None] = {}
        for batch in chunks(list(dict.fromkeys(names)), BATCH):
            found.update(self._batch(batch, fields))
        return found

    def remember(self, names: Collection[str]) -> None:
        """Read issues that ``named`` is about to be asked for; no names: forget them."""
        self._remembered = self.issues(names, NAMED_FIELDS) if names else {}

    def named(self, names: Iterable[str]) -> dict[str, Issue | None]:
        """Issues with their titles, for checking names: the remembered ones, the others read now."""
        asked = list(dict.fromkeys(names))
        found = {name: self._remembered[name] for name in asked if name in self._remembered}
        return found | self.issues([name for name in asked if name not in found], NAMED_FIELDS)

    def search(
        self, jql: str, fields: Sequence[str], *, token: str = "", size: int = BATCH, reconcile: Sequence[str] = ()
    ) -> tuple[list[Issue], str]:
        """One page of a search and the token of the next page, "" at the end. A page may be short and not be the last.

        ``reconcile``: up to 50 numeric ids that the index must not be trusted for; the same on every page of one search.
        Reference: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-search
        """
        if not self._client.cloud:
            return self._old_search(jql, fields, token, size)
        body: dict[str, Any] = {"jql": jql, "fields": list(fields), "maxResults": size}
        if token:
            body["nextPageToken"] = token
        if reconcile:
            body["reconcileIssues"] = [int(ref) for ref in reconcile[:CHUNK] if ref.isascii() and ref.isdigit()]
        answer = as_mapping(self._client.post("search/jql", body))
        following = "" if answer.get("isLast") is True else as_text(answer.get("nextPageToken"))
        if following and following == token:
            raise Offline("the search gave the same page token twice", code="same_token")
        return [as_mapping(issue) for issue in as_sequence(answer.get("issues"))], following

    def matching(self, jql: str, reconcile: Sequence[str] = ()) -> Iterator[str]:
        """Ids of all issues that match, page by page."""
        token = ""
        while True:
            issues, token = self.search(jql, IDS_ONLY, token=token, size=IDS_PAGE, reconcile=reconcile)
            yield from (as_ref(issue.get("id")) for issue in issues)
            if not token:
                return

    def living_projects(self, keys: Iterable[str]) -> list[str]:
        """Those of ``keys`` whose project exists, is shown to us and is not archived; asked one by one.

        Reference: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-projects
        """
        return [key for key in keys if self._is_living(key)]

    def _is_living(self, key: str) -> bool:
        try:
            project = as_mapping(self._client.get(f"project/{quote(key, safe='')}"))
        except Gone:
            return False
        return project.get("archived") is not True

    def _old_search(self, jql: str, fields: Sequence[str], token: str, size: int) -> tuple[list[Issue], str]:
        """Data Center: pages by offset, 1,000 at most."""
        start = int(token or 0)
        body = {"jql": jql, "fields": list(fields), "startAt": start, "maxResults": min(size, 1000)}
        answer = as_mapping(self._client.post("search", body))
        issues = [as_mapping(issue) for issue in as_sequence(answer.get("issues"))]
        total = answer.get("total")
        end = start + len(issues)
        return issues, str(end) if issues and isinstance(total, int) and end < total else ""

    def _batch(self, names: Sequence[str], fields: Sequence[str]) -> dict[str, Issue | None]:
        if not self._bulk:
            return {name: self._single(name, fields) for name in names}
        try:
            answer = as_mapping(self._client.post("issue/bulkfetch", {"issueIdsOrKeys": list(names), "fields": list(fields)}))
        except (Gone, Refused) as error:
            if error.status not in (404, 405):
                raise
            # A wrong address answers 404 too, and must not make every issue look deleted: this raises then
            self._client.get("myself")
            self._bulk = False
            return self._batch(names, fields)
        told = [as_mapping(issue) for issue in as_sequence(answer.get("issues"))]
        by_name = {as_ref(issue.get("id")): issue for issue in told} | {as_text(issue.get("key")).upper(): issue for issue in told}
        found: dict[str, Issue | None] = {}
        for name in names:
            issue = by_name.get(name.upper())
            # An issue that moved comes back under its new key only, so an old key needs its own look
            found[name] = self._single(name, fields) if issue is None and is_issue_key(name) else issue
        return found

    def _single(self, name: str, fields: Sequence[str]) -> Issue | None:
        try:
            return as_mapping(self._client.get(f"issue/{quote(name, safe='')}", {"fields": ",".join(fields)}))
        except Gone:
            return None
