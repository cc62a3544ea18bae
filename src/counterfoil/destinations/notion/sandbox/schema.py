"""Properties of a data source in the Notion emulator: made, renamed, retyped, removed and shown."""

import json
from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Final

from counterfoil.destinations.notion.sandbox.state import (
    COLORS,
    Option,
    Property,
    Source,
    Workspace,
    invalid,
    new_id,
)
from counterfoil.destinations.notion.sandbox.values import CREATABLE
from counterfoil.sandbox.kit import Refusal

SCHEMA_LIMIT: Final = 50_000  # bytes, about
FORMATS: Final = frozenset(
    """number number_with_commas percent dollar australian_dollar canadian_dollar singapore_dollar euro pound yen ruble
    rupee won yuan real lira rupiah franc hong_kong_dollar new_zealand_dollar krona norwegian_krone mexican_peso rand
    new_taiwan_dollar danish_krone zloty baht forint koruna shekel chilean_peso philippine_peso dirham colombian_peso
    riyal ringgit leu argentine_peso uruguayan_peso peruvian_sol""".split()
)
_DUAL: Final = "dual_property"


def change_properties(workspace: Workspace, source: Source, wanted: Any) -> None:
    """Apply the `properties` of a data source request: None removes, an existing key changes, a new one adds.

    All of it or, where one part is refused, nothing.
    """
    if not isinstance(wanted, Mapping):
        invalid("body failed validation: body.properties should be an object.")
    before = deepcopy(source.properties)
    try:
        _apply(workspace, source, wanted)
    except Refusal:
        source.properties = before
        raise
    for page in source.pages.values():
        for gone in page.values.keys() - source.properties.keys():
            del page.values[gone]


def _apply(workspace: Workspace, source: Source, wanted: Mapping[str, Any]) -> None:
    for key, wire in wanted.items():
        prop = source.find(key)
        if wire is None:
            _remove(source, prop, key)
        elif not isinstance(wire, Mapping):
            invalid(f"body failed validation: body.properties.{key} should be an object or `null`.")
        elif prop is None:
            _add(workspace, source, key, wire)
        else:
            _change(workspace, source, prop, wire)
    size = len(json.dumps([show_property(workspace, one) for one in source.properties.values()]))
    if size > SCHEMA_LIMIT:
        invalid(f"The schema would have {size} bytes, which exceeds the maximum of {SCHEMA_LIMIT}.")


def _remove(source: Source, prop: Property | None, key: str) -> None:
    if prop is None:
        invalid(f"{key} is not a property that exists.")
    if prop.type == "title":
        invalid("Cannot delete the title property.")
    del source.properties[prop.id]


def _add(workspace: Workspace, source: Source, name: str, wire: Mapping[str, Any]) -> Property:
    kind = _kind(name, wire)
    if kind not in CREATABLE:
        invalid(f"body failed validation: body.properties.{name}.{kind} cannot be created through the API.")
    if kind == "title" and any(one.type == "title" for one in source.properties.values()):
        invalid("Cannot create a second title property.")
    prop = source.add(str(wire.get("name", name)), kind)
    configure(workspace, source, prop, wire[kind])
    return prop


def _kind(key: str, wire: Mapping[str, Any]) -> str:
    kinds = [kind for kind in wire if kind not in ("name", "description", "type", "id")]
    if len(kinds) != 1:
        invalid(f"body failed validation: body.properties.{key} should have exactly one type.")
    return kinds[0]


def _change(workspace: Workspace, source: Source, prop: Property, wire: Mapping[str, Any]) -> None:
    if "name" in wire:
        rename(source, prop, str(wire["name"]))
    if not set(wire) - {"name", "description", "type", "id"}:
        return
    kind = _kind(prop.name, wire)
    if "title" in (kind, prop.type) and kind != prop.type:
        invalid("The type of the title property is fixed.")
    if kind != prop.type:
        if kind not in CREATABLE:
            invalid(f"body failed validation: a property cannot become {kind}.")
        for page in source.pages.values():
            page.values.pop(prop.id, None)
        prop.type, prop.config, prop.options = kind, {}, {}
    configure(workspace, source, prop, wire[kind])


