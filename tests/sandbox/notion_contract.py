"""Notion's published descriptions as a judge of bodies: one OpenAPI 3.1 file per operation."""

import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import yaml
from jsonschema import Draft202012Validator, FormatChecker

_FORMATS = FormatChecker(formats=["uuid"])  # its dates are declared as days, although times are documented


# Judging every reply takes seconds and tells no more.
_RESULTS = 5  # of one list
_REPLIES = 8  # of one operation; its requests are judged all


@dataclass(frozen=True)
class Exchange:
    """One call as it went over the wire."""

    method: str
    path: str
    sent: bytes
    status: int
    received: bytes


@dataclass(frozen=True)
class Operation:
    """One described call."""

    method: str
    path: re.Pattern[str]
    request: Draft202012Validator | None
    reply: Draft202012Validator | None

    def faults(self, exchange: Exchange, *, reply_too: bool) -> Iterator[str]:
        """Give what is wrong with an exchange of this operation."""
        # What is refused is not always well-formed.
        if self.request is not None and exchange.status < 400:
            yield from _faults(self.request, exchange.sent, f"{exchange.method} {exchange.path}")
        if self.reply is not None and exchange.status == 200 and reply_too:
            yield from _faults(self.reply, exchange.received, f"reply to {exchange.method} {exchange.path}")


def _faults(validator: Draft202012Validator, body: bytes, where: str) -> Iterator[str]:
    shown = json.loads(body) if body else {}
    if "results" in shown:
        shown["results"] = shown["results"][:_RESULTS]
    for error in validator.iter_errors(shown):
        yield f"{where}: {error.json_path}: {error.message[:300]}"


@cache
def operations() -> tuple[Operation, ...]:
    """Read the descriptions from the folder that COUNTERFOIL_CONTRACTS names; none where it is not set."""
    folder = os.environ.get("COUNTERFOIL_CONTRACTS")
    if not folder:
        return ()
    return tuple(operation for file in sorted(Path(folder, "notion").glob("*.yaml")) for operation in _read(file))


def _read(file: Path) -> Iterator[Operation]:
    described = yaml.load(file.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    schemas = described["components"]["schemas"]
    definitions = {name: _closed(schema) for name, schema in schemas.items()}
    definitions |= {f"{name}-open": _open(schema) for name, schema in schemas.items()}
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            request = operation.get("requestBody")
            yield Operation(
                method.upper(),
                re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path)),
                _validator(request, definitions) if request else None,
                _validator(operation["responses"]["200"], definitions),
            )


def _validator(holder: Mapping[str, Any], definitions: Mapping[str, Any]) -> Draft202012Validator:
    schema = _closed(holder["content"]["application/json"]["schema"])
    return Draft202012Validator({**schema, "$defs": definitions}, format_checker=_FORMATS)


def _closed(schema: Any) -> Any:
    """Let a schema mean what it says.

    The descriptions forbid other properties in each part of an `allOf`, so that no body at all would fit all parts.
    What is meant is that no part allows them: the parts are opened and the whole is closed.
    """
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _reference(value) if key == "$ref" else _closed(value) for key, value in schema.items()}
    if "allOf" in schema:
        made["allOf"] = [_open(part) for part in schema["allOf"]]
        made["unevaluatedProperties"] = False
    return made


def _open(schema: Any) -> Any:
    """Give the schema of a part of a whole, which leaves other properties to the other parts."""
    made = dict(_closed(schema))
    if made.get("additionalProperties") is False:
        del made["additionalProperties"]
    made.pop("unevaluatedProperties", None)
    if "$ref" in made:
        made["$ref"] += "-open"
    for junction in ("oneOf", "anyOf", "allOf"):
        if junction in schema:
            made[junction] = [_open(part) for part in schema[junction]]
    return made


def _reference(target: str) -> str:
    return target.replace("#/components/schemas/", "#/$defs/")


def faults(exchanges: list[Exchange]) -> list[str]:
    """Judge exchanges: give everything that is wrong with them."""
    replies: Counter[tuple[str, str]] = Counter()
    found: list[str] = []
    for exchange in exchanges:
        for operation in _described(exchange):
            named = (operation.method, operation.path.pattern)
            replies[named] += 1
            found += operation.faults(exchange, reply_too=replies[named] <= _REPLIES)
    return found


def described(exchanges: list[Exchange]) -> int:
    """Count the exchanges that have a description."""
    return sum(1 for exchange in exchanges for _ in _described(exchange))


def _described(exchange: Exchange) -> Iterator[Operation]:
    for operation in operations():
        if operation.method == exchange.method and operation.path.fullmatch(unquote(exchange.path)):
            yield operation
