"""What has drifted, as one viewer may know it: judged anew at every look, from last night's counts and what the mappings say of themselves.

Eight statements, whatever the number of mappings. Reads only.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session, aliased

from connector.domain.drift import Drift, database_gone, nobody_works_on, option_renamed, property_renamed, scope_jump
from connector.domain.model import Category, State
from connector.domain.rights import Viewer
from connector.services.mapping.unmapped import Landscape, effort_of, load_landscape
from connector.services.sources import database_name
from connector.store.tables import Cycle, DriftFinding, Item, KeyResult, MappingDay, MappingItem, Objective, Person, Team
from connector.store.tables import Mapping as MappingRow
from connector.store.visibility import READY, visible
from mappings.repository import Link, load_links
from mappings.rules import Empty, SelectorKind

WEEK = timedelta(days=7)
UNMAPPED = "done work not mapped"
BROKEN = "source broken"
_GONE = ("there is no database", "is in the trash", "in_trash", "not shared")
_ABOUT_DONE = re.compile(r"\b(status|statuscategory|resolution|resolved)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody who answers for a mapping."""

    id: int
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding. ``since`` None: it was not there in the last night. ``answers``: who is told, the first of them who may be.

    ``link`` is the mapping that it is about, None for one about a key result or a connection. ``hidden``: its objective is restricted
    or a draft.
    """

    kind: str
    subject: str
    sentence: str
    to_do: str
    connection: str
    key_result: str = ""
    title: str = ""
    link: Link | None = None
    since: datetime | None = None
    answers: tuple[Recipient, ...] = ()
    hidden: bool = False

    @property
    def mapping(self) -> int | None:
        """The mapping's id."""
        return self.link.id if self.link else None


@dataclass(frozen=True, slots=True)
class _Count:
    items: int
    done: int


@dataclass(frozen=True, slots=True)
class _Told:
    """What the database says of one mapping beside its rule."""

    owner: Recipient | None
    now: _Count | None
    week_ago: int | None


def find(session: Session, viewer: Viewer, today: date) -> list[Finding]:
    """All findings that the viewer may know of: broken sources first, then by key result; done work that nobody mapped last."""
    key_results = _key_results(session, viewer)
    links = [link for link in load_links(session) if link.key_result_id in key_results]
    told = _told(session, today)
    landscape = load_landscape(session, viewer, today, links)
    since = {(row.kind, row.subject): row.since for row in session.scalars(select(DriftFinding))}
    found: list[Finding] = []
    for link in links:
        found += _of_mapping(link, key_results[link.key_result_id], told.get(link.id))
    found.sort(key=lambda each: _ORDER.get(each.kind, 9))
    found += _of_key_results(links, key_results, told, today)
    found += _of_connections(landscape)
    return [_dated(each, since) for each in found]


_ORDER = {"database gone": 0, "property gone": 1, BROKEN: 2, "matches nothing": 3, "scope jump": 4, "property renamed": 5}


def _dated(each: Finding, since: Mapping[tuple[str, str], datetime]) -> Finding:
    begun = since.get((each.kind, each.subject))
    if begun is None:
        return each
    return replace(each, since=begun)


# --- reading -----------------------------------------------------------------------------------------------------------------


def _key_results(session: Session, viewer: Viewer) -> dict[str, Any]:
    owner, lead = aliased(Person), aliased(Person)
    query = (
        select(
            KeyResult.id,
            KeyResult.title,
            KeyResult.progress,
            KeyResult.state,
            Objective.stage,
            Objective.restricted,
            Cycle.start,
            Cycle.end,
            Cycle.started_at,
            owner.id.label("owner_id"),
            owner.name.label("owner"),
            owner.role.label("owner_role"),
            lead.id.label("lead_id"),
            lead.name.label("lead"),
            lead.role.label("lead_role"),
        )
        .join(Objective, Objective.id == KeyResult.objective_id)
        .join(Cycle, Cycle.id == Objective.cycle_id)
        .outerjoin(Team, Team.id == Objective.team_id)
        .outerjoin(owner, (owner.id == KeyResult.owner_id) & owner.active.is_(True))
        .outerjoin(lead, (lead.id == Team.lead_id) & lead.active.is_(True))
        .where(KeyResult.retired_at.is_(None), Objective.retired_at.is_(None), Objective.closed_at.is_(None), visible(viewer))
    )
    return {row.id: row for row in session.execute(query)}


