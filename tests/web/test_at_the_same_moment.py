"""Requests that come at the same moment, of which one was looked at before the other had ended."""

import asyncio
import re

import pytest

from counterfoil.store import channels, users, workspaces
from counterfoil.store.workspaces import Display
from web.api.desk import Desk
from web.site import Site

pytestmark = pytest.mark.anyio


async def test_an_invitation_that_is_sent_twice_at_once_makes_one_member_and_no_error(started: Site) -> None:
    owner = await started.owner()
    await owner.open("/members")
    await owner.submit("/members/invite", email="bob@example.com", role="member")
    [link] = re.findall(r"http://counterfoil.test(/invitations/[\w-]+)", owner.page)
    bob, again = started.browser(), started.browser()
    for browser in (bob, again):
        await browser.open(link)
    await asyncio.gather(*(one.submit(link, name="Bob", password="another good phrase") for one in (bob, again)))
    assert {bob.status, again.status} <= {200, 404, 422} and 200 in (bob.status, again.status)
    workspace = await started.product.db.read(workspaces.first)
    names = [one.user.name for one in await started.product.db.read(users.of_workspace, workspace.id)]
    assert names == ["Ada", "Bob"]


async def test_who_changes_the_name_of_a_workspace_leaves_what_is_just_chosen_about_amounts(at: Desk) -> None:
    caller = await at.caller()
    await caller.get("/workspace")  # the token's use is noted, and not again while the other writes
    with at.product.db.begin() as tx:
        workspaces.change(tx, at.workspace_id, name="Home", display=Display("EUR", "code", "comma"))
        asked = asyncio.create_task(caller.patch("/workspace", json={"name": "Our place"}))
        await asyncio.sleep(0.2)  # it has come as far as it can while the other has not ended
    told = (await asked).json()
    assert [told[name] for name in ("name", "currency", "amounts", "digits")] == ["Our place", "EUR", "code", "comma"]


async def test_who_changes_when_a_channel_tells_leaves_what_is_just_chosen_to_be_told(at: Desk) -> None:
    caller = await at.caller()
    order = {"kind": "email", "address": "ada@example.com", "kinds": ["attention"]}
    made = (await caller.post("/channels", json=order)).json()
    with at.product.db.begin() as tx:
        rhythm = channels.find(tx, at.workspace_id, made["id"]).rhythm
        channels.change(tx, made["id"], ["attention", "weekly"], rhythm)
        asked = asyncio.create_task(caller.patch(f"/channels/{made['id']}", json={"hour": 7}))
        await asyncio.sleep(0.2)
    told = (await asked).json()
    assert (told["kinds"], told["hour"]) == (["attention", "weekly"], 7)
