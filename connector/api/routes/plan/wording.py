"""How key results are worded: verdicts, changes with their reasons, and champions' sign-offs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from connector.api.models import Shape
from connector.api.requests import Given, Text
from connector.api.routes.plan.key_results import KeyResultFields, KeyResultPlan, bare, plan_of
from connector.api.routing import Answer, Call, Endpoint
from connector.domain.rights import Act
from connector.errors import NotFound
from connector.services.changes import require
from connector.services.plan import key_results, sign_offs
from connector.services.plan.key_results_changes import changes_of
from connector.services.plan.quality import Judged, judge_stored, judge_typed
from connector.services.plan.quality_list import judged_page
from connector.services.plan.sign_offs import Word
from connector.store.reads.paging import moment_text

_LARGEST_NUMBER = 2**63 - 1  # of a row that a path may name


class TypedKeyResult(KeyResultFields):
    """A key result while it is written; ``id`` names a stored one, whose sources and history then count."""

    id: Text | None = None


class SpanShape(Shape):
    """Failing words: ``title[start:end]``."""

    text: str
    start: int
    end: int


class VerdictShape(Shape):
    """One of the five; ``passed`` null = cannot tell."""

    name: Literal["specific", "measurable", "achievable", "relevant", "time-bound"]
    passed: bool | None
    words: list[SpanShape]
    advice: str


class QualityShape(Shape):
    """The five verdicts; ``label`` is "output" or "", with ``why``; ``remarks`` are about its objective."""

    verdicts: list[VerdictShape]
    label: Literal["output", ""]
    why: str
    remarks: list[str]


class JudgedShape(QualityShape):
    """One key result of the list, and how its wording stands."""

    id: str
    title: str
    objective: str
    cycle: str
    owner: str
    draft: bool
    wording: Literal["not judged", "returned", "reworded", "signed"]


class QualityPage(Shape):
    """One page of key results; ``total`` in all pages."""

    items: list[JudgedShape]
    page: int
    pages: int
    total: int


class QualityQuery(BaseModel):
    """Which key results: of a cycle, with a state of their wording."""

    model_config = ConfigDict(extra="forbid")
    cycle: Annotated[Text | None, Field(description="name of the cycle")] = None
    state: Annotated[Literal["not judged", "returned", "reworded", "signed"] | None, Field(description="state of the wording")] = None
    page: Annotated[int, Field(ge=1, le=1_000_000, description="from 1")] = 1


class ChangePart(Shape):
    """One field of a change; texts are cut at 120 characters."""

    what: str
    before: str
    after: str


class ChangeShape(Shape):
    """One change. ``of`` is "" for the key result's own, "mapping" or "objective"; ``late``: why it is marked as late, or ""."""

    at: datetime
    by: str
    of: str
    action: str
    parts: list[ChangePart]
    reason: str
    late: str


class Changes(Shape):
    """What was changed of the promise, newest first."""

    items: list[ChangeShape]


class SignOffBody(Given):
    """A champion's word. ``title`` is the wording that was looked at; it is refused when that is another one by now."""

    verdict: Text
    suggestion: Text | None = None
    comment: Text | None = None
    title: Text | None = None


class SignOffShape(Shape):
    """One word; ``title`` is the wording that was judged."""

    id: int
    verdict: Literal["signed", "returned"]
    title: str
    suggestion: str
    comment: str
    by: str
    at: datetime


class SignOffs(Shape):
    """All words, newest first, and how the wording of now stands."""

    state: Literal["not judged", "returned", "reworded", "signed"]
    items: list[SignOffShape]


class TakeOverBody(Given):
    """Why the suggestion is taken over; whose it is, when left out."""

    reason: Text | None = None


# --- quality, changes, sign-offs -------------------------------------------------------------------------------------------------


def judge_key_result(call: Call) -> Answer:
    """How well a key result is built that is not saved yet."""
    given: dict[str, Any] = call.body.model_dump(exclude_unset=True)
    return Answer(_quality(judge_typed(call.runtime, call.viewer, bare(given), given.pop("id", None))))


def get_quality(call: Call, id: str) -> Answer:
    """How well a key result is built."""
    with call.runtime.store.read() as session:
        key_results.find(session, call.viewer, id)
        return Answer(_quality(judge_stored(session, [id], call.runtime.now(), call.runtime.settings.zone)[id]))


