"""What the commands of one noun share: a group that lists when nothing else is asked, and the ways to ask the API."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from counterfoil.cli.remote import asking, remote
from counterfoil.cli.show import print_card, print_lines

Limit = Annotated[int, typer.Option(help="How many at most.")]
Id = Annotated[str, typer.Argument(help="Its id, from the list.", show_default=False)]


class _ListsByDefault(TyperGroup):
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        named = args and (not args[0].startswith("-") or args[0] == "--help")
        return super().parse_args(ctx, args if named else ["list", *args])


def group(about: str, **commands: Callable[..., None]) -> typer.Typer:
    """Make a noun's group of commands, each with the options that name a server; without a command it lists."""
    made = typer.Typer(help=about, cls=_ListsByDefault, rich_markup_mode=None)
    for name, command in commands.items():
        made.command(name.rstrip("_").replace("_", "-"))(remote(command))
    return made


def show_list(path: str, names: Sequence[str], limit: int, as_json: bool, **params: Any) -> None:
    """Ask for a list and print it."""
    print_lines(asking(lambda client: client.listed(path, limit, **params)), as_json, names)


def show_one(path: str, as_json: bool, **parts: Sequence[str]) -> None:
    """Ask for one thing and print it; `parts` are its lists with the columns to show."""
    print_card(asking(lambda client: client.ask("GET", path)), as_json, parts)


def act(path: str, as_json: bool, body: Mapping[str, Any] | None = None, *, method: str = "POST") -> None:
    """Have something done and print what came of it."""
    told = asking(lambda client: client.ask(method, path, body=body))
    if told or as_json:
        print_card(told, as_json, {})
    else:
        typer.echo("Done.")
