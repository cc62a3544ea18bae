"""How the emulator takes a value into a cell, and how it shows a cell again."""

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec


@dataclass(frozen=True, slots=True)
class Pointer:
    """A lookup cell's link to a row."""

    row_id: str


Scalar = str | int | Decimal | bool | dt.date | dt.datetime | Pointer | None
Cell = Scalar | list[Scalar]
Find = Callable[[str], str | None]  # a row's id, url or name -> its id, in the table that a lookup points to

# Docs keep dates in their own time zone; one away from UTC finds those who forget it.
DOC_ZONE: Final = dt.timezone(dt.timedelta(hours=-8))
_NUMBER: Final = re.compile(r"\(?[-+]?[$€£]?\s?(\d{1,3}(,\d{3})+|\d+)?(\.\d*)?([eE][-+]?\d+)?\s?(%|USD|EUR|GBP)?\)?")
_DATE: Final = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_SHORT_DATE: Final = re.compile(r"(\d{1,2})[-/](\d{1,2})(?:[-/](\d{2,4}))?")
_MONTHS: Final = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_NAMED_DATE: Final = re.compile(
    r"([A-Za-z]{3})[a-z]*\.? (\d{1,2})(?:,? (\d{4}))?|(\d{1,2}) ([A-Za-z]{3})[a-z]*(?: (\d{4}))?"
)
_CLOCK: Final = re.compile(r"(\d{1,2}):(\d{2})(:\d{2})?(?: ?([ap])m)?", re.IGNORECASE)
_SUM: Final = re.compile(r"=\s*(\d+)\s*([-+*])\s*(\d+)\s*")


def matching_form(value: Cell) -> object:
    """Give what two cells have in common when the vendor calls them equal; text and number never are."""
    if isinstance(value, list):
        return ("list", *map(matching_form, value))
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, int | Decimal):
        return ("number", Decimal(value))
    return "" if value is None else value


def take(kind: str, value: Any, *, parsing: bool, find: Find) -> Cell:
    """Give the cell that a written value becomes in a column of that format."""
    if isinstance(value, list):
        taken = [take(kind, one, parsing=parsing, find=find) for one in value]
        return [one for one in taken if not isinstance(one, list)]
    if not isinstance(value, str):
        number: Decimal | int | bool = value
        return number
    if value == "":
        return False if kind == "checkbox" else None
    if not parsing:
        return value  # as given, whatever the column: a date column then holds text
    match kind:
        case "number" | "currency" | "percent" | "slider" | "scale":
            return _number(value) if _number(value) is not None else value
        case "date":
            return _date(value) or value
        case "dateTime":
            return _moment(value) or value
        case "checkbox":
            return {"true": True, "false": False}.get(value.lower(), value)
        case "lookup":
            row_id = find(value)
            return Pointer(row_id) if row_id else value
        case _:
            return typed(value)


def typed(text: str) -> Scalar:
    """Give what text becomes when it is typed into a cell that expects nothing in particular."""
    if text.startswith("="):
        return _formula(text)
    if text.startswith("@"):
        return text[1:]
    if text.startswith("'"):
        return text[1:]
    bare = text.strip()
    if bare.lower() in ("true", "false"):
        return bare.lower() == "true"
    if not any(map(str.isdigit, bare)):
        return text
    number = _number(bare)
    if number is not None:
        return number
    return _date(bare) or _moment(bare) or _clock(bare) or text


def _formula(text: str) -> Scalar:
    known = _SUM.fullmatch(text)
    if known is None:
        return "#ERROR"
    left, right = int(known[1]), int(known[3])
    return {"+": left + right, "-": left - right, "*": left * right}[known[2]]


def _number(text: str) -> Decimal | None:
    if not _NUMBER.fullmatch(text) or not any(sign.isdigit() for sign in text):
        return None
    try:
        number = Decimal(re.sub(r"[^0-9.eE+-]", "", re.sub(r"USD|EUR|GBP", "", text)))
    except InvalidOperation:
        return None
    if text.rstrip().endswith("%"):
        return number / 100
    return -number if text.startswith("(") else number


def _date(text: str) -> dt.date | None:
    try:
        if whole := _DATE.fullmatch(text):
            return dt.date(int(whole[1]), int(whole[2]), int(whole[3]))
        if short := _SHORT_DATE.fullmatch(text):
            year = int(short[3]) if short[3] else 2026
            return dt.date(year + 2000 if year < 100 else year, int(short[1]), int(short[2]))
        if named := _NAMED_DATE.fullmatch(text):
            month, day, year_text = (named[1], named[2], named[3]) if named[1] else (named[5], named[4], named[6])
            return dt.date(int(year_text or 2026), _MONTHS.index(month.lower()) + 1, int(day))
    except ValueError:
        return None
    return None


def _moment(text: str) -> dt.datetime | None:
    if not re.match(r"\d{4}-\d{2}-\d{2}", text):
        return None
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=DOC_ZONE)).astimezone(dt.UTC)


def _clock(text: str) -> str | None:
    known = _CLOCK.fullmatch(text)
    return f"1899-12-30T{known[1]:0>2}:{known[2]}:00.000-08:00" if known else None


def truth(value: Cell) -> Any:
    """Give a cell for people who look behind the API: dates as ISO text, links as lists of row ids."""
    if isinstance(value, list):
        return [one.row_id if isinstance(one, Pointer) else truth(one) for one in value]
    if isinstance(value, Pointer):
        return [value.row_id]
    return value.isoformat() if isinstance(value, dt.date) else value


def simple(value: Cell, name_of: Callable[[str], str]) -> Any:
    """Give a cell as `valueFormat=simple` and `simpleWithArrays` show it; empty cells are empty text."""
    match value:
        case None:
            return ""
        case list():
            return [simple(one, name_of) for one in value]
        case Pointer():
            return name_of(value.row_id)
        case dt.datetime():
            return value.astimezone(DOC_ZONE).isoformat(timespec="milliseconds")
        case dt.date():
            return dt.datetime(value.year, value.month, value.day, tzinfo=DOC_ZONE).isoformat(timespec="milliseconds")
        case _:
            return value


def flat(value: Any) -> Any:
    """Give a simple value with its arrays as comma-delimited text."""
    if not isinstance(value, list):
        return value
    return ",".join(one if isinstance(one, str) else msgspec.json.encode(one).decode() for one in value)


def filter_text(value: Cell) -> object:
    """Give what a row filter compares a cell with."""
    return matching_form(simple(value, lambda row_id: row_id))
