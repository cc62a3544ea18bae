"""First run, signing in and out, and what protects them."""

import asyncio
import re
import time

import pytest

from counterfoil.lib import passwords, qr, totp
from counterfoil.store import users
from web.site import PASSWORD, Browser, Site

pytestmark = pytest.mark.anyio


async def signed_in(browser: Browser, email: str = "ada@example.com", password: str = PASSWORD) -> Browser:
    await browser.open("/sign-in")
    await browser.submit("/sign-in", email=email, password=password)
    return browser


async def test_the_first_visitor_becomes_the_owner_and_is_signed_in(started: Site) -> None:
    browser = started.browser()
    await browser.open("/")
    assert browser.path == "/welcome"
    await browser.submit("/welcome", name="Ada", email="Ada@Example.com", password=PASSWORD)
    assert browser.path == "/" and "Ada" in browser.text


async def test_of_two_first_visitors_at_once_one_becomes_the_owner(started: Site) -> None:
    browsers = [started.browser() for _ in range(4)]
    await asyncio.gather(*(browser.open("/welcome") for browser in browsers))
    await asyncio.gather(
        *(
            browser.submit("/welcome", name="One", email=f"one{number}@example.com", password=PASSWORD)
            for number, browser in enumerate(browsers)
        )
    )
    assert sorted(browser.status for browser in browsers) == [200, 422, 422, 422]
    assert any("has an owner already" in browser.text for browser in browsers)


async def test_a_claimed_installation_shows_no_first_run(started: Site) -> None:
    await started.owner()
    browser = started.browser()
    await browser.open("/welcome")
    assert browser.path == "/sign-in"


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaaaaaa", "qwertyuiop", "ada@example.com"])
async def test_a_password_that_is_easily_guessed_is_refused(started: Site, password: str) -> None:
    browser = started.browser()
    await browser.open("/welcome")
    await browser.submit("/welcome", name="Ada", email="ada@example.com", password=password)
    assert browser.status == 422 and "What" not in browser.text and 'role="alert"' in browser.page


async def test_signing_in_leads_on_to_the_page_that_was_asked_for(started: Site) -> None:
    await started.owner()
    browser = started.browser()
    await browser.open("/syncs")
    assert browser.path == "/sign-in"
    await browser.submit("/sign-in", email="ada@example.com", password=PASSWORD)
    assert browser.path == "/syncs"


@pytest.mark.parametrize("elsewhere", ["https://evil.test/", "//evil.test", "/\\evil.test"])
async def test_signing_in_never_leads_to_another_site(started: Site, elsewhere: str) -> None:
    await started.owner()
    browser = started.browser()
    await browser.open("/sign-in", params={"next": elsewhere})
    await browser.submit("/sign-in", email="ada@example.com", password=PASSWORD)
    assert browser.path == "/"


async def test_a_wrong_password_and_an_unknown_address_are_answered_alike(started: Site) -> None:
    await started.owner()
    wrong = await signed_in(started.browser(), password="not the password")
    unknown = await signed_in(started.browser("192.0.2.9"), email="nobody@example.com")
    assert wrong.status == unknown.status == 422
    assert wrong.text.replace("ada@", "nobody@") == unknown.text


async def test_an_unknown_address_costs_a_whole_password_check() -> None:
    hashed = await passwords.hash_of(PASSWORD)

    async def cpu(stored: str | None) -> float:
        began = time.process_time()
        for _ in range(3):
            assert not await passwords.fits("not the password", stored)
        return time.process_time() - began

    await cpu(None)
    assert 0.5 < await cpu(None) / await cpu(hashed) < 2.0


async def test_guessing_is_stopped_for_the_account_from_wherever_it_comes(started: Site) -> None:
    await started.owner()
    for number in range(10):
        assert (await signed_in(started.browser(f"192.0.2.{number}"), password="a wrong guess")).status == 422
    stopped = await signed_in(started.browser("198.51.100.7"))
    assert stopped.status == 429 and "Too many attempts" in stopped.text and "minutes" in stopped.text


async def test_guessing_is_stopped_for_the_address_whatever_the_account(started: Site) -> None:
    await started.owner()
    browser = started.browser("2001:db8::1")
    await browser.open("/sign-in")
    sign_in = browser.page
    for number in range(40):
        browser.page = sign_in
        browser.client._transport = started.client(f"2001:db8::{number + 1:x}")._transport
        await browser.submit("/sign-in", email=f"guess{number}@example.com", password="a wrong guess")
        assert browser.status == 422
    assert (await signed_in(started.browser("2001:db8::ffff"))).status == 429
    assert (await signed_in(started.browser("2001:db8:1::1"))).status == 200


async def test_signing_in_takes_a_new_token_and_out_ends_it(started: Site) -> None:
    browser = await started.owner()
    token = browser.client.cookies["counterfoil"]
    await browser.submit("/sign-out")
    assert browser.path == "/sign-in"
    stolen = started.browser()
    stolen.client.cookies.set("counterfoil", token)
    await stolen.open("/")
    assert stolen.path == "/sign-in"
    await signed_in(browser)
    assert browser.client.cookies["counterfoil"] != token


async def test_who_uses_codes_needs_one_and_each_is_good_for_once(started: Site) -> None:
    await started.owner()
    secret = totp.new_secret()
    db = started.product.db
    lock = await db.read(users.lock_of, "ada@example.com")
    assert lock is not None
    await db.run(users.set_totp, started.product.doors.vault, lock.user_id, secret)
    code = totp.code(secret, int(time.time()) // totp.PERIOD)
    first = await signed_in(started.browser())
    assert "six digits" in first.text
    await first.submit("/sign-in/code", code="000 000" if code != "000000" else "111 111")
    assert first.status == 422
    await first.submit("/sign-in/code", code=f"{code[:3]} {code[3:]}")
    assert first.path == "/"
    second = await signed_in(started.browser())
    await second.submit("/sign-in/code", code=code)
    assert second.status == 422 and "does not fit" in second.text


async def test_a_forged_proof_of_the_password_is_refused(started: Site) -> None:
    await started.owner()
    browser = started.browser()
    await browser.open("/sign-in")
    await browser.submit("/sign-in", email="ada@example.com", password="wrong words here")
    page = browser.page.replace('action="/sign-in?', 'action="/sign-in/code?')
    browser.page = re.sub(r'name="email"', 'name="ticket"', page)
    await browser.submit("/sign-in/code", ticket="bm8=", code="123456")
    assert browser.status == 400 and "Begin again" in browser.text


# RFC 6238, appendix B: the last six of its eight digits.
@pytest.mark.parametrize(
    ("moment", "code"),
    [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (2000000000, "279037"), (20000000000, "353130")],
)
def test_codes_are_those_of_the_rfc(moment: int, code: str) -> None:
    secret = b"12345678901234567890"
    assert totp.code(secret, moment // totp.PERIOD) == code
    assert totp.matching_step(secret, code, moment + 29) is not None
    assert totp.matching_step(secret, code, moment + 90) is None


async def test_the_key_of_the_codes_is_shown_as_a_picture_and_as_text(started: Site) -> None:
    browser = await started.owner()
    page = await browser.open("/account/codes")
    [picture] = re.findall(r'<svg role="img".*?</svg>', page, re.S)
    assert "<title>" in picture and "style=" not in picture
    [spelled] = re.findall(r'name="secret" value="([A-Z2-7]+)"', page)
    assert spelled in browser.text
    assert picture == qr.svg(totp.address(totp.unspelled(spelled), "ada@example.com"), "QR code with the key")
