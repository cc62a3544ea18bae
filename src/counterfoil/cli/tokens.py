"""Commands for API tokens: make one, list them, revoke one."""

from typing import Annotated

import typer

from counterfoil.cli.nouns import Id, Limit, act, group, show_list
from counterfoil.cli.remote import asking
from counterfoil.cli.show import AsJson, print_card


def create(
    name: Annotated[str, typer.Argument(help="What it is for.", show_default=False)],
    scope: Annotated[str, typer.Option(help="read, sync, write or admin: each holds those before it.")] = "read",
    days: Annotated[int | None, typer.Option(help="Days until it expires; never without it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a token for the API; it is shown once."""
    order = {"name": name, "scope": scope, "days": days}
    made = asking(lambda client: client.ask("POST", "/tokens", body=order))
    if as_json:
        print_card(made, as_json, {})
    else:
        typer.echo(made["token"])
        typer.echo("Keep it now: it is not shown again.", err=True)


def list_tokens(limit: Limit = 100, as_json: AsJson = False) -> None:
    """List the tokens, oldest first."""
    show_list("/tokens", ("id", "name", "scope", "created_at", "expires_at", "used_at"), limit, as_json)


def revoke(token_id: Id, as_json: AsJson = False) -> None:
    """Revoke a token: from now on it opens nothing."""
    act(f"/tokens/{token_id}", as_json, method="DELETE")


tokens = group("Tokens for the API.", create=create, list=list_tokens, revoke=revoke)
