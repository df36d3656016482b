"""What could be mapped, what is suggested, mapping much at once, and what has drifted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from connector.api.models import Page, Shape
from connector.api.problems import ProblemError
from connector.api.requests import Given, PageQuery, Text
from connector.api.routing import Answer, Call, Endpoint
from connector.domain.rights import Act
from connector.domain.suggesting import Rule
from connector.errors import InputError, NotFound
from connector.services.drift.findings import Finding, find
from connector.services.mapping import bulk, candidates, suggestions
from connector.services.mapping.unmapped import Filters, Landscape, Work, chosen, effort_of, load_landscape
from connector.store.reads.paging import MOST, cut, decode_cursor, moment_text

Mode = Literal["value", "context"]
_LONGEST_ID = 18  # digits


class CandidateShape(Shape):
    """An epic, row or database that could be mapped. ``place``: its project or database, as people call it."""

    id: int
    connection: str
    ref: str
    key: str
    title: str
    kind: Literal["epic", "row", "data_source"]
    place: str
    url: str
    status: str
    done: bool
    labels: list[str]
    points: float | None
    ignored: bool
    updated_at: datetime | None


class EffortShape(Shape):
    """How much of the done work no key result asked for. ``share`` 0-1, ``by`` points or epics."""

    share: float
    by: Literal["points", "epics"]
    sentence: str


class CandidatePage(Page[CandidateShape]):
    """A page of what feeds no key result; ``unaligned`` is null when no epic is done."""

    unaligned: EffortShape | None


class IgnoredShape(Shape):
    """Whether something needs no mapping."""

    id: int
    title: str
    ignored: bool


class LookShape(Shape):
    """A look that a worker was asked for; false when the queue did not answer."""

    asked: bool


class PairShape(Shape):
    """A suggested pair. ``reason`` says why, ``mode`` how it would count."""

    candidate: int
    work: str
    title: str
    place: str
    key_result: str
    confidence: Literal["by rule", "likely", "possible"]
    reason: str
    mode: Mode


class UnknownShape(Shape):
    """A rule read ``name`` as an id at ``work``, and no open key result has it."""

    work: str
    name: str


class SuggestionsShape(Shape):
    """The first pairs of ``total``; ``considered``: how many candidates were looked at."""

    pairs: list[PairShape]
    total: int
    considered: int
    unknown: list[UnknownShape]


class MadeShape(Shape):
    """A mapping that was made."""

    mapping: int
    work: str
    key_result: str
    mode: Mode


class SkippedShape(Shape):
    """A pair that was passed over, and why."""

    work: str
    key_result: str
    why: str


class MappedShape(Shape):
    """What one save did."""

    made: list[MadeShape]
    skipped: list[SkippedShape]


class FindingShape(Shape):
    """A finding of drift. ``mapping`` is null for one about a key result or connection, ``since`` before the first night."""

    kind: str
    subject: str
    sentence: str
    to_do: str
    since: datetime | None
    connection: str
    key_result: str | None
    title: str | None
    mapping: int | None
    answers: str | None


class CandidateQuery(PageQuery):
    """Filters of what feeds no key result."""

    connection: Annotated[Text | None, Field(description="name of the connection")] = None
    place: Annotated[Text | None, Field(description="project key or name of the database")] = None
    text: Annotated[Text | None, Field(description="words of key, title, status or labels")] = None
    state: Annotated[Literal["open", "done", "ignored", "all"], Field(description="all: open and done")] = "open"


class DriftQuery(PageQuery):
    """Filters of the findings."""

    kind: Annotated[Text | None, Field(description='e.g. "matches nothing"')] = None
    connection: Annotated[Text | None, Field(description="name of the connection")] = None


class IgnoreBody(Given):
    """Whether it needs no mapping."""

    ignored: bool


class LookBody(Given):
    """Where to look."""

    connection: Text


class RuleBody(Given):
    """``{id}`` in ``pattern`` stands for a key result's id, ``*`` for anything; with ``key_result`` all that matches goes to that one."""

    field: Literal["label", "title"]
    pattern: Text = ""
    key_result: Text = ""


class SuggestBody(Given):
    """Rules, and what to look at."""

    rules: Annotated[list[RuleBody], Field(max_length=20)] = Field(default_factory=list)
    by_text: Annotated[bool, Field(description="also by words that titles share")] = True
    connection: Annotated[Text | None, Field(description="name of the connection")] = None
    with_done: bool = True


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value  # 3.0 is an integer in JSON


class PairBody(Given):
    """A pair to map. Without ``mode``: value where a share can be the key result's value, else context."""

    candidate: Annotated[int, Field(ge=1), BeforeValidator(_whole)]
    key_result: Text
    mode: Mode | None = None


class MapBody(Given):
    """Pairs to map in one save."""

    pairs: Annotated[list[PairBody], Field(min_length=1, max_length=bulk.MOST_PAIRS)]
    reason: Annotated[Text | None, Field(description="shown in the audit trail")] = None


def list_candidates(call: Call) -> Answer:
    """What feeds no key result that the token's person may know of."""
    query: CandidateQuery = call.query
    landscape = _landscape(call)
    found = chosen(landscape, Filters(query.text or "", query.state, query.connection or "", query.place or ""))
    shown, following = _page(call, found, (int,), lambda each: (each.id,))
    effort = effort_of(each for each in landscape.work if query.connection in (None, each.connection))
    told = None if effort is None else {"share": effort.share, "by": effort.by, "sentence": effort.sentence}
    return Answer({"items": [_candidate(landscape, each) for each in shown], "next": following, "unaligned": told})


