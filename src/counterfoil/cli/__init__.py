"""The command line: serve, sync, look, and play with the sandbox.

What a command needs is imported inside it: `counterfoil --help` must answer at once.
"""

import typer

from counterfoil.cli import look, play, run
from counterfoil.errors import ActionRequired, BadRequest, CounterfoilError

app = typer.Typer(
    help="Keeps your banks, brokers and Stripe up to date in Notion, Airtable, Coda and Google Sheets.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
WORK = (run.serve, run.worker, run.sync)
LOOK = (look.syncs, look.connections, look.destinations)
PLAY = (play.sandbox, play.demo)
for command in (*WORK, *LOOK, *PLAY):
    app.command()(command)


def main() -> None:
    """Run the command line; an error of ours is printed with its remedy, and ends with status 1."""
    try:
        app()
    except CounterfoilError as error:
        typer.secho(f"Error: {error}", fg="red", err=True)
        if isinstance(error, BadRequest | ActionRequired):
            typer.echo(f"What to do: {error.remedy}", err=True)
        raise SystemExit(1) from None
