"""Commands for whoever runs an installation: doctor, backup, restore, keys, export, on the data directory."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from counterfoil.cli.remote import asking, remote, server
from counterfoil.cli.show import AsJson

if TYPE_CHECKING:
    from counterfoil.config import Settings

Force = Annotated[bool, typer.Option("--force", help="Replace what is there.")]
_COLOURS = {"ok": "green", "attention": "yellow", "broken": "red"}


def doctor(as_json: AsJson = False) -> None:
    """Check settings, keys, database, vendors, clock and mail server; say the remedy of all that is wrong."""
    import asyncio
    import dataclasses
    import json

    from counterfoil.ops.checks import Verdict
    from counterfoil.ops.doctor import examine

    _log_errors_only()
    found = asyncio.run(examine(os.environ))
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(finding) for finding in found]))
    else:
        for finding in found:
            verdict = typer.style(f"{finding.verdict:9}", fg=_COLOURS[finding.verdict])
            typer.echo(f"{verdict}  {finding.check:14}  {finding.text}")
            if finding.remedy:
                typer.echo(f"{'':27}→ {finding.remedy}")
    if any(finding.verdict is Verdict.BROKEN for finding in found):
        raise typer.Exit(1)


def backup(
    file: Annotated[Path, typer.Argument(help="Where the archive goes: a .tar.gz.")],
    without_key: Annotated[bool, typer.Option("--without-key", help="Leave the secret key out.")] = False,
    force: Force = False,
) -> None:
    """Write databases and secret key to one archive, also while Counterfoil runs."""
    from counterfoil.ops.archive import back_up

    settings = _settings()
    manifest = back_up(settings, file, with_key=not without_key, overwrite=force)
    size = file.stat().st_size / 1e6
    typer.echo(f"{file}: {', '.join(member.name for member in manifest.files) or 'nothing'} ({size:.1f} MB).")
    if settings.database_url is not None:
        typer.echo("The database itself is on Postgres: save it with pg_dump.", err=True)
    if without_key:
        typer.echo("Keep the secret key elsewhere: without it no credential can be opened.", err=True)
    else:
        typer.echo("It holds the secret key: keep it as safe as the credentials that the key opens.", err=True)


def restore(
    file: Annotated[Path, typer.Argument(help="What `counterfoil backup` has written.")], force: Force = False
) -> None:
    """Put a backup in the place of what is there. Nothing else may run on the data directory."""
    from counterfoil.ops.archive import restore as put_back

    settings = _settings()
    done = put_back(settings, file, force=force)
    typer.echo(f"Restored the backup of {done.manifest.made_at:%Y-%m-%d %H:%M} UTC to {settings.data_dir}.")
    if done.kept is not None:
        typer.echo(f"What was there before is in {done.kept}; delete it when all is well.")
    if done.tables:
        typer.echo(f"{done.tables} tables at the destinations are read before they are next written.")
    if done.other_key:
        typer.echo("COUNTERFOIL_SECRET_KEY is not the key that the backup was made with.", err=True)
    typer.echo("Check it with: counterfoil doctor", err=True)


def rotate_keys() -> None:
    """Encrypt every credential with the current key; safe to repeat, and while Counterfoil runs."""
    from counterfoil.config import open_vault
    from counterfoil.errors import BadSettings
    from counterfoil.store import Database, sealed

    settings = _settings()
    vault = open_vault(settings)
    db = Database.open(settings.database)
    try:
        db.migrate()
        rotation = sealed.rotate(db, vault)
        with db.reading() as tx:
            counts = sealed.count_keys(tx)
    finally:
        db.close()
    typer.echo(f"{rotation.renewed} credentials encrypted anew with the key {vault.current}.")
    for key in vault.keys:
        if key != vault.current:
            left = counts.get(key, 0)
            typer.echo(f"The old key {key} " + (f"is still needed by {left}." if left else "can be dropped."))
    if rotation.shut:
        raise BadSettings(
            f"{len(rotation.shut)} cannot be opened with any known key; the first: {rotation.shut[0]}",
            remedy="Add the key they were encrypted with to COUNTERFOIL_OLD_SECRET_KEYS, and run this again.",
        )


def new_key() -> None:
    """Print a fresh secret key."""
    from counterfoil.lib.secrets import new_key as make

    typer.echo(make())


@remote
def export(
    target: Annotated[Path, typer.Argument(help="A folder, or a file whose name ends with .zip.")],
    force: Force = False,
) -> None:
    """Write all rows as CSV and JSON, and rules as JSON, without credentials; from another server, as a zip."""
    if server() is not None:
        _fetch_export(target, force)
        return
    from counterfoil.ops.export import export as write
    from counterfoil.store import Database, workspaces

    settings = _settings()
    db = Database.open(settings.database)
    try:
        db.migrate()
        with db.begin() as tx:
            workspace = workspaces.first(tx)
        counts = write(db, workspace.id, target, overwrite=force)
    finally:
        db.close()
    typer.echo(f"{target}: " + ", ".join(f"{count:,} {table}" for table, count in counts.items() if count) + ".")


def _fetch_export(target: Path, force: bool) -> None:
    from counterfoil.errors import BadRequest

    if target.suffix.lower() != ".zip":
        raise BadRequest("Another server sends a zip.", remedy="Give a name that ends with .zip.")
    if target.exists() and not force:
        raise BadRequest(f"{target} is there already.", remedy="Choose another name, or give --force.")
    part = target.with_name(f".{target.name}.part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            asking(lambda client: client.save("/export", file))
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    typer.echo(f"{target}: {target.stat().st_size / 1e6:.1f} MB.")


def _settings() -> "Settings":
    from counterfoil.bootstrap import configure_logs, read_settings
    from counterfoil.config import make_data_dir

    settings = read_settings()
    configure_logs(settings)
    make_data_dir(settings)
    return settings


def _log_errors_only() -> None:
    from counterfoil.bootstrap import configure_logs
    from counterfoil.config import Settings

    configure_logs(Settings(log_level="error"))


COMMANDS: tuple[Callable[..., None], ...] = (doctor, backup, restore, rotate_keys, new_key, export)
