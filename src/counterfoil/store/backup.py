"""Copies of the SQLite files while others write to them, and their return."""

import dataclasses
from contextlib import closing
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from counterfoil.errors import BadRequest, BadSettings
from counterfoil.lib.sqlite import dbapi
from counterfoil.store.database import Database
from counterfoil.store.schema import destination_tables

_BUSY: Final = 30.0  # seconds to wait for a writer that holds the file


@dataclasses.dataclass(frozen=True, slots=True)
class Journal:
    """How a SQLite file is written."""

    library: str  # the version of the SQLite library
    mode: str  # wal | delete


def journal(path: Path) -> Journal:
    """Give how a SQLite file is written; nothing is changed."""
    library = dbapi()
    with closing(library.connect(_reading(path), uri=True, timeout=_BUSY)) as connection:
        mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
    return Journal(library.sqlite_version, mode)


def _reading(path: Path) -> str:
    return f"{path.resolve().as_uri()}?mode=ro"


def copy_file(source: Path, target: Path) -> None:
    """Copy a SQLite file as it stands at one moment, while others write; the copy is one file, checked for damage.

    Raises `BadRequest` where source or copy is damaged.
    """
    library = dbapi()
    with (
        closing(library.connect(_reading(source), uri=True, timeout=_BUSY)) as old,
        closing(library.connect(str(target))) as new,
    ):
        try:
            # All pages in one step: a copy made in several begins anew whenever another process has written.
            old.backup(new, pages=-1)
            new.execute("PRAGMA journal_mode=DELETE")
            [[verdict]] = new.execute("PRAGMA quick_check(1)").fetchall()
        except library.DatabaseError as error:
            raise _damaged(source) from error
    if verdict != "ok":
        raise _damaged(source)


def _damaged(source: Path) -> BadRequest:
    return BadRequest(
        f"The database {source} cannot be copied: it is damaged, or was locked for too long.",
        remedy="Try again; where it stays so, restore the last backup, or save what can be read: sqlite3 FILE .recover",
    )


def retire(path: Path) -> None:
    """Close a SQLite file for good, so that it can be moved: its log is written back and removed.

    Raises `BadSettings` where another process has it open. A damaged one is left as it is.
    """
    library = dbapi()
    if not path.exists():
        return
    with closing(library.connect(str(path), timeout=0)) as connection:
        try:
            # Only who is alone with the file may take it out of WAL mode.
            connection.execute("PRAGMA journal_mode=DELETE")
            connection.execute("BEGIN EXCLUSIVE")
            connection.execute("ROLLBACK")
        except library.OperationalError as error:
            if "locked" not in str(error):
                return
            raise BadSettings(
                f"Another process has {path} open.", remedy="Stop Counterfoil (serve, worker), and try again."
            ) from error
        except library.DatabaseError:
            return


def look_again(tx: sa.Connection) -> int:
    """Have every table of the destinations read before it is next written; give how many there are.

    The mirror is as old as the backup it came with: what was written since then stands at the destinations already.
    """
    changed = sa.update(destination_tables).values(adopted=False, edition=destination_tables.c.edition + 1)
    return tx.execute(changed).rowcount


def make_current(path: Path) -> int:
    """Bring a restored store up to date, and have its destinations read first; give how many tables that concerns.

    Raises `BadSettings` where a newer version has made it.
    """
    db = Database.open(path)
    try:
        db.migrate()
        with db.begin() as tx:
            return look_again(tx)
    finally:
        db.close()
