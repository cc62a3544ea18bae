"""Commands that authorise a destination on the app's own page, for a new one or in place of a lost credential."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final

import typer

from counterfoil.cli.nouns import Id
from counterfoil.cli.remote import Client, asking
from counterfoil.cli.show import AsJson, print_card
from counterfoil.errors import BadRequest

LOOK: Final = 1.0  # seconds between two looks at a consent
_WAITS: Final = ("open", "taken")


def authorise(
    kind: Annotated[str, typer.Argument(help="notion, airtable or google_sheets.", show_default=False)],
    place: Annotated[
        str | None, typer.Option(help="The page, base or spreadsheet: its id; else you are asked.")
    ] = None,
    tables: Annotated[
        list[str] | None, typer.Option("--table", help="Only this table of ours; may be repeated.")
    ] = None,
    start: Annotated[bool, typer.Option(help="Sync at once; --no-start lets you map it first.")] = True,
    as_json: AsJson = False,
) -> None:
    """Add a destination by signing in on the app's own page; no key has to be copied."""

    async def run(client: Client) -> dict[str, Any]:
        begun = await client.ask("POST", "/consents", body={"kind": kind})
        consent = await _until_answered(client, begun)
        if consent["destination_id"] is not None:
            _say("The place was chosen in the browser.")
            return await client.ask("GET", f"/destinations/{consent['destination_id']}")
        path = f"/consents/{consent['id']}"
        chosen = place or _choose((await client.ask("GET", f"{path}/places"))["results"])
        order = {"place": chosen, "start": start} | ({"tables": tables} if tables else {})
        return await client.ask("POST", f"{path}/place", body=order)

    print_card(asking(run, worker=None), as_json, {})


def reauthorise(destination: Id, as_json: AsJson = False) -> None:
    """Sign in on the app's own page again; the destination keeps its place, mapping and rows."""

    async def run(client: Client) -> dict[str, Any]:
        begun = await client.ask("POST", f"/destinations/{destination}/consent")
        await _until_answered(client, begun)
        return await client.ask("GET", f"/destinations/{destination}")

    print_card(asking(run, worker=None), as_json, {})


async def _until_answered(client: Client, begun: Mapping[str, Any]) -> dict[str, Any]:
    """Show the page's address and wait until the person has come back from it. Raises `BadRequest` where it failed."""
    import asyncio

    _say("Open this page in a browser that is signed in to Counterfoil; the address is for you alone:")
    _say(f"\n  {begun['url']}\n")
    _say("Waiting until you are back. Ctrl-C stops the waiting only.")
    while True:
        consent = await client.ask("GET", f"/consents/{begun['id']}")
        if consent["state"] in ("granted", "done"):
            return consent
        if consent["state"] not in _WAITS:
            why = consent["reason"] or "It took too long."
            raise BadRequest(f"Nothing was connected: {why}", remedy="Begin again when you like.")
        await asyncio.sleep(LOOK)


def _choose(places: Sequence[Mapping[str, str]]) -> str:
    if not places:
        raise BadRequest("You shared nothing that can take the tables.", remedy="Begin again, and share a place there.")
    for nth, place in enumerate(places, 1):
        _say(f"  {nth}  {place['label']}")
    number: int = typer.prompt("Which one", type=int, default=1, err=True)
    if not 1 <= number <= len(places):
        raise BadRequest(f"There is no place {number}.", remedy=f"Type a number from 1 to {len(places)}.")
    return places[number - 1]["id"]


def _say(line: str) -> None:
    typer.echo(line, err=True)


COMMANDS: Final[Mapping[str, Callable[..., None]]] = {"authorise": authorise, "reauthorise": reauthorise}
