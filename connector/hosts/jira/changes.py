"""What a changelog says about an issue's place: parents before and after, and whether only links changed. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connector.hosts.jira.fields import as_mapping, as_ref, as_text
from connector.hosts.jira.jql import is_issue_key

# Changelog fields that say "has another parent now". There is no official list, and the first has no fieldId.
PARENT_FIELDS = frozenset({"issueparentassociation", "epic link", "parent link", "parent", "parent issue"})
# History items that a remote link leaves behind. A roll-up never reads links, so these need no reading, whoever wrote them.
LINK_FIELDS = frozenset({"remoteworkitemlink", "remoteissuelink"})


def is_only_links(changes: Sequence[Mapping[str, Any]]) -> bool:
    """True when something changed and all of it was remote links."""
    return bool(changes) and all(_field(change) in LINK_FIELDS for change in changes)


def parents(changes: Sequence[Mapping[str, Any]], fields: Mapping[str, Any], ref: str) -> tuple[str, ...]:
    """Refs of the parents before and after. A parent told only by its key is given as the key."""
    found: dict[str, None] = {}
    for change in changes:
        if _field(change) not in PARENT_FIELDS and as_text(change.get("fieldId")).casefold() != "parent":
            continue
        for identity, label in (("from", "fromString"), ("to", "toString")):
            told, key = as_ref(change.get(identity)).strip(), as_text(change.get(label)).strip()
            if (told.isascii() and told.isdigit()) or is_issue_key(told):
                found[told] = None
            elif is_issue_key(key):
                found[key] = None
    if current := as_ref(as_mapping(fields.get("parent")).get("id")):
        found[current] = None
    found.pop(ref, None)
    return tuple(found)


def container_of(issue: Mapping[str, Any]) -> str:
    """The key of an issue's project, "" when it is not told."""
    key = as_text(issue.get("key"))
    told = as_text(as_mapping(as_mapping(issue.get("fields")).get("project")).get("key"))
    return told or (key.rpartition("-")[0] if is_issue_key(key) else "")


def _field(change: Mapping[str, Any]) -> str:
    return as_text(change.get("field")).strip().casefold()
