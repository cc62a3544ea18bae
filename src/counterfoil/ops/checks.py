"""What a doctor concludes from what was measured: pure, one function per check."""

import datetime as dt
import ipaddress
import smtplib
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from counterfoil.errors import ActionRequired, RetryLater
from counterfoil.lib.mail import MailServer, Tls
from counterfoil.store.sealed import Census

MEGABYTE: Final = 1_000_000
LITTLE_SPACE: Final = 1_000 * MEGABYTE
NO_SPACE: Final = 100 * MEGABYTE
SKEW: Final = 60.0  # seconds; vendors and we refuse webhooks whose time is off by minutes


class Verdict(StrEnum):
    """How a check ended."""

    OK = "ok"
    ATTENTION = "attention"  # it works, but worse than it could, or not for long
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check has found; a remedy where there is something to do."""

    check: str
    verdict: Verdict
    text: str
    remedy: str = ""


def ok(check: str, text: str) -> Finding:
    return Finding(check, Verdict.OK, text)


def attention(check: str, text: str, remedy: str) -> Finding:
    return Finding(check, Verdict.ATTENTION, text, remedy)


def broken(check: str, text: str, remedy: str) -> Finding:
    return Finding(check, Verdict.BROKEN, text, remedy)


# --- settings ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the settings say, as far as it can be contradictory."""

    current_key: str | None  # its id; None where the key is kept in the data directory
    old_keys: tuple[str, ...]  # their ids
    key_file: str | None  # the id of the key in the data directory
    on_postgres: bool
    store_file: bool  # there is a SQLite database in the data directory
    proxies: tuple[str, ...]


def check_settings(chosen: Chosen) -> list[Finding]:
    """Look for settings that contradict one another, or what lies in the data directory."""
    found: list[Finding] = []
    current = chosen.current_key or chosen.key_file
    if current is not None and current in chosen.old_keys:
        found.append(
            attention(
                "settings",
                "COUNTERFOIL_OLD_SECRET_KEYS holds the current key too.",
                "Leave it out there; it is known anyway.",
            )
        )
    if chosen.current_key and chosen.key_file and chosen.key_file not in (chosen.current_key, *chosen.old_keys):
        found.append(
            attention(
                "settings",
                "COUNTERFOIL_SECRET_KEY is used, and secret.key in the data directory holds another key.",
                "If something cannot be opened, set COUNTERFOIL_OLD_SECRET_KEYS_FILE to that file, and run: "
                "counterfoil rotate-keys",
            )
        )
    if chosen.on_postgres and chosen.store_file:
        found.append(
            attention(
                "settings",
                "COUNTERFOIL_DATABASE_URL is used, and the data directory holds a SQLite database that is not.",
                "If that was not meant, unset COUNTERFOIL_DATABASE_URL; else move counterfoil.db and engine.db away.",
            )
        )
    if "*" in chosen.proxies:
        found.append(
            attention(
                "settings",
                "COUNTERFOIL_TRUSTED_PROXIES trusts everybody: any visitor can claim to be at another address.",
                "Name the proxy's address or network, unless nobody else can reach this port.",
            )
        )
    return found or [ok("settings", "every name is known, and none contradicts another")]


def check_app(slug: str, given: Mapping[str, str], prefix: str) -> list[Finding]:
    """Look whether a vendor's host is an address, and our registration there whole; `given` are the filled fields."""
    found: list[Finding] = []
    where = urlsplit(given.get("url", ""))
    if where.scheme not in ("http", "https") or not where.hostname:
        found.append(
            broken(
                slug, f"{prefix}URL is no address.", "Write https://host, or leave it out for the vendor's own host."
            )
        )
    for secret in ("secret", "client_secret"):
        if secret in given and "client_id" not in given:
            text = f"{prefix}{secret.upper()} is set without the id that it belongs to."
            found.append(attention(slug, text, f"Set {prefix}CLIENT_ID too, or leave both out."))
    return found


def check_consent(slug: str, public_url: str | None) -> list[Finding]:
    """Look whether a vendor at which we are registered can send people back to us from its consent page."""
    if public_url is not None:
        return []
    text = "registered for its consent page, which has no address to come back to: people must give keys."
    remedy = "Set COUNTERFOIL_PUBLIC_URL, and register <that>/destinations/consent/callback as its redirect address."
    return [attention(slug, text, remedy)]


# --- the machine -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Folder:
    """What the file system says of the data directory."""

    path: str
    exists: bool
    writable: bool
    mode: int  # permission bits; of the nearest parent where there is none yet
    free: int  # bytes
    key_mode: int | None  # of secret.key


