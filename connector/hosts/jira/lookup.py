"""What an admin looks for on a site: epics to map, whether a JQL is good, people's accounts. Reads only, few requests each.

It must not decide what a mapping measures; what a person typed never becomes part of a JQL unquoted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from connector.errors import Gone, InputError, Refused
from connector.hosts.base import Choice, HostPerson, PeoplePage, QueryCheck
from connector.hosts.jira.client import MISSING_SCOPE, JiraClient
from connector.hosts.jira.fields import as_mapping, as_ref, as_sequence, as_text
from connector.hosts.jira.jql import chunks, is_issue_key, quoted, strip_order_by, summary_contains
from connector.hosts.jira.reader import IssueReader

EPIC_LEVEL = 1
MOST_CHOICES = 100  # issues on one page of a search with fields
ACCOUNTS = 50  # account ids in one request: they stand in the address
PEOPLE = 100  # accounts in one page
_SHOWN = ("summary", "status", "issuetype", "project")
_PROJECT_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,254}\Z")
_BROWSE = re.compile(r"/browse/([A-Za-z][A-Za-z0-9_]*-[1-9]\d*)\b")

# Fields whose = or "in" keeps a query within something that somebody once chose, so that it does not grow with the whole site.
_BOUNDING = frozenset(
    {"project", "parent", "key", "issuekey", "issue", "id", "epic link", "filter", "sprint", "fixversion", "component", "labels"}
)


def search(client: JiraClient, reader: IssueReader, text: str, container: str, limit: int) -> list[Choice]:
    """See ``Host.search``: epics by words of their title, an issue of any kind by its whole key or link."""
    wish, project = text.strip(), container.strip()
    if project and not _PROJECT_KEY.match(project):
        raise InputError(f"{project[:40]!r} is not a project key; give one such as ACME", where="container")
    link = _BROWSE.search(wish)
    key = link.group(1) if link else wish if is_issue_key(wish) else ""
    if key:
        found = _by_key(client, key)
        if found is not None:
            return [found] if project.upper() in ("", found.container.upper()) else []
        if link:
            return []
    words = summary_contains(wish)
    if wish and not words:
        return []
    # A title may look like a key ("GPT-5"): then any kind of issue, because asking for the kinds would be a third request
    kinds = "" if key else f"issuetype in ({', '.join(quoted(name) for name in epic_types(client))})"
    conditions = [kinds, f"project = {quoted(project)}" if project else "", words]
    jql = " AND ".join(condition for condition in conditions if condition) + " ORDER BY updated DESC"
    try:
        issues, _ = reader.search(jql, _SHOWN, size=max(1, min(limit, MOST_CHOICES)))
    except Refused as error:
        if error.status == 400 and project:
            raise InputError(f"Jira knows no project {project}, or does not show it to the bot", where="container") from error
        raise
    choices = [_choice(client, issue) for issue in issues]
    return sorted(choices, key=lambda choice: choice.kind != "epic")[:limit]


def _by_key(client: JiraClient, key: str) -> Choice | None:
    try:
        return _choice(client, as_mapping(client.get(f"issue/{quote(key, safe='')}", {"fields": ",".join(_SHOWN)})))
    except Gone:
        return None


def epic_types(client: JiraClient) -> list[str]:
    """The names of the issue types one level above stories: many sites have renamed or translated theirs.

    Reference: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-types
    """
    kinds = [as_mapping(kind) for kind in as_sequence(client.get("issuetype"))]
    return list(dict.fromkeys(as_text(kind.get("name")) for kind in kinds if kind.get("hierarchyLevel") == EPIC_LEVEL)) or ["Epic"]


def _choice(client: JiraClient, issue: Mapping[str, Any]) -> Choice:
    fields = as_mapping(issue.get("fields"))
    kind = as_mapping(fields.get("issuetype"))
    key = as_text(issue.get("key"))
    is_epic = kind.get("hierarchyLevel") == EPIC_LEVEL or (kind.get("hierarchyLevel") is None and kind.get("name") == "Epic")
    return Choice(
        ref=as_ref(issue.get("id")),
        key=key,
        title=as_text(fields.get("summary")) or key,
        kind="epic" if is_epic else "issue",
        container=as_text(as_mapping(fields.get("project")).get("key")) or key.rpartition("-")[0],
        url=f"{client.site}/browse/{key}",
        status=as_text(as_mapping(fields.get("status")).get("name")),
    )


# --- queries -----------------------------------------------------------------------------------------------------------


def check_query(client: JiraClient, text: str) -> QueryCheck:
    """See ``Host.check_query``. Jira's own parser judges the JQL, then its counter tells about how many issues it finds.

    Reference: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-jql
    """
    jql = text.strip()
    bare = strip_order_by(jql)
    if not bare:
        return QueryCheck(errors=("the query restricts nothing, and Jira refuses that; begin with a project, such as: project = ACME",))
    if not client.cloud:
        return QueryCheck()
    try:
        answer = as_mapping(client.post("jql/parse", {"queries": [jql]}, {"validation": "strict"}))
    except Refused as error:
        if error.status != 400:
            raise
        return QueryCheck(errors=(error.message,))
    told = as_mapping(next(iter(as_sequence(answer.get("queries"))), None))
    errors = tuple(str(error) for error in as_sequence(told.get("errors")))
    warnings = [str(warning) for warning in as_sequence(told.get("warnings"))]
    if errors:
        return QueryCheck(errors, tuple(warnings))
    where = as_mapping(told.get("structure")).get("where")
    if where is not None and not is_bounded(where):
        warnings.append("the query is not limited to a project, an epic or the like: it takes in such issues of every project the bot sees")
    try:
        # Reference: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-search
        count = as_mapping(client.post("search/approximate-count", {"jql": bare})).get("count")
    except Refused as error:
        if error.status != 400:
            raise
        return QueryCheck((error.message,), tuple(warnings))
    return QueryCheck((), tuple(warnings), count if isinstance(count, int) and not isinstance(count, bool) else None)


def is_bounded(clause: object) -> bool:
    """Whether a clause of Jira's syntax tree keeps every match within a project, an epic, a label or the like."""
    data = as_mapping(clause)
    parts = [is_bounded(part) for part in as_sequence(data.get("clauses"))]
    if data.get("operator") == "and":
        return any(parts)
    if data.get("operator") == "or":
        return bool(parts) and all(parts)
    name = as_text(as_mapping(data.get("field")).get("name")).casefold()
    empty = as_mapping(data.get("operand")).get("keyword") == "empty"
    return name in _BOUNDING and data.get("operator") in ("=", "in") and not empty


