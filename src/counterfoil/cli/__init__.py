"""The command line: serve, sync, look, and play with the sandbox.

What a command needs is imported inside it: `counterfoil --help` must answer at once.
"""

from typing import Annotated

import typer

from counterfoil import __version__
from counterfoil.cli import (
    channels,
    connect,
    follow,
    look,
    ops,
    pairs,
    people,
    play,
    rows,
    rules,
    run,
    tokens,
    workings,
    workspace,
)
from counterfoil.errors import ActionRequired, BadRequest, CounterfoilError

app = typer.Typer(
    help="Keeps your banks, brokers and Stripe up to date in Notion, Airtable, Coda and Google Sheets.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # importing rich takes longer than all the rest together
)
for command in (run.serve, run.worker, follow.sync, rules.say, *connect.COMMANDS):
    app.command()(command)
for noun, commands in {
    "connections": look.connections,
    "destinations": look.destinations,
    "transactions": rows.transactions,
    "rows": rows.rows,
    "rules": rules.rules,
    "categories": rules.categories,
    "pairs": pairs.pairs,
    "syncs": look.syncs,
    "functions": workings.functions,
    "events": workings.events,
    "runs": workings.runs,
    "token": tokens.tokens,
    "channels": channels.channels,
    "workspace": workspace.workspace,
    "audit": workspace.audit,
}.items():
    app.add_typer(commands, name=noun)
for task in (*ops.COMMANDS, people.set_password):
    app.command()(task)
for command in (workspace.delete_everything, play.sandbox, play.demo):
    app.command()(command)


def _say_version(asked: bool) -> None:
    if asked:
        typer.echo(f"counterfoil {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Say which version this is.", is_eager=True, callback=_say_version)
    ] = False,
) -> None:
    """Take the options that stand before a command."""


def main() -> None:
    """Run the command line; an error of ours is printed with its remedy, and ends with status 1."""
    try:
        app()
    except CounterfoilError as error:
        typer.secho(f"Error: {error}", fg="red", err=True)
        if isinstance(error, BadRequest | ActionRequired):
            typer.echo(f"What to do: {error.remedy}", err=True)
        raise SystemExit(1) from None
