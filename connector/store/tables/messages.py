"""What is sent to people: the channels that admins set up, the messages on their way, who was reminded or told of what."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from connector.store.base import Base, Json, Moment
from connector.store.tables.columns import Wanted, due_index


class Channel(Base):
    """A place that messages go to: mail, a Slack or Teams room. ``secret``: its apprise address, sealed by the vault, never shown again.

    ``forum_id``: whose pre-reads go there; None: the mail server that writes to people. ``kind``: "mail" · "slack" · "teams" · "other".
    ``broken``: why the last message was refused, None when it went.
    """

    __tablename__ = "channels"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    forum_id: Mapped[int | None] = mapped_column(ForeignKey("forums.id", ondelete="CASCADE"))
    secret: Mapped[str]
    broken: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(Moment)
    used_at: Mapped[datetime | None] = mapped_column(Moment)
    retired_at: Mapped[datetime | None] = mapped_column(Moment)


class Message(Wanted, Base):
    """One message on its way, sent at most once. ``key`` says what it is: a second one of the same key is never made.

    ``kind``: "reminder" · "missed" · "blocker" · "pre_read" · "minutes" · "answer" · "skipped" · "review" · "celebration" · … ·
    ``way``: "mail" (to ``person_id``) · "channel" (``channel_id``) · "comment" (``connection_id``, ``ref``: an item or page).
    ``content``: ``{"subject", "lines", "link", "mentions": [account ids], "about": [key result ids]}``, plain text.
    ``state``: "waiting" · "sent" · "given_up" · "not_needed". ``unsure``: the host may have it although nobody noted so.
    """

    __tablename__ = "messages"
    __table_args__ = (
        due_index("messages", "ready_at"),
        Index("ix_messages_person_id_kind", "person_id", "kind"),
        Index("ix_messages_state_id", "state", "id"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    way: Mapped[str]
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    channel_id: Mapped[int | None] = mapped_column(ForeignKey("channels.id", ondelete="CASCADE"))
    connection_id: Mapped[int | None] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"))
    ref: Mapped[str] = mapped_column(default="", server_default="")
    content: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    state: Mapped[str] = mapped_column(default="waiting", server_default="waiting")
    unsure: Mapped[bool] = mapped_column(default=False)
    receipt: Mapped[str] = mapped_column(default="", server_default="")
    created_at: Mapped[datetime] = mapped_column(Moment)
    sent_at: Mapped[datetime | None] = mapped_column(Moment)


class Reminded(Base):
    """That a person was reminded of an update that is missing: once for each key result, lock and ``step`` ("day", "hours", "lock")."""

    __tablename__ = "reminded"
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), primary_key=True)
    key_result_id: Mapped[str] = mapped_column(ForeignKey("key_results.id", ondelete="CASCADE"), primary_key=True)
    lock_at: Mapped[datetime] = mapped_column(Moment, primary_key=True)
    step: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(Moment)


class Raised(Base):
    """A step of asking further people: ``kind`` "missed" (an update, R056) or "blocker" (S3), ``since`` when it began, ``level`` from 1."""

    __tablename__ = "raised"
    __table_args__ = (UniqueConstraint("key_result_id", "kind", "since", "level"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    key_result_id: Mapped[str] = mapped_column(ForeignKey("key_results.id", ondelete="CASCADE"))
    kind: Mapped[str]
    since: Mapped[datetime] = mapped_column(Moment)
    level: Mapped[int]
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id", name="fk_raised_person_id_people"))
    text: Mapped[str] = mapped_column(default="", server_default="")
    at: Mapped[datetime] = mapped_column(Moment)
