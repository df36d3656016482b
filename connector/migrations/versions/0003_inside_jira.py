"""The Forge app's installations, commands in comments, exported goals; doubts and picked blockers of check-ins"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


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


def _due_index(table: str) -> None:
    condition = sa.text("wanted > done")
    op.create_index(f"ix_{table}_due", table, ["connection_id", "ready_at"], sqlite_where=condition, postgresql_where=condition)


def upgrade() -> None:
    op.create_table(
        "forge_installations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("installation_id", sa.String(), nullable=False),
        sa.Column("cloud_id", sa.String(), nullable=False),
        sa.Column("site_url", sa.String(), server_default="", nullable=False),
        sa.Column("api_base_url", sa.String(), server_default="", nullable=False),
        sa.Column("app_version", sa.String(), server_default="", nullable=False),
        sa.Column("environment", sa.String(), server_default="", nullable=False),
        sa.Column("state", sa.String(), server_default="waiting", nullable=False),
        sa.Column("system_token", sa.String(), nullable=True),
        sa.Column("token_ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("hourly_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_forge_installations")),
        sa.UniqueConstraint("installation_id", "cloud_id", name=op.f("uq_forge_installations_installation_id_cloud_id")),
    )
    op.create_index(op.f("ix_forge_installations_cloud_id"), "forge_installations", ["cloud_id"], unique=False)
    op.create_table(
        "comment_commands",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("ref", sa.String(), nullable=False),
        sa.Column("comment_id", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), server_default="", nullable=False),
        sa.Column("digest", sa.String(), server_default="", nullable=False),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("handled_at", sa.DateTime(timezone=True), nullable=True),
        *_wanted(),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connections.id"], name=op.f("fk_comment_commands_connection_id_connections"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comment_commands")),
        sa.UniqueConstraint("connection_id", "comment_id", name=op.f("uq_comment_commands_connection_id_comment_id")),
    )
    _due_index("comment_commands")
    op.create_table(
        "goal_targets",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("goal", sa.String(), nullable=False),
        sa.Column("metric_target", sa.String(), server_default="", nullable=False),
        sa.Column("digest", sa.String(), server_default="", nullable=False),
        sa.Column("exported_at", sa.DateTime(timezone=True), nullable=True),
        *_wanted(),
        sa.ForeignKeyConstraint(["id"], ["key_results.id"], name=op.f("fk_goal_targets_id_key_results")),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connections.id"], name=op.f("fk_goal_targets_connection_id_connections"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_goal_targets")),
    )
    _due_index("goal_targets")
    op.add_column("check_ins", sa.Column("doubt", sa.String(), nullable=True))
    op.add_column("check_ins", sa.Column("blocker_link", sa.Text(), nullable=True))
    op.add_column("check_ins", sa.Column("seconds", sa.Integer(), nullable=True))
    op.add_column(
        "connections",
        sa.Column(
            "installation_id",
            sa.Integer(),
            sa.ForeignKey("forge_installations.id", name="fk_connections_installation_id_forge_installations"),
            nullable=True,
        ),
        inline_references=True,
    )
    op.add_column("connections", sa.Column("login_lease_until", sa.Double(), server_default="0", nullable=False))


def downgrade() -> None:
    raise NotImplementedError("there is no way back from 0003: restore the backup that was made before the upgrade")
