"""How Notion speaks at the door: handshake, signature header, delivery id, events. Pure: no I/O, no clock.

A delivery says that something changed, never what: values are always read again.
Reference: https://developers.notion.com/reference/webhooks-events-delivery
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from connector.hosts.base import Delivery, Event, Ignored, NotThisHost
from connector.hosts.notion.cleaning import cleaned
from connector.hosts.notion.fields import moment
from connector.hosts.notion.ids import known_id

SIGNATURE_HEADER = "x-notion-signature"
AUTOMATION = "automation"  # our name for the "Send webhook" action of a button or database automation; it has no signature

_ACTIONS = frozenset({AUTOMATION, "button", "database_button"})  # seen as "automation"; the others cost nothing
_CHANGED = frozenset(
    {"page.created", "page.undeleted", "page.moved", "page.properties_updated", "page.content_updated"}
)  # a title edit arrives as page.content_updated
_TITLE = ("title",)  # the id of every database's title column
_COMMENTS = frozenset({"comment.created", "comment.updated"})
_SCOPES = frozenset(
    f"{kind}.{what}"
    for kind in ("database", "data_source")
    for what in ("created", "deleted", "undeleted", "moved", "content_updated", "schema_updated")
)


class NotionDialect:
    """Notion's deliveries."""

    commands = True
    quotes = False
    place = "page"
    unsigned: frozenset[str] = frozenset({AUTOMATION})
    handled: frozenset[str] = _CHANGED | _COMMENTS | _SCOPES | {"page.deleted", AUTOMATION}
    ignored: frozenset[str] = frozenset(
        {
            "comment.deleted",  # what a command in it filed is not undone
            "file_upload.completed",
            "file_upload.created",
            "file_upload.expired",
            "file_upload.upload_failed",
            "page.locked",
            "page.transcription_block.transcript_deleted",
            "page.unlocked",
            "view.created",
            "view.deleted",
            "view.updated",
        }
    )
    kept_headers: frozenset[str] = frozenset()

    def handshake(self, headers: Mapping[str, str], body: bytes) -> str | None:
        """The verification token of the one request that a new subscription sends; the caller decides whether set-up is armed."""
        try:
            payload = _object(body)
        except NotThisHost:
            return None
        token = payload.get("verification_token")
        return token if isinstance(token, str) and token and not {"type", "entity", "data", "source"} & payload.keys() else None

    def signature(self, headers: Mapping[str, str]) -> str | None:
        """The value of ``X-Notion-Signature``: ``sha256=<hex>`` over the raw body."""
        return headers.get(SIGNATURE_HEADER)

    def bearer(self, headers: Mapping[str, str]) -> str | None:
        """None: Notion signs the body."""
        return None

    def delivery(self, headers: Mapping[str, str], body: bytes) -> Delivery:
        """The event's id, the same on all attempts. Raises ``NotThisHost``."""
        payload = _object(body)
        if (source := _automation(payload)) is not None:
            event = source.get("event_id")
            key = f"{AUTOMATION}:{event}" if isinstance(event, str) and event else f"sha256:{hashlib.sha256(body).hexdigest()}"
            return Delivery(key, AUTOMATION)
        ident, kind = payload.get("id"), payload.get("type")
        if not (isinstance(ident, str) and ident and isinstance(kind, str) and kind and isinstance(payload.get("entity"), dict)):
            raise NotThisHost("a Notion delivery has an id, a type and an entity")
        return Delivery(ident, kind, moment(payload.get("timestamp")))

    def parse(self, headers: Mapping[str, str], body: bytes) -> Sequence[Event] | Ignored:
        """The hints in a delivery. Raises ``NotThisHost``."""
        kind = self.delivery(headers, body).event
        payload = _object(body)
        if kind == AUTOMATION:
            if not _is_action(_dict(payload.get("source"))):
                return Ignored("unknown automation")
            page = _pressed_page(payload)
            if not page:
                return Ignored("no page")
            return (
                Event(
                    "changed",
                    ref=_identity(page.get("id")),
                    container=known_id(_dict(page.get("parent")).get("data_source_id")) or "",
                    author=_presser(_dict(payload.get("source"))),
                    pressed=True,
                ),
            )
        if kind in self.ignored:
            return Ignored(f"{kind.partition('.')[0]} event")
        if kind not in self.handled:
            return Ignored("unknown event")
        entity = _identity(_dict(payload.get("entity")).get("id"))
        data = _dict(payload.get("data"))
        parent = _dict(data.get("parent"))
        author, at = _author(payload.get("authors")), moment(payload.get("timestamp"))
        authors = _authors(payload.get("authors"))
        if kind in ("data_source.content_updated", "database.content_updated"):
            rows = _updated_rows(data.get("updated_blocks"))
            if rows:  # reading these few is far less than listing a whole database again
                return [Event("changed", ref=row, container=entity, author=author, authors=authors, at=at) for row in rows]
        if kind in _SCOPES:
            return (Event("scope", container=entity, author=author, at=at),)
        if kind in _COMMENTS:
            return (Event("comment", ref=_identity(data.get("page_id")), comment_id=entity, author=author, at=at),)
        above = known_id(parent.get("id")) if parent.get("type") == "page" else None
        return (
            Event(
                "deleted" if kind == "page.deleted" else "changed",
                ref=entity,
                parent_refs=(above,) if above else (),
                container=known_id(parent.get("data_source_id")) or "",
                author=author,
                authors=authors,
                fields=_TITLE if kind == "page.content_updated" else _updated(data.get("updated_properties")),
                at=at,
            ),
        )


