"""The settings' pages: what is chosen holds, secrets are shown once, and everything can be deleted."""

import re
from decimal import Decimal

import pytest

from counterfoil.model import Account
from counterfoil.ports import Landing
from counterfoil.store import tokens, users
from counterfoil.store.workspaces import Display
from counterfoil.web import words
from web.site import PASSWORD, Browser, Site, filled

pytestmark = pytest.mark.anyio
PAGES = ("workspace", "notifications", "tokens", "audit", "export", "delete")


async def member(site: Site, owner: Browser) -> Browser:
    """Give the browser of somebody who was invited as a member."""
    await owner.open("/members")
    await owner.submit("/members/invite", email="bob@example.com", role="member")
    [link] = re.findall(r"http://counterfoil.test(/invitations/[\w-]+)", owner.page)
    bob = site.browser()
    await bob.open(link)
    await bob.submit(link, name="Bob", password="another good phrase")
    return bob


async def test_settings_lead_to_one_another(started: Site) -> None:
    owner = await started.owner()
    await owner.open("/settings")
    assert owner.path == "/settings/workspace"
    for name in PAGES:
        assert f'href="/settings/{name}"' in owner.page
    assert 'href="/account"' in owner.page and 'href="/members"' in owner.page


async def test_a_member_looks_and_changes_nothing(started: Site) -> None:
    owner = await started.owner()
    bob = await member(started, owner)
    for name in PAGES:
        await bob.open(f"/settings/{name}")
        assert bob.status == 200 and '<button class="danger filled"' not in bob.page, name
    token = re.search(r'name="csrf" value="([^"]+)"', bob.page)
    assert token is not None
    for path in ("workspace", "notifications", "tokens", "delete"):
        reply = await bob.client.post(f"/settings/{path}", data={"csrf": token[1], "name": "Home"})
        assert reply.status_code == 403, path


async def test_amounts_are_shown_as_the_workspace_likes(started: Site) -> None:
    owner = await filled(started)
    await owner.open("/settings/workspace")
    await owner.submit("/settings/workspace", name="Ours", amounts="code", digits="comma")
    assert "Saved." in owner.text and "−1.234,50 USD" in owner.text
    await owner.open("/")
    assert "Net worth 10,00 USD" in owner.text
    await owner.submit("/sign-out")
    await owner.open("/settings/workspace")
    assert owner.path == "/sign-in"


async def test_the_currency_that_is_chosen_comes_first(started: Site) -> None:
    owner = await filled(started)
    francs = Account(key="chf", name="Swiss", currency="CHF", current=Decimal("7.00"))
    dollars = [Account(key=f"a{n}", name=f"A{n}", currency="USD", current=Decimal("5.00")) for n in range(2)]
    started.bank.add("accounts", Landing([francs, *dollars]))
    await owner.open("/")
    await owner.open("/connections")
    [connection] = re.findall(r'href="/connections/([\w-]{36})"', owner.page)[:1]
    await started.product.intake.request_sync(connection, "app/sync.scheduled")
    await started.settle()
    await owner.open("/settings/workspace")
    assert 'value="CHF"' in owner.page
    await owner.submit("/settings/workspace", currency="CHF")
    await owner.open("/")
    assert "Net worth 7.00 CHF" in owner.text and "and $10.00" in owner.text


@pytest.mark.parametrize(
    ("display", "shown"),
    [
        (Display(), "−$1,234.50"),
        (Display(amounts="code"), "−1,234.50 USD"),
        (Display(digits="comma"), "−$1.234,50"),
        (Display(digits="space"), "−$1\u202f234,50"),
        (Display(digits="quote", amounts="code"), "−1’234.50 USD"),
        (Display(digits="whatever a newer version wrote"), "−$1,234.50"),
    ],
)
def test_an_amount_in_every_way(display: Display, shown: str) -> None:
    assert words.money(Decimal("-1234.5"), "USD", display=display) == shown


