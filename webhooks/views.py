"""``POST /webhooks/<connection>``: raw bytes in, one word out. The body is bounded before it is read; what it means is decided elsewhere.

Plain functions and ready-made answers: this path has to keep up with bursts of thousands of deliveries.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import gevent
import orjson
import structlog
from flask import Blueprint, Response, request
from gunicorn.http.errors import ParseException
from prometheus_client import CollectorRegistry, Counter, Histogram

from connector.errors import StoreUnavailable
from connector.problems import CONTENT_TYPE
from connector.runtime import Runtime
from webhooks.intake import Answer, Intake

log = structlog.get_logger(__name__)

BODY_LIMIT = 25 * 1024 * 1024  # bytes; Jira's own limit
LARGE = 1024 * 1024
# Nobody has shown a signature yet when a body is read, so what all senders together may occupy is bounded as well.
TOTAL_LIMIT = 8 * BODY_LIMIT
RETRY_AFTER = "10"  # seconds
DISCARD_LIMIT = 2 * BODY_LIMIT
# Neither a half-sent body nor one that trickles in may hold a connection, and room for other bodies, any longer. Jira gives up after 20 s.
BODY_SECONDS = 30.0
_STEP = 64 * 1024
_ENDLESS = sys.maxsize

_TITLES = {
    400: "Not this host's payload",
    401: "Signature missing or wrong",
    404: "Unknown connection",
    413: "Too large",
    503: "Try again later",
}
_SAFE = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}


class TooLarge(Exception):
    """The body is above the limit; it was not read further."""


class Unreadable(Exception):
    """The sender went away or framed the body wrongly."""


def make_blueprint(runtime: Runtime, registry: CollectorRegistry) -> Blueprint:
    """The door of one application. ``registry`` gets its histogram; stored numbers come from the database instead."""
    blueprint = Blueprint("webhooks", __name__)
    intake = Intake(runtime)
    room = _Room(TOTAL_LIMIT)
    # Several web processes answer behind one port: without the process every scrape would show another one's numbers.
    process = str(os.getpid())
    blueprint.record_once(lambda state: state.app.extensions.__setitem__("door", intake))
    seconds = Histogram(
        "okr_door_request_seconds",
        "Time to answer a webhook.",
        ["process"],
        registry=registry,
        buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0),
    ).labels(process)
    answers = Counter("okr_door_answers", "Answers of the webhook door.", ["process", "status", "outcome"], registry=registry)
    ready = {word: answers.labels(process, "200", word) for word in ("accepted", "duplicate", "handshake")}
    bodies = {word: orjson.dumps({"status": word}) for word in ready}

    @blueprint.post("/webhooks/<connection>")
    def deliver(connection: str) -> Response:
        """Take one delivery."""
        began = time.perf_counter()
        environ = request.environ
        try:
            known = intake.find(connection)
            if known is None:
                answer = Answer(404, "unknown", "There is no connection of this name.")
            else:
                with _body(environ, room) as body:
                    answer = intake.receive(known, _headers(environ), body)
        except TooLarge:
            answer = Answer(413, "too_large", f"A delivery has at most {BODY_LIMIT} bytes.")
        except Unreadable:
            answer = Answer(400, "unreadable", "The body ended too early or is framed wrongly.")
        except StoreUnavailable as error:
            log.warning("delivery_not_stored", connection=connection[:100], error=str(error))
            answer = Answer(503, "unavailable", "The delivery could not be stored. Send it again.")
        seconds.observe(time.perf_counter() - began)
        if answer.status == 200:
            ready[answer.outcome].inc()
            return Response(bodies[answer.outcome], 200, _SAFE, content_type="application/json")
        answers.labels(process, str(answer.status), answer.outcome).inc()
        return _refusal(answer, environ)

    return blueprint


def _headers(environ: dict[str, Any]) -> dict[str, str]:
    """The request's headers with lower-case names."""
    headers = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")}
    if content_type := environ.get("CONTENT_TYPE"):
        headers["content-type"] = content_type
    return headers


