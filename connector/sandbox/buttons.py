"""The "Check in" button of the Notion stand-in: a "Send webhook" automation with a secret header, as people make one by hand.

It calls the connector's door over HTTP, from a thread. An answer that is no success pauses the automation, as at Notion.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from connector.domain.button_secret import button_secret
from connector.hosts.notion.sandbox import NotionSandbox
from connector.hosts.notion.sandbox_shared import show_page

BUTTON = "Check in"  # the button column's name
SECRET_HEADER = "X-OKR-Secret"  # noqa: S105  # the name of a header
PATIENCE = 10.0  # seconds


class Presses:
    """Sends what a press sends. ``paused``: why the automation stopped, "" while it works."""

    def __init__(self, notion: NotionSandbox, told: Callable[[], None]) -> None:
        self.paused = ""
        self._notion = notion
        self._told = told
        self._sending: threading.Thread | None = None
        self._automation = str(uuid.uuid5(uuid.NAMESPACE_URL, f"automation {BUTTON}"))

    def press(self, page: str, account: str) -> None:
        """Press the button of a row as a person; nothing is sent while the automation is paused."""
        if self.paused:
            return
        with self._notion.world.lock:
            payload = self._payload(page, account)
        self._sending = threading.Thread(target=self._send, args=(payload,), name="notion-button", daemon=True)
        self._sending.start()

    def wait(self) -> None:
        """Wait until the latest press was sent."""
        if self._sending is not None:
            self._sending.join()

    def resume(self) -> None:
        """Switch the automation on again, by hand as at Notion."""
        self.paused = ""
        self._told()

    def _payload(self, page: str, account: str) -> Mapping[str, Any]:
        source = {
            "type": "automation",
            "automation_id": self._automation,
            "action_id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"action {BUTTON}")),
            "event_id": str(uuid.uuid4()),
            "user_id": account,
            "attempt": 1,
        }
        return {"source": source, "data": show_page(self._notion, self._notion.world.data["pages"][page], [])}

    def _send(self, payload: Mapping[str, Any]) -> None:
        headers = {SECRET_HEADER: button_secret(self._notion.secret)}
        try:
            with httpx.Client(timeout=PATIENCE, trust_env=False) as client:
                answer = client.post(self._notion.webhook_url, json=payload, headers=headers)
            self.paused = "" if answer.is_success else f"the connector's door answered {answer.status_code}"
        except httpx.TransportError:
            self.paused = "the connector's door did not answer"
        self._told()
