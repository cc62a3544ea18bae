"""What a user, or the vendor, can do to the Notion emulator behind the API's back."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from counterfoil.destinations.notion.sandbox.gate import Armed, Gate
from counterfoil.destinations.notion.sandbox.schema import change_properties, configure, rename
from counterfoil.destinations.notion.sandbox.state import Page, Property, Source, Workspace
from counterfoil.destinations.notion.sandbox.values import accept
from counterfoil.sandbox.kit import Action

# Words of the other emulators, and of our own model, for the vendor's property types.
_TYPES: Final = {
    "text": "rich_text",
    "long_text": "rich_text",
    "money": "number",
    "percent": "number",
    "timestamp": "date",
    "flag": "checkbox",
    "link": "relation",
}


class Actions:
    """The control calls of the destination emulators, and a few of Notion's own."""

    def __init__(self, workspace: Workspace, gate: Gate) -> None:
        self._workspace = workspace
        self._gate = gate

    def table(self) -> Mapping[str, Action]:
        """Give the actions by name."""
        return {
            "tables": self.tables,
            "add_table": self.add_table,
            "rename_table": self.rename_table,
            "delete_table": self.delete_table,
            "add_field": self.add_field,
            "rename_field": self.rename_field,
            "move_field": self.move_field,
            "delete_field": self.delete_field,
            "retype_field": self.retype_field,
            "add_row": self.add_row,
            "edit_row": self.edit_row,
            "delete_row": self.delete_row,
            "sort_rows": self.sort_rows,
            "bulk_rows": self.bulk_rows,
            "share": lambda _body: self._share(True),
            "unshare": lambda _body: self._share(False),
            "revoke": lambda _body: self._validate(False),
            "restore": lambda _body: self._validate(True),
            "answer_next": self.answer_next,
            "tune": self.tune,
        }

    def _source(self, body: Mapping[str, Any]) -> Source:
        wanted = body["table"]
        named = (one for one in self._live() if one.title == wanted)
        found = self._workspace.sources.get(wanted) or next(named, None)
        if found is None:
            raise KeyError(wanted)
        return found

    def _live(self) -> list[Source]:
        databases = self._workspace.databases
        return [
            one for one in self._workspace.sources.values() if not (one.in_trash or databases[one.database_id].in_trash)
        ]

    def _property(self, body: Mapping[str, Any]) -> tuple[Source, Property]:
        source = self._source(body)
        found = source.find(body["field"])
        if found is None:
            raise KeyError(body["field"])
        return source, found

    # --- tables and fields ---

    def tables(self, _body: dict[str, Any]) -> Any:
        """Tell everything, truthfully."""
        return {"tables": [_table(source) for source in self._live()]}

    def add_table(self, body: dict[str, Any]) -> Any:
        fields: list[dict[str, Any]] = body.get("fields", [])
        source = self._workspace.add_table(body["name"])
        title = next((one for one in fields if one.get("type") == "title"), next(iter(fields), None))
        for one in fields:
            if one is title:
                source.title_property.name = one["name"]
            else:
                self._add_property(source, one["name"], one.get("type"))
        for cells in body.get("rows", []):
            self._add_row(source, cells)
        return _table(source)

    def _add_property(self, source: Source, name: str, kind: str | None) -> Property:
        kind = kind or "rich_text"
        prop = source.add(name, _TYPES.get(kind, kind))
        if prop.type == "relation":
            prop.config = {"data_source_id": source.id, "type": "single_property"}
        configure(self._workspace, source, prop, {"format": "percent"} if kind == "percent" else {})
        self._workspace.now()
        return prop

    def rename_table(self, body: dict[str, Any]) -> None:
        source = self._source(body)
        source.title = self._workspace.databases[source.database_id].title = body["name"]
        self._workspace.now()

    def delete_table(self, body: dict[str, Any]) -> None:
        """Move a table to the trash."""
        source = self._source(body)
        source.in_trash = self._workspace.databases[source.database_id].in_trash = True
        self._workspace.now()

    def add_field(self, body: dict[str, Any]) -> Any:
        source = self._source(body)
        return {"id": self._add_property(source, body["name"], body.get("type")).id}

    def rename_field(self, body: dict[str, Any]) -> None:
        source, prop = self._property(body)
        rename(source, prop, body["name"])
        self._workspace.now()

    def move_field(self, body: dict[str, Any]) -> None:
        source, prop = self._property(body)
        order = [one for one in source.properties.values() if one is not prop]
        order.insert(int(body["to"]), prop)
        source.properties = {one.id: one for one in order}

    def delete_field(self, body: dict[str, Any]) -> None:
        source, prop = self._property(body)
        change_properties(self._workspace, source, {prop.id: None})
        self._workspace.now()

    def retype_field(self, body: dict[str, Any]) -> None:
        """Give a field another type; what fits is kept."""
        source, prop = self._property(body)
        texts = {page.id: _scalar(prop, page) for page in source.pages.values()}
        for page in source.pages.values():
            page.values.pop(prop.id, None)
        prop.type, prop.config, prop.options = _TYPES.get(body["type"], body["type"]), {}, {}
        if prop.type == "rich_text":
            for page in source.pages.values():
                if texts[page.id] is not None:
                    page.values[prop.id] = str(texts[page.id])
        configure(self._workspace, source, prop, {})
        self._workspace.now()

    # --- rows ---

    def add_row(self, body: dict[str, Any]) -> Any:
        return {"id": self._add_row(self._source(body), body.get("cells", {})).id}

    def _add_row(self, source: Source, cells: Mapping[str, Any]) -> Page:
        return self._workspace.add_page(source, self._values(source, cells), by_person=True)

    def _values(self, source: Source, cells: Mapping[str, Any]) -> dict[str, Any]:
        written = {}
        for name, value in cells.items():
            prop = source.find(name)
            if prop is None:
                raise KeyError(name)
            written[prop.id] = {prop.type: _wire(prop.type, value)}
        return accept(self._workspace, source, written)

    def edit_row(self, body: dict[str, Any]) -> None:
        source = self._source(body)
        page = source.pages[body["row"]]
        page.values.update(self._values(source, body["cells"]))
        page.edited = self._workspace.now()

    def delete_row(self, body: dict[str, Any]) -> None:
        page = self._source(body).pages[body["row"]]
        page.in_trash = True
        page.edited = self._workspace.now()

    def sort_rows(self, body: dict[str, Any]) -> None:
        """Sort what a person sees; the API's order is its own."""
        source, prop = self._property(body)

        def by_cell(page: Page) -> tuple[bool, str, Any]:
            value = _scalar(prop, page)
            return value is None, "" if isinstance(value, int | float) else str(value), value or 0

        source.pages = {page.id: page for page in sorted(source.pages.values(), key=by_cell)}
        self._workspace.now()

    def bulk_rows(self, body: dict[str, Any]) -> Any:
        """Load many rows at once.

        `rows` are cells by field name; or `count` and `cells`, where {n} in a text stands for the row's number. The
        rows get creation times in the past, `per_minute` (600) of them in each minute. Answers with the ids if `ids`.
        """
        source, spacing = self._source(body), 60.0 / body.get("per_minute", 600)
        if "rows" in body:
            loaded = [self._values(source, cells) for cells in body["rows"]]
        else:
            pattern = self._values(source, body["cells"])
            numbered = {key: text for key, text in pattern.items() if isinstance(text, str) and "{n}" in text}
            loaded = [
                pattern | {key: text.replace("{n}", str(number)) for key, text in numbered.items()}
                for number in range(body["count"])
            ]
        first = self._workspace.now() - spacing * len(loaded) - 60.0
        made = [
            self._workspace.add_page(source, values, first + place * spacing, by_person=True).id
            for place, values in enumerate(loaded)
        ]
        return {"count": len(made), "ids": made if body.get("ids") else []}

    # --- access and mishaps ---

    def _share(self, shared: bool) -> None:
        self._workspace.shared = shared

    def _validate(self, valid: bool) -> None:
        for token in self._gate.tokens:
            self._gate.tokens[token] = valid

    def answer_next(self, body: dict[str, Any]) -> None:
        """Arm an answer: `code` is the vendor's, `saved` says that the call takes effect first.

        A create that was saved and answers `service_unavailable` names its page in `committed_resource_id`.
        """
        self._gate.armed.append(msgspec.convert(body, Armed))

    def tune(self, body: dict[str, Any]) -> None:
        """Set `index_lag` (seconds), `query_cap` (rows)."""
        self._workspace.index_lag = body.get("index_lag", self._workspace.index_lag)
        self._workspace.query_cap = body.get("query_cap", self._workspace.query_cap)


