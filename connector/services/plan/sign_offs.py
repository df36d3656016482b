"""A champion's word on the wording of key results: signed, or returned with a suggested wording. Nothing of it is overwritten (R017)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from connector.domain.rights import Act, Viewer
from connector.errors import Conflict, Faults, InputError, NotFound
from connector.runtime import Runtime
from connector.services.changes import check_version, record, require
from connector.services.plan import key_results, saving
from connector.services.plan.saving import Saved
from connector.store.tables import KeyResult, Person, SignOff

SIGNED, RETURNED = "signed", "returned"
LONGEST_COMMENT = 280


@dataclass(frozen=True, slots=True)
class Word:
    """One sign-off. ``title`` is the wording that was judged; ``by`` a name, "" when it was no person's token."""

    id: int
    key_result: str
    verdict: str
    title: str
    suggestion: str
    comment: str
    by: str
    at: datetime


def state_of(word: Word | None, title: str) -> str:
    """ "signed", "returned", "reworded" (since the last word) or "not judged"."""
    if word is None:
        return "not judged"
    return word.verdict if word.title == title else "reworded"


def history(session: Session, key_result_id: str) -> list[Word]:
    """All words on one key result, newest first. The caller has made sure that the viewer may know of it."""
    rows = session.execute(
        select(SignOff, Person.name)
        .outerjoin(Person, Person.id == SignOff.person_id)
        .where(SignOff.key_result_id == key_result_id)
        .order_by(SignOff.id.desc())
    )
    return [_word(row, name) for row, name in rows]


def last_words(session: Session, ids: Collection[str]) -> dict[str, Word]:
    """The last word on each of some key results."""
    newest = select(func.max(SignOff.id)).where(SignOff.key_result_id.in_(ids)).group_by(SignOff.key_result_id)
    rows = session.execute(select(SignOff, Person.name).outerjoin(Person, Person.id == SignOff.person_id).where(SignOff.id.in_(newest)))
    return {row.key_result_id: _word(row, name) for row, name in rows}


def sign_off(
    runtime: Runtime,
    viewer: Viewer,
    key_result_id: str,
    verdict: Any,
    *,
    suggestion: Any = "",
    comment: Any = "",
    title: str | None = None,
) -> Word:
    """Sign a key result's wording, or return it with a ``suggestion``. ``title`` is the wording that was looked at.

    Raises ``Faults``, ``Stale`` when the wording is another one by now, ``NotFound``, ``Forbidden``.
    """
    require(viewer, Act.SIGN_OFF)
    with runtime.store.write() as session:
        row, _, _ = key_results.find(session, viewer, key_result_id)
        check_title(row, title)
        suggestion, comment = _read(row, verdict, suggestion, comment)
        entry = SignOff(
            key_result_id=row.id,
            person_id=viewer.person_id,
            verdict=verdict,
            title=row.title,
            suggestion=suggestion,
            comment=comment,
            at=runtime.now(),
        )
        session.add(entry)
        session.flush()
        told = {"verdict": verdict, "title": row.title, "suggestion": suggestion, "comment": comment}
        record(session, viewer, runtime.now(), "sign_off", "sign_off", row.id, after=told)
        return _word(entry, viewer.shown or viewer.name)


def check_title(row: KeyResult, title: str | None) -> None:
    """Raises ``Stale`` when ``title`` (None: not asked for) is not the wording of now."""
    if title is not None:
        check_version({"title": row.title}, None if title == row.title else "reworded")


def take_over(runtime: Runtime, viewer: Viewer, key_result_id: str, word_id: int, *, reason: str | None = None) -> Saved:
    """Make the suggested wording the key result's own; the reason says whose it is, unless another is given.

    Only the last word on a wording that still stands can be taken over. For those who write, and for an owner who may check in.
    Raises ``Conflict`` otherwise, ``NotFound``, ``Forbidden``.
    """
    with runtime.store.read() as session:
        row, _, _ = key_results.find(session, viewer, key_result_id)
        word = last_words(session, [key_result_id]).get(key_result_id)
        owns = row.owner_id is not None and row.owner_id == viewer.person_id
        title = row.title
    if not (owns and viewer.may(Act.CHECK_IN)):
        require(viewer, Act.WRITE)
    if word is None or word.id != word_id:
        raise Conflict("there is a newer word on this wording; look at it first") if word else NotFound("there is no such suggestion")
    if state_of(word, title) != RETURNED:
        raise Conflict("the wording was changed meanwhile; the suggestion was made for another one")
    why = reason or f"wording suggested by {word.by or 'a champion'}"
    return key_results.reword(runtime, viewer, key_result_id, word.suggestion, standing=title, reason=why)


def _read(row: KeyResult, verdict: Any, suggestion: Any, comment: Any) -> tuple[str, str]:
    errors = []
    words = {"suggestion": "", "comment": ""}
    if verdict not in (SIGNED, RETURNED):
        errors.append(InputError("choose signed or returned", where="verdict"))
    for name, value, read in (("suggestion", suggestion, saving.title), ("comment", comment, saving.plain_text)):
        if value is None or (isinstance(value, str) and not value.strip()):
            continue
        try:
            words[name] = read(value, name)
        except InputError as error:
            errors.append(error)
    if verdict == RETURNED and not words["suggestion"] and not errors:
        errors.append(InputError("enter the wording that you suggest", where="suggestion"))
    if verdict == RETURNED and words["suggestion"] == row.title:
        errors.append(InputError("is the wording of now; suggest another one, or sign it", where="suggestion"))
    if len(words["comment"]) > LONGEST_COMMENT:
        errors.append(InputError(f"has {len(words['comment'])} characters; {LONGEST_COMMENT} are the most", where="comment"))
    if errors:
        raise Faults(errors)
    return (words["suggestion"] if verdict == RETURNED else ""), words["comment"]


def _word(row: SignOff, name: str | None) -> Word:
    return Word(row.id, row.key_result_id, row.verdict, row.title, row.suggestion, row.comment, name or "", row.at)
