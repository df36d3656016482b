"""The Forge app's installations: how they are, and an admin's decision on each. The same services as the pages; never a token."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from connector.api.models import Shape
from connector.api.routing import Answer, Call, Endpoint
from connector.domain.rights import Act
from connector.errors import NotFound
from connector.services.forge import overseeing
from connector.services.forge.overseeing import Known
from connector.store.reads.paging import moment_text


class Installation(Shape):
    """One installation of the app on one site. ``connection``: what it works for; ``token_ends_at``: null where there is no token."""

    id: int
    state: Literal["waiting", "active", "silent", "refused"]
    site: str | None
    cloud_id: str
    version: str | None
    environment: str | None
    connection: str | None
    first_seen_at: datetime
    last_seen_at: datetime
    hourly_at: datetime | None
    token_ends_at: datetime | None


class Installations(Shape):
    """All that count, those that wait first."""

    items: list[Installation]


def _shape(known: Known) -> dict[str, Any]:
    return {
        "id": known.id,
        "state": known.state,
        "site": known.site or None,
        "cloud_id": known.cloud_id,
        "version": known.version or None,
        "environment": known.environment or None,
        "connection": known.connection or None,
        "first_seen_at": moment_text(known.first_seen_at),
        "last_seen_at": moment_text(known.last_seen_at),
        "hourly_at": moment_text(known.hourly_at),
        "token_ends_at": moment_text(known.token_ends_at),
    }


def list_installations(call: Call) -> Answer:
    """The sites that have the app, and how each is."""
    with call.runtime.store.read() as session:
        return Answer({"items": [_shape(each) for each in overseeing.listed(session)]})


def accept_installation(call: Call, id: str) -> Answer:
    """Serve a site that waits or was refused."""
    return Answer(_shape(overseeing.accept(call.runtime, call.viewer, _number(id))))


def refuse_installation(call: Call, id: str) -> Answer:
    """Serve a site no more; its token is forgotten."""
    return Answer(_shape(overseeing.refuse(call.runtime, call.viewer, _number(id))))


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise NotFound("there is no such installation")
    return int(text)


_ONE = "/forge/installations/<id>"
TABLE: tuple[Endpoint, ...] = (
    Endpoint("GET", "/forge/installations", list_installations, "Sites with the Forge app", Installations, act=Act.OPERATE),
    Endpoint("POST", f"{_ONE}/accept", accept_installation, "Accept a site", Installation, act=Act.ADMINISTER, problems=(404, 409)),
    Endpoint("POST", f"{_ONE}/refuse", refuse_installation, "Refuse a site", Installation, act=Act.ADMINISTER, problems=(404, 409)),
)
