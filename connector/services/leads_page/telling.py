"""What a leads' page says: where things stand, the pre-read, decisions due, blockers by age. Reads only.

The same facts as the Jira dashboard's. Only what hosts may show to everybody; times instead of ages, so that a section changes only when
something in it has. What does not fit is counted, with the way to our pages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy.orm import Session

from connector.domain import wording
from connector.domain.buckets import WORDS, Bucket
from connector.domain.leads_page import Piece, Section
from connector.domain.model import DecisionKind, State
from connector.domain.panel import KeyResultPanel
from connector.domain.plain_text import TITLE, one_line
from connector.domain.rights import Viewer
from connector.services import decisions
from connector.services.facts import load_facts
from connector.services.insight.answering import ASK_WORDS
from connector.services.insight.discipline import Update, load_standings
from connector.services.insight.leads import Leads, load_leads
from connector.services.insight.open_points import Point, load_blockers
from connector.services.insight.scope import Light, Lost, Scope, find_scope, load_lights, most_urgent, owners_of
from connector.services.leads_page.pre_reading import frozen_lines
from connector.services.panels.building import describe_key_result
from connector.services.reviews.last import last_lines
from connector.services.rhythm import pre_reads

READER = Viewer("host", "viewer")  # nobody's own: sees what is neither restricted nor a draft
STAND, PRE_READ, DECISIONS, BLOCKERS, LAST = "stand", "pre_read", "decisions", "blockers", "last_review"
HEADINGS = {
    STAND: "Where we stand",
    PRE_READ: "Pre-read",
    DECISIONS: "Decisions due",
    BLOCKERS: "Blockers, oldest first",
    LAST: "Last review",
}
NAMED = 8  # names in a list of one line
LISTED = 14  # entries of a section: a block takes a hundred stretches of text

Line = tuple[Piece, ...]


@dataclass(frozen=True)
class Look:
    """Everything that a section may ask. ``base``: where our pages are."""

    session: Session
    scope: Scope
    lights: list[Light]
    base: str
    now: datetime
    zone: Any

    @cached_property
    def known(self) -> dict[str, Light]:
        """The key results by id."""
        return {each.id: each for each in self.lights}

    @cached_property
    def leads(self) -> Leads:
        """The same lists, asks and answers as our page's and the Jira dashboard's."""
        return load_leads(self.session, READER, self.scope, self.lights, self.now, self.zone)

    @property
    def asks(self) -> Sequence[Point]:
        """The open asks, oldest first."""
        return self.leads.asks

    def link(self, ident: str) -> Piece:
        """A key result's title with the way to its page."""
        return Piece(one_line(self.known[ident].title, TITLE), link=self.address(f"/key-results/{ident}"))

    def address(self, path: str) -> str:
        """A page of ours; "" where we have no address that others can open."""
        return f"{self.base}{path}" if self.base else ""

    def day(self, moment: datetime | None, word: str = "since") -> str:
        """ "since 9 Nov", "" when nobody can tell."""
        return f"{word} {wording.local_day_text(moment, self.zone)}" if moment else ""

    def more(self, count: int, what: str) -> list[Line]:
        """The line that counts what did not fit."""
        return [(Piece(f"+{count} more {what}", link=self.address("/")),)] if count > 0 else []


def tell(session: Session, options: Mapping[str, Any], base: str, now: datetime, zone: Any) -> tuple[Section, ...]:
    """The sections of a leads' page, in their order. ``options``: ids as text, ``forum``, ``team``, ``cycle``."""
    today = now.astimezone(zone).date()
    try:
        wishes = {name: str(options.get(name) or "") for name in ("team", "forum", "cycle")}
        scope = find_scope(session, today, **wishes)
    except Lost as lost:
        return _only(f"The {lost.what} that this page shows is not here any more: an admin of okr-connector chooses another.")
    lights = load_lights(session, READER, scope, today)
    if not lights:
        return _only("No key results can be shown here yet." if scope.cycles else "No cycle has been started yet.")
    look = Look(session, scope, lights, base, now, zone)
    return tuple(Section(key, HEADINGS[key], tuple(lines(look)), state(look)) for key, lines, state in _SECTIONS)