def rename(source: Source, prop: Property, name: str) -> None:
    """Give a property another name, which no other may have."""
    if any(one.name == name and one is not prop for one in source.properties.values()):
        invalid(f"Cannot rename {prop.name}: a property of that name exists already.")
    prop.name = name


def configure(workspace: Workspace, source: Source, prop: Property, wire: Any) -> None:
    """Set what a type needs: a number's format, a select's options, a relation's target."""
    wire = wire if isinstance(wire, Mapping) else {}
    if prop.type == "number":
        prop.config["format"] = wire.get("format", prop.config.get("format", "number"))
        if prop.config["format"] not in FORMATS:
            invalid(f"body failed validation: {prop.name}.number.format is not a known format.")
    elif prop.type in ("select", "multi_select") and "options" in wire:
        _replace_options(prop, wire["options"])
    elif prop.type == "relation" and wire:
        _relate(workspace, source, prop, wire)
    elif prop.type in ("formula", "rollup"):
        prop.config.update(wire)


def _replace_options(prop: Property, wire: Any) -> None:
    # A list of options is the whole list: what it leaves out is removed, from the rows too.
    if not isinstance(wire, list) or len(wire) > 100:
        invalid(f"body failed validation: {prop.name}.options should be an array of at most 100.")
    by_name = {option.name: option for option in prop.options.values()}
    kept: dict[str, Option] = {}
    for one in wire:
        name = one.get("name")
        known = prop.options.get(one.get("id", "")) or by_name.get(name)
        if known is None:
            if not name or "," in name or len(name) > 100:
                invalid(f"Invalid select option, commas not allowed: {name}")
            known = Option(new_id(), name, one.get("color") or COLORS[len(kept) % len(COLORS)])
        kept[known.id] = known
    prop.options = kept


def _relate(workspace: Workspace, source: Source, prop: Property, wire: Mapping[str, Any]) -> None:
    target = workspace.source(str(wire.get("data_source_id", "")))
    kind = wire.get("type") or (_DUAL if _DUAL in wire else "single_property")
    prop.config = {"data_source_id": target.id, "type": kind}
    if kind == _DUAL:
        name = (wire.get(_DUAL) or {}).get("synced_property_name") or f"Related to {source.title}"
        back = target.add(name, "relation")
        back.config = {"data_source_id": source.id, "type": _DUAL, "synced": prop.id}
        prop.config["synced"] = back.id


def show_property(workspace: Workspace, prop: Property) -> dict[str, Any]:
    """Give a property as it stands in a data source object."""
    return {
        "id": prop.id,
        "name": prop.name,
        "description": None,
        "type": prop.type,
        prop.type: _show_config(workspace, prop),
    }


def _show_config(workspace: Workspace, prop: Property) -> dict[str, Any]:
    match prop.type:
        case "number":
            return {"format": prop.config.get("format", "number")}
        case "select" | "multi_select":
            return {"options": _show_options(prop)}
        case "status":
            return {"options": _show_options(prop), "groups": []}
        case "relation":
            return _show_relation(workspace, prop)
        case "formula":
            return {"expression": prop.config.get("expression", "")}
        case "unique_id":
            return {"prefix": None}
        case "rollup":
            names = ("rollup_property_name", "relation_property_name", "rollup_property_id", "relation_property_id")
            return {"function": prop.config.get("function", "count")} | {
                name: prop.config.get(name, "") for name in names
            }
        case _:
            return {}


def _show_options(prop: Property) -> list[dict[str, Any]]:
    return [{"id": one.id, "name": one.name, "color": one.color, "description": None} for one in prop.options.values()]


def _show_relation(workspace: Workspace, prop: Property) -> dict[str, Any]:
    target = workspace.sources[prop.config["data_source_id"]]
    shown = {"database_id": target.database_id, "data_source_id": target.id, "type": prop.config["type"]}
    if prop.config["type"] != _DUAL:
        return shown | {"single_property": {}}
    back = target.properties.get(prop.config["synced"])
    synced = {"synced_property_id": prop.config["synced"], "synced_property_name": back.name if back else ""}
    return shown | {_DUAL: synced}
