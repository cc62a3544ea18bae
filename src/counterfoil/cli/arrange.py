"""Commands that add a destination, say what goes where, try it, and act on rows there."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from counterfoil.cli.follow import LOOK, follow_event
from counterfoil.cli.nouns import Id, act, show_one
from counterfoil.cli.remote import Client, asking
from counterfoil.cli.show import AsJson, print_card, print_lines
from counterfoil.errors import BadRequest

Table = Annotated[str | None, typer.Option("--table", help="Which of our tables --field and the like speak of.")]
Tables = Annotated[list[str] | None, typer.Option("--table", help="Only this table of ours; may be repeated.")]
Wait = Annotated[bool, typer.Option(help="Stay until all is written.")]
EditFile = Annotated[
    Path | None, typer.Option("--file", help="A JSON file with what is to change; see docs/mapping.md.", exists=True)
]
VENDOR_WAIT: Final = 15.0  # seconds that a removal waits for a vendor to be told
_COUNTS: Final = ("table", "created", "updated", "deleted", "unchanged")


def add(
    kind: Annotated[str, typer.Argument(help="notion, airtable, coda or google_sheets.", show_default=False)],
    json_file: Annotated[
        Path | None, typer.Option(help="Take the settings from a JSON file instead of asking; - reads them here.")
    ] = None,
    tables: Tables = None,
    start: Annotated[bool, typer.Option(help="Sync at once; --no-start lets you map it first.")] = True,
    as_json: AsJson = False,
) -> None:
    """Add a destination: asks for what the app needs, and proves it before it is kept."""
    from counterfoil.cli.asking import read_settings

    async def run(client: Client) -> dict[str, Any]:
        kinds = await client.listed("/destination-kinds", 100)
        shape = next((one["settings"] for one in kinds if one["slug"] == kind), None)
        if shape is None:
            there = ", ".join(one["slug"] for one in kinds)
            raise BadRequest(f"There is no kind {kind!r}.", remedy=f"There are: {there}.")
        order = {"kind": kind, "settings": read_settings(shape, json_file), "start": start}
        return await client.ask("POST", "/destinations", body=order | ({"tables": tables} if tables else {}))

    print_card(asking(run, worker=None), as_json, {})


def own_tables(destination: Id, as_json: AsJson = False) -> None:
    """Show your own tables and fields at a destination as they are now."""
    told = asking(lambda client: client.ask("GET", f"/destinations/{destination}/schema"))
    lines = [
        {"table": table["name"], "field": field["name"], "type": field["type"], "takes": field["takes"]}
        for table in told["tables"]
        for field in table["fields"]
    ]
    if as_json:
        print_card(told, as_json, {})
    else:
        print_lines(lines, as_json, ("table", "field", "type", "takes"))


def fields(
    destination: Id, table: Annotated[str | None, typer.Option(help="Only this table.")] = None, as_json: AsJson = False
) -> None:
    """Show which column of ours goes to which field, and whose it is."""
    told = asking(lambda client: client.ask("GET", f"/destinations/{destination}"))
    lines = [
        {"table": one["table"], "on": one["enabled"], **field}
        for one in told["tables"]
        for field in (one["key_field"], *one["fields"])
        if table in (None, one["table"])
    ]
    print_lines(lines, as_json, ("table", "on", "column", "label", "kind", "writes", "field_id"))


def propose(
    destination: Id,
    save: Annotated[bool, typer.Option("--save", help="Keep the proposal.")] = False,
    as_json: AsJson = False,
) -> None:
    """Match our tables and columns with yours by name and type, and say how sure that is."""

    async def run(client: Client) -> dict[str, Any]:
        found = await client.ask("GET", f"/destinations/{destination}/proposal")
        if save:
            await client.ask("PATCH", f"/destinations/{destination}", body=_as_edit(found))
        return found

    told = asking(run)
    if as_json:
        print_card(told, as_json, {})
        return
    lines = [
        field | {"table": table["table"], "into": table["table_name"], "field": field["field_name"] or "a new field"}
        for table in told["tables"]
        for field in (table["key"], *table["fields"])
        if table["table_id"] is not None
    ]
    print_lines(lines, as_json, ("table", "into", "column", "field", "confidence"))
    for table in told["tables"]:
        for conflict in table["conflicts"]:
            typer.secho(f"{conflict['message']} {conflict['remedy']}", fg="yellow")
        if table["unused"]:
            typer.echo(f"{table['table_name']}: stay yours alone: {', '.join(table['unused'])}")
    made = [table["label"] for table in told["tables"] if table["table_id"] is None]
    if made:
        typer.echo(f"Nothing of yours is like: {', '.join(made)}")
    if told["unused"]:
        typer.echo(f"Tables that nothing goes to: {', '.join(told['unused'])}")


def _as_edit(proposal: dict[str, Any]) -> dict[str, Any]:
    """Give the change that makes a proposal the mapping, for the tables that have one of the user's."""
    tables = {}
    for table in proposal["tables"]:
        if table["table_id"] is not None:
            fields = {one["column"]: {"field": one["field_id"]} for one in table["fields"] if one["field_id"]}
            key = {"key": table["key"]["field_id"]} if table["key"]["field_id"] else {}
            tables[table["table"]] = {"on": True, "into": table["table_id"], "fields": fields, **key}
    return {"tables": tables}


