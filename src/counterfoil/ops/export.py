"""Everything canonical as CSV and JSON, in a folder or a zip: a part at a time, at one moment, without credentials."""

import contextlib
import csv
import datetime as dt
import io
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from counterfoil import __version__
from counterfoil.errors import BadRequest
from counterfoil.model import TABLES, columns
from counterfoil.store import Database, Tx, rules
from counterfoil.store import export as stored
from counterfoil.sync import rules_in_words

ABOUT: Final = "about.json"
HISTORY: Final = "history"
RULES: Final = "rules"
EDITS: Final = "edits"
# A spreadsheet takes a cell that begins so for a formula: https://owasp.org/www-community/attacks/CSV_Injection
_FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "'")
_encode: Final = msgspec.json.Encoder().encode

_Cells = Mapping[str, Any]
# (a file's name) -> that file, open for bytes
Open = Callable[[str], AbstractContextManager[IO[bytes]]]


def export(db: Database, workspace_id: str, target: Path, *, overwrite: bool = False) -> Mapping[str, int]:
    """Write a workspace's rows to a folder, or to a zip where the name ends so; give how many by table.

    For each table `<table>.csv` and `<table>.json`, and likewise `history`, what changed about transactions;
    `rules.json` and `edits.json` as the API takes them; `about.json` tells the columns. Raises `BadRequest` where
    something stands there already, or nothing can be written.
    """
    is_zip = target.suffix.lower() == ".zip"
    taken = target.exists() and (is_zip or not target.is_dir() or any(target.iterdir()))
    if taken and not overwrite:
        raise BadRequest(f"{target} is there already.", remedy="Choose another name, or give --force.")
    try:
        with _zip(target) if is_zip else _folder(target) as open_file, db.reading() as tx:
            return write_all(tx, workspace_id, open_file)
    except OSError as error:
        raise BadRequest(
            f"{target} cannot be written: {error.strerror}.",
            remedy="Choose a folder that exists, that you may write to, and that has space left.",
        ) from error


def write_zip(db: Database, workspace_id: str, file: IO[bytes]) -> None:
    """Write a zip of all files, as everything stands at one moment."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, db.reading() as tx:
        write_all(tx, workspace_id, _into(archive))


def write_all(tx: Tx, workspace_id: str, open_file: Open) -> Mapping[str, int]:
    """Write every file through `open_file`, one after another; give how many rows each table has, rules and edits."""
    counts = {table: write_table(tx, workspace_id, table, open_file) for table in TABLES}
    _write_both(HISTORY, stored.HISTORY_NAMES, lambda: stored.history(tx, workspace_id), open_file)
    said = {RULES: _rules(tx, workspace_id), EDITS: stored.edits(tx, workspace_id)}
    for name, lines in said.items():
        with open_file(f"{name}.json") as file:
            counts[name] = write_json(file, lines)
    with open_file(ABOUT) as file:
        file.write(msgspec.json.format(_encode(_about(counts))))
    return counts


def _rules(tx: Tx, workspace_id: str) -> Iterator[_Cells]:
    known = rules_in_words.names(tx, workspace_id)
    for rule in rules.of_workspace(tx, workspace_id):
        told = msgspec.to_builtins(rule, builtin_types=(Decimal,))
        yield {**told, "in_words": rules_in_words.in_words(rule, known)}


def write_table(tx: Tx, workspace_id: str, table: str, open_file: Open) -> int:
    """Write one table in both forms; give how many rows it has."""
    return _write_both(table, stored.names(table), lambda: stored.rows(tx, workspace_id, table), open_file)


def _write_both(name: str, names: tuple[str, ...], read: Callable[[], Iterator[_Cells]], open_file: Open) -> int:
    with open_file(f"{name}.csv") as file:
        write_csv(file, names, read())
    with open_file(f"{name}.json") as file:
        return write_json(file, read())


def write_csv(file: IO[bytes], names: tuple[str, ...], rows: Iterable[_Cells], *, head: bool = True) -> None:
    """Write rows as CSV in UTF-8, with a first line of names; amounts keep all their digits."""
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=False)
    writer = csv.writer(text)
    if head:
        writer.writerow(names)
    writer.writerows([cell(row[name]) for name in names] for row in rows)
    text.flush()
    text.detach()  # whoever opened the file closes it


def write_json(file: IO[bytes], rows: Iterable[_Cells]) -> int:
    """Write rows as a JSON list, one a line, amounts as text; give how many."""
    count = write_json_part(file, rows, 0)
    file.write(json_end(count))
    return count


def write_json_part(file: IO[bytes], rows: Iterable[_Cells], count: int) -> int:
    """Write a part of a JSON list behind `count` rows that are written; give how many there are then."""
    for row in rows:
        file.write(b",\n" if count else b"[\n")
        file.write(_encode({name: _plain(value) for name, value in row.items()}))
        count += 1
    return count


def json_end(count: int) -> bytes:
    """Give the end of a JSON list of so many rows."""
    return b"\n]\n" if count else b"[]\n"


def _plain(value: Any) -> Any:
    match value:
        case Decimal():
            return format(value, "f")  # never 1E-7
        case Mapping():
            return {name: _plain(inner) for name, inner in value.items()}
    return value


def cell(value: Any) -> str:
    """Give a CSV cell. A text that a spreadsheet would take for a formula, or that begins with ', gets a ' in front."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case Decimal():
            return format(value, "f")
        case dt.date():
            return value.isoformat()
        case _:
            return f"'{value}" if str(value).startswith(_FORMULAS) else str(value)


def text_of(written: str) -> str:
    """Give the text that `cell` was given."""
    return written.removeprefix("'")


def _about(counts: Mapping[str, int]) -> dict[str, Any]:
    return {
        "counterfoil": __version__,
        "made_at": dt.datetime.now(dt.UTC),
        "amounts": "Money that arrives in an account is positive. Amounts are text, in units of the row's currency.",
        "csv": "UTF-8. A text that a spreadsheet would take for a formula, or that begins with ', has a ' in front.",
        "history": "What changed about transactions after they had arrived: one line for each column.",
        "rules": "In their order, as GET /api/v1/rules tells them, and in words.",
        "edits": "What people said of single transactions, as PATCH /api/v1/rows/transactions/{key} takes it.",
        "categories": "The keys of your own begin with own: and the others are the banks'.",
        "tables": {
            table: {
                "label": TABLES[table].label,
                "rows": counts[table],
                "columns": {
                    column.name: {"label": column.label, "kind": column.kind.value, "links_to": column.to}
                    for column in columns(table).values()
                },
            }
            for table in TABLES
        },
    }


@contextlib.contextmanager
def _folder(target: Path) -> Iterator[Open]:
    target.mkdir(mode=0o700, parents=True, exist_ok=True)

    def open_file(name: str) -> AbstractContextManager[IO[bytes]]:
        return os.fdopen(os.open(target / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")

    yield open_file


def _into(archive: zipfile.ZipFile) -> Open:
    return lambda name: archive.open(name, "w", force_zip64=True)


@contextlib.contextmanager
def _zip(target: Path) -> Iterator[Open]:
    part = target.with_name(f".{target.name}.part")
    try:
        with (
            os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as raw,
            zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive,
        ):
            yield _into(archive)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
