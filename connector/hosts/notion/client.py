"""The one importer of notion-client: a thin transport behind the gateway, with retries off and the API version explicit.

It must not know items, mappings or panels. Everything goes through ``Client.request``: the library's endpoint methods
drop arguments that they do not know without a word.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import httpx
import notion_client
from notion_client.errors import InvalidPathParameterError

from connector.errors import SITE_WIDE, Blocked, Busy, HostError, Offline, Refused
from connector.hosts.base import ConnectionSettings
from connector.hosts.http import Answer, Gateway, HttpxTransport, Policy, origin_of
from connector.hosts.limits import Allowance, Budget
from connector.hosts.notion.cleaning import cleaned
from connector.hosts.permitted import PermittedToken

VERSION = "2026-03-11"
REQUESTS_PER_MINUTE = 180  # every plan below Business; 600 on Business and Enterprise
PAGE_SIZE = 100
_LOGGER = logging.getLogger("notion_client.connector")  # without a logger of its own each client adds a handler to a shared one
_LOGGER.addHandler(logging.NullHandler())
EDGE_BLOCK = "edge_block"  # code of an answer that is not Notion's
CONSENT_ENDED = "consent_ended"  # code of a refusal that only a person mends, by giving the permission again
_SECRETS = ("token", "access_token", "refresh_token", "client_secret")
_WHERE = "tick it in Notion under Settings → Connections → Develop or manage connections → the connection → Capabilities."
_REPLACE = "Check that the token was copied whole and has not been replaced: Settings → Connections → Develop or manage connections."
_RENEW = "The permission has ended or was taken back: connect the workspace again."


def allowances(options: Mapping[str, Any]) -> Sequence[Allowance]:
    """Notion counts requests of a connection per 60-second window. Reference: https://developers.notion.com/reference/request-limits"""
    told = options.get("requests_per_minute", REQUESTS_PER_MINUTE)
    number = int(told) if isinstance(told, (int, float)) and not isinstance(told, bool) and told >= 1 else REQUESTS_PER_MINUTE
    return (Allowance("all", f"{number}/60 second", ranked=True),)


def explain(answer: Answer) -> tuple[str, str, Mapping[str, Any]]:
    """Notion's error body as (message, code, details). An answer that is not JSON came from the edge, not from Notion."""
    body = answer.json()
    if not isinstance(body, dict) or "message" not in body:
        return "an answer that is not Notion's (a proxy or the edge of its network)", EDGE_BLOCK, {}
    extra = body.get("additional_data")
    details: dict[str, Any] = {"request_id": str(body.get("request_id") or "")}
    if isinstance(extra, dict):
        details["additional_data"] = extra
    return str(body["message"])[:500], str(body.get("code") or ""), details


def committed(answer: Answer) -> tuple[str, ...]:
    """The ids that a failed write reports as written."""
    body = answer.json()
    extra = body.get("additional_data") if isinstance(body, dict) else None
    if not isinstance(extra, dict):
        return ()
    children = extra.get("committed_child_ids")
    found = [each for each in children if isinstance(each, str)] if isinstance(children, list) else []
    whole = extra.get("committed_resource_id")
    return tuple(found) if found else ((whole,) if isinstance(whole, str) else ())


def idempotent(method: str, path: str) -> bool:
    """Reads (queries and search are POST) and writes of the same content may be repeated; appending and commenting may not."""
    if method == "POST":
        return path.endswith(("/query", "/search"))
    if method == "PATCH":
        return not path.endswith("/children")
    return method in ("GET", "DELETE")


