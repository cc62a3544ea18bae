"""Authorising a destination on its vendor's own page, with the emulated vendors' pages over real HTTP."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa

from counterfoil.destinations import notion
from counterfoil.store import Tx, audit, destinations, workspaces
from counterfoil.store.connections import Problem
from counterfoil.store.schema import consents as stored
from web.site import PASSWORD, Browser, Site
from web.vendor_pages import HOME, KINDS, Vendors, answered, begun, registered

pytestmark = pytest.mark.anyio


async def signed_up(browser: Browser, kind: str, **way: Any) -> Browser:
    """Go through the wizard's consent to the choice of the place."""
    await browser.open(f"/destinations/new/{kind}")
    back = answered(await begun(browser, f"/destinations/new/{kind}/consent"), **way)
    await browser.open(back)
    return browser


def place_form(browser: Browser) -> str:
    assert browser.path.startswith("/destinations/consent/"), browser.text
    return browser.path


async def places(site: Site) -> list[destinations.Destination]:
    workspace = await site.product.db.read(workspaces.first)
    return await site.product.db.read(destinations.of_workspace, workspace.id)


async def secrets_of(site: Site) -> list[Any]:
    def read(tx: Tx) -> list[Any]:
        return [tuple(row) for row in tx.execute(sa.select(stored.c.state, stored.c.verifier, stored.c.credential))]

    return await site.product.db.read(read)


@pytest.mark.parametrize("kind", KINDS)
async def test_signing_in_leads_to_a_place_and_on_to_its_tables(known: Site, kind: str) -> None:
    browser = await signed_up(await known.owner(), kind)
    await browser.submit(place_form(browser))
    assert browser.path.endswith("/tables"), browser.text
    [added] = await places(known)
    assert (added.kind, added.state) == (kind, "paused")
    door = await known.product.doors.destination(added)
    assert (await door.check()).remote_id == added.remote_id
    assert await secrets_of(known) == [("done", None, None)]


async def test_a_new_spreadsheet_is_made_once_whatever_is_repeated(known: Site, there: Vendors) -> None:
    google = there.emulators["google_sheets"]
    browser = await signed_up(await known.owner(), "google_sheets")
    google.faults.plan({"kind": "cut_after", "method": "POST", "path": "/drive/v3/files"})
    await browser.submit(place_form(browser))
    assert browser.status == 422 and "connection" in browser.text
    await browser.submit(place_form(browser))
    assert browser.path.endswith("/tables")
    assert len(google.state.books) == 2, "the one that was there, and one new one although a reply was lost"
    again = await signed_up(browser, "google_sheets")
    assert "Counterfoil" in again.page and "A new spreadsheet" in again.page


async def test_what_the_app_asks_besides_is_kept(known: Site) -> None:
    browser = await signed_up(await known.owner(), "notion")
    await browser.submit(place_form(browser), plan="business", currency="EUR")
    [added] = await places(known)
    raw = await known.product.db.read(destinations.credential, known.product.doors.vault, added.id)
    kept = notion.NotionSettings.model_validate_json(raw)
    assert (kept.plan, kept.currency) == ("business", "EUR")
    assert kept.refresh_token is not None


async def test_a_place_that_is_none_is_refused_and_another_can_be_chosen(known: Site) -> None:
    browser = await signed_up(await known.owner(), "airtable")
    form = place_form(browser)
    await browser.submit(form, another="not a base")
    assert browser.status == 422 and "Base id" in browser.text
    await browser.submit(form, another="")
    assert browser.path.endswith("/tables")


@pytest.mark.parametrize("kind", KINDS)
async def test_who_declines_is_told_that_nothing_was_connected(known: Site, kind: str) -> None:
    browser = await signed_up(await known.owner(), kind, outcome="deny")
    assert "did not allow it" in browser.text and "nothing was connected" in browser.text
    assert await secrets_of(known) == [("declined", None, None)]
    again = answered(await begun(browser, f"/destinations/new/{kind}/consent"))
    await browser.open(again)
    await browser.submit(place_form(browser))
    assert browser.path.endswith("/tables"), "and may begin again"


async def test_a_permission_left_unticked_says_what_to_tick(known: Site) -> None:
    browser = await signed_up(await known.owner(), "google_sheets", ticked=[])
    assert "tick that box" in browser.text
    assert await secrets_of(known) == [("failed", None, None)]


async def test_signing_in_without_sharing_anything_says_so(known: Site) -> None:
    browser = await signed_up(await known.owner(), "notion", ticked=[])
    assert "shared nothing" in browser.text and "Sign in again" in browser.text


async def test_a_way_back_works_once(known: Site) -> None:
    browser = await known.owner()
    await browser.open("/destinations/new/notion")
    back = answered(await begun(browser, "/destinations/new/notion/consent"))
    await browser.open(back)
    await browser.open(back)
    assert browser.status == 400 and "used already" in browser.text


async def test_a_consent_is_finished_only_in_the_browser_that_began_it(known: Site) -> None:
    browser, other = await known.owner(), known.browser()
    await other.open("/sign-in")
    await other.submit("/sign-in", email="ada@example.com", password=PASSWORD)
    await browser.open("/destinations/new/notion")
    back = answered(await begun(browser, "/destinations/new/notion/consent"))
    await other.open(back)
    assert other.status == 400 and "another browser" in other.text
    await browser.open(back)
    assert "What you shared" in browser.text, "the attempt has used nothing up"


