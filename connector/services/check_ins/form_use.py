"""The cost of an update: when a form was opened, when it was saved, how much of what was offered was kept (S12). Nobody's name is kept.

A measure must never stand in the way of an update: what cannot be noted is left out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from connector.errors import StoreUnavailable
from connector.runtime import Runtime
from connector.services.check_ins.form_key import FormKey
from connector.store.inserts import insert_into
from connector.store.tables import FormOpening

KEPT = timedelta(days=90)
MOST_CLICKS = 999


def mark_of(key: FormKey) -> str:
    """What an opening is known by. Not the form's own identity: that stands in the check-in, beside its author."""
    return hashlib.sha256(f"opening {key.identity} {int(key.opened_at.timestamp())}".encode()).hexdigest()[:32]


def note_opened(runtime: Runtime, key: FormKey, key_result_id: str, place: str) -> None:
    """A form was shown to somebody who may file it."""
    values: dict[str, Any] = {
        "key": mark_of(key), "key_result_id": key_result_id, "place": place, "opened_at": key.opened_at, "offered": 0, "kept": 0,
    }  # fmt: skip
    with suppress(StoreUnavailable), runtime.store.write() as session:
        session.execute(insert_into(session, FormOpening).values(values).on_conflict_do_nothing())


def note_saved(runtime: Runtime, key: FormKey, *, clicks: int | None, offered: int, kept: int) -> None:
    """What was typed into it was filed, as a draft or whole; the first time counts."""
    values = {"saved_at": runtime.now(), "clicks": clicks, "offered": offered, "kept": kept}
    mine = (FormOpening.key == mark_of(key), FormOpening.saved_at.is_(None))
    with suppress(StoreUnavailable), runtime.store.write() as session:
        session.execute(update(FormOpening).where(*mine).values(values))


def note_shown_again(runtime: Runtime, before: FormKey, after: FormKey) -> None:
    """The same form goes on under another key: it was not left."""
    with suppress(StoreUnavailable), runtime.store.write() as session:
        session.execute(update(FormOpening).where(FormOpening.key == mark_of(before)).values(key=mark_of(after)))


def read_clicks(text: str) -> int | None:
    """What the page's script counted; None for anything that is no count."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 4 and int(text) <= MOST_CLICKS else None


def kept_of(offered: Mapping[str, str], typed: Mapping[str, str]) -> tuple[int, int]:
    """(fields that came filled in, those of them that were left so)."""
    filled = {name: text for name, text in offered.items() if text}
    return len(filled), sum(typed.get(name, "").strip() == text.strip() for name, text in filled.items())


def prune(session: Session, now: datetime) -> None:
    """Forget what is older than a quarter."""
    session.execute(delete(FormOpening).where(FormOpening.opened_at < now - KEPT))
