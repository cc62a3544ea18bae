"""A person at a browser: reads what the page says, fills in what it asks, presses what it offers."""

import re
from pathlib import Path

from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, expect

PATIENCE = 60_000.0  # milliseconds for a condition to come true, on however busy a machine
_REFUSED = "Failed to load resource"  # what Chromium says of any answer from 400 on: pages that refuse a form are fine


class Person:
    """One tab of a browser that looks at the product."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        context.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        self.url = url
        self.complaints: list[str] = []
        self.page = self._watched(context.new_page())

    def _watched(self, page: Page) -> Page:
        """Note what the browser complains about: a broken script, something that the security policy forbids."""
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        page.on("console", self._note)
        return page

    def _note(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith(_REFUSED):
            self.complaints.append(f"{self.page.url}: {message.text}")

    # --- doing ---

    def open(self, path: str) -> int:
        """Go to an address of the product; give the status of the answer."""
        answer = self.page.goto(self.url + path)
        assert answer is not None
        return answer.status

    def follow(self, name: str, *, within: Locator | None = None) -> None:
        """Follow a link, the first of that name."""
        (within or self.page.locator("#page")).get_by_role("link", name=name, exact=True).first.click()
        self.page.wait_for_load_state()

    def press(self, name: str) -> None:
        """Press a button, the first of that name, and wait for the page that it leads to."""
        with self.page.expect_navigation():
            self.page.locator("#page").get_by_role("button", name=name, exact=True).first.click()

    def unfold(self, name: str) -> None:
        """Open what is folded under a name: a menu, a question, a table."""
        self.page.locator("summary", has_text=re.compile(rf"^\s*{re.escape(name)}\s*$")).first.click()

    def fill(self, label: str, text: str) -> None:
        """Type into the field of that label."""
        self.page.get_by_label(label, exact=True).fill(text)

    def choose(self, label: str, option: str) -> None:
        """Choose from the list of that label."""
        self.page.get_by_label(label, exact=True).select_option(label=option)

    def turn_to(self, name: str) -> Page:
        """Follow a link that opens a tab of its own, while the page renews itself under the finger; give that tab."""
        self.page.locator("#page").get_by_role("link", name=name, exact=True).hover()
        self.page.wait_for_timeout(1_100)  # the page renews itself once a second at most
        with self.page.context.expect_page() as opened:
            self.page.mouse.down()
            with self.page.expect_response(lambda reply: reply.request.headers.get("hx-request") == "true"):
                self.page.evaluate("() => document.getElementById('stream').dispatchEvent(new Event('changed'))")
            self.page.wait_for_timeout(100)
            self.page.mouse.up()
        opened.value.wait_for_load_state()
        return opened.value

    # --- reading ---

    def reads(self, text: str) -> None:
        """Wait until the page says so, without loading it anew."""
        expect(self.page.locator("#page")).to_contain_text(text)

    def reads_no_more(self, text: str) -> None:
        """Wait until the page does not say so any more."""
        expect(self.page.locator("#page")).not_to_contain_text(text)

    def is_at(self, path: str) -> None:
        """Wait until the address is that of the path."""
        expect(self.page).to_have_url(self.url + path)

    def headline(self, text: str) -> None:
        """Wait until the page's heading says so."""
        expect(self.page.get_by_role("heading", level=1)).to_contain_text(text)

    def row(self, text: str) -> Locator:
        """Give the first row of a table that holds the text."""
        return self.page.locator("tbody tr", has_text=text).first

    @property
    def path(self) -> str:
        return self.page.url.removeprefix(self.url)

    def picture(self, file: Path) -> Path:
        """Keep the page as it looks now."""
        self.page.screenshot(path=file, full_page=True)
        return file
