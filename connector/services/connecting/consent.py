"""Connecting a Notion workspace by a person's permission: where to send them, and what they bring back, as credentials to be tested."""

from __future__ import annotations

from collections.abc import Mapping

from connector.domain.rights import Act, Viewer
from connector.errors import Conflict, InputError, Refused
from connector.hosts.limits import Budget
from connector.hosts.notion.consent import consent_address, exchange_code
from connector.runtime import Runtime
from connector.services.changes import require
from connector.services.connecting import testing

PATH = "/connect/notion/callback"


def is_set_up(runtime: Runtime) -> bool:
    """Whether this installation has a public connection of its own at Notion."""
    return bool(runtime.settings.notion_client_id and runtime.settings.notion_client_secret)


def redirect_address(runtime: Runtime) -> str:
    """Where Notion sends the person back to; it must be registered there."""
    return f"{runtime.settings.base_url}{PATH}"


def address(runtime: Runtime, viewer: Viewer, url: str, state: str) -> str:
    """Where to send the person. Raises ``Conflict`` when no public connection is set up."""
    require(viewer, Act.ADMINISTER)
    _check(runtime)
    return consent_address(url, runtime.settings.notion_client_id, redirect_address(runtime), state)


def credentials(runtime: Runtime, viewer: Viewer, url: str, code: str) -> Mapping[str, str]:
    """The credentials for the code that Notion sent the person back with.

    Raises ``InputError`` when Notion refuses it, ``HostError`` when it does not answer.
    """
    require(viewer, Act.ADMINISTER)
    _check(runtime)
    settings = runtime.settings
    try:
        return exchange_code(
            url,
            settings.notion_client_id,
            settings.notion_client_secret,
            redirect_address(runtime),
            code,
            budget=Budget("consent", runtime.redis_url),
            allow_private=testing.allows_private(runtime),
        )
    except Refused as error:
        raise InputError(f"Notion did not give its permission: {error.message.partition(': ')[2] or error.message}. Start again") from error


def _check(runtime: Runtime) -> None:
    if not is_set_up(runtime):
        raise Conflict("no public connection of Notion is set up here: set OKR_NOTION_CLIENT_ID and OKR_NOTION_CLIENT_SECRET")