def change_mapping(
    destination: Id,
    table: Table = None,
    into: Annotated[str | None, typer.Option(help="Your table that takes it, by name or id; 'new' makes one.")] = None,
    field: Annotated[
        list[str] | None, typer.Option(help='column="Your field"; column= makes a new one. May be repeated.')
    ] = None,
    without: Annotated[list[str] | None, typer.Option(help="Take a column out.")] = None,
    once: Annotated[list[str] | None, typer.Option(help="The column is yours once it is written.")] = None,
    always: Annotated[list[str] | None, typer.Option(help="The column is ours, and kept as the bank has it.")] = None,
    key: Annotated[str | None, typer.Option(help="Your text field that holds our ids.")] = None,
    on: Annotated[list[str] | None, typer.Option(help="Switch a table on.")] = None,
    off: Annotated[list[str] | None, typer.Option(help="Switch a table off; what stands there stays.")] = None,
    file: EditFile = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be written.")] = False,
    wait: Wait = True,
    as_json: AsJson = False,
) -> None:
    """Change where tables and columns go, and whose they are; only what differs is written."""
    from counterfoil.cli.asking import read_json

    edit: dict[str, Any] = read_json(file) if file is not None else {}
    tables: dict[str, Any] = edit.setdefault("tables", {})
    for name, state in [*((one, True) for one in on or ()), *((one, False) for one in off or ())]:
        tables.setdefault(name, {})["on"] = state
    columns = _columns(field or [], without or [], once or [], always or [])
    if columns or into is not None or key is not None:
        if table is None:
            raise BadRequest("Which table is meant?", remedy="Name it: --table transactions")
        asked = tables.setdefault(table, {})
        asked.setdefault("fields", {}).update(columns)
        asked |= {"into": None if into == "new" else into} if into is not None else {}
        asked |= {"key": key} if key is not None else {}
    if dry_run:
        _preview(destination, edit, as_json)
    else:
        _change(destination, edit, wait, as_json)


def _columns(field: list[str], without: list[str], once: list[str], always: list[str]) -> dict[str, dict[str, Any]]:
    columns: dict[str, dict[str, Any]] = {}
    for one in field:
        column, sign, name = one.partition("=")
        if not sign:
            raise BadRequest(f"--field {one} names no field.", remedy='Write column="Your field".')
        columns.setdefault(column, {})["field"] = name or None
    for column in without:
        columns.setdefault(column, {})["on"] = False
    for writes, named in (("once", once), ("always", always)):
        for column in named:
            columns.setdefault(column, {})["writes"] = writes
    return columns


def select(
    destination: Id,
    account: Annotated[list[str] | None, typer.Option(help="An account, by name or id; may be repeated.")] = None,
    all_accounts: Annotated[bool, typer.Option("--all-accounts", help="Every account, those to come too.")] = False,
    since: Annotated[str | None, typer.Option(help="Dated rows from this day on: 2026-01-01; 'ever' for all.")] = None,
    removal: Annotated[str | None, typer.Option(help="What becomes of removed rows: delete, mark or keep.")] = None,
    wait: Wait = True,
    as_json: AsJson = False,
) -> None:
    """Choose which rows go there, and what becomes of those that the bank takes back."""
    chosen: dict[str, Any] = {}
    if all_accounts or account:
        chosen["accounts"] = account or None
    if since is not None:
        chosen["since"] = None if since == "ever" else since
    if removal is not None:
        chosen["removal"] = removal
    if chosen:
        _change(destination, {"selection": chosen}, wait, as_json)
    else:
        show_one(f"/destinations/{destination}", as_json)


