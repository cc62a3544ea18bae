"""What becomes of what a person allowed at a destination's vendor, once the destination is removed."""

import json
from typing import Any

import pytest
import sqlalchemy as sa
import structlog

from counterfoil.destinations import notion
from counterfoil.destinations.notion.sandbox import PAGE_ID, TOKEN
from counterfoil.errors import NotThere
from counterfoil.store import Tx, audit, destinations, workspaces
from counterfoil.store.destinations import Destination
from counterfoil.store.schema import destinations as stored
from counterfoil.sync import permissions
from counterfoil.sync.schedule import find_due
from counterfoil.sync.steps import SyncSteps
from web.site import Browser, Site
from web.vendor_pages import Vendors, answered, begun, consented, places

pytestmark = pytest.mark.anyio
REVOKE = {"notion": "/v1/oauth/revoke", "google_sheets": "/revoke"}


async def removed(site: Site, browser: Browser, place: Destination) -> str:
    """Remove a destination on its page; give what the page said of it before."""
    await browser.open(f"/destinations/{place.id}")
    said = browser.text
    await browser.submit(f"/destinations/{place.id}/remove")
    assert "Removed" in browser.text
    await site.product.engine.drained(30)
    return said


async def noted(site: Site) -> dict[str, str | None]:
    """Give what the audit log says of permissions, by act."""
    workspace = await site.product.db.read(workspaces.first)
    entries = await site.product.db.read(audit.of_workspace, workspace.id)
    return {entry.act: entry.subject for entry in entries if entry.act.startswith("permission.")}


async def secret_of(site: Site, place: Destination) -> dict[str, Any]:
    raw = await site.product.db.read(destinations.credential, site.product.doors.vault, place.id)
    told: dict[str, Any] = json.loads(raw)
    return told


def revocations(there: Vendors, kind: str) -> list[int | None]:
    return [call.status for call in there.emulators[kind].faults.calls if call.path == REVOKE[kind]]


async def is_erased(site: Site, place: Destination) -> bool:
    try:
        await secret_of(site, place)
    except NotThere:
        return True
    return False


@pytest.mark.parametrize("kind", REVOKE)
async def test_what_was_allowed_ends_at_the_vendor_with_the_destination(known: Site, there: Vendors, kind: str) -> None:
    browser = await known.owner()
    await consented(browser, kind)
    [place] = await places(known)
    door = await known.product.doors.destination(place)
    said = await removed(known, browser, place)
    assert "is ended there too" in said
    # Notion's door looks for a newer token once its own was refused.
    with pytest.raises(Exception, match=r"was removed|does not accept|not sign us in"):
        await door.check()
    assert revocations(there, kind) == [200]
    assert await noted(known) == {
        "permission.ended": f"{place.label} ({known.product.doors.destination_spec(kind).label})"
    }
    assert await is_erased(known, place)


async def test_airtable_lets_only_the_person_end_it_and_says_where(known: Site, there: Vendors) -> None:
    browser = await known.owner()
    await consented(browser, "airtable")
    [place] = await places(known)
    said = await removed(known, browser, place)
    assert "Only you can end what you allowed at Airtable: in your Airtable account" in said
    assert "Only you can end what you allowed at Airtable" in browser.text
    assert await is_erased(known, place) and await noted(known) == {}


async def test_a_key_of_the_person_s_own_is_theirs(known: Site, there: Vendors) -> None:
    browser = await known.owner()
    workspace = await known.product.db.read(workspaces.first)
    pasted = notion.NotionSettings.model_validate({"token": TOKEN, "page_id": PAGE_ID})
    place = await known.product.intake.add_destination(workspace.id, "notion", pasted, start=False)
    said = await removed(known, browser, place)
    assert "delete it at Notion too: only you can" in said
    assert revocations(there, "notion") == [] and await is_erased(known, place)
    assert await noted(known) == {}


async def test_what_another_destination_lives_by_ends_with_the_last_of_them(known: Site, there: Vendors) -> None:
    browser = await known.owner()
    await consented(browser, "google_sheets")
    await consented(browser, "google_sheets")
    first, second = await places(known)
    assert (await secret_of(known, first))["refresh_token"] != (await secret_of(known, second))["refresh_token"]
    await removed(known, browser, first)
    assert revocations(there, "google_sheets") == []
    await (await known.product.doors.destination(second)).check()
    await removed(known, browser, second)
    assert revocations(there, "google_sheets") == [200]
    assert set(await noted(known)) == {"permission.kept", "permission.ended"}


async def test_who_is_about_to_choose_a_place_keeps_what_they_have_just_allowed(known: Site, there: Vendors) -> None:
    browser, google = await known.owner(), "google_sheets"
    await consented(browser, google)
    [place] = await places(known)
    await browser.open(f"/destinations/new/{google}")
    await browser.open(answered(await begun(browser, f"/destinations/new/{google}/consent")))
    choice = browser.path
    await removed(known, browser, place)
    assert revocations(there, google) == []
    await browser.open(choice)
    await browser.submit(choice)
    assert browser.path.endswith("/tables"), browser.text