@pytest.mark.parametrize("query", ["", "?state=x&code=y", "?code=y", "?error=access_denied"])
async def test_an_answer_to_nothing_that_was_asked_is_refused(known: Site, query: str) -> None:
    browser = await known.owner()
    await browser.open(f"/destinations/consent/callback{query}")
    assert browser.status == 400 and "not begun here" in browser.text and "Begin again" in browser.text


async def test_a_consent_that_took_too_long_is_refused(known: Site) -> None:
    browser = await known.owner()
    await browser.open("/destinations/new/notion")
    back = answered(await begun(browser, "/destinations/new/notion/consent"))
    await known.product.db.run(_age)
    await browser.open(back)
    assert browser.status == 400 and "took too long" in browser.text


async def test_a_grant_that_waited_too_long_for_its_place_is_not_used(known: Site) -> None:
    browser = await signed_up(await known.owner(), "notion")
    form, page = place_form(browser), browser.page
    await known.product.db.run(_age)
    browser.page = page
    await browser.submit(form)
    assert "took too long" in browser.text and await places(known) == []


def _age(tx: Tx) -> None:
    tx.execute(sa.update(stored).values(expires_at=sa.select(stored.c.created_at).scalar_subquery()))


async def test_a_vendor_s_own_error_is_named_but_never_quoted_freely(known: Site) -> None:
    browser = await known.owner()
    await browser.open("/destinations/new/notion")
    state = parse_qs(urlsplit(await begun(browser, "/destinations/new/notion/consent")).query)["state"][0]
    await browser.open(f"/destinations/consent/callback?state={state}&error=temporarily_unavailable")
    assert "temporarily_unavailable" in browser.text
    state = parse_qs(urlsplit(await begun(browser, "/destinations/new/notion/consent")).query)["state"][0]
    await browser.open(f"/destinations/consent/callback?state={state}&error=Send+me+your+password")
    assert "password" not in browser.text and "could not ask you" in browser.text


async def test_a_code_whose_answer_got_lost_asks_to_begin_again(known: Site, there: Vendors) -> None:
    there.emulators["airtable"].faults.plan({"kind": "cut_after", "method": "POST", "path": "/oauth2/v1/token"})
    browser = await signed_up(await known.owner(), "airtable")
    assert "did not work" in browser.text and "Begin again" in browser.text


# --- again -----------------------------------------------------------------------------------------------


async def lost(known: Site, there: Vendors) -> tuple[Browser, destinations.Destination]:
    """Give a destination at Notion whose token was taken back."""
    browser = await signed_up(await known.owner(), "notion")
    await browser.submit(place_form(browser))
    [added] = await places(known)
    await browser.open(f"/destinations/{added.id}")
    await known.product.db.run(destinations.set_state, added.id, "active")
    workspace = there.emulators["notion"]
    workspace.actions["revoke"]({})
    problem = Problem("token_refused", "Notion does not accept the token.", "Sign in again.")
    await known.product.db.run(destinations.set_problem, added.id, problem)
    return browser, added


async def test_authorising_again_keeps_the_destination_and_replaces_the_credential(known: Site, there: Vendors) -> None:
    browser, before = await lost(known, there)
    await browser.open(f"/destinations/{before.id}")
    back = answered(await begun(browser, f"/destinations/{before.id}/consent"))
    await browser.open(back)
    assert browser.path == f"/destinations/{before.id}" and "authorised again" in browser.text
    [after] = await places(known)
    assert (after.id, after.state, after.problem) == (before.id, "active", None)
    await (await known.product.doors.destination(after)).check()
    log = await known.product.db.read(audit.of_workspace, after.workspace_id)
    assert ("destination.reauthorised", after.label) in [(entry.act, entry.subject) for entry in log]


async def test_authorising_again_without_the_place_leaves_the_destination_as_it_was(
    known: Site, there: Vendors
) -> None:
    browser, before = await lost(known, there)
    await browser.open(f"/destinations/{before.id}")
    back = answered(await begun(browser, f"/destinations/{before.id}/consent"), ticked=[])
    await browser.open(back)
    assert "did not work" in browser.text and "does not show us the page" in browser.text
    [after] = await places(known)
    assert after.problem is not None and after.problem.code == "token_refused"


# --- where it is offered -----------------------------------------------------------------------------------


async def test_without_a_registration_only_the_key_is_asked_for(tmp_path: Path, there: Vendors) -> None:
    urls = {name: value for name, value in there.environ.items() if name.endswith("_URL")}
    async with registered(tmp_path, urls, public_url=HOME) as known:
        browser = await known.owner()
        await browser.open("/destinations/new/notion")
        assert "Sign in with" not in browser.text


async def test_without_a_public_address_only_the_key_is_asked_for(tmp_path: Path, there: Vendors) -> None:
    async with registered(tmp_path, there.environ) as known:
        browser = await known.owner()
        await browser.open("/destinations/new/notion")
        assert "Sign in with" not in browser.text
