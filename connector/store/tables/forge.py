"""The Forge app's installations, commands in comments, and goals that key results are exported to."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from connector.store.base import Base, Json, Moment
from connector.store.tables.columns import Wanted, due_index


class ForgeInstallation(Base):
    """One installation of our Forge app on one site. Its id changes when the app is installed anew; the site's cloud id does not.

    ``state``: "waiting" (an admin must accept the site) · "active" · "silent" (its hourly calls stopped; it may be uninstalled) ·
    "replaced" (the app was installed anew) · "refused" (by an admin). ``system_token``: sealed, acts as the app's own user until
    ``token_ends_at``.
    The connection that it works for refers to it.
    """

    __tablename__ = "forge_installations"
    __table_args__ = (UniqueConstraint("installation_id", "cloud_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    installation_id: Mapped[str]
    cloud_id: Mapped[str] = mapped_column(index=True)
    site_url: Mapped[str] = mapped_column(default="", server_default="")
    api_base_url: Mapped[str] = mapped_column(default="", server_default="")
    app_version: Mapped[str] = mapped_column(default="", server_default="")
    environment: Mapped[str] = mapped_column(default="", server_default="")
    state: Mapped[str] = mapped_column(default="waiting", server_default="waiting")
    system_token: Mapped[str | None]
    token_ends_at: Mapped[datetime | None] = mapped_column(Moment)
    first_seen_at: Mapped[datetime] = mapped_column(Moment)
    last_seen_at: Mapped[datetime] = mapped_column(Moment)
    hourly_at: Mapped[datetime | None] = mapped_column(Moment)
    accepted_at: Mapped[datetime | None] = mapped_column(Moment)


class CommentCommand(Wanted, Base):
    """A comment that may hold commands. ``outcome``: "" (not read yet), "filed", "draft", "told", "mistake", "refused", "none".

    ``digest`` is of the commands that were carried out last, so that an edit which changes none does nothing; ``reply`` is the host's
    receipt of our answer: there is one answer to a comment, edited when the comment is.
    """

    __tablename__ = "comment_commands"
    __table_args__ = (UniqueConstraint("connection_id", "comment_id"), due_index("comment_commands", "connection_id", "ready_at"))
    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"))
    ref: Mapped[str]
    comment_id: Mapped[str]
    outcome: Mapped[str] = mapped_column(default="", server_default="")
    digest: Mapped[str] = mapped_column(default="", server_default="")
    reply: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    created_at: Mapped[datetime] = mapped_column(Moment)
    handled_at: Mapped[datetime | None] = mapped_column(Moment)


class GoalTarget(Wanted, Base):
    """The goal at Atlassian whose metric target shows a key result; ``id`` is the key result's. ``digest``: what was sent last."""

    __tablename__ = "goal_targets"
    __table_args__ = (due_index("goal_targets", "connection_id", "ready_at"),)
    id: Mapped[str] = mapped_column(ForeignKey("key_results.id"), primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"))
    goal: Mapped[str]
    metric_target: Mapped[str] = mapped_column(default="", server_default="")
    digest: Mapped[str] = mapped_column(default="", server_default="")
    exported_at: Mapped[datetime | None] = mapped_column(Moment)
