"""The eight views of a dashboard panel: what each shows, read in one transaction. No HTTP; the templates lie in ``panels/``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from functools import cached_property
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain import wording
from connector.domain.buckets import EXCEPTIONS, Bucket
from connector.domain.rights import Viewer
from connector.domain.rollup import coverage_text
from connector.services.forge.dashboard import VIEWS, Config, scope_of
from connector.services.insight.busy import find_busy
from connector.services.insight.discipline import Update, load_standings
from connector.services.insight.leads import Leads, load_leads
from connector.services.insight.open_points import load_blockers
from connector.services.insight.scope import Light, Lost, Scope, load_lights, load_sources, most_urgent, owners_of
from connector.services.insight.tree import cut, find, load_tree
from connector.services.reviews.ledger import load_ledger
from connector.store.tables import CheckIn
from connector.store.visibility import sees_key_result_in_hosts
from connector.views.forge import dashboard_pre_read
from connector.views.forge import dashboard_rows as rows
from connector.views.forge.dashboard_lines import load_lines
from connector.views.query import load_key_results

MOST_LINES = 30  # asks, blockers, missing updates
CARD_CHECK_INS = 5


@dataclass(frozen=True, slots=True)
class Shown:
    """What a template prints: its name (in ``panels/``) and what it needs."""

    template: str
    title: str
    values: dict[str, Any] = field(default_factory=dict)
    age: str = ""


@dataclass(frozen=True)
class _Look:
    """Everything that a view may ask."""

    session: Session
    viewer: Viewer
    config: Config
    scope: Scope
    lights: list[Light]
    now: datetime
    zone: tzinfo

    @cached_property
    def known(self) -> dict[str, Light]:
        return {each.id: each for each in self.lights}

    @cached_property
    def leads(self) -> Leads:
        return load_leads(self.session, self.viewer, self.scope, self.lights, self.now, self.zone, sort=self.config.sort)

    @property
    def today(self) -> Any:
        return self.now.astimezone(self.zone).date()


def show(session: Session, viewer: Viewer, config: Config, now: datetime, zone: tzinfo) -> Shown:
    """One view. What the settings name and is not here any more, and nothing to show, are views of their own."""
    today = now.astimezone(zone).date()
    try:
        scope = scope_of(session, viewer, config, today)
        look = _Look(session, viewer, config, scope, load_lights(session, viewer, scope, today), now, zone)
        title = rows.title_of(scope) if look.lights else "Key results"  # a name is told to those who may see what is behind it
        if not look.lights and not (config.view == "tree" and scope.cycles):
            return Shown("dashboard_empty.html", title, {"why": _nothing(scope, config), "config": config, "view": VIEWS[config.view]})
        values = _VIEWS[config.view](look)
    except Lost as lost:
        return Shown("dashboard_lost.html", VIEWS[config.view], {"what": lost.what, "view": VIEWS[config.view]})
    sources = load_sources(session, viewer, scope, now - rows.SILENT)
    common = {
        "config": config,
        "view": VIEWS[config.view],
        "when": rows.when_text(scope, now.astimezone(zone)),
        "late": rows.late_text(sources),
        "scope": scope,
    }
    return Shown(f"dashboard_{config.view}.html", title, common | values, rows.read_text(sources, now, zone))


def _nothing(scope: Scope, config: Config) -> str:
    if scope.ahead:
        return "cycle ahead"
    if not scope.cycles:
        return "no cycle"
    return "filtered" if config.team or config.forum or config.cycle else "none"


def _triage(look: _Look) -> dict[str, Any]:
    ordered = look.leads.ordered
    forums = sorted({each.forum for each in ordered}, key=lambda name: (not name, name.casefold()))
    parts: list[tuple[str, list[Light]]] = [("", list(ordered))]
    if look.config.group == "forum" and forums != [""]:
        parts = [(name or "No forum", [each for each in ordered if each.forum == name]) for name in forums]
    most = max(rows.LEAST, rows.MOST_ROWS // len(parts))
    placed = [(name, some, rows.places(some, most)) for name, some in parts]
    lines = load_lines(look.session, [each for _, _, shown in placed for each in shown])
    counts = Counter((each.forum, each.bucket) for each in look.lights)
    by_forum = [(name or "No forum", {bucket: counts[name, bucket] for bucket in Bucket}) for name in forums]
    return {
        "answers": rows.answers(look.leads, look.now, look.zone),
        "sections": [rows.section(name, some, shown, lines) for name, some, shown in placed],
        "by_forum": by_forum if len(forums) > 1 and len(parts) == 1 else [],
        "by_weight": look.config.sort == "weight",
        "exceptions": EXCEPTIONS,
    }


def _decisions(look: _Look) -> dict[str, Any]:
    """What is asked for, and what is being done about what was asked: overdue first, each with its owner and day."""
    points = look.leads.asks
    shown = points[:MOST_LINES]
    owners = owners_of(look.session, [each.key_result for each in shown])
    ledger = load_ledger(look.session, look.viewer, look.today, key_results=list(look.known))
    return {
        "asks": rows.asks_of(shown, look.known, owners, look.now, look.zone),
        "count": len(points),
        "more": len(points) - len(shown),
        "open": ledger.entries[:MOST_LINES],
        "open_count": ledger.counts["open"],
        "overdue_count": ledger.counts["overdue"],
        "day": wording.day_text,
    }


def _blockers(look: _Look) -> dict[str, Any]:
    points = load_blockers(look.session, [each.id for each in look.lights if each.blocked])
    shown = points[:MOST_LINES]
    owners = owners_of(look.session, [each.key_result for each in shown])
    return {
        "blockers": rows.blockers_of(shown, look.known, owners, look.now, look.zone),
        "count": len(points),
        "more": len(points) - len(shown),
    }


def _pre_read(look: _Look) -> dict[str, Any]:
    frozen = dashboard_pre_read.frozen(look.session, look.viewer, look.scope, look.now, MOST_LINES)
    if frozen is not None:
        return frozen
    asks = look.leads.asks
    blocked = load_blockers(look.session, [each.id for each in look.lights if each.blocked])
    dark = [each for each in look.lights if each.bucket is Bucket.CANNOT_TELL]  # whoever's update is due cannot be told
    standings = load_standings(look.session, dark, look.now, look.zone)
    missing = [each for each in standings if each.update in (Update.MISSING, Update.DRAFT)]
    owners = owners_of(look.session, [each.key_result for each in (*asks[:MOST_LINES], *blocked[:MOST_LINES])])
    ordered = look.leads.ordered
    off = [each for each in ordered if each.bucket in (Bucket.AT_RISK, Bucket.STALLED)]
    lines = load_lines(look.session, off[:MOST_LINES], drawn=False)
    return {
        "answers": rows.answers(look.leads, look.now, look.zone),
        "counts": rows.counted(look.lights),
        "key": "",
        "as_of": wording.moment_text(look.now, look.zone),
        "locks": dashboard_pre_read.locks(look.session, look.scope, look.now, look.zone),
        "off": [lines[each.id] for each in off[:MOST_LINES]],
        "more_off": max(0, len(off) - MOST_LINES),
        "ways": [(word, [each for each in ordered if each.moves == word]) for word in ("slipping", "outside", "flat")],
        "asks": rows.asks_of(asks[:MOST_LINES], look.known, owners, look.now, look.zone),
        "more_asks": max(0, len(asks) - MOST_LINES),
        "blockers": rows.blockers_of(blocked[:MOST_LINES], look.known, owners, look.now, look.zone),
        "more_blockers": max(0, len(blocked) - MOST_LINES),
        "missing": _missing(missing[:MOST_LINES], look),
        "more_missing": max(0, len(missing) - MOST_LINES),
    }


def _missing(standings: Sequence[Any], look: _Look) -> list[tuple[Light, str]]:
    """Key results whose update is due, longest first, with what is known of it. The subject is the number, never a person."""
    ordered = sorted(standings, key=lambda each: (each.due or look.now, each.light.id))
    return [
        (each.light, (f"last check-in {wording.local_day_text(each.last, look.zone)}" if each.last else "no check-in yet")
         + (", a draft waits" if each.update is Update.DRAFT else ""))
        for each in ordered
    ]  # fmt: skip


def _discipline(look: _Look) -> dict[str, Any]:
    standings = load_standings(look.session, look.lights, look.now, look.zone)
    missing = [each for each in standings if each.update in (Update.MISSING, Update.DRAFT)]
    teams = sorted({each.light.team for each in standings}, key=lambda name: (not name, name.casefold()))
    counts = Counter((each.light.team, each.update) for each in standings)
    table = [(name or "No team", {word: counts[name, word] for word in Update}) for name in teams]
    due = sum(each.update is not Update.NOT_DUE for each in standings)
    return {
        "words": list(Update),
        "teams": table[:MOST_LINES],
        "more_teams": max(0, len(table) - MOST_LINES),
        "total": {word: sum(each.update is word for each in standings) for word in Update},
        "due": due,
        "cadences": sorted({each.light.cadence for each in standings}, reverse=True),
        "missing": _missing(missing, look)[:MOST_LINES],
        "more_missing": max(0, len(missing) - MOST_LINES),
    }


def _busy(look: _Look) -> dict[str, Any]:
    found = find_busy(look.session, look.lights)
    shown = found.found[:MOST_LINES]
    lines = load_lines(look.session, [look.known[each.key_result] for each in shown])
    return {
        "found": [(each, lines[each.key_result], wording.day_text(each.since)) for each in shown],
        "judged": found.judged,
        "still": found.still,
        "output": found.output,
        "more": len(found.found) - len(shown),
    }


def _card(look: _Look) -> dict[str, Any]:
    """One key result; without a choice the most urgent one, said so."""
    chosen = look.config.key_result
    ident = chosen or most_urgent(look.lights, by=look.config.sort)[0].id
    found = load_key_results(look.session, look.viewer, [ident], look.now, look.zone).get(ident)
    if found is None or not sees_key_result_in_hosts(look.session, look.viewer, ident):
        raise Lost("key result")
    check_ins = look.session.execute(
        select(CheckIn.created_at, CheckIn.value, CheckIn.confidence)
        .where(CheckIn.key_result_id == ident, CheckIn.draft.is_(False))
        .order_by(CheckIn.id.desc())
        .limit(CARD_CHECK_INS)
    ).all()
    light = look.known.get(ident)
    return {
        "kr": found,
        "moves": light.moves if light else found.moves,
        "chosen": bool(chosen),
        "ask_age": rows.age(found.ask_since, look.now, look.zone),
        "check_ins": [
            (
                wording.local_day_text(row.created_at, look.zone),
                "no number" if row.value is None else wording.current_text(found.definition, row.value),
                row.confidence,
            )
            for row in check_ins
        ],
    }


def _tree(look: _Look) -> dict[str, Any]:
    roots = load_tree(look.session, look.viewer, look.scope, look.lights)
    if look.config.objective:
        chosen = find(roots, look.config.objective)
        if chosen is None:
            raise Lost("objective")
        roots = [chosen]
    shown = cut(roots, rows.MOST_ROWS)
    listed = [each for _, branch in shown.lines for each in branch.key_results] if shown.with_key_results else []
    lines = load_lines(look.session, listed, drawn=False)
    return {
        "lines": [
            {
                "depth": min(depth, 5),
                "branch": branch,
                "word": wording.STATE_WORDS[branch.state],
                "coverage": coverage_text(branch.progress),
                "percent": "" if branch.progress.progress is None else wording.percent_text(branch.progress.progress),
                "counts": [entry for entry in rows.counted(branch.key_results) if entry[2]],
                "key_results": [
                    rows.Row(lines[each.id], each.moves, each.bucket) for each in most_urgent(branch.key_results) if each.id in lines
                ],
            }
            for depth, branch in shown.lines
        ],
        "with_key_results": shown.with_key_results,
        "objectives": len(shown.lines),
        "left": [(wording.STATE_WORDS[state], count) for state, count in shown.left_out.items()],
        "left_count": sum(shown.left_out.values()),
        "key_results": len(look.lights),
    }


_VIEWS: dict[str, Callable[[_Look], dict[str, Any]]] = {
    "triage": _triage,
    "pre_read": _pre_read,
    "decisions": _decisions,
    "blockers": _blockers,
    "card": _card,
    "tree": _tree,
    "discipline": _discipline,
    "busy": _busy,
}


def preview(session: Session, viewer: Viewer, config: Config, now: datetime, zone: tzinfo) -> str:
    """One sentence on what the settings choose: "12 key results: 3 at risk, 1 stalled, 3 cannot tell, 5 on track"."""
    today = now.astimezone(zone).date()
    lights = load_lights(session, viewer, scope_of(session, viewer, config, today), today)
    if not lights:
        return "No key results that you may see."
    counts = ", ".join(f"{count} {word.lower()}" for _, word, count in rows.counted(lights) if count)
    return f"{len(lights)} {'key result' if len(lights) == 1 else 'key results'}: {counts}."
