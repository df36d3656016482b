"""OKR databases that a connection's host keeps: set up, adopted, changed, looked at, left; the leads' page. The same services as the pages."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from connector.api.models import Shape
from connector.api.requests import Given, Text
from connector.api.routing import Answer, Call, Endpoint
from connector.domain.rights import Act
from connector.services.connecting.views import find
from connector.services.okr_databases import setting_up
from connector.services.okr_databases.overview import DatabaseView, DraftView, Overview, overview
from connector.services.okr_databases.setting_up import SetUp
from connector.store.reads.paging import moment_text

Kind = Literal["objectives", "key_results", "check_ins", "decisions"]

# --- bodies ------------------------------------------------------------------------------------------------------------------


class ChoicesBody(Given):
    """What can be chosen; what is left out stays as it is, or has its default."""

    definitions: Annotated[
        Literal["everybody", "leads"] | None, Field(description="who may change titles, owners, from, to and unit in rows")
    ] = None
    panel: Annotated[Literal["callout", "properties"] | None, Field(description="properties: no block is ever made")] = None
    table: Annotated[bool | None, Field(description="a small table below an objective's callout")] = None
    embed: Annotated[bool | None, Field(description="the live page below the callout; needs an https address of the connector")] = None
    cycles: Annotated[list[Text] | None, Field(max_length=50, description="names; empty: those that run and those that come")] = None
    settle_seconds: Annotated[int, Field(ge=5, le=40, description="without typing, until an update typed into a row is filed")] | None = None
    amend_minutes: Annotated[int, Field(ge=0, le=60, description="in which an author's further edits belong to the same update")] | None = None


class SetUpBody(Given):
    """The page below which the databases are made: its link or id. With ``test`` nothing is made."""

    page: Text
    options: ChoicesBody | None = None
    test: bool = False


# --- answers -----------------------------------------------------------------------------------------------------------------


class MadeDatabase(Shape):
    """One database. ``how``: to make, made, found (of an earlier set-up) or kept (in step already). ``added``: columns."""

    kind: Kind
    title: str
    url: str
    how: Literal["to make", "made", "found", "kept"]
    added: list[str]


class SetUpDone(Shape):
    """What a set-up did, or would do. ``rows``: objectives and key results whose rows are made next."""

    connection: str
    page: str
    databases: list[MadeDatabase]
    rows: int
    notes: list[str]
    requests: int


class OkrColumn(Shape):
    """One of our fields; ``name`` is the host's column for it, empty while there is none."""

    field: str
    label: str
    name: str
    type: str
    human: bool
    needed: bool


class OkrDatabaseState(Shape):
    """One database. ``drift``: what differs from what was set up, with the mend; ``broken``: why it is out of reach, empty when it is not."""

    kind: Kind
    title: str
    url: str
    adopted: bool
    columns: list[OkrColumn]
    rows: int
    drafts: int
    gone: int
    waiting: int
    drift: list[str]
    broken: str
    read_at: datetime | None
    reading: int | None


class LeadsPageState(Shape):
    """A leads' page; ``error``: why it could not be written."""

    id: int
    url: str
    options: dict[str, Any]
    written_at: datetime | None
    gone_at: datetime | None
    error: str


class GoneRow(Shape):
    """A row in the trash or not shared any more; its record stays."""

    id: int
    kind: Kind
    title: str
    url: str
    record: str
    gone_at: datetime


class OkrDatabasesState(Shape):
    """Everything about the OKR databases of a connection. ``able``: its host can keep some."""

    connection: str
    able: bool
    page: str
    options: dict[str, Any]
    databases: list[OkrDatabaseState]
    drafts_total: int
    gone: list[GoneRow]
    gone_total: int
    leads_pages: list[LeadsPageState]


class DraftRow(Shape):
    """A row that is no record yet, and what it needs."""

    id: int
    kind: Kind
    title: str
    url: str
    missing: list[str]
    created_at: datetime


class Drafts(Shape):
    """The latest drafts, and how many there are in all."""

    items: list[DraftRow]
    total: int


class Left(Shape):
    """How many databases are no longer kept in step; none was deleted."""

    databases: int


# --- handlers ----------------------------------------------------------------------------------------------------------------


def _found(call: Call, name: str) -> Overview:
    with call.runtime.store.read() as session:
        return overview(session, call.viewer, find(session, name))


def _made(made: SetUp) -> dict[str, Any]:
    return {
        "connection": made.connection,
        "page": made.page,
        "databases": [
            {"kind": each.kind.value, "title": each.title, "url": each.url, "how": each.how, "added": list(each.added)}
            for each in made.databases
        ],
        "rows": made.rows,
        "notes": list(made.notes),
        "requests": made.requests,
    }


