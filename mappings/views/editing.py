"""The editor: a new mapping, a stored one, and switching it off and on. Thin: services save, ``parts`` and ``target`` say what is shown."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response

from connector.domain.rights import Act
from connector.errors import Conflict, ConnectorError, HostError, InputError, NotFound
from connector.services.changes import Stale
from connector.services.mapping import saving
from connector.services.mapping.records import Record, load_record
from connector.services.preview import Answer, answer_lately, ask
from connector.store.tables import Connection
from connector.web.context import runtime
from connector.web.forms import Form, filled, submitted
from connector.web.gate import need, viewer
from mappings.forms import MODES, fill_form, kinds_of, moved, read_form, usual_measure
from mappings.views import blueprint
from mappings.views.parts import build_parts, property_types
from mappings.views.shown import outcome
from mappings.views.target import Place, Target, find_key_results, load_people, load_places, load_target

LABELS = {
    "connection": "Connection",
    "kind": "Which items",
    "epic": "Epics",
    "project": "Project",
    "jql": "JQL",
    "issues": "Issues",
    "source": "Database",
    "rows": "Rows",
    "measure": "What is measured",
    "field": "Number field",
    "checkbox": "Checkbox",
    "mode": "How it counts",
    "owner": "Owner of the mapping",
}
FIELDS = (
    *("connection", "kind", "epics", "project", "jql", "issues", "source", "rows", "filter", "measure", "field", "checkbox", "points"),
    *("decides", "mode", "owner", "reason", "subtasks", "wont_do", "empty"),
)  # fmt: skip

KEPT = ("connection", "kind", "epic", "project", "jql", "issues", "source", "rows")  # what an address names while a key result is chosen

View = str | Response | tuple[str, int]


@blueprint.get("/new")
@need(Act.WRITE)
def new() -> View:
    """The empty form for one key result; without one, the choice of a key result."""
    ident = request.args.get("key_result", "")
    if not ident:
        text = request.args.get("q", "")
        with runtime().store.read() as session:
            found = find_key_results(session, viewer(), text)
        kept = {name: request.args.getlist(name) for name in KEPT if request.args.get(name)}
        return render_template("mappings/choose.html", found=found, q=text, kept=kept)
    with runtime().store.read() as session:
        target = load_target(session, viewer(), ident)
        places = load_places(session, runtime().settings.zone)
    return _page(_fresh(target, places), target, places)


def _fresh(target: Target, places: list[Place]) -> Form:
    """A form with everything that can be guessed; what the address names is taken from there."""
    asked = request.args
    usable = [each for each in places if not each.problem]
    chosen = next((each for each in places if each.name == asked.get("connection")), next(iter(usable or places), None))
    host = chosen.host if chosen else "jira"
    kind = asked.get("kind", "")
    form = filled(
        {
            "key_result": target.id,
            "connection": chosen.name if chosen else "",
            "kind": kind if kind in dict(kinds_of(host)) else kinds_of(host)[0][0],
            "measure": usual_measure(target.definition, target.measures),
            "mode": "value",
            "wont_do": "1",
            "owner": viewer().email or target.owner,
            **{name: asked.get(name, "") for name in ("project", "jql", "issues", "source", "rows", "field")},
        }
    )
    form.lists["epic"] = asked.getlist("epic")
    if host == "jira":  # who comes from a project looks for its epics first
        form.values["within"] = form.values["within_of"] = asked.get("project", "").strip()
    return form


@blueprint.post("/new")
@need(Act.WRITE)
def create() -> View:
    """Save a new mapping; what does not fit comes back with the form."""
    form = submitted()
    with runtime().store.read() as session:
        target = load_target(session, viewer(), form["key_result"])
        places = load_places(session, runtime().settings.zone)
    try:
        data = _read(form, places)
        saved = saving.create_mapping(runtime(), viewer(), target.id, data, owner=form["owner"].strip() or None, reason=form["reason"])
    except (InputError, NotFound, Conflict, HostError) as error:
        _note(form, error)
        return _page(form, target, places)
    flash(f"Mapping saved. {_consequence(saved, data)}")
    return redirect(url_for("pages.key_result", ident=target.id), 303)


@blueprint.get("/<int:ident>")
@need(Act.WRITE)
def edit(ident: int) -> View:
    """The form of a stored mapping."""
    stored, target, places = _stored(ident)
    form = filled({**fill_form(stored.written), "key_result": target.id, "owner": stored.view["owner"]}, stored.version)
    form.lists["known"] = [f"{name}\t{title}" for name, title in _titles(stored).items()]
    return _page(form, target, places, stored)


@blueprint.post("/<int:ident>")
@need(Act.WRITE)
def change(ident: int) -> View:
    """Save a stored mapping, if nobody else changed it meanwhile."""
    form = submitted()
    stored, target, places = _stored(ident)
    try:
        data = _read(form, places, stored)
        saved = saving.change_mapping(
            runtime(), viewer(), ident, data, owner=form["owner"].strip(), reason=form["reason"], version=form.version or None
        )
    except Stale as stale:
        form.conflict(Stale(_plain(stale.theirs), version=stale.version, by=stale.by))
    except (InputError, NotFound, Conflict, HostError) as error:
        _note(form, error)
    else:
        flash(f"Mapping saved. {_consequence(saved, data)}" if saved.changed else "Nothing was different, so nothing was saved.")
        return redirect(url_for("pages.key_result", ident=target.id), 303)
    return _page(form, target, places, stored)


@blueprint.post("/<int:ident>/off")
@need(Act.WRITE)
def switch_off(ident: int) -> View:
    """Let a mapping rest. Its history stays."""
    return _switch(ident, on=False)


@blueprint.post("/<int:ident>/on")
@need(Act.WRITE)
def switch_on(ident: int) -> View:
    """Let a mapping work again."""
    return _switch(ident, on=True)


def _switch(ident: int, *, on: bool) -> View:
    form = submitted()
    stored, target, places = _stored(ident)
    act = saving.switch_on if on else saving.switch_off
    try:
        act(runtime(), viewer(), ident, reason=form["off_reason"], version=form.version or None)
    except (InputError, Conflict) as error:
        shown = filled({**fill_form(stored.written), "key_result": target.id, "owner": stored.view["owner"]}, stored.version)
        shown.values["off_reason"] = form["off_reason"]
        if isinstance(error, InputError) and error.where == "reason":
            shown.errors["off_reason"] = f"{error.message[:1].upper()}{error.message[1:]}"
        else:
            _note(shown, error)
        return _page(shown, target, places, stored)
    words = "is on again. Its items are read now" if on else "is switched off. The value stays as it is, its history is kept"
    flash(f"The mapping {words}.")
    return redirect(url_for("mappings.index", key_result=target.id), 303)


# --- parts -------------------------------------------------------------------------------------------------------------------


def _stored(ident: int) -> tuple[Record, Target, list[Place]]:
    with runtime().store.read() as session:
        stored = load_record(session, viewer(), ident)
        return stored, load_target(session, viewer(), stored.row.key_result_id), load_places(session, runtime().settings.zone)


def connection_of(form: Form) -> Connection | None:
    """The connection that the form names, if it can be asked."""
    with runtime().store.read() as session:
        return session.scalar(
            select(Connection).where(Connection.name == form["connection"], Connection.retired_at.is_(None), Connection.parked_at.is_(None))
        )


def _read(form: Form, places: list[Place], stored: Record | None = None) -> dict[str, Any]:
    """The form as a mapping. Raises ``InputError`` at the form's fields."""
    place = next((each for each in places if each.name == form["connection"]), None)
    if place is None:
        raise InputError("choose a connection", where="connection")
    types = property_types(runtime(), connection_of(form), form)
    return read_form(form, place.host, types=types, kept=stored.written if stored else None)


