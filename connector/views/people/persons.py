"""The list of people, and one person: name, role, host accounts, ways in."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from connector.domain.rights import ROLE_WORDS, ROLES, Act
from connector.errors import InputError
from connector.services import calendars
from connector.services.changes import Stale, version_of
from connector.services.people import directory, editing
from connector.services.sign_in import links, sessions
from connector.views.people.blueprint import blueprint
from connector.web.context import runtime
from connector.web.forms import Form, filled, submitted
from connector.web.gate import need, viewer

ACCOUNT = "account-"  # before a connection's name: the field of its account id

Answered = str | Response | tuple[str, int]


@blueprint.get("/people")
@need(Act.ADMINISTER)
def index() -> str:
    """Everybody, filtered by the query."""
    text, role = request.args.get("text", "")[:200], request.args.get("role", "")
    state = request.args.get("active", "1")
    active = {"1": True, "0": False}.get(state)
    with runtime().store.read() as session:
        page = directory.people_page(
            session, request.args.get("cursor") or None, 100, text=text, role=role if role in ROLES else None, active=active
        )
        sources = directory.connections(session)
    return render_template(
        "people/index.html",
        page=page,
        connections=sources,
        roles=[("", "every role"), *((each, each) for each in ROLES)],
        form=Form({"text": text, "role": role, "active": state}),
        zone=runtime().settings.zone,
    )


@blueprint.get("/people/new")
@need(Act.ADMINISTER)
def new() -> str:
    """An empty form."""
    return _form(Form({"role": "member"}))


@blueprint.post("/people/new")
@need(Act.ADMINISTER)
def add() -> Answered:
    """Add somebody."""
    form = submitted()
    try:
        email = editing.add_person(
            runtime(), viewer(), form["email"], {"name": form["name"], "role": form["role"], "accounts": _given(form), "zone": form["zone"]}
        )
    except InputError as error:
        form.note(error)
        return _form(form), form.status
    flash(f"{form['name']} is added as {form['role']}. They can sign in now.")
    return redirect(url_for("people.person", email=email), 303)


@blueprint.get("/people/<email>")
@need(Act.ADMINISTER)
def person(email: str) -> str:
    """One person."""
    return _page(email)


@blueprint.post("/people/<email>")
@need(Act.ADMINISTER)
def save(email: str) -> Answered:
    """Save name, role, state and accounts."""
    form = submitted()
    fields = {"name": form["name"], "role": form["role"], "active": bool(form["active"]), "accounts": _given(form)}
    fields |= {name: form[name] for name in ("zone", "away_until") if name in form.values}
    try:
        changed = editing.save_person(runtime(), viewer(), email, fields, form.version or None)
    except InputError as error:
        form.note(error)
    except Stale as stale:
        form.conflict(Stale(_flat(stale.theirs), version=stale.version, by=stale.by))
    else:
        ended = "" if fields["active"] else " They are signed out everywhere."
        flash(f"{form['name']} is saved.{ended}" if changed else "Nothing was different.")
        return redirect(url_for("people.person", email=email), 303)
    return _page(email, form), form.status


@blueprint.post("/people/<email>/link")
@need(Act.ADMINISTER)
def make_link(email: str) -> Answered:
    """A link that signs this person in once; it is shown in this answer only."""
    try:
        link = links.make(runtime(), viewer(), email)
    except InputError as error:
        form = Form(errors={"": error.message})
        return _page(email, problem=form.errors[""]), 422
    return _page(email, link=link)


@blueprint.post("/people/<email>/sessions/end")
@need(Act.ADMINISTER)
def end_sessions(email: str) -> Response:
    """Sign this person out everywhere."""
    with runtime().store.read() as session:
        number = directory.find(session, email).id
    ended = sessions.revoke(runtime(), viewer(), number)
    flash("Not signed in anywhere." if not ended else f"Signed out of {ended} browser{'' if ended == 1 else 's'}.")
    return redirect(url_for("people.person", email=email) if number != viewer().person_id else url_for("sign_in.show"), 303)


@blueprint.post("/people/<email>/identities/forget")
@need(Act.ADMINISTER)
def forget_identities(email: str) -> Response:
    """Unbind this person from sign-in providers."""
    editing.forget_identities(runtime(), viewer(), email)
    flash("Forgotten. The next sign-in looks for the host account or the verified e-mail address again.")
    return redirect(url_for("people.person", email=email), 303)


def _given(form: Form) -> dict[str, str]:
    return {name.removeprefix(ACCOUNT): value for name, value in form.values.items() if name.startswith(ACCOUNT)}


def _flat(view: dict[str, Any]) -> dict[str, Any]:
    """A person's view as the fields of the form."""
    rest = {name: value for name, value in view.items() if name != "accounts"}
    accounts = {f"{ACCOUNT}{name}": value for name, value in view["accounts"].items()}
    return {**rest, "active": "1" if view["active"] else "", **accounts}


def _page(email: str, form: Form | None = None, *, link: str = "", problem: str = "") -> str:
    with runtime().store.read() as session:
        row = directory.find(session, email)
        stored = directory.view(session, row)
        shape = directory.shapes(session, [row])[0]
        issuers = directory.providers_of(session, row.id)
        sources = directory.connections(session)
    return render_template(
        "people/person.html",
        form=form or filled(_flat(stored), version_of(stored)),
        person=shape,
        issuers=issuers,
        link=link,
        problem=problem,
        open_sessions=sessions.of_person(runtime(), row.id),
        **_choices(sources),
    )


def _form(form: Form) -> str:
    with runtime().store.read() as session:
        sources = directory.connections(session)
    return render_template("people/new.html", form=form, **_choices(sources))


def _choices(sources: list[tuple[str, str]]) -> dict[str, Any]:
    return {
        "zones": calendars.zone_names(),
        "connections": sources,
        "account_fields": [f"{ACCOUNT}{name}" for name, _ in sources],
        "roles": [(role, role) for role in ROLES],
        "role_words": ROLE_WORDS,
        "zone": runtime().settings.zone,
        "hour": links.LASTS,
    }
