"""The audit trail."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import Field

from connector.api.models import Page, Shape
from connector.api.problems import ProblemError
from connector.api.requests import PageQuery, Text
from connector.api.routing import Answer, Call, Endpoint
from connector.domain.rights import Act
from connector.errors import InputError
from connector.services.audit import Filters, audit_page


class Change(Shape):
    """One change: who, when, what. ``before`` and ``after`` name only what differs; ``before`` is null for something new."""

    number: int
    at: datetime
    actor: str
    action: str
    entity: str
    id: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    reason: str


class AuditQuery(PageQuery):
    """Filters of the audit trail."""

    actor: Annotated[Text | None, Field(description="who: an e-mail address or a token's name")] = None
    entity: Annotated[Text | None, Field(description="what: person, key_result, connection, …")] = None
    id: Annotated[Text | None, Field(description="its id, name or e-mail address")] = None
    action: Annotated[Text | None, Field(description="create, update, retire, sign_in, …")] = None
    since: Annotated[date | None, Field(description="first local day")] = None
    until: Annotated[date | None, Field(description="last local day")] = None


def list_audit(call: Call) -> Answer:
    """Changes, newest first."""
    query: AuditQuery = call.query
    filters = Filters(query.actor or "", query.entity or "", query.id or "", query.action or "", query.since, query.until)
    with call.runtime.store.read() as session:
        try:
            page = audit_page(session, call.viewer, filters, call.runtime.settings.zone, query.cursor, query.limit)
        except InputError as error:  # a cursor that is none
            raise ProblemError(400, str(error), errors=[{"field": error.where, "message": error.message}]) from None
    return Answer({"items": page.items, "next": page.next})


TABLE: tuple[Endpoint, ...] = (Endpoint("GET", "/audit", list_audit, "Audit trail", Page[Change], act=Act.ADMINISTER, query=AuditQuery),)
