"""Field masks: `sheets(properties(sheetId,title),data.rowData)` parsed, and applied to JSON."""

import re
from functools import lru_cache
from typing import Any, Final

from counterfoil.destinations.google_sheets.sandbox.errors import invalid

Mask = dict[str, "Mask"]  # an empty one takes everything below it
EVERYTHING: Final[Mask] = {}
_TOKENS: Final = re.compile(r"[A-Za-z0-9_*]+|[(),./]")


@lru_cache(maxsize=256)
def parse(text: str) -> Mask:
    """Parse a mask, never to be changed; none of its paths is checked. Raises a 400 where it is malformed."""
    tokens = _TOKENS.findall(text)
    if "".join(tokens) != re.sub(r"\s", "", text):
        raise invalid(f"Request contains an invalid argument: field mask {text!r}.")
    mask: Mask = {}
    end = _parse_list(tokens, 0, mask)
    if end != len(tokens) or not mask:
        raise invalid(f"Request contains an invalid argument: field mask {text!r}.")
    return EVERYTHING if "*" in mask else mask


def _parse_list(tokens: list[str], at: int, into: Mask) -> int:
    while True:
        at = _parse_path(tokens, at, into)
        if at < len(tokens) and tokens[at] == ",":
            at += 1
            continue
        return at


def _parse_path(tokens: list[str], at: int, into: Mask) -> int:
    while at < len(tokens) and re.fullmatch(r"[A-Za-z0-9_*]+", tokens[at]):
        into = into.setdefault(tokens[at], {})
        at += 1
        if at < len(tokens) and tokens[at] in "./":
            at += 1
            continue
        if at < len(tokens) and tokens[at] == "(":
            at = _parse_list(tokens, at + 1, into)
            if at >= len(tokens) or tokens[at] != ")":
                raise invalid("Request contains an invalid argument: an unclosed bracket in the field mask.")
            at += 1
        return at
    raise invalid("Request contains an invalid argument: an empty path in the field mask.")


def below(mask: Mask, name: str) -> Mask | None:
    """Give what a mask selects below a field; None where it leaves the field out."""
    if not mask:
        return EVERYTHING
    return mask.get(name, mask.get("*"))


def apply(mask: Mask, value: Any) -> Any:
    """Give the part of a JSON value that the mask selects."""
    if not mask:
        return value
    if isinstance(value, list):
        return [apply(mask, element) for element in value]
    if not isinstance(value, dict):
        return value
    selected = {}
    for name, inner in value.items():
        deeper = below(mask, name)
        if deeper is not None:
            selected[name] = apply(deeper, inner)
    return selected


def merge(mask: Mask, target: dict[str, Any], source: dict[str, Any]) -> dict[str, Any]:
    """Give `target` with the masked fields taken from `source`; a field that the source lacks is cleared."""
    if not mask:
        return dict(source)
    merged = dict(target)
    for name, inner in mask.items():
        if name not in source:
            merged.pop(name, None)
        elif inner and isinstance(source[name], dict):
            merged[name] = merge(inner, merged.get(name) or {}, source[name])
        else:
            merged[name] = source[name]
    return merged