async def test_two_consents_at_notion_have_tokens_of_their_own(known: Site, there: Vendors) -> None:
    browser = await known.owner()
    await consented(browser, "notion")
    [place] = await places(known)
    before = await secret_of(known, place)
    await consented(browser, "notion")  # the same page: the new token takes the old one's place
    [again] = await places(known)
    assert (again.id, (await secret_of(known, again))["token"] != before["token"]) == (place.id, True)
    await removed(known, browser, again)
    assert revocations(there, "notion") == [200]


@pytest.mark.parametrize("kind", REVOKE)
async def test_a_vendor_that_refuses_holds_no_removal_up_and_the_person_reads_what_to_do(
    known: Site, there: Vendors, kind: str
) -> None:
    browser = await known.owner()
    await consented(browser, kind)
    [place] = await places(known)
    secrets = await secret_of(known, place)
    there.emulators[kind].faults.plan({"kind": "status", "path": REVOKE[kind], "status": 403})
    with structlog.testing.capture_logs() as logged:
        await removed(known, browser, place)
    assert await places(known) == [] and await is_erased(known, place)
    told = (await noted(known))["permission.not_ended"]
    assert told is not None and "refuses to end" in told and "End it yourself" in told
    [line] = [line for line in logged if line["event"] == "permission_not_ended"]
    assert line["log_level"] == "warning"
    for name in ("token", "refresh_token"):
        assert secrets.get(name, "–") not in f"{told} {logged}"
    await browser.open("/settings/audit")
    assert "Permission not ended" in browser.text


async def test_a_vendor_that_does_not_answer_is_told_later(known: Site, there: Vendors) -> None:
    browser = await known.owner()
    await consented(browser, "notion")
    [place] = await places(known)
    await known.product.db.run(destinations.remove, place.id, keeps_credential=True)
    there.emulators["notion"].faults.plan({"kind": "cut_before", "path": REVOKE["notion"], "times": 4})
    with pytest.raises(Exception, match="was lost"):
        await permissions.end_at_vendor(known.product.doors, place.id)
    assert not await is_erased(known, place), "the next try needs it"
    assert await permissions.end_at_vendor(known.product.doors, place.id) == "permission.ended"


async def test_a_removal_whose_process_ended_is_finished_by_a_tick(known: Site, there: Vendors) -> None:
    browser = await known.owner()
    await consented(browser, "notion")
    [place] = await places(known)
    await known.product.db.run(destinations.remove, place.id, keeps_credential=True)
    steps = SyncSteps(known.product.doors)
    due = (await find_due(steps, "2030-01-01T00:00:00+00:00")).permissions
    assert [one for one, _ in due] == [place.id]
    assert (await find_due(steps, "2030-01-01T00:01:00+00:00")).permissions == due, "the same id starts nothing twice"
    await permissions.finish(known.product.doors, place.id, "", "")
    assert (await find_due(steps, "2030-01-01T00:02:00+00:00")).permissions == []


async def test_who_comes_back_meanwhile_keeps_the_new_consent(known: Site, there: Vendors) -> None:
    browser = await known.owner()
    await consented(browser, "notion")
    [place] = await places(known)
    await known.product.db.run(destinations.remove, place.id, keeps_credential=True)
    await consented(browser, "notion")
    assert await permissions.end_at_vendor(known.product.doors, place.id) == ""
    await permissions.finish(known.product.doors, place.id, "", "")
    [again] = await places(known)
    await (await known.product.doors.destination(again)).check()


async def test_nothing_is_written_to_a_removed_destination_whose_credential_is_still_here(known: Site) -> None:
    browser = await known.owner()
    await consented(browser, "notion")
    [place] = await places(known)
    await known.product.db.run(destinations.remove, place.id, keeps_credential=True)
    with pytest.raises(NotThere, match="was removed"):
        await known.product.doors.destination(await known.product.db.read(destinations.get, place.id))


async def test_a_credential_that_no_key_opens_is_removed_all_the_same(known: Site, there: Vendors) -> None:
    browser = await known.owner()
    await consented(browser, "notion")
    [place] = await places(known)
    await known.product.db.run(_spoil)
    await removed(known, browser, place)
    assert await is_erased(known, place) and revocations(there, "notion") == []


def _spoil(tx: Tx) -> None:
    tx.execute(sa.update(stored).values(credential=b"nothing that any key has sealed"))


# --- a whole workspace -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", REVOKE)
async def test_deleting_everything_ends_it_too(known: Site, there: Vendors, kind: str) -> None:
    browser = await known.owner()
    await consented(browser, kind)
    workspace = await known.product.db.read(workspaces.first)
    said = " ".join(await known.product.deletions.consequences(workspace.id))
    assert "is ended there too" in said
    asked = await known.product.deletions.begin(workspace.id, workspace.name, wait=20)
    assert asked.deletion.finished_at is not None and asked.deletion.remains == ()
    assert revocations(there, kind) == [200]


async def test_what_deleting_everything_could_not_end_is_said(known: Site, there: Vendors) -> None:
    browser = await known.owner()
    await consented(browser, "notion")
    await consented(browser, "airtable")
    there.emulators["notion"].faults.plan({"kind": "status", "path": REVOKE["notion"], "status": 403})
    workspace = await known.product.db.read(workspaces.first)
    asked = await known.product.deletions.begin(workspace.id, workspace.name, wait=20)
    assert asked.deletion.finished_at is not None
    said = " ".join(asked.deletion.remains)
    assert "could not be ended" in said and "End it in Notion" in said
    assert "Only you can end what you allowed at Airtable" in said
