"""The rhythm of reviews: who meets, the review with its lock, the frozen pre-read, the agenda with its verdicts."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from connector.store.base import Base, Json, Moment


class ForumMember(Base):
    """A person in a forum. ``leader``: whose reading of the pre-read is recorded and who may mark "call needed"."""

    __tablename__ = "forum_members"
    forum_id: Mapped[int] = mapped_column(ForeignKey("forums.id", ondelete="CASCADE"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), primary_key=True)
    leader: Mapped[bool] = mapped_column(default=True)


class Review(Base):
    """One meeting of a forum. ``day``: the nominal day of its schedule, before any shift for a holiday; one review for each.

    ``state``: "planned" · "locked" (its pre-read is frozen) · "open" (it is being held) · "closed" · "skipped". ``version`` counts the
    changes made during it, so that two who close it at once notice each other. ``minutes``: what was written down when it was closed.
    """

    __tablename__ = "reviews"
    __table_args__ = (
        UniqueConstraint("forum_id", "day"),
        Index("ix_reviews_state_lock_at", "state", "lock_at"),
        Index("ix_reviews_forum_id_starts_at", "forum_id", "starts_at"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    forum_id: Mapped[int] = mapped_column(ForeignKey("forums.id"))
    day: Mapped[date]
    starts_at: Mapped[datetime] = mapped_column(Moment)
    lock_at: Mapped[datetime] = mapped_column(Moment)
    state: Mapped[str] = mapped_column(default="planned", server_default="planned")
    locked_at: Mapped[datetime | None] = mapped_column(Moment)
    opened_at: Mapped[datetime | None] = mapped_column(Moment)
    opened_by_id: Mapped[int | None] = mapped_column(ForeignKey("people.id", name="fk_reviews_opened_by_id_people"))
    closed_at: Mapped[datetime | None] = mapped_column(Moment)
    closed_by_id: Mapped[int | None] = mapped_column(ForeignKey("people.id", name="fk_reviews_closed_by_id_people"))
    skipped_reason: Mapped[str] = mapped_column(default="", server_default="")
    version: Mapped[int] = mapped_column(default=0, server_default="0")
    minutes: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    created_at: Mapped[datetime] = mapped_column(Moment)


class PreRead(Base):
    """What a forum reads before its review, frozen at the lock and never changed. ``key``: its id in every channel."""

    __tablename__ = "pre_reads"
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    review_id: Mapped[int] = mapped_column(ForeignKey("reviews.id", ondelete="CASCADE"), unique=True)
    frozen_at: Mapped[datetime] = mapped_column(Moment)
    content: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    digest: Mapped[str] = mapped_column(default="", server_default="")


class PreReadReading(Base):
    """That a person opened a pre-read: when first, and where ("page", "jira", "notion", "mail")."""

    __tablename__ = "pre_read_readings"
    pre_read_id: Mapped[int] = mapped_column(ForeignKey("pre_reads.id", ondelete="CASCADE"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), primary_key=True)
    at: Mapped[datetime] = mapped_column(Moment)
    place: Mapped[str] = mapped_column(default="page", server_default="page")


class CallNeeded(Base):
    """A leader's mark in the pre-read: this key result has to be talked about."""

    __tablename__ = "calls_needed"
    pre_read_id: Mapped[int] = mapped_column(ForeignKey("pre_reads.id", ondelete="CASCADE"), primary_key=True)
    key_result_id: Mapped[str] = mapped_column(ForeignKey("key_results.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), primary_key=True)
    at: Mapped[datetime] = mapped_column(Moment)


class ReviewItem(Base):
    """One key result on the agenda of a review. ``reasons``: why it is there, in words; ``minutes``: its share of the time.

    ``folded``: below the score that gets time ("hold course, one click"). ``verdict``: None while there is none, see ``domain.agenda``.
    ``plan``: what is done until the next review (R069). ``reached`` False: no time was left; it was handed to ``handed_to_id``.
    ``snapshot``: what the frozen pre-read said of it.
    """

    __tablename__ = "review_items"
    __table_args__ = (UniqueConstraint("review_id", "key_result_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    review_id: Mapped[int] = mapped_column(ForeignKey("reviews.id", ondelete="CASCADE"))
    key_result_id: Mapped[str] = mapped_column(ForeignKey("key_results.id"), index=True)
    position: Mapped[int]
    score: Mapped[float]
    reasons: Mapped[list[str]] = mapped_column(Json, default=list)
    minutes: Mapped[int] = mapped_column(default=0, server_default="0")
    folded: Mapped[bool] = mapped_column(default=False)
    fits: Mapped[bool] = mapped_column(default=True)
    snapshot: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    verdict: Mapped[str | None]
    verdict_at: Mapped[datetime | None] = mapped_column(Moment)
    verdict_by_id: Mapped[int | None] = mapped_column(ForeignKey("people.id", name="fk_review_items_verdict_by_id_people"))
    plan: Mapped[str] = mapped_column(default="", server_default="")
    handed_to_id: Mapped[int | None] = mapped_column(ForeignKey("people.id", name="fk_review_items_handed_to_id_people"))
    opened_at: Mapped[datetime | None] = mapped_column(Moment)
    spent_seconds: Mapped[int] = mapped_column(default=0, server_default="0")


class Celebration(Base):
    """Something to be glad of, once for each subject.

    ``kind``: "quarter" · "half" · "three_quarters" · "whole" · "milestone" · "moving_again".
    """

    __tablename__ = "celebrations"
    __table_args__ = (UniqueConstraint("key_result_id", "kind", "subject"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    key_result_id: Mapped[str] = mapped_column(ForeignKey("key_results.id"))
    kind: Mapped[str]
    subject: Mapped[str] = mapped_column(default="", server_default="")
    text: Mapped[str]
    at: Mapped[datetime] = mapped_column(Moment)


class Recognition(Base):
    """Thanks from a person for work on a key result (R102)."""

    __tablename__ = "recognitions"
    __table_args__ = (Index("ix_recognitions_key_result_id_id", "key_result_id", "id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    key_result_id: Mapped[str] = mapped_column(ForeignKey("key_results.id"))
    sender_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    text: Mapped[str]
    at: Mapped[datetime] = mapped_column(Moment)
