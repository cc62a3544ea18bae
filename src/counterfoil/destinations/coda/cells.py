"""Cells to Coda's values and back: what must be parsed there, what must not be, and what stays either way."""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec

from counterfoil.destinations.coda.wire import CellEdit, Column, Value
from counterfoil.model import Kind
from counterfoil.money import plain
from counterfoil.ports import Cell, Change, FieldMapping, Link, TableMapping

_TEXTS: Final = frozenset({Kind.TEXT, Kind.LONG_TEXT, Kind.SELECT, Kind.URL, Kind.LINK})
# Which of our kinds a column of Coda's format can hold; formats that are not here take nothing.
TAKES: Final[Mapping[str, frozenset[Kind]]] = {
    "text": _TEXTS,
    "select": frozenset({Kind.SELECT, Kind.TEXT}),
    "link": frozenset({Kind.URL}),
    "number": frozenset({Kind.MONEY, Kind.NUMBER, Kind.PERCENT}),
    "currency": frozenset({Kind.MONEY, Kind.NUMBER}),
    "percent": frozenset({Kind.PERCENT}),
    "date": frozenset({Kind.DATE}),
    "dateTime": frozenset({Kind.TIMESTAMP, Kind.DATE}),
    "checkbox": frozenset({Kind.FLAG}),
    "lookup": frozenset({Kind.LINK}),
}
ROW_LIMIT: Final = 85_000  # bytes of one row that Coda was seen to take

_WORD: Final = re.compile(r"[^\W\d_]+")
# Words that Coda may read as a date or a yes or no by themselves, and those it may read so beside digits.
_ALONE: Final = frozenset(
    """
    jan january feb february mar march apr april may jun june jul july aug august sep sept september oct october nov
    november dec december mon monday tue tues tuesday wed wednesday thu thur thurs thursday fri friday sat saturday sun
    sunday noon midnight today tomorrow yesterday now true false yes no on off
    """.split()
)
_BESIDE_DIGITS: Final = _ALONE | frozenset(
    """
    am pm st nd rd th utc gmt
    ms sec secs second seconds min mins minute minutes hr hrs hour hours day days wk wks week weeks month months yr yrs
    year years mm mn bn thousand million billion percent
    usd eur gbp jpy cad aud nzd chf cny inr brl mxn sek nok dkk pln czk huf zar krw sgd hkd ils try aed
    """.split()
)


def stays_text(text: str) -> bool:
    """Say whether Coda leaves a text as it is when it parses it as if typed.

    A text that starts a formula or a mention, or that has no word besides those of dates and amounts, might become
    something else: "1/2", "=1+1", "00123", "1-2", "TRUE". Wrong on the safe side only.
    """
    if text[:1] in ("=", "@", "'", "/"):
        return False
    words = list(_WORD.finditer(text))
    if not any(sign.isdigit() for sign in text):
        return not words or any(word[0].casefold() not in _ALONE for word in words)
    return any(
        word[0].casefold() not in _BESIDE_DIGITS
        and not (len(word[0]) == 1 and text[word.start() - 1 : word.start()].isdigit())
        for word in words
    )


@dataclass(frozen=True, slots=True)
class RowCells:
    """The cells of one change, by what Coda must do with them.

    `typed` texts need parsing (dates, row names); `raw` ones must escape it; `plain` values mean the same either way.
    """

    key: CellEdit
    key_raw: bool
    plain: tuple[CellEdit, ...]
    typed: tuple[CellEdit, ...]
    raw: tuple[CellEdit, ...]

    @property
    def size(self) -> int:
        """Bytes of the values."""
        return sum(_bytes(cell.value) for cell in (self.key, *self.plain, *self.typed, *self.raw))

    def for_row(self, *, parsing: bool) -> tuple[CellEdit, ...]:
        """Give the cells to write to a row addressed by its id, in a request that parses or does not."""
        if not self.raw and not self.key_raw:
            return (self.key, *self.plain, *self.typed) if parsing else ()
        if not self.typed:
            return () if parsing else (self.key, *self.plain, *self.raw)
        if parsing:
            return (*(() if self.key_raw else (self.key,)), *self.plain, *self.typed)
        return (*((self.key,) if self.key_raw else ()), *self.raw)

    def for_upsert(self, *, parsing: bool) -> tuple[CellEdit, ...]:
        """Give the cells, the key first, of an upsert that parses or does not; nothing where there is no need for one.

        A key that does not stay text can only travel unparsed; `after_upsert` are the cells that then remain.
        """
        if self.key_raw:
            return () if parsing else (self.key, *self.plain, *self.raw)
        cells = self.for_row(parsing=parsing)
        return cells if parsing or not cells or self.key in cells else (self.key, *cells)

    @property
    def after_upsert(self) -> tuple[CellEdit, ...]:
        """The cells that no upsert could carry: they are parsed, and the key must not be."""
        return self.typed if self.key_raw else ()


