"""What is said about a key result over time: readings, check-ins, and the panels written back."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from connector.store.base import Base, Json, Moment
from connector.store.tables.columns import Wanted, due_index


class Reading(Base):
    """One stored value of a key result; never overwritten. ``source`` explains it: mappings, query, items, done, total."""

    __tablename__ = "readings"
    __table_args__ = (
        Index("ix_readings_key_result_id_id", "key_result_id", "id"),
        Index("ix_readings_key_result_id_day", "key_result_id", "day"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    key_result_id: Mapped[str] = mapped_column(ForeignKey("key_results.id"))
    value: Mapped[float | None]
    previous: Mapped[float | None]
    kind: Mapped[str]  # "mapping" | "check_in" | "import" | "milestones"
    as_of: Mapped[datetime] = mapped_column(Moment)
    day: Mapped[date]  # the UTC day of ``as_of``: trends look at the last value of each day
    recorded_at: Mapped[datetime] = mapped_column(Moment)
    actor: Mapped[str] = mapped_column(default="")
    source: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)


class CheckIn(Base):
    """An owner's update. ``source`` and ``source_id`` make a repeated submission the same check-in.

    ``doubt``: what the author wants only lead and champion to read (R043). ``blocker_link``: the issue or row that was picked as the
    blocker: ``{"connection": id, "ref", "key", "url"}``. ``seconds``: from opening the form to saving it, None where nobody can tell.
    ``late``: filed after the lock of the review that was about to begin, and no part of its pre-read (R054).
    """

    __tablename__ = "check_ins"
    __table_args__ = (
        Index("ix_check_ins_key_result_id_id", "key_result_id", "id"),
        UniqueConstraint("source", "source_id"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    key_result_id: Mapped[str] = mapped_column(ForeignKey("key_results.id"))
    author_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    value: Mapped[float | None]
    confidence: Mapped[int | None]
    blocker: Mapped[str | None]
    decision: Mapped[str | None]
    comment: Mapped[str | None]
    movement: Mapped[str | None]
    as_of: Mapped[datetime] = mapped_column(Moment)
    delayed: Mapped[bool] = mapped_column(default=False)
    draft: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(Moment)
    source: Mapped[str] = mapped_column(default="api")
    source_id: Mapped[str]
    doubt: Mapped[str | None]
    blocker_link: Mapped[dict[str, Any] | None] = mapped_column(Json)
    seconds: Mapped[int | None]
    late: Mapped[bool] = mapped_column(default=False, server_default=false())


class Panel(Wanted, Base):
    """A place in a host where we show key results: an epic, an objective's page, a key result's. ``receipt``: what the host wrote last.

    ``objective_id`` or ``key_result_id`` is set for a page of one, neither for an epic that shows the key results it feeds.
    ``options``: what was chosen for this place: ``{"table", "embed"}``.
    """

    __tablename__ = "panels"
    __table_args__ = (UniqueConstraint("connection_id", "ref"), due_index("panels", "connection_id", "ready_at"))
    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"))
    ref: Mapped[str]
    objective_id: Mapped[str | None] = mapped_column(ForeignKey("objectives.id"))
    key_result_id: Mapped[str | None] = mapped_column(ForeignKey("key_results.id", name="fk_panels_key_result_id_key_results"))
    options: Mapped[dict[str, Any]] = mapped_column(Json, default=dict, server_default="{}")
    key_results: Mapped[list[str]] = mapped_column(Json, default=list)
    receipt: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    written_at: Mapped[datetime | None] = mapped_column(Moment)
    gone_at: Mapped[datetime | None] = mapped_column(Moment)
