"""Commands that look at connections, destinations and syncs, and have them act."""

from typing import Annotated

import typer

from counterfoil.cli import arrange, authorise
from counterfoil.cli.nouns import Id, Limit, act, group, show_list, show_one
from counterfoil.cli.show import AsJson


def list_connections(limit: Limit = 100, as_json: AsJson = False) -> None:
    """List the connections and what they need."""
    show_list("/connections", ("id", "provider", "label", "state", "fetched_at", "problem", "notice"), limit, as_json)


def show_connection(connection: Id, as_json: AsJson = False) -> None:
    """Show one connection."""
    show_one(f"/connections/{connection}", as_json)


def list_destinations(limit: Limit = 100, as_json: AsJson = False) -> None:
    """List the destinations and what they need."""
    show_list("/destinations", ("id", "kind", "label", "state", "problem"), limit, as_json)


def show_destination(destination: Id, as_json: AsJson = False) -> None:
    """Show one destination with the way of each table."""
    show_one(f"/destinations/{destination}", as_json, tables=("table", "label", "enabled", "problem"))


def rejected_rows(destination: Id, limit: Limit = 100, as_json: AsJson = False) -> None:
    """List the rows that a destination refuses, with its reasons."""
    show_list(f"/destinations/{destination}/rejected", ("table", "key", "reason"), limit, as_json)


def refresh_destination(destination: Id, as_json: AsJson = False) -> None:
    """Bring a destination up to date, and ask its connections for news."""
    act(f"/destinations/{destination}/refresh", as_json)


def reconcile_destination(destination: Id, as_json: AsJson = False) -> None:
    """Read a destination in full, and put right what drifted."""
    act(f"/destinations/{destination}/reconcile", as_json)


def list_syncs(
    limit: Limit = 20,
    connection: Annotated[str | None, typer.Option(help="Only those of this connection.")] = None,
    state: Annotated[str | None, typer.Option(help="running, done, partial or failed.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the latest syncs."""
    names = ("id", "cause", "state", "started_at", "note")
    show_list("/syncs", names, limit, as_json, connection_id=connection, state=state)


def show_sync(sync: Id, as_json: AsJson = False) -> None:
    """Show one sync with what it did to each table."""
    lines = ("destination_id", "table", "created", "updated", "deleted", "rejected", "gone", "problem")
    show_one(f"/syncs/{sync}", as_json, tables=lines)


connections = group("The logins at banks and Stripe.", list=list_connections, show=show_connection)
destinations = group(
    "The places that are kept up to date.",
    list=list_destinations,
    show=show_destination,
    rejected=rejected_rows,
    refresh=refresh_destination,
    reconcile=reconcile_destination,
    **arrange.COMMANDS,
    **authorise.COMMANDS,
)
syncs = group("What ran, why, and what it did.", list=list_syncs, show=show_sync)
