"""A forgotten password: a letter that leads to a new one, once, and tells nobody who has an account."""

import re
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from counterfoil.lib import totp
from counterfoil.store import Tx, users
from counterfoil.store.schema import resets
from postbox import Postbox, postbox
from web.site import PASSWORD, Browser, Site, site

pytestmark = pytest.mark.anyio
HOME = "http://counterfoil.test"
NEW = "four words in a row"


@pytest.fixture
def box() -> Iterator[Postbox]:
    with postbox() as running:
        yield running


@pytest.fixture
async def started(tmp_path: Path, box: Postbox) -> AsyncIterator[Site]:
    server = box.server
    mail: dict[str, Any] = {"smtp_host": server.host, "smtp_port": server.port, "smtp_tls": server.tls}
    async with site(tmp_path, public_url=HOME, **mail) as running:
        yield running


async def asked(started: Site, email: str = "ada@example.com", address: str = "192.0.2.1") -> Browser:
    """Ask for a letter as somebody who is not signed in."""
    browser = started.browser(address)
    await browser.open("/sign-in")
    await browser.open("/reset")
    await browser.submit("/reset", email=email)
    return browser


def link_in(box: Postbox) -> str:
    found = re.search(rf"{HOME}(/reset/\S+)", box.text())
    assert found is not None, box.text()
    return found[1]


async def signed_in(browser: Browser, password: str) -> Browser:
    await browser.open("/sign-in")
    await browser.submit("/sign-in", email="ada@example.com", password=password)
    return browser


async def test_a_letter_leads_to_a_new_password_and_ends_every_session(started: Site, box: Postbox) -> None:
    owner = await started.owner()
    browser = await asked(started)
    assert "a letter is on its way" in browser.text
    [letter] = box.letters
    assert letter["To"] == "ada@example.com" and "30 minutes" in box.text()
    link = link_in(box)
    await browser.open(link)
    await browser.submit(link, password=NEW)
    assert browser.path == "/sign-in" and "The password is changed" in browser.text
    await owner.open("/")
    assert owner.path == "/sign-in", "every session has ended"
    assert (await signed_in(browser, PASSWORD)).status == 422
    assert (await signed_in(browser, NEW)).path == "/"


async def test_a_code_is_asked_for_as_before(started: Site, box: Postbox) -> None:
    await started.owner()
    secret, db = totp.new_secret(), started.product.db
    lock = await db.read(users.lock_of, "ada@example.com")
    assert lock is not None
    await db.run(users.set_totp, started.product.doors.vault, lock.user_id, secret)
    browser = await asked(started)
    await browser.open(link_in(box))
    await browser.submit(link_in(box), password=NEW)
    assert "six digits" in (await signed_in(browser, NEW)).text
    await browser.submit("/sign-in/code", code=totp.code(secret, int(time.time()) // totp.PERIOD))
    assert browser.path == "/"


async def test_an_address_without_an_account_gets_the_same_answer_and_no_letter(started: Site, box: Postbox) -> None:
    await started.owner()
    known, unknown = await asked(started), await asked(started, "nobody@example.com")
    assert (known.text, known.status) == (unknown.text, unknown.status)
    assert [letter["To"] for letter in box.letters] == ["ada@example.com"]


async def test_a_link_works_once_and_only_the_newest_does(started: Site, box: Postbox) -> None:
    await started.owner()
    await asked(started)
    first = link_in(box)
    browser = await asked(started)
    await browser.open(first)
    assert browser.status == 404 and "too old" in browser.text
    await browser.open(link_in(box))
    page = browser.page
    await browser.submit(link_in(box), password=NEW)
    browser.page = page
    await browser.submit(link_in(box), password="another one of mine")
    assert browser.status == 404 and "was used" in browser.text
    assert (await signed_in(browser, NEW)).path == "/"


async def test_a_link_is_too_old_after_half_an_hour(started: Site, box: Postbox) -> None:
    await started.owner()
    browser = await asked(started)

    def age(tx: Tx) -> None:
        [kept] = tx.execute(sa.select(resets.c.expires_at)).scalars()
        tx.execute(sa.update(resets).values(expires_at=kept.replace(year=2020)))

    await started.product.db.run(age)
    await browser.open(link_in(box))
    assert browser.status == 404


async def test_a_password_that_is_easily_guessed_is_refused_and_the_link_still_works(
    started: Site, box: Postbox
) -> None:
    await started.owner()
    browser = await asked(started)
    link = link_in(box)
    await browser.open(link)
    await browser.submit(link, password="short")
    assert browser.status == 422 and "at least 10" in browser.text
    await browser.submit(link, password=NEW)
    assert browser.path == "/sign-in"


async def test_nobody_gets_more_than_a_few_letters(started: Site, box: Postbox) -> None:
    await started.owner()
    for number in range(6):
        assert "on its way" in (await asked(started, address=f"192.0.2.{number}")).text
    assert len(box.letters) == 3


async def test_a_mail_server_that_refuses_changes_nothing_for_whoever_asks(started: Site, box: Postbox) -> None:
    await started.owner()
    box.answers.append("554 no")
    browser = await asked(started)
    assert "on its way" in browser.text and not box.letters


async def test_the_token_is_kept_as_a_hash_only(started: Site, box: Postbox) -> None:
    await started.owner()
    await asked(started)
    token = link_in(box).rpartition("/")[2].encode()
    for file in started.product.settings.data_dir.glob("*.db*"):
        assert token not in file.read_bytes(), file


async def test_without_a_mail_server_the_page_says_what_helps(tmp_path: Path) -> None:
    async with site(tmp_path) as started:
        await started.owner()
        browser = started.browser()
        await browser.open("/reset")
        assert "counterfoil set-password" in browser.text and "<input" not in browser.page
