"""Triage: the page on which a lead sees in two minutes what moves, what is off track and what is to be decided."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Any

from flask import abort, render_template, request
from sqlalchemy.orm import Session

from connector.domain import wording
from connector.domain.buckets import EXCEPTIONS, Bucket
from connector.domain.raising import missed_text
from connector.services import celebrations
from connector.services.insight.leads import Leads, load_leads, monday
from connector.services.insight.scope import Lost, load_sources, owners_of
from connector.services.rhythm.planning import reviews_of
from connector.services.rhythm.raising import standing_levels
from connector.views.forge import dashboard_rows as rows
from connector.views.forge.dashboard_lines import load_lines
from connector.views.triage.blueprint import blueprint
from connector.views.triage.choosing import SORTS, Chosen, Wishes, choose
from connector.views.triage.rhythm_words import now_text, review_words
from connector.web.context import runtime
from connector.web.gate import viewer

MOST_ROWS = 300  # key results on the page; what does not fit is counted, with the way to it
MOST_ASKS = 12
BESIDE = {
    Bucket.AT_RISK: "behind the plan, low confidence or a blocker past its clock",
    Bucket.STALLED: "no movement for two check-ins that were due",
    Bucket.CANNOT_TELL: "the number or its owner has not been heard; not counted as on track",
    Bucket.ON_TRACK: "at 0.9 of the plan or better",
    Bucket.CLOSED: "",
}


@blueprint.get("/triage")
def triage() -> str:
    """What moves, what is off track, what is to be decided: by review forum."""
    now, zone = runtime().now(), runtime().settings.zone
    today = now.astimezone(zone).date()
    with runtime().store.read() as session:
        try:
            chosen = choose(session, viewer(), Wishes.of(request.args), today)
        except Lost as lost:
            abort(404, f"The {lost.what} that this address names is not here any more. Triage shows all of them.")
        values = _values(session, chosen, now, zone)
    return render_template(
        "triage/index.html",
        chosen=chosen,
        wishes=chosen.wishes,
        sorts=SORTS,
        now=now_text(now, zone),
        week=rows.when_text(chosen.scope, now.astimezone(zone)),
        **values,
    )


def _values(session: Session, chosen: Chosen, now: datetime, zone: tzinfo) -> dict[str, Any]:
    """Everything below the head."""
    if not chosen.lights:
        return {"leads": None, "why": _nothing(chosen), "review": "", "review_path": ""}
    leads = load_leads(session, viewer(), chosen.scope, chosen.lights, now, zone, sort=chosen.wishes.sort)
    shown = rows.places(leads.ordered, MOST_ROWS)
    trailed = {each.id for each in shown if each.bucket in EXCEPTIONS}
    lines = load_lines(session, shown, trailed=trailed)
    known = {each.id: each for each in leads.ordered}
    points = leads.asks[:MOST_ASKS]
    owners = owners_of(session, [each.key_result for each in points])
    reviews = reviews_of(session, [each.key_result for each in points], now)
    review, path = review_words(session, chosen.forum, chosen.forums, now, zone)
    sources = load_sources(session, viewer(), chosen.scope, now - rows.SILENT)
    return {
        "leads": leads,
        "answers": rows.answers(leads, now, zone),
        "groups": _groups(leads, rows.section("", leads.ordered, shown, lines)),
        "asks": rows.asks_of(points, known, owners, now, zone),
        "more_asks": len(leads.asks) - len(points),
        "decide": {name: f"/reviews/{row.id}" for name, row in reviews.items()},
        "review": review,
        "review_path": path,
        "late": rows.late_text(sources),
        "week_words": _week_words(leads, now, zone),
        "missed": {name: missed_text(level) for name, level in standing_levels(session, trailed).items()},
        "glad": celebrations.latest(session, list(known), now, zone),
    }


def _groups(leads: Leads, section: rows.Section) -> tuple[list[rows.Group], list[rows.Group]]:
    """The lists left and right: what is off track or not known, then on track and closed."""
    filled = {group.bucket: group for group in section.groups}
    groups = [filled.get(bucket) or rows.Group(bucket, rows.word_of(bucket), 0, (), 0) for bucket, _ in leads.lists]
    return [each for each in groups if each.bucket in EXCEPTIONS], [each for each in groups if each.bucket not in EXCEPTIONS]


def _week_words(leads: Leads, now: datetime, zone: tzinfo) -> str:
    """ "3 decisions since Mon 16 Nov, 1 of them moved people or money" (R124)."""
    decided, moved = leads.week
    since = wording.day_text(monday(now, zone).date())
    if not decided:
        return f"No decision has been recorded since Mon {since}."
    counted = "1 decision" if decided == 1 else f"{decided} decisions"
    moves = f", {moved} of them {'a re-allocation' if moved == 1 else 're-allocations'}" if moved else ", no re-allocation"
    return f"{counted} since Mon {since}{moves}."


def _nothing(chosen: Chosen) -> str:
    if chosen.scope.ahead:
        return "cycle ahead"
    if not chosen.scope.cycles:
        return "no cycle"
    return "filtered" if chosen.wishes.narrow else "none"


@blueprint.app_context_processor
def words() -> dict[str, Any]:
    """What stands beside the name of each list."""
    return {"beside_bucket": BESIDE}
