"""Key results: made, changed, moved and retired. Bodies use the words of the file of ``apply``."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from connector.api.models import Shape
from connector.api.requests import Given, Text
from connector.api.routes.plan.objectives import MoveBody, Moved, Retired, RetireQuery
from connector.api.routing import Answer, Call, Endpoint
from connector.domain.model import Cadence, Kind
from connector.domain.rights import Act
from connector.services.plan import key_results
from connector.services.plan.saving import Saved

_LARGEST_NUMBER = 2**63 - 1  # of a row that a path may name


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value  # JSON knows no difference between 1 and 1.0


class CheckpointBody(Given):
    """``value`` counts as ``progress`` (0-1)."""

    value: float
    progress: float


class PhasedTargetBody(Given):
    """What should be reached by a day."""

    day: Annotated[str, Field(json_schema_extra={"format": "date"})]
    value: float


class MilestoneBody(Given):
    """One step."""

    title: Text
    weight: float | None = None
    done: bool | None = None


class KeyResultFields(Given):
    """A key result. ``owner`` is an e-mail address; ``change`` is a target said relative to the start, such as "-20 %"."""

    title: Text | None = None
    objective: Text | None = None
    owner: Text | None = None
    kind: Text | None = None
    unit: Text | None = None
    start: float | None = None
    target: float | None = None
    change: Text | None = None
    low: float | None = None
    high: float | None = None
    strict: bool | None = None
    decimals: Annotated[int | None, BeforeValidator(_whole)] = None
    weight: float | None = None
    cadence: Text | None = None
    checkpoints: list[CheckpointBody] | None = None
    phased_targets: list[PhasedTargetBody] | None = None
    milestones: list[MilestoneBody] | None = None
    by_hand: Annotated[bool | None, Field(description="the owner enters the value; it needs no mapping")] = None
    stretch_reason: Annotated[Text | None, Field(description="why a target is kept that history calls too far or too easy")] = None


class NewKeyResult(KeyResultFields):
    """A new key result; ``id`` is made from the title when it is left out.

    ``set_baseline``: when ``change`` has no start to rest on, make the key result that sets the baseline instead.
    """

    id: Text | None = None
    set_baseline: bool | None = None


class ChangedKeyResult(KeyResultFields):
    """What is left out stays. ``version`` makes sure that nobody else saved since it was read."""

    version: Text | None = None
    reason: Text | None = None


class KeyResultPlan(Shape):
    """A key result as it is planned. ``changed``: what of the change needed a reason; ``late``: why it is marked as a late edit, or ""."""

    id: str
    version: str
    title: str
    objective: str
    owner: str | None
    kind: Kind
    unit: str
    start: float | None
    target: float | None
    low: float | None
    high: float | None
    strict: bool
    decimals: int
    weight: float
    cadence: Cadence
    checkpoints: list[dict[str, float]]
    phased_targets: list[dict[str, Any]]
    milestones: list[dict[str, Any]]
    by_hand: bool
    stretch_reason: str
    changed: list[str]
    late: str
    remarks: list[str]


# --- writing ---------------------------------------------------------------------------------------------------------------------


def create_key_result(call: Call) -> Answer:
    """Make a key result."""
    given: dict[str, Any] = call.body.model_dump(exclude_unset=True)
    baseline = bool(given.pop("set_baseline", None))
    return Answer(plan_of(key_results.create(call.runtime, call.viewer, bare(given), set_baseline=baseline)), 201)


def get_key_result_plan(call: Call, id: str) -> Answer:
    """A key result as it is planned, with the version that a change names."""
    return Answer(plan_of(key_results.load(call.runtime, call.viewer, id)))


def change_key_result(call: Call, id: str) -> Answer:
    """Change what is said. Target, scope, owner and wording need a reason, but in a draft."""
    given: dict[str, Any] = call.body.model_dump(exclude_unset=True)
    version, reason = given.pop("version", None), given.pop("reason", None)
    return Answer(plan_of(key_results.update(call.runtime, call.viewer, id, bare(given), version=version, reason=reason)))


def retire_key_result(call: Call, id: str) -> Answer:
    """Retire a key result; its history is kept."""
    key_results.retire(call.runtime, call.viewer, id, version=call.query.version, reason=call.query.reason)
    return Answer({"id": id, "key_results": 1})


def move_key_result(call: Call, id: str) -> Answer:
    """Move a key result in its objective."""
    return Answer({"id": id, "moved": key_results.move(call.runtime, call.viewer, id, -1 if call.body.direction == "up" else 1)})


def bare(given: dict[str, Any]) -> dict[str, Any]:
    """A body with milestones without what was left out, which the file of ``apply`` knows no null for."""
    if given.get("milestones"):
        given["milestones"] = [{key: value for key, value in each.items() if value is not None} for each in given["milestones"]]
    return given


def plan_of(saved: Saved) -> dict[str, Any]:
    """A saved key result in the API's shape."""
    return {
        "id": saved.id,
        "version": saved.version,
        **saved.view,
        "changed": list(saved.changed),
        "late": saved.late,
        "remarks": list(saved.remarks),
    }


_WRITING: dict[str, Any] = {"act": Act.WRITE, "problems": (404, 409)}

TABLE: tuple[Endpoint, ...] = (
    Endpoint(
        "POST",
        "/key-results",
        create_key_result,
        "Make a key result",
        KeyResultPlan,
        body=NewKeyResult,
        statuses=(201,),
        act=Act.WRITE,
        problems=(409,),
    ),
    Endpoint(
        "GET", "/key-results/<id>/plan", get_key_result_plan, "A key result as planned", KeyResultPlan, act=Act.WRITE, problems=(404,)
    ),
    Endpoint("PATCH", "/key-results/<id>", change_key_result, "Change a key result", KeyResultPlan, body=ChangedKeyResult, **_WRITING),
    Endpoint(
        "DELETE",
        "/key-results/<id>",
        retire_key_result,
        "Retire a key result",
        Retired,
        query=RetireQuery,
        act=Act.WRITE,
        problems=(404, 409, 422),
    ),
    Endpoint("POST", "/key-results/<id>/move", move_key_result, "Move a key result", Moved, body=MoveBody, **_WRITING),
)
