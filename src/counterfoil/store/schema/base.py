"""What every table of the store is made with."""

from sqlalchemy import Column, ForeignKey, MetaData

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def workspace() -> Column[str]:
    """Give the column that says whose a row is; it goes with its workspace."""
    return Column("workspace_id", ForeignKey("workspaces.id", ondelete="CASCADE"), nullable=False)


def connection(*, key: bool = False) -> Column[str]:
    """Give the column that points to a connection."""
    return Column("connection_id", ForeignKey("connections.id", ondelete="CASCADE"), primary_key=key, nullable=False)


def destination(*, key: bool = False) -> Column[str]:
    """Give the column that points to a destination."""
    return Column("destination_id", ForeignKey("destinations.id", ondelete="CASCADE"), primary_key=key, nullable=False)


problem = ("problem_code", "problem", "remedy")
notice = ("notice_code", "notice", "notice_remedy")  # worth knowing, and nothing stops for it
