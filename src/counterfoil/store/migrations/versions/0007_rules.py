"""Rules about transactions, and pairs of transactions that are one movement between own accounts."""

import sqlalchemy as sa
from alembic import op

from counterfoil.store.types import Moment

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "pairings",
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_pairings_workspace_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("workspace_id", name=op.f("pk_pairings")),
    )
    op.create_table(
        "rules",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("when", sa.Text(), nullable=False),
        sa.Column("then", sa.Text(), nullable=False),
        sa.Column("changed_at", Moment(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_rules_workspace_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rules")),
    )
    op.create_index(op.f("ix_rules_workspace_id_position"), "rules", ["workspace_id", "position"], unique=False)
    op.create_table(
        "pairs",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("out_connection_id", sa.String(length=36), nullable=False),
        sa.Column("out_key", sa.String(length=255), nullable=False),
        sa.Column("in_connection_id", sa.String(length=36), nullable=False),
        sa.Column("in_key", sa.String(length=255), nullable=False),
        sa.Column("sure", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("found_at", Moment(length=32), nullable=False),
        sa.Column("decided_at", Moment(length=32), nullable=True),
        sa.ForeignKeyConstraint(
            ["in_connection_id"], ["connections.id"], name=op.f("fk_pairs_in_connection_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["out_connection_id"], ["connections.id"], name=op.f("fk_pairs_out_connection_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_pairs_workspace_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pairs")),
        sa.UniqueConstraint("workspace_id", "out_key", "in_key", name=op.f("uq_pairs_workspace_id_out_key_in_key")),
    )
    op.create_index(op.f("ix_pairs_workspace_id_in_key"), "pairs", ["workspace_id", "in_key"], unique=False)
    op.create_index(op.f("ix_pairs_workspace_id_state_id"), "pairs", ["workspace_id", "state", "id"], unique=False)
