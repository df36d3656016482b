"""What is kept about the running of the product: audit trail, API tokens, counters, the schedule's state, uploaded files."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from connector.store.base import Base, Json, Moment


class Audit(Base):
    """One change: who, when, what, before and after. Secrets never get here."""

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_entity_entity_id", "entity", "entity_id"), Index("ix_audit_at", "at"))
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(Moment)
    actor: Mapped[str]
    action: Mapped[str]
    entity: Mapped[str]
    entity_id: Mapped[str]
    before: Mapped[dict[str, Any] | None] = mapped_column(Json)
    after: Mapped[dict[str, Any] | None] = mapped_column(Json)
    reason: Mapped[str] = mapped_column(default="", server_default="")


class ApiToken(Base):
    """A bearer token of the API, kept as SHA-256 only; shown once when made."""

    __tablename__ = "api_tokens"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id", name="fk_api_tokens_person_id_people"))
    digest: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(Moment)
    last_used_at: Mapped[datetime | None] = mapped_column(Moment)
    revoked_at: Mapped[datetime | None] = mapped_column(Moment)


class Counter(Base):
    """A number that only grows, kept where all processes see it: ``labels`` is the Prometheus label text."""

    __tablename__ = "counters"
    name: Mapped[str] = mapped_column(primary_key=True)
    labels: Mapped[str] = mapped_column(primary_key=True, default="")
    value: Mapped[float] = mapped_column(default=0.0)


class Task(Base):
    """A scheduled task's state: when it is due and who runs it. The definitions are data in ``connector.schedule``."""

    __tablename__ = "tasks"
    name: Mapped[str] = mapped_column(primary_key=True)
    due_at: Mapped[float] = mapped_column(default=0.0)
    lease_until: Mapped[float] = mapped_column(default=0.0)
    last_run_at: Mapped[datetime | None] = mapped_column(Moment)
    last_error: Mapped[str | None]


class Import(Base):
    """An uploaded file on its way in. ``content`` is emptied when it is done.

    ``state``: "uploaded" · "checking" · "checked" · "running" · "done" · "failed" · "cancelled".
    """

    __tablename__ = "imports"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    state: Mapped[str] = mapped_column(default="uploaded")
    options: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    columns: Mapped[dict[str, Any] | None] = mapped_column(Json)
    rows_total: Mapped[int | None]
    rows_done: Mapped[int] = mapped_column(default=0, server_default="0")
    summary: Mapped[dict[str, Any] | None] = mapped_column(Json)
    faults: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)
    content: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_by: Mapped[str]
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    created_at: Mapped[datetime] = mapped_column(Moment)
    finished_at: Mapped[datetime | None] = mapped_column(Moment)
    lease_until: Mapped[float] = mapped_column(default=0.0, server_default="0")