def _only(text: str) -> tuple[Section, ...]:
    """A page with one thing to say keeps its sections: they come back in their places."""
    rest = tuple(Section(key, heading, ((Piece("Nothing to show now."),),)) for key, heading in HEADINGS.items() if key != STAND)
    return (Section(STAND, HEADINGS[STAND], ((Piece(text),),)), *rest)


# --- 1: where we stand ---------------------------------------------------------------------------------------------------


def _stand(look: Look) -> list[Line]:
    told = look.leads.answers(look.day)
    whose = [look.scope.forum_name, look.scope.team_name, *(f"cycle {each.name}" for each in look.scope.cycles.values())]
    lines: list[Line] = [(Piece(" · ".join(one_line(part, TITLE) for part in whose if part)),)]
    for question, (bold, rest) in (
        ("Are we moving? ", told.moving),
        ("Where are we off track? ", told.off_track),
        ("What decision is needed now? ", told.decisions),
    ):
        lines.append((Piece(question), Piece(bold, bold=True), Piece(rest)))
    for bucket, inside in look.leads.lists:
        lines.append((Piece(f"{WORDS[bucket]}: {len(inside)}", bold=True), *_names(look, inside, linked=bucket is not Bucket.CLOSED)))
    return lines


def _names(look: Look, lights: Sequence[Light], *, linked: bool) -> list[Piece]:
    found: list[Piece] = []
    for place, each in enumerate(lights[:NAMED]):
        name = look.link(each.id)
        found += [Piece(", " if place else " · "), name if linked else Piece(name.text)]
    return [*found, Piece(f", +{len(lights) - NAMED} more")] if len(lights) > NAMED else found


def _worst(look: Look) -> State | None:
    buckets = {each.bucket for each in look.lights}
    shapes = {
        Bucket.AT_RISK: State.AT_RISK,
        Bucket.STALLED: State.STALLED,
        Bucket.CANNOT_TELL: State.NO_DATA,
        Bucket.ON_TRACK: State.ON_TRACK,
    }
    return next((shapes[bucket] for bucket in Bucket if bucket in buckets and bucket in shapes), State.CLOSED)


# --- 2: the pre-read -----------------------------------------------------------------------------------------------------


def _pre_read(look: Look) -> list[Line]:
    """Those that ask for something first, then the stalled, then those at risk; then the updates that are due.

    From the lock until the review is closed the frozen one, with its id.
    """
    if (found := pre_reads.bound(look.session, look.scope, look.now)) is not None:
        return frozen_lines(look, found[0], pre_reads.for_everybody(look.session, found[1]))
    ordered = most_urgent(look.lights)
    asking = [look.known[each.key_result] for each in look.asks]
    rest = [each for bucket in (Bucket.STALLED, Bucket.AT_RISK) for each in ordered if each.bucket is bucket and not each.ask]
    entries = [*asking, *rest]
    shown = entries[:LISTED]
    since = {each.key_result: each.since for each in look.asks}
    facts = load_facts(look.session, [each.id for each in shown], computing=False)
    lines: list[Line] = [] if entries else [(Piece("Nothing is off track, and nothing is asked for."),)]
    for each in shown:
        if each.id in facts:
            lines += _entry(look, describe_key_result(facts[each.id], look.base, look.now, look.zone), since.get(each.id))
    lines += look.more(len(entries) - len(shown), "off track")
    if missing := _missing(look):
        lines.append((Piece("Updates that are due: "), Piece(str(len(missing)), bold=True), *_names(look, missing, linked=True)))
    if changes := [at for each in shown if each.id in facts and (at := facts[each.id].row.updated_at) is not None]:
        lines.append((Piece(f"As of {wording.moment_text(max(changes), look.zone)}, the last change among these"),))
    return lines


def _entry(look: Look, each: KeyResultPanel, asked: datetime | None) -> list[Line]:
    owner = one_line(each.owner, TITLE) or "ownerless"
    why = f" · {one_line(each.reason)}" if each.reason else ""
    head: Line = (Piece(each.state_word, bold=True), Piece(" · "), look.link(each.id), Piece(f" · {owner}{why}"))
    confidence = f"confidence {each.confidence} of 10" if each.confidence is not None else "no confidence given yet"
    ask = "none"
    if each.decision is not DecisionKind.NONE:
        ask = " ".join(part for part in (each.decision.value, look.day(asked)) if part)
    parts = [each.sentence, each.movement_text, confidence, f"blocker: {each.blocker or 'none'}", f"ask: {ask}"]
    return [head, (Piece(" · ".join(one_line(part) for part in parts)),)]


