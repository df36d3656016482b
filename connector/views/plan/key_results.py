"""Key results: the form, its quality while typing, order and retiring."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from connector.domain.rights import Act
from connector.errors import InputError
from connector.services.changes import Stale
from connector.services.plan import key_results, objectives
from connector.services.plan.key_results_reading import USED, BaselineMissing
from connector.services.plan.quality import Judged, judge_typed
from connector.services.plan.saving import Saved
from connector.views.plan import choices
from connector.views.plan import key_result_forms as forms
from connector.views.plan.blueprint import blueprint
from connector.web.context import runtime
from connector.web.forms import Form, submitted
from connector.web.gate import need, viewer

Page = str | Response | tuple[str, int]


@blueprint.route("/plan/objectives/<objective>/key-results/new", methods=["GET", "POST"])
@need(Act.WRITE)
def new_key_result(objective: str) -> Page:
    """Make a key result."""
    above = objectives.load(runtime(), viewer(), objective)
    if request.method == "GET":
        form = forms.form_of({**key_results.NEW, "objective": objective})
        form.lists["milestone_title"] = ["", "", ""]
        return _page(form, above.view["title"])
    form = submitted()
    if forms_wants_more(form):
        return _page(form, above.view["title"])
    try:
        saved = key_results.create(runtime(), viewer(), forms.given_of(form), set_baseline=form["set_baseline"] == "1")
    except InputError as error:
        _note(form, error)
        return _page(form, above.view["title"], baseline=error.title if isinstance(error, BaselineMissing) else "")
    flash(_told(saved, "Saved. Map the work that moves it next, or let its owner enter the value."))
    return redirect(url_for("pages.key_result", ident=saved.id), 303)


@blueprint.route("/plan/key-results/<ident>", methods=["GET", "POST"])
@need(Act.WRITE)
def edit_key_result(ident: str) -> Page:
    """Change a key result."""
    stored = key_results.load(runtime(), viewer(), ident)
    if request.method == "GET":
        return _page(forms.form_of(stored.view, stored.version), stored.view["title"], ident)
    form = submitted()
    if forms_wants_more(form):
        return _page(form, stored.view["title"], ident)
    try:
        given = forms.given_of(form)
        saved = key_results.update(runtime(), viewer(), ident, given, version=form.version, reason=form["reason"])
    except InputError as error:
        _note(form, error)
    except Stale as stale:
        form.values.update(forms.typed_texts(form))
        theirs = {name: forms.text_of(name, value) for name, value in stale.theirs.items()}
        form.conflict(Stale(theirs, version=stale.version, by=stale.by))
    else:
        flash(_told(saved, "Saved. Its value and panels follow." if saved.view != stored.view else "Nothing was changed."))
        return redirect(url_for("pages.key_result", ident=ident), 303)
    return _page(form, stored.view["title"], ident)


def forms_wants_more(form: Form) -> bool:
    """True when a button asked for other fields, not for saving: another kind, or one row more in a list."""
    wanted = form["more"]
    if wanted:
        forms.more_rows(form, wanted)
    return bool(wanted)


@blueprint.post("/plan/key-results/fields")
@need(Act.WRITE)
def key_result_fields() -> str:
    """The fields of the chosen kind, with everything that was typed."""
    form = submitted()
    forms_wants_more(form)
    return render_template("plan/key_result_fields.html", form=form, **_fields(form))


@blueprint.post("/plan/key-results/quality")
@need(Act.WRITE)
def key_result_quality() -> str:
    """The five verdicts of what is typed."""
    return render_template("plan/quality.html", **_quality(_judge(submitted(), request.args.get("ident"))))


@blueprint.route("/plan/key-results/<ident>/retire", methods=["GET", "POST"])
@need(Act.WRITE)
def retire_key_result(ident: str) -> Page:
    """Ask for the reason, then retire."""
    stored = key_results.load(runtime(), viewer(), ident)
    form = Form(version=stored.version)
    if request.method == "POST":
        form = submitted()
        try:
            key_results.retire(runtime(), viewer(), ident, version=form.version, reason=form["reason"])
        except InputError as error:
            form.note(error)
        except Stale as stale:
            form.conflict(Stale({}, version=stale.version, by=stale.by))
        else:
            flash("Retired. Its history is kept; panels stop showing it.")
            return redirect(url_for("plan.edit_objective", ident=stored.view["objective"]), 303)
    consequence = "Panels stop showing it, it counts in no mean any more, and its history is kept."
    back = url_for("plan.edit_key_result", ident=ident)
    page = render_template("plan/retire.html", form=form, what="key result", title=stored.view["title"], consequence=consequence, back=back)
    return page, form.status


@blueprint.post("/plan/key-results/<ident>/move")
@need(Act.WRITE)
def move_key_result(ident: str) -> Response:
    """One place up or down."""
    above = key_results.load(runtime(), viewer(), ident).view["objective"]
    key_results.move(runtime(), viewer(), ident, -1 if request.form.get("direction") == "up" else 1)
    return redirect(url_for("plan.edit_objective", ident=above) + "#key-results", 303)


def _told(saved: Saved, sentence: str) -> str:
    late = f"Marked as a late edit: {saved.late}." if saved.late else ""
    remarks = (f"{remark[:1].upper()}{remark[1:]}" for remark in saved.remarks)
    return " ".join(part for part in (sentence, late, *remarks) if part)


def _note(form: Form, error: InputError) -> None:
    form.note(error)
    forms.place_row_errors(form, [])


def _judge(form: Form, ident: str | None) -> Judged:
    return judge_typed(runtime(), viewer(), forms.given_of(form, lenient=True), ident)


def _quality(judged: Judged) -> dict[str, Any]:
    verdicts = judged.quality.verdicts
    return {
        "verdicts": verdicts,
        "output": judged.quality.output,
        "remarks": judged.remarks,
        "holding": sum(verdict.passed is True for verdict in verdicts),
    }


def _fields(form: Form) -> dict[str, Any]:
    kind = forms.kind_of(form)
    return {
        "kind": kind.value,
        "used": USED[kind],
        "rows": {each.name: forms.rows_of(form, each) for each in forms.ROWS},
        "row_fields": {each.name: [field for field, _ in each.fields] for each in forms.ROWS},
        "plain": forms.PLAIN_NUMBERS,
    }


def _page(form: Form, title: str, ident: str = "", baseline: str = "") -> tuple[str, int]:
    with runtime().store.read() as session:
        offered = {
            "people": choices.people(session),
            "objectives": choices.objectives(session, viewer(), also=[form["objective"]]),
        }
    judged = _judge(form, ident or None)
    page = render_template(
        "plan/key_result.html",
        form=form,
        ident=ident,
        title=title,
        baseline=baseline,
        kinds=forms.KIND_WORDS,
        labels=forms.LABELS,
        stretch=judged.stretch,
        **offered,
        **_fields(form),
        **_quality(judged),
    )
    return page, form.status
