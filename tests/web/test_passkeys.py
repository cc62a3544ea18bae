"""Passkeys: added by who knows the password, taken once each time, and refused when anything does not fit."""

import datetime as dt
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
import sqlalchemy as sa

from counterfoil.lib import passkeys, totp
from counterfoil.lib.passkeys import Site as KeySite
from counterfoil.store import Tx, audit, users, workspaces
from counterfoil.store.schema import challenges
from web.authenticator import Authenticator
from web.site import PASSWORD, Browser, Forms, Site, site

pytestmark = pytest.mark.anyio
HOME = "https://counterfoil.test"


@pytest.fixture
async def started(tmp_path: Path) -> AsyncIterator[Site]:
    async with site(tmp_path, public_url=HOME) as running:
        yield running


@dataclass
class Person:
    """A browser with the script's part played by hand, and the device that it asks."""

    browser: Browser
    device: Authenticator

    def form(self, action: str) -> dict[str, str]:
        found = next(form for form in Forms(self.browser.page).found if form["action"].startswith(action))
        return {name: values[-1] for name, values in found["fields"].items()}

    async def asked(self, action: str, **typed: str) -> httpx2.Response:
        """Ask for the options as the script does: with the form's own fields."""
        return await self.browser.client.post(f"{action}/options", data=self.form(action) | typed)

    async def add(self, label: str = "Ada's phone", password: str = PASSWORD) -> Browser:
        await self.browser.open("/account")
        options = await self.asked("/account/passkeys", label=label, current=password)
        assert options.status_code == 200, options.text
        answer = self.device.create(options.text)
        await self.browser.submit("/account/passkeys", label=label, answer=answer)
        return self.browser

    async def options(self) -> str:
        """Open the page to sign in, and give what the browser is to be asked."""
        await self.browser.open("/sign-in")
        options = await self.asked("/sign-in/passkey")
        assert options.status_code == 200, options.text
        return options.text

    async def sign_in(self) -> Browser:
        answer = self.device.get(await self.options())
        await self.browser.submit("/sign-in/passkey", answer=answer)
        return self.browser


async def owner(started: Site, **device: bool | str) -> Person:
    """Give the owner with a device whose passkey was added."""
    person = Person(await started.owner(), Authenticator(**device))  # type: ignore[arg-type]
    browser = await person.add()
    assert "is added" in browser.text, browser.text
    return person


def elsewhere(started: Site, person: Person, address: str = "192.0.2.50") -> Person:
    """Give another browser in which the same device is asked."""
    return Person(started.browser(address), person.device)


@pytest.mark.parametrize("counts", [True, False])
async def test_a_passkey_signs_in_again_and_again_without_name_password_or_code(started: Site, counts: bool) -> None:
    person = await owner(started, counts=counts)
    lock = await started.product.db.read(users.lock_of, "ada@example.com")
    assert lock is not None
    await started.product.db.run(users.set_totp, started.product.doors.vault, lock.user_id, totp.new_secret())
    for _ in range(2):
        browser = await elsewhere(started, person).sign_in()
        assert browser.path == "/" and "Ada" in browser.text
    await browser.open("/account")
    assert "Ada's phone" in browser.text and "never" not in browser.text


async def test_a_passkey_leads_on_to_the_page_that_was_asked_for(started: Site) -> None:
    person = elsewhere(started, await owner(started))
    await person.browser.open("/syncs")
    options = await person.asked("/sign-in/passkey")
    await person.browser.submit("/sign-in/passkey", answer=person.device.get(options.text))
    assert person.browser.path == "/syncs"


async def test_several_are_kept_and_a_removed_one_signs_nobody_in(started: Site) -> None:
    person = await owner(started)
    second = Person(person.browser, Authenticator())
    await second.add("Ada's laptop")
    await person.browser.submit(_remove_action(person.browser, "Ada's phone"))
    assert "Ada's phone signs nobody in any more" in person.browser.text
    refused = await elsewhere(started, person).sign_in()
    assert refused.status == 422 and "not known here" in refused.text
    assert (await elsewhere(started, second).sign_in()).path == "/"
    workspace = await started.product.db.read(workspaces.first)
    log = [(one.act, one.subject) for one in await started.product.db.read(audit.of_workspace, workspace.id)]
    assert ("passkey.removed", "Ada's phone") in log and ("passkey.added", "Ada's laptop") in log


def _remove_action(browser: Browser, label: str) -> str:
    rows = browser.page.split("<tr>")
    row = next(row for row in rows if label.replace("'", "&#39;") in row and "/remove" in row)
    return row.split('action="')[1].split('"')[0]


async def test_only_who_knows_the_password_adds_one(started: Site) -> None:
    person = Person(await started.owner(), Authenticator())
    await person.browser.open("/account")
    reply = await person.asked("/account/passkeys", label="Mine", current="not the password")
    assert reply.status_code == 422 and "not your current password" in reply.json()["message"]
    assert "challenge" not in reply.text


