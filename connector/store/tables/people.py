"""People, their teams and forums, how they sign in, and what they are told."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from connector.store.base import Base, Moment


class Person(Base):
    """A human being; matched to host accounts by account id, never by name. ``role``: see ``connector.domain.rights``.

    ``zone``: the time zone in which they are left in peace at night, "" for the installation's. ``away_until``: on leave up to that day.
    """

    __tablename__ = "people"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    active: Mapped[bool] = mapped_column(default=True)
    role: Mapped[str] = mapped_column(default="member", server_default="member")
    zone: Mapped[str] = mapped_column(default="", server_default="")
    away_until: Mapped[date | None]


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
    """Who meets to review, and when; ``caller_id`` is the person who can call decisions, ``sponsor_id`` who hears what stays unanswered.

    ``cadence``: "weekly" or "fortnightly" · ``weekday``: 0 is Monday, None while no review is planned · ``time``, ``lock_time``: "10:00",
    local · ``first_on``: a day in the week of a fortnightly review · ``zone``: "" for the installation's · ``country``: whose holidays
    shift it, as "DE" or "DE-BY", "" for none · ``lock_days``: working days before the review · ``minutes``: how long it may take ·
    ``pack``: whether the review pack is delivered at the lock.
    """

    __tablename__ = "forums"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    caller_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    sponsor_id: Mapped[int | None] = mapped_column(ForeignKey("people.id", name="fk_forums_sponsor_id_people"))
    cadence: Mapped[str] = mapped_column(default="weekly", server_default="weekly")
    weekday: Mapped[int | None]
    time: Mapped[str] = mapped_column(default="10:00", server_default="10:00")
    first_on: Mapped[date | None]
    zone: Mapped[str] = mapped_column(default="", server_default="")
    country: Mapped[str] = mapped_column(default="", server_default="")
    lock_time: Mapped[str] = mapped_column(default="16:00", server_default="16:00")
    lock_days: Mapped[int] = mapped_column(default=1, server_default="1")
    minutes: Mapped[int] = mapped_column(default=30, server_default="30")
    pack: Mapped[bool] = mapped_column(default=False, server_default=false())
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