def _refusal(answer: Answer, environ: dict[str, Any]) -> Response:
    document = orjson.dumps(
        {
            "type": "about:blank",
            "title": _TITLES[answer.status],
            "status": answer.status,
            "detail": answer.detail,
            "outcome": answer.outcome,
        }
    )
    headers = {**_SAFE, "Content-Length": str(len(document))}
    if answer.status == 401:
        headers["WWW-Authenticate"] = "Signature"
    if answer.status == 503:
        headers["Retry-After"] = RETRY_AFTER
    unread = answer.status in (404, 413) or answer.outcome == "unavailable"
    return Response(_then_discard(document, environ) if unread else document, answer.status, headers, content_type=CONTENT_TYPE)


def _then_discard(document: bytes, environ: dict[str, Any]) -> Iterator[bytes]:
    """Answer first, then swallow what the sender is still sending, in small pieces and not for ever.

    Hanging up at once would reset the connection, and the sender would see that instead of the answer.
    """
    yield document
    announced = _announced(environ)
    size = announced if announced is not None else _ENDLESS if environ.get("wsgi.input_terminated") else 0
    left = min(size, DISCARD_LIMIT)
    source = environ["wsgi.input"]
    with suppress(OSError, ParseException, Unreadable), _in_time(environ):
        while left > 0 and (piece := source.read(min(_STEP, left))):
            left -= len(piece)
    if left <= 0 and size > DISCARD_LIMIT and (connection := environ.get("gunicorn.socket")) is not None:
        # Closing resets the connection. Only shutting it down would leave a sender with a full buffer waiting, and us with it.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        raise ConnectionResetError(errno.ECONNRESET, "hung up on a sender that would not stop")  # what gunicorn takes for an end


def _announced(environ: dict[str, Any]) -> int | None:
    """The announced length of the body in bytes, None when there is none or it is no number."""
    text = environ.get("CONTENT_LENGTH", "")
    return int(text) if text.isascii() and text.isdigit() else None


class _Room:
    """How many bytes of unchecked bodies one process holds at a time."""

    def __init__(self, limit: int) -> None:
        self._left = limit
        self._lock = threading.Lock()

    def take(self, size: int) -> None:
        """Reserve room for a body. Raises ``StoreUnavailable`` when there is none: the sender may come again."""
        with self._lock:
            if size > self._left:
                raise StoreUnavailable("too many large bodies at once")
            self._left -= size

    def give(self, size: int) -> None:
        """Free what was reserved."""
        with self._lock:
            self._left += size


@contextmanager
def _body(environ: dict[str, Any], room: _Room) -> Iterator[bytes]:
    """The raw bytes of the body. Raises ``TooLarge`` before more than the limit is read, ``Unreadable``, ``StoreUnavailable``."""
    length = _announced(environ)
    chunked = length is None and bool(environ.get("wsgi.input_terminated"))
    if length is not None and length > BODY_LIMIT:
        raise TooLarge
    reserved = BODY_LIMIT if chunked else (length or 0)
    if reserved > LARGE:
        room.take(reserved)
    try:
        source = environ["wsgi.input"]
        try:
            with _in_time(environ):
                body = _read_chunks(source) if chunked else source.read(length) if length else b""
        except (OSError, ParseException) as error:
            raise Unreadable from error
        if length is not None and len(body) < length:
            raise Unreadable
        yield body
    finally:
        if reserved > LARGE:
            room.give(reserved)


@contextmanager
def _in_time(environ: dict[str, Any]) -> Iterator[None]:
    """Raises ``Unreadable`` inside the block when it takes too long. Only under our own web server, whose waiting gevent can end."""
    if "gunicorn.socket" not in environ:
        yield
        return
    with gevent.Timeout(BODY_SECONDS, Unreadable):  # type: ignore[no-untyped-call]  # gevent's stubs leave it out
        yield


def _read_chunks(source: Any) -> bytes:
    """A body without an announced length, piece by piece."""
    pieces: list[bytes] = []
    size = 0
    while piece := source.read(_STEP):
        size += len(piece)
        if size > BODY_LIMIT:
            raise TooLarge
        pieces.append(piece)
    return b"".join(pieces)
