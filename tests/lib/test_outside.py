"""Where addresses that users name may lead, and that nobody can lead us elsewhere between the look and the call."""

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.errors import BadRequest, RetryLater
from counterfoil.lib.http import Http
from counterfoil.lib.outside import address_of, is_outside, resolve

pytestmark = pytest.mark.anyio
HOOK = "https://hooks.example.org/in"


def known_as(*addresses: str) -> Callable[[str, int], Awaitable[list[str]]]:
    async def answer(_host: str, _port: int) -> list[str]:
        return list(addresses)

    return answer


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fd00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "2002:7f00:1::",
        "64:ff9b::a00:1",
        "2001:0:c000:204::",
    ],
)
def test_addresses_of_our_own_network_are_not_outside(address: str) -> None:
    assert not is_outside(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700::1111", "::ffff:93.184.216.34", "64:ff9b::5db8:d822"])
def test_addresses_of_the_internet_are(address: str) -> None:
    assert is_outside(address)


@given(st.ip_addresses(v=4))
def test_every_way_to_write_an_address_of_ipv4_is_judged_alike(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    written = (f"::ffff:{address}", str(ipaddress.IPv6Address(0x2002 << 112 | number << 80)))
    assert {is_outside(one) for one in written} == {is_outside(str(address))}


async def test_one_private_address_among_others_is_enough_to_refuse() -> None:
    with pytest.raises(BadRequest) as refused:
        await address_of(HOOK, private=False, resolve=known_as("93.184.216.34", "10.0.0.5"))
    assert "COUNTERFOIL_PRIVATE_WEBHOOKS" in refused.value.remedy
    assert await address_of(HOOK, private=True, resolve=known_as("10.0.0.5")) == "10.0.0.5"


@pytest.mark.parametrize("url", ["http://hooks.example.org/", "http://93.184.216.34/"])
async def test_nothing_is_sent_in_clear(url: str) -> None:
    with pytest.raises(BadRequest, match="not encrypted"):
        await address_of(url, private=False, resolve=known_as("93.184.216.34"))


@pytest.mark.parametrize(
    "url",
    ["", "hooks.example.org", "ftp://x.org/", "https://", "https://u:p@x.org/", "https://[::1", "https://x\n.org"],
)
async def test_what_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(BadRequest, match="no web address"):
        await address_of(url, private=True, resolve=known_as("93.184.216.34"))


async def test_a_number_in_another_notation_is_still_our_own_machine() -> None:
    with pytest.raises(BadRequest):
        await address_of("https://2130706433/", private=False)


async def test_a_name_that_nobody_knows_is_asked_for_later() -> None:
    with pytest.raises(RetryLater):
        await resolve("nowhere.invalid", 443)


async def test_a_pinned_request_goes_to_the_address_and_names_the_host() -> None:
    seen: list[httpx2.Request] = []

    async def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(200)

    http = Http(transport=httpx2.MockTransport(answer))
    await http.send("POST", "https://hooks.example.org:8443/in?x=1", body=b"{}", at="93.184.216.34")
    await http.aclose()
    [request] = seen
    assert str(request.url) == "https://93.184.216.34:8443/in?x=1"
    assert request.headers["host"] == "hooks.example.org:8443"
    assert request.extensions["sni_hostname"] == "hooks.example.org"


@pytest.fixture
async def door() -> AsyncIterator[int]:
    """Give the port of a server that answers every request with the host that it was asked for."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        host = next(line for line in head.splitlines() if line.lower().startswith("host:"))
        writer.write(f"HTTP/1.1 200 OK\r\ncontent-length: {len(host)}\r\n\r\n{host}".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


async def test_a_pinned_request_asks_no_resolver(door: int) -> None:
    http = Http()
    reply = await http.send("POST", f"http://nowhere.invalid:{door}/", body=b"{}", at="127.0.0.1")
    await http.aclose()
    assert reply.body.decode().lower() == f"host: nowhere.invalid:{door}"
