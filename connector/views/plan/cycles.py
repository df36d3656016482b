"""Cycles: the plan of one as a tree, the form, copying into another. The checklist and the start are in ``checklist``."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from connector.domain.rights import Act
from connector.errors import Conflict, InputError
from connector.services.changes import Stale, require
from connector.services.plan import copying, cycles, outline
from connector.services.plan.cycles import CycleEntry
from connector.views.plan.blueprint import blueprint
from connector.web.context import runtime
from connector.web.forms import Form, filled, submitted
from connector.web.gate import need, viewer

Page = str | Response | tuple[str, int]
FINDINGS = 20  # shown beside the plan
LABELS = {"name": "Name", "start": "First day", "end": "Last day"}
PHASES = {cycles.RUNNING: "running", cycles.SCHEDULED: "scheduled, not started", cycles.NEXT: "started, begins later", cycles.PAST: "over"}


def today() -> date:
    """The day at this installation."""
    return runtime().now().astimezone(runtime().settings.zone).date()


def require_planner() -> None:
    """The planning pages are for those who write and those who judge wording. Raises ``Forbidden`` for others."""
    if not viewer().may(Act.WRITE):
        require(viewer(), Act.SIGN_OFF)


def chosen_of(entries: list[CycleEntry], name: str | None) -> CycleEntry | None:
    """The cycle of that name, else the running one, else the next to come, else the latest."""
    day = today()
    for wanted in (
        [each for each in entries if each.name == name],
        [each for each in entries if each.phase(day) == cycles.RUNNING],
        [each for each in reversed(entries) if each.phase(day) in (cycles.NEXT, cycles.SCHEDULED)],
        entries,
    ):
        if wanted:
            return wanted[0]
    return None


@blueprint.get("/plan")
def index() -> str:
    """One cycle as a tree of objectives and key results; beside it the cycles and what is worth a look."""
    require_planner()
    day, settings = today(), runtime().settings
    with runtime().store.read() as session:
        entries = cycles.cycles(session, viewer())
        chosen = chosen_of(entries, request.args.get("cycle"))
        pages = max(1, -(-chosen.objectives // outline.PER_PAGE)) if chosen else 1
        page = min(max(request.args.get("page", 1, type=int), 1), pages)
        branches = outline.tree(session, viewer(), chosen.id, runtime().now(), settings.zone, page=page) if chosen else []
        found = outline.findings(session, viewer(), day, settings.many_key_results)
    return render_template(
        "plan/index.html",
        cycles=entries,
        chosen=chosen,
        branches=branches,
        findings=found[:FINDINGS],
        more=len(found) - FINDINGS,
        phases=_phases(entries, day),
        page=page,
        pages=pages,
        before=_before(entries, chosen) if chosen else None,
    )


def _before(entries: list[CycleEntry], chosen: CycleEntry) -> CycleEntry | None:
    """The last cycle before the chosen one that has something to copy."""
    return next((each for each in entries if each.objectives and each.start < chosen.start), None)


def _phases(entries: list[CycleEntry], day: date) -> dict[int, str]:
    return {each.id: PHASES[each.phase(day)] for each in entries}


@blueprint.route("/plan/cycles/new", methods=["GET", "POST"])
@need(Act.WRITE)
def new_cycle() -> Page:
    """Make a cycle."""
    if request.method == "GET":
        return _page(_following(request.args.get("after", type=int)))
    form = submitted()
    try:
        saved = cycles.create(runtime(), viewer(), _given(form))
    except InputError as error:
        form.note(error)
        return _page(form)
    flash(" ".join((f"Saved. {saved.id} is scheduled: hosts show nothing of it until it is started.", *saved.remarks)))
    return redirect(url_for("plan.index", cycle=saved.id), 303)


@blueprint.route("/plan/cycles/<int:ident>", methods=["GET", "POST"])
@need(Act.WRITE)
def edit_cycle(ident: int) -> Page:
    """Change a cycle's name or days."""
    stored = cycles.load(runtime(), viewer(), ident)
    if request.method == "GET":
        return _page(filled(stored.view, stored.version), ident, stored.id)
    form = submitted()
    try:
        saved = cycles.update(runtime(), viewer(), ident, _given(form), version=form.version or None, reason=form["reason"])
    except InputError as error:
        form.note(error)
    except Stale as stale:
        form.conflict(stale)
    else:
        told = "Saved. What is expected by today is computed again." if saved.changed else "Nothing was changed."
        flash(" ".join((told, *saved.remarks)))
        return redirect(url_for("plan.index", cycle=saved.id), 303)
    return _page(form, ident, stored.id)


