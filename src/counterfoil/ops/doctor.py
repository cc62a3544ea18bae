"""The doctor: measures an installation, changes nothing, and says of all that is wrong how to mend it."""

import asyncio
import datetime as dt
import os
import platform
import shutil
import time
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2
from pydantic import BaseModel

from counterfoil import __version__, registry
from counterfoil.bootstrap import load_functions, read_settings
from counterfoil.config import PREFIX, Settings, app_settings
from counterfoil.errors import ActionRequired, BadSettings, RetryLater
from counterfoil.lib import mail
from counterfoil.lib.http import Http
from counterfoil.lib.mail import MailServer
from counterfoil.lib.secrets import Vault
from counterfoil.lib.sqlite import SAFE_WAL, dbapi
from counterfoil.ops import checks
from counterfoil.ops.checks import Chosen, Finding, Folder, Visit
from counterfoil.ports import DestinationSpec, ProviderSpec
from counterfoil.store import Database, connections, destinations, sealed, workspaces
from counterfoil.store.backup import journal
from counterfoil.store.database import Tx, newest_revision

Spec = ProviderSpec | DestinationSpec
SPECS: Final[tuple[Spec, ...]] = (*registry.PROVIDERS.values(), *registry.DESTINATIONS.values())
PATIENCE: Final = 5.0  # seconds that a vendor or a database may take to answer


async def examine(
    environ: Mapping[str, str], *, specs: Iterable[Spec] = SPECS, http: Http | None = None
) -> list[Finding]:
    """Check everything that can be checked without changing anything."""
    found = [_versions()]
    try:
        settings = read_settings(environ)
    except BadSettings as error:
        return [*found, checks.broken("settings", str(error), error.remedy)]
    vault = _vault(settings)
    if isinstance(vault, Finding):
        return [*found, vault]
    found += checks.check_settings(_chosen(settings, vault))
    found += _functions(settings)
    found += checks.check_folder(_measure(settings.data_dir))
    database, used = await asyncio.to_thread(_database, settings, vault)
    found += database
    caller = http or Http(timeout=httpx2.Timeout(PATIENCE))
    try:
        found += await _vendors(caller, specs, environ, used, settings.public_url)
        found += await _mail(settings.mail_server)
    finally:
        if http is None:
            await caller.aclose()
    return found


def _versions() -> Finding:
    parts = ", ".join(f"{name} {version(name)}" for name in ("dbos", "sqlalchemy", "fastapi"))
    return checks.ok("versions", f"Counterfoil {__version__}, Python {platform.python_version()}, {parts}")


# --- settings and machine ----------------------------------------------------------------------------------


def _vault(settings: Settings) -> Vault | Finding:
    """Open the vault without making a key; an empty one where there is none yet."""
    given = settings.secret_key.get_secret_value() if settings.secret_key else _key_file(settings)
    if given is None:
        return Vault("", {})
    try:
        return Vault.of(given, *(old.get_secret_value() for old in settings.old_secret_keys))
    except BadSettings as error:
        return checks.broken("secret key", str(error), error.remedy)


def _key_file(settings: Settings) -> str | None:
    try:
        return (settings.data_dir / "secret.key").read_text().strip()
    except OSError:
        return None


def _chosen(settings: Settings, vault: Vault) -> Chosen:
    def name(text: str | None) -> str | None:
        try:
            return Vault.of(text).current if text else None
        except BadSettings:
            return None

    return Chosen(
        current_key=vault.current if settings.secret_key else None,
        old_keys=tuple(filter(None, (name(old.get_secret_value()) for old in settings.old_secret_keys))),
        key_file=name(_key_file(settings)),
        on_postgres=settings.database_url is not None,
        store_file=(settings.data_dir / "counterfoil.db").exists(),
        proxies=settings.trusted_proxies,
    )


def _functions(settings: Settings) -> list[Finding]:
    if settings.functions is None:
        return []
    try:
        own = load_functions(settings.functions)
    except BadSettings as error:
        return [checks.broken("functions", str(error), error.remedy)]
    return [checks.ok("functions", f"{len(own)} of your own in {settings.functions}")]


def _measure(data_dir: Path) -> Folder:
    stands = next((path for path in (data_dir, *data_dir.absolute().parents) if path.exists()), Path("/"))
    key = data_dir / "secret.key"
    return Folder(
        path=str(data_dir),
        exists=data_dir.is_dir(),
        writable=stands.is_dir() and os.access(stands, os.W_OK | os.X_OK),
        mode=stands.stat().st_mode & 0o777,
        free=shutil.disk_usage(stands).free,
        key_mode=key.stat().st_mode & 0o777 if key.exists() else None,
    )


# --- database ----------------------------------------------------------------------------------------------


