"""Cycles: made, changed, copied, checked and started. Bodies use the words of the file of ``apply``."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from connector.api.models import Page, Shape
from connector.api.requests import Given, Text
from connector.api.routes.plan import saving
from connector.api.routes.plan.objectives import RetireQuery
from connector.api.routing import Answer, Call, Endpoint
from connector.domain.readiness import Readiness
from connector.domain.rights import Act
from connector.services.plan import copying, cycles, outline, readiness
from connector.services.plan.saving import Saved

Ids = Annotated[list[Text], Field(min_length=1, max_length=copying.MOST, description="ids of objectives of this cycle")]


class CycleFields(Given):
    """A cycle, both days included."""

    name: Text | None = None
    start: Annotated[Text | None, Field(description="first day, as 2026-10-01")] = None
    end: Annotated[Text | None, Field(description="last day, as 2026-12-31")] = None


class ChangedCycle(CycleFields):
    """What is left out stays. Other days of a started cycle need a reason."""

    version: Text | None = None
    reason: Text | None = None


class CyclePlan(Shape):
    """A cycle as it is planned. ``changed``: what of the change needed a reason; ``remarks`` are sentences for people."""

    version: str
    name: str
    start: date
    end: date
    changed: list[str]
    remarks: list[str]


class CycleShape(Shape):
    """A cycle with how much it holds of what the caller may know of; ``drafts`` are objectives."""

    name: str
    start: date
    end: date
    phase: Literal["running", "scheduled", "next", "past"]
    started_at: datetime | None
    objectives: int
    drafts: int
    key_results: int


class Retired(Shape):
    """What was retired."""

    name: str


class StartBody(Given):
    """Why a cycle starts although something is red; or why its start is taken back."""

    reason: Text | None = None


class Item(Shape):
    """One item of the checklist. ``to_do`` says how to mend a red one."""

    name: str
    green: bool
    shown: str
    to_do: str


class Checked(Shape):
    """One key result of the checklist."""

    id: str
    title: str
    ready: bool
    items: list[Item]


class Remark(Shape):
    """Something about an objective that holds nothing up."""

    kind: str
    objective: str
    sentence: str


class Side(Shape):
    """The checklist of the ready objectives, or of the drafts, which do not start with the cycle."""

    ready: bool
    summary: str
    key_results: list[Checked]
    remarks: list[Remark]


class ChecklistShape(Shape):
    """The rollout checklist of a cycle."""

    cycle: str
    started: bool
    ready: Side
    drafts: Side


class MadeReady(Shape):
    """How many drafts were made ready."""

    cycle: str
    objectives: int


class CopyBody(Given):
    """What is copied: ``start`` is the last value or the same start, ``target`` is entered later or stays the same."""

    to: Annotated[Text, Field(description="name of the other cycle")]
    objectives: Ids
    start: Literal["last", "same"] = "last"
    target: Literal["empty", "same"] = "empty"
    mappings: bool = False


class CopiedShape(Shape):
    """What was made, all of it drafts. ``objectives``: old id → new id."""

    cycle: str
    objectives: dict[str, str]
    key_results: int
    mappings: int


class ByHand(Shape):
    """A key result whose owner enters the value."""

    id: str
    by_hand: bool


class FindingShape(Shape):
    """Something worth a look. ``key_result`` is null when it is about the objective."""

    kind: Literal["no key results", "orphan", "many key results", "ownerless"]
    objective: str
    key_result: str | None
    title: str
    sentence: str


def list_cycles(call: Call) -> Answer:
    """All cycles, the latest first."""
    today = call.runtime.now().astimezone(call.runtime.settings.zone).date()
    with call.runtime.store.read() as session:
        entries = cycles.cycles(session, call.viewer)
    items = [
        {
            "name": each.name,
            "start": each.start,
            "end": each.end,
            "phase": each.phase(today),
            "started_at": each.started_at,
            "objectives": each.objectives,
            "drafts": each.drafts,
            "key_results": each.key_results,
        }
        for each in entries
    ]
    return Answer({"items": items, "next": None})


def get_cycle(call: Call, name: str) -> Answer:
    """A cycle as it is planned, with the version that a change names."""
    return Answer(_plan(cycles.load(call.runtime, call.viewer, name)))


def create_cycle(call: Call) -> Answer:
    """Make a cycle; it is scheduled until it is started."""
    return saving.create(call, cycles, _plan)


def change_cycle(call: Call, name: str) -> Answer:
    """Change name or days."""
    return saving.change(call, cycles, _plan, name)


def retire_cycle(call: Call, name: str) -> Answer:
    """Retire a cycle that holds no objective."""
    return saving.retire(call, cycles, name)


def get_checklist(call: Call, name: str) -> Answer:
    """What each key result of the cycle has and lacks before the start."""
    return Answer(_checklist(readiness.load(call.runtime, call.viewer, name)))


def start_cycle(call: Call, name: str) -> Answer:
    """Start a cycle: hosts show it from now on. Refused while an item of the checklist is red, unless a reason is given."""
    readiness.start(call.runtime, call.viewer, name, reason=call.body.reason)
    return Answer(_checklist(readiness.load(call.runtime, call.viewer, name)))


def stop_cycle(call: Call, name: str) -> Answer:
    """Take a start back: the cycle is scheduled again, and hosts stop showing it. Needs a reason."""
    readiness.stop(call.runtime, call.viewer, name, reason=call.body.reason)
    return Answer(_checklist(readiness.load(call.runtime, call.viewer, name)))


def make_drafts_ready(call: Call, name: str) -> Answer:
    """Make all drafts of a cycle ready."""
    return Answer({"cycle": name, "objectives": readiness.make_ready(call.runtime, call.viewer, name)})


def copy_cycle(call: Call, name: str) -> Answer:
    """Copy objectives with their key results into another cycle, as drafts."""
    body: CopyBody = call.body
    choices = copying.Choices(body.start, body.target, body.mappings)
    made = copying.copy(call.runtime, call.viewer, name, body.to, body.objectives, choices)
    return Answer({"cycle": made.cycle, "objectives": made.objectives, "key_results": made.key_results, "mappings": made.mappings}, 201)


def enter_by_hand(call: Call, id: str) -> Answer:
    """Say that the owner enters the value, so that the checklist asks for no mapping."""
    readiness.enter_by_hand(call.runtime, call.viewer, id)
    return Answer({"id": id, "by_hand": True})


def list_findings(call: Call) -> Answer:
    """What is worth a look in the cycles that are not over: orphans, nothing to measure, too many key results, no owner."""
    runtime = call.runtime
    today = runtime.now().astimezone(runtime.settings.zone).date()
    with runtime.store.read() as session:
        found = outline.findings(session, call.viewer, today, runtime.settings.many_key_results)
    items = [
        {
            "kind": each.kind,
            "objective": each.objective,
            "key_result": each.key_result or None,
            "title": each.title,
            "sentence": each.sentence,
        }
        for each in found
    ]
    return Answer({"items": items, "next": None})


def _plan(saved: Saved) -> dict[str, Any]:
    return {"version": saved.version, **saved.view, "changed": list(saved.changed), "remarks": list(saved.remarks)}


def _checklist(found: readiness.Checklist) -> dict[str, Any]:
    return {"cycle": found.name, "started": found.started, "ready": _side(found.ready), "drafts": _side(found.drafts)}


def _side(found: Readiness) -> dict[str, Any]:
    return {
        "ready": found.ready,
        "summary": found.summary,
        "key_results": [
            {
                "id": each.id,
                "title": each.title,
                "ready": each.ready,
                "items": [{"name": item.name, "green": item.green, "shown": item.shown, "to_do": item.to_do} for item in each.items],
            }
            for each in found.key_results
        ],
        "remarks": [{"kind": each.kind, "objective": each.objective, "sentence": each.sentence} for each in found.remarks],
    }


_WRITE: dict[str, Any] = {"act": Act.WRITE}

TABLE: tuple[Endpoint, ...] = (
    Endpoint("GET", "/cycles", list_cycles, "Cycles", Page[CycleShape]),
    Endpoint("POST", "/cycles", create_cycle, "Make a cycle", CyclePlan, body=CycleFields, statuses=(201,), **_WRITE),
    Endpoint("GET", "/cycles/<name>", get_cycle, "One cycle as it is planned", CyclePlan, problems=(404,), **_WRITE),
    Endpoint("PATCH", "/cycles/<name>", change_cycle, "Change a cycle", CyclePlan, body=ChangedCycle, problems=(404, 409), **_WRITE),
    Endpoint("DELETE", "/cycles/<name>", retire_cycle, "Retire a cycle", Retired, query=RetireQuery, problems=(404, 409, 422), **_WRITE),
    Endpoint("GET", "/cycles/<name>/checklist", get_checklist, "The rollout checklist of a cycle", ChecklistShape, problems=(404,)),
    Endpoint("POST", "/cycles/<name>/start", start_cycle, "Start a cycle", ChecklistShape, body=StartBody, problems=(404, 409), **_WRITE),
    Endpoint("POST", "/cycles/<name>/stop", stop_cycle, "Take a start back", ChecklistShape, body=StartBody, problems=(404, 409), **_WRITE),
    Endpoint("POST", "/cycles/<name>/ready", make_drafts_ready, "Make drafts ready", MadeReady, problems=(404,), **_WRITE),
    Endpoint(
        "POST",
        "/cycles/<name>/copy",
        copy_cycle,
        "Copy objectives to another cycle",
        CopiedShape,
        body=CopyBody,
        statuses=(201,),
        problems=(404,),
        **_WRITE,
    ),
    Endpoint("POST", "/key-results/<id>/by-hand", enter_by_hand, "The owner enters the value", ByHand, problems=(404,), **_WRITE),
    Endpoint("GET", "/findings", list_findings, "What is worth a look", Page[FindingShape]),
)
