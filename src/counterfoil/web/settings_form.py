"""The form of a connector's settings, made from its model: what to ask for, and what was typed."""

import enum
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from counterfoil.errors import BadRequest

_BY_SIGNING_IN: Final = frozenset({"refresh_token", "expires_at", "signed_in_as"})  # nobody types these


@dataclass(frozen=True, slots=True)
class Field:
    """One thing to ask for."""

    name: str
    label: str
    hint: str | None
    type: str  # text | password | textarea | select
    required: bool
    value: str
    options: Sequence[tuple[str, str]] = ()


def fields_of(
    model: type[BaseModel], typed: Mapping[str, str] | None = None, only: Sequence[str] | None = None
) -> list[Field]:
    """Give what to ask for, all or some of it, with what was typed before; a secret is never sent back."""
    return [
        _field(name, info, (typed or {}).get(name))
        for name, info in model.model_fields.items()
        if name not in _BY_SIGNING_IN and (only is None or name in only)
    ]


def read(model: type[BaseModel], typed: Mapping[str, str]) -> BaseModel:
    """Make settings of what was typed; what was left empty keeps its default. Raises `BadRequest`."""
    asked = {field.name for field in fields_of(model)}
    given = {name: value.strip() for name, value in typed.items() if name in asked and value.strip()}
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise said(model, error) from None


def read_some(typed: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    """Give what was typed of some fields; what was left empty keeps its default."""
    return {name: typed[name].strip() for name in names if typed.get(name, "").strip()}


def said(model: type[BaseModel], error: ValidationError) -> BadRequest:
    """Say in words which field cannot be used, without quoting it."""
    first = error.errors(include_input=False, include_url=False)[0]
    name = str(first["loc"][0]) if first["loc"] else ""
    label = model.model_fields[name].title or name if name in model.model_fields else ""
    if first["type"] == "missing":
        return BadRequest(f"{label} is missing.", remedy="Fill it in as the steps say.")
    why = first["msg"].removeprefix("Value error, ")
    message = f"{label}: {why}" if label else why
    return BadRequest(message.rstrip(".") + ".", remedy="Copy it again, all of it, then try once more.")


def _field(name: str, info: FieldInfo, typed: str | None) -> Field:
    kinds = _kinds(info.annotation)
    options: list[tuple[str, str]] = []
    kind = "text"
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    choice = next((one for one in kinds if isinstance(one, type) and issubclass(one, enum.Enum)), None)
    if "JSON" in (info.description or ""):
        kind = "textarea"
    elif SecretStr in kinds or extra.get("format") == "password":
        kind = "password"
    elif choice is not None:
        kind, options = "select", [(str(one.value), str(one.value).capitalize()) for one in choice]
    default = info.default.value if isinstance(info.default, enum.Enum) else info.default
    shown = typed if typed is not None and kind not in ("password", "textarea") else ""
    if not shown and isinstance(default, str):
        shown = default
    return Field(name, info.title or name, info.description, kind, info.is_required(), shown, options)


def _kinds(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
