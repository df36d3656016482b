"""The list of connections, and one connection's health with what can be done about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from flask import render_template, request, url_for

from connector.domain import wording
from connector.domain.model import State as KeyResultState
from connector.domain.rights import Act
from connector.services.connecting import health as reading
from connector.services.connecting import report
from connector.services.connecting.kinds import BY_ID, HOST_TITLES, KINDS
from connector.services.facts import load_definition
from connector.services.forge.overseeing import listed
from connector.views.connections.blueprint import blueprint
from connector.views.connections.forge import app_facts
from connector.web.context import runtime
from connector.web.forms import Form, filled
from connector.web.gate import need, viewer

SETTINGS = ("requests_per_minute", "property_only", "token_expires", "progress_field", "status_field")
CHART_WIDTH, BASE = 600, 60  # units of the chart: its width, and where the bars stand


@dataclass(frozen=True, slots=True)
class Bars:
    """Deliveries by hour as SVG numbers: bars (x, y, height), labels (x, text), rows of the hidden table, and the whole in words."""

    bars: tuple[tuple[str, str, str], ...]
    width: str
    labels: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, int], ...]
    label: str
    since: str


@blueprint.get("/connections")
@need(Act.OPERATE)
def index() -> str:
    """All connections with their state."""
    now, zone = runtime().now(), runtime().settings.zone
    with runtime().store.read() as session:
        facts = reading.all_facts(session, now, retired=True)
        installed = listed(session)
    rows = [(each, {"facts": each, "state": report.state_of(each, now, zone), **_moments(each, now)}) for each in facts]
    return render_template(
        "connections/index.html",
        rows=[row for each, row in rows if each.retired_at is None],
        retired=[row for each, row in rows if each.retired_at is not None],
        installed=[app_facts(each, now, zone) for each in installed],
    )


@blueprint.get("/connections/<name>")
@need(Act.OPERATE)
def show(name: str) -> str:
    """One connection; ``?kind=`` opens the form for credentials of that kind."""
    return health_page(name)[0]


def health_page(name: str, form: Form | None = None, *, opened: str = "") -> tuple[str, int]:
    """The page of one connection. ``form`` holds what was wrong with what was just sent, ``opened`` names the part that it came from:
    credentials, settings or retire. Raises ``NotFound``.
    """
    now, zone = runtime().now(), runtime().settings.zone
    with runtime().store.read() as session:
        found = reading.health(runtime(), session, viewer(), name)
    facts = found.facts
    state = report.state_of(facts, now, zone)
    shown = _with_settings(form, found, opened) if form else filled(found.settings, found.settings_version)
    asked = BY_ID.get(shown["kind"] or request.args.get("kind", ""))
    kinds = [each for each in KINDS if HOST_TITLES[each.host] == facts.host]
    kind = asked if asked in kinds else found.kind or (kinds[0] if kinds else None)
    if kind is not None and asked is kind and not opened:
        opened = "credentials"
    page = render_template(
        "connections/health.html",
        elsewhere=runtime().settings.base_url + url_for("connections.show", name=name),
        facts=facts,
        state=state,
        health=found,
        kind=kind,
        kinds=kinds,
        opened=opened,
        shown=[*SETTINGS, "confirm", "url", "new_token_expires", *(field.name for field in kind.fields)]
        if kind
        else [*SETTINGS, "confirm"],
        checks=report.checks_of(facts, now, zone),
        since=wording.moment_text(facts.parked_at, zone) if facts.parked_at else "",
        refusal=report.refusal_text(facts.parked_reason),
        checked=_age((facts.checks or {}).get("at"), now),
        affected=[_affected(each, zone) for each in found.affected],
        late=sum(each.row.state == KeyResultState.DATA_LATE for each in found.affected),
        bars=_bars(found.first_hour, facts.hours, zone),
        others=[(each, report.state_of(each, now, zone)) for each in found.others],
        app=app_facts(found.app, now, zone) if found.app else None,
        form=shown,
        **_moments(facts, now),
    )
    return page, shown.status


def _with_settings(form: Form, found: reading.Health, opened: str) -> Form:
    """A form of one part of the page, with the stored settings for the part that shows those."""
    if opened != "settings":
        form.values = {**filled(found.settings).values, **form.values}
        form.version = found.settings_version
    return form


def _moments(facts: report.Facts, now: datetime) -> dict[str, str]:
    """Ages for the facts of a connection; "never" where nothing came."""

    def ago(moment: datetime | None) -> str:
        return report.ago_text(moment, now) if moment else "never"

    repaired = "not known" if facts.done is None else str(facts.done.repaired)
    return {
        "event": ago(facts.last_event_at),
        "synced": ago(facts.last_sync_at),
        "answered": ago(facts.last_success_at),
        "repaired": repaired,
    }


def _age(at: object, now: datetime) -> str:
    return f"run {report.ago_text(datetime.fromisoformat(str(at)), now)}" if at else "not run yet"


def _affected(each: reading.Affected, zone: tzinfo) -> dict[str, Any]:
    row = each.row
    state = KeyResultState(row.state)
    definition = load_definition(row)
    return {
        "id": row.id,
        "title": row.title,
        "state": state,
        "word": wording.STATE_WORDS[state],
        "value": wording.current_text(definition, row.current),
        "as_of": wording.moment_text(row.as_of, zone) if row.as_of else "",
        "owner": each.owner or "ownerless",
        "broken": each.broken,
    }


def _bars(first: datetime, hours: Any, zone: tzinfo) -> Bars:
    most = max(hours, default=0)
    step = CHART_WIDTH / max(1, len(hours))
    bars = tuple(
        (f"{step * place + 1:.1f}", f"{BASE - _height(count, most):.1f}", f"{_height(count, most):.1f}")
        for place, count in enumerate(hours)
        if count
    )
    local = [(first + timedelta(hours=place)).astimezone(zone) for place in range(len(hours))]
    labels = tuple((f"{step * place:.0f}", f"{moment.hour:02d}") for place, moment in enumerate(local) if moment.hour % 12 == 0)
    total = sum(hours)
    words = f"{total} deliveries in {len(hours)} hours" if total != 1 else f"1 delivery in {len(hours)} hours"
    if total:
        words += f", at most {most} in an hour, {hours[-1]} in this one"
    rows = tuple(
        (f"{wording.day_text(moment.date())} {moment.hour:02d}", count) for moment, count in zip(local, hours, strict=True) if count
    )
    return Bars(bars, f"{max(1.0, step - 2):.1f}", labels, rows, words, wording.moment_text(first, zone))


def _height(count: int, most: int) -> float:
    return 0.0 if not count else max(2.0, (BASE - 8) * count / most)
