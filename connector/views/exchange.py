"""Import and export pages: files out, files in with a dry run, the column form, and progress while a large file is worked on."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, stream_with_context, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from connector.domain.rights import Act
from connector.errors import Conflict, HostError, InputError, NotFound
from connector.services.exchange import MIME_TYPES, PROFILES, export, uploads
from connector.services.exchange.columns import mapping_from
from connector.services.exchange.notion import receive_notion
from connector.services.exchange.options import Options, options_from
from connector.services.exchange.sheets import cycle_names
from connector.services.exchange.vocabulary import FIELDS
from connector.store.tables import Connection
from connector.web.context import runtime
from connector.web.forms import Form, submitted
from connector.web.gate import current_viewer, guard, need, viewer

blueprint = Blueprint("exchange", __name__)
guard(blueprint)

Answered = str | AnyResponse | tuple[str, int]

KINDS = (
    ("xlsx", "XLSX, one sheet for each cycle"),
    ("csv", "CSV"),
    ("pptx", "Review pack, PPTX"),
    ("json", "Everything as JSON, a backup"),
)
CHOSEN = ("cycle", "encoding", "profile", "reason", "create_objectives", "match_names")
FOR_ALL_ROWS = ("objective", "cycle", "team", "unit", "kind", "from", "to", "owner")  # fields that one text may fill for every row
WORDS = {
    "uploaded": "not checked yet",
    "checking": "being checked",
    "checked": "checked, not imported",
    "running": "being imported",
    "done": "imported",
    "failed": "not imported",
    "cancelled": "cancelled",
}
_UPLOAD = "exchange.upload"
_MORE_THAN_THE_FILE = 1_000_000  # bytes of the form around it


@blueprint.before_app_request
def _let_files_in() -> None:
    """A file may be larger than other forms, from those who may import. Asked before the form is read, which happens early."""
    if request.endpoint == _UPLOAD:
        found = current_viewer()
        if found is not None and found.may(Act.WRITE):
            request.max_content_length = uploads.MOST_UPLOADED + _MORE_THAN_THE_FILE


@blueprint.get("/exchange")
@need(Act.EXPORT)
def index() -> Answered:
    """What can be exported, the form for a file, and the files of late."""
    return _index(Form({"kind": "xlsx"}))


def _index(form: Form) -> Answered:
    who = viewer()
    writes = who.may(Act.WRITE)
    with runtime().store.read() as session:
        cycles = cycle_names(session)
        notion = _notion_connections(session) if writes else []
    page = render_template(
        "exchange/index.html",
        form=form,
        kinds=[each for each in KINDS if each[0] != "json" or who.may(Act.ADMINISTER)],
        cycles=[("", "all cycles"), *((name, name) for name in cycles)],
        notion=[(name, name) for name in notion],
        files=uploads.listed(runtime(), who) if writes else [],
        writes=writes,
        restores=who.may(Act.ADMINISTER),
        words=WORDS,
    )
    return page, form.status


def _notion_connections(session: Session) -> list[str]:
    query = select(Connection.name).where(Connection.host == "notion", Connection.retired_at.is_(None), Connection.parked_at.is_(None))
    return list(session.scalars(query.order_by(Connection.name)))


@blueprint.get("/exchange/export")
@need(Act.EXPORT)
def download() -> Answered:
    """A file with what the viewer may see."""
    kind, cycle = request.args.get("kind", ""), request.args.get("cycle") or None
    form = Form({"kind": kind, "cycle": cycle or ""})
    if kind not in dict(KINDS):
        form.errors["kind"] = "Choose one of the formats"
        return _index(form)
    try:
        pieces = export(runtime(), kind, viewer(), cycle)
    except InputError as error:
        form.note(error)
        return _index(form)
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", f"okr-{cycle or 'all'}.{kind}")
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(stream_with_context(pieces), headers=headers, content_type=MIME_TYPES[kind])


@blueprint.post("/exchange/imports")
@need(Act.WRITE)
def upload() -> Answered:
    """Keep a file and check it."""
    given = request.files.get("file")
    form = submitted()
    try:
        data = given.read(uploads.MOST_UPLOADED + 1) if given is not None else b""
        ident = uploads.receive(runtime(), viewer(), given.filename or "" if given is not None else "", data)
    except InputError as error:
        form.note(error)
        return _index(form)
    uploads.check(runtime(), viewer(), ident)
    return redirect(url_for("exchange.show", ident=ident), 303)


@blueprint.post("/exchange/notion")
@need(Act.WRITE)
def read_notion() -> Answered:
    """Read a Notion database and check its rows."""
    form = submitted()
    try:
        ident = receive_notion(runtime(), viewer(), form["connection"], form["data_source"].strip())
    except InputError as error:
        form.note(InputError(error.message, where="connection" if error.where == "connection" else "data_source"))
        return _index(form)
    except (NotFound, Conflict) as error:
        form.note(InputError(str(error), where="connection"))
        return _index(form)
    except HostError as error:
        form.note(InputError(f"Notion did not give the rows: {error.message}. Nothing was imported; try again", where="data_source"))
        return _index(form)
    uploads.check(runtime(), viewer(), ident)
    return redirect(url_for("exchange.show", ident=ident), 303)


@blueprint.get("/exchange/imports/<int:ident>")
@need(Act.WRITE)
def show(ident: int) -> Answered:
    """One file: what its rows would do or did, what cannot be used, and which column feeds what."""
    file = uploads.progress(runtime(), viewer(), ident)
    form = _filled(file)
    page, _ = _show(file, form)
    return page


def _show(file: dict[str, Any], form: Form) -> tuple[str, int]:
    with runtime().store.read() as session:
        cycles = cycle_names(session)
    columns = file["columns"] or {}
    mapping = columns.get("used") or columns.get("mapping") or columns.get("guess") or {}
    asked = next((each["message"] for each in file["faults"] if each["where"] == "reason"), None)
    if asked is not None:
        form.note(InputError(asked, where="reason"))
    page = render_template(
        "exchange/file.html",
        file=file,
        form=form,
        words=WORDS,
        cycles=[("", "all, or as the file says"), *((name, name) for name in cycles)],
        profiles=[("", "found out by the header"), *((each.name, each.title) for each in PROFILES.values())],
        fields=FIELDS,
        for_all_rows=FOR_ALL_ROWS,
        headers=columns.get("headers") or [],
        samples=columns.get("samples") or {},
        mapping=mapping,
    )
    return page, form.status


def _filled(file: dict[str, Any]) -> Form:
    columns = file["columns"] or {}
    mapping = columns.get("used") or columns.get("mapping") or columns.get("guess") or {}
    options = file["options"]
    values = {name: str(options.get(name) or "") for name in CHOSEN if not isinstance(options.get(name), bool)}
    values |= {name: "1" for name in ("create_objectives", "match_names") if options.get(name)}
    values |= {f"col-{name}": header for name, header in (mapping.get("columns") or {}).items()}
    values |= {f"all-{name}": text for name, text in (mapping.get("constants") or {}).items()}
    values["fill_down"] = "1" if mapping.get("fill_down") else ""
    return Form(values)


@blueprint.get("/exchange/imports/<int:ident>/progress")
@need(Act.WRITE)
def progress(ident: int) -> Answered:
    """The part of a file's page that changes while it is worked on; when that is over, the page itself is asked for."""
    file = uploads.progress(runtime(), viewer(), ident)
    if file["state"] not in ("checking", "running"):
        return Response(status=204, headers={"HX-Redirect": url_for("exchange.show", ident=ident)})
    return render_template("exchange/progress.html", file=file, words=WORDS)


