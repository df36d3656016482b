"""Errors as problem details (RFC 9457) for machines. One form for the API and the webhook door; it knows no route and no service."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from flask import Response

CONTENT_TYPE = "application/problem+json"


def problem(status: int, detail: str, *, title: str = "", headers: Mapping[str, str] | None = None, **members: Any) -> Response:
    """A problem answer: ``detail`` says in words what is wrong and how to mend it; ``members`` are further JSON members.

    ``title`` defaults to the status' own phrase. Nothing secret may be given here.
    """
    document = {"type": "about:blank", "title": title or _phrase(status), "status": status, "detail": detail, **members}
    try:
        body = orjson.dumps(document)
    except TypeError:  # half a sign (a lone surrogate), quoted from what was sent
        body = json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")
    return Response(body, status=status, headers=dict(headers or {}), content_type=CONTENT_TYPE)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
