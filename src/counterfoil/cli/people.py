"""Commands about people that need the data directory: letting somebody in again who has lost password or phone."""

import os
from pathlib import Path
from typing import Annotated

import typer


def set_password(
    email: Annotated[str, typer.Argument(help="The address that the user signs in with.", show_default=False)],
    file: Annotated[
        Path | None, typer.Option("--file", help="A file that holds the password; else it is asked for.", exists=True)
    ] = None,
    stop_codes: Annotated[
        bool, typer.Option("--stop-codes", help="Ask for no codes any more: the phone is lost.")
    ] = False,
) -> None:
    """Set a user's password, and sign them out everywhere. Works on this machine's data directory only."""
    import asyncio

    from counterfoil.bootstrap import configure_logs, read_settings
    from counterfoil.config import make_data_dir, open_vault
    from counterfoil.errors import BadRequest
    from counterfoil.lib import passwords
    from counterfoil.store import Database, Tx, resets, users

    settings = read_settings(os.environ)
    configure_logs(settings)
    make_data_dir(settings)
    db = Database.open(settings.database)

    def renew(tx: Tx, user_id: str, hashed: str) -> None:
        resets.renew(tx, user_id, hashed, address="the command line")
        if stop_codes:
            users.set_totp(tx, open_vault(settings), user_id, None)

    try:
        db.migrate()
        with db.reading() as tx:
            lock = users.lock_of(tx, email.strip())
        if lock is None:
            raise BadRequest(f"Nobody signs in as {email}.", remedy="Check the address; case does not matter.")
        password = _password(file)
        passwords.check_new(password, email=email)
        hashed = asyncio.run(passwords.hash_of(password))
        with db.begin() as tx:
            renew(tx, lock.user_id, hashed)
    finally:
        db.close()
    typer.echo(f"{email} has a new password, and is signed out everywhere.")
    if stop_codes:
        typer.echo("Signing in takes the password alone; codes can be set up anew in the account's page.")
    elif lock.has_totp:
        typer.echo("Signing in still takes a code. Where the phone is lost, add --stop-codes.")


def _password(file: Path | None) -> str:
    if file is not None:
        return file.read_text().strip("\r\n")
    password: str = typer.prompt("New password", hide_input=True, confirmation_prompt=True, err=True)
    return password
