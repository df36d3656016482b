"""Notes what is to be sent, inside the caller's transaction. ``key`` says what it is: the same is never sent twice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session


def tell_person(
    session: Session, person_id: int, *, key: str, kind: str, subject: str, lines: Sequence[str], link: str, now: datetime
) -> bool:
    """Tell a person: a notice on their page, and mail where there is a mail channel, after their quiet hours.

    ``lines`` is plain text, ``link`` a path on our pages. False when the same was told before.
    """
    raise NotImplementedError


def tell_forum(
    session: Session, forum_id: int, *, key: str, kind: str, subject: str, lines: Sequence[str], link: str, now: datetime
) -> int:
    """Write into the chat rooms of a forum. Only what everybody may read. Returns how many messages were noted."""
    raise NotImplementedError


def tell_item(
    session: Session,
    connection_id: int,
    ref: str,
    *,
    key: str,
    kind: str,
    lines: Sequence[str],
    mention: Sequence[int] = (),
    link: str = "",
    now: datetime,
) -> bool:
    """Write a comment at an issue or page, mentioning people by their account there. Only what everybody who reads there may read."""
    raise NotImplementedError
