"""OKR databases kept at a host: which they are, their rows and the records these stand for; the leads' page; decisions."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from connector.store.base import Base, Json, Moment
from connector.store.tables.columns import Wanted, due_index


class OkrDatabase(Base):
    """One of the OKR databases of a connection. ``kind``: see ``domain.okr_columns.DatabaseKind``.

    ``columns``: our field → ``{"id", "name", "type"}`` of the host's property; ids survive renames. ``page``: the page it was made under,
    "" when it was there before (``adopted``). ``views``: name → id of those that we made. ``options``: what people chose at set-up.
    ``drift``: what differs from what was set up, in words for an admin. ``broken``: why it cannot be reached now. ``retired_at``: the two
    ways ended; rows and columns stay at the host.
    """

    __tablename__ = "okr_databases"
    __table_args__ = (UniqueConstraint("connection_id", "kind"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"))
    kind: Mapped[str]
    database: Mapped[str]
    source: Mapped[str] = mapped_column(index=True)
    page: Mapped[str] = mapped_column(default="", server_default="")
    title: Mapped[str] = mapped_column(default="", server_default="")
    url: Mapped[str] = mapped_column(default="", server_default="")
    adopted: Mapped[bool] = mapped_column(default=False)
    columns: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    views: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    options: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    drift: Mapped[list[str]] = mapped_column(Json, default=list)
    broken: Mapped[str | None]
    read_at: Mapped[datetime | None] = mapped_column(Moment)
    created_at: Mapped[datetime] = mapped_column(Moment)
    retired_at: Mapped[datetime | None] = mapped_column(Moment)


class OkrRow(Wanted, Base):
    """One row of an OKR database and the record it is the face of.

    ``ref``: the host's id of the row, None until it was made · ``record``: id of the objective, key result, check-in or decision, "" while
    the row is a draft · ``agreed``: human field → value as both sides last had it · ``shown``: computed field → what we last wrote ·
    ``heard``: what events told since the last read (authors and moment, also by field; a press), empty when there is nothing to read ·
    ``typing``: an update being typed into the row (see ``services.row_check_ins``) · ``settle_at``: when it is filed (epoch seconds,
    0.0 = none) · ``missing``: what a draft still needs · ``note``: what we told in the row · ``unsure``: the row may have been made
    although nobody noted its ref.
    """

    __tablename__ = "okr_rows"
    __table_args__ = (
        UniqueConstraint("connection_id", "ref"),
        Index("ix_okr_rows_database_id_record", "database_id", "record"),
        due_index("okr_rows", "connection_id", "ready_at"),
        Index("ix_okr_rows_settle", "settle_at", sqlite_where=text("settle_at > 0"), postgresql_where=text("settle_at > 0")),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"))
    database_id: Mapped[int] = mapped_column(ForeignKey("okr_databases.id", ondelete="CASCADE"))
    ref: Mapped[str | None]
    url: Mapped[str] = mapped_column(default="", server_default="")
    title: Mapped[str] = mapped_column(default="", server_default="")
    record: Mapped[str] = mapped_column(default="", server_default="")
    agreed: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    shown: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    heard: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    typing: Mapped[dict[str, Any] | None] = mapped_column(Json)
    settle_at: Mapped[float] = mapped_column(default=0.0, server_default="0")
    missing: Mapped[list[str]] = mapped_column(Json, default=list)
    note: Mapped[str] = mapped_column(default="", server_default="")
    unsure: Mapped[bool] = mapped_column(default=False)
    edited_at: Mapped[datetime | None] = mapped_column(Moment)
    read_at: Mapped[datetime | None] = mapped_column(Moment)
    gone_at: Mapped[datetime | None] = mapped_column(Moment)
    created_at: Mapped[datetime] = mapped_column(Moment)


class LeadsPage(Wanted, Base):
    """A page at a host that shows leads where things stand. ``options``: ``{"forum", "team", "cycle"}``; ``receipt``: what was written."""

    __tablename__ = "leads_pages"
    __table_args__ = (UniqueConstraint("connection_id", "ref"), due_index("leads_pages", "connection_id", "ready_at"))
    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"))
    ref: Mapped[str]
    url: Mapped[str] = mapped_column(default="", server_default="")
    options: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    receipt: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    written_at: Mapped[datetime | None] = mapped_column(Moment)
    gone_at: Mapped[datetime | None] = mapped_column(Moment)
    created_at: Mapped[datetime] = mapped_column(Moment)


class Decision(Base):
    """What was asked for, or decided, about a key result. ``state``: "asked" (nobody has taken it up) · "open" (somebody does it until
    ``due``) · "done" · "dropped". ``check_in_id``: the update that asked; ``kind``: see ``domain.model.DecisionKind``.

    What a review adds: ``review_id``, ``verdict`` and ``action`` (see ``domain.agenda``), ``decided_at`` when it was called. ``link``: the
    issue or row that it became and closes with: ``{"connection": id, "ref", "key", "url", "wanted"}``. ``effect``: what followed, see S9.
    """

    __tablename__ = "decisions"
    __table_args__ = (Index("ix_decisions_key_result_id_state", "key_result_id", "state"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    key_result_id: Mapped[str] = mapped_column(ForeignKey("key_results.id"))
    check_in_id: Mapped[int | None] = mapped_column(ForeignKey("check_ins.id"))
    kind: Mapped[str] = mapped_column(default="other")
    title: Mapped[str] = mapped_column(default="")
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    due: Mapped[date | None]
    state: Mapped[str] = mapped_column(default="asked", server_default="asked")
    outcome: Mapped[str] = mapped_column(default="", server_default="")
    asked_by_id: Mapped[int | None] = mapped_column(ForeignKey("people.id", name="fk_decisions_asked_by_id_people"))
    source: Mapped[str] = mapped_column(default="", server_default="")
    review_id: Mapped[int | None] = mapped_column(ForeignKey("reviews.id", name="fk_decisions_review_id_reviews"))
    verdict: Mapped[str] = mapped_column(default="", server_default="")
    action: Mapped[str] = mapped_column(default="", server_default="")
    link: Mapped[dict[str, Any] | None] = mapped_column(Json)
    effect: Mapped[dict[str, Any] | None] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(Moment)
    decided_at: Mapped[datetime | None] = mapped_column(Moment)
    closed_at: Mapped[datetime | None] = mapped_column(Moment)


class DecisionIssue(Wanted, Base):
    """The issue or row at a host that a decision becomes, and closes with (R065). One for each decision.

    ``container``, ``kind``: where it is made and as what, a project's key and an issue type, or a data source and "". ``ref``: None till it
    was made. ``unsure``: it may have been made although nobody noted so. ``refused``: why the host does not take it, in words.
    ``finished``: it was done at the host when it was last read.
    """

    __tablename__ = "decision_issues"
    __table_args__ = (UniqueConstraint("connection_id", "ref"), due_index("decision_issues", "connection_id", "ready_at"))
    id: Mapped[int] = mapped_column(primary_key=True)
    decision_id: Mapped[int] = mapped_column(ForeignKey("decisions.id", ondelete="CASCADE"), unique=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"))
    container: Mapped[str]
    kind: Mapped[str] = mapped_column(default="", server_default="")
    ref: Mapped[str | None]
    unsure: Mapped[bool] = mapped_column(default=False)
    refused: Mapped[str] = mapped_column(default="", server_default="")
    finished: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(Moment)