def check_folder(folder: Folder) -> list[Finding]:
    """Look whether the directory can be written, by whom it can be read, and how much room is left."""
    if not folder.writable:
        return [
            broken(
                "data directory",
                f"{folder.path} cannot be written by this user.",
                "Give this user write permission there, or choose another with COUNTERFOIL_DATA_DIR.",
            )
        ]
    room = f"{folder.free / MEGABYTE:,.0f} MB free"
    found: list[Finding] = []
    if folder.free < LITTLE_SPACE:
        judge = broken if folder.free < NO_SPACE else attention
        found.append(
            judge("data directory", f"{folder.path} has only {room}.", "Make room, or move it to a larger disk.")
        )
    if folder.exists and folder.mode & 0o077:
        found.append(attention("data directory", f"{folder.path} is open to other users.", f"chmod 700 {folder.path}"))
    if folder.key_mode is not None and folder.key_mode & 0o077:
        found.append(
            attention("secret key", "secret.key is open to other users.", f"chmod 600 {folder.path}/secret.key")
        )
    state = "" if folder.exists else ", made at the first start"
    return found or [ok("data directory", f"{folder.path}{state}, {room}")]


def check_sqlite(library: tuple[int, ...], mode: str | None, safe: tuple[int, ...]) -> Finding:
    """Look whether the SQLite library is safe in WAL mode, and the database in that mode; None before it is made."""
    version = ".".join(map(str, library))
    if library < safe:
        return attention(
            "sqlite",
            f"SQLite {version} is not safe in its fast mode, so the slower journal is used.",
            f"Install the package pysqlite3, or a system library of {'.'.join(map(str, safe))} or later.",
        )
    if mode not in (None, "wal"):
        return attention("sqlite", f"SQLite {version}, journal {mode}.", "Restart Counterfoil: it puts that right.")
    return ok("sqlite", f"SQLite {version}, journal {mode or 'wal, once it is made'}")


def check_schema(where: str, standing: str | None, newest: str) -> Finding:
    """Compare the database's schema with the one that this version works with."""
    if standing is not None and standing > newest:
        return broken(
            "database",
            f"{where} was brought to schema {standing} by a newer version; this one knows {newest}.",
            "Install the newer version again, or restore the backup made before the upgrade.",
        )
    if standing is None:
        return ok("database", f"{where}, empty; its schema is made at the first start")
    if standing < newest:
        return attention(
            "database",
            f"{where} has schema {standing}, and this version works with {newest}.",
            "Make a backup (counterfoil backup), and start Counterfoil: it brings the schema up to date.",
        )
    return ok("database", f"{where}, schema {standing}")


def check_keys(census: Census, current: str, old: Sequence[str]) -> list[Finding]:
    """Look whether every stored credential can be opened, and which keys are still needed."""
    if census.shut:
        return [
            broken(
                "secret key",
                f"{len(census.shut)} stored credentials cannot be opened; the first: {census.shut[0]}",
                "Set COUNTERFOIL_SECRET_KEY or COUNTERFOIL_OLD_SECRET_KEYS to the key they were encrypted with; where "
                "it is lost, connect again what they belong to.",
            )
        ]
    stale = sum(count for key, count in census.keys.items() if key != current)
    if stale:
        return [
            attention("secret key", f"{stale} credentials are encrypted with an old key.", "counterfoil rotate-keys")
        ]
    unused = [key for key in old if key != current]
    if unused:
        return [
            attention(
                "secret key",
                f"no old key is needed any more ({', '.join(unused)}).",
                "Take them out of COUNTERFOIL_OLD_SECRET_KEYS.",
            )
        ]
    return [ok("secret key", f"opens all {census.keys.total()} stored credentials")]


# --- vendors -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Visit:
    """What came of calling a vendor's host."""

    slug: str
    host: str
    seconds: float | None  # until it answered; None where it did not
    skew: float | None = None  # seconds that our clock is ahead of the vendor's


def check_host(visit: Visit) -> Finding:
    """Look whether a vendor answers."""
    if visit.seconds is None:
        return broken(
            visit.slug,
            f"{visit.host} cannot be reached.",
            "Check the network, DNS, a firewall, HTTPS_PROXY, and the vendor's status page.",
        )
    return ok(visit.slug, f"{visit.host} answers in {visit.seconds * 1000:.0f} ms")


