"""What Jira says of what holds an issue up: the flag, a status whose name says so, links of the type "is blocked by". Pure.

Ids and names differ from site to site. The flag is a checkboxes field; its name is looked for in English first, which Jira tells beside
a translation. A link is known by how its holder reads it, so that a renamed or translated type is found as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from connector.domain.model import Blocked, BlockingLink, Category, Unknown
from connector.domain.signals.blocked import says_blocked, says_blocked_by
from connector.hosts.jira.fields import CHECKBOXES, as_mapping, as_ref, as_sequence, as_text, read_category

LINKS = "issuelinks"
# "Flagged" as sites in other languages show it; "Impediment" is its only option, and what some Data Center sites call the field.
FLAG_NAMES = frozenset(
    {"flagged", "impediment", "markiert", "gekennzeichnet", "signalé", "marqué", "marcado", "sinalizado", "contrassegnato", "gemarkeerd"}
)
_LINK_FIELD = "link"  # of a changelog


def flag_fields(answer: Any) -> tuple[str, ...]:
    """Ids of the fields that flag an issue, from ``GET /field``; () where the site has none."""
    found = []
    for entry in as_sequence(answer):
        data = as_mapping(entry)
        identity = as_text(data.get("id"))
        if identity and as_mapping(data.get("schema")).get("custom") == CHECKBOXES and _is_flag(data):
            found.append(identity)
    return tuple(found)


def _is_flag(data: Mapping[str, Any]) -> bool:
    names = (data.get("untranslatedName"), data.get("name"), *as_sequence(data.get("clauseNames")))
    return any(as_text(name).strip().casefold() in FLAG_NAMES for name in names)


def read_blocked(fields: Mapping[str, Any], flags: Sequence[str]) -> Blocked | None:
    """What holds up the issue with these fields; ``flags``: ids of the flag. What is done is held up by nothing."""
    category = read_category(fields)
    if category is Category.DONE:
        return None
    status = as_text(as_mapping(fields.get("status")).get("name"))
    held = Blocked(
        flag=any(_is_set(fields.get(name)) for name in flags),
        status=status if category is Category.STARTED and says_blocked(status) else None,
        links=tuple(link for entry in as_sequence(fields.get(LINKS)) if (link := _link(as_mapping(entry))) is not None),
    )
    return held if held.flag or held.status or any(link.done is not True for link in held.links) else None


def unread(fields: Mapping[str, Any]) -> Unknown | None:
    """What a read tells that asked for neither flag nor links: that what is done waits for nothing, else nothing."""
    return None if read_category(fields) is Category.DONE else Unknown("flag and links were not asked for")


def _is_set(value: Any) -> bool:
    return bool(value) if isinstance(value, (list, str, Mapping)) else False


def _link(entry: Mapping[str, Any]) -> BlockingLink | None:
    """The issue that this one waits for, None for every other link."""
    kind = as_mapping(entry.get("type"))
    for side, words in (("inwardIssue", "inward"), ("outwardIssue", "outward")):
        other = as_mapping(entry.get(side))
        if not other or not waits(kind, words):
            continue
        key = as_text(other.get("key"))
        ref = as_ref(other.get("id")) or key
        category = read_category(as_mapping(other.get("fields")))
        if ref:
            return BlockingLink(ref, key, None if category is Category.UNDEFINED else category is Category.DONE)
    return None


def waits(kind: Mapping[str, Any], side: str, suffix: str = "") -> bool:
    """Whether the holder of this side of a link type waits for the other side. ``suffix``: of the words' names ("Name" in events).

    A type called "Blocks" is Jira's own, whatever language its words are in; a type turned round has the words on the other side.
    """
    words, name = as_text(kind.get(f"{side}{suffix}")), as_text(kind.get("name")).strip().casefold()
    other = as_text(kind.get(f"{'outward' if side == 'inward' else 'inward'}{suffix}"))
    return says_blocked_by(words) or (side == "inward" and name in ("blocks", "blocker") and not says_blocked_by(other))


def told_by(changes: Sequence[Mapping[str, Any]], at: datetime | None) -> tuple[datetime | None, bool]:
    """What a changelog tells: (since when the issue is held up, whether a flag or such a link was taken away)."""
    begun, freed = False, False
    for change in changes:
        name = as_text(change.get("field")).strip().casefold()
        before, after = as_text(change.get("fromString")), as_text(change.get("toString"))
        if name in FLAG_NAMES:
            begun, freed = begun or bool(after), freed or not after
        elif name == _LINK_FIELD:  # "This issue is blocked by HARB-7"
            begun, freed = begun or says_blocked_by(after), freed or says_blocked_by(before)
        elif name == "status":
            begun, freed = begun or says_blocked(after), freed or (says_blocked(before) and not says_blocked(after))
    return (at if begun else None), freed
