"""Mapping by drag: one of the user's fields is dropped onto the row that it shall take."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from browser import looks
from browser.alone import served, sign_in
from web.site import filled


@pytest.fixture
def page(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """Give the page of the fields of a table that is mapped."""
    with (
        served(tmp_path, filled) as address,
        closing(browser.new_context(base_url=address, viewport={"width": 1280, "height": 1800})) as context,
    ):
        page = context.new_page()
        page.set_default_timeout(10_000)
        sign_in(page)
        page.goto("/destinations")
        page.get_by_role("link", name="Ledger one").click()
        page.get_by_role("link", name="Mapping").first.click()
        page.locator("a[href$='/tables/accounts']").click()
        yield page


def test_a_field_that_is_dropped_on_a_row_goes_there_and_changes_places(page: Page, tmp_path: Path) -> None:
    goes = {name: page.get_by_label(f"Where {name} goes") for name in ("Balance", "Available")}
    expect(goes["Balance"]).to_have_value("accounts.current")
    field = page.locator("[data-field='accounts.available']")
    row = page.locator("tr", has=goes["Balance"])
    field.drag_to(row)
    expect(goes["Balance"]).to_have_value("accounts.available")
    expect(goes["Available"]).to_have_value("accounts.current")
    assert list(looks.look(page, tmp_path, "fields")) == []
    looks.plainly(page)
    page.get_by_role("button", name="Save the fields").click()
    expect(page.get_by_text("The fields are saved")).to_be_visible()


def test_the_lists_do_the_same_without_a_mouse(page: Page) -> None:
    goal = page.get_by_label("Where Balance goes")
    goal.focus()
    page.keyboard.press("End")
    expect(goal).to_have_value("off")
    expect(page.locator("[data-field='accounts.current']")).not_to_have_class("taken")
