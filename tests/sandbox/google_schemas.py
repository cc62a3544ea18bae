"""Checks bodies against the schemas of Google's own discovery document, as shipped with google-api-python-client."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator

_WORDS = {"type", "description", "properties", "items", "enum", "additionalProperties", "$ref"}


@cache
def _document() -> dict[str, Any]:
    text = files("googleapiclient").joinpath("discovery_cache/documents/sheets.v4.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def _schema(wanted: dict[str, Any]) -> dict[str, Any]:
    """Turn a discovery schema into JSON Schema; a field that it does not name is an error."""
    if "$ref" in wanted:
        return {"$ref": f"#/$defs/{wanted['$ref']}"}
    schema = {word: value for word, value in wanted.items() if word in _WORDS and word != "description"}
    if schema.get("type") == "any":
        del schema["type"]
    if "properties" in schema:
        schema["properties"] = {name: _schema(inner) for name, inner in schema["properties"].items()}
        schema.setdefault("additionalProperties", False)
    for inner in ("items", "additionalProperties"):
        if isinstance(schema.get(inner), dict):
            schema[inner] = _schema(schema[inner])
    return schema


@cache
def _validator(name: str) -> Draft202012Validator:
    definitions = {one: _schema(schema) for one, schema in _document()["schemas"].items()}
    return Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": definitions})


class Witness:
    """Looks at every body of an emulator and keeps what does not fit its schema."""

    def __init__(self) -> None:
        self.seen: dict[str, int] = {}
        self.complaints: list[str] = []

    def __call__(self, schema: str, body: Any) -> None:
        self.seen[schema] = self.seen.get(schema, 0) + 1
        for error in _validator(schema).iter_errors(body):
            self.complaints.append(f"{schema}{error.json_path[1:]}: {error.message[:200]}")


def assert_mask_is_known(schema: str, mask: dict[str, Any]) -> None:
    """Assert that every path of a parsed field mask exists in the discovery document."""
    for name, inner in mask.items():
        properties = _document()["schemas"][schema]["properties"]
        assert name in properties, f"{schema} has no field {name}"
        found = properties[name].get("items", properties[name])
        if inner:
            assert_mask_is_known(found["$ref"], inner)
