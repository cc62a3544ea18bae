"""Addresses that users name: where they lead is looked up once, and never into the server's own network."""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import urlsplit

from counterfoil.errors import BadRequest, RetryLater

# (host, port) -> its network addresses
Resolve = Callable[[str, int], Awaitable[list[str]]]
_EMBEDS: Final = (
    ipaddress.ip_network("64:ff9b::/96"),  # NAT64: the last 32 bits are an address of IPv4
    ipaddress.ip_network("64:ff9b:1::/48"),  # the same, within a network
)


async def resolve(host: str, port: int) -> list[str]:
    """Ask the resolver. Raises `RetryLater`."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise RetryLater(f"Nobody knows the address of {host}.", after=60) from error
    return [str(place[4][0]) for place in found]


async def address_of(url: str, *, private: bool, resolve: Resolve = resolve) -> str:
    """Give the network address to send to, looked up just now: whoever connects by it is not sent elsewhere.

    Raises `BadRequest` for what is no web address, and unless `private` addresses are allowed for one without
    encryption and for one of our own network; `RetryLater` where the name is not known at the moment.
    """
    host, port, scheme = read(url)
    if scheme != "https" and not private:
        raise BadRequest("The address is not encrypted.", remedy="Use one that begins with https://.")
    found = await resolve(host, port)
    if not private and any(not is_outside(address) for address in found):
        raise BadRequest(
            f"{host} is in the network of this server.",
            remedy="Use an address on the internet, or set COUNTERFOIL_PRIVATE_WEBHOOKS=true if that is meant.",
        )
    return found[0]


def read(url: str) -> tuple[str, int, str]:
    """Give host, port and scheme of a web address. Raises `BadRequest`."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.scheme not in ("http", "https") or parts.username is not None or not url.isprintable():
        raise BadRequest("That is no web address.", remedy="Write it like https://example.com/hook.")
    return host, port or (443 if parts.scheme == "https" else 80), parts.scheme


def is_outside(address: str) -> bool:
    """Say whether an address is one of the internet: not of this machine, of a private network, or of none."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo else None)
        if inner is not None:
            return is_outside(str(inner))
        if any(found in network for network in _EMBEDS):
            return is_outside(str(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)))
    return found.is_global and not found.is_multicast
