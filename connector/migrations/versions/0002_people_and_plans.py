"""People's rights and sign-in, drafts and restricted objectives, what could be mapped, uploaded files"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Columns are added in place, with their references inline: SQLite's other way copies the table, and dropping the old one would
# take with it what refers to its rows.


def upgrade() -> None:
    op.create_table(
        "browser_sessions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("how", sa.String(), nullable=False),
        sa.Column("agent", sa.String(), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_browser_sessions_person_id_people"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_browser_sessions")),
        sa.UniqueConstraint("digest", name=op.f("uq_browser_sessions_digest")),
    )
    op.create_index(op.f("ix_browser_sessions_person_id"), "browser_sessions", ["person_id"], unique=False)
    op.create_table(
        "candidates",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("ref", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("container", sa.String(), server_default="", nullable=False),
        sa.Column("url", sa.String(), server_default="", nullable=False),
        sa.Column("status", sa.String(), server_default="", nullable=False),
        sa.Column("category", sa.String(), server_default="undefined", nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("points", sa.Double(), nullable=True),
        sa.Column("fed_by", sa.Text(), nullable=False),
        sa.Column("ignored_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connections.id"], name=op.f("fk_candidates_connection_id_connections"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_candidates")),
        sa.UniqueConstraint("connection_id", "ref", name=op.f("uq_candidates_connection_id_ref")),
    )
    op.create_table(
        "drift_findings",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("kind", "subject", name=op.f("pk_drift_findings")),
    )
    op.create_table(
        "forums",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("caller_id", sa.Integer(), nullable=True),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["caller_id"], ["people.id"], name=op.f("fk_forums_caller_id_people")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_forums")),
        sa.UniqueConstraint("name", name=op.f("uq_forums_name")),
    )
    op.create_table(
        "identities",
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_identities_person_id_people"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("issuer", "subject", name=op.f("pk_identities")),
    )
    op.create_table(
        "imports",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("options", sa.Text(), nullable=False),
        sa.Column("columns", sa.Text(), nullable=True),
        sa.Column("rows_total", sa.Integer(), nullable=True),
        sa.Column("rows_done", sa.Integer(), server_default="0", nullable=False),
        sa.Column("summary", sa.Text(), nullable=True),
        sa.Column("faults", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_until", sa.Double(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_imports_person_id_people")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imports")),
    )
    op.create_table(
        "notices",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("link", sa.String(), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_notices_person_id_people"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
        sa.UniqueConstraint("person_id", "kind", "subject", "day", name=op.f("uq_notices_person_id_kind_subject_day")),
    )
    op.create_index("ix_notices_person_id_id", "notices", ["person_id", "id"], unique=False)
    op.create_table(
        "sign_in_links",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("made_by", sa.String(), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_sign_in_links_person_id_people"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_links")),
        sa.UniqueConstraint("digest", name=op.f("uq_sign_in_links_digest")),
    )
    op.create_table(
        "team_members",
        sa.Column("team_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_team_members_person_id_people"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name=op.f("fk_team_members_team_id_teams"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("team_id", "person_id", name=op.f("pk_team_members")),
    )
    op.create_table(
        "objective_readers",
        sa.Column("objective_id", sa.String(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["objective_id"], ["objectives.id"], name=op.f("fk_objective_readers_objective_id_objectives"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_objective_readers_person_id_people"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("objective_id", "person_id", name=op.f("pk_objective_readers")),
    )
    op.create_table(
        "sign_offs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key_result_id", sa.String(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("suggestion", sa.String(), server_default="", nullable=False),
        sa.Column("comment", sa.String(), server_default="", nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["key_result_id"], ["key_results.id"], name=op.f("fk_sign_offs_key_result_id_key_results")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_sign_offs_person_id_people")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_offs")),
    )
    op.create_index("ix_sign_offs_key_result_id_id", "sign_offs", ["key_result_id", "id"], unique=False)
    op.create_table(
        "mapping_days",
        sa.Column("mapping_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("items", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["mapping_id"], ["mappings.id"], name=op.f("fk_mapping_days_mapping_id_mappings"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("mapping_id", "day", name=op.f("pk_mapping_days")),
    )
    op.add_column(
        "api_tokens",
        sa.Column("person_id", sa.Integer(), sa.ForeignKey("people.id", name="fk_api_tokens_person_id_people"), nullable=True),
        inline_references=True,
    )
    op.add_column("audit", sa.Column("reason", sa.String(), server_default="", nullable=False))
    op.create_index("ix_audit_at", "audit", ["at"], unique=False)
    op.add_column("connections", sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("connections", sa.Column("quota", sa.Text(), nullable=True))
    op.add_column("connections", sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("connections", sa.Column("checks", sa.Text(), nullable=True))
    op.add_column("connections", sa.Column("webhook", sa.Text(), nullable=True))
    op.add_column("connections", sa.Column("look", sa.Text(), nullable=True))
    op.add_column("cycles", sa.Column("started_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "mappings",
        sa.Column("owner_id", sa.Integer(), sa.ForeignKey("people.id", name="fk_mappings_owner_id_people"), nullable=True),
        inline_references=True,
    )
    op.add_column("key_results", sa.Column("by_hand", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("key_results", sa.Column("stretch_reason", sa.String(), server_default="", nullable=False))
    op.add_column("objectives", sa.Column("restricted", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("objectives", sa.Column("stage", sa.String(), server_default="ready", nullable=False))
    op.add_column("people", sa.Column("role", sa.String(), server_default="member", nullable=False))
    op.add_column("person_accounts", sa.Column("left_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("person_accounts", sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "teams",
        sa.Column("forum_id", sa.Integer(), sa.ForeignKey("forums.id", name="fk_teams_forum_id_forums"), nullable=True),
        inline_references=True,
    )
    op.execute("UPDATE cycles SET started_at = CURRENT_TIMESTAMP")  # what is running already was started


def downgrade() -> None:
    raise NotImplementedError("there is no way back from 0002: restore the backup that was made before the upgrade")