def _table(source: Source) -> dict[str, Any]:
    properties = list(source.properties.values())
    return {
        "id": source.id,
        "name": source.title,
        "fields": [{"id": prop.id, "name": prop.name, "type": prop.type} for prop in properties],
        "rows": [
            {"id": page.id, "cells": {prop.name: _scalar(prop, page) for prop in properties}}
            for page in source.pages.values()
            if not page.in_trash
        ],
    }


def _scalar(prop: Property, page: Page) -> Any:
    value = page.values.get(prop.id)
    match prop.type:
        case "select" | "status":
            return prop.options[value].name if value in prop.options else None
        case "multi_select":
            return [prop.options[one].name for one in value or () if one in prop.options]
        case "relation":
            return list(value or ())
        case "checkbox":
            return bool(value)
        case "date":
            return value["start"] if isinstance(value, dict) else value
        case _:
            return value


def _wire(kind: str, value: Any) -> Any:
    """Give a scalar as a caller of the API would write it."""
    match kind:
        case "title" | "rich_text":
            text = "" if value is None else str(value)
            return [{"text": {"content": text[at : at + 1000]}} for at in range(0, len(text), 1000)]
        case "select" | "status":
            return None if value is None else {"name": value}
        case "multi_select":
            return [{"name": one} for one in value or ()]
        case "relation":
            return [{"id": one} for one in value or ()]
        case "date":
            return None if value is None else {"start": value}
        case "checkbox":
            return bool(value)
        case _:
            return value
