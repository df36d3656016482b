"""People, their teams and forums, how they sign in, and what they are told."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from connector.store.base import Base, Moment


class Person(Base):
    """A human being; matched to host accounts by account id, never by name. ``role``: see ``connector.domain.rights``."""

    __tablename__ = "people"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    active: Mapped[bool] = mapped_column(default=True)
    role: Mapped[str] = mapped_column(default="member", server_default="member")


class PersonAccount(Base):
    """A person's account id at one connection. ``left_at``: the host said that it is deactivated or gone."""

    __tablename__ = "person_accounts"
    __table_args__ = (UniqueConstraint("connection_id", "account"),)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"), primary_key=True)
    account: Mapped[str]
    left_at: Mapped[datetime | None] = mapped_column(Moment)
    checked_at: Mapped[datetime | None] = mapped_column(Moment)


class Forum(Base):
    """Who meets to review; ``caller_id`` is the person who can call decisions."""

    __tablename__ = "forums"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    caller_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    retired_at: Mapped[datetime | None] = mapped_column(Moment)


class Team(Base):
    """A team, with the person who leads it and the forum that reviews it."""

    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    lead_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    forum_id: Mapped[int | None] = mapped_column(ForeignKey("forums.id", name="fk_teams_forum_id_forums"))
    retired_at: Mapped[datetime | None] = mapped_column(Moment)


class TeamMember(Base):
    """A person on a team."""

    __tablename__ = "team_members"
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id", ondelete="CASCADE"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), primary_key=True)


class Identity(Base):
    """Who a person is at a sign-in provider: ``subject`` is the provider's own id of them."""

    __tablename__ = "identities"
    issuer: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(Moment)


class BrowserSession(Base):
    """A signed-in browser. The cookie holds a random key, this row its SHA-256."""

    __tablename__ = "browser_sessions"
    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(unique=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)
    how: Mapped[str]  # "link", or the provider's name
    agent: Mapped[str] = mapped_column(default="", server_default="")
    created_at: Mapped[datetime] = mapped_column(Moment)
    seen_at: Mapped[datetime] = mapped_column(Moment)
    expires_at: Mapped[datetime] = mapped_column(Moment)
    revoked_at: Mapped[datetime | None] = mapped_column(Moment)


class SignInLink(Base):
    """A link that signs a person in once. ``person_id`` None: the first admin says who they are when using it."""

    __tablename__ = "sign_in_links"
    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(unique=True)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    made_by: Mapped[str] = mapped_column(default="", server_default="")
    created_at: Mapped[datetime] = mapped_column(Moment)
    expires_at: Mapped[datetime] = mapped_column(Moment)
    used_at: Mapped[datetime | None] = mapped_column(Moment)


class Notice(Base):
    """Something a person is told, at most once a day for each kind and subject."""

    __tablename__ = "notices"
    __table_args__ = (
        UniqueConstraint("person_id", "kind", "subject", "day"),
        Index("ix_notices_person_id_id", "person_id", "id"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    kind: Mapped[str]  # "ownerless" | "drift" | ...
    subject: Mapped[str]  # what it is about: a key result's id, a mapping's id
    day: Mapped[date]
    text: Mapped[str]
    link: Mapped[str] = mapped_column(default="", server_default="")  # path on our pages
    created_at: Mapped[datetime] = mapped_column(Moment)
    read_at: Mapped[datetime | None] = mapped_column(Moment)
