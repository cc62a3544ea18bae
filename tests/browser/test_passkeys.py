"""Passkeys in a real browser, whose device is a virtual one."""

import asyncio
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect

from browser import looks
from web.site import PASSWORD, site


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Serve a product that its owner has claimed, under a name: browsers make no passkeys for a number."""
    loop, stop, ready = asyncio.new_event_loop(), asyncio.Event(), threading.Event()
    door = socket.create_server(("127.0.0.1", 0))

    async def run() -> None:
        async with site(tmp_path) as started:
            await started.owner()
            server = uvicorn.Server(uvicorn.Config(started.app, lifespan="off", log_level="critical"))
            serving = asyncio.create_task(server.serve([door]))
            ready.set()
            await stop.wait()
            server.should_exit = True
            await serving

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), name="served")
    thread.start()
    try:
        assert ready.wait(60)
        yield f"http://localhost:{door.getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
        door.close()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """Give a page with a device that knows its user's finger."""
    with closing(browser.new_context(base_url=address)) as context:
        page = context.new_page()
        device = context.new_cdp_session(page)
        device.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        device.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        page.set_default_timeout(10_000)
        yield page


def test_a_passkey_is_added_and_signs_in(page: Page, tmp_path: Path) -> None:
    page.goto("/sign-in")
    page.get_by_label("E-mail address").fill("ada@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page).to_have_url(re.compile(r"\d/$"))
    page.goto("/account")
    page.get_by_text("Add a passkey").first.click()
    form = page.locator("form[data-passkey]")
    form.get_by_label("Name").fill("Laptop")
    form.get_by_label("Current password").fill("not the password")
    form.get_by_role("button", name="Add a passkey").click()
    expect(form.get_by_role("status")).to_contain_text("not your current password")
    form.get_by_label("Current password").fill(PASSWORD)
    form.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_text("The passkey Laptop is added")).to_be_visible()
    assert list(looks.look(page, tmp_path, "account")) == []
    looks.plainly(page)
    page.get_by_role("button", name="Sign out").first.click()
    expect(page).to_have_url(re.compile("/sign-in$"))
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page).to_have_url(re.compile(r"\d/$"))