async def test_the_same_device_is_not_added_twice(started: Site) -> None:
    person = await owner(started)
    await person.browser.open("/account")
    options = await person.asked("/account/passkeys", label="Again", current=PASSWORD)
    [known] = json.loads(options.text)["excludeCredentials"]
    await person.browser.submit("/account/passkeys", label="Again", answer=person.device.create(options.text))
    assert known["id"] and person.browser.status == 422 and "known already" in person.browser.text


async def test_an_answer_counts_once(started: Site) -> None:
    person = elsewhere(started, await owner(started, counts=False))
    answer = person.device.get(await person.options())
    await person.browser.submit("/sign-in/passkey", answer=answer)
    assert person.browser.path == "/"
    thief = started.browser()
    await thief.open("/sign-in")
    await thief.submit("/sign-in/passkey", answer=answer)
    assert thief.status == 422 and "answered before" in thief.text


async def test_an_answer_that_took_too_long_is_refused(started: Site) -> None:
    person = elsewhere(started, await owner(started))
    answer = person.device.get(await person.options())
    await started.product.db.run(_age)
    await person.browser.submit("/sign-in/passkey", answer=answer)
    assert person.browser.status == 422 and "too long" in person.browser.text


def _age(tx: Tx) -> None:
    assert tx.execute(sa.update(challenges).values(expires_at=dt.datetime(2020, 1, 1, tzinfo=dt.UTC))).rowcount


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"origin": "https://counterfoil.evil.test"}, id="another-origin"),
        pytest.param({"origin": "http://counterfoil.test"}, id="without-encryption"),
        pytest.param({"verifies": False}, id="nobody-was-verified"),
        pytest.param({"count": 0}, id="the-key-was-copied"),
        pytest.param({"key": Authenticator().key}, id="another-key"),
        pytest.param({"user_handle": b"somebody else"}, id="another-user"),
    ],
)
async def test_whatever_does_not_fit_is_refused(started: Site, wrong: Mapping[str, object]) -> None:
    person = elsewhere(started, await owner(started))
    for name, value in wrong.items():
        setattr(person.device, name, value)
    browser = await person.sign_in()
    assert browser.status == 422 and browser.path == "/sign-in/passkey"
    await browser.open("/account")
    assert browser.path == "/sign-in"


async def test_a_device_that_does_not_verify_its_user_cannot_be_added(started: Site) -> None:
    person = Person(await started.owner(), Authenticator(verifies=False))
    browser = await person.add()
    assert browser.status == 422 and "does not prove" in browser.text


async def test_a_challenge_to_add_signs_nobody_in_and_is_of_one_user(started: Site) -> None:
    person = await owner(started)
    await person.browser.open("/account")
    options = json.loads((await person.asked("/account/passkeys", label="Other", current=PASSWORD)).text)
    other = elsewhere(started, person)
    await other.browser.open("/sign-in")
    crossed = json.dumps({"challenge": options["challenge"], "rpId": options["rp"]["id"]})
    await other.browser.submit("/sign-in/passkey", answer=person.device.get(crossed))
    assert other.browser.status == 422 and "answered before" in other.browser.text


@pytest.mark.parametrize(
    "answer", ["", "[]", "{}", '{"rawId": 1, "response": {}}', '{"rawId": "AA", "response": {"clientDataJSON": "e30"}}']
)
async def test_an_answer_that_makes_no_sense_is_refused_in_words(started: Site, answer: str) -> None:
    browser = started.browser()
    await started.owner()
    await browser.open("/sign-in")
    await browser.submit("/sign-in/passkey", answer=answer)
    assert browser.status == 422 and "makes no sense" in browser.text


async def test_asking_too_often_is_stopped(started: Site) -> None:
    await started.owner()
    person = Person(started.browser("203.0.113.9"), Authenticator())
    await person.browser.open("/sign-in")
    statuses = [(await person.asked("/sign-in/passkey")).status_code for _ in range(41)]
    assert statuses == [200] * 40 + [422]


async def test_without_a_name_and_https_the_pages_say_why_there_are_none(tmp_path: Path) -> None:
    async with site(tmp_path, public_url="http://192.0.2.7:4000") as started:
        browser = await started.owner()
        await browser.open("/account")
        assert "Passkeys need a name" in browser.text
        await browser.submit("/sign-out")
        assert "passkey" not in browser.text


@pytest.mark.parametrize(
    ("address", "possible"),
    [
        ("https://money.example.com", True),
        ("http://localhost:4000/", True),
        ("http://money.example.com", False),
        ("http://127.0.0.1:4000", False),
        ("https://[2001:db8::1]", False),
    ],
)
def test_browsers_make_passkeys_for_names_over_https(address: str, possible: bool) -> None:
    assert (KeySite.of(address).why_not is None) is possible


def test_an_origin_has_no_path() -> None:
    assert KeySite.of("https://Money.example.com:8443/app/") == KeySite(
        "money.example.com", "https://money.example.com:8443"
    )
    assert passkeys.new_challenge() != passkeys.new_challenge()
