"""Connections and destinations, and the way of a row between them."""

import sqlalchemy as sa
from alembic import op

from counterfoil.store.types import Moment

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "budget_pauses",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("until", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_budget_pauses")),
    )
    op.create_table(
        "budget_places",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("free_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_budget_places")),
    )
    op.create_index(op.f("ix_budget_places_name_free_at"), "budget_places", ["name", "free_at"], unique=False)
    op.create_table(
        "connections",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("provider", sa.String(length=40), nullable=False),
        sa.Column("remote_id", sa.String(length=255), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("problem_code", sa.Text(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("remedy", sa.Text(), nullable=True),
        sa.Column("notice_code", sa.Text(), nullable=True),
        sa.Column("notice", sa.Text(), nullable=True),
        sa.Column("notice_remedy", sa.Text(), nullable=True),
        sa.Column("credential", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", Moment(length=32), nullable=False),
        sa.Column("fetched_at", Moment(length=32), nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_connections_workspace_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_connections")),
        sa.UniqueConstraint(
            "workspace_id", "provider", "remote_id", name=op.f("uq_connections_workspace_id_provider_remote_id")
        ),
    )
    op.create_index(op.f("ix_connections_provider_remote_id"), "connections", ["provider", "remote_id"], unique=False)
    op.create_table(
        "destinations",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("remote_id", sa.String(length=255), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("problem_code", sa.Text(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("remedy", sa.Text(), nullable=True),
        sa.Column("credential", sa.LargeBinary(), nullable=False),
        sa.Column("selection", sa.Text(), nullable=False),
        sa.Column("created_at", Moment(length=32), nullable=False),
        sa.Column("due_at", Moment(length=32), nullable=True),
        sa.Column("reconciled_at", Moment(length=32), nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_destinations_workspace_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_destinations")),
        sa.UniqueConstraint(
            "workspace_id", "kind", "remote_id", name=op.f("uq_destinations_workspace_id_kind_remote_id")
        ),
    )
    op.create_table(
        "cursors",
        sa.Column("connection_id", sa.String(length=36), nullable=False),
        sa.Column("stream", sa.String(length=40), nullable=False),
        sa.Column("cursor", sa.LargeBinary(), nullable=True),
        sa.Column("fetched_at", Moment(length=32), nullable=True),
        sa.Column("offered", sa.Boolean(), server_default=sa.text("(true)"), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connections.id"], name=op.f("fk_cursors_connection_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("connection_id", "stream", name=op.f("pk_cursors")),
    )
    op.create_table(
        "destination_tables",
        sa.Column("destination_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("mapping", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("prepared", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.Column("watermark", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("adopted", sa.Boolean(), nullable=False),
        sa.Column("edition", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("problem_code", sa.Text(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("remedy", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["destination_id"],
            ["destinations.id"],
            name=op.f("fk_destination_tables_destination_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("destination_id", "name", name=op.f("pk_destination_tables")),
    )
    op.create_table(
        "mirror",
        sa.Column("destination_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("remote_id", sa.Text(), nullable=True),
        sa.Column("prints", sa.LargeBinary(), nullable=False),
        sa.Column("was_key", sa.Text(), nullable=True),
        sa.Column("again", sa.Boolean(), nullable=False),
        sa.Column("open", sa.Boolean(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["destination_id"], ["destinations.id"], name=op.f("fk_mirror_destination_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("destination_id", "name", "key", name=op.f("pk_mirror")),
    )
    op.create_index(
        "ix_mirror_not_standing",
        "mirror",
        ["destination_id", "name", "state", "key"],
        unique=False,
        sqlite_where=sa.text("state != 'synced'"),
        postgresql_where=sa.text("state != 'synced'"),
    )
    op.create_index(
        "ix_mirror_open",
        "mirror",
        ["destination_id", "name", "key"],
        unique=False,
        sqlite_where=sa.text("open IS NOT NULL"),
        postgresql_where=sa.text("open IS NOT NULL"),
    )
    op.create_table(
        "pages",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("connection_id", sa.String(length=36), nullable=False),
        sa.Column("stream", sa.String(length=40), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("cursor", sa.LargeBinary(), nullable=True),
        sa.Column("has_more", sa.Boolean(), nullable=False),
        sa.Column("staged_at", Moment(length=32), nullable=False),
        sa.Column("committed_at", Moment(length=32), nullable=True),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connections.id"], name=op.f("fk_pages_connection_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pages")),
    )
    op.create_index(
        op.f("ix_pages_connection_id_stream_position"), "pages", ["connection_id", "stream", "position"], unique=False
    )
    op.create_table(
        "relinks",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("old_id", sa.String(length=36), nullable=False),
        sa.Column("new_id", sa.String(length=36), nullable=False),
        sa.Column("pairs", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_at", Moment(length=32), nullable=False),
        sa.Column("decided_at", Moment(length=32), nullable=True),
        sa.ForeignKeyConstraint(["new_id"], ["connections.id"], name=op.f("fk_relinks_new_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["old_id"], ["connections.id"], name=op.f("fk_relinks_old_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_relinks_workspace_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_relinks")),
        sa.UniqueConstraint("new_id", "old_id", name=op.f("uq_relinks_new_id_old_id")),
    )
    op.create_table(
        "syncs",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("connection_id", sa.String(length=36), nullable=True),
        sa.Column("cause", sa.String(length=120), nullable=False),
        sa.Column("run_id", sa.String(length=255), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("started_at", Moment(length=32), nullable=False),
        sa.Column("finished_at", Moment(length=32), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connections.id"], name=op.f("fk_syncs_connection_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_syncs_workspace_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_syncs")),
        sa.UniqueConstraint("run_id", name=op.f("uq_syncs_run_id")),
    )
    op.create_index(op.f("ix_syncs_connection_id_started_at"), "syncs", ["connection_id", "started_at"], unique=False)
    op.create_index(op.f("ix_syncs_workspace_id_started_at"), "syncs", ["workspace_id", "started_at"], unique=False)
    op.create_table(
        "visits",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("provider", sa.String(length=40), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("choice", sa.String(length=40), nullable=True),
        sa.Column("connection_id", sa.String(length=36), nullable=True),
        sa.Column("reference", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_at", Moment(length=32), nullable=False),
        sa.Column("expires_at", Moment(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connections.id"], name=op.f("fk_visits_connection_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_visits_workspace_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_visits")),
    )
    op.create_index(op.f("ix_visits_workspace_id_created_at"), "visits", ["workspace_id", "created_at"], unique=False)
    op.create_table(
        "candidates",
        sa.Column("visit_id", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("marks", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("credential", sa.LargeBinary(), nullable=True),
        sa.Column("connection_id", sa.String(length=36), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connections.id"], name=op.f("fk_candidates_connection_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["visit_id"], ["visits.id"], name=op.f("fk_candidates_visit_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("visit_id", "id", name=op.f("pk_candidates")),
    )
    op.create_table(
        "requests",
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("connection_id", sa.String(length=36), nullable=False),
        sa.Column("event", sa.String(length=120), nullable=False),
        sa.Column("asked_at", Moment(length=32), nullable=False),
        sa.Column("sync_id", sa.String(length=36), nullable=True),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connections.id"], name=op.f("fk_requests_connection_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["sync_id"], ["syncs.id"], name=op.f("fk_requests_sync_id"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_requests")),
    )
    op.create_index(op.f("ix_requests_connection_id_sync_id"), "requests", ["connection_id", "sync_id"], unique=False)
    op.create_index(
        "ix_requests_waiting",
        "requests",
        ["asked_at"],
        unique=False,
        sqlite_where=sa.text("sync_id IS NULL"),
        postgresql_where=sa.text("sync_id IS NULL"),
    )
    op.create_table(
        "sync_tables",
        sa.Column("sync_id", sa.String(length=36), nullable=False),
        sa.Column("destination_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("created", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("updated", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("deleted", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("rejected", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("gone", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("problem_code", sa.Text(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("remedy", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["destination_id"], ["destinations.id"], name=op.f("fk_sync_tables_destination_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["sync_id"], ["syncs.id"], name=op.f("fk_sync_tables_sync_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("sync_id", "destination_id", "name", name=op.f("pk_sync_tables")),
    )
