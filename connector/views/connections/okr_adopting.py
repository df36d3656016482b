"""Taking over databases that people made in Notion: links, a column mapping to look at and change, a dry run, then two-way."""

from __future__ import annotations

from collections.abc import Sequence

from flask import flash, redirect, render_template, url_for
from werkzeug.wrappers import Response as AnyResponse

from connector.domain.okr_columns import IN_ORDER, TITLES
from connector.domain.rights import Act
from connector.errors import Conflict, HostError, InputError
from connector.services.okr_databases import adopting
from connector.services.okr_databases.adopting import Proposal
from connector.services.okr_databases.trying_out import BOUND, DRAFT, MADE, MATCHED, MOST_ROWS, DryRun, try_out
from connector.views.connections.blueprint import blueprint
from connector.views.connections.okr_databases import EDITORS, LOOKS, cycle_names, note, okr_page, options_of
from connector.views.connections.steps import TESTS
from connector.web.context import runtime
from connector.web.forms import Form, submitted
from connector.web.gate import need, viewer
from connector.web.limits import limiter

FATES = {MADE: "becomes a record", MATCHED: "is the face of", BOUND: "is kept already, as", DRAFT: "stays a draft"}
LINKS = tuple(f"links.{kind.value}" for kind in IN_ORDER)


def _links(form: Form) -> dict[str, str]:
    return {kind.value: form[f"links.{kind.value}"] for kind in IN_ORDER if form[f"links.{kind.value}"].strip()}


def _columns(form: Form) -> dict[str, dict[str, str]]:
    """What was chosen: kind → field → column, as the controls ``<kind>.<field>`` name them."""
    chosen: dict[str, dict[str, str]] = {}
    for name, value in form.values.items():
        kind, dot, field = name.partition(".")
        if dot and kind in {each.value for each in IN_ORDER}:
            chosen.setdefault(kind, {})[field] = value
    return chosen


@blueprint.post("/connections/<name>/okr-databases/adopt/columns")
@need(Act.ADMINISTER)
@limiter.limit(TESTS)
def show_okr_columns(name: str) -> tuple[str, int]:
    """Which column is which: guessed, or as chosen; nothing is kept in step yet."""
    form = submitted()
    try:
        options_of(form)
        proposals = adopting.propose(runtime(), viewer(), name, _links(form), _columns(form))
    except (InputError, Conflict, HostError) as error:
        return okr_page(name, form, opened="adopt", status=note(form, error, "links.key_results"))
    return _columns_page(name, form, proposals)


@blueprint.post("/connections/<name>/okr-databases/adopt/rows")
@need(Act.ADMINISTER)
@limiter.limit(TESTS)
def try_okr_rows(name: str) -> tuple[str, int]:
    """What the first rows would become; nothing is kept in step yet."""
    form = submitted()
    try:
        trial = try_out(runtime(), viewer(), name, _links(form), _columns(form), options=options_of(form), most_rows=MOST_ROWS)
    except (InputError, Conflict, HostError) as error:
        return okr_page(name, form, opened="adopt", status=note(form, error, "links.key_results"))
    return _columns_page(name, form, trial.proposals, trial=trial)


def _columns_page(name: str, form: Form, proposals: Sequence[Proposal], status: int = 0, trial: DryRun | None = None) -> tuple[str, int]:
    for proposal in proposals:
        for fault in proposal.faults:
            form.errors.setdefault(fault.where, fault.message[:1].upper() + fault.message[1:])
    page = render_template(
        "connections/okr_columns.html",
        name=name,
        form=form,
        proposals=proposals,
        trial=trial,
        fates=FATES,
        titles=TITLES,
        links=LINKS,
        looks=LOOKS,
        editors=EDITORS,
        cycles=cycle_names(),
        https=runtime().settings.base_url.startswith("https://"),
        adds=any(each.to_add for each in proposals),
        mended=not any(each.faults for each in proposals),
        shown=[f"{each.kind.value}.{field.field}" for each in proposals for field in each.fields] + ["complete"],
    )
    return page, status or (422 if form.errors else 200)


@blueprint.post("/connections/<name>/okr-databases/adopt")
@need(Act.ADMINISTER)
@limiter.limit(TESTS)
def adopt_okr_databases(name: str) -> AnyResponse | tuple[str, int]:
    """Keep them in step from now on."""
    form = submitted()
    try:
        adopted = adopting.adopt(
            runtime(), viewer(), name, _links(form), _columns(form), options=options_of(form), complete=bool(form["complete"])
        )
    except (InputError, Conflict, HostError) as error:
        status = note(form, error)
        try:
            proposals = adopting.propose(runtime(), viewer(), name, _links(form), _columns(form))
        except (InputError, Conflict, HostError) as again:
            return okr_page(name, form, opened="adopt", status=note(form, again, "links.key_results"))
        return _columns_page(name, form, proposals, status)
    titles = ", ".join(adopted.databases.values())
    flash(f"Adopted: {titles}. Their rows are being read now; this page shows how far.")
    return redirect(url_for("connections.show_okr_databases", name=name), 303)
