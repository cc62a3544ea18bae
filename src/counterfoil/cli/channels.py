"""Commands for notifications: where people are told, of what and when, and what became of each message."""

from typing import Annotated, Any

import typer

from counterfoil.cli.nouns import Id, Limit, act, group, show_list, show_one
from counterfoil.cli.remote import asking
from counterfoil.cli.show import AsJson, print_card

Kinds = Annotated[str, typer.Option("--tell", help="attention, mended, failed, weekly: separated by commas.")]
Hour = Annotated[int | None, typer.Option(help="Once a day at this hour (0 to 23); at once without it.")]
Zone = Annotated[str, typer.Option("--time-zone", help="Of that hour, such as Europe/Berlin.")]


def list_channels(limit: Limit = 100, as_json: AsJson = False) -> None:
    """List the channels."""
    show_list("/channels", ("id", "kind", "label", "kinds", "hour", "problem"), limit, as_json)


def show_channel(channel: Id, as_json: AsJson = False) -> None:
    """Show one channel."""
    show_one(f"/channels/{channel}", as_json)


def add(
    kind: Annotated[str, typer.Argument(help="email, webhook or apprise.", show_default=False)],
    address: Annotated[str, typer.Argument(help="An e-mail address, a webhook's address, or an apprise URL.")],
    tell: Kinds = "attention,mended,failed",
    hour: Hour = None,
    zone: Zone = "UTC",
    as_json: AsJson = False,
) -> None:
    """Add a channel; a webhook's secret is shown once."""
    order = {"kind": kind, "address": address, "kinds": _split(tell), "hour": hour, "timezone": zone}
    made = asking(lambda client: client.ask("POST", "/channels", body=order))
    if as_json:
        print_card(made, as_json, {})
        return
    secret = made.pop("secret")
    print_card(made, as_json, {})
    if secret:
        typer.echo(f"\nThe secret that messages are signed with; it is not shown again:\n{secret}")


def change(
    channel: Id,
    tell: Annotated[str | None, typer.Option("--tell", help="The kinds, separated by commas.")] = None,
    hour: Hour = None,
    at_once: Annotated[bool, typer.Option("--at-once", help="Tell each thing at once, not once a day.")] = False,
    zone: Annotated[str | None, typer.Option("--time-zone", help="Of the hour.")] = None,
    as_json: AsJson = False,
) -> None:
    """Change what is told, and when; what is left out stays as it is."""
    order: dict[str, Any] = {} if tell is None else {"kinds": _split(tell)}
    if hour is not None or at_once:
        order["hour"] = None if at_once else hour
    if zone is not None:
        order["timezone"] = zone
    act(f"/channels/{channel}", as_json, order, method="PATCH")


def send_test(channel: Id, as_json: AsJson = False) -> None:
    """Send a test, and say what became of it."""
    sent = asking(lambda client: client.ask("POST", f"/channels/{channel}/test"), worker=None)
    print_card(sent, as_json, {})
    if sent["state"] != "sent":
        raise typer.Exit(1)


def rotate(channel: Id, as_json: AsJson = False) -> None:
    """Give a webhook another secret, shown once; for a day the one before signs too."""
    act(f"/channels/{channel}/rotate", as_json)


def remove(channel: Id, as_json: AsJson = False) -> None:
    """Remove a channel with its log."""
    act(f"/channels/{channel}", as_json, method="DELETE")


def log(channel: Id, limit: Limit = 20, as_json: AsJson = False) -> None:
    """List what was sent, newest first."""
    names = ("id", "state", "about", "tries", "reason", "created_at", "sent_at")
    show_list(f"/channels/{channel}/messages", names, limit, as_json)


def _split(kinds: str) -> list[str]:
    return [kind.strip() for kind in kinds.split(",") if kind.strip()]


channels = group(
    "Where you are told that something needs you.",
    list=list_channels,
    show=show_channel,
    add=add,
    change=change,
    test=send_test,
    rotate=rotate,
    remove=remove,
    log=log,
)
