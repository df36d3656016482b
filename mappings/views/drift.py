"""The drift report: what is, since when, what to do. Thin: ``services.drift`` finds, for the viewer's eyes only."""

from __future__ import annotations

from dataclasses import dataclass

from flask import render_template, request, url_for
from sqlalchemy import select

from connector.domain.rights import Act
from connector.domain.wording import local_day_text
from connector.services.drift.findings import UNMAPPED, Finding, find
from connector.store.tables import MappingDay
from connector.web.context import runtime
from connector.web.gate import viewer
from mappings.sentences import scope
from mappings.views import blueprint

PER_PAGE = 100


@dataclass(frozen=True, slots=True)
class Line:
    """One finding as the page shows it. ``link`` leads to where it is mended, "" where the viewer cannot."""

    title: str
    address: str
    about: str
    sentence: str
    to_do: str
    since: str
    who: str
    link: str
    action: str


@blueprint.get("/drift")
def drift() -> str:
    """All findings that the viewer may know of."""
    me, zone = viewer(), runtime().settings.zone
    with runtime().store.read() as session:
        found = find(session, me, runtime().now().astimezone(zone).date())
        looked = session.scalar(select(MappingDay.mapping_id).limit(1)) is not None
    kinds = list(dict.fromkeys(each.kind for each in found))
    kind, mine = request.args.get("kind", ""), bool(request.args.get("mine"))
    shown = [
        each for each in found if (not kind or each.kind == kind) and (not mine or me.person_id in {one.id for one in each.answers[:1]})
    ]
    pages = max(1, -(-len(shown) // PER_PAGE))
    asked = request.args.get("page", "1")
    number = min(pages, max(1, int(asked))) if asked.isdecimal() and len(asked) < 6 else 1
    return render_template(
        "mappings/drift.html",
        lines=[_line(each) for each in shown[(number - 1) * PER_PAGE : number * PER_PAGE]],
        total=len(shown),
        everything=len(found),
        kinds=kinds,
        kind=kind,
        mine=mine,
        number=number,
        pages=pages,
        looked=looked,
    )


def _line(each: Finding) -> Line:
    link, action = "", ""
    if viewer().may(Act.WRITE):
        if each.link is not None:
            link, action = url_for("mappings.edit", ident=each.link.id), "Open the mapping"
        elif each.kind == UNMAPPED:
            link, action = url_for("mappings.unmapped", connection=each.connection, state="done"), "Show what is not mapped"
        else:
            link, action = url_for("mappings.index", key_result=each.key_result), "Show its mappings"
    names = {name: title for name, title in each.link.resolved.titles.items() if title} if each.link else {}
    database = each.link is not None and bool(each.link.rule.selector.database)
    return Line(
        each.title or each.connection,
        url_for("pages.key_result", ident=each.key_result) if each.key_result else "",
        f"{each.connection}: {scope(each.link.rule.selector, names if database else {})}"
        if each.link
        else each.connection
        if each.key_result
        else "",
        each.sentence,
        each.to_do,
        local_day_text(each.since, runtime().settings.zone) if each.since else "today",
        each.answers[0].name if each.answers else "nobody" if each.key_result else "",
        link,
        action,
    )
