"""Mappings: the list, save, switch off and on, and what can be mapped. The preview is with the older endpoints."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from connector.api.models import Page, Shape
from connector.api.problems import ProblemError
from connector.api.requests import Given, PageQuery, Text
from connector.api.routing import Answer, Call, Endpoint
from connector.domain.rights import Act
from connector.errors import InputError, NotFound
from connector.services.mapping import catalog, records, saving

State = Literal["working", "waiting", "broken", "off"]
_CONTROL = frozenset({"key_result", "owner", "reason", "version", "active"})
_LONGEST_ID = 18  # digits


class MappingShape(Shape):
    """A mapping. ``options`` are those of the file of ``apply`` that differ from their defaults; ``value`` is the key result's.

    ``state``: "waiting" until its items were read. ``items`` is null while nobody knows. ``titles``: ref → title of what it names.
    """

    id: int
    key_result: str
    title: str
    connection: str
    select: dict[str, Any]
    measure: str | dict[str, Any]
    mode: Literal["value", "context"]
    options: dict[str, Any]
    owner: str | None
    state: State
    broken: str | None
    value: float | None
    items: int | None
    titles: dict[str, str]
    listed_at: datetime | None
    version: str


class ChoiceShape(Shape):
    """Something that a mapping can name, by ``key`` or else ``ref``."""

    ref: str
    key: str
    title: str
    kind: str
    container: str
    url: str
    status: str
    open_children: int | None


class Choices(Shape):
    """What a search found, best first."""

    items: list[ChoiceShape]


class MappingQuery(PageQuery):
    """Filters of the mappings. Those that are switched off show only when asked for."""

    key_result: Annotated[Text | None, Field(description="id of the key result")] = None
    connection: Annotated[Text | None, Field(description="name of the connection")] = None
    team: Annotated[Text | None, Field(description="name of the team")] = None
    owner: Annotated[Text | None, Field(description="e-mail address of the mapping's owner")] = None
    text: Annotated[Text | None, Field(description="words of the key result's title")] = None
    state: State | None = None


class SearchQuery(BaseModel):
    """What to look for at a connection."""

    model_config = ConfigDict(extra="forbid")
    connection: Annotated[Text, Field(min_length=1, description="name of the connection")]
    text: Annotated[Text, Field(description="words of a title, a key or a link; empty: what changed lately")] = ""
    container: Annotated[Text, Field(description="only inside this project, database or data source")] = ""


class SwitchQuery(BaseModel):
    """Why a mapping is switched off, and the version that was looked at."""

    model_config = ConfigDict(extra="forbid")
    reason: Annotated[Text | None, Field(description="needed while the key result runs")] = None
    version: Annotated[Text | None, Field(description="as it was read")] = None


class NewMapping(BaseModel):
    """A mapping as in the file of ``apply``, with the key result that it feeds."""

    model_config = ConfigDict(extra="allow", strict=True)
    key_result: Text
    connection: Text
    select: dict[str, Any]
    measure: str | dict[str, Any]
    mode: Literal["value", "context"] = "value"
    owner: Annotated[Text | None, Field(description="e-mail address; default: the token's person, else the key result's owner")] = None
    reason: Annotated[Text | None, Field(description="shown in the audit trail")] = None


class MappingChange(Given):
    """What is to change; what is absent stays. ``active`` switches off and on, and stands alone."""

    model_config = ConfigDict(extra="allow", strict=True)
    connection: Text | None = None
    select: dict[str, Any] | None = None
    measure: str | dict[str, Any] | None = None
    mode: Literal["value", "context"] | None = None
    owner: Text | None = None
    reason: Annotated[Text | None, Field(description="needed for another selection or measure while the key result runs")] = None
    version: Annotated[Text | None, Field(description="as it was read: 409 with both versions when it was changed since")] = None
    active: bool | None = None


def list_mappings(call: Call) -> Answer:
    """Mappings in the order of their key results."""
    filters = call.query.model_dump(exclude={"cursor", "limit"})
    with call.runtime.store.read() as session:
        try:
            page = records.mappings_page(session, call.viewer, call.query.cursor, call.query.limit, **filters)
        except InputError as error:  # a cursor that is none
            raise ProblemError(400, str(error), errors=[{"field": error.where, "message": error.message}]) from None
    return Answer({"items": page.items, "next": page.next})


def get_mapping(call: Call, id: str) -> Answer:
    """One mapping, switched off or not."""
    return _told(call, _number(id))


def create_mapping(call: Call) -> Answer:
    """Map work to a key result: checked by the rules and by the host, then its items are read and the value follows."""
    given = call.body.model_dump(exclude_unset=True)
    data = {name: value for name, value in given.items() if name not in _CONTROL}
    try:
        saved = saving.create_mapping(
            call.runtime, call.viewer, given["key_result"], data, owner=given.get("owner"), reason=given.get("reason") or ""
        )
    except NotFound as error:  # named in the body, so it is the body that does not fit
        raise InputError(str(error)) from None
    return _told(call, saved.id, 201)


def change_mapping(call: Call, id: str) -> Answer:
    """Change a mapping, or switch it off or on."""
    ident = _number(id)
    given = call.body.model_dump(exclude_unset=True)
    reason, version, active = given.get("reason") or "", given.get("version"), given.get("active")
    wanted = {name: value for name, value in given.items() if name not in _CONTROL}
    if active is not None:
        if wanted or "owner" in given:
            raise InputError("switch a mapping off or on by itself, and change it in another request", where="active")
        switch = saving.switch_on if active else saving.switch_off
        switch(call.runtime, call.viewer, ident, reason=reason, version=version)
        return _told(call, ident)
    with call.runtime.store.read() as session:
        stored = records.load_record(session, call.viewer, ident).written
    data = {name: value for name, value in {**stored, **wanted}.items() if value is not None}
    owner = (given["owner"] or "") if "owner" in given else None
    try:
        saving.change_mapping(call.runtime, call.viewer, ident, data, owner=owner, reason=reason, version=version)
    except NotFound as error:
        raise InputError(str(error)) from None
    return _told(call, ident)


def switch_mapping_off(call: Call, id: str) -> Answer:
    """Let a mapping feed its key result no longer; its history is kept."""
    ident = _number(id)
    saving.switch_off(call.runtime, call.viewer, ident, reason=call.query.reason or "", version=call.query.version)
    return _told(call, ident)


def search_mappable(call: Call) -> Answer:
    """Epics, databases and rows of a connection by words of their title, by key or link."""
    with call.runtime.store.read() as session:
        connection = catalog.usable_connection(session, call.query.connection)
    try:
        found = catalog.find(call.runtime, connection, call.query.text, container=call.query.container)
    except InputError as error:
        raise ProblemError(400, str(error), errors=[{"field": error.where, "message": error.message}]) from None
    names = ("ref", "key", "title", "kind", "container", "url", "status", "open_children")
    return Answer({"items": [{name: getattr(each, name) for name in names} for each in found]})


def _told(call: Call, ident: int, status: int = 200) -> Answer:
    with call.runtime.store.read() as session:
        record = records.load_record(session, call.viewer, ident)
        items = records.count_items(session, [ident]).get(ident, 0)
        return Answer(records.describe(record, items), status)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_ID):
        raise NotFound(f"there is no mapping {text[:40]!r}")
    return int(text)


TABLE: tuple[Endpoint, ...] = (
    Endpoint("GET", "/mappings", list_mappings, "Mappings", Page[MappingShape], query=MappingQuery),
    Endpoint(
        "POST",
        "/mappings",
        create_mapping,
        "Save a mapping",
        MappingShape,
        act=Act.WRITE,
        body=NewMapping,
        statuses=(201,),
        problems=(409, 502),
    ),
    Endpoint(
        "GET",
        "/mappings/search",
        search_mappable,
        "Find what can be mapped",
        Choices,
        act=Act.WRITE,
        query=SearchQuery,
        problems=(404, 409, 422, 502),
    ),
    Endpoint("GET", "/mappings/<id>", get_mapping, "One mapping", MappingShape, problems=(404,)),
    Endpoint(
        "PATCH",
        "/mappings/<id>",
        change_mapping,
        "Change a mapping",
        MappingShape,
        act=Act.WRITE,
        body=MappingChange,
        problems=(404, 409, 502),
    ),
    Endpoint(
        "DELETE",
        "/mappings/<id>",
        switch_mapping_off,
        "Switch a mapping off",
        MappingShape,
        act=Act.WRITE,
        query=SwitchQuery,
        problems=(404, 409, 422),
    ),
)
