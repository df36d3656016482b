"""Objectives: the form with its key results, order and retiring."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import zip_longest
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from connector.domain.readiness import many_key_results
from connector.domain.rights import Act
from connector.errors import InputError
from connector.services.changes import Stale
from connector.services.plan import objectives
from connector.services.plan.key_results_changes import Goal, below
from connector.services.plan.objectives_reading import HIDDEN
from connector.views.plan import choices
from connector.views.plan.blueprint import blueprint
from connector.web.context import runtime
from connector.web.forms import Form, filled, submitted
from connector.web.gate import need, viewer

Page = str | Response | tuple[str, int]
LABELS = {
    "title": "Objective",
    "cycle": "Cycle",
    "team": "Team",
    "supports": "Supports",
    "stage": "Stage",
    "restricted": "Restricted",
    "readers": "Readers",
    "panels": "Panels",
}
_PLAIN = ("title", "cycle", "team", "supports", "stage")
_ROW_ERROR = re.compile(r"(panels|readers)\[(\d+)\](?:\.\w+)?")


@blueprint.route("/plan/objectives/new", methods=["GET", "POST"])
@need(Act.WRITE)
def new_objective() -> Page:
    """Make an objective."""
    if request.method == "GET":
        offered = {name: request.args.get(name, "") for name in ("cycle", "team", "supports")}
        return _page(filled({**offered, "stage": "draft"}))
    form = submitted()
    if form["more"]:
        return _page(form, more=True)
    try:
        saved = objectives.create(runtime(), viewer(), _given(form))
    except InputError as error:
        _note(form, error)
        return _page(form)
    flash(" ".join(("Saved. Add its key results next.", *saved.remarks)))
    return redirect(url_for("plan.edit_objective", ident=saved.id), 303)


@blueprint.route("/plan/objectives/<ident>", methods=["GET", "POST"])
@need(Act.WRITE)
def edit_objective(ident: str) -> Page:
    """Change an objective."""
    stored = objectives.load(runtime(), viewer(), ident)
    if request.method == "GET":
        return _page(_form_of(stored.view, stored.version), ident, stored.view["title"])
    form = submitted()
    if form["more"]:
        return _page(form, ident, stored.view["title"], more=True)
    try:
        saved = objectives.update(runtime(), viewer(), ident, _given(form), version=form.version, reason=form["reason"])
    except InputError as error:
        _note(form, error)
    except Stale as stale:
        mine = {**_given(form)}
        form.values.update({name: _text(mine.get(name)) for name in ("restricted", "readers", "panels")})
        form.conflict(Stale({name: _text(value) for name, value in stale.theirs.items()}, version=stale.version, by=stale.by))
    else:
        told = "Saved. Pages and panels that show it follow." if saved.view != stored.view else "Nothing was changed."
        flash(" ".join((told, *saved.remarks)))
        return redirect(url_for("plan.edit_objective", ident=ident), 303)
    return _page(form, ident, stored.view["title"])


@blueprint.route("/plan/objectives/<ident>/retire", methods=["GET", "POST"])
@need(Act.WRITE)
def retire_objective(ident: str) -> Page:
    """Ask for the reason, then retire."""
    stored = objectives.load(runtime(), viewer(), ident)
    form = Form(version=stored.version)
    if request.method == "POST":
        form = submitted()
        try:
            count = objectives.retire(runtime(), viewer(), ident, version=form.version, reason=form["reason"])
        except InputError as error:
            form.note(error)
        except Stale as stale:
            form.conflict(Stale({}, version=stale.version, by=stale.by))
        else:
            flash(f"Retired, with {count} key result{'' if count == 1 else 's'}. The history is kept; panels stop showing it.")
            return redirect(url_for("plan.index"), 303)
    consequence = "Its key results are retired with it, panels stop showing them, and the history is kept."
    back = url_for("plan.edit_objective", ident=ident)
    page = render_template("plan/retire.html", form=form, what="objective", title=stored.view["title"], consequence=consequence, back=back)
    return page, form.status


@blueprint.post("/plan/objectives/<ident>/move")
@need(Act.WRITE)
def move_objective(ident: str) -> Response:
    """One place up or down in its cycle."""
    objectives.move(runtime(), viewer(), ident, -1 if request.form.get("direction") == "up" else 1)
    return redirect(url_for("plan.index", cycle=request.form.get("cycle") or None), 303)


def _given(form: Form) -> dict[str, Any]:
    given: dict[str, Any] = {name: form[name].strip() or None for name in _PLAIN}
    if form["id"].strip():
        given["id"] = form["id"].strip()
    given["restricted"] = bool(form["restricted"])
    given["readers"] = [address.strip() for text in form.many("reader") for address in text.split() if address.strip()]
    rows = zip_longest(form.many("panel_connection"), form.many("panel_page"), fillvalue="")
    given["panels"] = [{"connection": connection.strip() or None, "page": page.strip()} for connection, page in rows if page.strip()]
    return given


def _form_of(view: Mapping[str, Any], version: str) -> Form:
    form = filled({name: view[name] for name in _PLAIN}, version)
    form.values["restricted"] = "1" if view["restricted"] else ""
    form.lists["reader"] = list(view["readers"])
    form.lists["panel_connection"] = [panel["connection"] for panel in view["panels"]]
    form.lists["panel_page"] = [panel["page"] for panel in view["panels"]]
    return form


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "; ".join(" ".join(map(str, each.values())) if isinstance(each, Mapping) else str(each) for each in value)
    return "1" if value is True else str(value or "")


def _note(form: Form, error: InputError) -> None:
    form.note(error)
    for where in list(form.errors):
        if found := _ROW_ERROR.fullmatch(where):
            form.errors.setdefault(found[1], f"row {int(found[2]) + 1}: {form.errors.pop(where)}")


def _page(form: Form, ident: str = "", title: str = "", *, more: bool = False) -> tuple[str, int]:
    key_results: list[Goal] = []
    serving: list[Goal] = []
    with runtime().store.read() as session:
        if ident:
            key_results, serving = below(session, viewer(), ident)
        supports = [
            ("", "Nothing: it is a company objective"),
            *choices.objectives(session, viewer(), without=ident, also=[form["supports"]]),
        ]
        teams, workspaces = choices.teams_and_workspaces(session)
        offered = {
            "people": choices.people(session),
            "cycles": choices.cycles(session),
            "teams": [("", "No team"), *teams],
            "connections": [("", "Choose a workspace"), *workspaces],
        }
    panels = [pair for pair in zip_longest(form.many("panel_connection"), form.many("panel_page"), fillvalue="") if any(pair)]
    orphan = bool(ident) and not form["supports"] and not serving
    page = render_template(
        "plan/objective.html",
        form=form,
        ident=ident,
        title=title,
        labels=LABELS,
        supports=supports,
        hidden=HIDDEN,
        panels=[*panels, *[("", "")] * (2 if more and form["more"] == "panels" else 0 if panels else 1)],
        readers=[*[text for text in form.many("reader") if text.strip()], ""],
        key_results=key_results,
        below=serving,
        many=many_key_results(len(key_results), runtime().settings.many_key_results),
        orphan=orphan,
        **offered,
    )
    return page, form.status