def _missing(look: Look) -> list[Light]:
    """Key results whose update is due: whoever's update is due cannot be told."""
    dark = [each for each in look.lights if each.bucket is Bucket.CANNOT_TELL]
    standings = load_standings(look.session, dark, look.now, look.zone)
    due = [each for each in standings if each.update in (Update.MISSING, Update.DRAFT)]
    return [each.light for each in sorted(due, key=lambda each: (each.due or look.now, each.light.id))]


# --- 3: decisions --------------------------------------------------------------------------------------------------------


def _decisions(look: Look) -> list[Line]:
    """Decisions that are asked for or under way: what is due first, by day, then what was asked for, the oldest first."""
    today = look.now.astimezone(look.zone).date()
    found = decisions.open_decisions(look.session, hosts=True, key_results=list(look.known))
    named = {each.key_result for each in found}
    asked: list[tuple[float, Line]] = []
    lines: list[Line] = []
    for each in found:
        due = ""
        if each.due is not None:
            due = f"{'overdue, ' if each.due < today else ''}due {wording.day_text(each.due)}"
        who = one_line(each.owner, TITLE) or "nobody has taken it up"
        when = due or f"asked {look.day(each.asked_at)}"
        title = each.title.removesuffix(f": {each.key_result_title}")  # its name follows, with the way to it
        line = (Piece(when, bold=True), Piece(f" · {one_line(title)} · {who} · "), look.link(each.key_result))
        if due:
            lines.append(line)
        else:
            asked.append((each.asked_at.timestamp(), line))
    for ask in look.asks:
        if ask.key_result not in named:
            when = f"asked {look.day(ask.since)}" if ask.since else "asked, since when is not known"
            said = f" · {one_line(ask.text)}" if ask.text else ""
            line = (Piece(when, bold=True), Piece(f" · {ASK_WORDS[ask.kind]}{said} · "), look.link(ask.key_result))
            asked.append((ask.since.timestamp() if ask.since else float("inf"), line))
    lines += [line for _, line in sorted(asked, key=lambda each: each[0])]
    return [*lines[:LISTED], *look.more(len(lines) - LISTED, "to decide")] or [(Piece("No decision is asked for."),)]


# --- 4: blockers ---------------------------------------------------------------------------------------------------------


def _blockers(look: Look) -> list[Line]:
    points = load_blockers(look.session, [each.id for each in look.lights if each.blocked])
    shown = points[:LISTED]
    owners = owners_of(look.session, [each.key_result for each in shown])
    lines: list[Line] = []
    for each in shown:
        named: Line = (Piece(" · "), Piece(one_line(each.key or "open", TITLE), link=each.address)) if each.address else ()
        owner = one_line(owners.get(each.key_result, ""), TITLE) or "ownerless"
        since = look.day(each.since, "blocked since") or "blocked, since when is not known"
        lines.append(
            (Piece(since, bold=True), Piece(f" · {one_line(each.text)}"), *named, Piece(f" · {owner} · "), look.link(each.key_result))
        )
    return [*lines, *look.more(len(points) - len(shown), "blockers")] or [(Piece("No blocker is named."),)]


# --- 5: the last review --------------------------------------------------------------------------------------------------


def _last_review(look: Look) -> list[Line]:
    title, path, told = last_lines(look.session, list(look.known), look.scope.forum)
    if not title:
        return [(Piece("No review was closed yet."),)]
    head: Line = (Piece(one_line(title, TITLE), bold=True, link=look.address(path)),)
    return [head, *((Piece(one_line(line)),) for line in told[:LISTED])]


def _no_state(look: Look) -> None:
    return None


_SECTIONS: tuple[tuple[str, Callable[[Look], list[Line]], Callable[[Look], State | None]], ...] = (
    (STAND, _stand, _worst),
    (PRE_READ, _pre_read, _no_state),
    (DECISIONS, _decisions, _no_state),
    (BLOCKERS, _blockers, _no_state),
    (LAST, _last_review, _no_state),
)
