"""The Forge app's installations on the pages of connections: how they are, and an admin's decision on those that wait."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo

from flask import flash, redirect, url_for
from werkzeug.wrappers import Response

from connector.domain import wording
from connector.domain.rights import Act
from connector.errors import Conflict
from connector.services.connecting import report
from connector.services.forge import overseeing, states
from connector.services.forge.overseeing import Known
from connector.services.forge.sites import host_of
from connector.views.connections.blueprint import blueprint
from connector.web.context import runtime
from connector.web.gate import need, viewer


@dataclass(frozen=True, slots=True)
class AppFacts:
    """One installation in words."""

    id: int
    site: str
    release: str
    mark: str
    word: str
    why: str
    connection: str
    seen: str
    hourly: str
    token: str
    acceptable: bool
    refusable: bool


def app_facts(known: Known, now: datetime, zone: tzinfo) -> AppFacts:
    """How an installation is, as the pages say it."""
    mark, word, why = _state(known, now, zone)
    ends = known.token_ends_at
    return AppFacts(
        id=known.id,
        site=host_of(known.site) or f"cloud id {known.cloud_id}",
        release=" · ".join((known.version or "not known", known.environment)).removesuffix(" · "),
        mark=mark,
        word=word,
        why=why,
        connection=known.connection,
        seen=report.ago_text(known.last_seen_at, now),
        hourly=report.ago_text(known.hourly_at, now) if known.hourly_at else "never",
        token="none"
        if ends is None
        else f"until {wording.moment_text(ends, zone)}"
        if ends > now
        else f"ended {wording.moment_text(ends, zone)}",
        acceptable=known.state in (states.WAITING, states.REFUSED),
        refusable=known.state != states.REFUSED,
    )


def _state(known: Known, now: datetime, zone: tzinfo) -> tuple[str, str, str]:
    if known.state == states.WAITING:
        return (
            report.UNKNOWN,
            "Waits",
            f"since {wording.moment_text(known.first_seen_at, zone)}; its people see nothing until you accept it",
        )
    if known.state == states.REFUSED:
        return report.UNKNOWN, "Refused", "its people see nothing"
    if known.state == states.SILENT:
        return report.LATE, "Silent", f"no call since {wording.moment_text(known.last_seen_at, zone)}; it may be uninstalled"
    if known.hourly_at is not None and now - known.hourly_at > overseeing.LATE:
        return report.LATE, "Late", f"the last hourly call came {report.ago_text(known.hourly_at, now)}"
    return report.FINE, "Working", "" if known.hourly_at else "no hourly call came yet"


@blueprint.post("/connections/forge/<int:ident>/accept")
@need(Act.ADMINISTER)
def accept_site(ident: int) -> Response:
    """Serve an installation that waits."""
    try:
        known = overseeing.accept(runtime(), viewer(), ident)
    except Conflict as error:
        flash(_sentence(error))
    else:
        works = f" It works for {known.connection}." if known.connection else " A connection follows with its next call."
        flash(f"{host_of(known.site) or 'The site'} is accepted.{works}")
    return redirect(url_for("connections.index"), 303)


@blueprint.post("/connections/forge/<int:ident>/refuse")
@need(Act.ADMINISTER)
def refuse_site(ident: int) -> Response:
    """Serve an installation no more."""
    try:
        known = overseeing.refuse(runtime(), viewer(), ident)
    except Conflict as error:
        flash(_sentence(error))
    else:
        flash(f"{host_of(known.site) or 'The site'} is refused. Its people see nothing; its token is forgotten.")
    return redirect(url_for("connections.index"), 303)


def _sentence(error: Conflict) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."
