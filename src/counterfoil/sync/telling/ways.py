"""The ways by which a message leaves: e-mail, a signed webhook, and whatever apprise knows.

Each raises `RetryLater` where the other side is not ready, and `ActionRequired` where it refuses or something is
missing. Trying again is safe: the message keeps its id.
"""

import datetime as dt
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from counterfoil.errors import ActionRequired, BadRequest, RetryLater
from counterfoil.lib import mail, outside, signing
from counterfoil.lib.http import Http, Reply
from counterfoil.store.channels import Target
from counterfoil.store.notices import Message
from counterfoil.sync.telling.letters import Written

# Services of apprise that talk to the machine it runs on.
_LOCAL: Final = frozenset({"dbus", "glib", "gnome", "kde", "macosx", "qt", "syslog", "windows"})


def import_apprise() -> Any:
    """Import apprise. Raises `ActionRequired` where it is not installed."""
    try:
        import apprise  # slow to import, and not everybody has it
    except ImportError as error:
        raise ActionRequired(
            "apprise_missing",
            "Apprise is not installed on this server.",
            remedy='Install it: pip install "counterfoil[apprise]". Then restart Counterfoil.',
        ) from error
    return apprise


@dataclass(frozen=True, slots=True)
class Outward:
    """What the ways need of the installation."""

    http: Http
    mail_server: mail.MailServer | None = None
    public_url: str | None = None
    private: bool = False  # addresses of our own network are meant
    resolve: outside.Resolve = outside.resolve
    apprise: Callable[[], Any] = import_apprise


async def by_email(outward: Outward, target: Target, message: Message, written: Written) -> None:
    """Send it as text and HTML. Its Message-ID is the message's own, so that a repeat is known as one."""
    if outward.mail_server is None:
        raise ActionRequired(
            "mail_missing", "No mail server is set.", remedy="Set COUNTERFOIL_SMTP_HOST, and restart Counterfoil."
        )
    letter = mail.Letter(target.address, written.subject, written.text, written.html, key=message.id)
    await mail.send(outward.mail_server, letter)


async def by_webhook(outward: Outward, target: Target, message: Message, written: Written) -> None:
    """Post it as JSON, signed. Only an answer of 2xx counts."""
    try:
        address = await outside.address_of(target.address, private=outward.private, resolve=outward.resolve)
    except BadRequest as error:
        raise ActionRequired("address_refused", str(error), remedy=error.remedy) from error
    headers = signing.headers(secrets_of(target), message.id, int(time.time()), written.json)
    reply = await outward.http.send(
        "POST", target.address, body=written.json, headers=headers, at=address, repeatable=False, patience=0.0
    )
    _judge(reply)


def secrets_of(target: Target) -> list[str]:
    """Give the secrets that sign: the present one, and for a day after a rotation the one before."""
    found = [target.secret or ""]
    if target.old_secret and target.old_until and dt.datetime.now(dt.UTC) < target.old_until:
        found.append(target.old_secret)
    return found


def _judge(reply: Reply) -> None:
    if reply.ok:
        return
    said = f"The receiver answered with the status {reply.status}."
    if reply.status >= 500 or reply.status in (408, 425):
        raise RetryLater(said, after=0)
    remedy = "Look at the receiver's log, mend it there, then send a test."
    if 300 <= reply.status < 400:
        remedy = "Webhooks follow no redirects: give the address that it leads to."
    raise ActionRequired("webhook_refused", said, remedy=remedy)


async def by_apprise(outward: Outward, target: Target, message: Message, written: Written) -> None:
    """Have apprise send the plain text; it says only whether that went well."""
    sender = await open_apprise(outward, target.address)
    if not await sender.async_notify(title=written.subject, body=written.text):
        raise RetryLater("The service did not take the message.", after=0)


async def open_apprise(outward: Outward, url: str) -> Any:
    """Give apprise's sender for a URL. Raises `ActionRequired` for one that it does not know, or that leads inside."""
    sender = outward.apprise().Apprise()
    if not sender.add(url):
        raise ActionRequired(
            "apprise_url", "Apprise does not know that URL.", remedy="See https://github.com/caronc/apprise/wiki."
        )
    if not outward.private:
        for service in sender:
            await _check_outside(outward, service)
    return sender


async def _check_outside(outward: Outward, service: Any) -> None:
    """Refuse what works on this machine itself, and a host that the URL names and that is one of our network.

    Apprise connects by itself: unlike a webhook, its request cannot be pinned to the address that was looked at here.
    """
    protocols = (service.protocol, service.secure_protocol)
    local = any(name in _LOCAL for one in protocols for name in ((one,) if isinstance(one, str) else one or ()))
    if any("{host}" in template for template in service.templates):
        try:
            found = await outward.resolve(str(service.host), service.port or 443)
        except RetryLater:
            found = []  # no host but a topic or a key; and what nobody knows leads nowhere
        local = local or any(not outside.is_outside(address) for address in found)
    if local:
        raise ActionRequired(
            "address_refused",
            "That leads into the network of this server.",
            remedy="Use a service on the internet, or set COUNTERFOIL_PRIVATE_WEBHOOKS=true if that is meant.",
        )


Way = Callable[[Outward, Target, Message, Written], Awaitable[None]]
WAYS: Final[Mapping[str, Way]] = {"email": by_email, "webhook": by_webhook, "apprise": by_apprise}
