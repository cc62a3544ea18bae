"""Cells as Google takes and gives them: typed values, dates as serial numbers, never a formula."""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from counterfoil.model import Kind
from counterfoil.money import plain
from counterfoil.ports import Cell, Link

MAX_TEXT: Final = 50_000  # characters of one cell, as JavaScript counts them
EMPTY: Final[Mapping[str, Any]] = {}
_EPOCH: Final = dt.datetime(1899, 12, 30, tzinfo=dt.UTC)  # day 0 of a spreadsheet's calendar
_DAY: Final = Decimal(86_400)
_FIRST_DAY: Final = (dt.date.min - _EPOCH.date()).days
_LAST_DAY: Final = (dt.date.max - _EPOCH.date()).days
_PRECISION: Final = Decimal("1E-10")  # of a day: nine microseconds, the most that a double holds of today's date

# How a column shows its cells. Timestamps are in UTC: a cell knows no zone.
FORMATS: Final[Mapping[Kind, Mapping[str, str]]] = {
    Kind.MONEY: {"type": "NUMBER", "pattern": "#,##0.00"},
    Kind.PERCENT: {"type": "PERCENT", "pattern": "0.00%"},
    Kind.DATE: {"type": "DATE", "pattern": "yyyy-mm-dd"},
    Kind.TIMESTAMP: {"type": "DATE_TIME", "pattern": "yyyy-mm-dd hh:mm:ss"},
}


def to_cell(value: Cell) -> Mapping[str, Any]:
    """Write one cell. A link becomes the name of the row it points to; None and "" empty the cell."""
    match value:
        case Link():
            return to_cell(value.name)
        case None | "":
            return EMPTY
        case bool():
            return {"userEnteredValue": {"boolValue": value}}
        case str():
            return {"userEnteredValue": {"stringValue": value}}
        case Decimal():
            return {"userEnteredValue": {"numberValue": value}}
        case dt.datetime() | dt.date():
            return {"userEnteredValue": {"numberValue": serial(value)}}


def serial(moment: dt.datetime | dt.date) -> int | Decimal:
    """Give a spreadsheet's number for a date or a moment: days since 1899-12-30, the time as a part of a day in UTC."""
    if not isinstance(moment, dt.datetime):
        return (moment - _EPOCH.date()).days
    passed = moment.astimezone(dt.UTC) - _EPOCH
    micros = Decimal(passed.seconds) + Decimal(passed.microseconds).scaleb(-6)
    return passed.days + (micros / _DAY).quantize(_PRECISION)


def from_serial(number: int | Decimal) -> dt.datetime:
    """Give the moment of a serial number, to the millisecond."""
    millis = (Decimal(number) * _DAY * 1000).to_integral_value()
    return _EPOCH + dt.timedelta(milliseconds=int(millis))


def too_long(value: Cell) -> bool:
    """Say whether a cell has more characters than Google takes."""
    text = value.name if isinstance(value, Link) else value
    if not isinstance(text, str) or len(text) * 2 <= MAX_TEXT:
        return False
    return len(text.encode("utf-16-le")) // 2 > MAX_TEXT


def from_value(value: Any, kind: Kind) -> Cell:
    """Read a cell back as its column's kind; None where the user put something else there.

    `value` is what Google gives for it unformatted: text, int, Decimal, bool, or None and "" for an empty cell.
    """
    if value is None or value == "":
        return None
    number = value if isinstance(value, int | Decimal) and not isinstance(value, bool) else None
    match kind:
        case Kind.MONEY | Kind.NUMBER | Kind.PERCENT:
            return None if number is None else Decimal(number)
        case Kind.DATE:
            return _in_calendar(number, dt.date)
        case Kind.TIMESTAMP:
            return _in_calendar(number, dt.datetime)
        case Kind.FLAG:
            return value if isinstance(value, bool) else None
    return as_text(value)


def _in_calendar(number: int | Decimal | None, shape: type[dt.date]) -> dt.date | None:
    if number is None or not _FIRST_DAY <= number <= _LAST_DAY:
        return None
    moment = from_serial(number)
    return moment if shape is dt.datetime else moment.date()


def as_text(value: Any) -> str:
    """Give a cell's value as text, numbers written plainly."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    return plain(Decimal(value)) if isinstance(value, int | Decimal) else str(value)
