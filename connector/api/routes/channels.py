"""Channels: the mail server that writes to people, and the chat rooms of forums. No answer holds an address."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from connector.api.models import Page, Shape
from connector.api.requests import Given
from connector.api.routes.people import Count
from connector.api.routing import Answer, Call, Endpoint
from connector.domain.rights import Act
from connector.services.messages import channels
from connector.services.messages.channels import ChannelView
from connector.store.reads.paging import moment_text


class ChannelShape(Shape):
    """A channel. ``place``: its server · ``broken``: what the last message met, null when it was taken; ``mend``: what to do then."""

    name: str
    kind: Literal["mail", "slack", "teams", "other"]
    forum: str | None
    place: str
    broken: str | None
    mend: str | None
    created_at: datetime
    used_at: datetime | None


class ChannelBody(Given):
    """``address``: as `docs/rhythm.md` says for each kind; it is never given back. ``forum``: whose room it is; none for mail."""

    name: str = Field(max_length=200)
    kind: Literal["mail", "slack", "teams", "other"]
    address: str = Field(max_length=4000)
    forum: str | None = Field(None, max_length=200)


class TestBody(Given):
    """``to``: the mailbox that a test mail goes to; the token's own person without it."""

    to: str | None = Field(None, max_length=320)


class TestShape(Shape):
    """``taken``: whether the channel took the test message; ``why`` it did not."""

    taken: bool
    why: str | None


def list_channels(call: Call) -> Answer:
    """All channels in use."""
    return Answer({"items": [_shape(each) for each in channels.list_channels(call.runtime)], "next": None})


def add_channel(call: Call) -> Answer:
    """Set a channel up."""
    body: ChannelBody = call.body
    made = channels.add_channel(call.runtime, call.viewer, name=body.name, kind=body.kind, address=body.address, forum=body.forum or "")
    return Answer(_shape(made), 201)


def test_channel(call: Call, name: str) -> Answer:
    """Send a test message now."""
    why = channels.send_test(call.runtime, call.viewer, name, to=call.body.to or "")
    return Answer({"taken": not why, "why": why or None})


def remove_channel(call: Call, name: str) -> Answer:
    """Take a channel away with its address. What waits for it is not sent."""
    channels.remove_channel(call.runtime, call.viewer, name)
    return Answer({"changed": 1})


def _shape(each: ChannelView) -> dict[str, Any]:
    return {
        "name": each.name,
        "kind": each.kind,
        "forum": each.forum or None,
        "place": each.place,
        "broken": each.broken or None,
        "mend": each.mend or None,
        "created_at": moment_text(each.created_at),
        "used_at": moment_text(each.used_at),
    }


_ADMIN = Act.ADMINISTER
TABLE: tuple[Endpoint, ...] = (
    Endpoint("GET", "/channels", list_channels, "Channels", Page[ChannelShape], act=_ADMIN),
    Endpoint("POST", "/channels", add_channel, "Add a channel", ChannelShape, act=_ADMIN, body=ChannelBody, statuses=(201,)),
    Endpoint("POST", "/channels/<name>/test", test_channel, "Test a channel", TestShape, act=_ADMIN, body=TestBody, problems=(404,)),
    Endpoint("DELETE", "/channels/<name>", remove_channel, "Remove a channel", Count, act=_ADMIN, problems=(404,)),
)
