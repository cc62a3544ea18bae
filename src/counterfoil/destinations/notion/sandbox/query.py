"""Query and search of the Notion emulator: filters, sorts, pages of at most 100, 10,000 rows in all."""

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from counterfoil.destinations.notion.sandbox.state import Page, Property, Source, Workspace, canonical_id, invalid

PAGE_SIZE: Final = 100
FILTER_LIMIT: Final = 100  # conditions in one `and` or `or`

Test = Callable[[Page], bool]
_TEXTS: Final = frozenset("title rich_text url email phone_number".split())


def condition(source: Source, wire: Any) -> Test:
    """Compile a filter. Refuses what the vendor refuses: unknown properties, long lists, wrong types."""
    if wire is None:
        return lambda _page: True
    if not isinstance(wire, Mapping):
        invalid("body failed validation: body.filter should be an object.")
    for junction in ("and", "or"):
        if junction in wire:
            return _junction(source, junction, wire[junction])
    if "timestamp" in wire:
        return _timestamp(wire)
    prop = source.find(str(wire.get("property", "")))
    if prop is None:
        invalid(f"Could not find property with name or id: {wire.get('property')}")
    if prop.type not in wire:
        invalid(f"database property {prop.name} does not match filter.")
    operator, operand = _single(wire[prop.type], "filter")
    return _property_test(prop, operator, operand)


def _single(wire: Any, where: str) -> tuple[str, Any]:
    if not isinstance(wire, Mapping) or len(wire) != 1:
        invalid(f"body failed validation: body.{where} should have exactly one condition.")
    return next(iter(wire.items()))


def _junction(source: Source, junction: str, parts: Any) -> Test:
    if not isinstance(parts, list) or len(parts) > FILTER_LIMIT:
        invalid(f"body failed validation: body.filter.{junction}.length should be ≤ `{FILTER_LIMIT}`.")
    same = _any_of_texts(source, parts) if junction == "or" else None
    if same is not None:
        return same
    tests = [condition(source, part) for part in parts]
    if junction == "or":
        return lambda page: any(test(page) for test in tests)
    return lambda page: all(test(page) for test in tests)


def _any_of_texts(source: Source, parts: Sequence[Any]) -> Test | None:
    # A hundred `equals` on one text property: one look into a set instead of a hundred comparisons per row.
    wanted: set[str] = set()
    properties = {part.get("property") for part in parts if isinstance(part, Mapping)}
    prop = source.find(str(next(iter(properties)))) if len(properties) == 1 else None
    if prop is None or prop.type not in _TEXTS:
        return None
    for part in parts:
        test = part.get(prop.type)
        if not isinstance(test, Mapping) or list(test) != ["equals"]:
            return None
        wanted.add(test["equals"])
    prop_id = prop.id
    return lambda page: (page.values.get(prop_id) or "") in wanted


def _property_test(prop: Property, operator: str, operand: Any) -> Test:
    prop_id = prop.id
    if operator in ("is_empty", "is_not_empty"):
        empty = operator == "is_empty"
        return lambda page: (page.values.get(prop_id) in (None, "", ())) is empty
    if prop.type == "checkbox":
        expected = bool(operand) is (operator == "equals")
        return lambda page: bool(page.values.get(prop_id)) is expected
    if prop.type in ("relation", "multi_select"):
        wanted = canonical_id(operand) if prop.type == "relation" else _option_id(prop, operand)
        inside = operator == "contains"
        return lambda page: (wanted in (page.values.get(prop_id) or ())) is inside
    if prop.type in ("select", "status"):
        operand = _option_id(prop, operand)
    compare = (_TEXT_TESTS if prop.type in _TEXTS else _ORDER_TESTS).get(operator)
    if compare is None:
        invalid(f"body failed validation: body.filter.{prop.type}.{operator} is not a condition of this type.")
    return lambda page: compare(_comparable(page.values.get(prop_id)), operand)


def _option_id(prop: Property, name: Any) -> str | None:
    return next((option.id for option in prop.options.values() if option.name == name), None)


def _comparable(value: Any) -> Any:
    return value["start"] if isinstance(value, dict) else value


_TEXT_TESTS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "equals": lambda value, operand: (value or "") == operand,
    "does_not_equal": lambda value, operand: (value or "") != operand,
    "contains": lambda value, operand: operand in (value or ""),
    "does_not_contain": lambda value, operand: operand not in (value or ""),
    "starts_with": lambda value, operand: (value or "").startswith(operand),
    "ends_with": lambda value, operand: (value or "").endswith(operand),
}
_ORDER_TESTS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "equals": lambda value, operand: value == operand,
    "does_not_equal": lambda value, operand: value != operand,
    "greater_than": lambda value, operand: value is not None and value > operand,
    "less_than": lambda value, operand: value is not None and value < operand,
    "greater_than_or_equal_to": lambda value, operand: value is not None and value >= operand,
    "less_than_or_equal_to": lambda value, operand: value is not None and value <= operand,
    "after": lambda value, operand: value is not None and value > operand,
    "before": lambda value, operand: value is not None and value < operand,
    "on_or_after": lambda value, operand: value is not None and value >= operand,
    "on_or_before": lambda value, operand: value is not None and value <= operand,
}