class NotionClient:
    """The calls we make, each one request. Raises ``HostError`` kinds only. Built and used in one process and thread."""

    def __init__(self, settings: ConnectionSettings, *, budget: Budget, allow_private: bool, patience: float) -> None:
        self._built_from = settings, budget, allow_private, patience
        base = settings.url.rstrip("/").removesuffix("/v1")
        limits = allowances(settings.options)
        policy = Policy(allowances=lambda method, path: limits, explain=explain, idempotent=idempotent, committed=committed)
        self.gateway = Gateway(settings.name, frozenset({origin_of(base)}), policy, budget, allow_private=allow_private, patience=patience)
        self.allowance = limits[0]
        self.gateway.secrets = frozenset(str(settings.auth[name]) for name in _SECRETS if settings.auth.get(name))
        token = settings.auth.get("token") or settings.auth.get("access_token", "")
        self._collided: set[str] = set()  # blocks whose last write met another one
        self._permitted = PermittedToken(settings, self._hide) if settings.auth.get("access_token") else None
        self._mend = _RENEW if self._permitted else _REPLACE
        self._http = httpx.Client(transport=HttpxTransport(self.gateway), trust_env=False, follow_redirects=False)
        self._api = notion_client.Client(auth=token, base_url=base, notion_version=VERSION, retry=False, client=self._http, logger=_LOGGER)

    def sibling(self) -> NotionClient:
        """Another client for the same workspace, for another thread; it shares the budget."""
        settings, budget, allow_private, patience = self._built_from
        other = NotionClient(settings, budget=budget, allow_private=allow_private, patience=patience)
        if self._permitted is not None:
            other._permitted = self._permitted.for_sibling(other._hide)
        return other

    def _hide(self, secrets: frozenset[str]) -> None:
        self.gateway.secrets |= secrets

    def close(self) -> None:
        """Close the connection pool."""
        self._http.close()

    def call(
        self, method: str, path: str, *, query: Mapping[str, Any] | None = None, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """One request to ``/v1/<path>``; two after a collision, or when a permission's token was refused and could be renewed."""
        try:
            return self._send(method, path, query, body)
        except Refused as error:
            if error.status == 409:
                self._collide(path, error)
            elif error.status == 401 and error.code != CONSENT_ENDED and self._permitted is not None and self._permitted.renewable:
                self._permitted.refuse()
            else:
                raise
        try:
            return self._send(method, path, query, body)  # with one new token, or when others have saved; then the refusal counts
        except Refused as error:
            if error.status == 409:
                raise _again_later(error) from error
            raise

    def _collide(self, path: str, error: Refused) -> None:
        """Somebody saved at the same moment, so nothing was written: wait a moment. Raises ``error`` for blocks, at the first time.

        A block may answer so because it was deleted, or a copy of what is appended may be there: whoever writes it looks first.
        """
        if not path.startswith("blocks/"):
            self.gateway.sleep(random.uniform(0.1, 0.4))  # noqa: S311  # so that two do not collide again
            return
        again = path in self._collided
        self._collided ^= {path}
        raise _again_later(error) if again else error

    def _send(self, method: str, path: str, query: Mapping[str, Any] | None, body: Mapping[str, Any] | None) -> dict[str, Any]:
        token = self._permitted.current() if self._permitted is not None else None
        try:
            answer = self._api.request(path, method, dict(query) if query else None, dict(body) if body is not None else None, auth=token)
        except HostError as error:
            raise _translated(error, method, path, self._mend) from error
        except InvalidPathParameterError as error:
            raise Refused(f"{self.gateway.connection}: {path!r} is not a path of the API", code="invalid_path") from error
        except ValueError as error:  # a 200 whose body is no JSON: something between us and Notion answered
            raise Offline(f"{self.gateway.connection}: {method} /v1/{path} gave an answer that is not JSON") from error
        if not isinstance(answer, dict):
            raise Offline(f"{self.gateway.connection}: {method} /v1/{path} gave an answer that is not an object")
        clean: dict[str, Any] = cleaned(answer)
        return clean

    # Reference: https://developers.notion.com/reference/get-self
    def me(self) -> dict[str, Any]:
        """The bot that the token belongs to."""
        return self.call("GET", "users/me")

    # Reference: https://developers.notion.com/reference/get-users
    def users(self, cursor: str | None = None) -> dict[str, Any]:
        """A page of the workspace's people and bots, without guests. Raises ``Refused`` (``missing_capability``, which parks nothing)."""
        query = {"page_size": PAGE_SIZE, **({"start_cursor": cursor} if cursor else {})}
        return self._of_people("users", query)

    # Reference: https://developers.notion.com/reference/get-user
    def user(self, ident: str) -> dict[str, Any]:
        """One person, guests too. Raises ``Refused`` as ``users`` does."""
        return self._of_people(f"users/{ident}", None)

    def _of_people(self, path: str, query: Mapping[str, Any] | None) -> dict[str, Any]:
        try:
            return self.call("GET", path, query=query)
        except Refused as error:
            if error.status != 403:
                raise
            raise Refused(error.message, code="missing_capability", details=error.details) from error  # reading work goes on without

    # Reference: https://developers.notion.com/reference/post-search
    def search_sources(self, cursor: str | None = None) -> dict[str, Any]:
        """A page of 100 data sources shared with us. Not exhaustive by contract, so never an inventory."""
        body = {"filter": {"property": "object", "value": "data_source"}, "page_size": PAGE_SIZE}
        return self.call("POST", "search", body={**body, **({"start_cursor": cursor} if cursor else {})})

    # Reference: https://developers.notion.com/reference/retrieve-a-database
    def database(self, ident: str) -> dict[str, Any]:
        """A database: the container that lists its data sources."""
        return self.call("GET", f"databases/{ident}")

    # Reference: https://developers.notion.com/reference/retrieve-a-data-source
    def source(self, ident: str) -> dict[str, Any]:
        """A data source with its schema."""
        return self.call("GET", f"data_sources/{ident}")

    # Reference: https://developers.notion.com/reference/create-a-database
    def create_database(self, page: str, title: Sequence[Mapping[str, Any]], properties: Mapping[str, Any]) -> dict[str, Any]:
        """A database on a page, with one data source of these properties. Not repeatable."""
        parent, first = {"type": "page_id", "page_id": page}, {"properties": dict(properties)}
        return self.call("POST", "databases", body={"parent": parent, "title": list(title), "initial_data_source": first})

    # Reference: https://developers.notion.com/reference/update-a-data-source
    def update_source(self, ident: str, properties: Mapping[str, Any]) -> dict[str, Any]:
        """Add properties, by name, or change those that are there, by id. Lists of options replace what was there."""
        return self.call("PATCH", f"data_sources/{ident}", body={"properties": dict(properties)})

    # Reference: https://developers.notion.com/reference/list-views
    def views(self, database: str) -> Iterator[str]:
        """The ids of a database's views."""
        cursor: str | None = None
        while True:
            query = {"database_id": database, "page_size": PAGE_SIZE, **({"start_cursor": cursor} if cursor else {})}
            answer = self.call("GET", "views", query=query)
            yield from (str(each["id"]) for each in answer.get("results") or () if isinstance(each, dict) and each.get("id"))
            cursor = answer.get("next_cursor")
            if not answer.get("has_more") or not cursor:
                return

    # Reference: https://developers.notion.com/reference/retrieve-a-view
    def view(self, ident: str) -> dict[str, Any]:
        """One view."""
        return self.call("GET", f"views/{ident}")

    # Reference: https://developers.notion.com/reference/create-view
    def create_view(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """A view of a data source. Not repeatable."""
        return self.call("POST", "views", body=body)

    # Reference: https://developers.notion.com/reference/query-a-data-source
    def query(self, ident: str, body: Mapping[str, Any], properties: Sequence[str] = ()) -> dict[str, Any]:
        """One page of rows. ``properties``: decoded ids; the HTTP client encodes them once."""
        return self.call("POST", f"data_sources/{ident}/query", query=_filtered(properties), body=body)

    # Reference: https://developers.notion.com/reference/retrieve-a-page
    def page(self, ident: str, properties: Sequence[str] = ()) -> dict[str, Any]:
        """A page, with all or some of its properties."""
        return self.call("GET", f"pages/{ident}", query=_filtered(properties))

    # Reference: https://developers.notion.com/reference/retrieve-a-page-property
    def property_items(self, page: str, prop: str) -> Iterator[dict[str, Any]]:
        """All entries of a relation or people property, beyond the 25 that a page object shows."""
        path = f"pages/{page}/properties/{quote(prop, safe='')}"
        cursor: str | None = None
        while True:
            query: dict[str, Any] = {"page_size": PAGE_SIZE}
            if cursor:
                query["start_cursor"] = cursor
            answer = self.call("GET", path, query=query)
            yield from (each for each in answer.get("results") or () if isinstance(each, dict))
            cursor = answer.get("next_cursor")
            if not answer.get("has_more") or not cursor:
                return

    # Reference: https://developers.notion.com/reference/patch-page
    def update_page(self, ident: str, properties: Mapping[str, Any]) -> dict[str, Any]:
        """Set properties, by id."""
        return self.call("PATCH", f"pages/{ident}", body={"properties": dict(properties)})

    # Reference: https://developers.notion.com/reference/post-page
    def create_page(self, parent: Mapping[str, Any], properties: Mapping[str, Any]) -> dict[str, Any]:
        """A row of a data source, or a page below a page. Not repeatable."""
        return self.call("POST", "pages", body={"parent": dict(parent), "properties": dict(properties)})

    # Reference: https://developers.notion.com/reference/get-block-children
    def children(self, ident: str, cursor: str | None = None) -> dict[str, Any]:
        """100 blocks of a page, the first ones without a ``cursor``."""
        return self.call("GET", f"blocks/{ident}/children", query={"page_size": PAGE_SIZE, **({"start_cursor": cursor} if cursor else {})})

    # Reference: https://developers.notion.com/reference/patch-block-children
    def append(self, ident: str, blocks: Sequence[Mapping[str, Any]], position: Mapping[str, Any]) -> dict[str, Any]:
        """Put blocks onto a page or into a block, at a position. Not repeatable: a repeat would make them twice."""
        return self.call(
            "PATCH", f"blocks/{ident}/children", body={"position": dict(position), "children": [dict(each) for each in blocks]}
        )

    # Reference: https://developers.notion.com/reference/retrieve-a-block
    def block(self, ident: str) -> dict[str, Any]:
        """One block."""
        return self.call("GET", f"blocks/{ident}")

    # Reference: https://developers.notion.com/reference/update-a-block
    def update_block(self, ident: str, content: Mapping[str, Any]) -> dict[str, Any]:
        """Replace a block's content in place."""
        return self.call("PATCH", f"blocks/{ident}", body=content)

    # Reference: https://developers.notion.com/reference/delete-a-block
    def delete_block(self, ident: str) -> dict[str, Any]:
        """Put a block into the trash."""
        return self.call("DELETE", f"blocks/{ident}")

    # Reference: https://developers.notion.com/reference/create-a-comment
    def create_comment(self, page: str, rich_text: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """A comment on a page. Not repeatable."""
        return self.call("POST", "comments", body={"parent": {"page_id": page}, "rich_text": list(rich_text)})

    # Reference: https://developers.notion.com/reference/create-a-comment
    def answer_discussion(self, discussion: str, rich_text: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """A comment in a discussion. Not repeatable."""
        return self.call("POST", "comments", body={"discussion_id": discussion, "rich_text": list(rich_text)})

    # Reference: https://developers.notion.com/reference/update-a-comment
    def update_comment(self, ident: str, rich_text: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Replace the words of a comment of our own."""
        return self.call("PATCH", f"comments/{ident}", body={"rich_text": list(rich_text)})

    # Reference: https://developers.notion.com/reference/list-comments
    def comments(self, block: str) -> Iterator[dict[str, Any]]:
        """The open comments of a page or block."""
        cursor: str | None = None
        while True:
            answer = self.call(
                "GET", "comments", query={"block_id": block, "page_size": PAGE_SIZE, **({"start_cursor": cursor} if cursor else {})}
            )
            yield from (each for each in answer.get("results") or () if isinstance(each, dict))
            cursor = answer.get("next_cursor")
            if not answer.get("has_more") or not cursor:
                return

    # Reference: https://developers.notion.com/reference/retrieve-comment
    def comment(self, ident: str) -> dict[str, Any]:
        """One comment."""
        return self.call("GET", f"comments/{ident}")


def _again_later(error: Refused) -> Offline:
    """A second collision: the place is busy, which passes."""
    return Offline(error.message, status=error.status, code=error.code, details=error.details)


def _filtered(properties: Sequence[str]) -> dict[str, Any] | None:
    return {"filter_properties": list(properties)} if properties else None


def _translated(error: HostError, method: str, path: str, mend: str) -> HostError:
    """Corrections that only Notion needs, and the mend where the refusal has one.

    A block by the edge of Notion's network (HTML, 403) says nothing about the token: it must not park the connection.
    ``public_api_request_blocked`` looks like a rate limit, but waiting does not help. A limit of the whole workspace (``site_wide``)
    holds for every connection to it.
    """
    if isinstance(error, Refused) and error.code == EDGE_BLOCK and error.status in (401, 403):
        return Offline(error.message, status=error.status, code=error.code, details=error.details)
    extra = error.details.get("additional_data")
    extra = extra if isinstance(extra, dict) else {}
    if error.status in (429, 529) and extra.get("rate_limit_reason") == "public_api_request_blocked":
        text = f"{error.message}. Notion has blocked this connection: waiting does not help, an admin must ask Notion's support"
        return Blocked(text, status=error.status, code="public_api_request_blocked", details=error.details)
    if isinstance(error, Busy) and extra.get("rate_limit_reason") == "public_api_space_request_rate_limit":
        error.details = {**error.details, SITE_WIDE: True}
        return error
    if isinstance(error, Refused) and error.status == 401:
        return Refused(f"{error.message} {mend}", status=401, code=error.code, details=error.details)
    if isinstance(error, Refused) and error.code == "restricted_resource" and "block_limit" not in extra:
        text = f'{error.message} The capability "{_capability(method, path)}" is missing; {_WHERE}'
        return Refused(text, status=error.status, code=error.code, details=error.details)
    return error


def _capability(method: str, path: str) -> str:
    """The capability that a call needs, as Notion's settings call it. Reference: https://developers.notion.com/reference/capabilities"""
    if path.startswith("users") and path != "users/me":
        return "Read user information"
    if path.startswith("comments"):
        return "Read comments" if method == "GET" else "Insert comments"
    if method in ("PATCH", "DELETE"):
        return "Insert content" if path.endswith("/children") else "Update content"
    return "Insert content" if method == "POST" and path in ("pages", "databases", "views") else "Read content"
