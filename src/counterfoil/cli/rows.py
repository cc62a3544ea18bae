"""Commands that look through rows: transactions with their history, and every other table."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from counterfoil.cli.nouns import Id, Limit, group, show_list
from counterfoil.cli.remote import asking
from counterfoil.cli.show import AsJson, print_card

_SHOWN = {
    "accounts": ("key", "name", "mask", "type", "current", "currency", "as_of"),
    "securities": ("key", "name", "ticker", "type", "price", "currency"),
    "holdings": ("key", "name", "account", "quantity", "value", "currency"),
    "investment_transactions": ("key", "date", "name", "account", "amount", "currency"),
}
Words = Annotated[str | None, typer.Option(help="All of these words, anywhere in the texts.")]
State = Annotated[str | None, typer.Option(help="live, pending, posted, removed, hidden or all.")]
Connection = Annotated[str | None, typer.Option(help="Only those of this connection.")]
Account = Annotated[str | None, typer.Option(help="Only those of the account with this key.")]
Category = Annotated[str | None, typer.Option(help="Only those of the category with this key.")]
Since = Annotated[str | None, typer.Option(help="From this day on: 2026-01-31.")]
Until = Annotated[str | None, typer.Option(help="Up to this day, it included.")]
Least = Annotated[str | None, typer.Option(help="At least this amount, without sign.")]
Most = Annotated[str | None, typer.Option(help="At most this amount, without sign.")]
Direction = Annotated[str | None, typer.Option(help="Money in or money out: in, out.")]


def list_transactions(
    words: Words = None,
    account: Account = None,
    category: Category = None,
    since: Since = None,
    until: Until = None,
    least: Least = None,
    most: Most = None,
    direction: Direction = None,
    state: State = None,
    connection: Connection = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List transactions, newest first."""
    asked = _asked(words, account, category, since, until, least, most, direction, state, connection)
    names = ("key", "date", "summary", "amount", "currency", "account", "category", "pending")
    show_list("/rows/transactions", names, limit, as_json, **asked)


def show_transaction(transaction: Id, as_json: AsJson = False) -> None:
    """Show one transaction with its history and where it was written."""
    told = asking(lambda client: client.ask("GET", f"/rows/transactions/{transaction}"))
    if not as_json:
        for entry in told["history"]:
            pairs = (f"{name}: {cell['before']} → {cell['after']}" for name, cell in entry.pop("cells").items())
            entry["what"] = "; ".join(pairs)
    history, places = ("at", "turn", "cause", "what"), ("label", "standing", "reason", "url")
    print_card(told, as_json, {"history": history, "places": places})


def save_transactions(
    file: Annotated[Path, typer.Argument(help="Where they go: a .csv or a .json.", show_default=False)],
    words: Words = None,
    account: Account = None,
    category: Category = None,
    since: Since = None,
    until: Until = None,
    least: Least = None,
    most: Most = None,
    direction: Direction = None,
    state: State = None,
    connection: Connection = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
) -> None:
    """Save transactions as CSV or JSON, with the names of accounts and categories."""
    from counterfoil.errors import BadRequest

    form = file.suffix.lower().removeprefix(".")
    if form not in ("csv", "json"):
        raise BadRequest(f"{file} is neither CSV nor JSON.", remedy="End its name with .csv or .json.")
    if file.exists() and not force:
        raise BadRequest(f"{file} is there already.", remedy="Choose another name, or give --force.")
    asked = _asked(words, account, category, since, until, least, most, direction, state, connection)
    part = file.with_name(f".{file.name}.part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as opened:
            asking(lambda client: client.save("/export/transactions", opened, form=form, **asked))
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    typer.echo(f"{file}: {file.stat().st_size / 1e6:.1f} MB.", err=True)


def _asked(
    words: str | None,
    account: str | None,
    category: str | None,
    since: str | None,
    until: str | None,
    least: str | None,
    most: str | None,
    direction: str | None,
    state: str | None,
    connection: str | None,
) -> dict[str, Any]:
    given = {"words": words, "account": account, "category": category, "since": since, "until": until}
    return {**given, "least": least, "most": most, "direction": direction, "state": state, "connection_id": connection}


def _lister(table: str) -> Any:
    def list_rows(
        words: Words = None,
        state: State = None,
        connection: Connection = None,
        limit: Limit = 50,
        as_json: AsJson = False,
    ) -> None:
        names = _SHOWN[table]
        show_list(f"/rows/{table}", names, limit, as_json, words=words, state=state, connection_id=connection)

    list_rows.__doc__ = f"List {table.replace('_', ' ')}, searched by their names."
    return list_rows


def list_tables(as_json: AsJson = False) -> None:
    """List the tables, and how many rows each holds."""
    show_list("/tables", ("name", "label", "rows"), 50, as_json)


transactions = group(
    "Transactions: search, history, files.", list=list_transactions, show=show_transaction, save=save_transactions
)
rows = group("Accounts, holdings and other rows.", list=list_tables, **{table: _lister(table) for table in _SHOWN})
