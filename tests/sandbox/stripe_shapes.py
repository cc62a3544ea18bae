"""What stripe-python's own annotations demand of a reply: keys that must be there, and the types of plain values."""

import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal, Union, get_args, get_origin

from stripe import StripeObject

_PLAIN = (int, str, bool)


def complaints(shape: type[StripeObject], body: Mapping[str, Any], path: str = "$") -> Iterator[str]:
    """Name every required key that is missing and every plain value of a wrong type, nested objects included."""
    for name, annotation in _annotations(shape):
        if name not in body:
            if not _optional(annotation):
                yield f"{path}.{name} is missing"
        else:
            yield from _complaints_of(annotation, body[name], f"{path}.{name}")


def _complaints_of(annotation: Any, value: Any, path: str) -> Iterator[str]:
    if value is None:
        if not _optional(annotation):
            yield f"{path} is null"
        return
    options = [option for option in _options(annotation) if option is not type(None)]
    if len(options) != 1:
        return
    (option,) = options
    if option in _PLAIN:
        if not isinstance(value, option) or (option is int and isinstance(value, bool)):
            yield f"{path} is not {option.__name__}: {value!r}"
    elif get_origin(option) is Literal:
        if value not in get_args(option):
            yield f"{path} is not one of {get_args(option)}: {value!r}"
    elif get_origin(option) is list:
        for place, one in enumerate(value):
            yield from _complaints_of(get_args(option)[0], one, f"{path}[{place}]")
    elif isinstance(option, type) and issubclass(option, StripeObject) and isinstance(value, Mapping):
        yield from complaints(option, value, path)


def _annotations(shape: type[StripeObject]) -> Iterator[tuple[str, Any]]:
    for name, annotation in vars(shape).get("__annotations__", {}).items():
        if not name.startswith("_") and get_origin(annotation) is not ClassVar:
            yield name, annotation


def _options(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)


def _optional(annotation: Any) -> bool:
    return type(None) in _options(annotation) or annotation is typing.Any
