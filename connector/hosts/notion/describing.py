"""What a workspace gives a connection, told to an admin: who the bot is, what is shared, what is missing, how to make the webhook.

Reads only. The capabilities for writing show only when something is written: they are not guessed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.errors import Refused
from connector.hosts.base import Description, WebhookSetUp
from connector.hosts.notion.client import VERSION, NotionClient
from connector.hosts.notion.fields import is_gone
from connector.hosts.notion.ids import known_id
from connector.hosts.notion.schema import read_schema
from connector.hosts.notion.webhook import AUTOMATION, NotionDialect

WEBHOOK_EVENTS = tuple(sorted(NotionDialect.handled - {AUTOMATION}))


def describe(client: NotionClient) -> Description:
    """See ``Host.describe``: three requests. Raises ``Refused`` for a token that is not accepted or may not read content."""
    me = client.me()
    bot = me.get("bot") if isinstance(me.get("bot"), dict) else {}
    workspace = str((bot or {}).get("workspace_name") or "")
    warnings: list[str] = []
    if me.get("type") != "bot":
        warnings.append("this token acts as a person: our own edits cannot be told from theirs; use the token of an internal connection")
    found = client.search_sources()
    results = [each for each in found.get("results") or () if isinstance(each, dict) and each.get("object") == "data_source"]
    containers = tuple(read_schema(each).container() for each in results if not is_gone(each))
    if not containers:
        warnings.append("no database is shared with this connection: open one in Notion, ••• → Connections, and add it")
    if found.get("has_more"):
        warnings.append("more than 100 data sources are shared: the list shows the first ones, the others can be mapped by their link")
    return Description(
        account=f"{me.get('name') or 'bot'}{f' ({workspace})' if workspace else ''}",
        bot_id=known_id(me.get("id")) or str(me.get("id") or ""),
        containers=containers,
        warnings=tuple(warnings),
        notes=_people_notes(client),
        site=workspace_of(me),
    )


def workspace_of(me: Mapping[str, Any]) -> str:
    """The id of the workspace that a bot belongs to, "" where it is not told: every workspace has the same address."""
    bot = me.get("bot")
    found = bot.get("workspace_id") if isinstance(bot, dict) else None
    return (known_id(found) or str(found)) if found else ""


def _people_notes(client: NotionClient) -> tuple[str, ...]:
    try:
        client.users()
    except Refused as error:
        if error.code != "missing_capability":
            raise
        return (f"people cannot be listed, nor owners checked: {error.message}",)
    return ()


def set_up_by_hand(url: str) -> WebhookSetUp:
    """The steps for a person: Notion has no API for subscriptions, and makes the secret itself."""
    return WebhookSetUp(
        False,
        how=(
            "Open Notion → Settings → Connections → Develop or manage connections → the connection → Webhooks.",
            "Choose Create a subscription.",
            f"Webhook URL: {url}",
            f"API version: {VERSION}",
            f"Subscribed events: {', '.join(WEBHOOK_EVENTS)}",
            "Create it: Notion sends a verification token to the connector, which shows it here once.",
            "Paste that token into Notion and choose Verify.",
        ),
        why="Notion offers no way to make a webhook over its API",
        events=WEBHOOK_EVENTS,
    )
