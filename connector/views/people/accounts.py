"""Looking people up at a host: the account of one person, or many people to add. A name decides nothing; an admin picks."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from connector.domain.rights import Act
from connector.errors import HostError, InputError
from connector.services.people import accounts, directory, editing
from connector.services.people.accounts import AccountPage, NewPerson
from connector.views.people.blueprint import blueprint
from connector.web.context import runtime
from connector.web.forms import Form, submitted
from connector.web.gate import need, viewer

Answered = str | Response | tuple[str, int]


@blueprint.get("/people/<email>/accounts/<connection>")
@need(Act.ADMINISTER)
def pick_account(email: str, connection: str) -> Answered:
    """Accounts at the host to choose from for one person; first those with the same e-mail address."""
    with runtime().store.read() as session:
        person = directory.shapes(session, [directory.find(session, email)])[0]
    text = request.args.get("text")
    found, problem = _asked(connection, person["name"] if text is None else text)
    shown = sorted(found.accounts, key=lambda each: each.email != email) if found else []
    page = render_template(
        "people/pick.html",
        person=person,
        connection=connection,
        found=shown,
        following=found.next if found else None,
        problem=problem,
        form=Form({"text": person["name"] if text is None else text}),
    )
    return page, 502 if problem else 200


@blueprint.post("/people/<email>/accounts/<connection>")
@need(Act.ADMINISTER)
def use_account(email: str, connection: str) -> Answered:
    """Give the person this account, or take theirs away."""
    try:
        editing.set_account(runtime(), viewer(), email, connection, request.form.get("account", ""))
    except InputError as error:
        flash(f"Not saved: the account {error.errors[0].message if hasattr(error, 'errors') else error.message}.")
        return redirect(url_for("people.pick_account", email=email, connection=connection), 303)
    flash(f"The account at {connection} is saved. Matching is by this id from now on.")
    return redirect(url_for("people.person", email=email), 303)


@blueprint.get("/people/import")
@need(Act.ADMINISTER)
def pick_people() -> Answered:
    """People of a host to add."""
    with runtime().store.read() as session:
        sources = directory.connections(session)
    connection = request.args.get("connection") or (sources[0][0] if sources else "")
    if not connection:
        return _import("", sources, None, "There is no connection yet; connect Jira or Notion first, or add people by hand.", Form())
    text = request.args.get("text", "")
    found, problem = _asked(connection, text)
    return _import(connection, sources, found, problem, Form({"text": text, "connection": connection}))


@blueprint.post("/people/import")
@need(Act.ADMINISTER)
def add_people() -> Answered:
    """Add those who were picked, all or none. What was typed stays when something is wrong."""
    form = submitted()
    connection, picked = form["connection"], [each for each in form.many("pick") if each.isascii() and each.isdigit()]
    chosen = [NewPerson(form[f"account-{each}"], form[f"name-{each}"], form[f"email-{each}"]) for each in picked]
    try:
        added = accounts.add_people(runtime(), viewer(), connection, chosen)
    except InputError as error:
        for fault in getattr(error, "errors", (error,)):
            field, _, index = fault.where.rpartition("-")
            # The service counts those who were picked; the form counts rows.
            known = index.isascii() and index.isdigit() and int(index) < len(picked)
            form.errors.setdefault(f"{field}-{picked[int(index)]}" if known else fault.where, fault.message)
        with runtime().store.read() as session:
            sources = directory.connections(session)
        return _import(connection, sources, None, "", form), 422
    flash(f"{added.new} added as members, {added.linked} linked to people who were here.")
    return redirect(url_for("people.index"), 303)


def _asked(connection: str, text: str) -> tuple[AccountPage | None, str]:
    """What the host lists, or why it does not."""
    try:
        return accounts.host_accounts(runtime(), viewer(), connection, text, request.args.get("cursor") or None), ""
    except (HostError, InputError) as error:  # no answer, no right, or credentials that cannot be used
        return None, error.message


def _import(connection: str, sources: list[tuple[str, str]], found: AccountPage | None, problem: str, form: Form) -> str:
    rows = [(index, each) for index, each in enumerate(found.accounts)] if found else _typed(form)
    return render_template(
        "people/import.html",
        connection=connection,
        connections=sources,
        rows=rows,
        following=found.next if found else None,
        problem=problem,
        form=form,
    )


def _typed(form: Form) -> list[tuple[int, accounts.Account]]:
    """The rows as the form that did not fit brought them back."""
    given = [name[8:] for name in form.values if name.startswith("account-") and len(name) < 16]
    numbers = sorted(int(each) for each in given if each.isascii() and each.isdigit())
    return [
        (number, accounts.Account(form[f"account-{number}"], form[f"name-{number}"], form[f"email-{number}"], True, "", ""))
        for number in numbers
    ]
