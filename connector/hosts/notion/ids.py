"""Notion's identifiers: dashed lower-case ids out of whatever people paste, and decoded property ids. Pure."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, unquote, urlsplit

from connector.errors import InputError

_PLAIN = re.compile(r"[0-9a-f]{32}")
_DASHED = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# Notion's links end with the id: /p/Some-title-0123…, /workspace/0123…, or a bare dashed id.
_AT_END = re.compile(r"(?:^|[^0-9a-f])([0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$")
_DOMAINS = ("notion.so", "notion.com", "notion.site")
_MEND = "give the 32-character id or the link of the page or database (Share → Copy link)"


def known_id(text: object) -> str | None:
    """The dashed lower-case form of an id with or without dashes, None for anything else."""
    if not isinstance(text, str):
        return None
    low = text.strip().lower()
    if _DASHED.fullmatch(low):
        return low
    if _PLAIN.fullmatch(low):
        return f"{low[:8]}-{low[8:12]}-{low[12:16]}-{low[16:20]}-{low[20:]}"
    return None


def normalise_id(text: str, *, where: str = "", row: bool = False) -> str:
    """The dashed lower-case id in an id or a Notion link. Raises ``InputError`` when there is none.

    ``row``: of a link to a database with a row opened in it, take the row (``?p=``) and not the database.
    """
    if direct := known_id(text):
        return direct
    found = _from_link(text.strip(), row)
    if found is None:
        raise InputError(f"{text[:120]!r} is not a Notion id or link; {_MEND}", where=where)
    return found


def _from_link(text: str, row: bool) -> str | None:
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        host = (parts.hostname or "").lower()
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not any(host == domain or host.endswith(f".{domain}") for domain in _DOMAINS):
        return None
    if row and (peeked := known_id(next(iter(parse_qs(parts.query).get("p", [])), None))):
        return peeked
    match = _AT_END.search(unquote(parts.path).rstrip("/").lower())
    return known_id(match.group(1)) if match else None


def property_id(text: str) -> str:
    """A property id in the decoded form in which we keep and compare them: the API and webhooks send it URL-encoded."""
    return unquote(text)
