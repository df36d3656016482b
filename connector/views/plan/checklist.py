"""The rollout checklist of a cycle and its start."""

from __future__ import annotations

from dataclasses import dataclass

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from connector.domain.readiness import KeyResultReadiness, Readiness
from connector.domain.rights import Act
from connector.errors import Conflict, InputError
from connector.services.plan import cycles, readiness
from connector.views.plan.blueprint import blueprint
from connector.views.plan.cycles import require_planner
from connector.web.context import runtime
from connector.web.forms import Form, submitted
from connector.web.gate import need, viewer

PER_PAGE = 40  # key results of each side
Page = str | Response | tuple[str, int]


@blueprint.get("/plan/cycles/<int:ident>/checklist")
def checklist(ident: int) -> Page:
    """What each key result of the cycle has and lacks."""
    require_planner()
    return _page(ident, Form())


@blueprint.post("/plan/cycles/<int:ident>/start")
@need(Act.WRITE)
def start_cycle(ident: int) -> Page:
    """Start the cycle; refused while an item is red, unless a reason is given."""
    form = submitted()
    try:
        found = readiness.start(runtime(), viewer(), ident, reason=form["reason"])
    except readiness.NotReady:
        form.note(InputError("the cycle was not started: mend what is red, or say why it starts without", where="reason"))
    except InputError as error:
        form.note(error)
    except Conflict as conflict:
        form.note(InputError(str(conflict)))
    else:
        drafts = f" {len(found.drafts.key_results)} in drafts stay as they are." if found.drafts.key_results else ""
        flash(f"Started. {found.name} runs, and hosts show its key results from now on.{drafts}")
        return redirect(url_for("plan.index", cycle=found.name), 303)
    return _page(ident, form)


@blueprint.post("/plan/cycles/<int:ident>/stop")
@need(Act.WRITE)
def stop_cycle(ident: int) -> Page:
    """Take the start back."""
    form = submitted()
    try:
        readiness.stop(runtime(), viewer(), ident, reason=form["reason"])
    except InputError as error:
        form.note(error)
    except Conflict as conflict:
        form.note(InputError(str(conflict)))
    else:
        flash("The cycle is scheduled again; hosts stop showing it.")
        return redirect(url_for("plan.checklist", ident=ident), 303)
    return _page(ident, form)


@blueprint.post("/plan/cycles/<int:ident>/ready")
@need(Act.WRITE)
def make_ready(ident: int) -> Response:
    """Make the drafts of the cycle ready."""
    count = readiness.make_ready(runtime(), viewer(), ident)
    flash(f"{count} {'objective is' if count == 1 else 'objectives are'} ready now.")
    return redirect(url_for("plan.checklist", ident=ident), 303)


@blueprint.post("/plan/cycles/<int:ident>/by-hand/<key_result>")
@need(Act.WRITE)
def by_hand(ident: int, key_result: str) -> Response:
    """Say that the owner enters the value, which makes the item "source" green."""
    readiness.enter_by_hand(runtime(), viewer(), key_result)
    flash("Noted: the owner enters the value at each check-in.")
    return redirect(url_for("plan.checklist", ident=ident, _anchor=f"kr-{key_result}"), 303)


def _page(ident: int, form: Form) -> tuple[str, int]:
    with runtime().store.read() as session:
        row = cycles.find(session, ident)
        found = readiness.checklist(session, viewer(), row, runtime().settings.many_key_results)
    parts = {name: _part(side, name) for name, side in (("ready", found.ready), ("drafts", found.drafts))}
    page = render_template("plan/checklist.html", form=form, ident=ident, list=found, cycle=row, parts=parts)
    return page, form.status


@dataclass(frozen=True, slots=True)
class _Part:
    """One page of a side: what has something to do comes first."""

    key_results: tuple[KeyResultReadiness, ...]
    page: int
    pages: int


def _part(side: Readiness, name: str) -> _Part:
    ordered = sorted(side.key_results, key=lambda each: each.ready)
    pages = max(1, -(-len(ordered) // PER_PAGE))
    page = min(max(request.args.get(name, 1, type=int), 1), pages)
    return _Part(tuple(ordered[(page - 1) * PER_PAGE : page * PER_PAGE]), page, pages)
