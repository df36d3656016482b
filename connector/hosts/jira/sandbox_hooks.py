"""The stand-in's webhooks: bodies shaped like Jira Cloud's (v2 shape, changelog), signed, sent from a thread, repeated on failure.

It changes nothing in the world and must not be awaited by a request.
"""

from __future__ import annotations

import queue
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import requests

from webhooks.signatures import sign

REPEATED = frozenset({408, 409, 425, 429})  # and every 5xx; nothing else is sent again


class WebhookSender:
    """Sends deliveries in order from one thread, which starts with the first delivery. ``sent`` keeps what was answered."""

    def __init__(self, pauses: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0, 16.0)) -> None:
        self.url = ""
        self.secret = ""
        self.pauses = pauses  # seconds before each repeat; the real host waits 5 to 15 minutes
        self.sent: list[tuple[str, int | None]] = []  # (event, status or None without an answer)
        self._queue: queue.Queue[tuple[str, str, bytes, dict[str, str]]] = queue.Queue()  # event, URL, body, headers
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def send(self, body: Mapping[str, Any], more: Sequence[tuple[str, str]] = ()) -> None:
        """Queue one delivery to ``url`` and to ``more`` (URL, secret), whose secret wins for the same URL."""
        targets = {**({self.url: self.secret} if self.url else {}), **dict(more)}
        if not targets:
            return
        raw = orjson.dumps(body)
        headers = _headers()
        for url, secret in targets.items():
            signed = {**headers, "X-Hub-Signature": sign(secret, raw)} if secret else headers
            self._queue.put((str(body["webhookEvent"]), url, raw, signed))
        self._start()

    def send_to(self, url: str, body: Mapping[str, Any], proof: Mapping[str, str]) -> None:
        """Queue one delivery with headers that prove the sender in another way."""
        self._queue.put((str(body["webhookEvent"]), url, orjson.dumps(body), {**_headers(), **proof}))
        self._start()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="jira-stand-in-webhooks", daemon=True)
                self._thread.start()

    def wait(self, seconds: float = 10.0) -> bool:
        """Wait until everything queued was sent. False when that took too long."""
        ends = time.monotonic() + seconds
        while self._queue.unfinished_tasks and time.monotonic() < ends:
            time.sleep(0.01)
        return not self._queue.unfinished_tasks

    def _run(self) -> None:
        with requests.Session() as session:
            session.trust_env = False
            while True:
                try:
                    event, url, raw, headers = self._queue.get(timeout=5)
                except queue.Empty:
                    with self._lock:
                        if self._queue.empty():
                            self._thread = None
                            return
                    continue
                try:
                    self.sent.append((event, self._deliver(session, url, raw, headers)))
                finally:
                    self._queue.task_done()

    def _deliver(self, session: requests.Session, url: str, raw: bytes, headers: dict[str, str]) -> int | None:
        status: int | None = None
        for number, pause in enumerate((0.0, *self.pauses)):
            time.sleep(pause)
            extra = {"X-Atlassian-Webhook-Retry": str(number)} if number else {}
            try:
                status = session.post(url, data=raw, headers={**headers, **extra}, timeout=(5, 20), allow_redirects=False).status_code
            except requests.RequestException:
                status = None
            if status is not None and status < 500 and status not in REPEATED:
                break
        return status


def _headers() -> dict[str, str]:
    return {
        "Content-Type": "application/json; charset=UTF-8",
        "User-Agent": "Atlassian Webhook HTTP Client",
        "X-Atlassian-Webhook-Identifier": str(uuid.uuid4()),
        "X-Atlassian-Webhook-Flow": "Primary",
    }
