"""Judges what was exchanged with the Coda emulator by the vendor's OpenAPI description."""

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

_PREFIX = "/apis/v1"
_REF = "#/components/schemas/"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call and its answer."""

    method: str
    path: str
    query: tuple[str, ...]  # names
    sent: bytes
    status: int
    got: bytes


@cache
def _description() -> Mapping[str, Any] | None:
    """Read the description from the folder that COUNTERFOIL_CONTRACTS names; none where it is not set."""
    folder = os.environ.get("COUNTERFOIL_CONTRACTS")
    return json.loads((Path(folder) / "coda-openapi.json").read_text()) if folder else None


def at_hand() -> bool:
    """Say whether there is a description to judge by."""
    return _description() is not None


def faults(exchanges: Iterable[Exchange]) -> list[str]:
    """Give what does not agree with the description, a line each."""
    assert _description() is not None
    return [fault for exchange in exchanges for fault in _faults(exchange)]


def _faults(exchange: Exchange) -> list[str]:
    where = f"{exchange.method} {exchange.path} ({exchange.status})"
    operation = _operation(exchange.method, exchange.path.removeprefix(_PREFIX))
    if operation is None:
        return [] if exchange.status in (404, 405) else [f"{where}: not described"]
    asked = {_resolved(one)["name"] for one in operation.get("parameters", ())}
    found = [f"{where}: no parameter {name} is described" for name in exchange.query if name not in asked]
    if exchange.sent and exchange.status < 400:
        body = operation["requestBody"]["content"]["application/json"]["schema"]
        found += [f"{where}: sent {problem}" for problem in _problems(body, exchange.sent)]
    answer = operation["responses"].get(str(exchange.status))
    if answer is None:
        # The description leaves out what every web server may say.
        return found if exchange.status in (410, 413) else [*found, f"{where}: the status is not described"]
    body = _resolved(answer)["content"]["application/json"]["schema"]
    return [*found, *(f"{where}: got {problem}" for problem in _problems(body, exchange.got))]


def _operation(method: str, path: str) -> Mapping[str, Any] | None:
    description = _description()
    assert description is not None
    for template, operations in description["paths"].items():
        pattern = re.sub(r"\{[^}]+\}", "[^/]+", template)
        if re.fullmatch(pattern, path) and method.lower() in operations:
            return {**operations[method.lower()], "parameters": _parameters(operations, method)}
    return None


def _parameters(operations: Mapping[str, Any], method: str) -> list[Any]:
    return [*operations.get("parameters", ()), *operations[method.lower()].get("parameters", ())]


def _resolved(schema: Any) -> Any:
    description: Any = _description()
    while "$ref" in schema:
        found = description
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        schema = found
    return schema


def _problems(schema: Any, body: bytes) -> list[str]:
    root = {**_strict(schema), "components": {"schemas": _schemas()}}
    errors = Draft202012Validator(root).iter_errors(json.loads(body))
    return [f"{'/'.join(map(str, error.absolute_path))}: {error.message[:200]}" for error in errors]


@cache
def _schemas() -> Mapping[str, Any]:
    description = _description()
    assert description is not None
    return {name: _strict(schema) for name, schema in description["components"]["schemas"].items()}


def _strict(schema: Any) -> Any:
    """Make JSON Schema of the description's dialect, as strict as it means to be.

    Its `allOf` joins closed objects, of which taken literally each forbids the other's properties: they are merged. Its
    `oneOf` has members that overlap, told apart by a discriminator. One object requires a property it does not have.
    """
    if isinstance(schema, list):
        return [_strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: _strict(value) for name, value in schema.items() if name not in ("discriminator", "example")}
    if "oneOf" in made:
        made["anyOf"] = made.pop("oneOf")
    if "allOf" in made:
        parts = [_strict(_resolved(part)) for part in schema["allOf"]]
        if any("properties" in part for part in parts):
            made = _merged(parts)
    if made.get("additionalProperties") is False and "required" in made and "properties" in made:
        made["required"] = [name for name in made["required"] if name in made["properties"]]
    return made


def _merged(parts: list[Any]) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for part in parts:
        properties |= part.get("properties", {})
    required = sorted({name for part in parts for name in part.get("required", ())})
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
