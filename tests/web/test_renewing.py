"""Tokens that rotate, where a destination is opened several times: a sync at work, and a person at its page."""

import asyncio

import pytest

from counterfoil.ports import Destination
from web.site import Site
from web.vendor_pages import Vendors, consented, places

pytestmark = pytest.mark.anyio
KINDS = ("airtable", "notion")


def expire(there: Vendors, kind: str) -> None:
    """Let the access tokens run out at the vendor."""
    emulator = there.emulators[kind]
    if kind == "airtable":
        emulator.clock.advance(7200)
    else:
        emulator.actions["revoke"]({})
    emulator.faults.calls.clear()


def renewals(there: Vendors, kind: str) -> int:
    return sum(call.path.endswith("/token") for call in there.emulators[kind].faults.calls)


async def opened(known: Site, count: int) -> list[Destination]:
    """Open the one destination several times, each time as another process would."""
    [place] = await places(known)
    return [await known.product.doors.destination(place) for _ in range(count)]


@pytest.mark.parametrize("kind", KINDS)
async def test_two_who_find_a_token_refused_at_the_same_moment_renew_it_once(
    known: Site, there: Vendors, kind: str
) -> None:
    await consented(await known.owner(), kind)
    first, second = await opened(known, 2)
    expire(there, kind)
    one, other = await asyncio.gather(first.check(), second.check())
    assert one == other
    assert renewals(there, kind) == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_who_opened_it_before_a_renewal_goes_on_with_the_new_token(
    known: Site, there: Vendors, kind: str
) -> None:
    await consented(await known.owner(), kind)
    first, second = await opened(known, 2)
    expire(there, kind)
    await first.check()
    await second.check()
    assert renewals(there, kind) == 1
    expire(there, kind)
    await second.check()
    await first.check()
    assert renewals(there, kind) == 1
