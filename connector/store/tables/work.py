"""Connections and what comes from them: items (the mirror), mappings, deliveries, sync runs."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from connector.store.base import Base, Json, Moment
from connector.store.tables.columns import Wanted, due_index


class Connection(Base):
    """One Jira site or one Notion workspace. ``auth`` and the webhook secrets are sealed by the vault.

    ``lease``: one worker at a time drains a connection, so that writes to one page never race. ``paused_until``: the host
    asked us to wait. ``parked_at``: 401 or 403; no call is made until an admin mends it. ``paused_at``: a person wants no calls.
    ``quota``: what the host last said of its limits · ``expires_at``: when the credentials end · ``checks``: what the last test found,
    and when · ``webhook``: what is known of the subscription at the host · ``look``: the last look for what could be mapped.
    ``site``: what identifies the workspace where the address does not, "" until the host told it.
    ``installation_id``: the Forge app that works for this site · ``login_lease_until``: one process at a time renews an OAuth login.
    """

    __tablename__ = "connections"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    host: Mapped[str]
    url: Mapped[str]
    auth: Mapped[str]
    webhook_secret: Mapped[str | None]
    previous_webhook_secret: Mapped[str | None]
    previous_secret_until: Mapped[datetime | None] = mapped_column(Moment)
    armed_until: Mapped[datetime | None] = mapped_column(Moment)
    options: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    bot_id: Mapped[str] = mapped_column(default="", server_default="")
    account: Mapped[str] = mapped_column(default="", server_default="")
    site: Mapped[str] = mapped_column(default="", server_default="")
    parked_at: Mapped[datetime | None] = mapped_column(Moment)
    parked_reason: Mapped[str | None]
    paused_until: Mapped[float] = mapped_column(default=0.0, server_default="0")
    paused_at: Mapped[datetime | None] = mapped_column(Moment)
    failures: Mapped[int] = mapped_column(default=0, server_default="0")
    lease_until: Mapped[float] = mapped_column(default=0.0, server_default="0")
    lease: Mapped[str] = mapped_column(default="", server_default="")
    fetch_first_at: Mapped[float] = mapped_column(default=0.0, server_default="0")
    fetch_last_at: Mapped[float] = mapped_column(default=0.0, server_default="0")
    fetched_at: Mapped[float] = mapped_column(default=0.0, server_default="0")
    last_event_at: Mapped[datetime | None] = mapped_column(Moment)
    last_success_at: Mapped[datetime | None] = mapped_column(Moment)
    last_sync_at: Mapped[datetime | None] = mapped_column(Moment)
    last_full_at: Mapped[datetime | None] = mapped_column(Moment)
    quota: Mapped[dict[str, Any] | None] = mapped_column(Json)
    expires_at: Mapped[datetime | None] = mapped_column(Moment)
    checks: Mapped[dict[str, Any] | None] = mapped_column(Json)
    webhook: Mapped[dict[str, Any] | None] = mapped_column(Json)
    look: Mapped[dict[str, Any] | None] = mapped_column(Json)
    installation_id: Mapped[int | None] = mapped_column(
        ForeignKey("forge_installations.id", name="fk_connections_installation_id_forge_installations")
    )
    login_lease_until: Mapped[float] = mapped_column(default=0.0, server_default="0")
    created_at: Mapped[datetime] = mapped_column(Moment)
    retired_at: Mapped[datetime | None] = mapped_column(Moment)


class Item(Wanted, Base):
    """One Jira issue or Notion row as last seen. ``fields`` holds only what a mapping measures, by field id.

    ``blocked``: what the host says of what holds it up: ``{"flag", "status", "links": [{"ref", "key", "done"}], "since"}``; None when it
    says nothing. ``since`` is None while nothing that is known to be open holds it up (a link to an item of which nobody knows).
    ``blocked_told_at``: since when, as an event said before the item was read.
    ``gone_at``: deleted, trashed, archived or out of reach. ``recheck_at``: read again then (search indexes lag).
    """

    __tablename__ = "items"
    __table_args__ = (
        UniqueConstraint("connection_id", "ref"),
        Index("ix_items_connection_key", "connection_id", "key"),
        due_index("items", "connection_id", "ready_at"),
        Index(
            "ix_items_blocked",
            "connection_id",
            sqlite_where=text("blocked IS NOT NULL"),
            postgresql_where=text("blocked IS NOT NULL"),
        ),
        Index("ix_items_recheck", "recheck_at", sqlite_where=text("recheck_at > 0"), postgresql_where=text("recheck_at > 0")),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"))
    ref: Mapped[str]
    key: Mapped[str] = mapped_column(default="", server_default="")
    title: Mapped[str] = mapped_column(default="", server_default="")
    url: Mapped[str] = mapped_column(default="", server_default="")
    kind: Mapped[str] = mapped_column(default="", server_default="")
    container: Mapped[str] = mapped_column(default="", server_default="")
    parents: Mapped[list[str]] = mapped_column(Json, default=list)
    category: Mapped[str] = mapped_column(default="undefined", server_default="undefined")
    status: Mapped[str | None]
    resolution: Mapped[str | None]
    blocked: Mapped[dict[str, Any] | None] = mapped_column(Json)
    blocked_told_at: Mapped[datetime | None] = mapped_column(Moment)
    fields: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    created_at: Mapped[datetime | None] = mapped_column(Moment)
    updated_at: Mapped[datetime | None] = mapped_column(Moment)
    seen_at: Mapped[datetime | None] = mapped_column(Moment)
    gone_at: Mapped[datetime | None] = mapped_column(Moment)
    recheck_at: Mapped[float] = mapped_column(default=0.0, server_default="0")


class Mapping(Wanted, Base):
    """Which items feed a key result, what is measured and how it counts. ``wanted`` > ``done``: list its items (again).

    ``resolved``: names turned into ids by the host. ``broken``: why its source cannot be read now, in words for an admin.
    """

    __tablename__ = "mappings"
    __table_args__ = (due_index("mappings", "connection_id", "ready_at"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    key_result_id: Mapped[str] = mapped_column(ForeignKey("key_results.id"), index=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id"), index=True)
    position: Mapped[int] = mapped_column(default=0)
    rule: Mapped[dict[str, Any]] = mapped_column(Json)
    mode: Mapped[str] = mapped_column(default="value")
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("people.id", name="fk_mappings_owner_id_people"))
    resolved: Mapped[dict[str, Any] | None] = mapped_column(Json)
    broken: Mapped[str | None]
    listed_at: Mapped[datetime | None] = mapped_column(Moment)
    created_at: Mapped[datetime] = mapped_column(Moment)
    retired_at: Mapped[datetime | None] = mapped_column(Moment)
    version: Mapped[int] = mapped_column(default=1, server_default="1")


class MappingItem(Base):
    """An item that belongs to a mapping now."""

    __tablename__ = "mapping_items"
    __table_args__ = (Index("ix_mapping_items_item_id", "item_id"),)
    mapping_id: Mapped[int] = mapped_column(ForeignKey("mappings.id", ondelete="CASCADE"), primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id", ondelete="CASCADE"), primary_key=True)


class MappingDay(Base):
    """How many items a mapping had at the end of a nightly sync; drift and activity are judged against it.

    ``started``: how many are under way. Points are None where items have none.
    """

    __tablename__ = "mapping_days"
    mapping_id: Mapped[int] = mapped_column(ForeignKey("mappings.id", ondelete="CASCADE"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    items: Mapped[int]
    done: Mapped[int]
    started: Mapped[int | None]
    points: Mapped[float | None]
    points_done: Mapped[float | None]
    open_points: Mapped[float | None]
    blocked_points: Mapped[float | None]


class Candidate(Base):
    """An epic or database row that could be mapped, as the last look at the host found it.

    ``points``: of the epic itself, None where nobody can tell · ``ignored_at``: an admin said that it needs no mapping.
    ``fed_by``: mappings that its children feed without naming it, as of the last look.
    """

    __tablename__ = "candidates"
    __table_args__ = (UniqueConstraint("connection_id", "ref"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"))
    ref: Mapped[str]
    key: Mapped[str]
    title: Mapped[str]
    kind: Mapped[str]
    container: Mapped[str] = mapped_column(default="", server_default="")
    url: Mapped[str] = mapped_column(default="", server_default="")
    status: Mapped[str] = mapped_column(default="", server_default="")
    category: Mapped[str] = mapped_column(default="undefined", server_default="undefined")
    labels: Mapped[list[str]] = mapped_column(Json, default=list)
    points: Mapped[float | None]
    fed_by: Mapped[list[int]] = mapped_column(Json, default=list)
    ignored_at: Mapped[datetime | None] = mapped_column(Moment)
    updated_at: Mapped[datetime | None] = mapped_column(Moment)
    seen_at: Mapped[datetime] = mapped_column(Moment)


class DriftFinding(Base):
    """Since when a finding of drift has been there without a break. ``subject``: "mapping:12", "key_result:kr-setup"."""

    __tablename__ = "drift_findings"
    kind: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[datetime] = mapped_column(Moment)


class Delivery(Base):
    """One received webhook, stored before it was answered. ``body`` is kept as it came (zlib when that is smaller)."""

    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("connection_id", "key"),
        Index(
            "ix_deliveries_pending",
            "connection_id",
            "id",
            sqlite_where=text("state = 'pending'"),
            postgresql_where=text("state = 'pending'"),
        ),
        Index("ix_deliveries_received_at", "received_at"),
        Index("ix_deliveries_body_hash", "connection_id", "body_hash"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"))
    key: Mapped[str]
    event: Mapped[str] = mapped_column(default="")
    body_hash: Mapped[str] = mapped_column(default="")
    received_at: Mapped[datetime] = mapped_column(Moment)
    headers: Mapped[dict[str, str]] = mapped_column(Json, default=dict)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    packed: Mapped[bool] = mapped_column(default=False)
    state: Mapped[str] = mapped_column(default="pending")
    reason: Mapped[str] = mapped_column(default="", server_default="")
    handled_at: Mapped[datetime | None] = mapped_column(Moment)


class Run(Base):
    """One sync of one connection. ``cursor`` says where to go on after a crash; counts are what the run record shows."""

    __tablename__ = "runs"
    __table_args__ = (Index("ix_runs_connection_id_id", "connection_id", "id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"))
    kind: Mapped[str]
    trigger: Mapped[str] = mapped_column(default="nightly")
    status: Mapped[str] = mapped_column(default="running")
    started_at: Mapped[datetime] = mapped_column(Moment)
    finished_at: Mapped[datetime | None] = mapped_column(Moment)
    cursor: Mapped[dict[str, Any] | None] = mapped_column(Json)
    seen: Mapped[int] = mapped_column(default=0)
    changed: Mapped[int] = mapped_column(default=0)
    repaired: Mapped[int] = mapped_column(default=0)
    gone: Mapped[int] = mapped_column(default=0)
    requests: Mapped[int] = mapped_column(default=0)
    written: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None]
    lease_until: Mapped[float] = mapped_column(default=0.0, server_default="0")
    lease: Mapped[str] = mapped_column(default="", server_default="")
