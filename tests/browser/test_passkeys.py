"""Passkeys in a real browser, whose device is a virtual one."""

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from browser import looks
from browser.alone import served, sign_in
from web.site import PASSWORD


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    with served(tmp_path, lambda started: started.owner()) as address:
        yield address


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
    sign_in(page)
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
