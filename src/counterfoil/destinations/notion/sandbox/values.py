"""Cells of the Notion emulator: validated as the vendor validates, kept small, shown in full."""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any, Final

from counterfoil.destinations.notion.sandbox.state import (
    Page,
    Property,
    Source,
    Workspace,
    canonical_id,
    invalid,
    iso_minute,
    not_found,
)

READ_ONLY: Final = frozenset(
    "formula rollup created_time created_by last_edited_time last_edited_by unique_id button verification".split()
)
TEXT_LIMIT: Final = 2000  # UTF-16 units in one rich text item
LIST_LIMIT: Final = 100  # pieces, options, relations of one value
_PLAIN: Final = {
    "bold": False,
    "italic": False,
    "strikethrough": False,
    "underline": False,
    "code": False,
    "color": "default",
}


def rich_text(text: str) -> list[dict[str, Any]]:
    """Show a text as the vendor does: in pieces, without style."""
    pieces = [text[start : start + TEXT_LIMIT] for start in range(0, len(text), TEXT_LIMIT)]
    return [
        {
            "type": "text",
            "text": {"content": piece, "link": None},
            "annotations": _PLAIN,
            "plain_text": piece,
            "href": None,
        }
        for piece in pieces
    ]


def plain_text(wire: Any, where: str) -> str:
    """Read the text of a rich text array. Refuses what is longer than the vendor takes."""
    if not isinstance(wire, list):
        invalid(f"{where} should be an array, instead was `{wire!r}`.")
    if len(wire) > LIST_LIMIT:
        invalid(f"{where}.length should be ≤ `{LIST_LIMIT}`, instead was `{len(wire)}`.")
    parts = []
    for place, piece in enumerate(wire):
        content = piece.get("text", {}).get("content") if isinstance(piece, dict) else None
        if not isinstance(content, str):
            invalid(f"{where}[{place}].text should be defined, instead was `undefined`.")
        length = len(content.encode("utf-16-le")) // 2
        if length > TEXT_LIMIT:
            invalid(f"{where}[{place}].text.content.length should be ≤ `{TEXT_LIMIT}`, instead was `{length}`.")
        parts.append(content)
    return "".join(parts)


# --- reading what a caller writes ---------------------------------------------------------------------------


def accept(workspace: Workspace, source: Source, written: Any) -> dict[str, Any]:
    """Validate the `properties` of a page and give the values to keep, by property id."""
    if not isinstance(written, Mapping):
        invalid("body failed validation: body.properties should be an object.")
    kept: dict[str, Any] = {}
    for key, wire in written.items():
        prop = source.find(key)
        if prop is None:
            invalid(f"{key} is not a property that exists.")
        if prop.type in READ_ONLY:
            invalid(f"{prop.name} is read-only: a {prop.type} property cannot be written.")
        if not isinstance(wire, Mapping) or prop.type not in wire:
            invalid(f"{prop.name} is expected to be {prop.type}.")
        where = f"body failed validation: body.properties.{key}.{prop.type}"
        kept[prop.id] = _ACCEPT[prop.type](workspace, prop, wire[prop.type], where)
    return kept


def _accept_text(_workspace: Workspace, _prop: Property, wire: Any, where: str) -> Any:
    return plain_text(wire, where) or None


def _accept_number(_workspace: Workspace, _prop: Property, wire: Any, where: str) -> Any:
    if wire is None:
        return None
    if isinstance(wire, bool) or not isinstance(wire, int | float):
        invalid(f"{where} should be a number or `null`, instead was `{wire!r}`.")
    return whole(wire)


def whole(number: int | float) -> int | float:
    """Give a whole number without its point, as JavaScript writes it."""
    return int(number) if isinstance(number, float) and number.is_integer() and abs(number) < 1e21 else number


def _accept_string(limit: int) -> Callable[[Workspace, Property, Any, str], Any]:
    def accept_string(_workspace: Workspace, _prop: Property, wire: Any, where: str) -> Any:
        if wire is None:
            return None
        if not isinstance(wire, str):
            invalid(f"{where} should be a string or `null`, instead was `{wire!r}`.")
        if not 1 <= len(wire) <= limit:
            invalid(f"{where}.length should be between `1` and `{limit}`, instead was `{len(wire)}`.")
        return wire

    return accept_string


def _accept_checkbox(_workspace: Workspace, _prop: Property, wire: Any, where: str) -> Any:
    if not isinstance(wire, bool):
        invalid(f"{where} should be a boolean, instead was `{wire!r}`.")
    return wire


def _accept_date(_workspace: Workspace, _prop: Property, wire: Any, where: str) -> Any:
    if wire is None:
        return None
    if not isinstance(wire, Mapping) or "start" not in wire:
        invalid(f"{where}.start should be defined, instead was `undefined`.")
    start, end, zone = _moment(wire["start"], where), wire.get("end"), wire.get("time_zone")
    if end is None and zone is None:
        return start
    return {"start": start, "end": None if end is None else _moment(end, where), "time_zone": zone}


