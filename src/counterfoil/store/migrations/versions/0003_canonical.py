"""The canonical tables, made from the model."""

import sqlalchemy as sa
from alembic import op

from counterfoil.store.types import Day, ExactDecimal, Moment

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "categories",
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("connection_id", sa.String(length=36), nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("removed", sa.Boolean(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=8), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("group", sa.Text(), nullable=True),
        sa.Column("replaces", sa.Text(), nullable=True),
        sa.Column("replaced_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_categories_workspace_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", "connection_id", name=op.f("pk_categories")),
    )
    op.create_index(op.f("ix_categories_connection_id"), "categories", ["connection_id"], unique=False)
    op.create_index(
        op.f("ix_categories_workspace_id_version_removed"),
        "categories",
        ["workspace_id", "version", "removed"],
        unique=False,
    )
    op.create_table(
        "accounts",
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("connection_id", sa.String(length=36), nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("removed", sa.Boolean(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=8), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("institution", sa.Text(), nullable=True),
        sa.Column("type", sa.Text(), nullable=True),
        sa.Column("subtype", sa.Text(), nullable=True),
        sa.Column("mask", sa.Text(), nullable=True),
        sa.Column("official_name", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("current", ExactDecimal(), nullable=True),
        sa.Column("available", ExactDecimal(), nullable=True),
        sa.Column("limit", ExactDecimal(), nullable=True),
        sa.Column("as_of", Moment(), nullable=True),
        sa.Column("apr", ExactDecimal(), nullable=True),
        sa.Column("statement_balance", ExactDecimal(), nullable=True),
        sa.Column("minimum_payment", ExactDecimal(), nullable=True),
        sa.Column("next_payment_due", Day(), nullable=True),
        sa.Column("last_payment", ExactDecimal(), nullable=True),
        sa.Column("last_payment_on", Day(), nullable=True),
        sa.Column("overdue", sa.Boolean(), nullable=True),
        sa.Column("persistent_id", sa.Text(), nullable=True),
        sa.Column("needle", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.Column("replaces", sa.Text(), nullable=True),
        sa.Column("replaced_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connections.id"], name=op.f("fk_accounts_connection_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_accounts_workspace_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", "connection_id", name=op.f("pk_accounts")),
    )
    op.create_index(
        "ix_accounts_browse",
        "accounts",
        ["workspace_id", "name", "key", "connection_id", "removed", "replaced_by", "needle"],
        unique=False,
    )
    op.create_index(op.f("ix_accounts_connection_id"), "accounts", ["connection_id"], unique=False)
    op.create_index(
        op.f("ix_accounts_workspace_id_version_removed"),
        "accounts",
        ["workspace_id", "version", "removed"],
        unique=False,
    )
    op.create_table(
        "balances",
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("connection_id", sa.String(length=36), nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("removed", sa.Boolean(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=8), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("account", sa.Text(), nullable=True),
        sa.Column("date", Day(), nullable=True),
        sa.Column("current", ExactDecimal(), nullable=True),
        sa.Column("available", ExactDecimal(), nullable=True),
        sa.Column("limit", ExactDecimal(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("replaces", sa.Text(), nullable=True),
        sa.Column("replaced_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connections.id"], name=op.f("fk_balances_connection_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_balances_workspace_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", "connection_id", name=op.f("pk_balances")),
    )
    op.create_index(op.f("ix_balances_connection_id"), "balances", ["connection_id"], unique=False)
    op.create_index(
        op.f("ix_balances_workspace_id_version_removed"),
        "balances",
        ["workspace_id", "version", "removed"],
        unique=False,
    )
    op.create_table(
        "holdings",
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("connection_id", sa.String(length=36), nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("removed", sa.Boolean(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=8), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("account", sa.Text(), nullable=True),
        sa.Column("security", sa.Text(), nullable=True),
        sa.Column("quantity", ExactDecimal(), nullable=True),
        sa.Column("price", ExactDecimal(), nullable=True),
        sa.Column("value", ExactDecimal(), nullable=True),
        sa.Column("cost_basis", ExactDecimal(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("as_of", Day(), nullable=True),
        sa.Column("needle", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.Column("replaces", sa.Text(), nullable=True),
        sa.Column("replaced_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connections.id"], name=op.f("fk_holdings_connection_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_holdings_workspace_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", "connection_id", name=op.f("pk_holdings")),
    )
    op.create_index(
        "ix_holdings_browse",
        "holdings",
        ["workspace_id", "name", "key", "connection_id", "removed", "replaced_by", "account", "needle"],
        unique=False,
    )
    op.create_index(op.f("ix_holdings_connection_id"), "holdings", ["connection_id"], unique=False)
    op.create_index(
        op.f("ix_holdings_workspace_id_version_removed"),
        "holdings",
        ["workspace_id", "version", "removed"],
        unique=False,
    )
    op.create_table(
        "institutions",
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("connection_id", sa.String(length=36), nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("removed", sa.Boolean(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=8), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("replaces", sa.Text(), nullable=True),
        sa.Column("replaced_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connections.id"], name=op.f("fk_institutions_connection_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_institutions_workspace_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", "connection_id", name=op.f("pk_institutions")),
    )
    op.create_index(op.f("ix_institutions_connection_id"), "institutions", ["connection_id"], unique=False)
    op.create_index(
        op.f("ix_institutions_workspace_id_version_removed"),
        "institutions",
        ["workspace_id", "version", "removed"],
        unique=False,
    )
    op.create_table(
        "investment_transactions",
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("connection_id", sa.String(length=36), nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("removed", sa.Boolean(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=8), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("date", Day(), nullable=True),
        sa.Column("account", sa.Text(), nullable=True),
        sa.Column("security", sa.Text(), nullable=True),
        sa.Column("type", sa.Text(), nullable=True),
        sa.Column("subtype", sa.Text(), nullable=True),
        sa.Column("quantity", ExactDecimal(), nullable=True),
        sa.Column("price", ExactDecimal(), nullable=True),
        sa.Column("amount", ExactDecimal(), nullable=True),
        sa.Column("fees", ExactDecimal(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("needle", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.Column("replaces", sa.Text(), nullable=True),
        sa.Column("replaced_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["connection_id"],
            ["connections.id"],
            name=op.f("fk_investment_transactions_connection_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_investment_transactions_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("key", "connection_id", name=op.f("pk_investment_transactions")),
    )
    op.create_index(
        "ix_investment_transactions_browse",
        "investment_transactions",
        ["workspace_id", "date", "key", "connection_id", "removed", "replaced_by", "account", "amount", "needle"],
        unique=False,
    )
    op.create_index(
        op.f("ix_investment_transactions_connection_id"), "investment_transactions", ["connection_id"], unique=False
    )
    op.create_index(
        op.f("ix_investment_transactions_workspace_id_version_removed"),
        "investment_transactions",
        ["workspace_id", "version", "removed"],
        unique=False,
    )
    op.create_table(
        "securities",
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("connection_id", sa.String(length=36), nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("removed", sa.Boolean(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=8), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("ticker", sa.Text(), nullable=True),
        sa.Column("type", sa.Text(), nullable=True),
        sa.Column("price", ExactDecimal(), nullable=True),
        sa.Column("price_as_of", Day(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("isin", sa.Text(), nullable=True),
        sa.Column("cusip", sa.Text(), nullable=True),
        sa.Column("cash", sa.Boolean(), nullable=True),
        sa.Column("needle", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.Column("replaces", sa.Text(), nullable=True),
        sa.Column("replaced_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connections.id"], name=op.f("fk_securities_connection_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_securities_workspace_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", "connection_id", name=op.f("pk_securities")),
    )
    op.create_index(
        "ix_securities_browse",
        "securities",
        ["workspace_id", "name", "key", "connection_id", "removed", "replaced_by", "needle"],
        unique=False,
    )
    op.create_index(op.f("ix_securities_connection_id"), "securities", ["connection_id"], unique=False)
    op.create_index(
        op.f("ix_securities_workspace_id_version_removed"),
        "securities",
        ["workspace_id", "version", "removed"],
        unique=False,
    )
    op.create_table(
        "transactions",
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("connection_id", sa.String(length=36), nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("removed", sa.Boolean(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=8), nullable=False),
        sa.Column("summary", sa.Text(), nullable=True),
        sa.Column("date", Day(), nullable=True),
        sa.Column("amount", ExactDecimal(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("account", sa.Text(), nullable=True),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("pending", sa.Boolean(), nullable=True),
        sa.Column("merchant", sa.Text(), nullable=True),
        sa.Column("original_text", sa.Text(), nullable=True),
        sa.Column("authorized_on", Day(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("type", sa.Text(), nullable=True),
        sa.Column("fee", ExactDecimal(), nullable=True),
        sa.Column("net", ExactDecimal(), nullable=True),
        sa.Column("check_number", sa.Text(), nullable=True),
        sa.Column("website", sa.Text(), nullable=True),
        sa.Column("tags", sa.Text(), nullable=True),
        sa.Column("transfer", sa.Text(), nullable=True),
        sa.Column("said_summary", sa.Text(), nullable=True),
        sa.Column("said_category", sa.Text(), nullable=True),
        sa.Column("hidden", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.Column("rule_id", sa.String(length=36), nullable=True),
        sa.Column("by_hand", sa.Text(), nullable=True),
        sa.Column("said_needle", sa.Text(), nullable=True),
        sa.Column("needle", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.Column("replaces", sa.Text(), nullable=True),
        sa.Column("replaced_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connections.id"], name=op.f("fk_transactions_connection_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_transactions_workspace_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", "connection_id", name=op.f("pk_transactions")),
    )
    op.create_index(
        "ix_transactions_browse",
        "transactions",
        [
            "workspace_id",
            "date",
            "key",
            "connection_id",
            "removed",
            "replaced_by",
            "hidden",
            "pending",
            "account",
            "category",
            "said_category",
            "amount",
            "needle",
            "said_needle",
        ],
        unique=False,
    )
    op.create_index(op.f("ix_transactions_connection_id"), "transactions", ["connection_id"], unique=False)
    op.create_index(
        op.f("ix_transactions_workspace_id_version_removed"),
        "transactions",
        ["workspace_id", "version", "removed"],
        unique=False,
    )
