"""What each endpoint does, in a few lines, and the route table. Decides nothing: reads and services do."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from connector.api import models, requests
from connector.api.problems import ProblemError
from connector.api.routing import Answer, Call, Endpoint
from connector.domain.rights import Act, Viewer
from connector.errors import Forbidden, InputError, NotFound
from connector.services.check_ins import file_check_in, readable_doubts
from connector.services.explain import sources
from connector.services.preview import preview_mapping
from connector.store import reads
from connector.store.tables import Person
from connector.store.visibility import sees_key_result

_CHECK_IN_FIELDS = ("value", "confidence", "blocker", "decision", "comment", "as_of", "delayed", "doubt", "milestones")


def _page(call: Call, read: Any, **more: Any) -> Answer:
    filters = call.query.model_dump(exclude={"cursor", "limit"})
    with call.runtime.store.read() as session:
        try:
            page = read(session, call.viewer, call.query.cursor, call.query.limit, **filters, **more)
        except InputError as error:  # a cursor that is none
            raise ProblemError(400, str(error), errors=[{"field": error.where, "message": error.message}]) from None
    return Answer({"items": page.items, "next": page.next})


def list_key_results(call: Call) -> Answer:
    """Key results in the order of their objectives."""
    return _page(call, reads.key_results_page)


def get_key_result(call: Call, id: str) -> Answer:
    """One key result with its latest readings, check-ins and sources."""
    with call.runtime.store.read() as session:
        detail = reads.key_result_detail(session, call.viewer, id)
        if detail is None:
            raise NotFound(f"there is no key result {id!r}")
        detail["sources"] = sources(session, id)
        doubts = readable_doubts(call.runtime, session, call.viewer, [each["id"] for each in detail["check_ins"]])
        for each in detail["check_ins"]:
            each["doubt"] = doubts.get(each["id"])
    return Answer(detail)


def file_update(call: Call, id: str) -> Answer:
    """File an update of an owner. 201 when it was stored, 200 when the same one was stored before."""
    body: requests.CheckInBody = call.body
    with call.runtime.store.read() as session:
        known = sees_key_result(session, call.viewer, id)
        own = call.viewer.email or session.scalar(
            select(Person.email).where(Person.email == call.viewer.name.lower(), Person.active.is_(True))
        )
    if not known:
        raise NotFound(f"there is no key result {id!r}")
    author = (body.author or own or "").strip()
    if call.viewer.person_id is not None and author.lower() != call.viewer.email and not call.viewer.may(Act.WRITE):
        raise Forbidden(f"this token is {call.viewer.email}'s own and checks in for nobody else; leave `as` out")
    if not author:
        raise InputError("say who files this: an e-mail address (the token's name is none of a known person)", where="as")
    fields = {name: value for name, value in body.model_dump(exclude_unset=True).items() if name in _CHECK_IN_FIELDS}
    key = call.idempotency_key or body.source_id
    try:
        # Who asks and the key result are part of the identity: one key of two people, or for two key results, is two check-ins.
        filed = file_check_in(
            call.runtime,
            id,
            fields,
            author=author,
            source="api",
            source_id=f"{_asker(call.viewer)}:{id}:{key}" if key else None,
            token=call.viewer.name,
            viewer=call.viewer,
        )
    except NotFound as error:
        raise InputError(str(error), where="as") from None
    data = {"id": filed.id, "key_result": id, "draft": filed.draft, "missing": list(filed.missing), "repeated": filed.repeated}
    data |= {"late": bool(filed.late), "note": filed.late or None}
    return Answer(data, 200 if filed.repeated else 201)


def _asker(viewer: Viewer) -> str:
    """Whose keys these are: a person's, whichever of their tokens they use, else the token's."""
    if viewer.person_id is not None:
        return f"person {viewer.person_id}"
    return f"token {viewer.token_id}" if viewer.token_id is not None else f"name {viewer.name}"


def list_objectives(call: Call) -> Answer:
    """Objectives in their order."""
    return _page(call, reads.objectives_page)


def get_objective(call: Call, id: str) -> Answer:
    """One objective."""
    with call.runtime.store.read() as session:
        detail = reads.objective_detail(session, call.viewer, id)
    if detail is None:
        raise NotFound(f"there is no objective {id!r}")
    return Answer(detail)


def list_connections(call: Call) -> Answer:
    """Connections by name, with their health."""
    return _page(call, reads.connections_page, now=call.runtime.now())


def list_deliveries(call: Call) -> Answer:
    """Received webhooks, newest first."""
    return _page(call, reads.deliveries_page)


def list_runs(call: Call) -> Answer:
    """Sync runs, newest first."""
    return _page(call, reads.runs_page)


def preview(call: Call) -> Answer:
    """What a key result's value would become with this mapping, over live items of the host. Nothing is stored."""
    data = call.body.model_dump(exclude_unset=True)
    key_result = data.pop("key_result", None)
    if key_result is not None:
        with call.runtime.store.read() as session:
            if not sees_key_result(session, call.viewer, key_result):
                raise InputError(f"there is no key result {key_result!r}")
    try:
        return Answer(preview_mapping(call.runtime, data, key_result=key_result))
    except NotFound as error:  # named in the body, so it is the body that does not fit
        raise InputError(str(error)) from None


TABLE = (
    Endpoint("GET", "/key-results", list_key_results, "Key results", models.Page[models.KeyResult], query=requests.KeyResultQuery),
    Endpoint("GET", "/key-results/<id>", get_key_result, "One key result", models.KeyResultDetail, problems=(404,)),
    Endpoint(
        "POST",
        "/key-results/<id>/check-ins",
        file_update,
        "File an update",
        models.Filed,
        act=Act.CHECK_IN,
        body=requests.CheckInBody,
        statuses=(200, 201),
        problems=(404, 409),
        idempotent=True,
    ),
    Endpoint("GET", "/objectives", list_objectives, "Objectives", models.Page[models.Objective], query=requests.ObjectiveQuery),
    Endpoint("GET", "/objectives/<id>", get_objective, "One objective", models.Objective, problems=(404,)),
    Endpoint("GET", "/connections", list_connections, "Connections", models.Page[models.Connection], query=requests.PageQuery),
    Endpoint(
        "GET", "/deliveries", list_deliveries, "Deliveries", models.Page[models.Delivery], act=Act.OPERATE, query=requests.DeliveryQuery
    ),
    Endpoint("GET", "/runs", list_runs, "Sync runs", models.Page[models.Run], act=Act.OPERATE, query=requests.RunQuery),
    Endpoint(
        "POST",
        "/mappings/preview",
        preview,
        "Preview a mapping",
        models.Preview,
        act=Act.WRITE,
        body=requests.PreviewBody,
        problems=(409, 502),
    ),
)
