"""Commands that connect a bank or Stripe, repair a login, pause, resume and remove a connection."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from counterfoil.cli.nouns import Id, act
from counterfoil.cli.remote import Client, asking, remote
from counterfoil.cli.show import AsJson, print_card, print_lines
from counterfoil.errors import BadRequest

LOOK: Final = 1.0  # seconds between two looks at a visit
_ENDED: Final = ("done", "left", "expired")


@remote
def connect(
    provider: Annotated[str, typer.Argument(help="plaid or stripe.", show_default=False)],
    choice: Annotated[
        str | None, typer.Option(help="Plaid: bank (also cards and loans) or broker; the first without it.")
    ] = None,
    key_file: Annotated[
        Path | None, typer.Option(help="A file that holds the key; else it is asked for, without echo.", exists=True)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Connect a bank on its own page, or Stripe with a restricted key."""

    async def run(client: Client) -> dict[str, Any]:
        known = {one["slug"]: one for one in (await client.ask("GET", "/providers"))["results"]}
        if provider not in known:
            raise BadRequest(f"There is no provider {provider!r}.", remedy=f"There are: {', '.join(known)}.")
        if known[provider]["choices"]:
            begun = await client.ask("POST", "/visits", body={"provider": provider, "choice": choice})
            return await _through_visit(client, begun, as_json)
        if choice is not None:
            raise BadRequest(f"{known[provider]['label']} offers no choice.", remedy="Leave --choice out.")
        settings = _settings(known[provider]["settings"], key_file)
        added = await client.ask("POST", "/connections", body={"provider": provider, "settings": settings})
        _say(f"Connected: {_named(added)}. Its first sync has begun.")
        return added

    _print(asking(run, worker=None), as_json)


@remote
def repair(
    connection: Id,
    share: Annotated[bool, typer.Option("--share", help="Share more accounts of the login instead.")] = False,
    as_json: AsJson = False,
) -> None:
    """Sign in again at the bank, or share more of its accounts; rows keep their places."""

    async def run(client: Client) -> dict[str, Any]:
        begun = await client.ask("POST", f"/connections/{connection}/repair", body={"share": share})
        return await _through_visit(client, begun, as_json)

    _print(asking(run, worker=None), as_json)


@remote
def disconnect(
    connection: Id,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove a connection: says what will happen, asks once, and does it."""

    async def run(client: Client) -> dict[str, Any] | None:
        told = await client.ask("GET", f"/connections/{connection}/removal")
        for line in told["in_words"]:
            _say(line)
        if not yes and not typer.confirm("Remove it?", err=True):
            return None
        asked = await client.ask("DELETE", f"/connections/{connection}")
        await _until_run(client, asked["event_id"])
        return {**told, **asked}

    told = asking(run, worker=None)
    if told is None:
        _say("Nothing was done.")
        raise typer.Exit(1)
    _say("Removed.")
    _print(told, as_json)


@remote
def pause(connection: Id, as_json: AsJson = False) -> None:
    """Read a connection no more until it is resumed; its rows stay."""
    act(f"/connections/{connection}/pause", as_json)


@remote
def resume(connection: Id, as_json: AsJson = False) -> None:
    """Go on reading a connection that was paused."""
    act(f"/connections/{connection}/resume", as_json)


@remote
def relink(
    relink: Annotated[str | None, typer.Argument(help="A question's id; all that wait without it.")] = None,
    same: Annotated[
        bool | None, typer.Option("--same/--other", help="Answer here instead of being asked.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say whether the accounts of a bank linked anew are those that you had before."""

    async def run(client: Client) -> list[dict[str, Any]]:
        waiting = [one for one in await client.listed("/relinks", 100) if relink in (None, one["id"])]
        if relink is not None and not waiting:
            raise BadRequest(f"No question {relink} waits for an answer.", remedy="See: counterfoil relink")
        if as_json and same is None:
            return waiting
        return [await _answer(client, one, same) for one in waiting]

    print_lines(asking(run, worker=None), as_json, ("id", "state", "old_id", "new_id"))


# --- the way through a visit -----------------------------------------------------------------------------


async def _through_visit(client: Client, begun: dict[str, Any], as_json: bool) -> dict[str, Any]:
    """Show the page's address, wait until the person is back, and say what came of it."""
    import asyncio

    _say("Open this page and sign in; the address is for you alone:")
    _say(f"\n  {begun['url']}\n")
    _say("Waiting until you are done. Ctrl-C stops the waiting only.")
    while True:
        visit = await client.ask("GET", f"/visits/{begun['id']}")
        if visit["state"] in _ENDED:
            break
        await asyncio.sleep(LOOK)
    if visit["state"] != "done":
        why = visit["reason"] or "the page was left"
        raise BadRequest(f"Nothing was connected: {why}.", remedy="Begin again when you like.")
    if visit["purpose"] != "connect":
        _say("Done: the login works again, and its sync has begun.")
    for candidate in visit["candidates"]:
        await _tell(client, candidate)
    if not as_json:
        await _ask_about_relinks(client, {one["connection_id"] for one in visit["candidates"]})
    return visit


async def _tell(client: Client, candidate: dict[str, Any]) -> None:
    if candidate["connection_id"] is not None:
        added = await client.ask("GET", f"/connections/{candidate['connection_id']}")
        _say(f"Connected: {_named(added)}.")
    if candidate["message"]:
        _say(candidate["message"])


async def _ask_about_relinks(client: Client, connection_ids: set[str | None]) -> None:
    for one in await client.listed("/relinks", 100):
        if one["new_id"] in connection_ids:
            await _answer(client, one, None)


async def _answer(client: Client, one: dict[str, Any], same: bool | None) -> dict[str, Any]:
    if same is None:
        _say("\nThese accounts look like accounts that you had connected before:")
        for pair in one["pairs"]:
            _say(f"  {pair['name']}" + ("" if pair["sure"] else "  (by bank, kind, name and last digits)"))
        _say("If they are the same, their rows keep their places with all you added, and the old connection goes.")
        same = typer.confirm("Are they the same?", err=True)
    return await client.ask("POST", f"/relinks/{one['id']}/answer", body={"same": same})


async def _until_run(client: Client, event_id: str) -> None:
    """Wait until the run that an event started has ended."""
    import asyncio

    event = await client.ask("GET", f"/events/{event_id}")
    for run_id in event["runs"]:
        while True:
            run = await client.ask("GET", f"/runs/{run_id}")
            if run["ended_at"] is not None:
                break
            await asyncio.sleep(LOOK / 5)


def _settings(shape: dict[str, Any], key_file: Path | None) -> dict[str, Any]:
    from counterfoil.cli.asking import read_settings

    if key_file is None:
        return read_settings(shape, None)
    [name, *_] = shape.get("required", ())
    return {name: key_file.read_text().strip()}


def _named(connection: dict[str, Any]) -> str:
    environment = "live" if connection["live"] else "test data, no real money"
    return f"{connection['label']} ({environment}), {connection['id']}"


def _say(line: str) -> None:
    typer.echo(line, err=True)


def _print(card: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_card(card, as_json, {})


COMMANDS: Final[tuple[Callable[..., None], ...]] = (connect, repair, disconnect, pause, resume, relink)
