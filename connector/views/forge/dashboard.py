"""The dashboard panel and its configuration.

Everybody whom Jira lets look at the dashboard may ask; each sees what they may know of, whoever set the panel up.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flask import Response, jsonify, render_template, url_for
from markupsafe import escape

from connector.domain.model import State
from connector.errors import InputError
from connector.services.forge.dashboard import GROUPS, REFRESHES, SORTS, VIEWS, Choices, Config, load_choices, read_config, settle
from connector.services.insight.scope import Lost
from connector.services.rhythm.marks import note_reading
from connector.views.forge.blueprint import answer, blueprint
from connector.views.forge.dashboard_views import preview, show
from connector.views.forge.door import caller, for_person, json_body
from connector.web.context import runtime
from connector.web.forms import Form, filled

_AGE = "\ue000"  # stands for the age in the digested text: minutes that pass are no change


@blueprint.post("/dashboard")
@for_person
def dashboard() -> Response:
    """The view that the settings choose; with the digest of the last answer only whether something changed."""
    body = json_body()
    config, faults = _lenient(body.get("config"))
    with runtime().store.read() as session:
        found = show(session, caller().viewer, config, runtime().now(), runtime().settings.zone)
    if (review := found.values.get("review")) and not body.get("digest"):  # opened now; a panel that looks again by itself is not read
        note_reading(runtime(), caller().viewer, review, "jira")
    html = render_template(f"panels/{found.template}", title=found.title, faults=faults, State=State, link=_link, age=_AGE, **found.values)
    digest = hashlib.sha256(html.encode()).hexdigest()[:32]
    told: dict[str, Any] = {"digest": digest, **({"refresh": config.refresh * 60} if config.refresh else {})}
    if body.get("digest") == digest:
        return jsonify({"unchanged": True, "age": found.age, **told})
    return jsonify({"html": html.replace(_AGE, str(escape(found.age))), "title": found.title, **told})


@blueprint.post("/dashboard/config")
@for_person
def dashboard_config() -> Response:
    """The form of the edit view, as it was set; what cannot be kept any more says so at its field."""
    config, faults = _lenient(json_body().get("config"))
    form = filled(config.plain())
    for error in faults:
        form.note(error)
    if not faults:
        try:
            with runtime().store.read() as session:
                settle(session, caller().viewer, config, _today())
        except InputError as error:
            form.note(error)
    return answer(_form(form, config))


@blueprint.post("/dashboard/config/check")
@for_person
def dashboard_config_check() -> Response:
    """The settings as they are to be kept, or the form with what is wrong."""
    given = _given()
    config, faults = _lenient(given)
    found: list[InputError] = list(faults)
    with runtime().store.read() as session:
        try:
            config = settle(session, caller().viewer, config, _today())
        except InputError as error:
            found.append(error)
    if found:
        typed = {name: value for name, value in given.items() if isinstance(value, (str, int)) and name in _FIELDS}
        form = filled(Config().plain() | typed)
        for each in found:
            form.note(each)
        return answer(_form(form, None), status=422, said="Something in the settings needs a look.")
    return jsonify({"config": config.plain(), "said": f"{VIEWS[config.view]} is shown now."})


@blueprint.post("/dashboard/config/preview")
@for_person
def dashboard_config_preview() -> Response:
    """How many key results the settings choose, in a sentence."""
    given = _given()
    try:
        with runtime().store.read() as session:
            config = settle(session, caller().viewer, read_config(given), _today())
            told = preview(session, caller().viewer, config, runtime().now(), runtime().settings.zone)
    except InputError:
        told = "Something above needs a look."
    return answer(str(escape(told)))


_FIELDS = frozenset(Config().plain())


def _form(form: Form, config: Config | None) -> str:
    now, zone = runtime().now(), runtime().settings.zone
    with runtime().store.read() as session:
        choices = load_choices(session, caller().viewer, _today())
        try:
            shows = preview(session, caller().viewer, config, now, zone) if config and not form.errors else ""
        except Lost:
            shows = ""
    refreshes = [(str(minutes), text) for minutes, text in REFRESHES.items()]
    chosen = form["refresh"]
    if chosen.isascii() and chosen.isdigit() and chosen not in dict(refreshes):
        refreshes.append((chosen, f"Every {chosen} minutes"))
    return render_template(
        "panels/dashboard_config.html",
        form=form,
        choices=_with_chosen(choices, form),
        views=list(VIEWS.items()),
        sorts=list(SORTS.items()),
        groups=list(GROUPS.items()),
        refreshes=refreshes,
        shows=shows,
    )


def _with_chosen(choices: Choices, form: Form) -> Choices:
    """The choices with what is chosen among them, also when it is not offered (any more): a form must not choose something else."""
    lists = {"teams": "team", "forums": "forum", "cycles": "cycle", "objectives": "objective", "key_results": "key_result"}
    added: dict[str, Any] = {}
    for name, field in lists.items():
        offered: tuple[tuple[str, str], ...] = getattr(choices, name)
        chosen = form[field]
        if chosen and chosen not in dict(offered):
            added[name] = (*offered, (chosen, f"{chosen} (not here any more)" if field in form.errors else chosen))
    return replace(choices, **added)


def _given() -> Mapping[str, Any]:
    """The settings of a form: its fields, or the same below ``config``."""
    body = json_body()
    inner = body.get("config")
    return inner if isinstance(inner, Mapping) else body


def _lenient(given: Any) -> tuple[Config, tuple[InputError, ...]]:
    """The settings as far as they can be read, and what cannot: a panel shows something, and says what is wrong."""
    try:
        return read_config(given), ()
    except InputError as error:
        faults: tuple[InputError, ...] = getattr(error, "errors", (error,))
        wrong = {each.where for each in faults}
        kept = {name: value for name, value in given.items() if name not in wrong} if isinstance(given, Mapping) else None
        return read_config(kept), faults


def _today() -> Any:
    return runtime().now().astimezone(runtime().settings.zone).date()


def _link(endpoint: str, **values: Any) -> str:
    """The whole address of a page of ours: the panel stands in somebody else's."""
    return runtime().settings.base_url.rstrip("/") + url_for(endpoint, **values)