def check_clock(visits: Sequence[Visit]) -> Finding:
    """Compare our clock with the vendors': the middle one, since one of them may be wrong."""
    skews = sorted(visit.skew for visit in visits if visit.skew is not None)
    if not skews:
        return ok("clock", "not compared: no vendor has told the time")
    skew = skews[len(skews) // 2]
    if abs(skew) > SKEW:
        return broken(
            "clock",
            f"the clock here is {abs(skew):.0f} s {'ahead' if skew > 0 else 'behind'}; webhooks would be refused.",
            "Set the clock by NTP: timedatectl set-ntp true",
        )
    return ok("clock", f"within {max(1.0, abs(skew)):.0f} s of the vendors'")


def check_webhook(slug: str, url: str | None, vendor_url: str) -> Finding | None:
    """Look whether a vendor can possibly reach the address that it is told; None where a local emulator is told it."""
    if _is_local(urlsplit(vendor_url).hostname or ""):
        return None
    check = f"{slug} webhook"
    if not url:
        return ok(check, "no webhook address: news come by the schedule, not at once")
    where, remedy = urlsplit(url), f"It should be https://<this installation's name>/webhooks/{slug}."
    faults = [
        text
        for text, is_so in (
            ("is not https", where.scheme != "https"),
            ("names no host that the internet knows", _is_local(where.hostname or "")),
            (f"does not end with /webhooks/{slug}", where.path.rstrip("/") != f"/webhooks/{slug}"),
        )
        if is_so
    ]
    if faults:
        return broken(check, f"the webhook address {', '.join(faults)}.", remedy)
    return ok(check, f"webhooks are expected at {where.hostname}")


# --- e-mail ------------------------------------------------------------------------------------------------

_HOST_AND_PORT: Final = "COUNTERFOIL_SMTP_HOST and COUNTERFOIL_SMTP_PORT"


def check_mail(server: MailServer, fault: RetryLater | ActionRequired | None) -> list[Finding]:
    """Judge a visit to the mail server, which got as far as the login, and what the settings say of the way there."""
    if fault is not None:
        return [broken("mail", str(fault), _mail_remedy(server, fault))]
    way = {Tls.STARTTLS: "encrypted (STARTTLS)", Tls.TLS: "encrypted (TLS)", Tls.NONE: "not encrypted"}[server.tls]
    what = "answers" if server.user is None else "takes the login"
    found = [ok("mail", f"{server.host}, port {server.port}, {what}; the way there is {way}")]
    if server.tls is Tls.NONE and not _is_local(server.host):
        text = f"letters go to {server.host} in clear{'' if server.user is None else ', and so does the password'}."
        found.append(attention("mail", text, "Set COUNTERFOIL_SMTP_TLS to starttls or tls."))
    if server.password is not None and server.user is None:
        text = "COUNTERFOIL_SMTP_PASSWORD is set, and no login that it belongs to: it is not used."
        found.append(attention("mail", text, "Set COUNTERFOIL_SMTP_USER too, or leave both out."))
    return found


def _mail_remedy(server: MailServer, fault: RetryLater | ActionRequired) -> str:
    if isinstance(fault, ActionRequired):
        return fault.remedy
    match fault.__cause__:
        case socket.gaierror():
            return "No machine has this name here: check COUNTERFOIL_SMTP_HOST."
        case ConnectionRefusedError():
            return f"Nothing listens there: check {_HOST_AND_PORT}, and that the mail server runs."
        case smtplib.SMTPServerDisconnected() if server.tls is not Tls.TLS:
            return "If it is encrypted from the first byte (port 465), set COUNTERFOIL_SMTP_TLS=tls; else see its log."
        case smtplib.SMTPResponseException(smtp_code=code) if code >= 400:
            return "Run the doctor again in some minutes; if it stays so, ask whoever runs that server."
        case smtplib.SMTPException():
            return f"Check {_HOST_AND_PORT}: another service may answer there."
    return f"Check {_HOST_AND_PORT}, and that no firewall stands between: many hosters close port 25."


def _is_local(host: str) -> bool:
    if not host or host == "localhost" or host.endswith((".localhost", ".local", ".internal", ".lan")):
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host


def skew_of(date: str, now: dt.datetime) -> float | None:
    """Give the seconds that `now` is ahead of a Date header, None where that cannot be read."""
    try:
        theirs = parsedate_to_datetime(date)
        return (now - theirs).total_seconds() - 0.5  # the header has whole seconds, the rest cut off
    except (ValueError, TypeError):  # not a date; one without a zone
        return None
