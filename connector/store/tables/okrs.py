"""People, teams, cycles, objectives and key results."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from connector.store.base import Base, Json, Moment
from connector.store.tables.columns import Wanted, due_index


class Person(Base):
    """A human being; matched to host accounts by account id, never by name."""

    __tablename__ = "people"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    active: Mapped[bool] = mapped_column(default=True)


class PersonAccount(Base):
    """A person's account id at one connection."""

    __tablename__ = "person_accounts"
    __table_args__ = (UniqueConstraint("connection_id", "account"),)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"), primary_key=True)
    account: Mapped[str]


class Team(Base):
    """A team, with the person who leads it."""

    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    lead_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    retired_at: Mapped[datetime | None] = mapped_column(Moment)


class Cycle(Base):
    """The time in which objectives run, both days included."""

    __tablename__ = "cycles"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    start: Mapped[date]
    end: Mapped[date]
    retired_at: Mapped[datetime | None] = mapped_column(Moment)


class Objective(Base):
    """An objective. ``pages`` are the places in hosts that show its panel: ``[{"connection": id, "ref": page id}]``."""

    __tablename__ = "objectives"
    id: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(default=0)
    title: Mapped[str]
    cycle_id: Mapped[int] = mapped_column(ForeignKey("cycles.id"))
    team_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id"))
    supports_id: Mapped[str | None] = mapped_column(ForeignKey("objectives.id"))
    pages: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)
    closed_at: Mapped[datetime | None] = mapped_column(Moment)
    created_at: Mapped[datetime] = mapped_column(Moment)
    retired_at: Mapped[datetime | None] = mapped_column(Moment)


class KeyResult(Wanted, Base):
    """A key result: its definition, and its last computed status (everything below ``current`` is derived and rebuilt)."""

    __tablename__ = "key_results"
    __table_args__ = (due_index("key_results", "ready_at"),)
    id: Mapped[str] = mapped_column(primary_key=True)
    objective_id: Mapped[str] = mapped_column(ForeignKey("objectives.id"), index=True)
    position: Mapped[int] = mapped_column(default=0)
    title: Mapped[str]
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    kind: Mapped[str]
    unit: Mapped[str] = mapped_column(default="")
    start: Mapped[float | None]
    target: Mapped[float | None]
    low: Mapped[float | None]
    high: Mapped[float | None]
    strict: Mapped[bool] = mapped_column(default=False)
    decimals: Mapped[int] = mapped_column(default=0)
    weight: Mapped[float] = mapped_column(default=1.0)
    cadence: Mapped[str] = mapped_column(default="weekly")
    checkpoints: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)
    phased_targets: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)
    milestones: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)
    created_at: Mapped[datetime] = mapped_column(Moment)
    retired_at: Mapped[datetime | None] = mapped_column(Moment)

    current: Mapped[float | None]
    progress: Mapped[float | None]
    raw_progress: Mapped[float | None]
    expected: Mapped[float | None]
    state: Mapped[str] = mapped_column(default="no_data", server_default="no_data")
    reasons: Mapped[list[str]] = mapped_column(Json, default=list)
    flags: Mapped[list[str]] = mapped_column(Json, default=list)
    movement: Mapped[str | None]
    movement_since: Mapped[datetime | None] = mapped_column(Moment)
    movement_from: Mapped[float | None]
    confidence: Mapped[int | None]
    blocker: Mapped[str | None]
    decision_needed: Mapped[str | None]
    as_of: Mapped[datetime | None] = mapped_column(Moment)
    updated_at: Mapped[datetime | None] = mapped_column(Moment)
    source: Mapped[dict[str, Any] | None] = mapped_column(Json)
