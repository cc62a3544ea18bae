"""The emulated vendors' consent pages, a product that is registered there, and a person who goes through them."""

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import httpx2

from counterfoil.config import app_settings
from counterfoil.demo import vendors
from counterfoil.destinations import airtable, google_sheets, notion
from counterfoil.destinations.airtable import sandbox as airtable_sandbox
from counterfoil.destinations.google_sheets import sandbox as google_sandbox
from counterfoil.destinations.notion import sandbox as notion_sandbox
from counterfoil.ports import DestinationSpec
from counterfoil.sandbox.kit import Emulator
from counterfoil.sandbox.server import serving
from counterfoil.store import destinations, workspaces
from counterfoil.store.destinations import Destination
from web.site import Browser, Site, site

HOME = "http://counterfoil.test"
SPECS: Mapping[str, DestinationSpec] = {spec.slug: spec for spec in (notion.SPEC, airtable.SPEC, google_sheets.SPEC)}
KINDS = tuple(SPECS)


@dataclass
class Vendors:
    """The emulators by kind, and the settings that the product reaches them with."""

    emulators: Mapping[str, Emulator]
    environ: Mapping[str, str]


@contextmanager
def consent_vendors() -> Iterator[Vendors]:
    """Serve the vendors that have a consent page."""
    made = {"notion": notion_sandbox, "airtable": airtable_sandbox, "google_sheets": google_sandbox}
    emulators = {kind: module.emulator() for kind, module in made.items()}
    for emulator in emulators.values():
        emulator.limits.scale = None
    with serving(*emulators.values()) as served:
        yield Vendors(emulators, vendors.registrations(vendors.credentials(served)))


@asynccontextmanager
async def registered(folder: Path, environ: Mapping[str, str], **chosen: Any) -> AsyncIterator[Site]:
    """Run a product with the vendors' kinds, registered as the environment says."""
    kinds = [(spec, app_settings(spec.app, spec.env, environ)) for spec in SPECS.values()]
    async with site(folder, kinds=kinds, **chosen) as running:
        yield running


async def begun(browser: Browser, action: str) -> str:
    """Begin a consent on the page that is open, and give the address of the vendor's page."""
    await browser.submit(action)
    assert browser.status == 200, browser.text
    found = re.search(r'href="(http://127[^"]+)"', browser.page)
    assert found is not None, browser.text
    return unescape(found[1])


def answered(address: str, outcome: str = "allow", ticked: list[str] | None = None, home: str = HOME) -> str:
    """Look at the vendor's page, tick there what is offered (or what is given), and give the way back."""
    page = httpx2.get(address)
    assert page.status_code == 200, page.text
    offered = re.findall(r'name=ticked value="([^"]+)"', page.text)
    chosen = {"outcome": outcome, "ticked": offered if ticked is None else ticked}
    back: str = httpx2.post(address, data=chosen).headers["location"]
    assert back.startswith(f"{home}/destinations/consent/callback?")
    return back.removeprefix(home)


async def consented(browser: Browser, kind: str) -> None:
    """Go through the wizard's consent page to a destination."""
    await browser.open(f"/destinations/new/{kind}")
    await browser.open(answered(await begun(browser, f"/destinations/new/{kind}/consent")))
    await browser.submit(browser.path)
    assert browser.path.endswith("/tables"), browser.text


async def places(site: Site) -> list[Destination]:
    """Give the destinations of the first workspace."""
    workspace = await site.product.db.read(workspaces.first)
    return await site.product.db.read(destinations.of_workspace, workspace.id)
