"""The frozen pre-read as a leads' page in a host tells it. What it says never changes, so neither does the section."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from connector.domain import pre_read
from connector.domain.leads_page import Piece
from connector.domain.plain_text import TITLE, one_line
from connector.domain.pre_read import Entry, Snapshot
from connector.services.rhythm.delivering import path_of
from connector.store.tables import Review

NAMED, LISTED = 6, 10  # names in a line; entries: a block takes a hundred stretches of text
Line = tuple[Piece, ...]


class Addresses(Protocol):
    """What knows the ways to our pages."""

    @property
    def address(self) -> Callable[[str], str]:
        """A page of ours by its path; "" where we have no address that others can open."""
        ...


def frozen_lines(look: Addresses, review: Review, snapshot: Snapshot) -> list[Line]:
    """The id, the three answers, asks, stalled and at risk, updates that were missing, sources in trouble."""

    def link(each: Entry) -> Piece:
        return Piece(one_line(each.title, TITLE), link=look.address(f"/key-results/{each.id}"))

    named = Piece(snapshot.key, bold=True, link=look.address(path_of(review.id)))
    lines: list[Line] = [(named, Piece(f", {pre_read.frozen_words(snapshot)}, review {snapshot.starts_text}"))]
    if snapshot.nothing:
        return [*lines, (Piece(snapshot.nothing),)]
    told = snapshot.answers
    for question, (bold, rest) in (
        ("Are we moving? ", told.moving),
        ("Where are we off track? ", told.off_track),
        ("What decision is needed now? ", told.decisions),
    ):
        lines.append((Piece(question), Piece(bold, bold=True), Piece(rest)))
    asking = pre_read.asking(snapshot)
    rest_of = [each for each in pre_read.off_track(snapshot) if each.ask is None]
    entries = [*asking, *rest_of]
    for each in entries[:LISTED]:
        lines += _entry(each, link(each))
    if len(entries) > LISTED:
        lines.append((Piece(f"+{len(entries) - LISTED} more off track", link=look.address(path_of(review.id))),))
    if missing := pre_read.missing(snapshot):
        lines.append((Piece("Updates still to come: "), Piece(str(len(missing)), bold=True), *_names(missing, link)))
    if snapshot.overdue:
        lines.append((Piece("Open decisions past the due date: "), Piece(str(snapshot.overdue), bold=True)))
    for source in pre_read.sources_in_trouble(snapshot)[:NAMED]:
        lines.append((Piece(f"Source {one_line(source.name, TITLE)}: {source.text}"),))
    return lines


def _entry(each: Entry, named: Piece) -> list[Line]:
    owner = one_line(each.owner, TITLE) or "ownerless"
    why = f" · {one_line(' · '.join(each.reasons))}" if each.reasons else ""
    head: Line = (Piece(each.state_word, bold=True), Piece(" · "), named, Piece(f" · {owner}{why}"))
    confidence = f"confidence {each.confidence} of 10" if each.confidence is not None else "no confidence given yet"
    blocker, ask = "none", "none"
    if each.blocker is not None:
        blocker = " ".join(part for part in (each.blocker.text, each.blocker.since_text) if part)
    if each.ask is not None:
        said = f"{each.ask.word}: {each.ask.text}" if each.ask.text else each.ask.word
        ask = " ".join(part for part in (said, each.ask.since_text) if part)
    parts = [each.sentence, each.movement_text, confidence, f"blocker: {blocker}", f"ask: {ask}"]
    return [head, (Piece(" · ".join(one_line(part) for part in parts)),)]


def _names(entries: Sequence[Entry], link: Callable[[Entry], Piece]) -> list[Piece]:
    found: list[Piece] = []
    for place, each in enumerate(entries[:NAMED]):
        found += [Piece(", " if place else " · "), link(each)]
    return [*found, Piece(f", +{len(entries) - NAMED} more")] if len(entries) > NAMED else found