def _told(session: Session, today: date) -> dict[int, _Told]:
    """Counts of the last night and of about a week before it, and owners. What had nothing open last night is counted now."""
    latest, before, newest, earlier = (aliased(MappingDay) for _ in range(4))
    last = select(func.max(newest.day)).where(newest.mapping_id == MappingRow.id).correlate(MappingRow).scalar_subquery()
    week = (
        select(func.max(earlier.day))
        .where(earlier.mapping_id == MappingRow.id, earlier.day <= today - WEEK, earlier.day >= today - 2 * WEEK)
        .correlate(MappingRow)
        .scalar_subquery()
    )
    rows = session.execute(
        select(
            MappingRow.id, Person.id.label("person"), Person.name, Person.role, latest.items, latest.done, before.items.label("week_ago")
        )
        .outerjoin(Person, (Person.id == MappingRow.owner_id) & Person.active.is_(True))
        .outerjoin(latest, (latest.mapping_id == MappingRow.id) & (latest.day == last))
        .outerjoin(before, (before.mapping_id == MappingRow.id) & (before.day == week))
        .where(MappingRow.retired_at.is_(None))
    ).all()
    nothing_open = (
        select(MappingRow.id)
        .join(latest, (latest.mapping_id == MappingRow.id) & (latest.day == last))
        .where(MappingRow.retired_at.is_(None), latest.items <= latest.done)
    )
    counted = session.execute(
        select(MappingItem.mapping_id, func.count(), func.sum(case((Item.category == Category.DONE.value, 1), else_=0)))
        .join(Item, Item.id == MappingItem.item_id)
        .where(MappingItem.mapping_id.in_(nothing_open), Item.gone_at.is_(None))
        .group_by(MappingItem.mapping_id)
    )
    live = {mapping: _Count(number, int(done)) for mapping, number, done in counted}
    found: dict[int, _Told] = {}
    for row in rows:
        now = None if row.items is None else _Count(row.items, row.done)
        if now is not None and now.items <= now.done:
            now = live.get(row.id, _Count(0, 0))
        found[row.id] = _Told(Recipient(row.person, row.name, row.role) if row.person else None, now, row.week_ago)
    return found


# --- judging -----------------------------------------------------------------------------------------------------------------


def _of_mapping(link: Link, key_result: Any, told: _Told | None) -> Iterator[Finding]:
    def finding(drift: Drift) -> Finding:
        answers = (*((told.owner,) if told and told.owner else ()), *_answer(key_result))
        return Finding(
            drift.kind,
            f"mapping:{link.id}",
            drift.sentence,
            drift.to_do,
            link.rule.connection,
            link.key_result_id,
            key_result.title,
            link,
            answers=answers,
            hidden=_is_hidden(key_result),
        )

    if link.broken:
        yield finding(_why_broken(link))
        return
    for name, new_name in link.resolved.renamed.items():
        yield finding(property_renamed(name, new_name))
    for name, options in link.resolved.options.items():
        for option, new_name in options.items():
            if option != new_name:
                yield finding(option_renamed(name, option, new_name))
    if not link.listed or told is None or told.now is None:
        return
    stands_for_itself = link.rule.selector.kind is SelectorKind.EPICS and link.rule.empty is Empty.OWN_STATUS
    jump = None if stands_for_itself and told.now.items == 0 else scope_jump(told.now.items, told.week_ago)
    if jump is not None:
        yield finding(jump)


def _why_broken(link: Link) -> Drift:
    reason = link.broken or ""
    lost = [name for name in link.resolved.missing if f"the field {name!r}" in reason]
    if lost:
        return property_renamed(lost[0])
    if link.rule.selector.kind is SelectorKind.DATABASE and any(words in reason for words in _GONE):
        return database_gone(database_name(link) or link.rule.selector.database)
    return Drift(BROKEN, reason, "mend the mapping, or switch it off; its last value is kept")


def _answer(key_result: Any) -> tuple[Recipient, ...]:
    """The key result's owner, then the lead of its team."""
    found = []
    if key_result.owner_id:
        found.append(Recipient(key_result.owner_id, key_result.owner, key_result.owner_role))
    if key_result.lead_id:
        found.append(Recipient(key_result.lead_id, key_result.lead, key_result.lead_role))
    return tuple(found)


def _is_hidden(key_result: Any) -> bool:
    return bool(key_result.restricted or key_result.stage != READY)


def _of_key_results(links: Sequence[Link], key_results: Mapping[str, Any], told: Mapping[int, _Told], today: date) -> Iterator[Finding]:
    by_key_result: dict[str, list[Link]] = defaultdict(list)
    for link in links:
        by_key_result[link.key_result_id].append(link)
    for ident, feeding in by_key_result.items():
        key_result = key_results[ident]
        runs = key_result.started_at is not None and key_result.start <= today <= key_result.end and key_result.stage == READY
        if not runs or key_result.state == State.CLOSED.value:
            continue
        drift = nobody_works_on(key_result.progress, _open_items(feeding, told))
        if drift is not None:
            names = ", ".join(dict.fromkeys(link.rule.connection for link in feeding))
            answers = _answer(key_result)
            subject = f"key_result:{ident}"
            told_so = (drift.kind, subject, drift.sentence, drift.to_do, names, ident, key_result.title)
            yield Finding(*told_so, answers=answers, hidden=_is_hidden(key_result))


def _open_items(links: Sequence[Link], told: Mapping[int, _Told]) -> int | None:
    """Open items over all mappings of a key result; None when one of them cannot tell."""
    total = 0
    for link in links:
        now = told[link.id].now if link.id in told else None
        if link.broken or not link.listed or now is None:
            return None
        if now.items == now.done and _may_leave_open_out(link):
            return None
        total += now.items - now.done
    return total


def _may_leave_open_out(link: Link) -> bool:
    """A filter or query that asks for done work shows no open work, whether there is any or not."""
    selector = link.rule.selector
    return bool(selector.filter) or bool(selector.jql and _ABOUT_DONE.search(selector.jql))


def _of_connections(landscape: Landscape) -> Iterator[Finding]:
    for each in landscape.looked:
        effort = effort_of(work for work in landscape.work if work.connection == each.name)
        if effort is not None and effort.share > 0:
            yield Finding(
                UNMAPPED,
                f"connection:{each.name}",
                effort.sentence,
                "map the epics that served a key result; say of the others that they need no mapping",
                each.name,
            )
