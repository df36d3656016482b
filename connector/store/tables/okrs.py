"""Cycles, objectives and key results, with what is decided about their wording."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, false
from sqlalchemy.orm import Mapped, mapped_column

from connector.store.base import Base, Json, Moment
from connector.store.tables.columns import Wanted, due_index


class Cycle(Base):
    """The time in which objectives run, both days included."""

    __tablename__ = "cycles"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    start: Mapped[date]
    end: Mapped[date]
    started_at: Mapped[datetime | None] = mapped_column(Moment)
    retired_at: Mapped[datetime | None] = mapped_column(Moment)


class Objective(Base):
    """An objective. ``pages`` are the places in hosts that show its panel: ``[{"connection": id, "ref": page id}]``.

    ``restricted``: only its readers, its team, the owners of its key results and admins know that it exists. ``stage``: "draft"
    (being written; shown to those who write, never to a host) or "ready".
    """

    __tablename__ = "objectives"
    id: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(default=0)
    title: Mapped[str]
    cycle_id: Mapped[int] = mapped_column(ForeignKey("cycles.id"))
    team_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id"))
    supports_id: Mapped[str | None] = mapped_column(ForeignKey("objectives.id"))
    pages: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)
    restricted: Mapped[bool] = mapped_column(default=False, server_default=false())
    stage: Mapped[str] = mapped_column(default="ready", server_default="ready")
    closed_at: Mapped[datetime | None] = mapped_column(Moment)
    created_at: Mapped[datetime] = mapped_column(Moment)
    retired_at: Mapped[datetime | None] = mapped_column(Moment)


class ObjectiveReader(Base):
    """A person who may read a restricted objective beside those who belong to it."""

    __tablename__ = "objective_readers"
    objective_id: Mapped[str] = mapped_column(ForeignKey("objectives.id", ondelete="CASCADE"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), primary_key=True)


class KeyResult(Wanted, Base):
    """A key result: its definition, and its last computed status (everything below ``current`` is derived and rebuilt).

    ``by_hand``: somebody has said that its owner enters the value, so that it needs no mapping.
    ``effect_lag``: weeks until work shows in the value, None while nobody said. ``insight``: what the nightly signals computed.
    ``stretch_reason``: why a target that history calls too far or too easy is kept; "" = nobody has said.
    """

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
    by_hand: Mapped[bool] = mapped_column(default=False, server_default=false())
    stretch_reason: Mapped[str] = mapped_column(default="", server_default="")
    effect_lag: Mapped[int | None]
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
    insight: Mapped[dict[str, Any]] = mapped_column(Json, default=dict, server_default="{}")


class SignOff(Base):
    """A champion's word on a key result's wording: "signed", or "returned" with a suggested wording. Never overwritten."""

    __tablename__ = "sign_offs"
    __table_args__ = (Index("ix_sign_offs_key_result_id_id", "key_result_id", "id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    key_result_id: Mapped[str] = mapped_column(ForeignKey("key_results.id"))
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    verdict: Mapped[str]
    title: Mapped[str]  # the wording that was judged
    suggestion: Mapped[str] = mapped_column(default="", server_default="")
    comment: Mapped[str] = mapped_column(default="", server_default="")
    at: Mapped[datetime] = mapped_column(Moment)