@blueprint.route("/plan/cycles/<int:ident>/retire", methods=["GET", "POST"])
@need(Act.WRITE)
def retire_cycle(ident: int) -> Page:
    """Ask, then retire."""
    stored = cycles.load(runtime(), viewer(), ident)
    form = Form(version=stored.version)
    if request.method == "POST":
        form = submitted()
        try:
            cycles.retire(runtime(), viewer(), ident, version=form.version or None, reason=form["reason"])
        except InputError as error:
            form.note(error)
        except Stale as stale:
            form.conflict(Stale({}, version=stale.version, by=stale.by))
        except Conflict as conflict:
            form.note(InputError(f"{conflict}"))
        else:
            flash(f"Retired. A new cycle called {stored.id} brings it back.")
            return redirect(url_for("plan.index"), 303)
    page = render_template(
        "plan/retire.html",
        form=form,
        what="cycle",
        title=stored.id,
        consequence="Only a cycle without objectives is retired.",
        back=url_for("plan.edit_cycle", ident=ident),
    )
    return page, form.status


@blueprint.route("/plan/cycles/<int:ident>/copy", methods=["GET", "POST"])
@need(Act.WRITE)
def copy_cycle(ident: int) -> Page:
    """Choose objectives and take them over into another cycle."""
    if request.method == "GET":
        return _copy_page(filled({"start": copying.LAST, "target": copying.EMPTY, "to": request.args.get("to", "")}), ident)
    form = submitted()
    choices = copying.Choices(form["start"], form["target"], bool(form["mappings"]))
    try:
        made = copying.copy(runtime(), viewer(), ident, form["to"], form.many("objective"), choices)
    except InputError as error:
        form.note(error)
        return _copy_page(form, ident)
    count = f"{len(made.objectives)} {'objective' if len(made.objectives) == 1 else 'objectives'}"
    results = f"{made.key_results} {'key result' if made.key_results == 1 else 'key results'}"
    flash(f"Copied {count} with {results} as drafts. Complete them, then make them ready.")
    return redirect(url_for("plan.index", cycle=made.cycle), 303)


def _copy_page(form: Form, ident: int) -> tuple[str, int]:
    with runtime().store.read() as session:
        row = cycles.find(session, ident)
        entries = cycles.cycles(session, viewer())
        branches = outline.goals(session, viewer(), ident)
    others = [each for each in entries if each.id != ident and each.end >= row.start]
    if not form["to"] and others:
        form.values["to"] = next((each.name for each in reversed(others) if each.start > row.start), others[0].name)
    if request.method == "GET":
        form.lists["objective"] = [each.id for each in branches]
    page = render_template(
        "plan/copy.html",
        form=form,
        name=row.name,
        ident=ident,
        objectives=branches,
        others=[(each.name, f"{each.name}, {each.start} to {each.end}") for each in reversed(others)],
    )
    return page, form.status


def _following(ident: int | None) -> Form:
    """Days for the cycle after that one: as long, from the next day on. Empty without one."""
    if ident is None:
        return Form()
    with runtime().store.read() as session:
        row = cycles.find(session, ident)
    start = row.end + timedelta(days=1)
    return filled({"start": start, "end": start + (row.end - row.start)})


def _given(form: Form) -> dict[str, Any]:
    return {name: form[name] for name in ("name", "start", "end")}


def _page(form: Form, ident: int | None = None, name: str = "") -> tuple[str, int]:
    return render_template("plan/cycle.html", form=form, ident=ident, name=name, labels=LABELS), form.status