def _object(body: bytes) -> dict[str, Any]:
    try:
        payload = cleaned(json.loads(body))
    except (ValueError, RecursionError) as error:  # ValueError covers bad JSON and bad UTF-8
        raise NotThisHost("the body is not JSON") from error
    if not isinstance(payload, dict):
        raise NotThisHost("the body is not a JSON object")
    return payload


def _automation(payload: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What a "Send webhook" action says of itself; None for other deliveries. One without a page, or of a kind that is not known, is one
    too: a refusal would pause it.
    """
    source = payload.get("source")
    if not isinstance(source, dict) or {"type", "entity"} & payload.keys():
        return None
    return source if isinstance(payload.get("data"), dict) or _is_action(source) else None


def _is_action(source: Mapping[str, Any]) -> bool:
    return isinstance(source.get("type"), str) and source["type"] in _ACTIONS


def _pressed_page(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """The page on which a button was pressed, or that an automation is about; {} without one. Its values are only a hint."""
    data = _dict(payload.get("data"))
    return next((page for page in (data, _dict(data.get("page"))) if known_id(page.get("id"))), {})


def _presser(source: Mapping[str, Any]) -> str:
    """Who pressed the button, where Notion tells (not documented; seen in public code)."""
    return known_id(source.get("user_id")) or known_id(_dict(source.get("user")).get("id")) or ""


def _dict(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _identity(value: object) -> str:
    found = known_id(value)
    if found is None:
        raise NotThisHost("a Notion id is missing or malformed")
    return found


def _updated_rows(blocks: object) -> list[str]:
    """The pages among the updated blocks, each once."""
    found = (
        [known_id(each.get("id")) for each in blocks if isinstance(each, dict) and each.get("type") == "page"]
        if isinstance(blocks, list)
        else []
    )
    return list(dict.fromkeys(ref for ref in found if ref))


def _updated(properties: object) -> tuple[str, ...]:
    """The ids of the updated properties, which are URL-encoded there."""
    return tuple(dict.fromkeys(unquote(each) for each in properties if isinstance(each, str))) if isinstance(properties, list) else ()


def _authors(authors: object) -> tuple[str, ...]:
    """Every author, bots as ``bot:<id>``: aggregation gathers the edits of several people and bots in one delivery."""
    found = [each for each in authors if isinstance(each, dict) and isinstance(each.get("id"), str)] if isinstance(authors, list) else []
    told = [(known_id(each["id"]) or each["id"], each.get("type") == "bot") for each in found]
    return tuple(dict.fromkeys(f"bot:{account}" if bot else account for account, bot in told if account))


def _author(authors: object) -> str:
    """The first author; ``bot:<id>`` when one bot is the only author: aggregation merges a person's edit with a bot's."""
    found = [each for each in authors if isinstance(each, dict) and isinstance(each.get("id"), str)] if isinstance(authors, list) else []
    if not found:
        return ""
    ids = {known_id(each["id"]) or each["id"] for each in found}
    first = known_id(found[0]["id"]) or str(found[0]["id"])
    return f"bot:{first}" if len(ids) == 1 and all(each.get("type") == "bot" for each in found) else first
