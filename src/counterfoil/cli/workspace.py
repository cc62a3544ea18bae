"""Commands for the workspace itself: its name and display, its audit log, and the end of all of it."""

from typing import Annotated, Any

import typer

from counterfoil.cli.nouns import Limit, act, group, show_list, show_one
from counterfoil.cli.remote import Client, asking, remote, server
from counterfoil.cli.show import AsJson, print_card


def show(as_json: AsJson = False) -> None:
    """Show name and display."""
    show_one("/workspace", as_json)


def change(
    name: Annotated[str | None, typer.Option(help="What it is called.")] = None,
    currency: Annotated[str | None, typer.Option(help="Shown first, such as EUR; empty for most accounts'.")] = None,
    amounts: Annotated[str | None, typer.Option(help="symbol or code.")] = None,
    digits: Annotated[str | None, typer.Option(help="point, comma, space or quote.")] = None,
    as_json: AsJson = False,
) -> None:
    """Change the name, or how amounts are shown."""
    given = {"name": name, "currency": currency, "amounts": amounts, "digits": digits}
    order: dict[str, Any] = {key: value or None for key, value in given.items() if value is not None}
    act("/workspace", as_json, order, method="PATCH")


def list_audit(
    limit: Limit = 50,
    act: Annotated[str | None, typer.Option(help="Only this act, such as connection.removed.")] = None,
    by: Annotated[str | None, typer.Option(help="Only what this person did: an e-mail address.")] = None,
    as_json: AsJson = False,
) -> None:
    """List what was done, newest first."""
    show_list("/audit", ("at", "act", "subject", "by", "address"), limit, as_json, act=act, by=by)


@remote
def delete_everything(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False, as_json: AsJson = False
) -> None:
    """Delete the workspace with all that is stored of it: says what goes and what stays, and asks once."""

    async def run(client: Client) -> dict[str, Any] | None:
        told = await client.ask("GET", "/workspace/deletion")
        for line in told["in_words"]:
            typer.echo(line, err=True)
        if not yes:
            typed = typer.prompt(f"Type the name of the workspace ({told['name']}) to delete it", err=True, default="")
            if not typed:
                return None
            told["name"] = typed
        order, wait = {"name": told["name"]}, 600 if server() is None else 50
        return await client.ask("POST", "/workspace/deletion", params={"wait": wait}, body=order)

    stands = asking(run, worker=None)
    if stands is None:
        typer.echo("Nothing was done.", err=True)
        raise typer.Exit(1)
    if as_json:
        print_card(stands, as_json, {})
        return
    typer.echo("Everything was deleted." if stands["finished_at"] else "It is being deleted, and goes on by itself.")
    for line in stands["remains"]:
        typer.echo(f"Left for you: {line}")


workspace = group("The workspace: its name, and how it shows amounts.", list=show, set_=change)
audit = group("What was done in the workspace, by whom.", list=list_audit)