def _bytes(value: Value) -> int:
    return len(value.encode()) if isinstance(value, str) else 8


def row_cells(table: TableMapping, change: Change, columns: Mapping[str, Column]) -> RowCells:
    """Give the cells of a change for columns as they are now (by id); columns that are calculated are left out."""
    plain_cells: list[CellEdit] = []
    typed: list[CellEdit] = []
    raw: list[CellEdit] = []
    for name, cell in change.cells.items():
        column = columns[table.field(name).field_id]
        if column.calculated:
            continue
        value = to_value(cell, column)
        edit = CellEdit(column.id, value)
        if not isinstance(value, str) or value == "":
            plain_cells.append(edit)
        elif column.format.type in ("date", "dateTime", "lookup"):
            typed.append(edit)
        else:
            (plain_cells if stays_text(value) else raw).append(edit)
    key = CellEdit(table.key_field.field_id, change.key)
    return RowCells(key, not stays_text(change.key), tuple(plain_cells), tuple(typed), tuple(raw))


def to_value(cell: Cell, column: Column) -> Value:
    """Give the value to write for a cell; an empty text empties it (a checkbox knows no empty)."""
    match cell:
        case None:
            return False if column.format.type == "checkbox" else ""
        case Link():
            # The row's id is exact; two rows of one name are told apart by nothing else.
            if column.format.type == "lookup":
                return cell.remote_id or cell.name or ""
            return cell.name or cell.key
        case dt.datetime():
            return cell.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
        case dt.date():
            return cell.isoformat()
        case _:
            return cell


# --- reading ---

_decoder: Final[msgspec.json.Decoder[Any]] = msgspec.json.Decoder(float_hook=Decimal)


def key_text(raw: msgspec.Raw | None) -> str:
    """Give the text of a key cell; a number that a user typed there is given as written."""
    if raw is None:
        return ""
    value = _decoder.decode(raw)
    return _unfenced(value) if isinstance(value, str) else bytes(raw).decode()


def from_value(raw: msgspec.Raw | None, field: FieldMapping) -> Cell:
    """Give the cell for a value of `valueFormat=rich`; what does not fit its kind is given as text."""
    value = _decoder.decode(raw) if raw is not None else None
    if field.kind is Kind.LINK:
        return _link(value)
    if isinstance(value, list):
        value = ", ".join(_plain_text(one) for one in value)
    if value is None or value == "":
        return None
    if isinstance(value, dict):
        value = value.get("amount", value.get("url", value.get("name", "")))
    if isinstance(value, str):
        value = _unfenced(value)
    match field.kind:
        case Kind.FLAG:
            return value if isinstance(value, bool) else _plain_text(value)
        case Kind.MONEY | Kind.NUMBER | Kind.PERCENT:
            return _number(value)
        case Kind.DATE | Kind.TIMESTAMP:
            return _moment(_plain_text(value), field.kind)
        case _:
            return _plain_text(value)


def _link(value: Any) -> Link | None:
    if isinstance(value, list):
        return _link(value[0]) if value else None
    if isinstance(value, dict):
        return Link("", value.get("rowId"), value.get("name"))
    return Link("", None, _plain_text(value)) if value else None


def _number(value: Any) -> Cell:
    if isinstance(value, bool):
        return value
    try:
        return Decimal(value)
    except (InvalidOperation, TypeError):
        return _plain_text(value)


def _moment(text: str, kind: Kind) -> Cell:
    # Coda gives a date as midnight in the doc's time zone, so its first ten letters are the date.
    try:
        if kind is Kind.DATE:
            return dt.date.fromisoformat(text[:10])
        return dt.datetime.fromisoformat(text).astimezone(dt.UTC)
    except ValueError:
        return text


def _plain_text(value: Any) -> str:
    if isinstance(value, dict):
        return str(value.get("name", ""))
    if isinstance(value, bool):
        return "true" if value else "false"
    return _unfenced(value) if isinstance(value, str) else plain(Decimal(value))


def _unfenced(text: str) -> str:
    """Take off the three backticks on either side by which `rich` marks text without formatting."""
    return text[3:-3] if len(text) >= 6 and text.startswith("```") and text.endswith("```") else text
