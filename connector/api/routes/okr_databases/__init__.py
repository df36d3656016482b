"""OKR databases that a connection's host keeps: set up, adopted, changed, looked at, left; leads' pages. The services of the pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.api.routes.okr_databases.shapes import (
    AdoptBody,
    AdoptDone,
    ChoicesBody,
    Drafts,
    LeadsPageBody,
    LeadsPages,
    Left,
    OkrDatabasesState,
    RowBody,
    SetUpBody,
    SetUpDone,
)
from connector.api.routing import Answer, Call, Endpoint
from connector.domain.rights import Act
from connector.errors import InputError, NotFound
from connector.services.connection_names import connection_called
from connector.services.leads_page import setting
from connector.services.okr_databases import adopting, setting_up
from connector.services.okr_databases.adopting import Proposal
from connector.services.okr_databases.overview import DatabaseView, DraftView, LeadsPageView, Overview, overview
from connector.services.okr_databases.setting_up import SetUp
from connector.services.okr_databases.trying_out import MOST_ROWS, try_out
from connector.store.reads.paging import moment_text
from connector.store.tables import Forum, Team


def _found(call: Call, name: str) -> Overview:
    with call.runtime.store.read() as session:
        return overview(session, call.viewer, connection_called(session, name), call.runtime.epoch())


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


def _leads_page(each: LeadsPageView) -> dict[str, Any]:
    return {
        "id": each.id,
        "url": each.url,
        "options": dict(each.options),
        "written_at": moment_text(each.written_at),
        "gone_at": moment_text(each.gone_at),
        "error": each.error,
    }


def _adoption(each: Proposal) -> dict[str, Any]:
    columns = {column.id: column for column in each.columns}
    fields = []
    for field in each.fields:
        column = columns.get(field.column)
        fields.append(
            {
                "field": field.field,
                "label": field.label,
                "column": column.name if column else "",
                "type": column.type if column else "",
                "why": field.why,
                "adds": field.adds,
                "samples": list(column.samples) if column else [],
            }
        )
    return {
        "kind": each.kind.value,
        "title": each.title,
        "url": each.url,
        "fields": fields,
        "faults": [{"field": fault.where, "message": fault.message} for fault in each.faults],
        "notes": list(each.notes),
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
            "leads_pages": [_leads_page(each) for each in found.leads_pages],
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


def adopt_okr_databases(call: Call, name: str) -> Answer:
    """Take over databases that people made; ``dry_run``, the default, tells columns and fates of the first 500 rows. 201 when adopted."""
    body: AdoptBody = call.body
    links = body.links.model_dump(exclude_none=True)
    columns: Mapping[str, Mapping[str, str]] = {str(kind): chosen for kind, chosen in (body.columns or {}).items()}
    options = body.options.model_dump(exclude_none=True) if body.options else {}
    if body.dry_run:
        trial = try_out(call.runtime, call.viewer, name, links, columns, options=options, most_rows=MOST_ROWS)
        rows = [
            {"kind": each.kind.value, "title": each.title, "url": each.url, "fate": each.fate, "record": each.record}
            | {"missing": list(each.missing)}
            for each in trial.fates
        ]
        told = {"databases": [_adoption(each) for each in trial.proposals], "summary": [each.sentence for each in trial.tallies]}
        return Answer({"adopted": False, **told, "rows": rows})
    adopted = adopting.adopt(call.runtime, call.viewer, name, links, columns, options=options, complete=body.complete)
    said = [
        f"{title}: adopted{f', added {names}' if (names := ', '.join(adopted.added[kind])) else ''}"
        for kind, title in adopted.databases.items()
    ]
    return Answer({"adopted": True, "databases": [], "summary": said, "rows": []}, 201)


def set_leads_page(call: Call, name: str) -> Answer:
    """Show leads where things stand on a page."""
    body: LeadsPageBody = call.body
    with call.runtime.store.read() as session:
        options = {
            "forum": _named(session, Forum, body.forum, "forum"),
            "team": _named(session, Team, body.team, "team"),
        }
    setting.set_leads_page(call.runtime, call.viewer, name, page=body.page or "", parent=body.parent or "", options=options)
    return Answer({"items": [_leads_page(each) for each in _found(call, name).leads_pages]}, 201)


def _named(session: Session, table: type[Forum] | type[Team], wanted: str | None, where: str) -> str:
    if not wanted:
        return ""
    ident = session.scalar(select(table.id).where(table.name == wanted, table.retired_at.is_(None)))
    if ident is None:
        raise InputError(f"there is no {where} {wanted[:80]!r}", where=where)
    return str(ident)


def drop_leads_page(call: Call, name: str, number: str) -> Answer:
    """Stop writing a leads' page; what stands there stays."""
    if not number.isdecimal() or len(number) > 9:
        raise NotFound(f"{name} has no such leads' page")
    setting.drop_leads_page(call.runtime, call.viewer, name, int(number))
    return Answer({"items": [_leads_page(each) for each in _found(call, name).leads_pages]})


def make_row_again(call: Call, name: str) -> Answer:
    """A new row for a record whose row is in the trash or was deleted."""
    setting_up.make_again(call.runtime, call.viewer, name, call.body.record)
    return get_okr_databases(call, name)


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
    Endpoint(
        "POST",
        f"{_ALL}/adopt",
        adopt_okr_databases,
        "Take over databases that people made, or try it",
        AdoptDone,
        act=_ADMIN,
        body=AdoptBody,
        statuses=(200, 201),
        problems=(404, 409, 502),
    ),
    Endpoint(
        "POST",
        "/connections/<name>/leads-pages",
        set_leads_page,
        "Show leads where things stand on a page",
        LeadsPages,
        act=_ADMIN,
        body=LeadsPageBody,
        statuses=(201,),
        problems=(404, 409, 502),
    ),
    Endpoint(
        "DELETE",
        "/connections/<name>/leads-pages/<number>",
        drop_leads_page,
        "Stop writing a leads' page",
        LeadsPages,
        act=_ADMIN,
        problems=(404, 409),
    ),
    Endpoint(
        "POST",
        f"{_ALL}/rows",
        make_row_again,
        "Make a new row in place of one in the trash",
        OkrDatabasesState,
        act=_ADMIN,
        body=RowBody,
        problems=(404, 409),
    ),
    Endpoint("DELETE", _ALL, leave_okr_databases, "Stop keeping them in step", Left, act=_ADMIN, problems=(404, 409)),
)
