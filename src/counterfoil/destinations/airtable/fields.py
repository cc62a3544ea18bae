"""Cells and columns: our kinds in Airtable's words, and back.

https://airtable.com/developers/web/api/field-model
"""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from counterfoil.model import Kind
from counterfoil.ports import Cell, FieldMapping, Link

LINK: Final = "multipleRecordLinks"
_TEXTS: Final = frozenset({Kind.TEXT, Kind.LONG_TEXT, Kind.SELECT, Kind.URL, Kind.LINK})

TAKES: Final[Mapping[str, frozenset[Kind]]] = {
    "singleLineText": _TEXTS,
    "multilineText": _TEXTS,
    "url": frozenset({Kind.URL}),
    "number": frozenset({Kind.MONEY, Kind.NUMBER, Kind.PERCENT}),
    "currency": frozenset({Kind.MONEY, Kind.NUMBER}),
    "percent": frozenset({Kind.PERCENT}),
    "date": frozenset({Kind.DATE}),
    "dateTime": frozenset({Kind.TIMESTAMP, Kind.DATE}),
    "checkbox": frozenset({Kind.FLAG}),
    "singleSelect": frozenset({Kind.SELECT}),
    LINK: frozenset({Kind.LINK}),
}

# A currency column has one symbol for all its cells and our amounts have a currency each, so amounts are numbers.
# The precision rounds what is shown; the cell keeps all digits.
_MADE_AS: Final[Mapping[Kind, Mapping[str, Any]]] = {
    Kind.TEXT: {"type": "singleLineText"},
    Kind.LONG_TEXT: {"type": "multilineText"},
    Kind.MONEY: {"type": "number", "options": {"precision": 2}},
    Kind.NUMBER: {"type": "number", "options": {"precision": 4}},
    Kind.PERCENT: {"type": "percent", "options": {"precision": 2}},
    Kind.DATE: {"type": "date", "options": {"dateFormat": {"name": "iso"}}},
    Kind.TIMESTAMP: {
        "type": "dateTime",
        "options": {"dateFormat": {"name": "iso"}, "timeFormat": {"name": "24hour"}, "timeZone": "utc"},
    },
    Kind.FLAG: {"type": "checkbox", "options": {"icon": "check", "color": "greenBright"}},
    Kind.SELECT: {"type": "singleSelect", "options": {"choices": []}},
    Kind.URL: {"type": "url"},
}


def definition(field: FieldMapping) -> dict[str, Any]:
    """Give the body that creates a field; a link whose table is off is a text with the name."""
    if field.kind is Kind.LINK and field.to_table_id:
        return {"name": field.label, "type": LINK, "options": {"linkedTableId": field.to_table_id}}
    return {"name": field.label, **_MADE_AS[Kind.TEXT if field.kind is Kind.LINK else field.kind]}


def encode(cell: Cell, vendor_type: str) -> Any:
    """Give the JSON value of a cell for a field of that type; None empties it."""
    if isinstance(cell, Link):
        if vendor_type == LINK:
            return [cell.remote_id] if cell.remote_id else []
        return cell.name or None
    if cell is None or cell == "":
        return [] if vendor_type == LINK else None
    if isinstance(cell, dt.datetime):
        return cell.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{cell.microsecond // 1000:03d}Z"
    if isinstance(cell, dt.date):
        return cell.isoformat()
    if vendor_type == "singleSelect" and isinstance(cell, str):
        return cell.strip() or None
    return cell


def decode(raw: msgspec.Raw | None, kind: Kind) -> Cell:
    """Read a cell back; None where it is empty or holds something of another kind."""
    if raw is None:
        return False if kind is Kind.FLAG else None
    try:
        return _decoded(raw, kind)
    except (msgspec.DecodeError, ValueError):
        return None


def _decoded(raw: msgspec.Raw, kind: Kind) -> Cell:
    if kind in (Kind.MONEY, Kind.NUMBER, Kind.PERCENT):
        return msgspec.json.decode(raw, type=Decimal, strict=True)
    if kind is Kind.FLAG:
        return msgspec.json.decode(raw, type=bool)
    if kind is Kind.LINK:
        linked = msgspec.json.decode(raw, type=list[str] | str)
        return Link("", None, linked) if isinstance(linked, str) else Link("", linked[0], None) if linked else None
    text = msgspec.json.decode(raw, type=str)
    if kind is Kind.DATE:
        return dt.date.fromisoformat(text[:10])
    if kind is Kind.TIMESTAMP:
        return dt.datetime.fromisoformat(text)
    return text
