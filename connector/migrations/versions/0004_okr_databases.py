"""OKR databases at a host with their rows, the leads' page, decisions; panels on key results' pages"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
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


def _of_connection(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["connection_id"], ["connections.id"], name=op.f(f"fk_{table}_connection_id_connections"), ondelete="CASCADE"
    )


def upgrade() -> None:
    op.create_table(
        "okr_databases",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("database", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("page", sa.String(), server_default="", nullable=False),
        sa.Column("title", sa.String(), server_default="", nullable=False),
        sa.Column("url", sa.String(), server_default="", nullable=False),
        sa.Column("adopted", sa.Boolean(), nullable=False),
        sa.Column("columns", sa.Text(), nullable=False),
        sa.Column("views", sa.Text(), nullable=False),
        sa.Column("options", sa.Text(), nullable=False),
        sa.Column("drift", sa.Text(), nullable=False),
        sa.Column("broken", sa.String(), nullable=True),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        _of_connection("okr_databases"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_okr_databases")),
        sa.UniqueConstraint("connection_id", "kind", name=op.f("uq_okr_databases_connection_id_kind")),
    )
    op.create_index(op.f("ix_okr_databases_source"), "okr_databases", ["source"], unique=False)
    op.create_table(
        "okr_rows",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("database_id", sa.Integer(), nullable=False),
        sa.Column("ref", sa.String(), nullable=True),
        sa.Column("url", sa.String(), server_default="", nullable=False),
        sa.Column("title", sa.String(), server_default="", nullable=False),
        sa.Column("record", sa.String(), server_default="", nullable=False),
        sa.Column("agreed", sa.Text(), nullable=False),
        sa.Column("shown", sa.Text(), nullable=False),
        sa.Column("heard", sa.Text(), nullable=False),
        sa.Column("typing", sa.Text(), nullable=True),
        sa.Column("settle_at", sa.Double(), server_default="0", nullable=False),
        sa.Column("missing", sa.Text(), nullable=False),
        sa.Column("note", sa.String(), server_default="", nullable=False),
        sa.Column("unsure", sa.Boolean(), nullable=False),
        sa.Column("edited_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("gone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        *_wanted(),
        _of_connection("okr_rows"),
        sa.ForeignKeyConstraint(
            ["database_id"], ["okr_databases.id"], name=op.f("fk_okr_rows_database_id_okr_databases"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_okr_rows")),
        sa.UniqueConstraint("connection_id", "ref", name=op.f("uq_okr_rows_connection_id_ref")),
    )
    op.create_index("ix_okr_rows_database_id_record", "okr_rows", ["database_id", "record"], unique=False)
    _due_index("okr_rows")
    waits = sa.text("settle_at > 0")
    op.create_index("ix_okr_rows_settle", "okr_rows", ["settle_at"], sqlite_where=waits, postgresql_where=waits)
    op.create_table(
        "leads_pages",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("ref", sa.String(), nullable=False),
        sa.Column("url", sa.String(), server_default="", nullable=False),
        sa.Column("options", sa.Text(), nullable=False),
        sa.Column("receipt", sa.Text(), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("gone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        *_wanted(),
        _of_connection("leads_pages"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_leads_pages")),
        sa.UniqueConstraint("connection_id", "ref", name=op.f("uq_leads_pages_connection_id_ref")),
    )
    _due_index("leads_pages")
    op.create_table(
        "decisions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key_result_id", sa.String(), nullable=False),
        sa.Column("check_in_id", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=True),
        sa.Column("due", sa.Date(), nullable=True),
        sa.Column("state", sa.String(), server_default="asked", nullable=False),
        sa.Column("outcome", sa.String(), server_default="", nullable=False),
        sa.Column("asked_by_id", sa.Integer(), nullable=True),
        sa.Column("source", sa.String(), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["key_result_id"], ["key_results.id"], name=op.f("fk_decisions_key_result_id_key_results")),
        sa.ForeignKeyConstraint(["check_in_id"], ["check_ins.id"], name=op.f("fk_decisions_check_in_id_check_ins")),
        sa.ForeignKeyConstraint(["owner_id"], ["people.id"], name=op.f("fk_decisions_owner_id_people")),
        sa.ForeignKeyConstraint(["asked_by_id"], ["people.id"], name=op.f("fk_decisions_asked_by_id_people")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decisions")),
    )
    op.create_index("ix_decisions_key_result_id_state", "decisions", ["key_result_id", "state"], unique=False)
    op.add_column(
        "panels",
        sa.Column("key_result_id", sa.String(), sa.ForeignKey("key_results.id", name="fk_panels_key_result_id_key_results"), nullable=True),
        inline_references=True,
    )
    op.add_column("panels", sa.Column("options", sa.Text(), server_default="{}", nullable=False))
    op.add_column("connections", sa.Column("site", sa.String(), server_default="", nullable=False))


def downgrade() -> None:
    raise NotImplementedError("there is no way back from 0004: restore the backup that was made before the upgrade")
