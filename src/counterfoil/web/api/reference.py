"""Makes the page of the API out of its own description: operations by noun, what each takes and what it answers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import jinja2

from counterfoil.web import static_files

_DEEPEST: Final = 3  # levels of fields that are shown
_environment: Final = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """One field or parameter as the page shows it."""

    name: str
    type: str
    about: str
    required: bool = True


@dataclass(frozen=True, slots=True)
class Shown:
    """One operation as the page shows it."""

    id: str
    method: str
    path: str
    summary: str
    about: str
    scope: str
    parameters: Sequence[Line]
    takes: Sequence[Line]
    gives: Sequence[Line]
    status: str


def render(description: Schema) -> str:
    """Give the page. The description is ours, so every reference in it leads somewhere."""
    by_tag: dict[str, list[Shown]] = {}
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            shown = _shown(method, path, operation, description["components"]["schemas"])
            by_tag.setdefault(operation["tags"][0], []).append(shown)
    problem = list(_lines(description["components"]["schemas"]["Problem"], description["components"]["schemas"]))
    lines = [line.strip() for line in description["info"]["description"].strip().splitlines()]
    return _environment.get_template("reference.html").render(
        title=description["info"]["title"],
        version=description["info"]["version"],
        base=description["servers"][0]["url"],
        intro=[line for line in lines if line and not line.startswith("*")],
        promises=[line.removeprefix("* ") for line in lines if line.startswith("*")],
        tags=by_tag,
        problem=problem,
        stylesheet=static_files.address("app.css"),
    )


def _shown(method: str, path: str, operation: Schema, schemas: Schema) -> Shown:
    status, answer = next((code, told) for code, told in operation["responses"].items() if code.startswith("2"))
    summary, _, _ = operation.get("description", "").partition("\n")
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    given = answer.get("content", {}).get("application/json", {}).get("schema")
    return Shown(
        id=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=summary,
        about=operation["summary"],
        scope=operation.get("x-scope", ""),
        parameters=[_parameter(one, schemas) for one in operation.get("parameters", ())],
        takes=list(_lines(body, schemas)) if body else [],
        gives=list(_lines(given, schemas)) if given else [],
        status=status,
    )


def _parameter(parameter: Schema, schemas: Schema) -> Line:
    schema = parameter["schema"]
    return Line(
        parameter["name"],
        _type(schema, schemas),
        parameter.get("description") or schema.get("description", ""),
        parameter.get("required", False),
    )


def _lines(schema: Schema, schemas: Schema, prefix: str = "", depth: int = 0) -> Iterator[Line]:
    """Give the fields of an object, those of the objects in it below them as `outer.inner`."""
    whole = _resolved(schema, schemas)
    required = whole.get("required", ())
    for name, inner in whole.get("properties", {}).items():
        yield Line(f"{prefix}{name}", _type(inner, schemas), inner.get("description", ""), name in required)
        core = _core(inner, schemas)
        if "properties" in core and depth + 1 < _DEEPEST:
            yield from _lines(core, schemas, f"{prefix}{name}.", depth + 1)


def _core(schema: Schema, schemas: Schema) -> Schema:
    """Follow a schema through references, lists and the null beside it to the object that it speaks of."""
    whole = _resolved(schema, schemas)
    if "items" in whole:
        return _core(whole["items"], schemas)
    return whole


def _resolved(schema: Schema, schemas: Schema) -> Schema:
    if "$ref" in schema:
        found: Schema = schemas[schema["$ref"].rpartition("/")[2]]
        return _resolved(found, schemas)
    choices = [choice for choice in schema.get("anyOf", ()) if choice.get("type") != "null"]
    return _resolved(choices[0], schemas) if len(choices) == 1 else schema


def _type(schema: Schema, schemas: Schema) -> str:
    null = " or null" if any(choice.get("type") == "null" for choice in schema.get("anyOf", ())) else ""
    whole = _resolved(schema, schemas)
    if "enum" in whole:
        return " · ".join(map(str, whole["enum"])) + null
    if "const" in whole:
        return f"{whole['const']}{null}"
    if "items" in whole:
        return f"list of {_type(whole['items'], schemas)}{null}"
    return f"{whole.get('format') or whole.get('type', 'any')}{null}"
