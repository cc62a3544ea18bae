"""What commands print: tables and cards for people, JSON for scripts."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import typer

_WIDE: Final = 200  # columns where nobody looks at a terminal

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


def print_lines(lines: Sequence[Mapping[str, Any]], as_json: bool, names: Sequence[str]) -> None:
    """Print one line each, as a table of the named columns or as JSON with all there is."""
    if as_json:
        typer.echo(json.dumps(lines, default=str))
        return
    from rich.console import Console
    from rich.table import Table

    if not lines:
        typer.echo("There are none yet.")
        return
    table = Table(box=None, header_style="bold")
    for name in names:
        # An id is copied: it stays in one piece.
        table.add_column(name.replace("_", " ").capitalize(), overflow="fold", no_wrap=name == names[0])
    for line in lines:
        table.add_row(*(_text(name, line.get(name)) for name in names))
    console = Console()
    Console(width=None if console.is_terminal else _WIDE).print(table)


def print_card(card: Mapping[str, Any], as_json: bool, parts: Mapping[str, Sequence[str]]) -> None:
    """Print one thing: its values line by line, then each of its lists as a table of the named columns."""
    if as_json:
        typer.echo(json.dumps(card, default=str))
        return
    plain = {name: value for name, value in card.items() if name not in parts and value not in (None, [], {})}
    width = max(map(len, plain), default=0)
    for name, value in plain.items():
        typer.echo(f"{name.replace('_', ' ').capitalize():{width}}  {_text(name, value)}")
    for name, columns in parts.items():
        if card.get(name):
            typer.echo(f"\n{name.capitalize()}:")
            print_lines(card[name], as_json, columns)


def _text(name: str, value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case str() if name.endswith("_at") or name == "ts":
            return value[:19].replace("T", " ")
        case {"message": message, "remedy": remedy}:
            return f"{message} {remedy or ''}".strip()
        case {"message": message}:
            return str(message)
        case dict():
            return json.dumps(value, default=str)
        case list():
            return ", ".join(_text(name, one) for one in value)
    return str(value)
