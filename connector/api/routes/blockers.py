"""Blockers: what holds key results up, and a person's word on one of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from connector.api.models import Shape, Share
from connector.api.requests import Given, Text
from connector.api.routing import Answer, Call, Endpoint
from connector.domain.rights import Act
from connector.errors import NotFound
from connector.services.signals import saying
from connector.services.signals.blocker_lines import BlockerLine, load_lines
from connector.store.reads.paging import moment_text
from connector.store.visibility import sees_key_result

_LONGEST_ID = 9  # digits


class BlockerShape(Shape):
    """A blocker that stands. ``source``: "declared" in an update or "detected" in the work · ``since``: the start of its clock.

    ``share``: the part of the open work that waits · ``confirmed_at``: null while nobody said that a detected one is in the way ·
    ``clear_at``: since when nothing holds it up and its owner is asked whether it is cleared.
    """

    id: int
    source: Literal["declared", "detected"]
    text: str
    since: datetime
    share: Share | None
    key: str | None
    url: str | None
    confirmed_at: datetime | None
    clear_at: datetime | None


class BlockersShape(Shape):
    """The blockers of a key result, the oldest first."""

    items: list[BlockerShape]


class AnswerBody(Given):
    """What is said of it. ``reason`` is needed to dismiss, and everybody who sees the key result can read it."""

    answer: Literal["confirm", "clear", "keep", "dismiss"]
    reason: Text | None = None


def list_blockers(call: Call, id: str) -> Answer:
    """The blockers of a key result that stand."""
    with call.runtime.store.read() as session:
        if not sees_key_result(session, call.viewer, id):
            raise NotFound(f"there is no key result {id!r}")
        return Answer({"items": [_shape(each) for each in load_lines(session, [id])]})


def answer_blocker(call: Call, id: str, blocker: str) -> Answer:
    """Take a person's word on a blocker."""
    if not (blocker.isascii() and blocker.isdigit() and len(blocker) <= _LONGEST_ID):
        raise NotFound(f"there is no blocker {blocker[:40]!r}")
    saying.answer(call.runtime, call.viewer, id, int(blocker), call.body.answer, reason=call.body.reason or "")
    return list_blockers(call, id)


def _shape(each: BlockerLine) -> dict[str, Any]:
    return {
        "id": each.id,
        "source": "detected" if each.seen else "declared",
        "text": each.text,
        "since": moment_text(each.since),
        "share": each.share,
        "key": each.key or None,
        "url": each.url or None,
        "confirmed_at": moment_text(each.confirmed_at) if each.confirmed_at else None,
        "clear_at": moment_text(each.asked_at) if each.asked_at else None,
    }


TABLE: tuple[Endpoint, ...] = (
    Endpoint("GET", "/key-results/<id>/blockers", list_blockers, "What holds a key result up", BlockersShape, problems=(404,)),
    Endpoint(
        "POST",
        "/key-results/<id>/blockers/<blocker>",
        answer_blocker,
        "Say that a blocker is in the way, cleared, still there or none",
        BlockersShape,
        act=Act.CHECK_IN,
        body=AnswerBody,
        problems=(404, 409, 422),
    ),
)
