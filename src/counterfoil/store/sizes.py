"""What SQLite's planner is told of the large tables, so that it takes the right index from the first row on.

Without figures it believes that a workspace has ten rows, and reads all of them to find one by its key. Its own
`ANALYZE` knows only what stands there when it runs; these say how the tables grow. PostgreSQL counts by itself.
https://sqlite.org/optoverview.html#manual_control_of_query_plans_using_sqlite_stat_tables
"""

from collections.abc import Iterator, Mapping
from typing import Final

import sqlalchemy as sa

from counterfoil.store.schema import mirror, rows

_ROWS: Final = 100_000
# How many different values a column has at least; any other has as many as there are rows.
_VALUES: Final[Mapping[str, int]] = {
    "workspace_id": 1,
    "connection_id": 20,
    "destination_id": 20,
    "name": 5,
    "state": 5,
    "removed": 1,
    "date": 1_000,
}


def tell(tx: sa.Connection) -> None:
    """Put the figures in place. Connections that are open already do not see them."""
    if tx.dialect.name != "sqlite":
        return
    tx.exec_driver_sql("ANALYZE alembic_version")  # makes the table of figures where there is none
    for table in (*rows.values(), mirror):
        tx.execute(sa.text("DELETE FROM sqlite_stat1 WHERE tbl = :tbl"), {"tbl": table.name})
        values = [{"tbl": table.name, "idx": name, "stat": stat} for name, stat in _figures(table)]
        tx.execute(sa.text("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (:tbl, :idx, :stat)"), values)


def _figures(table: sa.Table) -> Iterator[tuple[str, str]]:
    """Give each index with how many rows there are, and how many share its first column, its first two, and so on."""
    partial = {index.name for index in table.indexes if index.dialect_options["sqlite"]["where"] is not None}
    places = {f"sqlite_autoindex_{table.name}_1": [column.name for column in table.primary_key]}
    places |= {str(index.name): [column.name for column in index.columns] for index in table.indexes}
    for name, columns in places.items():
        total = left = 100 if name in partial else _ROWS
        figures = [total]
        for column in columns:
            left = max(1, left // _VALUES.get(column, _ROWS))
            figures.append(left)
        yield name, " ".join(str(figure) for figure in figures)
