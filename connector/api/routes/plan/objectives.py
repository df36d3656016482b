"""Objectives: made, changed, moved and retired. Bodies use the words of the file of ``apply``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from connector.api.models import Shape
from connector.api.requests import Given, Text
from connector.api.routing import Answer, Call, Endpoint
from connector.domain.rights import Act
from connector.services.plan import objectives
from connector.services.plan.key_results_changes import chain
from connector.services.plan.saving import Saved


class Place(Given):
    """A page that shows the panel: a Notion connection, and the page's link or id."""

    connection: Text
    page: Text


class ObjectiveFields(Given):
    """An objective. ``supports`` is the id of the goal it serves, null for a company objective; ``readers`` are e-mail addresses."""

    title: Text | None = None
    cycle: Text | None = None
    team: Text | None = None
    supports: Text | None = None
    panels: list[Place] | None = None
    stage: Text | None = None
    restricted: bool | None = None
    readers: list[Text] | None = None


class NewObjective(ObjectiveFields):
    """A new objective; ``id`` is made from the title when it is left out."""

    id: Text | None = None


class ChangedObjective(ObjectiveFields):
    """What is left out stays. ``version`` makes sure that nobody else saved since it was read."""

    version: Text | None = None
    reason: Text | None = None


class PlaceShape(Shape):
    """A page that shows the panel."""

    connection: str
    page: str


class ObjectivePlan(Shape):
    """An objective as it is planned. ``changed``: what of the change needed a reason; ``remarks`` are sentences for people."""

    id: str
    version: str
    title: str
    cycle: str
    team: str | None
    supports: str | None
    panels: list[PlaceShape]
    stage: Literal["draft", "ready"]
    restricted: bool
    readers: list[str]
    changed: list[str]
    remarks: list[str]


class RetireQuery(BaseModel):
    """Why something is retired, and the version that was read."""

    model_config = ConfigDict(extra="forbid")
    reason: Annotated[Text | None, Field(description="needed, but for drafts; everybody who could see it can read it")] = None
    version: Annotated[Text | None, Field(description="as it was read; refused when somebody saved since")] = None


class Retired(Shape):
    """What was retired; ``key_results`` counts those that went with it."""

    id: str
    key_results: int


class MoveBody(Given):
    """One place up or down."""

    direction: Literal["up", "down"]


class Moved(Shape):
    """``moved`` is false at the end of the list."""

    id: str
    moved: bool


class GoalShape(Shape):
    """An objective in a chain."""

    id: str
    title: str


class Chain(Shape):
    """The goals from the company objective down to this objective, as far as the caller may know of them."""

    items: list[GoalShape]


def create_objective(call: Call) -> Answer:
    """Make an objective."""
    return Answer(_plan(objectives.create(call.runtime, call.viewer, call.body.model_dump(exclude_unset=True))), 201)


def get_objective_plan(call: Call, id: str) -> Answer:
    """An objective as it is planned, with the version that a change names."""
    return Answer(_plan(objectives.load(call.runtime, call.viewer, id)))


def change_objective(call: Call, id: str) -> Answer:
    """Change what is said. Title, cycle, team and supported goal need a reason, but in a draft."""
    given: dict[str, Any] = call.body.model_dump(exclude_unset=True)
    version, reason = given.pop("version", None), given.pop("reason", None)
    return Answer(_plan(objectives.update(call.runtime, call.viewer, id, given, version=version, reason=reason)))


def retire_objective(call: Call, id: str) -> Answer:
    """Retire an objective with its key results; the history is kept."""
    count = objectives.retire(call.runtime, call.viewer, id, version=call.query.version, reason=call.query.reason)
    return Answer({"id": id, "key_results": count})


def move_objective(call: Call, id: str) -> Answer:
    """Move an objective in its cycle."""
    return Answer({"id": id, "moved": objectives.move(call.runtime, call.viewer, id, -1 if call.body.direction == "up" else 1)})


def get_chain(call: Call, id: str) -> Answer:
    """The chain of goals above an objective, it included."""
    with call.runtime.store.read() as session:
        objectives.find(session, call.viewer, id)
        goals = chain(session, call.viewer, id)
    return Answer({"items": [{"id": goal.id, "title": goal.title} for goal in goals]})


def _plan(saved: Saved) -> dict[str, Any]:
    return {"id": saved.id, "version": saved.version, **saved.view, "changed": list(saved.changed), "remarks": list(saved.remarks)}


_WRITING: dict[str, Any] = {"act": Act.WRITE, "problems": (404, 409)}

TABLE: tuple[Endpoint, ...] = (
    Endpoint(
        "POST", "/objectives", create_objective, "Make an objective", ObjectivePlan, body=NewObjective, statuses=(201,), act=Act.WRITE
    ),
    Endpoint(
        "GET", "/objectives/<id>/plan", get_objective_plan, "An objective as it is planned", ObjectivePlan, act=Act.WRITE, problems=(404,)
    ),
    Endpoint("PATCH", "/objectives/<id>", change_objective, "Change an objective", ObjectivePlan, body=ChangedObjective, **_WRITING),
    Endpoint(
        "DELETE",
        "/objectives/<id>",
        retire_objective,
        "Retire an objective",
        Retired,
        query=RetireQuery,
        act=Act.WRITE,
        problems=(404, 409, 422),
    ),
    Endpoint("POST", "/objectives/<id>/move", move_objective, "Move an objective", Moved, body=MoveBody, **_WRITING),
    Endpoint("GET", "/objectives/<id>/chain", get_chain, "The goals above an objective", Chain, problems=(404,)),
)
