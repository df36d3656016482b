"""What saving an objective or a key result has in common: ids from titles, texts that can be shown anywhere, the work that follows."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from connector.errors import Faults, InputError
from connector.runtime import Runtime
from connector.services.changes import version_of
from connector.services.declare import reading
from connector.services.declare.aftermath import WorkToDo
from connector.services.declare.document import Document
from connector.services.declare.reading import Notes
from connector.store.tables import Audit, KeyResult, Objective
from mappings.repository import load_links
from mappings.rules import SelectorKind

View = dict[str, Any]

LONGEST_ID = 64
_ROOM = 4  # characters of an id that a number behind it may take
_LETTERS = str.maketrans({"ø": "o", "æ": "ae", "ß": "ss", "ł": "l", "đ": "d", "þ": "th", "œ": "oe"})
_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # change the direction of what stands behind them


@dataclass(frozen=True, slots=True)
class Saved:
    """What was saved: the view as it is now with its version, what changed that needed a reason, and remarks for the person."""

    id: str
    view: View
    changed: tuple[str, ...] = ()
    late: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def version(self) -> str:
        """What the next save has to name."""
        return version_of(self.view)


class _Unplaced(Document):
    """Data that came without a file: errors name the field, and no line."""

    def placed(self, error: InputError) -> InputError:
        return error


def new_notes() -> Notes:
    """Where the errors of one form or body are gathered."""
    return Notes(_Unplaced(None))


def raise_noted(notes: Notes) -> None:
    """Raise ``Faults`` with everything noted, if there is anything."""
    if notes.errors:
        raise Faults(notes.errors)


def title(value: Any, where: str) -> str:
    """A title that can be shown on pages, in hosts and on terminals: one line, at most 500 characters, with words in it."""
    found = plain_text(value, where)
    if not any(sign.isalnum() for sign in found):
        raise InputError("holds no word; enter what is to be reached", where=where)
    return found


def plain_text(value: Any, where: str) -> str:
    """Text of one line without signs that cannot be seen or that turn what stands behind them."""
    found = reading.text(value, where)
    for sign in found:
        if unicodedata.category(sign) in ("Cc", "Cs"):
            raise InputError(f"holds the control sign U+{ord(sign):04X}; remove it", where=where)
        if sign in _TURNS:
            raise InputError(f"holds the sign U+{ord(sign):04X}, which turns the direction of text; remove it", where=where)
    return found


def new_id(session: Session, table: type[Objective] | type[KeyResult], text: str, prefix: str, fallback: str) -> str:
    """A free id from a title: "kr-churn-below-2"; with a number behind it when others have it, retired ones too."""
    plain = unicodedata.normalize("NFKD", text.lower().translate(_LETTERS)).encode("ascii", "ignore").decode()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    stem = (prefix + (words or fallback))[: LONGEST_ID - _ROOM].strip("-")
    taken = set(session.scalars(select(table.id).where(or_(table.id == stem, table.id.like(f"{stem}-%")))))
    return next(name for number in range(1, len(taken) + 2) if (name := stem if number == 1 else f"{stem}-{number}") not in taken)


def given_id(session: Session, table: type[Objective] | type[KeyResult], value: Any, what: str) -> str:
    """An id that a person chose. Raises ``InputError`` when it is none or is taken."""
    found = reading.slug(value, "id")
    if session.get(table, found) is not None:
        raise InputError(f"the id {found} is taken; choose another, or leave it empty to have one made from the {what}", where="id")
    return found


def touch(session: Session, work: WorkToDo, key_results: Iterable[str], objectives: Iterable[Objective] = ()) -> None:
    """Note what shows these: their panels at epics and on pages. Call it before rows are retired, which takes their mappings away."""
    ids = list(key_results)
    work.key_results.update(ids)
    for link in load_links(session, key_results=ids) if ids else ():
        if link.rule.selector.kind is SelectorKind.EPICS:
            work.places.update((link.connection_id, ref) for ref in link.resolved.refs.values())
    for objective in objectives:
        work.objectives.add(objective.id)
        work.places.update((page["connection"], page["ref"]) for page in objective.pages or ())


def announce(runtime: Runtime, work: WorkToDo) -> None:
    """After the commit: have computed what is wanted, and panels written where something shows."""
    runtime.queue.nudge("settle")
    for connection_id in sorted({connection_id for connection_id, _ in work.places} | work.connections):
        runtime.queue.nudge("drain", connection_id)


def last_actor(session: Session, entity: str, ident: str) -> str:
    """Who changed a thing last, as the audit trail says it; "" when nobody has."""
    query = select(Audit.actor).where(Audit.entity == entity, Audit.entity_id == ident, Audit.action != "check_in")
    return session.scalar(query.order_by(Audit.id.desc()).limit(1)) or ""


def reordered(ids: Sequence[str], positions: Mapping[str, int], ident: str, step: int) -> dict[str, int]:
    """New positions after moving ``ident`` one up (-1) or down (1) among ``ids``, which are in their order; {} at the end of the list.

    Positions rise strictly afterwards, also when several were equal before.
    """
    order = list(ids)
    place = order.index(ident)
    other = place + step
    if not 0 <= other < len(order):
        return {}
    order[place], order[other] = order[other], order[place]
    found: dict[str, int] = {}
    next_free = 0
    for name, position in zip(order, sorted(positions[name] for name in order), strict=True):
        next_free = max(next_free, position)
        found[name] = next_free
        next_free += 1
    return {name: position for name, position in found.items() if positions[name] != position}