# --- people ------------------------------------------------------------------------------------------------------------


def accounts(client: JiraClient, ids: Sequence[str]) -> dict[str, bool | None]:
    """See ``Host.accounts``. An account that an allowed request does not give is gone; without the right nothing is told.

    Reference: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-users
    """
    known: dict[str, bool | None] = dict.fromkeys(ids)
    if not client.cloud:
        return known
    for batch in chunks([account for account in known if account], ACCOUNTS):
        try:
            active = _active(client, batch)
        except Refused as error:
            if _is_missing_right(error) or error.status == 400:
                continue  # cannot be told, which is what stands there
            raise
        known.update({account: active.get(account, False) for account in batch})
    return known


def _active(client: JiraClient, batch: Sequence[str]) -> dict[str, bool]:
    found: dict[str, bool] = {}
    start = 0
    while True:
        # maxResults is 10 when not asked for, which would look like people who left
        answer = as_mapping(client.get("user/bulk", {"accountId": list(batch), "startAt": start, "maxResults": ACCOUNTS}))
        users = [as_mapping(user) for user in as_sequence(answer.get("values"))]
        found.update({as_text(user.get("accountId")): user.get("active") is True for user in users})
        start += len(users)
        if not users or answer.get("isLast") is not False:
            return found


def people(client: JiraClient, text: str, cursor: str | None) -> PeoplePage:
    """See ``Host.people``. Without a text all accounts, with one those that match and are active (the first 1,000)."""
    start = int(cursor) if cursor and cursor.isascii() and cursor.isdigit() else 0
    wish = text.strip()
    path, query = ("user/search", {"query": wish}) if wish else ("users/search", {})
    if not client.cloud:
        path, query = "user/search", {"username": wish or "."}
    try:
        users = [as_mapping(user) for user in as_sequence(client.get(path, {**query, "startAt": start, "maxResults": PEOPLE}))]
    except Refused as error:
        if not _is_missing_right(error):
            raise
        raise Refused(
            "the bot may not list Jira's people; give its account the global permission Browse users and groups "
            "(a token with scopes: read:jira-user), or enter account ids by hand",
            code="people_not_allowed",
            details=error.details,
        ) from error
    # Pages are cut before Jira leaves out what we may not see, so only an empty one is surely the last
    found = tuple(_person(user) for user in users if user.get("accountType", "atlassian") == "atlassian")
    return PeoplePage(found, str(start + PEOPLE) if users else None)


def _person(user: Mapping[str, Any]) -> HostPerson:
    account = as_text(user.get("accountId")) or as_text(user.get("key")) or as_text(user.get("name"))
    name = as_text(user.get("displayName")) or account
    return HostPerson(account, name, as_text(user.get("emailAddress")) or None, user.get("active") is not False)


def _is_missing_right(error: Refused) -> bool:
    return error.status == 403 or error.code == MISSING_SCOPE