@blueprint.post("/exchange/imports/<int:ident>/options")
@need(Act.WRITE)
def choose(ident: int) -> Answered:
    """Other columns or options: the file is checked again."""
    form = submitted()
    file = uploads.progress(runtime(), viewer(), ident)
    try:
        uploads.choose(runtime(), viewer(), ident, _chosen(form, file))
    except InputError as error:
        form.note(error)
        return _show(file, form)
    except Conflict as error:
        flash(f"{str(error).capitalize()}.")
        return redirect(url_for("exchange.show", ident=ident), 303)
    uploads.check(runtime(), viewer(), ident)
    return redirect(url_for("exchange.show", ident=ident), 303)


def _chosen(form: Form, file: dict[str, Any]) -> Options:
    """The options of the form. Its columns count unless the admin asked for another guess, or the file has none."""
    options = {name: form[name] for name in CHOSEN}
    if form["again"] == "guess" or not (file["columns"] or {}).get("headers"):
        return options_from(options)
    used = (file["columns"] or {}).get("used") or {}
    columns = {
        "profile": used.get("profile", "generic"),
        "columns": {name: form[f"col-{name}"] for name in FIELDS if form[f"col-{name}"]},
        "constants": {name: form[f"all-{name}"].strip() for name in FOR_ALL_ROWS if form[f"all-{name}"].strip()},
        "why": {name: used.get("why", {}).get(name, "as chosen") for name in FIELDS if form[f"col-{name}"]},
        "fill_down": bool(form["fill_down"]),
        "unused": [header for header in file["columns"]["headers"] if header not in {form[f"col-{name}"] for name in FIELDS}],
    }
    mapping_from(columns)  # says what does not fit at its field
    return options_from(options, columns)


@blueprint.post("/exchange/imports/<int:ident>/run")
@need(Act.WRITE)
def run(ident: int) -> Answered:
    """Import what was checked."""
    try:
        uploads.run(runtime(), viewer(), ident)
    except Conflict as error:
        flash(f"Not imported: {error}.")
    return redirect(url_for("exchange.show", ident=ident), 303)


@blueprint.post("/exchange/imports/<int:ident>/cancel")
@need(Act.WRITE)
def cancel(ident: int) -> Answered:
    """Give up on a file."""
    try:
        uploads.cancel(runtime(), viewer(), ident)
        flash("Cancelled. Nothing of the file was saved.")
    except Conflict as error:
        flash(f"{str(error).capitalize()}.")
    return redirect(url_for("exchange.index"), 303)