def _database(each: DatabaseView) -> dict[str, Any]:
    return {
        "kind": each.kind.value,
        "title": each.title,
        "url": each.url,
        "adopted": each.adopted,
        "columns": [
            {"field": one.field, "label": one.label, "name": one.name, "type": one.type, "human": one.human, "needed": one.needed}
            for one in each.columns
        ],
        "rows": each.rows,
        "drafts": each.drafts,
        "gone": each.gone,
        "waiting": each.waiting,
        "drift": list(each.drift),
        "broken": each.broken,
        "read_at": moment_text(each.read_at),
        "reading": each.reading,
    }


def _draft(each: DraftView) -> dict[str, Any]:
    return {
        "id": each.id,
        "kind": each.kind.value,
        "title": each.title,
        "url": each.url,
        "missing": list(each.missing),
        "created_at": moment_text(each.created_at),
    }


def get_okr_databases(call: Call, name: str) -> Answer:
    """The OKR databases of a connection: columns, rows, what differs, what is out of reach, the leads' page."""
    found = _found(call, name)
    return Answer(
        {
            "connection": found.connection,
            "able": found.able,
            "page": found.page,
            "options": dict(found.options),
            "databases": [_database(each) for each in found.databases],
            "drafts_total": found.drafts_total,
            "gone": [
                {
                    "id": each.id,
                    "kind": each.kind.value,
                    "title": each.title,
                    "url": each.url,
                    "record": each.record,
                    "gone_at": moment_text(each.gone_at),
                }
                for each in found.gone
            ],
            "gone_total": found.gone_total,
            "leads_pages": [
                {
                    "id": each.id,
                    "url": each.url,
                    "options": dict(each.options),
                    "written_at": moment_text(each.written_at),
                    "gone_at": moment_text(each.gone_at),
                    "error": each.error,
                }
                for each in found.leads_pages
            ],
        }
    )


def list_drafts(call: Call, name: str) -> Answer:
    """Rows that are no objective, key result or decision yet, and what each needs."""
    found = _found(call, name)
    return Answer({"items": [_draft(each) for each in found.drafts], "total": found.drafts_total})


def set_up_okr_databases(call: Call, name: str) -> Answer:
    """Make the four databases below a page, or find those of an earlier set-up; ``test`` only looks. 201 when something was made."""
    body: SetUpBody = call.body
    options = body.options.model_dump(exclude_none=True) if body.options else {}
    if body.test:
        return Answer(_made(setting_up.look(call.runtime, call.viewer, name, body.page, options=options)))
    made = setting_up.set_up(call.runtime, call.viewer, name, body.page, options=options)
    return Answer(_made(made), 201 if any(each.how == "made" for each in made.databases) else 200)


def change_okr_databases(call: Call, name: str) -> Answer:
    """Other choices than those of the set-up."""
    setting_up.change_options(call.runtime, call.viewer, name, call.body.model_dump(exclude_none=True))
    return get_okr_databases(call, name)


def leave_okr_databases(call: Call, name: str) -> Answer:
    """Stop keeping them in step; nothing is deleted, at the host or here."""
    return Answer({"databases": setting_up.leave(call.runtime, call.viewer, name)})


_ALL = "/connections/<name>/okr-databases"
_ADMIN = Act.ADMINISTER
TABLE: tuple[Endpoint, ...] = (
    Endpoint("GET", _ALL, get_okr_databases, "The OKR databases of a connection", OkrDatabasesState, act=Act.OPERATE, problems=(404,)),
    Endpoint("GET", f"{_ALL}/drafts", list_drafts, "Rows that still need something", Drafts, act=Act.OPERATE, problems=(404,)),
    Endpoint(
        "POST",
        f"{_ALL}/set-up",
        set_up_okr_databases,
        "Make OKR databases, or test a page for them",
        SetUpDone,
        act=_ADMIN,
        body=SetUpBody,
        statuses=(200, 201),
        problems=(404, 409, 502),
    ),
    Endpoint(
        "PATCH",
        _ALL,
        change_okr_databases,
        "Change the choices of a set-up",
        OkrDatabasesState,
        act=_ADMIN,
        body=ChoicesBody,
        problems=(404, 409),
    ),
    Endpoint("DELETE", _ALL, leave_okr_databases, "Stop keeping them in step", Left, act=_ADMIN, problems=(404, 409)),
)
