"""Signals, blockers, held values, states as they changed; what holds items up and how much is under way"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

STANDING = sa.text("ended_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "blockers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key_result_id", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("link", sa.Text(), nullable=True),
        sa.Column("share", sa.Double(), nullable=True),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("clear_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.String(), server_default="", nullable=False),
        sa.Column("ended_by_id", sa.Integer(), nullable=True),
        sa.Column("reason", sa.String(), server_default="", nullable=False),
        sa.Column("evidence", sa.Text(), server_default="{}", nullable=False),
        sa.ForeignKeyConstraint(["ended_by_id"], ["people.id"], name="fk_blockers_ended_by_id_people"),
        sa.ForeignKeyConstraint(["key_result_id"], ["key_results.id"], name=op.f("fk_blockers_key_result_id_key_results")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blockers")),
    )
    op.create_index(
        "uq_blockers_standing",
        "blockers",
        ["key_result_id", "source"],
        unique=True,
        sqlite_where=STANDING,
        postgresql_where=STANDING,
    )
    op.create_table(
        "form_openings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("key_result_id", sa.String(), nullable=False),
        sa.Column("place", sa.String(), server_default="page", nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("clicks", sa.Integer(), nullable=True),
        sa.Column("offered", sa.Integer(), server_default="0", nullable=False),
        sa.Column("kept", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["key_result_id"], ["key_results.id"], name=op.f("fk_form_openings_key_result_id_key_results"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_form_openings")),
        sa.UniqueConstraint("key", name=op.f("uq_form_openings_key")),
    )
    op.create_index("ix_form_openings_opened_at", "form_openings", ["opened_at"], unique=False)
    op.create_table(
        "held_values",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key_result_id", sa.String(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("previous", sa.Double(), nullable=True),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("reading", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_by_id", sa.Integer(), nullable=True),
        sa.Column("reason", sa.String(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["key_result_id"], ["key_results.id"], name=op.f("fk_held_values_key_result_id_key_results")),
        sa.ForeignKeyConstraint(["resolved_by_id"], ["people.id"], name="fk_held_values_resolved_by_id_people"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_held_values")),
    )
    op.create_index("ix_held_values_key_result_id_id", "held_values", ["key_result_id", "id"], unique=False)
    op.create_table(
        "signals",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("key_result_id", sa.String(), nullable=True),
        sa.Column("sentence", sa.String(), nullable=False),
        sa.Column("numbers", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dismissed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dismissed_by_id", sa.Integer(), nullable=True),
        sa.Column("dismissed_reason", sa.String(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["dismissed_by_id"], ["people.id"], name="fk_signals_dismissed_by_id_people"),
        sa.ForeignKeyConstraint(["key_result_id"], ["key_results.id"], name=op.f("fk_signals_key_result_id_key_results")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signals")),
    )
    op.create_index("ix_signals_key_result_id_kind", "signals", ["key_result_id", "kind"], unique=False)
    op.create_index(
        "uq_signals_standing",
        "signals",
        ["kind", "subject"],
        unique=True,
        sqlite_where=STANDING,
        postgresql_where=STANDING,
    )
    op.create_table(
        "state_changes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key_result_id", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("before", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("progress", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["key_result_id"], ["key_results.id"], name=op.f("fk_state_changes_key_result_id_key_results")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_state_changes")),
    )
    op.create_index("ix_state_changes_key_result_id_id", "state_changes", ["key_result_id", "id"], unique=False)
    op.add_column("items", sa.Column("blocked", sa.Text(), nullable=True))
    op.add_column("items", sa.Column("blocked_told_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_items_blocked",
        "items",
        ["connection_id"],
        unique=False,
        sqlite_where=sa.text("blocked IS NOT NULL"),
        postgresql_where=sa.text("blocked IS NOT NULL"),
    )
    op.add_column("key_results", sa.Column("effect_lag", sa.Integer(), nullable=True))
    op.add_column("key_results", sa.Column("insight", sa.Text(), server_default="{}", nullable=False))
    op.add_column("mapping_days", sa.Column("started", sa.Integer(), nullable=True))
    op.add_column("mapping_days", sa.Column("points", sa.Double(), nullable=True))
    op.add_column("mapping_days", sa.Column("points_done", sa.Double(), nullable=True))
    op.add_column("mapping_days", sa.Column("open_points", sa.Double(), nullable=True))
    op.add_column("mapping_days", sa.Column("blocked_points", sa.Double(), nullable=True))


def downgrade() -> None:
    raise NotImplementedError("there is no way back from 0006: restore the backup that was made before the upgrade")
