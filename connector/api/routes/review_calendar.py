"""Reviews as the calendar has them: when each forum meets, until when updates count, which are skipped and why."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from connector.api.models import Page, Shape
from connector.api.problems import ProblemError
from connector.api.requests import Given, PageQuery, Text
from connector.api.routing import Answer, Call, Endpoint
from connector.errors import InputError, NotFound
from connector.services.rhythm import listing, skipping

State = Literal["planned", "locked", "open", "closed", "skipped"]


class ReviewShape(Shape):
    """A review. ``day`` is its nominal day, before a move for a holiday; ``pre_read`` the id of what was frozen at its lock."""

    id: int
    forum: str
    day: date
    starts_at: datetime
    lock_at: datetime
    state: State
    skipped_reason: str | None
    pre_read: str | None


class SkippedShape(ReviewShape):
    """A review that was skipped just now; ``remarks`` are sentences for people."""

    remarks: list[str]


def _day(value: Any) -> Any:
    """Only a written day: a bare number is none, though it could be read as one."""
    if isinstance(value, str) and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        raise ValueError("must be a day such as 2026-11-19")
    return value


Day = Annotated[date | None, BeforeValidator(_day)]


class ReviewQuery(PageQuery):
    """Filters of the reviews."""

    forum: Annotated[Text | None, Field(description="name of the forum")] = None
    state: State | None = None
    since: Annotated[Day, Field(description="first nominal day")] = None
    until: Annotated[Day, Field(description="last nominal day")] = None


class SkipBody(Given):
    """Why a review is skipped."""

    reason: Text


def list_reviews(call: Call) -> Answer:
    """Reviews of all forums, in the order in which they were planned."""
    query: ReviewQuery = call.query
    with call.runtime.store.read() as session:
        try:
            page = listing.reviews_page(
                session,
                call.runtime.now(),
                call.runtime.settings.zone,
                query.cursor,
                query.limit,
                forum=query.forum,
                state=query.state,
                since=query.since,
                until=query.until,
            )
        except InputError as error:  # a cursor that is none
            raise ProblemError(400, str(error), errors=[{"field": error.where, "message": error.message}]) from None
    return Answer({"items": page.items, "next": page.next})


def skip_review(call: Call, id: str) -> Answer:
    """Skip a review with a reason, for those who hold it. Two in a row are told to the forum's sponsor."""
    remarks = skipping.skip(call.runtime, call.viewer, _number(id), call.body.reason)
    return Answer({**_shape(call, _number(id)), "remarks": list(remarks)})


def take_back_skip(call: Call, id: str) -> Answer:
    """Have a skipped review meet after all, until it would have started."""
    skipping.take_back(call.runtime, call.viewer, _number(id))
    return Answer(_shape(call, _number(id)))


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise NotFound("there is no such review")
    return int(text)


def _shape(call: Call, ident: int) -> dict[str, Any]:
    with call.runtime.store.read() as session:
        return listing.shape(listing.find(session, ident, call.runtime.now(), call.runtime.settings.zone))


TABLE: tuple[Endpoint, ...] = (
    Endpoint("GET", "/reviews", list_reviews, "Reviews", Page[ReviewShape], query=ReviewQuery),
    Endpoint("POST", "/reviews/<id>/skip", skip_review, "Skip a review", SkippedShape, body=SkipBody, problems=(404, 409)),
    Endpoint("DELETE", "/reviews/<id>/skip", take_back_skip, "Take back a skip", ReviewShape, problems=(404, 409)),
)
