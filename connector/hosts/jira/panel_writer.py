"""A panel on an issue: remote links, the property ``okr``, and the fields. Only what differs from the receipt is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from connector.domain.panel import Panel
from connector.errors import Gone, HostError
from connector.hosts.base import JSON
from connector.hosts.jira import panel as markup
from connector.hosts.jira.client import JiraClient
from connector.hosts.jira.fields import as_mapping, as_ref, as_text
from connector.hosts.jira.panel_fields import PanelFields
from connector.hosts.jira.webhook import PROPERTY_KEY


def write(
    client: JiraClient, fields: PanelFields, instance: str, ref: str, panel: Panel, receipt: Mapping[str, JSON]
) -> Mapping[str, JSON]:
    """See ``Host.write_panel``.

    Receipt: ``{"links": {key result id: {"digest", "id"}}, "property": digest, "fields": see PanelFields, "warnings", "written"}``; the
    last three only where there are any. A link whose write got lost is written again under the same ``globalId``: Jira keeps one.
    Raises ``Gone`` when the issue is deleted or not shared any more. Trouble with a field carries the receipt in its details.
    """
    issue = f"issue/{quote(ref, safe='')}"
    done = _links(client, issue, panel.instance or instance, panel, as_mapping(receipt.get("links")))
    result: dict[str, JSON] = {"links": done[0], "property": markup.property_digest(panel), "written": done[1]}
    if result["property"] != as_text(receipt.get("property")):
        if result["property"]:
            client.put(f"{issue}/properties/{PROPERTY_KEY}", markup.property_value(panel))
            result["written"] += 1
        else:
            result["written"] += _remove(client, f"{issue}/properties/{PROPERTY_KEY}")
    before = as_mapping(receipt.get("fields"))
    try:
        entries, warnings, written = fields.write(ref, panel, before)
    except HostError as error:
        error.details = {**error.details, "receipt": {**result, "fields": dict(before)}}
        raise
    result["written"] += written
    return {**result, **({"fields": entries} if entries else {}), **({"warnings": warnings} if warnings else {})}


def _links(client: JiraClient, issue: str, instance: str, panel: Panel, before: Mapping[str, Any]) -> tuple[dict[str, dict[str, str]], int]:
    """(one link per key result, requests that wrote)."""
    links: dict[str, dict[str, str]] = {}
    written = 0
    for key_result in panel.key_results:
        body = markup.remote_link(instance, key_result)
        digest = markup.digest(body)
        old = as_mapping(before.get(key_result.id))
        identity = as_text(old.get("id"))
        if old.get("digest") != digest:
            identity = as_ref(as_mapping(client.post(f"{issue}/remotelink", body)).get("id")) or identity
            written += 1
        links[key_result.id] = {"digest": digest, "id": identity}
    for removed in before:
        if removed not in links:
            written += _remove(client, f"{issue}/remotelink", {"globalId": markup.global_id(instance, removed)})
    return links, written


def _remove(client: JiraClient, path: str, params: Mapping[str, str] | None = None) -> int:
    """Delete something of ours; 0 when it was not there any more."""
    try:
        client.delete(path, params)
    except Gone:
        return 0
    return 1
