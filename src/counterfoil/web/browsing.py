"""What pages that look through rows share: one page of a list, with the addresses of those around it."""

from dataclasses import dataclass
from typing import Final

from counterfoil.store import Tx, browse
from counterfoil.store.browse import Found
from counterfoil.web import asked, cells
from counterfoil.web.asked import Asked
from counterfoil.web.auth import Visitor
from counterfoil.web.cells import Legend

_SHOWN: Final = 50  # rows on a page


@dataclass(frozen=True, slots=True)
class Seen:
    """Rows, the way on from them in both directions, and how to read them."""

    rows: list[Found]
    newer: str | None
    older: str | None
    legend: Legend


def read(tx: Tx, visitor: Visitor, table: str, path: str, wanted: Asked, *named: str) -> Seen:
    """Read a page of a table; `named` are further tables whose rows are shown by name."""
    found = browse.page(
        tx,
        visitor.workspace.id,
        table,
        wanted.wanted,
        after=wanted.after,
        limit=_SHOWN + 1,
        backwards=wanted.backwards,
    )
    more = len(found) > _SHOWN
    rows = found[:_SHOWN]
    if wanted.backwards:
        rows.reverse()
    is_first = not more if wanted.backwards else wanted.after is None
    is_last = wanted.after is None if wanted.backwards else not more
    newer = older = None
    if rows and not is_first:
        newer = wanted.address(path, before=_cursor(table, rows[0]))
    if rows and not is_last:
        older = wanted.address(path, after=_cursor(table, rows[-1]))
    return Seen(rows, newer, older, cells.legend_of(tx, visitor, *named))


def _cursor(table: str, row: Found) -> str:
    return asked.cursor(browse.position_of(table, row))
