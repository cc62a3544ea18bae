"""Field types of the emulated Airtable: their options, and which values their cells take.

https://airtable.com/developers/web/api/field-model
"""

import datetime as dt
import re
from typing import Any, Final

from counterfoil.destinations.airtable.sandbox.refusals import bad_value, computed, invalid, no_such_option, no_such_row
from counterfoil.destinations.airtable.sandbox.store import LINK, Base, Field, Ids

TEXTS: Final = frozenset({"singleLineText", "multilineText", "richText", "email", "url", "phoneNumber"})
NUMBERS: Final = frozenset({"number", "percent", "currency", "rating", "duration"})
CREATABLE: Final = TEXTS | NUMBERS | {"date", "dateTime", "checkbox", "singleSelect", "multipleSelects", LINK}
COMPUTED: Final = frozenset(
    "autoNumber button createdTime createdBy lastModifiedTime lastModifiedBy count multipleLookupValues formula"
    " rollup externalSyncSource".split()
)
MERGEABLE: Final = NUMBERS | {"singleLineText", "multilineText", "singleSelect", "multipleSelects", "date"}
PRIMARY: Final = TEXTS | NUMBERS | {"date", "dateTime"}
_MAX_TEXT: Final = 100_000
_MAX_PRECISION: Final = {"number": 8, "percent": 8, "currency": 7}
_DATE_FORMATS: Final = {
    "local": "l",
    "friendly": "LL",
    "us": "M/D/YYYY",
    "european": "D/M/YYYY",
    "iso": "YYYY-MM-DD",
}
_TIME_FORMATS: Final = {"12hour": "h:mma", "24hour": "HH:mm"}


def options_of(kind: str, asked: Any, ids: Ids) -> dict[str, Any] | None:
    """Check the options a caller asks for and give them as the API will show them."""
    if kind not in CREATABLE:
        raise invalid("UNSUPPORTED_FIELD_TYPE_FOR_CREATE", f"Creating {kind} fields is not supported at this time")
    if kind in TEXTS:
        if asked:
            raise _bad_options(kind)
        return None
    if not isinstance(asked, dict):
        raise _bad_options(kind)
    match kind:
        case "number" | "percent" | "currency":
            if asked.get("precision") not in range(_MAX_PRECISION[kind] + 1):
                raise _bad_options(kind)
            if kind == "currency" and not isinstance(asked.get("symbol"), str):
                raise _bad_options(kind)
            return dict(asked)
        case "date":
            return {"dateFormat": _format(kind, asked.get("dateFormat"), _DATE_FORMATS)}
        case "dateTime":
            if not isinstance(asked.get("timeZone"), str):
                raise _bad_options(kind)
            return {
                "dateFormat": _format(kind, asked.get("dateFormat"), _DATE_FORMATS),
                "timeFormat": _format(kind, asked.get("timeFormat"), _TIME_FORMATS),
                "timeZone": asked["timeZone"],
            }
        case "checkbox":
            if not (asked.get("icon") and asked.get("color")):
                raise _bad_options(kind)
            return {"icon": asked["icon"], "color": asked["color"]}
        case "singleSelect" | "multipleSelects":
            if not isinstance(asked.get("choices"), list):
                raise _bad_options(kind)
            return {"choices": [option(choice["name"], ids, choice.get("color")) for choice in asked["choices"]]}
        case _:
            return dict(asked)


def option(name: str, ids: Ids, color: str | None = None) -> dict[str, str]:
    """Make a select option."""
    return {"id": ids.new("sel"), "name": name, "color": color or "blueLight2"}


def _format(kind: str, asked: Any, known: dict[str, str]) -> dict[str, str]:
    name = asked.get("name") if isinstance(asked, dict) else None
    if name not in known:
        raise _bad_options(kind)
    return {"name": name, "format": known[name]}


def _bad_options(kind: str) -> Exception:
    return invalid("INVALID_FIELD_TYPE_OPTIONS_FOR_CREATE", f"Invalid options for {kind} field")


def accept(base: Base, column: Field, value: Any, *, typecast: bool, ids: Ids) -> Any:
    """Give what a cell holds after a caller wrote `value`; None means empty. Raises the vendor's refusal."""
    kind = column.type
    if kind in COMPUTED:
        raise computed(column.name)
    if value is None:
        return None
    if kind in TEXTS:
        return _text(column, value, typecast)
    if kind in NUMBERS:
        return _number(column, value, typecast)
    if kind == "checkbox":
        if not isinstance(value, bool):
            raise bad_value(column.name)
        return True if value else None
    if kind in ("date", "dateTime"):
        return _moment(column, value)
    if kind == "singleSelect":
        return _choice(column, value, typecast, ids)
    if kind == "multipleSelects":
        if not isinstance(value, list):
            raise bad_value(column.name)
        return [_choice(column, one, typecast, ids) for one in value] or None
    if kind == LINK:
        return _links(base, column, value, typecast)
    raise bad_value(column.name)


def _text(column: Field, value: Any, typecast: bool) -> str | None:
    if typecast and isinstance(value, int | float):
        value = str(value)
    if not isinstance(value, str) or len(value) > _MAX_TEXT:
        raise bad_value(column.name)
    return value or None


def _number(column: Field, value: Any, typecast: bool) -> Any:
    if typecast and isinstance(value, str) and re.fullmatch(r"-?\d+", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise bad_value(column.name)
    return value


def _moment(column: Field, value: Any) -> str:
    try:
        moment = dt.datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise bad_value(column.name) from None
    if column.type == "date":
        return moment.date().isoformat()
    utc = moment.astimezone(dt.UTC) if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    return utc.strftime("%Y-%m-%dT%H:%M:%S.") + f"{utc.microsecond // 1000:03d}Z"


def _choice(column: Field, value: Any, typecast: bool, ids: Ids) -> str:
    if not isinstance(value, str):
        raise bad_value(column.name)
    choices = (column.options or {})["choices"]
    if not any(choice["name"] == value for choice in choices):
        if not (typecast and value):
            raise no_such_option(value)
        choices.append(option(value, ids))
    return value


def _links(base: Base, column: Field, value: Any, typecast: bool) -> dict[str, None]:
    other = base.find((column.options or {})["linkedTableId"])
    assert other is not None
    if typecast and isinstance(value, str):
        value = list(other.matching(other.primary, value))
    if not isinstance(value, list):
        raise bad_value(column.name)
    targets: dict[str, None] = {}
    for one in value:
        target = one.get("id") if isinstance(one, dict) else one
        if not isinstance(target, str):
            raise bad_value(column.name)
        if target not in other.rows:
            raise no_such_row(target)
        targets[target] = None
    return targets
