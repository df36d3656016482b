"""Which issues belong to a mapping where only Jira can decide: JQL, asked so that the search index's lag does not count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connector.errors import Refused
from connector.hosts.base import Wanted
from connector.hosts.jira.client import JiraClient
from connector.hosts.jira.fields import as_mapping, as_ref, as_sequence
from connector.hosts.jira.jql import both, chunks, issue_list, strip_order_by
from connector.hosts.jira.reader import IssueReader
from mappings.rules import SelectorKind

FEW_QUERIES = 3  # up to this many JQL mappings are asked one by one with a strong read, more together


def members(client: JiraClient, reader: IssueReader, wanted: Sequence[Wanted], refs: Sequence[str]) -> Mapping[int, frozenset[str]]:
    """Which of ``refs`` (numeric ids) match each JQL mapping, asked so that the index's lag does not count.

    Raises ``Refused`` with ``details["mapping"]`` for a JQL that Jira does not accept any more.
    """
    numbers = [ref for ref in dict.fromkeys(refs) if ref.isascii() and ref.isdigit()]
    queries = {mapping.mapping: strip_order_by(mapping.selector.jql) for mapping in wanted if mapping.selector.kind is SelectorKind.JQL}
    if not numbers or not queries:
        return {mapping: frozenset() for mapping in queries}
    distinct = list(dict.fromkeys(queries.values()))
    found: dict[str, set[str]] = {}
    if len(distinct) > FEW_QUERIES and client.cloud:
        found = _match(client, distinct, numbers)
    for mapping, jql in queries.items():
        if jql not in found:
            try:
                found[jql] = {ref for part in chunks(numbers) for ref in _matches(reader, jql, part)}
            except Refused as error:
                if error.status == 400:
                    raise Refused(error.message, status=400, code="jql", details={**error.details, "mapping": mapping}) from error
                raise
    return {mapping: frozenset(found[jql]) for mapping, jql in queries.items()}


def _matches(reader: IssueReader, jql: str, refs: Sequence[str]) -> set[str]:
    try:
        return set(reader.matching(both(jql, f"id in ({issue_list(refs)})"), refs)) & set(refs)
    except Refused as error:
        if error.status != 400:
            raise
    # One id that was deleted a moment ago makes the list an error; the plain JQL has no list
    return set(reader.matching(jql, refs)) & set(refs)


def _match(client: JiraClient, queries: Sequence[str], refs: Sequence[str]) -> dict[str, set[str]]:
    """Ask for many JQLs at once. A query with an error is left out, so that it is asked alone and named.

    Reference: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-search
    """
    found: dict[str, set[str]] = {jql: set() for jql in queries}
    for part in chunks(refs, 100):
        answer = as_mapping(client.post("jql/match", {"issueIds": [int(ref) for ref in part], "jqls": list(queries)}))
        matches = as_sequence(answer.get("matches"))
        for jql, entry in zip(queries, [*matches, *[None] * (len(queries) - len(matches))], strict=False):
            told = as_mapping(entry)
            if not told or as_sequence(told.get("errors")):
                found.pop(jql, None)
            elif jql in found:
                found[jql] |= {as_ref(number) for number in as_sequence(told.get("matchedIssues"))} & set(part)
    return found
