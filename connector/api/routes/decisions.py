"""Reviews as they are held, and decisions: read, give verdicts, close. The list of reviews is with the forums."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from connector.api.models import Page, Shape
from connector.api.requests import Given, NoQuery, Text
from connector.api.routing import Answer, Call, Endpoint
from connector.domain.agenda import Action, Verdict
from connector.errors import NotFound
from connector.services import decision_editing
from connector.services.reviews import closing, deciding, holding
from connector.services.reviews.ledger import load_ledger
from connector.services.reviews.reading import load_held, load_minutes
from connector.store.tables import Decision, ReviewItem


class AgendaItem(Shape):
    """An item of the agenda; ``snapshot`` is what the frozen pre-read said of the key result.

    ``position`` counts what the caller may know of; ``minutes`` come from the time of the whole agenda.
    """

    id: int
    key_result: str
    position: int
    score: float
    reasons: list[str]
    minutes: int
    folded: bool
    fits: bool
    verdict: Verdict | None
    plan: str
    snapshot: dict[str, Any]


class HeldReview(Shape):
    """A review with its agenda, as far as the caller may know of it. ``missing`` says what keeps it from being closed."""

    id: int
    forum: str
    state: str
    starts_at: str
    lock_at: str
    pre_read: str
    version: int
    missing: str
    items: list[AgendaItem]
    minutes: dict[str, Any] | None


class OpenBody(Given):
    """``lock_now``: open it before its lock; updates count until now."""

    lock_now: bool = False


class VerdictBody(Given):
    """A verdict. Intervene, escalate and stop need action, text, owner (an e-mail address) and due (a day)."""

    verdict: Verdict
    action: Action | None = None
    text: Text | None = None
    owner: Text | None = None
    due: Text | None = None
    plan: Text | None = None
    issue: Text | None = None

    model_config = ConfigDict(extra="forbid", strict=False)


class HandOverBody(Given):
    """``person``: an e-mail address. ``item``: one that the time does not reach; absent: all that wait."""

    person: Text
    item: int | None = None


class CloseBody(Given):
    """``version``: of the review as it was read."""

    version: int | None = None


class DecisionShape(Shape):
    """A decision. ``issue``: the issue or row that it became and closes with; ``effect``: what followed."""

    id: int
    key_result: str
    title: str
    kind: str
    state: str
    verdict: str
    action: str
    owner: str
    due: str | None
    outcome: str
    overdue: bool
    issue: dict[str, Any] | None
    effect: dict[str, Any] | None


class DecisionQuery(BaseModel):
    """Which decisions."""

    model_config = ConfigDict(extra="forbid")
    show: Literal["open", "overdue", "asked", "done", "all"] = "open"


class DecisionFields(Given):
    """``owner``: an e-mail address; ``due``: a day. An open decision has both. ``issue``: "connection id|project|type"."""

    title: Text | None = None
    owner: Text | None = None
    due: Text | None = None
    state: Text | None = None
    outcome: Text | None = None
    issue: Text | None = None


class NewDecision(DecisionFields):
    """A decision for a key result."""

    key_result: Text


def get_review(call: Call, id: str) -> Answer:
    """A review with its agenda and, once it is closed, its minutes."""
    return _review(call, _number(id))


def open_review(call: Call, id: str) -> Answer:
    """Open it."""
    holding.open_review(call.runtime, call.viewer, _number(id), lock_now=call.body.lock_now)
    return _review(call, _number(id))


def give_verdict(call: Call, id: str, item: str) -> Answer:
    """Give an item its verdict."""
    given = {name: value for name, value in call.body.model_dump(mode="json").items() if value is not None}
    deciding.decide(call.runtime, call.viewer, _number(id), _number(item), given)
    return _review(call, _number(id))


def hold_folded(call: Call, id: str) -> Answer:
    """Hold course for everything that is folded."""
    holding.hold_folded(call.runtime, call.viewer, _number(id))
    return _review(call, _number(id))


def hand_over(call: Call, id: str) -> Answer:
    """Give what the time does not reach to a person."""
    holding.hand_over(call.runtime, call.viewer, _number(id), call.body.person, call.body.item)
    return _review(call, _number(id))


def close_review(call: Call, id: str) -> Answer:
    """Close it; 409 names what is missing, or who closed it first."""
    closing.close(call.runtime, call.viewer, _number(id), version=call.body.version)
    return _review(call, _number(id))


def list_decisions(call: Call) -> Answer:
    """Decisions that the caller may know of, 200 at most: open ones by due date, others latest first."""
    today = call.runtime.now().astimezone(call.runtime.settings.zone).date()
    with call.runtime.store.read() as session:
        found = load_ledger(session, call.viewer, today, show=call.query.show)
    return Answer({"items": [_decision(each.row, each.owner, each.overdue) for each in found.entries], "next": None})


def create_decision(call: Call) -> Answer:
    """Enter a decision."""
    made = decision_editing.create(call.runtime, call.viewer, call.body.model_dump(exclude_unset=True))
    return Answer(_loaded(call, made), 201)


def change_decision(call: Call, id: str) -> Answer:
    """Change or close a decision."""
    return Answer(_loaded(call, decision_editing.update(call.runtime, call.viewer, _number(id), call.body.model_dump(exclude_unset=True))))


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise NotFound(f"there is no {text!r}")
    return int(text)


def _review(call: Call, ident: int) -> Answer:
    with call.runtime.store.read() as session:
        held = load_held(session, call.viewer, ident, call.runtime.settings.zone)
        minutes = load_minutes(session, call.viewer, held.review)
    row = held.review
    return Answer(
        {
            "id": row.id,
            "forum": held.forum.name,
            "state": row.state,
            "starts_at": row.starts_at.isoformat(),
            "lock_at": row.lock_at.isoformat(),
            "pre_read": held.pre_read,
            "version": row.version,
            "missing": held.missing.text if row.state == "open" else "",
            "items": [_item(each, position) for position, each in enumerate(held.items)],
            "minutes": minutes.plain() if minutes else None,
        }
    )


def _item(row: ReviewItem, position: int) -> dict[str, Any]:
    names = ("id", "score", "reasons", "minutes", "folded", "fits", "verdict", "plan", "snapshot")
    return {"key_result": row.key_result_id, "position": position} | {name: getattr(row, name) for name in names}


def _decision(row: Decision, owner: str, overdue: bool) -> dict[str, Any]:
    names = ("id", "title", "kind", "state", "verdict", "action", "outcome", "effect")
    due = row.due.isoformat() if row.due else None
    more = {"key_result": row.key_result_id, "owner": owner, "due": due, "overdue": overdue, "issue": row.link}
    return {name: getattr(row, name) for name in names} | more


def _loaded(call: Call, found: decision_editing.Loaded) -> dict[str, Any]:
    row = found.row
    today = call.runtime.now().astimezone(call.runtime.settings.zone).date()
    return _decision(row, str(found.view["owner"] or ""), row.state == "open" and row.due is not None and row.due < today)


_HELD: dict[str, Any] = {"answer": HeldReview, "problems": (404, 409, 422), "query": NoQuery}
TABLE: tuple[Endpoint, ...] = (
    Endpoint("GET", "/reviews/<id>", get_review, "One review with its agenda", HeldReview, problems=(404,)),
    Endpoint("POST", "/reviews/<id>/open", open_review, "Open a review", body=OpenBody, **_HELD),
    Endpoint("POST", "/reviews/<id>/items/<item>", give_verdict, "Give a verdict", body=VerdictBody, **_HELD),
    Endpoint("POST", "/reviews/<id>/hold-folded", hold_folded, "Hold course for what is folded", **_HELD),
    Endpoint("POST", "/reviews/<id>/hand-over", hand_over, "Hand over what is not reached", body=HandOverBody, **_HELD),
    Endpoint("POST", "/reviews/<id>/close", close_review, "Close a review", body=CloseBody, **_HELD),
    Endpoint("GET", "/decisions", list_decisions, "Decisions", Page[DecisionShape], query=DecisionQuery),
    Endpoint(
        "POST", "/decisions", create_decision, "Enter a decision", DecisionShape, body=NewDecision, statuses=(201,), problems=(404, 422)
    ),
    Endpoint(
        "PATCH", "/decisions/<id>", change_decision, "Change a decision", DecisionShape, body=DecisionFields, problems=(404, 409, 422)
    ),
)