def _database(settings: Settings, vault: Vault) -> tuple[list[Finding], set[str]]:
    """Check the database and what is encrypted in it; give also the slugs of what is connected."""
    where = settings.database
    if isinstance(where, str):
        found, name = list[Finding](), f"Postgres at {urlsplit(where).hostname or 'this machine'}"
        where = _impatient(where)
    else:
        mode = journal(where).mode if where.exists() else None
        found, name = [checks.check_sqlite(dbapi().sqlite_version_info, mode, SAFE_WAL)], where.name
        if mode is None:
            return [*found, checks.check_schema(name, None, newest_revision())], set()
    try:
        db = Database.open(where)
    except BadSettings as error:
        return [*found, checks.broken("database", str(error), error.remedy)], set()
    try:
        standing = db.revision()
        found.append(checks.check_schema(name, standing, newest_revision()))
        if standing != newest_revision():
            return found, set()
        with db.reading() as tx:
            old = [key for key in vault.keys if key != vault.current]
            return [*found, *checks.check_keys(sealed.census(tx, vault), vault.current, old)], _used(tx)
    except db.unreachable as error:
        remedy = "Check that it runs, and the name, port, user and password in COUNTERFOIL_DATABASE_URL."
        return [*found, checks.broken("database", f"{name} does not answer ({type(error).__name__}).", remedy)], set()
    finally:
        db.close()


def _impatient(url: str) -> str:
    return url if "connect_timeout" in url else f"{url}{'&' if '?' in url else '?'}connect_timeout={PATIENCE:.0f}"


def _used(tx: Tx) -> set[str]:
    """Give the slugs of all that is connected."""
    slugs: set[str] = set()
    for workspace in workspaces.every(tx):
        slugs.update(one.provider for one in connections.of_workspace(tx, workspace.id))
        slugs.update(one.kind for one in destinations.of_workspace(tx, workspace.id))
    return slugs


# --- vendors -----------------------------------------------------------------------------------------------


async def _vendors(
    http: Http, specs: Iterable[Spec], environ: Mapping[str, str], used: set[str], public_url: str | None
) -> list[Finding]:
    found: list[Finding] = []
    asked: list[tuple[Spec, BaseModel]] = []
    for spec in specs:
        try:
            app = app_settings(spec.app, spec.env, environ)
        except BadSettings as error:
            found.append(checks.broken(spec.slug, str(error), error.remedy))
            continue
        findings = checks.check_app(spec.slug, _filled(app), f"{PREFIX}{spec.env}_")
        found += findings
        if isinstance(spec, DestinationSpec) and spec.consent is not None and spec.consent.is_set_up(app):
            found += checks.check_consent(spec.slug, public_url)
        if not app.model_fields_set - {"url"} and spec.slug not in used:
            found.append(checks.ok(spec.slug, "not set up"))
        elif not any(finding.verdict is checks.Verdict.BROKEN for finding in findings):
            asked.append((spec, app))
    visits = await asyncio.gather(*(call(http, spec.slug, _url(app)) for spec, app in asked))
    for (spec, app), visit in zip(asked, visits, strict=True):
        found.append(checks.check_host(visit))
        if "webhook_url" in spec.app.model_fields:
            webhook = checks.check_webhook(spec.slug, getattr(app, "webhook_url", None), _url(app))
            found += [webhook] if webhook else []
    return [*found, checks.check_clock(visits)]


def _filled(app: BaseModel) -> dict[str, Any]:
    return {name: value for name in type(app).model_fields if (value := getattr(app, name)) and str(value)}


def _url(app: BaseModel) -> str:
    url: str = app.url  # type: ignore[attr-defined]  # every app has one, the repository's tests see to it
    return url


async def _mail(server: MailServer | None) -> list[Finding]:
    """Go to the mail server as far as the login; no letter is sent."""
    if server is None:
        return [checks.ok("mail", "not set up: nobody is told anything by e-mail")]
    try:
        await mail.greet(server, timeout=PATIENCE)
    except (RetryLater, ActionRequired) as error:
        return checks.check_mail(server, error)
    return checks.check_mail(server, None)


async def call(http: Http, slug: str, url: str) -> Visit:
    """Call a vendor's host without a credential; any answer is an answer."""
    host = urlsplit(url).hostname or url
    began, clock = dt.datetime.now(dt.UTC), time.monotonic()
    try:
        reply = await http.send("HEAD", url, repeatable=False, hopeless=lambda _: True)
    except RetryLater:
        return Visit(slug, host, None)
    seconds = time.monotonic() - clock
    middle = began + dt.timedelta(seconds=seconds / 2)
    return Visit(slug, host, seconds, checks.skew_of(reply.headers.get("date", ""), middle))
