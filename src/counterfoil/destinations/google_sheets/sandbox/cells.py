"""What a cell holds, how typed text becomes it, and how it is shown."""

import datetime as dt
import re
from functools import lru_cache
from typing import Any, Final

import msgspec

from counterfoil.destinations.google_sheets.sandbox.errors import invalid

_EPOCH: Final = dt.datetime(1899, 12, 30)  # noqa: DTZ001  # a spreadsheet's serial numbers know no zone
MAX_TEXT: Final = 50_000


class Formula(str):
    """The text of a formula, "=" included. It is kept, never calculated."""

    __slots__ = ()


Value = str | float | int | bool | Formula | None
Format = str  # the canonical JSON of a CellFormat, so that equal formats are one object
_formats: dict[str, Format] = {}


def intern_format(cell_format: dict[str, Any]) -> Format | None:
    """Give the one object that stands for a cell format; None for an empty one."""
    if not cell_format:
        return None
    text = msgspec.json.encode(cell_format, order="deterministic").decode()
    return _formats.setdefault(text, text)


@lru_cache(maxsize=1024)
def read_format(text: Format | None) -> dict[str, Any]:
    """Give the CellFormat back; never change it."""
    return msgspec.json.decode(text) if text else {}


def number_format(text: Format | None) -> dict[str, str]:
    """Give the number format part of a cell format."""
    found: dict[str, str] = read_format(text).get("numberFormat", {})
    return found


def check_length(value: Value) -> Value:
    """Give the value back; raises the 400 of a text that is too long for a cell."""
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise invalid(f"Your input contains more than the maximum of {MAX_TEXT} characters in a single cell.")
    return None if value == "" else value


def typed(text: Any) -> tuple[Value, dict[str, str] | None]:
    """Give what a person's typing would make of a text, and the number format that it brings (USER_ENTERED)."""
    if not isinstance(text, str):
        return text, None
    if text.startswith("'"):
        return text[1:], None
    if text.startswith("=") or re.fullmatch(r"\+[^\d.].*", text, re.DOTALL):
        return Formula(text if text.startswith("=") else f"={text}"), None
    if text.upper() in ("TRUE", "FALSE"):
        return text.upper() == "TRUE", None
    if re.fullmatch(r"[+-]?(\d[\d,]*\.?\d*|\.\d+)(e[+-]?\d+)?", text, re.IGNORECASE):
        return msgspec.json.decode(_json_number(text)), None
    if re.fullmatch(r"[+-]?\d+(\.\d+)?%", text):
        return msgspec.json.decode(_json_number(text[:-1])) / 100, {"type": "PERCENT", "pattern": "0.00%"}
    if re.fullmatch(r"\d{4}-\d{1,2}-\d{1,2}", text):
        try:
            day = dt.datetime.strptime(text, "%Y-%m-%d")  # noqa: DTZ007
        except ValueError:
            return text, None
        return (day - _EPOCH).days, {"type": "DATE", "pattern": "yyyy-mm-dd"}
    return text, None


def _json_number(text: str) -> str:
    text = text.replace(",", "").lstrip("+")
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
    whole, point, rest = digits.partition(".")
    if point and not re.match(r"\d", rest):
        rest = "0" + rest
    return f"{sign}{whole.lstrip('0') or '0'}{point}{rest}"


def moment(serial: float) -> dt.datetime:
    """Give the moment of a serial number, to the nearest millisecond."""
    when = _EPOCH + dt.timedelta(days=serial) + dt.timedelta(microseconds=500)
    return when.replace(microsecond=when.microsecond // 1000 * 1000)


def serial(text: str) -> float | None:
    """Give the serial number of an ISO date or time; None where the text is neither."""
    try:
        when = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    if when.tzinfo is not None:
        when = when.astimezone(dt.UTC).replace(tzinfo=None)
    days = (when - _EPOCH) / dt.timedelta(days=1)
    return int(days) if days == int(days) else days


def shown(value: Value, cell_format: Format | None) -> str:
    """Give the cell's text as people see it: the few formats that matter here."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, str):
        return str(value)
    wanted = number_format(cell_format)
    match wanted.get("type"):
        case "DATE":
            return moment(value).strftime("%Y-%m-%d")
        case "DATE_TIME":
            return moment(value).strftime("%Y-%m-%d %H:%M:%S")
        case "PERCENT":
            return f"{value * 100:.2f}%"
        case "NUMBER" | "CURRENCY" if "0.00" in wanted.get("pattern", ""):
            return f"{value:,.2f}"
    return f"{value:.10g}"


def plain(value: Value, cell_format: Format | None) -> Any:
    """Give the cell as the `tables` action shows it: a JSON scalar, dates as ISO text."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        kind = number_format(cell_format).get("type")
        if kind == "DATE":
            return moment(value).date().isoformat()
        if kind == "DATE_TIME":
            return moment(value).isoformat()
    return str(value) if isinstance(value, Formula) else value