def _note(form: Form, error: ConnectorError) -> None:
    """Put an error where it belongs; nothing was saved, and what was typed is still there."""
    if isinstance(error, InputError):
        form.note(moved(error, form["kind"]))
        form.errors = {name: f"{text[:1].upper()}{text[1:]}" for name, text in form.errors.items()}
    elif isinstance(error, HostError):
        form.errors[""] = (
            f"{form['connection']} could not be asked whether this mapping works, so it was not saved. Your entries are still here. "
            f"Save again. ({error.message})"
        )
    else:
        form.errors["connection" if isinstance(error, Conflict) else ""] = str(error)


def _plain(view: Any) -> dict[str, str]:
    """A view as the fields of the form, for the table of both versions."""
    rule = {name: value for name, value in view.items() if name not in ("key_result", "owner", "active")}
    told = {**fill_form(rule), "owner": view.get("owner") or ""}
    return {name: ", ".join(value) if isinstance(value, list) else value for name, value in told.items() if name in LABELS}


def _titles(stored: Record) -> dict[str, str]:
    resolved = stored.row.resolved or {}
    titles = resolved.get("titles", {})
    named = {name: titles[ref] for name, ref in resolved.get("refs", {}).items() if ref in titles}
    source = stored.row.rule["select"].get("database")
    for ident in resolved.get("containers", ()) if source else ():
        value = "/".join(each for each in (source, stored.row.rule["select"].get("data_source")) if each)
        named[value] = titles.get(ident, value)
    return named


def _consequence(saved: saving.Saved, data: dict[str, Any]) -> str:
    """What happens next, in one sentence: with the number, where a preview read the items a moment ago."""
    answer: Answer | None = None
    if saved.listing:
        try:
            answer = answer_lately(runtime(), ask(runtime(), data, key_result=saved.key_result, replacing=saved.id))
        except ConnectorError:  # it was saved; only the words are poorer
            answer = None
        change = f": {outcome(answer)}" if answer is not None else ", and the value follows"
        return f"{saved.connection} is read now{change}."
    return "The value is computed anew."


def _page(form: Form, target: Target, places: list[Place], stored: Record | None = None) -> View:
    place = next((each for each in places if each.name == form["connection"]), None)
    if place is not None and place.problem and "connection" not in form.errors:
        form.values["parked"] = place.problem
    host = place.host if place else "jira"
    connection = connection_of(form)
    with runtime().store.read() as session:
        people = load_people(session)
    html = render_template(
        "mappings/edit.html",
        form=form,
        target=target,
        places=places,
        parts=build_parts(runtime(), connection, host, form, ask=False),
        stored=stored,
        off=stored is not None and stored.row.retired_at is not None,
        people=people,
        modes=MODES,
        labels=LABELS,
        shown_fields=FIELDS,
        asks=connection is not None,
    )
    return html if form.status == 200 else (html, form.status)
