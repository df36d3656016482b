"""The OKR databases of a connection: made under a shared page or taken as they are, each tested first; how they are; how they end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response, flash, redirect, render_template, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response as AnyResponse

from connector.domain.okr_columns import COLUMNS, IN_ORDER, TITLES
from connector.domain.rights import Act
from connector.domain.wording import moment_text
from connector.errors import Conflict, Faults, HostError, InputError
from connector.services.connecting import report
from connector.services.connection_names import connection_called
from connector.services.okr_databases import setting_up
from connector.services.okr_databases.options import told
from connector.services.okr_databases.overview import Overview, overview
from connector.services.okr_databases.setting_up import SetUp
from connector.store.tables import Cycle, Forum, Team
from connector.views.connections.blueprint import blueprint
from connector.views.connections.steps import TESTS
from connector.web.context import runtime
from connector.web.forms import Form, submitted
from connector.web.gate import need, viewer
from connector.web.limits import limiter

LOOKS = (
    ("callout", "A callout at the top of each objective and key result"),
    ("table", "The same, and below an objective's callout a small table of its key results"),
    ("properties", "Columns only, no blocks: for free workspaces, which have 1,000 blocks for life"),
)
EDITORS = (
    ("everybody", "Everybody who may edit the row in Notion"),
    ("leads", "Leads and admins only; what others change there is put back and the row says so"),
)
HOW = {"to make": "is made", "found": "is there from an earlier set-up and goes on", "kept": "is kept in step already", "made": "was made"}
FIELDS = ("page", "look", "definitions", "cycles", "embed", "settle_seconds", "amend_minutes")


@blueprint.get("/connections/<name>/okr-databases")
@need(Act.OPERATE)
def show_okr_databases(name: str) -> tuple[str, int]:
    """How the OKR databases are, or the two ways to begin."""
    return okr_page(name)


def okr_page(name: str, form: Form | None = None, *, opened: str = "", status: int = 0) -> tuple[str, int]:
    """The page with what was wrong in a form; ``opened`` names the part of the page that the form is of. Raises ``NotFound``."""
    now, zone = runtime().now(), runtime().settings.zone
    with runtime().store.read() as session:
        row = connection_called(session, name)
        found = overview(session, viewer(), row, runtime().epoch())
    shown = form or Form({}, {"cycles": list(found.options["cycles"])})
    if "look" not in shown.values:  # the form of another part of the page: the choices show what is stored
        shown.values = {**_values(found.options), **shown.values}
    shown.values.setdefault("place", "on")
    page = render_template(
        "connections/okr_databases.html",
        name=name,
        found=found,
        state=_state(found),
        form=shown,
        opened=opened,
        looks=LOOKS,
        editors=EDITORS,
        cycles=cycle_names(),
        **_scopes(),
        https=runtime().settings.base_url.startswith("https://"),
        columns=[(kind, TITLES[kind], COLUMNS[kind]) for kind in IN_ORDER],
        day=lambda moment: moment_text(moment, zone) if moment else "",
        ago=lambda moment: report.ago_text(moment, now) if moment else "never",
        practice=runtime().settings.sandbox,
        fields=FIELDS,
    )
    return page, status or shown.status


def _scopes() -> dict[str, Any]:
    """What a leads' page can be narrowed to, and how it says so."""
    with runtime().store.read() as session:
        forums = [
            (str(row.id), row.name)
            for row in session.execute(select(Forum.id, Forum.name).where(Forum.retired_at.is_(None)).order_by(Forum.name))
        ]
        teams = [
            (str(row.id), row.name)
            for row in session.execute(select(Team.id, Team.name).where(Team.retired_at.is_(None)).order_by(Team.name))
        ]
    names = {"forum": dict(forums), "team": dict(teams)}

    def words(options: Mapping[str, Any]) -> str:
        chosen = [known[str(options[kind])] for kind, known in names.items() if str(options.get(kind, "")) in known]
        return f"Where we stand: {', '.join(chosen)}" if chosen else "Where we stand"

    return {"forums": [("", "all"), *forums], "teams": [("", "all"), *teams], "scope_words": words}


def cycle_names() -> list[str]:
    """The cycles that can be chosen, the latest first."""
    with runtime().store.read() as session:
        return list(session.scalars(select(Cycle.name).where(Cycle.retired_at.is_(None)).order_by(Cycle.start.desc())))


def _state(found: Overview) -> tuple[str, str, str]:
    """Mark, word and reason for the whole."""
    if not found.is_set_up:
        return report.UNKNOWN, "Not set up", ""
    broken = [each.title for each in found.databases if each.broken]
    if broken:
        return report.BROKEN, "Out of reach", ", ".join(broken)
    if any(each.drift for each in found.databases):
        return report.LATE, "Differs", "something was changed in Notion that you should look at"
    if any(each.reading is not None for each in found.databases):
        return report.LATE, "Being read", "rows come in by and by"
    return report.FINE, "In step", ""


def _values(options: Any) -> dict[str, str]:
    """The options as the form holds them."""
    known = told(options)
    look = "properties" if known["panel"] == "properties" else "table" if known["table"] else "callout"
    return {
        "look": look,
        "definitions": known["definitions"],
        "embed": "1" if known["embed"] else "",
        "settle_seconds": str(known["settle_seconds"]),
        "amend_minutes": str(known["amend_minutes"]),
    }


