"""The stand-in's "Send webhook" buttons: a person presses one, and Notion sends the row with the headers that somebody entered by hand.

There is no signature, only those headers. An automation is paused when an answer is not 2xx, and resumed by hand.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from connector.domain.button_secret import button_secret
from connector.hosts.notion.sandbox_shared import show_page

if TYPE_CHECKING:
    from connector.hosts.notion.sandbox import NotionSandbox

SECRET_HEADER = "X-OKR-Secret"  # noqa: S105  # the name of a header


def press(box: NotionSandbox, page: str, person: str = "", *, columns: tuple[str, ...] = (), attempts: int = 1) -> dict[str, Any]:
    """A person presses the button of a row or page. ``person`` "": Notion does not say who. Returns what is sent, ``attempts`` times.

    ``columns``: the properties that were chosen to be sent; none for a database's button, which offers no choice.
    """
    action = str(uuid.uuid5(uuid.NAMESPACE_URL, box.world.data["workspace"]))
    sent: dict[str, Any] = {}
    for attempt in range(1, attempts + 1):
        source: dict[str, Any] = {"type": "automation", "automation_id": action, "action_id": action, "attempt": attempt}
        source["event_id"] = sent["source"]["event_id"] if sent else str(uuid.uuid4())
        if person:
            source["user_id"] = person
        with box.world.lock:
            shown = show_page(box, box.world.data["pages"][page], [])
        properties = {name: value for name, value in shown["properties"].items() if not columns or name in columns}
        sent = {"source": source, "data": {**shown, "properties": properties}}
        if box.button_paused:
            break
        box.put(json.dumps(sent, ensure_ascii=False).encode(), _headers(box))
    return sent


def _headers(box: NotionSandbox) -> Mapping[str, str]:
    return {"Content-Type": "application/json", SECRET_HEADER: button_secret(box.secret)}
