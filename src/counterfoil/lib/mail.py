"""Sends e-mail by SMTP; a refusal says whether waiting helps or a person must act."""

import asyncio
import re
import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, localtime, parseaddr
from enum import Enum
from typing import Final

from counterfoil.errors import ActionRequired, BadRequest, RetryLater
from counterfoil.lib.ids import new_id

_ADDRESS: Final = re.compile(r"[^\s@,;<>]+@[^\s@,;<>]+\.[^\s@,;<>]+")
_TIMEOUT: Final = 20.0  # seconds for each answer of the server
_SAID: Final = 200  # characters of the server's answer that are shown


class Tls(Enum):
    """How the way to the mail server is protected."""

    STARTTLS = "starttls"  # begins in clear, and goes on only once it is encrypted
    TLS = "tls"  # encrypted from the first byte
    NONE = "none"  # for a server on the same machine


PORTS: Final = {Tls.STARTTLS: 587, Tls.TLS: 465, Tls.NONE: 25}


@dataclass(frozen=True, slots=True)
class MailServer:
    """The server that takes our letters, and the name in which they are written."""

    host: str
    sender: str  # "Counterfoil <counterfoil@example.org>", or the address alone
    port: int
    tls: Tls = Tls.STARTTLS
    user: str | None = None
    password: str | None = None

    def __repr__(self) -> str:
        return f"MailServer({self.host}:{self.port})"  # a traceback may show it


@dataclass(frozen=True, slots=True)
class Letter:
    """One e-mail to one person. A repeat with the same `key` is the same letter to mail programs (its Message-ID)."""

    to: str
    subject: str
    text: str
    html: str | None = None
    key: str = ""


def read_address(text: str) -> str:
    """Read an e-mail address as people type it, in lower case. Raises `BadRequest`."""
    found = text.strip().lower()
    if len(found) > 254 or not _ADDRESS.fullmatch(found):
        raise BadRequest("That is no e-mail address.", remedy="Write it like ada@example.com.")
    return found


async def send(server: MailServer, letter: Letter, *, context: ssl.SSLContext | None = None) -> None:
    """Hand a letter to the server. Without a `context` its certificate is checked as the system does.

    Raises `RetryLater` where the server is away or busy, with an unknown fate once the letter may have been taken;
    `ActionRequired` where it refuses the login, the encryption or the letter itself.
    """
    message = _written(server, letter)

    def deliver(smtp: smtplib.SMTP) -> None:
        smtp.send_message(message)

    await _visit(server, deliver, context, _TIMEOUT)


async def greet(server: MailServer, *, timeout: float = _TIMEOUT) -> None:
    """Go to the server as if with a letter, as far as the login, and leave again. Raises what `send` raises."""
    await _visit(server, smtplib.SMTP.ehlo_or_helo_if_needed, None, timeout)


async def _visit(
    server: MailServer, act: Callable[[smtplib.SMTP], None], context: ssl.SSLContext | None, timeout: float
) -> None:
    try:
        await asyncio.to_thread(_signed_in, server, act, context or ssl.create_default_context(), timeout)
    except smtplib.SMTPException as error:
        raise _named(server, error) from error
    except ssl.SSLError as error:
        raise ActionRequired(
            "mail_encryption",
            f"The mail server {server.host} cannot be reached by an encrypted way: {error.reason or 'it failed'}.",
            remedy="Check COUNTERFOIL_SMTP_TLS and COUNTERFOIL_SMTP_PORT, and the server's certificate.",
        ) from error
    except OSError as error:
        raise RetryLater(f"The mail server {server.host} cannot be reached.", after=60, fate_unknown=True) from error


def _written(server: MailServer, letter: Letter) -> EmailMessage:
    domain = parseaddr(server.sender)[1].rpartition("@")[2] or "localhost"
    message = EmailMessage(policy=SMTP)
    message["From"] = server.sender
    message["To"] = letter.to
    message["Subject"] = " ".join(letter.subject.split())  # a line break would begin another header
    message["Date"] = format_datetime(localtime())
    message["Message-ID"] = f"<{letter.key or new_id()}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"  # https://www.rfc-editor.org/rfc/rfc3834: no out-of-office answers
    message.set_content(letter.text)
    if letter.html is not None:
        message.add_alternative(letter.html, subtype="html")
    return message


def _signed_in(
    server: MailServer, act: Callable[[smtplib.SMTP], None], context: ssl.SSLContext, timeout: float
) -> None:
    # We greet with our domain: asking the resolver for this machine's name can take as long as the delivery.
    name = parseaddr(server.sender)[1].rpartition("@")[2] or "localhost"
    smtp: smtplib.SMTP
    if server.tls is Tls.TLS:
        smtp = smtplib.SMTP_SSL(server.host, server.port, name, timeout=timeout, context=context)
    else:
        smtp = smtplib.SMTP(server.host, server.port, name, timeout=timeout)
    with smtp:
        if server.tls is Tls.STARTTLS:
            smtp.starttls(context=context)
        if server.user is not None:
            smtp.login(server.user, server.password or "")
        act(smtp)


def _named(server: MailServer, error: smtplib.SMTPException) -> RetryLater | ActionRequired:
    """Name a fault by what must happen next: https://www.rfc-editor.org/rfc/rfc5321#section-4.2.1."""
    where = f"The mail server {server.host}"
    code: int
    text: bytes | str
    match error:
        case smtplib.SMTPServerDisconnected():
            return RetryLater(f"{where} hung up.", after=60, fate_unknown=True)
        case smtplib.SMTPNotSupportedError():
            return ActionRequired(
                "mail_encryption",
                f"{where} does not offer what the settings ask for: {error}",
                remedy="Check COUNTERFOIL_SMTP_TLS, COUNTERFOIL_SMTP_PORT and COUNTERFOIL_SMTP_USER.",
            )
        case smtplib.SMTPAuthenticationError(smtp_code=code) if code >= 500:
            return ActionRequired(
                "mail_login",
                f"{where} refuses the login ({_said(code, error.smtp_error)}).",
                remedy="Check COUNTERFOIL_SMTP_USER and COUNTERFOIL_SMTP_PASSWORD.",
            )
        case smtplib.SMTPConnectError(smtp_code=code) | smtplib.SMTPHeloError(smtp_code=code) if code >= 500:
            return ActionRequired(
                "mail_refused",
                f"{where} does not let this machine in ({_said(code, error.smtp_error)}).",
                remedy="Check COUNTERFOIL_SMTP_HOST and COUNTERFOIL_SMTP_PORT, or ask whoever runs that server.",
            )
        case smtplib.SMTPRecipientsRefused():
            code, text = next(iter(error.recipients.values()))
        case smtplib.SMTPResponseException():
            code, text = error.smtp_code, error.smtp_error
        case _:
            code, text = -1, ""
    if code < 200:  # smtplib's own word for an answer without a code is -1
        return RetryLater(f"{where} answered with something that is not SMTP.", after=300)
    said = _said(code, text)
    if code < 500:
        return RetryLater(f"{where} asks to try later ({said}).", after=300)
    return ActionRequired(
        "mail_refused",
        f"{where} refuses the letter ({said}).",
        remedy="Check the address, and that the server may send as COUNTERFOIL_SMTP_FROM.",
    )


def _said(code: int, text: bytes | str) -> str:
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return f"{code} {' '.join(words.split())}"[:_SAID]