def _timestamp(wire: Mapping[str, Any]) -> Test:
    which = wire["timestamp"]
    if which not in ("created_time", "last_edited_time") or which not in wire:
        invalid("body failed validation: body.filter.timestamp should be `created_time` or `last_edited_time`.")
    operator, operand = _single(wire[which], f"filter.{which}")
    compare = _ORDER_TESTS.get(operator)
    if compare is None:
        invalid(f"body failed validation: body.filter.{which}.{operator} is not a condition of this type.")
    moment = dt.datetime.fromisoformat(operand)
    limit = (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp() // 60
    if which == "created_time":
        return lambda page: compare(page.created // 60, limit)
    return lambda page: compare(page.edited // 60, limit)


def ordering(source: Source, wire: Any) -> list[tuple[Callable[[Page], Any], bool]]:
    """Compile sorts: a key and whether it runs downwards, most important first."""
    found: list[tuple[Callable[[Page], Any], bool]] = []
    for one in wire or ():
        down = one.get("direction") == "descending"
        if one.get("timestamp") == "created_time":
            found.append((lambda page: page.created, down))
        elif one.get("timestamp") == "last_edited_time":
            found.append((lambda page: page.edited, down))
        else:
            prop = source.find(str(one.get("property", "")))
            if prop is None:
                invalid(f"Could not find sort property with name or id: {one.get('property')}")
            found.append((_sort_key(prop.id), down))
    return found


def _sort_key(prop_id: str) -> Callable[[Page], Any]:
    def key(page: Page) -> Any:
        value = _comparable(page.values.get(prop_id))
        return (value is None, str(type(value)), value if value is not None else 0)

    return key


class Queries:
    """Runs queries, and keeps the last result, so that its next page costs nothing."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._key: tuple[Any, ...] = ()
        self._pages: list[Page] = []
        self._places: dict[str, int] = {}

    def run(self, source: Source, body: Mapping[str, Any]) -> tuple[list[Page], str | None, bool]:
        """Give one page of rows, the cursor of the next one, and whether the 10,000 rows are used up."""
        cursor = body.get("start_cursor")
        key = (source.id, self._workspace.revision, json.dumps([body.get("filter"), body.get("sorts")]))
        if key != self._key or self._workspace.index_lag or cursor not in (None, *self._places):
            self._remember(key, source, body, cursor)
        if cursor is not None and cursor not in self._places:
            invalid(f"The start_cursor provided is invalid: {cursor}")
        start = 0 if cursor is None else self._places[cursor]
        cap = self._workspace.query_cap
        end = min(start + page_size(body), cap, len(self._pages))
        capped = end >= cap and len(self._pages) > cap
        following = self._pages[end].id if end < len(self._pages) and not capped else None
        trashed = bool(body.get("in_trash"))
        return [page for page in self._pages[start:end] if page.in_trash is trashed], following, capped

    def _remember(self, key: tuple[Any, ...], source: Source, body: Mapping[str, Any], cursor: str | None) -> None:
        test, indexed = condition(source, body.get("filter")), self._workspace.indexed
        trashed = bool(body.get("in_trash"))
        # The row that a cursor names keeps its place although it was trashed or changed meanwhile.
        found = [
            page
            for page in source.pages.values()
            if page.id == cursor or (page.in_trash is trashed and test(page) and indexed(page.created))
        ]
        for by, down in reversed(ordering(source, body.get("sorts"))):
            found.sort(key=by, reverse=down)
        self._key, self._pages = key, found
        self._places = {page.id: place for place, page in enumerate(found)}


def page_size(body: Mapping[str, Any]) -> int:
    """Give the number of results asked for, at most 100."""
    wanted = str(body.get("page_size", PAGE_SIZE))  # a number in a body, text in a query
    if not wanted.isdecimal() or wanted == "0":
        invalid("body failed validation: body.page_size should be a number of at least `1`.")
    return min(int(wanted), PAGE_SIZE)


def envelope(results: list[Any], following: str | None, *, capped: bool = False) -> dict[str, Any]:
    """Wrap results as a list answer."""
    body: dict[str, Any] = {
        "object": "list",
        "results": results,
        "next_cursor": following,
        "has_more": following is not None,
        "type": "page_or_data_source",
        "page_or_data_source": {},
    }
    if capped:
        body["request_status"] = {"type": "incomplete", "incomplete_reason": "query_result_limit_reached"}
    return body


def sliced(results: list[Any], body: Mapping[str, Any]) -> tuple[list[Any], str | None]:
    """Give one page of objects that carry an id, and the cursor of the next one."""
    cursor = body.get("start_cursor")
    start = 0
    if cursor is not None:
        places = [place for place, one in enumerate(results) if one["id"] == cursor]
        if not places:
            invalid(f"The start_cursor provided is invalid: {cursor}")
        start = places[0]
    end = start + page_size(body)
    return results[start:end], results[end]["id"] if end < len(results) else None
