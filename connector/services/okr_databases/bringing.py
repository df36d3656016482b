"""What a row says of a key result's value and last update comes with it, once, when it becomes one. Calls no host.

Later edits are updates of their own. What cannot be used is left in the row; whoever edits it next is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from connector.domain.checkin import CheckInDraft, parse_check_in
from connector.domain.model import FieldValue, Unknown
from connector.domain.okr_columns import BLOCKER, COMMENT, CONFIDENCE, DECISION, VALUE
from connector.domain.row_drafts import number_of
from connector.errors import InputError
from connector.hosts.okr_databases import Row
from connector.services.check_ins.filing import note_value
from connector.services.exchange.saving import imported_check_in, imported_reading
from connector.services.row_check_ins.rows import FROM_ROW
from connector.store.tables import CheckIn, KeyResult, Reading

_WORDS = {CONFIDENCE: "confidence", BLOCKER: "blocker", DECISION: "decision", COMMENT: "comment"}


def bring_along(session: Session, key_result: str, row: Row, *, actor: str, author: int | None, now: datetime, origin: str) -> None:
    """Store the value and the words of a row as those of the key result that was just made from it, as imported from ``origin``.

    ``author``: the person who said so, where that is known; a number that they typed is told by them.
    """
    kept = session.get_one(KeyResult, key_result)
    try:
        value = number_of(row.values.get(VALUE), "")
    except ValueError:
        value = None
    told = author is not None and value is not None  # what a person typed into a new row is an update of theirs
    if value is not None and not told:
        session.add(Reading(**imported_reading(key_result, value, None, actor=actor, source=origin, now=now)))
    if value is not None:
        kept.current, kept.as_of = value, now
    said = {name: found for name in _WORDS if (found := _said(name, row.values.get(name))) is not None}
    if said or told:
        columns = imported_check_in(key_result, {CONFIDENCE: None, BLOCKER: None, **said}, None, now)
        columns |= {name: said[name] for name in (DECISION, COMMENT) if name in said} | {"author_id": author, "value": value}
        check_in = CheckIn(**columns | ({"source": FROM_ROW} if told else {}))
        session.add(check_in)
        session.flush()
        if told:
            note_value(session, kept, check_in, actor, now, {"file": origin})
        kept.confidence, kept.blocker, kept.decision_needed = columns["confidence"], columns["blocker"], columns["decision"]
    session.flush()


def _said(name: str, value: FieldValue) -> Any:
    """One field of an update, None for what is empty or none of its values."""
    if value is None or value in ("", ()) or isinstance(value, Unknown):
        return None
    given: Mapping[str, object] = {_WORDS[name]: int(value) if isinstance(value, float) and value.is_integer() else value}
    try:
        draft: CheckInDraft = parse_check_in(given)
    except InputError:
        return None
    found = getattr(draft, _WORDS[name])
    return found.value if name == DECISION and found is not None else found or None
