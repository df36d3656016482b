"""A decision as people edit it: read, entered, changed, closed, with their rights. What it means is said by ``decisions``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.rights import Act, Viewer
from connector.errors import Faults, Forbidden, InputError, NotFound
from connector.runtime import Runtime
from connector.services import decision_links, decisions
from connector.services.changes import check_version, version_of
from connector.services.decision_links import Offer
from connector.services.leads_wanted import want_changed
from connector.services.reviews.rights import active_person
from connector.services.rhythm.seats import held_forums, may_hold
from connector.services.row_check_ins.rows import want_decision
from connector.store.tables import Decision, KeyResult, Objective, Person, Team
from connector.store.visibility import sees_key_result

SOURCE = "page"
FIELDS = ("title", "owner", "due", "state", "outcome")
_MAY = "a decision is entered by those who hold the reviews of its forum, and changed by them and its owner"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A decision with what its page needs. ``view`` names people by address; ``version`` is that of the view."""

    row: Decision
    view: dict[str, Any]
    key_result_title: str
    asked_by: str
    may_edit: bool
    offers: tuple[Offer, ...]

    @property
    def version(self) -> str:
        """What a change names."""
        return version_of(self.view)

    @property
    def id(self) -> int:
        """The decision's number."""
        return self.row.id


def load(runtime: Runtime, viewer: Viewer, ident: int) -> Loaded:
    """One decision. Raises ``NotFound``, also for one of a key result that the viewer may not know of."""
    with runtime.store.read() as session:
        return _loaded(session, viewer, _find(session, viewer, ident))


def create(runtime: Runtime, viewer: Viewer, given: Mapping[str, Any]) -> Loaded:
    """Enter a decision for the key result ``key_result``. Raises ``InputError`` at the field, ``Forbidden``, ``NotFound``."""
    with runtime.store.write() as session:
        if not viewer.may(Act.WRITE) and not held_forums(session, viewer):
            raise Forbidden(_MAY)
        key_result = str(given.get("key_result") or "").strip()
        if not key_result:
            raise InputError("enter the key result's id", where="key_result")
        if not sees_key_result(session, viewer, key_result):
            raise NotFound(f"there is no key result {key_result!r}")
        _require(session, viewer, key_result, None)
        values = _values(session, given, key_result) | {"key_result_id": key_result, "kind": "other"}
        row = _in_words(lambda: decisions.create(session, viewer, values, runtime.now(), source=SOURCE))
        places = _follow(runtime, session, viewer, row, given)
        found = _loaded(session, viewer, row)
    _announce(runtime, places)
    return found


def update(runtime: Runtime, viewer: Viewer, ident: int, given: Mapping[str, Any], *, version: str | None = None) -> Loaded:
    """Change or close a decision. Raises ``InputError`` at the field, ``Stale``, ``Forbidden``, ``NotFound``."""
    with runtime.store.write() as session:
        row = _find(session, viewer, ident)
        _require(session, viewer, row.key_result_id, row)
        check_version(_view(session, row), version)
        values = _values(session, given, row.key_result_id)
        answered = row.state == decisions.ASKED and values.get("state", row.state) != decisions.ASKED
        _in_words(lambda: decisions.change(session, viewer, row, values, runtime.now()))
        if answered and row.decided_at is None:
            row.decided_at = runtime.now()
        if row.state != decisions.DONE:
            row.effect = None
        places = _follow(runtime, session, viewer, row, given)
        found = _loaded(session, viewer, row)
    _announce(runtime, places)
    return found


def _in_words(act: Any) -> Any:
    """What the ledger says of people and key results is said at the form's fields."""
    try:
        return act()
    except InputError as error:
        raise InputError(error.message, where={"owner_id": "owner", "key_result_id": "key_result"}.get(error.where, error.where)) from None


def _follow(runtime: Runtime, session: Session, viewer: Viewer, row: Decision, given: Mapping[str, Any]) -> set[int]:
    places = want_decision(session, row, runtime.epoch()) | want_changed(session, [row.key_result_id], runtime.epoch())
    wish = decision_links.checked_wish(session, viewer, row.key_result_id, given.get("issue"))
    if wish is not None:
        if row.state != decisions.OPEN:
            raise InputError("only an open decision becomes an issue or row; give it an owner and a due date", where="issue")
        places |= decision_links.want_issue(session, row, wish, runtime.epoch(), runtime.now())
    return places


def _announce(runtime: Runtime, places: set[int]) -> None:
    for connection_id in sorted(places):
        runtime.queue.nudge("drain", connection_id)


def _find(session: Session, viewer: Viewer, ident: int) -> Decision:
    row = session.get(Decision, ident)
    if row is None or not sees_key_result(session, viewer, row.key_result_id):
        raise NotFound(f"there is no decision {ident}")
    return row


def _may_edit(session: Session, viewer: Viewer, key_result_id: str, row: Decision | None) -> bool:
    if row is not None and viewer.person_id is not None and row.owner_id == viewer.person_id:
        return True
    forum = session.scalar(
        select(Team.forum_id)
        .join(Objective, Objective.team_id == Team.id)
        .join(KeyResult, KeyResult.objective_id == Objective.id)
        .where(KeyResult.id == key_result_id)
    )
    return may_hold(session, viewer, forum or 0)


def _require(session: Session, viewer: Viewer, key_result_id: str, row: Decision | None) -> None:
    if not _may_edit(session, viewer, key_result_id, row):
        raise Forbidden(_MAY)


def _values(session: Session, given: Mapping[str, Any], key_result_id: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    faults: list[InputError] = []
    for name in FIELDS:
        if name not in given:
            continue
        text = str(given[name] or "").strip()
        try:
            if name == "owner":
                found["owner_id"] = active_person(session, text, "owner", key_result_id).id if text else None
            elif name == "due":
                found["due"] = _day(text)
            else:
                found[name] = text
        except InputError as error:
            faults.append(error)
    if faults:
        raise Faults(faults)
    return found


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError("this is no day; choose one such as 2026-11-30", where="due") from None


def _view(session: Session, row: Decision) -> dict[str, Any]:
    whole = decisions.view(session, row)
    return {name: whole[name] for name in FIELDS}


def _loaded(session: Session, viewer: Viewer, row: Decision) -> Loaded:
    title = session.scalar(select(KeyResult.title).where(KeyResult.id == row.key_result_id)) or row.key_result_id
    asked_by = session.scalar(select(Person.name).where(Person.id == row.asked_by_id)) if row.asked_by_id is not None else ""
    may_edit = _may_edit(session, viewer, row.key_result_id, row)
    linked = bool((row.link or {}).get("ref"))
    offered = [] if linked or not may_edit else decision_links.offers(session, [row.key_result_id]).get(row.key_result_id, [])
    return Loaded(row, _view(session, row), title, asked_by or "", may_edit, tuple(offered))
