"""A real mail server for the tests: it keeps what it is given, and refuses what it is told to."""

import asyncio
import datetime as dt
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from counterfoil.lib.mail import MailServer, Tls


@dataclass
class Postbox:
    """What has arrived; `answers` are given to the next letters in place of taking them."""

    letters: list[EmailMessage] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    server: MailServer = field(init=False)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        if self.answers:
            return self.answers.pop(0)
        self.letters.append(message_from_bytes(cast(bytes, envelope.content), policy=default))
        return "250 taken"

    def text(self, nth: int = -1) -> str:
        """Give a letter's plain text."""
        body = self.letters[nth].get_body(("plain",))
        assert body is not None
        return str(body.get_content())


@contextmanager
def postbox(
    tls: Tls = Tls.NONE, *, context: ssl.SSLContext | None = None, login: tuple[str, str] | None = None
) -> Iterator[Postbox]:
    """Run a mail server on a free port; with a `login` it takes nothing without it."""
    box = Postbox()
    options: dict[str, Any] = {"hostname": "postbox.test"}
    if tls is Tls.STARTTLS:
        options |= {"tls_context": context, "require_starttls": True}
    if login is not None:
        options |= {"authenticator": _checks(login), "auth_required": True, "auth_require_tls": False}
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def listen() -> asyncio.Server:
        encrypted = context if tls is Tls.TLS else None
        return await loop.create_server(lambda: SMTP(box, loop=loop, **options), "127.0.0.1", 0, ssl=encrypted)

    server = asyncio.run_coroutine_threadsafe(listen(), loop).result()
    user, password = login or (None, None)
    port = server.sockets[0].getsockname()[1]
    box.server = MailServer("127.0.0.1", "Counterfoil <counterfoil@postbox.test>", port, tls, user, password)
    try:
        yield box
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _checks(login: tuple[str, str]) -> Any:
    def check(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: Any) -> AuthResult:
        wanted = tuple(part.encode() for part in login)
        return AuthResult(success=(given.login, given.password) == wanted, handled=False)

    return check


def certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Make a certificate of 127.0.0.1; give the server's context, and one that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "postbox.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    serves = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serves.load_cert_chain(pem)
    return serves, ssl.create_default_context(cadata=signed.public_bytes(serialization.Encoding.PEM).decode())