async def test_a_channel_without_a_mail_server_says_what_is_missing(started: Site) -> None:
    owner = await started.owner()
    await owner.open("/settings/notifications")
    assert "COUNTERFOIL_SMTP_HOST" in owner.text and "COUNTERFOIL_PUBLIC_URL" in owner.text
    await owner.submit("/settings/notifications", kind="email", address="ada@example.com")
    assert "Send a test" in owner.text and owner.path.startswith("/settings/notifications/")
    await owner.submit(f"{owner.path}/test")
    assert "The test was refused" in owner.text and "No mail server is set." in owner.text
    await owner.open("/settings/notifications")
    assert "Does not arrive" in owner.text


async def test_what_is_typed_wrong_is_kept_and_named(started: Site) -> None:
    owner = await started.owner()
    await owner.open("/settings/notifications")
    await owner.submit("/settings/notifications", kind="webhook", address="https://127.0.0.1/hook", hour="8")
    assert owner.status == 422 and "in the network of this server" in owner.text
    assert 'value="https://127.0.0.1/hook"' in owner.page and '<option value="8" selected' in owner.page
    await owner.submit("/settings/notifications", kind="email", address="ada", kinds=[])
    assert owner.status == 422 and "no e-mail address" in owner.text


async def test_a_token_is_shown_once_and_revoked(started: Site) -> None:
    owner = await started.owner()
    await owner.open("/settings/tokens")
    await owner.submit("/settings/tokens", name="Bookkeeping", scope="sync", days="30")
    [token] = re.findall(r"cft_[\w-]+", owner.page)
    found = await started.product.db.read(tokens.find, token)
    assert found is not None and found.scope == "sync" and found.expires_at is not None
    await owner.open("/settings/tokens")
    assert "Bookkeeping" in owner.text and token not in owner.page
    await owner.submit(f"/settings/tokens/{found.id}/revoke")
    assert "Bookkeeping opens nothing any more." in owner.text
    assert await started.product.db.read(tokens.find, token) is None
    await owner.open("/settings/audit?act=token.created")
    assert "Token created Bookkeeping" in owner.text and "Token revoked Bookkeeping" not in owner.text


async def test_the_log_is_filtered_by_person(started: Site) -> None:
    owner = await started.owner()
    await member(started, owner)
    await owner.open("/settings/audit?by=bob@example.com")
    assert "Member joined" in owner.text and "Member invited bob" not in owner.text
    await owner.open("/settings/audit?act=never.done")
    assert "Nothing like that was done." in owner.text


async def test_the_export_says_what_is_in_it(started: Site) -> None:
    owner = await filled(started)
    await owner.open("/settings/export")
    assert "Transactions 5" in owner.text and 'href="/everything.zip"' in owner.page
    assert (await owner.client.get("/everything.zip")).content[:2] == b"PK"


async def test_everything_is_deleted_and_the_installation_is_as_new(started: Site) -> None:
    owner = await filled(started)
    await owner.open("/settings/delete")
    assert "Ledger one stays as it is" in owner.text and "Ada cannot sign in here any more" in owner.text
    await owner.submit("/settings/delete", name="somewhere else")
    assert owner.status == 422 and "nothing was deleted" in owner.text
    await owner.submit("/settings/delete", name="Home")
    # The bank in memory has no way to end a login: that is said, on a page for whoever asked.
    assert owner.path.startswith("/deleted/") and "Everything was deleted" in owner.text
    assert "Delete the key at Bank of first" in owner.text
    assert len(started.ledgers["one"].rows("transactions")) == 5
    assert not await started.product.db.read(users.exist)
    await owner.open("/")
    assert owner.path == "/welcome"
    await owner.submit("/welcome", name="Ada", email="ada@example.com", password=PASSWORD)
    assert owner.path == "/" and "Nothing is connected yet." in owner.text


async def test_where_nothing_is_left_to_do_the_first_page_says_that_all_is_gone(started: Site) -> None:
    owner = await started.owner()
    await owner.open("/settings/delete")
    await owner.submit("/settings/delete", name="Home")
    assert owner.path == "/welcome" and "Everything was deleted." in owner.text


async def test_a_deletion_that_nobody_asked_for_has_no_page(started: Site) -> None:
    browser = started.browser()
    await browser.open("/deleted/guess")
    assert browser.status == 404