def set_ignored(call: Call, id: str) -> Answer:
    """Say that something needs no mapping, or take it back."""
    if not (id.isascii() and id.isdigit() and len(id) <= _LONGEST_ID):
        raise NotFound(f"there is no candidate {id[:40]!r}")
    title = candidates.set_ignored(call.runtime, call.viewer, int(id), call.body.ignored)
    return Answer({"id": int(id), "title": title, "ignored": call.body.ignored})


def look(call: Call) -> Answer:
    """Have a worker look at a connection for what could be mapped."""
    try:
        return Answer({"asked": candidates.ask_for_look(call.runtime, call.viewer, call.body.connection)})
    except NotFound as error:  # named in the body, so it is the body that does not fit
        raise InputError(str(error), where="connection") from None


def suggest(call: Call) -> Answer:
    """Pairs of work and key results by rules and shared words. Saves nothing."""
    body: SuggestBody = call.body
    rules = [Rule(each.field, each.pattern, each.key_result) for each in body.rules]
    found = suggestions.propose(_landscape(call), rules, by_text=body.by_text, connection=body.connection or "", with_done=body.with_done)
    return Answer(
        {
            "pairs": [
                {
                    "candidate": each.work.id,
                    "work": each.work.key or each.work.ref,
                    "title": each.work.title,
                    "place": each.place,
                    "key_result": each.goal.id,
                    "confidence": each.confidence,
                    "reason": each.reason,
                    "mode": "value" if each.goal.share else "context",
                }
                for each in found.pairs
            ],
            "total": found.total,
            "considered": found.considered,
            "unknown": [{"work": work, "name": name} for work, name in found.unknown],
        }
    )


def map_candidates(call: Call) -> Answer:
    """Map many pairs in one transaction; what is mapped already or does not fit is passed over and told."""
    body: MapBody = call.body
    pairs = [bulk.Pair(each.candidate, each.key_result, each.mode) for each in body.pairs]
    outcome = bulk.map_pairs(call.runtime, call.viewer, pairs, reason=body.reason or "")
    return Answer(
        {
            "made": [
                {"mapping": each.mapping, "work": each.work, "key_result": each.key_result, "mode": each.mode} for each in outcome.made
            ],
            "skipped": [{"work": each.work, "key_result": each.key_result, "why": each.why} for each in outcome.skipped],
        }
    )


def list_drift(call: Call) -> Answer:
    """What has drifted, of what the token's person may know."""
    query: DriftQuery = call.query
    with call.runtime.store.read() as session:
        found = find(session, call.viewer, call.runtime.now().astimezone(call.runtime.settings.zone).date())
    kept = [each for each in found if query.kind in (None, each.kind) and query.connection in (None, each.connection)]
    shown, following = _page(call, kept, (str, str), lambda each: (each.subject, each.kind))
    return Answer({"items": [_finding(each) for each in shown], "next": following})


# --- parts -------------------------------------------------------------------------------------------------------------------


def _landscape(call: Call) -> Landscape:
    with call.runtime.store.read() as session:
        return load_landscape(session, call.viewer, call.runtime.now().astimezone(call.runtime.settings.zone).date())


def _page(
    call: Call, found: Sequence[Any], kinds: Sequence[type], key: Callable[[Any], tuple[Any, ...]]
) -> tuple[Sequence[Any], str | None]:
    """One page in the order of ``key``. What is paged was judged in memory, so the cursor is a place in that order."""
    ordered = sorted(found, key=key)
    if call.query.cursor is not None:
        try:
            edge = tuple(decode_cursor(call.query.cursor, kinds))
        except InputError as error:
            raise ProblemError(400, str(error), errors=[{"field": error.where, "message": error.message}]) from None
        ordered = [each for each in ordered if key(each) > edge]
    return cut(ordered, min(call.query.limit, MOST), key)


def _candidate(landscape: Landscape, each: Work) -> dict[str, Any]:
    names = ("id", "connection", "ref", "key", "title", "kind", "url", "status", "done", "points", "ignored")
    return {
        **{name: getattr(each, name) for name in names},
        "place": landscape.container_name(each),
        "labels": list(each.labels),
        "updated_at": moment_text(each.updated_at),
    }


def _finding(each: Finding) -> dict[str, Any]:
    return {
        "kind": each.kind,
        "subject": each.subject,
        "sentence": each.sentence,
        "to_do": each.to_do,
        "since": moment_text(each.since),
        "connection": each.connection,
        "key_result": each.key_result or None,
        "title": each.title or None,
        "mapping": each.mapping,
        "answers": each.answers[0].name if each.answers else None,
    }


TABLE: tuple[Endpoint, ...] = (
    Endpoint("GET", "/candidates", list_candidates, "What feeds no key result", CandidatePage, act=Act.WRITE, query=CandidateQuery),
    Endpoint(
        "PATCH",
        "/candidates/<id>",
        set_ignored,
        "Say that something needs no mapping",
        IgnoredShape,
        act=Act.WRITE,
        body=IgnoreBody,
        problems=(404,),
    ),
    Endpoint(
        "POST",
        "/candidates/look",
        look,
        "Look for what could be mapped",
        LookShape,
        act=Act.WRITE,
        body=LookBody,
        problems=(409,),
    ),
    Endpoint("POST", "/candidates/suggestions", suggest, "Suggest mappings", SuggestionsShape, act=Act.WRITE, body=SuggestBody),
    Endpoint("POST", "/candidates/map", map_candidates, "Map many at once", MappedShape, act=Act.WRITE, body=MapBody),
    Endpoint("GET", "/drift", list_drift, "What has drifted", Page[FindingShape], query=DriftQuery),
)
