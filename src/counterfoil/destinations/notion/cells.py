"""Our cells as Notion's values, and back. Pure."""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from counterfoil.destinations.notion import wire
from counterfoil.model import Kind
from counterfoil.ports import Cell, FieldMapping, Link

# What can be written to a property, by its type. https://developers.notion.com/reference/page-property-values
TAKES: Final[Mapping[str, frozenset[Kind]]] = {
    "title": frozenset({Kind.TEXT, Kind.LONG_TEXT}),
    "rich_text": frozenset({Kind.TEXT, Kind.LONG_TEXT, Kind.SELECT, Kind.URL, Kind.LINK}),
    "number": frozenset({Kind.MONEY, Kind.NUMBER, Kind.PERCENT}),
    "date": frozenset({Kind.DATE, Kind.TIMESTAMP}),
    "checkbox": frozenset({Kind.FLAG}),
    "select": frozenset({Kind.SELECT}),
    "url": frozenset({Kind.URL}),
    "relation": frozenset({Kind.LINK}),
}

_PIECE: Final = 2000  # UTF-16 units that one rich text item may hold
_OPTION: Final = 100  # characters that the name of an option may have
# An option's name may hold no comma. This sign looks like one, and lets us tell on reading that it was one.
_COMMA: Final = "‚"

_FORMATS: Final[Mapping[str, str]] = {
    "USD": "dollar",
    "EUR": "euro",
    "GBP": "pound",
    "JPY": "yen",
    "CHF": "franc",
    "AUD": "australian_dollar",
    "CAD": "canadian_dollar",
    "NZD": "new_zealand_dollar",
    "SGD": "singapore_dollar",
    "HKD": "hong_kong_dollar",
    "CNY": "yuan",
    "INR": "rupee",
    "KRW": "won",
    "BRL": "real",
    "MXN": "mexican_peso",
    "SEK": "krona",
    "NOK": "norwegian_krone",
    "DKK": "danish_krone",
    "PLN": "zloty",
    "CZK": "koruna",
    "HUF": "forint",
    "TRY": "lira",
    "ZAR": "rand",
    "ILS": "shekel",
}


def new_property(field: FieldMapping, currency: str | None) -> dict[str, Any]:
    """Give the configuration of a property that is made for a field.

    Money shows the sign of `currency` where one is given: Notion's format belongs to the column, not to the cell.
    """
    if field.title:
        return {"title": {}}
    match field.kind:
        case Kind.MONEY:
            return {"number": {"format": _FORMATS.get((currency or "").upper(), "number_with_commas")}}
        case Kind.NUMBER:
            return {"number": {"format": "number"}}
        case Kind.PERCENT:
            return {"number": {"format": "percent"}}
        case Kind.DATE | Kind.TIMESTAMP:
            return {"date": {}}
        case Kind.FLAG:
            return {"checkbox": {}}
        case Kind.SELECT:
            return {"select": {}}
        case Kind.URL:
            return {"url": {}}
        case Kind.LINK if field.to_table_id:
            # One-sided: the other table is not given a column that its owner did not ask for.
            return {"relation": {"data_source_id": field.to_table_id, "type": "single_property", "single_property": {}}}
        case _:
            return {"rich_text": {}}


def write(property_type: str, cell: Cell) -> dict[str, Any]:
    """Give the value to write to a property of that type; None empties it."""
    return {property_type: _WRITE[property_type](cell)}


def text(content: str) -> list[dict[str, Any]]:
    """Give a rich text in pieces that Notion takes."""
    return [{"text": {"content": piece}} for piece in _pieces(content)]


def _pieces(content: str) -> Iterator[str]:
    # Signs outside the basic plane count twice, so a text that has some is cut into pieces half as long.
    step = _PIECE if content.isascii() or max(content) <= "\uffff" else _PIECE // 2
    return (content[start : start + step] for start in range(0, len(content), step))


def _write_text(cell: Cell) -> Any:
    if isinstance(cell, Link):
        cell = cell.name
    return text("" if cell is None else str(cell))


def _write_date(cell: Cell) -> Any:
    if cell is None:
        return None
    assert isinstance(cell, dt.date)
    moment = cell.astimezone(dt.UTC) if isinstance(cell, dt.datetime) else cell
    return {"start": moment.isoformat()}


def _write_select(cell: Cell) -> Any:
    return {"name": str(cell).replace(",", _COMMA)[:_OPTION]} if cell else None


def _write_relation(cell: Cell) -> Any:
    return [{"id": cell.remote_id}] if isinstance(cell, Link) and cell.remote_id else []


_WRITE: Final[Mapping[str, Callable[[Cell], Any]]] = {
    "title": _write_text,
    "rich_text": _write_text,
    "number": lambda cell: cell,
    "date": _write_date,
    "checkbox": lambda cell: cell is True,
    "select": _write_select,
    "url": lambda cell: cell or None,
    "relation": _write_relation,
}


def read(value: wire.Value, kind: Kind) -> Cell:
    """Give the cell that a value holds for a field of that kind, None where it holds nothing of the kind."""
    match value.type:
        case "title" | "rich_text":
            content = wire.plain(value.title or value.rich_text)
            return (Link("", None, content) if kind is Kind.LINK else content) if content else None
        case "number":
            return value.number
        case "date":
            return _read_date(value.date, kind)
        case "checkbox":
            return value.checkbox
        case "select":
            return value.select.name.replace(_COMMA, ",") if value.select else None
        case "url":
            return value.url
        case "relation":
            return Link("", value.relation[0].id, None) if value.relation else None
        case _:
            return None


def _read_date(moment: wire.Moment | None, kind: Kind) -> dt.date | dt.datetime | None:
    if moment is None:
        return None
    if kind is Kind.DATE:
        return dt.date.fromisoformat(moment.start[:10])
    found = dt.datetime.fromisoformat(moment.start)
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)
