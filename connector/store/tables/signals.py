"""What delivery data asks about key results: signals, blockers with their clock, values held back, states as they changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from connector.store.base import Base, Json, Moment


class Signal(Base):
    """Something that was seen and is said in one sentence with its numbers. ``kind``: see ``domain.signals``.

    ``key_result_id`` None: it is about ``subject`` (a forum, a mapping). One stands at a time for each kind and subject; ``ended_at``: it
    is not so any more. ``dismissed_at``: a person said why it does not matter; it stays silent until it ends.
    """

    __tablename__ = "signals"
    __table_args__ = (
        Index("ix_signals_key_result_id_kind", "key_result_id", "kind"),
        Index(
            "uq_signals_standing",
            "kind",
            "subject",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    subject: Mapped[str]  # the key result's id, or "forum:3", "mapping:7"
    key_result_id: Mapped[str | None] = mapped_column(ForeignKey("key_results.id"))
    sentence: Mapped[str]
    numbers: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    seen_at: Mapped[datetime] = mapped_column(Moment)
    changed_at: Mapped[datetime] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    dismissed_at: Mapped[datetime | None] = mapped_column(Moment)
    dismissed_by_id: Mapped[int | None] = mapped_column(ForeignKey("people.id", name="fk_signals_dismissed_by_id_people"))
    dismissed_reason: Mapped[str] = mapped_column(default="", server_default="")


class Blocker(Base):
    """What holds a key result up, with its clock. ``source``: "declared" (in a check-in) or "detected" (flag, status, link, relation).

    ``since``: the first of the two, the clock's start. ``link``: the item, as in ``CheckIn.blocker_link``. ``share``: blocked part of the
    open scope, None where not known. ``confirmed_at``: the owner said so. ``clear_at``: flag and links are gone, the owner is asked.
    ``ended_at`` and ``ended_by``: "owner", "update", "seen" or "dismissed"; ``ended_by_id``: whose word that was, ``reason``: why it was
    dismissed. One stands at a time for each key result and source. ``evidence``: the items that it was seen in, and what became of them.
    """

    __tablename__ = "blockers"
    __table_args__ = (
        Index(
            "uq_blockers_standing",
            "key_result_id",
            "source",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    key_result_id: Mapped[str] = mapped_column(ForeignKey("key_results.id"))
    source: Mapped[str]
    text: Mapped[str]
    link: Mapped[dict[str, Any] | None] = mapped_column(Json)
    share: Mapped[float | None]
    since: Mapped[datetime] = mapped_column(Moment)
    confirmed_at: Mapped[datetime | None] = mapped_column(Moment)
    clear_at: Mapped[datetime | None] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    ended_by: Mapped[str] = mapped_column(default="", server_default="")
    ended_by_id: Mapped[int | None] = mapped_column(ForeignKey("people.id", name="fk_blockers_ended_by_id_people"))
    reason: Mapped[str] = mapped_column(default="", server_default="")
    evidence: Mapped[dict[str, Any]] = mapped_column(Json, default=dict, server_default="{}")


class HeldValue(Base):
    """A wild value that was not taken: it waits for the owner's word (S15). ``reading``: what would be stored when it is confirmed.

    ``outcome``: None while it waits · "taken" · "refused" · "overtaken" (a later value was no jump).
    """

    __tablename__ = "held_values"
    __table_args__ = (Index("ix_held_values_key_result_id_id", "key_result_id", "id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    key_result_id: Mapped[str] = mapped_column(ForeignKey("key_results.id"))
    value: Mapped[float | None]
    previous: Mapped[float | None]
    why: Mapped[str]
    reading: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    at: Mapped[datetime] = mapped_column(Moment)
    outcome: Mapped[str | None]
    resolved_at: Mapped[datetime | None] = mapped_column(Moment)
    resolved_by_id: Mapped[int | None] = mapped_column(ForeignKey("people.id", name="fk_held_values_resolved_by_id_people"))
    reason: Mapped[str] = mapped_column(default="", server_default="")


class StateChange(Base):
    """That the triage state of a key result changed; the first one has ``before`` None."""

    __tablename__ = "state_changes"
    __table_args__ = (Index("ix_state_changes_key_result_id_id", "key_result_id", "id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    key_result_id: Mapped[str] = mapped_column(ForeignKey("key_results.id"))
    at: Mapped[datetime] = mapped_column(Moment)
    before: Mapped[str | None]
    state: Mapped[str]
    progress: Mapped[float | None]


class FormOpening(Base):
    """That a check-in form was opened, and what became of it: the cost of an update (S12). ``saved_at`` None: left unsaved.

    ``offered``, ``kept``: fields that came prefilled, and those left as they were. ``place``: "page", "jira", "notion".
    """

    __tablename__ = "form_openings"
    __table_args__ = (Index("ix_form_openings_opened_at", "opened_at"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    key_result_id: Mapped[str] = mapped_column(ForeignKey("key_results.id", ondelete="CASCADE"))
    place: Mapped[str] = mapped_column(default="page", server_default="page")
    opened_at: Mapped[datetime] = mapped_column(Moment)
    saved_at: Mapped[datetime | None] = mapped_column(Moment)
    clicks: Mapped[int | None]
    offered: Mapped[int] = mapped_column(default=0, server_default="0")
    kept: Mapped[int] = mapped_column(default=0, server_default="0")
