"""What the connector's account may do on a site, told in the words of Jira's own settings. Asks, and changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connector.errors import Refused
from connector.hosts.base import Container
from connector.hosts.jira.client import MISSING_SCOPE, JiraClient
from connector.hosts.jira.fields import as_mapping, as_ref, as_sequence, as_text

PERMISSION_PROJECTS = 1000  # projects that one permission check may name
ADMINISTER = "ADMINISTER"
BROWSE_USERS = "USER_PICKER"

# What the bot must be allowed in a project, and what for.
RIGHTS: Mapping[str, str] = {
    "BROWSE_PROJECTS": "see",
    "LINK_ISSUES": "write panels (links) in",
    "EDIT_ISSUES": "write panels (the property okr) in",
    "ADD_COMMENTS": "comment in",
}
# What it may do without, and what a person does then.
NOTES: Mapping[str, str] = {
    ADMINISTER: "the bot does not administer Jira, which only making the webhook needs: a Jira administrator makes it by hand once",
    BROWSE_USERS: "the bot may not list people; give it the global permission Browse users and groups, or enter account ids by hand",
}
# What the token of a login with scopes must hold; a site with finer scopes names them differently.
SCOPES: Mapping[str, str] = {
    "read:jira-work": "read issues",
    "write:jira-work": "write panels and comments",
    "read:jira-user": "know its own account and people",
}


def missing_rights(client: JiraClient, containers: Sequence[Container]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(what is missing, what it may do without), each in one sentence with the mend. Raises ``Refused`` for bad credentials."""
    lacking = tuple(_missing_scopes(client.scopes))
    if not containers:
        return (*lacking, "the bot sees no project; give it the project permission Browse projects where work is to be measured"), ()
    numbers = [int(container.id) for container in containers[:PERMISSION_PROJECTS] if container.id.isdigit()]
    if not client.cloud or not numbers:
        return lacking, ()
    body = {"globalPermissions": list(NOTES), "projectPermissions": [{"permissions": list(RIGHTS), "projects": numbers}]}
    try:
        # Reference: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-permissions
        answer = as_mapping(client.post("permissions/check", body))
    except Refused as error:
        if error.status == 401 and error.code != MISSING_SCOPE:
            raise
        return (*lacking, f"the bot's rights could not be checked: {error.message}"), ()
    everywhere = {as_text(right) for right in as_sequence(answer.get("globalPermissions"))}
    if client.by_permission:
        everywhere.add(ADMINISTER)  # its webhooks need no administrator
    return (*lacking, *_missing_in_projects(answer, containers)), tuple(note for right, note in NOTES.items() if right not in everywhere)


def _missing_scopes(scopes: Sequence[str]) -> list[str]:
    """Sentences for the classic scopes that a token lacks; none for a token that holds finer ones, whose names say more."""
    if not any(scope in SCOPES for scope in scopes):
        return []
    return [
        f"the token may not {use}: it lacks the scope {scope}; add it to the credential and enter the new one"
        for scope, use in SCOPES.items()
        if scope not in scopes
    ]


def _missing_in_projects(answer: Mapping[str, object], containers: Sequence[Container]) -> list[str]:
    granted = {
        as_text(as_mapping(entry).get("permission")): {as_ref(number) for number in as_sequence(as_mapping(entry).get("projects"))}
        for entry in as_sequence(answer.get("projectPermissions"))
    }
    warnings = []
    for right, use in RIGHTS.items():
        lacking = [
            container.key
            for container in containers[:PERMISSION_PROJECTS]
            if container.id.isdigit() and container.id not in granted.get(right, set())
        ]
        if lacking:
            named = ", ".join(lacking[:5]) + (f" and {len(lacking) - 5} more" if len(lacking) > 5 else "")
            permission = right.replace("_", " ").capitalize()
            warnings.append(f"the bot may not {use} {named}; give it the project permission {permission} there")
    return warnings