def list_quality(call: Call) -> Answer:
    """All key results with their verdicts and how their wording stands. For those who write or sign off."""
    if not call.viewer.may(Act.WRITE):
        require(call.viewer, Act.SIGN_OFF)
    with call.runtime.store.read() as session:
        now, zone, query = call.runtime.now(), call.runtime.settings.zone, call.query
        found = judged_page(session, call.viewer, now, zone, cycle=query.cycle, state=query.state, page=query.page)
    items = [
        {
            "id": entry.id,
            "title": entry.title,
            "objective": entry.objective,
            "cycle": entry.cycle,
            "owner": entry.owner,
            "draft": entry.draft,
            "wording": entry.state,
            **_quality(entry.judged),
        }
        for entry in found.entries
    ]
    return Answer({"items": items, "page": found.page, "pages": found.pages, "total": found.total})


def list_changes(call: Call, id: str) -> Answer:
    """What was changed of a key result's promise, by whom and why."""
    with call.runtime.store.read() as session:
        _, above, _ = key_results.find(session, call.viewer, id)
        found = changes_of(session, id, above.id)
    items = [
        {
            "at": moment_text(change.at),
            "by": change.by,
            "of": change.of,
            "action": change.action,
            "parts": [{"what": part.what, "before": part.before, "after": part.after} for part in change.parts],
            "reason": change.reason,
            "late": change.late,
        }
        for change in found
    ]
    return Answer({"items": items})


def list_sign_offs(call: Call, id: str) -> Answer:
    """What champions said of a key result's wording."""
    with call.runtime.store.read() as session:
        row, _, _ = key_results.find(session, call.viewer, id)
        words = sign_offs.history(session, id)
    state = sign_offs.state_of(words[0] if words else None, row.title)
    return Answer({"state": state, "items": [_word(word) for word in words]})


def sign_off(call: Call, id: str) -> Answer:
    """Sign a wording, or return it with another."""
    body: SignOffBody = call.body
    found = sign_offs.sign_off(
        call.runtime, call.viewer, id, body.verdict, suggestion=body.suggestion, comment=body.comment, title=body.title
    )
    return Answer(_word(found), 201)


def take_over(call: Call, id: str, number: str) -> Answer:
    """Make a suggested wording the key result's own. Those who write may do this, and the owner of the key result."""
    if not (number.isascii() and number.isdigit() and int(number) <= _LARGEST_NUMBER):
        raise NotFound("there is no such suggestion")
    return Answer(plan_of(sign_offs.take_over(call.runtime, call.viewer, id, int(number), reason=call.body.reason)))


def _quality(judged: Judged) -> dict[str, Any]:
    quality = judged.quality
    return {
        "verdicts": [
            {
                "name": verdict.name,
                "passed": verdict.passed,
                "words": [{"text": span.text, "start": span.start, "end": span.end} for span in verdict.words],
                "advice": verdict.advice,
            }
            for verdict in quality.verdicts
        ],
        "label": quality.output.label,
        "why": quality.output.why,
        "remarks": list(judged.remarks),
    }


def _word(word: Word) -> dict[str, Any]:
    return {
        "id": word.id,
        "verdict": word.verdict,
        "title": word.title,
        "suggestion": word.suggestion,
        "comment": word.comment,
        "by": word.by,
        "at": moment_text(word.at),
    }


TABLE: tuple[Endpoint, ...] = (
    Endpoint("POST", "/key-results/quality", judge_key_result, "Judge a key result", QualityShape, body=TypedKeyResult, act=Act.WRITE),
    Endpoint("GET", "/key-results/<id>/quality", get_quality, "How well a key result is built", QualityShape, problems=(404,)),
    Endpoint("GET", "/quality", list_quality, "Key results with their verdicts", QualityPage, query=QualityQuery),
    Endpoint("GET", "/key-results/<id>/changes", list_changes, "What was changed, and why", Changes, problems=(404,)),
    Endpoint("GET", "/key-results/<id>/sign-offs", list_sign_offs, "What champions said", SignOffs, problems=(404,)),
    Endpoint(
        "POST",
        "/key-results/<id>/sign-offs",
        sign_off,
        "Sign off or return a wording",
        SignOffShape,
        body=SignOffBody,
        statuses=(201,),
        act=Act.SIGN_OFF,
        problems=(404, 409),
    ),
    Endpoint(
        "POST",
        "/key-results/<id>/sign-offs/<number>/take-over",
        take_over,
        "Take a suggested wording over",
        KeyResultPlan,
        body=TakeOverBody,
        problems=(404, 409),
    ),
)