def _moment(text: Any, where: str) -> str:
    try:
        if len(text) == 10:
            return dt.date.fromisoformat(text).isoformat()
        moment = dt.datetime.fromisoformat(text)
    except (ValueError, TypeError):
        invalid(f"{where}.start should be a valid ISO 8601 date string, instead was `{text!r}`.")
    return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).isoformat(timespec="milliseconds")


def _accept_select(_workspace: Workspace, prop: Property, wire: Any, where: str) -> Any:
    return None if wire is None else _option(prop, wire, where)


def _accept_multi_select(_workspace: Workspace, prop: Property, wire: Any, where: str) -> Any:
    if not isinstance(wire, list) or len(wire) > LIST_LIMIT:
        invalid(f"{where} should be an array of at most {LIST_LIMIT} options.")
    return tuple(_option(prop, one, where) for one in wire) or None


def _option(prop: Property, wire: Any, where: str) -> str:
    if not isinstance(wire, Mapping) or not ("name" in wire or "id" in wire):
        invalid(f"{where} should have a name or an id.")
    if "name" not in wire:
        if wire["id"] not in prop.options:
            invalid(f"{where}: there is no option with that id.")
        return str(wire["id"])
    name = wire["name"]
    if not isinstance(name, str) or not 1 <= len(name) <= 100:
        invalid(f"{where}.name.length should be between `1` and `100`.")
    if "," in name:
        invalid(f"Invalid select option, commas not allowed: {name}")
    if prop.type == "status" and all(known.name != name for known in prop.options.values()):
        invalid(f"{where}: invalid status option. Status option {name!r} does not exist.")
    return prop.option(name).id


def _accept_relation(workspace: Workspace, prop: Property, wire: Any, where: str) -> Any:
    if not isinstance(wire, list) or len(wire) > LIST_LIMIT:
        invalid(f"{where} should be an array of at most {LIST_LIMIT} pages.")
    ids = []
    for one in wire:
        page_id = canonical_id(one.get("id", "") if isinstance(one, Mapping) else "")
        if page_id not in workspace.source_of:
            not_found("page", page_id)
        if workspace.source_of[page_id] != prop.config["data_source_id"]:
            invalid(f"{where}: page {page_id} is not in the related data source.")
        ids.append(page_id)
    return tuple(dict.fromkeys(ids)) or None


def _accept_list(_workspace: Workspace, _prop: Property, wire: Any, where: str) -> Any:
    if not isinstance(wire, list) or len(wire) > LIST_LIMIT:
        invalid(f"{where} should be an array.")
    return wire or None


_ACCEPT: Final[Mapping[str, Callable[[Workspace, Property, Any, str], Any]]] = {
    "title": _accept_text,
    "rich_text": _accept_text,
    "number": _accept_number,
    "url": _accept_string(2000),
    "email": _accept_string(200),
    "phone_number": _accept_string(200),
    "checkbox": _accept_checkbox,
    "date": _accept_date,
    "select": _accept_select,
    "status": _accept_select,
    "multi_select": _accept_multi_select,
    "relation": _accept_relation,
    "people": _accept_list,
    "files": _accept_list,
}

CREATABLE: Final = frozenset(_ACCEPT) - {"status"} | READ_ONLY - {"button", "verification"}


# --- showing ------------------------------------------------------------------------------------------------

_REFERENCES_SHOWN: Final = 25


def show(workspace: Workspace, prop: Property, page: Page) -> dict[str, Any]:
    """Give a property value as it stands in a page object."""
    value = page.values.get(prop.id)
    return {"id": prop.id, "type": prop.type, prop.type: _show(workspace, prop, page, value)}


def _show(workspace: Workspace, prop: Property, page: Page, value: Any) -> Any:
    match prop.type:
        case "title" | "rich_text":
            return rich_text(value or "")
        case "select" | "status":
            return _show_option(prop, value) if value in prop.options else None
        case "multi_select":
            return [_show_option(prop, one) for one in value or () if one in prop.options]
        case "relation":
            return [{"id": one} for one in (value or ())[:_REFERENCES_SHOWN]]
        case "date":
            return {"start": value, "end": None, "time_zone": None} if isinstance(value, str) else value
        case "checkbox":
            return bool(value)
        case "people" | "files":
            return value or []
        case "created_time" | "last_edited_time":
            return iso_minute(page.created if prop.type == "created_time" else page.edited)
        case "created_by" | "last_edited_by":
            return {"object": "user", "id": workspace.user_id}
        case "formula":
            return {"type": "string", "string": None}
        case "rollup":
            return {"type": "number", "number": None, "function": "count"}
        case "unique_id":
            return {"prefix": None, "number": None}
        case "button":
            return {}
        case _:
            return value


def _show_option(prop: Property, option_id: str) -> dict[str, Any]:
    option = prop.options[option_id]
    return {"id": option.id, "name": option.name, "color": option.color}
