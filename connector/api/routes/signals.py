"""Signals: what the work says of key results, waving one away, and a word on a value that was held back."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from connector.api.models import Page, Shape
from connector.api.problems import ProblemError
from connector.api.requests import Given, PageQuery, Text
from connector.api.routing import Answer, Call, Endpoint
from connector.domain.rights import Act
from connector.domain.signals import KINDS
from connector.errors import InputError, NotFound
from connector.services.signals import dismissing, held, listing
from connector.services.signals.listing import Line
from connector.store.reads.paging import moment_text

_LONGEST_ID = 9  # digits


class SignalShape(Shape):
    """A signal that stands. ``sentence`` is complete; ``key_result`` is null for one about a forum, which ``subject`` names.

    ``since``: when it was seen first without a break. ``dismissed``: who waved it away, when and why; null while nobody did.
    """

    id: int
    kind: str
    title: str
    sentence: str
    numbers: dict[str, Any]
    subject: str
    key_result: str | None
    since: datetime
    changed_at: datetime
    dismissed: dict[str, Any] | None


class SettledShape(Shape):
    """What became of a value that was held back."""

    key_result: str
    outcome: Literal["taken", "refused"]


class SignalQuery(PageQuery):
    """Filters of the signals."""

    kind: Annotated[Text | None, Field(description=f"one of {', '.join(KINDS)}")] = None
    key_result: Annotated[Text | None, Field(description="id of the key result")] = None
    team: Annotated[Text | None, Field(description="name of the team")] = None
    dismissed: Annotated[bool, Field(description="those that were dismissed instead of those that were not")] = False


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value  # 3.0 is an integer in JSON


class DismissBody(Given):
    """Why it does not matter; everybody who sees the key result can read it."""

    reason: Text


class SettleBody(Given):
    """Whether the value is taken or refused, and why. ``held``: the number of the one that was looked at."""

    verdict: Literal["take", "refuse"]
    reason: Text
    held: Annotated[int | None, Field(ge=1, le=2**31 - 1), BeforeValidator(_whole)] = None


def list_signals(call: Call) -> Answer:
    """The signals that stand, newest first, of what the token's person may know."""
    query: SignalQuery = call.query
    filters = listing.Filters(query.kind or "", query.key_result or "", query.team or "", dismissed=query.dismissed)
    with call.runtime.store.read() as session:
        try:
            lines, following = listing.listed(session, call.viewer, filters, query.cursor, query.limit)
        except InputError as error:  # a cursor that is none
            raise ProblemError(400, str(error), errors=[{"field": error.where, "message": error.message}]) from None
    return Answer({"items": [_shape(line) for line in lines], "next": following})


def dismiss(call: Call, id: str) -> Answer:
    """Wave a signal away until it is over."""
    if not (id.isascii() and id.isdigit() and len(id) <= _LONGEST_ID):
        raise NotFound(f"there is no signal {id[:40]!r}")
    dismissing.dismiss(call.runtime, call.viewer, int(id), call.body.reason)
    with call.runtime.store.read() as session:
        line = listing.one(session, call.viewer, int(id))
    if line is None:
        raise NotFound(f"there is no signal {id}")
    return Answer(_shape(line))


def settle(call: Call, id: str) -> Answer:
    """Take or refuse the value of a key result that was held back."""
    body: SettleBody = call.body
    outcome = held.settle(call.runtime, call.viewer, id, body.verdict, body.reason, held=body.held)
    return Answer({"key_result": id, "outcome": outcome})


def _shape(line: Line) -> dict[str, Any]:
    dismissed = None
    if line.dismissed_at is not None:
        dismissed = {"at": moment_text(line.dismissed_at), "by": line.dismissed_by, "reason": line.dismissed_reason}
    return {
        "id": line.id,
        "kind": line.kind,
        "title": line.title,
        "sentence": line.sentence,
        "numbers": line.numbers,
        "subject": line.subject,
        "key_result": line.key_result,
        "since": moment_text(line.seen_at),
        "changed_at": moment_text(line.changed_at),
        "dismissed": dismissed,
    }


TABLE: tuple[Endpoint, ...] = (
    Endpoint("GET", "/signals", list_signals, "What the work says", Page[SignalShape], query=SignalQuery),
    Endpoint("POST", "/signals/<id>/dismiss", dismiss, "Dismiss a signal", SignalShape, body=DismissBody, problems=(404, 409)),
    Endpoint(
        "POST",
        "/key-results/<id>/held-value",
        settle,
        "Take or refuse a value that was held back",
        SettledShape,
        act=Act.CHECK_IN,
        body=SettleBody,
        problems=(404, 409),
    ),
)
