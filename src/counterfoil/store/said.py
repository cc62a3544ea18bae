"""What is said here of a transaction, by rules and people: it is shown in place of what the provider told."""

from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa

from counterfoil.store import schema

# By table: the shown column and the one that is shown in its place where it holds something.
_INSTEAD: Final[Mapping[str, Mapping[str, str]]] = {
    "transactions": {"summary": "said_summary", "category": "said_category"}
}


def cells(table: str, row: sa.RowMapping, names: list[str] | tuple[str, ...]) -> dict[str, Any]:
    """Give the cells of a whole row as they are shown."""
    shown = {name: row[name] for name in names}
    for name, instead in _INSTEAD.get(table, {}).items():
        if name in shown and (said := row[instead]) is not None:
            shown[name] = said
    return shown


def column(table: str, name: str) -> sa.ColumnElement[Any]:
    """Give a column as it is shown, for a query."""
    rows = schema.rows[table]
    instead = _INSTEAD.get(table, {}).get(name)
    if instead is None:
        return rows.c[name]
    return sa.func.coalesce(rows.c[instead], rows.c[name], type_=rows.c[name].type).label(name)


def is_shown(table: str) -> sa.ColumnElement[bool]:
    """Say which rows nobody has hidden, for a query."""
    rows = schema.rows[table]
    return rows.c.hidden.is_(False) if "hidden" in rows.c else sa.true()