def options_of(form: Form) -> dict[str, Any]:
    """The options that a form gives. Raises ``Faults``."""
    faults: list[InputError] = []
    numbers: dict[str, int] = {}
    for field in ("settle_seconds", "amend_minutes"):
        text = form[field].strip()
        if not text:
            continue
        if text.isdecimal():
            numbers[field] = int(text)
        else:
            faults.append(InputError("Enter a whole number", where=field))
    if form["look"] not in dict(LOOKS):
        faults.append(InputError("Choose what stands on the pages", where="look"))
    if faults:
        raise Faults(faults)
    return {
        "panel": "properties" if form["look"] == "properties" else "callout",
        "table": form["look"] == "table",
        "definitions": form["definitions"],
        "cycles": form.many("cycles"),
        "embed": bool(form["embed"]),
        **numbers,
    }


def note(form: Form, error: InputError | Conflict | HostError, where: str = "") -> int:
    """Put an error at its field, in words that begin a sentence; returns the status of the page that shows it."""
    if isinstance(error, HostError):
        form.note(InputError(f"Notion did not do it: {error.message}. Nothing was lost; try again in a minute", where=where))
        return 502
    if isinstance(error, Conflict):
        form.note(InputError(_sentence(str(error)), where=where))
        return 409
    for each in error.errors if isinstance(error, Faults) else (error,):
        field = "look" if each.where in ("panel", "table") else each.where
        form.note(InputError(_sentence(each.message), where=field))
    return 422


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


# --- new databases -------------------------------------------------------------------------------------------------------------


@blueprint.post("/connections/<name>/okr-databases/test")
@need(Act.ADMINISTER)
@limiter.limit(TESTS)
def test_okr_page(name: str) -> tuple[str, int]:
    """Look at the page that was shared and say what would be made; nothing is made yet."""
    form = submitted()
    try:
        planned = setting_up.look(runtime(), viewer(), name, form["page"], options=options_of(form))
    except (InputError, Conflict, HostError) as error:
        return okr_page(name, form, opened="new", status=note(form, error, "page"))
    return _tested(name, form, planned), 200


test_okr_page.__test__ = False  # type: ignore[attr-defined]  # a name that test collectors must not take for a test


def _tested(name: str, form: Form, planned: SetUp) -> str:
    return render_template(
        "connections/okr_databases_tested.html",
        name=name,
        form=form,
        planned=planned,
        how=HOW,
        columns={kind: COLUMNS[kind] for kind in IN_ORDER},
        options=options_of(form),
        looks=dict(LOOKS),
        editors=dict(EDITORS),
    )


@blueprint.post("/connections/<name>/okr-databases/set-up")
@need(Act.ADMINISTER)
@limiter.limit(TESTS)
def set_up_okr_databases(name: str) -> AnyResponse | tuple[str, int]:
    """Make them."""
    form = submitted()
    try:
        made = setting_up.set_up(runtime(), viewer(), name, form["page"], options=options_of(form))
    except (InputError, Conflict, HostError) as error:
        return okr_page(name, form, opened="new", status=note(form, error, "page"))
    fresh = sum(each.how == "made" for each in made.databases)
    words = f"{fresh} database{'' if fresh == 1 else 's'} made" if fresh else "All four databases were there already"
    flash(f"{words}. {made.rows} row{'' if made.rows == 1 else 's'} for objectives and key results follow in a minute or two.")
    return redirect(url_for("connections.show_okr_databases", name=name), 303)


@blueprint.post("/connections/<name>/okr-databases/options")
@need(Act.ADMINISTER)
def change_okr_options(name: str) -> AnyResponse | tuple[str, int]:
    """Other choices than those of the set-up."""
    form = submitted()
    try:
        setting_up.change_options(runtime(), viewer(), name, options_of(form))
    except (InputError, Conflict) as error:
        return okr_page(name, form, opened="options", status=note(form, error))
    flash("Saved. Pages and rows follow as they are next written.")
    return redirect(url_for("connections.show_okr_databases", name=name), 303)


@blueprint.post("/connections/<name>/okr-databases/leave")
@need(Act.ADMINISTER)
def leave_okr_databases(name: str) -> AnyResponse | tuple[str, int]:
    """Stop keeping them in step, after the name was typed."""
    form = submitted()
    if form["confirm"].strip() != name:
        form.note(InputError(f"Type {name} to stop", where="confirm"))
        return okr_page(name, form, opened="leave")
    try:
        count = setting_up.leave(runtime(), viewer(), name)
    except Conflict as error:
        return okr_page(name, form, opened="leave", status=note(form, error, "confirm"))
    flash(f"Stopped. {count} databases stay in Notion as they are; edits there change nothing here any more.")
    return redirect(url_for("connections.show_okr_databases", name=name), 303)


@blueprint.post("/connections/<name>/okr-databases/make-again")
@need(Act.ADMINISTER)
def make_okr_row_again(name: str) -> AnyResponse:
    """A new row in place of one in the trash."""
    try:
        setting_up.make_again(runtime(), viewer(), name, submitted()["record"])
        flash("A new row is made in a minute. The old one, restored later, would be a copy.")
    except Conflict as error:
        flash(f"{_sentence(str(error))}.")
    return redirect(url_for("connections.show_okr_databases", name=name), 303)


@blueprint.get("/connections/<name>/okr-databases/state")
@need(Act.OPERATE)
def okr_state(name: str) -> Response | str:
    """The part of the page that changes while rows are read; when that is over, the page itself is asked for."""
    with runtime().store.read() as session:
        found = overview(session, viewer(), connection_called(session, name), runtime().epoch())
    reading = [each for each in found.databases if each.reading is not None]
    if not reading:
        return Response(status=204, headers={"HX-Redirect": url_for("connections.show_okr_databases", name=name)})
    now = runtime().now()
    return render_template(
        "connections/_okr_state.html",
        name=name,
        found=found,
        reading=reading,
        ago=lambda moment: report.ago_text(moment, now) if moment else "never",
    )
