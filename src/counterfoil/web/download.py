"""Rows as files: what a filter finds, sent as it is read; and everything, as a zip."""

import asyncio
import datetime as dt
import io
from collections.abc import AsyncIterator, Mapping, Sequence
from tempfile import TemporaryFile
from typing import IO, Any, Final, Literal

from fastapi.responses import StreamingResponse

from counterfoil.model import columns
from counterfoil.ops import export
from counterfoil.store import Database, Tx, browse
from counterfoil.store.browse import Found, Position, Wanted
from counterfoil.store.export import names
from counterfoil.store.rows import titles

Form = Literal["csv", "json"]
_TYPES: Final = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
_PART: Final = 1_000  # rows read at once
_PIECE: Final = 65_536  # bytes


def rows(db: Database, workspace_id: str, table: str, wanted: Wanted, form: Form) -> StreamingResponse:
    """Send all rows that are asked for, a part at a time: whoever reads slowly holds no connection to the database."""
    parts = _parts(db, workspace_id, table, wanted, form)
    return StreamingResponse(parts, media_type=_TYPES[form], headers=_as_file(f"{table}-{_today()}.{form}"))


async def everything(db: Database, workspace_id: str) -> StreamingResponse:
    """Send a zip of all that `counterfoil export` writes.

    It is written first, as everything stands at one moment, to a file without a name that vanishes when it is sent.
    """
    file = await asyncio.to_thread(_write, db, workspace_id)
    size = file.seek(0, 2)
    file.seek(0)
    headers = {**_as_file(f"counterfoil-{_today()}.zip"), "content-length": str(size)}
    return StreamingResponse(_pieces(file), media_type="application/zip", headers=headers)


def _write(db: Database, workspace_id: str) -> IO[bytes]:
    file = TemporaryFile()  # noqa: SIM115  # closed when it has been sent
    export.write_zip(db, workspace_id, file)
    return file


async def _pieces(file: IO[bytes]) -> AsyncIterator[bytes]:
    with file:
        while piece := await asyncio.to_thread(file.read, _PIECE):
            yield piece


async def _parts(db: Database, workspace_id: str, table: str, wanted: Wanted, form: Form) -> AsyncIterator[bytes]:
    """Give the file's bytes. Each part is read by itself: rows that change meanwhile shift nothing."""
    after: Position | None = None
    count = 0
    while True:
        found = await db.read(browse.page, workspace_id, table, wanted, after=after, limit=_PART)
        cells = await db.read(_with_names, workspace_id, table, found)
        part = io.BytesIO()
        if form == "csv":
            export.write_csv(part, _names(table), cells, head=after is None)
        else:
            count = export.write_json_part(part, cells, count)
        yield part.getvalue()
        if len(found) < _PART:
            break
        after = browse.position_of(table, found[-1])
    if form == "json":
        yield export.json_end(count)


def _links(table: str) -> Mapping[str, str]:
    """Give the columns that point to rows of other tables, by column."""
    return {name: column.to for name, column in columns(table).items() if column.to is not None}


def _names(table: str) -> tuple[str, ...]:
    return (*names(table), *(f"{name}_name" for name in _links(table)))


def _with_names(tx: Tx, workspace_id: str, table: str, found: Sequence[Found]) -> list[dict[str, Any]]:
    """Give the cells of rows with the names of what they point to: a person reads the file too."""
    cells = [{**row.record, "connection_id": row.connection_id} for row in found]
    for name, to in _links(table).items():
        keys = sorted({one[name] for one in cells if one[name] is not None})
        named = titles(tx, workspace_id, to, keys)
        for one in cells:
            one[f"{name}_name"] = named.get(one[name])
    return cells


def _as_file(name: str) -> dict[str, str]:
    return {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}


def _today() -> str:
    return dt.datetime.now(dt.UTC).date().isoformat()
