"""Bulk mapping: rules on labels and names give pairs, a person ticks them, one save maps all. Thin: services suggest and map."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

from flask import flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from connector.domain.rights import Act
from connector.domain.suggesting import Rule
from connector.errors import InputError
from connector.services.mapping import bulk
from connector.services.mapping.suggestions import MOST_SHOWN, Proposals, propose
from connector.services.mapping.unmapped import Goal, load_landscape
from connector.web.context import runtime
from connector.web.forms import Form, submitted
from connector.web.gate import need, safe_path, viewer
from mappings.views import blueprint

RULES = 3
LONGEST = 200
MOST_GOALS = 300  # in a list of choices
FIELDS = (("label", "Label"), ("title", "Name"))

View = str | Response | tuple[str, int]


@blueprint.get("/suggestions")
@need(Act.WRITE)
def suggestions() -> View:
    """Rules, and the pairs that they give."""
    return _page(_form(request.args))


@blueprint.post("/suggestions")
@need(Act.WRITE)
def map_many() -> View:
    """Map all ticked pairs in one save; what was passed over is told."""
    sent = submitted()
    path = safe_path(sent["back"])
    back = path if path.startswith("/mappings/suggestions") else url_for("mappings.suggestions")
    form = _form(MultiDict(parse_qsl(urlsplit(back).query, keep_blank_values=True)))
    try:
        outcome = bulk.map_pairs(runtime(), viewer(), [_pair(text) for text in sent.many("pair")], reason="mapped from suggestions")
    except InputError as error:
        form.errors["pair"] = f"{error.message[:1].upper()}{error.message[1:]}; nothing was saved."
        return _page(form)
    number = len(outcome.made)
    said = f"{number} {'pair is' if number == 1 else 'pairs are'} mapped. The items are read now, and the values follow."
    if not outcome.skipped:
        flash(said)
        return redirect(back, 303)
    return _page(form, said, outcome.skipped)


def _pair(text: str) -> bulk.Pair:
    candidate, _, key_result = text.partition(" ")
    if not candidate.isdecimal() or len(candidate) > 15 or not key_result:
        raise InputError("a pair is not one of this page", where="pair")
    return bulk.Pair(int(candidate), key_result)


def _form(given: MultiDict[str, str]) -> Form:
    names = [f"{part}{number}" for number in range(RULES) for part in ("field", "pattern", "key_result")]
    values = {name: given.get(name, "").strip()[:LONGEST] for name in (*names, "text", "done", "connection", "go")}
    if not values["go"]:
        values |= {"field0": "label", "pattern0": "okr:", "text": "1", "done": "1"}
    return Form(values)


def _rules(form: Form) -> list[Rule]:
    return [
        Rule("title" if form[f"field{number}"] == "title" else "label", form[f"pattern{number}"], form[f"key_result{number}"])
        for number in range(RULES)
        if form[f"pattern{number}"] or form[f"key_result{number}"]
    ]


def _page(form: Form, said: str = "", skipped: tuple[bulk.Skipped, ...] = ()) -> View:
    found: Proposals | None = None
    with runtime().store.read() as session:
        found, goals = _found(session, form)
    address: dict[str, Any] = {name: value for name, value in form.values.items() if value}
    html = render_template(
        "mappings/suggestions.html",
        form=form,
        found=found,
        options=[("", "The one whose id the pattern names"), *((goal.id, goal.title) for goal in goals[:MOST_GOALS])],
        rules=range(RULES),
        fields=FIELDS,
        most=MOST_SHOWN,
        said=said,
        skipped=skipped,
        back=url_for("mappings.suggestions", **address),
    )
    return html if form.status == 200 else (html, form.status)


def _found(session: Session, form: Form) -> tuple[Proposals | None, tuple[Goal, ...]]:
    """The pairs (None before anybody asked, or for rules that cannot be read), and the key results to choose from."""
    today = runtime().now().astimezone(runtime().settings.zone).date()
    landscape = load_landscape(session, viewer(), today)
    if not form["go"]:
        return None, landscape.goals
    options = {"by_text": bool(form["text"]), "connection": form["connection"], "with_done": bool(form["done"])}
    try:
        return propose(landscape, _rules(form), **options), landscape.goals  # type: ignore[arg-type]
    except InputError:
        for number in range(RULES):  # which of them is it
            try:
                propose(landscape, _rules(Form({f"{part}0": form[f"{part}{number}"] for part in ("field", "pattern", "key_result")})))
            except InputError as error:
                form.errors.setdefault(f"{error.where}{number}", f"{error.message[:1].upper()}{error.message[1:]}")
    return None, landscape.goals
