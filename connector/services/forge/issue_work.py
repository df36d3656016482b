"""How much of the linked work is done, and which part of it is this issue's. Pure: counts items of the mirror by the mappings' own rules.

Points where a mapping measures points, else issues. Each item counts once, also when two mappings hold it. Nothing here is a value
of the key result; that is the roll-up's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from connector.domain.model import Category, Item
from mappings.repository import Link
from mappings.rules import POINTS, Counted, measure

POINT, ISSUE = "point", "issue"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the work: ``done`` of ``total`` in the unit of the whole, from ``items`` items."""

    done: float
    total: float
    items: int


@dataclass(frozen=True, slots=True)
class Work:
    """The linked work of a key result at one connection.

    ``unit``: "point" or "issue" · ``finished``, ``started``, ``waiting``, ``untold``: items by where they stand · ``without``: items
    without points · ``left_out``: items that a mapping leaves out as won't do · ``epic``: what lies below the named epic, None where
    the issue serves through none · ``own``: the issue itself, None when it is not counted · ``own_done``: None when nobody can tell.
    """

    unit: str
    whole: Part
    finished: int
    started: int
    waiting: int
    untold: int
    without: int
    left_out: int
    epic: Part | None
    own: Part | None
    own_done: bool | None


def work_of(links: Sequence[Link], items: Mapping[int, Sequence[Item]], ref: str, epic: str) -> Work | None:
    """The work behind ``links`` (``items`` by mapping), seen from the issue ``ref`` below ``epic``; None when nothing is linked."""
    known: dict[str, Item] = {}
    counted: dict[str, Counted] = {}
    for link in links:
        here = items.get(link.id, ())
        known.update((item.ref, item) for item in here)
        for entry in measure(link.rule, link.resolved, here).counted:
            held = counted.get(entry.ref)
            # An item that one mapping leaves out and another counts is counted; one that has points in one has points.
            if held is None or held.excluded or (held.number is None and not entry.excluded):
                counted[entry.ref] = entry
    if not counted:
        return None
    points = any(link.rule.measure.kind in POINTS for link in links)
    live = [entry for entry in counted.values() if not entry.excluded]
    below = _below(known, epic)
    own = counted.get(ref)
    return Work(
        unit=POINT if points else ISSUE,
        whole=_part(live, points),
        finished=sum(entry.done is True for entry in live),
        started=sum(entry.done is False and known[entry.ref].category is Category.STARTED for entry in live),
        waiting=sum(entry.done is False and known[entry.ref].category is not Category.STARTED for entry in live),
        untold=sum(entry.done is None for entry in live),
        without=sum(entry.number is None for entry in live) if points else 0,
        left_out=len(counted) - len(live),
        epic=_part([entry for entry in live if entry.ref in below], points) if epic else None,
        own=_part([own], points) if own is not None and not own.excluded else None,
        own_done=own.done if own is not None else None,
    )


def _part(entries: Sequence[Counted], points: bool) -> Part:
    return Part(
        math.fsum(_size(entry, points) for entry in entries if entry.done is True),
        math.fsum(_size(entry, points) for entry in entries),
        len(entries),
    )


def _size(entry: Counted, points: bool) -> float:
    return (entry.number or 0.0) if points else 1.0


def _below(known: Mapping[str, Item], epic: str) -> set[str]:
    """The refs of the items below an epic, of their subtasks too."""
    children = {item.ref for item in known.values() if epic in item.parents}
    return children | {item.ref for item in known.values() if not children.isdisjoint(item.parents)} if epic else set()