def schedule(
    destination: Id,
    when: Annotated[
        str,
        typer.Argument(help="'every 15 minutes', hourly, 'every 6 hours', daily, weekly, a cron expression; never."),
    ],
    timezone: Annotated[str | None, typer.Option(help="Your time zone: Europe/Berlin.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say when a destination is brought up to date, beside whenever a bank has news."""
    chosen = {"schedule": None if when == "never" else when} | ({"timezone": timezone} if timezone else {})
    _change(destination, {"selection": chosen}, False, as_json)


def preview(destination: Id, file: EditFile = None, as_json: AsJson = False) -> None:
    """Say what the next sync would do, with samples; nothing is written."""
    from counterfoil.cli.asking import read_json

    _preview(destination, read_json(file) if file is not None else {}, as_json)


def _preview(destination: str, edit: dict[str, Any], as_json: bool) -> None:
    told = asking(lambda client: client.ask("POST", f"/destinations/{destination}/preview", body=edit))
    if as_json:
        print_card(told, as_json, {})
        return
    for conflict in told["conflicts"]:
        typer.secho(f"{conflict['message']} {conflict['remedy']}", fg="yellow")
    if told["conflicts"]:
        raise typer.Exit(1)
    print_lines(told["tables"], as_json, _COUNTS)
    samples = [{"table": table["table"], **one} for table in told["tables"] for one in table["samples"]]
    if samples:
        typer.echo("\nFor example:")
        print_lines(samples, as_json, ("table", "act", "name", "cells"))


def restore(
    destination: Id,
    table: Tables = None,
    key: Annotated[list[str] | None, typer.Option(help="Only the row of this id; may be repeated.")] = None,
    wait: Wait = True,
    as_json: AsJson = False,
) -> None:
    """Bring back rows that you deleted there."""
    _rows(f"/destinations/{destination}/restore", {"tables": table, "keys": key}, "app/rows.restored", wait, as_json)


def retry(destination: Id, table: Tables = None, wait: Wait = True, as_json: AsJson = False) -> None:
    """Try the rows again that the destination refused."""
    _rows(f"/destinations/{destination}/retry", {"tables": table}, "app/rows.retried", wait, as_json)


def _rows(path: str, order: dict[str, Any], event: str, wait: bool, as_json: bool) -> None:
    async def run(client: Client) -> dict[str, Any]:
        told = await client.ask("POST", path, body={name: value for name, value in order.items() if value})
        if not told["rows"] or not wait:
            return told
        newest = (await client.listed("/events", 1, name=event))[0]
        return told | await follow_event(client, newest["id"])

    print_card(asking(run, worker=None), as_json, {})


def pause(destination: Id, as_json: AsJson = False) -> None:
    """Write nothing there until it is resumed."""
    act(f"/destinations/{destination}/pause", as_json)


def resume(destination: Id, wait: Wait = True, as_json: AsJson = False) -> None:
    """Go on, and write what changed meanwhile."""
    _follow("POST", f"/destinations/{destination}/resume", None, wait, as_json)


def remove(
    destination: Id,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Forget a destination with its credential and mapping; the rows that stand there stay."""

    async def run(client: Client) -> dict[str, Any]:
        told = await client.ask("GET", f"/destinations/{destination}/removal")
        for line in ("Counterfoil forgets it, and its mapping.", *told["in_words"]):
            typer.echo(line, err=True)
        if not yes:
            typer.confirm("Go on?", abort=True, err=True)
        await client.ask("DELETE", f"/destinations/{destination}")
        if told["ends_at_vendor"] and not await _has_ended(client, destination):
            typer.echo("The vendor does not answer yet: it is told as soon as it does.", err=True)
        return dict(told)

    told = asking(run, worker=None)
    if as_json:
        print_card(told, as_json, {})
    else:
        typer.echo("Done.")


async def _has_ended(client: Client, destination: str) -> bool:
    """Wait a moment for what a removal has to do at the vendor; say whether it is done."""
    import asyncio

    latest = await client.listed("/events", 10, name="app/destination.removed")
    started = [run_id for event in latest if event["data"]["destination_id"] == destination for run_id in event["runs"]]
    for _ in range(round(VENDOR_WAIT / LOOK)):
        runs = [await client.ask("GET", f"/runs/{run_id}") for run_id in started]
        if all(run["ended_at"] is not None for run in runs):
            return True
        await asyncio.sleep(LOOK)
    return False


def _change(destination: str, edit: dict[str, Any], wait: bool, as_json: bool) -> None:
    _follow("PATCH", f"/destinations/{destination}", edit, wait, as_json)


def _follow(method: str, path: str, body: dict[str, Any] | None, wait: bool, as_json: bool) -> None:
    async def run(client: Client) -> dict[str, Any]:
        told = await client.ask(method, path, body=body)
        return await follow_event(client, told["event_id"]) if wait and told["event_id"] else told

    told = asking(run, worker=None)
    if as_json or told.get("state"):
        print_card(told, as_json, {})
    else:
        typer.echo("Saved." if told["event_id"] else "Saved; there is nothing to write.")


COMMANDS: Final[Mapping[str, Callable[..., None]]] = {
    "add": add,
    "tables": own_tables,
    "fields": fields,
    "propose": propose,
    "map": change_mapping,
    "select": select,
    "schedule": schedule,
    "preview": preview,
    "restore": restore,
    "retry": retry,
    "pause": pause,
    "resume": resume,
    "remove": remove,
}
