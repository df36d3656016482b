"""Names that people write in a mapping → ids that survive renames, checked against the site.

What cannot be found is refused in the site's own words, unless its id is known from before: then it is only reported missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from connector.errors import Gone, HostError, Refused
from connector.hosts.base import Resolution
from connector.hosts.jira.client import JiraClient
from connector.hosts.jira.fields import (
    as_mapping,
    as_ref,
    as_sequence,
    as_text,
    find_fields,
    holds_no_number,
    near_names,
    read_kind,
)
from connector.hosts.jira.jql import strip_order_by
from connector.hosts.jira.reader import IDS_ONLY, IssueReader
from mappings.rules import Selector, SelectorKind


def resolve(
    client: JiraClient, reader: IssueReader, selector: Selector, field_names: Sequence[str], known: Resolution | None
) -> Resolution:
    """The names of one mapping as ids. See ``Host.resolve``.

    ``containers`` is the project's key (and the name it was asked by) for a project selector and empty otherwise: the children
    of an epic may live in any project.
    """
    before = known or Resolution()
    refs: dict[str, str] = {}
    titles: dict[str, str] = {}
    missing: list[str] = []
    not_epics: dict[str, str] = {}
    containers: tuple[str, ...] = before.containers if selector.kind is not SelectorKind.PROJECT else ()
    if selector.kind in (SelectorKind.EPICS, SelectorKind.ISSUES):
        named = selector.epics if selector.kind is SelectorKind.EPICS else selector.issues
        refs, titles, missing, kinds = _issues(reader, named, before)
        not_epics = kinds if selector.kind is SelectorKind.EPICS else {}
    elif selector.kind is SelectorKind.JQL:
        _check_jql(client, reader, selector.jql)
    elif selector.kind is SelectorKind.PROJECT:
        containers = _project(client, selector.project, before, missing)
    else:
        raise Refused(f"Jira has no selector {selector.kind.value!r}; use epics, jql, project or issues", code="selector")
    fields = {name: _field(reader, name, before, missing) for name in field_names}
    return Resolution(
        refs=refs,
        fields=fields,
        containers=containers,
        titles=titles,
        missing=tuple(missing),
        not_numbers=_not_numbers(reader, fields),
        not_epics=not_epics,
    )


def _not_numbers(reader: IssueReader, fields: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Of the resolved names those whose fields hold no number, with the type of the first."""
    infos = {info.id: info for info in reader.fields()} if fields else {}
    known = {name: [infos[identity] for identity in identities if identity in infos] for name, identities in fields.items()}
    return {name: found[0].type.rpartition(":")[2] for name, found in known.items() if found and all(map(holds_no_number, found))}


def _issues(
    reader: IssueReader, names: Sequence[str], before: Resolution
) -> tuple[dict[str, str], dict[str, str], list[str], dict[str, str]]:
    asked = {name: before.refs.get(name, name) for name in names}
    found = reader.named(asked.values())
    refs: dict[str, str] = {}
    titles: dict[str, str] = {}
    missing: list[str] = []
    unknown: list[str] = []
    small: dict[str, str] = {}  # name → type of what holds no other issues
    for name, ask in asked.items():
        issue = found.get(ask)
        ref = as_ref(issue.get("id")) if issue is not None else ""
        if issue is not None and ref:
            refs[name] = ref
            told = as_mapping(issue.get("fields"))
            if as_mapping(told.get("issuetype")) and read_kind(told) != "epic":
                small[name] = as_text(as_mapping(told.get("issuetype")).get("name")) or read_kind(told)
            titles[ref] = as_text(as_mapping(issue.get("fields")).get("summary")) or as_text(issue.get("key"))
        elif name in before.refs:
            refs[name] = before.refs[name]
            titles[refs[name]] = before.titles.get(refs[name], name)
            missing.append(name)
        else:
            unknown.append(name)
    if unknown:
        one = len(unknown) == 1
        raise Refused(
            f"{', '.join(unknown)} {'does' if one else 'do'} not exist in Jira or {'is' if one else 'are'} not shared with the bot; "
            "check the key and the bot's right to browse the project",
            code="unknown_issue",
            details={"names": unknown},
        )
    return refs, titles, missing, small


def _check_jql(client: JiraClient, reader: IssueReader, jql: str) -> None:
    """Let the site judge a JQL: its parser first (it names the mistake best), then one search, which also refuses unbounded JQL."""
    bare = strip_order_by(jql)
    try:
        # Reference: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-jql
        answer: Any = client.post("jql/parse", {"queries": [jql]}, {"validation": "strict"}) if client.cloud else None
    except HostError as error:
        if error.status not in (404, 405):
            raise
        answer = None
    for query in as_sequence(as_mapping(answer).get("queries")):
        if errors := [str(text) for text in as_sequence(as_mapping(query).get("errors"))]:
            raise Refused(f"Jira does not accept the JQL: {'; '.join(errors)}", status=400, code="jql", details={"errors": errors})
    try:
        reader.search(bare, IDS_ONLY, size=1)
    except Refused as error:
        if error.status != 400:
            raise
        raise Refused(f"Jira does not accept the JQL: {error.message}", status=400, code="jql", details=error.details) from error


def _project(client: JiraClient, key: str, before: Resolution, missing: list[str]) -> tuple[str, ...]:
    try:
        told = as_text(as_mapping(client.get(f"project/{quote(key, safe='')}")).get("key")) or key
    except Gone:
        if before.containers:
            missing.append(key)
            return before.containers
        raise Refused(
            f"the project {key} does not exist in Jira or is not shared with the bot; check its key", code="unknown_project"
        ) from None
    return (told,) if told == key else (told, key)


def _field(reader: IssueReader, name: str, before: Resolution, missing: list[str]) -> tuple[str, ...]:
    infos = reader.fields()
    if name and set(find_fields(infos, name)) & reader.own_fields():
        raise Refused(f"{name!r} is written by the connector itself, so a key result cannot be measured by it", code="own_field")
    here = {info.id for info in infos}
    kept = tuple(identity for identity in before.fields.get(name, ()) if identity in here)
    if name == "":
        # A first team-managed project brings a second points field: what is new joins what is known
        if points := tuple(dict.fromkeys(kept + find_fields(infos, ""))):
            return points
    elif found := kept or find_fields(infos, name):
        return found
    if before.fields.get(name):
        missing.append(name or "story points")
        return before.fields[name]
    if name == "":
        raise Refused("this Jira has no story point field; name a number field in the mapping", code="unknown_field")
    near = near_names(infos, name)
    hint = f"; did you mean {' or '.join(repr(other) for other in near)}?" if near else "; see the list of fields on the connection's page"
    raise Refused(f"Jira has no field {name!r}{hint}", code="unknown_field", details={"near": near})
