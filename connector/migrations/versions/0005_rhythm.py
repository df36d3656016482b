"""The rhythm: reviews with lock, pre-read and agenda; decisions that become issues; messages to people"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

DUE = sa.text("wanted > done")


def _wanted() -> list[sa.Column]:  # type: ignore[type-arg]
    return [
        sa.Column("wanted", sa.Integer(), server_default="0", nullable=False),
        sa.Column("done", sa.Integer(), server_default="0", nullable=False),
        sa.Column("first_at", sa.Double(), server_default="0", nullable=False),
        sa.Column("ready_at", sa.Double(), server_default="0", nullable=False),
        sa.Column("served_at", sa.Double(), server_default="0", nullable=False),
        sa.Column("lease_until", sa.Double(), server_default="0", nullable=False),
        sa.Column("lease", sa.String(), server_default="", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("error", sa.String(), nullable=True),
    ]


def upgrade() -> None:
    op.create_table(
        "channels",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("forum_id", sa.Integer(), nullable=True),
        sa.Column("secret", sa.String(), nullable=False),
        sa.Column("broken", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["forum_id"], ["forums.id"], name=op.f("fk_channels_forum_id_forums"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_channels")),
        sa.UniqueConstraint("name", name=op.f("uq_channels_name")),
    )
    op.create_table(
        "forum_members",
        sa.Column("forum_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("leader", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["forum_id"], ["forums.id"], name=op.f("fk_forum_members_forum_id_forums"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_forum_members_person_id_people"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("forum_id", "person_id", name=op.f("pk_forum_members")),
    )
    op.create_table(
        "reviews",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("forum_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lock_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(), server_default="planned", nullable=False),
        sa.Column("locked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opened_by_id", sa.Integer(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by_id", sa.Integer(), nullable=True),
        sa.Column("skipped_reason", sa.String(), server_default="", nullable=False),
        sa.Column("version", sa.Integer(), server_default="0", nullable=False),
        sa.Column("minutes", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["closed_by_id"], ["people.id"], name="fk_reviews_closed_by_id_people"),
        sa.ForeignKeyConstraint(["forum_id"], ["forums.id"], name=op.f("fk_reviews_forum_id_forums")),
        sa.ForeignKeyConstraint(["opened_by_id"], ["people.id"], name="fk_reviews_opened_by_id_people"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reviews")),
        sa.UniqueConstraint("forum_id", "day", name=op.f("uq_reviews_forum_id_day")),
    )
    op.create_index("ix_reviews_forum_id_starts_at", "reviews", ["forum_id", "starts_at"], unique=False)
    op.create_index("ix_reviews_state_lock_at", "reviews", ["state", "lock_at"], unique=False)
    op.create_table(
        "messages",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("way", sa.String(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("channel_id", sa.Integer(), nullable=True),
        sa.Column("connection_id", sa.Integer(), nullable=True),
        sa.Column("ref", sa.String(), server_default="", nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("state", sa.String(), server_default="waiting", nullable=False),
        sa.Column("unsure", sa.Boolean(), nullable=False),
        sa.Column("receipt", sa.String(), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        *_wanted(),
        sa.ForeignKeyConstraint(["channel_id"], ["channels.id"], name=op.f("fk_messages_channel_id_channels"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connections.id"], name=op.f("fk_messages_connection_id_connections"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_messages_person_id_people"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
        sa.UniqueConstraint("key", name=op.f("uq_messages_key")),
    )
    op.create_index(
        "ix_messages_due",
        "messages",
        ["ready_at"],
        unique=False,
        sqlite_where=DUE,
        postgresql_where=DUE,
    )
    op.create_index("ix_messages_person_id_kind", "messages", ["person_id", "kind"], unique=False)
    op.create_index("ix_messages_state_id", "messages", ["state", "id"], unique=False)
    op.create_table(
        "pre_reads",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("review_id", sa.Integer(), nullable=False),
        sa.Column("frozen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["review_id"], ["reviews.id"], name=op.f("fk_pre_reads_review_id_reviews"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pre_reads")),
        sa.UniqueConstraint("key", name=op.f("uq_pre_reads_key")),
        sa.UniqueConstraint("review_id", name=op.f("uq_pre_reads_review_id")),
    )
    op.create_table(
        "pre_read_readings",
        sa.Column("pre_read_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("place", sa.String(), server_default="page", nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_pre_read_readings_person_id_people"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["pre_read_id"], ["pre_reads.id"], name=op.f("fk_pre_read_readings_pre_read_id_pre_reads"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("pre_read_id", "person_id", name=op.f("pk_pre_read_readings")),
    )
    op.create_table(
        "calls_needed",
        sa.Column("pre_read_id", sa.Integer(), nullable=False),
        sa.Column("key_result_id", sa.String(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["key_result_id"], ["key_results.id"], name=op.f("fk_calls_needed_key_result_id_key_results")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_calls_needed_person_id_people"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["pre_read_id"], ["pre_reads.id"], name=op.f("fk_calls_needed_pre_read_id_pre_reads"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("pre_read_id", "key_result_id", "person_id", name=op.f("pk_calls_needed")),
    )
    op.create_table(
        "celebrations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key_result_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), server_default="", nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["key_result_id"], ["key_results.id"], name=op.f("fk_celebrations_key_result_id_key_results")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_celebrations")),
        sa.UniqueConstraint("key_result_id", "kind", "subject", name=op.f("uq_celebrations_key_result_id_kind_subject")),
    )
    op.create_table(
        "raised",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key_result_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("text", sa.String(), server_default="", nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["key_result_id"], ["key_results.id"], name=op.f("fk_raised_key_result_id_key_results"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_raised_person_id_people"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_raised")),
        sa.UniqueConstraint("key_result_id", "kind", "since", "level", name=op.f("uq_raised_key_result_id_kind_since_level")),
    )
    op.create_table(
        "recognitions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key_result_id", sa.String(), nullable=False),
        sa.Column("sender_id", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["key_result_id"], ["key_results.id"], name=op.f("fk_recognitions_key_result_id_key_results")),
        sa.ForeignKeyConstraint(["sender_id"], ["people.id"], name=op.f("fk_recognitions_sender_id_people")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recognitions")),
    )
    op.create_index("ix_recognitions_key_result_id_id", "recognitions", ["key_result_id", "id"], unique=False)
    op.create_table(
        "reminded",
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("key_result_id", sa.String(), nullable=False),
        sa.Column("lock_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["key_result_id"], ["key_results.id"], name=op.f("fk_reminded_key_result_id_key_results"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_reminded_person_id_people"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("person_id", "key_result_id", "lock_at", "step", name=op.f("pk_reminded")),
    )
    op.create_table(
        "review_items",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("review_id", sa.Integer(), nullable=False),
        sa.Column("key_result_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("minutes", sa.Integer(), server_default="0", nullable=False),
        sa.Column("folded", sa.Boolean(), nullable=False),
        sa.Column("fits", sa.Boolean(), nullable=False),
        sa.Column("snapshot", sa.Text(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=True),
        sa.Column("verdict_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("verdict_by_id", sa.Integer(), nullable=True),
        sa.Column("plan", sa.String(), server_default="", nullable=False),
        sa.Column("handed_to_id", sa.Integer(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("spent_seconds", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["handed_to_id"], ["people.id"], name="fk_review_items_handed_to_id_people"),
        sa.ForeignKeyConstraint(["key_result_id"], ["key_results.id"], name=op.f("fk_review_items_key_result_id_key_results")),
        sa.ForeignKeyConstraint(["review_id"], ["reviews.id"], name=op.f("fk_review_items_review_id_reviews"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["verdict_by_id"], ["people.id"], name="fk_review_items_verdict_by_id_people"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review_items")),
        sa.UniqueConstraint("review_id", "key_result_id", name=op.f("uq_review_items_review_id_key_result_id")),
    )
    op.create_index("ix_review_items_key_result_id", "review_items", ["key_result_id"], unique=False)
    op.create_table(
        "decision_issues",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("decision_id", sa.Integer(), nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("container", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), server_default="", nullable=False),
        sa.Column("ref", sa.String(), nullable=True),
        sa.Column("unsure", sa.Boolean(), nullable=False),
        sa.Column("refused", sa.String(), server_default="", nullable=False),
        sa.Column("finished", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        *_wanted(),
        sa.ForeignKeyConstraint(
            ["decision_id"], ["decisions.id"], name=op.f("fk_decision_issues_decision_id_decisions"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connections.id"], name=op.f("fk_decision_issues_connection_id_connections"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decision_issues")),
        sa.UniqueConstraint("connection_id", "ref", name=op.f("uq_decision_issues_connection_id_ref")),
        sa.UniqueConstraint("decision_id", name=op.f("uq_decision_issues_decision_id")),
    )
    op.create_index(
        "ix_decision_issues_due",
        "decision_issues",
        ["connection_id", "ready_at"],
        unique=False,
        sqlite_where=DUE,
        postgresql_where=DUE,
    )
    op.add_column("check_ins", sa.Column("late", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column(
        "decisions",
        sa.Column("review_id", sa.Integer(), sa.ForeignKey("reviews.id", name="fk_decisions_review_id_reviews"), nullable=True),
        inline_references=True,
    )
    op.add_column("decisions", sa.Column("verdict", sa.String(), server_default="", nullable=False))
    op.add_column("decisions", sa.Column("action", sa.String(), server_default="", nullable=False))
    op.add_column("decisions", sa.Column("link", sa.Text(), nullable=True))
    op.add_column("decisions", sa.Column("effect", sa.Text(), nullable=True))
    op.add_column("decisions", sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "forums",
        sa.Column("sponsor_id", sa.Integer(), sa.ForeignKey("people.id", name="fk_forums_sponsor_id_people"), nullable=True),
        inline_references=True,
    )
    op.add_column("forums", sa.Column("cadence", sa.String(), server_default="weekly", nullable=False))
    op.add_column("forums", sa.Column("weekday", sa.Integer(), nullable=True))
    op.add_column("forums", sa.Column("time", sa.String(), server_default="10:00", nullable=False))
    op.add_column("forums", sa.Column("first_on", sa.Date(), nullable=True))
    op.add_column("forums", sa.Column("zone", sa.String(), server_default="", nullable=False))
    op.add_column("forums", sa.Column("country", sa.String(), server_default="", nullable=False))
    op.add_column("forums", sa.Column("lock_time", sa.String(), server_default="16:00", nullable=False))
    op.add_column("forums", sa.Column("lock_days", sa.Integer(), server_default="1", nullable=False))
    op.add_column("forums", sa.Column("minutes", sa.Integer(), server_default="30", nullable=False))
    op.add_column("forums", sa.Column("pack", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("people", sa.Column("zone", sa.String(), server_default="", nullable=False))
    op.add_column("people", sa.Column("away_until", sa.Date(), nullable=True))


def downgrade() -> None:
    raise NotImplementedError("there is no way back from 0005: restore the backup that was made before the upgrade")
