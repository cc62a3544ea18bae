"""Authorising a destination through the API: the person's browser goes the way that the pages take."""

import pytest

from counterfoil.store import workspaces
from web.api.desk import Desk, problem_of
from web.site import Browser, Site
from web.vendor_pages import Vendors, answered

pytestmark = pytest.mark.anyio


@pytest.fixture
async def here(known: Site) -> Desk:
    home = await known.product.db.run(workspaces.first)
    return Desk(known, home.id)


@pytest.fixture
async def browser(here: Desk) -> Browser:
    return await here.site.owner()


async def test_a_kind_says_whether_its_own_page_can_be_used(here: Desk) -> None:
    client = await here.caller("read")
    kinds = {kind["slug"]: kind["consent"] for kind in (await client.get("/destination-kinds")).json()["results"]}
    assert kinds == {"ledger": False, "notion": True, "airtable": True, "google_sheets": True}


async def test_a_consent_is_begun_answered_and_settled(here: Desk, browser: Browser) -> None:
    client = await here.caller("write")
    asked = (await client.post("/consents", json={"kind": "airtable"})).json()
    consent = f"/consents/{asked['id']}"
    assert (await client.get(consent)).json()["state"] == "open"
    assert problem_of(await client.get(f"{consent}/places"))["status"] == 400
    await browser.open(answered(asked["url"]))
    assert (await client.get(consent)).json()["state"] == "granted"
    [place] = (await client.get(f"{consent}/places")).json()["results"]
    assert place["label"] == "Household"
    made = await client.post(f"{consent}/place", json={"place": place["id"], "start": False})
    assert (made.status_code, made.json()["state"], made.json()["kind"]) == (201, "paused", "airtable")
    ended = (await client.get(consent)).json()
    assert (ended["state"], ended["destination_id"]) == ("done", made.json()["id"])
    assert "url" not in ended


async def test_a_place_that_is_none_names_the_field(here: Desk, browser: Browser) -> None:
    client = await here.caller("write")
    asked = (await client.post("/consents", json={"kind": "airtable"})).json()
    await browser.open(answered(asked["url"]))
    told = problem_of(await client.post(f"/consents/{asked['id']}/place", json={"place": "nowhere"}))
    assert told["status"] == 422 and told["errors"][0]["where"] == "body.base_id"


async def test_a_destination_is_authorised_again(here: Desk, there: Vendors, browser: Browser) -> None:
    client = await here.caller("write")
    asked = (await client.post("/consents", json={"kind": "notion"})).json()
    await browser.open(answered(asked["url"]))
    [place] = (await client.get(f"/consents/{asked['id']}/places")).json()["results"]
    made = (await client.post(f"/consents/{asked['id']}/place", json={"place": place["id"], "start": False})).json()
    there.emulators["notion"].actions["revoke"]({})
    again = (await client.post(f"/destinations/{made['id']}/consent")).json()
    await browser.open(answered(again["url"]))
    assert (await client.get(f"/consents/{again['id']}")).json()["state"] == "done"
    assert (await client.get(f"/destinations/{made['id']}/schema")).status_code == 200


async def test_nobody_else_sees_or_settles_a_consent(here: Desk) -> None:
    client, neighbour = await here.caller("write"), await here.neighbour()
    asked = (await client.post("/consents", json={"kind": "notion"})).json()
    for reply in (
        await neighbour.get(f"/consents/{asked['id']}"),
        await neighbour.get(f"/consents/{asked['id']}/places"),
        await neighbour.post(f"/consents/{asked['id']}/place", json={"place": "x"}),
    ):
        assert problem_of(reply)["status"] == 404


async def test_an_app_without_such_a_page_says_to_use_a_key(here: Desk) -> None:
    client = await here.caller("write")
    told = problem_of(await client.post("/consents", json={"kind": "ledger"}))
    assert told["status"] == 400 and "key" in told["remedy"]
    assert problem_of(await client.post("/consents", json={"kind": "abacus"}))["code"] == "no_such_kind"


async def test_a_removal_says_beforehand_whether_the_permission_ends(here: Desk, browser: Browser) -> None:
    client = await here.caller("write")
    for kind, ends in (("notion", True), ("airtable", False)):
        asked = (await client.post("/consents", json={"kind": kind})).json()
        await browser.open(answered(asked["url"]))
        [place] = (await client.get(f"/consents/{asked['id']}/places")).json()["results"]
        order = {"place": place["id"], "start": False}
        made = (await client.post(f"/consents/{asked['id']}/place", json=order)).json()
        told = (await client.get(f"/destinations/{made['id']}/removal")).json()
        assert told["ends_at_vendor"] is ends, told
        assert ("Only you can end" in told["in_words"][1]) is not ends
