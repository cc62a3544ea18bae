"""Asks a person for the settings of a connector, as its model describes them; scripts bring a JSON file."""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer

from counterfoil.errors import BadRequest


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object from a file, or from standard input for `-`. Raises `BadRequest`."""
    try:
        found = json.loads(sys.stdin.read() if str(path) == "-" else path.read_text())
    except (OSError, ValueError) as error:
        raise BadRequest(f"{path} cannot be read as JSON.", remedy="Check the file's path and content.") from error
    if not isinstance(found, dict):
        raise BadRequest(f"{path} does not hold a JSON object.", remedy="Write it as {…}.")
    return found


def read_settings(shape: Mapping[str, Any], json_file: Path | None) -> dict[str, Any]:
    """Give settings that fit a JSON Schema: from the file, else asked for one by one, secrets without echo.

    What is optional may be left empty. An answer that begins with @ names a file that holds the value.
    """
    if json_file is not None:
        return read_json(json_file)
    return dict(_asked(shape))


def _asked(shape: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    required = set(shape.get("required", ()))
    for name, told in shape.get("properties", {}).items():
        kinds = [told, *told.get("anyOf", ())]
        is_secret = any(kind.get("format") == "password" for kind in kinds)
        typer.echo(f"\n{told.get('title', name)}: {told.get('description', '')}".rstrip(": "), err=True)
        is_needed = name in required
        answer = typer.prompt(
            f"  {name}" + ("" if is_needed else " (may stay empty)"),
            default=None if is_needed else "",
            show_default=False,
            hide_input=is_secret,
            err=True,
        )
        if answer:
            yield name, _content(answer)


def _content(answer: str) -> str:
    if not answer.startswith("@"):
        return answer
    try:
        return Path(answer[1:]).expanduser().read_text()
    except OSError as error:
        raise BadRequest(f"{answer[1:]} cannot be read.", remedy="Check the path behind the @.") from error
