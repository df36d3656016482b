"""Teams: the list of them with their forums, and their form. Forums have theirs in ``forums``."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from connector.domain.rights import Act
from connector.errors import Conflict, Forbidden, InputError
from connector.services.changes import Stale
from connector.services.plan import first_forum, forums, teams
from connector.services.plan.saving import Saved
from connector.views.plan import choices
from connector.views.plan.blueprint import blueprint
from connector.views.plan.cycles import require_planner
from connector.web.context import runtime
from connector.web.forms import Form, filled, submitted
from connector.web.gate import need, viewer

Page = str | Response | tuple[str, int]
TEAM_LABELS = {"name": "Name", "lead": "Lead", "members": "Members", "forum": "Forum"}
SPARE = 2  # empty fields for more members


@blueprint.get("/plan/teams")
def team_list() -> str:
    """All teams, and the forums that review them."""
    require_planner()
    with runtime().store.read() as session:
        found, meetings = teams.teams(session, viewer()), forums.forums(session, runtime().now())
        offer = first_forum.offered(session, viewer())
    return render_template("plan/teams.html", teams=found, forums=meetings, offer=offer)


# --- teams ---------------------------------------------------------------------------------------------------------------------


@blueprint.route("/plan/teams/new", methods=["GET", "POST"])
@need(Act.WRITE)
def new_team() -> Page:
    """Make a team."""
    if request.method == "GET":
        return _team_page(Form())
    form = submitted()
    try:
        saved = teams.create(runtime(), viewer(), _team_given(form))
    except InputError as error:
        note(form, error)
        return _team_page(form)
    flash(f"Saved. The team {saved.id} can be chosen for objectives.")
    return redirect(url_for("plan.team_list"), 303)


@blueprint.route("/plan/teams/<int:ident>", methods=["GET", "POST"])
@need(Act.WRITE)
def edit_team(ident: int) -> Page:
    """Change a team."""
    stored = teams.load(runtime(), viewer(), ident)
    if request.method == "GET":
        return _team_page(_team_form(stored), ident, stored.id)
    form = submitted()
    try:
        saved = teams.update(runtime(), viewer(), ident, _team_given(form), version=form.version or None)
    except InputError as error:
        note(form, error)
    except Forbidden as error:
        form.note(InputError(str(error), where="members"))
    except Stale as stale:
        form.values["members"] = ", ".join(listed(form, "member"))
        theirs = {**stale.theirs, "members": ", ".join(stale.theirs["members"])}
        form.conflict(Stale(theirs, version=stale.version, by=stale.by))
    else:
        flash(f"Saved. {saved.id} is as shown here.")
        return redirect(url_for("plan.team_list"), 303)
    return _team_page(form, ident, stored.id)


@blueprint.route("/plan/teams/<int:ident>/retire", methods=["GET", "POST"])
@need(Act.WRITE)
def retire_team(ident: int) -> Page:
    """Ask, then retire a team."""
    stored = teams.load(runtime(), viewer(), ident)
    consequence = "Only a team without objectives is retired."
    return retire_page(
        stored,
        "team",
        consequence,
        url_for("plan.edit_team", ident=ident),
        lambda **more: teams.retire(runtime(), viewer(), ident, **more),
    )


def listed(form: Form, name: str) -> list[str]:
    """What stands in a field that is there several times, without empty ones."""
    return [text.strip() for text in form.many(name) if text.strip()]


def _team_given(form: Form) -> dict[str, Any]:
    return {**{name: form[name] or None for name in ("name", "lead", "forum")}, "members": listed(form, "member")}


def _team_form(stored: Saved) -> Form:
    form = filled({name: stored.view[name] for name in ("name", "lead", "forum")}, stored.version)
    form.lists["member"] = list(stored.view["members"])
    return form


def _team_page(form: Form, ident: int | None = None, name: str = "") -> tuple[str, int]:
    with runtime().store.read() as session:
        people = choices.people(session)
        meetings = forums.forums(session)
        free = ident is None or teams.may_change_members(viewer(), teams.find(session, ident))
    page = render_template(
        "plan/team.html",
        form=form,
        ident=ident,
        name=name,
        labels=TEAM_LABELS,
        people=people,
        forums=[("", "none"), *((each.name, each.name) for each in meetings)],
        members=[*form.many("member"), *[""] * SPARE],
        free=free,
    )
    return page, form.status


# --- what both need ------------------------------------------------------------------------------------------------------------


def retire_page(stored: Saved, what: str, consequence: str, back: str, retire: Any) -> Page:
    """The page that asks before a team or forum is retired, and what came of the answer."""
    form = Form(version=stored.version)
    if request.method == "POST":
        form = submitted()
        try:
            retire(version=form.version or None, reason=form["reason"])
        except InputError as error:
            form.note(error)
        except Stale as stale:
            form.conflict(Stale({}, version=stale.version, by=stale.by))
        except Conflict as conflict:
            form.note(InputError(str(conflict)))
        else:
            flash(f"Retired. A new {what} called {stored.id} brings it back.")
            return redirect(url_for("plan.team_list"), 303)
    return render_template("plan/retire.html", form=form, what=what, title=stored.id, consequence=consequence, back=back), form.status


def note(form: Form, error: InputError) -> None:
    """Errors of one member stand at the field of all members."""
    form.note(error)
    for name in list(form.errors):
        field, bracket, _ = name.partition("[")
        if bracket:
            form.errors.setdefault(field, form.errors.pop(name))
