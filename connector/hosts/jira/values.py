"""Writing an issue's fields through the editor's own door, ``PUT /issue``: only what differs, without mails, and looked at afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from connector.domain.model import FieldValue, Unknown
from connector.errors import Refused
from connector.hosts.base import JSON
from connector.hosts.jira.client import JiraClient
from connector.hosts.jira.fields import as_mapping, find_fields, read_value, write_value
from connector.hosts.jira.reader import IssueReader


def write(client: JiraClient, reader: IssueReader, ref: str, values: Mapping[str, FieldValue]) -> Mapping[str, JSON]:
    """Write fields by name or id. ``Unknown`` is never written, None empties a field.

    Receipt: ``{"fields": {name: field id}, "written": [names]}``. Raises ``Refused`` for an unknown field, and when Jira took the
    request and changed nothing: it does so when the bot may not suppress mails (no project administrator).
    """
    infos = reader.fields()
    targets: dict[str, str] = {}
    for name in values:
        found = find_fields(infos, name) if name else ()
        if not found:
            raise Refused(f"Jira has no field {name!r}", code="unknown_field")
        targets[name] = found[0]
    kinds = {info.id: info.type for info in infos}
    path = f"issue/{quote(ref, safe='')}"
    query = {"fields": ",".join(dict.fromkeys(targets.values()))}
    now = as_mapping(as_mapping(client.get(path, query)).get("fields")) if targets else {}
    different = {name: value for name, value in values.items() if not _same(value, now.get(targets[name]))}
    if different:
        fields = {targets[name]: write_value(value, kinds[targets[name]], rich=client.cloud) for name, value in different.items()}
        # Reference: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues
        client.put(path, {"fields": fields}, {"notifyUsers": "false"})
        after = as_mapping(as_mapping(client.get(path, query)).get("fields"))
        ignored = [name for name, value in different.items() if not _same(value, after.get(targets[name]))]
        if ignored:
            raise Refused(
                f"Jira took the edit and did not change {', '.join(ignored)}; make the bot an administrator of the project",
                code="edit_ignored",
            )
    return {"fields": targets, "written": list(different)}


def _same(wanted: FieldValue, raw: Any) -> bool:
    """Is a field already as wanted? What must not be written counts as the same."""
    if isinstance(wanted, Unknown):
        return True
    present = read_value(raw)
    if wanted in ("", None, ()):
        return present in ("", None, ())
    if isinstance(wanted, bool) or isinstance(present, bool):
        return present is wanted
    if isinstance(wanted, str) and isinstance(present, str):
        return wanted.split() == present.split()  # a rich text comes back with other white space
    if isinstance(wanted, tuple) and isinstance(present, tuple):
        return sorted(wanted) == sorted(present)
    return present == wanted
