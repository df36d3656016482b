"""What an admin looks for in a workspace: databases and rows to map, people's accounts. Reads only, few requests each.

Notion's search knows titles only, lags, and is not exhaustive: fine for picking, never an inventory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connector.errors import Gone, InputError, Refused
from connector.hosts.base import Choice, HostPerson, PeoplePage
from connector.hosts.notion import fields as reading
from connector.hosts.notion.client import PAGE_SIZE, NotionClient
from connector.hosts.notion.ids import known_id, normalise_id
from connector.hosts.notion.panel import STATUS
from connector.hosts.notion.schema import plain_text

MOST_LOOKED_UP = 20  # people asked for one by one, because the list leaves guests out
_NEWEST = {"timestamp": "last_edited_time", "direction": "descending"}


def search(client: NotionClient, text: str, container: str, limit: int) -> list[Choice]:
    """See ``Host.search``: data sources by title and then rows, or what a link or id names."""
    wish, most = text.strip(), max(1, min(limit, PAGE_SIZE))
    if container.strip():
        return _rows_in(client, wish, normalise_id(container, where="container"), most)
    try:
        ident = normalise_id(wish, row=True) if wish else ""
    except InputError:
        ident = ""  # no link: words of a title
    if ident:
        return _by_id(client, ident, is_row="p=" in wish)
    found = [_source_choice(each) for each in _searched(client, wish, "data_source", most)]
    if len(found) < most:
        pages = _searched(client, wish, "page", PAGE_SIZE)
        found += [_row_choice(each, reading.container_of(each)) for each in pages if reading.container_of(each)]
    return found[:most]


# Reference: https://developers.notion.com/reference/post-search
def _searched(client: NotionClient, text: str, kind: str, size: int) -> list[dict[str, Any]]:
    body: dict[str, Any] = {"filter": {"property": "object", "value": kind}, "page_size": size}
    body |= {"query": text} if text else {"sort": _NEWEST}
    return _living(client.call("POST", "search", body=body), kind)


def _living(answer: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    return [
        each for each in answer.get("results") or () if isinstance(each, dict) and each.get("object") == kind and not reading.is_gone(each)
    ]


def _rows_in(client: NotionClient, text: str, container: str, most: int) -> list[Choice]:
    """The newest rows of a data source whose title holds ``text``; for a database those that the search finds in it."""
    body: dict[str, Any] = {"sorts": [_NEWEST], "page_size": most, "result_type": "page"}
    if text:
        body["filter"] = {"property": "title", "title": {"contains": text}}
    try:
        return [_row_choice(each, container) for each in _living(client.query(container, body), "page")]
    except (Gone, Refused) as error:
        if isinstance(error, Refused) and error.status != 400:
            raise
    pages = [each for each in _searched(client, text, "page", PAGE_SIZE) if _database_of(each) == container]
    return [_row_choice(each, reading.container_of(each)) for each in pages[:most]]


def _database_of(page: Mapping[str, Any]) -> str:
    parent = page.get("parent")
    return (known_id(parent.get("database_id")) or "") if isinstance(parent, dict) else ""


def _by_id(client: NotionClient, ident: str, *, is_row: bool) -> list[Choice]:
    """What an id names. A database's link is what people copy most, so that is tried first."""
    kinds = ("row", "database") if is_row else ("database", "row")
    for kind in kinds:
        try:
            answer = client.database(ident) if kind == "database" else client.page(ident)
        except (Gone, Refused) as error:
            if isinstance(error, Refused) and error.status != 400:
                raise
            continue
        if reading.is_gone(answer):
            return []
        if kind == "row":
            return [_row_choice(answer, reading.container_of(answer))]
        return [Choice(ident, "", plain_text(answer.get("title")) or "(untitled)", "database", "", str(answer.get("url") or ""))]
    return []


def _source_choice(source: Mapping[str, Any]) -> Choice:
    parent = source.get("parent")
    database = known_id(parent.get("database_id")) if isinstance(parent, dict) else None
    title = plain_text(source.get("title")) or "(untitled)"
    return Choice(known_id(source.get("id")) or "", "", title, "data_source", database or "", str(source.get("url") or ""))


def _row_choice(page: Mapping[str, Any], container: str) -> Choice:
    title = reading.title_of(page) or "(untitled)"
    return Choice(known_id(page.get("id")) or "", "", title, "row", container, str(page.get("url") or ""), _status_of(page))


def _status_of(page: Mapping[str, Any]) -> str:
    """The row's only status beside ours, "" when there is none or several."""
    values = [
        value.get("status") for name, value in reading.properties_of(page).values() if value.get("type") == "status" and name != STATUS
    ]
    return str(values[0].get("name") or "") if len(values) == 1 and isinstance(values[0], dict) else ""


# --- people ------------------------------------------------------------------------------------------------------------


def people(client: NotionClient, text: str, cursor: str | None) -> PeoplePage:
    """See ``Host.people``. Notion cannot look for a name, so each page is sifted here: it may come out empty.

    Reference: https://developers.notion.com/reference/get-users
    """
    answer = client.users(cursor)
    wish = text.strip().casefold()
    found = [_person(each) for each in answer.get("results") or () if isinstance(each, dict) and each.get("type") == "person"]
    kept = tuple(each for each in found if wish in f"{each.name} {each.email or ''}".casefold())
    following = answer.get("next_cursor")
    return PeoplePage(kept, str(following) if answer.get("has_more") and following else None)


def _person(user: Mapping[str, Any]) -> HostPerson:
    told = user.get("person")
    email = str(told.get("email") or "") if isinstance(told, dict) else ""
    account = known_id(user.get("id")) or str(user.get("id") or "")
    return HostPerson(account, str(user.get("name") or email or account), email or None)


def accounts(client: NotionClient, ids: Sequence[str]) -> dict[str, bool | None]:
    """See ``Host.accounts``: who is on the list of people is active. The list leaves guests out, so others are asked for alone."""
    told: dict[str, bool | None] = dict.fromkeys(ids)
    asked = {account: ident for account in told if (ident := known_id(account))}
    if not asked:
        return told
    try:
        here = _members(client, set(asked.values()))
        absent = [account for account, ident in asked.items() if ident not in here]
        told.update({account: True for account, ident in asked.items() if ident in here})
        for account in absent[:MOST_LOOKED_UP]:
            told[account] = _guest(client, asked[account])
    except Refused as error:
        if error.status is not None or error.code != "missing_capability":
            raise
        return dict.fromkeys(ids)
    return told


def _members(client: NotionClient, wanted: set[str]) -> set[str]:
    found: set[str] = set()
    cursor: str | None = None
    while True:
        answer = client.users(cursor)
        found |= {ident for each in answer.get("results") or () if isinstance(each, dict) and (ident := known_id(each.get("id")))}
        cursor = answer.get("next_cursor")
        if not answer.get("has_more") or not cursor or wanted <= found:
            return found


def _guest(client: NotionClient, ident: str) -> bool | None:
    """Somebody who is no member: gone when unknown or shown as a bare id, else perhaps a guest, which cannot be told."""
    try:
        user = client.user(ident)
    except Gone:
        return False
    return None if user.get("type") else False
